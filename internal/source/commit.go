package source

import (
	"bytes"
	"context"
	"errors"
	"strconv"
	"strings"
	"time"

	"plumb.dev/plumb/internal/fault"
)

// maxCommit bounds a commit object that is read, in bytes. A longer one is a commit without readable text.
const maxCommit = 1 << 20

// Commit is one commit as people see it. Its texts are foreign: valid UTF-8, but otherwise as their authors wrote them.
type Commit struct {
	ID         string    `json:"id"`
	Parents    []string  `json:"parents,omitempty"`
	Author     Person    `json:"author"`
	AuthorTime time.Time `json:"authorTime,omitzero"`
	CommitTime time.Time `json:"commitTime,omitzero"`
	Subject    string    `json:"subject"`        // the first paragraph on one line
	Body       string    `json:"body,omitempty"` // the rest, trailers included, without blank lines around it

	tree string
}

// Person is who wrote a commit, by the commit's own claim.
type Person struct {
	Name  string `json:"name"`
	Email string `json:"email"`
}

// Log gives the commits in (from, to], newest first and children before their parents, at most limit (0: 1000). An empty
// from means all history. If from is no ancestor of to, as after a force-push, it is what to has and from has not.
//
// Errors: RevisionNotFound if one of the commits is not here; FetchFailed if the local copy is damaged.
func (m *Mirror) Log(ctx context.Context, from, to string, limit int) ([]Commit, error) {
	args := []string{"rev-list", "--date-order", "--max-count=" + strconv.Itoa(or(max(limit, 0), 1000)), to}
	if err := m.requireCommit(ctx, Head{Commit: to}); err != nil {
		return nil, err
	}
	if from != "" {
		if err := m.requireCommit(ctx, Head{Commit: from}); err != nil {
			return nil, err
		}
		args = append(args, "^"+from)
	}
	listed, err := m.repo().exec(ctx, run{args: append(args, "--"), maxStdout: maxAdvert, merges: withMerges, deadline: m.options.AskTimeout})
	if err != nil {
		return nil, m.failure(err)
	}
	var commits []Commit
	for id := range strings.FieldsSeq(string(listed)) {
		commit, err := m.commit(ctx, id)
		if err != nil {
			return nil, err
		}
		commits = append(commits, *commit)
	}
	return commits, nil
}

// Commit reads one commit.
//
// Errors: RevisionNotFound if it is not here or no commit; FetchFailed if the local copy is damaged.
func (m *Mirror) Commit(ctx context.Context, id string) (Commit, error) {
	commit, err := m.commit(ctx, id)
	if err != nil {
		return Commit{}, err
	}
	return *commit, nil
}

func (m *Mirror) commit(ctx context.Context, id string) (*Commit, error) {
	if kept, ok := m.cache.get(id); ok {
		if commit, ok := kept.(*Commit); ok {
			return commit, nil
		}
	}
	if !commitID.MatchString(id) {
		return nil, fault.New(fault.RevisionNotFound, "%q is no full commit id", clip(id))
	}
	found, err := m.objects.info(ctx, id)
	switch {
	case err != nil:
		return nil, err
	case found.missing:
		return nil, fault.New(fault.RevisionNotFound, "commit %s is not here", id)
	case found.kind != "commit":
		return nil, fault.New(fault.RevisionNotFound, "%s is a %s, not a commit", id, found.kind)
	case found.size > maxCommit:
		return nil, fault.New(fault.RenderLimit, "commit %s is %d bytes long, more than %d", id, found.size, maxCommit)
	}
	content, err := m.objects.content(ctx, found)
	if err != nil {
		return nil, err
	}
	commit, err := parseCommit(id, content)
	if err != nil {
		return nil, fault.New(fault.FetchFailed, "commit %s cannot be read: %w", id, err)
	}
	m.cache.put(id, commit, found.size+400)
	return commit, nil
}

// parseCommit reads a commit object: header lines, of which some continue on lines that begin with a space, a blank line,
// the message. The first header of a name counts, so that an object cannot be read in two ways.
func parseCommit(id string, content []byte) (*Commit, error) {
	header, message, _ := bytes.Cut(content, []byte("\n\n"))
	c := &Commit{ID: id}
	var hasAuthor, hasCommitter bool
	for line := range bytes.Lines(header) {
		key, value, _ := strings.Cut(strings.TrimSuffix(string(line), "\n"), " ")
		switch {
		case key == "tree" && c.tree == "":
			c.tree = value
		case key == "parent" && commitID.MatchString(value):
			c.Parents = append(c.Parents, value)
		case key == "author" && !hasAuthor:
			hasAuthor = true
			c.Author, c.AuthorTime = parsePerson(value)
		case key == "committer" && !hasCommitter:
			hasCommitter = true
			_, c.CommitTime = parsePerson(value)
		}
	}
	if !commitID.MatchString(c.tree) {
		return nil, errors.New("it names no tree")
	}
	c.Subject, c.Body = splitMessage(string(message))
	return c, nil
}

// parsePerson reads "Name <email> 1700000000 +0100". What cannot be read stays zero: old tools wrote everything.
func parsePerson(value string) (Person, time.Time) {
	value = strings.ToValidUTF8(value, "?")
	name, rest, ok := strings.Cut(value, "<")
	if !ok {
		return Person{Name: strings.TrimSpace(value)}, time.Time{}
	}
	email, when := rest, ""
	if end := strings.LastIndex(rest, ">"); end >= 0 {
		email, when = rest[:end], strings.TrimSpace(rest[end+1:])
	}
	person := Person{Name: strings.TrimSpace(name), Email: strings.TrimSpace(email)}
	seconds, _, _ := strings.Cut(when, " ")
	unix, err := strconv.ParseInt(seconds, 10, 64)
	if err != nil || unix < 0 || unix > 1<<38 {
		return person, time.Time{}
	}
	return person, time.Unix(unix, 0).UTC()
}

// splitMessage gives the first paragraph on one line and the rest, as git's %s and %b do.
func splitMessage(message string) (subject, body string) {
	message = strings.TrimLeft(strings.ReplaceAll(strings.ToValidUTF8(message, "?"), "\r\n", "\n"), "\n")
	var first []string
	for line := range strings.Lines(message) {
		if strings.TrimSpace(line) == "" {
			break
		}
		message = message[len(line):]
		first = append(first, strings.TrimSpace(line))
	}
	return strings.Join(first, " "), strings.Trim(message, "\n")
}
