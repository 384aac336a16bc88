package source

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"time"

	"plumb.dev/plumb/internal/fault"
)

// Local refs. Nothing of the server's names enters the local namespace: a seen ref is called by the hash of its name, so
// that a branch "a" may become "a/b" without a conflict of file and folder.
const (
	seenPrefix  = "refs/plumb/seen/"
	guardPrefix = "refs/plumb/guard/"
)

// localRef is the local ref that keeps what a Head meant when it was last fetched.
func (h Head) localRef() string {
	name := h.Ref
	if h.Kind == Exact {
		name = h.Commit
	}
	sum := sha256.Sum256([]byte(name))
	return seenPrefix + hex.EncodeToString(sum[:16])
}

// Fetch makes a commit complete here: the commit, its whole history, and its trees; and its blobs, unless the copy is a
// filtered one. It asks the server only if the commit is not here yet.
//
// Whole or filtered is decided once, by measure: the first transfer asks for everything; when it has brought more than
// Options.WholeLimit it is stopped, and the copy starts again without blobs, which Complete fetches for the paths in use.
// So a small repository costs one transfer and never another question; a large one costs WholeLimit once. A server that
// cannot filter ends as a whole copy in either case.
//
// Errors: RevisionNotFound if the server does not have the commit or it is no commit; CredentialsRefused; FetchFailed. After
// an error everything that was complete before still is.
func (m *Mirror) Fetch(ctx context.Context, head Head) error {
	if !commitID.MatchString(head.Commit) {
		return fault.New(fault.RevisionNotFound, "%q is no full commit id", clip(head.Commit))
	}
	err := m.fetch(ctx, head)
	m.fetched(head, err)
	return err
}

func (m *Mirror) fetch(ctx context.Context, head Head) error {
	if m.isSeen(head) {
		return nil
	}
	return m.writing(ctx, func(r repo) error {
		seen, err := m.readSeen(ctx, r)
		if err == nil && !m.isDamaged() {
			err = m.fetchInto(ctx, r, head, seen)
		}
		if m.isDamaged() || err != nil && m.provesDamage(ctx, r, err) {
			return m.rebuild(ctx, r, head)
		}
		return err
	})
}

// isSeen tells whether a Head is complete here, without a look at the disk.
func (m *Mirror) isSeen(head Head) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.seen[head.localRef()] == head.Commit && !m.isDamaged()
}

// readSeen gives the local refs and their commits; what they name is complete.
func (m *Mirror) readSeen(ctx context.Context, r repo) (map[string]string, error) {
	m.mu.Lock()
	known := m.seen
	m.mu.Unlock()
	if known != nil {
		return known, nil
	}
	listed, err := r.exec(ctx, run{args: []string{"for-each-ref", "--format=%(refname) %(objectname)", "refs/plumb"}, maxStdout: maxAdvert, deadline: m.options.AskTimeout})
	if err != nil {
		return nil, err
	}
	known = map[string]string{}
	for line := range strings.Lines(string(listed)) {
		if ref, commit, ok := strings.Cut(strings.TrimSpace(line), " "); ok {
			known[ref] = commit
		}
	}
	m.setSeen(known)
	return known, nil
}

func (m *Mirror) setSeen(known map[string]string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.seen = known
}

// note records that a local ref now names a complete commit.
func (m *Mirror) note(ref, commit string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.seen == nil {
		return // not read yet: the ref is on disk and will be read
	}
	if commit == "" {
		delete(m.seen, ref)
		return
	}
	m.seen[ref] = commit
}

// fetchInto brings a Head into a sound repository, with the fewest processes that will do.
func (m *Mirror) fetchInto(ctx context.Context, r repo, head Head, seen map[string]string) error {
	ref := head.localRef()
	if m.anySeen(seen, head.Commit) || m.isReachable(ctx, r, head.Commit) {
		return m.writeRef(r, ref, head.Commit)
	}
	err := m.transfer(ctx, r, head.Commit, ref, len(seen) == 0)
	if isUnadvertised(err) && head.Ref != "" && head.Ref != "HEAD" {
		err = m.transfer(ctx, r, head.Ref, ref, len(seen) == 0) // an old server gives refs, not ids; it may have moved on since
	}
	if isUnadvertised(err) {
		return fault.New(fault.RevisionNotFound, "%s does not give commit %s%w", m.url, head.Commit, quiet{err}).
			WithNext("it is gone from every branch and tag, or the server gives their newest commits only")
	}
	if err != nil {
		return m.failure(err)
	}
	if err := m.requireCommit(ctx, head); err != nil {
		return err
	}
	m.note(ref, head.Commit)
	return nil
}

func (m *Mirror) anySeen(seen map[string]string, commit string) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, have := range seen {
		if have == commit {
			return true
		}
	}
	return false
}

// isReachable tells whether a commit is here and lies behind one that is complete, so that it is complete itself.
func (m *Mirror) isReachable(ctx context.Context, r repo, commit string) bool {
	found, err := m.objects.info(ctx, commit)
	if err != nil || found.missing || found.kind != "commit" {
		return false
	}
	ahead, err := r.exec(ctx, run{args: []string{"rev-list", "--max-count=1", commit, "--not", "--glob=refs/plumb/*", "--"}, maxStdout: 4096, deadline: m.options.AskTimeout})
	return err == nil && len(bytes.TrimSpace(ahead)) == 0
}

// requireCommit checks that what was fetched is what was asked for, and a commit.
func (m *Mirror) requireCommit(ctx context.Context, head Head) error {
	found, err := m.objects.info(ctx, head.Commit)
	switch {
	case err != nil:
		return err
	case found.missing:
		return fault.New(fault.RevisionNotFound, "commit %s is no longer part of %s", head.Commit, or(head.Ref, "the repository"))
	case found.kind != "commit":
		return fault.New(fault.RevisionNotFound, "%s is a %s, not a commit", or(head.Ref, head.Commit), found.kind)
	}
	return nil
}

// isUnadvertised tells whether a server refused to give an object by its id.
func isUnadvertised(err error) bool {
	var failed *gitError
	return errors.As(err, &failed) && unadvertised.MatchString(failed.said)
}

var unadvertised = regexp.MustCompile(`(?i)not our ref|unadvertised object|couldn't find remote ref|no such remote ref`)

// transfer runs one `git fetch`: one process here, one for the transport, one for the pack, one to check that nothing lacks.
// A first transfer that outgrows WholeLimit is done again without blobs.
func (m *Mirror) transfer(ctx context.Context, r repo, what, ref string, first bool) error {
	refspec := "+" + what + ":" + ref
	if first && !isFiltered(r.dir) {
		err := m.transferWhole(ctx, r, refspec)
		if !errors.Is(err, errTooMuch) {
			return err
		}
		if err := m.leaveBlobs(r); err != nil {
			return err
		}
	}
	return m.fetchPack(ctx, r, m.options.MaxPack, nil, refspec)
}

// transferWhole copies everything, and gives up with errTooMuch when that is more than WholeLimit.
func (m *Mirror) transferWhole(ctx context.Context, r repo, refspec string) error {
	if m.options.WholeLimit < 0 {
		return errTooMuch
	}
	return m.fetchPack(ctx, r, min(m.options.WholeLimit, m.options.MaxPack), nil, refspec)
}

// leaveBlobs makes an empty copy one that may lack blobs.
func (m *Mirror) leaveBlobs(r repo) error {
	if err := sweep(r.dir); err != nil {
		return err
	}
	return replaceFile(filepath.Join(r.dir, filteredFile), nil)
}

// fetchPack is the one place that brings objects here. It ends with errTooMuch when more bytes than limit arrive.
// ids, if any, are single objects that are wanted without their history.
func (m *Mirror) fetchPack(ctx context.Context, r repo, limit int64, ids []string, refspecs ...string) error {
	args := []string{"fetch", "--quiet", "--no-progress", "--no-tags", "--no-write-fetch-head", "--no-auto-maintenance",
		"--no-recurse-submodules", "--no-show-forced-updates", "--force"}
	if isFiltered(r.dir) {
		args = append(args, "--filter=blob:none")
	}
	do := run{deadline: m.options.FetchTimeout, network: true, promises: true, maxStdout: maxStderr}
	if len(ids) > 0 {
		args = append([]string{"-c", "fetch.negotiationAlgorithm=noop"}, append(args, "--stdin")...)
		do.stdin = strings.NewReader(strings.Join(ids, "\n") + "\n")
	}
	do.args = append(append(args, "--", "origin"), refspecs...)

	ctx, cancel := context.WithCancelCause(ctx)
	watched := make(chan struct{})
	go func() {
		defer close(watched)
		watchSize(ctx, filepath.Join(r.dir, "objects", "pack"), limit, cancel)
	}()
	_, err := r.exec(ctx, do)
	tooMuch := errors.Is(context.Cause(ctx), errTooMuch)
	cancel(nil)
	<-watched
	if tooMuch {
		return fault.New(fault.FetchFailed, "%s sent more than %d MiB: %w", m.url, limit>>20, errTooMuch).WithCode(CodePackTooLarge)
	}
	return err
}

// watchSize ends a transfer that grows beyond a limit, by the size of the pack that git is writing.
func watchSize(ctx context.Context, packs string, limit int64, end context.CancelCauseFunc) {
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		if incoming(packs) > limit {
			end(errTooMuch)
			return
		}
	}
}

// incoming gives the bytes of the packs that are being written.
func incoming(packs string) (bytes int64) {
	entries, _ := os.ReadDir(packs) // absent: nothing comes in
	for _, entry := range entries {
		if strings.HasPrefix(entry.Name(), "tmp_pack_") {
			if info, err := entry.Info(); err == nil {
				bytes += info.Size()
			}
		}
	}
	return bytes
}

// Complete fetches the blobs that are missing under the paths of a commit, in one request. Paths are as Snapshot takes them;
// "." is all, and one that does not exist has no blobs. Where nothing is missing it asks nobody: a whole copy answers at once.
//
// Errors: FetchFailed and CredentialsRefused as Fetch; PathEscape for a path that leaves the repository; RenderLimit for
// trees that are too deep or too large. Call Fetch before.
func (m *Mirror) Complete(ctx context.Context, commit string, paths []string) error {
	if !isFiltered(m.path) {
		return nil
	}
	snapshot, err := m.Snapshot(ctx, commit)
	if err != nil {
		return err
	}
	wanted, err := snapshot.blobsUnder(ctx, paths)
	if err != nil {
		return err
	}
	if err := m.fetchMissing(ctx, wanted.blobs); err != nil {
		return err
	}
	m.noteComplete(wanted.trees)
	return nil
}

// maxComplete bounds how many folders are remembered as complete.
const maxComplete = 20_000

// noteComplete remembers folders of which every blob is here, so that the next commit costs a walk of what it changed.
func (m *Mirror) noteComplete(trees []string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.complete == nil || len(m.complete)+len(trees) > maxComplete {
		m.complete = map[string]bool{}
	}
	for _, id := range trees[:min(len(trees), maxComplete)] {
		m.complete[id] = true
	}
}

func (m *Mirror) isComplete(tree string) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.complete[tree]
}

// fetchMissing fetches those of the blobs that are not here, in one request.
func (m *Mirror) fetchMissing(ctx context.Context, blobs []string) error {
	if len(blobs) == 0 {
		return nil
	}
	missing, err := m.objects.missing(ctx, blobs)
	if err != nil || len(missing) == 0 {
		return err
	}
	return m.writing(ctx, func(r repo) error {
		missing, err := m.objects.missing(ctx, missing) // another may have fetched them while we waited
		if err != nil || len(missing) == 0 {
			return err
		}
		if err := m.fetchPack(ctx, r, m.options.MaxPack, missing); err != nil {
			return m.failure(err)
		}
		if still, err := m.objects.missing(ctx, missing); err != nil || len(still) > 0 {
			return errors.Join(err, fault.New(fault.FetchFailed, "%s did not send %d of %d files that it had promised", m.url, len(still), len(missing)))
		}
		return nil
	})
}

// IsAncestor tells whether commit a is b or comes before it. Both must be here: see Fetch.
//
// Errors: RevisionNotFound if one of them is not here.
func (m *Mirror) IsAncestor(ctx context.Context, a, b string) (bool, error) {
	for _, id := range []string{a, b} {
		if err := m.requireCommit(ctx, Head{Commit: id}); err != nil {
			return false, err
		}
	}
	if a == b {
		return true, nil
	}
	r := m.repo()
	// Plain rev-list, since it answers for any two commits: is there none that a has and b has not? One is proof enough.
	out, err := r.exec(ctx, run{args: []string{"rev-list", "--max-count=1", a, "^" + b, "--"}, maxStdout: 4096, merges: withMerges, deadline: m.options.AskTimeout})
	if err != nil {
		return false, m.failure(err)
	}
	return len(bytes.TrimSpace(out)) == 0, nil
}
