package e2e

import (
	"strings"
	"testing"
)

// failing writes a Deployment whose pods fail in a chosen way.
func failing(name, how string) string {
	return strings.Replace(deployment(name, 1, "registry.example/web:5"), "      labels: {app: "+name+"}\n",
		"      labels: {app: "+name+"}\n      annotations: {plumb.dev/simulate: "+how+"}\n", 1)
}

// An app is as healthy as its worst object, also a day later; the pods say why. A commit that mends it is applied at once.
func TestHealth(t *testing.T) {
	t.Parallel()
	s := newScenario(t, shared(t), "health")
	rows := map[string]struct {
		how    string
		reason string
		says   []string
	}{
		"health-image": {"image-pull", "HealthDegraded", []string{"Deployment/health-image/web", "ImagePull"}},
		"health-crash": {"crash-loop-3", "HealthDegraded", []string{"Deployment/health-crash/web", "CrashLoopBackOff", "3"}},
		"health-never": {"never-ready", "HealthTimeout", []string{"Deployment/health-never/web", "no progress for 3s"}},
	}
	fleet := files{"apps/health-fine/a.yaml": deployment("web", 1, "registry.example/web:1"), "apps/health-never/plumb.yaml": "wait: {timeout: 3s}\n"}
	for app := range rows {
		fleet["apps/"+app+"/a.yaml"] = deployment("web", 1, "registry.example/web:1")
	}
	first := s.commit("all is well", fleet)
	for app := range rows {
		s.ok(app, first)
	}
	broken := files{}
	for app, row := range rows {
		broken["apps/"+app+"/a.yaml"] = failing("web", row.how)
	}
	second := s.commit("nothing is", broken)
	for app, row := range rows {
		status := s.until(app, func(a appStatus) error {
			reason, _ := a.ready()
			if a.State != "failed" || reason != row.reason || a.Target != second {
				return errNotYet("%s, want failed (%s)", a, row.reason)
			}
			for _, part := range row.says {
				if !strings.Contains(a.Summary, part) {
					return errNotYet("%q does not say %q", a.Summary, part)
				}
			}
			return nil
		})
		if status.Blocking == nil || status.Blocking.Kind != "Deployment" || status.Blocking.Name != "web" {
			t.Errorf("%s: blocking is %+v", app, status.Blocking)
		}
	}
	s.ok("health-fine", first)
	third := s.revert()
	for app := range rows {
		s.ok(app, third)
	}
}

// A rollout is told as one until its pods are ready, and then it is ok by itself.
func TestRolling(t *testing.T) {
	t.Parallel()
	s := newScenario(t, shared(t), "rolling")
	s.ok("rolling", s.commit("one", files{"apps/rolling/a.yaml": deployment("web", 1, "registry.example/web:1")}))
	second := s.commit("slow", files{"apps/rolling/a.yaml": failing("web", "slow-start-8s")})
	status := s.until("rolling", func(a appStatus) error {
		if a.State != "rolling" || a.Target != second || !strings.Contains(a.Summary, "Deployment/rolling/web") {
			return errNotYet("%s, want it rolling", a)
		}
		return nil
	})
	s.says(status.Summary, second[:7]+" is rolling out")
	s.ok("rolling", second)
}

// What an app knows better about its own kinds, it says in rules of its own.
func TestHealthRules(t *testing.T) {
	t.Parallel()
	s := newScenario(t, shared(t), "rules")
	gizmos := strings.NewReplacer("widget", "gizmo", "Widget", "Gizmo").Replace(widgetDefinition)
	gizmos = strings.Replace(gizmos, "          properties:\n            spec:", "          x-kubernetes-preserve-unknown-fields: true\n          properties:\n            spec:", 1)
	kinds["Gizmo"] = kinds["Widget"].GroupVersion().WithResource("gizmos")
	first := s.commit("a gizmo", files{
		"apps/rules/plumb.yaml": `
health:
  - kind: example.com/Gizmo
    healthy: 'has(self.status) && self.status.phase == "Done"'
    degraded: 'has(self.status) && self.status.phase == "Error"'
    message: 'has(self.status) ? self.status.message : "it has not begun"'
`,
		"apps/rules/a.yaml": documentsOf(gizmos, "apiVersion: example.com/v1\nkind: Gizmo\nmetadata: {name: one}\nspec: {size: 3}\n"),
	})
	rolling := s.until("rules", func(a appStatus) error { // first it is the definition that is waited for
		if a.State != "rolling" || !strings.Contains(a.Summary, "Gizmo/rules/one") {
			return errNotYet("%s, want it to wait for the gizmo", a)
		}
		return nil
	})
	s.says(rolling.Summary, "it has not begun")
	s.patch("Gizmo/rules/one", "gizmo-controller", "status: {phase: Error, message: it burns}")
	s.says(s.is("rules", "failed", "HealthDegraded").Summary, "Gizmo/rules/one", "it burns")
	s.patch("Gizmo/rules/one", "gizmo-controller", "status: {phase: Done, message: fine}")
	s.ok("rules", first)
}
