// Package giteatest holds the adapter of Gitea against the contract of the port, on a real Gitea.
//
// The other sides of the suite, who push, review, comment and read, use git and plain HTTP, never the adapter's library. The
// package holds no code but tests, which the stage forge of make test runs: they need the program that make gitea builds.
//
// Start at TestGiteaKeepsTheContract.
package giteatest

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"plumb.dev/plumb/internal/forge"
	"plumb.dev/plumb/internal/forge/forgetest"
	"plumb.dev/plumb/internal/redact"
	"plumb.dev/plumb/internal/source/webhook"
)

const password = "of-everybody"

// server is the Gitea that all tests share.
type server struct {
	URL, Token string
	bot        string // the Bot's token
}

var shared = struct {
	sync.Once
	server
	err  error
	stop func()
}{stop: func() {}}

func TestMain(m *testing.M) {
	code := m.Run()
	shared.stop()
	os.Exit(code)
}

// gitea gives the Gitea that all tests share.
func gitea(t *testing.T) server {
	t.Helper()
	folder := os.Getenv("PLUMB_GITEA")
	if _, err := os.Stat(filepath.Join(folder, "gitea-serve")); folder == "" || err != nil {
		if os.Getenv("CI") == "" {
			t.Skip("skipped: PLUMB_GITEA names no folder with a Gitea; make forge builds it")
		}
		t.Fatalf("PLUMB_GITEA names no folder with a Gitea: %q", folder)
	}
	shared.Do(func() { shared.err = start(folder) })
	if shared.err != nil {
		t.Fatal(shared.err)
	}
	return shared.server
}

// start starts Gitea, with the people of the suite and an organisation.
func start(folder string) error {
	dir, err := os.MkdirTemp("", "plumb-gitea-")
	if err != nil {
		return err
	}
	cmd := exec.Command(filepath.Join(folder, "gitea-serve"), dir)
	cmd.Stderr = os.Stderr
	in, err := cmd.StdinPipe()
	if err != nil {
		return err
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return err
	}
	if err := cmd.Start(); err != nil {
		return err
	}
	shared.stop = func() {
		in.Close()
		_ = cmd.Wait()
		os.RemoveAll(dir)
	}
	line, err := bufio.NewReader(out).ReadBytes('\n')
	if err != nil {
		return fmt.Errorf("gitea did not start: %w", err)
	}
	if err := json.Unmarshal(line, &shared.server); err != nil {
		return err
	}
	for _, name := range []string{forgetest.Bot, forgetest.Ada, forgetest.Rob, forgetest.Eve} {
		body := map[string]any{"username": name, "email": name + "@example.com", "password": password, "must_change_password": false}
		if _, err := shared.as("", http.MethodPost, "/admin/users", body); err != nil {
			return err
		}
	}
	token, err := shared.as(forgetest.Bot, http.MethodPost, "/users/"+forgetest.Bot+"/tokens", map[string]any{
		"name": "plumb", "scopes": []string{"write:repository", "write:issue", "read:user"}})
	if err != nil {
		return err
	}
	shared.bot = token["sha1"].(string)
	_, err = shared.as("", http.MethodPost, "/orgs", map[string]any{"username": "acme"})
	return err
}

// as asks the API as a user, "" is the operator, and gives an object that it answers.
func (s server) as(user, method, path string, body any) (map[string]any, error) {
	data, err := s.ask(user, method, path, body)
	out := map[string]any{}
	if err == nil && len(data) > 0 && data[0] == '{' {
		err = json.Unmarshal(data, &out)
	}
	return out, err
}

func (s server) ask(user, method, path string, body any) ([]byte, error) {
	data, err := json.Marshal(body)
	if err != nil {
		return nil, err
	}
	req, err := http.NewRequest(method, s.URL+"/api/v1"+path, bytes.NewReader(data))
	if err != nil {
		return nil, err
	}
	req.Header.Set("Content-Type", "application/json")
	if user == "" {
		req.Header.Set("Authorization", "token "+s.Token)
	} else {
		req.SetBasicAuth(user, password)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(resp.Body)
	if err == nil && resp.StatusCode/100 != 2 {
		err = fmt.Errorf("%s %s: %s: %s", method, path, resp.Status, answer)
	}
	return answer, err
}

// stage is a repository of a test.
type stage struct {
	*testing.T
	server
	name  string
	clone string
}

var scenes atomic.Int64

func scene(t *testing.T) forgetest.Scene {
	s := &stage{T: t, server: gitea(t), name: fmt.Sprintf("fleet-%d", scenes.Add(1)), clone: t.TempDir()}
	s.do("", http.MethodPost, "/orgs/acme/repos", map[string]any{"name": s.name, "auto_init": true, "default_branch": "main"})
	for user, right := range map[string]string{forgetest.Bot: "admin", forgetest.Ada: "write", forgetest.Rob: "read"} {
		s.do("", http.MethodPut, "/repos/acme/"+s.name+"/collaborators/"+user, map[string]any{"permission": right})
	}
	s.git("clone", "-q", s.remote(forgetest.Ada, "acme"), ".")
	return forgetest.Scene{
		Access: forge.Access{Kind: forge.Gitea, URL: s.URL, Repository: "acme/" + s.name, Token: redact.Hide(s.bot)},
		Push: func(branch, from string, files map[string]string) string {
			return s.push("origin", branch, from, files)
		},
		Fork:    s.fork,
		Ask:     s.askFor,
		Review:  s.review,
		Comment: s.comment,
		Shown:   s.shown,
	}
}

func (s *stage) do(user, method, path string, body any) map[string]any {
	s.Helper()
	out, err := s.as(user, method, path, body)
	if err != nil {
		s.Fatal(err)
	}
	return out
}

func (s *stage) remote(user, owner string) string {
	u, err := url.Parse(s.URL)
	if err != nil {
		s.Fatal(err)
	}
	u.User, u.Path = url.UserPassword(user, password), "/"+owner+"/"+s.name+".git"
	return u.String()
}

func (s *stage) git(arguments ...string) string {
	s.Helper()
	cmd := exec.Command("git", arguments...)
	cmd.Dir = s.clone
	cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "HOME=" + s.clone, "GIT_CONFIG_NOSYSTEM=1", "GIT_CONFIG_GLOBAL=" + os.DevNull, "GIT_TERMINAL_PROMPT=0",
		"GIT_AUTHOR_NAME=Ada", "GIT_AUTHOR_EMAIL=ada@example.com", "GIT_COMMITTER_NAME=Ada", "GIT_COMMITTER_EMAIL=ada@example.com"}
	var said bytes.Buffer
	cmd.Stderr = &said
	out, err := cmd.Output()
	if err != nil {
		s.Fatalf("git %s: %v: %s", strings.Join(arguments, " "), err, said.String())
	}
	return strings.TrimSpace(string(out))
}

func (s *stage) push(remote, branch, from string, files map[string]string) string {
	s.Helper()
	s.git("fetch", "-q", "origin")
	start := "origin/" + branch
	if from != "" {
		start = "origin/" + from
	}
	s.git("checkout", "-q", "--detach", start)
	for path, content := range files {
		file := filepath.Join(s.clone, path)
		if content == "" {
			s.git("rm", "-q", path)
			continue
		}
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			s.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(content), 0o644); err != nil {
			s.Fatal(err)
		}
	}
	s.git("add", "-A")
	s.git("commit", "-q", "-m", "change "+branch)
	s.git("push", "-q", remote, "HEAD:refs/heads/"+branch)
	commit := s.git("rev-parse", "HEAD")
	s.known(remote, branch, commit)
	return commit
}

// known waits until Gitea knows what was pushed: it takes it a moment.
func (s *stage) known(remote, branch, commit string) {
	s.Helper()
	owner := map[string]string{"origin": "acme", "eve": forgetest.Eve}[remote]
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	deadline := time.After(time.Minute)
	for {
		answer, err := s.as(forgetest.Ada, http.MethodGet, "/repos/"+owner+"/"+s.name+"/branches/"+branch, nil)
		head, _ := answer["commit"].(map[string]any)
		if err == nil && head["id"] == commit {
			return
		}
		select {
		case <-deadline:
			s.Fatalf("Gitea does not know %s at %s: %v %v", branch, commit, head["id"], err)
		case <-tick.C:
		}
	}
}

func (s *stage) fork(branch string, files map[string]string) int {
	s.do(forgetest.Eve, http.MethodPost, "/repos/acme/"+s.name+"/forks", map[string]any{})
	s.git("remote", "add", "eve", s.remote(forgetest.Eve, forgetest.Eve))
	s.push("eve", branch, "main", files)
	made := s.do(forgetest.Eve, http.MethodPost, "/repos/acme/"+s.name+"/pulls", map[string]any{"head": forgetest.Eve + ":" + branch, "base": "main", "title": "from a fork"})
	return int(made["number"].(float64))
}

func (s *stage) askFor(number int, user string) {
	s.do("", http.MethodPost, fmt.Sprintf("/repos/acme/%s/pulls/%d/requested_reviewers", s.name, number), map[string]any{"reviewers": []string{user}})
}

func (s *stage) review(number int, user string, verdict forge.Verdict) {
	event := map[forge.Verdict]string{forge.Approved: "APPROVED", forge.Objected: "REQUEST_CHANGES", forge.Commented: "COMMENT"}[verdict]
	s.do(user, http.MethodPost, fmt.Sprintf("/repos/acme/%s/pulls/%d/reviews", s.name, number), map[string]any{"event": event, "body": "my opinion"})
}

func (s *stage) comment(number int, user, text string) {
	s.do(user, http.MethodPost, fmt.Sprintf("/repos/acme/%s/issues/%d/comments", s.name, number), map[string]any{"body": text})
}

// shown gives the latest status of a context.
func (s *stage) shown(commit, context string) []forge.Status {
	data, err := s.ask("", http.MethodGet, "/repos/acme/"+s.name+"/commits/"+commit+"/status", nil)
	if err != nil {
		s.Fatal(err)
	}
	var combined struct {
		Statuses []struct {
			Context, Status, Description string
			Target                       string `json:"target_url"`
		}
	}
	if err := json.Unmarshal(data, &combined); err != nil {
		s.Fatal(err)
	}
	var out []forge.Status
	for _, is := range combined.Statuses {
		if is.Context == context {
			out = append(out, forge.Status{Context: context, State: forge.State(is.Status), Description: is.Description, URL: is.Target})
		}
	}
	return out
}

func TestGiteaKeepsTheContract(t *testing.T) { forgetest.Run(t, scene) }

// delivered is a delivery of Gitea's as it came.
type delivered struct {
	header http.Header
	body   []byte
}

// What Gitea itself sends is genuine, and says which pull request it is about, or that a branch moved.
func TestGiteaDeliversWhatIsRead(t *testing.T) {
	const secret = "of-the-hook"
	came := make(chan delivered, 100)
	hook := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		came <- delivered{r.Header.Clone(), body}
	}))
	t.Cleanup(hook.Close)
	sc := scene(t)
	s := gitea(t)
	path := "/repos/" + sc.Access.Repository
	if _, err := s.as("", http.MethodPost, path+"/hooks", map[string]any{
		"type": "gitea", "active": true, "events": []string{"push", "pull_request", "pull_request_sync", "pull_request_comment", "pull_request_review", "issue_comment", "issues"},
		"config": map[string]any{"url": hook.URL, "content_type": "json", "secret": secret},
	}); err != nil {
		t.Fatal(err)
	}
	// until waits for a delivery of an event, and judges each that comes.
	until := func(what string, is func(webhook.Delivery) bool) {
		t.Helper()
		deadline := time.After(time.Minute)
		var seen []string
		for {
			select {
			case d := <-came:
				if !webhook.Verify(webhook.Gitea, secret, d.header, d.body, time.Now()) || webhook.Verify(webhook.Gitea, "another", d.header, d.body, time.Now()) {
					t.Fatalf("%s is not known as genuine: %v", d.header.Get("X-Gitea-Event"), d.header)
				}
				read, err := webhook.Read(webhook.Gitea, d.header, d.body)
				if err != nil || len(read.Marks) != 2 {
					t.Fatalf("%s: %+v, %v", d.header.Get("X-Gitea-Event"), read, err)
				}
				if is(read) {
					return
				}
				seen = append(seen, fmt.Sprintf("%s %s: %d", d.header.Get("X-Gitea-Event"), d.header.Get("X-Gitea-Event-Type"), read.Pull))
			case <-deadline:
				t.Fatalf("no delivery says that %s; there were %v", what, seen)
			}
		}
	}
	about := func(event string, number int) func(webhook.Delivery) bool {
		return func(d webhook.Delivery) bool {
			own := slices.ContainsFunc(d.Addresses, func(a string) bool { return webhook.Same(a, s.URL+"/"+sc.Access.Repository) })
			return d.Pull == number && own && d.Event == event && !d.Moved
		}
	}
	sc.Push("topic", "main", map[string]string{"a.yaml": "a: 1\n"})
	until("a branch moved", func(d webhook.Delivery) bool { return d.Moved && d.Ref == "refs/heads/topic" })
	made, err := s.as(forgetest.Ada, http.MethodPost, path+"/pulls", map[string]any{"head": "topic", "base": "main", "title": "t"})
	if err != nil {
		t.Fatal(err)
	}
	number := int(made["number"].(float64))
	until("it was opened", about("pull_request", number))
	sc.Push("topic", "", map[string]string{"a.yaml": "a: 2\n"})
	until("it was pushed to", about("pull_request", number))
	sc.Comment(number, forgetest.Rob, "/plan")
	until("it was commented on", about("issue_comment", number))
	sc.Review(number, forgetest.Rob, forge.Approved)
	until("it was approved", about("pull_request_approved", number))
	issue, err := s.as(forgetest.Rob, http.MethodPost, path+"/issues", map[string]any{"title": "an issue"})
	if err != nil {
		t.Fatal(err)
	}
	sc.Comment(int(issue["number"].(float64)), forgetest.Rob, "not about a pull request")
	until("an issue was commented on", func(d webhook.Delivery) bool { return d.Event == "issue_comment" && d.Pull == 0 })
}
