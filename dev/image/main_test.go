package main

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/validate"
)

// program writes a program that stands for plumb: it is linked statically, and small.
func program(t *testing.T, version string) string {
	t.Helper()
	dir := t.TempDir()
	source, out := filepath.Join(dir, "main.go"), filepath.Join(dir, "plumb")
	if err := os.WriteFile(source, []byte("package main\nfunc main() { println(\""+version+"\") }\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("go", "build", "-o", out, source)
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOFLAGS=-trimpath", "GO111MODULE=off")
	if said, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, said)
	}
	return out
}

// loaded are the packages, which are read once.
var loaded = sync.OnceValues(func() ([]pack, error) {
	base, err := os.UserCacheDir()
	if err != nil {
		return nil, err
	}
	return load(context.Background(), filepath.Join(base, "plumb", "debian"))
})

func made(t *testing.T, o options) *image {
	t.Helper()
	packages, err := loaded()
	if err != nil {
		t.Fatal(err)
	}
	built, err := build(packages, o)
	if err != nil {
		t.Fatal(err)
	}
	if o.out != "" {
		if err := write(o, built); err != nil {
			t.Fatal(err)
		}
	}
	return built
}

func digests(t *testing.T, img v1.Image) (whole string, layers []string) {
	t.Helper()
	digest, err := img.Digest()
	if err != nil {
		t.Fatal(err)
	}
	all, err := img.Layers()
	if err != nil {
		t.Fatal(err)
	}
	for _, layer := range all {
		id, err := layer.Digest()
		if err != nil {
			t.Fatal(err)
		}
		layers = append(layers, id.String())
	}
	return digest.String(), layers
}

// TestImage makes the image of real packages, and runs what is in it, locked into its root as a container is.
func TestImage(t *testing.T) {
	one, two := program(t, "one"), program(t, "two")
	o := options{plumb: one, version: "v1.2.3", revision: "9f31c2a", time: 1764000000, out: filepath.Join(t.TempDir(), "layout")}
	first := made(t, o)
	whole, layers := digests(t, first)
	if again, _ := digests(t, made(t, options{plumb: one, version: "v1.2.3", revision: "9f31c2a", time: 1764000000})); again != whole {
		t.Errorf("the same inputs gave %s, then %s", whole, again)
	}
	_, upgraded := digests(t, made(t, options{plumb: two, version: "v1.2.4", revision: "77ab012", time: 1765000000}))
	if upgraded[0] != layers[0] || upgraded[1] == layers[1] {
		t.Errorf("an upgrade of plumb changes the layer of Debian, or no layer: %q, %q", layers, upgraded)
	}

	path, err := layout.FromPath(o.out)
	if err != nil {
		t.Fatal(err)
	}
	index, err := path.ImageIndex()
	if err != nil {
		t.Fatal(err)
	}
	if err := validate.Index(index); err != nil {
		t.Errorf("it is no valid image: %v", err)
	}
	manifest, err := index.IndexManifest()
	if err != nil {
		t.Fatal(err)
	}
	img, err := index.Image(manifest.Manifests[0].Digest)
	if err != nil {
		t.Fatal(err)
	}
	t.Run("configuration", func(t *testing.T) { configuration(t, img) })
	root := t.TempDir()
	unpack(t, img, root)
	t.Run("root", func(t *testing.T) { inside(t, root) })
}

func configuration(t *testing.T, img v1.Image) {
	file, err := img.ConfigFile()
	if err != nil {
		t.Fatal(err)
	}
	c := file.Config
	if c.User != "65532:65532" || !slices.Equal(c.Entrypoint, []string{"/usr/bin/plumb"}) || !slices.Equal(c.Cmd, []string{"agent"}) {
		t.Errorf("it runs %q %q as %q", c.Entrypoint, c.Cmd, c.User)
	}
	if c.Labels["org.opencontainers.image.revision"] != "9f31c2a" || c.Labels["org.opencontainers.image.version"] != "v1.2.3" {
		t.Errorf("labels: %v", c.Labels)
	}
	if len(file.History) != 2 || file.Created.Unix() != 1764000000 {
		t.Errorf("history %v, created %v", file.History, file.Created)
	}
}

// unpack lays an image out as a runtime does.
func unpack(t *testing.T, img v1.Image, root string) {
	t.Helper()
	flat := mutate.Extract(img)
	defer flat.Close()
	for archive := tar.NewReader(flat); ; {
		header, err := archive.Next()
		if errors.Is(err, io.EOF) {
			return
		}
		if err != nil {
			t.Fatal(err)
		}
		if header.Uid != 0 && header.Name != "cache/" && header.Name != "cache" || header.Mode&0o6000 != 0 {
			t.Errorf("%s belongs to %d and has the mode %o", header.Name, header.Uid, header.Mode)
		}
		name := filepath.Join(root, filepath.Clean("/"+header.Name))
		switch header.Typeflag {
		case tar.TypeDir:
			err = os.MkdirAll(name, header.FileInfo().Mode().Perm()|0o700)
		case tar.TypeSymlink:
			err = os.Symlink(header.Linkname, name)
		case tar.TypeReg:
			var body []byte
			if body, err = io.ReadAll(archive); err == nil {
				err = os.WriteFile(name, body, header.FileInfo().Mode().Perm())
			}
		default:
			t.Errorf("%s is a %q", header.Name, header.Typeflag)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
}

// inside runs the programs of the image in its root, as its user.
func inside(t *testing.T, root string) {
	if os.Getuid() != 0 {
		t.Skip("skipped: only root can change the root")
	}
	if err := syscall.Mknod(filepath.Join(root, "dev", "null"), syscall.S_IFCHR|0o666, 1<<8|3); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(filepath.Join(root, "dev", "null"), 0o666); err != nil {
		t.Fatal(err)
	}
	for dir := root; dir != "/" && dir != "/tmp"; dir = filepath.Dir(dir) {
		if err := os.Chmod(dir, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	for _, row := range []struct {
		reason string
		run    []string
		want   string
		fails  bool
	}{
		{"the product", []string{"/usr/bin/plumb"}, "one", false},
		{"git finds its libraries", []string{"/usr/bin/git", "version"}, "git version 2.", false},
		{"git has the helper for https", []string{"/usr/bin/git", "ls-remote", "https://127.0.0.1:1/x"}, "Failed to connect", true},
		{"git starts ssh through the shell", []string{"/usr/bin/git", "-c", "core.sshCommand=ssh -F /dev/null -o BatchMode=yes", "ls-remote", "ssh://git@127.0.0.1:1/x"}, "Connection refused", true},
		{"a name that does not exist is looked up", []string{"/usr/bin/git", "ls-remote", "https://plumb.invalid/x"}, "Could not resolve host", true},
		{"ssh finds its libraries", []string{"/usr/bin/ssh", "-V"}, "OpenSSH_", false},
	} {
		cmd := &exec.Cmd{
			Path: row.run[0], Args: row.run, Dir: "/", Env: []string{"PATH=/usr/bin", "HOME=/tmp"},
			SysProcAttr: &syscall.SysProcAttr{Chroot: root, Credential: &syscall.Credential{Uid: user, Gid: user}},
		}
		var said bytes.Buffer
		cmd.Stdout, cmd.Stderr = &said, &said
		if err := cmd.Run(); (err != nil) != row.fails || !strings.Contains(said.String(), row.want) {
			t.Errorf("%s: %v: %s", row.reason, err, said.String())
		}
	}
	authorities, err := os.ReadFile(filepath.Join(root, bundle))
	if err != nil || bytes.Count(authorities, []byte("BEGIN CERTIFICATE")) < 50 {
		t.Errorf("there are no certificate authorities: %v", err)
	}
}

func TestMerged(t *testing.T) {
	for name, want := range map[string]string{
		"./lib/x86_64-linux-gnu/libc.so.6": "usr/lib/x86_64-linux-gnu/libc.so.6", "./bin/sh": "usr/bin/sh", "/lib64/ld.so": "usr/lib64/ld.so",
		"./usr/bin/git": "usr/bin/git", "./etc/passwd": "etc/passwd", "./lib": "lib", "./../../etc/passwd": "etc/passwd",
	} {
		if got := merged(name); got != want {
			t.Errorf("%s: %s, want %s", name, got, want)
		}
	}
}

// Whatever the order in which files were found, a layer has one form: sorted, each folder before what is in it, once.
func TestLayerForm(t *testing.T) {
	r := &root{entries: map[string]entry{}}
	for _, e := range []entry{
		{path: "usr/bin/b", kind: tar.TypeReg, mode: 0o755, body: []byte("b")}, {path: "usr/bin/a", kind: tar.TypeSymlink, link: "b"},
		{path: "tmp", kind: tar.TypeDir, mode: 0o1777}, {path: "etc/x/y", kind: tar.TypeReg, mode: 0o644},
	} {
		r.put(e)
	}
	layer, err := layerOf(r)
	if err != nil {
		t.Fatal(err)
	}
	packed, err := layer.Compressed()
	if err != nil {
		t.Fatal(err)
	}
	plain, err := gzip.NewReader(packed)
	if err != nil {
		t.Fatal(err)
	}
	if !plain.ModTime.IsZero() {
		t.Errorf("the compression has a time: %s", plain.ModTime)
	}
	var names []string
	for archive := tar.NewReader(plain); ; {
		header, err := archive.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		names = append(names, header.Name)
	}
	if got, want := strings.Join(names, " "), "etc/ etc/x/ etc/x/y tmp/ usr/ usr/bin/ usr/bin/a usr/bin/b"; got != want {
		t.Errorf("%s, want %s", got, want)
	}
}
