package corpus

import (
	"path"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

// sequence is what happened in the namespace of an application, by the API server's own count of writes, which all kinds
// have in common (resourceVersion).
type sequence struct {
	mu     sync.Mutex
	events map[string]uint64 // "made Kind/name", "done Job/name": the first time
}

// watched are the kinds whose order the corpus promises.
var watched = map[string]schema.GroupVersionResource{
	"Job":        {Group: "batch", Version: "v1", Resource: "jobs"},
	"Deployment": {Group: "apps", Version: "v1", Resource: "deployments"},
	"ReplicaSet": {Group: "apps", Version: "v1", Resource: "replicasets"},
}

// watch begins to note what happens in the namespace of an application that promises an order.
func (p *playground) watch(t *testing.T, a app) *sequence {
	t.Helper()
	s := &sequence{events: map[string]uint64{}}
	if a.order == nil {
		return s
	}
	namespace := a.namespace
	if namespace == "" {
		namespace = a.name()
	}
	for kind, resource := range watched {
		w, err := p.client.Resource(resource).Namespace(namespace).Watch(t.Context(), metav1.ListOptions{})
		if err != nil {
			t.Fatalf("%s: %v", a.path, err)
		}
		t.Cleanup(w.Stop)
		go func() {
			for event := range w.ResultChan() {
				if o, ok := event.Object.(*unstructured.Unstructured); ok {
					s.note(kind, o)
				}
			}
		}()
	}
	return s
}

func (s *sequence) note(kind string, o *unstructured.Unstructured) {
	version, err := strconv.ParseUint(o.GetResourceVersion(), 10, 64)
	if err != nil {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	first := func(event string) {
		if _, known := s.events[event]; !known {
			s.events[event] = version
		}
	}
	first("made " + kind + "/" + o.GetName())
	conditions, _, _ := unstructured.NestedSlice(o.Object, "status", "conditions")
	for _, c := range conditions {
		if c, ok := c.(map[string]any); ok && c["type"] == "Complete" && c["status"] == "True" {
			first("done " + kind + "/" + o.GetName())
		}
	}
}

// check fails the test unless things happened in the order that the application promises.
func (s *sequence) check(t *testing.T, a app) {
	t.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	last, before := uint64(0), ""
	for _, want := range a.order {
		at, event := s.find(want)
		if event == "" {
			t.Errorf("%s: %s never happened in %v", a.path, want, s.all())
			continue
		}
		if at < last {
			t.Errorf("%s: %s happened before %s: %v", a.path, event, before, s.all())
		}
		last, before = at, event
	}
	if a.order != nil {
		t.Logf("%s: in order: %s", a.path, strings.Join(s.all(), ", "))
	}
}

func (s *sequence) find(pattern string) (at uint64, event string) {
	for have, version := range s.events {
		if ok, _ := path.Match(pattern, have); ok {
			return version, have
		}
	}
	return 0, ""
}

func (s *sequence) all() []string {
	var events []string
	for event := range s.events {
		events = append(events, event)
	}
	slices.SortFunc(events, func(a, b string) int { return int(s.events[a]) - int(s.events[b]) })
	return events
}
