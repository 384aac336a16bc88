package agent

import (
	"time"

	apimeta "k8s.io/apimachinery/pkg/api/meta"

	"plumb.dev/plumb/api/v1alpha1"
	"plumb.dev/plumb/internal/apply"
	"plumb.dev/plumb/internal/fault"
	"plumb.dev/plumb/internal/plan"
	"plumb.dev/plumb/internal/traces"
)

// station is one stage of the line while it has work: it is measured, and a span of the commit's trace.
type station struct {
	turn  *turn
	name  string
	begun time.Time
	span  *traces.Span
}

// stage begins a stage.
func (t *turn) stage(name string) station {
	begun := time.Now()
	return station{turn: t, name: name, begun: begun, span: t.span(t.app.status.Revision != t.app.target).Begin(name, begun)}
}

// newsStage begins a stage that is there only because the commit changed something.
func (t *turn) newsStage(name string) station {
	begun := time.Now()
	return station{turn: t, name: name, begun: begun, span: t.span(true).Begin(name, begun)}
}

// end ends the stage, with what the span tells of it.
func (s station) end(err error, fields ...any) {
	s.turn.agent.metrics.took(s.name, s.begun)
	s.span.End(time.Now(), err, fields...)
}

// ordered tells of one order of an apply: what was carried out at once, before the next.
func (s station) ordered(outcomes []apply.Outcome, begun time.Time) {
	if s.span == nil || len(outcomes) == 0 {
		return
	}
	failed := error(nil)
	for _, out := range outcomes {
		if out.Fault != nil {
			failed = out.Fault
		}
	}
	s.span.Begin("order", begun, "order", outcomes[0].Step.Order, "objects", len(outcomes)).End(time.Now(), failed)
}

// applied ends an apply.
func (s station) applied(outcomes []apply.Outcome) {
	counts, failed := map[plan.Action]int{}, error(nil)
	for _, out := range outcomes {
		counts[out.Step.Action]++
		if out.Fault != nil && failed == nil {
			failed = out.Fault
		}
	}
	s.end(failed, "applied", counts[plan.Apply], "replaced", counts[plan.Replace], "deleted", counts[plan.Delete],
		"held", counts[plan.Hold], "waiting", counts[plan.Wait])
}

// appTrace is the span of an app's way through the stages at the offer in hand. It may take several passes.
type appTrace struct {
	offer *offer
	span  *traces.Span // nil: not begun
	done  bool         // ended well: what follows, such as a heal, is no news of the commit
}

// span gives the app's span at the commit in hand; nil where there are no traces, or nothing to tell. With begin it is begun if it
// was not.
func (t *turn) span(begin bool) *traces.Span {
	if t.offer == nil || t.offer.trace == nil {
		return nil
	}
	trace := &t.app.trace
	if trace.offer != t.offer {
		trace.span.End(time.Now(), nil, "state", "superseded")
		*trace = appTrace{offer: t.offer}
	}
	if trace.span == nil && begin && !trace.done {
		trace.span = t.offer.trace.Begin("app", time.Now(), "app", t.app.key.String())
	}
	return trace.span
}

// traceJudged ends the app's span when it is known how the commit went.
func (t *turn) traceJudged(status v1alpha1.AppStatus, now time.Time) {
	span := t.span(false)
	if span == nil {
		return
	}
	fields := []any{"revision", status.Target, "state", string(status.State), "changed", t.app.times.changed}
	switch status.State {
	case v1alpha1.StateRolling, v1alpha1.StateWaiting, v1alpha1.StateUnknown:
		return
	case v1alpha1.StateFailed:
		reason := fault.ApplyFailed
		if ready := apimeta.FindStatusCondition(status.Conditions, v1alpha1.ConditionReady); ready != nil {
			reason = fault.Reason(ready.Reason)
		}
		t.traceObserved(span, now, fault.New(reason, "failed"))
		span.End(now, fault.New(reason, "failed"), fields...)
	default:
		t.traceObserved(span, now, nil)
		span.End(now, nil, fields...)
		t.app.trace.done = true
	}
	t.app.trace.span = nil
}

// traceObserved tells how long health was waited for.
func (t *turn) traceObserved(span *traces.Span, now time.Time, err error) {
	if times := t.app.times; times.revision == t.app.target && !times.applied.IsZero() {
		span.Begin(stageObserve, times.applied, "objects", len(t.app.wishes)).End(now, err)
	}
}

// becameApplied measures how long the commit took that was just applied completely.
func (t *turn) becameApplied(now time.Time) {
	times := t.app.times
	if times.ours && !times.seen.IsZero() {
		t.agent.metrics.applied.Observe(now.Sub(times.seen).Seconds())
	}
}

// becameHealthy measures how long it took until the commit in hand was healthy, and how long that was waited for.
func (t *turn) becameHealthy(now time.Time) {
	times := t.app.times
	if !times.ours || times.seen.IsZero() || times.applied.IsZero() {
		return
	}
	t.agent.metrics.healthy.Observe(now.Sub(times.seen).Seconds())
	t.agent.metrics.stages.WithLabelValues(stageObserve).Observe(now.Sub(times.applied).Seconds())
}

// orNil gives a fault as an error: nil if there is none.
func orNil(f *fault.Fault) error {
	if f == nil {
		return nil
	}
	return f
}
