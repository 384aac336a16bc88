// Package github speaks the port of package forge with GitHub: github.com, GitHub Enterprise Cloud with data residency
// (*.ghe.com) and GitHub Enterprise Server.
//
// With a GitHub App statuses that have a text become check runs; with a token, which may not write those, they are commit
// statuses. The package never merges past a rule of a branch, and never writes what stands there already.
//
// Start at New; app.go is the credential of an App.
package github

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"

	"github.com/google/go-github/v88/github"

	"plumb.dev/plumb/internal/fault"
	"plumb.dev/plumb/internal/forge"
)

const (
	perPage = 100
	// maxPulls and maxComments bound what is listed. GitHub itself lists no more than 3,000 files of a pull request ("List pull
	// requests files").
	maxPulls    = 1000
	maxComments = 3000
	maxFiles    = 3000
)

// Hub is a repository at GitHub. It implements forge.Forge.
type Hub struct {
	access      forge.Access
	owner, name string
	api         *github.Client
	app         *app // nil: a token

	mu   sync.Mutex
	self string // the login name of the credential, once known
}

// New makes the client of a repository. Nothing is asked for yet.
func New(access forge.Access, gate *forge.Gate) (*Hub, error) {
	owner, name, ok := strings.Cut(access.Repository, "/")
	if !ok || strings.Contains(name, "/") {
		return nil, fault.New(fault.UnsafeURL, "%s is no repository of GitHub", access.Repository).WithNext("use an address like https://github.com/acme/fleet.git")
	}
	h := &Hub{access: access, owner: owner, name: name}
	credential := access.Bearer("Bearer")
	if !access.App.IsZero() {
		a, err := newApp(access, gate)
		if err != nil {
			return nil, err
		}
		h.app, credential = a, a.credential
	}
	var err error
	h.api, err = client(access, credential, gate)
	return h, err
}

// client makes a client of GitHub's library.
func client(access forge.Access, credential forge.Credential, gate *forge.Gate) (*github.Client, error) {
	at, path := apiOf(access.URL)
	access.URL = at
	hc, base, err := access.Client(path, credential, gate)
	if err != nil {
		return nil, err
	}
	address := base.String() + "/"
	return github.NewClient(github.WithHTTPClient(hc), github.WithURLs(&address, &address), github.WithDisableRateLimitCheck())
}

// apiOf gives where the API of a GitHub is ("About the REST API", for each kind of GitHub).
func apiOf(address string) (at, path string) {
	u, err := url.Parse(address)
	switch {
	case err == nil && (u.Host == "github.com" || u.Host == "www.github.com"):
		return "https://api.github.com", ""
	case err == nil && strings.HasSuffix(u.Host, ".ghe.com") && !strings.HasPrefix(u.Host, "api."):
		return "https://api." + u.Host, ""
	}
	return address, "/api/v3"
}

// trouble makes a Fault of a call that failed.
func (h *Hub) trouble(doing string, err error) error { return h.access.Trouble(answerOf(doing, err)) }

func answerOf(doing string, err error) forge.Answer {
	answer := forge.Answer{Doing: doing, Err: err}
	var refused *github.ErrorResponse
	if errors.As(err, &refused) {
		answer.Status, answer.Said = refused.Response.StatusCode, refused.Message
		for _, e := range refused.Errors {
			answer.Said += ": " + strings.TrimSpace(e.Field+" "+e.Message)
		}
	}
	return answer
}

func statusOf(err error) int { return answerOf("", err).Status }

// pages calls for one page after the other, until there is none or stop says so.
func pages(next func(page int) (*github.Response, error), stop func() bool) error {
	for page := 1; page != 0; {
		resp, err := next(page)
		if err != nil {
			return err
		}
		if page = resp.NextPage; stop() {
			return nil
		}
	}
	return nil
}

// Open implements forge.Pulls.
func (h *Hub) Open(ctx context.Context) ([]forge.Pull, error) {
	var out []forge.Pull
	err := pages(func(page int) (*github.Response, error) {
		list, resp, err := h.api.PullRequests.List(ctx, h.owner, h.name, &github.PullRequestListOptions{
			State: "open", Sort: "created", Direction: "desc", ListOptions: github.ListOptions{Page: page, PerPage: perPage}})
		out = append(out, pullsOf(list)...)
		return resp, err
	}, func() bool { return len(out) > maxPulls })
	switch {
	case err != nil:
		return nil, h.trouble("list the open pull requests", err)
	case len(out) > maxPulls:
		return nil, h.access.TooMany("open pull requests", maxPulls)
	}
	return out, nil
}

// Pull implements forge.Pulls.
func (h *Hub) Pull(ctx context.Context, number int) (forge.Pull, error) {
	p, _, err := h.api.PullRequests.Get(ctx, h.owner, h.name, number)
	if err != nil {
		return forge.Pull{}, h.trouble("give the pull request", err)
	}
	return pullOf(p), nil
}

func pullsOf(list []*github.PullRequest) []forge.Pull {
	out := make([]forge.Pull, len(list))
	for i, p := range list {
		out[i] = pullOf(p)
	}
	return out
}

func pullOf(p *github.PullRequest) forge.Pull {
	out := forge.Pull{
		Number: p.GetNumber(), URL: p.GetHTMLURL(), Title: p.GetTitle(), Body: p.GetBody(), Author: p.GetUser().GetLogin(), Draft: p.GetDraft(),
		State: forge.PullState(p.GetState()),
		Head:  forge.Branch{Name: p.GetHead().GetRef(), Commit: p.GetHead().GetSHA()}, Base: forge.Branch{Name: p.GetBase().GetRef(), Commit: p.GetBase().GetSHA()},
		Fork:      p.GetHead().GetRepo() == nil || p.GetHead().GetRepo().GetID() != p.GetBase().GetRepo().GetID(), // a fork may be gone
		Conflicts: p.Mergeable != nil && !p.GetMergeable() && p.GetState() == "open",
		Created:   p.GetCreatedAt().Time, Updated: p.GetUpdatedAt().Time,
	}
	if p.GetMerged() || p.MergedAt != nil {
		out.State, out.Merged = forge.Merged, p.GetMergeCommitSHA()
	}
	for _, l := range p.Labels {
		out.Labels = append(out.Labels, l.GetName())
	}
	slices.Sort(out.Labels)
	return out
}

var changes = map[string]forge.Change{
	"added": forge.Added, "copied": forge.Added, "removed": forge.Removed, "renamed": forge.Renamed, "modified": forge.Modified, "changed": forge.Modified,
}

// Files implements forge.Pulls.
func (h *Hub) Files(ctx context.Context, number int) ([]forge.File, bool, error) {
	var out []forge.File
	err := pages(func(page int) (*github.Response, error) {
		list, resp, err := h.api.PullRequests.ListFiles(ctx, h.owner, h.name, number, &github.ListOptions{Page: page, PerPage: perPage})
		for _, f := range list {
			if change, ok := changes[f.GetStatus()]; ok {
				out = append(out, forge.File{Path: f.GetFilename(), Was: f.GetPreviousFilename(), Change: change})
			}
		}
		return resp, err
	}, func() bool { return len(out) >= maxFiles })
	if err != nil {
		return nil, false, h.trouble("list the files of the pull request", err)
	}
	return out, len(out) < maxFiles, nil
}

// PullsOf implements forge.Pulls.
func (h *Hub) PullsOf(ctx context.Context, commit string) ([]forge.Pull, error) {
	list, _, err := h.api.PullRequests.ListPullRequestsWithCommit(ctx, h.owner, h.name, commit, &github.ListOptions{PerPage: perPage})
	switch {
	case statusOf(err) == http.StatusUnprocessableEntity: // "No commit found for SHA"
		return nil, nil
	case err != nil:
		return nil, h.trouble("say which pull requests brought a commit", err)
	}
	return pullsOf(list), nil
}

var verdicts = map[string]forge.Verdict{"APPROVED": forge.Approved, "CHANGES_REQUESTED": forge.Objected, "COMMENTED": forge.Commented, "DISMISSED": ""}

// Reviews implements forge.Pulls.
func (h *Hub) Reviews(ctx context.Context, number int) ([]forge.Review, error) {
	var said []forge.Review
	asked, _, err := h.api.PullRequests.ListReviewers(ctx, h.owner, h.name, number)
	if err != nil {
		return nil, h.trouble("list the reviewers", err)
	}
	err = pages(func(page int) (*github.Response, error) {
		list, resp, err := h.api.PullRequests.ListReviews(ctx, h.owner, h.name, number, &github.ListOptions{Page: page, PerPage: perPage})
		for _, r := range list {
			if verdict, ok := verdicts[r.GetState()]; ok { // a pending one is its author's alone
				said = append(said, forge.Review{User: r.GetUser().GetLogin(), Verdict: verdict, Commit: r.GetCommitID(), At: r.GetSubmittedAt().Time})
			}
		}
		return resp, err
	}, func() bool { return len(said) > maxComments })
	if err != nil {
		return nil, h.trouble("list the reviews", err)
	}
	for _, u := range asked.Users {
		said = append(said, forge.Review{User: u.GetLogin(), Verdict: forge.Asked})
	}
	return forge.LastWords(said), nil
}
