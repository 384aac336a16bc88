package examples_test

import (
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"plumb.dev/plumb/examples"
)

// TestTheSedOfTheQuickstart: the command that `plumb up` and the README print must change something.
func TestTheSedOfTheQuickstart(t *testing.T) {
	dir := t.TempDir()
	if err := os.CopyFS(dir, examples.Fleet()); err != nil {
		t.Fatal(err)
	}
	readme, err := fs.ReadFile(examples.Fleet(), "README.md")
	if err != nil {
		t.Fatal(err)
	}
	const file = "apps/web/envs/dev/kustomization.yaml"
	const sed = "sed -i 's/replicas: 2/replicas: 3/' " + file
	if !strings.Contains(string(readme), sed) {
		t.Errorf("the README does not show: %s", sed)
	}
	cmd := exec.CommandContext(t.Context(), "sh", "-c", sed)
	cmd.Dir = dir
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	text, err := os.ReadFile(filepath.Join(dir, file))
	if err != nil {
		t.Fatal(err)
	}
	if strings.Count(string(text), "replicas: 3") != 1 {
		t.Errorf("%s has not exactly one `replicas: 3`:\n%s", file, text)
	}
}
