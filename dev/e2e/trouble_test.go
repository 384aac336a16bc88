package e2e

import (
	"strings"
	"testing"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// A commit that cannot be rendered stops its app alone, with file and line; what ran goes on. The fix is applied at once.
func TestBrokenCommitAndItsFix(t *testing.T) {
	t.Parallel()
	s := newScenario(t, shared(t), "broken")
	first := s.commit("fine", files{
		"apps/broken-plain/a.yaml":                 documentsOf(configMap("settings", "a", "1"), configMap("other", "a", "1")),
		"apps/broken-kustomize/kustomization.yaml": "resources: [a.yaml]\n", "apps/broken-kustomize/a.yaml": configMap("settings", "a", "1"),
		"apps/broken-helm/Chart.yaml": "apiVersion: v2\nname: broken\nversion: 1.0.0\n", "apps/broken-helm/templates/a.yaml": configMap("settings", "a", "1"),
		"apps/broken-not/a.yaml": configMap("settings", "a", "1"),
	})
	apps := []string{"broken-plain", "broken-kustomize", "broken-helm"}
	for _, app := range apps {
		s.ok(app, first)
	}
	before := s.now(t)
	second := s.commit("broken, and one more", files{
		"apps/broken-plain/a.yaml":                 documentsOf(configMap("settings", "a", "2"), "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: other\n\tdata: {}\n"),
		"apps/broken-kustomize/kustomization.yaml": "resources: [a.yaml, not-there.yaml]\n",
		"apps/broken-helm/templates/a.yaml":        "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: {{ .Values.name | missing }}\n",
		"apps/broken-not/a.yaml":                   configMap("settings", "a", "2"),
	})
	s.ok("broken-not", second)
	for app, parts := range map[string][]string{
		"broken-plain":     {"apps/broken-plain/a.yaml:12"},
		"broken-kustomize": {"apps/broken-kustomize", "not-there.yaml"},
		"broken-helm":      {"apps/broken-helm/templates/a.yaml:4", "missing"},
	} {
		status := s.until(app, func(a appStatus) error {
			if a.State != "failed" || a.Target != second || a.Revision != first {
				return errNotYet("%s, want it failed at %.7s, and %.7s applied", a, second, first)
			}
			return nil
		})
		s.says(status.Summary, parts...)
	}
	s.noWrites(t, before, apps...)
	s.has("ConfigMap/broken-plain/settings", "data.a", "1")

	third := s.revert()
	for _, app := range apps {
		s.until(app, func(a appStatus) error {
			if a.State != "ok" || a.Target != third && a.Target != first {
				return errNotYet("%s, want it ok", a)
			}
			return nil
		})
	}
}

// Without its ServiceAccount an app does nothing, and says how to make one. When it is there, the app goes on by itself.
func TestServiceAccountMissing(t *testing.T) {
	t.Parallel()
	s := newScenario(t, shared(t), "account")
	s.commit("folders", files{"apps/account-b/a.yaml": configMap("settings", "a", "1"), "apps/account-c/a.yaml": configMap("settings", "a", "1")})
	s.ok("account-b", s.git("rev-parse", "HEAD"))
	before := s.now(t)
	s.byHand("account", "account-c", "namespace: account", "serviceAccount: account-deployer")
	status := s.is("account", "failed", "ServiceAccountMissing")
	_, message := status.ready()
	s.says(message, "plumb-system/account-deployer", "-n plumb-system create serviceaccount account-deployer", "-n account create rolebinding")
	s.noWrites(t, before, "account")

	s.make(accountNamed("account-deployer", "cluster-admin"))
	s.is("account", "ok", "Healthy")
}

// What its ServiceAccount may not do, an app does not do: the message names who may not do what. The rest of it is applied.
func TestForbidden(t *testing.T) {
	t.Parallel()
	s := newScenario(t, shared(t), "forbid")
	s.make(`
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata: {name: forbid-secrets}
rules:
  - {apiGroups: [""], resources: [configmaps, namespaces], verbs: ["*"]}
  - {apiGroups: [""], resources: [secrets], verbs: [get, list]}
---` + accountNamed("forbid-deployer", "forbid-secrets"))
	s.commit("folders", files{"apps/forbid-b/a.yaml": documentsOf(configMap("settings", "a", "1"), "apiVersion: v1\nkind: Secret\nmetadata: {name: login}\nstringData: {password: correct-horse}\n")})
	s.byHand("forbid", "forbid-b", "namespace: forbid", "serviceAccount: forbid-deployer")
	status := s.is("forbid", "failed", "Forbidden")
	s.says(status.Summary, "Secret/forbid/login", "plumb-system/forbid-deployer")
	if strings.Contains(status.Summary, "correct-horse") {
		t.Errorf("the message tells the secret: %s", status.Summary)
	}
	s.has("ConfigMap/forbid/settings", "data.a", "1")
	s.gone("Secret/forbid/login")

	role, name := s.at("ClusterRole/forbid-secrets")
	s.patch("ClusterRole/forbid-secrets", "e2e", `rules: [{apiGroups: [""], resources: ["*"], verbs: ["*"]}]`)
	if _, err := role.Get(t.Context(), name, metav1.GetOptions{}); err != nil {
		t.Fatal(err)
	}
	s.is("forbid", "ok", "Healthy") // tried again by itself
}

func accountNamed(name, role string) string {
	return `
apiVersion: v1
kind: ServiceAccount
metadata: {name: ` + name + `, namespace: plumb-system}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRoleBinding
metadata: {name: ` + name + `}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: ` + role + `}
subjects: [{kind: ServiceAccount, name: ` + name + `, namespace: plumb-system}]
`
}

// An object that the API server rejects does not stop the others, and holds the deletions of its commit.
func TestRejectedObjectDoesNotStopOthers(t *testing.T) {
	t.Parallel()
	s := newScenario(t, shared(t), "reject")
	s.ok("reject", s.commit("fine", files{"apps/reject/a.yaml": configMap("settings", "a", "1"), "apps/reject/old.yaml": configMap("old", "a", "1")}))
	second := s.commit("a port too high", files{
		"apps/reject/a.yaml": configMap("settings", "a", "2"), "apps/reject/old.yaml": "", "apps/reject/service.yaml": service("web", 99999), "apps/reject/new.yaml": configMap("new", "a", "1")})
	status := s.is("reject", "failed", "Rejected")
	s.says(status.Summary, "Service/reject/web", "99999")
	if status.Blocking == nil || status.Blocking.Kind != "Service" {
		t.Errorf("blocking is %+v", status.Blocking)
	}
	if status.Revision == second {
		t.Error("the commit counts as applied")
	}
	s.has("ConfigMap/reject/settings", "data.a", "2")
	s.live("ConfigMap/reject/new")
	s.live("ConfigMap/reject/old")
	s.ok("reject", s.commit("a port", files{"apps/reject/service.yaml": service("web", 99)}))
	s.gone("ConfigMap/reject/old")
}

// A field that cannot be changed fails its object, which is not replaced, unless Git says that it may be.
func TestImmutableField(t *testing.T) {
	t.Parallel()
	s := newScenario(t, shared(t), "fixed")
	fixed := func(value string) string { return configMap("fixed", "a", value) + "immutable: true\n" }
	s.ok("fixed", s.commit("one", files{"apps/fixed/a.yaml": documentsOf(fixed("1"), configMap("other", "a", "1"))}))
	before := s.live("ConfigMap/fixed/fixed")
	s.commit("two", files{"apps/fixed/a.yaml": documentsOf(fixed("2"), configMap("other", "a", "2"))})
	status := s.is("fixed", "failed", "ImmutableField")
	_, message := status.ready()
	s.says(message, "ConfigMap/fixed/fixed", "replace:")
	s.same(before)
	s.has("ConfigMap/fixed/other", "data.a", "2")

	s.ok("fixed", s.commit("it may be replaced", files{"apps/fixed/plumb.yaml": "replace: [{kind: ConfigMap, name: fixed}]\n"}))
	if after := s.live("ConfigMap/fixed/fixed"); after.GetUID() == before.GetUID() || field(after, "data.a") != "2" {
		t.Errorf("it was not replaced: %v", after.Object["data"])
	}
}

// An app whose namespace is being deleted waits until it is gone, and then makes it again.
func TestTerminatingNamespace(t *testing.T) {
	t.Parallel()
	s := newScenario(t, shared(t), "dying")
	held := strings.Replace(configMap("held", "a", "1"), "metadata:\n", "metadata:\n  finalizers: [example.com/hold]\n", 1)
	s.ok("dying", s.commit("an app", files{"apps/dying/a.yaml": configMap("settings", "a", "1")}))
	s.create(inNamespace("dying", held), "e2e")
	namespace := s.live("Namespace/dying")
	s.remove("Namespace/dying")
	status := s.until("dying", func(a appStatus) error {
		if a.State != "waiting" {
			return errNotYet("%s, want it waiting", a)
		}
		return nil
	})
	s.says(status.Summary, "Namespace/dying", "deleted")
	s.ok("dying-b", s.commit("another app", files{"apps/dying-b/a.yaml": configMap("settings", "a", "1")})) // and nobody else waits

	s.patch("ConfigMap/dying/held", "e2e", "metadata: {finalizers: null}")
	s.is("dying", "ok", "Healthy")
	if s.live("Namespace/dying").GetUID() == namespace.GetUID() {
		t.Error("the namespace is still the old one")
	}
	s.live("ConfigMap/dying/settings")
}

// A kind that the cluster does not know fails its objects alone. When somebody installs it, they are applied by themselves.
func TestUnknownKind(t *testing.T) {
	t.Parallel()
	s := newScenario(t, shared(t), "gadget")
	s.commit("a gadget", files{"apps/gadget/a.yaml": documentsOf(configMap("settings", "a", "1"),
		"apiVersion: example.org/v1\nkind: Gadget\nmetadata: {name: one}\nspec: {size: 3}\n")})
	status := s.is("gadget", "failed", "KindUnknown")
	s.says(status.Summary, "apps/gadget/a.yaml", "example.org/Gadget")
	s.has("ConfigMap/gadget/settings", "data.a", "1")
	s.make(strings.NewReplacer("example.com", "example.org", "widget", "gadget", "Widget", "Gadget").Replace(widgetDefinition))
	s.is("gadget", "ok", "Healthy")
}

// A field of the API that does not exist is an error with its name, not silence.
func TestUnknownSettings(t *testing.T) {
	t.Parallel()
	s := newScenario(t, shared(t), "typo")
	s.commit("a typo", files{"apps/typo/plumb.yaml": "heel: false\n", "apps/typo/a.yaml": configMap("settings", "a", "1")})
	status := s.is("typo", "failed", "InvalidSettings")
	_, message := status.ready()
	s.says(message, "apps/typo/plumb.yaml:1", "heel", "heal")
	client, _ := s.at("App/plumb-system/typo")
	o := s.live("App/plumb-system/typo")
	o.SetResourceVersion("")
	o.Object["spec"].(map[string]any)["pause"] = map[string]any{"reason": "", "by": "lena"}
	if _, err := client.Update(t.Context(), o, metav1.UpdateOptions{}); !apierrors.IsInvalid(err) {
		t.Errorf("a pause without a reason is answered with %v, want Invalid", err)
	}
}
