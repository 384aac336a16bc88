package main

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"fmt"
	"io"
	"maps"
	"path"
	"slices"
	"strings"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
	"github.com/google/go-containerregistry/pkg/v1/types"
)

// layerOf packs a root: sorted, with every folder before what is in it, owned by root where nothing else is said.
func layerOf(r *root) (v1.Layer, error) {
	var packed bytes.Buffer
	if err := archive(&packed, r); err != nil {
		return nil, err
	}
	return tarball.LayerFromOpener(func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(packed.Bytes())), nil },
		tarball.WithMediaType(types.OCILayer), tarball.WithCompressionLevel(gzip.BestCompression), tarball.WithCompressedCaching)
}

func archive(w io.Writer, r *root) error {
	out := tar.NewWriter(w)
	at, made := r.newest(), map[string]bool{}
	for _, name := range slices.Sorted(maps.Keys(r.entries)) {
		if err := folders(out, r, name, at, made); err != nil {
			return err
		}
		if err := one(out, r.entries[name]); err != nil {
			return err
		}
		made[name] = true
	}
	return out.Close()
}

// folders writes the folders above a path that were not written yet.
func folders(out *tar.Writer, r *root, name string, at time.Time, made map[string]bool) error {
	parts := strings.Split(path.Dir(name), "/")
	for i := range parts {
		dir := strings.Join(parts[:i+1], "/")
		if dir == "." || made[dir] {
			continue
		}
		made[dir] = true
		if _, said := r.entries[dir]; said {
			continue // it sorts before what is in it, and was written
		}
		if err := one(out, entry{path: dir, kind: tar.TypeDir, mode: 0o755, time: at}); err != nil {
			return err
		}
	}
	return nil
}

func one(out *tar.Writer, e entry) error {
	header := &tar.Header{
		Typeflag: e.kind, Name: e.path, Linkname: e.link, Mode: e.mode, Uid: e.uid, Gid: e.uid, Size: int64(len(e.body)),
		ModTime: e.time.UTC().Truncate(time.Second), Format: tar.FormatPAX,
	}
	if e.kind == tar.TypeDir {
		header.Name += "/"
	}
	if err := out.WriteHeader(header); err != nil {
		return err
	}
	_, err := out.Write(e.body)
	return err
}

// report prints what is in the image and how large it is.
func report(w io.Writer, folder string, built *image) error {
	digest, err := built.Digest()
	if err != nil {
		return err
	}
	layers, err := built.Layers()
	if err != nil {
		return err
	}
	fmt.Fprintf(w, "%s\n  %s\n", folder, digest)
	for i, what := range []string{"Debian", "plumb"} {
		size, err := layers[i].Size()
		if err != nil {
			return err
		}
		id, err := layers[i].Digest()
		if err != nil {
			return err
		}
		fmt.Fprintf(w, "  %-7s %5.1f MB, %5.1f MB unpacked  %s\n", what, float64(size)/1e6, float64(built.bytes[i])/1e6, id)
	}
	fmt.Fprintf(w, "  from    %s\n", strings.Join(built.packages, ", "))
	return nil
}
