package source

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	pathpkg "path"
	"strings"
	"time"
)

// Snapshot is the tree of one commit, read from the object store: an fs.FS, fs.ReadDirFS, fs.ReadFileFS, fs.StatFS and
// fs.ReadLinkFS. It never changes and is safe for concurrent use. Times are zero, so that nothing can depend on them.
//
// Symlinks are followed inside the repository, wherever they stand in a path; one that leads out of it, or is absolute, or
// turns in a circle, is the fault PathEscape. ReadDir, ReadLink and Lstat do not follow the last element.
//
// A submodule is a folder, also marked as irregular. What lies in it is the tree of the pinned commit, as if everything had
// been checked out: it is fetched when something in it is read for the first time, from the address in .gitmodules, and
// never before. Hash fetches nothing.
//
// Errors are *fs.PathError around fs.ErrNotExist, fs.ErrInvalid (a path that package fs refuses; see CleanPath), or a Fault:
// RenderLimit with FILE_TOO_LARGE, TREE_TOO_LARGE, TREE_DEPTH; PathEscape; FetchFailed if a blob that was left on the server
// cannot be fetched, or the local copy is damaged. Of a submodule also those of Mirror.Fetch, and Unsupported if .gitmodules
// does not name an address that may be fetched from.
type Snapshot struct {
	m      *Mirror
	commit *Commit
}

var (
	_ fs.ReadDirFS  = (*Snapshot)(nil)
	_ fs.ReadFileFS = (*Snapshot)(nil)
	_ fs.StatFS     = (*Snapshot)(nil)
	_ fs.ReadLinkFS = (*Snapshot)(nil)
)

// Snapshot gives the tree of a commit that is here: see Fetch and Complete. The context bounds this call only; reads of the
// Snapshot have deadlines of their own, and end with the mirror.
//
// Errors: RevisionNotFound if the commit is not here; FetchFailed if the local copy is damaged.
func (m *Mirror) Snapshot(ctx context.Context, commit string) (*Snapshot, error) {
	c, err := m.commit(ctx, commit)
	if err != nil {
		return nil, err
	}
	return &Snapshot{m: m, commit: c}, nil
}

// Commit gives the id of the commit.
func (s *Snapshot) Commit() string { return s.commit.ID }

// Hash gives what identifies the content at a path: git's mode and object id, "100644 <id>" of a file, "040000 <id>" of a
// folder. Equal hashes mean equal bytes below. A symlink is followed, so the hash is that of what a read of the same path
// gives; but the hash of a folder covers the texts of the symlinks in it, not what they point to: what is read through a
// symlink is to be recorded by its own path. That of a submodule is "160000 <commit>". It costs a lookup per path element,
// from cached trees.
//
// Errors: fs.ErrNotExist (in an *fs.PathError) if there is nothing; others as Snapshot.
func (s *Snapshot) Hash(path string) (string, error) {
	n, err := s.lookup("hash", path, true)
	if err != nil {
		return "", err
	}
	return fmt.Sprintf("%06o %s", uint32(n.mode), n.id), nil
}

// Open opens a file or folder.
func (s *Snapshot) Open(path string) (fs.File, error) {
	n, err := s.lookup("open", path, true)
	if err != nil {
		return nil, err
	}
	if n.isFolder() {
		entries, err := n.entries("open", path)
		if err != nil {
			return nil, err
		}
		return &openFolder{node: n.node, path: path, entries: entries}, nil
	}
	content, err := n.read("open", path)
	if err != nil {
		return nil, err
	}
	return &openFile{info: fileInfo{n.node, int64(len(content))}, Reader: bytes.NewReader(content)}, nil
}

// ReadFile gives the bytes of a file. The caller may change them.
func (s *Snapshot) ReadFile(path string) ([]byte, error) {
	n, err := s.lookup("read", path, true)
	if err != nil {
		return nil, err
	}
	content, err := n.read("read", path)
	if err != nil {
		return nil, err
	}
	return bytes.Clone(content), nil
}

// ReadDir gives the entries of a folder, sorted by name. Symlinks among them are shown as such.
func (s *Snapshot) ReadDir(path string) ([]fs.DirEntry, error) {
	n, err := s.lookup("readdir", path, true)
	if err != nil {
		return nil, err
	}
	return n.entries("readdir", path)
}

// Stat describes what a path leads to, symlinks followed.
func (s *Snapshot) Stat(path string) (fs.FileInfo, error) {
	n, err := s.lookup("stat", path, true)
	if err != nil {
		return nil, err
	}
	return n.describe("stat", path)
}

// Lstat describes what a path names, the last element not followed.
func (s *Snapshot) Lstat(path string) (fs.FileInfo, error) {
	n, err := s.lookup("lstat", path, false)
	if err != nil {
		return nil, err
	}
	return n.describe("lstat", path)
}

// ReadLink gives the text of a symlink.
func (s *Snapshot) ReadLink(path string) (string, error) {
	n, err := s.lookup("readlink", path, false)
	if err != nil {
		return "", err
	}
	if n.mode != modeSymlink {
		return "", &fs.PathError{Op: "readlink", Path: path, Err: fs.ErrInvalid}
	}
	target, err := n.target(path)
	if err != nil {
		return "", &fs.PathError{Op: "readlink", Path: path, Err: err}
	}
	return target, nil
}

// isFolder tells whether names may lie below a node.
func (n node) isFolder() bool { return n.mode == modeFolder || n.mode == modeSubmodule }

// entries lists a folder.
func (l located) entries(op, path string) ([]fs.DirEntry, error) {
	if !l.isFolder() {
		return nil, &fs.PathError{Op: op, Path: path, Err: errors.New("not a folder")}
	}
	if l.mode == modeSubmodule {
		sub, err := l.in.enter(l.at, path, l.node, true)
		if err != nil {
			return nil, &fs.PathError{Op: op, Path: path, Err: err}
		}
		l = located{node{name: l.name, mode: modeFolder, id: sub.commit.tree}, sub, "."}
	}
	nodes, err := l.in.tree(l.in.m.life, path, l.id)
	if err != nil {
		return nil, &fs.PathError{Op: op, Path: path, Err: err}
	}
	entries := make([]fs.DirEntry, len(nodes))
	for i := range nodes {
		entries[i] = dirEntry{located{nodes[i], l.in, pathpkg.Join(l.at, nodes[i].name)}, path}
	}
	return entries, nil
}

// describe makes a FileInfo. The size of a file is asked of the store.
func (l located) describe(op, path string) (fs.FileInfo, error) {
	if l.isFolder() {
		return fileInfo{node: l.node}, nil
	}
	if kept, ok := l.in.m.cache.get(l.id); ok {
		if content, ok := kept.([]byte); ok {
			return fileInfo{l.node, int64(len(content))}, nil
		}
	}
	found, err := l.in.m.blobInfo(l.in.m.life, l.in, l.node, l.at)
	if err != nil {
		return nil, &fs.PathError{Op: op, Path: path, Err: l.shownAs(path, err)}
	}
	return fileInfo{l.node, found.size}, nil
}

// read gives the content of a blob, which belongs to the cache.
func (l located) read(op, path string) ([]byte, error) {
	if l.isFolder() {
		return nil, &fs.PathError{Op: op, Path: path, Err: errors.New("is a folder")}
	}
	content, err := l.content(path, l.in.m.options.MaxFile)
	if err != nil {
		return nil, &fs.PathError{Op: op, Path: path, Err: err}
	}
	return content, nil
}

// fileInfo is what is known of a node.
type fileInfo struct {
	node node
	size int64
}

func (i fileInfo) Name() string       { return i.node.name }
func (i fileInfo) Size() int64        { return i.size }
func (i fileInfo) Mode() fs.FileMode  { return i.node.mode.full() }
func (i fileInfo) ModTime() time.Time { return time.Time{} }
func (i fileInfo) IsDir() bool        { return i.node.isFolder() }
func (i fileInfo) Sys() any           { return nil }

// dirEntry is an entry of a listed folder; its size is asked for only by Info.
type dirEntry struct {
	located
	folder string
}

func (e dirEntry) Name() string      { return e.name }
func (e dirEntry) IsDir() bool       { return e.isFolder() }
func (e dirEntry) Type() fs.FileMode { return e.mode.kind() }
func (e dirEntry) String() string    { return fs.FormatDirEntry(e) }
func (e dirEntry) Info() (fs.FileInfo, error) {
	return e.describe("stat", strings.TrimPrefix(e.folder+"/"+e.name, "./"))
}

// openFile is an open file: all of its bytes.
type openFile struct {
	info fileInfo
	*bytes.Reader
}

func (f *openFile) Stat() (fs.FileInfo, error) { return f.info, nil }
func (f *openFile) Close() error               { return nil }

// openFolder is an open folder: its entries, and how many were given out.
type openFolder struct {
	node    node
	path    string
	entries []fs.DirEntry
	given   int
}

func (f *openFolder) Stat() (fs.FileInfo, error) { return fileInfo{node: f.node}, nil }
func (f *openFolder) Close() error               { return nil }

func (f *openFolder) Read([]byte) (int, error) {
	return 0, &fs.PathError{Op: "read", Path: f.path, Err: errors.New("is a folder")}
}

// ReadDir gives the next n entries, all that remain if n <= 0; io.EOF when none remain and n > 0.
func (f *openFolder) ReadDir(n int) ([]fs.DirEntry, error) {
	rest := f.entries[f.given:]
	if n > 0 && len(rest) == 0 {
		return nil, io.EOF
	}
	if n > 0 && len(rest) > n {
		rest = rest[:n]
	}
	f.given += len(rest)
	return append([]fs.DirEntry(nil), rest...), nil
}
