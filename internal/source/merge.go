package source

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"

	"plumb.dev/plumb/internal/fault"
)

// Bounds of a merge.
const (
	maxBases       = 8       // merge bases of two commits whose histories cross
	maxMergedBlobs = 2000    // files whose contents are fetched so that renames are found
	maxConflicts   = 1 << 20 // bytes of the names of files in conflict
	maxMergeFiles  = 4000    // objects that merges wrote, before they are thrown away
)

// mergesDir is where the objects of merges are: apart, so that a fetch never counts on them and they can be thrown away.
func (r repo) mergesDir() string { return r.dir + ".merges" }

// MergeBase gives the newest commit that two commits have in common; "" if there is none. Both must be here: see Fetch.
//
// Errors: RevisionNotFound if one of them is not here.
func (m *Mirror) MergeBase(ctx context.Context, a, b string) (string, error) {
	bases, err := m.mergeBases(ctx, a, b)
	if err != nil || len(bases) == 0 {
		return "", err
	}
	return bases[0], nil
}

func (m *Mirror) mergeBases(ctx context.Context, a, b string) ([]string, error) {
	for _, id := range []string{a, b} {
		if err := m.requireCommit(ctx, Head{Commit: id}); err != nil {
			return nil, err
		}
	}
	listed, err := m.repo().exec(ctx, run{args: []string{"merge-base", "--all", a, b}, maxStdout: maxStderr, merges: withMerges, deadline: m.options.AskTimeout})
	if exitCode(err) == 1 {
		return nil, nil // they have nothing in common
	}
	if err != nil {
		return nil, m.failure(err)
	}
	bases := strings.Fields(string(listed))
	return bases[:min(len(bases), maxBases)], nil
}

// exitCode gives the code that a git ended with; 0 if it did not.
func exitCode(err error) int {
	var ended *exec.ExitError
	if errors.As(err, &ended) {
		return ended.ExitCode()
	}
	return 0
}

// Merged is what two commits would be as one. Release it when nothing reads it any more.
type Merged struct {
	Commit    string   // of both parents, which Snapshot, Complete, Log and IsAncestor take; "" if there are conflicts
	Conflicts []string // files that cannot be merged, sorted
	release   func()
}

// Release lets the objects of the merge go.
func (g Merged) Release() {
	if g.release != nil {
		g.release()
	}
}

// Merge merges a commit into another, as `git merge` would, without a checkout and without a trace in any ref. Both must be
// here. In a filtered copy the files that both sides changed are fetched first.
//
// Errors: RevisionNotFound if a commit is not here, or they have no history in common; those of Complete; FetchFailed if git
// cannot merge them.
func (m *Mirror) Merge(ctx context.Context, onto, head string) (Merged, error) {
	bases, err := m.mergeBases(ctx, onto, head)
	if err != nil {
		return Merged{}, err
	}
	if len(bases) == 0 {
		return Merged{}, fault.New(fault.RevisionNotFound, "%.7s and %.7s have no history in common", onto, head).WithNext("rebase the branch")
	}
	renames, err := m.mergeBlobs(ctx, bases, onto, head)
	if err != nil {
		return Merged{}, err
	}
	release := m.keepMerges()
	merged, err := m.merge(ctx, onto, head, renames)
	if err != nil || merged.Commit == "" {
		release()
		return merged, err
	}
	merged.release = release
	return merged, nil
}

// keepMerges keeps the objects of merges until release. When nobody does and there are many, they go.
func (m *Mirror) keepMerges() (release func()) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.merging++
	var once bool
	return func() {
		m.mu.Lock()
		defer m.mu.Unlock()
		if once {
			return
		}
		once = true
		if m.merging--; m.merging == 0 {
			dropMerges(repo{dir: m.path})
		}
	}
}

// dropMerges removes what merges wrote, if it is much.
func dropMerges(r repo) {
	folders, _ := os.ReadDir(r.mergesDir()) // absent: nothing
	files := 0
	for _, folder := range folders {
		in, _ := os.ReadDir(filepath.Join(r.mergesDir(), folder.Name()))
		files += len(in)
	}
	if files < maxMergeFiles {
		return
	}
	for _, folder := range folders {
		_ = os.RemoveAll(filepath.Join(r.mergesDir(), folder.Name())) // what stays is counted again
	}
}

func (m *Mirror) merge(ctx context.Context, onto, head string, renames bool) (Merged, error) {
	if err := os.MkdirAll(m.repo().mergesDir(), 0o700); err != nil {
		return Merged{}, fault.New(fault.FetchFailed, "the local copy of %s cannot be written: %w", m.url, err)
	}
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	said := &limitedBuffer{limit: maxConflicts, over: stop}
	_, err := m.repo().exec(ctx, run{
		args: []string{"merge-tree", "--write-tree", "-z", "--name-only", "--no-messages", onto, head}, stdout: said, merges: toMerges, deadline: m.options.AskTimeout,
		settings: []setting{{"merge.renames", fmt.Sprint(renames)}, {"merge.directoryRenames", "false"}, {"merge.renameLimit", "1000"}},
	})
	tree, files, _ := bytes.Cut(said.Bytes(), []byte{0})
	switch {
	case exitCode(err) == 1 && commitID.Match(tree):
		return Merged{Conflicts: namesOf(files)}, nil
	case said.exceeded:
		return Merged{}, fault.New(fault.RenderLimit, "%.7s and %.7s have too many files in conflict", onto, head)
	case err != nil:
		return Merged{}, m.failure(err)
	case !commitID.Match(tree):
		return Merged{}, fault.New(fault.FetchFailed, "git cannot merge %.7s into %.7s", head, onto)
	}
	text := fmt.Sprintf("tree %s\nparent %s\nparent %s\nauthor plumb <> 0 +0000\ncommitter plumb <> 0 +0000\n\nMerge %s\n", tree, onto, head, head)
	id, err := m.repo().exec(ctx, run{
		args: []string{"hash-object", "-t", "commit", "-w", "--stdin"}, stdin: strings.NewReader(text), maxStdout: maxStderr, merges: toMerges, deadline: m.options.AskTimeout,
	})
	if err != nil {
		return Merged{}, m.failure(err)
	}
	return Merged{Commit: strings.TrimSpace(string(id))}, nil
}

func namesOf(files []byte) []string {
	var names []string
	for name := range bytes.SplitSeq(files, []byte{0}) {
		if len(name) > 0 {
			names = append(names, clean(string(name)))
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// mergeBlobs fetches what a merge in a filtered copy has to read, and tells whether that is enough to find renames.
func (m *Mirror) mergeBlobs(ctx context.Context, bases []string, onto, head string) (renames bool, err error) {
	if !isFiltered(m.path) {
		return true, nil
	}
	var all, both []string
	for _, base := range bases {
		ours, err := m.changed(ctx, base, onto)
		if err != nil {
			return false, err
		}
		theirs, err := m.changed(ctx, base, head)
		if err != nil {
			return false, err
		}
		for path, blobs := range theirs {
			all = append(all, blobs...)
			if mine, ok := ours[path]; ok {
				both = append(append(both, mine...), blobs...)
			}
		}
		for _, blobs := range ours {
			all = append(all, blobs...)
		}
	}
	renames = len(all) <= maxMergedBlobs
	if !renames {
		all = both
	}
	if len(all) > maxBlobs {
		return false, fault.New(fault.RenderLimit, "more than %d files differ", maxBlobs)
	}
	slices.Sort(all)
	return renames, m.fetchMissing(ctx, slices.Compact(all))
}

// changed gives the files that differ between two commits, with their blobs on both sides.
func (m *Mirror) changed(ctx context.Context, from, to string) (map[string][]string, error) {
	listed, err := m.repo().exec(ctx, run{
		args: []string{"diff-tree", "-r", "-z", "--raw", "--no-renames", "--no-abbrev", from, to, "--"}, maxStdout: maxAdvert, deadline: m.options.AskTimeout,
	})
	if err != nil {
		return nil, m.failure(err)
	}
	changed := map[string][]string{}
	fields := bytes.Split(listed, []byte{0}) // ":<mode> <mode> <id> <id> <letter>", path, and so on
	for i := 0; i+1 < len(fields); i += 2 {
		line := strings.Fields(strings.TrimPrefix(string(fields[i]), ":"))
		if len(line) != 5 {
			return nil, fault.New(fault.FetchFailed, "git's list of changed files cannot be read")
		}
		path := string(fields[i+1])
		changed[path] = nil
		for side := range 2 {
			if id := line[2+side]; line[side] != "160000" && strings.Trim(id, "0") != "" {
				changed[path] = append(changed[path], id)
			}
		}
	}
	return changed, nil
}

// Drop forgets what a Head was fetched as, such as that of a pull request that was closed. What was fetched stays readable.
func (m *Mirror) Drop(ctx context.Context, head Head) error {
	return m.writing(ctx, func(r repo) error {
		if err := os.Remove(filepath.Join(r.dir, head.localRef())); err != nil && !errors.Is(err, os.ErrNotExist) {
			return fault.New(fault.FetchFailed, "a ref cannot be removed: %w", err)
		}
		m.note(head.localRef(), "")
		return nil
	})
}
