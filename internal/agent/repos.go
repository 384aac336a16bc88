package agent

import (
	"cmp"
	"context"
	"errors"
	"maps"
	"slices"
	"sync"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"plumb.dev/plumb/api/v1alpha1"
	"plumb.dev/plumb/internal/fault"
	"plumb.dev/plumb/internal/fleet"
	"plumb.dev/plumb/internal/repos"
	"plumb.dev/plumb/internal/source/trigger"
	"plumb.dev/plumb/internal/traces"
)

// defaultAccount is the ServiceAccount that apps are applied as if neither Repo nor App names one.
const defaultAccount = "plumb-deployer"

// repo is one Repo object under care.
type repo struct {
	key types.NamespacedName

	mu         sync.Mutex
	object     *v1alpha1.Repo
	repository *repos.Repository
	result     *fleet.Result
	offers     map[types.NamespacedName]*offer
	pending    map[types.NamespacedName]bool // apps that have not decided on the observed commit
	status     v1alpha1.RepoStatus           // as it should be
	written    []byte                        // as it was written, canonical
	timer      *time.Timer                   // a write of the status is due
	calm       bool                          // it is due soon
	gone       bool                          // the object was deleted
	delivered  time.Time                     // when a genuine delivery came last
	fault      *fault.Fault                  // of the discovery
	unread     *fault.Fault                  // the repository cannot be read
	forge      map[string]*fault.Fault       // by what the forge is told of: why it does not take it; nil if it does
	trace      *traces.Commit                // of the observed commit, until all apps have decided on it

	writing sync.Mutex   // one write of the status at a time, and what is told of it
	told    fault.Reason // the trouble that was told; "" if there is none
}

// holdTrace holds the trace of a commit in the place of that of the one before. The caller holds the lock.
func (r *repo) holdTrace(next *traces.Commit) {
	next.Hold()
	r.trace.Release()
	r.trace = next
}

func (r *repo) bound() (*v1alpha1.Repo, *repos.Repository) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.object, r.repository
}

func (ag *Agent) putRepo(o *v1alpha1.Repo) {
	key := types.NamespacedName{Namespace: o.Namespace, Name: o.Name}
	ag.mu.Lock()
	r, ok := ag.repos[key]
	ag.mu.Unlock()
	if ok {
		if before, _ := r.bound(); before.UID != o.UID {
			ag.dropRepo(before)
			ok = false
		}
	}
	if !ok {
		r = &repo{key: key, offers: map[types.NamespacedName]*offer{}, pending: map[types.NamespacedName]bool{}, status: *o.Status.DeepCopy()}
	}
	r.mu.Lock()
	before, old := r.object, r.repository
	r.object = o
	r.mu.Unlock()
	if !ok {
		ag.mu.Lock()
		ag.repos[key] = r
		ag.mu.Unlock()
	}
	ag.showRepo(r)
	asked := o.Annotations[v1alpha1.AnnotationSync] != "" && o.Annotations[v1alpha1.AnnotationSync] != o.Status.Handled.Sync
	news := before == nil || before.Annotations[v1alpha1.AnnotationSync] != o.Annotations[v1alpha1.AnnotationSync]
	if before != nil && before.Generation == o.Generation && !(asked && news) {
		return
	}
	at := repos.Address{Namespace: o.Namespace, URL: o.Spec.URL, Secret: o.Spec.Secret}
	next := ag.repositories.Track(at, reader{ag, r}, pollOf(o), causeOf(asked))
	r.mu.Lock()
	r.repository = next
	r.mu.Unlock()
	if old != nil && old != next {
		ag.repositories.Untrack(old, reader{ag, r})
	}
	ag.rebind(o)
}

// causeOf tells why a repository is looked at: because a person asked, or because somebody began to use it.
func causeOf(asked bool) trigger.Cause {
	if asked {
		return trigger.Sync
	}
	return trigger.Poll
}

// dropRepo forgets a Repo that was deleted. Its App objects go with it, and no workload.
func (ag *Agent) dropRepo(o *v1alpha1.Repo) {
	key := types.NamespacedName{Namespace: o.Namespace, Name: o.Name}
	ag.mu.Lock()
	r := ag.repos[key]
	delete(ag.repos, key)
	ag.mu.Unlock()
	if r == nil {
		return
	}
	ag.board.DropRepo(key.Namespace, key.Name)
	ag.board.DropPull(key.String(), 0)
	ag.herald.Forget(key.String())
	if ag.reviewer != nil {
		ag.reviewer.Forget(key.String())
	}
	r.mu.Lock()
	r.gone = true
	r.holdTrace(nil)
	repository := r.repository
	if r.timer != nil {
		r.timer.Stop()
		r.timer = nil
	}
	r.mu.Unlock()
	if repository != nil {
		ag.repositories.Untrack(repository, reader{ag, r})
	}
	if fewer := ag.claims.unfound(key, nil); ag.claims.expect(key, nil, "") || fewer {
		ag.wakeWaiting(key)
	}
	ag.rebind(o)
}

// rebind connects the Apps by hand that name a Repo to where it is read from now.
func (ag *Agent) rebind(o *v1alpha1.Repo) {
	ag.mu.Lock()
	apps := slices.Collect(maps.Values(ag.apps))
	ag.mu.Unlock()
	for _, a := range apps {
		if known, _, _ := a.mailbox(); known != nil && known.Namespace == o.Namespace && names(known, o.Name) && makerOf(known) == "" {
			ag.bind(a, known)
		}
	}
}

// names tells whether an App reads from a Repo, as its own repository or as one of its sources.
func names(o *v1alpha1.App, repo string) bool {
	return o.Spec.Repo == repo || slices.ContainsFunc(o.Spec.Sources, func(s v1alpha1.AppSource) bool { return s.Repo == repo })
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
		ag.relook(r)
	}
}

// relook has a Repo discovered anew.
func (ag *Agent) relook(r *repo) {
	if o, repository := r.bound(); repository != nil {
		ag.repositories.Track(repository.Address(), reader{ag, r}, pollOf(o), trigger.Poll)
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

// discover works out which apps a commit of a Repo has, makes their App objects, and offers them the commit. An error
// says that it has to be done again.
func (ag *Agent) discover(ctx context.Context, r *repo, found offer) error {
	o, _ := r.bound()
	begun, span := time.Now(), found.trace.Begin(stageDiscover, time.Now(), "repo", r.key.String())
	defer ag.metrics.took(stageDiscover, begun)
	r.mu.Lock()
	previous := r.result
	r.mu.Unlock()
	result := fleet.Discover(fleet.Input{
		Tree: found.snapshot, Apps: o.Spec.Apps, Clusters: ag.clusterList(), Repo: o.Name, Namespace: o.Namespace, Previous: previous,
	})
	found.limits = result.Root.Limits
	found.account = orDefault(o.Spec.ServiceAccount, defaultAccount)
	found.repo = r.key
	var unlawful error
	found.law, unlawful = lawOf(ctx, o, found, result.Root.Policies)
	offers := ag.offersOf(o, result, found)
	fewer := ag.claims.unfound(r.key, unfoundIn(result, found, offers))
	ag.expect(r, offers, found.commit)
	unread := unfetched(result)
	bad := cmp.Or(result.Blocked(), unread)
	if bad == nil && len(result.Apps) == 0 {
		bad = nothingFound(result)
	}
	if bad == nil {
		bad = ag.duplicates(o, result)
	}
	r.discovered(&result, offers, found, bad)
	reordered := ag.order.found(r.key, offers)
	err := errors.Join(unlawful, ag.makeApps(ctx, o, result))
	if unread != nil {
		err = errors.Join(err, unread)
	}
	span.End(time.Now(), err, "apps", len(result.Apps))
	for key, of := range offers {
		ag.dispatch(key, of)
	}
	if fewer {
		ag.wakeWaiting(r.key)
	}
	if reordered {
		ag.reordered(r.key.Namespace)
	}
	ag.repoChanged(r)
	ag.lookAtPulls(r.key)
	return err
}

// unfetched gives the fault of a folder that could not be fetched: a submodule. The same commit may give more later.
func unfetched(result fleet.Result) *fault.Fault {
	for _, f := range result.Faults {
		if f.Fault.Reason.OfSource() {
			return f.Fault
		}
	}
	return nil
}

// expect tells the other apps whose word they have to wait for, before anybody acts on the commit.
func (ag *Agent) expect(r *repo, offers map[types.NamespacedName]*offer, commit string) {
	var there []types.NamespacedName
	for key, of := range offers {
		if of.removed {
			ag.claims.offer(key, commit)
			continue
		}
		there = append(there, key)
	}
	if ag.claims.expect(r.key, there, commit) {
		ag.wakeWaiting(r.key)
	}
}

// discovered takes in what a commit means. What was observed and who has not decided on it become known together, so that
// no status ever says of a commit that all have decided while nobody was asked.
func (r *repo) discovered(result *fleet.Result, offers map[types.NamespacedName]*offer, found offer, bad *fault.Fault) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.holdTrace(found.trace)
	r.result, r.offers, r.fault = result, offers, bad
	r.pending = make(map[types.NamespacedName]bool, len(offers))
	for key := range offers {
		r.pending[key] = true
	}
	if len(offers) == 0 {
		r.holdTrace(nil)
	}
	if seen := r.status.Observed; seen == nil || seen.Revision != found.commit || seen.Ref != found.ref {
		r.status.Observed = &v1alpha1.Observed{Revision: found.commit, Ref: found.ref, Time: metav1.Now().Rfc3339Copy(), By: found.by}
	}
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
func (ag *Agent) offersOf(o *v1alpha1.Repo, result fleet.Result, found offer) map[types.NamespacedName]*offer {
	offers := map[types.NamespacedName]*offer{}
	for _, placed := range result.Apps {
		key := types.NamespacedName{Namespace: o.Namespace, Name: placed.Name}
		if other := ag.madeByOther(key, o); other != "" {
			ag.log.Error("an App of this name exists already and is left alone", "app", key.String(), "repo", o.Namespace+"/"+o.Name, "other", other)
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
		if known != nil && key.Namespace == o.Namespace && makerOf(known) == o.Name {
			out[key] = known
		}
	}
	return out
}

// makerOf names the Repo that made an App; "" for an App by hand, whatever labels it bears.
func makerOf(o *v1alpha1.App) string {
	if owner := metav1.GetControllerOf(o); owner != nil && owner.Kind == "Repo" && owner.Name == o.Labels[v1alpha1.LabelRepo] {
		return owner.Name
	}
	return ""
}

// makeApps writes the App objects that are missing or differ. A Repo that is being deleted makes none.
func (ag *Agent) makeApps(ctx context.Context, o *v1alpha1.Repo, result fleet.Result) error {
	if o.DeletionTimestamp != nil {
		return nil
	}
	yes := true
	var errs []error
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
			ag.log.Error("an App could not be written", "app", o.Namespace+"/"+placed.Name, "error", err)
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
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
	ag.propose(a, of)
}

// bind connects an App object to where its commits come from.
func (ag *Agent) bind(a *app, o *v1alpha1.App) {
	if name := makerOf(o); name != "" {
		ag.mu.Lock()
		r := ag.repos[types.NamespacedName{Namespace: o.Namespace, Name: name}]
		ag.mu.Unlock()
		if r == nil {
			return
		}
		r.mu.Lock()
		of := r.offers[a.key]
		r.mu.Unlock()
		if of != nil && a.proposal() != of {
			ag.claims.offer(a.key, of.commit)
			ag.propose(a, of)
		}
		if _, repository := r.bound(); repository != nil && asksForSync(o) {
			repository.Nudge(trigger.Sync)
		}
		return
	}
	at, poll := ag.repositoryOf(o)
	ag.unbindExcept(a.key, ag.seatsOf(o))
	ag.bindSources(a, o)
	if !at.Known() {
		a.unoffered(fault.New(fault.PathNotFound, "there is no Repo %s in namespace %s", o.Spec.Repo, o.Namespace).
			WithNext("create it, or write the address of a repository"))
		return // the Repo may come a moment after the App that names it: then it is bound again
	}
	ag.repositories.Track(at, seat{ag, a, ""}, poll, causeOf(asksForSync(o)))
}

// asksForSync tells whether somebody asked for a sync that was not carried out.
func asksForSync(o *v1alpha1.App) bool {
	token := o.Annotations[v1alpha1.AnnotationSync]
	return token != "" && token != o.Status.Handled.Sync
}

// repositoryOf gives the repository of an App made by hand: that of the Repo it names, or its own.
func (ag *Agent) repositoryOf(o *v1alpha1.App) (repos.Address, time.Duration) {
	return ag.repositoryAt(o.Namespace, o.Spec.Repo, o.Spec.Secret)
}

// repositoryAt gives the repository of a Repo by its name, or by an address.
func (ag *Agent) repositoryAt(namespace, repo, secret string) (repos.Address, time.Duration) {
	if r := ag.repoOf(namespace, repo); r != nil {
		named, _ := r.bound()
		return repos.Address{Namespace: namespace, URL: named.Spec.URL, Secret: named.Spec.Secret}, pollOf(named)
	}
	return repos.Address{Namespace: namespace, URL: repo, Secret: secret}, time.Minute
}

func (ag *Agent) repoOf(namespace, name string) *repo {
	ag.mu.Lock()
	defer ag.mu.Unlock()
	return ag.repos[types.NamespacedName{Namespace: namespace, Name: name}]
}

// revisionOf gives the revision that an App by hand tracks of its own repository, or of a source.
func (ag *Agent) revisionOf(a *app, source string) string {
	o, _, _ := a.mailbox()
	if o == nil {
		return ""
	}
	repo, revision := o.Spec.Repo, o.Spec.Revision
	if source != "" {
		i := slices.IndexFunc(o.Spec.Sources, func(s v1alpha1.AppSource) bool { return s.Name == source })
		if i < 0 {
			return ""
		}
		repo, revision = o.Spec.Sources[i].Repo, o.Spec.Sources[i].Revision
	}
	if revision != "" {
		return revision
	}
	if r := ag.repoOf(o.Namespace, repo); r != nil {
		named, _ := r.bound()
		return named.Spec.Revision
	}
	return ""
}

func (ag *Agent) unbind(key types.NamespacedName) { ag.unbindExcept(key, nil) }

// unbindExcept has an App leave the repositories that it does not use any more.
func (ag *Agent) unbindExcept(key types.NamespacedName, keep map[string]repos.Address) {
	ag.repositories.Leave(func(u repos.User, at repos.Address) bool {
		s, ok := u.(seat)
		return ok && s.app.key == key && keep[s.source] != at
	})
}

// place offers a commit to an App made by hand. An error says that it has to be done again.
func (ag *Agent) place(a *app, found offer) error {
	o, _, _ := a.mailbox()
	if o == nil {
		return nil
	}
	placed := fleet.ByHand(found.snapshot, o)
	found.placement, found.fault = placed.App, placed.Fault
	found.limits = placed.Root.Limits
	found.account = orDefault(o.Spec.ServiceAccount, defaultAccount)
	var unlawful error
	found.law, unlawful = ag.lawOfHand(o, found, placed.Root.Policies)
	ag.claims.offer(a.key, found.commit)
	if found.fault == nil && ag.order.put(a.key, placed.App.Node()) {
		ag.reordered(a.key.Namespace)
	}
	ag.propose(a, &found)
	if found.fault != nil && found.fault.Reason.OfSource() {
		return found.fault
	}
	return unlawful
}

// tellUnoffered tells the apps of a Repo that were never offered a commit why: then they say so, and count with what they
// have.
func (ag *Agent) tellUnoffered(r *repo, f *fault.Fault) {
	o, _ := r.bound()
	for key := range ag.appsOf(o) {
		ag.mu.Lock()
		a := ag.apps[key]
		ag.mu.Unlock()
		if a != nil && a.unoffered(f) {
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
