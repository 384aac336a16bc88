package e2e

import (
	"bytes"
	"fmt"
	"net"
	"net/http"
	"net/http/cgi"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
)

// gitHost serves bare repositories over Git's smart HTTP protocol, on loopback.
type gitHost struct {
	dir    string
	server *http.Server
	url    string

	mu     sync.Mutex
	faulty map[string]http.HandlerFunc // by repository: what answers in Git's place
}

func newGitHost(dir string) (*gitHost, error) {
	backend, err := exec.Command("git", "--exec-path").Output()
	if err != nil {
		return nil, fmt.Errorf("git is missing: %w", err)
	}
	h := &gitHost{dir: dir, faulty: map[string]http.HandlerFunc{}}
	smart := &cgi.Handler{
		Path: filepath.Join(strings.TrimSpace(string(backend)), "git-http-backend"),
		Env:  []string{"GIT_PROJECT_ROOT=" + filepath.Join(dir, "served"), "GIT_HTTP_EXPORT_ALL=1", "REMOTE_USER=e2e"},
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	h.url = "http://" + listener.Addr().String()
	h.server = &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		name, _, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, "/"), ".git/")
		h.mu.Lock()
		answer := h.faulty[name]
		h.mu.Unlock()
		if answer != nil {
			answer(w, r)
			return
		}
		smart.ServeHTTP(w, r)
	})}
	go func() { _ = h.server.Serve(listener) }()
	return h, nil
}

func (h *gitHost) stop() { h.server.Close() }

// answer has something else answer for a repository; nil has Git answer again.
func (h *gitHost) answer(repository string, with http.HandlerFunc) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.faulty[repository] = with
}

// unreachable breaks every connection.
func unreachable(w http.ResponseWriter, _ *http.Request) {
	conn, _, err := w.(http.Hijacker).Hijack()
	if err == nil {
		conn.Close()
	}
}

// garbage answers as a sign-in page does.
func garbage(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "text/html")
	fmt.Fprint(w, "<!doctype html><title>Please sign in</title>")
}

// repository is a bare repository and a clone of it.
type repository struct {
	url   string
	bare  string
	clone string
}

// create makes an empty repository and a clone.
func (h *gitHost) create(name string) (*repository, error) {
	r := &repository{
		url: h.url + "/" + name + ".git", bare: filepath.Join(h.dir, "served", name+".git"), clone: filepath.Join(h.dir, "clones", name),
	}
	for _, dir := range []string{r.bare, r.clone} {
		if err := os.MkdirAll(dir, 0o755); err != nil {
			return nil, err
		}
	}
	if _, err := git(r.bare, "init", "-q", "--bare", "-b", "main"); err != nil {
		return nil, err
	}
	if _, err := git(r.bare, "config", "http.receivepack", "true"); err != nil {
		return nil, err
	}
	if _, err := git(r.clone, "init", "-q", "-b", "main"); err != nil {
		return nil, err
	}
	_, err := git(r.clone, "remote", "add", "origin", r.url)
	return r, err
}

// git runs git in a folder, apart from the user's settings, and gives what it printed.
func git(dir string, arguments ...string) (string, error) {
	cmd := exec.Command("git", arguments...)
	cmd.Dir = dir
	cmd.Env = []string{
		"PATH=" + os.Getenv("PATH"), "HOME=" + dir, "GIT_CONFIG_NOSYSTEM=1", "GIT_CONFIG_GLOBAL=" + os.DevNull, "GIT_TERMINAL_PROMPT=0",
		"GIT_AUTHOR_NAME=Lena", "GIT_AUTHOR_EMAIL=lena@example.com", "GIT_COMMITTER_NAME=Lena", "GIT_COMMITTER_EMAIL=lena@example.com",
	}
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		return "", fmt.Errorf("git %s: %w: %s", strings.Join(arguments, " "), err, strings.TrimSpace(stderr.String()))
	}
	return strings.TrimSpace(string(out)), nil
}
