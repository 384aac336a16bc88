package shelf

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"
)

// aged puts files that were used one after the other, an hour ago and later.
func aged(t *testing.T, s *Shelf, names ...string) {
	t.Helper()
	for i, name := range names {
		if err := s.Put(name, make([]byte, 10)); err != nil {
			t.Fatal(err)
		}
		used := time.Now().Add(time.Duration(i-60) * time.Minute)
		if err := os.Chtimes(s.Path(name), used, used); err != nil {
			t.Fatal(err)
		}
	}
}

func open(t *testing.T, dir string, max int64) *Shelf {
	t.Helper()
	s, err := Open(dir, max)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func there(t *testing.T, dir string) string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var names string
	for _, e := range entries {
		names += e.Name()
	}
	return names
}

func TestWhatWasUsedLeastRecentlyGoesFirst(t *testing.T) {
	for _, row := range []struct {
		reason string
		max    int64
		use    func(*Shelf)
		want   string
	}{
		{"below the bound everything stays", 50, func(*Shelf) {}, "abcde"},
		{"then three quarters stay", 40, func(*Shelf) {}, "cde"},
		{"what was asked for is used", 40, func(s *Shelf) { s.Has("a") }, "ade"},
		{"so is what was read", 40, func(s *Shelf) { _, _ = s.Read("b") }, "bde"},
		{"one that is larger than all stays alone", 5, func(*Shelf) {}, "e"},
		{"without a bound nothing goes", 0, func(*Shelf) {}, "abcde"},
		{"what took another's place is not counted twice", 50, func(s *Shelf) { _ = s.Put("d", make([]byte, 10)) }, "abcde"},
	} {
		dir := t.TempDir()
		s := open(t, dir, 0)
		aged(t, s, "a", "b", "c", "d")
		row.use(s)
		s.max = row.max
		if err := s.Put("e", make([]byte, 10)); err != nil {
			t.Fatal(err)
		}
		if got := there(t, dir); got != row.want {
			t.Errorf("%s: %s are there, want %s", row.reason, got, row.want)
		}
	}
}

// A second name keeps what it was given for, whatever takes the place of the first.
func TestLinkOutlivesTheFirst(t *testing.T) {
	s := open(t, t.TempDir(), 0)
	for _, text := range []string{"one", "two"} {
		if err := s.Put("a", []byte(text)); err != nil {
			t.Fatal(err)
		}
		if text == "one" {
			if err := s.Link("a", "b"); err != nil {
				t.Fatal(err)
			}
		}
	}
	s.Remove("a")
	if data, err := s.Read("b"); err != nil || string(data) != "one" {
		t.Errorf("the second name holds %q, %v", data, err)
	}
	if s.Has("a") {
		t.Error("what was removed is there")
	}
}

// What a crash left goes when room is made, and counts until then; only the owner may read.
func TestLeftovers(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "shelf")
	open(t, dir, 30)
	left := filepath.Join(dir, "new-123")
	if err := os.WriteFile(left, make([]byte, 30), 0o600); err != nil {
		t.Fatal(err)
	}
	old := time.Now().Add(-time.Hour)
	if err := os.Chtimes(left, old, old); err != nil {
		t.Fatal(err)
	}
	if err := open(t, dir, 30).Put("a", make([]byte, 10)); err != nil {
		t.Fatal(err)
	}
	if got := there(t, dir); got != "a" {
		t.Errorf("%s are there", got)
	}
	if info, err := os.Stat(dir); err != nil || info.Mode().Perm() != 0o700 {
		t.Errorf("the folder: %v, %v", info, err)
	}
}

// Whoever reads while others write sees a whole file.
func TestFilesAreWhole(t *testing.T) {
	s := open(t, t.TempDir(), 0)
	var group sync.WaitGroup
	for i := range 4 {
		group.Go(func() {
			for range 50 {
				if err := s.Put("a", bytes.Repeat([]byte(fmt.Sprint(i)), 1000)); err != nil {
					t.Error(err)
				}
				if data, err := s.Read("a"); err != nil || len(data) != 1000 || bytes.Count(data, data[:1]) != 1000 {
					t.Errorf("a part of a file: %d bytes, %v", len(data), err)
				}
			}
		})
	}
	group.Wait()
}
