// Package state says in one word and one sentence how an app is: the state words, conditions, reasons, health and the
// blocking object of resources.md §8.
//
// It is pure: Facts, what was said before and the time go in, the status comes out. Equal facts give equal bytes, so that
// nothing is written while nothing changes; times of what did not change stay. It never reads a clock and never decides
// what is done about the state: that is package plan.
//
// Start at Judge.
package state

import (
	"slices"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"plumb.dev/plumb/api/v1alpha1"
	"plumb.dev/plumb/internal/fault"
	"plumb.dev/plumb/internal/health"
	"plumb.dev/plumb/internal/object"
	"plumb.dev/plumb/internal/plan"
)

// Facts is what the state of an app is judged by.
type Facts struct {
	Generation int64  // of the App object
	Revision   string // applied completely
	Target     string // the newest commit that changed the inputs

	Fault  *fault.Fault   // stops the whole app: source, discovery, render, plan
	Faults []*fault.Fault // of single objects, in the last apply
	Plan   *plan.Plan     // the last that was carried out; its objects are not looked at
	Quiet  bool           // everything was found as recorded, and no plan was needed

	Verdicts      map[object.ID]health.Verdict // of every object that the app wants
	Hooks         map[object.ID]health.Verdict // of the hooks that run
	Logs          map[object.ID][]string       // the end of the logs of hooks that failed
	Timeout       time.Duration                // how long health may stay without progress; 0 means for ever
	ProgressSince time.Time                    // when Fingerprint of the verdicts last changed

	Shown  map[object.ID]string // drift that is not corrected, and why not
	Fights map[object.ID]string // objects that somebody rewrites again and again, and who; "" if not known

	Pause    *v1alpha1.Pause // in force; nil if the app is not paused
	Hold     *v1alpha1.Pause // in force, with a commit: what is judged is that commit; never together with Pause
	Newest   string          // the newest commit that changed the inputs, if the Hold keeps it from being applied
	Manual   bool            // sync: manual, and nobody asked for what would be done
	ReadOnly bool            // the agent is read-only, and something would be done
	Pending  string          // what would be done, in a few words
	After    []Peer          // apps that must be ok before the target is applied, and are not
	// AfterSince is when the app began to wait for them.
	AfterSince time.Time
	Stage      fault.Reason // what is under way or comes next: Fetching, Rendering, Planning, Applying; "" if nothing is
	Attempts   int          // failed tries: another one is scheduled
	// Transient: what was rendered was not why it failed, so that another try may succeed
	Transient bool
	// Wanting: the newest commit was read, and what it names elsewhere, a chart or a source, cannot be had
	Wanting bool
	Lost    string // why the cluster cannot be heard; "" if it can
	Ending  string // the App is deleted with its objects: how that goes; "" if it is not
}

// Judge gives the status with what it says about the state brought up to date: State, Summary, AsOf, Health, Blocking,
// Objects, HeldDeletions, HeldCount, WaitingFor and Conditions. The rest is as before. Objects.Changed counts what the
// last plan changed.
func Judge(f Facts, before v1alpha1.AppStatus, now time.Time) v1alpha1.AppStatus {
	s := *before.DeepCopy()
	blind := !f.looked() && (f.Fault == nil || f.aside()) && f.Lost == "" && f.Ending == ""
	if blind && before.State != "" {
		return s // nothing is known that was not known before: what was said holds until a pass has looked
	}
	j := judge(f, before, now)
	s.State, s.Summary, s.Blocking = j.state, limit(j.summary, summaryLimit), j.blocking
	if Transition(before, s) {
		s.AsOf = &metav1.Time{Time: now.UTC().Truncate(time.Second)}
	}
	if f.looked() {
		s.Health = worst(f.due())
		s.Objects = f.counts()
	}
	if f.Plan != nil || f.Quiet || len(f.After) > 0 {
		s.HeldDeletions, s.HeldCount = f.held()
		s.WaitingFor = f.waitingFor()
	} else if f.Fault != nil && !f.aside() { // it does not come to the others any more
		s.WaitingFor = slices.DeleteFunc(s.WaitingFor, func(w v1alpha1.WaitingFor) bool { return w.Kind == "App" })
	}
	s.Conditions = conditions(f, j, before.Conditions, now)
	return s
}

// Transition tells whether the state word of the second status began to be true with it.
func Transition(before, after v1alpha1.AppStatus) bool {
	return before.State != after.State || before.AsOf == nil
}

// looked tells whether a pass has seen the objects.
func (f Facts) looked() bool { return len(f.Verdicts) > 0 || f.Plan != nil || f.Quiet }

// applied tells whether the target is applied completely, by the record or by the plan that was just carried out.
func (f Facts) applied() bool {
	if f.Target == "" || f.Fault != nil && !f.aside() || len(f.Faults) > 0 || len(f.After) > 0 {
		return false
	}
	if f.Revision == f.Target || f.Quiet {
		return true
	}
	if f.Plan == nil || f.Plan.Revision != f.Target || f.Plan.Fault != nil {
		return false
	}
	for _, s := range f.Plan.Steps {
		if !s.Removes() && (s.Action == plan.Wait || s.Action == plan.Refuse || s.Begins()) {
			return false
		}
	}
	return true
}

func (f Facts) counts() v1alpha1.Counts {
	c := v1alpha1.Counts{Total: len(f.Verdicts), Drifted: len(f.Shown)}
	if f.Plan == nil {
		return c
	}
	for _, s := range f.Plan.Steps {
		switch s.Action {
		case plan.Apply, plan.Replace:
			c.Changed++
		case plan.Hold, plan.Keep:
			c.ToDelete++
		}
	}
	return c
}

// Count counts states. The parts add up to Total; what is no state word counts as unknown.
func Count(states []v1alpha1.State) v1alpha1.AppCounts {
	c := v1alpha1.AppCounts{Total: len(states)}
	parts := map[v1alpha1.State]*int{
		v1alpha1.StateFailed: &c.Failed, v1alpha1.StateDrifted: &c.Drifted, v1alpha1.StateRolling: &c.Rolling,
		v1alpha1.StateWaiting: &c.Waiting, v1alpha1.StatePaused: &c.Paused, v1alpha1.StateOK: &c.OK,
	}
	for _, s := range states {
		part, known := parts[s]
		if !known {
			part = &c.Unknown
		}
		*part++
	}
	return c
}

// The pauses between tries (resources.md §8).
const (
	firstPause   = time.Second
	longestPause = 5 * time.Minute
	spread       = 0.2 // by how much of it jitter shortens a pause
)

// Backoff gives the pause before the next try after n failed ones before it: 1 s for 0, doubling to 5 min, for ever.
// jitter is a random number of [0, 1) that shortens it by up to a fifth, so that many apps do not try at once.
func Backoff(n int, jitter float64) time.Duration {
	pause := longestPause
	if n < 9 { // 2^9 s are more than 5 min
		pause = min(firstPause<<max(n, 0), longestPause)
	}
	return pause - time.Duration(spread*min(max(jitter, 0), 1)*float64(pause))
}
