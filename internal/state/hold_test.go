package state_test

import (
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"plumb.dev/plumb/api/v1alpha1"
	"plumb.dev/plumb/internal/state"
)

func TestInForce(t *testing.T) {
	now := time.Date(2026, 11, 20, 14, 0, 0, 0, time.UTC)
	end := func(d time.Duration) *metav1.Time { return &metav1.Time{Time: now.Add(d)} }
	hold := &v1alpha1.Pause{Reason: "r", By: "lena", At: "77ab410", Until: end(time.Hour)}
	for _, row := range []struct {
		reason string
		pause  *v1alpha1.Pause
		over   string
		want   bool
	}{
		{"nobody has paused it", nil, "", false},
		{"without an end", &v1alpha1.Pause{Reason: "r", By: "lena"}, "", true},
		{"its time is to come", &v1alpha1.Pause{Until: end(time.Second)}, "", true},
		{"its time is here", &v1alpha1.Pause{Until: end(0)}, "", false},
		{"a Hold", hold, "", true},
		{"a Hold after another that is over", hold, "0be4411 until 2026-11-20T15:00:00Z", true},
		{"the Hold that is over", hold, state.HoldName(hold), false},
		{"held at the same commit again, for longer", &v1alpha1.Pause{At: "77ab410", Until: end(2 * time.Hour)}, state.HoldName(hold), true},
	} {
		if got := state.InForce(row.pause, row.over, now) != nil; got != row.want {
			t.Errorf("%s: in force is %v", row.reason, got)
		}
	}
	if name := state.HoldName(&v1alpha1.Pause{Until: end(0)}); name != "" {
		t.Errorf("a pause is no Hold, and is called %q", name)
	}
}
