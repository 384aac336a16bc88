package apply

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"sync"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"

	"plumb.dev/plumb/api/v1alpha1"
	"plumb.dev/plumb/internal/cluster"
	"plumb.dev/plumb/internal/fault"
	"plumb.dev/plumb/internal/object"
)

// memory is a Target in memory: server-side apply with owners of the entries of data, immutable objects, finalizers,
// preconditions of deletes and dry runs. What differs from a real API server is only what no test here asks.
type memory struct {
	mu      sync.Mutex
	version int
	objects map[object.ID]*stored
	log     []string // "apply ConfigMap/web/a", in the order in which they ended

	running, most int                   // requests at once
	takes         time.Duration         // how long a request takes
	refuse        map[object.ID][]error // what the next requests about an object are answered
	interfere     func(object.ID)       // before each Delete and Patch: another writer
}

type stored struct {
	uid, version string
	owner        string
	data         map[string]any
	by           map[string]string // manager by key of data
	fixed        bool              // its data cannot be changed
	finalizer    bool
	dying        bool
	managers     []string
}

func newMemory() *memory {
	return &memory{objects: map[object.ID]*stored{}, refuse: map[object.ID][]error{}}
}

func (m *memory) next() string {
	m.version++
	return strconv.Itoa(m.version)
}

func (m *memory) put(id object.ID, s *stored) *stored {
	s.version = m.next()
	if s.uid == "" {
		s.uid = "uid-" + s.version
	}
	if s.by == nil {
		s.by = map[string]string{}
	}
	m.objects[id] = s
	return s
}

// enter is the beginning and the end of a request.
func (m *memory) enter(what string, id object.ID) (leave func(), err error) {
	m.mu.Lock()
	m.running++
	m.most = max(m.most, m.running)
	m.mu.Unlock()
	if m.takes > 0 {
		<-time.After(m.takes)
	}
	m.mu.Lock()
	m.running--
	if what != "get" {
		m.log = append(m.log, what+" "+id.String())
	}
	if waiting := m.refuse[id]; len(waiting) > 0 && what != "get" {
		m.refuse[id] = waiting[1:]
		err = waiting[0]
	}
	return m.mu.Unlock, err
}

func notFound(id object.ID) error {
	return cluster.Explain(apierrors.NewNotFound(schema.GroupResource{Group: id.Group, Resource: id.Kind}, id.Name), id, "")
}

func conflict(id object.ID, message string) error {
	return cluster.Explain(apierrors.NewConflict(schema.GroupResource{Resource: id.Kind}, id.Name, fmt.Errorf("%s", message)), id, "")
}

func (m *memory) Get(_ context.Context, id object.ID, version string) (object.Object, []metav1.ManagedFieldsEntry, error) {
	leave, _ := m.enter("get", id)
	defer leave()
	s, ok := m.objects[id]
	if !ok {
		return object.Object{}, nil, notFound(id)
	}
	fields := map[string]any{
		"apiVersion": version, "kind": id.Kind, "data": maps.Clone(s.data),
		"metadata": map[string]any{"name": id.Name, "namespace": id.Namespace, "resourceVersion": s.version, "uid": s.uid},
	}
	if id.Kind == "CustomResourceDefinition" {
		fields["status"] = map[string]any{"conditions": []any{map[string]any{"type": "Established", "status": "True"}}}
	}
	return object.Object{Fields: fields}, s.entries(), nil
}

func (s *stored) entries() []metav1.ManagedFieldsEntry {
	var entries []metav1.ManagedFieldsEntry
	for _, manager := range s.managers {
		fields := map[string]any{}
		for key, by := range s.by {
			if by == manager {
				fields["f:"+key] = map[string]any{}
			}
		}
		raw, _ := json.Marshal(map[string]any{"f:data": fields})
		entries = append(entries, metav1.ManagedFieldsEntry{
			Manager: manager, Operation: metav1.ManagedFieldsOperationUpdate, APIVersion: "v1", FieldsType: "FieldsV1", FieldsV1: metav1.NewFieldsV1(string(raw)),
		})
	}
	return entries
}

func (m *memory) GetMetadata(_ context.Context, id object.ID, _ string) (metav1.ObjectMeta, error) {
	leave, err := m.enter("get", id)
	defer leave()
	s, ok := m.objects[id]
	switch {
	case err != nil:
		return metav1.ObjectMeta{}, err
	case !ok:
		return metav1.ObjectMeta{}, notFound(id)
	}
	return s.meta(id), nil
}

func (s *stored) meta(id object.ID) metav1.ObjectMeta {
	meta := metav1.ObjectMeta{Name: id.Name, Namespace: id.Namespace, UID: types.UID(s.uid), ResourceVersion: s.version}
	if s.owner != "" {
		meta.Annotations = map[string]string{v1alpha1.AnnotationOwner: s.owner}
	}
	if s.dying {
		now := metav1.Now()
		meta.DeletionTimestamp = &now
	}
	return meta
}

func (m *memory) Apply(_ context.Context, o object.Object, opts cluster.ApplyOptions) (cluster.Applied, error) {
	id := o.ID()
	what := "apply"
	if opts.DryRun {
		what = "rehearse"
	}
	leave, err := m.enter(what, id)
	defer leave()
	if err != nil {
		return cluster.Applied{}, err
	}
	data, _ := o.Fields["data"].(map[string]any)
	s, exists := m.objects[id]
	meta, _ := o.Fields["metadata"].(map[string]any)
	uid, _ := meta["uid"].(string)
	switch {
	case uid != "" && (!exists || s.uid != uid):
		return cluster.Applied{}, conflict(id, "the UID in the precondition differs")
	case opts.New && exists:
		return cluster.Applied{}, conflict(id, "the object has been modified")
	case opts.DryRun:
		return cluster.Applied{}, nil
	case !exists:
		s = m.put(id, &stored{})
	default:
		if err := s.admits(id, data, opts); err != nil {
			return cluster.Applied{}, err
		}
	}
	s.write(data, opts.Manager)
	if claim := o.Annotation(v1alpha1.AnnotationOwner); claim != "" {
		s.owner = claim
	}
	s.version = m.next()
	return cluster.Applied{ObjectMeta: s.meta(id), Created: !exists}, nil
}

// admits refuses a change of what is fixed, and without force one of what others own.
func (s *stored) admits(id object.ID, data map[string]any, opts cluster.ApplyOptions) error {
	var causes []metav1.StatusCause
	for _, key := range slices.Sorted(maps.Keys(data)) {
		if s.data[key] == data[key] {
			continue
		}
		if s.fixed {
			invalid := apierrors.NewInvalid(schema.GroupKind{Kind: id.Kind}, id.Name, nil)
			invalid.ErrStatus.Details.Causes = []metav1.StatusCause{{Field: "data." + key, Message: "field is immutable"}}
			return cluster.Explain(invalid, id, "")
		}
		if by := s.by[key]; by != "" && by != opts.Manager && !opts.Force {
			causes = append(causes, metav1.StatusCause{Type: metav1.CauseTypeFieldManagerConflict, Message: fmt.Sprintf("conflict with %q", by), Field: key})
		}
	}
	if len(causes) > 0 {
		return cluster.Explain(apierrors.NewApplyConflict(causes, "conflict"), id, "")
	}
	return nil
}

func (s *stored) write(data map[string]any, manager string) {
	for key, by := range s.by {
		if _, wanted := data[key]; by == manager && !wanted {
			delete(s.by, key)
			delete(s.data, key)
		}
	}
	if s.data == nil {
		s.data = map[string]any{}
	}
	for key, value := range data {
		s.data[key], s.by[key] = value, manager
	}
}

func (m *memory) Patch(_ context.Context, id object.ID, _ string, patch []byte, manager string) (cluster.Applied, error) {
	if m.interfere != nil {
		m.interfere(id)
	}
	leave, err := m.enter("patch", id)
	defer leave()
	if err != nil {
		return cluster.Applied{}, err
	}
	var ops []struct {
		Path  string `json:"path"`
		Value any    `json:"value"`
	}
	if err := json.Unmarshal(patch, &ops); err != nil {
		return cluster.Applied{}, err
	}
	s := m.objects[id]
	if s.version != ops[1].Value {
		return cluster.Applied{}, conflict(id, "the object has been modified")
	}
	s.managers = nil
	for key := range s.by {
		s.by[key] = manager
	}
	s.version = m.next()
	return cluster.Applied{ObjectMeta: s.meta(id)}, nil
}

func (m *memory) Delete(_ context.Context, id object.ID, _ string, exact cluster.Exactly) error {
	if m.interfere != nil {
		m.interfere(id)
	}
	leave, err := m.enter("delete", id)
	defer leave()
	s, ok := m.objects[id]
	switch {
	case err != nil:
		return err
	case !ok:
		return notFound(id)
	case s.uid != exact.UID, exact.Version != "" && exact.Version != s.version:
		return conflict(id, "the precondition differs")
	case s.finalizer:
		s.dying = true
		s.version = m.next()
	default:
		delete(m.objects, id)
	}
	return nil
}

var unreachable = fault.New(fault.ApplyFailed, "the API server cannot be reached")
