package agent

import (
	"context"
	"slices"
	"time"

	apimeta "k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"plumb.dev/plumb/api/v1alpha1"
	"plumb.dev/plumb/internal/object"
	"plumb.dev/plumb/internal/record"
	"plumb.dev/plumb/internal/recorder"
)

// book is what an app's record needs beside its status.
type book struct {
	chapters map[string]*record.Chapter // of revisions that were not put yet, by the names of their Entries
	drift    *v1alpha1.Entry            // that corrections are put into
	isNew    bool                       // it had no history when this life met it, and so no Entries
	caught   bool                       // what the life before left behind was looked for
}

// record is the last stage of a pass: what the revision did, and what was healed, becomes an Entry as soon as the status
// says how it went. Entries are written behind the passes; of a quiet pass nothing comes.
func (t *turn) record(ctx context.Context) {
	a := t.app
	if t.agent.options.ReadOnly {
		return // it goes through nothing
	}
	t.recordHealed()
	if len(a.status.History) == 0 {
		return
	}
	row := a.status.History[0]
	name := record.Name(t.identity(), row)
	mark := t.agent.recorder.Mark(string(t.object.UID))
	if row.Revision == a.target && (mark.Name != name || mark.Result != v1alpha1.ResultOK) {
		t.gather(ctx, name)
	}
	if a.statusWritten == "" || !a.reported {
		return // it is told first
	}
	t.recordRows(mark)
	t.catchUp(mark)
}

// gather takes what this pass did into the chapter of the revision.
func (t *turn) gather(ctx context.Context, name string) {
	a := t.app
	c := a.book.chapters[name]
	if c == nil {
		c = &record.Chapter{Previous: t.previous(), By: t.offer.by, Removed: t.offer.removed}
		if a.book.chapters == nil {
			a.book.chapters = map[string]*record.Chapter{}
		}
		a.book.chapters[name] = c
		a.book.drift = nil // what is undone from here on is of another time
	}
	c.Message, c.Blocking = a.status.Summary, a.status.Blocking
	if t.outcomes == nil && t.fault == nil {
		return
	}
	c.ChangedBy = t.commitLines(ctx)
	if t.outcomes != nil {
		c.Gather(t.done(), t.renders(ctx, c))
	}
	for _, line := range c.ChangedBy {
		t.agent.board.PutCommit(madeBy(t.object), line)
	}
}

// previous is the revision that was applied when this one came.
func (t *turn) previous() string {
	a := t.app
	if t.before != "" && t.before != a.target {
		return t.before
	}
	for _, row := range a.status.History {
		if row.Revision != a.target && row.Applied != nil {
			return row.Revision
		}
	}
	return ""
}

func (t *turn) done() []record.Done {
	done := make([]record.Done, len(t.outcomes))
	for i, out := range t.outcomes {
		done[i] = record.Done{Step: out.Step, Done: out.Done, Tried: out.Tried, Created: out.Applied.Created, Took: out.Took, Fault: out.Fault}
	}
	return done
}

// renders gives what Git had before and has now, from the cache: nothing is rendered and nobody is asked.
func (t *turn) renders(ctx context.Context, c *record.Chapter) record.Renders {
	out := record.Renders{}
	if c.Previous == "" {
		return out
	}
	kept, ok := t.agent.cache.LoadKept(t.cacheKey())
	if !ok {
		return out
	}
	namespaced := func(o object.Object) bool { return t.namespaced(ctx, o) }
	out.Before, out.Known = record.Rendered(kept.Manifest.Objects, t.identity(), namespaced), true
	if t.offer.removed {
		return out
	}
	recorded, err := t.rendering(ctx)
	if err != nil {
		return record.Renders{}
	}
	out.After = record.Rendered(recorded.Manifest.Objects, t.identity(), namespaced)
	return out
}

// keepRender keeps the render of the revision that is applied completely, since the next one takes its place in the cache.
func (t *turn) keepRender() {
	a := t.app
	if t.offer.commit == a.status.Revision {
		return // rendered again at the same commit, by another build of this program: what came before it stays
	}
	complete := a.status.Revision != "" && a.status.Revision == a.target
	if !complete || a.recorded == nil || a.recorded.Failure != nil || a.status.Verified != a.verified {
		return // what the cache has is of a revision that is not applied completely
	}
	if err := t.agent.cache.Keep(t.cacheKey()); err != nil {
		t.log.Debug("the record will not say which fields change", "error", err)
	}
}

// commitLines reads the commits that changed the app, as their authors wrote them.
func (t *turn) commitLines(ctx context.Context) []v1alpha1.CommitLine {
	ids := t.app.changedBy
	if len(ids) == 0 || ids[0] != t.app.target {
		ids = append([]string{t.app.target}, ids...)
	}
	var lines []v1alpha1.CommitLine
	for _, id := range ids {
		line := v1alpha1.CommitLine{ID: id}
		if c, err := t.offer.mirror.Commit(ctx, id); err == nil {
			line.Author, line.Subject, line.Time = c.Author.Name, c.Subject, stamp(c.CommitTime)
			if c.Author.Email != "" {
				line.Author += " <" + c.Author.Email + ">"
			}
		}
		lines = append(lines, line)
	}
	return lines
}

// recordRows puts the Entries of the rows that are settled and beyond the mark, the oldest first.
func (t *turn) recordRows(mark recorder.Mark) {
	a := t.app
	rows, app := a.status.History, t.identity()
	marked := len(rows) - 1
	for i, row := range rows {
		if record.Name(app, row) == mark.Name {
			marked = i
			break
		}
	}
	for i := marked; i >= 0; i-- {
		name := record.Name(app, rows[i])
		chapter := a.book.chapters[name]
		if !record.Settled(rows[i]) {
			continue
		}
		e := record.Revision(app, record.Row{HistoryRow: rows[i], Chapter: chapter})
		if mark.Says(&e) {
			continue
		}
		t.own(&e)
		t.agent.board.PutEntry(madeBy(t.object), &e)
		t.agent.recorder.Put(recorder.Draft{Entry: e, Sure: chapter != nil, First: len(rows) == 1 && a.book.isNew})
		if i > 0 || e.Result == v1alpha1.ResultOK {
			delete(a.book.chapters, name)
		}
	}
}

// own says what an Entry goes with: its App; that of an app that is gone from Git, with the Repo that had it.
func (t *turn) own(e *v1alpha1.Entry) {
	if repo := t.object.Labels[v1alpha1.LabelRepo]; repo != "" {
		e.Labels[v1alpha1.LabelRepo] = repo
	}
	if e.Labels[v1alpha1.LabelRemoval] != "" && len(t.object.OwnerReferences) > 0 {
		for _, owner := range t.object.OwnerReferences {
			owner.BlockOwnerDeletion = nil
			e.OwnerReferences = append(e.OwnerReferences, owner)
		}
		return
	}
	e.OwnerReferences = []metav1.OwnerReference{{
		APIVersion: v1alpha1.GroupVersion.String(), Kind: "App", Name: t.object.Name, UID: t.object.UID,
	}}
}

// recordHealed puts what this pass has undone into the Entry of drift.
func (t *turn) recordHealed() {
	var rows []v1alpha1.Drift
	for _, out := range t.outcomes {
		if out.Step.Drift != "" && out.Done && out.Tried {
			rows = append(rows, t.found[out.Step.ID]...)
		}
	}
	t.putDrift(rows, time.Now())
}

func (t *turn) putDrift(rows []v1alpha1.Drift, now time.Time) {
	if len(rows) == 0 {
		return
	}
	t.app.book.drift = record.Healed(t.identity(), t.app.book.drift, rows, now)
	e := *t.app.book.drift.DeepCopy()
	t.own(&e)
	t.agent.recorder.Put(recorder.Draft{Entry: e, Sure: true})
}

// catchUp puts, once in a life, the corrections that the life before told of in the status and did not record.
func (t *turn) catchUp(mark recorder.Mark) {
	a := t.app
	if a.book.caught {
		return
	}
	a.book.caught = true
	var rows []v1alpha1.Drift
	for _, row := range a.status.Drift {
		if mark.Known && row.Healed != nil && row.Healed.After(mark.Drift) && row.Healed.Time.Before(t.agent.born) {
			rows = append(rows, row)
		}
	}
	if len(rows) > 0 {
		t.putDrift(rows, rows[0].Healed.Time)
	}
}

// tally keeps of an object what was found on it, until it is known whether that was undone.
func (t *turn) tally(id object.ID, rows []v1alpha1.Drift) {
	if t.found == nil {
		t.found = map[object.ID][]v1alpha1.Drift{}
	}
	t.found[id] = rows
}

// unhealed takes the word back that the drift of objects was undone, where that was refused.
func (t *turn) unhealed() {
	for _, out := range t.outcomes {
		rows := t.found[out.Step.ID]
		if len(rows) == 0 || out.Done {
			continue
		}
		for i, row := range t.app.status.Drift {
			if slices.ContainsFunc(rows, func(found v1alpha1.Drift) bool { return found.Healed == row.Healed }) {
				t.app.status.Drift[i].Healed = nil
			}
		}
	}
}

// reasonOf gives why a state is not ok.
func reasonOf(s *v1alpha1.AppStatus) string {
	ready := apimeta.FindStatusCondition(s.Conditions, v1alpha1.ConditionReady)
	if ready == nil || ready.Status == metav1.ConditionTrue {
		return ""
	}
	return ready.Reason
}
