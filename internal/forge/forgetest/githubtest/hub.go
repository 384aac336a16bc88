// Package githubtest is a GitHub in this process, as GitHub describes it: the operations that Plumb uses, with their fields,
// types, status codes and limits.
//
// It has one repository, acme/fleet, and the people of package forgetest. It never keeps anything, and knows nothing that is
// not in operations.go, where each operation names its source.
//
// Start at New; Scene is what the suite acts in.
package githubtest

import (
	"crypto"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"plumb.dev/plumb/internal/forge"
	"plumb.dev/plumb/internal/forge/forgetest"
	"plumb.dev/plumb/internal/forge/forgetest/contract"
	"plumb.dev/plumb/internal/redact"
)

type object = map[string]any

// The ids of a repository, of a fork of it, and of the App.
const (
	repositoryID = 100
	forkID       = 101
	// AppID is the number of the GitHub App that New installs, and AppClient its client id.
	AppID     = 4711
	AppClient = "Iv23plumb"
	appSlug   = "plumb-app"
	token     = "ghp_of_the_bot"
)

// pull is a pull request of the fake.
type pull struct {
	number       int
	head, base   string
	headCommit   string // once it is closed, or of a fork
	title, body  string
	author       string
	fork, closed bool
	merged       string
	labels       []string
	asked        []string
	reviews      []object
	comments     []object
	at           time.Time
}

// Hub is a fake GitHub.
type Hub struct {
	*contract.Server
	repo *forgetest.Repo
	key  *rsa.PublicKey // of the App

	mu       sync.Mutex
	pulls    []*pull
	statuses map[string][]object // by commit, newest first
	checks   []object
	deploys  []object
	deployed map[int][]object // by deployment, newest first
	tokens   []string         // of the App's installation
	ids      int
	clock    time.Time
	// Tokens lives as long; the suite's tests shorten it.
	tokenFor time.Duration
}

// New starts a GitHub.
func New(t testing.TB) *Hub {
	h := &Hub{repo: forgetest.NewRepo(), statuses: map[string][]object{}, deployed: map[int][]object{}, ids: 1000,
		clock: time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC), tokenFor: time.Hour}
	h.Server = contract.Serve(t, contract.API{
		Prefix: "/api/v3", Operations: operations, Handlers: h.handlers(), Admit: h.admit,
		Missing: func(field string) contract.Answer { return refuse("missing_field", field, field+" wasn't supplied") },
	})
	return h
}

// Install makes a key of the GitHub App known.
func (h *Hub) Install(key *rsa.PublicKey, tokenFor time.Duration) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.key, h.tokenFor = key, tokenFor
}

// Access is the Bot's.
func (h *Hub) Access() forge.Access {
	return forge.Access{Kind: forge.GitHub, URL: h.URL, Repository: "acme/fleet", Token: redact.Hide(token)}
}

// Scene is what the suite acts in.
func (h *Hub) Scene() forgetest.Scene {
	return forgetest.Scene{
		Access: h.Access(),
		Push:   h.repo.Push,
		Fork: func(branch string, files map[string]string) int {
			commit := h.repo.Push("of-eve/"+branch, "main", files)
			return h.open(&pull{head: branch, headCommit: commit, base: "main", title: "from a fork", author: forgetest.Eve, fork: true})
		},
		Ask: func(number int, user string) { h.with(number, func(p *pull) { p.asked = append(p.asked, user) }) },
		Review: func(number int, user string, verdict forge.Verdict) {
			state := map[forge.Verdict]string{forge.Approved: "APPROVED", forge.Objected: "CHANGES_REQUESTED", forge.Commented: "COMMENTED"}[verdict]
			h.with(number, func(p *pull) {
				p.asked = slices.DeleteFunc(p.asked, func(u string) bool { return u == user })
				p.reviews = append(p.reviews, object{"id": h.id(), "user": person(user), "body": "", "state": state, "commit_id": h.headOf(p), "submitted_at": h.now()})
			})
		},
		Comment: func(number int, user, text string) {
			h.with(number, func(p *pull) { p.comments = append(p.comments, h.comment(number, user, text)) })
		},
		Took: h.repo.Take,
		MergedAs: func(number int, commit string) {
			h.with(number, func(p *pull) { p.closed, p.merged, p.headCommit = true, commit, h.headOf(p) })
		},
		Shown:   h.shown,
		Deploys: h.deploysOf,
	}
}

func (h *Hub) with(number int, f func(*pull)) {
	h.mu.Lock()
	defer h.mu.Unlock()
	f(h.pulls[number-1])
}

func (h *Hub) open(p *pull) int {
	h.mu.Lock()
	defer h.mu.Unlock()
	p.number, p.at = len(h.pulls)+1, h.tick()
	h.pulls = append(h.pulls, p)
	return p.number
}

// shown gives what the combined status says, and check runs.
func (h *Hub) shown(commit, context string) []forge.Status {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, s := range h.statuses[commit] {
		if s["context"] == context {
			out := forge.Status{Context: context, State: forge.State(s["state"].(string)), Description: s["description"].(string)}
			out.URL, _ = s["target_url"].(string)
			return []forge.Status{out}
		}
	}
	return nil
}

// Checks gives the check runs of a commit, newest first.
func (h *Hub) Checks(commit string) []map[string]any {
	h.mu.Lock()
	defer h.mu.Unlock()
	var out []object
	for _, c := range slices.Backward(h.checks) {
		if c["head_sha"] == commit {
			out = append(out, c)
		}
	}
	return out
}

func (h *Hub) deploysOf(environment string) []forge.Deployment {
	h.mu.Lock()
	defer h.mu.Unlock()
	var out []forge.Deployment
	for _, d := range h.deploys {
		if d["environment"] != environment {
			continue
		}
		one := forge.Deployment{Environment: environment, Commit: d["sha"].(string)}
		if said := h.deployed[d["id"].(int)]; len(said) > 0 {
			one.Progress = map[string]forge.Progress{"in_progress": forge.Running, "success": forge.Succeeded, "failure": forge.Failed}[said[0]["state"].(string)]
			one.URL, _ = said[0]["log_url"].(string)
		}
		out = append(out, one)
	}
	return out
}

// id, tick and now are called with mu held.
func (h *Hub) id() int {
	h.ids++
	return h.ids
}

func (h *Hub) tick() time.Time {
	h.clock = h.clock.Add(time.Second)
	return h.clock
}

func (h *Hub) now() string { return h.tick().Format(time.RFC3339) }

func person(login string) object {
	kind := "User"
	if strings.HasSuffix(login, "[bot]") {
		kind = "Bot"
	}
	id := 0
	for _, letter := range login {
		id = id*31 + int(letter)
	}
	return object{"login": login, "id": id & 0xFFFFF, "type": kind}
}

func say(status int, text string) contract.Answer {
	return contract.Answer{Status: status, Body: object{"message": text, "documentation_url": docs}}
}

// refuse is a validation error ("Troubleshooting the REST API", validation failed).
func refuse(code, field, text string) contract.Answer {
	return contract.Answer{Status: http.StatusUnprocessableEntity, Body: object{
		"message": "Validation Failed", "errors": []object{{"resource": "Resource", "code": code, "field": field, "message": text}}, "documentation_url": docs}}
}

// admit knows the Bot's token, the installation's, and for the operations of an App its own claim.
func (h *Hub) admit(r contract.Request) *contract.Answer {
	h.mu.Lock()
	defer h.mu.Unlock()
	given := strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer ")
	no := say(http.StatusUnauthorized, "Bad credentials")
	path := strings.TrimPrefix(r.URL.Path, "/api/v3")
	if strings.HasPrefix(path, "/app") || strings.HasSuffix(path, "/installation") {
		if h.key == nil || !h.claimed(given) {
			return &no
		}
		return nil
	}
	app := slices.Contains(h.tokens, given) && given == h.tokens[len(h.tokens)-1]
	if given != token && !app {
		return &no
	}
	if app && path == "/user" {
		no = say(http.StatusForbidden, "Resource not accessible by integration")
		return &no
	}
	if strings.Contains(path, "/check-runs") && r.Method != http.MethodGet && !app {
		no = say(http.StatusForbidden, "You must authenticate via a GitHub App.")
		return &no
	}
	if owner := r.PathValue("owner"); owner != "" && owner+"/"+r.PathValue("repo") != "acme/fleet" {
		no = say(http.StatusNotFound, "Not Found")
		return &no
	}
	return nil
}

// claimed checks a JSON Web Token as GitHub documents it ("Generating a JSON Web Token (JWT) for a GitHub App").
func (h *Hub) claimed(text string) bool {
	parts := strings.Split(text, ".")
	if len(parts) != 3 {
		return false
	}
	signature, err := base64.RawURLEncoding.DecodeString(parts[2])
	sum := sha256.Sum256([]byte(parts[0] + "." + parts[1]))
	if err != nil || rsa.VerifyPKCS1v15(h.key, crypto.SHA256, sum[:], signature) != nil {
		return false
	}
	var claims struct {
		Issuer  string `json:"iss"`
		Issued  int64  `json:"iat"`
		Expires int64  `json:"exp"`
	}
	data, err := base64.RawURLEncoding.DecodeString(parts[1])
	if err != nil || json.Unmarshal(data, &claims) != nil {
		return false
	}
	now := time.Now()
	return (claims.Issuer == AppClient || claims.Issuer == strconv.Itoa(AppID)) &&
		time.Unix(claims.Issued, 0).Before(now) && time.Unix(claims.Expires, 0).After(now) && claims.Expires-claims.Issued <= 10*60
}

// self is who asks. mu is not held.
func (h *Hub) self(r contract.Request) string {
	h.mu.Lock()
	defer h.mu.Unlock()
	if slices.Contains(h.tokens, strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer ")) {
		return appSlug + "[bot]"
	}
	return forgetest.Bot
}

func (h *Hub) headOf(p *pull) string {
	if p.headCommit != "" {
		return p.headCommit
	}
	return h.repo.Head(p.head)
}

func (h *Hub) comment(number int, user, text string) object {
	id, now := h.id(), h.now()
	return object{"id": id, "html_url": fmt.Sprintf("%s/acme/fleet/pull/%d#issuecomment-%d", h.URL, number, id), "body": text, "user": person(user), "created_at": now, "updated_at": now}
}

func repo(fork bool) object {
	if fork {
		return object{"id": forkID, "name": "fleet", "full_name": forgetest.Eve + "/fleet"}
	}
	return object{"id": repositoryID, "name": "fleet", "full_name": "acme/fleet"}
}

// shape gives a pull request as GitHub does. mu is held.
func (h *Hub) shape(p *pull, whole bool) object {
	owner := "acme"
	if p.fork {
		owner = forgetest.Eve
	}
	state, at := "open", p.at.Format(time.RFC3339)
	var mergedAt, closedAt, mergeCommit any
	if p.closed {
		state, closedAt = "closed", at
	}
	if p.merged != "" {
		mergedAt, mergeCommit = at, p.merged
	}
	names := make([]object, 0)
	for i, name := range p.labels {
		names = append(names, object{"id": i, "name": name, "color": "ededed"})
	}
	people := make([]object, 0)
	for _, name := range p.asked {
		people = append(people, person(name))
	}
	head := h.headOf(p)
	out := object{
		"id": 5000 + p.number, "number": p.number, "html_url": fmt.Sprintf("%s/acme/fleet/pull/%d", h.URL, p.number), "state": state, "title": p.title, "body": p.body,
		"user": person(p.author), "labels": names, "draft": false, "created_at": at, "updated_at": at, "closed_at": closedAt, "merged_at": mergedAt, "merge_commit_sha": mergeCommit,
		"requested_reviewers": people,
		"head":                object{"label": owner + ":" + p.head, "ref": p.head, "sha": head, "user": person(owner), "repo": repo(p.fork)},
		"base":                object{"label": "acme:" + p.base, "ref": p.base, "sha": h.repo.Head(p.base), "user": person("acme"), "repo": repo(false)},
	}
	if whole {
		out["merged"], out["comments"], out["mergeable"] = p.merged != "", len(p.comments), !p.closed && !h.repo.Conflicts(h.repo.Head(p.base), head)
	}
	return out
}
