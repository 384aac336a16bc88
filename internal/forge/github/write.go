package github

import (
	"context"
	"net/http"

	"github.com/google/go-github/v88/github"

	"plumb.dev/plumb/internal/forge"
)

// Create implements forge.Proposals.
func (h *Hub) Create(ctx context.Context, p forge.Proposal) (forge.Pull, error) {
	made, _, err := h.api.PullRequests.Create(ctx, h.owner, h.name, &github.NewPullRequest{
		Title: &p.Title, Body: &p.Body, Head: github.Ptr(h.owner + ":" + p.Head), Base: &p.Base})
	if err != nil {
		if statusOf(err) == http.StatusUnprocessableEntity { // "A pull request already exists", among others
			if there, found, findErr := h.Find(ctx, p.Head, p.Base); findErr == nil && found {
				return there, nil
			}
		}
		return forge.Pull{}, h.trouble("open a pull request from "+p.Head+" to "+p.Base, err)
	}
	pull := pullOf(made)
	if len(p.Labels) > 0 {
		if err := h.Label(ctx, pull.Number, p.Labels, nil); err != nil {
			return pull, err
		}
		pull.Labels = p.Labels
	}
	return pull, nil
}

// Find implements forge.Proposals.
func (h *Hub) Find(ctx context.Context, head, base string) (forge.Pull, bool, error) {
	list, _, err := h.api.PullRequests.List(ctx, h.owner, h.name, &github.PullRequestListOptions{State: "open", Head: h.owner + ":" + head, Base: base})
	if err != nil {
		return forge.Pull{}, false, h.trouble("find a pull request", err)
	}
	for _, p := range list { // what the question says again: an unknown filter would be ignored
		if pull := pullOf(p); pull.Head.Name == head && pull.Base.Name == base && !pull.Fork {
			return pull, true, nil
		}
	}
	return forge.Pull{}, false, nil
}

// Merge implements forge.Proposals.
func (h *Hub) Merge(ctx context.Context, number int, m forge.Merge) (string, error) {
	method := m.Method
	if method == "" {
		method = forge.MergeCommit
	}
	done, _, err := h.api.PullRequests.Merge(ctx, h.owner, h.name, number, m.Message, &github.PullRequestOptions{
		SHA: m.Head, MergeMethod: string(method), CommitTitle: m.Title})
	if err == nil {
		return done.GetSHA(), nil
	}
	switch statusOf(err) {
	case http.StatusMethodNotAllowed, http.StatusConflict, http.StatusUnprocessableEntity:
		now, lookErr := h.Pull(ctx, number)
		switch {
		case lookErr != nil:
			return "", lookErr
		case now.State == forge.Merged && now.Head.Commit == m.Head:
			return now.Merged, nil
		}
		return "", h.access.Refused(number, m.Head, now, answerOf("merge it", err))
	}
	return "", h.trouble("merge the pull request", err)
}

// Label implements forge.Proposals.
func (h *Hub) Label(ctx context.Context, number int, add, remove []string) error {
	if len(add) > 0 {
		if _, _, err := h.api.Issues.AddLabelsToIssue(ctx, h.owner, h.name, number, add); err != nil {
			return h.trouble("add labels", err)
		}
	}
	for _, label := range remove {
		if _, err := h.api.Issues.RemoveLabelForIssue(ctx, h.owner, h.name, number, label); err != nil && statusOf(err) != http.StatusNotFound {
			return h.trouble("remove a label", err)
		}
	}
	return nil
}

// Comments implements forge.Talk.
func (h *Hub) Comments(ctx context.Context, number int) ([]forge.Comment, error) {
	var out []forge.Comment
	err := pages(func(page int) (*github.Response, error) {
		list, resp, err := h.api.Issues.ListComments(ctx, h.owner, h.name, number, &github.IssueListCommentsOptions{ListOptions: github.ListOptions{Page: page, PerPage: perPage}})
		for _, c := range list {
			out = append(out, commentOf(c))
		}
		return resp, err
	}, func() bool { return len(out) > maxComments })
	switch {
	case err != nil:
		return nil, h.trouble("list the comments", err)
	case len(out) > maxComments:
		return nil, h.access.TooMany("comments", maxComments)
	}
	return out, nil
}

func commentOf(c *github.IssueComment) forge.Comment {
	return forge.Comment{ID: c.GetID(), URL: c.GetHTMLURL(), Author: c.GetUser().GetLogin(), Body: c.GetBody(), At: c.GetCreatedAt().Time}
}

// Say implements forge.Talk.
func (h *Hub) Say(ctx context.Context, number int, n forge.Note) (forge.Comment, error) {
	self, err := h.login(ctx)
	if err != nil {
		return forge.Comment{}, err
	}
	there, err := h.Comments(ctx, number)
	if err != nil {
		return forge.Comment{}, err
	}
	body := n.Body()
	own, found := n.In(there, self)
	var c *github.IssueComment
	switch {
	case found && n.Same(own):
		return own, nil
	case found:
		c, _, err = h.api.Issues.EditComment(ctx, h.owner, h.name, own.ID, &github.IssueComment{Body: &body})
	default:
		c, _, err = h.api.Issues.CreateComment(ctx, h.owner, h.name, number, &github.IssueComment{Body: &body})
	}
	if err != nil {
		return forge.Comment{}, h.trouble("write the comment", err)
	}
	return commentOf(c), nil
}

// login gives the name under which the credential writes.
func (h *Hub) login(ctx context.Context) (string, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.self != "" {
		return h.self, nil
	}
	if h.app != nil {
		name, err := h.app.login(ctx)
		h.self = name
		return name, err
	}
	user, _, err := h.api.Users.Get(ctx, "")
	if err != nil {
		return "", h.trouble("say whose token this is", err)
	}
	h.self = user.GetLogin()
	return h.self, nil
}

var rights = map[string]forge.Right{"read": forge.Read, "write": forge.Write, "admin": forge.Admin}

// Right implements forge.Talk. GitHub's triage counts as read, its maintain as write, as the API has it.
func (h *Hub) Right(ctx context.Context, user string) (forge.Right, error) {
	level, _, err := h.api.Repositories.GetPermissionLevel(ctx, h.owner, h.name, user)
	switch {
	case statusOf(err) == http.StatusNotFound:
		return forge.None, nil
	case err != nil:
		return forge.None, h.trouble("say what a user may do", err)
	}
	return rights[level.GetPermission()], nil
}
