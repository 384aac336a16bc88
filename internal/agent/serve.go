package agent

import (
	"context"
	"maps"
	"net/http"
	"slices"
	"strings"

	"github.com/prometheus/client_golang/prometheus/promhttp"
	"k8s.io/apimachinery/pkg/types"

	"plumb.dev/plumb/api/v1alpha1"
	"plumb.dev/plumb/internal/fault"
	"plumb.dev/plumb/internal/report"
	"plumb.dev/plumb/internal/server"
)

// Handler gives the agent's HTTP side: status page, hooks, metrics and the command line's questions.
func (ag *Agent) Handler(token string, simulated bool) http.Handler {
	return server.New(server.Config{
		Reader:   ag,
		Board:    ag.board,
		Version:  ag.options.Version,
		Clusters: ag.knownClusters,
		Entries:  ag.entriesOf,
		Hook: func(namespace, name string, header http.Header, body []byte) (int, string) {
			status, said := ag.hooks.Deliver(ag.life, types.NamespacedName{Namespace: namespace, Name: name}, header, body)
			return ag.metrics.delivered(status), said
		},
		Visitors:  ag.people,
		Ancestor:  ag.ancestor,
		Pull:      ag.planOf,
		Token:     token,
		PageURL:   ag.options.PageURL,
		Metrics:   promhttp.HandlerFor(ag.collected(), promhttp.HandlerOpts{}),
		Tally:     ag.metrics,
		Live:      ag.live,
		Ready:     ag.checks,
		Weak:      ag.sandbox.Weakness,
		Simulated: simulated,
	})
}

// planOf gives the whole plan of a pull request, if there is one.
func (ag *Agent) planOf(repo string, number int) (report.PullPlan, bool) {
	if ag.reviewer == nil {
		return report.PullPlan{}, false
	}
	return ag.reviewer.Plan(repo, number)
}

// Repos gives the Repos as they are known now, in name order.
func (ag *Agent) Repos() []v1alpha1.Repo {
	ag.mu.Lock()
	all := slices.Collect(maps.Values(ag.repos))
	ag.mu.Unlock()
	out := make([]v1alpha1.Repo, 0, len(all))
	for _, r := range all {
		out = append(out, r.Known())
	}
	slices.SortFunc(out, func(a, b v1alpha1.Repo) int {
		return strings.Compare(a.Namespace+"/"+a.Name, b.Namespace+"/"+b.Name)
	})
	return out
}

// Apps gives the Apps as they are known now, in name order.
func (ag *Agent) Apps() []v1alpha1.App {
	ag.mu.Lock()
	all := slices.Collect(maps.Values(ag.apps))
	ag.mu.Unlock()
	out := make([]v1alpha1.App, 0, len(all))
	for _, a := range all {
		if o, ok := a.known(); ok {
			out = append(out, o)
		}
	}
	slices.SortFunc(out, func(a, b v1alpha1.App) int {
		return strings.Compare(a.Namespace+"/"+a.Name, b.Namespace+"/"+b.Name)
	})
	return out
}

// App gives one App as it is known now.
func (ag *Agent) App(namespace, name string) (v1alpha1.App, bool) {
	ag.mu.Lock()
	a := ag.apps[types.NamespacedName{Namespace: namespace, Name: name}]
	ag.mu.Unlock()
	if a == nil {
		return v1alpha1.App{}, false
	}
	return a.known()
}

// Agent gives when the Lease was last renewed.
func (ag *Agent) Agent() report.Agent {
	ag.mu.Lock()
	defer ag.mu.Unlock()
	return report.Agent{Heard: ag.beatAt, ReadOnly: ag.options.ReadOnly}
}

// ancestor answers plumb wait: is a commit an ancestor of another in the repository of a Repo?
func (ag *Agent) ancestor(ctx context.Context, name, ancestor, commit string) (bool, error) {
	namespace, name, _ := strings.Cut(name, "/")
	ag.mu.Lock()
	r := ag.repos[types.NamespacedName{Namespace: namespace, Name: name}]
	ag.mu.Unlock()
	if r == nil {
		return false, fault.New(fault.PathNotFound, "there is no Repo %s/%s", namespace, name)
	}
	repository := r.Repository()
	if repository == nil {
		return false, fault.New(fault.Unreachable, "Repo %s/%s was not read yet", namespace, name)
	}
	mirror := repository.Mirror()
	if mirror == nil {
		return false, fault.New(fault.Unreachable, "Repo %s/%s was not read yet", namespace, name)
	}
	return mirror.IsAncestor(ctx, ancestor, commit)
}
