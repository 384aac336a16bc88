package agent

import (
	"context"
	"fmt"
	"slices"
	"time"

	"k8s.io/apimachinery/pkg/types"

	"plumb.dev/plumb/internal/fault"
	"plumb.dev/plumb/internal/object"
	"plumb.dev/plumb/internal/plan"
	"plumb.dev/plumb/internal/preview"
	"plumb.dev/plumb/internal/report"
	"plumb.dev/plumb/internal/revert"
	"plumb.dev/plumb/internal/server"
	"plumb.dev/plumb/internal/source"
)

const (
	// previewFor is how long the preview of a revert may take, waiting for others included.
	previewFor = time.Minute
	// previewsAtOnce is how many are made at once: each renders an app twice.
	previewsAtOnce = 2
)

// PreviewRevert makes the revert that a person may ask for, on top of the newest commit that was seen, and compares what the app
// is rendered to. Nothing is pushed, and the cluster is not asked: what is shown is what Git says, without values of Secrets.
func (k known) PreviewRevert(ctx context.Context, namespace, name, to string) (server.RevertPreview, error) {
	ctx, cancel := context.WithTimeout(ctx, previewFor)
	defer cancel()
	select {
	case k.previews <- struct{}{}:
		defer func() { <-k.previews }()
	case <-ctx.Done():
		return server.RevertPreview{}, fault.New(fault.Unreachable, "other previews are still being made").WithNext("try again")
	}
	a := k.appOf(namespace, name)
	if a == nil {
		return server.RevertPreview{}, fault.New(fault.PathNotFound, "there is no app %s/%s", namespace, name)
	}
	o, of, _ := a.mailbox()
	if o == nil || of == nil || of.mirror == nil || of.fault != nil {
		return server.RevertPreview{}, fault.New(fault.NotReverted, "no commit of it was read yet").WithNext("try again")
	}
	change, err := k.revertOf(o, to)
	if err != nil {
		return server.RevertPreview{}, err
	}
	// A pass has an app to itself; this is another one, that only knows what is kept of it.
	t := &turn{agent: k.Agent, app: &app{key: a.key, status: o.Status}, object: o, offer: of, head: of, log: k.log}
	if recorded, ok := k.cache.Load(cacheKey(o)); ok {
		t.app.recorded = recorded
	}
	return t.previewRevert(ctx, change, to)
}

func (t *turn) previewRevert(ctx context.Context, change revert.Change, to string) (server.RevertPreview, error) {
	repo := t.agent.repoObject(types.NamespacedName{Namespace: t.object.Namespace, Name: makerOf(t.object)})
	out := server.RevertPreview{From: change.Bad, To: change.Good}
	if repo != nil {
		out.Branch = trackedBranch(repo)
	}
	if err := t.mayGoBack(ctx, change, to, out.Branch); err != nil {
		return server.RevertPreview{}, err
	}
	p := &proposal{change: change, why: "a preview", mirror: t.offer.mirror, own: t.ownFiles(ctx, change.Good)}
	made, err := p.reverse(ctx, t.offer.commit)
	if err != nil {
		return server.RevertPreview{}, err
	}
	out.Files, out.Conflicts = made.Paths, made.Conflicts
	if len(made.Conflicts) > 0 {
		out.NotTold = "people have to mend the conflicts first"
		return out, nil
	}
	if out.Objects, err = t.objectsOfRevert(ctx, made); err != nil {
		if ctx.Err() != nil {
			return server.RevertPreview{}, ctx.Err()
		}
		out.NotTold = fault.Of(err, fault.RenderFailed).Message
	}
	return out, nil
}

// mayGoBack tells why a revert would be refused when it is asked for: a revert is not reverted unless a person says where to go,
// and nobody goes where the branch never was.
func (t *turn) mayGoBack(ctx context.Context, change revert.Change, to, branch string) error {
	if to != "" {
		if is, err := t.offer.mirror.IsAncestor(ctx, to, t.offer.commit); err != nil || !is {
			return fault.New(fault.NotReverted, "%s was no state of the branch %s", short(to), branch)
		}
		return nil
	}
	for _, id := range change.ChangedBy {
		if c, err := t.offer.mirror.Commit(ctx, id); err == nil && revert.Is(c.Subject, c.Body) {
			return fault.New(fault.NotReverted, "%s is a revert itself", short(id)).WithNext("a revert is not reverted: people decide")
		}
	}
	return nil
}

// objectsOfRevert compares the app as it was rendered last with what the revert makes of it.
func (t *turn) objectsOfRevert(ctx context.Context, made source.Reversed) ([]report.PublicObject, error) {
	recorded, _, ok := known{t.agent}.renderOf(t.object)
	if !ok {
		return nil, fault.New(fault.RenderFailed, "the app was not rendered yet")
	}
	of, err := t.offerAt(ctx, made.Commit)
	if err != nil {
		return nil, fmt.Errorf("the app at the revert cannot be read: %w", err)
	}
	then := &turn{agent: t.agent, app: t.app, object: t.object, offer: of, log: t.log}
	manifest, err := t.agent.renderer.Render(ctx, then.request(t.agent.cluster.Mapper().Answers(ctx)))
	if err != nil {
		return nil, err
	}
	namespaced := func(o object.Object) bool { return t.namespaced(ctx, o) }
	before, _, err := plan.Ready(recorded.Manifest.Objects, t.identity(), namespaced)
	if err != nil {
		return nil, err
	}
	after, _, err := plan.Ready(manifest.Objects, then.identity(), namespaced)
	if err != nil {
		return nil, err
	}
	both := slices.Concat(before, after)
	var out []report.PublicObject
	for _, d := range preview.RenderedRisks(before, after) {
		out = append(out, report.Public(d, both...))
	}
	return out, nil
}
