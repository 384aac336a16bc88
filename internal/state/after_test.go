package state_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	apimeta "k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"plumb.dev/plumb/api/v1alpha1"
	"plumb.dev/plumb/internal/fault"
	"plumb.dev/plumb/internal/object"
	"plumb.dev/plumb/internal/plan"
	"plumb.dev/plumb/internal/state"
)

func peer(s v1alpha1.State, summary string) state.Peer {
	return state.Peer{App: "ledger-prod", Address: "ledger/prod", Commit: target, Decided: true, State: s, Summary: summary}
}

// TestAwaited says how an app that comes after others tells what it waits for.
func TestAwaited(t *testing.T) {
	rolling := peer(v1alpha1.StateRolling, "9f31c2a is rolling out: Deployment/x: 1 of 3 ready")
	undecided := peer(v1alpha1.StateOK, "77ab410 is healthy")
	undecided.Decided = false
	for _, row := range []struct {
		reason  string
		after   []state.Peer
		now     time.Time
		summary string
		waits   string
		stalled bool
	}{
		{"on its way", []state.Peer{rolling}, noon, "9f31c2a waits for ledger/prod, which is rolling out", "ledger-prod", false},
		{"ok, but at another commit", []state.Peer{undecided}, noon, "9f31c2a waits for ledger/prod, which has not decided on 9f31c2a yet", "ledger-prod", false},
		{"failed: with what is wrong", []state.Peer{peer(v1alpha1.StateFailed, "a.yaml:3: no end")}, noon, "9f31c2a waits for ledger/prod, which failed: a.yaml:3: no end", "ledger-prod", false},
		{"paused, by whom", []state.Peer{peer(v1alpha1.StatePaused, `paused by lena: "lunch"; 9f31c2a is not applied`)}, noon,
			`9f31c2a waits for ledger/prod, which is paused by lena: "lunch"; 9f31c2a is not applied`, "ledger-prod", false},
		{"waits itself", []state.Peer{peer(v1alpha1.StateWaiting, "9f31c2a waits for infra, which is rolling out")}, noon,
			"9f31c2a waits for ledger/prod, which waits itself: 9f31c2a waits for infra, which is rolling out", "ledger-prod", false},
		{"no such app, with the nearest", []state.Peer{{App: "legder", Address: "legder", Missing: true, Near: "ledger/prod"}}, noon,
			"9f31c2a waits for legder, which does not exist (did you mean ledger/prod?)", "legder", false},
		{"its App object is still to be made", []state.Peer{{App: "ledger-prod", Address: "ledger/prod", Unmade: true}}, noon,
			"9f31c2a waits for ledger/prod, which is being made", "ledger-prod", false},
		{"of several, the one that will not come by itself is told", []state.Peer{rolling, {App: "x", Address: "x", Missing: true}}, noon,
			"9f31c2a waits for x, which does not exist (and for 1 other app)", "ledger-prod x", false},
		{"beyond the time that health may take", []state.Peer{rolling}, noon.Add(10 * time.Minute),
			"9f31c2a waits for ledger/prod, which is rolling out; for longer than 10m, since Nov 22 14:02 UTC", "ledger-prod", true},
	} {
		t.Run(row.reason, func(t *testing.T) {
			f := applied()
			f.Revision, f.Plan, f.After, f.AfterSince = older, nil, row.after, noon
			f.Verdicts = verdict(web, v1alpha1.Missing, "")
			s := state.Judge(f, v1alpha1.AppStatus{}, row.now)
			var waits []string
			for _, w := range s.WaitingFor {
				waits = append(waits, w.Name)
			}
			stalled := apimeta.IsStatusConditionTrue(s.Conditions, v1alpha1.ConditionStalled)
			ready := apimeta.FindStatusCondition(s.Conditions, v1alpha1.ConditionReady)
			if s.State != v1alpha1.StateWaiting || s.Summary != row.summary || strings.Join(waits, " ") != row.waits || stalled != row.stalled || ready.Reason != string(fault.WaitingForApp) {
				t.Errorf("%s %q waits for %v, stalled %v, %s", s.State, s.Summary, waits, stalled, ready.Reason)
			}
			if state.Delivered(f, s) {
				t.Error("who comes after this one may go")
			}
		})
	}
}

// An app that fails before it comes to the others is not told to wait for them.
func TestAFailedAppWaitsForNobody(t *testing.T) {
	before := v1alpha1.AppStatus{State: v1alpha1.StateWaiting, WaitingFor: []v1alpha1.WaitingFor{{Kind: "App", Name: "ledger-prod"}, {Kind: "Consent", Name: "x"}}}
	s := state.Judge(state.Facts{Target: target, Fault: fault.New(fault.RenderFailed, "no end")}, before, noon)
	if len(s.WaitingFor) != 1 || s.WaitingFor[0].Kind != "Consent" {
		t.Errorf("it waits for %v", s.WaitingFor)
	}
}

// TestDelivered says what the apps that come after one wait for.
func TestDelivered(t *testing.T) {
	for _, row := range []struct {
		reason string
		given  func(*state.Facts)
		want   bool
	}{
		{"ok", func(*state.Facts) {}, true},
		{"not healthy yet", func(f *state.Facts) { f.Verdicts = verdict(web, v1alpha1.Progressing, "") }, false},
		{"degraded", func(f *state.Facts) { f.Verdicts = verdict(web, v1alpha1.Degraded, "") }, false},
		{"drift that is shown", func(f *state.Facts) { f.Shown = map[object.ID]string{web: "heal is off"} }, false},
		{"a failed render", func(f *state.Facts) { f.Fault = fault.New(fault.RenderFailed, "no end") }, false},
		{"a source that cannot be read leaves what is applied", func(f *state.Facts) { f.Fault = fault.New(fault.FetchFailed, "no route") }, true},
		{"a held deletion: all that Git has is applied", func(f *state.Facts) { f.Plan = planOf(held(volume, "x", plan.ProtectedKind)) }, true},
		{"an object that goes to the app that waits", func(f *state.Facts) {
			f.Plan = planOf(plan.Step{ID: web, Action: plan.Wait, Reason: fault.WaitingForApp, To: "plumb-system/cart", Order: plan.OrderDeleteObjects})
		}, true},
		{"an object of Git's that waits", func(f *state.Facts) {
			f.Revision = older
			f.Plan = planOf(plan.Step{ID: web, Action: plan.Wait, Reason: fault.Progressing})
		}, false},
		{"sync: manual, and not synced", func(f *state.Facts) { f.Revision, f.Plan, f.Manual = older, nil, true }, false},
		{"paused, and nothing missed", func(f *state.Facts) { f.Pause = &v1alpha1.Pause{Reason: "x", By: "y"} }, true},
		{"paused, and a commit missed", func(f *state.Facts) { f.Pause, f.Revision, f.Plan = &v1alpha1.Pause{Reason: "x", By: "y"}, older, nil }, false},
	} {
		t.Run(row.reason, func(t *testing.T) {
			f := applied()
			row.given(&f)
			if got := state.Delivered(f, state.Judge(f, v1alpha1.AppStatus{}, noon)); got != row.want {
				t.Errorf("delivered: %v", got)
			}
		})
	}
}

// TestOnlyShown says how what would be done is told where it is not.
func TestOnlyShown(t *testing.T) {
	for _, row := range []struct {
		reason  string
		given   func(*state.Facts)
		state   v1alpha1.State
		word    fault.Reason
		summary string
	}{
		{"a new commit, read-only", func(f *state.Facts) { f.Revision, f.ReadOnly, f.Pending = older, true, "2 to change" }, v1alpha1.StateWaiting, fault.ReadOnly,
			"9f31c2a is only compared: the agent is read-only; 2 to change"},
		{"read-only wins over sync: manual, which would not help", func(f *state.Facts) { f.ReadOnly, f.Manual = true, true }, v1alpha1.StateWaiting, fault.ReadOnly,
			"9f31c2a is only compared: the agent is read-only"},
		{"sync: manual, at the applied commit: settings have changed", func(f *state.Facts) { f.Manual, f.Pending = true, "1 to delete" }, v1alpha1.StateWaiting, fault.NeedsSync,
			"9f31c2a waits for plumb sync: sync is manual; 1 to delete"},
		{"drift is told first, and what waits with it", func(f *state.Facts) {
			f.Revision, f.Manual, f.Pending, f.Shown = older, true, "1 to create", map[object.ID]string{web: "fields of ours were changed in the cluster"}
		}, v1alpha1.StateDrifted, fault.Drifted,
			"Deployment/web-dev/web differs from Git and is not corrected: fields of ours were changed in the cluster; 9f31c2a waits for plumb sync: sync is manual; 1 to create"},
		{"objects that are missing because nothing is applied do not roll", func(f *state.Facts) {
			f.Revision, f.ReadOnly, f.Plan, f.Verdicts = "", true, nil, verdict(web, v1alpha1.Missing, "")
		}, v1alpha1.StateWaiting, fault.ReadOnly, "9f31c2a is only compared: the agent is read-only"},
		{"a pause is told instead", func(f *state.Facts) {
			f.Revision, f.Plan, f.Manual, f.Pause = older, nil, true, &v1alpha1.Pause{Reason: "x", By: "y"}
		}, v1alpha1.StatePaused, fault.Paused,
			`paused by y: "x"; 9f31c2a is not applied`},
	} {
		t.Run(row.reason, func(t *testing.T) {
			f := applied()
			row.given(&f)
			s := state.Judge(f, v1alpha1.AppStatus{}, noon)
			i := slices.IndexFunc(s.Conditions, func(c metav1.Condition) bool { return c.Type == v1alpha1.ConditionReady })
			if s.State != row.state || s.Conditions[i].Reason != string(row.word) || s.Summary != row.summary {
				t.Errorf("%s (%s) %q", s.State, s.Conditions[i].Reason, s.Summary)
			}
		})
	}
}
