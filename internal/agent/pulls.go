package agent

import (
	"context"

	"k8s.io/apimachinery/pkg/types"

	"plumb.dev/plumb/api/v1alpha1"
	"plumb.dev/plumb/internal/fault"
	"plumb.dev/plumb/internal/forge"
)

// pullsAsked is of how many commits of a revision the forge is asked which pull request brought them, the newest first.
const pullsAsked = 5

// pullsOf gives the merged pull requests that brought the commits of an Entry, with what their reviewers said; none if its Repo
// names no forge.
func (ag *Agent) pullsOf(ctx context.Context, e *v1alpha1.Entry) ([]v1alpha1.PullLine, error) {
	repo := types.NamespacedName{Namespace: e.Namespace, Name: e.Labels[v1alpha1.LabelRepo]}
	if !ag.hasForge(repo) {
		return nil, nil
	}
	_, opened, err := ag.forgeOf(ctx, repo.String())
	if opened == nil || err != nil {
		return nil, err
	}
	commits := e.Revision.ChangedBy
	if len(commits) == 0 {
		commits = []v1alpha1.CommitLine{e.Revision.Commit}
	}
	var lines []v1alpha1.PullLine
	known := map[int]bool{}
	for _, c := range commits[:min(len(commits), pullsAsked)] {
		pulls, err := opened.PullsOf(ctx, c.ID)
		if f := fault.Of(err, fault.ForgeFailed); err != nil && f.Code == forge.CodeMissing {
			continue // a commit of another repository, or one that the forge does not have
		}
		if err != nil {
			return nil, err
		}
		for _, p := range pulls {
			if p.State != forge.Merged || known[p.Number] {
				continue
			}
			known[p.Number] = true
			line, err := pullLine(ctx, opened, p)
			if err != nil {
				return nil, err
			}
			lines = append(lines, line)
		}
	}
	return lines, nil
}

func pullLine(ctx context.Context, from forge.Pulls, p forge.Pull) (v1alpha1.PullLine, error) {
	line := v1alpha1.PullLine{Number: p.Number, URL: p.URL, Title: p.Title, Author: p.Author}
	reviews, err := from.Reviews(ctx, p.Number)
	for _, review := range reviews {
		line.Reviews = append(line.Reviews, v1alpha1.ReviewLine{User: review.User, Verdict: string(review.Verdict), At: stamp(review.At)})
	}
	return line, err
}
