package cluster

import (
	"context"
	"fmt"
	"maps"
	"sync"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/client-go/metadata"
	"k8s.io/client-go/tools/cache"
)

// definers are the resources whose objects say which kinds are served.
var definers = []schema.GroupVersionResource{
	{Group: "apiextensions.k8s.io", Version: "v1", Resource: "customresourcedefinitions"},
	{Group: "apiregistration.k8s.io", Version: "v1", Resource: "apiservices"},
}

// definersPause is how long news about definitions are gathered: a chart brings dozens of them, each in several steps.
const definersPause = 300 * time.Millisecond

// FollowKinds calls changed soon after the kinds that are served may have changed, until ctx ends: whoever made the
// change, and only for changes. It watches the metadata of CustomResourceDefinitions and APIServices.
func (c *Cluster) FollowKinds(ctx context.Context, changed func()) error {
	client, err := metadata.NewForConfig(metadata.ConfigFor(c.Config()))
	if err != nil {
		return fmt.Errorf("make a metadata client: %w", err)
	}
	gather := &gathering{pause: definersPause, do: changed}
	for _, resource := range definers {
		of := client.Resource(resource)
		source := &cache.ListWatch{
			ListWithContextFunc: func(ctx context.Context, o metav1.ListOptions) (runtime.Object, error) { return of.List(ctx, o) },
			WatchFuncWithContext: func(ctx context.Context, o metav1.ListOptions) (watch.Interface, error) {
				return of.Watch(ctx, o)
			},
		}
		store := &versionsSeen{news: gather.note}
		reflector := cache.NewReflectorWithOptions(source, expected(false), store, cache.ReflectorOptions{Name: resource.String()})
		go reflector.RunWithContext(ctx)
	}
	return nil
}

// gathering calls do once for all notes within a pause.
type gathering struct {
	pause time.Duration
	do    func()

	mu      sync.Mutex
	pending bool
}

func (g *gathering) note() {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.pending {
		return
	}
	g.pending = true
	time.AfterFunc(g.pause, func() {
		g.mu.Lock()
		g.pending = false
		g.mu.Unlock()
		g.do()
	})
}

// versionsSeen is the store of a reflector that keeps nothing but names and versions, and tells when they change. The
// first list is no news.
type versionsSeen struct {
	news func()

	mu     sync.Mutex
	byName map[string]string
}

// Add, Update, Delete, Replace, Resync and Transformer are what a reflector calls.

// Add takes in an object that came.
func (s *versionsSeen) Add(o any) error { return s.put(o, true) }

// Update takes in an object that changed.
func (s *versionsSeen) Update(o any) error { return s.put(o, true) }

// Delete drops an object that went.
func (s *versionsSeen) Delete(o any) error { return s.put(o, false) }

// Replace takes in a whole list.
func (s *versionsSeen) Replace(list []any, _ string) error {
	next := make(map[string]string, len(list))
	for _, o := range list {
		if m, ok := o.(metav1.Object); ok {
			next[m.GetName()] = m.GetResourceVersion()
		}
	}
	s.mu.Lock()
	before := s.byName
	s.byName = next
	s.mu.Unlock()
	if before != nil && !maps.Equal(before, next) {
		s.news()
	}
	return nil
}

// Resync does nothing: there is nothing to repeat.
func (s *versionsSeen) Resync() error { return nil }

// Transformer drops everything but name and version as soon as an object is decoded.
func (s *versionsSeen) Transformer() cache.TransformFunc {
	return func(o any) (any, error) {
		if m, ok := o.(*metav1.PartialObjectMetadata); ok {
			return &metav1.PartialObjectMetadata{ObjectMeta: identity(m)}, nil
		}
		return o, nil
	}
}

func (s *versionsSeen) put(o any, exists bool) error {
	m, ok := o.(metav1.Object)
	if !ok {
		return nil
	}
	s.mu.Lock()
	known, had := s.byName[m.GetName()]
	switch {
	case !exists:
		delete(s.byName, m.GetName())
	case s.byName == nil:
		s.byName = map[string]string{m.GetName(): m.GetResourceVersion()}
	default:
		s.byName[m.GetName()] = m.GetResourceVersion()
	}
	s.mu.Unlock()
	if had != exists || known != m.GetResourceVersion() {
		s.news()
	}
	return nil
}
