package agent

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"sync"

	"k8s.io/apimachinery/pkg/types"

	"plumb.dev/plumb/api/v1alpha1"
	"plumb.dev/plumb/internal/fault"
	"plumb.dev/plumb/internal/object"
	"plumb.dev/plumb/internal/origin"
	"plumb.dev/plumb/internal/people"
	"plumb.dev/plumb/internal/plan"
	"plumb.dev/plumb/internal/render"
	"plumb.dev/plumb/internal/report"
	"plumb.dev/plumb/internal/revert"
)

// known is what people are told of apps: it implements people.Agent.
type known struct{ *Agent }

// Desired gives an app as it was rendered at the revision that is applied, or is being applied.
func (k known) Desired(ctx context.Context, namespace, name string) (people.Desired, bool) {
	a := k.appOf(namespace, name)
	if a == nil {
		return people.Desired{}, false
	}
	o, of, _ := a.mailbox()
	if o == nil {
		return people.Desired{}, false
	}
	recorded, revision, ok := k.renderOf(o)
	if !ok {
		return people.Desired{}, false
	}
	identity := (&turn{object: o, offer: of}).identity()
	objects, _, err := plan.Ready(recorded.Manifest.Objects, identity, func(o object.Object) bool {
		kind, served, err := k.cluster.Mapper().Of(ctx, o.ID(), o.Version())
		return err != nil || !served || kind.Namespaced
	})
	if err != nil {
		return people.Desired{}, false
	}
	d := people.Desired{Revision: revision, Objects: objects, Rules: a.healthRules()}
	if of != nil {
		d.Ignore = of.placement.Settings.Ignore
		d.Origins = func(ctx context.Context, want object.Object, fields []origin.Field) []origin.Origin {
			t := &turn{agent: k.Agent, app: &app{key: a.key, status: o.Status}, object: o, offer: of, head: of, log: k.log}
			return t.origins(ctx, recorded, revision, want, fields)
		}
	}
	return d, true
}

// renderOf gives the render that the cluster is to be like, and its revision: while an older revision stays applied, that of it.
func (k known) renderOf(o *v1alpha1.App) (recorded *render.Recorded, revision string, ok bool) {
	st, key := o.Status, cacheKey(o)
	applying := st.State == v1alpha1.StateRolling || st.State == v1alpha1.StateFailed
	if st.Revision != st.Target && st.Revision != "" && !applying {
		if recorded, ok = k.cache.LoadKept(key); ok {
			return recorded, st.Revision, true
		}
	}
	if recorded, ok = k.cache.Load(key); ok && recorded.Failure == nil {
		return recorded, st.Target, true
	}
	recorded, ok = k.cache.LoadKept(key)
	return recorded, st.Revision, ok
}

func (k known) appOf(namespace, name string) *app {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.apps[types.NamespacedName{Namespace: namespace, Name: name}]
}

// ownNamespaces gives those that hold an App or a Repo: one that cannot be read has made no App yet.
func (ag *Agent) ownNamespaces() []string {
	ag.mu.Lock()
	defer ag.mu.Unlock()
	found := map[string]bool{}
	for key := range ag.apps {
		found[key.Namespace] = true
	}
	for key := range ag.repos {
		found[key.Namespace] = true
	}
	return slices.Sorted(maps.Keys(found))
}

// Revertible gives what a pull request of the agent's would take back of an app, or why it cannot.
func (k known) Revertible(namespace, name, to string) (revert.Change, error) {
	a := k.appOf(namespace, name)
	if a == nil {
		return revert.Change{}, fault.New(fault.PathNotFound, "there is no app %s/%s", namespace, name)
	}
	o, _, _ := a.mailbox()
	if o == nil {
		return revert.Change{}, fault.New(fault.PathNotFound, "there is no app %s/%s", namespace, name)
	}
	return k.revertOf(o, to)
}

var fullCommit = regexp.MustCompile(`^[0-9a-f]{40}$`)

// revertOf finds what a revert of an app takes back, if the agent can propose one.
func (ag *Agent) revertOf(o *v1alpha1.App, to string) (revert.Change, error) {
	maker := types.NamespacedName{Namespace: o.Namespace, Name: makerOf(o)}
	repo := ag.repoObject(maker)
	switch {
	case to != "" && !fullCommit.MatchString(to):
		return revert.Change{}, fault.New(fault.NotReverted, "%q is no commit", to).WithNext("give all 40 digits")
	case ag.options.ReadOnly:
		return revert.Change{}, fault.New(fault.ReadOnly, "the agent is read-only").WithNext("plumb rollback %s proposes it with your own Git", shownName(o))
	case repo == nil || repo.Spec.Forge == nil:
		return revert.Change{}, fault.New(fault.NotReverted, "the agent opens no pull requests for it: its Repo names no forge (spec.forge)").
			WithNext("plumb rollback %s pushes a branch with your own Git", shownName(o))
	case trackedBranch(repo) == "":
		return revert.Change{}, fault.New(fault.NotReverted, "its Repo follows no branch that is known")
	}
	return revert.Choose(o.Name, shownName(o), o.Status, to)
}

// trackedBranch is the branch that a Repo follows; "" if it follows none, or was not read yet.
func trackedBranch(repo *v1alpha1.Repo) string {
	if repo.Status.Observed == nil {
		return ""
	}
	branch, _ := strings.CutPrefix(repo.Status.Observed.Ref, "refs/heads/")
	if strings.HasPrefix(branch, "refs/") {
		return ""
	}
	return branch
}

// takeRevert takes up that a person asks for a revert (plumb.dev/revert). It is carried out behind the passes, once: whoever
// wants another try asks again.
func (t *turn) takeRevert(ctx context.Context) {
	a := t.app
	text := t.object.Annotations[v1alpha1.AnnotationRevert]
	if text == "" || t.offer == nil {
		return
	}
	var request v1alpha1.RevertRequest
	if err := json.Unmarshal([]byte(text), &request); err != nil || request.Token == "" {
		a.mu.Lock()
		a.revertNote = fmt.Sprintf("the annotation %s is not carried out: it is no RevertRequest", v1alpha1.AnnotationRevert)
		a.mu.Unlock()
		return
	}
	a.mu.Lock()
	seen := a.revertAsked == request.Token
	a.revertAsked = request.Token
	a.mu.Unlock()
	if seen {
		return
	}
	change, err := t.agent.revertOf(t.object, request.To)
	if err != nil {
		t.agent.concludeRevert(a, request.Token, people.Answer{Err: err})
		return
	}
	maker := types.NamespacedName{Namespace: t.object.Namespace, Name: makerOf(t.object)}
	p := &proposal{
		repo: maker, uid: t.object.UID, change: change, why: askedBy(request), mirror: t.offer.mirror,
		revision: t.agent.repoObject(maker).Spec.Revision, own: t.ownFiles(ctx, change.Good), request: &request,
	}
	a.mu.Lock()
	a.proposing = p
	a.mu.Unlock()
	t.agent.proposals.queue.Add(a.key)
}

// handledRevert gives the token of the last request for a revert that was carried out, or refused.
func (a *app) handledRevert() string {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.revertHandled
}

// takeHandledRevert takes up which request a former life of the agent has answered.
func (a *app) takeHandledRevert(token string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.revertAsked, a.revertHandled = token, token
}

// noteOnRevert says why a request for a revert was refused.
func (a *app) noteOnRevert() string {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.revertNote
}

// askedBy says who asks for a revert, and why.
func askedBy(request v1alpha1.RevertRequest) string {
	text := "asked for by " + cmp.Or(report.Clean(request.By), "somebody")
	if reason := report.Clean(request.Reason); reason != "" {
		text += ": " + reason
	}
	return text
}

// concludeRevert notes what has become of a person's request, for the status and for who waits.
func (ag *Agent) concludeRevert(a *app, token string, answer people.Answer) {
	a.mu.Lock()
	a.revertHandled, a.revertNote = token, ""
	if answer.Err != nil {
		a.revertNote = "the revert that was asked for is not proposed: " + fault.Of(answer.Err, fault.NotReverted).Message
	}
	a.mu.Unlock()
	ag.answers.put(token, answer)
	ag.queue.Add(a.key)
}

// answers are what has become of requests, for those who wait. Few are kept: the status says the same.
type answers struct {
	mu     sync.Mutex
	known  map[string]people.Answer
	order  []string
	change chan struct{} // closed at the next one
}

const answersKept = 100

func newAnswers() *answers {
	return &answers{known: map[string]people.Answer{}, change: make(chan struct{})}
}

func (s *answers) put(token string, answer people.Answer) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.known[token] = answer
	if s.order = append(s.order, token); len(s.order) > answersKept {
		delete(s.known, s.order[0])
		s.order = s.order[1:]
	}
	close(s.change)
	s.change = make(chan struct{})
}

// wait gives an answer when it is there; false if ctx ends before.
func (s *answers) wait(ctx context.Context, token string) (people.Answer, bool) {
	for {
		s.mu.Lock()
		answer, ok := s.known[token]
		change := s.change
		s.mu.Unlock()
		if ok {
			return answer, true
		}
		select {
		case <-change:
		case <-ctx.Done():
			return people.Answer{}, false
		}
	}
}

// Reverted waits for what becomes of a request for a revert; false if ctx ends before.
func (k known) Reverted(ctx context.Context, _, _, token string) (people.Answer, bool) {
	return k.answers.wait(ctx, token)
}

// carryRequest carries out what a person has asked for. It is tried once.
func (ag *Agent) carryRequest(ctx context.Context, a *app, p *proposal) {
	ctx, cancel := context.WithTimeout(ctx, proposeFor)
	defer cancel()
	done, err := ag.carryProposal(ctx, p)
	a.mu.Lock()
	a.proposing = nil
	if err == nil {
		a.reverted = done
	}
	a.mu.Unlock()
	if err != nil {
		f := fault.Of(err, fault.ForgeFailed)
		ag.log.Warn("a revert is not proposed", "app", a.key.String(), "revision", p.change.Bad, "reason", f.Reason, "error", f)
		ag.concludeRevert(a, p.request.Token, people.Answer{Err: f})
		return
	}
	ag.log.Info("a revert is proposed", "app", a.key.String(), "revision", p.change.Bad, "back", p.change.Good, "pull", done.Pull, "conflicts", done.Conflicts)
	ag.concludeRevert(a, p.request.Token, people.Answer{URL: done.URL, Conflicts: done.Conflicts})
}
