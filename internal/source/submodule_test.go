package source_test

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/fstest"
	"time"

	"plumb.dev/plumb/internal/fault"
	"plumb.dev/plumb/internal/source"
	"plumb.dev/plumb/internal/source/sourcetest"
)

// declares writes .gitmodules: paths and addresses by turns.
func declares(pairs ...string) sourcetest.Change {
	var b strings.Builder
	for i := 0; i < len(pairs); i += 2 {
		b.WriteString("[submodule \"" + pairs[i] + "\"]\n\tpath = " + pairs[i] + "\n\turl = " + pairs[i+1] + "\n")
	}
	return sourcetest.File(".gitmodules", b.String())
}

// forgeHost is a server of several repositories that notes who was asked for what with which credential.
type forgeHost struct {
	*httptest.Server
	mu    sync.Mutex
	asked map[string]string // path of the repository → Authorization
}

// serveMany serves repositories under paths.
func serveMany(t *testing.T, repos map[string]*sourcetest.Repo) *forgeHost {
	t.Helper()
	h := &forgeHost{asked: map[string]string{}}
	backends := map[string]*sourcetest.Server{}
	for path, repo := range repos {
		backends[path] = sourcetest.Serve(t, repo, sourcetest.ServerOptions{})
	}
	h.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		for path, backend := range backends {
			rest, ok := strings.CutPrefix(r.URL.Path, path+"/")
			if !ok {
				continue
			}
			h.mu.Lock()
			h.asked[path] = r.Header.Get("Authorization")
			h.mu.Unlock()
			r.URL.Path = backend.URL[strings.LastIndex(backend.URL, "/"):] + "/" + rest
			backend.Truth(w, r)
			return
		}
		http.NotFound(w, r)
	}))
	t.Cleanup(h.Close)
	return h
}

func (h *forgeHost) seen() map[string]string {
	h.mu.Lock()
	defer h.mu.Unlock()
	return maps.Clone(h.asked)
}

// openAt opens a mirror and gives the tree of its branch main.
func openAt(t *testing.T, remote source.Remote) (*source.Mirror, *source.Snapshot) {
	t.Helper()
	m, err := source.Open(t.TempDir(), remote, source.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { m.Close() })
	return m, refresh(t, m)
}

func refresh(t *testing.T, m *source.Mirror) *source.Snapshot {
	t.Helper()
	head, err := m.Resolve(t.Context(), "main")
	if err == nil {
		err = m.Fetch(t.Context(), head)
	}
	if err != nil {
		t.Fatal(err)
	}
	snapshot, err := m.Snapshot(t.Context(), head.Commit)
	if err != nil {
		t.Fatal(err)
	}
	return snapshot
}

func reads(t *testing.T, tree fs.FS, path, want string) {
	t.Helper()
	if content, err := fs.ReadFile(tree, path); err != nil || string(content) != want {
		t.Errorf("%s holds %q (%v), want %q", path, content, err, want)
	}
}

// TestSubmodule: what lies in a submodule is read at the pinned commit as if it had been checked out, and only when it is read.
func TestSubmodule(t *testing.T) {
	inner := sourcetest.NewRepo(t)
	deep := inner.Commit("main", "deep", sourcetest.File("d.yaml", "deep"))
	lib := sourcetest.NewRepo(t)
	first := lib.Commit("main", "first", sourcetest.File("base/b.yaml", "first"), sourcetest.Symlink("out.yaml", "../../fleet.yaml"), sourcetest.Symlink("away", "../../../x"),
		declares("inner", "../inner.git"), sourcetest.Submodule("inner", deep))
	second := lib.Commit("main", "second", sourcetest.File("base/b.yaml", "second"))
	lib.Commit("main", "third, which nobody pins", sourcetest.File("base/b.yaml", "third"))
	unused := sourcetest.NewRepo(t)
	fleet := sourcetest.NewRepo(t)
	fleet.Commit("main", "one", sourcetest.File("fleet.yaml", "fleet"), declares("vendor/lib", "../lib.git", "unused", "../unused.git"),
		sourcetest.Submodule("vendor/lib", first), sourcetest.Submodule("unused", strings.Repeat("1", 40)), sourcetest.Symlink("base", "vendor/lib/base"))
	host := serveMany(t, map[string]*sourcetest.Repo{"/acme/fleet.git": fleet, "/acme/lib.git": lib, "/acme/inner.git": inner, "/acme/unused.git": unused})
	m, tree := openAt(t, source.Remote{URL: host.URL + "/acme/fleet.git"})

	for _, path := range []string{".", "vendor"} {
		if _, err := tree.ReadDir(path); err != nil {
			t.Error(err)
		}
	}
	if hash, err := tree.Hash("vendor/lib"); err != nil || hash != "160000 "+first {
		t.Errorf("the hash of a submodule is %q (%v)", hash, err)
	}
	if _, err := tree.Hash("vendor/lib/base"); err == nil {
		t.Error("a hash was found without a fetch")
	}
	if info, err := tree.Lstat("vendor/lib"); err != nil || !info.IsDir() {
		t.Errorf("a submodule is no folder: %v", err)
	}
	if asked := host.seen(); len(asked) != 1 {
		t.Errorf("before anything was read in a submodule %v were asked", slices.Sorted(maps.Keys(asked)))
	}
	reads(t, tree, "vendor/lib/base/b.yaml", "first")
	reads(t, tree, "base/b.yaml", "first")
	reads(t, tree, "vendor/lib/out.yaml", "fleet")
	reads(t, tree, "vendor/lib/inner/d.yaml", "deep")
	if _, err := tree.ReadFile("vendor/lib/away"); !fault.Is(err, fault.PathEscape) {
		t.Errorf("a link out of the repository, from within a submodule, gives %v", err)
	}
	if _, err := tree.ReadFile("vendor/lib/none"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a file that is not there gives %v", err)
	}
	sub, err := fs.Sub(tree, "vendor/lib/base")
	if err == nil {
		err = fstest.TestFS(sub, "b.yaml")
	}
	if err != nil {
		t.Error(err)
	}
	hash, err := tree.Hash("vendor/lib/base/b.yaml")
	if want := "100644 " + lib.Git("rev-parse", first+":base/b.yaml"); err != nil || hash != want {
		t.Errorf("the hash in a submodule is %q (%v), want %q", hash, err, want)
	}
	if _, asked := host.seen()["/acme/unused.git"]; asked {
		t.Error("a submodule was asked for in which nothing was read")
	}

	fleet.Commit("main", "two", sourcetest.Submodule("vendor/lib", second))
	next := refresh(t, m)
	reads(t, next, "vendor/lib/base/b.yaml", "second")
	reads(t, tree, "vendor/lib/base/b.yaml", "first")
	fleet.Commit("main", "three, back again", sourcetest.Submodule("vendor/lib", first))
	host.mu.Lock()
	delete(host.asked, "/acme/lib.git")
	host.mu.Unlock()
	reads(t, refresh(t, m), "vendor/lib/base/b.yaml", "first")
	if _, asked := host.seen()["/acme/lib.git"]; asked {
		t.Error("a commit that is here was asked for again")
	}
}

// TestSubmoduleRefused: what cannot be read says so by path, address and commit, and nobody is asked who must not be.
func TestSubmoduleRefused(t *testing.T) {
	lib := sourcetest.NewRepo(t)
	lib.Commit("main", "x", sourcetest.File("a", "1"))
	for _, test := range []struct {
		reason string
		change []sourcetest.Change
		want   fault.Reason
		text   string
	}{
		{"a commit that was not pushed", []sourcetest.Change{declares("lib", "../lib.git")}, fault.RevisionNotFound, "/acme/lib.git does not give commit"},
		{"no such repository", []sourcetest.Change{declares("lib", "../none.git")}, fault.FetchFailed, "no such repository"},
		{"no .gitmodules", nil, fault.Unsupported, ".gitmodules does not say"},
		{"another path", []sourcetest.Change{declares("other", "../lib.git")}, fault.Unsupported, ".gitmodules does not say"},
		{"torn", []sourcetest.Change{sourcetest.File(".gitmodules", "[submodule \"lib\n")}, fault.Unsupported, "cannot be read as git does"},
		{"a local folder", []sourcetest.Change{declares("lib", "file://"+lib.Dir)}, fault.Unsupported, "local repositories are not allowed"},
		{"a bare path", []sourcetest.Change{declares("lib", lib.Dir)}, fault.Unsupported, "no scheme"},
		{"a program", []sourcetest.Change{declares("lib", "ext::sh -c id")}, fault.Unsupported, "runs a program"},
		{"above the host", []sourcetest.Change{declares("lib", "../../../../x.git")}, fault.Unsupported, "above the host"},
		{"plain http elsewhere", []sourcetest.Change{declares("lib", "http://git.example.com/x.git")}, fault.Unsupported, "loopback"},
		{"a password in the address", []sourcetest.Change{declares("lib", "https://ada:hunter2@git.example.com/x.git")}, fault.Unsupported, "password"},
		{"ssh without a key", []sourcetest.Change{declares("lib", "ssh://git@127.0.0.1:1/x.git")}, fault.CredentialsRefused, "read over ssh"},
	} {
		fleet := sourcetest.NewRepo(t)
		fleet.Commit("main", "x", append(test.change, sourcetest.File("own", "1"), sourcetest.Submodule("lib", strings.Repeat("7", 40)))...)
		host := serveMany(t, map[string]*sourcetest.Repo{"/acme/fleet.git": fleet, "/acme/lib.git": lib})
		_, tree := openAt(t, source.Remote{URL: host.URL + "/acme/fleet.git", Token: token})
		_, err := tree.ReadFile("lib/a")
		f := fault.Of(err, "")
		if f == nil || f.Reason != test.want || !strings.Contains(f.Error(), test.text) || f.Code != source.CodeSubmodule {
			t.Errorf("%s: the error is %v, want %s with %q", test.reason, err, test.want, test.text)
		}
		if f != nil && test.want != fault.Unsupported && !strings.Contains(f.Error(), "the submodule lib, commit 7777777 of ") {
			t.Errorf("%s: the error does not say which submodule: %v", test.reason, err)
		}
		if strings.Contains(fmt.Sprint(err), "hunter2") {
			t.Errorf("%s: the error shows a password: %v", test.reason, err)
		}
		reads(t, tree, "own", "1")
	}
}

// TestSubmodulesInSubmodules: a repository that has itself as a submodule, again and again, ends at a bound that is named.
func TestSubmodulesInSubmodules(t *testing.T) {
	loop := sourcetest.NewRepo(t)
	commit := loop.Commit("main", "0", sourcetest.File("a", "0"))
	for i := range 12 {
		commit = loop.Commit("main", fmt.Sprint(i+1), declares("self", "./../loop.git"), sourcetest.Submodule("self", commit))
	}
	host := serveMany(t, map[string]*sourcetest.Repo{"/loop.git": loop})
	_, tree := openAt(t, source.Remote{URL: host.URL + "/loop.git"})
	reads(t, tree, "self/self/self/a", "0")
	if _, err := tree.ReadFile(strings.Repeat("self/", 12) + "a"); !fault.Is(err, fault.RenderLimit) {
		t.Errorf("twelve deep: %v", err)
	}
}

// TestCredentialsAreBound: the token goes to the repository and what lies beside or below it on the same server, and to nobody
// else, whatever .gitmodules, the environment and the user's configuration say.
func TestCredentialsAreBound(t *testing.T) {
	repo := func(name string) *sourcetest.Repo {
		r := sourcetest.NewRepo(t)
		r.Commit("main", name, sourcetest.File("a", name))
		return r
	}
	beside, below, above, elsewhere, fleet := repo("beside"), repo("below"), repo("above"), repo("elsewhere"), sourcetest.NewRepo(t)
	other := serveMany(t, map[string]*sourcetest.Repo{"/acme/elsewhere.git": elsewhere})
	host := serveMany(t, map[string]*sourcetest.Repo{
		"/acme/fleet.git": fleet, "/acme/beside.git": beside, "/acme/team/below.git": below, "/acmeish/above.git": above,
	})
	tip := func(r *sourcetest.Repo) string { return r.Git("rev-parse", "main") }
	fleet.Commit("main", "x", declares("beside", "../beside.git", "below", host.URL+"/acme/team/below.git", "above", "../../acmeish/above.git", "elsewhere", other.URL+"/acme/elsewhere.git"),
		sourcetest.Submodule("beside", tip(beside)), sourcetest.Submodule("below", tip(below)), sourcetest.Submodule("above", tip(above)), sourcetest.Submodule("elsewhere", tip(elsewhere)))

	home := t.TempDir()
	config := "[url \"" + other.URL + "/\"]\n\tinsteadOf = " + host.URL + "/\n[credential]\n\thelper = !touch " + filepath.Join(home, "helped") + "\n"
	if err := os.WriteFile(filepath.Join(home, ".gitconfig"), []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, value := range map[string]string{
		"HOME": home, "XDG_CONFIG_HOME": home, "GIT_CONFIG_GLOBAL": filepath.Join(home, ".gitconfig"), "GIT_CONFIG_COUNT": "1",
		"GIT_CONFIG_KEY_0": "url." + other.URL + "/.insteadOf", "GIT_CONFIG_VALUE_0": host.URL + "/", "GIT_ASKPASS": "/bin/false",
	} {
		t.Setenv(name, value)
	}
	_, tree := openAt(t, source.Remote{URL: host.URL + "/acme/fleet.git", Token: token})
	for _, name := range []string{"beside", "below", "above", "elsewhere"} {
		reads(t, tree, name+"/a", name)
	}
	want := map[string]string{"/acme/fleet.git": "Basic " + encoded, "/acme/beside.git": "Basic " + encoded, "/acme/team/below.git": "Basic " + encoded, "/acmeish/above.git": ""}
	if got := host.seen(); !maps.Equal(got, want) {
		t.Errorf("the server was shown %v, want %v", got, want)
	}
	if got := other.seen(); !maps.Equal(got, map[string]string{"/acme/elsewhere.git": ""}) {
		t.Errorf("the other server was shown %v", got)
	}
	if _, err := os.Stat(filepath.Join(home, "helped")); !errors.Is(err, fs.ErrNotExist) {
		t.Error("the user's credential helper was asked")
	}
}

// TestSubmoduleComesBack: a submodule that cannot be read now is asked for again a little later, and not at each read.
func TestSubmoduleComesBack(t *testing.T) {
	lib := sourcetest.NewRepo(t)
	pinned := lib.Commit("main", "x", sourcetest.File("a", "1"), sourcetest.File("b", "2"))
	fleet := sourcetest.NewRepo(t)
	server := sourcetest.Serve(t, lib, sourcetest.ServerOptions{})
	fleet.Commit("main", "x", declares("lib", server.URL), sourcetest.Submodule("lib", pinned))
	_, tree := openAt(t, source.Remote{URL: sourcetest.Serve(t, fleet, sourcetest.ServerOptions{}).URL})
	source.SetAskModuleAgain(t, time.Hour)
	server.Break(status(500))
	for _, path := range []string{"lib/a", "lib/b", "lib/a"} {
		if _, err := tree.ReadFile(path); !fault.Is(err, fault.FetchFailed) {
			t.Errorf("%s: %v", path, err)
		}
	}
	if asked := server.Requests(); asked != 1 {
		t.Errorf("the server was asked %d times, want once", asked)
	}
	server.Mend()
	source.SetAskModuleAgain(t, 0)
	reads(t, tree, "lib/a", "1")
}
