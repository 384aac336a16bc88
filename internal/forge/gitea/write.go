package gitea

import (
	"context"
	"errors"
	"net/http"
	"slices"

	"code.gitea.io/sdk/gitea"

	"plumb.dev/plumb/internal/forge"
)

// Create implements forge.Proposals.
func (t *Tea) Create(ctx context.Context, p forge.Proposal) (forge.Pull, error) {
	made, resp, err := t.api(ctx).CreatePullRequest(t.owner, t.name, gitea.CreatePullRequestOption{Head: p.Head, Base: p.Base, Title: p.Title, Body: p.Body})
	if err != nil {
		if statusOf(resp) == http.StatusConflict { // one is there
			if there, found, findErr := t.Find(ctx, p.Head, p.Base); findErr == nil && found {
				return there, nil
			}
		}
		return forge.Pull{}, t.trouble("open a pull request from "+p.Head+" to "+p.Base, resp, err)
	}
	pull := pullOf(made)
	if len(p.Labels) > 0 {
		if err := t.Label(ctx, pull.Number, p.Labels, nil); err != nil {
			return pull, err
		}
		pull.Labels = slices.Sorted(slices.Values(p.Labels))
	}
	return pull, nil
}

// Find implements forge.Proposals.
func (t *Tea) Find(ctx context.Context, head, base string) (forge.Pull, bool, error) {
	open, err := t.Open(ctx)
	if err != nil {
		return forge.Pull{}, false, err
	}
	for _, pull := range open {
		if pull.Head.Name == head && pull.Base.Name == base && !pull.Fork {
			return pull, true, nil
		}
	}
	return forge.Pull{}, false, nil
}

// errRefused stands for an answer without words, which the library gives for a merge that is refused.
var errRefused = errors.New("it is refused")

// Merge implements forge.Proposals. Gitea answers 405 for what is not mergeable, and for what it has not yet looked at.
func (t *Tea) Merge(ctx context.Context, number int, m forge.Merge) (string, error) {
	style := gitea.MergeStyleMerge
	if m.Method == forge.Squash {
		style = gitea.MergeStyleSquash
	}
	done, resp, err := t.api(ctx).MergePullRequest(t.owner, t.name, int64(number), gitea.MergePullRequestOption{
		Style: style, HeadCommitId: m.Head, Title: m.Title, Message: m.Message})
	if err == nil && !done {
		err = errRefused
	}
	switch status := statusOf(resp); {
	case err == nil, status == http.StatusMethodNotAllowed, status == http.StatusConflict, status == http.StatusUnprocessableEntity:
		now, lookErr := t.Pull(ctx, number)
		switch {
		case lookErr != nil:
			return "", lookErr
		case now.State == forge.Merged && now.Head.Commit == m.Head:
			return now.Merged, nil
		}
		answer := answerOf("merge it", resp, err)
		if errors.Is(err, errRefused) {
			answer.Said = ""
		}
		return "", t.access.Refused(number, m.Head, now, answer)
	}
	return "", t.trouble("merge the pull request", resp, err)
}

// labelColor is the colour of a label that is made: a neutral one.
const labelColor = "#8a8f98"

// Label implements forge.Proposals. Gitea knows labels by their numbers.
func (t *Tea) Label(ctx context.Context, number int, add, remove []string) error {
	known, err := t.labels(ctx)
	if err != nil {
		return err
	}
	var ids []int64
	for _, name := range add {
		id, ok := known[name]
		if !ok {
			made, resp, err := t.api(ctx).CreateLabel(t.owner, t.name, gitea.CreateLabelOption{Name: name, Color: labelColor})
			if err != nil {
				return t.trouble("make the label "+name, resp, err)
			}
			id = made.ID
		}
		ids = append(ids, id)
	}
	if len(ids) > 0 {
		if _, resp, err := t.api(ctx).AddIssueLabels(t.owner, t.name, int64(number), gitea.IssueLabelsOption{Labels: ids}); err != nil {
			return t.trouble("add labels", resp, err)
		}
	}
	for _, name := range remove {
		id, ok := known[name]
		if !ok {
			continue
		}
		if resp, err := t.api(ctx).DeleteIssueLabel(t.owner, t.name, int64(number), id); err != nil && statusOf(resp) != http.StatusNotFound {
			return t.trouble("remove a label", resp, err)
		}
	}
	return nil
}

func (t *Tea) labels(ctx context.Context) (map[string]int64, error) {
	ids := map[string]int64{}
	resp, err := pages(func(at gitea.ListOptions) (int, *gitea.Response, error) {
		list, resp, err := t.api(ctx).ListRepoLabels(t.owner, t.name, gitea.ListLabelsOptions{ListOptions: at})
		for _, l := range list {
			ids[l.Name] = l.ID
		}
		return len(list), resp, err
	}, func() bool { return len(ids) > maxComments })
	if err != nil {
		return nil, t.trouble("list the labels", resp, err)
	}
	return ids, nil
}

// Comments implements forge.Talk. Gitea gives all comments of an issue at once, whatever page is asked for.
func (t *Tea) Comments(ctx context.Context, number int) ([]forge.Comment, error) {
	list, resp, err := t.api(ctx).ListIssueComments(t.owner, t.name, int64(number), gitea.ListIssueCommentOptions{ListOptions: gitea.ListOptions{Page: -1}})
	switch {
	case err != nil:
		return nil, t.trouble("list the comments", resp, err)
	case len(list) > maxComments:
		return nil, t.access.TooMany("comments", maxComments)
	}
	out := make([]forge.Comment, len(list))
	for i, c := range list {
		out[i] = commentOf(c)
	}
	return out, nil
}

func commentOf(c *gitea.Comment) forge.Comment {
	out := forge.Comment{ID: c.ID, URL: c.HTMLURL, Body: c.Body, At: c.Created}
	if c.Poster != nil {
		out.Author = c.Poster.UserName
	}
	return out
}

// Say implements forge.Talk.
func (t *Tea) Say(ctx context.Context, number int, n forge.Note) (forge.Comment, error) {
	self, err := t.login(ctx)
	if err != nil {
		return forge.Comment{}, err
	}
	there, err := t.Comments(ctx, number)
	if err != nil {
		return forge.Comment{}, err
	}
	own, found := n.In(there, self)
	var c *gitea.Comment
	var resp *gitea.Response
	switch {
	case found && n.Same(own):
		return own, nil
	case found:
		c, resp, err = t.api(ctx).EditIssueComment(t.owner, t.name, own.ID, gitea.EditIssueCommentOption{Body: n.Body()})
	default:
		c, resp, err = t.api(ctx).CreateIssueComment(t.owner, t.name, int64(number), gitea.CreateIssueCommentOption{Body: n.Body()})
	}
	if err != nil {
		return forge.Comment{}, t.trouble("write the comment", resp, err)
	}
	return commentOf(c), nil
}

// login gives the name under which the token writes.
func (t *Tea) login(ctx context.Context) (string, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.self == "" {
		user, resp, err := t.api(ctx).GetMyUserInfo()
		if err != nil {
			return "", t.trouble("say whose token this is", resp, err)
		}
		t.self = user.UserName
	}
	return t.self, nil
}

var rights = map[gitea.AccessMode]forge.Right{
	gitea.AccessModeRead: forge.Read, gitea.AccessModeWrite: forge.Write, gitea.AccessModeAdmin: forge.Admin, gitea.AccessModeOwner: forge.Admin,
}

// Right implements forge.Talk. Gitea answers that only to who administers the repository.
func (t *Tea) Right(ctx context.Context, user string) (forge.Right, error) {
	level, resp, err := t.api(ctx).CollaboratorPermission(t.owner, t.name, user)
	switch {
	case statusOf(resp) == http.StatusNotFound && t.there(ctx):
		return forge.None, nil
	case err != nil:
		return forge.None, t.trouble("say what a user may do", resp, err)
	case level == nil:
		return forge.None, nil
	}
	return rights[level.Permission], nil
}

// maxDescription bounds the description of a status, in bytes. Gitea keeps it in a column without a limit that it states.
const maxDescription = 255

// statuses are Gitea's: there is none for what nobody will tell any more.
var statuses = map[forge.State]gitea.StatusState{
	forge.Pending: gitea.StatusPending, forge.Success: gitea.StatusSuccess, forge.Failure: gitea.StatusFailure, forge.Canceled: gitea.StatusPending,
}

// SetStatus implements forge.Reports.
func (t *Tea) SetStatus(ctx context.Context, commit string, s forge.Status) error {
	want := gitea.CreateStatusOption{State: statuses[s.State], Context: s.Context, Description: forge.Cut(s.Description, maxDescription), TargetURL: s.URL}
	there, resp, err := t.api(ctx).GetCombinedStatus(t.owner, t.name, commit)
	if err != nil {
		return t.trouble("give the statuses of a commit", resp, err)
	}
	for _, is := range there.Statuses {
		if is.Context == want.Context && s.State == forge.Canceled && is.State != gitea.StatusPending {
			return nil
		}
		if is.Context == want.Context && is.State == want.State && is.Description == want.Description && is.TargetURL == want.TargetURL {
			return nil
		}
	}
	if _, resp, err := t.api(ctx).CreateStatus(t.owner, t.name, commit, want); err != nil {
		return t.trouble("set the status of a commit", resp, err)
	}
	return nil
}

// Deploy implements forge.Reports: Gitea has no deployments.
func (t *Tea) Deploy(context.Context, forge.Deployment) (bool, error) { return false, nil }
