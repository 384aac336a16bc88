package state

import (
	"strings"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"plumb.dev/plumb/api/v1alpha1"
	"plumb.dev/plumb/internal/fault"
)

func TestNotes(t *testing.T) {
	status := func(s v1alpha1.State, reason fault.Reason, message string, held int) v1alpha1.AppStatus {
		return v1alpha1.AppStatus{
			State: s, Target: "9f31c2a", HeldCount: held,
			Conditions: []metav1.Condition{{Type: v1alpha1.ConditionReady, Reason: string(reason), Message: message}},
		}
	}
	ok := status(v1alpha1.StateOK, fault.Healthy, "9f31c2a is healthy", 0)
	rolling := status(v1alpha1.StateRolling, fault.Rolling, "9f31c2a is rolling out", 0)
	failed := status(v1alpha1.StateFailed, fault.RenderFailed, "apps/web: a template is broken", 0)
	degraded := status(v1alpha1.StateFailed, fault.HealthDegraded, "Deployment/web is degraded", 0)
	degraded.Blocking = &v1alpha1.Blocking{Kind: "Deployment", Namespace: "web", Name: "web"}
	other := status(v1alpha1.StateFailed, fault.HealthDegraded, "Deployment/db is degraded", 0)
	other.Blocking = &v1alpha1.Blocking{Kind: "Deployment", Namespace: "web", Name: "db"}
	later := degraded
	later.Conditions = []metav1.Condition{{Type: v1alpha1.ConditionReady, Reason: string(fault.HealthDegraded), Message: "Deployment/web is degraded since 14:07"}}
	drifted := status(v1alpha1.StateDrifted, fault.Drifted, "Deployment/web differs", 0)
	held := status(v1alpha1.StateWaiting, fault.DeletionHeld, "1 deletion waits: Namespace/old", 1)
	heldAndFailed := status(v1alpha1.StateFailed, fault.RenderFailed, "apps/web: a template is broken", 2)
	heldAndFailed.HeldDeletions = []v1alpha1.HeldDeletion{{Object: "Namespace/old"}, {Object: "ConfigMap/web/x"}}
	for _, row := range []struct {
		reason        string
		before, after v1alpha1.AppStatus
		want          string // reason, with ! for trouble; "" for silence
	}{
		{"a first status that is fine", v1alpha1.AppStatus{}, ok, ""},
		{"a commit goes through", ok, rolling, ""},
		{"and is healthy", rolling, ok, ""},
		{"it fails", rolling, failed, "!RenderFailed"},
		{"it still fails", failed, failed, ""},
		{"it fails of something else", failed, degraded, "!HealthDegraded"},
		{"another object is degraded", degraded, other, "!HealthDegraded"},
		{"only the words differ", degraded, later, ""},
		{"it is tried again", failed, rolling, ""},
		{"it is well again", failed, ok, "Healthy"},
		{"drift is shown", ok, drifted, "!Drifted"},
		{"and gone", drifted, ok, "Healthy"},
		{"a deletion is held", ok, held, "!DeletionHeld"},
		{"it still is", held, held, ""},
		{"consent came", held, ok, ""},
		{"two things at once", held, heldAndFailed, "!RenderFailed !DeletionHeld"},
	} {
		var got []string
		for _, note := range Notes(row.before, row.after) {
			word := string(note.Reason)
			if note.Trouble {
				word = "!" + word
			}
			got = append(got, word)
			if note.Message == "" || note.About == "" {
				t.Errorf("%s: %+v says nothing", row.reason, note)
			}
		}
		if strings.Join(got, " ") != row.want {
			t.Errorf("%s: %q, want %q", row.reason, got, row.want)
		}
	}
	if notes := Notes(ok, heldAndFailed); !strings.Contains(notes[1].Message, "Namespace/old, ConfigMap/web/x") {
		t.Errorf("what is held is not named: %q", notes[1].Message)
	}
	if Notes(ok, degraded)[0].About == Notes(ok, other)[0].About || Notes(ok, degraded)[0].About != Notes(ok, later)[0].About {
		t.Error("what is told twice is not what is the same")
	}
}
