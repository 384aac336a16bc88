package cli

import (
	"context"
	"fmt"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/watch"

	"plumb.dev/plumb/api/v1alpha1"
	"plumb.dev/plumb/internal/report"
)

const (
	leasePause   = 5 * time.Second // between two readings of the Lease
	watchPause   = time.Second     // before a watch that ended is begun again
	settleWindow = 50 * time.Millisecond
)

// change is what one stream has to say: a whole list, one event, or an error.
type change struct {
	list   []runtime.Object // of a new list; nil for an event
	event  watch.Event
	listed bool
	lost   error
	stream string
}

// seeing judges a fleet: whether what is waited for is there, and the lines that then answer the person.
type seeing func(report.Fleet) (answer []string, done bool, err error)

// follow looks at the fleet again and again, whenever something in it changed, until see is done or has an error, and gives
// the answer; or until ctx ends. The Repos and the apps come by two watches, of which one may be behind the other; so what see
// makes of them only counts when it makes the same of one look. A connection that is lost is told once and made again: the
// Lease, which cannot be read meanwhile, makes the states unknown in time.
func (k *kube) follow(ctx context.Context, env Env, see seeing) ([]string, error) {
	first, err := k.fleet(ctx, env.Now) // errors of the first look are the verb's: forbidden, not installed, unreachable
	if err != nil {
		return nil, err
	}
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	changes := make(chan change)
	go k.stream(ctx, "apps", func() runtime.Object { return &v1alpha1.AppList{} }, changes)
	go k.stream(ctx, "repos", func() runtime.Object { return &v1alpha1.RepoList{} }, changes)
	v := view{agent: first.Agent, told: map[string]bool{}}
	v.take(first)
	return v.run(ctx, k, env, changes, see)
}

// view is the fleet as the streams have told it so far. One goroutine owns it.
type view struct {
	apps  map[types.NamespacedName]v1alpha1.App
	repos map[types.NamespacedName]v1alpha1.Repo
	agent report.Agent
	told  map[string]bool // streams whose loss was told
}

func (v *view) run(ctx context.Context, k *kube, env Env, changes <-chan change, see seeing) ([]string, error) {
	lease := time.NewTicker(leasePause)
	defer lease.Stop()
	settle := time.NewTimer(0) // changes of one pass come together: they are shown together
	defer settle.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case c := <-changes:
			v.apply(c, env)
			settle.Reset(settleWindow)
		case <-lease.C:
			v.hear(ctx, k)
			settle.Reset(0)
		case <-settle.C:
			if answer, done, err := k.surely(ctx, env, v, see); done || err != nil {
				return answer, err
			}
		}
	}
}

// surely judges what the watches have told, and again, before that counts, what one look shows. Where no look is to be had,
// only an error counts: the watches go on, and may bring what is waited for.
func (k *kube) surely(ctx context.Context, env Env, v *view, see seeing) (answer []string, done bool, err error) {
	if _, done, err = see(v.fleet(env.Now())); !done && err == nil {
		return nil, false, nil
	}
	f, failed := k.fleet(ctx, env.Now)
	if failed != nil {
		return nil, false, err
	}
	return see(f)
}

// hear reads the Lease. While it cannot be read the last time stands, and grows old.
func (v *view) hear(ctx context.Context, k *kube) {
	ctx, cancel := context.WithTimeout(ctx, leasePause)
	defer cancel()
	if agent := k.agent(ctx); agent.Why == "" || v.agent.Heard.IsZero() {
		v.agent = agent
	}
}

func (v *view) take(f report.Fleet) {
	v.apps, v.repos = map[types.NamespacedName]v1alpha1.App{}, map[types.NamespacedName]v1alpha1.Repo{}
	for _, a := range f.Apps {
		v.apps[types.NamespacedName{Namespace: a.Namespace, Name: a.Name}] = a
	}
	for _, r := range f.Repos {
		v.repos[types.NamespacedName{Namespace: r.Namespace, Name: r.Name}] = r
	}
}

func (v *view) fleet(now time.Time) report.Fleet {
	f := report.Fleet{Agent: v.agent, Now: now}
	for _, a := range v.apps {
		f.Apps = append(f.Apps, a)
	}
	for _, r := range v.repos {
		f.Repos = append(f.Repos, r)
	}
	sortRepos(f.Repos)
	return f
}

func (v *view) apply(c change, env Env) {
	switch {
	case c.lost != nil && !v.told[c.stream]:
		v.told[c.stream] = true
		fmt.Fprintf(env.Stderr, "%s lost the watch on %s, trying again: %s\n", env.Now().Format("15:04:05"), c.stream, report.Clean(c.lost.Error()))
	case c.listed:
		v.told[c.stream] = false
		if c.stream == "apps" {
			clear(v.apps)
		} else {
			clear(v.repos)
		}
		for _, o := range c.list {
			v.put(o)
		}
	case c.event.Type == watch.Deleted:
		v.drop(c.event.Object)
	case c.event.Object != nil:
		v.put(c.event.Object)
	}
}

func (v *view) put(o runtime.Object) {
	switch o := o.(type) {
	case *v1alpha1.App:
		v.apps[types.NamespacedName{Namespace: o.Namespace, Name: o.Name}] = *o
	case *v1alpha1.Repo:
		v.repos[types.NamespacedName{Namespace: o.Namespace, Name: o.Name}] = *o
	}
}

func (v *view) drop(o runtime.Object) {
	switch o := o.(type) {
	case *v1alpha1.App:
		delete(v.apps, types.NamespacedName{Namespace: o.Namespace, Name: o.Name})
	case *v1alpha1.Repo:
		delete(v.repos, types.NamespacedName{Namespace: o.Namespace, Name: o.Name})
	}
}

// stream lists a resource and watches it from there, again and again until ctx ends.
func (k *kube) stream(ctx context.Context, resource string, newList func() runtime.Object, out chan<- change) {
	for ctx.Err() == nil {
		err := k.listAndWatch(ctx, resource, newList(), out)
		if err != nil && !apierrors.IsResourceExpired(err) && !apierrors.IsGone(err) {
			send(ctx, out, change{stream: resource, lost: err})
		}
		select {
		case <-ctx.Done():
		case <-time.After(watchPause):
		}
	}
}

func (k *kube) listAndWatch(ctx context.Context, resource string, list runtime.Object, out chan<- change) error {
	if err := k.plumb.Get().Namespace(k.selected).Resource(resource).Do(ctx).Into(list); err != nil {
		return err
	}
	items, err := meta.ExtractList(list)
	if err != nil {
		return err
	}
	listMeta, err := meta.ListAccessor(list)
	if err != nil {
		return err
	}
	send(ctx, out, change{stream: resource, listed: true, list: items})
	w, err := k.plumb.Get().Namespace(k.selected).Resource(resource).
		Param("watch", "true").Param("resourceVersion", listMeta.GetResourceVersion()).Param("allowWatchBookmarks", "true").Watch(ctx)
	if err != nil {
		return err
	}
	defer w.Stop()
	for event := range w.ResultChan() {
		switch event.Type {
		case watch.Error:
			return apierrors.FromObject(event.Object)
		case watch.Bookmark:
		default:
			send(ctx, out, change{stream: resource, event: event})
		}
	}
	return nil
}

func send(ctx context.Context, out chan<- change, c change) {
	select {
	case out <- c:
	case <-ctx.Done():
	}
}
