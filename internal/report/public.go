package report

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"

	"plumb.dev/plumb/internal/diff"
	"plumb.dev/plumb/internal/object"
	"plumb.dev/plumb/internal/redact"
)

// FieldUnsaid is the kind of a change of a field that no manifest sets, or sets to what is not shown: it has no values.
const FieldUnsaid = "unsaid"

// notInGit stands for a value that the cluster has and no manifest.
const notInGit = "‹not in Git›"

// PublicObject is what of a difference may be told to whoever may read the repository, and need not have any right on the
// cluster. Public makes it, and nothing else can: a comment is written from nothing but this.
type PublicObject struct{ told ObjectDiff }

// Told gives what may be told.
func (p PublicObject) Told() ObjectDiff { return p.told }

// Public takes out of a difference what only the cluster knows: values stay at fields that one of the manifests said sets,
// and in them only what a manifest says; of every other field that differs only the nearest one above it is named that a
// manifest sets. What the API server answered stands without the values that it quotes.
func Public(d ObjectDiff, said ...object.Object) PublicObject {
	out := ObjectDiff{Change: d.Change, Object: d.Object, Risks: d.Risks, Folded: d.Folded}
	out.Notes = slices.Clone(d.Notes[:max(0, len(d.Notes)-d.Quotes)])
	if d.Quotes > 0 && d.Answer != "" {
		out.Notes = append(out.Notes, d.Answer)
	}
	var manifests []any
	for _, o := range said {
		if o.ID() == d.Object {
			manifests = append(manifests, any(o.Fields))
		}
	}
	for _, f := range d.Fields {
		shown := publicField(f, manifests)
		if n := len(out.Fields); n > 0 && shown.Kind == FieldUnsaid && out.Fields[n-1] == shown {
			continue
		}
		out.Fields = append(out.Fields, shown)
	}
	return PublicObject{out}
}

// publicField gives a change as it may be told.
func publicField(f diff.FieldChange, manifests []any) diff.FieldChange {
	path, err := object.ParsePath(f.Field)
	if err != nil {
		return diff.FieldChange{Kind: FieldUnsaid}
	}
	known := manifests
	for i := range path {
		if known = oneStep(known, path[i]); len(known) == 0 {
			return diff.FieldChange{Field: path[:i].String(), Kind: FieldUnsaid}
		}
	}
	f.From, f.To = publicValue(f.From, known), publicValue(f.To, known)
	if f.Kind == diff.Changed && f.From != redact.Marker && same(f.From, f.To) {
		return diff.FieldChange{Field: f.Field, Kind: FieldUnsaid}
	}
	return f
}

// oneStep gives what the manifests' values have one step further.
func oneStep(values []any, step object.Step) []any {
	var out []any
	for _, v := range values {
		out = append(out, object.Find(object.Object{Fields: map[string]any{"v": v}}, object.Path{object.Field("v"), step})...)
	}
	return out
}

// publicValue gives of a value what one of the manifests' values at its place has too.
func publicValue(v any, known []any) any {
	switch v := v.(type) {
	case nil:
		return nil
	case map[string]any:
		out := map[string]any{}
		for key, e := range v {
			if below := oneStep(known, object.Field(key)); len(below) > 0 {
				out[key] = publicValue(e, below)
			}
		}
		if len(out) == 0 && len(v) > 0 {
			return notInGit
		}
		return out
	case []any:
		below := oneStep(known, object.Any())
		out := make([]any, len(v))
		for i, e := range v {
			out[i] = publicEntry(e, below)
		}
		return out
	}
	if v == redact.Marker || slices.ContainsFunc(known, scalar) {
		return v
	}
	return notInGit
}

// publicEntry gives of an entry of a list what one of the manifests' entries has: its fields, or its value.
func publicEntry(e any, known []any) any {
	if !scalar(e) {
		return publicValue(e, known)
	}
	if slices.ContainsFunc(known, func(k any) bool { return same(k, e) }) {
		return e
	}
	return notInGit
}

func scalar(v any) bool {
	switch v.(type) {
	case map[string]any, []any, nil:
		return false
	}
	return true
}

func same(a, b any) bool { return bytes.Equal(object.Canonical(a), object.Canonical(b)) }

// publicForm is a PublicObject as it is kept: what it tells, with its fields.
type publicForm struct {
	ObjectDiff
	Fields []publicChange `json:"fields,omitempty"`
}

type publicChange struct {
	Field string `json:"field"`
	Kind  string `json:"kind"`
	From  any    `json:"from,omitempty"`
	To    any    `json:"to,omitempty"`
}

// MarshalJSON writes what may be told.
func (p PublicObject) MarshalJSON() ([]byte, error) {
	form := publicForm{ObjectDiff: p.told}
	for _, f := range p.told.Fields {
		form.Fields = append(form.Fields, publicChange{f.Field, f.Kind, f.From, f.To})
	}
	return json.Marshal(form)
}

// UnmarshalJSON reads what MarshalJSON wrote.
func (p *PublicObject) UnmarshalJSON(data []byte) error {
	var form publicForm
	numbers := json.NewDecoder(bytes.NewReader(data))
	numbers.UseNumber()
	if err := numbers.Decode(&form); err != nil {
		return fmt.Errorf("read a difference: %w", err)
	}
	p.told = form.ObjectDiff
	for _, f := range form.Fields {
		p.told.Fields = append(p.told.Fields, diff.FieldChange{Field: f.Field, Kind: f.Kind, From: f.From, To: f.To})
	}
	return nil
}
