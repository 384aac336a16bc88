// Package object is the pure value of a Kubernetes object as Plumb sees it: what it is called, where in Git it was
// written, and its fields.
//
// The package never does I/O and never changes an Object that it was given: functions that change return a copy.
// The one exception says so in its name.
//
// Start at Object, then Parse (bytes of a manifest to Objects), Normalise (what is applied), MarksOf (how it is delivered),
// Path (how a field is named) and Digest.
package object

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"strings"

	"plumb.dev/plumb/internal/fault"
)

// ID is what makes an object the same object: group, kind, namespace and name, never the version.
type ID struct {
	Group     string `json:"group,omitempty"`
	Kind      string `json:"kind"`
	Namespace string `json:"namespace,omitempty"`
	Name      string `json:"name"`
}

// String gives "Kind/name" or "Kind/namespace/name", the form that people read and write (resources.md §7.3).
func (id ID) String() string {
	if id.Namespace == "" {
		return id.Kind + "/" + id.Name
	}
	return id.Kind + "/" + id.Namespace + "/" + id.Name
}

// GroupKind gives "group/Kind", or "Kind" for the core group.
func (id ID) GroupKind() string {
	if id.Group == "" {
		return id.Kind
	}
	return id.Group + "/" + id.Kind
}

// Compare orders by group, kind, namespace, name.
func (id ID) Compare(other ID) int {
	for _, pair := range [][2]string{{id.Group, other.Group}, {id.Kind, other.Kind}, {id.Namespace, other.Namespace}, {id.Name, other.Name}} {
		if c := strings.Compare(pair[0], pair[1]); c != 0 {
			return c
		}
	}
	return 0
}

// Object is one Kubernetes object: its fields as JSON values (map[string]any, []any, string, bool, int64, float64,
// nil), and the place in Git it came from.
type Object struct {
	Fields map[string]any `json:"fields"`
	Place  fault.Place    `json:"place,omitzero"`
}

// APIVersion gives the apiVersion field, for example "apps/v1".
func (o Object) APIVersion() string { return stringAt(o.Fields, "apiVersion") }

// Version gives the version half of the apiVersion, for example "v1".
func (o Object) Version() string {
	_, version := splitAPIVersion(o.APIVersion())
	return version
}

// Kind gives the kind field.
func (o Object) Kind() string { return stringAt(o.Fields, "kind") }

// Name gives metadata.name.
func (o Object) Name() string { return stringAt(o.metadata(), "name") }

// Namespace gives metadata.namespace, "" if there is none.
func (o Object) Namespace() string { return stringAt(o.metadata(), "namespace") }

// ID gives the object's identity.
func (o Object) ID() ID {
	group, _ := splitAPIVersion(o.APIVersion())
	return ID{Group: group, Kind: o.Kind(), Namespace: o.Namespace(), Name: o.Name()}
}

// Annotation gives the value of an annotation, "" if it is not there or not a string.
func (o Object) Annotation(key string) string { return o.metadataEntry("annotations", key) }

// Label gives the value of a label, "" if it is not there or not a string.
func (o Object) Label(key string) string { return o.metadataEntry("labels", key) }

// Annotations gives a copy of the annotations whose value is a string.
func (o Object) Annotations() map[string]string {
	entries, _ := o.metadata()["annotations"].(map[string]any)
	out := make(map[string]string, len(entries))
	for k, v := range entries {
		if s, ok := v.(string); ok {
			out[k] = s
		}
	}
	return out
}

// WithNamespace returns a copy in that namespace; "" removes it.
func (o Object) WithNamespace(namespace string) Object {
	return o.withMetadata(func(m map[string]any) {
		if namespace == "" {
			delete(m, "namespace")
			return
		}
		m["namespace"] = namespace
	})
}

// WithLabel returns a copy that bears the label.
func (o Object) WithLabel(key, value string) Object { return o.withEntry("labels", key, value) }

// WithAnnotation returns a copy that bears the annotation.
func (o Object) WithAnnotation(key, value string) Object {
	return o.withEntry("annotations", key, value)
}

// JSON gives the canonical bytes: keys sorted, no white space, no HTML escapes. Two equal Objects have equal bytes.
func (o Object) JSON() []byte { return Canonical(o.Fields) }

// Digest gives "sha256:" and the hash of the canonical bytes. The Place has no part in it.
func (o Object) Digest() string { return DigestBytes(o.JSON()) }

// Canonical gives the canonical JSON of a JSON value. It panics on a value that JSON cannot hold (a channel, a NaN):
// parsing never makes one.
func Canonical(v any) []byte {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		panic(fmt.Sprintf("object: not a JSON value: %v", err))
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n"))
}

// DigestBytes gives "sha256:" and the hash of b in hexadecimal.
func DigestBytes(b []byte) string {
	sum := sha256.Sum256(b)
	return "sha256:" + hex.EncodeToString(sum[:])
}

// Clone gives a deep copy of a JSON value.
func Clone[T any](v T) T { return clone(any(v)).(T) }

func clone(v any) any {
	switch v := v.(type) {
	case map[string]any:
		out := make(map[string]any, len(v))
		for k, e := range v {
			out[k] = clone(e)
		}
		return out
	case []any:
		out := make([]any, len(v))
		for i, e := range v {
			out[i] = clone(e)
		}
		return out
	}
	return v
}

func (o Object) metadata() map[string]any {
	m, _ := o.Fields["metadata"].(map[string]any)
	return m
}

func (o Object) metadataEntry(field, key string) string {
	entries, _ := o.metadata()[field].(map[string]any)
	return stringAt(entries, key)
}

func (o Object) withEntry(field, key, value string) Object {
	return o.withMetadata(func(m map[string]any) {
		old, _ := m[field].(map[string]any)
		entries := make(map[string]any, len(old)+1)
		for k, v := range old {
			entries[k] = v
		}
		entries[key] = value
		m[field] = entries
	})
}

// withMetadata copies the two outer maps, so that the original stays as it was; deeper values are shared.
func (o Object) withMetadata(change func(map[string]any)) Object {
	fields := make(map[string]any, len(o.Fields))
	for k, v := range o.Fields {
		fields[k] = v
	}
	old := o.metadata()
	metadata := make(map[string]any, len(old)+1)
	for k, v := range old {
		metadata[k] = v
	}
	change(metadata)
	fields["metadata"] = metadata
	return Object{Fields: fields, Place: o.Place}
}

func stringAt(m map[string]any, key string) string {
	s, _ := m[key].(string)
	return s
}

func splitAPIVersion(apiVersion string) (group, version string) {
	group, version, found := strings.Cut(apiVersion, "/")
	if !found {
		return "", apiVersion
	}
	return group, version
}
