// Package shelf keeps files in a folder of its own: each is whole or not there, whatever ends the process, and of all there are
// never much more bytes than the bound. What was used least recently goes first.
//
// It is for what can be had again: renders, charts, what was told or written last. It never reads what is in a file, and forces nothing to disk: whoever needs to know that a file
// is what it was puts a digest into it, or into its name. Start at Open.
package shelf

import (
	"cmp"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"
)

// Shelf is a folder of files. It is safe for concurrent use by one process.
type Shelf struct {
	dir string
	max int64

	mu   sync.Mutex
	size int64 // at most what there is, and counted anew before anything is thrown away
}

// Open makes or opens a shelf in a folder that only its owner may read. max is the bound in bytes; 0: nothing is thrown away.
func Open(dir string, max int64) (*Shelf, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	if err := os.Chmod(dir, 0o700); err != nil {
		return nil, err
	}
	s := &Shelf{dir: dir, max: max}
	for _, f := range s.files() {
		s.size += f.size
	}
	return s, nil
}

// Path gives where a file is, or would be.
func (s *Shelf) Path(name string) string { return filepath.Join(s.dir, name) }

// Read gives a file; it counts as used now.
func (s *Shelf) Read(name string) ([]byte, error) {
	data, err := os.ReadFile(s.Path(name))
	if err == nil {
		s.Has(name)
	}
	return data, err
}

// Has tells whether a file is there; it counts as used now.
func (s *Shelf) Has(name string) bool {
	now := time.Now()
	return os.Chtimes(s.Path(name), now, now) == nil
}

// Put puts a whole file in place at once, and makes room for it. A crash leaves the one before, or a temporary file that goes when
// room is made.
func (s *Shelf) Put(name string, data []byte) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.write(name, data); err != nil {
		return err
	}
	if s.size += int64(len(data)); s.max > 0 && s.size > s.max {
		s.shrink(name)
	}
	return nil
}

func (s *Shelf) write(name string, data []byte) error {
	f, err := os.CreateTemp(s.dir, "new-*") // mode 0600
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	if closed := f.Close(); err == nil {
		err = closed
	}
	if err == nil {
		err = os.Rename(f.Name(), s.Path(name))
	}
	if err != nil {
		_ = os.Remove(f.Name())
	}
	return err
}

// Remove takes a file away, if it is there.
func (s *Shelf) Remove(name string) { _ = os.Remove(s.Path(name)) }

// Link gives a file a second name, in place of what has that. It costs no copy, and outlives another file of the first name.
func (s *Shelf) Link(name, second string) error {
	s.Remove(second)
	return os.Link(s.Path(name), s.Path(second))
}

// shrink removes the files that were not used for longest, but for one, until three quarters of the bound are left. s.mu is held.
func (s *Shelf) shrink(keep string) {
	files := s.files()
	s.size = 0
	for _, f := range files {
		s.size += f.size
	}
	if s.size <= s.max {
		return
	}
	for _, f := range files {
		if s.size <= s.max/4*3 {
			return
		}
		if f.name != keep && os.Remove(s.Path(f.name)) == nil {
			s.size -= f.size
		}
	}
}

type file struct {
	name string
	size int64
	used time.Time
}

// files lists the folder, least recently used first.
func (s *Shelf) files() []file {
	entries, _ := os.ReadDir(s.dir)
	files := make([]file, 0, len(entries))
	for _, e := range entries {
		if info, err := e.Info(); err == nil && info.Mode().IsRegular() {
			files = append(files, file{e.Name(), info.Size(), info.ModTime()})
		}
	}
	slices.SortFunc(files, func(a, b file) int { return cmp.Or(a.used.Compare(b.used), cmp.Compare(a.name, b.name)) })
	return files
}
