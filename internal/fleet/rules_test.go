package fleet

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/txtar"
	"sigs.k8s.io/yaml"

	"plumb.dev/plumb/api/v1alpha1"
)

// TestRules runs one file of testdata/rules for each rule of resources.md §4 to §6. The comment is the reason; input.yaml
// holds what the Repo and the Clusters say; tree/ is the repository ("path -> target" is a symbolic link); want is what
// is said, and the apps. -update writes want.
func TestRules(t *testing.T) {
	files, err := filepath.Glob(filepath.Join("testdata", "rules", "*.txt"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no rules: %v", err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txt"), func(t *testing.T) {
			archive, err := txtar.ParseFile(file)
			if err != nil {
				t.Fatal(err)
			}
			in, want := readRule(t, archive)
			got := text(t, Explain(in)) + appLines(Discover(in))
			if *update {
				writeRule(t, file, archive, got)
				return
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("%s(-want +got):\n%s", archive.Comment, diff)
			}
		})
	}
}

func readRule(t *testing.T, archive *txtar.Archive) (in Input, want string) {
	t.Helper()
	tree := fstest.MapFS{}
	for _, f := range archive.Files {
		name, below := strings.CutPrefix(f.Name, "tree/")
		switch {
		case f.Name == "want":
			want = string(f.Data)
		case f.Name == "input.yaml":
			var said struct {
				Repo     string
				Apps     []v1alpha1.Pattern
				Clusters []Cluster
				Offline  bool
			}
			if err := yaml.UnmarshalStrict(f.Data, &said); err != nil {
				t.Fatal(err)
			}
			in = Input{Repo: said.Repo, Apps: said.Apps, Clusters: said.Clusters, Offline: said.Offline}
		case below:
			if link, target, ok := strings.Cut(name, " -> "); ok {
				tree[link] = &fstest.MapFile{Data: []byte(target), Mode: fs.ModeSymlink | 0o777}
				continue
			}
			tree[name] = &fstest.MapFile{Data: f.Data, Mode: 0o644}
		default:
			t.Fatalf("unknown section %s", f.Name)
		}
	}
	in.Tree = tree
	return in, want
}

func writeRule(t *testing.T, file string, archive *txtar.Archive, got string) {
	t.Helper()
	kept := archive.Files[:0]
	for _, f := range archive.Files {
		if f.Name != "want" {
			kept = append(kept, f)
		}
	}
	archive.Files = append(kept, txtar.File{Name: "want", Data: []byte(got)})
	if err := os.WriteFile(file, txtar.Format(archive), 0o644); err != nil {
		t.Fatal(err)
	}
}

// appLines shows what matters of each App.
func appLines(r Result) string {
	var b strings.Builder
	for _, a := range r.Apps {
		fmt.Fprintf(&b, "\n%s: %s, namespace %s, from %s as %s", a.Name, a.Address(), a.Namespace, a.Path, a.Kind)
		if len(a.Values) > 0 {
			fmt.Fprintf(&b, " with %s", strings.Join(a.Values, " "))
		}
		if len(a.Outside) > 0 {
			fmt.Fprintf(&b, " without %s", strings.Join(a.Outside, " "))
		}
		for _, name := range []string{"team"} {
			if v := a.Labels[v1alpha1.LabelVarPrefix+name]; v != "" {
				fmt.Fprintf(&b, ", label var-%s=%s", name, v)
			}
		}
		settings, _ := yaml.Marshal(a.Settings)
		if s := strings.TrimSpace(string(settings)); s != "{}" {
			fmt.Fprintf(&b, "\n  %s", strings.ReplaceAll(s, "\n", "\n  "))
		}
		if a.Fault != nil {
			fmt.Fprintf(&b, "\n  %s: %v", a.Fault.Reason, a.Fault)
		}
	}
	if b.Len() > 0 {
		b.WriteString("\n")
	}
	return b.String()
}
