package agent

import (
	"context"
	"fmt"
	"slices"
	"time"

	"plumb.dev/plumb/api/v1alpha1"
	"plumb.dev/plumb/internal/fault"
	"plumb.dev/plumb/internal/health"
	"plumb.dev/plumb/internal/object"
	"plumb.dev/plumb/internal/plan"
)

// course is how an app goes through the phases and waves of a revision. Nothing of it must survive: the Inventory has what
// hooks have done.
type course struct {
	gated   map[object.ID]bool       // wishes that wait for others of the app
	awaited map[object.ID]awaited    // what they wait for, as the last plan saw it
	next    bool                     // there is a turn to take: a plan was made and not carried out, or was, and the next may begin
	late    bool                     // nothing had become healthier for too long
	allowed string                   // the target that somebody asked for, where sync is manual
	logs    map[object.ID]failureLog // of hooks that failed
}

// rollout says how far the revision in hand has come.
func (t *turn) rollout() plan.Rollout {
	a := t.app
	r := plan.Rollout{Done: a.status.Revision == a.target, Install: a.status.Revision == ""}
	if end := a.status.EndHooks; end != nil && (t.offer == nil || t.offer.removed || t.object.DeletionTimestamp != nil) {
		r.Last = end.Revision
	}
	if t.asked {
		token := t.object.Annotations[v1alpha1.AnnotationSync]
		r.Again = object.DigestBytes([]byte(token))[len("sha256:"):][:8]
	}
	if a.planned == nil || a.planned.Revision != a.target {
		return r
	}
	for _, f := range a.faults {
		switch f.Reason {
		case fault.Rejected, fault.ImmutableField, fault.Forbidden:
			r.Failed = f.Message
		}
	}
	return r
}

// lookAtHealth tells how the objects of an app with an order are. Of another app nobody waits for that.
func (t *turn) lookAtHealth(ctx context.Context, p *plan.Picture, in plan.Input, versions map[object.ID]string) {
	a := t.app
	t.seen, a.course.late = nil, false
	if !plan.Ordered(in.Desired) && !in.Rollout.Ending() {
		return
	}
	ignored := map[object.ID]bool{}
	for _, o := range in.Desired {
		ignored[o.ID()] = ignoresHealth(o)
	}
	p.Health, p.Troubled, t.seen = map[object.ID]health.Verdict{}, map[object.ID]bool{}, map[object.ID]awaited{}
	for id, version := range versions {
		w := wish{version: version, ignored: ignored[id]}
		verdict, known, saw := t.condition(ctx, id, w, p.Live[id].UID)
		if _, exists := p.Live[id]; exists && known {
			p.Health[id] = verdict
		}
		if a.troubles[id] != "" {
			p.Troubled[id] = true
		}
		t.seen[id] = awaited{w, saw}
	}
	p.Late = t.late(time.Now())
	a.course.late = p.Late
}

// awaited is an object that others of the app wait for, and how the last plan saw it.
type awaited struct {
	wish wish
	saw  string
}

// condition tells how an object is, if that is known of the one with this UID, and what of it a plan depends on.
func (t *turn) condition(ctx context.Context, id object.ID, w wish, uid string) (v health.Verdict, known bool, saw string) {
	fact, seen := t.agent.facts.Get(id)
	if !seen || fact.UID != uid {
		entry := t.app.inventory[id]
		return health.Verdict{Health: v1alpha1.Progressing, Message: "it is not seen yet"}, entry.UID != "" && entry.UID == uid, fact.UID
	}
	v = t.verdict(ctx, id, w)
	return v, true, fmt.Sprint(fact.UID, fact.Terminating, v.Health)
}

// rememberOrder keeps what the plan waits for by the order of its app.
func (t *turn) rememberOrder() {
	c := &t.app.course
	c.next = slices.ContainsFunc(t.plan.Steps, func(s plan.Step) bool { return s.Run != nil || s.Gated() })
	c.gated, c.awaited = map[object.ID]bool{}, map[object.ID]awaited{}
	for _, s := range t.plan.Steps {
		if !s.Gated() {
			continue
		}
		if s.Run == nil && !s.Removes() {
			c.gated[s.ID] = true
		}
		for _, id := range s.After {
			c.awaited[id] = t.seen[id]
		}
	}
}

// turns tells whether what the last plan waits for by the order of its app is not as it was then.
func (t *turn) turns(ctx context.Context) bool {
	c := &t.app.course
	if c.next {
		return true
	}
	if len(c.awaited) > 0 && c.late != t.late(time.Now()) {
		return true
	}
	for id, before := range c.awaited {
		fact, _ := t.agent.facts.Get(id)
		if _, _, saw := t.condition(ctx, id, before.wish, fact.UID); saw != before.saw {
			return true
		}
	}
	return false
}

// late tells whether nothing of the app has become healthier for as long as its settings allow.
func (t *turn) late(now time.Time) bool {
	since := t.app.progress.since
	return !since.IsZero() && now.Sub(since) >= t.patience()
}

// open tells whether something of the order is still to be done.
func (c *course) open() bool { return c.next || len(c.awaited) > 0 }

// goesOn tells whether a pass goes on with what somebody asked for, where sync is manual: a revision with hooks or waves
// takes more than one.
func (t *turn) goesOn() bool {
	a := t.app
	return a.course.allowed == a.target && a.planned != nil && a.planned.Revision == a.target && slices.ContainsFunc(a.planned.Steps, plan.Step.Gated)
}

// ignoresHealth tells whether the health of an object does not count.
func ignoresHealth(o object.Object) bool {
	marks, _, err := object.MarksOf(o)
	return err == nil && marks.IgnoreHealth
}

// hookVerdicts gives the health of the hooks that run.
func (t *turn) hookVerdicts(ctx context.Context) map[object.ID]health.Verdict {
	a := t.app
	if a.planned == nil {
		return nil
	}
	verdicts := map[object.ID]health.Verdict{}
	for _, s := range a.planned.Steps {
		if s.Run == nil || s.Run.State != plan.RunStarted || a.inventory[s.ID].UID == "" {
			continue
		}
		w := wish{version: a.inventory[s.ID].Version}
		verdicts[s.ID], _, _ = t.condition(ctx, s.ID, w, a.inventory[s.ID].UID)
	}
	return verdicts
}
