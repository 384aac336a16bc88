package state_test

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	apimeta "k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"pgregory.net/rapid"

	"plumb.dev/plumb/api/v1alpha1"
	"plumb.dev/plumb/internal/fault"
	"plumb.dev/plumb/internal/health"
	"plumb.dev/plumb/internal/object"
	"plumb.dev/plumb/internal/plan"
	"plumb.dev/plumb/internal/state"
)

const (
	older  = "77ab41000000000000000000000000000000000"
	target = "9f31c2a0000000000000000000000000000000"
)

var (
	noon    = time.Date(2026, 11, 22, 14, 2, 7, 0, time.UTC)
	app     = plan.App{Namespace: "plumb-system", Name: "web-dev", UID: "u", App: "web", Env: "dev", Target: "web-dev"}
	web     = object.ID{Group: "apps", Kind: "Deployment", Namespace: "web-dev", Name: "web"}
	config  = object.ID{Kind: "ConfigMap", Namespace: "web-dev", Name: "config"}
	volume  = object.ID{Kind: "PersistentVolumeClaim", Namespace: "web-dev", Name: "data"}
	oldName = object.ID{Kind: "Namespace", Name: "old"}
)

func verdict(id object.ID, h v1alpha1.Health, message string) map[object.ID]health.Verdict {
	return map[object.ID]health.Verdict{config: {Health: v1alpha1.Healthy}, id: {Health: h, Message: message}}
}

// applied are the facts of an app that is as it should be.
func applied() state.Facts {
	return state.Facts{
		Generation: 1, Revision: target, Target: target, Verdicts: verdict(web, v1alpha1.Healthy, ""),
		Plan: planOf(), Timeout: 10 * time.Minute, ProgressSince: noon,
	}
}

func planOf(steps ...plan.Step) *plan.Plan {
	return &plan.Plan{Version: plan.Version, App: app, Revision: target, Steps: steps}
}

func held(id object.ID, why string, reason plan.HoldReason) plan.Step {
	return plan.Step{ID: id, Action: plan.Hold, Why: why, Hold: reason, Reason: fault.DeletionHeld, Order: plan.OrderDeleteObjects}
}

// TestJudge is the table of resources.md §8: the first state from the left that is true, its reason and its sentence.
func TestJudge(t *testing.T) {
	until := metav1.NewTime(time.Date(2026, 11, 30, 8, 0, 0, 0, time.UTC))
	pause := &v1alpha1.Pause{Reason: "black friday", By: "lena@acme.io", Until: &until}
	hold := &v1alpha1.Pause{Reason: "bad", By: "lena@acme.io", Until: &until, At: "9f31c2aaaaa"}
	broken := fault.New(fault.RenderFailed, "the template has no end").At(fault.Place{File: "apps/web/Chart.yaml", Line: 3}).WithNext("close it")
	for _, row := range []struct {
		reason  string
		given   func(*state.Facts)
		now     time.Time
		state   v1alpha1.State
		word    fault.Reason
		summary string
		others  string // the conditions that are True beside Ready
	}{
		{"applied and healthy", func(*state.Facts) {}, noon, v1alpha1.StateOK, fault.Healthy, "9f31c2a is healthy", ""},
		{"suspended by its own spec is ok", func(f *state.Facts) { f.Verdicts = verdict(web, v1alpha1.Suspended, "") }, noon,
			v1alpha1.StateOK, fault.Healthy, "9f31c2a is suspended, as its own spec says", ""},
		{"without any object it is healthy", func(f *state.Facts) { f.Verdicts = nil }, noon, v1alpha1.StateOK, fault.Healthy, "9f31c2a is healthy", ""},
		{"what is kept is said", func(f *state.Facts) { f.Plan = planOf(plan.Step{ID: config, Action: plan.Keep}) }, noon,
			v1alpha1.StateOK, fault.Healthy, "9f31c2a is healthy; 1 object no longer in Git is kept", ""},
		{"a render that fails", func(f *state.Facts) { f.Fault = broken }, noon,
			v1alpha1.StateFailed, fault.RenderFailed, "apps/web/Chart.yaml:3: the template has no end", "Stalled"},
		{"an apply that fails, and is tried again", func(f *state.Facts) {
			f.Attempts = 1
			f.Faults = []*fault.Fault{
				fault.New(fault.ApplyFailed, "ConfigMap/web-dev/config: not removed, because not everything was applied"),
				fault.New(fault.Forbidden, "Deployment/web-dev/web: forbidden"),
			}
		}, noon, v1alpha1.StateFailed, fault.Forbidden, "Deployment/web-dev/web: forbidden (and 1 more)", "Reconciling=Retrying"},
		{"a superseded step is no failure", func(f *state.Facts) {
			f.Revision, f.Faults = older, []*fault.Fault{fault.New(fault.Superseded, "stopped")}
		}, noon, v1alpha1.StateRolling, fault.Applying, "9f31c2a is being applied", "Reconciling=Applying"},
		{"a source that cannot be read leaves the last good state", func(f *state.Facts) { f.Fault = fault.New(fault.FetchFailed, "no route to host") }, noon,
			v1alpha1.StateOK, fault.Healthy, "9f31c2a is healthy; no newer commit can be read: no route to host", ""},
		{"a commit that names what cannot be had is no good state", func(f *state.Facts) {
			f.Fault, f.Wanting, f.Transient = fault.New(fault.RevisionNotFound, "no version 9.9.9 of podinfo"), true, true
		}, noon,
			v1alpha1.StateFailed, fault.RevisionNotFound, "no version 9.9.9 of podinfo", ""},
		{"unless there is none", func(f *state.Facts) {
			*f = state.Facts{Fault: fault.New(fault.CredentialsRefused, "401")}
		}, noon, v1alpha1.StateFailed, fault.CredentialsRefused, "401", ""},
		{"Degraded", func(f *state.Facts) {
			f.Verdicts = verdict(web, v1alpha1.Degraded, "ImagePullBackOff registry/web:5.0.l")
		}, noon,
			v1alpha1.StateFailed, fault.HealthDegraded, "Deployment/web-dev/web: ImagePullBackOff registry/web:5.0.l since Nov 22 14:02 UTC", ""},
		{"not healthy yet", func(f *state.Facts) { f.Verdicts = verdict(web, v1alpha1.Progressing, "1 of 3 ready") }, noon,
			v1alpha1.StateRolling, fault.Rolling, "9f31c2a is rolling out: Deployment/web-dev/web: 1 of 3 ready", "Reconciling=Observing"},
		{"no progress for the timeout", func(f *state.Facts) { f.Verdicts = verdict(web, v1alpha1.Progressing, "1 of 3 ready") }, noon.Add(10 * time.Minute),
			v1alpha1.StateFailed, fault.HealthTimeout, "Deployment/web-dev/web: 1 of 3 ready, no progress for 10m since Nov 22 14:02 UTC", ""},
		{"a missing object is not healthy yet", func(f *state.Facts) { f.Verdicts = verdict(web, v1alpha1.Missing, "") }, noon,
			v1alpha1.StateRolling, fault.Rolling, "9f31c2a is rolling out: Deployment/web-dev/web is not healthy yet", "Reconciling=Observing"},
		{"being applied", func(f *state.Facts) { f.Revision, f.Plan, f.Stage = older, nil, fault.Rendering }, noon,
			v1alpha1.StateRolling, fault.Rendering, "9f31c2a is being applied", "Reconciling=Rendering"},
		{"a plan of the target that was carried out is applied before it is recorded", func(f *state.Facts) { f.Revision = older }, noon,
			v1alpha1.StateOK, fault.Healthy, "9f31c2a is healthy", ""},
		{"drift that is shown", func(f *state.Facts) { f.Shown = map[object.ID]string{web: "heal is off"} }, noon,
			v1alpha1.StateDrifted, fault.Drifted, "Deployment/web-dev/web differs from Git and is not corrected: heal is off", ""},
		{"a fight", func(f *state.Facts) {
			f.Shown = map[object.ID]string{web: "next try at 14:10", config: "next try at 14:10"}
			f.Fights = map[object.ID]string{web: "vpa"}
		}, noon, v1alpha1.StateDrifted, fault.Fight, "Deployment/web-dev/web is rewritten again and again by vpa: next try at 14:10 (and 1 more)", ""},
		{"drift is told before progress", func(f *state.Facts) {
			f.Shown = map[object.ID]string{web: "heal is off"}
			f.Verdicts = verdict(web, v1alpha1.Progressing, "")
		}, noon, v1alpha1.StateDrifted, fault.Drifted, "Deployment/web-dev/web differs from Git and is not corrected: heal is off", ""},
		{"Degraded is told before drift", func(f *state.Facts) {
			f.Shown = map[object.ID]string{web: "heal is off"}
			f.Verdicts = verdict(web, v1alpha1.Degraded, "")
		}, noon, v1alpha1.StateFailed, fault.HealthDegraded, "Deployment/web-dev/web is degraded since Nov 22 14:02 UTC", ""},
		{"held deletions", func(f *state.Facts) {
			f.Plan = planOf(held(volume, "x", plan.ProtectedKind), held(oldName, "x", plan.ProtectedKind))
		}, noon, v1alpha1.StateWaiting, fault.DeletionHeld, "2 deletions wait for consent: Namespace/old, PersistentVolumeClaim/web-dev/data", "Stalled"},
		{"a deletion that is held for an app that fails", func(f *state.Facts) {
			s := held(config, "plumb-system/b may want it and cannot be rendered (RenderFailed)", plan.AppFailing)
			s.Failing = []string{"plumb-system/b"}
			f.Plan = planOf(s)
		}, noon, v1alpha1.StateWaiting, fault.DeletionHeld, "1 deletion waits for consent, or until plumb-system/b can be rendered: ConfigMap/web-dev/config (plumb-system/b may want it and cannot be rendered (RenderFailed))", "Stalled"},
		{"a render that failed for another reason than its inputs", func(f *state.Facts) {
			f.Fault, f.Transient, f.Attempts = fault.New(fault.RenderFailed, "the rendering process died"), true, 1
		}, noon, v1alpha1.StateFailed, fault.RenderFailed, "the rendering process died", "Reconciling=Retrying"},
		{"a held deletion that no consent lifts", func(f *state.Facts) { f.Plan = planOf(held(config, "our claim was taken off it", plan.NoClaim)) }, noon,
			v1alpha1.StateWaiting, fault.DeletionHeld, "1 deletion waits for a person: ConfigMap/web-dev/config (our claim was taken off it)", "Stalled"},
		{"an object that waits", func(f *state.Facts) {
			f.Revision = older
			f.Plan = planOf(plan.Step{ID: web, Action: plan.Wait, Reason: fault.Progressing, Why: "Namespace/web-dev is being deleted"})
			f.Verdicts = verdict(web, v1alpha1.Missing, "")
		}, noon, v1alpha1.StateWaiting, fault.Progressing, "Deployment/web-dev/web waits: Namespace/web-dev is being deleted", ""},
		{"a handover", func(f *state.Facts) {
			f.Plan = planOf(plan.Step{ID: web, Action: plan.Wait, Reason: fault.WaitingForApp, To: "plumb-system/cart", Order: plan.OrderDeleteObjects,
				Why: "handed over to plumb-system/cart, which has not applied it yet"})
		}, noon, v1alpha1.StateWaiting, fault.WaitingForApp,
			"Deployment/web-dev/web, which Git does not have any more: handed over to plumb-system/cart, which has not applied it yet", ""},
		{"a cluster that is not registered", func(f *state.Facts) {
			f.Revision, f.Plan, f.Verdicts = "", nil, nil
			f.Fault = fault.New(fault.ClusterUnknown, "there is no Cluster eu-1")
		}, noon, v1alpha1.StateWaiting, fault.ClusterUnknown, "there is no Cluster eu-1", ""},
		{"sync: manual", func(f *state.Facts) { f.Revision, f.Plan, f.Manual = older, nil, true }, noon,
			v1alpha1.StateWaiting, fault.NeedsSync, "9f31c2a waits for plumb sync: sync is manual", "Stalled"},
		{"paused", func(f *state.Facts) { f.Pause = pause }, noon,
			v1alpha1.StatePaused, fault.Paused, `paused by lena@acme.io: "black friday" until Nov 30 08:00 UTC`, "Stalled"},
		{"a new commit while paused stays paused", func(f *state.Facts) { f.Pause, f.Revision, f.Plan = pause, older, nil }, noon,
			v1alpha1.StatePaused, fault.Paused, `paused by lena@acme.io: "black friday" until Nov 30 08:00 UTC; 9f31c2a is not applied`, "Stalled"},
		{"held at a commit that is healthy", func(f *state.Facts) { f.Hold, f.Newest = hold, "0be4411aaaa" }, noon,
			v1alpha1.StatePaused, fault.Held, `held at 9f31c2a by lena@acme.io: "bad" until Nov 30 08:00 UTC; 0be4411 is not applied`, "Stalled"},
		{"held at a commit that is being applied", func(f *state.Facts) { f.Hold, f.Revision, f.Plan = hold, older, nil }, noon,
			v1alpha1.StateRolling, fault.Applying, `9f31c2a is being applied; held at 9f31c2a by lena@acme.io: "bad" until Nov 30 08:00 UTC`, "Reconciling=Applying"},
		{"drift while paused", func(f *state.Facts) { f.Pause, f.Shown = pause, map[object.ID]string{web: "paused"} }, noon,
			v1alpha1.StateDrifted, fault.Drifted, "Deployment/web-dev/web differs from Git and is not corrected: paused", ""},
		{"a cluster that is not heard from replaces all", func(f *state.Facts) { f.Fault, f.Lost = broken, "connection refused" }, noon,
			v1alpha1.StateUnknown, fault.Unreachable, "the cluster is not heard from: connection refused", ""},
		{"before anything is known", func(f *state.Facts) { *f = state.Facts{} }, noon, v1alpha1.StateUnknown, fault.Stale, "nothing is known yet", ""},
	} {
		t.Run(row.reason, func(t *testing.T) {
			f := applied()
			row.given(&f)
			s := state.Judge(f, v1alpha1.AppStatus{}, row.now)
			ready := apimeta.FindStatusCondition(s.Conditions, v1alpha1.ConditionReady)
			if s.State != row.state || s.Summary != row.summary || ready == nil || ready.Reason != string(row.word) {
				t.Errorf("got %s %v\n  %s\nwant %s %s\n  %s", s.State, ready, s.Summary, row.state, row.word, row.summary)
			}
			if got := trueConditions(s.Conditions); got != row.others {
				t.Errorf("conditions: got %q, want %q", got, row.others)
			}
			if s.AsOf == nil {
				t.Error("the status does not say since when")
			}
		})
	}
}

func trueConditions(conditions []metav1.Condition) string {
	var out []string
	for _, c := range conditions {
		if c.Type == v1alpha1.ConditionReconciling {
			out = append(out, c.Type+"="+c.Reason)
		}
		if c.Type == v1alpha1.ConditionStalled {
			out = append(out, c.Type)
		}
	}
	return strings.Join(out, " ")
}

func TestHeldDeletionsAreListedAndCounted(t *testing.T) {
	f := applied()
	var steps []plan.Step
	for i := range 25 {
		id := config
		id.Name = "c" + string(rune('a'+i))
		steps = append(steps, held(id, "limit", plan.Limit))
	}
	f.Plan = planOf(steps...)
	s := state.Judge(f, v1alpha1.AppStatus{}, noon)
	if len(s.HeldDeletions) != 20 || s.HeldCount != 25 || s.Objects.ToDelete != 25 {
		t.Errorf("%d listed of %d, %d to delete", len(s.HeldDeletions), s.HeldCount, s.Objects.ToDelete)
	}
	want := "25 deletions wait for consent: ConfigMap/web-dev/ca, ConfigMap/web-dev/cb, ConfigMap/web-dev/cc and 22 more"
	if s.Summary != want {
		t.Errorf("got %q", s.Summary)
	}
	if diff := cmp.Diff([]v1alpha1.WaitingFor{{Kind: "Consent", Name: "ConfigMap/web-dev/ca and 24 more"}}, s.WaitingFor); diff != "" {
		t.Error(diff)
	}
	ready := apimeta.FindStatusCondition(s.Conditions, v1alpha1.ConditionReady)
	if !strings.Contains(ready.Message, "Plumb-Allow-Delete: web/dev") {
		t.Errorf("the message does not say how to allow it: %s", ready.Message)
	}
}

func TestTheBlockingObject(t *testing.T) {
	f := applied()
	f.Verdicts = map[object.ID]health.Verdict{
		config: {Health: v1alpha1.Progressing, Message: "slow"}, volume: {Health: v1alpha1.Degraded}, web: {Health: v1alpha1.Degraded, Message: "CrashLoopBackOff"},
	}
	s := state.Judge(f, v1alpha1.AppStatus{}, noon)
	want := &v1alpha1.Blocking{Kind: "Deployment", Namespace: "web-dev", Name: "web", Message: "CrashLoopBackOff"}
	if diff := cmp.Diff(want, s.Blocking); diff != "" || s.Health != v1alpha1.Degraded {
		t.Errorf("the worst one that says why blocks: %s %s", s.Health, diff)
	}
}

// TestTimesStay: what did not change keeps its time, however often it is judged.
func TestTimesStay(t *testing.T) {
	f := applied()
	f.Verdicts = verdict(web, v1alpha1.Degraded, "CrashLoopBackOff")
	first := state.Judge(f, v1alpha1.AppStatus{}, noon)
	f.ProgressSince = noon.Add(time.Hour) // the agent was started anew
	if diff := cmp.Diff(first, state.Judge(f, first, noon.Add(2*time.Hour))); diff != "" {
		t.Error(diff)
	}
	f = applied()
	healed := state.Judge(f, first, noon.Add(time.Hour))
	if !healed.AsOf.Time.Equal(noon.Add(time.Hour)) || healed.Blocking != nil {
		t.Errorf("a new state has its own time and nothing blocks: %v %v", healed.AsOf, healed.Blocking)
	}
}

func TestARecordIsNoLook(t *testing.T) {
	s := state.Judge(state.Facts{Generation: 1, Revision: target, Target: target}, v1alpha1.AppStatus{}, noon)
	if s.State != v1alpha1.StateUnknown || s.Summary != "nothing is known yet" {
		t.Errorf("nobody has looked at what was once applied, and it is %s: %s", s.State, s.Summary)
	}
}

func TestWhatIsNotLookedAtStaysAsItWas(t *testing.T) {
	before := state.Judge(applied(), v1alpha1.AppStatus{Revision: target}, noon)
	for _, f := range []state.Facts{
		{Generation: 1, Revision: target, Target: target},
		{Generation: 1, Revision: target, Target: target, Fault: fault.New(fault.FetchFailed, "no route to host")},
	} {
		if diff := cmp.Diff(before, state.Judge(f, before, noon.Add(time.Hour))); diff != "" {
			t.Error(diff)
		}
	}
}

// TestEqualFactsGiveEqualBytes: a second judgement of the same facts writes nothing, whatever the facts are.
func TestEqualFactsGiveEqualBytes(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		f := drawFacts(t)
		first := state.Judge(f, v1alpha1.AppStatus{}, noon)
		again := state.Judge(f, first, noon.Add(time.Minute))
		a, _ := json.Marshal(first)
		b, _ := json.Marshal(again)
		if string(a) != string(b) {
			t.Fatalf("the status flaps:\n%s\n%s", a, b)
		}
		checkStatus(t, f, first)
	})
}

func checkStatus(t *rapid.T, f state.Facts, s v1alpha1.AppStatus) {
	if s.State == "" || s.Summary == "" || strings.Contains(s.Summary, "\n") {
		t.Fatalf("no word or no sentence: %q %q", s.State, s.Summary)
	}
	if s.State == v1alpha1.StateOK && (f.Pause != nil || len(f.Shown) > 0 || s.Health != v1alpha1.Healthy && s.Health != v1alpha1.Suspended) {
		t.Fatalf("it is not ok: %+v", f)
	}
	ready := apimeta.FindStatusCondition(s.Conditions, v1alpha1.ConditionReady)
	if ready == nil || ready.Reason == "" || (ready.Status == metav1.ConditionTrue) != (s.State == v1alpha1.StateOK) {
		t.Fatalf("Ready is %v in state %s", ready, s.State)
	}
	if data, _ := json.Marshal(s); len(data) > 16<<10 {
		t.Fatalf("a status of %d bytes", len(data))
	}
}

func drawFacts(t *rapid.T) state.Facts {
	f := state.Facts{Generation: 1, Verdicts: map[object.ID]health.Verdict{}, ProgressSince: noon, Timeout: time.Hour}
	f.Target = rapid.SampledFrom([]string{"", target}).Draw(t, "target")
	f.Revision = rapid.SampledFrom([]string{"", older, target}).Draw(t, "revision")
	words := []v1alpha1.Health{v1alpha1.Healthy, v1alpha1.Healthy, v1alpha1.Progressing, v1alpha1.Degraded, v1alpha1.Suspended, v1alpha1.Missing, v1alpha1.Unknown}
	message := rapid.SampledFrom([]string{"", "m", strings.Repeat("long\n", 1000)})
	for _, id := range []object.ID{web, config, volume} {
		if rapid.Bool().Draw(t, "object") {
			f.Verdicts[id] = health.Verdict{Health: rapid.SampledFrom(words).Draw(t, "health"), Message: message.Draw(t, "message")}
		}
	}
	reasons := []fault.Reason{fault.RenderFailed, fault.FetchFailed, fault.Forbidden, fault.ClusterUnknown, fault.Superseded, fault.Unreachable, ""}
	if rapid.IntRange(0, 3).Draw(t, "fault") == 0 {
		f.Fault = fault.New(rapid.SampledFrom(reasons).Draw(t, "reason"), "%s", message.Draw(t, "fault")+"x")
	}
	for range rapid.IntRange(0, 2).Draw(t, "faults") {
		f.Faults = append(f.Faults, fault.New(rapid.SampledFrom(reasons).Draw(t, "reason"), "%s", message.Draw(t, "fault")+"x"))
	}
	if rapid.Bool().Draw(t, "planned") {
		f.Plan = planOf()
		for _, id := range []object.ID{web, config, volume} {
			s := plan.Step{ID: id, Why: "because", Reason: fault.Progressing, Order: rapid.SampledFrom([]int{plan.OrderObjects, plan.OrderDeleteObjects}).Draw(t, "order")}
			s.Action = rapid.SampledFrom([]plan.Action{plan.Apply, plan.Unchanged, plan.Wait, plan.Hold, plan.Keep}).Draw(t, "action")
			if s.Action == plan.Hold {
				s.Hold = rapid.SampledFrom([]plan.HoldReason{plan.Limit, plan.NoClaim}).Draw(t, "hold")
			}
			f.Plan.Steps = append(f.Plan.Steps, s)
		}
	}
	if rapid.IntRange(0, 3).Draw(t, "drift") == 0 {
		f.Shown = map[object.ID]string{web: message.Draw(t, "shown"), config: "heal is off"}
		f.Fights = map[object.ID]string{web: ""}
	}
	if rapid.IntRange(0, 3).Draw(t, "paused") == 0 {
		f.Pause = &v1alpha1.Pause{Reason: message.Draw(t, "pause") + "x", By: "lena"}
	}
	f.Manual, f.ReadOnly = rapid.Bool().Draw(t, "manual"), rapid.Bool().Draw(t, "read-only")
	f.Pending = message.Draw(t, "pending")
	for range rapid.IntRange(0, 2).Draw(t, "after") {
		f.After = append(f.After, state.Peer{
			App: "ledger", Address: "ledger", Missing: rapid.Bool().Draw(t, "missing"), Decided: rapid.Bool().Draw(t, "decided"),
			State: rapid.SampledFrom(v1alpha1.States).Draw(t, "peer"), Summary: message.Draw(t, "summary"),
		})
	}
	f.Attempts = rapid.IntRange(0, 2).Draw(t, "attempts")
	return f
}

func TestCountAddsUp(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		states := rapid.SliceOf(rapid.SampledFrom(append([]v1alpha1.State{"", "new"}, v1alpha1.States...))).Draw(t, "states")
		c := state.Count(states)
		if sum := c.Failed + c.Drifted + c.Rolling + c.Waiting + c.Paused + c.OK + c.Unknown; sum != c.Total || c.Total != len(states) {
			t.Fatalf("%d parts of %d: %+v", sum, len(states), c)
		}
	})
}

func TestFingerprintMovesWithHealth(t *testing.T) {
	a := verdict(web, v1alpha1.Progressing, "1 of 3 ready")
	if state.Fingerprint(a) != state.Fingerprint(verdict(web, v1alpha1.Progressing, "1 of 3 ready")) {
		t.Error("equal verdicts have different fingerprints")
	}
	if state.Fingerprint(a) == state.Fingerprint(verdict(web, v1alpha1.Progressing, "2 of 3 ready")) {
		t.Error("progress does not show")
	}
}

func TestBackoff(t *testing.T) {
	for n, want := range map[int]time.Duration{
		-1: time.Second, 0: time.Second, 1: 2 * time.Second, 8: 256 * time.Second, 9: 5 * time.Minute, 1 << 40: 5 * time.Minute,
	} {
		if got := state.Backoff(n, 0); got != want {
			t.Errorf("after %d failures: %s, want %s", n, got, want)
		}
	}
	if got := state.Backoff(1, 0.5); got != 1800*time.Millisecond {
		t.Errorf("with jitter: %s", got)
	}
}
