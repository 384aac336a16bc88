package origin_test

import (
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"plumb.dev/plumb/internal/fleet/corpustest"
	"plumb.dev/plumb/internal/object"
	"plumb.dev/plumb/internal/origin"
	"plumb.dev/plumb/internal/render"
)

// TestCorpusOrigins asks for fields of the kustomizations and charts of real repositories. Each line that is told is proved apart:
// what stands there is changed, by itself, and the field must follow.
func TestCorpusOrigins(t *testing.T) {
	root := corpustest.Root(t)
	var asked, told, lines, renders int
	began := time.Now()
	for _, dir := range renderable(t, root) {
		tree, app := repositoryOf(root, dir)
		a, err := ask(tree, render.Request{Path: app, Release: "web", Namespace: "web"})
		if err != nil || a.manifest.Seconds > 0.5 {
			continue // what cannot be rendered has no fields, and what is large takes long
		}
		for _, o := range some(a.manifest.Objects, 3) {
			if o.Kind() == "Secret" {
				continue
			}
			leaves := some(leavesOf(o), 4)
			for i, got := range a.find(o, "something else", leaves...) {
				asked++
				if got.Place.File != "" {
					told++
				}
				if got.Place.Line == 0 {
					continue
				}
				lines++
				if !a.proves(t, o, leaves[i], got) {
					t.Errorf("%s: %s %s: %s:%d is told, and what stands there does not change it", dir, o.ID(), leaves[i], got.Place.File, got.Place.Line)
				}
			}
		}
		renders += a.trials
	}
	t.Logf("%d fields, %d with a file, %d with a line; %d renders, %s", asked, told, lines, renders, time.Since(began).Round(time.Millisecond))
	if lines*100 < asked*80 {
		t.Errorf("a line is told of %d of %d fields only", lines, asked)
	}
}

// proves changes the line alone, in the ways that a value can be changed, until the field is another.
func (a *asked) proves(t *testing.T, o object.Object, leaf object.Path, got origin.Origin) bool {
	data, err := fs.ReadFile(a.tree, got.Place.File)
	if err != nil {
		t.Fatal(err)
	}
	before, _ := object.Get(o, leaf)
	lines := strings.Split(string(data), "\n")
	line := lines[got.Place.Line-1]
	at := max(got.Place.Column-1, 0)
	for _, changed := range variants(line, at) {
		copied := slices.Clone(lines)
		copied[got.Place.Line-1] = changed
		objects, err := a.try(origin.Change{Files: map[string][]byte{got.Place.File: []byte(strings.Join(copied, "\n"))}})
		if err != nil {
			continue
		}
		for _, other := range objects {
			if other.Kind() != o.Kind() {
				continue
			}
			now, ok := object.Get(other, leaf)
			if ok && string(object.Canonical(now)) != string(object.Canonical(before)) && related(other, o) {
				return true
			}
		}
	}
	return false
}

// related tells whether an object may be the changed one: of the same name, or of one that the change made longer.
func related(other, o object.Object) bool {
	cut := func(s string) string { return s[:min(len(s), 4)] }
	return other.Name() == o.Name() || strings.HasPrefix(other.Name(), cut(o.Name()))
}

// variants gives the line with other values behind a column.
func variants(line string, at int) []string {
	var out []string
	head, tail := line[:min(at, len(line))], line[min(at, len(line)):]
	for _, pair := range [][2]string{{"true", "false"}, {"false", "true"}} {
		if strings.Contains(tail, pair[0]) {
			out = append(out, head+strings.Replace(tail, pair[0], pair[1], 1))
		}
	}
	for i := range len(tail) {
		switch c := tail[i]; {
		case c >= '1' && c <= '8':
			out = append(out, head+tail[:i]+string(c+1)+tail[i+1:])
		case c == '0' || c == '9':
			out = append(out, head+tail[:i]+"5"+tail[i+1:])
		case c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c == '*' || c == '/':
			out = append(out, head+tail[:i+1]+"xq"+tail[i+1:])
		}
		if len(out) > 30 {
			break
		}
	}
	return out
}

// leavesOf gives the paths of an object's scalars that people change.
func leavesOf(o object.Object) []object.Path {
	var out []object.Path
	var walk func(v any, p object.Path)
	walk = func(v any, p object.Path) {
		switch v := v.(type) {
		case map[string]any:
			keys := make([]string, 0, len(v))
			for key := range v {
				keys = append(keys, key)
			}
			slices.Sort(keys)
			for _, key := range keys {
				if len(p) == 0 && slices.Contains([]string{"apiVersion", "kind", "status"}, key) || len(p) == 1 && slices.Contains([]string{"name", "namespace"}, key) {
					continue
				}
				walk(v[key], p.Join(object.Field(key)))
			}
		case []any:
			for i, item := range v {
				walk(item, p.Join(object.Index(i)))
			}
		case string:
			if v != "" {
				out = append(out, p)
			}
		case nil:
		default:
			out = append(out, p)
		}
	}
	walk(o.Fields, nil)
	return out
}

// some gives n of a list, spread over it.
func some[T any](all []T, n int) []T {
	if len(all) <= n {
		return all
	}
	var out []T
	for i := range n {
		out = append(out, all[i*len(all)/n])
	}
	return out
}

func renderable(t *testing.T, root string) []string {
	t.Helper()
	var dirs []string
	err := filepath.WalkDir(root, func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if base := d.Name(); base == "kustomization.yaml" || base == "Chart.yaml" {
			rel, _ := filepath.Rel(root, filepath.Dir(name))
			dirs = append(dirs, filepath.ToSlash(rel))
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return dirs
}

// repositoryOf gives the repository that a folder of the corpus is of, and the folder in it.
func repositoryOf(root, dir string) (fs.FS, string) {
	repository, below, ok := strings.Cut(dir, "/")
	if !ok {
		below = "."
	}
	return os.DirFS(filepath.Join(root, repository)), path.Clean(below)
}
