package source

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"plumb.dev/plumb/internal/fault"
)

// Reversal asks for a commit that takes back, on top of Tip, what lies between Good and Bad at some paths, and nothing else.
type Reversal struct {
	Tip       string // the commit that the new one is made on, in full
	Bad, Good string // from this state to that one, in full
	// Own chooses the paths. cameOrWent tells that there is a file in one of the two states only.
	Own     func(path string, cameOrWent bool) bool
	Message string
	// Author is who makes the commit; the zero Person is the one that git is set up for.
	Author Person
}

// Reversed is the answer to a Reversal.
type Reversed struct {
	Commit string   // in full. If there are conflicts it changes nothing, and only bears the message
	Paths  []string // what is taken back
	// Conflicts are the paths that were changed again since, in lines that would be taken back. Then nothing is taken back.
	Conflicts []string
}

const (
	maxDelta   = 16 << 20 // bytes of the list of paths that differ between two commits
	maxReverse = 5_000    // paths that one revert may take back
)

// modeNone and idNone are what git writes where there is no file.
const (
	modeNone = "000000"
	idNone   = "0000000000000000000000000000000000000000"
)

// delta is one path that differs between two commits.
type delta struct {
	path               string
	goodMode, goodBlob string
	badMode, badBlob   string
}

// plumbing runs git in one repository: stdout, the exit code if git ran to its end, an error if it did not.
type plumbing func(ctx context.Context, stdin string, limit int, args ...string) (stdout []byte, code int, err error)

// reverse makes the commit with an index of its own: no branch, no index of a person and no working tree is touched. The
// three states that are merged differ in the chosen paths alone, so that nothing else can conflict or come along.
func reverse(ctx context.Context, git plumbing, do Reversal) (Reversed, error) {
	deltas, err := between(ctx, git, do)
	if err != nil {
		return Reversed{}, err
	}
	bad, err := treeWith(ctx, git, do.Tip, deltas, func(d delta) (mode, blob string) { return d.badMode, d.badBlob })
	if err != nil {
		return Reversed{}, err
	}
	good, err := treeWith(ctx, git, do.Tip, deltas, func(d delta) (mode, blob string) { return d.goodMode, d.goodBlob })
	if err != nil {
		return Reversed{}, err
	}
	tree, conflicts, err := mergeTrees(ctx, git, bad, do.Tip+"^{tree}", good)
	if err != nil {
		return Reversed{}, err
	}
	tip, err := word(ctx, git, "rev-parse", "--verify", do.Tip+"^{tree}")
	if err != nil {
		return Reversed{}, err
	}
	out := Reversed{Conflicts: conflicts}
	for _, d := range deltas {
		out.Paths = append(out.Paths, d.path)
	}
	switch {
	case len(conflicts) > 0:
		tree = tip
	case tree == tip:
		return Reversed{}, fault.New(fault.NothingToRevert, "the branch does not have what %s changed any more", do.Bad[:7]).
			WithNext("plumb diff shows what differs from the cluster")
	}
	out.Commit, err = commitTree(ctx, git, do.Message, tree, do.Tip)
	return out, err
}

// between lists the chosen paths that differ from Good to Bad.
func between(ctx context.Context, git plumbing, do Reversal) ([]delta, error) {
	listed, err := all(ctx, git, "", maxDelta, "diff-tree", "-r", "-z", "--raw", "--no-renames", "--no-abbrev", do.Good, do.Bad)
	if err != nil {
		return nil, err
	}
	parts := strings.Split(strings.TrimSuffix(string(listed), "\x00"), "\x00")
	var deltas []delta
	for i := 0; i+1 < len(parts); i += 2 {
		fields := strings.Fields(strings.TrimPrefix(parts[i], ":")) // modes, blobs, letter
		if len(fields) != 5 {
			return nil, fault.New(fault.FetchFailed, "git lists what changed in a form that is not known: %s", clip(parts[i]))
		}
		d := delta{path: parts[i+1], goodMode: fields[0], badMode: fields[1], goodBlob: fields[2], badBlob: fields[3]}
		if do.Own(d.path, d.goodMode == modeNone || d.badMode == modeNone) {
			deltas = append(deltas, d)
		}
	}
	switch {
	case len(deltas) == 0:
		return nil, fault.New(fault.NothingToRevert, "from %s to %s nothing differs that the app is made of", do.Good[:7], do.Bad[:7]).
			WithNext("what changed came from elsewhere: a chart, another repository, the cluster")
	case len(deltas) > maxReverse:
		return nil, fault.New(fault.RenderLimit, "%d files differ from %s to %s, more than the %d that are reverted at once", len(deltas), do.Good[:7], do.Bad[:7], maxReverse).
			WithNext("choose a nearer commit to go back to")
	}
	return deltas, nil
}

// treeWith gives the tree of a commit with some paths as in another state.
func treeWith(ctx context.Context, git plumbing, tip string, deltas []delta, state func(delta) (mode, blob string)) (string, error) {
	var gone, lines strings.Builder
	for _, d := range deltas {
		fmt.Fprintf(&gone, "0 %s\t%s\x00", idNone, d.path) // what stands in the way of a folder, or below a file, goes first
		if mode, blob := state(d); mode != modeNone {
			fmt.Fprintf(&lines, "%s %s\t%s\x00", mode, blob, d.path)
		}
	}
	if _, err := all(ctx, git, "", maxStderr, "read-tree", tip); err != nil {
		return "", err
	}
	if _, err := all(ctx, git, gone.String()+lines.String(), maxStderr, "update-index", "-z", "--replace", "--index-info"); err != nil {
		return "", err
	}
	return word(ctx, git, "write-tree", "--missing-ok")
}

// mergeTrees merges two trees with a third as what both come from. It gives the merged tree, and the paths in conflict.
func mergeTrees(ctx context.Context, git plumbing, base, ours, theirs string) (tree string, conflicts []string, err error) {
	root, err := commitTree(ctx, git, "base", base, "")
	if err != nil {
		return "", nil, err
	}
	ends := [2]string{}
	for i, side := range []string{ours, theirs} {
		if ends[i], err = commitTree(ctx, git, "side", side, root); err != nil {
			return "", nil, err
		}
	}
	listed, code, err := git(ctx, "", maxDelta, "merge-tree", "--write-tree", "-z", "--name-only", "--no-messages", ends[0], ends[1])
	if err != nil {
		return "", nil, err
	}
	parts := strings.Split(strings.TrimRight(string(listed), "\x00"), "\x00")
	if code > 1 || !commitID.MatchString(parts[0]) {
		return "", nil, fault.New(fault.FetchFailed, "git merge-tree ended with %d", code)
	}
	if code == 1 {
		conflicts = parts[1:]
	}
	return parts[0], conflicts, nil
}

func commitTree(ctx context.Context, git plumbing, message, tree, parent string) (string, error) {
	args := []string{"commit-tree", "-F", "-"}
	if parent != "" {
		args = append(args, "-p", parent)
	}
	out, err := all(ctx, git, message, maxStderr, append(args, tree)...)
	return strings.TrimSpace(string(out)), err
}

// all runs a command that must end well.
func all(ctx context.Context, git plumbing, stdin string, limit int, args ...string) ([]byte, error) {
	out, code, err := git(ctx, stdin, limit, args...)
	if err == nil && code != 0 {
		err = fault.New(fault.FetchFailed, "git %s ended with %d", args[0], code)
	}
	return out, err
}

// word runs a command that answers with one word.
func word(ctx context.Context, git plumbing, args ...string) (string, error) {
	out, err := all(ctx, git, "", maxStderr, args...)
	return strings.TrimSpace(string(out)), err
}

// Reverse makes a commit in the copy that takes something back; see Reversal. It is not on any branch: see Offer. The three
// commits must be here (Fetch).
//
// Errors: NothingToRevert; RenderLimit for more than 5,000 files; FetchFailed, RevisionNotFound as Complete.
func (m *Mirror) Reverse(ctx context.Context, do Reversal) (Reversed, error) {
	for _, commit := range []string{do.Tip, do.Bad, do.Good} {
		if err := m.requireCommit(ctx, Head{Commit: commit}); err != nil {
			return Reversed{}, err
		}
	}
	deltas, err := between(ctx, m.plumbing(m.repo(), "", do.Author), do)
	if err != nil {
		return Reversed{}, err
	}
	paths := make([]string, len(deltas))
	for i, d := range deltas {
		paths[i] = d.path
	}
	for _, commit := range []string{do.Tip, do.Bad, do.Good} {
		if err := m.Complete(ctx, commit, paths); err != nil {
			return Reversed{}, err
		}
	}
	var out Reversed
	err = m.writing(ctx, func(r repo) error {
		index := filepath.Join(r.dir, ".tmp-index")
		defer os.Remove(index)
		out, err = reverse(ctx, m.plumbing(r, index, do.Author), do)
		return err
	})
	return out, err
}

// plumbing runs git in the copy, asking no server.
func (m *Mirror) plumbing(r repo, index string, author Person) plumbing {
	env := []string{
		"GIT_AUTHOR_NAME=" + author.Name, "GIT_AUTHOR_EMAIL=" + author.Email,
		"GIT_COMMITTER_NAME=" + author.Name, "GIT_COMMITTER_EMAIL=" + author.Email,
	}
	if index != "" {
		env = append(env, "GIT_INDEX_FILE="+index)
	}
	return func(ctx context.Context, stdin string, limit int, args ...string) ([]byte, int, error) {
		var out bytes.Buffer
		bounded := &limitedBuffer{limit: limit, over: func() {}}
		_, err := r.exec(ctx, run{args: args, stdin: strings.NewReader(stdin), stdout: bounded, deadline: m.options.AskTimeout, env: env})
		out = bounded.Buffer
		var exited *exec.ExitError
		switch {
		case bounded.exceeded:
			return nil, 0, errTooMuch
		case errors.As(err, &exited) && exited.ExitCode() == 1 && args[0] == "merge-tree":
			return out.Bytes(), 1, nil // a conflict
		case err != nil:
			return nil, 0, m.failure(err)
		}
		return out.Bytes(), 0, nil
	}
}
