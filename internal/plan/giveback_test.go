package plan_test

import (
	"testing"

	"plumb.dev/plumb/api/v1alpha1"
	"plumb.dev/plumb/internal/object"
	"plumb.dev/plumb/internal/plan"
)

// TestGiveBack: what happens to each object of an app that gives back what it has taken over.
func TestGiveBack(t *testing.T) {
	argo := &v1alpha1.Former{Tool: "Argo CD application shop", Managers: []string{"kubectl-edit Update", "argocd-controller Apply"}}
	cm := configMap("a")
	for _, row := range []struct {
		reason string
		from   *v1alpha1.Former
		live   func(in *plan.Input)
		want   plan.Action
		holder string
	}{
		{"it goes back to the tool, under the name of that tool", argo, func(in *plan.Input) { in.Picture.Live[cm.ID()] = liveOf(cm) }, plan.Return, "argocd-controller Apply"},
		{"of a tool that nobody saw write", &v1alpha1.Former{Tool: "Flux Kustomization x/y"}, func(in *plan.Input) { in.Picture.Live[cm.ID()] = liveOf(cm) }, plan.Return, "helm Update"},
		{"made since: let go, under the name that most had", nil, func(in *plan.Input) { in.Picture.Live[cm.ID()] = liveOf(cm) }, plan.Return, "helm Update"},
		{"gone", argo, func(in *plan.Input) { absent(in, cm) }, plan.Forget, ""},
		{"another object by now", argo, func(in *plan.Input) {
			in.Picture.Live[cm.ID()] = liveOf(cm, func(l *plan.Live) { l.UID = "x" })
		}, plan.Forget, ""},
		{"somebody else's by now", argo, func(in *plan.Input) {
			in.Picture.Live[cm.ID()] = liveOf(cm, func(l *plan.Live) { l.Owner = other.Owner() })
		}, plan.Forget, ""},
		{"let go by a try before", argo, func(in *plan.Input) {
			in.Picture.Live[cm.ID()] = liveOf(cm, func(l *plan.Live) { l.Owner = "" })
		}, plan.Forget, ""},
		{"of a kind that is gone", argo, func(in *plan.Input) { in.Picture.UnknownKinds = map[string]bool{"ConfigMap": true} }, plan.Forget, ""},
		{"not readable: not let go, not forgotten", argo, func(*plan.Input) {}, plan.Wait, ""},
	} {
		t.Run(row.reason, func(t *testing.T) {
			in := input()
			more := configMap("b")
			have(&in, more)
			in.Inventory[0].From = &v1alpha1.Former{Release: "web-dev/shop", Managers: []string{"helm Update"}}
			in.Inventory = append(in.Inventory, entryOf(cm, func(e *v1alpha1.InventoryEntry) { e.From = row.from }))
			row.live(&in)
			p := plan.GiveBack(in)
			s := step(t, p, cm.ID())
			if s.Action != row.want || s.Holder != row.holder {
				t.Errorf("it is %s to %q: %s", s.Action, s.Holder, s.Why)
			}
			after := plan.After(in.Inventory, p, map[object.ID]plan.Done{cm.ID(): {}, more.ID(): {}})
			if kept := len(after) == 1; kept != (row.want == plan.Wait) {
				t.Errorf("the inventory is %v", after)
			}
			if c := plan.Summary(p); c.Total != 2 || p.Quiet() && row.want == plan.Return {
				t.Errorf("it counts %+v", c)
			}
		})
	}
}
