package githost

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"time"
)

// settings of the served repositories. They are given on the command line: a repository that is not ours keeps its own.
var settings = []string{
	"uploadpack.allowFilter=true",
	"uploadpack.allowAnySHA1InWant=true",
	"receive.autogc=false", // a gc would run on in the background, without an owner
	"gc.auto=0",
	"receive.denyDeleteCurrent=ignore", // as forges let an administrator do it
	"core.hooksPath=/dev/null",         // no code of a served repository is run
}

// git runs a command of git; it ends with ctx and cannot outlive this process.
func (r *repository) git(ctx context.Context, protocol string, in io.Reader, out io.Writer, args ...string) error {
	argv := make([]string, 0, 2*len(settings)+len(args)+2)
	for _, s := range settings {
		argv = append(argv, "-c", s)
	}
	argv = append(argv, "-c", "safe.directory="+r.dir) // whoever added the directory vouches for it
	cmd := exec.CommandContext(ctx, "git", append(argv, args...)...)
	cmd.Env = environment(protocol)
	cmd.Stdin, cmd.Stdout = in, out
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	return runOwned(cmd, &stderr)
}

// environment is the whole environment of git: nothing of the user's configuration, no prompt.
func environment(protocol string) []string {
	env := []string{
		"PATH=" + os.Getenv("PATH"), "HOME=/nonexistent", "LC_ALL=C",
		"GIT_CONFIG_NOSYSTEM=1", "GIT_CONFIG_GLOBAL=/dev/null", "GIT_TERMINAL_PROMPT=0",
	}
	if protocol != "" {
		env = append(env, "GIT_PROTOCOL="+protocol)
	}
	return env
}

// runOwned runs cmd such that the kernel, where it can, ends it if this process dies. The death signal of Linux belongs to
// the thread that forked, which therefore stays with this goroutine until the command has ended.
func runOwned(cmd *exec.Cmd, stderr *bytes.Buffer) error {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	cmd.SysProcAttr = diesWithThread()
	cmd.WaitDelay = 2 * time.Second
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("%w: %s", err, strings.TrimSpace(stderr.String()))
	}
	return nil
}

// happened keeps the updates that the repository really holds now: git refuses each ref on its own.
func (r *repository) happened(asked []Update) []Update {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	args := []string{"--git-dir=" + r.dir, "for-each-ref", "--format=%(refname) %(objectname)"}
	for _, u := range asked {
		args = append(args, u.Ref)
	}
	var out bytes.Buffer
	if err := r.git(ctx, "", nil, &out, args...); err != nil {
		return asked // better one event too many than one too few
	}
	now := map[string]string{}
	for line := range strings.Lines(out.String()) {
		ref, id, _ := strings.Cut(strings.TrimSpace(line), " ")
		now[ref] = id
	}
	var done []Update
	for _, u := range asked {
		id, exists := now[u.Ref]
		deleted := strings.Trim(u.New, "0") == ""
		if (deleted && !exists) || id == u.New {
			done = append(done, u)
		}
	}
	return done
}

// Init makes an empty bare repository with the branch main in dir.
func Init(ctx context.Context, dir string) error {
	cmd := exec.CommandContext(ctx, "git", "init", "--quiet", "--bare", "--initial-branch=main", dir)
	cmd.Env = environment("")
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	return runOwned(cmd, &stderr)
}
