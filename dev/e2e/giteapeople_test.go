package e2e

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"
)

// A person with the verb revert has the agent open the pull request that takes the newest change of an app back, also of one
// that is well; asked for again, it is the same one. Who has not the verb hears who grants it.
func TestGiteaRevertIsAskedFor(t *testing.T) {
	t.Parallel()
	g := forgeOf(t)
	s := newForgeScenario(t, shared(t), g, "askedfor")
	s.make("apiVersion: v1\nkind: Namespace\nmetadata: {name: askedfor-staff}\n")
	for name, role := range map[string]string{"admin": "cluster-admin", "viewer": "view"} {
		s.make(fmt.Sprintf("apiVersion: v1\nkind: ServiceAccount\nmetadata: {name: %[1]s, namespace: askedfor-staff}\n---\napiVersion: rbac.authorization.k8s.io/v1\nkind: ClusterRoleBinding\nmetadata: {name: askedfor-%[1]s}\nroleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: %[2]s}\nsubjects: [{kind: ServiceAccount, name: %[1]s, namespace: askedfor-staff}]\n", name, role))
	}
	good := s.commitQuietly("good", files{"apps/askedfor-a/a.yaml": configMap("a", "a", "1"), "apps/askedfor-b/b.yaml": configMap("b", "a", "1")})
	s.makeRepo()
	s.ok("askedfor-a", good)
	bad := s.merged(g, "bad", files{"apps/askedfor-a/a.yaml": configMap("a", "a", "2"), "apps/askedfor-b/b.yaml": configMap("b", "a", "2")})
	s.ok("askedfor-a", bad)
	s.ok("askedfor-b", bad)

	const path = "/apps/plumb-system/askedfor-a/revert"
	if status, said := s.visits("askedfor-staff", "viewer").post(t, path, map[string]any{}); status != http.StatusForbidden || !strings.Contains(said, "plumb-operator") {
		t.Errorf("a viewer: %d %s", status, said)
	}
	admin := s.visits("askedfor-staff", "admin")
	var first, again struct{ URL, Text string }
	for _, answer := range []any{&first, &again} {
		status, said := admin.post(t, path, map[string]any{"reason": "it is slow"})
		if err := json.Unmarshal([]byte(said), answer); err != nil || status != http.StatusOK {
			t.Fatalf("%d %s", status, said)
		}
	}
	pull, _ := s.proposedRevert(g, "askedfor-a")
	if !strings.HasSuffix(first.URL, fmt.Sprintf("/acme/askedfor/pulls/%v", pull["number"])) || again.URL != first.URL || s.openPulls(g) != 1 {
		t.Errorf("the answers name %q and %q, the pull request is %v", first.URL, again.URL, pull["html_url"])
	}
	body := fmt.Sprint(pull["body"])
	if !strings.Contains(body, "asked for by system:serviceaccount:askedfor-staff:admin: it is slow") || !strings.Contains(body, "apps/askedfor-a/a.yaml") || strings.Contains(body, "askedfor-b") {
		t.Errorf("it says %s", body)
	}
	if status, said := admin.post(t, path, map[string]any{"to": strings.Repeat("a", 40)}); status != http.StatusConflict {
		t.Errorf("a commit that is not there: %d %s", status, said)
	}
	s.says(s.plumbs(0, "why", "askedfor-a").stdout, "is not proposed")
	number, _ := pull["number"].(float64)
	s.has("ConfigMap/askedfor-a/a", "data.a", "2") // nothing is done before the merge
	back := s.merge(g, int(number))
	s.ok("askedfor-a", back)
	s.has("ConfigMap/askedfor-a/a", "data.a", "1")
	s.has("ConfigMap/askedfor-b/b", "data.a", "2")
}
