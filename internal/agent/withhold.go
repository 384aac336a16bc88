package agent

import (
	"context"
	"time"

	"plumb.dev/plumb/internal/apply"
	"plumb.dev/plumb/internal/fault"
	"plumb.dev/plumb/internal/plan"
)

// lookAgain is how often a read-only agent looks at objects that it would take over: they bear no label of ours, so no watch
// tells of them.
const lookAgain = 5 * time.Minute

// withholding says why a plan is not carried out as a whole; "" if it is.
func (t *turn) withholding() fault.Reason {
	switch {
	case t.agent.options.ReadOnly:
		return fault.ReadOnly
	case t.plan.Quiet():
		return ""
	case t.isForbidden():
		return fault.PolicyDenied
	case t.manual() && !t.asked && !t.goesOn() && t.adopt == nil:
		return fault.NeedsSync
	case plan.Writes(*t.plan) > 0 && t.awaits():
		return fault.WaitingForApp
	}
	return ""
}

// withhold shows what a plan would do, and does not do it. What is not of the offered commit, but drift of what was applied
// before, is undone all the same while other apps are waited for, or while policies deny the commit.
func (t *turn) withhold(ctx context.Context, why fault.Reason) {
	t.examine(ctx)
	t.hideDrift()
	if why != fault.WaitingForApp && why != fault.PolicyDenied {
		t.compare(ctx)
	}
	t.pending = plan.PendingOf(*t.plan)
	t.agent.noteWaiting(t.app, blockedByOther(t.plan), asksForUnserved(t.plan))
	switch why {
	case fault.WaitingForApp:
		if t.cycle != nil {
			t.fault = t.cycle
		}
		t.healOnly(ctx)
	case fault.PolicyDenied:
		t.fault = t.denied
		t.healOnly(ctx)
	case fault.ReadOnly:
		t.evidence()
		if t.readOnly = t.pending != nil; t.readOnly {
			t.agent.queue.AddAfter(t.app.key, lookAgain)
		}
		if t.pending == nil && len(t.hidden) == 0 {
			t.app.planned, t.applied = t.plan.Outline(), true // as in Git: there is nothing to do
		}
	default:
		t.evidence()
		t.needsSync = t.pending != nil
	}
}

// healOnly carries out what a plan undoes of drift, and nothing else of it.
func (t *turn) healOnly(ctx context.Context) {
	a, whole := t.app, t.plan
	healing := plan.Healing(*whole)
	t.plan = &healing
	defer func() { t.plan = whole }()
	if healing.Quiet() {
		t.evidence()
		return
	}
	if err := t.writeAhead(ctx); err != nil {
		t.fail(fault.Of(err, fault.ApplyFailed))
		return
	}
	t.evidence()
	t.execute(ctx, healing)
	times := a.times // it is no part of the revision
	t.note(time.Now())
	a.times = times
	if err := t.writeInventory(ctx); err != nil {
		t.fail(fault.Of(err, fault.ApplyFailed))
		return
	}
	a.faults = faultsOf(t.outcomes)
	if len(a.faults) > 0 {
		t.later()
	}
}

// faultsOf lists what failed, but for what a newer commit has stopped.
func faultsOf(outcomes []apply.Outcome) []*fault.Fault {
	var faults []*fault.Fault
	for _, out := range outcomes {
		if out.Fault != nil && out.Fault.Reason != fault.Superseded {
			faults = append(faults, out.Fault)
		}
	}
	return faults
}
