// Package charttest publishes charts for tests: an HTTP chart repository and an OCI registry on loopback, with and without TLS and
// credentials, and archives of any kind, good and bad.
//
// It never leaves loopback, and what it makes ends with the test. It is not for anything but tests.
//
// Start at Repository and Registry.
package charttest

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"fmt"
	"maps"
	"slices"
)

// T is what is needed of a test: testing.T and testing.B have it.
type T interface {
	Helper()
	Fatal(args ...any)
	Cleanup(func())
}

// Archive packs a chart as `helm package` would: files by their paths relative to the chart's folder. Without a Chart.yaml it gets
// the one that fits.
func Archive(t T, name, version string, files map[string]string) []byte {
	t.Helper()
	all := map[string]string{"Chart.yaml": fmt.Sprintf("apiVersion: v2\nname: %s\nversion: %s\n", name, version)}
	maps.Copy(all, files)
	var entries []tar.Header
	var contents []string
	for _, file := range slices.Sorted(maps.Keys(all)) {
		entries = append(entries, tar.Header{Name: name + "/" + file, Mode: 0o644, Size: int64(len(all[file])), Typeflag: tar.TypeReg})
		contents = append(contents, all[file])
	}
	return Pack(t, entries, contents)
}

// Pack writes any entries into a gzipped tar archive; contents[i] belongs to entries[i].
func Pack(t T, entries []tar.Header, contents []string) []byte {
	t.Helper()
	var out bytes.Buffer
	zip := gzip.NewWriter(&out)
	files := tar.NewWriter(zip)
	for i, head := range entries {
		if err := files.WriteHeader(&head); err != nil {
			t.Fatal(err)
		}
		if _, err := files.Write([]byte(contents[i])); err != nil {
			t.Fatal(err)
		}
	}
	if err := files.Close(); err != nil {
		t.Fatal(err)
	}
	if err := zip.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}
