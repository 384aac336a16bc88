package agent

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"plumb.dev/plumb/api/v1alpha1"
	"plumb.dev/plumb/internal/apply"
	"plumb.dev/plumb/internal/fault"
	"plumb.dev/plumb/internal/plan"
	"plumb.dev/plumb/internal/state"
)

// prunes tells whether an App is to go with its objects.
func prunes(o *v1alpha1.App) bool {
	return o.Annotations[v1alpha1.AnnotationDelete] == v1alpha1.OnDeletePrune
}

// isEnding tells whether the App object was deleted, and is kept until its objects are gone.
func (t *turn) isEnding() bool {
	return t.object.DeletionTimestamp != nil && slices.Contains(t.object.Finalizers, v1alpha1.FinalizerPrune)
}

// keepFinalizer has the App bear our finalizer while it says on-delete: prune, and not longer. It is there before the first
// object is made: an App that is deleted in between takes nothing with it.
func (t *turn) keepFinalizer(ctx context.Context) {
	wants, has := prunes(t.object), slices.Contains(t.object.Finalizers, v1alpha1.FinalizerPrune)
	var err error
	switch {
	case t.agent.options.ReadOnly || wants == has:
		return
	case wants:
		err = t.agent.ledger.PutFinalizer(ctx, t.object, v1alpha1.FinalizerPrune)
	default:
		err = t.agent.ledger.DropFinalizer(ctx, t.object, v1alpha1.FinalizerPrune)
	}
	if err != nil && ctx.Err() == nil {
		t.log.Warn("what becomes of the App's objects when it is deleted is not written on it", "error", err)
		t.later()
	}
}

// endNote says what of the annotation on-delete will surprise.
func (t *turn) endNote() string {
	value := t.object.Annotations[v1alpha1.AnnotationDelete]
	switch {
	case value == v1alpha1.OnDeletePrune && t.agent.options.ReadOnly:
		return fmt.Sprintf("%s: prune is not carried out: the agent is read-only", v1alpha1.AnnotationDelete)
	case value == v1alpha1.OnDeletePrune:
		if stays := plan.Stays(t.app.entries()); len(stays) > 0 {
			return fmt.Sprintf("%s: prune deletes the app's objects with this App, but for %s", v1alpha1.AnnotationDelete, strings.Join(stays, ", "))
		}
	case value != "" && value != "orphan":
		return fmt.Sprintf("%s: %q is neither orphan nor prune: deleting this App leaves its objects in place", v1alpha1.AnnotationDelete, value)
	}
	return ""
}

// end takes the app's objects away, because its App object was deleted and says so; when nothing is left to do it lets the
// App go. It needs the Inventory and the app's ServiceAccount, and neither Git nor a render.
func (t *turn) end(ctx context.Context) {
	t.bow()
	switch {
	case !t.isEnding():
		return // it was deleted, and is kept by others: nothing is delivered any more
	case !prunes(t.object):
		t.part(ctx)
	case t.agent.options.ReadOnly:
		t.readOnly = true
		t.ending = "deleted, and its objects stay until an agent that is not read-only takes them away"
	case t.inForce() != nil:
		t.ending = fmt.Sprintf("deleted, and its objects stay while it is paused by %s: %q", t.object.Spec.Pause.By, t.object.Spec.Pause.Reason)
	case len(t.app.faults) > 0 && time.Now().Before(t.app.retryAt):
		return
	case t.takeAway(ctx):
		t.part(ctx)
	}
	if t.ending == "" && t.fault == nil {
		return
	}
	t.offer = nil // what is told is how the end goes, not what Git wants
	t.judge(ctx)
}

// bow tells everybody that the app wants nothing any more, and that nobody need wait for it.
func (t *turn) bow() {
	commit := ""
	if t.offer != nil {
		commit = t.offer.commit
	}
	if t.agent.claims.decide(t.app.key, commit, nil) {
		t.agent.wakeWaiting(t.app.key)
	}
	if t.offer != nil && t.app.settle(t.offer) {
		t.agent.decided(t.offer.repo, t.app.key)
	}
}

// takeAway deletes what is still to be deleted. It tells whether nothing is left to do.
func (t *turn) takeAway(ctx context.Context) bool {
	a := t.app
	a.faults = nil
	made, err := t.planEnd(ctx)
	if err != nil {
		t.fail(fault.Of(err, fault.ApplyFailed))
		return false
	}
	if made.Fault != nil {
		t.fail(made.Fault)
		return false
	}
	failpoint("planned")
	t.plan, t.newest = made, nil // no newer commit changes what a person has asked for
	if err := t.writeAhead(ctx); err != nil {
		t.fail(fault.Of(err, fault.ApplyFailed))
		return false
	}
	failpoint("written-ahead")
	begun := time.Now()
	t.outcomes = t.run().Do(ctx, *made)
	failpoint("carried-out")
	t.note(begun)
	t.agent.route(a)
	if err := t.writeInventory(ctx); err != nil {
		t.fail(fault.Of(err, fault.ApplyFailed))
		return false
	}
	failpoint("written-after")
	return t.concludeEnd()
}

// planEnd looks at what the app has, and decides.
func (t *turn) planEnd(ctx context.Context) (*plan.Plan, error) {
	a := t.app
	if len(a.layout.written) == 0 && len(a.status.Inventory) > 0 {
		return nil, fault.New(fault.ApplyFailed, "the Inventory of the app is gone, and nobody else knows what it had").
			WithNext("kubectl annotate --overwrite app %s %s=orphan, and delete by hand what bears the claim %s", t.object.Name, v1alpha1.AnnotationDelete, t.identity().Owner())
	}
	account := orDefault(t.object.Spec.ServiceAccount, defaultAccount)
	client, err := t.agent.cluster.As(t.object.Namespace, account)
	if err != nil {
		return nil, err
	}
	t.client = client
	if err := t.agent.requireAccount(ctx, t.object.Namespace, account, t.identity().Target); err != nil {
		return nil, err
	}
	in := plan.Input{App: t.identity(), Revision: a.target, Inventory: a.entries(), Rollout: t.rollout()}
	in.Rollout.Done = false // what its hooks have made goes too
	if in.Desired, err = t.endHooks(ctx); err != nil {
		return nil, err
	}
	if t.offer != nil && t.offer.mirror != nil {
		in.Policy = t.policy(ctx) // for lines of consent
	}
	in.Policy.Removed = true
	if in.Picture, err = t.look(ctx, in); err != nil {
		return nil, err
	}
	made := plan.End(in)
	return &made, nil
}

// concludeEnd tells whether nothing is left to do. What is going, or waits for others, is looked at again with the news of
// it, and from time to time; what failed after a pause.
func (t *turn) concludeEnd() bool {
	var open []apply.Outcome
	moved := false
	for _, out := range t.outcomes {
		moved = moved || out.Tried && out.Done
		if !out.Done || out.Step.Begins() {
			open = append(open, out)
		}
	}
	t.app.faults = faultsOf(open)
	if len(open) == 0 {
		return true
	}
	t.agent.noteWaiting(t.app, true, false)
	if t.later(); moved {
		t.agent.queue.Add(t.app.key) // the next turn may begin
	}
	t.ending = fmt.Sprintf("deleted with its objects: %s", openText(open))
	return false
}

// openText gives "3 still there: ConfigMap/shop/a, ConfigMap/shop/b and 1 more", with why the first is.
func openText(open []apply.Outcome) string {
	const shown = 3
	var names []string
	for _, out := range open[:min(len(open), shown)] {
		names = append(names, out.Step.ID.String())
	}
	text := fmt.Sprintf("%d still there: %s", len(open), strings.Join(names, ", "))
	if more := len(open) - len(names); more > 0 {
		text += fmt.Sprintf(" and %d more", more)
	}
	if first := open[0]; first.Step.Action == plan.Wait || first.Step.Begins() {
		return text + " (" + first.Step.Why + ")"
	}
	return text + " (asked to go; see its finalizers if it stays)"
}

// part lets the App go, after it was told what stays.
func (t *turn) part(ctx context.Context) {
	if t.plan != nil {
		if left := plan.Left(*t.plan); len(left) > 0 {
			message := fmt.Sprintf("the App is deleted, and %d of its objects stay: %s", len(left), strings.Join(left, ", "))
			t.log.Warn("an App is deleted, and objects of its stay", "objects", left)
			t.event(ctx, state.Note{Reason: fault.DeletionHeld, Message: message, About: "left"})
		}
		t.app.mu.Lock()
		t.app.ended = true
		t.app.mu.Unlock()
	}
	failpoint("ended")
	if err := t.agent.ledger.DropFinalizer(ctx, t.object, v1alpha1.FinalizerPrune); err != nil {
		t.fail(fault.Of(err, fault.ApplyFailed))
	}
}
