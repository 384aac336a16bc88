package cluster

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
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
	Scaled      string // what autoscalers have set, as diff.ScaledText writes it; "" if nothing
	Counts      bool   // that manager's entry has a number of replicas
	Uncounted   bool   // nobody's has
	Terminating bool
	Health      health.Verdict
	Judged      string // resourceVersion that Health was judged at; "" if it was not judged
	Rules       string // Rules.Text of the rules that Health was judged by
}

// Stale tells whether the health was judged before the object took its present form.
func (f Fact) Stale() bool { return f.Judged != f.Version }

// Rules are the own health rules for one object, and the text that they were made of.
type Rules struct {
	Compiled []health.Compiled
	Text     string
}

// firstList is how long Watch waits for the first list of a kind, counted from the beginning of the watch. A kind that
// cannot be listed must not stop those who look at others.
const firstList = 10 * time.Second

// secrets are never watched as whole objects, whatever a health rule asks for.
var secrets = schema.GroupKind{Kind: "Secret"}

// Facts keeps one Fact for every object that bears our label, by two kinds of watches: metadata only where health
// needs no status, whole objects, reduced while decoding, where it does.
type Facts struct {
	metadata metadata.Interface
	dynamic  dynamic.Interface
	mapper   *Mapper
	rules    func(id object.ID) Rules
	changed  func(object.ID)
	// Unlisted: Secrets are neither listed nor watched. Their facts are those that Observe brings, for as long as nobody brings
	// others.
	Unlisted bool

	mu    sync.Mutex
	kinds map[schema.GroupKind]*kindFacts
}

// kindFacts are the facts of one kind. It is the store that a reflector fills.
type kindFacts struct {
	facts    *Facts
	gk       schema.GroupKind
	resource schema.GroupVersionResource
	full     bool
	begun    time.Time
	life     context.Context
	stop     context.CancelFunc
	synced   chan struct{}
	once     sync.Once

	mu       sync.Mutex
	byID     map[object.ID]Fact
	answered map[object.ID]Fact // of byID, those that an answer brought and the watch has not told of
	last     string             // the latest resourceVersion that the watch has told of
}

// NewFacts makes an empty store. rules gives the health rules for an object; changed is called after a fact came, went
// or changed, from the goroutine of a watch: it must not block.
func NewFacts(c *Cluster, rules func(object.ID) Rules, changed func(object.ID)) (*Facts, error) {
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

// Watch makes sure that a kind is watched, with whole objects if full, and does not wait for its first list: Wait does. It
// is cheap when the kind is watched already. The watch lives as long as life.
func (f *Facts) Watch(ctx, life context.Context, id object.ID, version string, full bool) error {
	gk := schema.GroupKind{Group: id.Group, Kind: id.Kind}
	full = full && gk != secrets
	if k := f.kind(id); k != nil && (k.full || !full) {
		return nil
	}
	kind, served, err := f.mapper.Of(ctx, id, version)
	if err != nil || !served {
		return err // nothing of an unknown kind can exist
	}
	f.start(life, gk, kind.Resource, full)
	return nil
}

// Wait waits until the first list of an object's kind is in, but not for long: Blind tells whether it is. It does not wait
// for a kind that is not watched.
func (f *Facts) Wait(ctx context.Context, id object.ID) error {
	if k := f.kind(id); k != nil {
		return k.wait(ctx)
	}
	return nil
}

// Blind tells whether the kind of an object is watched and its first list is not in: that Get does not show an object
// then means nothing.
func (f *Facts) Blind(id object.ID) bool {
	k := f.kind(id)
	if k == nil {
		return false
	}
	select {
	case <-k.synced:
		return false
	default:
		return true
	}
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

// Observe takes in what the API server answered to an apply of ours, so that the watch's echo of it is no news. What the
// watch has told already, with what came after it, stands: the answer may be read long after it was given.
func (f *Facts) Observe(id object.ID, meta metav1.ObjectMeta) {
	k := f.kind(id)
	if k == nil {
		return
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	if notAfter(meta.ResourceVersion, k.last) {
		return
	}
	old, ok := k.byID[id]
	if ok && notAfter(meta.ResourceVersion, old.Version) {
		return
	}
	fact := reduce(&meta)
	switch {
	case !k.full:
		fact.Health, fact.Judged = health.Verdict{Health: v1alpha1.Healthy}, fact.Version
	case ok && old.UID == fact.UID:
		fact.Health, fact.Judged, fact.Rules = old.Health, old.Judged, old.Rules
	}
	k.byID[id], k.answered[id] = fact, fact
}

// Judge judges an object again that was read whole: its rules changed after the watch had told of it. An object that is
// older than its Fact, or another one, is not taken in.
func (f *Facts) Judge(live object.Object) {
	id := live.ID()
	k := f.kind(id)
	if k == nil || !k.full {
		return
	}
	rules := f.rules(id)
	verdict := health.Assess(live, rules.Compiled, time.Now())
	meta := unstructured.Unstructured{Object: live.Fields}
	k.mu.Lock()
	defer k.mu.Unlock()
	fact, ok := k.byID[id]
	if ok && fact.UID == string(meta.GetUID()) && !after(fact.Version, meta.GetResourceVersion()) {
		fact.Health, fact.Judged, fact.Rules = verdict, fact.Version, rules.Text
		k.byID[id] = fact
	}
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

func (f *Facts) kind(id object.ID) *kindFacts {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.kinds[schema.GroupKind{Group: id.Group, Kind: id.Kind}]
}

func (f *Facts) start(life context.Context, gk schema.GroupKind, resource schema.GroupVersionResource, full bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	before, ok := f.kinds[gk]
	if ok && before.resource == resource && (before.full || !full) {
		return
	}
	ctx, stop := context.WithCancel(life)
	k := &kindFacts{
		facts: f, gk: gk, resource: resource, full: full, begun: time.Now(), life: life, stop: stop,
		synced: make(chan struct{}), byID: map[object.ID]Fact{}, answered: map[object.ID]Fact{},
	}
	if ok {
		before.stop()
		k.inherit(before)
	}
	f.kinds[gk] = k
	if f.Unlisted && gk == secrets {
		k.once.Do(func() { close(k.synced) })
		return
	}
	reflector := cache.NewReflectorWithOptions(f.listWatch(k), expected(k.full), k, cache.ReflectorOptions{Name: resource.String()})
	go reflector.RunWithContext(ctx)
}

// inherit takes up the facts of another watch of the kind until its own first list is in. What was judged without
// status, and is to be judged by it now, counts as not judged.
func (k *kindFacts) inherit(before *kindFacts) {
	before.mu.Lock()
	defer before.mu.Unlock()
	k.full = k.full || before.full
	k.last = before.last
	for id, fact := range before.byID {
		if k.full && !before.full {
			fact.Judged = ""
		}
		k.byID[id] = fact
	}
}

// lost is called when the API server says that it does not serve the resource. If the kind is served otherwise by now,
// it is watched there; if it is not served at all, nothing of it can exist, and nobody asks for it any more.
func (k *kindFacts) lost() {
	f := k.facts
	f.mapper.Invalidate()
	kind, served, err := f.mapper.Of(k.life, object.ID{Group: k.gk.Group, Kind: k.gk.Kind}, k.resource.Version)
	if err != nil || served && kind.Resource == k.resource {
		return // not certain: the reflector asks again, with growing pauses
	}
	if served {
		f.start(k.life, k.gk, kind.Resource, k.full)
		return
	}
	f.mu.Lock()
	if f.kinds[k.gk] == k {
		delete(f.kinds, k.gk)
	}
	f.mu.Unlock()
	k.stop()
	k.mu.Lock()
	gone := slices.Collect(maps.Keys(k.byID))
	k.byID = map[object.ID]Fact{}
	k.mu.Unlock()
	for _, id := range gone {
		f.changed(id)
	}
}

func (f *Facts) listWatch(k *kindFacts) cache.ListerWatcher {
	if k.full {
		return listWatch(k, f.dynamic.Resource(k.resource))
	}
	return listWatch(k, f.metadata.Resource(k.resource))
}

// lister is what the dynamic and the metadata client have in common.
type lister[L runtime.Object] interface {
	List(ctx context.Context, o metav1.ListOptions) (L, error)
	Watch(ctx context.Context, o metav1.ListOptions) (watch.Interface, error)
}

// listWatch lists and watches what bears our label.
func listWatch[L runtime.Object](k *kindFacts, client lister[L]) cache.ListerWatcher {
	selector := v1alpha1.LabelManaged + "=true"
	return &cache.ListWatch{
		ListWithContextFunc: func(ctx context.Context, o metav1.ListOptions) (runtime.Object, error) {
			o.LabelSelector = selector
			list, err := client.List(ctx, o)
			if apierrors.IsNotFound(err) {
				k.lost()
			}
			return list, err
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
	default:
	}
	timer := time.NewTimer(time.Until(k.begun.Add(firstList)))
	defer timer.Stop()
	select {
	case <-k.synced:
	case <-timer.C:
	case <-ctx.Done():
		return fmt.Errorf("wait for the first list of %s: %w", k.gk, ctx.Err())
	}
	return nil
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
		fact := k.fact(o)
		fact.Health, fact.Judged = health.Verdict{Health: v1alpha1.Healthy}, fact.Version
		return &seen{ObjectMeta: identity(o), fact: fact}
	case *unstructured.Unstructured:
		fact := k.fact(o)
		id := object.ID{Group: k.gk.Group, Kind: k.gk.Kind, Namespace: o.GetNamespace(), Name: o.GetName()}
		rules := k.facts.rules(id)
		fact.Health, fact.Judged, fact.Rules = health.Assess(object.Object{Fields: o.Object}, rules.Compiled, time.Now()), fact.Version, rules.Text
		return &seen{ObjectMeta: identity(o), fact: fact}
	}
	return o
}

// fact is reduce. The echo of our own apply is not read again: of most objects that is all that the watch ever tells.
func (k *kindFacts) fact(o metav1.Object) Fact {
	id := object.ID{Group: k.gk.Group, Kind: k.gk.Kind, Namespace: o.GetNamespace(), Name: o.GetName()}
	k.mu.Lock()
	answered, ok := k.answered[id]
	delete(k.answered, id)
	k.mu.Unlock()
	if ok && answered.UID == string(o.GetUID()) && answered.Version == o.GetResourceVersion() {
		return answered
	}
	return reduce(o)
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
		Scaled:      diff.ScaledText(diff.Scaled(entries, manager)),
		Counts:      diff.OwnsReplicas(entries, manager),
		Uncounted:   diff.Uncounted(entries),
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
