package source_test

import (
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"plumb.dev/plumb/internal/fault"
	"plumb.dev/plumb/internal/source"
	"plumb.dev/plumb/internal/source/sourcetest"
)

const token = "s3cr3t-token-of-ada"

var encoded = base64.StdEncoding.EncodeToString([]byte("x-access-token:" + token))

// scene is a served repository with a first commit, and a mirror that has it.
type scene struct {
	*testing.T
	repo   *sourcetest.Repo
	server *sourcetest.Server
	cache  string
	mirror *source.Mirror
	first  source.Head
}

func newScene(t *testing.T, options source.Options) *scene {
	s := &scene{T: t, repo: sourcetest.NewRepo(t), cache: t.TempDir()}
	s.repo.Commit("main", "first", sourcetest.File("a", "first"), sourcetest.File("dir/b", strings.Repeat("b", 5000)))
	s.server = sourcetest.Serve(t, s.repo.AllowFilter(), sourcetest.ServerOptions{User: "x-access-token", Password: token})
	s.open(options)
	var err error
	if s.first, err = s.pull(); err != nil {
		t.Fatal(err)
	}
	return s
}

func (s *scene) open(options source.Options) {
	s.Helper()
	var err error
	s.mirror, err = source.Open(s.cache, source.Remote{URL: s.server.URL, Token: token}, options)
	if err != nil {
		s.Fatal(err)
	}
	s.Cleanup(func() { s.mirror.Close() })
}

// pull makes one pass over main; what it fetched must be readable.
func (s *scene) pull() (source.Head, error) {
	head, err := s.mirror.Resolve(s.Context(), "main")
	if err == nil {
		err = s.mirror.Fetch(s.Context(), head)
	}
	if err == nil {
		err = s.mirror.Complete(s.Context(), head.Commit, []string{"."})
	}
	return head, err
}

func (s *scene) reads(head source.Head, want string) {
	s.Helper()
	snapshot, err := s.mirror.Snapshot(s.Context(), head.Commit)
	if err != nil {
		s.Error(err)
		return
	}
	if content, err := snapshot.ReadFile("a"); err != nil || string(content) != want {
		s.Errorf("a holds %q (%v), want %q", content, err, want)
	}
}

func (s *scene) folder() string {
	s.Helper()
	found, err := filepath.Glob(filepath.Join(s.cache, "*.git"))
	if err != nil || len(found) != 1 {
		s.Fatalf("the cache holds %q (%v), want one mirror", found, err)
	}
	return found[0]
}

func status(code int) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		http.Error(w, "sorry\x1b[31m "+r.Header.Get("Authorization"), code)
	}
}

const anyCode = "*"

// TestServerFaults: whatever a server does, the error says what, in bounded and clean words without the credential, the last
// good state stays readable, and the next pass over a mended server succeeds.
func TestServerFaults(t *testing.T) {
	for _, test := range []struct {
		name   string
		broken func(*scene) http.HandlerFunc
		want   fault.Reason
		code   string
		text   string
		reason string
	}{
		{"401", func(*scene) http.HandlerFunc { return status(401) }, fault.CredentialsRefused, "", "credentials", "the token was revoked"},
		{"403", func(*scene) http.HandlerFunc { return status(403) }, fault.CredentialsRefused, "", "forbids", "the token may not read"},
		{"404", func(*scene) http.HandlerFunc { return status(404) }, fault.FetchFailed, "", "no such repository", "moved, or not shown"},
		{"429", func(*scene) http.HandlerFunc { return status(429) }, fault.FetchFailed, "", "too often", "a rate limit"},
		{"500", func(*scene) http.HandlerFunc { return status(500) }, fault.FetchFailed, "", "500", "the server is ill"},
		{"a page", page, fault.FetchFailed, "", "as a Git server does", "a login page with status 200"},
		{"a page with lines", pageLines, fault.FetchFailed, "", "as a Git server does", "the same, longer"},
		{"a page that claims to be Git", liar, fault.FetchFailed, "", "", "garbage of the right type"},
		{"silence", silent, fault.FetchFailed, source.CodeDeadline, "no complete answer within 2s", "it accepts and says nothing"},
		{"a drip", drip, fault.FetchFailed, source.CodeDeadline, "no complete answer", "a byte now and then"},
		{"a flood", flood, fault.FetchFailed, anyCode, "", "refs without end: memory or time ends it"},
		{"half a pack", truncated, fault.FetchFailed, "", "", "the connection breaks in mid-transfer"},
		{"silence in mid-fetch", silentPost, fault.FetchFailed, source.CodeDeadline, "no complete answer", "it hangs after the refs"},
		{"another object", corrupting, fault.FetchFailed, "", "", "bits flip on the way"},
	} {
		t.Run(test.name, func(t *testing.T) {
			s := newScene(t, source.Options{})
			s.mirror.Close()
			if test.code == source.CodeDeadline || test.code == anyCode {
				s.open(source.Options{AskTimeout: 2 * time.Second, FetchTimeout: 2 * time.Second})
			} else {
				s.open(source.Options{})
			}
			s.repo.Commit("main", "second", sourcetest.File("a", "second"))
			s.server.Break(test.broken(s))
			start := time.Now()
			_, err := s.pull()
			f := fault.Of(err, "")
			if f == nil || f.Reason != test.want || test.code != anyCode && f.Code != test.code || !strings.Contains(f.Error(), test.text) {
				t.Errorf("%s: the error is %v, want %s %s with %q", test.reason, err, test.want, test.code, test.text)
			}
			if said := fmt.Sprintf("%v %+v", err, f); len(f.Error()) > 900 || strings.Contains(said, token) || strings.Contains(said, encoded) || strings.Contains(said, "\x1b") {
				t.Errorf("the error is too long, or shows a credential or a control character: %q", said)
			}
			if took := time.Since(start); took > time.Minute {
				t.Errorf("it took %s", took)
			}
			s.reads(s.first, "first")
			state := s.mirror.State("main")
			if state.Head != s.first || state.StaleSince.IsZero() {
				t.Errorf("the state is %+v, want the first commit and since when it is stale", state)
			}
			if want := map[bool]fault.Reason{true: fault.SourceStale, false: test.want}[test.want == fault.FetchFailed]; !fault.Is(state.Fault(), want) {
				t.Errorf("the state's fault is %v, want %s", state.Fault(), want)
			}
			s.server.Mend()
			s.mirror.Close()
			s.open(source.Options{})
			head, err := s.pull()
			if err != nil {
				t.Fatalf("after the server was mended: %v", err)
			}
			s.reads(head, "second")
			if state := s.mirror.State("main"); state.Head != head || !state.StaleSince.IsZero() || state.Fault() != nil {
				t.Errorf("after the server was mended the state is %+v", state)
			}
		})
	}
}

// TestRedirect: a redirect is not followed, and the credential goes nowhere else.
func TestRedirect(t *testing.T) {
	s := newScene(t, source.Options{})
	var asked atomic.Int64
	other := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { asked.Add(1) }))
	defer other.Close()
	s.server.Break(func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, other.URL+r.URL.Path+"?"+r.URL.RawQuery, http.StatusFound)
	})
	_, err := s.pull()
	if !fault.Is(err, fault.FetchFailed) || !strings.Contains(err.Error(), "redirect") {
		t.Errorf("the error is %v", err)
	}
	if asked.Load() != 0 {
		t.Errorf("the other server was asked %d times", asked.Load())
	}
}

// TestUntrusted: a server whose authority nobody named is not talked to.
func TestUntrusted(t *testing.T) {
	repo := sourcetest.NewRepo(t)
	repo.Commit("main", "x", sourcetest.File("a", "1"))
	server := sourcetest.Serve(t, repo, sourcetest.ServerOptions{TLS: true})
	m, err := source.Open(t.TempDir(), source.Remote{URL: server.URL, Token: token}, source.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	if _, err := m.Resolve(t.Context(), ""); !fault.Is(err, fault.FetchFailed) || !strings.Contains(err.Error(), "not trusted") {
		t.Errorf("the error is %v", err)
	}
	if err := m.Renew(source.Remote{URL: server.URL, CA: server.CA}); err != nil {
		t.Fatal(err)
	}
	if _, err := m.Resolve(t.Context(), ""); err != nil {
		t.Errorf("with the authority's certificate: %v", err)
	}
}

// descendants gives the processes that this one started, directly or not, of which the name begins with git.
func descendants(t *testing.T) (pids []int) {
	t.Helper()
	parents := map[int]int{}
	names := map[int]string{}
	folders, err := filepath.Glob("/proc/[0-9]*")
	if err != nil {
		t.Fatal(err)
	}
	for _, folder := range folders {
		text, err := os.ReadFile(folder + "/stat")
		if err != nil {
			continue // it ended meanwhile
		}
		pid, _ := strconv.Atoi(filepath.Base(folder))
		open, end := bytes.IndexByte(text, '('), bytes.LastIndexByte(text, ')')
		fields := strings.Fields(string(text[end+1:]))
		if fields[0] == "Z" {
			continue
		}
		names[pid] = string(text[open+1 : end])
		parents[pid], _ = strconv.Atoi(fields[1])
	}
	for pid := range parents {
		for up := parents[pid]; up > 1; up = parents[up] {
			if up == os.Getpid() && strings.HasPrefix(names[pid], "git") {
				pids = append(pids, pid)
			}
		}
	}
	return pids
}

// eventually waits for a condition.
func eventually(t *testing.T, what string, holds func() bool) {
	t.Helper()
	for end := time.Now().Add(time.Minute); !holds(); {
		if time.Now().After(end) {
			t.Fatalf("never: %s", what)
		}
		select {
		case <-time.After(5 * time.Millisecond):
		case <-t.Context().Done():
			t.Fatal("the test ended")
		}
	}
}

// inFetch starts a fetch that hangs in the middle, hands over the moment when it does, and gives its error.
func (s *scene) inFetch(ctx context.Context, moment func()) error {
	reached := make(chan struct{}, 16)
	s.server.Break(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodPost {
			reached <- struct{}{}
			sourcetest.Hang(w, r)
			return
		}
		s.server.Truth(w, r)
	})
	defer s.server.Mend()
	id := s.repo.Commit("main", "second", sourcetest.File("a", "second"))
	ended := make(chan error, 1)
	go func() {
		ended <- s.mirror.Fetch(ctx, source.Head{Commit: id, Ref: "refs/heads/main", Kind: source.Branch})
	}()
	<-reached
	moment()
	return <-ended
}

// TestCredentialIsNowhere looks, while git talks to a server, at everything of git that another user or a child could see.
func TestCredentialIsNowhere(t *testing.T) {
	s := newScene(t, source.Options{FetchTimeout: 30 * time.Second})
	ctx, cancel := context.WithCancel(t.Context())
	err := s.inFetch(ctx, func() {
		pids := descendants(t)
		if len(pids) < 2 {
			t.Errorf("only %d gits run", len(pids))
		}
		for _, pid := range pids {
			for _, file := range []string{"cmdline", "environ"} {
				text, err := os.ReadFile(fmt.Sprintf("/proc/%d/%s", pid, file))
				if err != nil {
					t.Error(err)
				}
				if bytes.Contains(text, []byte(token)) || bytes.Contains(text, []byte(encoded)) {
					t.Errorf("the credential is in %s of a git", file)
				}
			}
		}
		cancel()
	})
	if !errors.Is(err, context.Canceled) {
		t.Errorf("a caller that gives up gets %v", err)
	}
	if state := s.mirror.State("main"); !state.StaleSince.IsZero() {
		t.Errorf("a caller that gives up makes the source stale: %+v", state)
	}
	s.mirror.Close()
	eventually(t, "all gits are gone", func() bool { return len(descendants(t)) == 0 })
	_ = filepath.WalkDir(s.cache, func(path string, entry os.DirEntry, _ error) error {
		text, _ := os.ReadFile(path)
		if bytes.Contains(text, []byte(token)) || bytes.Contains(text, []byte(encoded)) {
			t.Errorf("the credential is in %s", path)
		}
		return nil
	})
	for _, shown := range []string{fmt.Sprintf("%v", source.Remote{URL: "u", Token: token}), fmt.Sprintf("%+v", source.Remote{URL: "u", Token: token}),
		fmt.Sprintf("%#v", source.Remote{URL: "u", Token: token}), fmt.Sprintf("%+v", &source.Remote{URL: "u", Token: token})} {
		if strings.Contains(shown, token) {
			t.Errorf("a Remote shows its credential: %s", shown)
		}
	}
}

// TestKilledGit: git killed in the middle of a fetch, or of a read, costs that fetch, and nothing else.
func TestKilledGit(t *testing.T) {
	s := newScene(t, source.Options{})
	err := s.inFetch(t.Context(), func() {
		for _, pid := range descendants(t) {
			_ = syscall.Kill(pid, syscall.SIGKILL)
		}
	})
	if !fault.Is(err, fault.FetchFailed) {
		t.Errorf("the error is %v", err)
	}
	s.reads(s.first, "first")
	for _, left := range []string{"HEAD.lock", "config.lock", "packed-refs.lock", "shallow.lock", "objects/pack/tmp_pack_x1", "objects/pack/tmp_idx_x1",
		"refs/plumb/seen/x.lock", "refs/plumb/guard/.tmp-1"} {
		if err := os.WriteFile(filepath.Join(s.folder(), left), []byte("half"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	head, err := s.pull()
	if err != nil {
		t.Fatalf("over what a killed git left: %v", err)
	}
	s.reads(head, "second")
	for _, pid := range descendants(t) {
		_ = syscall.Kill(pid, syscall.SIGKILL)
	}
	snapshot, err := s.mirror.Snapshot(t.Context(), head.Commit)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := snapshot.ReadFile("dir/b"); err != nil {
		t.Errorf("a read after the reading git was killed: %v", err)
	}
}

// TestIdle: a mirror that nobody reads has no children.
func TestIdle(t *testing.T) {
	s := newScene(t, source.Options{Idle: 30 * time.Millisecond})
	eventually(t, "the reading git is ended", func() bool { return len(descendants(t)) == 0 })
	s.reads(s.first, "first")
}

// TestOldGit: a git that cannot do what is needed is refused at once, by name.
func TestOldGit(t *testing.T) {
	for name, script := range map[string]string{"old": "echo git version 2.30.2", "other": "echo hub", "broken": "exit 3"} {
		git := filepath.Join(t.TempDir(), name)
		if err := os.WriteFile(git, []byte("#!/bin/sh\n"+script+"\n"), 0o700); err != nil {
			t.Fatal(err)
		}
		_, err := source.Open(t.TempDir(), source.Remote{URL: "https://git.example.com/x"}, source.Options{Git: git})
		if f := fault.Of(err, ""); f == nil || f.Reason != fault.FetchFailed || !strings.Contains(f.Next, "2.39") {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := source.Open(t.TempDir(), source.Remote{URL: "https://git.example.com/x"}, source.Options{Git: "no-such-git"}); !fault.Is(err, fault.FetchFailed) {
		t.Errorf("no git: %v", err)
	}
}

// TestOpen: what is wrong with a Remote is said before anything is made.
func TestOpen(t *testing.T) {
	for _, test := range []struct {
		remote source.Remote
		want   fault.Reason
		reason string
	}{
		{source.Remote{URL: "ext::id"}, fault.UnsafeURL, "a program"},
		{source.Remote{URL: "file:///srv/x"}, fault.UnsafeURL, "a local repository where none is allowed"},
		{source.Remote{URL: "https://git.example.com/x", CA: []byte("no PEM")}, fault.InvalidSettings, "a CA that is none"},
	} {
		cache := filepath.Join(t.TempDir(), "cache")
		if _, err := source.Open(cache, test.remote, source.Options{}); !fault.Is(err, test.want) {
			t.Errorf("%s: %v, want %s", test.reason, err, test.want)
		}
		if made, _ := filepath.Glob(filepath.Join(cache, "*")); len(made) > 0 {
			t.Errorf("%s: %q was made", test.reason, made)
		}
	}
	m, err := source.Open(t.TempDir(), source.Remote{URL: "https://git.example.com/x"}, source.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	if err := m.Renew(source.Remote{URL: "https://git.example.com/y"}); !fault.Is(err, fault.UnsafeURL) {
		t.Errorf("another repository: %v", err)
	}
	cache := t.TempDir()
	private, err := source.Open(cache, source.Remote{URL: "https://git.example.com/x"}, source.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer private.Close()
	found, _ := filepath.Glob(filepath.Join(cache, "*.git"))
	if info, err := os.Stat(found[0]); err != nil || info.Mode().Perm() != 0o700 {
		t.Errorf("the mirror can be read by others: %v", info.Mode())
	}
}

// TestKilledAgent: the whole process is killed while it fetches. Its git dies with it, and the next process goes on.
func TestKilledAgent(t *testing.T) {
	if folder := os.Getenv("PLUMB_TEST_FETCH"); folder != "" {
		fetchForever(t, folder)
		return
	}
	s := newScene(t, source.Options{})
	s.mirror.Close()
	id := s.repo.Commit("main", "second", sourcetest.File("a", "second"))
	reached := make(chan struct{}, 16)
	s.server.Break(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodPost {
			reached <- struct{}{}
			sourcetest.Hang(w, r)
			return
		}
		s.server.Truth(w, r)
	})
	agent := exec.Command(os.Args[0], "-test.run=^TestKilledAgent$")
	agent.Env = append(os.Environ(), "PLUMB_TEST_FETCH="+s.cache, "PLUMB_TEST_URL="+s.server.URL, "PLUMB_TEST_COMMIT="+id)
	if err := agent.Start(); err != nil {
		t.Fatal(err)
	}
	<-reached
	if err := agent.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = agent.Wait() // killed
	s.server.Mend()
	s.open(source.Options{})
	s.reads(s.first, "first")
	head, err := s.pull()
	if err != nil {
		t.Fatal(err)
	}
	s.reads(head, "second")
}

func fetchForever(t *testing.T, cache string) {
	m, err := source.Open(cache, source.Remote{URL: os.Getenv("PLUMB_TEST_URL"), Token: token}, source.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Fatal(m.Fetch(t.Context(), source.Head{Commit: os.Getenv("PLUMB_TEST_COMMIT"), Ref: "refs/heads/main", Kind: source.Branch}))
}

// TestSHA256: a repository of another hash is refused by name, not misread.
func TestSHA256(t *testing.T) {
	repo := sourcetest.NewRepo(t)
	repo.Git("init", "--quiet", "--bare", "--object-format=sha256", "other.git")
	other := *repo
	other.Dir = filepath.Join(repo.Dir, "other.git")
	other.Commit("main", "x", sourcetest.File("a", "1"))
	for name, transport := range map[string]sourcetest.Transport{"local": local, "http": plainHTTP} {
		m, err := source.Open(t.TempDir(), transport(t, &other), source.Options{})
		if err != nil {
			t.Fatal(err)
		}
		defer m.Close()
		if _, err := m.Resolve(t.Context(), "main"); !fault.Is(err, fault.Unsupported) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
