package source

import (
	"bytes"
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"

	"plumb.dev/plumb/internal/fault"
)

// Clone is the repository that a person works in. Unlike in a Mirror, which reads nothing of the machine's configuration, git
// runs there as theirs: with their configuration, their credential helpers and keys, their name. It adds objects and makes
// branches at the server. It never touches the working tree, the index, a local branch or the configuration.
type Clone struct{ root, git string }

// OpenClone takes the clone at a folder.
//
// Errors: FetchFailed if there is no git.
func OpenClone(root string) (*Clone, error) {
	git, err := findGit("git")
	return &Clone{root: root, git: git}, err
}

// userinfo is what may stand in an address before the host: a password too.
var userinfo = regexp.MustCompile(`://[^/@\s]+@`)

// run runs git as the person. What it says goes into the error.
func (c *Clone) run(ctx context.Context, do run) ([]byte, int, error) {
	cmd := exec.CommandContext(ctx, c.git, append([]string{"-C", c.root}, do.args...)...)
	cmd.Env = append(os.Environ(), "GIT_OPTIONAL_LOCKS=0", "LC_ALL=C")
	cmd.Env = append(cmd.Env, do.env...)
	cmd.WaitDelay = killGrace
	stdout, stderr := &limitedBuffer{limit: do.maxStdout, over: func() {}}, &tailBuffer{limit: maxStderr}
	cmd.Stdin, cmd.Stdout, cmd.Stderr = do.stdin, stdout, stderr
	err := cmd.Run()
	var exited *exec.ExitError
	switch {
	case stdout.exceeded:
		return nil, 0, errTooMuch
	case ctx.Err() != nil:
		return nil, 0, context.Cause(ctx)
	case errors.As(err, &exited):
		return stdout.Bytes(), exited.ExitCode(), &gitError{command: do.args[0], said: userinfo.ReplaceAllString(clean(stderr.String()), "://***@"), err: err}
	case err != nil:
		return nil, 0, fault.New(fault.FetchFailed, "git does not run: %w", err)
	}
	return stdout.Bytes(), 0, nil
}

// Remotes gives the names of the clone's remotes by their addresses, as they are written.
func (c *Clone) Remotes(ctx context.Context) (map[string]string, error) {
	out, code, err := c.run(ctx, run{args: []string{"config", "-z", "--get-regexp", `^remote\..*\.url$`}, maxStdout: maxAdvert})
	if code == 1 {
		return nil, nil // none
	}
	if err != nil {
		return nil, c.told("its remotes cannot be listed", err)
	}
	remotes := map[string]string{}
	for line := range strings.SplitSeq(strings.TrimRight(string(out), "\x00"), "\x00") {
		key, address, _ := strings.Cut(line, "\n")
		remotes[address] = strings.TrimSuffix(strings.TrimPrefix(key, "remote."), ".url")
	}
	return remotes, nil
}

// Tip asks a remote for the newest commit of a branch, and fetches it.
//
// Errors: RevisionNotFound if there is no such branch; FetchFailed.
func (c *Clone) Tip(ctx context.Context, remote, branch string) (string, error) {
	ref := "refs/heads/" + branch
	out, _, err := c.run(ctx, run{args: []string{"ls-remote", "--", remote, ref}, maxStdout: maxAdvert})
	if err != nil {
		return "", c.told("the remote "+remote+" cannot be asked", err)
	}
	commit, _, _ := strings.Cut(strings.TrimSpace(string(out)), "\t")
	if !commitID.MatchString(commit) {
		return "", fault.New(fault.RevisionNotFound, "the remote %s has no branch %s", remote, clip(branch))
	}
	if _, code, err := c.run(ctx, run{args: []string{"cat-file", "-e", commit + "^{commit}"}, maxStdout: maxStderr}); err == nil && code == 0 {
		return commit, nil
	}
	_, _, err = c.run(ctx, run{args: []string{"fetch", "--quiet", "--no-tags", "--no-write-fetch-head", "--no-recurse-submodules", "--", remote, ref}, maxStdout: maxStderr})
	if err != nil {
		return "", c.told("the branch "+branch+" cannot be fetched", err)
	}
	return commit, nil
}

// DefaultBranch asks a remote which branch its HEAD names.
//
// Errors: RevisionNotFound if it names none; FetchFailed.
func (c *Clone) DefaultBranch(ctx context.Context, remote string) (string, error) {
	out, _, err := c.run(ctx, run{args: []string{"ls-remote", "--symref", "--", remote, "HEAD"}, maxStdout: maxAdvert})
	if err != nil {
		return "", c.told("the remote "+remote+" cannot be asked", err)
	}
	first, _, _ := strings.Cut(string(out), "\n")
	branch, ok := strings.CutPrefix(strings.TrimSuffix(first, "\tHEAD"), "ref: refs/heads/")
	if !ok {
		return "", fault.New(fault.RevisionNotFound, "the HEAD of the remote %s names no branch", remote)
	}
	return branch, nil
}

// Reverse makes a commit that takes something back, as the person; see Reversal. It is on no branch: see Push.
//
// Errors: NothingToRevert; RenderLimit for more than 5,000 files; FetchFailed, also if the clone lacks one of the commits.
func (c *Clone) Reverse(ctx context.Context, do Reversal) (Reversed, error) {
	dir, err := os.MkdirTemp("", "plumb-index-")
	if err != nil {
		return Reversed{}, err
	}
	defer os.RemoveAll(dir)
	env := []string{"GIT_INDEX_FILE=" + filepath.Join(dir, "index")}
	if do.Author != (Person{}) {
		env = append(env, "GIT_AUTHOR_NAME="+do.Author.Name, "GIT_AUTHOR_EMAIL="+do.Author.Email)
	}
	return reverse(ctx, func(ctx context.Context, stdin string, limit int, args ...string) ([]byte, int, error) {
		out, code, err := c.run(ctx, run{args: args, stdin: bytes.NewReader([]byte(stdin)), maxStdout: limit, env: env})
		if code == 1 && args[0] == "merge-tree" {
			return out, code, nil
		}
		if err != nil {
			err = c.told("the revert cannot be made", err)
		}
		return out, code, err
	}, do)
}

// Push makes a branch at a remote for a commit, with the person's own credentials and without their hooks, which are for what
// they have checked out. The branch must not exist: what stands there is left as it is, and told by there.
//
// Errors: NameInvalid for a branch that does not lie below plumb/revert/; FetchFailed with what git says.
func (c *Clone) Push(ctx context.Context, remote, commit, branch string) (there bool, err error) {
	if !isOffered(branch) {
		return false, unoffered(branch)
	}
	ref := "refs/heads/" + branch
	out, _, err := c.run(ctx, run{args: []string{"ls-remote", "--", remote, ref}, maxStdout: maxAdvert})
	if err != nil {
		return false, c.told("the remote "+remote+" cannot be asked", err)
	}
	if len(bytes.TrimSpace(out)) > 0 {
		return true, nil
	}
	_, _, err = c.run(ctx, run{args: []string{"push", "--quiet", "--no-verify", "--force-with-lease=" + ref + ":", "--", remote, commit + ":" + ref}, maxStdout: maxStderr})
	var failed *gitError
	if errors.As(err, &failed) && stale.MatchString(failed.said) {
		return true, nil
	}
	if err != nil {
		return false, c.told("the branch "+branch+" cannot be pushed", err)
	}
	return false, nil
}

// told gives what git said to a person.
func (c *Clone) told(what string, err error) error {
	var failed *gitError
	if !errors.As(err, &failed) {
		return err
	}
	return fault.New(fault.FetchFailed, "%s: %w", what, err).WithNext("git in %s says the same when it is called by hand", c.root)
}
