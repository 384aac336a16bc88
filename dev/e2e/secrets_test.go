package e2e

import (
	"fmt"
	"slices"
	"strings"
	"testing"
)

// An agent that may neither list nor watch Secrets applies them all the same, finds what happens to them a little later, and
// says so. It asks for none but those that Repos name, and nothing that it asks for is refused.
func TestWithoutSecrets(t *testing.T) {
	w, err := newWorld("blind")
	if err != nil {
		t.Fatal(err)
	}
	s := newScenario(t, w, "blind")
	s.plumbs(2, "install", "--watch-groups", "example.com")
	s.plumbs(0, "install", "--only", "access", "--without-secrets", "--watch-groups", "example.com")
	for _, g := range w.rightsOf(t) {
		fits := g.group == "" || g.group == "*"
		if fits && (g.resource == "secrets" || g.resource == "*") && (g.verb != "get" || g.namespace != system) {
			t.Errorf("the agent may still %s %s of %q in %q by %s", g.verb, g.resource, g.group, g.namespace, g.role)
		}
	}
	s.restarted("--without-secrets", "--secrets-every", "2s")
	before := s.now(t)
	secret := func(name, value string) string {
		return "apiVersion: v1\nkind: Secret\nmetadata: {name: " + name + "}\ndata: {key: " + value + "}\n"
	}
	s.commit("secrets and others", files{
		"apps/blind/a.yaml":     documentsOf(secret("login", "b25l"), secret("more", "b25l"), secret("third", "b25l"), secret("goes", "b25l"), configMap("settings", "a", "1"), deployment("web", 1, "registry.example/web:1")),
		"apps/blind-crd/a.yaml": documentsOf(widgetDefinition, "apiVersion: example.com/v1\nkind: Widget\nmetadata: {name: one}\nspec: {size: 3}\n"),
	})
	status := s.is("blind", "ok", "Healthy")
	s.says(strings.Join(status.Warnings, "\n"), "its Secrets are looked at every 2s")
	s.is("blind-crd", "ok", "Healthy")

	login := s.live("Secret/blind/login")
	s.patch("Secret/blind/login", "kubectl-edit", "data: {key: dHdv}")
	s.has("Secret/blind/login", "data.key", "b25l")
	s.same(login)
	s.until("blind", func(a appStatus) error {
		if !slices.ContainsFunc(a.Drift, func(d drift) bool { return d.Object == "Secret/blind/login" && d.Manager == "kubectl-edit" }) {
			return errNotYet("the drift is not told: %v", a.Drift)
		}
		return nil
	})
	s.remove("Secret/blind/more")
	s.has("Secret/blind/more", "data.key", "b25l")
	s.patch("ConfigMap/blind/settings", "kubectl-edit", "data: {a: \"9\"}") // all else is watched
	s.has("ConfigMap/blind/settings", "data.a", "1")
	second := s.commit("one changes, one goes", files{"apps/blind/a.yaml": documentsOf(secret("login", "dHdv"), secret("more", "b25l"), secret("third", "b25l"), configMap("settings", "a", "1"), deployment("web", 1, "registry.example/web:1"))})
	s.ok("blind", second)
	s.has("Secret/blind/login", "data.key", "dHdv")
	s.absent("Secret/blind/goes")
	s.same(login)
	s.restarted("--without-secrets", "--secrets-every", "2s")
	s.patch("Secret/blind/login", "kubectl-edit", "data: {key: b25l}")
	s.has("Secret/blind/login", "data.key", "dHdv")

	s.says(s.command(t, s.repo.clone, "status").stdout, "may not list Secrets")
	s.says(s.plumbs(0, "doctor").stdout, "it lists no Secrets; those of apps are looked at every 2s")
	asked := s.requests(t, before, func(r request) bool { return r.own() && r.Object.Resource == "secrets" })
	for _, r := range asked {
		if r.Verb != "get" || r.Object.Namespace != system || r.Object.Name != "hook" {
			t.Errorf("the agent asked for a Secret under its own name: %s", fmt.Sprint(r))
		}
	}
	if len(asked) == 0 {
		t.Error("the Secret of the hooks was never read: this shows nothing")
	}
	for _, r := range s.requests(t, before, func(r request) bool {
		return r.As.Username != "" && r.in("blind") && r.Object.Resource == "secrets" && r.Verb == "list"
	}) {
		if !strings.Contains(r.RequestURI, "owner%3Dhelm") {
			t.Errorf("Secrets were listed: %s", r.RequestURI)
		}
	}
}
