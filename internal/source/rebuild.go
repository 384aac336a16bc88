package source

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"regexp"

	"golang.org/x/sys/unix"

	"plumb.dev/plumb/internal/fault"
)

// damaged marks the local copy as one that the next Fetch must make anew, and gives the Fault for it.
func (m *Mirror) damaged(err error) error {
	m.broken.Store(true)
	_ = os.WriteFile(filepath.Join(m.path, damagedFile), nil, 0o600) // for the next start; this one knows
	return fault.New(fault.FetchFailed, "the local copy of %s is damaged: %w", m.url, err).WithCode(CodeMirrorDamaged).
		WithNext("nothing to do: it is made anew by the next fetch")
}

func (m *Mirror) isDamaged() bool { return m.broken.Load() }

// suspicious are texts of git that may mean a damaged copy, but may as well be a server's fault.
var suspicious = regexp.MustCompile(`(?i)corrupt|bad (object|ref|config|tree|sha1)|unable to (read|find|resolve|parse|open)|missing (blob|tree|commit|object)|is empty|inflate|invalid (index|object|sha1|gitfile)|did not send all necessary|loose object|packfile|not a git repository|not a valid object|broken|cannot lock ref|index-pack|could not parse`)

// provesDamage tells whether a failed fetch was the fault of the local copy: its refs do not lead to objects.
func (m *Mirror) provesDamage(ctx context.Context, r repo, err error) bool {
	var failed *gitError
	if !errors.As(err, &failed) || failed.deadline > 0 || !suspicious.MatchString(failed.said) {
		return false
	}
	_, err = r.exec(ctx, run{args: []string{"rev-list", "--objects", "--all", "--quiet", "--missing=allow-promisor"}, promises: true, maxStdout: maxStderr, deadline: m.options.FetchTimeout})
	var broken *gitError
	return errors.As(err, &broken) && broken.deadline == 0
}

// rebuild replaces a damaged copy by a fresh one, in one step, and takes the guarded commits along: from the server, or where
// it has lost them, from what can still be read here. If the server does not answer the old copy stays.
func (m *Mirror) rebuild(ctx context.Context, old repo, head Head) error {
	fresh := old
	fresh.dir = m.path + freshSuffix
	if err := create(fresh.dir); err != nil {
		return fault.New(fault.FetchFailed, "the local copy of %s cannot be made anew: %w", m.url, err)
	}
	defer os.RemoveAll(fresh.dir) // after the exchange: the old one
	if err := m.transfer(ctx, fresh, head.Commit, head.localRef(), true); err != nil {
		return m.failure(err)
	}
	m.rescueGuards(ctx, old, fresh)
	if err := exchange(fresh.dir, old.dir); err != nil {
		return fault.New(fault.FetchFailed, "the local copy of %s cannot be replaced: %w", m.url, err)
	}
	m.broken.Store(false)
	m.forget()
	m.objects.restart()
	return m.requireCommit(ctx, head)
}

// forget drops what was known of the copy that was replaced.
func (m *Mirror) forget() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.seen, m.complete = nil, nil
}

// rescueGuards brings the guarded commits into a fresh copy, each by itself, so that one that is lost takes no other along.
// A lost one is found missing by whoever reads it.
func (m *Mirror) rescueGuards(ctx context.Context, old, fresh repo) {
	guards, _ := os.ReadDir(filepath.Join(old.dir, guardPrefix)) // none to read: none to rescue
	fromOld := fresh
	fromOld.remote = Remote{URL: "file://" + old.dir, AllowLocal: true}
	for _, guard := range guards {
		ref := guardPrefix + guard.Name()
		commit, ok := readRef(old.dir, ref)
		if !ok {
			continue
		}
		if m.fetchPack(ctx, fresh, m.options.MaxPack, nil, "+"+commit+":"+ref) != nil {
			_ = m.fetchPack(ctx, fromOld, m.options.MaxPack, nil, "+"+ref+":"+ref)
		}
	}
}

// exchange swaps two folders in one step; on file systems that cannot, in two, between which a kill costs a new copy.
func exchange(a, b string) error {
	if unix.Renameat2(unix.AT_FDCWD, a, unix.AT_FDCWD, b, unix.RENAME_EXCHANGE) == nil {
		return nil
	}
	if err := os.Rename(b, b+".old"); err != nil {
		return err
	}
	if err := os.Rename(a, b); err != nil {
		return err
	}
	return os.RemoveAll(b + ".old")
}
