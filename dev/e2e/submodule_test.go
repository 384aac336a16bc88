package e2e

import (
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
)

// library makes a repository with files and gives its clone as a scenario without a Repo.
func (s *scenario) library(name string) *scenario {
	s.Helper()
	repo, err := s.world.gitHost.create(name)
	if err != nil {
		s.Fatal(err)
	}
	return &scenario{T: s.T, world: s.world, name: name, repo: repo}
}

// pinModule has a folder of the repository be a submodule at a commit, and commits that.
func (s *scenario) pinModule(path, url, commit string) string {
	s.Helper()
	s.write(files{".gitmodules": "[submodule \"lib\"]\n\tpath = " + path + "\n\turl = " + url + "\n"})
	s.link(path, commit)
	s.git("commit", "-q", "-m", "pin "+commit)
	return s.push()
}

// link stages a gitlink. Its folder is empty, as in a clone without submodules.
func (s *scenario) link(path, commit string) {
	s.Helper()
	if err := os.MkdirAll(filepath.Join(s.repo.clone, path), 0o755); err != nil {
		s.Fatal(err)
	}
	s.git("update-index", "--add", "--cacheinfo", "160000,"+commit+","+path)
}

// What an app reads of a submodule is read at the pinned commit, as if everything had been checked out; moving the pin moves
// the app, and a new commit of the library moves nothing. A submodule that no app reads is never asked for. One that cannot
// be read fails the app alone, says which it is, and is asked for again by itself.
func TestSubmodule(t *testing.T) {
	t.Parallel()
	s := newScenario(t, shared(t), "module")
	lib := s.library("module-lib")
	first := lib.commitQuietly("one", files{"base/kustomization.yaml": "resources: [a.yaml]\n", "base/a.yaml": configMap("settings", "a", "1")})
	var asked atomic.Bool
	s.answer("module-unused", func(w http.ResponseWriter, _ *http.Request) {
		asked.Store(true)
		w.WriteHeader(http.StatusNotFound)
	})

	s.write(files{
		"apps/module/kustomization.yaml": "resources: [../../vendor/lib/base]\n",
		"apps/module-plain/a.yaml":       configMap("plain", "a", "1"),
	})
	pinned := s.pinModule("vendor/lib", "../module-lib.git", first)
	s.ok("module", pinned)
	s.ok("module-plain", pinned)
	s.has("ConfigMap/module/settings", "data.a", "1")

	second := lib.commitQuietly("two", files{"base/a.yaml": configMap("settings", "a", "2")})
	nothing := s.commit("another app alone", files{"apps/module-plain/a.yaml": configMap("plain", "a", "2")})
	s.ok("module-plain", nothing)
	s.decided(nothing)
	s.ok("module", pinned)
	s.has("ConfigMap/module/settings", "data.a", "1")

	moved := s.pinModule("vendor/lib", "../module-lib.git", second)
	s.ok("module", moved)
	s.has("ConfigMap/module/settings", "data.a", "2")
	s.ok("module-plain", nothing)

	s.answer("module-lib", unreachable)
	third := lib.git("commit-tree", "-p", second, "-m", "three", second+"^{tree}")
	lib.git("push", "-q", lib.repo.bare, third+":refs/heads/main")
	away := s.pinModule("vendor/lib", "../module-lib.git", third)
	status := s.is("module", "failed", "FetchFailed")
	s.says(status.Summary, "the submodule vendor/lib, commit "+third[:7], "module-lib.git")
	s.has("ConfigMap/module/settings", "data.a", "2")
	s.answer("module-lib", nil)
	s.ok("module", moved) // what it pins now has the same content
	s.decided(away)

	s.write(files{".gitmodules": "[submodule \"lib\"]\n\tpath = vendor/lib\n\turl = ../module-lib.git\n[submodule \"unused\"]\n\tpath = vendor/unused\n\turl = ../module-unused.git\n"})
	s.link("vendor/unused", strings.Repeat("1", 40))
	last := s.commit("a submodule that nobody reads", files{"apps/module-plain/a.yaml": configMap("plain", "a", "3")})
	s.ok("module-plain", last)
	s.decided(last)
	if asked.Load() {
		t.Error("a submodule was asked for that no app reads")
	}
}

// A whole app may be a submodule; while it cannot be read the Repo says so, and its other apps go on.
func TestSubmoduleIsAnApp(t *testing.T) {
	t.Parallel()
	s := newScenario(t, shared(t), "entire")
	lib := s.library("entire-lib")
	first := lib.commitQuietly("one", files{"a.yaml": configMap("settings", "a", "1")})
	s.answer("entire-lib", unreachable)
	s.write(files{"apps/entire-beside/a.yaml": configMap("plain", "a", "1")})
	pinned := s.pinModule("apps/entire-lib", "../entire-lib.git", first)
	s.ok("entire-beside", pinned)
	s.has("Repo/plumb-system/entire", "status.conditions.0.reason", "FetchFailed")
	s.says(field(s.live("Repo/plumb-system/entire"), "status.summary").(string), "the submodule apps/entire-lib")
	s.answer("entire-lib", nil)
	s.ok("entire-lib", pinned)
	s.has("ConfigMap/entire-lib/settings", "data.a", "1")
	s.decided(pinned)
}

// A file that Git LFS keeps elsewhere is named, and its pointer is not applied.
func TestLFSPointer(t *testing.T) {
	t.Parallel()
	s := newScenario(t, shared(t), "pointer")
	s.commit("one", files{"apps/pointer/a.yaml": "version https://git-lfs.github.com/spec/v1\noid sha256:4d7a214614ab2935c943f9e0ff69d22eadbb8f32b1258daaa5e2ca24d17e2393\nsize 12345\n"})
	status := s.is("pointer", "failed", "RenderFailed")
	_, message := status.ready()
	s.says(message, "apps/pointer/a.yaml", "pointer of Git LFS", "git lfs migrate export")
}
