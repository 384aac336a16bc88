// Package redact is the one exit for text and objects that may hold a Secret's value: whatever leaves the process, as a
// status, an event, a log line, a message or a page, goes through it. A Secret's value appears as changed or unchanged,
// never as a length or a hash.
//
// It never decides who may see an object, never keeps a value longer than its caller does, and does not find a secret
// that it was not told of: a password in a ConfigMap is text like any other.
//
// Start at Object (what is shown of an object), Needles and Text (messages of others that may quote a value or a part of one;
// Filter.Beginning for those that were cut), and Secret (a value that must not print itself).
package redact

import (
	"encoding/base64"
	"strings"
	"unicode/utf8"

	"plumb.dev/plumb/internal/object"
)

// Marker stands where a value was.
const Marker = "‹redacted›"

const lastApplied = "kubectl.kubernetes.io/last-applied-configuration"

// Hidden tells whether a field of an object is secret: the data of a Secret, and the copy of all fields that kubectl's
// client-side apply keeps in an annotation.
func Hidden(id object.ID, path object.Path) bool {
	if len(path) == 0 {
		return false
	}
	if path.String() == object.Fields("metadata", "annotations", lastApplied).String() {
		return true
	}
	top, _ := path[0].Key()
	return isSecret(id) && (top == "data" || top == "stringData")
}

func isSecret(id object.ID) bool { return id.Kind == "Secret" && id.Group == "" }

// Object gives a copy that may be shown: the values of a Secret are Marker, and so are the annotations in which a tool keeps a
// copy of it; the annotation last-applied-configuration is gone. The keys of a Secret stay.
func Object(o object.Object) object.Object {
	o = object.Remove(o, object.Fields("metadata", "annotations", lastApplied))
	if !isSecret(o.ID()) {
		return o
	}
	fields := make(map[string]any, len(o.Fields))
	for k, v := range o.Fields {
		fields[k] = v
	}
	for _, name := range []string{"data", "stringData"} {
		if v, ok := fields[name]; ok && v != nil {
			fields[name] = hide(v)
		}
	}
	shown := object.Object{Fields: fields, Place: o.Place}
	for key, value := range o.Annotations() {
		if isCopy(value) {
			shown = shown.WithAnnotation(key, Marker)
		}
	}
	return shown
}

// isCopy tells whether an annotation of a Secret may hold what the Secret holds, or held: as JSON of the whole object, which
// tools other than kubectl keep too, each under a name of its own.
func isCopy(value any) bool {
	text, ok := value.(string)
	return ok && (strings.Contains(text, `"data"`) || strings.Contains(text, `"stringData"`))
}

// Value gives what may be shown of the value at a path of an object: Marker if it is secret, the value without its
// secret parts if only some of it is. nil stays nil.
func Value(id object.ID, path object.Path, v any) any {
	if v == nil {
		return nil
	}
	if Hidden(id, path) || isSecret(id) && object.Fields("metadata", "annotations").Covers(path) && isCopy(v) {
		return Marker
	}
	if len(path) == 0 || len(path) > 2 {
		return v // nothing secret lies deeper
	}
	if _, key := path[len(path)-1].Key(); !key {
		return v // nor in entries of lists
	}
	apiVersion := "v1"
	if id.Group != "" {
		apiVersion = id.Group + "/v1"
	}
	for i := len(path) - 1; i > 0; i-- {
		key, _ := path[i].Key()
		v = map[string]any{key: v}
	}
	top, _ := path[0].Key()
	o := Object(object.Object{Fields: map[string]any{top: v, "apiVersion": apiVersion, "kind": id.Kind}})
	shown, _ := object.Get(o, path)
	return shown
}

func hide(v any) any {
	m, ok := v.(map[string]any)
	if !ok {
		return Marker
	}
	hidden := make(map[string]any, len(m))
	for k := range m {
		hidden[k] = Marker
	}
	return hidden
}

// Needles gives the values of the Secrets among the objects, and what is secret by itself within these (parts), for Text.
// Other objects give none.
func Needles(objects ...object.Object) []Secret {
	var needles []Secret
	add := func(name, value string) {
		needles = append(needles, Hide(value))
		for _, part := range parts(name, value) {
			needles = append(needles, Hide(part))
		}
	}
	for _, o := range objects {
		if !isSecret(o.ID()) {
			continue
		}
		data, _ := o.Fields["data"].(map[string]any)
		for name, v := range data {
			s, _ := v.(string)
			raw, err := base64.StdEncoding.DecodeString(s)
			if err != nil {
				raw = []byte(s)
			}
			add(name, string(raw))
		}
		texts, _ := o.Fields["stringData"].(map[string]any)
		for name, v := range texts {
			if s, ok := v.(string); ok {
				add(name, s)
			}
		}
	}
	return needles
}

// maxShort is how many bytes of a value a status row holds (v1alpha1.Drift).
const maxShort = 120

// Short writes a JSON value on one short line: a text as it is, nothing for nil, anything else as JSON. It takes nothing
// out: what it is given comes from Object, or from package diff.
func Short(v any) string { return Filter{}.Short(v) }

// Short is Short without the values of the filter: what is known of a Secret may stand in other objects too.
func (f Filter) Short(v any) string {
	var s string
	switch v := v.(type) {
	case nil:
		return ""
	case string:
		s = v
	default:
		s = string(object.Canonical(v))
	}
	s = strings.Join(strings.Fields(f.Text(s)), " ")
	if len(s) <= maxShort {
		return s
	}
	cut := maxShort
	for cut > 0 && !utf8.RuneStart(s[cut]) {
		cut--
	}
	return s[:cut] + "…"
}
