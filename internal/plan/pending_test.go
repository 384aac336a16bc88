package plan_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"plumb.dev/plumb/api/v1alpha1"
	"plumb.dev/plumb/internal/object"
	"plumb.dev/plumb/internal/plan"
)

// TestPending says what a plan that is not carried out is told to do: nothing that undoes drift, and nothing that is as it
// should be.
func TestPending(t *testing.T) {
	step := func(name string, s plan.Step) plan.Step {
		s.ID, s.Why = object.ID{Kind: "ConfigMap", Namespace: "shop", Name: name}, "because"
		return s
	}
	p := plan.Plan{Steps: []plan.Step{
		step("a", plan.Step{Action: plan.Apply, First: true}),
		step("b", plan.Step{Action: plan.Apply, First: true, UID: "u"}),
		step("c", plan.Step{Action: plan.Apply, UID: "u"}),
		step("d", plan.Step{Action: plan.Apply, UID: "u", Drift: "changed"}),
		step("e", plan.Step{Action: plan.Unchanged, UID: "u"}),
		step("f", plan.Step{Action: plan.Replace, UID: "u"}),
		step("g", plan.Step{Action: plan.Delete, UID: "u"}),
		step("h", plan.Step{Action: plan.Hold, UID: "u"}),
		step("i", plan.Step{Action: plan.Refuse, UID: "u"}),
		step("j", plan.Step{Action: plan.Leave, UID: "u"}),
		step("k", plan.Step{Action: plan.Keep, UID: "u"}),
		step("l", plan.Step{Action: plan.Wait}),
		step("m", plan.Step{Action: plan.Release, UID: "u"}),
		step("n", plan.Step{Action: plan.Forget, UID: "u"}),
	}}
	want := &v1alpha1.Pending{Count: 9}
	for _, row := range []string{"create a", "take over b", "change c", "replace f", "delete g", "hold h", "refuse i", "wait l", "release m"} {
		action, name := row[:len(row)-2], row[len(row)-1:]
		want.Steps = append(want.Steps, v1alpha1.PendingStep{Action: action, Object: "ConfigMap/shop/" + name, Why: "because"})
	}
	if diff := cmp.Diff(want, plan.PendingOf(p)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if got, want := plan.PendingText(p), "1 to create, 1 to take over, 1 to change, 1 to replace, 1 to delete, 1 to hand over, 1 held, 1 waiting, 1 refused"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
	if n := plan.Writes(p); n != 6 {
		t.Errorf("%d steps write for the revision, want 6", n)
	}
	healing := plan.Healing(p)
	if len(healing.Steps) != 1 || healing.Steps[0].Drift == "" || len(p.Steps) != 14 {
		t.Errorf("healing is %v", plan.Explain(healing))
	}
	if quiet := (plan.Plan{Steps: p.Steps[4:5]}); plan.PendingOf(quiet) != nil || plan.PendingText(quiet) != "" {
		t.Error("nothing is pending where all is as in Git")
	}
	var many plan.Plan
	for i := range 30 {
		many.Steps = append(many.Steps, step(fmt.Sprint("x", i), plan.Step{Action: plan.Apply}))
	}
	many.Steps[0].Why = strings.Repeat("no\n ", 500)
	if why := plan.PendingOf(many).Steps[0].Why; len([]rune(why)) != 400 || strings.Contains(why, "\n") {
		t.Errorf("a long why has %d characters", len([]rune(why)))
	}
	if got := plan.PendingOf(many); got.Count != 30 || len(got.Steps) != 20 {
		t.Errorf("%d of %d are shown", len(got.Steps), got.Count)
	}
}
