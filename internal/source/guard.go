package source

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"plumb.dev/plumb/internal/fault"
)

// Guard keeps a commit, and what of it is here, under a name of the caller's choice ("cart/prod") through force-pushes,
// clean-ups and rebuilds, until the name guards another commit or Unguard. It asks no server.
//
// Errors: RevisionNotFound if the commit is not here; NameInvalid for an empty name or one of more than 80 bytes.
func (m *Mirror) Guard(ctx context.Context, name, commit string) error {
	ref, err := guardRef(name)
	if err != nil {
		return err
	}
	if err := m.requireCommit(ctx, Head{Commit: commit}); err != nil {
		return err
	}
	return m.writing(ctx, func(r repo) error {
		if have, ok := readRef(r.dir, ref); ok && have == commit {
			return nil
		}
		return m.writeRef(r, ref, commit)
	})
}

// Unguard lets go of a name. A name that guards nothing is no error.
func (m *Mirror) Unguard(ctx context.Context, name string) error {
	ref, err := guardRef(name)
	if err != nil {
		return err
	}
	return m.writing(ctx, func(r repo) error {
		if err := os.Remove(filepath.Join(r.dir, ref)); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fault.New(fault.FetchFailed, "a guard cannot be removed: %w", err)
		}
		m.note(ref, "")
		return nil
	})
}

// Guards gives the guarded commits by name.
func (m *Mirror) Guards() (map[string]string, error) {
	guards := map[string]string{}
	entries, err := os.ReadDir(filepath.Join(m.path, guardPrefix))
	if err != nil {
		return nil, fault.New(fault.FetchFailed, "the guards cannot be listed: %w", err)
	}
	for _, entry := range entries {
		if commit, ok := readRef(m.path, guardPrefix+entry.Name()); ok {
			guards[unescapeName(entry.Name())] = commit
		}
	}
	return guards, nil
}

// guardRef gives the local ref of a guard. Every byte but letters, digits, '-' and '_' is written as =XX, so that no name
// can be a path, a lock or a second ref.
func guardRef(name string) (string, error) {
	if name == "" || len(name) > 80 {
		return "", fault.New(fault.NameInvalid, "%q cannot name a guard: it must have 1 to 80 bytes", clip(name))
	}
	var b strings.Builder
	for i := range len(name) {
		if isWord(name[i]) {
			b.WriteByte(name[i])
			continue
		}
		fmt.Fprintf(&b, "=%02X", name[i])
	}
	return guardPrefix + b.String(), nil
}

func isWord(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '-' || c == '_'
}

func unescapeName(escaped string) string {
	var b strings.Builder
	for i := 0; i < len(escaped); i++ {
		var c byte
		if escaped[i] == '=' && i+2 < len(escaped) {
			if _, err := fmt.Sscanf(escaped[i+1:i+3], "%02X", &c); err == nil {
				b.WriteByte(c)
				i += 2
				continue
			}
		}
		b.WriteByte(escaped[i])
	}
	return b.String()
}

// readRef gives the commit of a local ref. Local refs are files of 41 bytes: nothing here packs them.
func readRef(dir, ref string) (string, bool) {
	text, err := os.ReadFile(filepath.Join(dir, ref))
	commit := strings.TrimSuffix(string(text), "\n")
	return commit, err == nil && commitID.MatchString(commit)
}

// writeRef points a local ref to a commit that is complete here. It writes the file itself, as git does: whole, synced and
// by rename; a process for it would cost more than everything else in a Guard. The caller holds the folder's lock.
func (m *Mirror) writeRef(r repo, ref, commit string) error {
	if err := replaceFile(filepath.Join(r.dir, ref), []byte(commit+"\n")); err != nil {
		return fault.New(fault.FetchFailed, "the local copy of %s cannot be written: %w", m.url, err)
	}
	m.note(ref, commit)
	return nil
}
