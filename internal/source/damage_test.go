package source_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"plumb.dev/plumb/internal/fault"
	"plumb.dev/plumb/internal/source"
	"plumb.dev/plumb/internal/source/sourcetest"
)

// TestDamage: a copy that is damaged in any way is replaced by a fresh one, with the guarded commits, which only it had.
func TestDamage(t *testing.T) {
	every := func(pattern string, damage func(string) error) func(string) error {
		return func(folder string) error {
			found, err := filepath.Glob(filepath.Join(folder, pattern))
			if err == nil && len(found) == 0 {
				err = fmt.Errorf("%s matches nothing", pattern)
			}
			for _, file := range found {
				err = errors.Join(err, os.Chmod(file, 0o600), damage(file))
			}
			return err
		}
	}
	fill := func(text string) func(string) error {
		return func(file string) error { return os.WriteFile(file, []byte(text), 0o600) }
	}
	for _, test := range []struct {
		name   string
		damage func(folder string) error
		guard  bool
		reason string
	}{
		{"no HEAD", every("HEAD", os.Remove), false, "half a folder was restored"},
		{"an empty HEAD", every("HEAD", fill("")), false, "a crash of the machine leaves empty files"},
		{"a garbled HEAD", every("HEAD", fill("\x00\x00\x00")), true, "git says: not a repository"},
		{"a garbled config", every("config", fill("[core")), true, "git cannot read it"},
		{"an empty seen ref", every("refs/plumb/seen/*", fill("")), true, "a crash of the machine leaves empty files"},
		{"a seen ref to nowhere", every("refs/plumb/seen/*", fill(strings.Repeat("9", 40)+"\n")), true, "its object was lost"},
		{"empty objects", every("objects/pack/*", fill("")), false, "a crash of the machine leaves empty files"},
		{"lost objects", every("objects/pack/*", os.Remove), false, "a person tidied up"},
	} {
		t.Run(test.name, func(t *testing.T) {
			s := newScene(t, source.Options{})
			if err := s.mirror.Guard(t.Context(), "kept", s.first.Commit); err != nil {
				t.Fatal(err)
			}
			s.repo.CommitOn("", "main", "unrelated", sourcetest.File("a", "second"))
			second, err := s.pull()
			if err != nil {
				t.Fatal(err)
			}
			s.mirror.Close()
			s.repo.Git("reflog", "expire", "--expire=now", "--all")
			s.repo.Git("gc", "--quiet", "--prune=now") // the server loses the first commit
			if err := test.damage(s.folder()); err != nil {
				t.Fatal(err)
			}
			s.open(source.Options{})
			if snapshot, err := s.mirror.Snapshot(t.Context(), second.Commit); err == nil {
				_, _ = snapshot.ReadFile("a") // whoever meets the damage marks it
			}
			s.repo.Commit("main", "third", sourcetest.File("a", "third"))
			third, err := s.pull()
			if err != nil {
				t.Fatalf("%s: the next pass fails: %v", test.reason, err)
			}
			s.reads(third, "third")
			s.reads(second, "second")
			if test.guard {
				s.reads(s.first, "first")
			}
		})
	}
}

// TestDamagedAndUnreachable: while the server is away, what a damaged copy still has stays readable.
func TestDamagedAndUnreachable(t *testing.T) {
	s := newScene(t, source.Options{})
	s.mirror.Close()
	if err := os.WriteFile(filepath.Join(s.folder(), "plumb-damaged"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	s.server.Break(status(500))
	s.open(source.Options{})
	if err := s.mirror.Fetch(t.Context(), s.first); !fault.Is(err, fault.FetchFailed) {
		t.Errorf("the error is %v", err)
	}
	s.reads(s.first, "first")
	s.server.Mend()
	if err := s.mirror.Fetch(t.Context(), s.first); err != nil {
		t.Error(err)
	}
	if _, err := os.Stat(filepath.Join(s.folder(), "plumb-damaged")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the copy was not replaced: %v", err)
	}
	s.reads(s.first, "first")
}
