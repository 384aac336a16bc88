package e2e

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

// gitea is a real Gitea, and a door in front of its API that can be shut.
type gitea struct {
	URL, Token, User, Password string

	door   *httptest.Server // where the agent reaches the API
	shut   atomic.Bool
	writes atomic.Int64               // statuses that were written through the door
	talks  atomic.Int64               // comments that were written or edited
	twist  func(answer string) string // what becomes of the API's answers on the way through the door; nil leaves them as they are
}

var theGitea = sync.OnceValues(startGitea)

// forgeOf gives the Gitea that the tests share.
func forgeOf(t *testing.T) *gitea {
	t.Helper()
	g, err := theGitea()
	if errors.Is(err, errNoBinary) && os.Getenv("CI") == "" {
		t.Skipf("skipped: %v; make forge builds it", err)
	}
	if err != nil {
		t.Fatal(err)
	}
	return g
}

func startGitea() (*gitea, error) {
	folder, err := binary("PLUMB_GITEA")
	if err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp("", "plumb-e2e-gitea-")
	if err != nil {
		return nil, err
	}
	cmd := exec.Command(filepath.Join(folder, "gitea-serve"), dir)
	cmd.Stderr = os.Stderr
	in, err := cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	worlds.Lock()
	worlds.ends = append(worlds.ends, func() {
		in.Close()
		_ = cmd.Wait()
		os.RemoveAll(dir)
	})
	worlds.Unlock()
	line, err := bufio.NewReader(out).ReadBytes('\n')
	if err != nil {
		return nil, fmt.Errorf("gitea did not start: %w", err)
	}
	g := &gitea{}
	if err := json.Unmarshal(line, g); err != nil {
		return nil, err
	}
	if err := g.openDoor(); err != nil {
		return nil, err
	}
	_, err = g.ask(http.MethodPost, "/orgs", map[string]any{"username": "acme"})
	return g, err
}

// openDoor serves the API at another address, where it can be down while Git is not.
func (g *gitea) openDoor() error {
	to, err := url.Parse(g.URL)
	if err != nil {
		return err
	}
	proxy := httputil.NewSingleHostReverseProxy(to)
	proxy.ModifyResponse = g.twisted
	g.door = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if g.shut.Load() {
			http.Error(w, "the forge is down", http.StatusBadGateway)
			return
		}
		if r.Method == http.MethodPost && strings.Contains(r.URL.Path, "/statuses/") {
			g.writes.Add(1)
		}
		if (r.Method == http.MethodPost || r.Method == http.MethodPatch) && strings.Contains(r.URL.Path, "/comments") {
			g.talks.Add(1)
		}
		r.Header.Del("Accept-Encoding") // what is twisted must not be packed
		proxy.ServeHTTP(w, r)
	}))
	return nil
}

// twisted changes an answer on the way through the door.
func (g *gitea) twisted(answer *http.Response) error {
	if g.twist == nil {
		return nil
	}
	body, err := io.ReadAll(answer.Body)
	if err != nil {
		return err
	}
	text := g.twist(string(body))
	answer.Body = io.NopCloser(strings.NewReader(text))
	answer.ContentLength = int64(len(text))
	answer.Header.Set("Content-Length", strconv.Itoa(len(text)))
	return nil
}

// withOwnDoor is the same Gitea behind a door that others do not use.
func (g *gitea) withOwnDoor(t *testing.T) *gitea {
	t.Helper()
	own := &gitea{URL: g.URL, Token: g.Token, User: g.User, Password: g.Password}
	if err := own.openDoor(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(own.door.Close)
	return own
}

// ask asks the API as the operator, or as who has a name and no token.
func (g *gitea) ask(method, path string, body any) ([]byte, error) {
	data, err := json.Marshal(body)
	if err != nil {
		return nil, err
	}
	req, err := http.NewRequest(method, g.URL+"/api/v1"+path, bytes.NewReader(data))
	if err != nil {
		return nil, err
	}
	req.Header.Set("Content-Type", "application/json")
	if g.Token == "" {
		req.SetBasicAuth(g.User, g.Password)
	} else {
		req.Header.Set("Authorization", "token "+g.Token)
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

func (g *gitea) must(t *testing.T, method, path string, body any) map[string]any {
	t.Helper()
	data, err := g.ask(method, path, body)
	if err != nil {
		t.Fatal(err)
	}
	out := map[string]any{}
	if len(data) > 0 && data[0] == '{' {
		if err := json.Unmarshal(data, &out); err != nil {
			t.Fatal(err)
		}
	}
	return out
}

// newForgeScenario makes a scenario whose repository lives in Gitea, with its webhook and its token.
func newForgeScenario(t *testing.T, w *world, g *gitea, name string) *scenario {
	t.Helper()
	g.must(t, http.MethodPost, "/orgs/acme/repos", map[string]any{"name": name, "default_branch": "main"})
	clone := filepath.Join(t.TempDir(), "clone")
	if err := os.MkdirAll(clone, 0o755); err != nil {
		t.Fatal(err)
	}
	address := g.URL + "/acme/" + name + ".git"
	s := &scenario{T: t, world: w, name: name, repo: &repository{url: address, clone: clone}}
	s.git("init", "-q", "-b", "main")
	s.git("remote", "add", "origin", strings.Replace(address, "://", "://"+g.User+":"+g.Password+"@", 1))
	s.make(fmt.Sprintf("apiVersion: v1\nkind: Secret\nmetadata: {name: %s-token, namespace: plumb-system}\nstringData: {token: %q, username: %q, password: %q}\n", name, g.Token, g.User, g.Password))
	s.make(fmt.Sprintf("apiVersion: v1\nkind: Secret\nmetadata: {name: %s-hook, namespace: plumb-system}\nstringData: {secret: of-gitea}\n", name))
	g.must(t, http.MethodPost, "/repos/acme/"+name+"/hooks", map[string]any{
		"type": "gitea", "active": true, "events": []string{"push", "pull_request", "pull_request_sync", "issue_comment", "pull_request_comment", "pull_request_review"},
		"config": map[string]any{"url": "http://" + w.listen + "/hooks/" + system + "/" + name, "content_type": "json", "secret": "of-gitea"},
	})
	s.spec = map[string]any{
		"url": address, "poll": "24h", "secret": name + "-token", "webhook": map[string]any{"kind": "gitea", "secret": name + "-hook"},
		"forge": map[string]any{"kind": "gitea", "secret": name + "-token", "url": g.door.URL},
	}
	t.Cleanup(s.explain)
	return s
}

// status gives what stands at a commit under a context, as "state description"; "" is nothing.
func (g *gitea) status(repo, commit, context string) (string, error) {
	data, err := g.ask(http.MethodGet, "/repos/acme/"+repo+"/commits/"+commit+"/status", nil)
	if err != nil {
		return "", err
	}
	var combined struct {
		Statuses []struct{ Context, Status, Description string }
	}
	if err := json.Unmarshal(data, &combined); err != nil {
		return "", err
	}
	for _, is := range combined.Statuses {
		if is.Context == context {
			return is.Status + " " + is.Description, nil
		}
	}
	return "", nil
}

// told waits until a commit has a status that begins with a state and has all of some words.
func (s *scenario) told(g *gitea, commit, context, state string, words ...string) {
	s.Helper()
	err := eventually(limit, func() error {
		is, err := g.status(s.name, commit, context)
		if err != nil {
			return err
		}
		if !strings.HasPrefix(is, state+" ") {
			return fmt.Errorf("%s of %s is %q, want %s", context, short(commit), is, state)
		}
		for _, w := range words {
			if !strings.Contains(is, w) {
				return fmt.Errorf("%s of %s is %q, want %q in it", context, short(commit), is, w)
			}
		}
		return nil
	})
	if err != nil {
		s.Fatal(err)
	}
}

func short(commit string) string { return commit[:min(len(commit), 7)] }

// branched pushes a commit on a branch, which is made from main if it is absent, and gives it. Gitea knows it then.
func (s *scenario) branched(g *gitea, branch string, f files) (head string) {
	s.Helper()
	s.git("fetch", "-q", "origin")
	from := "origin/main"
	if s.git("branch", "-r", "--list", "origin/"+branch) != "" {
		from = "origin/" + branch
	}
	s.git("checkout", "-q", "-B", branch, from)
	s.write(f)
	s.git("commit", "-q", "-m", "change "+branch)
	s.git("push", "-q", "origin", branch)
	head = s.git("rev-parse", "HEAD")
	err := eventually(limit, func() error { // it takes Gitea a moment to know what was pushed
		data, err := g.ask(http.MethodGet, "/repos/acme/"+s.name+"/branches/"+branch, nil)
		if err == nil && !strings.Contains(string(data), head) {
			err = errNotYet("Gitea does not know it")
		}
		return err
	})
	if err != nil {
		s.Fatal(err)
	}
	s.git("checkout", "-q", "main")
	return head
}

// opened pushes a branch and opens a pull request for it.
func (s *scenario) opened(g *gitea, branch string, f files) (number int, head string) {
	s.Helper()
	head = s.branched(g, branch, f)
	pull := g.must(s.T, http.MethodPost, "/repos/acme/"+s.name+"/pulls", map[string]any{"head": branch, "base": "main", "title": "change " + branch})
	is, _ := pull["number"].(float64)
	return int(is), head
}

// merged opens a pull request for a branch and merges it, as a person does; it gives the commit on main.
func (s *scenario) merged(g *gitea, branch string, f files) string {
	s.Helper()
	number, _ := s.opened(g, branch, f)
	return s.merge(g, number)
}

// merge merges a pull request.
func (s *scenario) merge(g *gitea, number int) (commit string) {
	s.Helper()
	return s.mergeBy(g, number, "merge")
}

// mergeBy merges a pull request by one of Gitea's ways: merge, squash, rebase.
func (s *scenario) mergeBy(g *gitea, number int, way string) (commit string) {
	s.Helper()
	path := fmt.Sprintf("/repos/acme/%s/pulls/%d", s.name, number)
	err := eventually(limit, func() error { // it takes Gitea a moment to see that it can be merged
		if _, err := g.ask(http.MethodPost, path+"/merge", map[string]any{"Do": way}); err != nil {
			return err
		}
		commit, _ = g.must(s.T, http.MethodGet, path, nil)["merge_commit_sha"].(string)
		return nil
	})
	if err != nil {
		s.Fatal(err)
	}
	return commit
}

// A merge is delivered by Gitea's webhook, and Gitea shows on the merge commit how it went, per environment: what it waits
// for, that it is ok, or which object failed and why. A commit that changed nothing is not told of.
func TestGiteaShowsHowACommitWent(t *testing.T) {
	t.Parallel()
	g := forgeOf(t)
	s := newForgeScenario(t, shared(t), g, "told")
	base := "apps/told/base/"
	first := s.commitQuietly("one", files{
		base + "kustomization.yaml":              "resources: [web.yaml]\n",
		base + "web.yaml":                        deployment("web", 1, "registry.example/web:1"),
		"apps/told/envs/test/kustomization.yaml": "resources: [../../base]\n",
		"apps/told/envs/prod/kustomization.yaml": "resources: [../../base]\n",
	})
	s.makeRepo()
	s.told(g, first, "plumb/deploy/test", "success", "told/test is ok")
	s.told(g, first, "plumb/deploy/prod", "success", "told/prod is ok")

	second := s.merged(g, "more", files{"apps/told/envs/prod/kustomization.yaml": "resources: [../../base]\nreplicas: [{name: web, count: 2}]\n"})
	s.told(g, second, "plumb/deploy/prod", "success", "told/prod is ok")
	if is, err := g.status("told", second, "plumb/deploy/test"); err != nil || is != "" {
		t.Errorf("it did not change test, and is told of it: %q, %v", is, err)
	}

	third := s.merged(g, "broken", files{base + "web.yaml": failing("web", "image-pull")})
	s.told(g, third, "plumb/deploy/prod", "failure", "Deployment web", "ImagePull")
	s.told(g, third, "plumb/deploy/test", "failure", "Deployment web", "ImagePull")
	s.told(g, second, "plumb/deploy/prod", "success", "told/prod is ok")

	fourth := s.merged(g, "mended", files{base + "web.yaml": deployment("web", 1, "registry.example/web:2")})
	s.told(g, fourth, "plumb/deploy/prod", "success", "told/prod is ok")
	s.told(g, third, "plumb/deploy/prod", "failure", "ImagePull") // it did fail

	fifth := s.merged(g, "invalid", files{"apps/told/envs/test/kustomization.yaml": "resources: [../../nowhere]\n"})
	s.told(g, fifth, "plumb/deploy/test", "failure", "nowhere")
}

// forgeReady waits until the Repo says whether its forge takes what it is told, with some words.
func (s *scenario) forgeReady(status string, words ...string) {
	s.Helper()
	s.await(s.T, "Repo/"+system+"/"+s.name, func(o *unstructured.Unstructured) error {
		list, _, _ := unstructured.NestedSlice(o.Object, "status", "conditions")
		for _, c := range list {
			is, _ := c.(map[string]any)
			if is["type"] != "ForgeReady" {
				continue
			}
			for _, w := range words {
				if !strings.Contains(is["message"].(string), w) {
					return errNotYet("%v", is)
				}
			}
			if is["status"] == status {
				return nil
			}
		}
		return errNotYet("%v", list)
	})
}

// While the forge is down everything is delivered as ever; when it is up again it is told what is true then.
func TestGiteaIsToldWhenItIsUpAgain(t *testing.T) {
	t.Parallel()
	g := forgeOf(t)
	s := newForgeScenario(t, shared(t), g, "told-late")
	own := g.withOwnDoor(t)
	s.spec["forge"].(map[string]any)["url"] = own.door.URL
	own.shut.Store(true)
	commit := s.commitQuietly("one", files{"apps/told-late/a.yaml": configMap("settings", "a", "1")})
	s.makeRepo()
	s.ok("told-late", commit)
	if err := eventually(limit, func() error {
		if text := s.said("the forge is not told", 5); !strings.Contains(text, "told-late") || !strings.Contains(text, "FORGE_DOWN") {
			return fmt.Errorf("nobody says that the forge is down: %s", text)
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	s.forgeReady("False", "FORGE_DOWN")
	own.shut.Store(false)
	s.told(g, commit, "plumb/deploy", "success", "told-late is ok")
	s.forgeReady("True")
	if n := own.writes.Load(); n != 1 {
		t.Errorf("one status was written %d times", n)
	}
}

// A read-only agent tells a forge nothing. One that may write tells what it then does, and an agent that starts anew does not
// tell it again.
func TestGiteaIsToldOnceAndNotByAReadOnlyAgent(t *testing.T) {
	g := forgeOf(t)
	w := lives(t)
	own := g.withOwnDoor(t)
	s := newForgeScenario(t, w, own, "told-once")
	s.restarted("--read-only")
	commit := s.commitQuietly("one", files{"apps/told-once/a.yaml": configMap("settings", "a", "1")})
	s.makeRepo()
	s.wouldDo("told-once", "ReadOnly", "create Namespace/told-once", "create ConfigMap/told-once/settings")
	s.sync("told-once")
	s.until("told-once", func(a appStatus) error {
		if a.Handled.Sync == "" {
			return errNotYet("the sync was not taken up")
		}
		return nil
	})
	if n := own.writes.Load(); n != 0 {
		t.Errorf("the read-only agent wrote %d statuses", n)
	}
	s.restarted("--page-url", "https://plumb.example.com")
	s.ok("told-once", commit)
	s.told(g, commit, "plumb/deploy", "success", "told-once is ok")
	all, err := g.ask(http.MethodGet, "/repos/acme/"+s.name+"/commits/"+commit+"/statuses", nil)
	if err != nil || strings.Contains(string(all), "read-only") {
		t.Errorf("the read-only agent told of it: %s, %v", all, err)
	}
	if link := "https://plumb.example.com/app/" + system + "/told-once"; !strings.Contains(string(all), `"target_url":"`+link+`"`) {
		t.Errorf("the status does not link to %s: %s", link, all)
	}
	written := own.writes.Load()
	s.restarted()
	second := s.commitQuietly("two", files{"apps/told-once/a.yaml": configMap("settings", "a", "2")})
	s.sync("told-once")
	s.told(g, second, "plumb/deploy", "success", "told-once is ok")
	if n := own.writes.Load() - written; n > 2 {
		t.Errorf("one commit came, and %d statuses were written", n)
	}
}
