package gitlab

import (
	"context"
	"fmt"
	"net/http"
	"strings"

	gitlab "gitlab.com/gitlab-org/api/client-go/v2"

	"plumb.dev/plumb/internal/forge"
)

// maxDescription is GitLab's limit of a status's description, in characters; bytes are never more.
const maxDescription = 255

func noteURL(access forge.Access, number int, id int64) string {
	return fmt.Sprintf("%s/%s/-/merge_requests/%d#note_%d", access.URL, access.Repository, number, id)
}

var buildStates = map[forge.State]gitlab.BuildStateValue{forge.Pending: gitlab.Pending, forge.Success: gitlab.Success, forge.Failure: gitlab.Failed}

// SetStatus implements forge.Reports. A status that is unfinished moves only forward: GitLab answers 400 to pending after
// pending, so that a second sentence about what is under way is told as running, and a third not at all.
func (l *Lab) SetStatus(ctx context.Context, commit string, s forge.Status) error {
	options := &gitlab.SetCommitStatusOptions{State: buildStates[s.State], Name: &s.Context, Description: gitlab.Ptr(forge.Cut(s.Description, maxDescription))}
	if s.URL != "" {
		options.TargetURL = &s.URL
	}
	if s.Ref != "" {
		options.Ref = &s.Ref
	}
	if s.State == forge.Canceled {
		return l.cancel(ctx, commit, options)
	}
	if err := l.place(ctx, s.Pull, commit, options); err != nil {
		return err
	}
	there, resp, err := l.api.Commits.GetCommitStatuses(l.access.Repository, commit, &gitlab.GetCommitStatusesOptions{
		Name: &s.Context, Ref: options.Ref, PipelineID: options.PipelineID}, gitlab.WithContext(ctx))
	if err != nil {
		return l.trouble("give the statuses of a commit", resp, err)
	}
	if len(there) > 0 {
		is := latest(there)
		same := is.Description == *options.Description && (options.TargetURL == nil || is.TargetURL == *options.TargetURL)
		under := is.Status == "pending" || is.Status == "running"
		switch {
		case same && (is.Status == string(options.State) || under && s.State == forge.Pending):
			return nil
		case s.State == forge.Pending && under:
			options.State = gitlab.Running
		}
	}
	return l.set(ctx, commit, options)
}

func (l *Lab) set(ctx context.Context, commit string, options *gitlab.SetCommitStatusOptions) error {
	_, resp, err := l.api.Commits.SetCommitStatus(l.access.Repository, commit, options, gitlab.WithContext(ctx))
	if statusOf(resp) == http.StatusBadRequest && strings.Contains(answerOf("", resp, err).Said, "Cannot transition status") {
		return nil // it is in that state
	}
	if err != nil {
		return l.trouble("set the status of a commit", resp, err)
	}
	return nil
}

// cancel cancels what is under way by a name, in the pipeline where it stands: the merge request has another one by now.
func (l *Lab) cancel(ctx context.Context, commit string, options *gitlab.SetCommitStatusOptions) error {
	there, resp, err := l.api.Commits.GetCommitStatuses(l.access.Repository, commit, &gitlab.GetCommitStatusesOptions{Name: options.Name}, gitlab.WithContext(ctx))
	if err != nil {
		return l.trouble("give the statuses of a commit", resp, err)
	}
	options.State = gitlab.Canceled
	for _, is := range there {
		if is.Status != "pending" && is.Status != "running" {
			continue
		}
		options.Ref, options.PipelineID = &is.Ref, &is.PipelineID
		if err := l.set(ctx, commit, options); err != nil {
			return err
		}
	}
	return nil
}

func latest(list []*gitlab.CommitStatus) *gitlab.CommitStatus {
	newest := list[0]
	for _, one := range list[1:] {
		if one.ID > newest.ID {
			newest = one
		}
	}
	return newest
}

// place puts a status where a merge request looks for it: on its source branch, and in its pipeline if it has one.
func (l *Lab) place(ctx context.Context, number int, commit string, options *gitlab.SetCommitStatusOptions) error {
	if number == 0 {
		return nil
	}
	mr, err := l.request(ctx, number)
	if err != nil {
		return err
	}
	options.Ref = &mr.SourceBranch
	if p := mr.HeadPipeline; p != nil && p.SHA == commit {
		options.PipelineID = &p.ID
		options.Ref = &p.Ref // of a merge request pipeline it is refs/merge-requests/N/head
	}
	return nil
}

var progresses = map[forge.Progress]gitlab.DeploymentStatusValue{
	forge.Running: gitlab.DeploymentStatusRunning, forge.Succeeded: gitlab.DeploymentStatusSuccess, forge.Failed: gitlab.DeploymentStatusFailed,
}

// Deploy implements forge.Reports. GitLab's deployments have neither a text nor a link.
func (l *Lab) Deploy(ctx context.Context, d forge.Deployment) (bool, error) {
	want := progresses[d.Progress]
	list, resp, err := l.api.Deployments.ListProjectDeployments(l.access.Repository, &gitlab.ListProjectDeploymentsOptions{
		Environment: &d.Environment, OrderBy: gitlab.Ptr("id"), Sort: gitlab.Ptr("desc"), ListOptions: gitlab.ListOptions{PerPage: perPage}}, gitlab.WithContext(ctx))
	if err != nil {
		return false, l.trouble("list the deployments", resp, err)
	}
	for _, is := range list {
		switch {
		case is.SHA != d.Commit:
			continue
		case is.Status == string(want):
			return true, nil
		case is.Status == "created" || is.Status == "running":
			if _, resp, err := l.api.Deployments.UpdateProjectDeployment(l.access.Repository, is.ID, &gitlab.UpdateProjectDeploymentOptions{Status: &want}, gitlab.WithContext(ctx)); err != nil {
				return false, l.trouble("set the state of a deployment", resp, err)
			}
			return true, nil
		}
		break // one that ended stays as it ended: it was deployed anew
	}
	_, resp, err = l.api.Deployments.CreateProjectDeployment(l.access.Repository, &gitlab.CreateProjectDeploymentOptions{
		Environment: &d.Environment, SHA: &d.Commit, Ref: &d.Ref, Tag: gitlab.Ptr(false), Status: &want}, gitlab.WithContext(ctx))
	if err != nil {
		return false, l.trouble("make a deployment", resp, err)
	}
	return true, nil
}
