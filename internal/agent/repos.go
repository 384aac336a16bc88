package agent

import (
	"context"
	"maps"
	"slices"
	"sync"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"plumb.dev/plumb/api/v1alpha1"
	"plumb.dev/plumb/internal/fault"
	"plumb.dev/plumb/internal/fleet"
	"plumb.dev/plumb/internal/source"
	"plumb.dev/plumb/internal/source/trigger"
)

// defaultAccount is the ServiceAccount that apps are applied as if neither Repo nor App names one.
const defaultAccount = "plumb-deployer"

// repo is one Repo object under care.
type repo struct {
	key types.NamespacedName

	mu         sync.Mutex
	object     *v1alpha1.Repo
	repository *repository
	result     *fleet.Result
	offers     map[types.NamespacedName]*offer
	pending    map[types.NamespacedName]bool // apps that have not decided on the observed commit
	status     v1alpha1.RepoStatus           // as it should be
	written    []byte                        // as it was written, canonical
	timer      *time.Timer                   // a write of the status is due
	calm       bool                          // it is due soon
	fault      *fault.Fault
}

func (r *repo) revision() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.object.Spec.Revision
}

func (r *repo) bound() (*v1alpha1.Repo, *repository) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.object, r.repository
}

// roots lists the first fixed parts of the patterns: the folders whose files a discovery reads.
func (r *repo) roots() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return fleet.Roots(r.object.Spec.Apps)
}

func (ag *Agent) putRepo(o *v1alpha1.Repo) {
	key := types.NamespacedName{Namespace: o.Namespace, Name: o.Name}
	ag.mu.Lock()
	r, ok := ag.repos[key]
	if !ok {
		r = &repo{key: key, offers: map[types.NamespacedName]*offer{}, pending: map[types.NamespacedName]bool{}}
		ag.repos[key] = r
	}
	ag.mu.Unlock()
	r.mu.Lock()
	before := r.object
	r.object = o
	if before == nil || before.UID != o.UID {
		r.status = *o.Status.DeepCopy()
	}
	old := r.repository
	r.mu.Unlock()
	asked := before != nil && before.Annotations[v1alpha1.AnnotationSync] != o.Annotations[v1alpha1.AnnotationSync]
	if before != nil && before.Generation == o.Generation && before.UID == o.UID && !asked {
		return
	}
	next := ag.repository(repositoryKey{namespace: o.Namespace, url: o.Spec.URL, secret: o.Spec.Secret}, pollOf(o))
	r.mu.Lock()
	r.repository = next
	r.mu.Unlock()
	if old != nil && old != next {
		old.forget(key)
	}
	next.use(user{revision: o.Spec.Revision, repo: r})
}

func (ag *Agent) dropRepo(o *v1alpha1.Repo) {
	key := types.NamespacedName{Namespace: o.Namespace, Name: o.Name}
	ag.mu.Lock()
	r := ag.repos[key]
	delete(ag.repos, key)
	ag.mu.Unlock()
	if r == nil {
		return
	}
	if _, repository := r.bound(); repository != nil {
		repository.forget(key)
	}
}

func pollOf(o *v1alpha1.Repo) time.Duration {
	d, err := time.ParseDuration(o.Spec.Poll)
	if err != nil {
		return time.Minute
	}
	return d
}

func (ag *Agent) putCluster(o *v1alpha1.Cluster) {
	ag.mu.Lock()
	ag.clusters[o.Name] = o
	ag.mu.Unlock()
	ag.rediscover()
}

func (ag *Agent) dropCluster(o *v1alpha1.Cluster) {
	ag.mu.Lock()
	delete(ag.clusters, o.Name)
	ag.mu.Unlock()
	ag.rediscover()
}

// rediscover asks every Repo to look again: the set of clusters changed.
func (ag *Agent) rediscover() {
	ag.mu.Lock()
	repos := slices.Collect(maps.Values(ag.repos))
	ag.mu.Unlock()
	for _, r := range repos {
		if o, repository := r.bound(); repository != nil {
			repository.use(user{revision: o.Spec.Revision, repo: r})
		}
	}
}

func (ag *Agent) clusterList() []fleet.Cluster {
	ag.mu.Lock()
	defer ag.mu.Unlock()
	var list []fleet.Cluster
	for _, name := range slices.Sorted(maps.Keys(ag.clusters)) {
		list = append(list, fleet.Cluster{Name: name, Labels: ag.clusters[name].Labels})
	}
	return list
}

// discover works out which apps a commit of a Repo has, makes their App objects, and offers them the commit.
func (ag *Agent) discover(ctx context.Context, r *repo, found offer) {
	o, _ := r.bound()
	r.mu.Lock()
	previous := r.result
	r.mu.Unlock()
	result := fleet.Discover(fleet.Input{
		Tree: found.snapshot, Apps: o.Spec.Apps, Clusters: ag.clusterList(), Repo: o.Name, Namespace: o.Namespace, Previous: previous,
	})
	found.limits = result.Root.Limits
	found.account = orDefault(o.Spec.ServiceAccount, defaultAccount)
	found.repo = r.key
	offers := ag.offersOf(r, o, result, found)
	r.mu.Lock()
	r.result, r.offers = &result, offers
	r.pending = map[types.NamespacedName]bool{}
	for key, of := range offers {
		if !of.removed || ag.knows(key) {
			r.pending[key] = true
		}
	}
	r.fault = result.Blocked()
	if r.fault == nil && len(result.Apps) == 0 {
		r.fault = nothingFound(result)
	}
	if r.fault == nil {
		r.fault = ag.duplicates(o, result)
	}
	r.mu.Unlock()
	for key, of := range offers {
		ag.claims.offer(key, of.commit)
	}
	ag.makeApps(ctx, o, result)
	for key, of := range offers {
		ag.dispatch(key, of)
	}
	ag.repoChanged(r)
}

// duplicates is the fault of a commit with an app whose App object somebody else has made. The other apps go on.
func (ag *Agent) duplicates(o *v1alpha1.Repo, result fleet.Result) *fault.Fault {
	for _, placed := range result.Apps {
		if other := ag.madeByOther(types.NamespacedName{Namespace: o.Namespace, Name: placed.Name}, o); other != "" {
			return fault.New(fault.DuplicateApp, "%s would be App %s, which %s has made", placed.Path, placed.Name, other).
				WithNext("rename one of the two, or give this Repo an app template in spec.apps")
		}
	}
	return nil
}

// offersOf gives every app of a Repo its offer: those that were found, and those that are known from before and that
// the commit does not have, or cannot be read for.
func (ag *Agent) offersOf(r *repo, o *v1alpha1.Repo, result fleet.Result, found offer) map[types.NamespacedName]*offer {
	offers := map[types.NamespacedName]*offer{}
	for _, placed := range result.Apps {
		key := types.NamespacedName{Namespace: o.Namespace, Name: placed.Name}
		if other := ag.madeByOther(key, o); other != "" {
			ag.log.Error("an App of this name exists already and is left alone", "app", key.String(), "repo", o.Name, "other", other)
			continue
		}
		of := found
		of.placement, of.fault = placed, placed.Fault
		offers[key] = &of
	}
	for key, known := range ag.appsOf(o) {
		if offers[key] != nil {
			continue
		}
		of := found
		address := fleet.Address{App: known.Spec.App, Env: known.Spec.Env, Cluster: known.Spec.Cluster}
		of.placement = fleet.App{Name: known.Name, App: known.Spec.App, Env: known.Spec.Env, Cluster: known.Spec.Cluster, Path: known.Spec.Path, Namespace: known.Spec.Namespace}
		of.fault = result.FaultOf(address, known.Spec.Path)
		of.removed = of.fault == nil
		offers[key] = &of
	}
	return offers
}

// appsOf lists the App objects that a Repo made.
func (ag *Agent) appsOf(o *v1alpha1.Repo) map[types.NamespacedName]*v1alpha1.App {
	ag.mu.Lock()
	defer ag.mu.Unlock()
	out := map[types.NamespacedName]*v1alpha1.App{}
	for key, a := range ag.apps {
		known, _, _ := a.mailbox()
		if known != nil && key.Namespace == o.Namespace && known.Labels[v1alpha1.LabelRepo] == o.Name {
			out[key] = known
		}
	}
	return out
}

// makeApps writes the App objects that are missing or differ. A failure is told and tried again with the next pass.
func (ag *Agent) makeApps(ctx context.Context, o *v1alpha1.Repo, result fleet.Result) {
	yes := true
	for _, placed := range result.Apps {
		if ag.madeByOther(types.NamespacedName{Namespace: o.Namespace, Name: placed.Name}, o) != "" {
			continue
		}
		want := &v1alpha1.App{
			ObjectMeta: metav1.ObjectMeta{
				Name: placed.Name, Namespace: o.Namespace, Labels: placed.Labels,
				OwnerReferences: []metav1.OwnerReference{{
					APIVersion: v1alpha1.GroupVersion.String(), Kind: "Repo", Name: o.Name, UID: o.UID, Controller: &yes,
				}},
			},
			Spec: v1alpha1.AppSpec{
				Repo: o.Name, Path: placed.Path, App: placed.App, Env: placed.Env, Cluster: placed.Cluster, Namespace: placed.Namespace,
				ServiceAccount: orDefault(o.Spec.ServiceAccount, defaultAccount),
			},
		}
		if ag.hasApp(want) || placed.Fault != nil && ag.knows(types.NamespacedName{Namespace: want.Namespace, Name: want.Name}) {
			continue
		}
		if err := ag.ledger.PutApp(ctx, want); err != nil {
			ag.log.Error("an App could not be written", "app", placed.Name, "error", err)
		}
	}
}

func (ag *Agent) hasApp(want *v1alpha1.App) bool {
	ag.mu.Lock()
	a := ag.apps[types.NamespacedName{Namespace: want.Namespace, Name: want.Name}]
	ag.mu.Unlock()
	if a == nil {
		return false
	}
	have, _, _ := a.mailbox()
	if have == nil {
		return false
	}
	spec := have.Spec
	spec.Pause = nil
	for key, value := range want.Labels {
		if have.Labels[key] != value {
			return false
		}
	}
	return spec.Repo == want.Spec.Repo && spec.Path == want.Spec.Path && spec.App == want.Spec.App && spec.Env == want.Spec.Env &&
		spec.Cluster == want.Spec.Cluster && spec.Namespace == want.Spec.Namespace && spec.ServiceAccount == want.Spec.ServiceAccount
}

// madeByOther names who made an App that a Repo would make too: another Repo, or a person. "" if nobody did.
func (ag *Agent) madeByOther(key types.NamespacedName, o *v1alpha1.Repo) string {
	ag.mu.Lock()
	a := ag.apps[key]
	ag.mu.Unlock()
	if a == nil {
		return ""
	}
	known, _, _ := a.mailbox()
	if known == nil {
		return ""
	}
	owner := metav1.GetControllerOf(known)
	switch {
	case owner == nil || owner.Kind != "Repo":
		return "a person"
	case owner.UID != o.UID && owner.Name != o.Name:
		return "Repo " + owner.Name
	}
	return ""
}

func (ag *Agent) knows(key types.NamespacedName) bool {
	ag.mu.Lock()
	defer ag.mu.Unlock()
	return ag.apps[key] != nil
}

// dispatch gives an app its offer, if its App object is known by now; if not, bind does when it comes.
func (ag *Agent) dispatch(key types.NamespacedName, of *offer) {
	ag.mu.Lock()
	a := ag.apps[key]
	ag.mu.Unlock()
	if a == nil {
		return
	}
	a.put(of)
	ag.queue.Add(key)
}

// bind connects an App object to where its commits come from.
func (ag *Agent) bind(a *app, o *v1alpha1.App) {
	if name := o.Labels[v1alpha1.LabelRepo]; name != "" && metav1.GetControllerOf(o) != nil {
		ag.mu.Lock()
		r := ag.repos[types.NamespacedName{Namespace: o.Namespace, Name: name}]
		ag.mu.Unlock()
		if r == nil {
			return
		}
		r.mu.Lock()
		of := r.offers[a.key]
		r.mu.Unlock()
		if _, have, _ := a.mailbox(); of != nil && have != of {
			ag.claims.offer(a.key, of.commit)
			a.put(of)
		}
		if o.Annotations[v1alpha1.AnnotationSync] != o.Status.Handled.Sync {
			if _, repository := r.bound(); repository != nil {
				repository.trigger.Nudge(trigger.Sync)
			}
		}
		return
	}
	key, poll := ag.repositoryOf(o)
	ag.unbindExcept(a.key, key)
	ag.repository(key, poll).use(user{revision: ag.revisionOf(a), app: a})
}

// repositoryOf gives the repository of an App made by hand: that of the Repo it names, or its own.
func (ag *Agent) repositoryOf(o *v1alpha1.App) (repositoryKey, time.Duration) {
	ag.mu.Lock()
	r := ag.repos[types.NamespacedName{Namespace: o.Namespace, Name: o.Spec.Repo}]
	ag.mu.Unlock()
	if r != nil {
		named, _ := r.bound()
		return repositoryKey{namespace: o.Namespace, url: named.Spec.URL, secret: named.Spec.Secret}, pollOf(named)
	}
	return repositoryKey{namespace: o.Namespace, url: o.Spec.Repo, secret: o.Spec.Secret}, time.Minute
}

func (ag *Agent) revisionOf(a *app) string {
	o, _, _ := a.mailbox()
	if o == nil || o.Spec.Revision != "" {
		if o == nil {
			return ""
		}
		return o.Spec.Revision
	}
	ag.mu.Lock()
	r := ag.repos[types.NamespacedName{Namespace: o.Namespace, Name: o.Spec.Repo}]
	ag.mu.Unlock()
	if r == nil {
		return ""
	}
	return r.revision()
}

func (ag *Agent) unbind(key types.NamespacedName) { ag.unbindExcept(key, repositoryKey{}) }

func (ag *Agent) unbindExcept(key types.NamespacedName, keep repositoryKey) {
	ag.mu.Lock()
	all := maps.Clone(ag.repositories)
	ag.mu.Unlock()
	for k, r := range all {
		if k == keep {
			continue
		}
		r.mu.Lock()
		delete(r.apps, key)
		r.mu.Unlock()
	}
}

// place offers a commit to an App made by hand.
func (ag *Agent) place(a *app, found offer) {
	o, _, _ := a.mailbox()
	if o == nil {
		return
	}
	placed := fleet.ByHand(found.snapshot, o)
	found.placement, found.fault = placed.App, placed.Fault
	found.limits = placed.Root.Limits
	found.account = orDefault(o.Spec.ServiceAccount, defaultAccount)
	ag.claims.offer(a.key, found.commit)
	a.put(&found)
	ag.queue.Add(a.key)
}

// sourceFailed notes that a user's revision cannot be read. The last good state stays.
func (ag *Agent) sourceFailed(u user, f *fault.Fault, since time.Time) {
	ag.syncReady(u)
	if u.repo != nil {
		u.repo.mu.Lock()
		stale := metav1.NewTime(since.Truncate(time.Second))
		u.repo.status.StaleSince = &stale
		u.repo.fault = f
		u.repo.mu.Unlock()
		ag.repoChanged(u.repo)
		return
	}
	u.app.mu.Lock()
	u.app.sourceFault = f
	u.app.mu.Unlock()
	ag.queue.Add(u.app.key)
}

func (ag *Agent) sourceFresh(u user, head source.Head, by string, news bool) {
	if by == string(trigger.Sync) {
		ag.syncReady(u)
	}
	if u.repo == nil {
		u.app.mu.Lock()
		changed := u.app.sourceFault != nil
		u.app.sourceFault = nil
		u.app.mu.Unlock()
		if changed || by == "sync" {
			ag.queue.Add(u.app.key)
		}
		return
	}
	r := u.repo
	r.mu.Lock()
	wasStale := r.status.StaleSince != nil
	r.status.StaleSince = nil
	if wasStale {
		r.fault = nil
		if r.result != nil {
			r.fault = r.result.Blocked()
		}
	}
	token := r.object.Annotations[v1alpha1.AnnotationSync]
	asked := r.status.Handled.Sync != token
	r.status.Handled.Sync = token
	if news {
		r.status.Observed = &v1alpha1.Observed{Revision: head.Commit, Ref: head.Ref, Time: metav1.Now().Rfc3339Copy(), By: by}
	}
	r.mu.Unlock()
	if news || wasStale || asked {
		ag.repoChanged(r)
	}
}

// syncReady lets the apps of a user carry out the sync that a person asked for: their repository was asked after it.
func (ag *Agent) syncReady(u user) {
	if u.app != nil {
		u.app.readySync()
		ag.queue.Add(u.app.key)
		return
	}
	o, _ := u.repo.bound()
	for key, known := range ag.appsOf(o) {
		if known.Annotations[v1alpha1.AnnotationSync] == known.Status.Handled.Sync {
			continue
		}
		ag.mu.Lock()
		a := ag.apps[key]
		ag.mu.Unlock()
		if a != nil {
			a.readySync()
			ag.queue.Add(key)
		}
	}
}

func orDefault(s, otherwise string) string {
	if s == "" {
		return otherwise
	}
	return s
}
