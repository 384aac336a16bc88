package render

import (
	"bytes"
	"io/fs"
	"path"
	"time"
)

// Replaced gives a tree in which some files have other bytes. Nothing else of it changes: the files must be there, and symlinks stay.
func Replaced(tree fs.FS, files map[string][]byte) fs.FS {
	r := replaced{tree: tree, files: files}
	if linked, ok := tree.(fs.ReadLinkFS); ok {
		return replacedLinks{replaced: r, linked: linked}
	}
	return r
}

type replaced struct {
	tree  fs.FS
	files map[string][]byte
}

func (r replaced) Open(name string) (fs.File, error) {
	data, ok := r.files[name]
	if !ok {
		return r.tree.Open(name)
	}
	return &replacedFile{Reader: bytes.NewReader(data), info: infoOf(name, data)}, nil
}

func (r replaced) Stat(name string) (fs.FileInfo, error) {
	if data, ok := r.files[name]; ok {
		return infoOf(name, data), nil
	}
	return fs.Stat(r.tree, name)
}

func (r replaced) ReadFile(name string) ([]byte, error) {
	if data, ok := r.files[name]; ok {
		return bytes.Clone(data), nil
	}
	return fs.ReadFile(r.tree, name)
}

func (r replaced) ReadDir(name string) ([]fs.DirEntry, error) { return fs.ReadDir(r.tree, name) }

// replacedLinks is replaced for a tree that knows its symlinks.
type replacedLinks struct {
	replaced
	linked fs.ReadLinkFS
}

func (r replacedLinks) Lstat(name string) (fs.FileInfo, error) {
	if data, ok := r.files[name]; ok {
		return infoOf(name, data), nil
	}
	return r.linked.Lstat(name)
}

func (r replacedLinks) ReadLink(name string) (string, error) { return r.linked.ReadLink(name) }

type replacedFile struct {
	*bytes.Reader
	info fs.FileInfo
}

func (f *replacedFile) Stat() (fs.FileInfo, error) { return f.info, nil }
func (f *replacedFile) Close() error               { return nil }

// replacedInfo is what is known of a file with other bytes.
type replacedInfo struct {
	name string
	size int64
}

func infoOf(name string, data []byte) fs.FileInfo {
	return replacedInfo{name: path.Base(name), size: int64(len(data))}
}

func (i replacedInfo) Name() string       { return i.name }
func (i replacedInfo) Size() int64        { return i.size }
func (i replacedInfo) Mode() fs.FileMode  { return 0o444 }
func (i replacedInfo) ModTime() time.Time { return time.Time{} }
func (i replacedInfo) IsDir() bool        { return false }
func (i replacedInfo) Sys() any           { return nil }
