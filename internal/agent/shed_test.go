package agent

import (
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"plumb.dev/plumb/internal/apply"
	"plumb.dev/plumb/internal/cluster"
	"plumb.dev/plumb/internal/object"
	"plumb.dev/plumb/internal/plan"
)

func TestWhoWaitsWithBooksHoldsNoObjects(t *testing.T) {
	o := object.Object{Fields: map[string]any{"apiVersion": "v1", "kind": "ConfigMap", "metadata": map[string]any{"namespace": "web", "name": "a"}}}
	for _, row := range []struct {
		reason string
		out    apply.Outcome
		keeps  bool
	}{
		{"what was applied is not needed any more", apply.Outcome{Step: plan.Step{Action: plan.Apply}, Done: true, Tried: true}, false},
		{"what was as it is: the record asks whether it was there before", apply.Outcome{Step: plan.Step{Action: plan.Unchanged}, Done: true}, true},
		{"what was not applied", apply.Outcome{Step: plan.Step{Action: plan.Apply}, Tried: true}, true},
		{"what was replaced", apply.Outcome{Step: plan.Step{Action: plan.Replace}, Done: true, Tried: true}, true},
	} {
		t.Run(row.reason, func(t *testing.T) {
			row.out.Step.ID, row.out.Step.Object = o.ID(), &o
			row.out.Applied = cluster.Applied{Created: true, ObjectMeta: metav1.ObjectMeta{UID: "u1", ResourceVersion: "7"}}
			turn := &turn{
				plan: &plan.Plan{Steps: []plan.Step{row.out.Step}}, outcomes: []apply.Outcome{row.out},
				objects: []object.Object{o}, rendered: []object.Object{o}, loaded: true,
			}
			before := turn.done()[0]
			turn.shed()
			if turn.objects != nil || turn.rendered != nil || turn.loaded {
				t.Error("the render is held, or counts as loaded")
			}
			if planned, done := turn.plan.Steps[0].Object != nil, turn.outcomes[0].Step.Object != nil; planned != row.keeps || done != row.keeps {
				t.Errorf("the plan keeps the object: %t, the outcome: %t", planned, done)
			}
			after := turn.done()[0]
			after.Step.Object, before.Step.Object = nil, nil
			if after.Created != before.Created || after.Done != before.Done || after.Step.ID != before.Step.ID || turn.outcomes[0].Applied.UID != "u1" {
				t.Errorf("the record would have %+v, without waiting %+v", after, before)
			}
		})
	}
}
