package e2e

import (
	"fmt"
	"slices"
	"testing"
	"time"
)

// heal: false shows drift and leaves it; plumb sync corrects it once. What a person puts back, or a revision is applied over,
// differs no more.
func TestHealFalse(t *testing.T) {
	t.Parallel()
	const web = "Deployment/noheal/web"
	s := newScenario(t, shared(t), "noheal")
	s.ok("noheal", s.commit("shown, not healed", files{
		"apps/noheal/plumb.yaml": "heal: false\n", "apps/noheal/a.yaml": deployment("web", 1, "registry.example/web:1")}))
	before := s.now(t)
	s.scale(web, "kubectl", 2)
	status := s.is("noheal", "drifted", "Drifted")
	if len(status.Drift) != 1 || status.Drift[0].Manager != "kubectl" || status.Drift[0].Healed != nil || status.Objects.Drifted != 1 {
		t.Errorf("the evidence is %+v, %d objects have drifted", status.Drift, status.Objects.Drifted)
	}
	s.noWrites(t, before, "noheal")
	if err := s.equals(web, "spec.replicas", 2); err != nil {
		t.Error(err)
	}
	s.sync("noheal")
	s.has(web, "spec.replicas", 1)
	s.is("noheal", "ok", "Healthy")

	s.scale(web, "kubectl", 3)
	s.is("noheal", "drifted", "Drifted")
	s.scale(web, "kubectl", 1)
	status = s.is("noheal", "ok", "Healthy")
	for _, d := range status.Drift {
		if d.Healed == nil {
			t.Errorf("what was put back still differs: %+v", d)
		}
	}

	s.scale(web, "kubectl", 4)
	s.is("noheal", "drifted", "Drifted")
	second := s.commit("another image", files{"apps/noheal/a.yaml": deployment("web", 1, "registry.example/web:2")})
	s.ok("noheal", second)
	s.has(web, "spec.replicas", 1)
	status = s.is("noheal", "ok", "Healthy")
	if d := status.Drift[0]; d.Live != "4" || d.Healed == nil {
		t.Errorf("a revision was applied over it, and it is %+v", d)
	}
}

// sync: manual shows a commit and applies it when somebody asks.
func TestSyncManual(t *testing.T) {
	t.Parallel()
	s := newScenario(t, shared(t), "manual")
	first := s.commit("by hand", files{"apps/manual/plumb.yaml": "sync: manual\n", "apps/manual/a.yaml": configMap("settings", "a", "1")})
	s.is("manual", "waiting", "NeedsSync")
	s.gone("ConfigMap/manual/settings")
	s.sync("manual")
	s.ok("manual", first)

	before := s.now(t)
	second := s.commit("more", files{"apps/manual/a.yaml": configMap("settings", "a", "2")})
	s.decided(second)
	status := s.is("manual", "waiting", "NeedsSync")
	if status.Revision != first || status.Target != second {
		t.Errorf("%s, want %.7s applied and %.7s the target", status, first, second)
	}
	s.noWrites(t, before, "manual")
	s.sync("manual")
	s.ok("manual", second)
	s.has("ConfigMap/manual/settings", "data.a", "2")
}

// sync asks for a pass as plumb sync does.
func (s *scenario) sync(app string) {
	s.Helper()
	s.patch("App/plumb-system/"+app, "plumb-cli", fmt.Sprintf("metadata: {annotations: {plumb.dev/sync: \"%d\"}}", time.Now().UnixNano()))
}

// prune: false shows what Git no longer has, and keeps it.
func TestPruneFalse(t *testing.T) {
	t.Parallel()
	s := newScenario(t, shared(t), "noprune")
	s.ok("noprune", s.commit("two", files{"apps/noprune/plumb.yaml": "prune: false\n", "apps/noprune/a.yaml": settings(0, 2)}))
	before := s.now(t)
	status := s.ok("noprune", s.commit("one", files{"apps/noprune/a.yaml": settings(0, 1)}))
	if status.Objects.ToDelete != 1 {
		t.Errorf("%d objects are to delete, want one that is kept", status.Objects.ToDelete)
	}
	s.says(status.Summary, "kept")
	s.live("ConfigMap/noprune/settings-1")
	s.noDeletes(t, before, "noprune")
	s.ok("noprune", s.commit("prune", files{"apps/noprune/plumb.yaml": ""}))
	s.gone("ConfigMap/noprune/settings-1")
}

// A paused app is left as it is, by the agent too; when the pause ends, what was missed is made good.
func TestPause(t *testing.T) {
	t.Parallel()
	const web, app = "Deployment/paused/web", "App/plumb-system/paused"
	s := newScenario(t, shared(t), "paused")
	first := s.commit("one", files{"apps/paused/a.yaml": deployment("web", 1, "registry.example/web:1")})
	s.ok("paused", first)
	before := s.now(t)
	s.patch(app, "plumb-cli", "spec: {pause: {reason: \"black friday\", by: lena}}")
	status := s.is("paused", "paused", "Paused")
	s.says(status.Summary, "lena", "black friday")

	s.scale(web, "kubectl", 2)
	second := s.commit("two", files{"apps/paused/a.yaml": deployment("web", 1, "registry.example/web:2")})
	s.decided(second)
	s.until("paused", func(a appStatus) error {
		if a.Target != second || a.State != "paused" && a.State != "drifted" {
			return errNotYet("%s, want it paused and to know of %.7s", a, second)
		}
		return nil
	})
	s.noWrites(t, before, "paused")
	s.patch(app, "plumb-cli", "spec: {pause: null}")
	s.ok("paused", second)
	s.has(web, "spec.replicas", 1)
}

// A pause that has an end ends by itself.
func TestPauseEnds(t *testing.T) {
	t.Parallel()
	s := newScenario(t, shared(t), "until")
	s.ok("until", s.commit("one", files{"apps/until/a.yaml": configMap("settings", "a", "1")}))
	pause := func(long time.Duration) {
		end := time.Now().Add(long).UTC().Format(time.RFC3339)
		s.patch("App/plumb-system/until", "plumb-cli", "spec: {pause: {reason: lunch, by: lena, until: \""+end+"\"}}")
	}
	pause(24 * time.Hour)
	s.is("until", "paused", "Paused")
	second := s.commit("two", files{"apps/until/a.yaml": configMap("settings", "a", "2")})
	s.decided(second)
	s.has("ConfigMap/until/settings", "data.a", "1")
	pause(3 * time.Second)
	s.ok("until", second)
}

// Nobody waits for an app that cannot act: a paused one, one without its ServiceAccount, one that has long failed.
func TestNobodyWaitsForTheStuck(t *testing.T) {
	t.Parallel()
	s := newScenario(t, shared(t), "stuck")
	first := s.commit("apps", files{
		"apps/stuck-paused/a.yaml": configMap("settings", "a", "1"),
		"apps/stuck-broken/a.yaml": configMap("settings", "a", "1"),
		"apps/stuck-fine/a.yaml":   settings(0, 3),
	})
	for _, app := range []string{"stuck-paused", "stuck-broken", "stuck-fine"} {
		s.ok(app, first)
	}
	s.patch("App/plumb-system/stuck-paused", "plumb-cli", "spec: {pause: {reason: lunch, by: lena}}")
	s.is("stuck-paused", "paused", "Paused")
	s.byHand("stuck-nobody", "stuck-fine", "serviceAccount: nobody")
	s.is("stuck-nobody", "failed", "ServiceAccountMissing")

	broken := s.commit("broken", files{
		"apps/stuck-broken/a.yaml": configMap("settings", "a", "1") + "  b: [\n", "apps/stuck-fine/a.yaml": documentsOf(settings(0, 3), configMap("more", "a", "1"))})
	s.ok("stuck-fine", broken)
	second := s.commit("one less", files{
		"apps/stuck-paused/a.yaml": configMap("settings", "a", "2"), "apps/stuck-fine/a.yaml": documentsOf(settings(0, 2), configMap("more", "a", "1"))})
	s.ok("stuck-fine", second)
	s.gone("ConfigMap/stuck-fine/settings-2")
	s.is("stuck-broken", "failed", "InvalidObject")
}

// byHand makes an App in this scenario's Repo, of the folder apps/<folder>, with more lines of spec.
func (s *scenario) byHand(name, folder string, spec ...string) {
	s.Helper()
	text := "apiVersion: plumb.dev/v1alpha1\nkind: App\nmetadata: {name: " + name + ", namespace: plumb-system}\nspec:\n  repo: " + s.name + "\n  path: apps/" + folder + "\n"
	for _, line := range slices.Concat(spec) {
		text += "  " + line + "\n"
	}
	s.make(text)
}
