package e2e

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httputil"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

// inImage is who the image runs as.
const inImage = 65532

// lockIn has the agent run in another root, as the image's user, with what a pod would mount: its kubeconfig and its token.
func (a *agent) lockIn(cmd *exec.Cmd) error {
	for name, from := range map[string]string{"kubeconfig": a.account, "token": filepath.Join(a.dir, "token")} {
		data, err := os.ReadFile(from)
		if err != nil {
			return err
		}
		to := filepath.Join(a.root, "tmp", name)
		if err := os.WriteFile(to, data, 0o400); err != nil {
			return err
		}
		if err := os.Chown(to, inImage, inImage); err != nil {
			return err
		}
		for i, argument := range cmd.Args {
			if argument == from {
				cmd.Args[i] = "/tmp/" + name
			}
		}
	}
	for i, argument := range cmd.Args {
		if argument == a.cache() {
			cmd.Args[i] = "/cache"
		}
	}
	cmd.Path, cmd.Err, cmd.Dir, cmd.Env = "/usr/bin/plumb", nil, "/", append([]string{"PATH=/usr/bin", "HOME=/tmp"}, a.env...)
	cmd.SysProcAttr.Chroot = a.root
	cmd.SysProcAttr.Credential = &syscall.Credential{Uid: inImage, Gid: inImage}
	return nil
}

// imageRoot makes the image and lays it out as a container runtime does, with /proc and the devices that each container has.
func imageRoot(t *testing.T, plumb string) string {
	t.Helper()
	if os.Getuid() != 0 {
		t.Skip("skipped: only root can change the root of a process")
	}
	dir := t.TempDir()
	cmd := exec.Command("go", "run", ".", "-plumb", plumb, "-out", filepath.Join(dir, "layout"))
	cmd.Dir = "../image"
	said, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("make the image: %v: %s", err, said)
	}
	t.Logf("%s", said)
	root := filepath.Join(dir, "root")
	if err := os.Mkdir(root, 0o755); err != nil {
		t.Fatal(err)
	}
	for _, layer := range layersOf(t, filepath.Join(dir, "layout")) {
		if err := unpackLayer(layer, root); err != nil {
			t.Fatalf("%s: %v", layer, err)
		}
	}
	for name, minor := range map[string]int{"null": 3, "zero": 5, "random": 8, "urandom": 9} {
		device := filepath.Join(root, "dev", name)
		if err := errors.Join(syscall.Mknod(device, syscall.S_IFCHR|0o666, 1<<8|minor), os.Chmod(device, 0o666)); err != nil {
			t.Fatal(err)
		}
	}
	if err := syscall.Mount("proc", filepath.Join(root, "proc"), "proc", 0, ""); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = syscall.Unmount(filepath.Join(root, "proc"), syscall.MNT_DETACH) })
	for above := root; above != "/" && above != os.TempDir(); above = filepath.Dir(above) {
		if err := os.Chmod(above, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	return root
}

// layersOf lists the files of an image's layers, lowest first.
func layersOf(t *testing.T, layout string) []string {
	t.Helper()
	type descriptor struct{ Digest string }
	blob := func(d descriptor) string {
		return filepath.Join(layout, "blobs", strings.Replace(d.Digest, ":", "/", 1))
	}
	read := func(file string, into any) {
		data, err := os.ReadFile(file)
		if err == nil {
			err = json.Unmarshal(data, into)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	var index struct{ Manifests []descriptor }
	read(filepath.Join(layout, "index.json"), &index)
	var manifest struct{ Layers []descriptor }
	read(blob(index.Manifests[0]), &manifest)
	var files []string
	for _, layer := range manifest.Layers {
		files = append(files, blob(layer))
	}
	return files
}

func unpackLayer(file, root string) error {
	data, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	plain, err := gzip.NewReader(bytes.NewReader(data))
	if err != nil {
		return err
	}
	for archive := tar.NewReader(plain); ; {
		header, err := archive.Next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		if err := lay(filepath.Join(root, filepath.Clean("/"+header.Name)), header, archive); err != nil {
			return err
		}
	}
}

func lay(name string, header *tar.Header, body io.Reader) error {
	switch header.Typeflag {
	case tar.TypeDir:
		if err := os.MkdirAll(name, 0o755); err != nil {
			return err
		}
		return errors.Join(os.Chown(name, header.Uid, header.Gid), os.Chmod(name, header.FileInfo().Mode()))
	case tar.TypeSymlink:
		return os.Symlink(header.Linkname, name)
	case tar.TypeReg:
		data, err := io.ReadAll(body)
		if err != nil {
			return err
		}
		return os.WriteFile(name, data, header.FileInfo().Mode().Perm())
	}
	return fmt.Errorf("%s is of the kind %q", header.Name, header.Typeflag)
}

// What the image holds is enough: the agent, locked into its root and as its user, reads over https and ssh with git and the
// libraries that it finds there, renders in its locked child, and delivers.
func TestImage(t *testing.T) {
	w := lives(t)
	s := newScenario(t, w, "packed")
	root := imageRoot(t, w.plumb)
	target, err := url.Parse(w.gitHost.url)
	if err != nil {
		t.Fatal(err)
	}
	address, authority := tlsServer(t, func(rw http.ResponseWriter, r *http.Request) {
		httputil.NewSingleHostReverseProxy(target).ServeHTTP(rw, r)
	})
	s.create(&unstructured.Unstructured{Object: map[string]any{
		"apiVersion": "v1", "kind": "Secret", "metadata": map[string]any{"name": "packed", "namespace": system},
		"data": map[string]any{"ca.crt": authority}, "stringData": map[string]any{"token": "anything"},
	}}, "e2e")
	s.spec["url"], s.spec["secret"] = address+"/packed.git", "packed"
	if w.agent.cmd != nil {
		w.end(t) // in another root it is another agent, which would wait for the Lease to run out
	}
	w.agent.root = root
	t.Cleanup(func() {
		if w.agent.cmd != nil {
			w.end(t)
		}
		w.agent.root = ""
	})
	s.restarted()
	s.ok("packed", s.commit("kustomize", files{
		"apps/packed/kustomization.yaml": "resources: [a.yaml]\nnamePrefix: in-\n", "apps/packed/a.yaml": configMap("image", "a", "1"),
	}))
	s.has("ConfigMap/packed/in-image", "data.a", "1")
	s.ok("packed", s.commit("helm", files{
		"apps/packed/kustomization.yaml": "", "apps/packed/a.yaml": "",
		"apps/packed/Chart.yaml":       "apiVersion: v2\nname: packed\nversion: 1.0.0\n",
		"apps/packed/templates/a.yaml": configMap("in-image", "a", "{{ .Release.Name }}"),
	}))
	s.has("ConfigMap/packed/in-image", "data.a", "packed")

	d, shell := newSSHD(t), newScenario(t, w, "packed-ssh")
	shell.spec["url"], shell.spec["secret"] = "ssh://"+d.user+"@"+d.address+shell.repo.bare, "packed-ssh"
	shell.create(d.secret(t, "packed-ssh", d.knownHosts(t)), "e2e")
	shell.ok("packed-ssh", shell.commit("over ssh", files{"apps/packed-ssh/a.yaml": configMap("image", "a", "2")}))
	if weak := w.said("the sandbox of renders is weak", 1); strings.Contains(weak, "weak") {
		t.Logf("the sandbox in the image: %s", weak)
	}
	owner, err := os.Stat(filepath.Join(root, "cache", "git"))
	if err != nil {
		t.Fatal(err)
	}
	if uid := owner.Sys().(*syscall.Stat_t).Uid; uid != inImage {
		t.Errorf("the cache belongs to %d", uid)
	}
	for _, name := range []string{"packed", "packed-ssh"} { // their servers end with this test
		s.remove("Repo/" + system + "/" + name)
		s.absent("App/" + system + "/" + name)
	}
}
