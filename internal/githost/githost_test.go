package githost_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"plumb.dev/plumb/internal/githost"
)

// forge is a host with one repository "fleet", and what it was told of pushes.
type forge struct {
	*githost.Host
	t   *testing.T
	dir string // of the bare repository
	url string

	mu     sync.Mutex
	pushes []githost.Push
}

func newForge(t *testing.T, mode githost.Mode) *forge {
	t.Helper()
	f := &forge{Host: &githost.Host{}, t: t, dir: filepath.Join(t.TempDir(), "fleet.git")}
	f.Pushed = func(p githost.Push) {
		f.mu.Lock()
		defer f.mu.Unlock()
		f.pushes = append(f.pushes, p)
	}
	if err := githost.Init(t.Context(), f.dir); err != nil {
		t.Fatal(err)
	}
	f.Add("fleet", f.dir, mode)
	server := httptest.NewServer(f)
	t.Cleanup(server.Close)
	f.url = server.URL + "/fleet.git"
	return f
}

// git runs the real git in dir and returns what it said; fails tells whether it should fail.
func git(t *testing.T, fails bool, dir string, args ...string) string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "git", args...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "GIT_CONFIG_GLOBAL=/dev/null", "GIT_CONFIG_NOSYSTEM=1", "GIT_TERMINAL_PROMPT=0",
		"GIT_AUTHOR_NAME=a", "GIT_AUTHOR_EMAIL=a@example.com", "GIT_COMMITTER_NAME=a", "GIT_COMMITTER_EMAIL=a@example.com")
	out, err := cmd.CombinedOutput()
	if (err != nil) != fails {
		t.Fatalf("git %s: %v\n%s", strings.Join(args, " "), err, out)
	}
	return strings.TrimSpace(string(out))
}

// clone makes a working clone with one commit on main, not yet pushed.
func (f *forge) clone() string {
	f.t.Helper()
	dir := filepath.Join(f.t.TempDir(), "clone")
	git(f.t, false, "", "clone", "--quiet", f.url, dir)
	git(f.t, false, dir, "switch", "--quiet", "--orphan", "main")
	commit(f.t, dir, "file", "one")
	return dir
}

func commit(t *testing.T, dir, name, content string) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	git(t, false, dir, "add", name)
	git(t, false, dir, "commit", "--quiet", "-m", "change "+name)
}

func TestPushIsToldAndFetched(t *testing.T) {
	f := newForge(t, githost.ReadWrite)
	dir := f.clone()
	git(t, false, dir, "push", "--quiet", "origin", "main")
	head := git(t, false, dir, "rev-parse", "HEAD")
	if len(f.pushes) != 1 || len(f.pushes[0].Updates) != 1 {
		t.Fatalf("one push of one ref was made, told were %+v", f.pushes)
	}
	u := f.pushes[0].Updates[0]
	if u.Ref != "refs/heads/main" || u.New != head || strings.Trim(u.Old, "0") != "" || f.pushes[0].Repository != "fleet" {
		t.Errorf("told was %+v, pushed was %s", f.pushes[0], head)
	}
	again := filepath.Join(t.TempDir(), "again")
	git(t, false, "", "clone", "--quiet", f.url, again)
	if got := git(t, false, again, "rev-parse", "HEAD"); got != head {
		t.Errorf("cloned %s, pushed %s", got, head)
	}
}

func TestWhatAPushMayDo(t *testing.T) {
	for _, row := range []struct {
		name   string
		reason string
		args   []string
		fails  bool
		told   string // the refs that moved
	}{
		{"two branches", "each is told", []string{"main:refs/heads/a", "main:refs/heads/b"}, false, "refs/heads/a refs/heads/b"},
		{"force", "people rewrite branches", []string{"--force", "main~1:refs/heads/main"}, false, "refs/heads/main"},
		{"without force", "git refuses on the client's side, and nothing is told", []string{"main~1:refs/heads/main"}, true, ""},
		{"delete", "also of the default branch", []string{"--delete", "main"}, false, "refs/heads/main"},
		{"one refused", "a ref that git refuses did not move", []string{"main:refs/heads/good", "main:refs/heads/main/below"}, true, "refs/heads/good"},
		{"nothing new", "nothing moved", []string{"main"}, false, ""},
		{"tag", "tags are refs", []string{"main:refs/tags/v1"}, false, "refs/tags/v1"},
	} {
		t.Run(row.name, func(t *testing.T) {
			f := newForge(t, githost.ReadWrite)
			dir := f.clone()
			commit(t, dir, "file", "two")
			git(t, false, dir, "push", "--quiet", "origin", "main")
			f.pushes = nil
			git(t, row.fails, dir, append([]string{"push", "--quiet", "origin"}, row.args...)...)
			var told []string
			for _, p := range f.pushes {
				for _, u := range p.Updates {
					told = append(told, u.Ref)
				}
			}
			if got := strings.Join(told, " "); got != row.told {
				t.Errorf("%s: told %q, not %q", row.reason, got, row.told)
			}
		})
	}
}

// TestLargePush: beyond http.postBuffer git sends its pack in chunks, without a length; small ones may be gzipped.
func TestLargePush(t *testing.T) {
	f := newForge(t, githost.ReadWrite)
	dir := f.clone()
	noise := make([]byte, 3<<20)
	for i, x := 0, uint32(1); i < len(noise); i++ {
		x = x*1664525 + 1013904223
		noise[i] = byte(x >> 24)
	}
	commit(t, dir, "large", string(noise))
	git(t, false, dir, "push", "--quiet", "origin", "main")
	for i := range 300 { // many haves make the negotiation's request large, which git then gzips
		git(t, false, dir, "tag", fmt.Sprint("t", i))
	}
	git(t, false, dir, "push", "--quiet", "--tags")
	again := filepath.Join(t.TempDir(), "again")
	git(t, false, "", "clone", "--quiet", f.url, again)
	commit(t, dir, "file", "three")
	git(t, false, dir, "push", "--quiet", "origin", "main")
	git(t, false, again, "pull", "--quiet")
	if a, b := git(t, false, dir, "rev-parse", "HEAD"), git(t, false, again, "rev-parse", "HEAD"); a != b {
		t.Errorf("pushed %s, pulled %s", a, b)
	}
}

// TestPartial: a clone without blobs, the fetch of one blob, and of one commit that no ref names.
func TestPartial(t *testing.T) {
	f := newForge(t, githost.ReadWrite)
	dir := f.clone()
	old := git(t, false, dir, "rev-parse", "HEAD")
	git(t, false, dir, "push", "--quiet", "origin", "main")
	commit(t, dir, "file", "rewritten")
	git(t, false, dir, "commit", "--quiet", "--amend", "-m", "other history", "--reset-author")
	git(t, false, dir, "push", "--quiet", "--force", "origin", "main")

	bare := filepath.Join(t.TempDir(), "bare")
	git(t, false, "", "-c", "protocol.version=2", "clone", "--quiet", "--bare", "--filter=blob:none", f.url, bare)
	if missing := git(t, false, bare, "rev-list", "--objects", "--all", "--missing=print"); !strings.Contains(missing, "?") {
		t.Errorf("a clone with filter blob:none has its blobs: %s", missing)
	}
	git(t, false, bare, "fetch", "--quiet", "origin", old)
	if got := git(t, false, bare, "cat-file", "-p", "main:file"); got != "rewritten" {
		t.Errorf("the lazily fetched blob is %q", got)
	}
}

func TestReadOnly(t *testing.T) {
	f := newForge(t, githost.ReadOnly)
	dir := f.clone()
	if said := git(t, true, dir, "push", "origin", "main"); !strings.Contains(said, "403") {
		t.Errorf("a push to a read-only repository: %s", said)
	}
	git(t, false, dir, "ls-remote", f.url)
}

func TestCredentials(t *testing.T) {
	f := newForge(t, githost.ReadWrite)
	f.User, f.Password = "robot", "s3cret"
	with := func(user, password string) string {
		return strings.Replace(f.url, "://", "://"+user+":"+password+"@", 1)
	}
	for _, row := range []struct {
		url    string
		fails  bool
		reason string
	}{
		{f.url, true, "no credentials"},
		{with("robot", "wrong"), true, "a wrong password"},
		{with("other", "s3cret"), true, "a wrong user"},
		{with("robot", "s3cret"), false, "the right ones"},
	} {
		t.Run(row.reason, func(t *testing.T) { git(t, row.fails, "", "ls-remote", row.url) })
	}
	dir := filepath.Join(t.TempDir(), "clone")
	git(t, false, "", "clone", "--quiet", with("robot", "s3cret"), dir)
	git(t, false, dir, "switch", "--quiet", "--orphan", "main")
	commit(t, dir, "file", "one")
	git(t, false, dir, "push", "--quiet", "origin", "main")
	if len(f.pushes) != 1 || f.pushes[0].User != "robot" {
		t.Errorf("told was %+v", f.pushes)
	}
}

// TestHookIsNotRun: the repository at somebody's path may hold hooks; serving it runs none.
func TestHookIsNotRun(t *testing.T) {
	f := newForge(t, githost.ReadWrite)
	mark := filepath.Join(t.TempDir(), "ran")
	if err := os.MkdirAll(filepath.Join(f.dir, "hooks"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(f.dir, "hooks", "pre-receive"), []byte("#!/bin/sh\ntouch "+mark+"\n"), 0o700); err != nil {
		t.Fatal(err)
	}
	dir := f.clone()
	git(t, false, dir, "push", "--quiet", "origin", "main")
	if _, err := os.Stat(mark); err == nil {
		t.Error("a hook of the served repository was run")
	}
}

func TestWhatIsNotServed(t *testing.T) {
	f := newForge(t, githost.ReadWrite)
	server := strings.TrimSuffix(f.url, "/fleet.git")
	for _, row := range []struct {
		method, path string
		code         int
		reason       string
	}{
		{"GET", "/other.git/info/refs?service=git-upload-pack", 404, "a repository that was not added"},
		{"GET", "/..%2ffleet.git/info/refs?service=git-upload-pack", 404, "a path out of the names"},
		{"GET", "/fleet.git/info/refs", 403, "the dumb protocol"},
		{"GET", "/fleet.git/HEAD", 404, "a file"},
		{"GET", "/fleet.git/config", 404, "a file with secrets"},
		{"POST", "/fleet.git/git-upload-archive", 404, "another service"},
		{"GET", "/fleet.git/info/refs?service=git-upload-pack", 200, "the smart protocol"},
	} {
		t.Run(row.reason, func(t *testing.T) {
			req, err := http.NewRequestWithContext(context.Background(), row.method, server+row.path, nil)
			if err != nil {
				t.Fatal(err)
			}
			answer, err := http.DefaultClient.Do(req)
			if err != nil {
				t.Fatal(err)
			}
			answer.Body.Close()
			if answer.StatusCode != row.code {
				t.Errorf("%s %s: %d, not %d", row.method, row.path, answer.StatusCode, row.code)
			}
		})
	}
}
