package agent

import (
	"maps"
	"slices"
	"time"

	"k8s.io/apimachinery/pkg/types"

	"plumb.dev/plumb/api/v1alpha1"
	"plumb.dev/plumb/internal/fault"
	"plumb.dev/plumb/internal/plan"
	"plumb.dev/plumb/internal/state"
)

// wakeAt has the app looked at again when time alone would change its state.
func (t *turn) wakeAt(f state.Facts, now time.Time) {
	if f.Timeout > 0 && !f.ProgressSince.IsZero() {
		if left := f.ProgressSince.Add(f.Timeout).Sub(now); left > 0 && t.app.status.State == v1alpha1.StateRolling {
			t.agent.queue.AddAfter(t.app.key, left+time.Millisecond)
		}
	}
	if f.Timeout > 0 && len(f.After) > 0 {
		if left := f.AfterSince.Add(f.Timeout).Sub(now); left > 0 {
			t.agent.queue.AddAfter(t.app.key, left+time.Millisecond)
		}
	}
}

// wakeWaiting has the apps looked at again that may wait for this one. At a commit every app calls it, so that it costs
// nothing while nobody waits.
func (ag *Agent) wakeWaiting(key types.NamespacedName) {
	ag.mu.Lock()
	ag.words++
	waiting := slices.Collect(maps.Values(ag.waiting))
	ag.mu.Unlock()
	for _, a := range waiting {
		if a.key != key && a.waits() {
			ag.queue.Add(a.key)
		}
	}
}

// said counts how often apps that wait were told to look again.
func (ag *Agent) said() int {
	ag.mu.Lock()
	defer ag.mu.Unlock()
	return ag.words
}

// noteWaiting notes whether the last plan of an app waits for, or was refused because of, something that may come. What came
// between the look and this was told to nobody: then the app looks again.
func (ag *Agent) noteWaiting(a *app, blocked, unserved bool) {
	a.mu.Lock()
	a.blocked, a.unserved = blocked, unserved
	a.mu.Unlock()
	ag.mu.Lock()
	if blocked && ag.apps[a.key] == a {
		ag.waiting[a.key] = a
	} else if ag.waiting[a.key] == a {
		delete(ag.waiting, a.key)
	}
	missed := ag.words != a.heard
	ag.mu.Unlock()
	if missed && a.waits() {
		ag.queue.Add(a.key)
	}
}

// waits tells whether the last plan of an app waits for, or was refused because of, another app; then it need not wait for
// its next try.
func (a *app) waits() bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.woken = a.woken || a.blocked
	return a.blocked
}

// wake tells whether waits has said so since the last call.
func (a *app) wake() bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	woken := a.woken
	a.woken = false
	return woken
}

func blockedByOther(p *plan.Plan) bool {
	return waitsFor(p) || heldForFailing(p) || slices.ContainsFunc(p.Steps, func(s plan.Step) bool {
		return s.Action == plan.Refuse && s.Fault != nil && s.Fault.Reason == fault.OwnedByOther
	})
}

func asksForUnserved(p *plan.Plan) bool {
	return slices.ContainsFunc(p.Steps, func(s plan.Step) bool { return s.Fault != nil && s.Fault.Reason == fault.KindUnknown })
}

// waitsFor tells whether a plan waits for something outside of its app: what it waits for by its own order is not meant.
func waitsFor(p *plan.Plan) bool {
	return slices.ContainsFunc(p.Steps, func(s plan.Step) bool { return s.Action == plan.Wait && !s.Gated() })
}

// touched has the status of the Repo of an app written soon.
func (ag *Agent) touched(key types.NamespacedName) {
	ag.mu.Lock()
	r := ag.repos[key]
	ag.mu.Unlock()
	if r != nil {
		r.Changed()
	}
}
