package board

import (
	"cmp"
	"slices"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"plumb.dev/plumb/api/v1alpha1"
)

// maxCommits is how many commits are remembered with what they did, those that were seen last.
const maxCommits = 2000

// history is what commits did to apps, from the histories of statuses and from Entries.
type history struct {
	commits map[commitKey]*commit
	order   []*commit // the one that was seen last first
	floor   int64     // what was seen no later is forgotten
	past    past      // what figures need of these, and of what is forgotten
}

type commitKey struct{ repo, id string } // repo is "" for Apps by hand

// commit is one commit, and what became of it in each app.
type commit struct {
	commitKey
	line    ChangeLine
	told    *ChangeLine // line, as all rows share it; it is replaced, not changed
	pull    *v1alpha1.PullLine
	seen    int64 // first, in microseconds of Unix time; until an app has met it, when it was committed
	met     bool
	steps   map[string]step
	tallies []tally // of the steps, by namespace
	imprint imprint // what figures need of it
}

// step is an app's way through one commit. Times are microseconds of Unix time, 0 is not yet.
type step struct {
	app, env, cluster      string
	seen, applied, healthy int64
	result, reason         string
	changed                int
	said                   string // how the commit is in the app, as it is counted; "" while it is not
}

func newHistory() history { return history{commits: map[commitKey]*commit{}, past: newPast()} }

// put takes in the history of an app's status; true is news.
func (h *history) put(r *Row, rows []v1alpha1.HistoryRow) bool {
	news := false
	for _, row := range rows {
		if row.Revision == "" {
			continue
		}
		s := step{
			app: r.App, env: r.Env, cluster: r.Cluster, seen: micro(cmp.Or(row.Seen, row.Planned, row.Applied)), applied: micro(row.Applied), healthy: micro(row.Healthy),
			result: row.Result, reason: row.Reason, changed: row.Changed,
		}
		news = h.step(commitKey{r.Repo, row.Revision}, r.ID, s) || news
	}
	return news
}

func (h *history) step(key commitKey, app string, s step) bool {
	c := h.commit(key, s.seen)
	if c == nil {
		h.past.put(newCommit(key), app, s)
		return false
	}
	before := c.steps[app]
	if s.said = before.said; before == s {
		return false
	}
	c.count(app, &before, -1)
	s.said = "" // until the board has the app's row
	c.steps[app] = s
	if s.seen != 0 && (!c.met || s.seen < c.seen) {
		c.met = true
		h.place(c, s.seen)
	}
	h.past.put(c, app, s)
	h.prune()
	return true
}

// commit finds a commit, or makes one; nil for one that is older than what is remembered.
func (h *history) commit(key commitKey, seen int64) *commit {
	c := h.commits[key]
	if c == nil && seen <= h.floor && h.floor != 0 {
		return nil
	}
	if c == nil {
		c = newCommit(key)
		h.commits[key] = c
		h.place(c, 0)
	}
	return c
}

func newCommit(key commitKey) *commit {
	return &commit{commitKey: key, steps: map[string]step{}, imprint: imprintOf(key.id, &ChangeLine{})}
}

// place keeps the order when it is known, or known better, when a commit was seen.
func (h *history) place(c *commit, seen int64) {
	if i, found := slices.BinarySearchFunc(h.order, c, newer); found {
		h.order = slices.Delete(h.order, i, i+1)
	}
	c.seen = seen
	i, _ := slices.BinarySearchFunc(h.order, c, newer)
	h.order = slices.Insert(h.order, i, c)
}

// newer has the commit first that was seen last.
func newer(a, b *commit) int {
	return cmp.Or(cmp.Compare(b.seen, a.seen), cmp.Compare(a.id, b.id), cmp.Compare(a.repo, b.repo))
}

// prune forgets the oldest commits, an eighth at once.
func (h *history) prune() {
	if len(h.commits) <= maxCommits {
		return
	}
	kept := maxCommits * 7 / 8
	for _, c := range h.order[kept:] {
		delete(h.commits, c.commitKey)
		h.floor = max(h.floor, c.seen)
	}
	h.order = slices.Delete(h.order, kept, len(h.order))
}

// line gives a commit in a line; nil if its author and subject are not known.
func (h *history) line(repo, id string) *ChangeLine {
	c := h.commits[commitKey{repo, id}]
	if c == nil || c.line.ID == "" {
		return nil
	}
	return c.told
}

// PutEntry takes in what an Entry says: which commit it is about, who wrote and reviewed it, and how it went.
func (b *Board) PutEntry(repo string, e *v1alpha1.Entry) { b.takeEntry(repo, e, false) }

// RecallEntry takes in an Entry that was read from the record: it fills in what is not known, and changes nothing that is.
func (b *Board) RecallEntry(repo string, e *v1alpha1.Entry) { b.takeEntry(repo, e, true) }

func (b *Board) takeEntry(repo string, e *v1alpha1.Entry, past bool) {
	r := e.Revision
	if r == nil || r.Commit.ID == "" {
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	id := e.Namespace + "/" + e.App
	seen := micro(cmp.Or(r.Seen, r.Planned, r.Applied))
	c := b.history.commit(commitKey{repo, r.Commit.ID}, seen)
	if c == nil { // only the app itself may still show it
		old := newCommit(commitKey{repo, r.Commit.ID})
		old.steps[id] = step{}
		old.say(r.Commit, r.Pulls)
		if row := b.rows[id]; row != nil {
			b.history.past.put(old, id, stepOf(&row.Row, e))
		}
		if row := b.rows[id]; !past || row != nil && row.Change == nil {
			b.retell(old)
		}
		return
	}
	line, pulls := r.Commit, r.Pulls
	if past {
		line, pulls = c.unknownOf(line, pulls)
	}
	news := line.ID != "" && b.history.say(c, line, pulls)
	if row := b.rows[id]; row != nil {
		s := stepOf(&row.Row, e)
		if before, known := c.steps[id]; !known || before.result == "" && !past {
			s.changed = max(s.changed, before.changed)
			news = b.history.step(c.commitKey, id, s) || news
			b.retally(c.commitKey, id)
		}
	}
	if news {
		b.retell(c)
	}
}

// stepOf gives the way through a commit that an Entry tells.
func stepOf(row *Row, e *v1alpha1.Entry) step {
	r := e.Revision
	return step{
		app: row.App, env: row.Env, cluster: row.Cluster, seen: micro(cmp.Or(r.Seen, r.Planned, r.Applied)), applied: micro(r.Applied), healthy: micro(r.Healthy),
		result: string(e.Result), reason: r.Reason, changed: len(r.Changes),
	}
}

// unknownOf gives what a commit does not know yet of what the record says of it: all, its pull request, or nothing.
func (c *commit) unknownOf(line v1alpha1.CommitLine, pulls []v1alpha1.PullLine) (v1alpha1.CommitLine, []v1alpha1.PullLine) {
	if c.pull != nil {
		pulls = nil
	}
	switch {
	case c.line.ID == "" || c.line.Subject == "":
		return line, pulls
	case len(pulls) > 0:
		known := v1alpha1.CommitLine{ID: c.id, Subject: c.line.Subject, Author: c.line.Author}
		if !c.line.Time.IsZero() {
			known.Time = &metav1.Time{Time: c.line.Time}
		}
		return known, pulls
	}
	return v1alpha1.CommitLine{}, nil
}

// PutCommit takes in who wrote a commit, and what.
func (b *Board) PutCommit(repo string, line v1alpha1.CommitLine) {
	b.mu.Lock()
	defer b.mu.Unlock()
	at := int64(0)
	if line.Time != nil {
		at = line.Time.UnixMicro()
	}
	c := b.history.commit(commitKey{repo, line.ID}, at)
	if c == nil {
		return
	}
	if c.seen == 0 {
		b.history.place(c, at)
	}
	if b.history.say(c, line, nil) {
		b.retell(c)
	}
}

// say takes in who wrote and reviewed a commit; true is news.
func (c *commit) say(from v1alpha1.CommitLine, pulls []v1alpha1.PullLine) bool {
	line := ChangeLine{ID: c.id, Subject: from.Subject, Author: from.Author, Pull: c.line.Pull}
	if from.Time != nil {
		line.Time = from.Time.UTC()
	}
	if len(pulls) > 0 {
		line.Pull = &PullRef{pulls[0].Number, pulls[0].URL}
	}
	news := c.line.ID == "" || line.Subject != c.line.Subject || len(pulls) > 0 && c.pull == nil
	if from.Subject == "" && c.line.Subject != "" {
		line.Subject, line.Author, line.Time = c.line.Subject, c.line.Author, c.line.Time
	}
	if len(pulls) > 0 {
		c.pull = pulls[0].DeepCopy()
	}
	c.line, c.told = line, &line
	c.imprint = imprintOf(c.id, &line)
	return news
}

// say takes in who wrote and reviewed a commit that is remembered, for figures too; true is news.
func (h *history) say(c *commit, from v1alpha1.CommitLine, pulls []v1alpha1.PullLine) bool {
	before := c.imprint
	news := c.say(from, pulls)
	if c.imprint != before {
		for id, s := range c.steps {
			h.past.put(c, id, s)
		}
	}
	return news
}

// retell has the rows show what is known of their newest change.
func (b *Board) retell(c *commit) {
	told := map[string]bool{}
	for id := range c.steps {
		if namespace := namespaceOf(id); !told[namespace] {
			told[namespace] = true
			b.note(kindChange, namespace+"/")
		}
		e := b.rows[id]
		if e == nil || e.newest != c.id {
			continue
		}
		if e.Change != nil && equalLines(e.Change, c.told) {
			continue
		}
		e.Change = c.told
		b.slots.reword(e)
		b.note(kindApp, id)
	}
}

func equalLines(a, b *ChangeLine) bool {
	return a.ID == b.ID && a.Subject == b.Subject && a.Author == b.Author && (a.Pull == nil) == (b.Pull == nil)
}

func micro(t *metav1.MicroTime) int64 {
	if t == nil || t.IsZero() {
		return 0
	}
	return t.UnixMicro()
}

func moment(us int64) *time.Time {
	if us == 0 {
		return nil
	}
	t := time.UnixMicro(us).UTC()
	return &t
}
