package e2e

import (
	"fmt"
	"strings"
	"testing"
)

// Apps and Repos may be kept in Git like anything else. What is taken out of Git goes as an object; what it had delivered
// stays, because deleting one of Plumb's own objects deletes nothing of a user.
func TestAppsAndReposInGit(t *testing.T) {
	t.Parallel()
	w := shared(t)
	other := newScenario(t, w, "nested-fleet") // what the Repo in Git leads to
	other.write(files{"apps/nested-fleet-web/a.yaml": configMap("settings", "a", "1")})
	other.git("commit", "-q", "-m", "an app of the other fleet")
	other.git("push", "-q", "origin", "main")

	s := newScenario(t, w, "nested")
	child := func(name string) string {
		return "apiVersion: plumb.dev/v1alpha1\nkind: App\nmetadata: {name: nested-" + name + ", namespace: plumb-system}\nspec: {repo: nested, path: folders/" + name + "}\n"
	}
	repo := "apiVersion: plumb.dev/v1alpha1\nkind: Repo\nmetadata: {name: nested-fleet, namespace: plumb-system}\nspec:\n  url: " + other.repo.url + "\n  webhook: {secret: hook}\n"
	first := s.commit("apps of apps", files{
		"apps/nested/a.yaml": child("a"), "apps/nested/b.yaml": child("b"), "apps/nested/fleet.yaml": repo,
		"folders/a/a.yaml": configMap("settings", "a", "1"), "folders/b/b.yaml": configMap("settings", "a", "1"),
	})
	s.ok("nested", first)
	s.ok("nested-a", first)
	s.ok("nested-b", first)
	s.is("nested-fleet-web", "ok", "Healthy")
	claim := s.live("ConfigMap/nested-a/settings")

	// They are written as the parent's ServiceAccount, and healed like anything else.
	s.patch("App/plumb-system/nested-a", "kubectl-edit", "spec: {path: folders/b}")
	s.has("App/plumb-system/nested-a", "spec.path", "folders/a")
	s.is("nested-a", "ok", "Healthy")

	before := s.now(t)
	second := s.commit("without one App and the Repo", files{"apps/nested/b.yaml": "", "apps/nested/fleet.yaml": "", "folders/a/a.yaml": configMap("settings", "a", "2")})
	s.ok("nested", second)
	s.absent("App/plumb-system/nested-b")
	s.absent("Repo/plumb-system/nested-fleet")
	s.absent("App/plumb-system/nested-fleet-web")
	s.live("ConfigMap/nested-b/settings")
	s.live("ConfigMap/nested-fleet-web/settings")
	s.noDeletes(t, before, "nested-a", "nested-b", "nested-fleet-web")
	s.ok("nested-a", second)
	if data := field(s.same(claim), "data.a"); data != "2" {
		t.Errorf("the other App is not looked after: %v", data)
	}

	third := s.revert() // they come back, and take up what they left
	s.ok("nested", third)
	s.is("nested-b", "ok", "Healthy")
	other.made = true
	other.tell()
	s.is("nested-fleet-web", "ok", "Healthy")
	s.noDeletes(t, before, "nested-a", "nested-b", "nested-fleet-web")
}

// A Repo that is deleted by hand takes its Apps with it, and nothing that they delivered.
func TestDeletedRepoLeavesEverything(t *testing.T) {
	t.Parallel()
	s := newScenario(t, shared(t), "norepo")
	first := s.commit("an app", files{"apps/norepo/a.yaml": configMap("settings", "a", "1")})
	s.ok("norepo", first)
	settings, before := s.live("ConfigMap/norepo/settings"), s.now(t)
	s.remove("Repo/plumb-system/norepo")
	s.absent("App/plumb-system/norepo")
	s.makeRepo()
	s.ok("norepo", first)
	s.says(s.same(settings).GetAnnotations()["plumb.dev/owner"], string(s.live("App/plumb-system/norepo").GetUID()))
	s.noDeletes(t, before, "norepo")
}

// Environments are apps of one folder, each in a namespace of its own; patterns make apps of other layouts.
func TestLayouts(t *testing.T) {
	t.Parallel()
	s := newScenario(t, shared(t), "layout")
	s.spec["apps"] = []any{
		map[string]any{"path": "teams/{team}/{app}", "app": "layout-{team}-{app}", "namespace": "layout-{team}"},
		map[string]any{"path": "apps/{app}"},
	}
	base := deployment("web", 1, "registry.example/web:1")
	first := s.commit("layouts", files{
		"teams/pay/ledger/a.yaml":                      configMap("ledger", "a", "1"),
		"teams/pay/cart/a.yaml":                        configMap("cart", "a", "1"),
		"apps/layout-web/base/kustomization.yaml":      "resources: [web.yaml]\n",
		"apps/layout-web/base/web.yaml":                base,
		"apps/layout-web/envs/dev/kustomization.yaml":  "resources: [../../base]\n",
		"apps/layout-web/envs/prod/kustomization.yaml": "resources: [../../base]\nreplicas: [{name: web, count: 2}]\n",
		"apps/layout-chart/Chart.yaml":                 "apiVersion: v2\nname: chart\nversion: 1.0.0\n",
		"apps/layout-chart/values.yaml":                "colour: blue\n",
		"apps/layout-chart/values-prod.yaml":           "colour: green\n",
		"apps/layout-chart/templates/a.yaml":           "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: settings}\ndata: {colour: {{ .Values.colour }}}\n",
	})
	for _, app := range []string{"layout-pay-ledger", "layout-pay-cart", "layout-web-dev", "layout-web-prod", "layout-chart-prod"} {
		s.ok(app, first)
	}
	s.has("Deployment/layout-web-dev/web", "spec.replicas", 1)
	s.has("Deployment/layout-web-prod/web", "spec.replicas", 2)
	s.has("ConfigMap/layout-chart-prod/settings", "data.colour", "green")
	s.live("ConfigMap/layout-pay/ledger")
	s.live("ConfigMap/layout-pay/cart")
	if team := s.live("App/plumb-system/layout-pay-cart").GetLabels()["plumb.dev/var-team"]; team != "pay" {
		t.Errorf("the team's label is %q", team)
	}

	// A commit to what both use changes both; one to an environment changes that one.
	second := s.commit("a new image", files{"apps/layout-web/base/web.yaml": strings.Replace(base, "web:1", "web:2", 1)})
	s.ok("layout-web-dev", second)
	s.ok("layout-web-prod", second)
	third := s.commit("more in production", files{"apps/layout-web/envs/prod/kustomization.yaml": "resources: [../../base]\nreplicas: [{name: web, count: 3}]\n"})
	s.ok("layout-web-prod", third)
	s.decided(third)
	s.ok("layout-web-dev", second)
}

// A folder that is meant to be an app and is none has no App to tell of it: the Repo does, and the other apps go on.
func TestFolderThatIsNoApp(t *testing.T) {
	t.Parallel()
	s := newScenario(t, shared(t), "stray")
	told := func() string { return fmt.Sprint(field(s.live("Repo/plumb-system/stray"), "status.summary")) }
	commit := s.commit("one name that is none", files{"apps/stray/a.yaml": configMap("settings", "a", "1"), "apps/Stray Two/a.yaml": configMap("settings", "a", "1")})
	s.ok("stray", commit)
	s.decided(commit)
	s.says(told(), "1 app at "+commit[:7], `apps/Stray Two: "Stray Two" cannot be the name of an app`)

	second := s.commit("renamed", files{"apps/Stray Two/a.yaml": "", "apps/stray-two/a.yaml": configMap("settings", "a", "1")})
	s.ok("stray-two", second)
	s.decided(second)
	if summary := told(); summary != "2 apps at "+second[:7] {
		t.Errorf("once it is renamed the Repo says %q", summary)
	}
}
