package plan_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"plumb.dev/plumb/api/v1alpha1"
	"plumb.dev/plumb/internal/object"
	"plumb.dev/plumb/internal/plan"
)

// TestTheInventoryAheadAndAfter follows one object through a creation whose answer is lost, and a deletion by a person.
func TestTheInventoryAheadAndAfter(t *testing.T) {
	cm := configMap("a", annotated(v1alpha1.AnnotationPrune, "consent"))
	in := input(cm)
	absent(&in, cm)
	p := plan.Make(in)

	ahead, changed := plan.Ahead(nil, p)
	want := []v1alpha1.InventoryEntry{{Version: "v1", Kind: "ConfigMap", Namespace: "web-dev", Name: "a", Created: true, Prune: "consent"}}
	if diff := cmp.Diff(want, ahead); diff != "" || !changed {
		t.Fatalf("ahead of a creation there is an entry without a UID: %v %s", changed, diff)
	}
	if _, changed := plan.Ahead(ahead, p); changed {
		t.Error("what is written ahead is not written twice")
	}
	if after := plan.After(ahead, p, nil); cmp.Diff(ahead, after) != "" {
		t.Errorf("a step without an answer changes nothing: %+v", after)
	}

	in.Inventory = ahead
	delete(in.Picture.Absent, cm.ID())
	in.Picture.Live[cm.ID()] = liveOf(cm)
	p = plan.Make(in)
	after := plan.After(ahead, p, map[object.ID]plan.Done{cm.ID(): {UID: "uid-a", Owned: "owned-a"}})
	want[0].UID, want[0].Owned, want[0].Desired = "uid-a", "owned-a", cm.Digest()
	if diff := cmp.Diff(want, after); diff != "" {
		t.Fatalf("an apply that is repeated after a lost answer is confirmed as made by us: %s", diff)
	}
	in.Inventory = after
	if s := step(t, plan.Make(in), cm.ID()); s.Action != plan.Unchanged {
		t.Fatalf("then there is nothing to do: %s %s", s.Action, s.Why)
	}

	delete(in.Picture.Live, cm.ID())
	absent(&in, cm)
	p = plan.Make(in)
	ahead, changed = plan.Ahead(after, p)
	if !changed || ahead[0].UID != "" || !ahead[0].Created {
		t.Errorf("ahead of making it anew the old UID goes: %v %+v", changed, ahead)
	}
	taken := plan.After(ahead, p, map[object.ID]plan.Done{cm.ID(): {UID: "new", Taken: true}})
	if taken[0].Created {
		t.Error("what existed before the answer came is not recorded as made by us")
	}
}

// What was presumed absent and was there is not ours, and nothing of it is recorded.
func TestTheInventoryForgetsWhatWasFound(t *testing.T) {
	in := input(configMap("a"))
	absent(&in, configMap("a"))
	in.Picture.Presumed = plan.Fresh(in)
	p := plan.Make(in)
	ahead, _ := plan.Ahead(nil, p)
	if after := plan.After(ahead, p, map[object.ID]plan.Done{configMap("a").ID(): {Found: true}}); len(ahead) != 1 || len(after) != 0 {
		t.Errorf("ahead %+v, after %+v", ahead, after)
	}
}

func TestTheInventoryKeepsWhatIsNotConfirmedGone(t *testing.T) {
	in := input(stays)
	gone, deleted, denied := configMap("gone"), configMap("deleted"), configMap("denied")
	have(&in, stays, gone, deleted, denied)
	delete(in.Picture.Live, gone.ID())
	absent(&in, gone)
	p := plan.Make(in)
	after := plan.After(in.Inventory, p, map[object.ID]plan.Done{deleted.ID(): {}})
	var names []string
	for _, e := range after {
		names = append(names, e.Name)
	}
	if diff := cmp.Diff([]string{"denied", "stays"}, names); diff != "" {
		t.Error(diff)
	}
}

func TestLeaveConfirmsWhatWasMadeWithoutAnAnswer(t *testing.T) {
	cm := configMap("a", annotated(v1alpha1.AnnotationApply, "create-only"))
	in := input(cm)
	have(&in, cm)
	in.Inventory[0].UID = ""
	p := plan.Make(in)
	if after := plan.After(in.Inventory, p, nil); after[0].UID != "uid-a" || !after[0].Created {
		t.Errorf("got %+v", after)
	}
}

func TestNeedsAndClaims(t *testing.T) {
	left := configMap("left", annotated("kustomize.toolkit.fluxcd.io/reconcile", "disabled"))
	skipped := configMap("skipped", annotated(v1alpha1.AnnotationHook, "Skip"))
	in := input(stays, left, skipped)
	in.Inventory = []v1alpha1.InventoryEntry{entryOf(stays), entryOf(configMap("old"))}
	want := []object.ID{
		configMap("left").ID(), configMap("old").ID(), stays.ID(), {Kind: "Namespace", Name: "web-dev"},
	}
	if diff := cmp.Diff(want, plan.Needs(in)); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]object.ID{stays.ID()}, plan.Claims(in.Desired)); diff != "" {
		t.Error(diff)
	}
}
