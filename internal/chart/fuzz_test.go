package chart

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"errors"
	"io"
	"path/filepath"
	"strings"
	"testing"
)

// FuzzIndex: an index that anybody may write gives versions or an error, and no version of another chart's block.
func FuzzIndex(f *testing.F) {
	f.Add("apiVersion: v1\nentries:\n  a:\n  - name: a\n    version: 1.0.0\n    urls: [a-1.0.0.tgz]\n  b:\n  - name: b\n    version: 2.0.0\n", "a")
	f.Add("entries: {a: [{name: a, version: 1.0.0}]}", "a")
	f.Add("entries:\n- a:\n", "a")
	f.Add("entries:\n  \"a\": &x\n  - version: 1\n  b: *x\n", "b")
	f.Add("entries:\n  a:\n  - urls: ['%zz', \"http://[::1\"]\n", "a")
	f.Fuzz(func(t *testing.T, index, name string) {
		versions, err := versionsIn([]byte(index), name)
		if err != nil && len(versions) > 0 {
			t.Errorf("%d versions, and %v", len(versions), err)
		}
		if best, err := choose(versions, Ref{Version: ">=0"}); err == nil && best != nil {
			_, _ = archiveURL("https://charts.example.com/stable", best)
		}
		if block, ok := blockOf([]byte(index), name); ok && !strings.Contains(index, string(block)) {
			t.Errorf("%q is no part of the index", block)
		}
	})
}

// FuzzArchive: what is let through to a renderer has no path that leads out of the chart, no link, and no file twice.
func FuzzArchive(f *testing.F) {
	var seed bytes.Buffer
	w := tar.NewWriter(&seed)
	for name, text := range map[string]string{"a/Chart.yaml": "apiVersion: v2\nname: a\nversion: 1.0.0\n", "a/templates/x.yaml": "a: b\n", "a/charts/b.tgz": "x"} {
		if err := w.WriteHeader(&tar.Header{Name: name, Typeflag: tar.TypeReg, Mode: 0o644, Size: int64(len(text))}); err != nil {
			f.Fatal(err)
		}
		_, _ = w.Write([]byte(text))
	}
	_ = w.Close()
	f.Add(seed.Bytes())
	f.Add(bytes.Replace(seed.Bytes(), []byte("a/charts/b.tgz"), []byte("a/../../b/c.tg"), 1))
	f.Fuzz(func(t *testing.T, unzipped []byte) {
		var zipped bytes.Buffer
		z := gzip.NewWriter(&zipped)
		_, _ = z.Write(unzipped)
		_ = z.Close()
		if inspect(zipped.Bytes(), "a", "1.0.0") != nil {
			return
		}
		seen := map[string]bool{}
		for files := tar.NewReader(bytes.NewReader(unzipped)); ; {
			head, err := files.Next()
			if errors.Is(err, io.EOF) {
				return
			}
			if err != nil {
				t.Fatalf("a damaged archive is let through: %v", err)
			}
			name := strings.ReplaceAll(head.Name, `\`, "/")
			switch head.Typeflag {
			case tar.TypeXGlobalHeader, tar.TypeXHeader, tar.TypeDir:
			case tar.TypeReg:
				if !filepath.IsLocal(name) || seen[filepath.Clean(name)] {
					t.Errorf("the file %q is let through", head.Name)
				}
				seen[filepath.Clean(name)] = true
			default:
				t.Errorf("%q of the type %q is let through", head.Name, head.Typeflag)
			}
		}
	})
}
