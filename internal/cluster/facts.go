package cluster

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/metadata"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/cache"

	"plumb.dev/plumb/api/v1alpha1"
	"plumb.dev/plumb/internal/diff"
	"plumb.dev/plumb/internal/health"
	"plumb.dev/plumb/internal/object"
)

// Fact is what stays of a managed object after a watch event was decoded: a few words and digests, never its fields.
type Fact struct {
	UID         string
	Version     string // resourceVersion
	Generation  int64
	Owner       string // annotation plumb.dev/owner
	Managed     bool   // label plumb.dev/managed
	Manager     string // the field manager of Plumb that Owned is of
	Owned       string // digest of that manager's entry in managedFields; "" if there is none
	Added       string // digest of what people's tools have added (package diff); "" if nothing
	Terminating bool
	Health      health.Verdict
	Judged      string // resourceVersion that Health was judged at; "" if it was not judged
}

// Stale tells whether the health was judged before the object took its present form.
func (f Fact) Stale() bool { return f.Judged != f.Version }

// Facts keeps one Fact for every object that bears our label, by two kinds of watches: metadata only where health
// needs no status, whole objects, reduced while decoding, where it does.
type Facts struct {
	metadata metadata.Interface
	dynamic  dynamic.Interface
	mapper   *Mapper
	rules    func(id object.ID) []health.Compiled
	changed  func(object.ID)

	mu    sync.Mutex
	kinds map[schema.GroupKind]*kindFacts
}

// kindFacts are the facts of one kind. It is the store that a reflector fills.
type kindFacts struct {
	facts  *Facts
	gk     schema.GroupKind
	full   bool
	stop   context.CancelFunc
	synced chan struct{}

	mu   sync.Mutex
	once sync.Once
	byID map[object.ID]Fact
}

// NewFacts makes an empty store. rules gives the health rules for an object; changed is called after a fact came, went
// or changed, from the goroutine of a watch: it must not block.
func NewFacts(c *Cluster, rules func(object.ID) []health.Compiled, changed func(object.ID)) (*Facts, error) {
	config := c.Config()
	meta, err := metadata.NewForConfig(metadata.ConfigFor(config))
	if err != nil {
		return nil, fmt.Errorf("make a metadata client: %w", err)
	}
	dyn, err := dynamic.NewForConfig(rest.CopyConfig(config))
	if err != nil {
		return nil, fmt.Errorf("make a dynamic client: %w", err)
	}
	return &Facts{metadata: meta, dynamic: dyn, mapper: c.Mapper(), rules: rules, changed: changed, kinds: map[schema.GroupKind]*kindFacts{}}, nil
}

// Watch makes sure that a kind is watched, with whole objects if full, and waits until its first list is in. It is
// cheap when that is so already. The watch lives as long as life.
func (f *Facts) Watch(ctx, life context.Context, id object.ID, version string, full bool) error {
	gk := schema.GroupKind{Group: id.Group, Kind: id.Kind}
	f.mu.Lock()
	k, ok := f.kinds[gk]
	if ok && (k.full || !full) {
		f.mu.Unlock()
		return k.wait(ctx)
	}
	f.mu.Unlock()
	kind, served, err := f.mapper.Of(ctx, id, version)
	if err != nil {
		return err
	}
	if !served {
		return nil // nothing of an unknown kind can exist
	}
	return f.start(life, gk, kind.Resource, full).wait(ctx)
}

// Get gives the fact about an object; ok is false if the label-selected watch does not show it.
func (f *Facts) Get(id object.ID) (fact Fact, ok bool) {
	k := f.kind(id)
	if k == nil {
		return Fact{}, false
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	fact, ok = k.byID[id]
	return fact, ok
}

// Observe takes in what the API server answered to an apply of ours, so that the watch's echo of it is no news.
func (f *Facts) Observe(id object.ID, meta metav1.ObjectMeta) {
	k := f.kind(id)
	if k == nil {
		return
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	old, ok := k.byID[id]
	if ok && old.UID == string(meta.UID) && !newer(meta.ResourceVersion, old.Version) {
		return
	}
	fact := reduce(&meta)
	if ok && old.UID == fact.UID {
		fact.Health, fact.Judged = old.Health, old.Judged
	}
	if !k.full {
		fact.Health, fact.Judged = health.Verdict{Health: v1alpha1.Healthy}, fact.Version
	}
	k.byID[id] = fact
}

// Forget drops a fact: the object was deleted by us.
func (f *Facts) Forget(id object.ID) {
	k := f.kind(id)
	if k == nil {
		return
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	delete(k.byID, id)
}

// All calls yield for every fact; yield must not call back into Facts.
func (f *Facts) All(yield func(object.ID, Fact)) {
	f.mu.Lock()
	kinds := make([]*kindFacts, 0, len(f.kinds))
	for _, k := range f.kinds {
		kinds = append(kinds, k)
	}
	f.mu.Unlock()
	for _, k := range kinds {
		k.mu.Lock()
		for id, fact := range k.byID {
			yield(id, fact)
		}
		k.mu.Unlock()
	}
}

func (f *Facts) kind(id object.ID) *kindFacts {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.kinds[schema.GroupKind{Group: id.Group, Kind: id.Kind}]
}

func (f *Facts) start(life context.Context, gk schema.GroupKind, resource schema.GroupVersionResource, full bool) *kindFacts {
	f.mu.Lock()
	defer f.mu.Unlock()
	if k, ok := f.kinds[gk]; ok {
		if k.full || !full {
			return k
		}
		k.stop() // whole objects from now on
	}
	ctx, stop := context.WithCancel(life)
	k := &kindFacts{facts: f, gk: gk, full: full, stop: stop, synced: make(chan struct{}), byID: map[object.ID]Fact{}}
	f.kinds[gk] = k
	reflector := cache.NewReflectorWithOptions(f.listWatch(resource, full), expected(full), k, cache.ReflectorOptions{Name: resource.String()})
	go reflector.RunWithContext(ctx)
	return k
}

func (f *Facts) listWatch(resource schema.GroupVersionResource, full bool) cache.ListerWatcher {
	selector := v1alpha1.LabelManaged + "=true"
	if full {
		client := f.dynamic.Resource(resource)
		return &cache.ListWatch{
			ListWithContextFunc: func(ctx context.Context, o metav1.ListOptions) (runtime.Object, error) {
				o.LabelSelector = selector
				return client.List(ctx, o)
			},
			WatchFuncWithContext: func(ctx context.Context, o metav1.ListOptions) (watch.Interface, error) {
				o.LabelSelector = selector
				return client.Watch(ctx, o)
			},
		}
	}
	client := f.metadata.Resource(resource)
	return &cache.ListWatch{
		ListWithContextFunc: func(ctx context.Context, o metav1.ListOptions) (runtime.Object, error) {
			o.LabelSelector = selector
			return client.List(ctx, o)
		},
		WatchFuncWithContext: func(ctx context.Context, o metav1.ListOptions) (watch.Interface, error) {
			o.LabelSelector = selector
			return client.Watch(ctx, o)
		},
	}
}

func expected(full bool) any {
	if full {
		return &unstructured.Unstructured{}
	}
	return &metav1.PartialObjectMetadata{}
}

func (k *kindFacts) wait(ctx context.Context) error {
	select {
	case <-k.synced:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("wait for the first list of %s: %w", k.gk, ctx.Err())
	}
}

// seen is a reduced object on its way through the reflector, which needs its name and version.
type seen struct {
	metav1.ObjectMeta
	fact Fact
}

func (s *seen) GetObjectKind() schema.ObjectKind { return schema.EmptyObjectKind }

// DeepCopyObject gives the value itself: it is never changed after it was made.
func (s *seen) DeepCopyObject() runtime.Object { return s }

// Transformer reduces objects as they are decoded, so that a first list never holds them all.
func (k *kindFacts) Transformer() cache.TransformFunc {
	return func(o any) (any, error) { return k.reduce(o), nil }
}

func (k *kindFacts) reduce(o any) any {
	switch o := o.(type) {
	case *seen:
		return o
	case *metav1.PartialObjectMetadata:
		fact := reduce(&o.ObjectMeta)
		fact.Health, fact.Judged = health.Verdict{Health: v1alpha1.Healthy}, fact.Version
		return &seen{ObjectMeta: identity(o), fact: fact}
	case *unstructured.Unstructured:
		fact := reduce(o)
		id := object.ID{Group: k.gk.Group, Kind: k.gk.Kind, Namespace: o.GetNamespace(), Name: o.GetName()}
		fact.Health, fact.Judged = health.Assess(object.Object{Fields: o.Object}, k.facts.rules(id), time.Now()), fact.Version
		return &seen{ObjectMeta: identity(o), fact: fact}
	}
	return o
}

func identity(o metav1.Object) metav1.ObjectMeta {
	return metav1.ObjectMeta{Namespace: o.GetNamespace(), Name: o.GetName(), UID: o.GetUID(), ResourceVersion: o.GetResourceVersion()}
}

func reduce(o metav1.Object) Fact {
	entries := o.GetManagedFields()
	manager := managerOf(o.GetAnnotations()[v1alpha1.AnnotationOwner], entries)
	return Fact{
		UID:         string(o.GetUID()),
		Version:     o.GetResourceVersion(),
		Generation:  o.GetGeneration(),
		Owner:       o.GetAnnotations()[v1alpha1.AnnotationOwner],
		Managed:     o.GetLabels()[v1alpha1.LabelManaged] == "true",
		Manager:     manager,
		Owned:       diff.Owned(entries, manager),
		Added:       diff.AddedDigest(entries, manager),
		Terminating: o.GetDeletionTimestamp() != nil,
	}
}

// managerOf gives the field manager whose entry is watched: that of the claim; where there is no claim (an app's own
// namespace bears none, and somebody may have taken it off), that of the first app which has applied the object.
func managerOf(owner string, entries []metav1.ManagedFieldsEntry) string {
	if manager := object.ManagerOf(owner); manager != "" {
		return manager
	}
	for _, e := range entries {
		if e.Operation == metav1.ManagedFieldsOperationApply && e.Subresource == "" && strings.HasPrefix(e.Manager, object.ManagerPrefix) {
			return e.Manager
		}
	}
	return ""
}

// Add, Update, Delete, Replace and Resync are what a reflector calls.

// Add takes in an object that came.
func (k *kindFacts) Add(o any) error { return k.put(o) }

// Update takes in an object that changed.
func (k *kindFacts) Update(o any) error { return k.put(o) }

// Delete drops an object that went, or that lost our label.
func (k *kindFacts) Delete(o any) error {
	s, ok := k.reduce(o).(*seen)
	if !ok {
		return nil
	}
	id := k.id(s)
	k.mu.Lock()
	delete(k.byID, id)
	k.mu.Unlock()
	k.facts.changed(id)
	return nil
}

// Replace takes in a whole list. What is not in it is gone.
func (k *kindFacts) Replace(list []any, _ string) error {
	next := make(map[object.ID]Fact, len(list))
	for _, o := range list {
		if s, ok := k.reduce(o).(*seen); ok {
			next[k.id(s)] = s.fact
		}
	}
	k.mu.Lock()
	var news []object.ID
	for id, fact := range next {
		if old, ok := k.byID[id]; !ok || old != fact {
			news = append(news, id)
		}
	}
	for id := range k.byID {
		if _, ok := next[id]; !ok {
			news = append(news, id)
		}
	}
	k.byID = next
	k.mu.Unlock()
	k.once.Do(func() { close(k.synced) })
	for _, id := range news {
		k.facts.changed(id)
	}
	return nil
}

// Resync does nothing: there is nothing to repeat.
func (k *kindFacts) Resync() error { return nil }

func (k *kindFacts) put(o any) error {
	s, ok := k.reduce(o).(*seen)
	if !ok {
		return nil
	}
	id := k.id(s)
	k.mu.Lock()
	old, known := k.byID[id]
	if known && old.UID == s.fact.UID && newer(old.Version, s.fact.Version) {
		k.mu.Unlock()
		return nil // we know better, from the answer to our own apply
	}
	k.byID[id] = s.fact
	k.mu.Unlock()
	if !known || old != s.fact {
		k.facts.changed(id)
	}
	return nil
}

func (k *kindFacts) id(s *seen) object.ID {
	return object.ID{Group: k.gk.Group, Kind: k.gk.Kind, Namespace: s.Namespace, Name: s.Name}
}

// newer tells whether resourceVersion a is later than b. Versions are decimal numbers that only grow (KEP-5504); what
// is no number is not compared.
func newer(a, b string) bool {
	x, errA := strconv.ParseUint(a, 10, 64)
	y, errB := strconv.ParseUint(b, 10, 64)
	return errA == nil && errB == nil && x > y
}
