package agent

import (
	"context"
	"fmt"
	"time"

	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/util/workqueue"

	"plumb.dev/plumb/api/v1alpha1"
	"plumb.dev/plumb/internal/fault"
	"plumb.dev/plumb/internal/forge"
	"plumb.dev/plumb/internal/render"
	"plumb.dev/plumb/internal/revert"
	"plumb.dev/plumb/internal/source"
)

const (
	// proposeFor is how long one try to propose a revert may take.
	proposeFor = 5 * time.Minute
	// proposeTries is how often it is tried again that no retry is likely to mend: a right that a token has not got.
	proposeTries = 5
)

// revertAuthor makes the commits of reverts that nobody asked for by hand.
var revertAuthor = source.Person{Name: "Plumb", Email: "plumb@noreply.invalid"}

// proposal is a revert that is to be proposed for an app. It is made by a pass and carried out behind the passes.
type proposal struct {
	repo     types.NamespacedName
	uid      types.UID
	change   revert.Change
	why      string
	mirror   *source.Mirror
	revision string // that the Repo tracks
	own      func(path string, cameOrWent bool) bool
	request  *v1alpha1.RevertRequest // of a person; nil: the app's settings ask for it
}

// proposals are the reverts that are to be proposed, one per app.
type proposals struct {
	queue workqueue.TypedRateLimitingInterface[types.NamespacedName]
}

func newProposals() proposals {
	return proposals{queue: workqueue.NewTypedRateLimitingQueue(
		workqueue.NewTypedItemExponentialFailureRateLimiter[types.NamespacedName](2*time.Second, 10*time.Minute))}
}

// proposeRevert has a revert proposed, if the app's settings ask for it and it is due. Nothing waits for it.
func (t *turn) proposeRevert(ctx context.Context) {
	a := t.app
	maker := types.NamespacedName{Namespace: t.object.Namespace, Name: makerOf(t.object)}
	if t.hold != nil || t.agent.options.ReadOnly || !a.reported || t.offer.removed || !t.agent.hasForge(maker) {
		return
	}
	change, due := revert.Due(t.object.Name, shownName(t.object), a.status, t.offer.placement.Settings.OnFailure)
	a.mu.Lock()
	known := a.proposing != nil && (a.proposing.change.Bad == change.Bad || a.proposing.request != nil)
	a.mu.Unlock()
	o := t.agent.repoObject(maker)
	if !due || known || o == nil {
		return
	}
	p := &proposal{
		repo: maker, uid: t.object.UID, change: change, why: whyOf(a.status), mirror: t.offer.mirror, revision: o.Spec.Revision,
		own: t.ownFiles(ctx, change.Good),
	}
	a.mu.Lock()
	a.proposing = p
	a.mu.Unlock()
	t.agent.proposals.queue.Add(a.key)
}

// lastRevert gives the revert that was proposed last.
func (a *app) lastRevert() *v1alpha1.ProposedRevert {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.reverted != nil {
		return a.reverted
	}
	return a.status.Revert
}

// ownFiles tells which files the app is made of, by its render at the commit in hand and at a former one.
func (t *turn) ownFiles(ctx context.Context, former string) func(path string, cameOrWent bool) bool {
	var reads []render.Read
	var folders []string
	if t.app.recorded == nil || t.app.recorded.Failure != nil {
		folders = append(folders, t.offer.placement.Path)
	}
	extra := withoutRoot(t.offer.placement.Inputs)
	if t.app.recorded != nil {
		reads = append(reads, t.app.recorded.Manifest.Reads...)
	}
	reads = append(reads, t.app.partial...)
	of, err := t.offerAt(ctx, former)
	if err == nil {
		then := &turn{agent: t.agent, app: t.app, object: t.object, offer: of, client: t.client, log: t.log}
		manifest, _ := t.agent.renderer.Render(ctx, then.request(t.agent.cluster.Mapper().Answers(ctx))) // what it read counts, however it went
		reads = append(reads, manifest.Reads...)
		extra = append(extra, withoutRoot(of.placement.Inputs)...)
	} else {
		t.log.Warn("what the app was made of before cannot be read; a revert has the files of now", "revision", former, "error", err)
	}
	return render.Own(reads, extra, folders)
}

// withoutRoot leaves out the plumb.yaml at the root, which is nobody's own.
func withoutRoot(inputs []string) []string {
	var own []string
	for _, name := range inputs {
		if name != "plumb.yaml" {
			own = append(own, name)
		}
	}
	return own
}

// proposeAll carries proposals out, one after the other, until ctx ends.
func (ag *Agent) proposeAll(ctx context.Context) {
	queue := ag.proposals.queue
	context.AfterFunc(ctx, queue.ShutDown)
	for {
		key, shutdown := queue.Get()
		if shutdown {
			return
		}
		ag.proposeOne(ctx, key)
		queue.Done(key)
	}
}

func (ag *Agent) proposeOne(ctx context.Context, key types.NamespacedName) {
	ag.mu.Lock()
	a := ag.apps[key]
	ag.mu.Unlock()
	if a == nil || ctx.Err() != nil {
		return
	}
	a.mu.Lock()
	p := a.proposing
	live := a.object != nil && p != nil && a.object.UID == p.uid
	if live && p.request == nil && a.state != v1alpha1.StateFailed { // it has come to itself while the forge was not there
		a.proposing, live = nil, false
	}
	a.mu.Unlock()
	if !live {
		ag.proposals.queue.Forget(key)
		return
	}
	if p.request != nil {
		ag.proposals.queue.Forget(key)
		ag.carryRequest(ctx, a, p)
		return
	}
	ctx, cancel := context.WithTimeout(ctx, proposeFor)
	defer cancel()
	done, err := ag.carryProposal(ctx, p)
	queue := ag.proposals.queue
	if err == nil {
		queue.Forget(key)
		a.mu.Lock()
		a.reverted = done
		a.mu.Unlock()
		ag.log.Info("a revert is proposed", "app", key.String(), "revision", p.change.Bad, "back", p.change.Good, "pull", done.Pull, "conflicts", done.Conflicts)
		ag.queue.Add(key)
		return
	}
	f := fault.Of(err, fault.ForgeFailed)
	ag.log.Warn("a revert is not proposed", "app", key.String(), "revision", p.change.Bad, "reason", f.Reason, "error", f)
	until, told := forge.RetryAt(err)
	switch {
	case f.Reason == fault.NothingToRevert || f.Reason == fault.NotReverted:
		queue.Forget(key)
	case told:
		queue.AddAfter(key, time.Until(until)+time.Second)
	case (f.Reason == fault.CredentialsRefused || f.Code == forge.CodeRight) && queue.NumRequeues(key) >= proposeTries:
		queue.Forget(key)
	default:
		queue.AddRateLimited(key)
	}
}

// carryProposal makes the revert on top of the newest commit, pushes its branch and opens the pull request. Each step finds
// what an earlier try has left.
func (ag *Agent) carryProposal(ctx context.Context, p *proposal) (*v1alpha1.ProposedRevert, error) {
	o, opened, err := ag.forgeOf(ctx, p.repo.String())
	if err != nil {
		return nil, err
	}
	base := ""
	if opened != nil {
		base = trackedBranch(o)
	}
	if base == "" {
		return nil, fault.New(fault.NotReverted, "the Repo has no forge, or follows no branch")
	}
	for _, id := range p.change.ChangedBy {
		if p.request != nil && p.request.To != "" {
			break // a person has said where to go
		}
		if c, err := p.mirror.Commit(ctx, id); err == nil && revert.Is(c.Subject, c.Body) {
			return nil, fault.New(fault.NotReverted, "%s is a revert itself", short(id)).WithNext("a revert is not reverted: people decide")
		}
	}
	head, err := p.mirror.Resolve(ctx, p.revision)
	if err == nil {
		err = p.mirror.Fetch(ctx, head)
	}
	if err != nil {
		return nil, err
	}
	if p.request != nil && p.request.To != "" { // a commit that a person names is to be one that was merged
		if is, err := p.mirror.IsAncestor(ctx, p.request.To, head.Commit); err != nil || !is {
			return nil, fault.New(fault.NotReverted, "%s was no state of the branch %s", short(p.request.To), base)
		}
	}
	made, err := p.push(ctx, head.Commit)
	if err != nil {
		return nil, err
	}
	failpoint("revert-pushed")
	facts := revert.Facts{Change: p.change, Why: p.why, Paths: made.Paths, Conflicts: made.Conflicts, Base: base}
	pull, err := opened.Create(ctx, forge.Proposal{
		Head: p.change.Branch(), Base: base, Title: p.change.Title(), Body: facts.Body(), Labels: labelsOf(made),
	})
	if err != nil {
		return nil, err
	}
	failpoint("revert-opened")
	return &v1alpha1.ProposedRevert{Of: p.change.Bad, To: p.change.Good, Pull: pull.Number, URL: pull.URL, At: stamp(time.Now()), Conflicts: len(made.Conflicts)}, nil
}

// push makes the revert on a tip and pushes its branch.
func (p *proposal) push(ctx context.Context, tip string) (source.Reversed, error) {
	made, err := p.reverse(ctx, tip)
	if err != nil {
		return made, err
	}
	failpoint("revert-made")
	there, err := p.mirror.Offer(ctx, made.Commit, p.change.Branch())
	if err != nil || !there {
		return made, err
	}
	return p.standing(ctx, tip)
}

// standing is the revert as its branch has it, which an earlier try has pushed: made on the commit that the branch left the tip's
// history at. What people mended on it since conflicts no more.
func (p *proposal) standing(ctx context.Context, tip string) (source.Reversed, error) {
	branch, err := p.mirror.Resolve(ctx, p.change.Branch())
	if err == nil {
		err = p.mirror.Fetch(ctx, branch)
	}
	if err != nil {
		return source.Reversed{}, err
	}
	from, err := p.mirror.MergeBase(ctx, tip, branch.Commit)
	if err == nil && from == "" {
		err = fault.New(fault.NotReverted, "the branch %s has no history in common with %s", p.change.Branch(), short(tip)).WithNext("delete it: the next try makes it anew")
	}
	if err != nil {
		return source.Reversed{}, err
	}
	made, err := p.reverse(ctx, from)
	if err != nil || len(made.Conflicts) == 0 {
		return made, err
	}
	same, err := sameTree(ctx, p.mirror, from, branch.Commit)
	if !same {
		made.Conflicts = nil
	}
	return made, err
}

// sameTree tells whether two commits have the same files.
func sameTree(ctx context.Context, mirror *source.Mirror, a, b string) (bool, error) {
	var trees [2]string
	for i, commit := range []string{a, b} {
		tree, err := mirror.Snapshot(ctx, commit)
		if err != nil {
			return false, err
		}
		if trees[i], err = tree.Hash("."); err != nil {
			return false, err
		}
	}
	return trees[0] == trees[1], nil
}

func (p *proposal) reverse(ctx context.Context, tip string) (source.Reversed, error) {
	why := fmt.Sprintf("It fails: %s", p.why)
	if p.request != nil {
		why = p.why
	}
	do := source.Reversal{Tip: tip, Bad: p.change.Bad, Good: p.change.Good, Own: p.own, Message: p.change.Message(why, nil), Author: revertAuthor}
	made, err := p.mirror.Reverse(ctx, do)
	if err == nil && len(made.Conflicts) > 0 {
		do.Message = p.change.Message(why, made.Conflicts)
		return p.mirror.Reverse(ctx, do)
	}
	return made, err
}

func labelsOf(made source.Reversed) []string {
	if len(made.Conflicts) > 0 {
		return []string{revert.Label, revert.LabelConflicts}
	}
	return []string{revert.Label}
}
