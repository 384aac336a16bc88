package e2e

import (
	"fmt"
	"slices"
	"strings"
	"testing"
)

// awaits waits until an App waits for another one, and says so in words.
func (s *scenario) awaits(app, other string, words ...string) appStatus {
	s.Helper()
	return s.until(app, func(a appStatus) error {
		reason, _ := a.ready()
		var names []string
		for _, w := range a.WaitingFor {
			names = append(names, w.Kind+" "+w.Name)
		}
		if a.State != "waiting" || reason != "WaitingForApp" || !slices.Contains(names, "App "+other) {
			return fmt.Errorf("%s, waiting for %v; want it to wait for %s", a, names, other)
		}
		for _, word := range words {
			if !strings.Contains(a.Summary, word) {
				return fmt.Errorf("%q does not say %q", a.Summary, word)
			}
		}
		return nil
	})
}

// firstWrites gives the namespaces in the order in which the agent first wrote an object of a resource into them.
func (s *scenario) firstWrites(since mark, resource string, namespaces ...string) []string {
	s.Helper()
	var order []string
	for _, r := range s.requests(s.T, since, func(r request) bool { return r.writes() && r.Object.Resource == resource }) {
		if slices.Contains(namespaces, r.Object.Namespace) && !slices.Contains(order, r.Object.Namespace) {
			order = append(order, r.Object.Namespace)
		}
	}
	return order
}

// One commit with three apps in a chain: each is applied when the one before it is healthy, at the first delivery and at
// every later one, and the names say the order, not the letters.
func TestAfterChain(t *testing.T) {
	t.Parallel()
	s := newScenario(t, shared(t), "chain")
	apps := []string{"chain-c", "chain-b", "chain-a"}
	at := func(version string) files {
		return files{
			"apps/chain-c/a.yaml": deployment("web", 1, "registry.example/web:"+version), "apps/chain-c/plumb.yaml": "heal: true\n",
			"apps/chain-b/a.yaml": deployment("web", 1, "registry.example/web:"+version), "apps/chain-b/plumb.yaml": "after: [chain-c]\n",
			"apps/chain-a/a.yaml": deployment("web", 1, "registry.example/web:"+version), "apps/chain-a/plumb.yaml": "after: [chain-b, chain-c]\n",
		}
	}
	for _, version := range []string{"1", "2"} {
		before := s.now(t)
		commit := s.commit("version "+version, at(version))
		for _, app := range apps {
			s.ok(app, commit)
		}
		if got := s.firstWrites(before, "deployments", apps...); !slices.Equal(got, apps) {
			t.Errorf("version %s was applied in the order %v, want %v", version, got, apps)
		}
		s.beforeNext(before, apps)
	}
	// An app whose own objects do not change waits for nothing, also while the first one is on its way.
	only := s.commit("only the last", files{"apps/chain-a/a.yaml": deployment("web", 1, "registry.example/web:3")})
	s.ok("chain-a", only)
}

// beforeNext checks that each app's pods were ready before the next one was touched: the status of the Deployment that the
// agent had seen then is in the audit log of nobody, so the App's own word is taken.
func (s *scenario) beforeNext(since mark, apps []string) {
	s.Helper()
	var seen []string
	for _, r := range s.requests(s.T, since, func(r request) bool {
		return r.Verb == "patch" && (r.Object.Resource == "deployments" || r.Object.Resource == "apps" && r.Object.Subresource == "status")
	}) {
		if r.Object.Resource == "deployments" && slices.Contains(apps, r.Object.Namespace) {
			seen = append(seen, "apply "+r.Object.Namespace)
		}
		if r.Object.Resource == "apps" && slices.Contains(apps, r.Object.Name) {
			seen = append(seen, "status "+r.Object.Name)
		}
	}
	for i, app := range apps[1:] {
		before, own := slices.Index(seen, "apply "+apps[i]), slices.Index(seen, "apply "+app)
		if before < 0 || own < 0 || !slices.Contains(seen[before:max(before, own)], "status "+apps[i]) {
			s.Errorf("%s was applied before the state of %s was told: %v", app, apps[i], seen)
		}
	}
}

// Apps that wait for each other are named, all of them, and nobody else; a commit that ends the cycle delivers them.
func TestAfterCycle(t *testing.T) {
	t.Parallel()
	s := newScenario(t, shared(t), "ring")
	commit := s.commit("a ring", files{
		"apps/ring-a/a.yaml": configMap("settings", "a", "1"), "apps/ring-a/plumb.yaml": "after: [ring-b]\n",
		"apps/ring-b/a.yaml": configMap("settings", "a", "1"), "apps/ring-b/plumb.yaml": "heal: true\nafter: [ring-a]\n",
		"apps/ring-apart/a.yaml": configMap("settings", "a", "1"),
		"apps/ring-tail/a.yaml":  configMap("settings", "a", "1"), "apps/ring-tail/plumb.yaml": "after: [ring-a]\n",
	})
	s.says(s.is("ring-a", "failed", "DependencyCycle").Summary, "ring-a after ring-b after ring-a", "apps/ring-a/plumb.yaml:1")
	s.says(s.is("ring-b", "failed", "DependencyCycle").Summary, "ring-b after ring-a after ring-b", "apps/ring-b/plumb.yaml:2")
	s.ok("ring-apart", commit)
	s.awaits("ring-tail", "ring-a", "which failed", "apps wait for each other")
	s.decided(commit)
	for _, app := range []string{"ring-a", "ring-b", "ring-tail"} {
		s.gone("ConfigMap/" + app + "/settings")
	}
	before := s.now(t)
	mended := s.commit("no ring", files{"apps/ring-b/plumb.yaml": ""})
	apps := []string{"ring-b", "ring-a", "ring-tail"}
	for _, app := range apps {
		s.until(app, func(a appStatus) error {
			if a.State != "ok" {
				return fmt.Errorf("%s, want ok", a)
			}
			return nil
		})
	}
	s.decided(mended)
	if got := s.firstWrites(before, "configmaps", apps...); !slices.Equal(got, apps) {
		t.Errorf("they were applied in the order %v, want %v", got, apps)
	}

	// A ring that comes later fails both, and what they have is still kept true.
	s.commit("a ring again", files{"apps/ring-b/plumb.yaml": "after: [ring-a]\n"})
	s.is("ring-a", "failed", "DependencyCycle")
	s.is("ring-b", "failed", "DependencyCycle")
	s.patch("ConfigMap/ring-a/settings", "kubectl-edit", "data: {a: drifted}")
	s.has("ConfigMap/ring-a/settings", "data.a", "1")
	s.commit("no ring at last", files{"apps/ring-b/plumb.yaml": ""})
	s.is("ring-a", "ok", "Healthy")
	s.is("ring-b", "ok", "Healthy")
}

// What comes after an app that fails waits, says what is wrong with it, heals what it has, and is not forced by plumb sync.
// The repair delivers both, in order.
func TestAfterFailure(t *testing.T) {
	t.Parallel()
	s := newScenario(t, shared(t), "dep")
	first := s.commit("one", files{
		"apps/dep-base/a.yaml": configMap("settings", "a", "1"),
		"apps/dep-web/a.yaml":  documentsOf(configMap("settings", "a", "1"), configMap("other", "a", "1")), "apps/dep-web/plumb.yaml": "after: [dep-base]\n",
	})
	s.ok("dep-web", first)
	before := s.now(t)
	second := s.commit("two", files{
		"apps/dep-base/a.yaml": configMap("settings", "a", "2") + "  b: [\n",
		"apps/dep-web/a.yaml":  documentsOf(configMap("settings", "a", "2"), configMap("other", "a", "1")),
	})
	s.decided(second)
	status := s.awaits("dep-web", "dep-base", "dep-base, which failed", "apps/dep-base/a.yaml")
	if status.Revision != first || status.Target != second {
		t.Errorf("%s, want %.7s applied and %.7s the target", status, first, second)
	}
	if got := status.pending(); !slices.Equal(got, []string{"change ConfigMap/dep-web/settings"}) {
		t.Errorf("it would do %v", got)
	}
	s.sync("dep-web")
	s.until("dep-web", func(a appStatus) error {
		if a.Handled.Sync == "" {
			return errNotYet("the sync was not taken up")
		}
		return nil
	})
	s.awaits("dep-web", "dep-base")
	s.noWrites(t, before, "dep-web")
	s.patch("ConfigMap/dep-web/other", "kubectl-edit", "data: {a: drifted}")
	s.has("ConfigMap/dep-web/other", "data.a", "1")
	if err := s.equals("ConfigMap/dep-web/settings", "data.a", "1"); err != nil {
		t.Errorf("what waits was applied: %v", err)
	}
	why := s.command(t, s.repo.clone, "why", "dep-web")
	s.says(why.stdout, "waits for dep-base, which failed", "plumb why dep-base", "change", "ConfigMap/dep-web/settings")
	s.says(s.command(t, s.repo.clone, "status", "--all").stdout, "waits for dep-base, which failed")

	before = s.now(t)
	third := s.commit("three", files{"apps/dep-base/a.yaml": configMap("settings", "a", "3")})
	s.ok("dep-base", third)
	s.ok("dep-web", second)
	s.has("ConfigMap/dep-web/settings", "data.a", "2")
	if got := s.firstWrites(before, "configmaps", "dep-base", "dep-web"); !slices.Equal(got, []string{"dep-base", "dep-web"}) {
		t.Errorf("they were applied in the order %v", got)
	}

	// What is applied does not wait: a first app that breaks later stops nobody's healing, and a pause that misses nothing stops nobody.
	s.patch("App/plumb-system/dep-base", "plumb-cli", "spec: {pause: {reason: lunch, by: lena}}")
	s.is("dep-base", "paused", "Paused")
	fourth := s.commit("four", files{"apps/dep-web/a.yaml": configMap("settings", "a", "4")})
	s.ok("dep-web", fourth)
	fifth := s.commit("five", files{"apps/dep-base/a.yaml": configMap("settings", "a", "5"), "apps/dep-web/a.yaml": configMap("settings", "a", "5")})
	s.awaits("dep-web", "dep-base", "dep-base, which is paused by lena")
	s.patch("App/plumb-system/dep-base", "plumb-cli", "spec: {pause: null}")
	s.ok("dep-web", fifth)
}

// Apps of other environments are named with theirs; one without is of the same, or has none. A name that is nobody's is told
// with the nearest, and waited for.
func TestAfterOthers(t *testing.T) {
	t.Parallel()
	s := newScenario(t, shared(t), "rel")
	before := s.now(t)
	commit := s.commit("environments", files{
		"apps/rel-infra/a.yaml":             configMap("settings", "a", "1"),
		"apps/rel-cart/envs/dev/a.yaml":     configMap("settings", "a", "1"),
		"apps/rel-cart/envs/prod/a.yaml":    configMap("settings", "a", "1"),
		"apps/rel-cart/plumb.yaml":          "after: [rel-infra]\n",
		"apps/rel-cart/envs/dev/plumb.yaml": "after: [rel-cart/prod]\n",
		"apps/rel-lost/a.yaml":              configMap("settings", "a", "1"),
		"apps/rel-lost/plumb.yaml":          "after: [rel-infar]\n",
	})
	s.ok("rel-cart-dev", commit)
	apps := []string{"rel-infra", "rel-cart-prod", "rel-cart-dev"}
	if got := s.firstWrites(before, "configmaps", apps...); !slices.Equal(got, apps) {
		t.Errorf("they were applied in the order %v, want %v", got, apps)
	}
	s.awaits("rel-lost", "rel-infar", "rel-infar, which does not exist (did you mean rel-infra?)")
	s.gone("ConfigMap/rel-lost/settings")
	s.says(s.command(t, s.repo.clone, "apps", "--explain", s.repo.clone).stdout, "ORDER", "rel-cart/dev   after rel-cart/prod", "after rel-infar (there is no such app here; did you mean rel-infra?)")
	// The app that was missing comes, by hand and from no folder of its own name: nothing else happens, and it goes at once.
	s.byHand("rel-infar", "rel-infra", "namespace: rel-infar")
	s.ok("rel-lost", commit)
}

// An agent that is killed while an app waits goes on waiting, and then delivers.
func TestAfterRestart(t *testing.T) {
	s := newScenario(t, lives(t), "nap")
	s.restarted()
	commit := s.commit("one", files{
		"apps/nap-base/a.yaml": configMap("settings", "a", "1") + "  b: [\n",
		"apps/nap-web/a.yaml":  configMap("settings", "a", "1"), "apps/nap-web/plumb.yaml": "after: [nap-base]\nwait: {timeout: 1s}\n",
	})
	s.awaits("nap-web", "nap-base", "which failed", "for longer than 1s")
	s.kill()
	before := s.now(t)
	s.restarted()
	s.decided(commit)
	s.awaits("nap-web", "nap-base", "which failed", "for longer than 1s")
	s.noWrites(t, before, "nap-web")
	s.gone("ConfigMap/nap-web/settings")
	mended := s.commit("two", files{"apps/nap-base/a.yaml": configMap("settings", "a", "1")})
	s.ok("nap-base", mended)
	s.ok("nap-web", commit)
	if got := s.firstWrites(before, "configmaps", "nap-base", "nap-web"); !slices.Equal(got, []string{"nap-base", "nap-web"}) {
		t.Errorf("they were applied in the order %v", got)
	}
}

// An object that moves between two apps of which one waits for the other is handed over in both directions.
func TestAfterHandover(t *testing.T) {
	t.Parallel()
	s := newScenario(t, shared(t), "pass")
	first := s.commit("one", files{
		"apps/pass-base/a.yaml": documentsOf(configMap("stays", "a", "1"), configMap("down", "a", "1")),
		"apps/pass-web/a.yaml":  documentsOf(configMap("web", "a", "1"), configMap("up", "a", "1")), "apps/pass-web/plumb.yaml": "after: [pass-base]\nnamespace: pass\n",
		"apps/pass-base/plumb.yaml": "namespace: pass\n",
	})
	s.ok("pass-web", first)
	down, up := s.live("ConfigMap/pass/down"), s.live("ConfigMap/pass/up")
	before := s.now(t)
	second := s.commit("they change places", files{
		"apps/pass-base/a.yaml": documentsOf(configMap("stays", "a", "1"), configMap("up", "a", "1")),
		"apps/pass-web/a.yaml":  documentsOf(configMap("web", "a", "1"), configMap("down", "a", "1")),
	})
	s.ok("pass-base", second)
	s.ok("pass-web", second)
	s.same(down)
	s.same(up)
	s.noDeletes(t, before, "pass")
}
