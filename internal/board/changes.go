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
	var chosen []placedCommit
	for _, commit := range b.history.order {
		seen := commit.seenBy(sight)
		if seen.apps == 0 || !c.take(commit, sight, &seen) {
			continue
		}
		at := changeCursor{Seen: commit.seen, ID: commit.id, Repo: commit.repo}
		if q.Sort == ByTrouble {
			at.Trouble = 1 + resultRank(seen.worst())
		}
		chosen = append(chosen, placedCommit{commit, at})
	}
	slices.SortStableFunc(chosen, func(x, y placedCommit) int { return x.at.Trouble - y.at.Trouble })
	page.Total, page.Facets = len(chosen), c.facets()
	for i, one := range chosen {
		if after != nil && !after.before(one.at) {
			continue
		}
		if len(page.Items) == limit {
			page.Next = chosen[i-1].at.String()
			break
		}
		change, _ := b.change(sight, one.commit, maxTargets)
		page.Items = append(page.Items, change)
	}
	return page, nil
}

// newestFirst is the order of changes in which the one that was seen last is first.
const newestFirst = "newest"

// placedCommit is a commit and its place in the list.
type placedCommit struct {
	commit *commit
	at     changeCursor
}

// Change gives one commit with all its targets: by its id, or the beginning of it. repo is "" for any.
func (b *Board) Change(sight Sight, repo, id string) (Change, bool) {
	b.mu.RLock()
	defer b.mu.RUnlock()
	var found *commit
	for key, c := range b.history.commits {
		if strings.HasPrefix(key.id, id) && (repo == "" || key.repo == repo) && (found == nil || c.seen > found.seen) && c.seenBy(sight).apps > 0 {
			found = c
		}
	}
	if found == nil {
		return Change{}, false
	}
	return b.change(sight, found, len(found.steps))
}

// change tells of a commit what a person may see, with the first of its targets; false if that is nothing.
func (b *Board) change(sight Sight, c *commit, limit int) (Change, bool) {
	tally := c.seenBy(sight)
	out := Change{ID: c.id, Repo: c.repo, Subject: c.line.Subject, Author: c.line.Author, State: tally.worst(), Targets: []ChangeTarget{}, Counts: tally.results.facets()}
	if !c.line.Time.IsZero() {
		at := c.line.Time
		out.Time = &at
	}
	if p := c.pull; p != nil {
		out.Pull = &ChangePull{p.Number, p.URL, p.Title, p.Author, p.Reviews}
	}
	first, seen := c.first(sight, limit)
	out.Seen = moment(cmp.Or(seen, c.seen)) // of Apps by hand, others may have met it earlier where this person sees nothing
	for _, p := range first {
		id := p.namespace + "/" + p.name
		out.Targets = append(out.Targets, b.target(c, id, c.steps[id]))
	}
	return out, tally.apps > 0
}

// first gives the places of the first apps that a commit changed and a person may see, in the order of promotion, and when it was
// seen in one of all those; 0 is not known.
func (c *commit) first(sight Sight, limit int) (places []place, seen int64) {
	for id, s := range c.steps {
		namespace, name, _ := strings.Cut(id, "/")
		if !sight.Sees(namespace) {
			continue
		}
		if s.seen != 0 && (seen == 0 || s.seen < seen) {
			seen = s.seen
		}
		p := place{app: s.app, envRank: report.EnvironmentRank(s.env), env: s.env, cluster: s.cluster, namespace: namespace, name: name}
		if len(places) < limit {
			places = append(places, p)
			if len(places) == limit {
				slices.SortFunc(places, func(x, y place) int { return byName(&x, &y) })
			}
		} else if byName(&p, &places[limit-1]) < 0 { // of a commit that changed the whole fleet, few come before the first hundred
			i, _ := slices.BinarySearchFunc(places, p, func(x, y place) int { return byName(&x, &y) })
			places = slices.Insert(places[:limit-1], i, p)
		}
	}
	if len(places) < limit {
		slices.SortFunc(places, func(x, y place) int { return byName(&x, &y) })
	}
	return places, seen
}

// target is how an app is at a commit.
func (b *Board) target(c *commit, id string, s step) ChangeTarget {
	t := ChangeTarget{
		ID: id, App: s.app, Env: s.env, Cluster: s.cluster, Seen: moment(s.seen), Applied: moment(s.applied), Healthy: moment(s.healthy), Changed: s.changed,
	}
	t.State, t.Why = b.resultOf(c, id, &s)
	if s.seen != 0 && s.healthy != 0 {
		took := float64(s.healthy-s.seen) / 1e6
		t.Took = &took
	}
	return t
}

// resultOf gives how a commit is in an app, and why: what the row says, if the commit is its newest; else what history says.
func (b *Board) resultOf(c *commit, id string, s *step) (result, why string) {
	e := b.rows[id]
	newest := e != nil && e.newest == c.id && e.Repo == c.repo
	switch {
	case newest && e.State != v1alpha1.StateOK:
		return string(e.State), e.Summary
	case s.result != "":
		return s.result, s.reason
	case s.healthy != 0:
		return "ok", s.reason
	case !newest:
		return "superseded", s.reason
	}
	return "rolling", s.reason
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

// take tells whether a commit is chosen, by what a person may see of it, and counts it.
func (c *changeChoice) take(commit *commit, sight Sight, seen *tally) bool {
	if !c.isFound(commit, sight) || !anyOf(c.q.App, func(v string) bool { return commit.changed(sight, v) }) {
		return false
	}
	state := seen.worst()
	passes := [...]bool{
		anyOf(c.q.State, func(v string) bool { return v == state }),
		anyOf(c.q.Env, seen.envs.has),
		anyOf(c.q.Repo, func(v string) bool { return v == commit.repo }),
		anyOf(c.q.Author, func(v string) bool { return v == commit.line.Author }),
	}
	count := func(i int, counts map[string]int, value string) {
		for j, ok := range passes {
			if !ok && j != i {
				return
			}
		}
		counts[value]++
	}
	count(0, c.state, state)
	for _, env := range seen.envs {
		count(1, c.env, env.Value)
	}
	count(2, c.repos, commit.repo)
	count(3, c.author, commit.line.Author)
	return !slices.Contains(passes[:], false)
}

// isFound tells whether each word is in what is known of the commit, or in the name of an app that it changed.
func (c *changeChoice) isFound(commit *commit, sight Sight) bool {
	if len(c.words) == 0 {
		return true
	}
	text := strings.ToLower(strings.Join([]string{commit.id, commit.repo, commit.line.Subject, commit.line.Author}, "\n"))
	return !slices.ContainsFunc(c.words, func(w string) bool {
		return !strings.Contains(text, w) && !commit.anyApp(sight, func(app string) bool { return strings.Contains(strings.ToLower(app), w) })
	})
}

// changed tells whether a commit changed an app that a person may see: by its name, or "<namespace>/<name>" of the App object.
func (c *commit) changed(sight Sight, app string) bool {
	if _, ok := c.steps[app]; ok && sight.Sees(namespaceOf(app)) {
		return true
	}
	return c.anyApp(sight, func(name string) bool { return name == app })
}

func (c *commit) anyApp(sight Sight, will func(app string) bool) bool {
	for id, s := range c.steps {
		if sight.Sees(namespaceOf(id)) && will(s.app) {
			return true
		}
	}
	return false
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
