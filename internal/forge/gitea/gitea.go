// Package gitea speaks the port of package forge with Gitea, and with Forgejo, whose API is the same in what is used.
//
// It has commit statuses and no check runs, and no deployments. The package never asks a server for its version, never merges
// past a rule of a branch, and never deletes one.
//
// Start at New.
package gitea

import (
	"context"
	"net/http"
	"slices"
	"strings"
	"sync"

	"code.gitea.io/sdk/gitea"

	"plumb.dev/plumb/internal/fault"
	"plumb.dev/plumb/internal/forge"
)

const (
	perPage     = 50 // the most that a server gives unless its operator says otherwise (MAX_RESPONSE_ITEMS)
	maxPulls    = 1000
	maxComments = 3000
	maxFiles    = 3000
)

// Tea is a repository at Gitea. It implements forge.Forge.
type Tea struct {
	access      forge.Access
	owner, name string
	http        *http.Client

	mu   sync.Mutex
	self string // the user name of the token, once known
}

// New makes the client of a repository. Nothing is asked for yet.
func New(access forge.Access, gate *forge.Gate) (*Tea, error) {
	owner, name, ok := strings.Cut(access.Repository, "/")
	if !ok || strings.Contains(name, "/") {
		return nil, fault.New(fault.UnsafeURL, "%s is no repository of Gitea", access.Repository).WithNext("if Gitea lives below a path, write its address into spec.forge.url")
	}
	hc, _, err := access.Client("/api/v1", access.Bearer("token"), gate)
	if err != nil {
		return nil, err
	}
	return &Tea{access: access, owner: owner, name: name, http: hc}, nil
}

// api makes a client of Gitea's library for one call: it carries the call's context. Nothing is asked for to make it.
func (t *Tea) api(ctx context.Context) *gitea.Client {
	c, err := gitea.NewClient(t.access.URL, gitea.SetGiteaVersion(""), gitea.SetHTTPClient(t.http), gitea.SetContext(ctx))
	if err != nil {
		panic(err) // without a question about the version nothing can fail
	}
	return c
}

func (t *Tea) trouble(doing string, resp *gitea.Response, err error) error {
	return t.access.Trouble(answerOf(doing, resp, err))
}

func answerOf(doing string, resp *gitea.Response, err error) forge.Answer {
	answer := forge.Answer{Doing: doing, Status: statusOf(resp), Err: err}
	if answer.Status != 0 && err != nil {
		answer.Said = err.Error()
	}
	return answer
}

func statusOf(resp *gitea.Response) int {
	if resp == nil || resp.Response == nil {
		return 0
	}
	return resp.StatusCode
}

// pages calls for one page after the other, until one is not full or stop says so.
func pages(next func(at gitea.ListOptions) (int, *gitea.Response, error), stop func() bool) (*gitea.Response, error) {
	for page := 1; ; page++ {
		n, resp, err := next(gitea.ListOptions{Page: page, PageSize: perPage})
		// Lists that are not paged give everything at once; so a page of another size is the last one.
		if err != nil || n != perPage && resp.NextPage == 0 || n == 0 || stop() {
			return resp, err
		}
	}
}

// Open implements forge.Pulls.
func (t *Tea) Open(ctx context.Context) ([]forge.Pull, error) {
	var out []forge.Pull
	resp, err := pages(func(at gitea.ListOptions) (int, *gitea.Response, error) {
		list, resp, err := t.api(ctx).ListRepoPullRequests(t.owner, t.name, gitea.ListPullRequestsOptions{State: gitea.StateOpen, ListOptions: at})
		for _, p := range list {
			out = append(out, pullOf(p))
		}
		return len(list), resp, err
	}, func() bool { return len(out) > maxPulls })
	switch {
	case err != nil:
		return nil, t.trouble("list the open pull requests", resp, err)
	case len(out) > maxPulls:
		return nil, t.access.TooMany("open pull requests", maxPulls)
	}
	slices.SortFunc(out, func(a, b forge.Pull) int { return b.Number - a.Number })
	return out, nil
}

// Pull implements forge.Pulls.
func (t *Tea) Pull(ctx context.Context, number int) (forge.Pull, error) {
	p, resp, err := t.api(ctx).GetPullRequest(t.owner, t.name, int64(number))
	if err != nil {
		return forge.Pull{}, t.trouble("give the pull request", resp, err)
	}
	return pullOf(p), nil
}

func pullOf(p *gitea.PullRequest) forge.Pull {
	out := forge.Pull{
		Number: int(p.Index), URL: p.HTMLURL, Title: p.Title, Body: p.Body, Draft: p.Draft, State: forge.PullState(p.State),
		Conflicts: false, // mergeable is false too while Gitea works it out
		Fork:      p.Head == nil || p.Base == nil || p.Head.RepoID != p.Base.RepoID,
	}
	if p.Poster != nil {
		out.Author = p.Poster.UserName
	}
	if p.Head != nil {
		out.Head = forge.Branch{Name: p.Head.Ref, Commit: p.Head.Sha}
	}
	if p.Base != nil {
		out.Base = forge.Branch{Name: p.Base.Ref, Commit: p.Base.Sha}
	}
	if p.HasMerged {
		out.State = forge.Merged
		if p.MergedCommitID != nil {
			out.Merged = *p.MergedCommitID
		}
	}
	for _, l := range p.Labels {
		out.Labels = append(out.Labels, l.Name)
	}
	slices.Sort(out.Labels)
	if p.Created != nil {
		out.Created = *p.Created
	}
	if p.Updated != nil {
		out.Updated = *p.Updated
	}
	return out
}

var changes = map[string]forge.Change{
	"added": forge.Added, "copied": forge.Added, "deleted": forge.Removed, "renamed": forge.Renamed, "changed": forge.Modified, "modified": forge.Modified,
}

// Files implements forge.Pulls.
func (t *Tea) Files(ctx context.Context, number int) ([]forge.File, bool, error) {
	var out []forge.File
	resp, err := pages(func(at gitea.ListOptions) (int, *gitea.Response, error) {
		list, resp, err := t.api(ctx).ListPullRequestFiles(t.owner, t.name, int64(number), gitea.ListPullRequestFilesOptions{ListOptions: at})
		for _, f := range list {
			change, ok := changes[f.Status]
			if !ok {
				change = forge.Modified
			}
			out = append(out, forge.File{Path: f.Filename, Was: f.PreviousFilename, Change: change})
		}
		return len(list), resp, err
	}, func() bool { return len(out) >= maxFiles })
	if err != nil {
		return nil, false, t.trouble("list the files of the pull request", resp, err)
	}
	return out, len(out) < maxFiles, nil
}

// PullsOf implements forge.Pulls. Gitea gives the merged pull request whose merge made the commit.
func (t *Tea) PullsOf(ctx context.Context, commit string) ([]forge.Pull, error) {
	p, resp, err := t.api(ctx).GetCommitPullRequest(t.owner, t.name, commit)
	switch {
	case statusOf(resp) == http.StatusNotFound && t.there(ctx):
		return nil, nil
	case err != nil:
		return nil, t.trouble("say which pull request brought a commit", resp, err)
	}
	return []forge.Pull{pullOf(p)}, nil
}

// there tells whether the repository is: a 404 does not say what is missing.
func (t *Tea) there(ctx context.Context) bool {
	_, _, err := t.api(ctx).GetRepo(t.owner, t.name)
	return err == nil
}

var verdicts = map[gitea.ReviewStateType]forge.Verdict{
	gitea.ReviewStateApproved: forge.Approved, gitea.ReviewStateRequestChanges: forge.Objected, gitea.ReviewStateComment: forge.Commented, gitea.ReviewStateRequestReview: forge.Asked,
}

// Reviews implements forge.Pulls.
func (t *Tea) Reviews(ctx context.Context, number int) ([]forge.Review, error) {
	var said []forge.Review
	resp, err := pages(func(at gitea.ListOptions) (int, *gitea.Response, error) {
		list, resp, err := t.api(ctx).ListPullReviews(t.owner, t.name, int64(number), gitea.ListPullReviewsOptions{ListOptions: at})
		for _, r := range list {
			verdict, ok := verdicts[r.State]
			if !ok || r.Reviewer == nil {
				continue
			}
			if r.Dismissed {
				verdict = ""
			}
			said = append(said, forge.Review{User: r.Reviewer.UserName, Verdict: verdict, Commit: r.CommitID, At: r.Submitted})
		}
		return len(list), resp, err
	}, func() bool { return len(said) > maxComments })
	if err != nil {
		return nil, t.trouble("list the reviews", resp, err)
	}
	slices.SortStableFunc(said, func(a, b forge.Review) int { return a.At.Compare(b.At) })
	return forge.LastWords(said), nil
}
