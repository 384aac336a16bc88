package e2e

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

// does waits until an App tells that something would be done and is not, for a reason, with steps in any order.
func (s *scenario) wouldDo(app, reason string, want ...string) appStatus {
	s.Helper()
	slices.Sort(want)
	return s.until(app, func(a appStatus) error {
		got := a.pending()
		slices.Sort(got)
		if is, _ := a.ready(); a.State != "waiting" || is != reason || !slices.Equal(got, want) {
			return fmt.Errorf("%s; it would do %q, want %s and %q", a, got, reason, want)
		}
		return nil
	})
}

// whys gives why each object is among what would be done.
func (a appStatus) whys() map[string]string {
	whys := map[string]string{}
	for _, step := range a.Pending.Steps {
		whys[step.Object] = step.Why
	}
	return whys
}

// tracked is an object that another tool has made.
func tracked(namespace, manifest string) *unstructured.Unstructured {
	o := inNamespace(namespace, manifest)
	o.SetAnnotations(map[string]string{"argocd.argoproj.io/tracking-id": "guestbook:/ConfigMap:" + namespace + "/" + o.GetName()})
	return o
}

// A read-only agent renders, compares and tells; the audit log has no write of its but its own Apps, states and Lease. The
// next one, without the flag, does what was told.
func TestReadOnly(t *testing.T) {
	s := newScenario(t, lives(t), "look")
	s.restarted()
	first := s.commit("before", files{"apps/look-ours/a.yaml": documentsOf(
		deployment("web", 1, "registry.example/web:1"), configMap("stays", "a", "1"), configMap("goes", "a", "1"))})
	s.ok("look-ours", first)
	web, stays := s.live("Deployment/look-ours/web"), s.live("ConfigMap/look-ours/stays")
	s.make("apiVersion: v1\nkind: Namespace\nmetadata: {name: look-theirs}\n")
	theirs := s.create(tracked("look-theirs", configMap("argo", "a", "theirs")), "argocd-controller")
	same := s.create(inNamespace("look-theirs", configMap("same", "a", "1")), "kubectl-create")
	s.create(inNamespace("look-theirs", configMap("other", "a", "theirs")), "kubectl-create")

	before := s.now(t)
	s.restarted("--read-only")
	second := s.commit("looked at", files{
		"apps/look-ours/a.yaml":   documentsOf(deployment("web", 1, "registry.example/web:2"), configMap("stays", "a", "1"), configMap("comes", "a", "1")),
		"apps/look-new/a.yaml":    configMap("settings", "a", "1"),
		"apps/look-theirs/a.yaml": documentsOf(configMap("argo", "a", "1"), configMap("same", "a", "1"), configMap("other", "a", "1")),
	})
	ours := s.wouldDo("look-ours", "ReadOnly", "change Deployment/look-ours/web", "create ConfigMap/look-ours/comes", "delete ConfigMap/look-ours/goes")
	s.says(ours.Summary, "only compared: the agent is read-only", "1 to create, 1 to change, 1 to delete")
	s.says(ours.whys()["Deployment/look-ours/web"], "would change spec.template.spec.containers[name=web].image")
	s.wouldDo("look-new", "ReadOnly", "create Namespace/look-new", "create ConfigMap/look-new/settings")
	found := s.wouldDo("look-theirs", "ReadOnly", "refuse ConfigMap/look-theirs/argo", "take over ConfigMap/look-theirs/other", "take over ConfigMap/look-theirs/same")
	s.says(found.whys()["ConfigMap/look-theirs/argo"], "belongs to Argo CD application guestbook", "would change data.a")
	s.says(found.whys()["ConfigMap/look-theirs/same"], "no field would change")
	s.says(found.whys()["ConfigMap/look-theirs/other"], "would change data.a")
	s.decided(second)

	s.patch("ConfigMap/look-ours/stays", "kubectl-edit", "data: {a: drifted}")
	drifted := s.until("look-ours", func(a appStatus) error {
		if a.State != "drifted" || len(a.Drift) == 0 || a.Drift[0].Healed != nil || a.Drift[0].Manager != "kubectl-edit" {
			return fmt.Errorf("%s, drift %v; want it shown", a, a.Drift)
		}
		return nil
	})
	s.says(drifted.Summary, "ConfigMap/look-ours/stays", "the agent is read-only")
	s.sync("look-new")
	s.until("look-new", func(a appStatus) error {
		if a.Handled.Sync == "" {
			return errNotYet("the sync was not taken up")
		}
		return nil
	})
	s.wouldDo("look-new", "ReadOnly", "create Namespace/look-new", "create ConfigMap/look-new/settings")
	s.tellsReadOnly(true)
	s.says(s.command(t, s.repo.clone, "why", "look-new").stdout, "would do", "create", "Namespace/look-new")

	for _, r := range s.requests(t, before, func(r request) bool { return r.Verb != "get" && r.Verb != "list" && r.Verb != "watch" }) {
		own := r.Object.Resource == "apps" && r.Object.APIGroup == "plumb.dev" || r.Object.Resource == "repos" && r.Object.Subresource == "status" ||
			r.Object.Resource == "leases" || r.Object.Resource == "events" && r.Object.Namespace == system
		if !own && !strings.Contains(r.RequestURI, "dryRun=All") {
			t.Errorf("the read-only agent asked for: %s", r)
		}
	}
	s.same(web)
	s.same(theirs)
	s.same(same)
	s.gone("Namespace/look-new")
	s.live("ConfigMap/look-ours/goes")
	s.gone("Inventory/" + system + "/look-new-0")

	s.restarted()
	s.ok("look-ours", second)
	s.ok("look-new", second)
	s.has("ConfigMap/look-ours/stays", "data.a", "1")
	s.same(stays)
	s.gone("ConfigMap/look-ours/goes")
	s.is("look-theirs", "failed", "OwnedByOther")
	s.has("ConfigMap/look-theirs/other", "data.a", "1")
	s.tellsReadOnly(false)
}

// tellsReadOnly checks what people and machines are told of the agent.
func (s *scenario) tellsReadOnly(want bool) {
	s.Helper()
	const text = "The agent is read-only"
	if got := strings.Contains(s.command(s.T, s.repo.clone, "status").stdout, text); got != want {
		s.Errorf("status says that it is read-only: %v", got)
	}
	var answer struct{ Agent struct{ ReadOnly bool } }
	if err := json.Unmarshal([]byte(s.command(s.T, s.repo.clone, "status", "-o", "json").stdout), &answer); err != nil || answer.Agent.ReadOnly != want {
		s.Errorf("status -o json: %+v, %v", answer, err)
	}
	req, err := http.NewRequestWithContext(s.Context(), http.MethodGet, "http://"+s.listen+"/api/v1alpha1/me", nil)
	if err != nil {
		s.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+token)
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		s.Fatal(err)
	}
	defer resp.Body.Close()
	var me struct{ ReadOnly bool }
	if err := json.NewDecoder(resp.Body).Decode(&me); err != nil || me.ReadOnly != want {
		s.Errorf("the page is told that it is read-only: %v, %v", me.ReadOnly, err)
	}
}

// sync: manual shows all that it would do, from the first look on, and drift too; plumb sync does both.
func TestSyncManualShows(t *testing.T) {
	t.Parallel()
	s := newScenario(t, shared(t), "shown")
	s.make("apiVersion: v1\nkind: Namespace\nmetadata: {name: shown}\n")
	s.create(inNamespace("shown", configMap("there", "a", "1")), "kubectl-create")
	before := s.now(t)
	first := s.commit("by hand", files{"apps/shown/plumb.yaml": "sync: manual\n", "apps/shown/a.yaml": documentsOf(configMap("there", "a", "2"), configMap("new", "a", "1"))})
	status := s.wouldDo("shown", "NeedsSync", "take over ConfigMap/shown/there", "create ConfigMap/shown/new")
	s.says(status.whys()["ConfigMap/shown/there"], "would change data.a")
	s.says(status.Summary, "waits for plumb sync", "1 to create, 1 to take over")
	s.says(s.command(t, s.repo.clone, "why", "shown").stdout, "would do", "take over", "ConfigMap/shown/there", "plumb sync shown")
	s.says(s.command(t, s.repo.clone, "diff").stdout, "already waiting", "ConfigMap/shown/there", "data.a")
	s.noWrites(t, before, "shown")
	s.sync("shown")
	if done := s.ok("shown", first); done.Pending != nil {
		t.Errorf("it would still do %v", done.pending())
	}

	before = s.now(t)
	s.patch("ConfigMap/shown/there", "kubectl-edit", "data: {a: drifted}")
	status = s.is("shown", "drifted", "Drifted")
	if len(status.Drift) != 1 || status.Drift[0].Healed != nil || status.Drift[0].Live != "drifted" {
		t.Errorf("the evidence is %+v", status.Drift)
	}
	second := s.commit("more", files{"apps/shown/a.yaml": documentsOf(configMap("there", "a", "2"), configMap("new", "a", "2"))})
	status = s.until("shown", func(a appStatus) error {
		if a.State != "drifted" || a.Target != second || !slices.Equal(a.pending(), []string{"change ConfigMap/shown/new"}) {
			return fmt.Errorf("%s; it would do %q", a, a.pending())
		}
		return nil
	})
	s.says(status.Summary, "ConfigMap/shown/there differs from Git", "waits for plumb sync")
	s.noWrites(t, before, "shown")
	s.sync("shown")
	s.ok("shown", second)
	s.has("ConfigMap/shown/there", "data.a", "2")
}
