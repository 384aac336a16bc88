package gitlab

import (
	"context"
	"net/http"
	"strings"

	gitlab "gitlab.com/gitlab-org/api/client-go/v2"

	"plumb.dev/plumb/internal/forge"
)

// Create implements forge.Proposals.
func (l *Lab) Create(ctx context.Context, p forge.Proposal) (forge.Pull, error) {
	options := &gitlab.CreateMergeRequestOptions{Title: &p.Title, Description: &p.Body, SourceBranch: &p.Head, TargetBranch: &p.Base}
	if len(p.Labels) > 0 {
		options.Labels = gitlab.Ptr(gitlab.LabelOptions(p.Labels))
	}
	mr, resp, err := l.api.MergeRequests.CreateMergeRequest(l.access.Repository, options, gitlab.WithContext(ctx))
	if err == nil {
		return whole(mr), nil
	}
	if statusOf(resp) == http.StatusConflict { // "Another open merge request already exists for this source branch"
		if there, found, findErr := l.Find(ctx, p.Head, p.Base); findErr == nil && found {
			return there, nil
		}
	}
	return forge.Pull{}, l.trouble("open a merge request from "+p.Head+" to "+p.Base, resp, err)
}

// Find implements forge.Proposals.
func (l *Lab) Find(ctx context.Context, head, base string) (forge.Pull, bool, error) {
	list, resp, err := l.api.MergeRequests.ListProjectMergeRequests(l.access.Repository, &gitlab.ListProjectMergeRequestsOptions{
		State: gitlab.Ptr("opened"), SourceBranch: &head, TargetBranch: &base}, gitlab.WithContext(ctx))
	if err != nil {
		return forge.Pull{}, false, l.trouble("find a merge request", resp, err)
	}
	for _, mr := range list {
		if pull := pullOf(mr); pull.Head.Name == head && pull.Base.Name == base && !pull.Fork {
			return pull, true, nil
		}
	}
	return forge.Pull{}, false, nil
}

// Merge implements forge.Proposals. GitLab answers 405 for one that cannot be merged, and for one that was merged already.
func (l *Lab) Merge(ctx context.Context, number int, m forge.Merge) (string, error) {
	options := &gitlab.AcceptMergeRequestOptions{SHA: &m.Head}
	message := strings.TrimSpace(m.Title + "\n\n" + m.Message)
	switch {
	case m.Method == forge.Squash:
		options.Squash = gitlab.Ptr(true)
		if message != "" {
			options.SquashCommitMessage = &message
		}
	case message != "":
		options.MergeCommitMessage = &message
	}
	mr, resp, err := l.api.MergeRequests.AcceptMergeRequest(l.access.Repository, int64(number), options, gitlab.WithContext(ctx))
	if err == nil && mr.State == "merged" {
		return whole(mr).Merged, nil
	}
	switch status := statusOf(resp); {
	case err == nil, status == http.StatusMethodNotAllowed, status == http.StatusConflict, status == http.StatusNotAcceptable, status == http.StatusUnprocessableEntity:
		now, lookErr := l.Pull(ctx, number)
		switch {
		case lookErr != nil:
			return "", lookErr
		case now.State == forge.Merged && now.Head.Commit == m.Head:
			return now.Merged, nil
		}
		return "", l.access.Refused(number, m.Head, now, answerOf("merge it", resp, err))
	}
	return "", l.trouble("merge the merge request", resp, err)
}

// Label implements forge.Proposals.
func (l *Lab) Label(ctx context.Context, number int, add, remove []string) error {
	options := &gitlab.UpdateMergeRequestOptions{}
	if len(add) > 0 {
		options.AddLabels = gitlab.Ptr(gitlab.LabelOptions(add))
	}
	if len(remove) > 0 {
		options.RemoveLabels = gitlab.Ptr(gitlab.LabelOptions(remove))
	}
	if len(add)+len(remove) == 0 {
		return nil
	}
	if _, resp, err := l.api.MergeRequests.UpdateMergeRequest(l.access.Repository, int64(number), options, gitlab.WithContext(ctx)); err != nil {
		return l.trouble("change the labels", resp, err)
	}
	return nil
}

// Comments implements forge.Talk.
func (l *Lab) Comments(ctx context.Context, number int) ([]forge.Comment, error) {
	var out []forge.Comment
	resp, err := pages(func(at gitlab.ListOptions) (*gitlab.Response, error) {
		list, resp, err := l.api.Notes.ListMergeRequestNotes(l.access.Repository, int64(number), &gitlab.ListMergeRequestNotesOptions{
			OrderBy: gitlab.Ptr("created_at"), Sort: gitlab.Ptr("asc"), ListOptions: at}, gitlab.WithContext(ctx))
		for _, n := range list {
			if !n.System {
				out = append(out, l.commentOf(number, n))
			}
		}
		return resp, err
	}, func() bool { return len(out) > maxComments })
	switch {
	case err != nil:
		return nil, l.trouble("list the comments", resp, err)
	case len(out) > maxComments:
		return nil, l.access.TooMany("comments", maxComments)
	}
	return out, nil
}

func (l *Lab) commentOf(number int, n *gitlab.Note) forge.Comment {
	c := forge.Comment{ID: n.ID, Author: n.Author.Username, Body: n.Body, URL: noteURL(l.access, number, n.ID)}
	if n.CreatedAt != nil {
		c.At = *n.CreatedAt
	}
	return c
}

// Say implements forge.Talk.
func (l *Lab) Say(ctx context.Context, number int, n forge.Note) (forge.Comment, error) {
	self, err := l.login(ctx)
	if err != nil {
		return forge.Comment{}, err
	}
	there, err := l.Comments(ctx, number)
	if err != nil {
		return forge.Comment{}, err
	}
	body := n.Body()
	own, found := n.In(there, self)
	var note *gitlab.Note
	var resp *gitlab.Response
	switch {
	case found && n.Same(own):
		return own, nil
	case found:
		note, resp, err = l.api.Notes.UpdateMergeRequestNote(l.access.Repository, int64(number), own.ID, &gitlab.UpdateMergeRequestNoteOptions{Body: &body}, gitlab.WithContext(ctx))
	default:
		note, resp, err = l.api.Notes.CreateMergeRequestNote(l.access.Repository, int64(number), &gitlab.CreateMergeRequestNoteOptions{Body: &body}, gitlab.WithContext(ctx))
	}
	if err != nil {
		return forge.Comment{}, l.trouble("write the comment", resp, err)
	}
	return l.commentOf(number, note), nil
}

// login gives the name under which the token writes.
func (l *Lab) login(ctx context.Context) (string, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.self == "" {
		user, resp, err := l.api.Users.CurrentUser(gitlab.WithContext(ctx))
		if err != nil {
			return "", l.trouble("say whose token this is", resp, err)
		}
		l.self = user.Username
	}
	return l.self, nil
}

// Right implements forge.Talk: a Reporter reads, a Developer writes, a Maintainer administers ("Roles and permissions").
func (l *Lab) Right(ctx context.Context, user string) (forge.Right, error) {
	list, resp, err := l.api.Users.ListUsers(&gitlab.ListUsersOptions{Username: &user}, gitlab.WithContext(ctx))
	if err != nil {
		return forge.None, l.trouble("say who a user is", resp, err)
	}
	if len(list) != 1 || !strings.EqualFold(list[0].Username, user) {
		return forge.None, nil
	}
	member, resp, err := l.api.ProjectMembers.GetInheritedProjectMember(l.access.Repository, list[0].ID, gitlab.WithContext(ctx))
	switch {
	case statusOf(resp) == http.StatusNotFound && l.there(ctx):
		return forge.None, nil
	case err != nil:
		return forge.None, l.trouble("say what a user may do", resp, err)
	case member.State != "active":
		return forge.None, nil
	}
	switch level := member.AccessLevel; {
	case level >= gitlab.MaintainerPermissions:
		return forge.Admin, nil
	case level >= gitlab.DeveloperPermissions:
		return forge.Write, nil
	case level >= gitlab.ReporterPermissions:
		return forge.Read, nil
	}
	return forge.None, nil
}
