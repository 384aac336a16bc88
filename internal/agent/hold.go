package agent

import (
	"context"
	"slices"
	"time"

	"plumb.dev/plumb/api/v1alpha1"
	"plumb.dev/plumb/internal/fault"
	"plumb.dev/plumb/internal/object"
	"plumb.dev/plumb/internal/source"
	"plumb.dev/plumb/internal/state"
)

// hold is what is known of the Hold of an app (spec.pause.at): a commit that is applied in the place of the newest one.
type hold struct {
	over   string       // the Hold that ended because the branch rendered the same, by its name
	head   *offer       // the newest commit that the others were made for
	at     string       // the commit
	offer  *offer       // the app at that commit
	fault  *fault.Fault // why it cannot be read
	seen   *offer       // the newest commit that was compared with it
	newest string       // the newest commit that changed the inputs and is not applied
}

// inForce gives the pause or Hold that holds now, and has the app looked at again when its time is over.
func (t *turn) inForce() *v1alpha1.Pause {
	p := state.InForce(t.object.Spec.Pause, t.app.hold.over, time.Now())
	if p != nil && p.Until != nil {
		t.agent.queue.AddAfter(t.app.key, time.Until(p.Until.Time))
	}
	return p
}

// paused tells whether nothing is to be applied or healed.
func (t *turn) paused() bool {
	p := t.inForce()
	return p != nil && p.At == ""
}

// takeHold puts the commit of a Hold in the place of the newest one. What it gives is an error only if that cannot be read:
// then nothing is done, for neither of the two is what was asked for.
func (t *turn) takeHold(ctx context.Context) error {
	h := &t.app.hold
	p := t.inForce()
	if p == nil || p.At == "" {
		if h.offer != nil {
			t.anew()
		}
		*h = hold{over: h.over}
		return nil
	}
	switch {
	case h.head == t.head && h.at == p.At && h.offer != nil:
	case h.head == t.head && h.at == p.At && h.fault != nil && time.Now().Before(t.app.retryAt):
		return h.fault
	default:
		*h = hold{over: h.over, head: t.head, at: p.At}
		if h.offer, h.fault = t.readHold(ctx, p.At); h.fault != nil {
			t.later()
			return h.fault
		}
		t.anew()
	}
	t.offer, t.hold = h.offer, p
	t.newest = nil // a newer commit is no reason to stop: it is not applied
	return nil
}

// anew has the commit that is in hand now tried at once, whatever became of the one before.
func (t *turn) anew() {
	a := t.app
	a.attempts, a.retryAt, a.broken, a.partial = 0, time.Time{}, nil, nil
}

// readHold reads the app at the commit of a Hold. After the cache was lost, or from behind a force-push, it is fetched.
func (t *turn) readHold(ctx context.Context, commit string) (*offer, *fault.Fault) {
	err := t.head.mirror.Fetch(ctx, source.Head{Commit: commit, Kind: source.Exact})
	if err == nil {
		var of *offer
		if of, err = t.offerAt(ctx, commit); err == nil {
			err = of.holdSources(ctx, t.app.status.Sources)
		}
		if err == nil {
			of.seen, of.by, of.trace, of.marks = time.Now(), "hold", nil, false
			return of, nil
		}
	}
	return nil, fault.New(fault.HoldUnreadable, "the app is held at %s, which cannot be read, so that nothing is applied: %w", short(commit), err).
		WithNext("correct spec.pause.at, or plumb resume")
}

// lookBeyondHold ends a Hold when the newest commit renders the same as the one that is held, as after a revert, and else
// notes what the Hold keeps away. It tells whether the Hold has ended: then the newest commit is to be looked at. A commit
// costs one comparison.
func (t *turn) lookBeyondHold(ctx context.Context) (over bool) {
	a := t.app
	if t.hold == nil || a.hold.seen == t.head || a.recorded == nil || a.recorded.Failure != nil {
		return false
	}
	same, err := t.rendersSame(ctx)
	if err != nil {
		t.log.Debug("whether the branch renders as what is held is not known", "error", err)
	}
	a.hold.seen = t.head
	if !same {
		a.hold.newest = t.keptAway(ctx)
		return false
	}
	t.log.Info("a Hold has ended: the branch renders the same", "held", t.hold.At, "revision", t.head.commit)
	a.hold.over = state.HoldName(t.hold)
	return true
}

// rendersSame tells whether the newest commit gives the same objects as what is held. If it cannot be rendered, it does not.
func (t *turn) rendersSame(ctx context.Context) (bool, error) {
	if t.head.removed || t.head.fault != nil {
		return false, nil
	}
	answers := t.agent.cluster.Mapper().Answers(ctx)
	head := *t.head
	head.sources = t.offer.sources // what came from elsewhere is held on both sides
	there := &turn{agent: t.agent, app: t.app, object: t.object, offer: &head, client: t.client, log: t.log}
	request := there.request(answers)
	if t.app.recorded.Unchanged(request) {
		return true, answers.Failure()
	}
	manifest, err := t.agent.renderer.Render(ctx, request)
	if err != nil || answers.Failure() != nil {
		return false, err
	}
	held, err := t.rendering(ctx)
	if err != nil {
		return false, err
	}
	return slices.Equal(printsOf(manifest.Objects), printsOf(held.Manifest.Objects)), nil
}

// printsOf gives the digests of objects, in order.
func printsOf(objects []object.Object) []string {
	prints := make([]string, len(objects))
	for i, o := range objects {
		prints[i] = o.ID().String() + " " + object.DigestBytes(object.Canonical(o.Fields))
	}
	slices.Sort(prints)
	return prints
}

// keptAway gives the newest commit after the held one that changed the app's inputs; that of the branch if it cannot be told.
func (t *turn) keptAway(ctx context.Context) string {
	forward, err := t.head.mirror.IsAncestor(ctx, t.offer.commit, t.head.commit)
	if err != nil || !forward {
		return t.head.commit
	}
	log, err := t.head.mirror.Log(ctx, t.offer.commit, t.head.commit, logLimit)
	if err != nil {
		return t.head.commit
	}
	for _, c := range log {
		if t.touches(ctx, c, t.app.recorded) {
			return c.ID
		}
	}
	return ""
}

// heldBack is what the status says of a Hold.
func (t *turn) heldBack() *v1alpha1.Held {
	if t.hold == nil {
		return nil
	}
	return &v1alpha1.Held{At: t.hold.At, Newest: t.app.hold.newest}
}

// descends tells whether the commit in hand comes after another. One that a person holds the app at is as good if it is of
// the branch that is tracked: it is known to be one of its states, and going back to it was asked for.
func (t *turn) descends(ctx context.Context, base string) (bool, error) {
	if t.hold != nil {
		return t.head.mirror.IsAncestor(ctx, t.offer.commit, t.head.commit)
	}
	return t.offer.mirror.IsAncestor(ctx, base, t.offer.commit)
}
