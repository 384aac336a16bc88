package chart

import (
	"bytes"
	"io"
	"io/fs"
	"time"
)

// File is the name of the archive in the tree of a Chart: what a renderer asks for.
func (c *Chart) File() string { return c.Ref.Name + "-" + c.Version + ".tgz" }

// FS gives the chart as a tree of one file. Its hash is the archive's digest, which is known without reading it; what is read is
// checked against it.
func (c *Chart) FS() fs.FS { return tree{c} }

type tree struct{ chart *Chart }

// Hash gives the digest for the archive and for the root.
func (t tree) Hash(name string) (string, error) {
	if name != "." && name != t.chart.File() {
		return "", &fs.PathError{Op: "hash", Path: name, Err: fs.ErrNotExist}
	}
	return t.chart.Digest, nil
}

// Open opens the archive.
func (t tree) Open(name string) (fs.File, error) {
	if name != t.chart.File() {
		return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrNotExist}
	}
	data, err := readArchive(t.chart.file, t.chart.Digest)
	if err != nil {
		return nil, err
	}
	return &opened{Reader: bytes.NewReader(data), name: name, size: int64(len(data))}, nil
}

// opened is the archive in memory.
type opened struct {
	io.Reader
	name string
	size int64
}

func (o *opened) Close() error               { return nil }
func (o *opened) Stat() (fs.FileInfo, error) { return o, nil }
func (o *opened) Name() string               { return o.name }
func (o *opened) Size() int64                { return o.size }
func (o *opened) Mode() fs.FileMode          { return 0o400 }
func (o *opened) ModTime() time.Time         { return time.Time{} }
func (o *opened) IsDir() bool                { return false }
func (o *opened) Sys() any                   { return nil }
