package github

import (
	"cmp"
	"context"
	"slices"

	"github.com/google/go-github/v88/github"

	"plumb.dev/plumb/internal/forge"
)

const (
	// maxDescription is GitHub's limit of the description of a status, in characters; bytes are never more.
	maxDescription = 140
	// maxOutput is the limit of the summary of a check run, in characters ("Create a check run").
	maxOutput = 65535
	// maxAnnotations is how many a check run takes in one call.
	maxAnnotations = 50
)

// states are those of a status: there is none for what nobody will tell any more.
var states = map[forge.State]forge.State{forge.Pending: forge.Pending, forge.Success: forge.Success, forge.Failure: forge.Failure, forge.Canceled: forge.Pending}

// conclusions are those of a check run that ended.
var conclusions = map[forge.State]string{forge.Success: "success", forge.Failure: "failure", forge.Canceled: "cancelled"}

// SetStatus implements forge.Reports.
func (h *Hub) SetStatus(ctx context.Context, commit string, s forge.Status) error {
	if s.Detail != nil && h.app != nil {
		return h.setCheck(ctx, commit, s)
	}
	want := github.RepoStatus{State: github.Ptr(string(states[s.State])), Context: &s.Context, Description: github.Ptr(forge.Cut(s.Description, maxDescription))}
	if s.URL != "" {
		want.TargetURL = &s.URL
	}
	there, _, err := h.api.Repositories.GetCombinedStatus(ctx, h.owner, h.name, commit, &github.ListOptions{PerPage: perPage})
	if err != nil {
		return h.trouble("give the statuses of a commit", err)
	}
	for _, is := range there.Statuses { // a commit takes 1,000 statuses of one context: what stands there is not written again
		if is.GetContext() == s.Context && s.State == forge.Canceled && is.GetState() != string(forge.Pending) {
			return nil
		}
		if is.GetContext() == s.Context && is.GetState() == want.GetState() && is.GetDescription() == want.GetDescription() && is.GetTargetURL() == want.GetTargetURL() {
			return nil
		}
	}
	if _, _, err := h.api.Repositories.CreateStatus(ctx, h.owner, h.name, commit, want); err != nil {
		return h.trouble("set the status of a commit", err)
	}
	return nil
}

// setCheck keeps one check run per commit and context: the latest of this App by that name.
func (h *Hub) setCheck(ctx context.Context, commit string, s forge.Status) error {
	runs, _, err := h.api.Checks.ListCheckRunsForRef(ctx, h.owner, h.name, commit, &github.ListCheckRunsOptions{CheckName: &s.Context, Filter: github.Ptr("latest")})
	if err != nil {
		return h.trouble("give the check runs of a commit", err)
	}
	status, conclusion := "in_progress", (*string)(nil)
	if s.State != forge.Pending {
		status, conclusion = "completed", github.Ptr(conclusions[s.State])
	}
	var details *string
	if s.URL != "" {
		details = &s.URL
	}
	output := outputOf(s)
	i := slices.IndexFunc(runs.CheckRuns, func(r *github.CheckRun) bool { return h.app.isOurs(r) })
	if s.State == forge.Canceled && (i < 0 || runs.CheckRuns[i].GetStatus() == "completed") {
		return nil
	}
	if i < 0 || runs.CheckRuns[i].GetStatus() == "completed" && status != "completed" { // one that ended does not begin again
		_, _, err = h.api.Checks.CreateCheckRun(ctx, h.owner, h.name, github.CreateCheckRunOptions{
			Name: s.Context, HeadSHA: commit, Status: &status, Conclusion: conclusion, DetailsURL: details, Output: output})
	} else {
		_, _, err = h.api.Checks.UpdateCheckRun(ctx, h.owner, h.name, runs.CheckRuns[i].GetID(), github.UpdateCheckRunOptions{
			Name: s.Context, Status: &status, Conclusion: conclusion, DetailsURL: details, Output: output})
	}
	if err != nil {
		return h.trouble("write the check run", err)
	}
	return nil
}

// outputOf is the text of a check run. Annotations beyond the limit are left out: the summary has all of them.
func outputOf(s forge.Status) *github.CheckRunOutput {
	title := cmp.Or(s.Detail.Title, s.Description)
	summary := cmp.Or(s.Detail.Summary, s.Description) // GitHub requires one
	out := &github.CheckRunOutput{Title: &title, Summary: github.Ptr(forge.Cut(summary, maxOutput))}
	for _, n := range s.Detail.Notes[:min(len(s.Detail.Notes), maxAnnotations)] {
		level := "warning"
		if n.Failure {
			level = "failure"
		}
		line := max(n.Line, 1)
		out.Annotations = append(out.Annotations, &github.CheckRunAnnotation{Path: &n.Path, StartLine: &line, EndLine: &line, AnnotationLevel: &level, Message: &n.Message})
	}
	return out
}

var progresses = map[forge.Progress]string{forge.Running: "in_progress", forge.Succeeded: "success", forge.Failed: "failure"}

// task is what our deployments are called: another tool's of the same commit and environment are not touched.
const task = "deploy:plumb"

// Deploy implements forge.Reports.
func (h *Hub) Deploy(ctx context.Context, d forge.Deployment) (bool, error) {
	list, _, err := h.api.Repositories.ListDeployments(ctx, h.owner, h.name, &github.DeploymentsListOptions{SHA: d.Commit, Environment: d.Environment, Task: task})
	if err != nil {
		return false, h.trouble("list the deployments", err)
	}
	var id int64
	want := progresses[d.Progress]
	if len(list) > 0 {
		id = list[0].GetID()
		said, _, err := h.api.Repositories.ListDeploymentStatuses(ctx, h.owner, h.name, id, &github.ListOptions{PerPage: 1})
		if err != nil {
			return false, h.trouble("give the state of a deployment", err)
		}
		if len(said) > 0 && said[0].GetState() == want && said[0].GetDescription() == forge.Cut(d.Description, maxDescription) {
			return true, nil
		}
	} else {
		// No contexts are required and nothing is merged: what is told of is happening already.
		made, _, err := h.api.Repositories.CreateDeployment(ctx, h.owner, h.name, &github.DeploymentRequest{
			Ref: &d.Commit, Task: github.Ptr(task), Environment: &d.Environment, AutoMerge: github.Ptr(false), RequiredContexts: &[]string{}})
		if err != nil {
			return false, h.trouble("make a deployment", err)
		}
		id = made.GetID()
	}
	request := &github.DeploymentStatusRequest{State: &want, Description: github.Ptr(forge.Cut(d.Description, maxDescription))}
	if d.URL != "" {
		request.LogURL = &d.URL
	}
	if _, _, err := h.api.Repositories.CreateDeploymentStatus(ctx, h.owner, h.name, id, request); err != nil {
		return false, h.trouble("set the state of a deployment", err)
	}
	return true, nil
}
