package agent

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"plumb.dev/plumb/api/v1alpha1"
	"plumb.dev/plumb/internal/apply"
	"plumb.dev/plumb/internal/fault"
	"plumb.dev/plumb/internal/object"
	"plumb.dev/plumb/internal/plan"
)

// takeRequests reads what people ask of the app besides a sync: to take objects over from another tool, or to give them
// back. A request that is new is tried at once; one that was carried out, or refused, is not tried again.
func (t *turn) takeRequests() {
	a := t.app
	if token := t.object.Annotations[v1alpha1.AnnotationReturn]; token != "" && token != a.returned {
		t.giveBackAsked = token
	}
	text := t.object.Annotations[v1alpha1.AnnotationAdopt]
	if text == "" {
		a.adoptNote = ""
		return
	}
	request, err := readAdoptRequest(text)
	if err != nil {
		a.adoptNote = fmt.Sprintf("the annotation %s is not carried out: %v", v1alpha1.AnnotationAdopt, err)
		return
	}
	if request.Token == a.adopted {
		return
	}
	t.adopt = request
	if a.adopting != request.Token {
		a.adopting, a.adoptNote = request.Token, ""
		a.attempts, a.retryAt = 0, time.Time{}
	}
}

func readAdoptRequest(text string) (*v1alpha1.AdoptRequest, error) {
	var request v1alpha1.AdoptRequest
	if err := json.Unmarshal([]byte(text), &request); err != nil {
		return nil, err
	}
	if request.Token == "" || request.Commit == "" || len(request.From) == 0 {
		return nil, fault.New(fault.InvalidObject, "it needs token, commit and from")
	}
	return &request, nil
}

// consentToAdopt gives from whom objects may be taken over. A consent is for the commit that was looked at.
func (t *turn) consentToAdopt() []string {
	if t.adopt == nil {
		return nil
	}
	if t.adopt.Commit == t.app.target {
		return t.adopt.From
	}
	t.app.adoptNote = fmt.Sprintf("nothing was adopted: commit %s was looked at, and by now the app is to be as in %s: plumb import --adopt %s looks again",
		short(t.adopt.Commit), short(t.app.target), t.identity().Address())
	t.app.adopted, t.adopt = t.adopt.Token, nil
	return nil
}

// concludeAdoption notes that a request is carried out, unless an object that it is about still has to be taken over.
func (t *turn) concludeAdoption() {
	open := func(out apply.Outcome) bool { return out.Step.Adopts && !out.Done }
	if t.adopt != nil && !slices.ContainsFunc(t.outcomes, open) {
		t.app.adopted = t.adopt.Token
	}
}

// giveBack lets go of all that the app has, because somebody has asked for it. It needs a pause: without one, the next pass
// would take everything that bears no mark of another tool.
func (t *turn) giveBack(ctx context.Context) {
	a := t.app
	switch {
	case t.agent.options.ReadOnly:
		a.adoptNote = fmt.Sprintf("the annotation %s is not carried out: the agent is read-only", v1alpha1.AnnotationReturn)
		return
	case !t.paused():
		a.adoptNote = fmt.Sprintf("the annotation %s is not carried out: the app is not paused; plumb import --give-back %s asks for both", v1alpha1.AnnotationReturn, t.identity().Address())
		return
	}
	a.adoptNote = ""
	if time.Now().Before(a.retryAt) {
		return
	}
	outcomes, err := t.letGo(ctx)
	if err != nil {
		t.fail(fault.Of(err, fault.ApplyFailed))
		return
	}
	for _, out := range outcomes {
		if !out.Done {
			t.fail(orFault(out.Fault, "%s is not given back yet: %s", out.Step.ID, out.Step.Why))
			return
		}
	}
	a.returned, a.attempts, a.retryAt = t.giveBackAsked, 0, time.Time{}
	a.wishes, a.faults, a.shown, a.unwished = nil, nil, nil, nil
	a.planned = &plan.Plan{Version: plan.Version} // it was looked at, and there is nothing
	a.status.Revision = ""                        // nothing of it is applied by us any more
}

// letGo carries the plan out and takes what was let go out of the Inventory.
func (t *turn) letGo(ctx context.Context) ([]apply.Outcome, error) {
	a := t.app
	client, err := t.agent.cluster.As(t.object.Namespace, t.offer.account)
	if err != nil {
		return nil, err
	}
	t.client = client
	if err := t.agent.requireAccount(ctx, t.object.Namespace, t.offer.account, t.identity().Target); err != nil {
		return nil, err
	}
	in := plan.Input{App: t.identity(), Revision: a.target, Inventory: a.entries()}
	in.Picture = plan.Picture{Version: plan.Version, Live: map[object.ID]plan.Live{}, Absent: map[object.ID]bool{}, UnknownKinds: map[string]bool{}}
	ids, versions := make([]object.ID, 0, len(in.Inventory)), t.versions()
	for id := range versions {
		if _, known, err := t.agent.cluster.Mapper().Of(ctx, id, versions[id]); err == nil && !known {
			in.Picture.UnknownKinds[id.GroupKind()] = true
			continue
		}
		ids = append(ids, id)
	}
	t.lookClosely(ctx, &in.Picture, ids, versions)
	made := plan.GiveBack(in)
	run := apply.Run{
		Target: fenced{client, t.agent.mayWrite}, Manager: t.manager(), Owner: t.identity().Owner(), Versions: versions, Slots: t.agent.slots, Superseded: t.newest, At: stepFailpoint,
	}
	failpoint("planned")
	outcomes := run.Do(ctx, made)
	failpoint("carried-out")
	done := map[object.ID]plan.Done{}
	for _, out := range outcomes {
		if out.Done {
			done[out.Step.ID] = plan.Done{}
			t.agent.facts.Forget(out.Step.ID)
		}
	}
	a.take(plan.After(a.entries(), made, done))
	t.agent.route(a)
	err = t.writeInventory(ctx)
	failpoint("written-after")
	return outcomes, err
}

func orFault(f *fault.Fault, format string, args ...any) *fault.Fault {
	if f != nil {
		return f
	}
	return fault.New(fault.ApplyFailed, format, args...)
}
