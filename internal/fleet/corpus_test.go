package fleet

import (
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"sigs.k8s.io/yaml"

	"plumb.dev/plumb/api/v1alpha1"
	"plumb.dev/plumb/internal/fault"
	"plumb.dev/plumb/internal/fleet/corpustest"
)

var update = flag.Bool("update", false, "write the golden files anew")

// golden compares with a file of testdata, or writes it.
func golden(t *testing.T, file, got string) {
	t.Helper()
	if *update {
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatalf("%v (run the test with -update)", err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s (-want +got):\n%s", file, diff)
	}
}

func text(t *testing.T, r Result) string {
	t.Helper()
	var b strings.Builder
	if err := ExplainText(&b, r); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// What is said about real repositories, and that the suggestion works when it is pasted.
func TestCorpus(t *testing.T) {
	dir := corpustest.Root(t)
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if !e.IsDir() {
			continue
		}
		t.Run(e.Name(), func(t *testing.T) {
			root, err := os.OpenRoot(filepath.Join(dir, e.Name()))
			if err != nil {
				t.Fatal(err)
			}
			defer root.Close()
			in := Input{Tree: root.FS(), Offline: true, Repo: e.Name()}
			first := Explain(in)
			said := text(t, first)
			if len(first.Suggested) > 0 {
				in.Apps = pasted(t, first.Suggested)
				second := Explain(in)
				said += "\n=== with this spec.apps ===\n" + text(t, second)
				works(t, second)
			}
			golden(t, filepath.Join("testdata", "corpus", e.Name()+".txt"), said)
		})
	}
}

// pasted reads the suggestion back from the text that people copy.
func pasted(t interface{ Fatalf(string, ...any) }, suggested []v1alpha1.Pattern) []v1alpha1.Pattern {
	var repo v1alpha1.Repo
	if err := yaml.UnmarshalStrict([]byte(SuggestedYAML(suggested)), &repo); err != nil {
		t.Fatalf("the suggestion is not YAML: %v\n%s", err, SuggestedYAML(suggested))
	}
	return repo.Spec.Apps
}

func works(t interface{ Errorf(string, ...any) }, r Result) {
	if len(r.Apps) == 0 {
		t.Errorf("the suggestion finds no app")
	}
	for _, f := range r.Faults {
		if f.Fault.Reason == fault.Ambiguous || f.Fault.Reason == fault.DuplicateApp {
			t.Errorf("the suggestion gives a fault: %v", f.Fault)
		}
	}
}
