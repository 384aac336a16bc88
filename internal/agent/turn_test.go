package agent

import (
	"testing"
	"testing/synctest"
	"time"

	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/util/workqueue"

	"plumb.dev/plumb/api/v1alpha1"
	"plumb.dev/plumb/internal/apply"
	"plumb.dev/plumb/internal/fault"
	"plumb.dev/plumb/internal/object"
	"plumb.dev/plumb/internal/plan"
)

func TestFight(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &fight{}
		for range fightHeals - 1 {
			f.healed(time.Now(), "kubectl")
			time.Sleep(5 * time.Second)
		}
		if f.on(time.Now()) || f.known(time.Now()) {
			t.Fatal("a few corrections are no fight")
		}
		var pauses []time.Duration
		for range 7 {
			f.healed(time.Now(), "kubectl")
			pauses = append(pauses, time.Until(f.until))
			if !f.on(time.Now()) || !f.known(time.Now()) || f.manager != "kubectl" {
				t.Fatal("not recognised")
			}
			time.Sleep(time.Until(f.until) + time.Second)
			if f.on(time.Now()) {
				t.Fatal("it is left alone for ever")
			}
			if !f.known(time.Now()) {
				t.Fatal("forgotten before the next try has shown how it is")
			}
		}
		for i, pause := range pauses {
			if want := min(fightPause<<i, fightLongest); pause != want {
				t.Errorf("pause %d is %s, want %s", i, pause, want)
			}
		}
		time.Sleep(3 * fightLongest)
		f.healed(time.Now(), "k9s")
		if f.on(time.Now()) || f.known(time.Now()) {
			t.Error("one correction, long after a fight, is a fight again")
		}
	})
	synctest.Test(t, func(t *testing.T) {
		f := &fight{}
		for range 20 {
			f.healed(time.Now(), "kubectl")
			time.Sleep(fightWindow/(fightHeals-1) + time.Second)
		}
		if f.known(time.Now()) {
			t.Error("corrections with long pauses between them are no fight")
		}
	})
	if (*fight)(nil).on(time.Now()) || (*fight)(nil).known(time.Now()) {
		t.Error("no fight is one")
	}
}

func TestWishesApplied(t *testing.T) {
	for _, row := range []struct {
		reason   string
		outcomes []apply.Outcome
		want     bool
	}{
		{"nothing to do", nil, true},
		{"applied and unchanged", []apply.Outcome{{Done: true}, {Done: true, Step: plan.Step{Action: plan.Unchanged}}}, true},
		{"an object failed", []apply.Outcome{{Done: true}, {Fault: fault.New(fault.Rejected, "no")}}, false},
		{"an object waits", []apply.Outcome{{Step: plan.Step{Action: plan.Wait}}}, false},
		{"what is to be removed waits for another app", []apply.Outcome{{Done: true}, {Step: plan.Step{Action: plan.Wait, Order: plan.OrderDeleteObjects}}}, true},
		{"a deletion failed", []apply.Outcome{{Done: true}, {Fault: fault.New(fault.Forbidden, "no"), Step: plan.Step{Action: plan.Delete, Order: plan.OrderDeleteObjects}}}, true},
	} {
		if got := wishesApplied(row.outcomes); got != row.want {
			t.Errorf("%s: %v", row.reason, got)
		}
	}
}

// bases are the moments of an app's life that move the base of consents, and those that do not.
var bases = []struct {
	reason   string
	status   v1alpha1.AppStatus
	target   string
	offer    offer
	plan     plan.Plan
	complete bool
	rebase   bool
	want     string
	owed     bool // it moves when it can
}{
	{"the first revision", v1alpha1.AppStatus{}, "c1", offer{commit: "c1"}, plan.Plan{}, true, false, "c1", false},
	{"an unrelated commit writes nothing", v1alpha1.AppStatus{Revision: "c1", ConsentBase: "c1"}, "c1", offer{commit: "c2"}, plan.Plan{}, true, false, "c1", false},
	{"a commit that changes the app", v1alpha1.AppStatus{Revision: "c1", ConsentBase: "c1"}, "c2", offer{commit: "c2"}, plan.Plan{}, true, false, "c2", false},
	{"a consent that nobody needed does not count later", v1alpha1.AppStatus{Revision: "c1", ConsentBase: "c1"}, "c1", offer{commit: "c3", marks: true}, plan.Plan{}, true, false, "c3", false},
	{"something is held", v1alpha1.AppStatus{Revision: "c1", ConsentBase: "c1"}, "c2", offer{commit: "c2"}, held, true, false, "c1", true},
	{"nothing is held any more", v1alpha1.AppStatus{Revision: "c2", ConsentBase: "c1"}, "c2", offer{commit: "c4"}, plan.Plan{}, true, true, "c4", false},
	{"the apply failed", v1alpha1.AppStatus{Revision: "c1", ConsentBase: "c1"}, "c2", offer{commit: "c2"}, plan.Plan{}, false, false, "c1", true},
}

var held = plan.Plan{Steps: []plan.Step{{Action: plan.Hold, Hold: plan.ProtectedKind, Order: plan.OrderDeleteObjects}}}

func TestConsentBase(t *testing.T) {
	for _, b := range bases {
		t.Run(b.reason, func(t *testing.T) {
			a := &app{status: b.status, target: b.target, planned: &b.plan, rebase: b.rebase}
			turn := &turn{app: a, offer: &b.offer}
			if got := turn.consentBase(b.complete); got != b.want || a.rebase != b.owed {
				t.Errorf("the base is %s, owed %v; want %s, %v", got, a.rebase, b.want, b.owed)
			}
		})
	}
}

func TestMarksAreNotLostWithAnOffer(t *testing.T) {
	a := &app{}
	a.put(&offer{commit: "c1", marks: true})
	second := &offer{commit: "c2"}
	a.put(second)
	if !second.marks {
		t.Error("the consents of a commit that nobody looked at are forgotten")
	}
	a.settle(second)
	third := &offer{commit: "c3"}
	a.put(third)
	if third.marks {
		t.Error("the consents of a commit that was looked at count again")
	}
}

func TestANewOfferStopsTheOneBefore(t *testing.T) {
	a := &app{sourceFault: fault.New(fault.FetchFailed, "no answer")}
	first := &offer{commit: "c1", stale: true}
	a.put(first)
	if _, _, newest := a.mailbox(); a.sourceFault == nil || closed(newest) {
		t.Error("what was read before is no proof that Git can be read")
	}
	_, _, newest := a.mailbox()
	a.put(&offer{commit: "c2"})
	if !closed(newest) || a.sourceFault != nil {
		t.Error("a newer commit does not stop the pass of the older")
	}
	if a.settle(first) || a.isCarried() {
		t.Error("an older commit settles a newer one")
	}
}

func closed(c <-chan struct{}) bool {
	select {
	case <-c:
		return true
	default:
		return false
	}
}

func TestKindsThatNobodyKnows(t *testing.T) {
	a := &app{inventory: map[object.ID]v1alpha1.InventoryEntry{
		{Group: "example.com", Kind: "Widget", Name: "w"}:                       {},
		{Group: "example.com", Kind: "Gadget", Namespace: "web", Name: "known"}: {},
	}}
	for kind, want := range map[string]bool{"Widget": false, "Gadget": true, "Unheard": true} {
		if got := a.hadNamespace(object.ID{Group: "example.com", Kind: kind, Name: "new"}); got != want {
			t.Errorf("%s: namespaced %v", kind, got)
		}
	}
}

func TestDriftThatIsOnlyShownKeepsItsTime(t *testing.T) {
	first := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	row := v1alpha1.Drift{Object: "ConfigMap/web/a", Field: "data.a", Manager: "kubectl", Live: "x", Seen: stamp(first)}
	a := &app{}
	a.addDrift(a.since([]v1alpha1.Drift{row}))
	row.Seen = stamp(first.Add(time.Hour))
	a.addDrift(a.since([]v1alpha1.Drift{row}))
	if got := a.status.Drift; len(got) != 1 || !got[0].Seen.Time.Equal(first) {
		t.Errorf("the same drift, seen again, is %+v", got)
	}
	row.Live = "y"
	a.addDrift(a.since([]v1alpha1.Drift{row}))
	if got := a.status.Drift; len(got) != 1 || got[0].Seen.Time.Equal(first) {
		t.Errorf("another value of the field is %+v", got)
	}
	for i := range 9 {
		row.Field = string(rune('a' + i))
		a.addDrift([]v1alpha1.Drift{row})
	}
	if got := a.status.Drift; len(got) != driftKept || got[0].Field != "i" {
		t.Errorf("kept %d rows, first %s", len(got), got[0].Field)
	}
}

func TestWhoWaitsIsWoken(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ag := idle(t)
		ag.waiting = map[types.NamespacedName]*app{}
		ag.queue = workqueue.NewTypedRateLimitingQueue(workqueue.DefaultTypedControllerRateLimiter[types.NamespacedName]())
		defer ag.queue.ShutDown()
		a, b := &app{key: cart}, &app{key: books}
		ag.apps[cart], ag.apps[books] = a, b
		ag.noteWaiting(a, true, false)
		ag.noteWaiting(b, false, true)
		ag.wakeWaiting(books)
		if ag.queue.Len() != 1 || !a.wake() || a.wake() || b.wake() {
			t.Errorf("%d apps are looked at again, want the one that waits, once", ag.queue.Len())
		}
		if !b.lacksKind() || !b.wake() || a.lacksKind() {
			t.Error("an app that lacks a kind is not woken when kinds change")
		}
		ag.wakeWaiting(cart)
		if a.wake() {
			t.Error("an app wakes itself")
		}
		a.heard = ag.said()
		ag.wakeWaiting(books) // after a looked, and before it is known to wait
		a.wake()
		ag.noteWaiting(a, true, false)
		if !a.wake() {
			t.Error("what was said between the look and the note is missed")
		}
		a.heard = ag.said()
		if ag.noteWaiting(a, true, false); a.wake() {
			t.Error("nothing was said, and an app is woken")
		}
		ag.noteWaiting(a, false, false)
		ag.wakeWaiting(books)
		if a.wake() || len(ag.waiting) != 0 {
			t.Error("an app that waits for nothing is woken")
		}
		delete(ag.apps, cart)
		ag.noteWaiting(a, true, false)
		if len(ag.waiting) != 0 {
			t.Error("an app that is gone is kept")
		}
	})
}
