package cli

import (
	"cmp"
	"context"
	"io/fs"
	"slices"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"plumb.dev/plumb/api/v1alpha1"
	"plumb.dev/plumb/internal/fault"
	"plumb.dev/plumb/internal/fleet"
	"plumb.dev/plumb/internal/object"
	"plumb.dev/plumb/internal/plan"
	"plumb.dev/plumb/internal/preview"
	"plumb.dev/plumb/internal/report"
)

// adoption works out what it means that an app takes its objects over, as of the commit that the agent would apply.
func (l *live) adoption(ctx context.Context, app v1alpha1.App) (report.Adoption, error) {
	commit := app.Status.Target
	out := report.Adoption{Address: report.Target{App: app}.Address(), Commit: commit}
	switch tree := l.tree(ctx, commit); {
	case app.Spec.Pause != nil:
		out.Fault = fault.New(fault.Paused, "it is paused by %s: %s", app.Spec.Pause.By, app.Spec.Pause.Reason).WithNext("plumb resume %s, then run this again", out.Address)
	case commit == "":
		out.Fault = fault.New(fault.RevisionNotFound, "the agent has not read a commit for it yet").WithNext("plumb why %s", out.Address)
	case tree == nil:
		out.Fault = fault.New(fault.RevisionNotFound, "commit %s, which the agent would apply, is not in this clone", short7(commit)).
			WithNext("run this in a clone of its repository, after git fetch")
	default:
		subject, err := l.adoptee(ctx, app, tree)
		if err != nil {
			return out, err
		}
		out, err = l.previewer().Adopt(ctx, subject)
		out.Commit = commit
		return out, err
	}
	return out, nil
}

// adoptee renders an app as it is in a tree.
func (l *live) adoptee(ctx context.Context, app v1alpha1.App, tree fs.FS) (preview.App, error) {
	placed := l.placed(app, tree)
	subject := preview.App{
		Identity: plan.App{
			Namespace: app.Namespace, Name: app.Name, UID: string(app.UID), App: cmp.Or(placed.App, app.Name), Env: placed.Env, Cluster: fleet.Local, Target: placed.Namespace,
		},
		Inventory: l.has[string(app.UID)], Settings: placed.Settings, Before: placed.Fault,
		Policy: plan.Policy{Complete: true, Descendant: true, Replace: placed.Settings.Replace},
	}
	if placed.Fault != nil {
		return subject, nil
	}
	request := requestOf(tree, placed)
	sources := l.besides.of(ctx, &app, l.fleet)
	if sources.fault != nil {
		subject.Before = sources.fault
		return subject, ctx.Err()
	}
	use(&request, sources.applied)
	if err := l.charts.complete(ctx, tree, placed, &request); err != nil {
		subject.Before = fault.Of(err, fault.FetchFailed)
		return subject, ctx.Err()
	}
	recorded, err := l.renderOnce(ctx, request, app.Status.Revision != "", nil)
	if err != nil {
		subject.Before = fault.Of(err, fault.RenderFailed)
		return subject, ctx.Err()
	}
	subject.Base = preview.Side{Objects: recorded.Manifest.Objects, Namespace: placed.Namespace}
	return subject, nil
}

// placed finds an app in a tree; one that is not there has a Fault.
func (l *live) placed(app v1alpha1.App, tree fs.FS) fleet.App {
	if metav1.GetControllerOf(&app) == nil {
		found := fleet.ByHand(tree, &app)
		found.App.Fault = found.Fault
		return found.App
	}
	for _, repo := range l.fleet.Repos {
		if !made(&app, repo) {
			continue
		}
		result := fleet.Discover(fleet.Input{Tree: tree, Apps: repo.Spec.Apps, Clusters: l.clusters, Offline: l.offline, Repo: repo.Name, Namespace: repo.Namespace})
		if f := result.Blocked(); f != nil {
			return fleet.App{Fault: f}
		}
		if i := slices.IndexFunc(result.Apps, func(a fleet.App) bool { return a.Name == app.Name }); i >= 0 {
			return result.Apps[i]
		}
	}
	return fleet.App{Fault: fault.New(fault.PathNotFound, "its folder is not in the commit that the agent would apply").WithNext("plumb apps --explain shows how each folder is read")}
}

// previewer looks with the person's eyes; what the apps have counts as what they want.
func (l *live) previewer() *preview.Previewer {
	p := &preview.Previewer{Eyes: l.cluster.Person(), Namespaced: l.namespaced, Wants: map[string]preview.Wishes{}, Definitions: map[string]object.Object{}}
	for _, app := range l.fleet.Apps {
		p.Has(string(app.UID), app.Namespace+"/"+app.Name, l.has[string(app.UID)])
	}
	return p
}
