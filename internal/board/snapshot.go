package board

import (
	"slices"
	"time"

	"plumb.dev/plumb/api/v1alpha1"
)

// Snapshot gives everything that a person may see, in columns.
func (b *Board) Snapshot(sight Sight, agent Agent, now time.Time) Fleet {
	b.mu.RLock()
	defer b.mu.RUnlock()
	envs, clusters := map[string]bool{}, map[string]bool{}
	rows := make([]*entry, 0, len(b.rows))
	for _, e := range b.orders[ByName] {
		if sight.Sees(e.Namespace) {
			envs[e.Env], clusters[e.Cluster] = true, true
			rows = append(rows, e)
		}
	}
	n := len(rows)
	f := Fleet{
		Stream: b.stream, Seq: b.seq, At: now.UTC().Truncate(time.Second), Agent: agent, States: v1alpha1.States, N: n,
		App: make([]int, n), Name: make([]string, n), Namespace: make([]int, n), Env: make([]int, n), Cluster: make([]int, n), Repo: make([]int, n),
		State: make([]int, n), Revision: make([]int, n), Since: make([]int64, n), Changed: make([]int64, n), Drifted: make([]int, n), Why: make([]string, n),
	}
	var apps, repos, namespaces, revisions legend
	env, cluster := sortedLegend(envs, compareEnvs), sortedLegend(clusters, compareClusters)
	for i, e := range rows {
		f.App[i], f.Namespace[i], f.Env[i], f.Cluster[i] = apps.any(e.App), namespaces.any(e.Namespace), env.any(e.Env), cluster.any(e.Cluster)
		f.Repo[i], f.Revision[i] = repos.of(e.Repo), revisions.of(short(e.Revision))
		f.State[i], f.Drifted[i] = slices.Index(v1alpha1.States, e.State), e.Objects.Drifted
		f.Since[i], f.Changed[i] = before(e.Since, f.At), before(e.Changed, f.At)
		if e.Name != usualName(&e.Row) {
			f.Name[i] = e.Name
		}
		if e.State != v1alpha1.StateOK {
			f.Why[i] = e.Summary
		}
	}
	f.Apps, f.Envs, f.Clusters, f.Repos = list(apps), list(env), list(cluster), list(repos)
	f.Namespaces, f.Revisions = list(namespaces), list(revisions)
	return f
}

func list(l legend) []string {
	if l.values == nil {
		return []string{}
	}
	return l.values
}

// before gives how many seconds a time lies before another; -1 if it is not known.
func before(t *time.Time, at time.Time) int64 {
	if t == nil {
		return -1
	}
	return max(0, int64(at.Sub(*t)/time.Second))
}

// usualName is the name that a Repo gives an App object.
func usualName(r *Row) string {
	name := r.App
	if r.Env != "" {
		name += "-" + r.Env
	}
	if r.Cluster != "local" {
		name += "-" + r.Cluster
	}
	return name
}
