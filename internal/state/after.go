package state

import (
	"cmp"
	"slices"
	"time"

	"plumb.dev/plumb/api/v1alpha1"
	"plumb.dev/plumb/internal/fault"
)

// Peer is an app that another one comes after, as it is known at the moment.
type Peer struct {
	App       string // name of the App object; what was written, if there is no such app
	Address   string // how people call it
	Missing   bool   // there is no such app
	Near      string // of a missing one: the address that may have been meant
	Unmade    bool   // its App object is still to be made
	Commit    string // of the same repository and branch: the commit that it has to be ok at
	Decided   bool   // it has decided on that commit, or on its own newest one
	Delivered bool   // as Delivered says
	State     v1alpha1.State
	Summary   string
}

// Ready tells whether the apps that come after this one may go.
func (p Peer) Ready() bool {
	return !p.Missing && !p.Unmade && p.Decided && p.Delivered
}

// Stuck tells whether it will not become ready by itself: a commit or a person is needed.
func (p Peer) Stuck() bool {
	switch p.State {
	case v1alpha1.StateFailed, v1alpha1.StateDrifted, v1alpha1.StateWaiting, v1alpha1.StatePaused:
		return p.Decided
	}
	return p.Missing
}

// how gives the clause behind the app's name: "which is rolling out". What changes often while the app is on its way is
// not in it.
func (p Peer) how() string {
	switch {
	case p.Missing && p.Near != "":
		return "which does not exist (did you mean " + p.Near + "?)"
	case p.Missing:
		return "which does not exist"
	case p.Unmade:
		return "which is being made"
	case !p.Decided && p.Commit != "":
		return "which has not decided on " + name(p.Commit) + " yet"
	case !p.Decided:
		return "which is not known yet"
	}
	switch p.State {
	case v1alpha1.StateFailed:
		return "which failed: " + p.Summary
	case v1alpha1.StateDrifted:
		return "which has drifted: " + p.Summary
	case v1alpha1.StateWaiting:
		return "which waits itself: " + p.Summary
	case v1alpha1.StatePaused:
		return "which is " + p.Summary
	}
	return "which is rolling out"
}

// Delivered tells whether all that Git has of the target is applied and healthy, by the facts and the status that was
// judged by them. It is what the apps that come after this one wait for: ok, or with nothing open but deletions, which may
// wait for the very apps that wait for this one; or paused with nothing missed. Who is held misses something.
func Delivered(f Facts, judged v1alpha1.AppStatus) bool {
	if f.Hold != nil {
		return false // what Git has is not what is applied
	}
	switch judged.State {
	case v1alpha1.StateOK, v1alpha1.StateWaiting, v1alpha1.StatePaused:
		return f.applied() && len(f.After) == 0
	}
	return false
}

// awaited: other apps must be ok first.
func (f Facts) awaited(now time.Time) (judgement, bool) {
	if len(f.After) == 0 || f.Pause != nil {
		return judgement{}, false
	}
	peers := slices.Clone(f.After)
	slices.SortStableFunc(peers, func(a, b Peer) int { return cmp.Compare(order(a), order(b)) })
	first := peers[0]
	j := judgement{state: v1alpha1.StateWaiting, reason: fault.WaitingForApp}
	j.summary = name(f.Target) + " waits for " + first.Address + ", " + limit(first.how(), awaitedLimit)
	if more := len(peers) - 1; more > 0 {
		j.summary += " (and for " + count(more, "other app", "", "") + ")"
	}
	if j.next = "plumb why " + first.Address; first.Missing {
		j.next = "correct after in plumb.yaml, or add the app"
	}
	if f.overdue(now) {
		j.stalled = true
		j.summary += "; for longer than " + span(f.Timeout) + ", since " + clock(f.AfterSince)
	}
	return j, true
}

// awaitedLimit is how much of another app's sentence is told, in characters.
const awaitedLimit = 300

// overdue tells whether other apps are waited for beyond the time that health may stay without progress. The app goes on
// waiting.
func (f Facts) overdue(now time.Time) bool {
	return len(f.After) > 0 && f.Timeout > 0 && !f.AfterSince.IsZero() && now.Sub(f.AfterSince) >= f.Timeout
}

// order puts first who needs somebody.
func order(p Peer) int {
	if p.Stuck() {
		return 0
	}
	return 1
}
