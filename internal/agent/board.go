package agent

import (
	"context"
	"crypto/rand"
	"maps"
	"slices"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"plumb.dev/plumb/api/v1alpha1"
	"plumb.dev/plumb/internal/record"
	"plumb.dev/plumb/internal/report"
)

// newLife names a life of the agent, for the cursors of its stream.
func newLife() string { return strings.ToLower(rand.Text()[:10]) }

// show puts how an app is now onto the board.
func (ag *Agent) show(a *app) {
	a.showing.Lock()
	defer a.showing.Unlock()
	if o, ok := a.known(); ok {
		ag.board.Put(&o)
	}
}

// unshow takes an app off the board that was deleted. What is judged of it later does not come back.
func (ag *Agent) unshow(a *app) {
	a.showing.Lock()
	defer a.showing.Unlock()
	ag.board.Drop(a.key.Namespace, a.key.Name)
}

// known gives an App as it is known now: what people wrote, and what was judged last.
func (a *app) known() (v1alpha1.App, bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.object == nil || a.dropped {
		return v1alpha1.App{}, false
	}
	o := *a.object
	if a.judged != nil {
		o.Status = *a.judged
	}
	return o, true
}

// madeBy names the Repo that made an app, as the board does; "" for an App by hand.
func madeBy(o *v1alpha1.App) string {
	if maker := makerOf(o); maker != "" {
		return o.Namespace + "/" + maker
	}
	return ""
}

// localCluster is the name of the cluster that the agent runs in.
const localCluster = "local"

// knownClusters gives the clusters that are registered, in order, before them the agent's own.
func (ag *Agent) knownClusters() []v1alpha1.Cluster {
	ag.mu.Lock()
	defer ag.mu.Unlock()
	out := make([]v1alpha1.Cluster, 0, len(ag.clusters)+1)
	if version := ag.served.Load(); ag.clusters[localCluster] == nil && version != nil {
		out = append(out, v1alpha1.Cluster{
			ObjectMeta: metav1.ObjectMeta{Name: localCluster}, Status: v1alpha1.ClusterStatus{UID: ag.uid, Version: *version, LastSeen: stamp(ag.beatAt)},
		})
	}
	for _, name := range slices.Sorted(maps.Keys(ag.clusters)) {
		out = append(out, *ag.clusters[name])
	}
	return out
}

// entriesOf gives what the record of an app says about a commit.
func (ag *Agent) entriesOf(ctx context.Context, o v1alpha1.App, commit string) ([]v1alpha1.Entry, error) {
	entries, err := ag.ledger.Entries(ctx, o.Namespace, string(o.UID))
	if err != nil {
		return nil, err
	}
	return slices.DeleteFunc(record.Find(entries, commit), func(e v1alpha1.Entry) bool { return e.Revision == nil }), nil
}

// showPull puts the plan of a pull request onto the board, or takes it off.
func (ag *Agent) showPull(repo string, number int, plan *report.PullPlan) {
	if plan == nil {
		ag.board.DropPull(repo, number)
		return
	}
	ag.board.PutPull(*plan)
}

// askPulls asks for the pull requests of an Entry, and has the board know them.
func (ag *Agent) askPulls(ctx context.Context, e *v1alpha1.Entry) ([]v1alpha1.PullLine, error) {
	pulls, err := ag.pullsOf(ctx, e)
	if err == nil && len(pulls) > 0 {
		known := *e.DeepCopy()
		known.Revision.Pulls = pulls
		ag.board.PutEntry(repoOfEntry(&known), &known)
	}
	return pulls, err
}

// readRecord has the board know, once, what is recorded from former lives: who wrote which commit, and how it went. It runs
// beside the passes: whatever they have told meanwhile is newer, and stays.
func (ag *Agent) readRecord(ctx context.Context) {
	if version, err := ag.cluster.Mapper().ServerVersion(ctx); err == nil {
		ag.served.Store(&version)
	}
	err := ag.ledger.EachEntry(ctx, "", "", func(e *v1alpha1.Entry) { ag.board.RecallEntry(repoOfEntry(e), e) })
	if err != nil && ctx.Err() == nil {
		ag.log.Warn("the record was not read: the page does not know who wrote older commits", "error", err)
	}
	defer ag.board.Recalled()
	if ag.reviewer == nil {
		return
	}
	for _, r := range ag.Repos() {
		for _, plan := range ag.reviewer.Kept(r.Namespace + "/" + r.Name) {
			ag.board.RecallPull(plan)
		}
	}
}

// repoOfEntry names the Repo of the app that an Entry is about; "" for an App by hand.
func repoOfEntry(e *v1alpha1.Entry) string {
	if repo := e.Labels[v1alpha1.LabelRepo]; repo != "" {
		return e.Namespace + "/" + repo
	}
	return ""
}
