package render_test

import (
	"context"
	"crypto/sha256"
	"fmt"
	"io/fs"
	"maps"
	"math/rand/v2"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"plumb.dev/plumb/api/v1alpha1"
	"plumb.dev/plumb/internal/object"
	"plumb.dev/plumb/internal/render"
)

// TestSameRead: what was read of a folder is its names, and nothing that lies below.
func TestSameRead(t *testing.T) {
	tree := func(files ...string) fs.FS {
		m := fstest.MapFS{}
		for i := 0; i < len(files); i += 2 {
			m[files[i]] = &fstest.MapFile{Data: []byte(files[i+1])}
		}
		return hashed{MapFS: m, lookups: new(int)}
	}
	was := tree("a/x.yaml", "1", "a/y.yaml", "1", "b/z.yaml", "1")
	for _, row := range []struct {
		reason string
		read   render.Read
		is     fs.FS
		want   bool
	}{
		{"the same bytes", render.Read{Path: "a/x.yaml", Kind: render.ReadFile}, tree("a/x.yaml", "1"), true},
		{"other bytes", render.Read{Path: "a/x.yaml", Kind: render.ReadFile}, tree("a/x.yaml", "2"), false},
		{"a file that is gone", render.Read{Path: "a/x.yaml", Kind: render.ReadFile}, tree("b", "1"), false},
		{"a file that neither has", render.Read{Path: "none", Kind: render.ReadFile}, tree("b", "1"), true},
		{"a folder in which a file changed has the same names", render.Read{Path: "a", Kind: render.ReadDir}, tree("a/x.yaml", "2", "a/y.yaml", "1"), true},
		{"so has the root when something below changes", render.Read{Path: ".", Kind: render.ReadDir}, tree("a/x.yaml", "2", "b/z.yaml", "3"), true},
		{"a folder with a file more", render.Read{Path: "a", Kind: render.ReadDir}, tree("a/x.yaml", "1", "a/y.yaml", "1", "a/z.yaml", "1"), false},
		{"a folder that is gone", render.Read{Path: "a", Kind: render.ReadDir}, tree("b/z.yaml", "1"), false},
		{"still a file, whatever is in it", render.Read{Path: "a/x.yaml", Kind: render.ReadStat}, tree("a/x.yaml", "2"), true},
		{"a folder now", render.Read{Path: "a/x.yaml", Kind: render.ReadStat}, tree("a/x.yaml/z", "2"), false},
	} {
		if got := row.read.Same(was, row.is); got != row.want {
			t.Errorf("%s: same is %v", row.reason, got)
		}
	}
}

// hashed is a tree that knows hashes, as a commit does, and counts the questions.
type hashed struct {
	fstest.MapFS
	lookups *int
}

func (h hashed) Hash(name string) (string, error) {
	*h.lookups++
	if f, ok := h.MapFS[name]; ok {
		return fmt.Sprintf("%v %x", f.Mode, sha256.Sum256(f.Data)), nil
	}
	sum := sha256.New()
	found := name == "."
	for _, file := range slices.Sorted(maps.Keys(h.MapFS)) {
		if name == "." || strings.HasPrefix(file, name+"/") {
			found = true
			fmt.Fprintf(sum, "%s %v %x\n", file, h.MapFS[file].Mode, sha256.Sum256(h.MapFS[file].Data))
		}
	}
	if !found {
		return "", &fs.PathError{Op: "hash", Path: name, Err: fs.ErrNotExist}
	}
	return fmt.Sprintf("tree %x", sum.Sum(nil)), nil
}

// cluster answers questions.
type cluster struct {
	version string
	has     map[string]bool
}

func (c cluster) KubeVersion() string  { return c.version }
func (c cluster) Has(name string) bool { return c.has[name] }

const overlay = "app/kustomization.yaml"

func overlayFiles() map[string]string {
	return map[string]string{
		overlay: "resources: [../base, extra.yaml]\nnamePrefix: x-\n", "app/extra.yaml": strings.Replace(configMap, "a}", "extra}", 1), "app/README.md": "words",
		"base/kustomization.yaml": "resources: [a.yaml, b.yaml]\n", "base/a.yaml": configMap, "base/b.yaml": strings.Replace(configMap, "a}", "b}", 1),
		"base/unused.yaml": "x", "other/a.yaml": configMap,
	}
}

func TestUnchanged(t *testing.T) {
	helm := func() map[string]string {
		files := chart("{{ if .Capabilities.APIVersions.Has \"apps/v2\" }}" + strings.Replace(configMap, "a}", "apps}", 1) + "{{ end }}\n---\n" + configMap)
		files["values/prod.yaml"] = "x: 1\n"
		return files
	}
	plain := func() map[string]string { return map[string]string{"app/a.yaml": configMap, "app/notes.txt": "x"} }
	for name, c := range map[string]struct {
		files  func() map[string]string
		change func(map[string]string, *render.Request)
		same   bool
	}{
		"nothing":                   {overlayFiles, func(map[string]string, *render.Request) {}, true},
		"another app":               {overlayFiles, func(f map[string]string, _ *render.Request) { f["other/a.yaml"] += "#" }, true},
		"a new app":                 {overlayFiles, func(f map[string]string, _ *render.Request) { f["new/a.yaml"] = "#" }, true},
		"a file that is not listed": {overlayFiles, func(f map[string]string, _ *render.Request) { f["base/unused.yaml"] += "#" }, true},
		"a readme":                  {overlayFiles, func(f map[string]string, _ *render.Request) { f["app/README.md"] += "#" }, true},
		"a resource":                {overlayFiles, func(f map[string]string, _ *render.Request) { f["app/extra.yaml"] += "#" }, false},
		"a base":                    {overlayFiles, func(f map[string]string, _ *render.Request) { f["base/a.yaml"] += "#" }, false},
		"a base goes":               {overlayFiles, func(f map[string]string, _ *render.Request) { delete(f, "base/a.yaml") }, false},
		"a second kustomization":    {overlayFiles, func(f map[string]string, _ *render.Request) { f["base/Kustomization"] = "" }, false},
		"a chart comes":             {overlayFiles, func(f map[string]string, _ *render.Request) { f["app/Chart.yaml"] = "" }, false},
		"a plain file comes":        {plain, func(f map[string]string, _ *render.Request) { f["app/b.yaml"] = configMap }, false},
		"a plain folder comes":      {plain, func(f map[string]string, _ *render.Request) { f["app/b/c.yaml"] = configMap }, false},
		"a plain file's bytes":      {plain, func(f map[string]string, _ *render.Request) { f["app/a.yaml"] += "#" }, false},
		"notes in a plain folder":   {plain, func(f map[string]string, _ *render.Request) { f["app/notes.txt"] += "#" }, true},
		"settings": {plain, func(_ map[string]string, r *render.Request) {
			r.Plain = &v1alpha1.PlainSettings{Exclude: []string{"x"}}
		}, false},
		"the namespace":  {helm, func(_ map[string]string, r *render.Request) { r.Namespace = "other" }, false},
		"a template":     {helm, func(f map[string]string, _ *render.Request) { f["app/templates/a.yaml"] += "\n" }, false},
		"a new template": {helm, func(f map[string]string, _ *render.Request) { f["app/templates/b.yaml"] = "" }, false},
		"a values file":  {helm, func(f map[string]string, _ *render.Request) { f["values/prod.yaml"] += "#" }, false},
		"an upgrade":     {helm, func(_ map[string]string, r *render.Request) { r.Upgrade = true }, false},
		"an answer that was used": {helm, func(_ map[string]string, r *render.Request) {
			r.Capabilities = cluster{"v1.37.2", map[string]bool{"apps/v2": true}}
		}, false},
		"an answer that was not": {helm, func(_ map[string]string, r *render.Request) {
			r.Capabilities = cluster{"v1.38.0", map[string]bool{"apps/v3": true}}
		}, true},
	} {
		for kind, wrap := range map[string]func(map[string]string) fs.FS{
			"hashed":   func(f map[string]string) fs.FS { return hashed{tree(f), new(int)} },
			"unhashed": func(f map[string]string) fs.FS { return tree(f) },
		} {
			t.Run(name+"/"+kind, func(t *testing.T) {
				r := shared(t)
				files := c.files()
				req := request(nil)
				req.Capabilities = cluster{version: "v1.37.2"}
				req.Sources[""] = render.Source{FS: wrap(files)}
				if _, ok := files["values/prod.yaml"]; ok {
					req.Values = []render.File{{Path: "values/prod.yaml"}}
				}
				m, err := r.Render(context.Background(), req)
				if err != nil {
					t.Fatal(err)
				}
				rec := render.Record(req, m).Outline()
				after := maps.Clone(files)
				req.Sources = maps.Clone(req.Sources)
				c.change(after, &req)
				req.Sources[""] = render.Source{FS: wrap(after)}
				if rec.Unchanged(req) != c.same {
					t.Errorf("unchanged is %v, reads: %v, covers: %v", !c.same, m.Reads, m.Covers)
				}
			})
		}
	}
}

// TestUnchangedIsCheap counts what a commit elsewhere costs an app.
func TestUnchangedIsCheap(t *testing.T) {
	lookups := 0
	req := request(nil)
	req.Sources[""] = render.Source{FS: hashed{kustomizeApp(), &lookups}}
	m, err := shared(t).Render(context.Background(), req)
	if err != nil {
		t.Fatal(err)
	}
	rec := render.Record(req, m)
	lookups = 0
	if !rec.Unchanged(req) || lookups > 2 {
		t.Errorf("%d lookups", lookups)
	}
}

// TestUnchangedNeverLies changes random files: whenever a render is said to be unchanged, it is.
func TestUnchangedNeverLies(t *testing.T) {
	r := shared(t)
	generator := rand.New(rand.NewPCG(1, 2))
	names := slices.Sorted(maps.Keys(overlayFiles()))
	names = append(names, "base/Kustomization", "app/kustomization.yml", "app/Chart.yaml", "base/new.yaml")
	unchanged := 0
	for round := range 150 {
		files := overlayFiles()
		req := request(nil)
		req.Sources[""] = render.Source{FS: hashed{tree(files), new(int)}}
		before, err := r.Render(context.Background(), req)
		if err != nil {
			t.Fatal(err)
		}
		rec := render.Record(req, before)
		for range 1 + generator.IntN(3) {
			name := names[generator.IntN(len(names))]
			switch generator.IntN(4) {
			case 0:
				delete(files, name)
			case 1:
				files[name] += "# words\n"
			default:
				files[name] = strings.Replace(configMap, "a}", fmt.Sprintf("n%d}", generator.IntN(9)), 1)
			}
		}
		req.Sources = map[string]render.Source{"": {FS: hashed{tree(files), new(int)}}}
		if !rec.Unchanged(req) {
			continue
		}
		unchanged++
		after, err := r.Render(context.Background(), req)
		if err != nil || digest(after) != digest(before) {
			t.Fatalf("round %d: it said unchanged: %v\n%v", round, err, files)
		}
	}
	if unchanged < 10 {
		t.Errorf("only %d rounds were unchanged: the test shows nothing", unchanged)
	}
}

func digest(m render.Manifest) string {
	var all []byte
	for _, o := range m.Objects {
		all = append(all, o.JSON()...)
	}
	return object.DigestBytes(all)
}

// TestFailureIsRecorded keeps what was wrong with a folder, and forgets it when the folder is mended.
func TestFailureIsRecorded(t *testing.T) {
	files := map[string]string{"app/kustomization.yaml": "resources: [missing.yaml]\n"}
	req := request(files)
	m, err := shared(t).Render(context.Background(), req)
	rec := render.RecordFailure(req, m, err)
	if rec == nil || rec.Failure == nil || !rec.Unchanged(req) {
		t.Fatalf("%v %+v", err, rec)
	}
	files["app/missing.yaml"] = configMap
	if rec.Unchanged(request(files)) {
		t.Error("the file is there, and the failure stays")
	}
	bomb := request(chart("{{ repeat 100000000000 \"x\" }}"))
	m, err = shared(t).Render(context.Background(), bomb)
	if render.RecordFailure(bomb, m, err) != nil {
		t.Error("a child that died is no property of the inputs")
	}
}

func TestCache(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "renders")
	cache, err := render.OpenCache(dir)
	if err != nil {
		t.Fatal(err)
	}
	req := request(overlayFiles())
	m, err := shared(t).Render(context.Background(), req)
	if err != nil {
		t.Fatal(err)
	}
	if err := cache.Store("ns/app:1", render.Record(req, m)); err != nil {
		t.Fatal(err)
	}
	again, err := render.OpenCache(dir)
	if err != nil {
		t.Fatal(err)
	}
	rec, ok := again.Load("ns/app:1")
	if !ok || !rec.Unchanged(req) || digest(rec.Manifest) != digest(m) {
		t.Fatalf("%v %+v", ok, rec)
	}
	if _, ok := again.Load("ns/app:2"); ok {
		t.Error("another app's record")
	}
	info, _ := os.Stat(dir)
	files, _ := filepath.Glob(filepath.Join(dir, "*"))
	kept, _ := os.Stat(files[0])
	if info.Mode().Perm() != 0o700 || kept.Mode().Perm() != 0o600 || len(files) != 1 {
		t.Errorf("%v %v %v", info.Mode(), kept.Mode(), files)
	}
	data, _ := os.ReadFile(files[0])
	for name, damage := range map[string][]byte{
		"cut": data[:len(data)/2], "empty": {}, "a bit": slices.Concat(data[:200], []byte{data[200] ^ 1}, data[201:]),
	} {
		if err := os.WriteFile(files[0], damage, 0o600); err != nil {
			t.Fatal(err)
		}
		if _, ok := again.Load("ns/app:1"); ok {
			t.Errorf("%s: it was taken", name)
		}
	}
	if err := os.Rename(files[0], path.Join(dir, "moved")); err != nil {
		t.Fatal(err)
	}
	again.Delete("ns/app:1")
}

// What is kept stays as it was when another render takes its place, and is the app's own.
func TestCacheKeeps(t *testing.T) {
	cache, err := render.OpenCache(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	store := func(key string) {
		if err := cache.Store("ns/app:1", &render.Recorded{Version: render.Version, Key: key}); err != nil {
			t.Fatal(err)
		}
	}
	if err := cache.Keep("ns/app:1"); err == nil {
		t.Error("what is not there was kept")
	}
	store("first")
	if err := cache.Keep("ns/app:1"); err != nil {
		t.Fatal(err)
	}
	store("second")
	cache.Delete("ns/app:1")
	if kept, ok := cache.LoadKept("ns/app:1"); !ok || kept.Key != "first" {
		t.Errorf("kept is %+v, want the first", kept)
	}
	store("third")
	if err := cache.Keep("ns/app:1"); err != nil {
		t.Fatal(err)
	}
	if kept, _ := cache.LoadKept("ns/app:1"); kept == nil || kept.Key != "third" {
		t.Errorf("kept is %+v, want the third", kept)
	}
	cache.Forget("ns/app:1")
	if _, ok := cache.LoadKept("ns/app:1"); ok {
		t.Error("what was forgotten is there")
	}
}

func BenchmarkUnchanged(b *testing.B) {
	req := request(nil)
	req.Sources[""] = render.Source{FS: hashed{kustomizeApp(), new(int)}}
	m, err := shared(b).Render(context.Background(), req)
	if err != nil {
		b.Fatal(err)
	}
	rec := render.Record(req, m).Outline()
	for b.Loop() {
		if !rec.Unchanged(req) {
			b.Fatal("changed")
		}
	}
}
