package e2e

import (
	"os"
	"path/filepath"
	"slices"
	"testing"
)

// A cluster whose data is lost is rebuilt from Git alone: Plumb is installed, and the one file of Git that names the
// repository is applied. Everything else, namespaces, definitions, apps and further Repos, comes from there, whatever the
// agent still remembers of the cluster that is gone.
func TestRebuiltFromGitAlone(t *testing.T) {
	for _, cache := range []string{"kept", "lost"} {
		t.Run("cache-"+cache, func(t *testing.T) {
			w, err := newWorld("recovery-" + cache) // its data is destroyed
			if err != nil {
				t.Fatal(err)
			}
			s := newScenario(t, w, "rebuilt")
			other := newScenario(t, w, "rebuilt-more")
			other.write(files{"apps/rebuilt-more/a.yaml": configMap("settings", "a", "1")})
			other.git("commit", "-q", "-m", "another repository")
			other.git("push", "-q", "--force", "origin", "HEAD:main")
			repo := func(s *scenario) string {
				return "apiVersion: plumb.dev/v1alpha1\nkind: Repo\nmetadata: {name: " + s.name + ", namespace: plumb-system}\nspec: {url: \"" + s.repo.url + "\", poll: 10m, webhook: {secret: hook}}\n"
			}
			s.write(files{
				"bootstrap.yaml":            repo(s),
				"apps/rebuilt/a.yaml":       documentsOf(deployment("web", 2, "registry.example/web:1"), service("web", 80), claim("data"), configMap("settings", "a", "1")),
				"apps/rebuilt-crd/a.yaml":   documentsOf(widgetDefinition, "apiVersion: example.com/v1\nkind: Widget\nmetadata: {name: one}\nspec: {size: 3}\n"),
				"apps/rebuilt-repos/a.yaml": repo(other),
			})
			s.git("commit", "-q", "-m", "everything")
			s.git("push", "-q", "--force", "origin", "HEAD:main")
			commit := s.git("rev-parse", "HEAD")
			bootstrap := func() {
				t.Helper()
				text, err := os.ReadFile(filepath.Join(s.repo.clone, "bootstrap.yaml"))
				if err != nil {
					t.Fatal(err)
				}
				s.make(string(text))
				for _, app := range []string{"rebuilt", "rebuilt-crd", "rebuilt-repos"} {
					s.ok(app, commit)
				}
				s.is("rebuilt-more", "ok", "Healthy")
				s.live("Deployment/rebuilt/web")
				s.has("Widget/rebuilt-crd/one", "spec.size", 3)
				s.has("ConfigMap/rebuilt-more/settings", "data.a", "1")
			}
			bootstrap()
			settings := s.live("ConfigMap/rebuilt/settings")

			s.kill()
			s.stopPlane()
			if err := os.RemoveAll(filepath.Join(s.plane.dir, "etcd")); err != nil {
				t.Fatal(err)
			}
			if cache == "lost" {
				if err := os.RemoveAll(s.cache()); err != nil {
					t.Fatal(err)
				}
			}
			s.startPlane()
			if slices.Contains(s.list("Namespace", ""), "rebuilt") {
				t.Fatal("the cluster is not empty: this shows nothing")
			}
			before := s.now(t)
			if err := s.install(); err != nil {
				t.Fatal(err)
			}
			s.restarted()
			bootstrap()
			if s.live("ConfigMap/rebuilt/settings").GetUID() == settings.GetUID() {
				t.Error("it is the old object: this shows nothing")
			}
			s.noDeletes(t, before, "rebuilt", "rebuilt-crd", "rebuilt-more")
			entries := inventoryOf(s, "rebuilt")
			s.says(entries, `"created":true`)
		})
	}
}
