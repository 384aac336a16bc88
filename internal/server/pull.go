package server

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"

	"plumb.dev/plumb/api/v1alpha1"
	"plumb.dev/plumb/internal/report"
)

// pullBody is the page of one pull request: the whole plan, of which the comment on it may leave something out.
type pullBody struct {
	Plan   report.PullPlan
	Status string
	Apps   []pullApp
}

type pullApp struct {
	report.PullApp
	Parts []pullPart
}

// pullPart is a list of differences under a heading.
type pullPart struct {
	Title   string
	Objects []pullObject
}

type pullObject struct {
	report.ObjectDiff
	Lines []pullLine
}

type pullLine struct{ Field, Kind, From, To string }

func (s *server) pullPage(w http.ResponseWriter, r *http.Request) {
	number, err := strconv.Atoi(r.PathValue("number"))
	var plan report.PullPlan
	found := false
	if err == nil && s.Pull != nil {
		plan, found = s.Pull(r.PathValue("namespace")+"/"+r.PathValue("name"), number)
	}
	if !found {
		text(w, http.StatusNotFound, "there is no plan of such a pull request; those that are open have one")
		return
	}
	state, line := report.PullStatus(plan)
	p := s.page(r, s.fleet(), fmt.Sprintf("pull request %d", number), pullStates[state])
	p.Body = pullBody{Plan: plan, Status: line, Apps: pullApps(plan)}
	s.pages.write(w, s.pages.pull, http.StatusOK, p)
}

// pullStates gives the state whose glyph and colour a plan is shown in.
var pullStates = map[string]v1alpha1.State{
	report.PullPending: v1alpha1.StateWaiting, report.PullSuccess: v1alpha1.StateOK, report.PullFailure: v1alpha1.StateFailed,
}

func pullApps(plan report.PullPlan) []pullApp {
	apps := make([]pullApp, 0, len(plan.Apps))
	for _, app := range plan.Apps {
		out := pullApp{PullApp: app}
		out.add("This pull request", app.Change)
		out.add("What merging it now does", app.Merged)
		out.add("Already waiting on the branch", app.Waiting)
		out.add("Existing drift", app.Drift)
		apps = append(apps, out)
	}
	return apps
}

func (a *pullApp) add(title string, objects []report.PublicObject) {
	if len(objects) == 0 {
		return
	}
	part := pullPart{Title: title}
	for _, o := range objects {
		told := pullObject{ObjectDiff: o.Told()}
		for _, f := range told.Fields {
			told.Lines = append(told.Lines, pullLine{f.Field, f.Kind, shownValue(f.From), shownValue(f.To)})
		}
		part.Objects = append(part.Objects, told)
	}
	a.Parts = append(a.Parts, part)
}

// shownValue gives a value as JSON; "" is none.
func shownValue(v any) string {
	if v == nil {
		return ""
	}
	if s, ok := v.(string); ok {
		return s
	}
	data, err := json.Marshal(v)
	if err != nil {
		return ""
	}
	return string(data)
}
