package agent

import (
	"context"
	"fmt"
	"time"

	"plumb.dev/plumb/api/v1alpha1"
	"plumb.dev/plumb/internal/fault"
	"plumb.dev/plumb/internal/policy"
)

// law is the policies of a commit, of a Repo that enforces them.
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
	changes := policy.Changes(policy.App{Name: p.App, Env: p.Env, Cluster: p.Cluster, Namespace: p.Namespace}, nil, t.rendered)
	var denied []policy.Finding
	for _, f := range policy.Evaluate(l.set, changes, time.Now()) {
		if f.Level == policy.Deny && f.Blocks() {
			denied = append(denied, f)
		}
	}
	if len(denied) == 0 {
		return nil
	}
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
