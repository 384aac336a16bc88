package diff

import (
	"bytes"
	"sort"

	"plumb.dev/plumb/internal/object"
	"plumb.dev/plumb/internal/redact"
)

// FieldChange is one difference between two versions of an object.
type FieldChange struct {
	Field    string // a path of package object
	Kind     string // Addition, Removed or Changed
	From, To any    // JSON values; nil if there is none. redact.Marker if the field is secret
}

// Fields gives the differences between two versions of an object, in the order of their paths: fields that came or went
// with all that is in them, and values that changed. Entries of lists are matched by their key (containers by name, ports
// by number and protocol); lists of plain values and lists without keys that tell their entries apart are one value.
func Fields(before, after object.Object) []FieldChange {
	id := after.ID()
	if after.Fields == nil {
		id = before.ID()
	}
	f := fields{id: id}
	f.maps(before.Fields, after.Fields, nil)
	return f.changes
}

type fields struct {
	id      object.ID
	changes []FieldChange
}

func (f *fields) maps(before, after map[string]any, path object.Path) {
	keys := sortedKeys(before)
	for k := range after {
		if _, ok := before[k]; !ok {
			keys = append(keys, k)
		}
	}
	sort.Strings(keys)
	for _, k := range keys {
		from, was := before[k]
		to, is := after[k]
		f.values(from, to, was, is, path.Join(object.Field(k)))
	}
}

func (f *fields) values(from, to any, was, is bool, path object.Path) {
	if f.inside(from, to, path) {
		return
	}
	if was && is && bytes.Equal(object.Canonical(from), object.Canonical(to)) {
		return
	}
	c := FieldChange{Field: path.String(), Kind: Changed, From: redact.Value(f.id, path, from), To: redact.Value(f.id, path, to)}
	if !was {
		c.Kind = Addition
	} else if !is {
		c.Kind = Removed
	}
	f.changes = append(f.changes, c)
}

// inside goes into maps and keyed lists. The data of a Secret is shown key by key also where all of it came or went.
func (f *fields) inside(from, to any, path object.Path) bool {
	a, isA := from.(map[string]any)
	b, isB := to.(map[string]any)
	secret := len(path) == 1 && redact.Hidden(f.id, path)
	if isA && isB || secret && (len(a) > 0 && to == nil || len(b) > 0 && from == nil) {
		f.maps(a, b, path)
		return true
	}
	x, isX := from.([]any)
	y, isY := to.([]any)
	if !isX || !isY {
		return false
	}
	keys := listKeys(path, x, y)
	if keys == nil {
		return false
	}
	f.lists(x, y, keys, path)
	return true
}

// lists gives the entries in the order of the list after, those that went at the end. Another order alone is a change of
// the list: it can matter, as for init containers.
func (f *fields) lists(before, after []any, keys []string, path object.Path) {
	start := len(f.changes)
	inOrder, last := true, -1
	for _, to := range after {
		s := itemStep(to, keys)
		i := s.IndexIn(before)
		if i < 0 {
			f.values(nil, to, false, true, path.Join(s))
			continue
		}
		inOrder, last = inOrder && i > last, i
		f.values(before[i], to, true, true, path.Join(s))
	}
	for _, from := range before {
		if s := itemStep(from, keys); s.IndexIn(after) < 0 {
			f.values(from, nil, true, false, path.Join(s))
		}
	}
	if !inOrder && len(f.changes) == start {
		f.changes = append(f.changes, FieldChange{Field: path.String(), Kind: Changed, From: redact.Value(f.id, path, before), To: redact.Value(f.id, path, after)})
	}
}
