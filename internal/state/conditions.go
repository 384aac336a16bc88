package state

import (
	"slices"
	"strings"
	"time"

	apimeta "k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"plumb.dev/plumb/api/v1alpha1"
	"plumb.dev/plumb/internal/fault"
)

// conditions gives Ready, and Reconciling and Stalled while they are true, sorted. The time of a condition is that at
// which its status last changed.
func conditions(f Facts, j judgement, before []metav1.Condition, now time.Time) []metav1.Condition {
	out := slices.Clone(before)
	message := limit(j.summary, messageLimit)
	if j.next != "" {
		message = limit(j.summary+"; "+j.next, messageLimit)
	}
	put := func(kind string, status metav1.ConditionStatus, reason fault.Reason) {
		apimeta.SetStatusCondition(&out, metav1.Condition{
			Type: kind, Status: status, Reason: string(reason), Message: message, ObservedGeneration: f.Generation,
			LastTransitionTime: metav1.NewTime(now.UTC().Truncate(time.Second)),
		})
	}
	put(v1alpha1.ConditionReady, readiness(j.state), j.reason)
	stalled := j.stalled || j.state != v1alpha1.StateOK && j.reason.Stalled() && !f.Transient
	if reason, ok := reconciling(f, j, stalled); ok {
		put(v1alpha1.ConditionReconciling, metav1.ConditionTrue, reason)
	} else {
		apimeta.RemoveStatusCondition(&out, v1alpha1.ConditionReconciling)
	}
	if stalled {
		put(v1alpha1.ConditionStalled, metav1.ConditionTrue, j.reason)
	} else {
		apimeta.RemoveStatusCondition(&out, v1alpha1.ConditionStalled)
	}
	slices.SortFunc(out, func(a, b metav1.Condition) int { return strings.Compare(a.Type, b.Type) })
	return out
}

func readiness(s v1alpha1.State) metav1.ConditionStatus {
	switch s {
	case v1alpha1.StateOK:
		return metav1.ConditionTrue
	case v1alpha1.StateUnknown:
		return metav1.ConditionUnknown
	}
	return metav1.ConditionFalse
}

// reconciling gives the word for the pass that is under way or scheduled, if there is one.
func reconciling(f Facts, j judgement, stalled bool) (fault.Reason, bool) {
	switch {
	case f.Stage != "":
		return f.Stage, true
	case stalled:
		return "", false
	case f.Attempts > 0:
		return fault.Retrying, true
	case j.state == v1alpha1.StateRolling && j.reason == fault.Rolling:
		return fault.Observing, true
	case j.state == v1alpha1.StateRolling:
		return j.reason, true
	}
	return "", false
}
