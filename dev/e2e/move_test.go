package e2e

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

// An object that moves from one app to another is handed over: it stays the same object, and nothing is deleted.
func TestMoveBetweenApps(t *testing.T) {
	t.Parallel()
	s := newScenario(t, shared(t), "move")
	moving := strings.Replace(deployment("moving", 1, "registry.example/web:1"), "name: moving", "name: moving\n  namespace: move-common", 1)
	first := s.commit("in a", files{
		"apps/move-a/namespace.yaml": "apiVersion: v1\nkind: Namespace\nmetadata: {name: move-common}\n",
		"apps/move-a/a.yaml":         configMap("a", "a", "1"),
		"apps/move-a/moving.yaml":    moving,
		"apps/move-b/b.yaml":         configMap("b", "a", "1"),
	})
	s.ok("move-a", first)
	s.ok("move-b", first)
	object, before := s.live("Deployment/move-common/moving"), s.now(t)

	second := s.commit("in b", files{"apps/move-a/moving.yaml": "", "apps/move-b/moving.yaml": moving})
	s.ok("move-a", second)
	s.ok("move-b", second)
	moved := s.same(object)
	s.says(moved.GetAnnotations()["plumb.dev/owner"], "plumb-system/move-b:")
	if got := managers(moved, "plumb:"); len(got) != 1 || got[0] != "plumb:plumb-system/move-b" {
		t.Errorf("the fields are owned by %v, want the new app alone", got)
	}
	if diff := cmp.Diff(object.Object["spec"], moved.Object["spec"]); diff != "" {
		t.Errorf("the spec was changed on the way (-before +after):\n%s", diff)
	}
	s.noDeletes(t, before, "move-common")
	if inventory := inventoryOf(s, "move-a"); strings.Contains(inventory, "moving") {
		t.Errorf("the former owner still lists it: %s", inventory)
	}

	third := s.commit("back, with a change", files{"apps/move-b/moving.yaml": "", "apps/move-a/moving.yaml": strings.Replace(moving, "web:1", "web:2", 1)})
	s.ok("move-a", third)
	s.ok("move-b", third)
	if image := field(s.same(object), "spec.template.spec.containers.0.image"); image != "registry.example/web:2" {
		t.Errorf("the image is %v, want that of the new owner", image)
	}
	s.noDeletes(t, before, "move-common")
}

// A folder that gets another name, in the same namespace, hands all its objects over to the app of that name.
func TestRenameAppInItsNamespace(t *testing.T) {
	t.Parallel()
	s := newScenario(t, shared(t), "renapp")
	first := s.commit("old", files{
		"apps/renapp-old/plumb.yaml": "namespace: renapp-common\n",
		"apps/renapp-old/a.yaml":     documentsOf(configMap("settings", "a", "1"), deployment("web", 1, "registry.example/web:1")),
	})
	s.ok("renapp-old", first)
	settings, web, before := s.live("ConfigMap/renapp-common/settings"), s.live("Deployment/renapp-common/web"), s.now(t)
	s.git("mv", "apps/renapp-old", "apps/renapp-new")
	second := s.commit("new", nil)
	s.ok("renapp-new", second)
	s.until("renapp-old", func(a appStatus) error { // who made the namespace answers for it
		if held := a.held(); a.State != "waiting" || !slices.Equal(held, []string{"Namespace/renapp-common ProtectedKind"}) {
			return errNotYet("%s, held are %v", a, held)
		}
		return nil
	})
	for _, o := range []*unstructured.Unstructured{settings, web} {
		s.says(s.same(o).GetAnnotations()["plumb.dev/owner"], "plumb-system/renapp-new:")
	}
	s.noDeletes(t, before, "renapp-common")
}

// A folder that gets another name and with it another namespace is a new copy: the old one is held until consent.
func TestRenameAppIsANewCopy(t *testing.T) {
	t.Parallel()
	s := newScenario(t, shared(t), "copy")
	s.ok("copy-old", s.commit("old", files{"apps/copy-old/a.yaml": documentsOf(configMap("settings", "a", "1"), claim("data"))}))
	before := s.now(t)
	s.git("mv", "apps/copy-old", "apps/copy-new")
	s.ok("copy-new", s.commit("new", nil))
	s.is("copy-old", "waiting", "DeletionHeld")
	s.live("PersistentVolumeClaim/copy-old/data")
	s.live("PersistentVolumeClaim/copy-new/data")
	s.noDeletes(t, before, "copy-old", "copy-new")
}

// An app whose namespace changes is a new copy too.
func TestNamespaceOfAnAppChanges(t *testing.T) {
	t.Parallel()
	s := newScenario(t, shared(t), "moving")
	s.ok("moving", s.commit("here", files{"apps/moving/a.yaml": documentsOf(configMap("settings", "a", "1"), claim("data"))}))
	before := s.now(t)
	s.commit("there", files{"apps/moving/plumb.yaml": "namespace: moving-there\n"})
	status := s.is("moving", "waiting", "DeletionHeld")
	for _, held := range status.HeldDeletions {
		if held.Reason != "NewCopy" && held.Reason != "ProtectedKind" {
			t.Errorf("%s is held for %s, want NewCopy or ProtectedKind", held.Object, held.Reason)
		}
	}
	s.live("PersistentVolumeClaim/moving-there/data")
	s.live("PersistentVolumeClaim/moving/data")
	s.noDeletes(t, before, "moving", "moving-there")
	s.commit("here again", files{"apps/moving/plumb.yaml": ""})
	s.until("moving", func(a appStatus) error { // the other copy is the one that is held now
		for _, held := range a.held() {
			if strings.Contains(held, "moving-there/data") {
				return nil
			}
		}
		return errNotYet("held are %v", a.held())
	})
}

// managers lists the field managers of an object that begin with a prefix.
func managers(o *unstructured.Unstructured, prefix string) []string {
	var names []string
	for _, e := range o.GetManagedFields() {
		if strings.HasPrefix(e.Manager, prefix) {
			names = append(names, e.Manager)
		}
	}
	return names
}
