package agent

import (
	"context"
	"time"

	"plumb.dev/plumb/internal/apply"
	"plumb.dev/plumb/internal/fault"
	"plumb.dev/plumb/internal/plan"
)

// carryOut makes the Plan so: inventory ahead, apply, inventory after.
func (t *turn) carryOut(ctx context.Context) {
	t.examine(ctx)
	t.hideDrift()
	t.readLogs(ctx)
	if t.plan.Quiet() {
		t.outcomes = apply.Run{}.Do(ctx, *t.plan)
		t.evidence()
		t.finish(time.Now())
		return
	}
	failpoint("planned")
	if err := t.writeAhead(ctx); err != nil {
		t.fail(fault.Of(err, fault.ApplyFailed))
		return
	}
	failpoint("written-ahead")
	t.evidence()
	begun := time.Now()
	t.execute(ctx, *t.plan)
	failpoint("carried-out")
	t.finish(begun)
}

// execute makes the requests of a plan.
func (t *turn) execute(ctx context.Context, p plan.Plan) {
	station := t.stage(stageApply)
	t.strip(ctx)
	run := t.run()
	run.Ordered = station.ordered
	t.outcomes = run.Do(ctx, p)
	station.applied(t.outcomes)
}

// run is how a plan is carried out.
func (t *turn) run() apply.Run {
	return apply.Run{
		Target: fenced{t.client, t.agent.mayWrite}, Manager: t.manager(), Owner: t.identity().Owner(), Policy: t.policyOf(), Versions: t.versions(),
		Slots: t.agent.slots, Single: t.agent.single, Superseded: t.newest, Served: t.agent.cluster.Mapper().Invalidate,
		At: stepFailpoint,
	}
}

// finish takes up what was done. The books of it are written when the state is judged.
func (t *turn) finish(begun time.Time) {
	t.note(begun)
	t.conclude()
	t.unwritten = true
}

// writeBooks writes the Inventory of what was done, if anything was: behind what other apps are to apply, if nobody waits for it.
// It tells whether it could.
func (t *turn) writeBooks(ctx context.Context) bool {
	if !t.unwritten {
		return true
	}
	t.unwritten = false
	t.yield(ctx)
	if err := t.writeAfter(ctx); err != nil {
		t.applied = false
		t.fail(fault.Of(err, fault.ApplyFailed))
		return false
	}
	failpoint("written-after")
	return true
}
