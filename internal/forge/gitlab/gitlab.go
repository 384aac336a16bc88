// Package gitlab speaks the port of package forge with GitLab: gitlab.com and instances of one's own.
//
// A pull request is a merge request, its number the iid. Statuses of a merge request belong to its pipeline, where it has
// one. The package never approves, never merges past a rule of the project, and never deletes a branch.
//
// Start at New.
package gitlab

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"strings"
	"sync"

	gitlab "gitlab.com/gitlab-org/api/client-go/v2"

	"plumb.dev/plumb/internal/forge"
)

const (
	perPage     = 100
	maxPulls    = 1000
	maxComments = 3000
	// maxFiles bounds the files of a merge request that are listed: GitLab itself stops at 3,000 ("Diff limits", the most that
	// an administrator can set).
	maxFiles = 3000
)

// Lab is a project at GitLab. It implements forge.Forge.
type Lab struct {
	access forge.Access
	api    *gitlab.Client

	mu   sync.Mutex
	self string // the user name of the token, once known
}

// New makes the client of a project. Nothing is asked for yet.
func New(access forge.Access, gate *forge.Gate) (*Lab, error) {
	hc, base, err := access.Client("/api/v4", access.Bearer("Bearer"), gate)
	if err != nil {
		return nil, err
	}
	// The library's own retries and its own limiter are left out: who calls decides when to come again.
	api, err := gitlab.NewAuthSourceClient(gitlab.Unauthenticated{}, gitlab.WithHTTPClient(hc), gitlab.WithBaseURL(base.String()), gitlab.WithoutRetries())
	if err != nil {
		return nil, err
	}
	return &Lab{access: access, api: api}, nil
}

func (l *Lab) trouble(doing string, resp *gitlab.Response, err error) error {
	return l.access.Trouble(answerOf(doing, resp, err))
}

func answerOf(doing string, resp *gitlab.Response, err error) forge.Answer {
	answer := forge.Answer{Doing: doing, Err: err, Status: statusOf(resp)}
	var refused *gitlab.ErrorResponse
	if errors.As(err, &refused) {
		answer.Status, answer.Said = refused.StatusCode, strings.TrimSuffix(strings.TrimPrefix(refused.Message, "{message: "), "}")
	}
	return answer
}

func statusOf(resp *gitlab.Response) int {
	if resp == nil || resp.Response == nil {
		return 0
	}
	return resp.StatusCode
}

// pages calls for one page after the other, until there is none or stop says so.
func pages(next func(at gitlab.ListOptions) (*gitlab.Response, error), stop func() bool) (*gitlab.Response, error) {
	for page := int64(1); ; {
		resp, err := next(gitlab.ListOptions{Page: page, PerPage: perPage})
		if err != nil || stop() {
			return resp, err
		}
		if page = resp.NextPage; page == 0 {
			return resp, nil
		}
	}
}

// Open implements forge.Pulls.
func (l *Lab) Open(ctx context.Context) ([]forge.Pull, error) {
	var out []forge.Pull
	resp, err := pages(func(at gitlab.ListOptions) (*gitlab.Response, error) {
		list, resp, err := l.api.MergeRequests.ListProjectMergeRequests(l.access.Repository, &gitlab.ListProjectMergeRequestsOptions{
			State: gitlab.Ptr("opened"), OrderBy: gitlab.Ptr("created_at"), Sort: gitlab.Ptr("desc"), ListOptions: at}, gitlab.WithContext(ctx))
		out = append(out, pullsOf(list)...)
		return resp, err
	}, func() bool { return len(out) > maxPulls })
	switch {
	case err != nil:
		return nil, l.trouble("list the open merge requests", resp, err)
	case len(out) > maxPulls:
		return nil, l.access.TooMany("open merge requests", maxPulls)
	}
	return out, nil
}

// Pull implements forge.Pulls.
func (l *Lab) Pull(ctx context.Context, number int) (forge.Pull, error) {
	mr, err := l.request(ctx, number)
	if err != nil {
		return forge.Pull{}, err
	}
	return whole(mr), nil
}

func (l *Lab) request(ctx context.Context, number int) (*gitlab.MergeRequest, error) {
	mr, resp, err := l.api.MergeRequests.GetMergeRequest(l.access.Repository, int64(number), nil, gitlab.WithContext(ctx))
	if err != nil {
		return nil, l.trouble("give the merge request", resp, err)
	}
	return mr, nil
}

// whole is a merge request as it is given alone, which says more than in a list.
func whole(mr *gitlab.MergeRequest) forge.Pull {
	p := pullOf(&mr.BasicMergeRequest)
	p.Base.Commit = mr.DiffRefs.StartSha
	return p
}

func pullsOf(list []*gitlab.BasicMergeRequest) []forge.Pull {
	out := make([]forge.Pull, len(list))
	for i, mr := range list {
		out[i] = pullOf(mr)
	}
	return out
}

var states = map[string]forge.PullState{"opened": forge.Open, "locked": forge.Open, "closed": forge.Closed, "merged": forge.Merged}

func pullOf(mr *gitlab.BasicMergeRequest) forge.Pull {
	out := forge.Pull{
		Number: int(mr.IID), URL: mr.WebURL, Title: mr.Title, Body: mr.Description, Draft: mr.Draft, State: states[mr.State],
		Head: forge.Branch{Name: mr.SourceBranch, Commit: mr.SHA}, Base: forge.Branch{Name: mr.TargetBranch},
		Fork: mr.SourceProjectID != mr.TargetProjectID, Labels: slices.Sorted(slices.Values(mr.Labels)),
		Conflicts: mr.HasConflicts && mr.State == "opened",
	}
	if mr.Author != nil {
		out.Author = mr.Author.Username
	}
	if mr.CreatedAt != nil {
		out.Created = *mr.CreatedAt
	}
	if mr.UpdatedAt != nil {
		out.Updated = *mr.UpdatedAt
	}
	if out.State == forge.Merged {
		out.Merged = mr.MergeCommitSHA
		if out.Merged == "" { // a fast-forward makes no merge commit
			out.Merged = mr.SquashCommitSHA
		}
		if out.Merged == "" {
			out.Merged = mr.SHA
		}
	}
	return out
}

// Files implements forge.Pulls.
func (l *Lab) Files(ctx context.Context, number int) ([]forge.File, bool, error) {
	var out []forge.File
	resp, err := pages(func(at gitlab.ListOptions) (*gitlab.Response, error) {
		list, resp, err := l.api.MergeRequests.ListMergeRequestDiffs(l.access.Repository, int64(number), &gitlab.ListMergeRequestDiffsOptions{ListOptions: at}, gitlab.WithContext(ctx))
		for _, d := range list {
			out = append(out, fileOf(d))
		}
		return resp, err
	}, func() bool { return len(out) >= maxFiles })
	if err != nil {
		return nil, false, l.trouble("list the files of the merge request", resp, err)
	}
	return out, len(out) < maxFiles, nil
}

func fileOf(d *gitlab.MergeRequestDiff) forge.File {
	switch {
	case d.NewFile:
		return forge.File{Path: d.NewPath, Change: forge.Added}
	case d.DeletedFile:
		return forge.File{Path: d.OldPath, Change: forge.Removed}
	case d.RenamedFile:
		return forge.File{Path: d.NewPath, Was: d.OldPath, Change: forge.Renamed}
	}
	return forge.File{Path: d.NewPath, Change: forge.Modified}
}

// PullsOf implements forge.Pulls.
func (l *Lab) PullsOf(ctx context.Context, commit string) ([]forge.Pull, error) {
	list, resp, err := l.api.Commits.ListMergeRequestsByCommit(l.access.Repository, commit, gitlab.WithContext(ctx))
	switch {
	case statusOf(resp) == http.StatusNotFound && l.there(ctx):
		return nil, nil // there is no such commit
	case err != nil:
		return nil, l.trouble("say which merge requests brought a commit", resp, err)
	}
	return pullsOf(list), nil
}

// there tells whether the project is: a 404 does not say what is missing.
func (l *Lab) there(ctx context.Context) bool {
	_, _, err := l.api.Projects.GetProject(l.access.Repository, nil, gitlab.WithContext(ctx))
	return err == nil
}

var verdicts = map[string]forge.Verdict{
	"unreviewed": forge.Asked, "review_started": forge.Asked, "reviewed": forge.Commented, "unapproved": forge.Commented,
	"requested_changes": forge.Objected, "approved": forge.Approved,
}

// Reviews implements forge.Pulls. Who approved without having been asked is in the list of approvals only.
func (l *Lab) Reviews(ctx context.Context, number int) ([]forge.Review, error) {
	asked, resp, err := l.api.MergeRequests.GetMergeRequestReviewers(l.access.Repository, int64(number), gitlab.WithContext(ctx))
	if err != nil {
		return nil, l.trouble("list the reviewers", resp, err)
	}
	approvals, resp, err := l.api.MergeRequestApprovals.GetConfiguration(l.access.Repository, int64(number), gitlab.WithContext(ctx))
	if err != nil {
		return nil, l.trouble("list the approvals", resp, err)
	}
	var said []forge.Review
	for _, r := range asked {
		if verdict, ok := verdicts[r.State]; ok && r.User != nil && verdict != forge.Approved { // approvals are listed beside
			said = append(said, forge.Review{User: r.User.Username, Verdict: verdict})
		}
	}
	for _, a := range approvals.ApprovedBy {
		if a.User == nil {
			continue
		}
		review := forge.Review{User: a.User.Username, Verdict: forge.Approved}
		if a.ApprovedAt != nil {
			review.At = *a.ApprovedAt
		}
		said = append(said, review)
	}
	return forge.LastWords(said), nil
}
