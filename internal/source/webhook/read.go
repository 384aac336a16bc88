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

// Read says what a delivery is about. Call Verify before.
//
// The error is one sentence for the sender: the event says that refs have moved, and its body is not what the forge
// documents. Other events are not parsed.
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
	if !slices.Contains([]string{eventPush, eventPushGitLab, eventTagGitLab, eventSystem}, d.Event) {
		return d, nil
	}
	push, err := parse(header, body)
	if err != nil {
		return d, err
	}
	if d.Event == eventSystem && push.EventName != "push" && push.EventName != "tag_push" {
		return d, nil
	}
	d.Moved, d.Ref, d.Addresses = true, push.Ref, push.addresses()
	return d, nil
}

// push holds the fields of a push event of any forge that are looked at, of which each may be missing.
type push struct {
	Ref        string `json:"ref"`
	EventName  string `json:"event_name"`
	Repository place  `json:"repository"`
	Project    place  `json:"project"` // GitLab's
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

func (p push) addresses() []string {
	var all []string
	for _, at := range []place{p.Repository, p.Project} {
		all = append(all, at.CloneURL, at.SSHURL, at.HTMLURL, at.GitHTTPURL, at.GitSSHURL, at.WebURL)
	}
	all = slices.DeleteFunc(all, func(address string) bool { return address == "" })
	slices.Sort(all)
	return slices.Compact(all)
}

// parse reads the body, which may be JSON or a form with JSON in its field payload, as a webhook of GitHub is by default.
func parse(header http.Header, body []byte) (push, error) {
	if kind, _, _ := mime.ParseMediaType(header.Get("Content-Type")); kind == "application/x-www-form-urlencoded" {
		form, err := url.ParseQuery(string(body))
		if err != nil || form.Get("payload") == "" {
			return push{}, fmt.Errorf("the body is a form without the field payload")
		}
		body = []byte(form.Get("payload"))
	}
	var p push
	if err := json.Unmarshal(body, &p); err != nil {
		return push{}, fmt.Errorf("the body is not a push event in JSON")
	}
	return p, nil
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
func shown(event string) string {
	if len(event) > maxEvent {
		return event[:maxEvent]
	}
	return event
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
