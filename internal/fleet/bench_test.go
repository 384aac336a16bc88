package fleet

import (
	"errors"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/google/go-cmp/cmp"
)

// memory is a tree with hashes, as a snapshot of a commit is: folders are listed without a look at the others.
type memory struct {
	files  fstest.MapFS
	lists  map[string][]fs.DirEntry
	hashes map[string]string
	reads  int
	broken string // a path that cannot be read
}

func newMemory(files fstest.MapFS) *memory {
	m := &memory{files: files, lists: map[string][]fs.DirEntry{}, hashes: map[string]string{}}
	children := map[string][]string{".": nil}
	for name := range files {
		for at := name; at != "."; at = path.Dir(at) {
			parent := path.Dir(at)
			if slices.Contains(children[parent], at) && len(children[parent]) < 100 {
				break
			}
			children[parent] = append(children[parent], at)
		}
	}
	for dir, names := range children {
		slices.Sort(names)
		names = slices.Compact(names)
		for _, name := range names {
			_, file := files[name]
			m.lists[dir] = append(m.lists[dir], entry{name: path.Base(name), dir: !file})
		}
	}
	m.hash(".")
	return m
}

func (m *memory) hash(name string) string {
	if h, ok := m.hashes[name]; ok {
		return h
	}
	h := ""
	if f, ok := m.files[name]; ok {
		h = fmt.Sprintf("%x", f.Data)
	} else {
		var b strings.Builder
		for _, e := range m.lists[name] {
			b.WriteString(e.Name() + " " + m.hash(path.Join(name, e.Name())) + "\n")
		}
		h = shorten(strings.Repeat("x", maxLabel+1), b.String())
	}
	m.hashes[name] = h
	return h
}

func (m *memory) Hash(name string) (string, error) {
	if h, ok := m.hashes[name]; ok {
		return h, nil
	}
	return "", fs.ErrNotExist
}

func (m *memory) Open(name string) (fs.File, error) { return m.files.Open(name) }

var errBroken = errors.New("the object store is broken")

func (m *memory) ReadDir(name string) ([]fs.DirEntry, error) {
	m.reads++
	if name == m.broken {
		return nil, errBroken
	}
	if l, ok := m.lists[name]; ok {
		return l, nil
	}
	return nil, fs.ErrNotExist
}

func (m *memory) ReadFile(name string) ([]byte, error) {
	m.reads++
	if f, ok := m.files[name]; ok && name != m.broken {
		return f.Data, nil
	}
	return nil, errBroken
}

type entry struct {
	name string
	dir  bool
}

func (e entry) Name() string               { return e.name }
func (e entry) IsDir() bool                { return e.dir }
func (e entry) Info() (fs.FileInfo, error) { return e, nil }
func (e entry) Size() int64                { return 0 }
func (e entry) ModTime() time.Time         { return time.Time{} }
func (e entry) Sys() any                   { return nil }
func (e entry) Mode() fs.FileMode          { return e.Type() }
func (e entry) Type() fs.FileMode {
	if e.dir {
		return fs.ModeDir
	}
	return 0
}

func monorepo(apps int) fstest.MapFS {
	files := fstest.MapFS{"plumb.yaml": {Data: []byte("defaults: {heal: true}\n")}}
	for i := range apps {
		dir := fmt.Sprintf("apps/app-%05d/", i)
		for _, name := range []string{"base/kustomization.yaml", "envs/dev/kustomization.yaml", "envs/prod/kustomization.yaml"} {
			files[dir+name] = &fstest.MapFile{Data: []byte("resources: []\n")}
		}
		files[dir+"plumb.yaml"] = &fstest.MapFile{Data: []byte("namespace: shop\n")}
	}
	return files
}

// One app of a monorepo changes: only its folder is read again, and the answer is that of a fresh look.
func TestOnlyTheChangedFolderIsRead(t *testing.T) {
	files := monorepo(50)
	before := Discover(Input{Tree: newMemory(files)})
	files["apps/app-00007/plumb.yaml"] = &fstest.MapFile{Data: []byte("namespace: other\n")}
	changed := newMemory(files)
	got := Discover(Input{Tree: changed, Previous: &before})
	if changed.reads > 12 {
		t.Errorf("%d reads, for one folder that changed", changed.reads)
	}
	want := Discover(Input{Tree: newMemory(files)})
	if diff := cmp.Diff(asJSON(t, want), asJSON(t, got)); diff != "" {
		t.Errorf("the remembered answer differs:\n%s", diff)
	}
	if len(got.Apps) != 100 || got.Apps[14].Namespace != "other" || got.Apps[16].Namespace != "shop" {
		t.Errorf("the change is not seen: %v", got.Apps[14])
	}
}

// What is remembered holds only for the same question.
func TestAnotherQuestionIsAskedAnew(t *testing.T) {
	files := monorepo(3)
	before := Discover(Input{Tree: newMemory(files)})
	for _, row := range []struct {
		reason string
		in     Input
		files  fstest.MapFS
	}{
		{reason: "the clusters changed", in: Input{Clusters: []Cluster{{Name: "eu-1"}}}},
		{reason: "the Repo's name changed", in: Input{Repo: "other"}},
		{reason: "the root file changed", files: fstest.MapFS{"plumb.yaml": {Data: []byte("defaults: {heal: false}\n")}}},
		{reason: "an app is gone", files: fstest.MapFS{"apps/app-00001/plumb.yaml": {Data: []byte("skip: true\n")}}},
	} {
		t.Run(row.reason, func(t *testing.T) {
			now := monorepo(3)
			for name, f := range row.files {
				now[name] = f
			}
			in := row.in
			in.Tree = newMemory(now)
			want := Discover(in)
			in.Previous = &before
			if diff := cmp.Diff(asJSON(t, want), asJSON(t, Discover(in))); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

// A tree that cannot be read is not a smaller tree.
func TestAnUnreadableTreeBlocksTheCommit(t *testing.T) {
	for _, where := range []string{".", "plumb.yaml", "apps", "apps/app-00001", "apps/app-00001/plumb.yaml", "apps/app-00001/envs/prod"} {
		t.Run(where, func(t *testing.T) {
			good := newMemory(monorepo(3))
			before := Discover(Input{Tree: good})
			m := newMemory(monorepo(3))
			m.broken = where
			r := Discover(Input{Tree: m})
			if bad := r.Blocked(); bad == nil || !errors.Is(bad, errBroken) || len(r.Apps) != 0 {
				t.Errorf("blocked by %v, with %d apps", bad, len(r.Apps))
			}
			if r.FaultOf(Address{App: "anything"}, "apps/anything") == nil {
				t.Error("an app looks gone")
			}
			m.broken = ""
			again := Discover(Input{Tree: m, Previous: &r})
			if diff := cmp.Diff(asJSON(t, before), asJSON(t, again)); diff != "" {
				t.Errorf("the next commit differs:\n%s", diff)
			}
		})
	}
}

// BenchmarkDiscover measures 10,000 app folders with two environments each: all of them read, one of them changed,
// and nothing changed.
func BenchmarkDiscover(b *testing.B) {
	const apps = 10_000
	files := monorepo(apps)
	first := newMemory(files)
	files["apps/app-00007/plumb.yaml"] = &fstest.MapFile{Data: []byte("namespace: other\n")}
	second := newMemory(files)
	first.files = monorepo(apps)
	before := Discover(Input{Tree: first})
	if len(before.Apps) != 2*apps {
		b.Fatalf("%d apps", len(before.Apps))
	}
	for _, run := range []struct {
		name string
		in   Input
	}{
		{"fresh", Input{Tree: second}},
		{"one changed", Input{Tree: second, Previous: &before}},
		{"same tree", Input{Tree: first, Previous: &before}},
	} {
		b.Run(run.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				Discover(run.in)
			}
		})
	}
}
