package agent

import (
	"maps"
	"slices"
	"sync"
	"time"

	"k8s.io/apimachinery/pkg/types"

	"plumb.dev/plumb/api/v1alpha1"
	"plumb.dev/plumb/internal/fault"
	"plumb.dev/plumb/internal/fleet"
	"plumb.dev/plumb/internal/repos"
	"plumb.dev/plumb/internal/source/trigger"
)

// defaultAccount is the ServiceAccount that apps are applied as if neither Repo nor App names one.
const defaultAccount = "plumb-deployer"

// repo is one Repo under care, with what its newest commit offers to its apps.
type repo struct {
	*repos.Repo

	mu     sync.Mutex
	offers map[types.NamespacedName]*offer
}

// takeRepo takes a Repo into care.
func (ag *Agent) takeRepo(o *v1alpha1.Repo) *repo {
	return &repo{Repo: repos.NewRepo(ag.life, o, repos.Clerk{Writes: ag.ledger, Count: ag.count, Shown: ag.board.PutRepo, Log: ag.log})}
}

// offerTo gives what the newest commit offers to an app; nil if it does not know the app.
func (r *repo) offerTo(key types.NamespacedName) *offer {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.offers[key]
}

func (r *repo) setOffers(offers map[types.NamespacedName]*offer) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.offers = offers
}

func (ag *Agent) putRepo(o *v1alpha1.Repo) {
	key := types.NamespacedName{Namespace: o.Namespace, Name: o.Name}
	ag.mu.Lock()
	r, ok := ag.repos[key]
	ag.mu.Unlock()
	var before *v1alpha1.Repo
	if ok {
		if before = r.Object(); before.UID != o.UID {
			ag.dropRepo(before)
			before, ok = nil, false
		}
	}
	if ok {
		r.Take(o)
	} else {
		r = ag.takeRepo(o)
		ag.mu.Lock()
		ag.repos[key] = r
		ag.mu.Unlock()
	}
	r.Show()
	asked := o.Annotations[v1alpha1.AnnotationSync] != "" && o.Annotations[v1alpha1.AnnotationSync] != o.Status.Handled.Sync
	news := before == nil || before.Annotations[v1alpha1.AnnotationSync] != o.Annotations[v1alpha1.AnnotationSync]
	if before != nil && before.Generation == o.Generation && !(asked && news) {
		return
	}
	at := repos.Address{Namespace: o.Namespace, URL: o.Spec.URL, Secret: o.Spec.Secret}
	next := ag.repositories.Track(at, reader{ag, r}, pollOf(o), causeOf(asked))
	if old := r.ReadFrom(next); old != nil && old != next {
		ag.repositories.Untrack(old, reader{ag, r})
	}
	ag.rebind(o)
}

// hookOptions say whom deliveries of webhooks are for.
func (ag *Agent) hookOptions() repos.HookOptions {
	options := repos.HookOptions{
		Secret: ag.secret, Look: ag.lookAtPulls,
		Repo: func(key types.NamespacedName) *repos.Repo {
			if r := ag.repoOf(key.Namespace, key.Name); r != nil {
				return r.Repo
			}
			return nil
		},
		Repos: func(namespace string) (of []*repos.Repo) {
			ag.mu.Lock()
			defer ag.mu.Unlock()
			for key, r := range ag.repos {
				if key.Namespace == namespace {
					of = append(of, r.Repo)
				}
			}
			return of
		},
	}
	if ag.reviewer != nil {
		options.Hint = func(repo types.NamespacedName, number int) { ag.reviewer.Hint(repo.String(), number) }
	}
	return options
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
	r.Drop()
	ag.board.DropRepo(key.Namespace, key.Name)
	ag.board.DropPull(key.String(), 0)
	ag.herald.Forget(key.String())
	if ag.reviewer != nil {
		ag.reviewer.Forget(key.String())
	}
	if repository := r.Repository(); repository != nil {
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
	if repository := r.Repository(); repository != nil {
		ag.repositories.Track(repository.Address(), reader{ag, r}, pollOf(r.Object()), trigger.Poll)
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

// decided notes that an app of a Repo has decided on the observed commit.
func (ag *Agent) decided(repo, app types.NamespacedName) {
	ag.mu.Lock()
	r := ag.repos[repo]
	ag.mu.Unlock()
	if r != nil {
		r.Decided(app)
	}
}

// tellUnoffered tells the apps of a Repo that were never offered a commit why: then they say so, and count with what they
// have.
func (ag *Agent) tellUnoffered(r *repo, f *fault.Fault) {
	for key := range ag.appsOf(r.Object()) {
		ag.mu.Lock()
		a := ag.apps[key]
		ag.mu.Unlock()
		if a != nil && a.unoffered(f) {
			ag.queue.Add(key)
		}
	}
}

// count counts the apps of a Repo by state; the parts add up.
func (ag *Agent) count(o *v1alpha1.Repo) *v1alpha1.AppCounts {
	ag.mu.Lock()
	apps := slices.Collect(maps.Values(ag.apps))
	ag.mu.Unlock()
	c := &v1alpha1.AppCounts{}
	for _, a := range apps {
		known, _, _ := a.mailbox()
		if known == nil || known.Namespace != o.Namespace || makerOf(known) != o.Name {
			continue
		}
		c.Total++
		*c.Of(a.shownState())++
	}
	return c
}

func orDefault(s, otherwise string) string {
	if s == "" {
		return otherwise
	}
	return s
}

func short(commit string) string { return commit[:min(len(commit), 7)] }
