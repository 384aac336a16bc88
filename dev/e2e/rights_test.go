package e2e

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"plumb.dev/plumb/dev/audit"
)

// agentUser is the agent in a cluster, as the API server knows it.
const agentUser = "system:serviceaccount:plumb-system:plumb-agent"

// own tells whether the agent made a request under its own name. A refused impersonation is such a request.
func (r request) own() bool { return r.User.Username == agentUser && r.As.Username == "" }

// allAllowed tells whether no request of an agent was refused, in any world, by an API server that was ready: agents run with
// the rights of an installation.
func allAllowed() bool {
	worlds.Lock()
	defer worlds.Unlock()
	allowed := true
	for _, p := range worlds.planes {
		requests, _, err := audit.Since(p.audit, 0)
		if err != nil {
			fmt.Println(err)
			return false
		}
		for _, one := range requests {
			if r := (request{one}); r.own() && r.Status.Code == http.StatusForbidden && !p.starting(r.Received) {
				fmt.Printf("--- FAIL: an agent was refused: %s (%s)\n", r, r.RequestURI)
				allowed = false
			}
		}
	}
	return allowed
}

// right is one verb on one resource that a role grants.
type right struct {
	role                  string
	namespace             string // "" is everywhere
	group, resource, verb string
	name                  string // "" is any
}

// rightsOf gives what the roles that are bound to the agent's ServiceAccount grant.
func (p *plane) rightsOf(t *testing.T) []right {
	t.Helper()
	var all []right
	for _, binding := range []string{"ClusterRoleBinding", "RoleBinding"} {
		list, err := p.admin.Resource(kinds[binding]).List(t.Context(), metav1.ListOptions{})
		if err != nil {
			t.Fatal(err)
		}
		for _, o := range list.Items {
			subjects, _, _ := unstructured.NestedSlice(o.Object, "subjects")
			if !slices.ContainsFunc(subjects, func(s any) bool {
				subject, _ := s.(map[string]any)
				return subject["kind"] == "ServiceAccount" && subject["name"] == "plumb-agent"
			}) {
				continue
			}
			id := fmt.Sprint(field(&o, "roleRef.kind"), "/", field(&o, "roleRef.name"))
			if field(&o, "roleRef.kind") == "Role" {
				id = fmt.Sprint("Role/", o.GetNamespace(), "/", field(&o, "roleRef.name"))
			}
			all = append(all, rightsIn(p.get(t, id), o.GetNamespace())...)
		}
	}
	return all
}

func rightsIn(role *unstructured.Unstructured, namespace string) []right {
	var all []right
	rules, _, _ := unstructured.NestedSlice(role.Object, "rules")
	for _, r := range rules {
		rule := &unstructured.Unstructured{Object: r.(map[string]any)}
		words := func(key string) []string {
			list, _, _ := unstructured.NestedStringSlice(rule.Object, key)
			return list
		}
		names := words("resourceNames")
		if len(names) == 0 {
			names = []string{""}
		}
		for _, group := range words("apiGroups") {
			for _, resource := range words("resources") {
				for _, verb := range words("verbs") {
					for _, name := range names {
						all = append(all, right{role: idOf(role), namespace: namespace, group: group, resource: resource, verb: verb, name: name})
					}
				}
			}
		}
	}
	return all
}

// usedBy tells whether a request needed the right.
func (g right) usedBy(r request) bool {
	fits := func(have, want string) bool { return have == "*" || have == want }
	switch g.verb {
	case "impersonate":
		return g.resource == "serviceaccounts" && r.User.Username == agentUser && strings.HasPrefix(r.As.Username, "system:serviceaccount:")
	case "configure": // asked by the admission policy of Apps, at each write of one
		return r.own() && r.Object.Resource == "apps" && r.Object.Subresource == "" && r.Verb == "patch"
	case "create": // an apply that makes an object needs it too
		if r.own() && r.Verb == "patch" && r.Status.Code == http.StatusCreated && fits(g.resource, r.Object.Resource) {
			return true
		}
	}
	resource := strings.TrimSuffix(r.Object.Resource+"/"+r.Object.Subresource, "/")
	return r.own() && r.Verb == g.verb && fits(g.group, r.Object.APIGroup) && fits(g.resource, resource) &&
		(g.namespace == "" || g.namespace == r.Object.Namespace) && (g.name == "" || g.name == r.Object.Name)
}

// The agent has the rights that it needs and no others: every rule of an installation is needed by a request, and no request
// is refused. The life of a fleet goes through here: a private repository, a tenant, drift, a move, deletions, a definition
// with its objects, a crash, a record that is full.
func TestRights(t *testing.T) {
	w, err := newWorld("rights")
	if err != nil {
		t.Fatal(err)
	}
	s := newScenario(t, w, "rights")
	s.make(`
apiVersion: v1
kind: Namespace
metadata: {name: rights-tenant}
---
apiVersion: v1
kind: ServiceAccount
metadata: {name: tenant, namespace: rights-tenant}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: {name: tenant, namespace: rights-tenant}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: admin}
subjects: [{kind: ServiceAccount, name: tenant, namespace: rights-tenant}]
---
apiVersion: v1
kind: Secret
metadata: {name: git, namespace: rights-tenant}
stringData: {username: lena, password: correct-horse}
`)
	first := s.commit("a fleet", files{
		"apps/rights/a.yaml": documentsOf(deployment("web", 1, "registry.example/web:1"), configMap("settings", "a", "1"),
			"apiVersion: v1\nkind: Secret\nmetadata: {name: login}\nstringData: {password: correct-horse}\n"),
		"apps/rights-crd/a.yaml":  documentsOf(widgetDefinition, "apiVersion: example.com/v1\nkind: Widget\nmetadata: {name: one}\nspec: {size: 3}\n"),
		"apps/rights-gone/a.yaml": documentsOf(slices.Concat([]string{configMap("settings", "a", "1")}, longNames())...),
	})
	for _, app := range []string{"rights", "rights-crd", "rights-gone"} {
		s.ok(app, first)
	}
	s.make(`
apiVersion: plumb.dev/v1alpha1
kind: App
metadata: {name: rights-tenant, namespace: rights-tenant}
spec: {repo: "` + s.repo.url + `", path: apps/rights-gone, secret: git, namespace: rights-tenant, serviceAccount: tenant}
`)
	s.has("ConfigMap/rights-tenant/settings", "data.a", "1")
	s.scale("Deployment/rights/web", "kubectl", 3)
	s.has("Deployment/rights/web", "spec.replicas", 1)
	second := s.commit("less\n\nPlumb-Allow-Delete: rights-gone\nPlumb-Allow-Delete: rights-gone Namespace/rights-gone", files{"apps/rights-gone": "", "apps/rights/a.yaml": deployment("web", 1, "registry.example/web:2")})
	s.ok("rights", second)
	s.absent("App/plumb-system/rights-gone")
	s.absent("ConfigMap/rights-gone/settings")
	s.entryOf("rights", first, "ok")
	oldest := s.fillRecord("rights")
	s.restarted()
	third := s.commit("after a crash", files{"apps/rights/a.yaml": deployment("web", 1, "registry.example/web:3")})
	s.ok("rights", third)
	s.entryOf("rights", third, "ok")
	s.absent("Entry/" + system + "/" + oldest)

	requests := s.requests(t, 0, func(r request) bool { return r.User.Username == agentUser && r.Status.Code < 300 })
	rights := s.rightsOf(t)
	if len(rights) < 20 || len(requests) < 50 {
		t.Fatalf("%d rights and %d requests are found: this shows nothing", len(rights), len(requests))
	}
	for _, g := range rights {
		if !slices.ContainsFunc(requests, g.usedBy) {
			t.Errorf("nothing needs the verb %s on %s of %q, which %s grants", g.verb, g.resource, g.group, g.role)
		}
	}
}

// fillRecord makes so many Entries for an app, of long ago, that there is no room for another, and gives the name of the oldest.
func (s *scenario) fillRecord(app string) (oldest string) {
	s.Helper()
	const kept = 200 // resources.md §9
	e := s.recorded(app)[0]
	o := s.live("Entry/" + system + "/" + e.Name)
	for i := range kept {
		old := o.DeepCopy()
		old.SetResourceVersion("")
		old.SetUID("")
		old.SetManagedFields(nil)
		old.SetName(fmt.Sprintf("%s-20200101-%06d-0000000-0000", app, i)) // internal/record names them by time
		s.create(old, "e2e")
		if i == 0 {
			oldest = old.GetName()
		}
	}
	return oldest
}

// longNames gives more objects than one Inventory takes: when they are gone, the second goes too.
func longNames() []string {
	var all []string
	for i := range 620 {
		all = append(all, configMap(fmt.Sprintf("z%03d-%s", i, strings.Repeat("x", 230)), "a", "1"))
	}
	return all
}
