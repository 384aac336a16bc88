package review

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"time"

	"plumb.dev/plumb/internal/fault"
	"plumb.dev/plumb/internal/forge"
	"plumb.dev/plumb/internal/report"
)

// maxPlan is how long a whole plan that is kept may be, in bytes.
const maxPlan = 8 << 20

// say keeps the whole plan, and tells it: first the comment, then the status, which may let the request be merged. A request that
// affects nothing gets no comment, unless it has one from before.
func (w *work) say(ctx context.Context, plan report.PullPlan) error {
	w.keep(&plan)
	text := report.PullComment(plan)
	state, line := report.PullStatus(plan)
	silent := len(plan.Apps)+len(plan.Conflicts)+len(plan.Findings) == 0 && plan.Fault == nil
	if digest := digestOf(text); w.said.Comment != digest && !(silent && w.said.Comment == "") {
		if _, err := w.at.Forge.Say(ctx, w.pull.Number, forge.Note{Mark: report.PullMark(w.at.Context + ":" + w.repo), Text: text}); err != nil {
			return err
		}
		w.said.Comment = digest
		w.note()
	}
	unasked := ""
	for _, app := range plan.Apps {
		if app.NotAsked != "" && !w.pull.Fork {
			unasked = fmt.Sprintf("%s: %s", app.Address, app.NotAsked)
		}
	}
	w.said.Tip, w.said.Open = w.at.Tip, unasked != ""
	w.detail = &forge.Detail{Title: line, Summary: text, Notes: lineNotes(plan)}
	if err := w.status(ctx, forge.State(state), line); err != nil {
		return err
	}
	w.mu.Lock()
	hinted := w.desk(w.repo).hinted[w.pull.Number]
	w.mu.Unlock()
	w.hands.Reviewed(state, hinted)
	w.log.Info("a pull request was reviewed", "repo", w.repo, "pull", w.pull.Number, "revision", w.pull.Head.Commit, "state", state, "text", line, "seconds", time.Since(w.begun).Seconds())
	if unasked != "" {
		return fault.New(fault.Unreachable, "pull request %d: %s", w.pull.Number, unasked)
	}
	return nil
}

// lineNotes gives the faults of a plan that have a place.
func lineNotes(plan report.PullPlan) []forge.LineNote {
	var notes []forge.LineNote
	add := func(f *fault.Fault) {
		if f != nil && f.Place.File != "" && f.Place.Line > 0 {
			notes = append(notes, forge.LineNote{Path: f.Place.File, Line: f.Place.Line, Failure: true, Message: f.Message})
		}
	}
	add(plan.Fault)
	for _, app := range plan.Apps {
		add(app.Fault)
	}
	return notes
}

// keep keeps a whole plan for the page, and says where that is. One that cannot be kept has none.
func (w *work) keep(plan *report.PullPlan) {
	data, err := json.Marshal(plan)
	if err == nil && len(data) > maxPlan {
		err = fmt.Errorf("it is longer than %d bytes", maxPlan)
	}
	if err == nil {
		err = w.plans.Put(planFile(w.repo, w.pull.Number), data)
	}
	if err != nil {
		w.plans.Remove(planFile(w.repo, w.pull.Number)) // one of before is none
		w.log.Warn("the whole plan of a pull request is not kept", "repo", w.repo, "pull", w.pull.Number, "error", err)
	}
	plan.URL = w.page()
	if err == nil {
		w.shown(w.repo, w.pull.Number, plan)
	} else {
		w.shown(w.repo, w.pull.Number, nil)
	}
}

// shown tells what is kept of a pull request from now on.
func (r *Reviewer) shown(repo string, number int, plan *report.PullPlan) {
	if r.hands.Shown != nil {
		r.hands.Shown(repo, number, plan)
	}
}

// Kept gives the plans that are kept of the open pull requests of a Repo.
func (r *Reviewer) Kept(repo string) []report.PullPlan {
	r.mu.Lock()
	numbers := slices.Sorted(maps.Keys(r.book.of(repo).Pulls))
	r.mu.Unlock()
	var plans []report.PullPlan
	for _, number := range numbers {
		if plan, found := r.Plan(repo, number); found {
			plans = append(plans, plan)
		}
	}
	return plans
}

// Plan gives the last whole plan of a pull request, if it is kept.
func (r *Reviewer) Plan(repo string, number int) (plan report.PullPlan, found bool) {
	data, err := r.plans.Read(planFile(repo, number))
	if err != nil || json.Unmarshal(data, &plan) != nil {
		return report.PullPlan{}, false
	}
	return plan, plan.Repo == repo && plan.Number == number
}
