package board

import (
	"cmp"
	"encoding/base64"
	"encoding/json"
	"slices"
	"strings"
	"time"

	"plumb.dev/plumb/api/v1alpha1"
	"plumb.dev/plumb/internal/fault"
	"plumb.dev/plumb/internal/report"
)

// Change is one commit, and what became of it in each app that it changed.
type Change struct {
	ID      string         `json:"id" doc:"The commit"`
	Repo    string         `json:"repo" doc:"<namespace>/<name> of the Repo; empty for Apps by hand"`
	Subject string         `json:"subject"`
	Author  string         `json:"author"`
	Time    *time.Time     `json:"time,omitempty" doc:"When it was committed, by its own word"`
	Pull    *ChangePull    `json:"pull,omitempty" doc:"The pull request that brought it, if the forge has said so"`
	Seen    *time.Time     `json:"seen,omitempty" doc:"When the agent met it first"`
	State   string         `json:"state" doc:"The worst of its targets: failed, rolling, waiting, paused, held, drifted, ok, or superseded if it is nowhere the newest"`
	Targets []ChangeTarget `json:"targets"`
	Counts  []Facet        `json:"counts" doc:"How many targets are how"`
}

// ChangePull is a pull request and what its reviewers said.
type ChangePull struct {
	Number  int                   `json:"number"`
	URL     string                `json:"url,omitempty"`
	Title   string                `json:"title,omitempty"`
	Author  string                `json:"author,omitempty"`
	Reviews []v1alpha1.ReviewLine `json:"reviews,omitempty"`
}

// ChangeTarget is what became of a commit in one app.
type ChangeTarget struct {
	ID      string     `json:"id" doc:"<namespace>/<name> of the App object"`
	App     string     `json:"app"`
	Env     string     `json:"env"`
	Cluster string     `json:"cluster"`
	State   string     `json:"state" doc:"At this commit: ok, rolling, failed, waiting, paused, held, drifted or superseded"`
	Seen    *time.Time `json:"seen,omitempty"`
	Applied *time.Time `json:"applied,omitempty"`
	Healthy *time.Time `json:"healthy,omitempty"`
	Took    *float64   `json:"took,omitempty" doc:"Seconds from when it was seen until it was healthy"`
	Why     string     `json:"why,omitempty" doc:"Why it is not ok: a reason, or the sentence of what is in hand"`
	Changed int        `json:"changed" doc:"How many objects it changed"`
}

// ChangePage is a part of the list of changes.
type ChangePage struct {
	Items  []Change     `json:"items"`
	Next   string       `json:"next,omitempty" doc:"The cursor of what follows; absent at the end"`
	Total  int          `json:"total"`
	Facets ChangeFacets `json:"facets"`
}

// ChangeFacets are the values that changes may be chosen by.
type ChangeFacets struct {
	State  []Facet `json:"state"`
	Env    []Facet `json:"env"`
	Repo   []Facet `json:"repo"`
	Author []Facet `json:"author"`
}

// ChangeQuery chooses changes. Within a column any of the values will do; columns add up.
type ChangeQuery struct {
	Text   string
	Repo   []string
	Author []string
	Env    []string
	State  []string
	App    []string // of the fleet, or "<namespace>/<name>" of an App object
	Sort   string   // newest, which "" is too, or trouble
	Limit  int
	Cursor string
}

// maxTargets is how many targets a change tells in a list. The change itself tells all.
const maxTargets = 100

// Changes answers with one page of the commits: the one that was seen last first, or those in trouble before the others.
//
// Errors: InvalidQuery for an order or a cursor that is none.
func (b *Board) Changes(sight Sight, q ChangeQuery) (ChangePage, error) {
	if q.Sort != "" && q.Sort != newestFirst && q.Sort != ByTrouble {
		return ChangePage{}, fault.New(fault.InvalidQuery, "there is no order %q", q.Sort).WithNext("sort by newest or trouble")
	}
	after, err := parseChangeCursor(q.Sort == ByTrouble, q.Cursor)
	if err != nil {
		return ChangePage{}, err
	}
	b.mu.RLock()
	defer b.mu.RUnlock()
	c := q.choice()
	limit := clamp(q.Limit)
	page := ChangePage{Items: []Change{}}
	var chosen []placedChange
	for _, commit := range b.history.sorted() {
		change, ok := b.change(sight, commit)
		if !ok || !c.take(&change, commit) {
			continue
		}
		at := changeCursor{Seen: commit.seen, ID: commit.id, Repo: commit.repo}
		if q.Sort == ByTrouble {
			at.Trouble = 1 + resultRank(change.State)
		}
		chosen = append(chosen, placedChange{change, at})
	}
	slices.SortStableFunc(chosen, func(x, y placedChange) int { return x.at.Trouble - y.at.Trouble })
	page.Total, page.Facets = len(chosen), c.facets()
	for i, one := range chosen {
		if after != nil && !after.before(one.at) {
			continue
		}
		if len(page.Items) == limit {
			page.Next = chosen[i-1].at.String()
			break
		}
		one.change.Targets = one.change.Targets[:min(len(one.change.Targets), maxTargets)]
		page.Items = append(page.Items, one.change)
	}
	return page, nil
}

// newestFirst is the order of changes in which the one that was seen last is first.
const newestFirst = "newest"

// placedChange is a change and its place in the list.
type placedChange struct {
	change Change
	at     changeCursor
}

// Change gives one commit with all its targets: by its id, or the beginning of it. repo is "" for any.
func (b *Board) Change(sight Sight, repo, id string) (Change, bool) {
	b.mu.RLock()
	defer b.mu.RUnlock()
	var found *commit
	for key, c := range b.history.commits {
		if strings.HasPrefix(key.id, id) && (repo == "" || key.repo == repo) && (found == nil || c.seen > found.seen) && c.seenBy(sight) {
			found = c
		}
	}
	if found == nil {
		return Change{}, false
	}
	return b.change(sight, found)
}

// seenBy tells whether a person may see an app that the commit changed.
func (c *commit) seenBy(sight Sight) bool {
	for id := range c.steps {
		if sight.Sees(namespaceOf(id)) {
			return true
		}
	}
	return false
}

// change tells of a commit what a person may see; false if that is nothing.
func (b *Board) change(sight Sight, c *commit) (Change, bool) {
	out := Change{ID: c.id, Repo: c.repo, Subject: c.line.Subject, Author: c.line.Author, Targets: []ChangeTarget{}}
	if !c.line.Time.IsZero() {
		at := c.line.Time
		out.Time = &at
	}
	if p := c.pull; p != nil {
		out.Pull = &ChangePull{p.Number, p.URL, p.Title, p.Author, p.Reviews}
	}
	counts, worst, seen := map[string]int{}, len(resultOrder), int64(0)
	for id, s := range c.steps {
		if !sight.Sees(namespaceOf(id)) {
			continue
		}
		t := b.target(c, id, s)
		counts[t.State]++
		worst = min(worst, resultRank(t.State))
		if s.seen != 0 && (seen == 0 || s.seen < seen) {
			seen = s.seen // of Apps by hand, others may have met it earlier where this person sees nothing
		}
		out.Targets = append(out.Targets, t)
	}
	if len(out.Targets) == 0 {
		return out, false
	}
	slices.SortFunc(out.Targets, func(x, y ChangeTarget) int {
		return byName(&place{app: x.App, envRank: report.EnvironmentRank(x.Env), env: x.Env, cluster: x.Cluster, name: x.ID}, &place{app: y.App, envRank: report.EnvironmentRank(y.Env), env: y.Env, cluster: y.Cluster, name: y.ID})
	})
	out.Seen = moment(cmp.Or(seen, c.seen))
	out.State, out.Counts = resultOrder[min(worst, len(resultOrder)-1)], facet(counts)
	return out, true
}

// target is how an app is at a commit: what the row says, if it is the newest; else what history says.
func (b *Board) target(c *commit, id string, s step) ChangeTarget {
	t := ChangeTarget{
		ID: id, App: s.app, Env: s.env, Cluster: s.cluster, State: s.result, Seen: moment(s.seen), Applied: moment(s.applied), Healthy: moment(s.healthy),
		Why: s.reason, Changed: s.changed,
	}
	if s.seen != 0 && s.healthy != 0 {
		took := float64(s.healthy-s.seen) / 1e6
		t.Took = &took
	}
	e := b.rows[id]
	newest := e != nil && e.newest == c.id
	switch {
	case newest && e.State != v1alpha1.StateOK:
		t.State, t.Why = string(e.State), e.Summary
	case t.State == "" && s.healthy != 0:
		t.State = "ok"
	case t.State == "" && !newest:
		t.State = "superseded"
	case t.State == "":
		t.State = "rolling"
	}
	return t
}

// resultOrder has the words for how a commit is, the worst first.
var resultOrder = []string{"failed", "drifted", "held", "paused", "waiting", "unknown", "rolling", "ok", "superseded"}

func resultRank(s string) int {
	if i := slices.Index(resultOrder, s); i >= 0 {
		return i
	}
	return len(resultOrder)
}

// changeCursor is a place in the list of changes.
type changeCursor struct {
	Trouble int    `json:"t,omitempty"` // from 1, the worst, in the order by trouble
	Seen    int64  `json:"s"`
	ID      string `json:"i"`
	Repo    string `json:"r,omitempty"`
}

// before tells whether another place is behind this one.
func (c changeCursor) before(o changeCursor) bool {
	return cmp.Or(cmp.Compare(c.Trouble, o.Trouble), cmp.Compare(o.Seen, c.Seen), cmp.Compare(c.ID, o.ID), cmp.Compare(c.Repo, o.Repo)) < 0
}

// String gives the cursor as text.
func (c changeCursor) String() string {
	data, err := json.Marshal(c)
	if err != nil {
		return ""
	}
	return base64.RawURLEncoding.EncodeToString(data)
}

func parseChangeCursor(byTrouble bool, text string) (*changeCursor, error) {
	if text == "" {
		return nil, nil
	}
	var c changeCursor
	data, err := base64.RawURLEncoding.DecodeString(text)
	if err == nil {
		err = json.Unmarshal(data, &c)
	}
	if err != nil || c.ID == "" || byTrouble != (c.Trouble > 0) {
		return nil, fault.New(fault.InvalidQuery, "the cursor is none of this list").WithNext("begin without a cursor")
	}
	return &c, nil
}

// changeChoice is a query on its way over the changes.
type changeChoice struct {
	words         []string
	q             ChangeQuery
	state, env    map[string]int
	repos, author map[string]int
}

func (q ChangeQuery) choice() *changeChoice {
	return &changeChoice{words: strings.Fields(strings.ToLower(q.Text)), q: q, state: map[string]int{}, env: map[string]int{}, repos: map[string]int{}, author: map[string]int{}}
}

// take tells whether a change is chosen, and counts it.
func (c *changeChoice) take(change *Change, from *commit) bool {
	text := strings.ToLower(strings.Join([]string{change.ID, change.Repo, change.Subject, change.Author}, "\n"))
	for _, w := range c.words {
		if !strings.Contains(text, w) && !slices.ContainsFunc(change.Targets, func(t ChangeTarget) bool { return strings.Contains(strings.ToLower(t.App), w) }) {
			return false
		}
	}
	if !anyOf(c.q.App, func(v string) bool {
		return slices.ContainsFunc(change.Targets, func(t ChangeTarget) bool { return t.App == v || t.ID == v })
	}) {
		return false
	}
	envs := map[string]bool{}
	for _, t := range change.Targets {
		envs[t.Env] = true
	}
	passes := []bool{
		anyOf(c.q.State, func(v string) bool { return v == change.State }),
		anyOf(c.q.Env, func(v string) bool { return envs[v] }),
		anyOf(c.q.Repo, func(v string) bool { return v == change.Repo }),
		anyOf(c.q.Author, func(v string) bool { return v == change.Author }),
	}
	count := func(i int, counts map[string]int, values ...string) {
		for j, ok := range passes {
			if !ok && j != i {
				return
			}
		}
		for _, v := range values {
			counts[v]++
		}
	}
	count(0, c.state, change.State)
	for env := range envs {
		count(1, c.env, env)
	}
	count(2, c.repos, change.Repo)
	count(3, c.author, change.Author)
	return !slices.Contains(passes, false)
}

// anyOf tells whether one of the values will do, or nothing is asked.
func anyOf(values []string, will func(string) bool) bool {
	return len(values) == 0 || slices.ContainsFunc(values, will)
}

func (c *changeChoice) facets() ChangeFacets {
	f := ChangeFacets{State: facet(c.state), Env: facet(c.env), Repo: facet(c.repos), Author: facet(c.author)}
	slices.SortFunc(f.State, func(a, b Facet) int { return resultRank(a.Value) - resultRank(b.Value) })
	slices.SortFunc(f.Env, func(a, b Facet) int { return compareEnvs(a.Value, b.Value) })
	return f
}
