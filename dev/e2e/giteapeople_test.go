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
	s.showsReverts(admin, bad, good)
	if n := s.openPulls(g); n != 0 {
		t.Errorf("%d pull requests were opened by looking", n)
	}
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

// showsReverts reads of a commit whether it can be taken back, and what that would be.
func (s *scenario) showsReverts(admin *visitor, bad, good string) {
	s.Helper()
	var change struct {
		Reverts []struct {
			ID, Why string
			OK      bool
		}
	}
	admin.read(s.T, "/changes/"+bad, &change)
	if len(change.Reverts) != 2 || !change.Reverts[0].OK || !change.Reverts[1].OK {
		s.Errorf("who may revert everything hears %+v", change.Reverts)
	}
	change.Reverts = nil
	s.visits("askedfor-staff", "viewer").read(s.T, "/changes/"+bad, &change)
	if len(change.Reverts) != 2 || change.Reverts[0].OK || !strings.Contains(change.Reverts[0].Why, "plumb-operator") {
		s.Errorf("a viewer hears %+v", change.Reverts)
	}
	change.Reverts = nil
	admin.read(s.T, "/changes/"+good, &change)
	if len(change.Reverts) != 2 || !strings.Contains(change.Reverts[0].Why, "its newest change is "+bad[:7]) {
		s.Errorf("of an older commit it is said %+v", change.Reverts)
	}
	var preview struct {
		From, To, Branch string
		Files            []string
		Objects          []struct {
			Change string
			Fields []struct{ Field, From, To string }
		}
	}
	admin.read(s.T, "/apps/plumb-system/askedfor-a/revert", &preview)
	if preview.From != bad || preview.To != good || preview.Branch != "main" || len(preview.Files) != 1 || len(preview.Objects) != 1 || len(preview.Objects[0].Fields) != 1 ||
		preview.Objects[0].Fields[0].From != "2" || preview.Objects[0].Fields[0].To != "1" {
		s.Errorf("the preview is %+v", preview)
	}
}
