package state

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"plumb.dev/plumb/api/v1alpha1"
	"plumb.dev/plumb/internal/fault"
	"plumb.dev/plumb/internal/object"
	"plumb.dev/plumb/internal/plan"
)

// judgement is the state with its reason, its sentence and what people can do.
type judgement struct {
	state    v1alpha1.State
	reason   fault.Reason
	summary  string
	next     string
	blocking *v1alpha1.Blocking
	stalled  bool // no retry will help, whatever the reason says of itself
}

// judge takes the first state of the precedence that is true.
func judge(f Facts, before v1alpha1.AppStatus, now time.Time) judgement {
	for _, rule := range []func(Facts, v1alpha1.AppStatus, time.Time) (judgement, bool){
		ending, lost, failed, unhealthy, drifted, rolling, waiting, paused,
	} {
		if j, ok := rule(f, before, now); ok {
			j.reason = cmp.Or(j.reason, fault.ApplyFailed) // a condition without a reason is refused by the API server
			if f.Hold != nil && j.reason != fault.Held {
				j.summary = limit(j.summary, summaryLimit/2) + "; " + f.heldText()
			}
			return j
		}
	}
	return fine(f)
}

// codeSubmodule marks what package source says of a submodule that cannot be read: what the app's own commit wants is not
// known then.
const codeSubmodule = "SUBMODULE"

// aside tells whether the fault lies before the app: what was applied stays applied and its state is told as it is.
func (f Facts) aside() bool {
	return f.Fault.Reason.OfSource() && f.Fault.Code != codeSubmodule && !f.Wanting
}

// waits tells whether a fault says that a named thing must happen first.
func waits(f *fault.Fault) bool {
	switch f.Reason {
	case fault.WaitingForApp, fault.ClusterUnknown, fault.NeedsSync, fault.DeletionHeld:
		return true
	}
	return false
}

// ending: its App is deleted, and its objects go with it.
func ending(f Facts, _ v1alpha1.AppStatus, _ time.Time) (judgement, bool) {
	if f.Ending == "" || f.Fault != nil || len(f.failures()) > 0 {
		return judgement{}, false
	}
	j := judgement{state: v1alpha1.StateRolling, reason: fault.Progressing, summary: f.Ending}
	if f.Pause != nil || f.ReadOnly {
		j.state, j.reason = v1alpha1.StateWaiting, fault.Paused
		if f.ReadOnly {
			j.reason = fault.ReadOnly
		}
	}
	j.next = "annotation " + v1alpha1.AnnotationDelete + ": orphan on the App leaves what there still is in place"
	return j, true
}

// lost: nobody can say how it is.
func lost(f Facts, _ v1alpha1.AppStatus, _ time.Time) (judgement, bool) {
	j := judgement{state: v1alpha1.StateUnknown, reason: fault.Unreachable}
	switch {
	case f.Lost != "":
		j.summary = "the cluster is not heard from: " + f.Lost
	case f.Fault != nil && (f.Fault.Reason == fault.Unreachable || f.Fault.Reason == fault.Stale):
		j.reason, j.summary, j.next = f.Fault.Reason, sentence(f.Fault), f.Fault.Next
	case f.unseen():
		j.reason, j.summary = fault.Stale, "nothing is known yet"
		if f.Fault != nil {
			j.reason, j.summary, j.next = f.Fault.Reason, sentence(f.Fault), f.Fault.Next
		}
	default:
		return j, false
	}
	return j, true
}

// unseen tells whether nobody has looked at the app's objects, and nothing is under way or in the way. A record that says
// "applied" says nothing about how it is now.
func (f Facts) unseen() bool {
	switch {
	case f.looked() || len(f.Faults) > 0 || f.Stage != "":
		return false
	case f.Fault != nil:
		return f.aside() && f.applied()
	}
	return f.Target == "" || f.applied()
}

// failed: something of the way from Git to the cluster failed.
func failed(f Facts, _ v1alpha1.AppStatus, _ time.Time) (judgement, bool) {
	faults := f.failures()
	if len(faults) == 0 {
		return judgement{}, false
	}
	first := faults[0]
	j := judgement{state: v1alpha1.StateFailed, reason: first.Reason, summary: sentence(first), next: first.Next}
	if more := len(faults) - 1; more > 0 {
		j.summary += fmt.Sprintf(" (and %d more)", more)
	}
	j.blocking = f.blockedBy(first)
	return j, true
}

// failures lists the faults that fail the app, each once, the most telling first: what follows from another failure, or
// is only known as one, comes last.
func (f Facts) failures() []*fault.Fault {
	var faults []*fault.Fault
	if f.Fault != nil && !waits(f.Fault) && (!f.aside() || f.Revision == "") {
		faults = append(faults, f.Fault)
	}
	if f.Plan != nil && f.Plan.Fault != nil {
		faults = append(faults, f.Plan.Fault)
	}
	var single []*fault.Fault
	for _, other := range f.Faults {
		if other != nil && !waits(other) && other.Reason != fault.Superseded {
			single = append(single, other)
		}
	}
	slices.SortStableFunc(single, func(a, b *fault.Fault) int {
		if x, y := a.Reason == fault.ApplyFailed, b.Reason == fault.ApplyFailed; x != y {
			if y {
				return -1
			}
			return 1
		}
		return strings.Compare(a.Error(), b.Error())
	})
	return slices.CompactFunc(append(faults, single...), func(a, b *fault.Fault) bool { return a.Error() == b.Error() })
}

// blockedBy finds the object of the plan that a fault is about.
func (f Facts) blockedBy(cause *fault.Fault) *v1alpha1.Blocking {
	if f.Plan == nil {
		return nil
	}
	for _, s := range f.Plan.Steps {
		if s.Fault != nil && s.Fault.Message == cause.Message || strings.HasPrefix(cause.Message, s.ID.String()+":") {
			b := blocking(s.ID, limit(cause.Message, messageLimit))
			b.Log = f.Logs[s.ID]
			return b
		}
	}
	return nil
}

func blocking(id object.ID, message string) *v1alpha1.Blocking {
	return &v1alpha1.Blocking{Kind: id.Kind, Namespace: id.Namespace, Name: id.Name, Message: message}
}

// unhealthy: an object is Degraded, or health made no progress for too long; so for a hook that runs.
func unhealthy(f Facts, before v1alpha1.AppStatus, now time.Time) (judgement, bool) {
	verdicts := f.due()
	if f.withheld() {
		verdicts = f.withoutWaiting() // what nobody has applied is not late
	}
	id, verdict, found := worstObject(verdicts)
	if !found {
		return judgement{}, false
	}
	_, hook := f.Hooks[id]
	j := judgement{state: v1alpha1.StateFailed, reason: fault.HealthDegraded, blocking: blocking(id, limit(verdict.Message, messageLimit))}
	j.summary = tell(id, verdict.Message, "is degraded")
	if hook {
		j.reason, j.summary = fault.HookFailed, "hook "+j.summary
	}
	switch {
	case verdict.Health == v1alpha1.Degraded:
	case f.Timeout > 0 && !f.ProgressSince.IsZero() && now.Sub(f.ProgressSince) >= f.Timeout:
		if !hook {
			j.reason = fault.HealthTimeout
		}
		j.summary = fmt.Sprintf("%s, no progress for %s", tell(id, verdict.Message, "is not healthy"), span(f.Timeout))
	default:
		return j, false
	}
	j.summary += " since " + clock(f.since(id, before, now))
	return j, true
}

// since tells from when on the object has kept the app from being healthy, as far as that was told before.
func (f Facts) since(id object.ID, before v1alpha1.AppStatus, now time.Time) time.Time {
	b := before.Blocking
	same := before.State == v1alpha1.StateFailed && b != nil && b.Kind == id.Kind && b.Namespace == id.Namespace && b.Name == id.Name
	switch {
	case same && before.AsOf != nil:
		return before.AsOf.Time
	case !f.ProgressSince.IsZero():
		return f.ProgressSince
	}
	return now
}

// drifted: fields of ours differ and are not being corrected.
func drifted(f Facts, _ v1alpha1.AppStatus, now time.Time) (judgement, bool) {
	if len(f.Shown) == 0 {
		return judgement{}, false
	}
	ids := sortedIDs(f.Shown)
	j := judgement{state: v1alpha1.StateDrifted, reason: fault.Drifted, next: "plumb sync corrects it once"}
	for _, id := range ids {
		if by, fought := f.Fights[id]; fought {
			j.reason = fault.Fight
			j.next = "let only one of the two write the field, or give it up with an ignore rule"
			j.summary = fmt.Sprintf("%s is rewritten again and again by %s: %s", id, orSomebody(by), f.Shown[id])
			j.blocking = blocking(id, limit(f.Shown[id], messageLimit))
			break
		}
	}
	if j.summary == "" {
		j.summary = fmt.Sprintf("%s differs from Git and is not corrected: %s", ids[0], f.Shown[ids[0]])
		j.blocking = blocking(ids[0], limit(f.Shown[ids[0]], messageLimit))
	}
	if more := len(ids) - 1; more > 0 {
		j.summary += fmt.Sprintf(" (and %d more)", more)
	}
	if other, ok := f.postponed(now); ok {
		j.summary, j.next = j.summary+"; "+other.summary, other.next
	}
	return j, true
}

// rolling: being applied, or applied and not healthy yet.
func rolling(f Facts, _ v1alpha1.AppStatus, _ time.Time) (judgement, bool) {
	j := judgement{state: v1alpha1.StateRolling, reason: fault.Rolling}
	id, verdict, found := worstObject(f.withoutWaiting())
	if step, n := f.gated(); n > 0 && f.Pause == nil && !f.withheld() {
		return f.inTurn(step, n), true
	}
	switch {
	case f.stopped():
		if !found {
			return j, false
		}
	case !f.applied():
		j.reason, j.summary = f.stage(), name(f.Target)+" is being applied"
		if f.Target == "" {
			j.summary = "its first commit is being read"
		}
		return j, true
	case !found:
		return j, false
	}
	j.blocking = blocking(id, limit(verdict.Message, messageLimit))
	j.summary = name(f.Target) + " is rolling out: " + tell(id, verdict.Message, "is not healthy yet")
	return j, true
}

func (f Facts) stage() fault.Reason {
	if f.Stage != "" {
		return f.Stage
	}
	return fault.Applying
}

// stopped tells whether there is a reason, other than work, why the target is not applied.
func (f Facts) stopped() bool {
	return f.Pause != nil || f.withheld() || len(f.waitSteps()) > 0 || f.Fault != nil && waits(f.Fault)
}

// withheld tells whether a plan is not carried out as a whole.
func (f Facts) withheld() bool {
	return f.Target != "" && (f.Manual || f.ReadOnly) || len(f.After) > 0
}

// waiting: a named thing must happen first.
func waiting(f Facts, _ v1alpha1.AppStatus, now time.Time) (judgement, bool) {
	if j, ok := f.postponed(now); ok {
		return j, true
	}
	j := judgement{state: v1alpha1.StateWaiting}
	steps := f.waitSteps()
	held, count := f.held()
	switch {
	case f.Fault != nil && waits(f.Fault):
		j.reason, j.summary, j.next = f.Fault.Reason, sentence(f.Fault), f.Fault.Next
	case len(steps) > 0:
		j.reason, j.summary = steps[0].Reason, fmt.Sprintf("%s waits: %s", steps[0].ID, steps[0].Why)
		if steps[0].Removes() {
			j.summary = fmt.Sprintf("%s, which Git does not have any more: %s", steps[0].ID, steps[0].Why)
		}
		j.blocking = blocking(steps[0].ID, steps[0].Why)
		if more := len(steps) - 1; more > 0 {
			j.summary += fmt.Sprintf(" (and %d more)", more)
		}
	case count > 0:
		j.reason, j.summary, j.next = fault.DeletionHeld, f.heldSentence(held, count), f.allowNext()
	default:
		return j, false
	}
	return j, true
}

// postponed: a plan was made, and is not carried out.
func (f Facts) postponed(now time.Time) (judgement, bool) {
	if j, ok := f.awaited(now); ok {
		return j, true
	}
	return f.unsaid()
}

// unsaid: what would be done is only shown, until a person says so.
func (f Facts) unsaid() (judgement, bool) {
	j := judgement{state: v1alpha1.StateWaiting}
	switch {
	case f.Pause != nil || f.Target == "" || !f.Manual && !f.ReadOnly:
		return j, false
	case f.ReadOnly:
		j.reason, j.summary = fault.ReadOnly, name(f.Target)+" is only compared: the agent is read-only"
		j.next = "an agent without --read-only applies it"
	default:
		j.reason, j.summary = fault.NeedsSync, name(f.Target)+" waits for plumb sync: sync is manual"
		j.next = "plumb sync applies it"
	}
	if f.Pending != "" {
		j.summary += "; " + f.Pending
	}
	return j, true
}

// paused: by plumb pause, or held at a commit that is applied and healthy.
func paused(f Facts, _ v1alpha1.AppStatus, _ time.Time) (judgement, bool) {
	j := judgement{state: v1alpha1.StatePaused, reason: fault.Paused, next: "plumb resume ends it"}
	if f.Hold != nil {
		j.reason, j.summary = fault.Held, f.heldText()
		j.next = "it ends when the branch renders the same again, or at its time; plumb resume ends it now"
		return j, true
	}
	p := f.Pause
	if p == nil {
		return judgement{}, false
	}
	j.summary = fmt.Sprintf("paused by %s: %q", p.By, p.Reason)
	if p.Until != nil {
		j.summary += " until " + clock(p.Until.Time)
	}
	if f.Target != "" && f.Target != f.Revision {
		j.summary += "; " + name(f.Target) + " is not applied"
	}
	return j, true
}

// fine: the target is applied and healthy.
func fine(f Facts) judgement {
	if !f.applied() {
		return judgement{state: v1alpha1.StateUnknown, reason: fault.Stale, summary: "nothing is known yet"}
	}
	word := "healthy"
	if worst(f.Verdicts) == v1alpha1.Suspended {
		word = "suspended, as its own spec says"
	}
	j := judgement{state: v1alpha1.StateOK, reason: fault.Healthy, summary: name(f.Target) + " is " + word}
	if kept := f.kept(); kept > 0 {
		j.summary += fmt.Sprintf("; %s", count(kept, "object", "no longer in Git is kept", "no longer in Git are kept"))
	}
	if f.Fault != nil {
		j.summary += "; no newer commit can be read: " + sentence(f.Fault)
		j.next = f.Fault.Next
	}
	return j
}

func (f Facts) kept() int {
	if f.Plan == nil {
		return 0
	}
	n := 0
	for _, s := range f.Plan.Steps {
		if s.Action == plan.Keep {
			n++
		}
	}
	return n
}
