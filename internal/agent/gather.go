package agent

import (
	"fmt"
	"maps"
	"slices"
	"time"

	"k8s.io/apimachinery/pkg/types"

	"plumb.dev/plumb/api/v1alpha1"
	"plumb.dev/plumb/internal/chart"
	"plumb.dev/plumb/internal/fault"
	"plumb.dev/plumb/internal/fleet"
	"plumb.dev/plumb/internal/render"
	"plumb.dev/plumb/internal/repos"
)

// need is one chart from elsewhere that the render of an offer needs.
type need struct {
	ref    chart.Ref
	folder string // a chart of the same tree instead
	name   string // of a dependency; "" for the chart itself
	place  fault.Place
	found  *chart.Chart
}

// propose gives an app a commit. It becomes its offer once everything is there that its render needs from elsewhere; until then
// the app keeps the one before.
func (ag *Agent) propose(a *app, of *offer) {
	a.mu.Lock()
	a.proposed = of
	a.mu.Unlock()
	ag.gather(a)
}

// regather completes the commit of an app anew: something is known that was not.
func (ag *Agent) regather(key types.NamespacedName) {
	if a := ag.appOf(key); a != nil {
		ag.gather(a)
	}
}

// gather completes the commit that an app was proposed last with what is known of everything else, and offers it if that is news.
func (ag *Agent) gather(a *app) {
	a.gathering.Lock()
	defer a.gathering.Unlock()
	a.mu.Lock()
	of, o, dropped := a.proposed, a.object, a.dropped
	a.mu.Unlock()
	if of == nil || o == nil || dropped {
		return
	}
	complete, ready := ag.complete(a, o, of)
	if !ready || !a.isNews(complete) {
		return
	}
	if complete.repo == (types.NamespacedName{}) {
		complete.trace.Hold()
	}
	a.put(complete)
	ag.queue.Add(a.key)
}

// complete gives the offer with everything that it needs; false while something was not asked for yet. One that needs nothing is
// the offer itself.
func (ag *Agent) complete(a *app, o *v1alpha1.App, of *offer) (*offer, bool) {
	needs, err := a.needs(of)
	access, poll := ag.accessFor(o)
	keys := make([]repos.ChartKey, 0, len(needs))
	for _, n := range needs {
		if n.folder == "" {
			keys = append(keys, repos.KeyOf(o.Namespace, n.ref, access, poll))
		}
	}
	known := ag.charts.Use(a.key, keys)
	alone := makerOf(o) != "" || len(o.Spec.Sources) == 0
	if len(needs) == 0 && err == nil && alone {
		return of, true
	}
	out := *of
	out.base = of
	if err != nil {
		out.fault = fault.Of(err, fault.RenderFailed)
		return &out, true
	}
	out.needs = slices.Clone(needs)
	next := 0
	for i, n := range needs {
		if n.folder != "" {
			continue
		}
		s := known[keys[next]]
		next++
		if !s.Settled() {
			return nil, false
		}
		out.take(i, s)
	}
	return &out, alone || of.removed || out.takeSources(a, o)
}

// take puts a chart into its place, or says why it is not there. What was fetched before is served while nobody answers.
func (of *offer) take(i int, s repos.Supplied) {
	n := &of.needs[i]
	n.found = s.Found
	switch {
	case s.Fault == nil:
	case s.Found == nil && of.fault == nil:
		of.fault, of.lacks = s.Fault, true
		if s.Fault.Place.File == "" {
			of.fault = s.Fault.At(n.place)
		}
	case s.Found != nil:
		of.warnings = append(of.warnings, fmt.Sprintf("whether %s is still %s is not known since %s: %s", n.ref, s.Found.Version, s.Since.UTC().Format(time.RFC3339), s.Fault.Message))
	}
}

// needs gives the charts from elsewhere that a commit's render needs. Where nothing but the app's folder says so, that is read once.
func (a *app) needs(of *offer) ([]need, error) {
	p := of.placement
	if of.removed || of.fault != nil || orDefault(p.Settings.Render, p.Kind) != fleet.Helm {
		return nil, nil
	}
	if ref, elsewhere := chartRef(p); elsewhere {
		return []need{{ref: ref, place: p.Places["helm"]}}, nil
	}
	hash, err := of.snapshot.Hash(p.Path)
	if err == nil && hash == a.needsOf && hash != "" {
		return a.needed, nil
	}
	missing, err := chart.Missing(of.snapshot, p.Path)
	if err != nil {
		return nil, err
	}
	var needs []need
	alone := true
	for _, d := range missing {
		needs = append(needs, need{ref: d.Ref, folder: d.Folder, name: d.Name, place: d.Place})
		alone = alone && d.Folder == ""
	}
	if a.needsOf, a.needed = "", needs; alone {
		a.needsOf = hash
	}
	return needs, nil
}

// isNews tells whether an offer differs from the one that the app has.
func (a *app) isNews(of *offer) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	have := a.offer
	if have == nil || of.base == nil || have.base != of.base {
		return have != of
	}
	sameFault := have.fault == nil && of.fault == nil || have.fault != nil && of.fault != nil && have.fault.Message == of.fault.Message
	same := func(x, y sourced) bool { return x.commit == y.commit }
	return !sameFault || !maps.EqualFunc(have.sources, of.sources, same) || !slices.Equal(have.warnings, of.warnings) ||
		!slices.EqualFunc(have.needs, of.needs, func(x, y need) bool { return x.digest() == y.digest() })
}

func (n need) digest() string {
	if n.found == nil {
		return ""
	}
	return n.found.Digest
}

// useCharts gives a request the charts of an offer.
func (of *offer) useCharts(request *render.Request) {
	for _, n := range of.needs {
		switch {
		case n.folder != "":
			request.AddFolder(n.name, n.folder)
		case n.found == nil:
		case n.name == "":
			request.UseChart(n.found.FS(), n.found.File())
		default:
			request.AddArchive(n.found.Ref.Name+"-"+n.found.Version, n.found.FS(), n.found.File())
		}
	}
}

// charts lists the charts of an offer for the status.
func (of *offer) charts() []v1alpha1.ChartStatus {
	var list []v1alpha1.ChartStatus
	for _, n := range of.needs {
		if n.found != nil {
			list = append(list, v1alpha1.ChartStatus{Name: n.ref.Name, Version: n.found.Version, Digest: "sha256:" + n.found.Digest, Repo: n.ref.Repo})
		}
	}
	return list
}

// accessFor gives who may be asked for the charts of an app: what its Repo lists, or, for an App by hand, what it lists itself.
func (ag *Agent) accessFor(o *v1alpha1.App) ([]v1alpha1.ChartAccess, time.Duration) {
	if makerOf(o) == "" && len(o.Spec.Charts) > 0 {
		_, poll := ag.repositoryOf(o)
		return o.Spec.Charts, poll
	}
	ag.mu.Lock()
	r := ag.repos[types.NamespacedName{Namespace: o.Namespace, Name: o.Spec.Repo}]
	ag.mu.Unlock()
	if r == nil {
		return nil, time.Minute
	}
	named := r.Object()
	return named.Spec.Charts, pollOf(named)
}

// chartRef gives the chart that settings name.
func chartRef(app fleet.App) (chart.Ref, bool) {
	if app.Settings.Helm == nil || app.Settings.Helm.Chart == nil {
		return chart.Ref{}, false
	}
	c := app.Settings.Helm.Chart
	return chart.Ref{Repo: c.Repo, Name: c.Name, Version: c.Version, Digest: c.Digest}, true
}
