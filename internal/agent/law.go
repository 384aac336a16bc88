package agent

import (
	"context"
	"fmt"
	"time"

	"k8s.io/apimachinery/pkg/types"

	"plumb.dev/plumb/api/v1alpha1"
	"plumb.dev/plumb/internal/fault"
	"plumb.dev/plumb/internal/object"
	"plumb.dev/plumb/internal/plan"
	"plumb.dev/plumb/internal/policy"
	"plumb.dev/plumb/internal/record"
)

// law is the policies of a commit, of a Repo that enforces them. It is for the apps that the Repo makes, and for Apps by hand that name
// the Repo.
type law struct {
	set *policy.Set
	bad *fault.Fault // they cannot be read: nothing new is delivered
}

// lawOf reads the policies of a commit; nil if the Repo does not enforce them. An error says that it has to be done again.
func lawOf(ctx context.Context, o *v1alpha1.Repo, found offer, patterns []string) (*law, error) {
	if o.Spec.Policy != v1alpha1.PolicyEnforce {
		return nil, nil
	}
	if err := found.mirror.Complete(ctx, found.commit, policy.Paths(patterns)); err != nil {
		return &law{bad: fault.Of(err, fault.FetchFailed)}, err
	}
	set, bad := policy.Read(found.snapshot)
	return &law{set, bad}, nil
}

// lawOfHand reads the policies for an App by hand: those of the commit that it is offered, if it names a Repo that enforces them.
func (ag *Agent) lawOfHand(o *v1alpha1.App, found offer, patterns []string) (*law, error) {
	if o.Spec.Repo == "" {
		return nil, nil
	}
	repo := ag.repoObject(types.NamespacedName{Namespace: o.Namespace, Name: o.Spec.Repo})
	if repo == nil {
		return nil, nil
	}
	return lawOf(ag.life, repo, found, patterns)
}

// isForbidden notes whether the policies deny the offered commit.
func (t *turn) isForbidden() bool {
	t.denied = t.forbidden()
	return t.denied != nil
}

// forbidden tells why the policies do not let the offered commit through; nil if they do. What was delivered once is not
// judged again: an exception that ends takes nothing away.
func (t *turn) forbidden() *fault.Fault {
	l, a := t.offer.law, t.app
	switch {
	case l == nil || t.offer.removed || a.target == a.status.Revision:
		return nil
	case l.bad != nil:
		return l.bad
	}
	p := t.offer.placement
	app := policy.App{Name: p.App, Env: p.Env, Cluster: p.Cluster, Namespace: p.Namespace}
	changes := append(policy.Changes(app, nil, t.rendered), t.deletions(app)...)
	return denial(policy.Evaluate(l.set, changes, time.Now()), t.plan)
}

// denial says what stands in the way of a commit; nil if nothing does. While all of it is about objects that another app may want,
// which has not decided, the commit waits: it may be a move, and then nothing is deleted.
func denial(findings []policy.Finding, p *plan.Plan) *fault.Fault {
	undecided := map[object.ID]plan.Step{}
	for _, s := range p.Steps {
		if s.Action == plan.Wait && s.Removes() && s.To == "" && s.Reason == fault.WaitingForApp {
			undecided[s.ID] = s
		}
	}
	var denied []policy.Finding
	var open *plan.Step
	for _, f := range findings {
		if f.Level != policy.Deny || !f.Blocks() {
			continue
		}
		if s, ok := undecided[f.Object]; ok {
			open = &s
			continue
		}
		denied = append(denied, f)
	}
	switch {
	case len(denied) > 0:
		return denying(denied)
	case open != nil:
		return fault.New(fault.WaitingForApp, "%s, which Git does not have any more and a rule keeps: %s", open.ID, open.Why)
	}
	return nil
}

// denying tells of findings that deny.
func denying(denied []policy.Finding) *fault.Fault {
	first := denied[0]
	says := fmt.Sprintf("the rule %s denies %s: %s", first.Rule, first.Object, first.Message)
	if first.Object.Kind == "" {
		says = first.Rule + ": " + first.Message
	}
	if more := len(denied) - 1; more > 0 {
		says += fmt.Sprintf(" (and %d more)", more)
	}
	return fault.New(fault.PolicyDenied, "%s", says).At(first.Place).WithNext("plumb check shows all of them in your clone; mend it, or commit an exception that ends")
}

// deletions are the objects that the commit does not have any more and that would be deleted, at once or with consent, or as soon as
// it is known that no other app wants them: as they were rendered for what is applied, if that render is here, and else with their
// identity alone. A rule that asks for more then errs, which denies.
func (t *turn) deletions(app policy.App) []policy.Change {
	var gone []object.ID
	for _, s := range t.plan.Steps {
		switch {
		case s.Action == plan.Delete, s.Action == plan.Hold, s.Action == plan.Wait && s.Removes() && s.To == "":
			gone = append(gone, s.ID)
		}
	}
	if len(gone) == 0 {
		return nil
	}
	before := map[object.ID]object.Object{}
	if kept, ok := t.agent.cache.LoadKept(t.cacheKey()); ok {
		before = record.Rendered(kept.Manifest.Objects, t.identity(), func(o object.Object) bool { return t.namespaced(t.agent.life, o) })
	}
	changes := make([]policy.Change, len(gone))
	for i, id := range gone {
		was, known := before[id]
		if !known {
			was = bare(id, t.app.inventory[id].Version)
		}
		changes[i] = policy.Change{App: app, Before: &was}
	}
	return changes
}

// bare is an object of which nothing is known but its identity.
func bare(id object.ID, version string) object.Object {
	apiVersion := version
	if id.Group != "" {
		apiVersion = id.Group + "/" + version
	}
	metadata := map[string]any{"name": id.Name}
	if id.Namespace != "" {
		metadata["namespace"] = id.Namespace
	}
	return object.Object{Fields: map[string]any{"apiVersion": apiVersion, "kind": id.Kind, "metadata": metadata}}
}
