// Package charthost gives tests that drive programs a chart repository and a registry on loopback: those of the tests of
// internal/chart, in a process of their own.
//
// It never leaves loopback. Start at Start.
package charthost

import (
	"archive/tar"
	"bufio"
	"bytes"
	"compress/gzip"
	"encoding/json"
	"io/fs"
	"net/http"
	"os/exec"
	"path/filepath"
	"testing"
)

// Host is an HTTP chart repository and an OCI registry.
type Host struct {
	Repository string // http://…
	Registry   string // oci://…; charts are below /charts

	Control string // where Host is told what to do
}

// Start starts a Host that lives as long as the test. The arguments are those of the chart server: -user and -password. The test's
// package must lie in a folder of dev.
func Start(t testing.TB, arguments ...string) Host {
	t.Helper()
	program := filepath.Join(t.TempDir(), "chartserver")
	if out, err := exec.Command("go", "build", "-C", "../..", "-o", program, "./internal/chart/charttest/chartserver").CombinedOutput(); err != nil {
		t.Fatalf("build the chart server: %v\n%s", err, out)
	}
	server := exec.Command(program, arguments...)
	stdin, err := server.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	stdout, err := server.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := server.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		stdin.Close()
		_ = server.Wait()
	})
	var h Host
	line, err := bufio.NewReader(stdout).ReadBytes('\n')
	if err == nil {
		err = json.Unmarshal(line, &h)
	}
	if err != nil {
		t.Fatal(err)
	}
	return h
}

// Publish puts a chart's files, as they lie in its folder, into the repository and, below /charts, into the registry.
func (h Host) Publish(t testing.TB, name, version string, files fs.FS) {
	t.Helper()
	h.put(t, "/"+name+"/"+version, pack(t, name, files))
}

// Break has both refuse to speak.
func (h Host) Break(t testing.TB) {
	t.Helper()
	h.put(t, "/break", nil)
}

// Mend ends that.
func (h Host) Mend(t testing.TB) {
	t.Helper()
	h.put(t, "/mend", nil)
}

func (h Host) put(t testing.TB, path string, body []byte) {
	t.Helper()
	req, err := http.NewRequest(http.MethodPut, h.Control+path, bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		t.Fatalf("PUT %s: %s", path, resp.Status)
	}
}

// pack makes the archive of a chart, as `helm package` would.
func pack(t testing.TB, name string, files fs.FS) []byte {
	t.Helper()
	var out bytes.Buffer
	zip := gzip.NewWriter(&out)
	archive := tar.NewWriter(zip)
	err := fs.WalkDir(files, ".", func(path string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		data, err := fs.ReadFile(files, path)
		if err != nil {
			return err
		}
		if err := archive.WriteHeader(&tar.Header{Name: name + "/" + path, Mode: 0o644, Size: int64(len(data)), Typeflag: tar.TypeReg}); err != nil {
			return err
		}
		_, err = archive.Write(data)
		return err
	})
	if err == nil {
		err = archive.Close()
	}
	if err == nil {
		err = zip.Close()
	}
	if err != nil {
		t.Fatalf("pack %s: %v", name, err)
	}
	return out.Bytes()
}
