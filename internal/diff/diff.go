// Package diff says what differs between Git and a cluster, or between two versions of an object, and who did it.
//
// The evidence is metadata.managedFields: the API server itself records which manager owns which field. An unchanged
// entry of ours proves that nothing of ours was taken (Owned); what a person's tool added beside it is drift too
// (Foreign); what controllers add, defaults, status and metadata of others are not.
//
// The package never asks an API server, never decides whether drift is undone, and never gives the value of a Secret.
//
// Start at Owned (what a watch compares), then Drift (the evidence) and RemovalPatch (the cure of additions). Fields
// compares two versions of an object for people.
package diff

import (
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/structured-merge-diff/v6/fieldpath"

	"plumb.dev/plumb/internal/object"
)

// Kinds of a Change (v1alpha1.Drift.Kind).
const (
	Changed  = "changed" // another value, or the same value that somebody else has set
	Removed  = "removed" // in Git, not in the cluster
	Addition = "added"   // in the cluster by a person's tool, not in Git
	Label    = "label"   // our label or our annotation was taken off or changed
)

// Change is one difference between Git and the cluster, with who made it where that is recorded. A removal leaves no
// trace of who it was.
type Change struct {
	Kind        string
	Field       string // a path of package object
	Manager     string // of the field now; "" if nobody owns it
	Operation   string // Apply or Update
	Subresource string // for example scale
	Time        time.Time
	Git, Live   any  // JSON values; nil if there is none. redact.Marker for both if the field is secret
	Same        bool // somebody took the field, with the value that Git has
}

// set reads the fields that an entry owns; nil if it cannot be read.
func set(e metav1.ManagedFieldsEntry) *fieldpath.Set {
	if e.FieldsV1 == nil {
		return nil
	}
	s := &fieldpath.Set{}
	if err := s.FromJSON(e.FieldsV1.GetRawReader()); err != nil {
		return nil
	}
	return s
}

// own finds the entry of our applies.
func own(entries []metav1.ManagedFieldsEntry, manager string) *metav1.ManagedFieldsEntry {
	for i := range entries {
		if e := &entries[i]; e.Manager == manager && e.Operation == metav1.ManagedFieldsOperationApply && e.Subresource == "" {
			return e
		}
	}
	return nil
}

// owner is an entry with its fields read.
type owner struct {
	entry metav1.ManagedFieldsEntry
	set   *fieldpath.Set
}

func (o owner) sign(c Change) Change {
	c.Manager, c.Operation, c.Subresource = o.entry.Manager, string(o.entry.Operation), o.entry.Subresource
	if o.entry.Time != nil {
		c.Time = o.entry.Time.Time
	}
	return c
}

// owners reads the entries that keep tells.
func owners(entries []metav1.ManagedFieldsEntry, keep func(metav1.ManagedFieldsEntry) bool) []owner {
	var all []owner
	for _, e := range entries {
		if !keep(e) {
			continue
		}
		if s := set(e); s != nil {
			all = append(all, owner{e, s})
		}
	}
	return all
}

func union(all []owner) *fieldpath.Set {
	s := fieldpath.NewSet()
	for _, o := range all {
		s = s.Union(o.set)
	}
	return s
}

// step writes an element of a managedFields path as a step of ours.
func step(e fieldpath.PathElement) object.Step {
	switch {
	case e.FieldName != nil:
		return object.Field(*e.FieldName)
	case e.Key != nil:
		keys := make([]object.Key, 0, len(*e.Key))
		for _, k := range *e.Key {
			keys = append(keys, object.Key{Name: k.Name, Value: object.Text(plain(k.Value.Unstructured()))})
		}
		return object.Item(keys...)
	case e.Value != nil:
		return object.Element(plain((*e.Value).Unstructured()))
	case e.Index != nil:
		return object.Index(*e.Index)
	}
	return object.Any()
}

// plain makes the integers of managedFields int64, as they are in an Object.
func plain(v any) any {
	if i, ok := v.(int); ok {
		return int64(i)
	}
	return v
}

// PathsOf gives the fields that a manager owns by any operation and subresource, without what lies below them: for
// ignore rules that name a manager.
func PathsOf(entries []metav1.ManagedFieldsEntry, manager string) []object.Path {
	var paths []object.Path
	all := union(owners(entries, func(e metav1.ManagedFieldsEntry) bool { return e.Manager == manager }))
	all.Leaves().Iterate(func(p fieldpath.Path) { paths = append(paths, pathOf(p)) })
	return paths
}
