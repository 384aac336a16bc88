package playground

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"plumb.dev/plumb/examples"
	"plumb.dev/plumb/internal/githost"
)

// repository is what the agent follows: a bare repository of our own with a working clone beside it, or the user's.
type repository struct {
	dir    string // the working clone, or the path that was given
	url    string
	branch string // of the user's repository, as it was at the start; "" is the default branch of our own
	own    bool

	server  *http.Server
	changes chan string // a ref that moved; at most one waits, as the agent looks at all of them
}

// openRepository makes what is missing and serves it at the port of the last start.
func openRepository(ctx context.Context, o Options, s *state) (*repository, error) {
	r := &repository{changes: make(chan string, 1), own: o.Path == ""}
	served, mode := s.bareDir(), githost.ReadWrite
	if r.own {
		if err := seed(ctx, o, s); err != nil {
			return nil, fmt.Errorf("make the repository: %w", err)
		}
	} else {
		found, err := findUserRepository(ctx, o.Path)
		if err != nil {
			return nil, err
		}
		r.dir, r.branch = found.dir, found.branch
		served, mode = found.gitDir, githost.ReadOnly
		go followRefs(ctx, found, r.changed)
	}
	if err := r.serve(s, served, mode); err != nil {
		return nil, err
	}
	if r.own {
		r.dir = s.cloneDir
		if err := ensureClone(ctx, s, r.url); err != nil {
			r.close()
			return nil, err
		}
	}
	return r, nil
}

func (r *repository) serve(s *state, dir string, mode githost.Mode) error {
	listener, err := listenKept(s)
	if err != nil {
		return err
	}
	host := &githost.Host{Pushed: func(p githost.Push) { r.changed(p.Updates[0].Ref) }}
	host.Add(repoName, dir, mode)
	r.url = fmt.Sprintf("http://%s/%s.git", listener.Addr(), repoName)
	r.server = &http.Server{Handler: host, ReadHeaderTimeout: 10 * time.Second}
	go func() { _ = r.server.Serve(listener) }()
	return nil
}

// listenKept listens at the port of the last start, so that the remote of the clone stays true; if that is taken, at another.
func listenKept(s *state) (net.Listener, error) {
	if s.GitPort != 0 {
		if l, err := net.Listen("tcp", loopback(s.GitPort)); err == nil {
			return l, nil
		}
	}
	port, err := freePort()
	if err != nil {
		return nil, err
	}
	s.GitPort = port
	if err := s.save(); err != nil {
		return nil, err
	}
	return net.Listen("tcp", loopback(port))
}

func (r *repository) close() {
	if r.server != nil {
		r.server.Close()
	}
}

// changed remembers that a ref moved; it never waits.
func (r *repository) changed(ref string) {
	select {
	case r.changes <- ref:
	default: // one is waiting, and whoever takes it will see this change too
	}
}

// onChange calls tell for changes, one after the other, until ctx ends.
func (r *repository) onChange(ctx context.Context, tell func(context.Context, string)) {
	go func() {
		for {
			select {
			case <-ctx.Done():
				return
			case ref := <-r.changes:
				tell(ctx, ref)
			}
		}
	}()
}

// seed makes the bare repository with one commit, unless it has one.
func seed(ctx context.Context, o Options, s *state) error {
	bare := s.bareDir()
	if _, err := git(ctx, "", "--git-dir="+bare, "rev-parse", "--quiet", "--verify", "refs/heads/main"); err == nil {
		return nil
	}
	if err := githost.Init(ctx, bare); err != nil {
		return err
	}
	work, err := os.MkdirTemp(s.path("git"), "seed-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(work)
	if o.Empty {
		err = os.WriteFile(filepath.Join(work, "README.md"), []byte("# A fleet\n\nPut an app into apps/<name>, commit, push.\n"), 0o600)
	} else {
		err = os.CopyFS(work, examples.Fleet())
	}
	if err != nil {
		return err
	}
	for _, args := range [][]string{
		{"init", "--quiet", "--initial-branch=main"},
		{"add", "--all"},
		{"commit", "--quiet", "--message=fleet: the example that plumb up begins with"},
		{"push", "--quiet", bare, "main"},
	} {
		if _, err := gitAs(ctx, "Plumb", "plumb@localhost", work, args...); err != nil {
			return err
		}
	}
	return nil
}

// The mark in a clone's configuration that says which playground made it.
const cloneMark = "plumb.playground"

// ensureClone makes the working clone, or corrects its remote. A folder that is not ours is left alone, with an error.
func ensureClone(ctx context.Context, s *state, url string) error {
	dir := s.cloneDir
	if _, err := os.Stat(dir); errors.Is(err, os.ErrNotExist) {
		if _, err := git(ctx, "", "clone", "--quiet", url, dir); err != nil {
			return fmt.Errorf("make the working clone: %w", err)
		}
		return markClone(ctx, s, url)
	}
	if owner, _ := git(ctx, dir, "config", "--local", cloneMark); owner != s.dir {
		return fmt.Errorf("%s exists and was not made by this playground; move it away, or name another place with --dir", dir)
	}
	if _, err := git(ctx, dir, "remote", "set-url", "origin", url); err != nil {
		return err
	}
	return markClone(ctx, s, url)
}

// markClone marks the clone as ours, keeps its requests off any proxy, and gives an author to a user who has none.
func markClone(ctx context.Context, s *state, url string) error {
	set := map[string]string{cloneMark: s.dir, "http." + url + ".proxy": ""}
	if email, _ := git(ctx, s.cloneDir, "config", "user.email"); email == "" {
		set["user.name"], set["user.email"] = "You", "you@localhost"
	}
	for key, value := range set {
		if _, err := git(ctx, s.cloneDir, "config", "--local", key, value); err != nil {
			return err
		}
	}
	return nil
}

// forgetClone removes the working clone if nobody worked in it, else moves it aside and says where.
func (s *state) forgetClone(progress io.Writer) error {
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	if owner, _ := git(ctx, s.cloneDir, "config", "--local", cloneMark); owner != s.dir {
		return nil
	}
	changed, err := git(ctx, s.cloneDir, "status", "--porcelain")
	commits, err2 := git(ctx, s.cloneDir, "rev-list", "--count", "--all")
	if err == nil && err2 == nil && changed == "" && commits == "1" {
		return os.RemoveAll(s.cloneDir)
	}
	aside := s.cloneDir + ".before-" + time.Now().Format("20060102-150405")
	if err := os.Rename(s.cloneDir, aside); err != nil {
		return err
	}
	fmt.Fprintf(progress, "your work in %s was moved to %s\n", s.cloneDir, aside)
	return nil
}

// git runs the user's git in dir and returns what it printed.
func git(ctx context.Context, dir string, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, "git", args...)
	cmd.Dir = dir
	cmd.Env = append(withoutGit(os.Environ()), "GIT_TERMINAL_PROMPT=0")
	cmd.Env = append(cmd.Env, noProxy...)
	return run(cmd)
}

// gitAs runs git with an identity and without the user's configuration (signing, templates, hooks).
func gitAs(ctx context.Context, name, email, dir string, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, "git", args...)
	cmd.Dir = dir
	cmd.Env = append(withoutGit(os.Environ()), "GIT_CONFIG_GLOBAL=/dev/null", "GIT_CONFIG_NOSYSTEM=1",
		"GIT_AUTHOR_NAME="+name, "GIT_AUTHOR_EMAIL="+email, "GIT_COMMITTER_NAME="+name, "GIT_COMMITTER_EMAIL="+email)
	return run(cmd)
}

// noProxy: nothing here leaves the machine, whatever proxy the user has. Go knows this of loopback, curl does not.
var noProxy = []string{"no_proxy=127.0.0.1,localhost", "NO_PROXY=127.0.0.1,localhost"}

// withoutGit drops GIT_DIR and its like: plumb may be called from a hook of some other repository.
func withoutGit(env []string) []string {
	var kept []string
	for _, e := range env {
		if !strings.HasPrefix(e, "GIT_") {
			kept = append(kept, e)
		}
	}
	return kept
}

func run(cmd *exec.Cmd) (string, error) {
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Run(); err != nil {
		return "", fmt.Errorf("%s: %w: %s", strings.Join(cmd.Args, " "), err, strings.TrimSpace(stderr.String()))
	}
	return strings.TrimSpace(stdout.String()), nil
}
