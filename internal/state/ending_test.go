package state_test

import (
	"strings"
	"testing"
	"time"

	apimeta "k8s.io/apimachinery/pkg/api/meta"

	"plumb.dev/plumb/api/v1alpha1"
	"plumb.dev/plumb/internal/fault"
	"plumb.dev/plumb/internal/state"
)

// TestEnding is what is said of an App that was deleted and goes with its objects.
func TestEnding(t *testing.T) {
	for _, row := range []struct {
		reason string
		facts  state.Facts
		want   v1alpha1.State
		word   fault.Reason
		says   string
	}{
		{"it goes on", state.Facts{Ending: "deleted with its objects: 1 still there"}, v1alpha1.StateRolling, fault.Progressing, "1 still there"},
		{"nothing goes in a pause", state.Facts{Ending: "deleted, and its objects stay", Pause: &v1alpha1.Pause{Reason: "r", By: "lena"}}, v1alpha1.StateWaiting, fault.Paused, "its objects stay"},
		{"nor by an agent that only looks", state.Facts{Ending: "deleted, and its objects stay", ReadOnly: true}, v1alpha1.StateWaiting, fault.ReadOnly, "its objects stay"},
		{"what may not be deleted is told first", state.Facts{Ending: "deleted with its objects: 1 still there", Faults: []*fault.Fault{fault.New(fault.Forbidden, "may not delete configmaps")}}, v1alpha1.StateFailed, fault.Forbidden, "may not delete configmaps"},
	} {
		t.Run(row.reason, func(t *testing.T) {
			row.facts.Revision, row.facts.Target = "9f31c2a", "9f31c2a"
			before := v1alpha1.AppStatus{State: v1alpha1.StateOK, Summary: "9f31c2a is healthy", Revision: "9f31c2a"}
			s := state.Judge(row.facts, before, time.Unix(1700000000, 0))
			ready := apimeta.FindStatusCondition(s.Conditions, v1alpha1.ConditionReady)
			if s.State != row.want || ready.Reason != string(row.word) || !strings.Contains(s.Summary, row.says) {
				t.Errorf("it is %s (%s): %s", s.State, ready.Reason, s.Summary)
			}
		})
	}
}
