package board

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"plumb.dev/plumb/internal/report"
)

// PullRow is one open pull request that has a plan.
type PullRow struct {
	Repo    string `json:"repo" doc:"<namespace>/<name> of the Repo"`
	Number  int    `json:"number"`
	Title   string `json:"title,omitempty"`
	Author  string `json:"author,omitempty"`
	Link    string `json:"link,omitempty" doc:"To the pull request at its forge"`
	Branch  string `json:"branch" doc:"That it is to be merged into"`
	Head    string `json:"head"`
	Status  string `json:"status" enum:"pending,success,failure" doc:"As plumb says it on the pull request"`
	Line    string `json:"line" doc:"The line of that status"`
	Consent string `json:"consent,omitempty" doc:"Of a fork's that waits: the comment of somebody who may push that has it rendered"`
	Apps    int    `json:"apps" doc:"How many it affects, or cannot be told about"`
	Risks   int    `json:"risks" doc:"How many objects are worth a second look"`
}

// PutPull takes in the plan of an open pull request.
func (b *Board) PutPull(plan report.PullPlan) { b.takePull(plan, false) }

// RecallPull takes in a plan that a former life of the agent has made, unless this one has already heard of the pull request.
func (b *Board) RecallPull(plan report.PullPlan) { b.takePull(plan, true) }

func (b *Board) takePull(plan report.PullPlan, past bool) {
	row := PullRow{
		Repo: plan.Repo, Number: plan.Number, Title: report.Clean(plan.Title), Author: report.Clean(plan.Author), Link: plan.Link,
		Branch: plan.Branch, Head: plan.Head, Apps: len(plan.Apps), Risks: risksOf(plan), Consent: plan.Consent,
	}
	row.Status, row.Line = report.PullStatus(plan)
	b.mu.Lock()
	defer b.mu.Unlock()
	id := pullID(plan.Repo, plan.Number)
	if past && (b.heard[id] || b.heard[pullID(plan.Repo, 0)]) {
		return
	}
	b.hear(id)
	if b.pulls[id] != row {
		b.pulls[id] = row
		b.note(kindPull, plan.Repo)
	}
}

// DropPull forgets a pull request that is open no more; number 0 is all of the Repo.
func (b *Board) DropPull(repo string, number int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.hear(pullID(repo, number))
	gone := false
	for id, row := range b.pulls {
		if row.Repo == repo && (number == 0 || row.Number == number) {
			delete(b.pulls, id)
			gone = true
		}
	}
	if gone {
		b.note(kindPull, repo)
	}
}

// hear notes that this life has heard of a pull request, until the past is recalled.
func (b *Board) hear(id string) {
	if b.heard != nil {
		b.heard[id] = true
	}
}

// Recalled ends the reading of the past: nothing more is recalled.
func (b *Board) Recalled() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.heard = nil
}

// pullListing orders pull requests by Repo, the newest of each first; or those first that need somebody.
var pullListing = Listing[PullRow]{
	ID: func(r *PullRow) string { return r.Repo + fmt.Sprintf(" %012d", math.MaxInt32-r.Number) },
	Text: func(r *PullRow) string {
		return strings.Join([]string{r.Repo, "#" + strconv.Itoa(r.Number), r.Title, r.Author, r.Branch, r.Head, r.Line}, "\n")
	},
	Columns: map[string]func(*PullRow) string{
		"status": func(r *PullRow) string { return r.Status }, "repo": func(r *PullRow) string { return r.Repo }, "author": func(r *PullRow) string { return r.Author },
	},
	Orders: []Order[PullRow]{
		{"repo", func(*PullRow) string { return "" }},
		{"trouble", func(r *PullRow) string {
			return fmt.Sprintf("%d %06d", slices.Index([]string{"failure", "pending", "success"}, r.Status)+1, 999_999-min(r.Risks, 999_999))
		}},
	},
}

// Pulls gives a page of the open pull requests whose Repo's namespace a person may see.
//
// Errors: InvalidQuery for an order or a cursor that is none.
func (b *Board) Pulls(sight Sight, q ListQuery) (Part[PullRow], error) {
	page, _, err := pullListing.Of(b.pullsSeen(sight), q)
	return page, err
}

func (b *Board) pullsSeen(sight Sight) []PullRow {
	b.mu.RLock()
	defer b.mu.RUnlock()
	out := []PullRow{}
	for _, row := range b.pulls {
		if sight.Sees(namespaceOf(row.Repo)) {
			out = append(out, row)
		}
	}
	return out
}

func pullID(repo string, number int) string { return repo + " " + strconv.Itoa(number) }

// risksOf counts the objects that merging changes and that are worth a second look.
func risksOf(plan report.PullPlan) int {
	n := 0
	for _, app := range plan.Apps {
		objects := app.Change
		if app.Differs {
			objects = app.Merged
		}
		for _, o := range objects {
			if len(o.Told().Risks) > 0 {
				n++
			}
		}
	}
	return n
}
