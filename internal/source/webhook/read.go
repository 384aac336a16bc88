package webhook

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"mime"
	"net/http"
	"net/url"
	"slices"
	"strings"
)

// Delivery is what a verified delivery says.
type Delivery struct {
	Event     string   // in the forge's own word, bounded; "" of a generic one
	Moved     bool     // refs have moved: somebody should look
	Pull      int      // number (at GitLab: iid) of the pull request that something happened to or was said about; 0: none
	Ref       string   // which, in full; "": it does not say
	Addresses []string // of the repository, in all the spellings that the forge sent; none: it does not say
	Marks     []string // what makes a repetition known, see Seen; none: every one is new
}

// Events that say that refs have moved. GitLab has an event of its own for tags, and one for administrators' hooks that
// names the event in the body.
const (
	eventPush       = "push"
	eventPushGitLab = "Push Hook"
	eventTagGitLab  = "Tag Push Hook"
	eventSystem     = "System Hook"
)

// Events that are about a pull request: it was opened, pushed to, labelled, merged or closed, reviewed, or commented on.
// Forges call a comment on a pull request one on an issue. Gitea names some reviews in the event.
var pullEvents = []string{
	"pull_request", "pull_request_review", "issue_comment",
	"pull_request_comment", "pull_request_approved", "pull_request_rejected",
	"Merge Request Hook", "Note Hook",
}

// Read says what a delivery is about. Call Verify before.
//
// The error is one sentence for the sender: the event says that refs have moved or that something happened to a pull request,
// and its body is not what the forge documents. Other events are not parsed.
func Read(kind Kind, header http.Header, body []byte) (Delivery, error) {
	d := Delivery{}
	switch kind {
	case GitHub:
		d.Event, d.Marks = once(header, "X-GitHub-Event"), marks(once(header, "X-GitHub-Delivery"), body)
	case Gitea:
		d.Event = first(header, "X-Gitea-Event", "X-Forgejo-Event")
		d.Marks = marks(first(header, "X-Gitea-Delivery", "X-Forgejo-Delivery"), body)
	case GitLab:
		// Its body has no time of the push: that of a push there and back and there again is the same as the first.
		d.Event, d.Marks = once(header, "X-Gitlab-Event"), marks(first(header, headerID, "Idempotency-Key", "X-Gitlab-Event-UUID"), nil)
	default:
		return Delivery{Moved: true}, nil
	}
	d.Event = shown(d.Event)
	moved := slices.Contains([]string{eventPush, eventPushGitLab, eventTagGitLab, eventSystem}, d.Event)
	if !moved && !slices.Contains(pullEvents, d.Event) {
		return d, nil
	}
	said, err := parse(header, body)
	switch {
	case err != nil:
		return d, err
	case !moved:
		d.Pull, d.Addresses = said.pull(), said.addresses()
		return d, nil
	case d.Event == eventSystem && said.EventName != "push" && said.EventName != "tag_push":
		return d, nil
	}
	d.Moved, d.Ref, d.Addresses = true, said.Ref, said.addresses()
	return d, nil
}

// event holds the fields of an event of any forge that are looked at, of which each may be missing.
type event struct {
	Ref         string   `json:"ref"`
	EventName   string   `json:"event_name"`
	Repository  place    `json:"repository"`
	Project     place    `json:"project"` // GitLab's
	PullRequest numbered `json:"pull_request"`
	Issue       issue    `json:"issue"`

	// GitLab's: a merge request, and of a comment the one that it is on.
	Attributes   attributes `json:"object_attributes"`
	MergeRequest numbered   `json:"merge_request"`
}

type numbered struct {
	Number int `json:"number"`
	IID    int `json:"iid"`
}

// issue is what was commented on: a pull request if it has something of one.
type issue struct {
	Number      int             `json:"number"`
	PullRequest json.RawMessage `json:"pull_request"`
}

type attributes struct {
	IID          int             `json:"iid"`
	TargetBranch json.RawMessage `json:"target_branch"` // of a merge request, and of nothing else
}

// pull gives the number of the pull request, 0 if the event is about something else.
func (e event) pull() int {
	number := 0
	switch {
	case e.PullRequest.Number > 0:
		number = e.PullRequest.Number
	case len(e.Issue.PullRequest) > 0 && string(e.Issue.PullRequest) != "null":
		number = e.Issue.Number
	case e.MergeRequest.IID > 0:
		number = e.MergeRequest.IID
	case len(e.Attributes.TargetBranch) > 0:
		number = e.Attributes.IID
	}
	return max(number, 0)
}

// place holds the addresses of a repository, as the forges call them.
type place struct {
	CloneURL   string `json:"clone_url"`
	SSHURL     string `json:"ssh_url"`
	HTMLURL    string `json:"html_url"`
	GitHTTPURL string `json:"git_http_url"`
	GitSSHURL  string `json:"git_ssh_url"`
	WebURL     string `json:"web_url"`
}

func (e event) addresses() []string {
	var all []string
	for _, at := range []place{e.Repository, e.Project} {
		all = append(all, at.CloneURL, at.SSHURL, at.HTMLURL, at.GitHTTPURL, at.GitSSHURL, at.WebURL)
	}
	all = slices.DeleteFunc(all, func(address string) bool { return address == "" })
	slices.Sort(all)
	return slices.Compact(all)
}

// parse reads the body, which may be JSON or a form with JSON in its field payload, as a webhook of GitHub is by default.
func parse(header http.Header, body []byte) (event, error) {
	if kind, _, _ := mime.ParseMediaType(header.Get("Content-Type")); kind == "application/x-www-form-urlencoded" {
		form, err := url.ParseQuery(string(body))
		if err != nil || form.Get("payload") == "" {
			return event{}, fmt.Errorf("the body is a form without the field payload")
		}
		body = []byte(form.Get("payload"))
	}
	var e event
	if err := json.Unmarshal(body, &e); err != nil {
		return event{}, fmt.Errorf("the body is not an event in JSON, as the forge documents it")
	}
	return e, nil
}

// marks gives what a repetition has in common with the first: the forge's name of the delivery, and its body, because that
// name is not signed.
func marks(id string, body []byte) (marks []string) {
	if id != "" {
		marks = append(marks, "id "+digest([]byte(id)))
	}
	if len(body) > 0 {
		marks = append(marks, "body "+digest(body))
	}
	return marks
}

func digest(data []byte) string {
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:16])
}

// first gives the first of some headers that is there once.
func first(header http.Header, names ...string) string {
	for _, name := range names {
		if value := once(header, name); value != "" {
			return value
		}
	}
	return ""
}

// maxEvent bounds the name of an event, in bytes: it is repeated to the sender.
const maxEvent = 64

// shown gives the name of an event if it is one; its letters are those of a header.
func shown(name string) string {
	if len(name) > maxEvent {
		return name[:maxEvent]
	}
	return name
}

// Same tells whether two addresses are of one repository: host and path are the same, whatever the scheme, the user, the
// port and a ".git" at the end. A forge names the same repository by https and by ssh.
func Same(one, other string) bool {
	host, path, ok := hostAndPath(one)
	otherHost, otherPath, otherOK := hostAndPath(other)
	return ok && otherOK && strings.EqualFold(host, otherHost) && strings.EqualFold(path, otherPath)
}

func hostAndPath(address string) (host, path string, ok bool) {
	if !strings.Contains(address, "://") { // git@host:path
		host, path, ok = strings.Cut(address, ":")
		host = host[strings.LastIndex(host, "@")+1:]
	} else if u, err := url.Parse(address); err == nil {
		host, path, ok = u.Hostname(), u.Path, true
	}
	path = strings.TrimSuffix(strings.Trim(path, "/"), ".git")
	return host, path, ok && host != "" && path != ""
}
