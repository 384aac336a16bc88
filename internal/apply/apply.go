// Package apply carries a Plan out: order by order, in parallel where order does not matter, and reports what became of
// each step.
//
// It never decides: a step that the Plan does not hold is never made up, with one exception that the Plan's own rules
// answer (plan.OnImmutable). Nothing that Git does not have is deleted unless every apply before it succeeded. It never retries a step that was
// refused: the caller plans again.
//
// Start at Run.
package apply

import (
	"context"
	"sync"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"plumb.dev/plumb/api/v1alpha1"
	"plumb.dev/plumb/internal/cluster"
	"plumb.dev/plumb/internal/fault"
	"plumb.dev/plumb/internal/object"
	"plumb.dev/plumb/internal/plan"
	"plumb.dev/plumb/internal/redact"
)

// Reader reads live objects.
type Reader interface {
	Get(ctx context.Context, id object.ID, version string) (object.Object, []metav1.ManagedFieldsEntry, error)
	GetMetadata(ctx context.Context, id object.ID, version string) (metav1.ObjectMeta, error)
}

// Writer changes live objects.
type Writer interface {
	Apply(ctx context.Context, o object.Object, opts cluster.ApplyOptions) (cluster.Applied, error)
	Patch(ctx context.Context, id object.ID, version string, patch []byte, manager string) (cluster.Applied, error)
	Delete(ctx context.Context, id object.ID, version string, exact cluster.Exactly) error
}

// Target is where a Plan is carried out.
type Target interface {
	Reader
	Writer
}

// Outcome is what became of one step.
type Outcome struct {
	Step    plan.Step
	Applied cluster.Applied // of Apply and Replace: the answer's metadata
	Done    bool            // the step was carried out
	Fault   *fault.Fault    // why not
	Took    []string        // from whom fields were taken
	Tried   bool            // a request was sent
	Found   bool            // of a New one: there is one, which was left as it is
	Pending bool            // of Delete, and of a hook's Replace: the deletion was accepted, and the object still stands
}

// Run is one carrying out of a Plan.
type Run struct {
	Target  Target
	Manager string
	Owner   string // the app's claim: what does not bear it is never deleted
	Policy  plan.Policy
	// Versions is the API version at which an object that is no longer in Git was applied, from the Inventory.
	Versions map[object.ID]string
	// Slots bounds the requests in flight over all apps; nil means no bound.
	Slots chan struct{}
	// Single bounds those of them that make a Service, over all apps: the API server gives out cluster IPs one after the other,
	// and whoever waits for one must not keep others from being applied. nil means no bound.
	Single chan struct{}
	// Superseded is closed when a newer commit asks to stop at the next safe boundary.
	Superseded <-chan struct{}
	// Served is called after CustomResourceDefinitions were established, so that their kinds are known from then on.
	Served func()
	// At is called at named steps between a decision and its effect; nil, as it is in every release, is not called.
	At func(point string)
	// Ordered is told of each order that was carried out, and when it began; nil is not.
	Ordered func(outcomes []Outcome, begun time.Time)
	// Limit is how long one wait for an object may last. Default 30 s.
	Limit time.Duration
}

// Do carries the steps out and gives an Outcome for each, in the order of the Plan.
func (r Run) Do(ctx context.Context, p plan.Plan) []Outcome {
	if r.Limit == 0 {
		r.Limit = 30 * time.Second
	}
	outcomes := make([]Outcome, len(p.Steps))
	for i, step := range p.Steps {
		outcomes[i].Step = step
	}
	for first := 0; first < len(outcomes); {
		end := first
		for end < len(outcomes) && outcomes[end].Step.Order == outcomes[first].Step.Order {
			end++
		}
		begun := time.Now()
		r.order(ctx, outcomes[first:end], outcomes[:first])
		if r.Ordered != nil {
			r.Ordered(outcomes[first:end], begun)
		}
		first = end
	}
	hush(outcomes)
	return outcomes
}

// hush takes the values of the plan's Secrets out of what is told: those who reject an object like to quote it.
func hush(outcomes []Outcome) {
	var secrets []redact.Secret
	known := false
	for i := range outcomes {
		f := outcomes[i].Fault
		if f == nil {
			continue
		}
		if !known {
			secrets, known = secretsOf(outcomes), true
		}
		if message, next := redact.Text(f.Message, secrets...), redact.Text(f.Next, secrets...); message != f.Message || next != f.Next {
			quiet := *f
			quiet.Message, quiet.Next, quiet.Cause = message, next, nil
			outcomes[i].Fault = &quiet
		}
	}
}

func secretsOf(outcomes []Outcome) []redact.Secret {
	var secrets []redact.Secret
	for _, out := range outcomes {
		if out.Step.Object != nil {
			secrets = append(secrets, redact.Needles(*out.Step.Object)...)
		}
	}
	return secrets
}

// order carries out the steps of one order in parallel.
func (r Run) order(ctx context.Context, now, before []Outcome) {
	var wait sync.WaitGroup
	blocked := anyFailed(before) || anyFailed(now)
	for i := range now {
		out := &now[i]
		if r.stopped(ctx) {
			out.Fault = overtaken(out.Step)
			continue
		}
		if out.Step.Action == plan.Delete && blocked && out.Step.Phase == "" {
			out.Fault = fault.New(fault.ApplyFailed, "%s: not removed, because not everything was applied", out.Step.ID)
			continue
		}
		if !sends(out.Step.Action) {
			out.Done = out.Step.Action != plan.Refuse && out.Step.Action != plan.Wait
			out.Fault = out.Step.Fault
			continue
		}
		queued := queues(out.Step)
		if !queued {
			r.acquire()
		}
		wait.Go(func() {
			if queued {
				defer occupy(r.Single)()
				r.acquire()
			}
			defer r.release()
			if queued && r.stopped(ctx) { // it may have waited for long
				out.Fault = overtaken(out.Step)
				return
			}
			out.Tried = true
			if err := r.step(ctx, out); err != nil {
				out.Fault = fault.Of(err, fault.ApplyFailed)
				return
			}
			out.Done = !out.Pending
		})
	}
	wait.Wait()
	r.establish(ctx, now)
}

// at tells that a step is reached.
func (r Run) at(point string) {
	if r.At != nil {
		r.At(point)
	}
}

func (r Run) step(ctx context.Context, out *Outcome) error {
	defer func() { r.at("after-" + string(out.Step.Action)) }() // an Apply may have become a Replace
	switch out.Step.Action {
	case plan.Apply:
		return r.apply(ctx, out)
	case plan.Replace:
		return r.replace(ctx, out)
	case plan.Delete:
		return r.remove(ctx, out)
	case plan.Release:
		return r.surrender(ctx, out.Step)
	case plan.Return:
		return r.giveBack(ctx, out.Step)
	}
	return nil
}

// tries is how often a request is repeated that another writer got in the way of: controllers write status at any time.
const tries = 5

// remove deletes an object if it is as it was just now, with our claim on it. It is done when the object is gone, or
// another by now. While finalizers hold it, or nobody can say whether it is gone, it is asked for and not done.
func (r Run) remove(ctx context.Context, out *Outcome) error {
	gone, err := r.deleteExactly(ctx, out.Step)
	if err != nil || gone {
		return err
	}
	out.Pending = r.stands(ctx, out.Step)
	return nil
}

// deleteExactly asks for the deletion of the object that the step is about, by its UID and the version that was read just
// before, if it bears our claim. gone tells that it was not there any more.
func (r Run) deleteExactly(ctx context.Context, step plan.Step) (gone bool, err error) {
	for try := 1; ; try++ {
		live, err := r.Target.GetMetadata(ctx, step.ID, r.version(step))
		switch {
		case cluster.IsGone(err) || err == nil && string(live.UID) != step.UID:
			return true, nil
		case err != nil:
			return false, err
		case !r.mayDelete(step, live):
			return false, fault.New(fault.OwnedByOther, "%s is not deleted: it does not bear this app's claim any more", step.ID)
		case live.DeletionTimestamp != nil:
			return false, nil
		}
		r.at("before-delete")
		err = r.Target.Delete(ctx, step.ID, r.version(step), cluster.Exactly{UID: step.UID, Version: live.ResourceVersion})
		if cluster.IsGone(err) {
			return true, nil
		}
		if !cluster.IsOther(err) || try == tries {
			return false, err
		}
	}
}

// mayDelete tells whether an object bears our claim, or none where none is needed: an app's own namespace bears the label
// alone, and what is replaced at its first claim was nobody's. The plan may name the claim of an App that is gone.
func (r Run) mayDelete(step plan.Step, live metav1.ObjectMeta) bool {
	claim := live.Annotations[v1alpha1.AnnotationOwner]
	namespace := step.ID.Group == "" && step.ID.Kind == "Namespace"
	return claim == r.Owner || claim != "" && claim == step.Claim || claim == "" && (namespace || step.Action == plan.Replace && step.First)
}

func (r Run) version(step plan.Step) string {
	if step.Object != nil {
		return step.Object.Version()
	}
	return r.Versions[step.ID]
}

func overtaken(s plan.Step) *fault.Fault {
	return fault.New(fault.Superseded, "%s: stopped, a newer commit is here", s.ID)
}

// queues tells whether the API server makes an object of this kind only while it makes no other: it allocates a cluster IP
// for a new Service under one lock (Kubernetes 1.37, MetaAllocator.AllocateNextService).
func queues(s plan.Step) bool {
	return s.ID.Group == "" && s.ID.Kind == "Service" && s.Action == plan.Apply && s.UID == ""
}

// occupy takes a place, and gives what gives it back.
func occupy(places chan struct{}) (leave func()) {
	if places == nil {
		return func() {}
	}
	places <- struct{}{}
	return func() { <-places }
}

func (r Run) acquire() {
	if r.Slots != nil {
		r.Slots <- struct{}{}
	}
}

func (r Run) release() {
	if r.Slots != nil {
		<-r.Slots
	}
}

func (r Run) stopped(ctx context.Context) bool {
	select {
	case <-ctx.Done():
		return true
	case <-r.Superseded:
		return true
	default:
		return false
	}
}

func sends(a plan.Action) bool {
	return a == plan.Apply || a == plan.Replace || a == plan.Delete || a == plan.Release || a == plan.Return
}

func anyFailed(outcomes []Outcome) bool {
	for _, out := range outcomes {
		if out.Fault != nil || out.Step.Action == plan.Refuse || out.Step.Action == plan.Wait && out.Step.Object != nil {
			return true
		}
	}
	return false
}
