package plan_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"plumb.dev/plumb/internal/fault"
	"plumb.dev/plumb/internal/object"
	"plumb.dev/plumb/internal/plan"
)

// TestEnd is what becomes of one object of an App that is deleted and says on-delete: prune.
func TestEnd(t *testing.T) {
	cm := configMap("a")
	pvc := manifest("v1", "PersistentVolumeClaim", "web-dev", "data")
	ns := manifest("v1", "Namespace", "", "old")
	for _, row := range []struct {
		reason string
		object object.Object
		given  func(*plan.Input)
		want   plan.Action
		word   fault.Reason
	}{
		{"what is ours goes", cm, func(*plan.Input) {}, plan.Delete, ""},
		{"also what Git still has", cm, func(in *plan.Input) { in.Desired = []object.Object{cm} }, plan.Delete, ""},
		{"also if the app's deletions are switched off: a person asks for its end", cm, func(in *plan.Input) { in.Policy.Prune = false }, plan.Delete, ""},
		{"also from a branch that was moved", cm, func(in *plan.Input) { in.Policy.Descendant = false }, plan.Delete, ""},
		{"also what a hook has made", cm, func(in *plan.Input) { entry(in, cm).Hook = head + " PreSync=Succeeded" }, plan.Delete, ""},
		{"what holds data stays", pvc, func(*plan.Input) {}, plan.Keep, ""},
		{"unless a line of a commit allows it", pvc, func(in *plan.Input) { in.Policy.Consents = consents("Plumb-Allow-Delete: web/dev") }, plan.Delete, ""},
		{"a Namespace stays, also if the app made it", ns, func(*plan.Input) {}, plan.Keep, ""},
		{"a line that names it takes it, if it is empty", ns, func(in *plan.Input) {
			in.Policy.Consents = consents("Plumb-Allow-Delete: web/dev Namespace/old")
			in.Picture.EmptyNamespaces = map[string]bool{"old": true}
		}, plan.Delete, ""},
		{"not if something else is in it", ns, func(in *plan.Input) {
			in.Policy.Consents = consents("Plumb-Allow-Delete: web/dev Namespace/old")
		}, plan.Keep, ""},
		{"what says never stays", cm, func(in *plan.Input) { entry(in, cm).Prune = object.PruneNever }, plan.Keep, ""},
		{"what asks for consent stays", cm, func(in *plan.Input) { entry(in, cm).Prune = object.PruneConsent }, plan.Keep, ""},
		{"what was taken over stays", cm, func(in *plan.Input) { entry(in, cm).Created = false }, plan.Keep, ""},
		{"what was never confirmed stays", cm, func(in *plan.Input) { entry(in, cm).UID = "" }, plan.Keep, ""},
		{"what lost our claim stays", cm, func(in *plan.Input) { set(in, cm, func(l *plan.Live) { l.Owner = "" }) }, plan.Keep, ""},
		{"what somebody made anew is none of ours", cm, func(in *plan.Input) { set(in, cm, func(l *plan.Live) { l.UID = "another" }) }, plan.Forget, ""},
		{"what is gone is gone", cm, func(in *plan.Input) { delete(in.Picture.Live, cm.ID()); absent(in, cm) }, plan.Forget, ""},
		{"what could not be read is waited for", cm, func(in *plan.Input) { delete(in.Picture.Live, cm.ID()) }, plan.Wait, fault.Unreachable},
		{"what is being deleted is waited for", cm, func(in *plan.Input) { set(in, cm, func(l *plan.Live) { l.Terminating = true }) }, plan.Wait, fault.Progressing},
		{"what another App wants is left to it", cm, func(in *plan.Input) {
			in.Picture.Wanted = map[object.ID]plan.Claim{cm.ID(): {App: "plumb-system/cart-dev", UID: other.UID}}
		}, plan.Keep, ""},
		{"an App that has not said what it wants is waited for", cm, func(in *plan.Input) {
			in.Picture.Undecided = map[string]string{other.UID: "plumb-system/cart-dev"}
		}, plan.Wait, fault.WaitingForApp},
		{"not for what stays anyway", ns, func(in *plan.Input) {
			in.Picture.Undecided = map[string]string{other.UID: "plumb-system/cart-dev"}
		}, plan.Keep, ""},
		{"but for what a line allows", pvc, func(in *plan.Input) {
			in.Policy.Consents = consents("Plumb-Allow-Delete: web/dev")
			in.Picture.Undecided = map[string]string{other.UID: "plumb-system/cart-dev"}
		}, plan.Wait, fault.WaitingForApp},
		{"so is one that may want it and cannot be rendered", cm, failing(plan.Changed), plan.Wait, fault.WaitingForApp},
		{"not one that failed before", cm, failing(plan.Same), plan.Delete, ""},
		{"nobody can be asked", cm, func(in *plan.Input) { in.Picture.LivingApps = nil }, plan.Wait, fault.Unreachable},
	} {
		t.Run(row.reason, func(t *testing.T) {
			in := input()
			have(&in, row.object)
			row.given(&in)
			p := plan.End(in)
			s := step(t, p, row.object.ID())
			if s.Action != row.want || s.Reason != row.word || s.Hold != "" {
				t.Errorf("got %s %s %s (%s), want %s %s", s.Action, s.Hold, s.Reason, s.Why, row.want, row.word)
			}
			if s.Why == "" || s.Action == plan.Delete && s.UID != "uid-"+row.object.Name() {
				t.Errorf("a step says why, and a deletion has the UID: %+v", s)
			}
			stays := row.want == plan.Keep || row.want == plan.Forget
			if plan.Ended(p) != stays {
				t.Errorf("it has ended: %v", plan.Ended(p))
			}
			if left := plan.Left(p); (len(left) == 1) != (row.want == plan.Keep) {
				t.Errorf("left are %v", left)
			}
		})
	}
}

// Many at once go too: the limit is for what a commit did not mean. What stays can be told before.
func TestEndOfMany(t *testing.T) {
	in := input()
	some(&in, 30)
	have(&in, manifest("v1", "PersistentVolumeClaim", "web-dev", "data"))
	p := plan.End(in)
	going := 0
	for _, s := range p.Steps {
		if s.Action == plan.Delete {
			going++
		}
	}
	if going != 30 {
		t.Errorf("%d go, want 30: %s", going, plan.Explain(p))
	}
	if diff := cmp.Diff([]string{"PersistentVolumeClaim/web-dev/data"}, plan.Stays(in.Inventory)); diff != "" {
		t.Error(diff)
	}
	if left := plan.Left(p); !slices.ContainsFunc(left, func(text string) bool { return strings.Contains(text, "deleted only with consent") }) {
		t.Errorf("it is not said why: %v", left)
	}
}
