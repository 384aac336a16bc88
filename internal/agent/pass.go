package agent

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"plumb.dev/plumb/api/v1alpha1"
	"plumb.dev/plumb/internal/apply"
	"plumb.dev/plumb/internal/cluster"
	"plumb.dev/plumb/internal/fault"
	"plumb.dev/plumb/internal/object"
	"plumb.dev/plumb/internal/plan"
	"plumb.dev/plumb/internal/render"
	"plumb.dev/plumb/internal/state"
)

// turn is one app's way through the stages. It lives for one pass.
type turn struct {
	agent  *Agent
	app    *app
	object *v1alpha1.App
	offer  *offer          // what is to be applied
	head   *offer          // the newest commit; another than offer only in a Hold
	hold   *v1alpha1.Pause // in force
	newest <-chan struct{}
	place  *place
	client *cluster.Client
	log    *slog.Logger

	fresh         *render.Recorded // of this turn's render
	objects       []object.Object  // desired, with our marks; loaded only when something is to be planned
	rendered      []object.Object  // as Git has them, where policies judge them
	denied        *fault.Fault     // the policies deny the offered commit
	loaded        bool
	plan          *plan.Plan
	outcomes      []apply.Outcome
	fault         *fault.Fault           // stops the app
	unread        *fault.Fault           // why no newer commit can be read: what was offered holds
	asked         bool                   // plumb sync asked for this pass
	adopt         *v1alpha1.AdoptRequest // plumb import asks to take objects over
	giveBackAsked string                 // token of a request to give them back
	applied       bool                   // a plan was carried out completely
	unwritten     bool                   // what was done is not in the Inventory yet
	needsSync     bool                   // sync: manual, and somebody must ask
	readOnly      bool                   // something would be done, and the agent is read-only
	pending       *v1alpha1.Pending      // what would be done and is not
	after         []state.Peer           // apps that must be ok first
	cycle         *fault.Fault           // apps wait for each other, and this is one of them
	hidden        []plan.Step            // drift that is shown and not undone
	rules         *plan.Policy
	exams         map[object.ID]exam
	seen          map[object.ID]awaited          // how the objects of an app with an order were when the plan was made
	found         map[object.ID][]v1alpha1.Drift // what is to be undone in this pass
	before        string                         // the revision that was applied when this pass began
	ending        string                         // the App is deleted with its objects, and how that goes
}

// pass takes one app through the stages: render, look, plan, apply, observe, record.
func (ag *Agent) pass(ctx context.Context, key types.NamespacedName) {
	ag.mu.Lock()
	a := ag.apps[key]
	ag.mu.Unlock()
	if a == nil {
		return
	}
	o, of, newest := a.mailbox()
	if o == nil {
		return
	}
	t := &turn{agent: ag, app: a, object: o, offer: of, head: of, newest: newest, log: ag.log.With("app", key.String()), place: ag.precedence.enter()}
	defer t.place.leave()
	t.begin()
	if o.DeletionTimestamp != nil {
		t.end(ctx)
		return
	}
	t.keepFinalizer(ctx)
	if of == nil {
		t.withoutOffer(ctx)
		return
	}
	switch {
	case t.giveBackAsked != "":
		t.giveBack(ctx)
	case t.prepare(ctx):
		if t.lookBeyondHold(ctx) {
			ag.queue.Add(key)
			return
		}
		t.act(ctx)
	}
	if t.asked {
		a.synced = o.Annotations[v1alpha1.AnnotationSync] // tried; the state says how it went
	}
	t.judge(ctx)
	failpoint("judged")
	t.settle()
	t.tellDependents()
	t.record(ctx)
	t.announce()
	t.takeRevert(ctx)
	t.proposeRevert(ctx)
	t.retire(ctx)
	if pause := time.Until(a.retryAt); pause > 0 {
		ag.queue.AddAfter(key, pause+time.Millisecond) // an earlier wake-up has taken the place of the one that was asked for
	}
}

// withoutOffer is the turn of an app that no commit was offered to yet: there is nothing to say, unless its repository cannot
// be read.
func (t *turn) withoutOffer(ctx context.Context) {
	t.app.mu.Lock()
	t.fault = t.app.sourceFault
	t.app.mu.Unlock()
	if t.fault == nil {
		return
	}
	if t.agent.claims.decide(t.app.key, "", t.kept()) {
		t.agent.wakeWaiting(t.app.key)
	}
	t.judge(ctx)
}

// begin takes up what a former life of the agent recorded.
func (t *turn) begin() {
	a := t.app
	token := t.object.Annotations[v1alpha1.AnnotationSync]
	if !a.begun {
		a.begun = true
		a.status = *t.object.Status.DeepCopy()
		a.synced, a.adopted, a.returned = a.status.Handled.Sync, a.status.Handled.Adopt, a.status.Handled.GiveBack
		a.takeHandledRevert(a.status.Handled.Revert)
		a.hold.over = a.status.Handled.Hold
		a.book.isNew = len(a.status.History) == 0
		a.target, a.changedBy = a.status.Target, a.status.ChangedBy
		a.inventory, a.layout = t.agent.takeInventory(t.object)
		a.rebase, a.told = a.status.HeldCount > 0, a.status.Target
		t.agent.route(a)
	}
	t.before = a.status.Revision
	if woken := a.wake(); woken || a.tried != t.offer {
		a.tried, a.attempts, a.retryAt = t.offer, 0, time.Time{}
	}
	if token != "" && token != a.synced && a.mayStart(token) {
		t.asked = true
		a.attempts, a.retryAt = 0, time.Time{}
	}
	t.takeRequests()
}

// prepare brings the wishes up to the offered commit. It tells whether there is something to act on.
func (t *turn) prepare(ctx context.Context) bool {
	a := t.app
	a.mu.Lock()
	t.unread = a.sourceFault
	a.mu.Unlock()
	t.fault = t.unread
	if err := t.takeHold(ctx); err != nil {
		t.fault = fault.Of(err, fault.HoldUnreadable)
		t.cannotTell()
		return false
	}
	if t.offer.fault != nil {
		t.fault = t.offer.fault
		t.cannotTell()
		return false
	}
	client, err := t.agent.cluster.As(t.object.Namespace, t.offer.account)
	if err != nil {
		t.fault = fault.Of(err, fault.ServiceAccountMissing)
		t.cannotTell()
		return false
	}
	t.client = client
	if err := t.takeSettings(); err != nil {
		t.fault = fault.Of(err, fault.InvalidSettings)
		t.cannotTell()
		return false
	}
	if err := t.requireLocal(); err != nil {
		t.fault = fault.Of(err, fault.ClusterUnknown)
		t.decide(t.kept()) // what it wants, it wants of another cluster
		return false
	}
	if a.isAwaiting() {
		a.rendered = nil // what it asked of the cluster may have another answer, now that others were applied
	}
	if err := t.render(ctx); err != nil {
		t.fault = fault.Of(err, fault.RenderFailed)
		t.cannotTell()
		return false
	}
	return true
}

// retire takes away the App object of a folder that is gone from Git, when nothing of it is left in the cluster.
func (t *turn) retire(ctx context.Context) {
	a := t.app
	if !t.offer.removed || t.fault != nil || len(a.faults) > 0 || a.wishes == nil || !a.isOver() {
		return
	}
	if err := t.agent.ledger.DeleteApp(ctx, a.key.Namespace, a.key.Name, t.object.UID); err != nil {
		t.log.Warn("the App of a folder that is gone was not deleted", "error", err)
		t.later()
	}
}

// kept lists what an app still wants whose commit cannot be read: what it has.
func (t *turn) kept() map[object.ID]bool {
	ids := make(map[object.ID]bool, len(t.app.inventory))
	for id := range t.app.inventory {
		ids[id] = true
	}
	return ids
}

// act makes the cluster so, if anything differs and nothing forbids it.
func (t *turn) act(ctx context.Context) {
	a := t.app
	t.claim(ctx)
	t.cycle = t.agent.order.of(a.key.Namespace).CycleFault(a.key.Name)
	defer func() {
		if t.fault == nil {
			t.fault = t.cycle // what is applied is kept true all the same
		}
	}()
	if a.refused != nil {
		t.fault = a.refused
		return
	}
	if t.paused() || time.Now().Before(a.retryAt) {
		return
	}
	t.sweepSecrets(ctx)
	moved, quiet := t.quiet(ctx)
	if quiet {
		a.shown = nil // what differed is as in Git again
		a.endDrift(func(v1alpha1.Drift) bool { return true })
		t.arrive()
	}
	if quiet && !t.asked && t.adopt == nil {
		return
	}
	t.log.Debug("a pass plans", "because", moved, "asked", t.asked)
	if err := t.agent.requireAccount(ctx, t.object.Namespace, t.offer.account, t.identity().Target); err != nil {
		t.fail(fault.Of(err, fault.ServiceAccountMissing))
		return
	}
	if err := t.makePlan(ctx); err != nil {
		t.fail(fault.Of(err, fault.ApplyFailed))
		return
	}
	if t.plan.Fault != nil {
		t.fault, a.wishes = t.plan.Fault, nil // an app that cannot be planned is not quiet
		return
	}
	if why := t.withholding(); why != "" {
		t.withhold(ctx, why)
		return
	}
	t.arrive()
	if t.asked {
		a.course.allowed = a.target
	}
	t.carryOut(ctx)
}

// claim tells the other apps what this one wants of the offered commit, before anything may stop it: nobody must wait for
// the word of an app that is quiet, paused or fails.
func (t *turn) claim(ctx context.Context) {
	c, key, commit := t.agent.claims, t.app.key, t.head.commit
	switch {
	case c.decided(key, commit):
	case t.app.wishes != nil && c.still(key, commit):
		t.agent.wakeWaiting(key)
	case t.load(ctx) != nil:
		t.cannotTell() // makePlan meets the error again, and tells it
	default:
		t.decide(idSet(plan.Claims(t.objects)))
	}
}

// decide notes what the app wants of the offered commit, and wakes those who waited for that.
func (t *turn) decide(ids map[object.ID]bool) {
	if t.agent.claims.decide(t.app.key, t.head.commit, ids) {
		t.agent.wakeWaiting(t.app.key)
	}
}

// fail notes a fault that another try may mend, and when that is.
func (t *turn) fail(f *fault.Fault) {
	t.fault = f
	t.later()
}

// manual tells whether a person must say when a commit is applied. Who holds the app at a commit has said so.
func (t *turn) manual() bool { return t.hold == nil && t.offer.placement.Settings.Sync == "manual" }

func (t *turn) heals() bool {
	heal := t.offer.placement.Settings.Heal
	return heal == nil || *heal
}

// makePlan looks at the cluster and decides.
func (t *turn) makePlan(ctx context.Context) error {
	if err := t.load(ctx); err != nil {
		return err
	}
	in := plan.Input{
		App: t.identity(), Revision: t.app.target, Desired: t.objects,
		Inventory: t.app.entries(), Rollout: t.rollout(),
	}
	if t.offer.removed {
		var err error
		if in.Desired, err = t.endHooks(ctx); err != nil {
			return err
		}
	}
	in.Policy = t.policy(ctx)
	t.decide(idSet(plan.Claims(t.objects)))
	station := t.stage(stageLook)
	picture, err := t.look(ctx, in)
	station.end(err, "objects", len(picture.Live))
	if err != nil {
		return err
	}
	in.Picture = picture
	station = t.stage(stagePlan)
	made := plan.Make(in)
	station.end(orNil(made.Fault), "steps", len(made.Steps))
	t.plan = &made
	if made.Fault == nil {
		t.remember()
	}
	return nil
}

// remember keeps what the Plan wishes for, without the fields.
func (t *turn) remember() {
	a := t.app
	a.wishes = make(map[object.ID]wish, len(t.plan.Steps))
	a.left = map[object.ID]bool{}
	for _, s := range t.plan.Steps {
		if s.Object == nil || s.Run != nil {
			continue
		}
		a.wishes[s.ID] = wish{version: s.Object.Version(), digest: s.Digest, ignored: ignoresHealth(*s.Object)}
		if s.Action == plan.Leave {
			a.left[s.ID] = true
		}
	}
	a.consentedAt = t.offer.commit
	a.planWarnings = t.plan.Warnings
	a.unwished = map[object.ID]string{}
	for id, entry := range a.inventory {
		if _, wished := a.wishes[id]; !wished && entry.Hook == "" {
			a.unwished[id] = t.sight(id)
		}
	}
	t.rememberOrder()
	a.forgetStrangers()
	t.agent.route(a)
}

// sight is what the watch shows of an object that is not in Git, as far as a plan depends on it.
func (t *turn) sight(id object.ID) string {
	fact, _ := t.agent.facts.Get(id)
	return fmt.Sprint(fact.UID, fact.Owner, fact.Terminating)
}

// conclude draws the line under an apply: what failed is tried again, with growing patience.
func (t *turn) conclude() {
	a := t.app
	a.faults = nil
	superseded, retry, gated, moved, found := false, false, false, false, false
	a.deleting = false
	for _, out := range t.outcomes {
		moved = moved || out.Tried && out.Done
		switch {
		case out.Pending:
			a.deleting = true
		case out.Step.Gated(), out.Step.Begins() && out.Fault == nil:
			gated = true // news of what it waits for, or of the hook, bring it on
		case out.Fault == nil && out.Step.Action == plan.Wait:
			retry = true
		case out.Fault == nil:
		case out.Found:
			found = true
		case out.Fault.Reason == fault.Superseded:
			superseded = true
		default:
			a.faults = append(a.faults, out.Fault)
			retry = retry || out.Fault.Reason != fault.HookFailed // that is tried again by a commit, or when somebody asks
		}
	}
	a.planned, a.cut = t.plan.Outline(), superseded
	t.agent.noteWaiting(a, a.deleting || blockedByOther(a.planned), asksForUnserved(a.planned))
	if found {
		t.agent.queue.Add(a.key)
	}
	if superseded || found {
		return
	}
	if !gated {
		t.concludeAdoption() // what comes in a later wave is still to be taken over
	}
	t.applied = len(a.faults) == 0 && !retry && !gated
	if t.agent.claims.done(a.key, wishesApplied(t.outcomes)) {
		t.agent.wakeWaiting(a.key)
	}
	if retry || a.deleting {
		t.later()
		return
	}
	a.attempts, a.retryAt = 0, time.Time{}
	if a.course.next = gated && moved; a.course.next {
		t.agent.queue.Add(a.key) // what was applied may be healthy as soon as it is there
	}
}

// wishesApplied tells whether all that Git has was applied. What is to be removed is another matter: it may wait for the
// very app that waits for this one.
func wishesApplied(outcomes []apply.Outcome) bool {
	return !slices.ContainsFunc(outcomes, func(out apply.Outcome) bool { return !out.Step.Removes() && !out.Done })
}

func (t *turn) identity() plan.App {
	if t.offer == nil {
		s := t.object.Spec
		return plan.App{
			Namespace: t.object.Namespace, Name: t.object.Name, UID: string(t.object.UID),
			App: orDefault(s.App, t.object.Name), Env: s.Env, Cluster: orDefault(s.Cluster, "local"), Target: s.Namespace,
		}
	}
	p := t.offer.placement
	return plan.App{
		Namespace: t.object.Namespace, Name: t.object.Name, UID: string(t.object.UID),
		App: p.App, Env: p.Env, Cluster: orDefault(p.Cluster, "local"), Target: p.Namespace,
	}
}

func (t *turn) manager() string { return object.Manager(t.object.Namespace, t.object.Name) }

// settle tells the Repo that its app has decided on the offered commit, once the app's own status names it: whoever waits
// for a commit looks at the Repo first, then at the apps that the commit changed.
func (t *turn) settle() {
	if t.app.told != t.app.target || !t.app.settle(t.head) {
		return
	}
	t.agent.decided(t.head.repo, t.app.key)
}

func idSet(ids []object.ID) map[object.ID]bool {
	set := make(map[object.ID]bool, len(ids))
	for _, id := range ids {
		set[id] = true
	}
	return set
}

func stamp(t time.Time) *metav1.Time {
	if t.IsZero() {
		return nil
	}
	m := metav1.NewTime(t.Truncate(time.Second))
	return &m
}

// exact is a time to the microsecond: what comes of a commit takes less than a second.
func exact(t time.Time) *metav1.MicroTime {
	if t.IsZero() {
		return nil
	}
	m := metav1.NewMicroTime(t.Truncate(time.Microsecond))
	return &m
}
