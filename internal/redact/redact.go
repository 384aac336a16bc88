// Package redact is the one exit for text and objects that may hold a Secret's value: whatever leaves the process, as a
// status, an event, a log line, a message or a page, goes through it. A Secret's value appears as changed or unchanged,
// never as a length or a hash.
//
// It never decides who may see an object, never keeps a value longer than its caller does, and does not find a secret
// that it was not told of: a password in a ConfigMap is text like any other.
//
// Start at Object (what is shown of an object), Needles and Text (messages of others that may quote a value; Filter.Beginning for
// those that were cut), and Secret
// (a value that must not print itself).
package redact

import (
	"encoding/base64"
	"slices"
	"sort"
	"strconv"
	"strings"
	"unicode/utf8"

	"plumb.dev/plumb/internal/object"
)

// Marker stands where a value was.
const Marker = "‹redacted›"

// MinNeedle is the least length in bytes of a value that Text looks for: shorter ones stand in ordinary words.
const MinNeedle = 6

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

// Needles gives the values of the Secrets among the objects, for Text. Other objects give none.
func Needles(objects ...object.Object) []Secret {
	var needles []Secret
	for _, o := range objects {
		if !isSecret(o.ID()) {
			continue
		}
		data, _ := o.Fields["data"].(map[string]any)
		for _, v := range data {
			s, _ := v.(string)
			raw, err := base64.StdEncoding.DecodeString(s)
			if err != nil {
				raw = []byte(s)
			}
			needles = append(needles, Hide(string(raw)))
		}
		texts, _ := o.Fields["stringData"].(map[string]any)
		for _, v := range texts {
			if s, ok := v.(string); ok {
				needles = append(needles, Hide(s))
			}
		}
	}
	return needles
}

// Text gives s with every known value of at least MinNeedle bytes replaced by Marker: as it is, as Go and JSON quote it,
// and in the forms of base64, also where it stands inside a longer base64 text. The lines of a value of several lines
// count one by one.
func Text(s string, known ...Secret) string { return NewFilter(known...).Text(s) }

// Filter is Text for many texts with the same known values.
type Filter struct{ forms []string }

// NewFilter makes a Filter of values.
func NewFilter(known ...Secret) Filter {
	var forms []string
	for _, k := range known {
		forms = append(forms, formsOf(k.value)...)
	}
	forms = slices.DeleteFunc(forms, func(form string) bool { return strings.Contains(Marker, form) })
	sort.Slice(forms, func(i, j int) bool { return len(forms[i]) > len(forms[j]) })
	return Filter{slices.Compact(forms)}
}

// Text gives s without the values of the filter.
func (f Filter) Text(s string) string {
	for range maxRounds { // a replacement can complete another form with what stands beside it
		found := false
		for _, form := range f.forms {
			if strings.Contains(s, form) {
				s, found = strings.ReplaceAll(s, form, Marker), true
			}
		}
		if !found {
			return s
		}
	}
	return Marker
}

// Beginning is Text for the beginning of something longer: what may be the beginning of a value is hidden at its end too, since
// the rest of it was not seen.
func (f Filter) Beginning(s string) string {
	end := len(s)
	for _, form := range f.forms {
		for n := min(len(form), len(s)); len(s)-n < end; n-- {
			if strings.HasSuffix(s, form[:n]) {
				end = len(s) - n
			}
		}
	}
	for moved := true; moved; { // a value may reach into what is hidden
		moved = false
		for _, form := range f.forms {
			from := max(0, end-len(form)+1)
			if i := strings.Index(s[from:min(len(s), end+len(form)-1)], form); i >= 0 && from+i < end {
				end, moved = from+i, true
			}
		}
	}
	if end == len(s) {
		return f.Text(s)
	}
	return f.Text(f.Text(s[:end]) + Marker)
}

// maxRounds is how often Text goes over a text; one made to need more is hidden whole.
const maxRounds = 8

// formsOf gives the texts that betray a value.
func formsOf(value string) []string {
	var forms []string
	for _, part := range append([]string{value}, strings.FieldsFunc(value, func(r rune) bool { return r == '\n' || r == '\r' })...) {
		part = strings.TrimSpace(part)
		if len(part) < MinNeedle {
			continue
		}
		asGo, asJSON := strconv.Quote(part), string(object.Canonical(strings.ToValidUTF8(part, "\ufffd")))
		forms = append(forms, part, asGo[1:len(asGo)-1], asJSON[1:len(asJSON)-1])
		forms = append(forms, base64Forms(part)...)
	}
	return forms
}

// base64Forms gives what base64 of any text that holds the value holds, at each of the three alignments: without the
// characters that also depend on its neighbours.
func base64Forms(part string) []string {
	var forms []string
	for _, encoding := range []*base64.Encoding{base64.RawStdEncoding, base64.RawURLEncoding} {
		for shift := range 3 {
			text := encoding.EncodeToString([]byte(strings.Repeat("\x00", shift) + part))
			from := []int{0, 2, 3}[shift]
			end := len(text)
			if (shift+len(part))%3 != 0 {
				end--
			}
			if end-from >= MinNeedle {
				forms = append(forms, text[from:end])
			}
		}
	}
	return forms
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
