package agent

import (
	"context"
	"io/fs"
	"strings"

	"k8s.io/apimachinery/pkg/types"

	"plumb.dev/plumb/api/v1alpha1"
	"plumb.dev/plumb/internal/chart"
	"plumb.dev/plumb/internal/cluster"
	"plumb.dev/plumb/internal/fault"
	"plumb.dev/plumb/internal/fleet"
	"plumb.dev/plumb/internal/forge"
	"plumb.dev/plumb/internal/render"
	"plumb.dev/plumb/internal/repos"
	"plumb.dev/plumb/internal/review"
)

// reviewHands are what pull requests are reviewed with.
func (ag *Agent) reviewHands() review.Hands {
	return review.Hands{
		Reviewed: ag.metrics.reviewed,
		Page:     ag.options.PageURL, Renderer: ag.renderer, Cluster: ag.cluster, Complete: ag.supplyPull, Inventories: ag.ledger.Inventories, Shown: ag.showPull,
		Request: func(tree fs.FS, app fleet.App, upgrade bool) render.Request {
			request := requestOf(tree, app)
			request.Upgrade = upgrade
			return request
		},
		Sources: ag.sourcesOfPull,
		Outline: func(o *v1alpha1.App) *review.Outline {
			ag.mu.Lock()
			defer ag.mu.Unlock()
			if a := ag.apps[types.NamespacedName{Namespace: o.Namespace, Name: o.Name}]; a != nil {
				return a.outline.Load()
			}
			return nil
		},
		Recorded: func(o *v1alpha1.App) (*render.Recorded, bool) { return ag.cache.Load(cacheKey(o)) },
		Eyes: func(ctx context.Context, namespace, account, target string) (cluster.Person, error) {
			account = orDefault(account, defaultAccount)
			if err := ag.requireAccount(ctx, namespace, account, target); err != nil {
				return cluster.Person{}, err
			}
			client, err := ag.cluster.As(namespace, account)
			if err != nil {
				return cluster.Person{}, err
			}
			return client.Eyes(), nil
		},
	}
}

// deskOf gives a Repo's pull requests what they are judged by; nil if it has no forge, follows no branch, or was not read yet.
func (ag *Agent) deskOf(ctx context.Context, name string) (*review.Desk, error) {
	o, opened, err := ag.forgeOf(ctx, name)
	if err != nil || opened == nil {
		return nil, err
	}
	if shared := ag.shared(o); shared != nil {
		return nil, shared
	}
	r := ag.repoOf(o.Namespace, o.Name)
	if r == nil {
		return nil, nil
	}
	repository, seen := r.Repository(), r.Observed()
	if repository == nil || seen == nil || !strings.HasPrefix(seen.Ref, "refs/heads/") {
		return nil, nil
	}
	mirror := repository.Mirror()
	if mirror == nil {
		return nil, nil
	}
	desk := &review.Desk{
		Repo: o, Forge: opened, Kind: forge.Kind(o.Spec.Forge.Kind), Context: contextOf(o), Branch: strings.TrimPrefix(seen.Ref, "refs/heads/"),
		Tip: seen.Revision, Mirror: mirror, Clusters: ag.clusterList(), Poll: pollOf(o),
	}
	for _, app := range ag.appsOf(o) {
		desk.Apps = append(desk.Apps, *app)
	}
	for _, app := range ag.Apps() {
		if app.Namespace == o.Namespace && app.Spec.Repo == o.Name && makerOf(&app) == "" && ag.hasSources(&app) &&
			orDefault(app.Spec.Revision, o.Spec.Revision) == o.Spec.Revision {
			desk.ByHand = append(desk.ByHand, app)
		}
	}
	return desk, nil
}

// sourcesOfPull gives a request what was read of the other repositories of an App by hand: as they are now, on every side.
func (ag *Agent) sourcesOfPull(o *v1alpha1.App, request *render.Request) error {
	ag.mu.Lock()
	a := ag.apps[types.NamespacedName{Namespace: o.Namespace, Name: o.Name}]
	ag.mu.Unlock()
	for _, named := range o.Spec.Sources {
		var s sourced
		if a != nil {
			s = a.sourced(named.Name)
		}
		if s.snapshot == nil {
			return fault.New(fault.SourceStale, "the source %s of App %s was not read yet", named.Name, o.Name)
		}
		request.Sources["$"+named.Name] = render.Source{FS: s.snapshot}
	}
	return nil
}

// hasSources tells whether all other repositories of an App by hand were read: one that nobody can render is not reviewed.
func (ag *Agent) hasSources(o *v1alpha1.App) bool {
	return ag.sourcesOfPull(o, &render.Request{Sources: map[string]render.Source{}}) == nil
}

// lookAtPulls has the pull requests of a Repo looked at: its branch moved, or something was pushed.
func (ag *Agent) lookAtPulls(key types.NamespacedName) {
	if ag.reviewer != nil && ag.hasForge(key) {
		ag.reviewer.Look(key.String())
	}
}

// supplyPull adds the charts from elsewhere that an app of a pull request needs: those that are in the store, and others if they may
// be asked for.
func (ag *Agent) supplyPull(ctx context.Context, want review.Supply, request *render.Request) error {
	if orDefault(want.App.Settings.Render, want.App.Kind) != fleet.Helm {
		return nil
	}
	if ref, elsewhere := chartRef(want.App); elsewhere {
		found, err := ag.chartOfPull(ctx, want, ref)
		if err != nil {
			return fault.Of(err, fault.FetchFailed).At(want.App.Places["helm"])
		}
		request.UseChart(found.FS(), found.File())
		return nil
	}
	missing, err := chart.Missing(want.Tree, want.App.Path)
	if err != nil {
		return err
	}
	for _, d := range missing {
		if d.Folder != "" {
			request.AddFolder(d.Name, d.Folder)
			continue
		}
		found, err := ag.chartOfPull(ctx, want, d.Ref)
		if err != nil {
			return fault.Of(err, fault.FetchFailed).At(d.Place)
		}
		request.AddArchive(found.Ref.Name+"-"+found.Version, found.FS(), found.File())
	}
	return nil
}

func (ag *Agent) chartOfPull(ctx context.Context, want review.Supply, ref chart.Ref) (*chart.Chart, error) {
	key := repos.KeyOf(want.Namespace, ref, want.Access, 0)
	if found, ok := ag.charts.Have(key); ok {
		return found, nil
	}
	if !want.Fetch {
		return nil, fault.New(fault.Unsupported, "the chart %s is not here, and nobody is asked for what a fork names", ref)
	}
	return ag.charts.Ask(ctx, key)
}
