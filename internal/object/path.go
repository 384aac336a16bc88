package object

import (
	"sort"
	"strconv"
	"strings"

	"plumb.dev/plumb/internal/fault"
)

// Path names a field, or with [*] several. Written:
//
//	spec.replicas                              a field of a field
//	metadata.annotations["example.com/owner"]  a key that has dots
//	spec.containers[name=web].image            the entry of a list by its key
//	spec.ports[port=80,protocol=TCP]           by several keys; an entry without protocol is of protocol TCP
//	spec.rules[*].host                         each entry
//	spec.rules[0].host                         by position, from 0
//	metadata.finalizers[="example.com/f"]      the entry of a list that is a set
type Path []Step

// Step is one part of a Path.
type Step struct {
	kind  stepKind
	field string // of a field its key, of an element its value
	keys  []Key  // of an item, sorted by Name
	index int
}

// Key is what an entry of a keyed list is found by. A number or boolean stands as its text.
type Key struct{ Name, Value string }

type stepKind uint8

const (
	stepField stepKind = iota
	stepItem
	stepIndex
	stepElement
	stepAny
)

// Field is a step to the value of a key of a map.
func Field(key string) Step { return Step{kind: stepField, field: key} }

// Item is a step to the entry of a list that has these keys.
func Item(keys ...Key) Step {
	keys = append([]Key(nil), keys...)
	sort.Slice(keys, func(i, j int) bool { return keys[i].Name < keys[j].Name })
	return Step{kind: stepItem, keys: keys}
}

// Index is a step to the entry of a list at a position, from 0.
func Index(i int) Step { return Step{kind: stepIndex, index: i} }

// Element is a step to the entry of a set of scalars that equals the value.
func Element(value any) Step { return Step{kind: stepElement, field: Text(value)} }

// Any is a step to each entry of a list, or each value of a map.
func Any() Step { return Step{kind: stepAny} }

// Key gives the key of a step made by Field.
func (s Step) Key() (string, bool) { return s.field, s.kind == stepField }

// Fields makes a Path of keys of maps.
func Fields(keys ...string) Path {
	p := make(Path, len(keys))
	for i, k := range keys {
		p[i] = Field(k)
	}
	return p
}

// Join gives a new Path that goes on with more steps.
func (p Path) Join(steps ...Step) Path {
	return append(append(make(Path, 0, len(p)+len(steps)), p...), steps...)
}

// String writes the Path so that ParsePath reads the same one.
func (p Path) String() string {
	var b strings.Builder
	for i, s := range p {
		switch s.kind {
		case stepField:
			writeField(&b, s.field, i == 0)
		case stepItem:
			writeKeys(&b, s.keys)
		case stepIndex:
			b.WriteString("[" + strconv.Itoa(s.index) + "]")
		case stepElement:
			b.WriteString("[=" + strconv.Quote(s.field) + "]")
		case stepAny:
			b.WriteString("[*]")
		}
	}
	return b.String()
}

func writeField(b *strings.Builder, key string, first bool) {
	if !bare(key, "_-$") {
		b.WriteString("[" + strconv.Quote(key) + "]")
		return
	}
	if !first {
		b.WriteByte('.')
	}
	b.WriteString(key)
}

func writeKeys(b *strings.Builder, keys []Key) {
	for i, k := range keys {
		b.WriteByte("[,"[min(i, 1)])
		b.WriteString(quoteUnless(k.Name, "_-$"))
		b.WriteByte('=')
		b.WriteString(quoteUnless(k.Value, "_-./:"))
	}
	b.WriteByte(']')
}

func quoteUnless(s, also string) string {
	if bare(s, also) {
		return s
	}
	return strconv.Quote(s)
}

// bare tells whether s is letters, digits and the characters of also, so that it needs no quotes.
func bare(s, also string) bool {
	for i := 0; i < len(s); i++ {
		c := s[i]
		if c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || strings.IndexByte(also, c) >= 0 {
			continue
		}
		return false
	}
	return s != ""
}

// ParsePath reads a Path. Its errors are InvalidSettings with the code PATH_SYNTAX.
func ParsePath(s string) (Path, error) {
	r := pathReader{text: s, rest: s}
	var p Path
	for first := true; first || r.rest != ""; first = false {
		step, err := r.step(first)
		if err != nil {
			return nil, err
		}
		p = append(p, step)
	}
	return p, nil
}

type pathReader struct{ text, rest string }

func (r *pathReader) fail(want string) error {
	f := fault.New(fault.InvalidSettings, "%q is not a field path: expected %s at character %d", shorten(r.text), want, len(r.text)-len(r.rest)+1).WithCode("PATH_SYNTAX")
	if strings.HasPrefix(r.text, "/") {
		return f.WithNext("write it as %s", strings.ReplaceAll(strings.Trim(r.text, "/"), "/", "."))
	}
	return f.WithNext(`write it like spec.containers[name=web].image or metadata.annotations["example.com/owner"]`)
}

func (r *pathReader) step(first bool) (Step, error) {
	if strings.HasPrefix(r.rest, "[") {
		r.rest = r.rest[1:]
		return r.bracket()
	}
	if !first && !r.take(".") {
		return Step{}, r.fail("a dot or [")
	}
	key := r.run("_-$")
	if key == "" {
		return Step{}, r.fail("a field name")
	}
	return Field(key), nil
}

// bracket reads what follows [, up to and with ].
func (r *pathReader) bracket() (Step, error) {
	var step Step
	switch {
	case r.take("*"):
		step = Any()
	case r.take("="):
		value, err := r.quoted()
		if err != nil {
			return Step{}, err
		}
		step = Element(value)
	default:
		name, quoted, err := r.word("_-$")
		if err != nil {
			return Step{}, err
		}
		if strings.HasPrefix(r.rest, "=") {
			return r.item(name)
		}
		if step, err = r.fieldOrIndex(name, quoted); err != nil {
			return Step{}, err
		}
	}
	if !r.take("]") {
		return Step{}, r.fail("]")
	}
	return step, nil
}

func (r *pathReader) fieldOrIndex(name string, quoted bool) (Step, error) {
	if quoted {
		return Field(name), nil
	}
	i, err := strconv.Atoi(name)
	if err != nil || i < 0 || strconv.Itoa(i) != name {
		return Step{}, r.fail(`a position, *, key=value or a "quoted key" before this`)
	}
	return Index(i), nil
}

// item reads the keys of an entry; the name of the first is read already.
func (r *pathReader) item(name string) (Step, error) {
	var keys []Key
	for {
		if !r.take("=") {
			return Step{}, r.fail("=")
		}
		value, _, err := r.word("_-./:")
		if err != nil {
			return Step{}, err
		}
		keys = append(keys, Key{Name: name, Value: value})
		if r.take("]") {
			return Item(keys...), nil
		}
		if !r.take(",") {
			return Step{}, r.fail("] or ,")
		}
		if name, _, err = r.word("_-$"); err != nil {
			return Step{}, err
		}
	}
}

func (r *pathReader) take(s string) bool {
	rest, ok := strings.CutPrefix(r.rest, s)
	r.rest = rest
	return ok
}

func (r *pathReader) run(also string) string {
	n := 0
	for n < len(r.rest) && bare(r.rest[n:n+1], also) {
		n++
	}
	word := r.rest[:n]
	r.rest = r.rest[n:]
	return word
}

func (r *pathReader) word(also string) (word string, quoted bool, err error) {
	if strings.HasPrefix(r.rest, `"`) {
		word, err = r.quoted()
		return word, true, err
	}
	if word = r.run(also); word == "" {
		return "", false, r.fail("a name or a quoted text")
	}
	return word, false, nil
}

func (r *pathReader) quoted() (string, error) {
	prefix, err := strconv.QuotedPrefix(r.rest)
	if err != nil || prefix[0] != '"' {
		return "", r.fail("a text in double quotes")
	}
	value, err := strconv.Unquote(prefix)
	if err != nil {
		return "", r.fail("a text in double quotes")
	}
	r.rest = r.rest[len(prefix):]
	return value, nil
}

// Get gives the first value that the Path names.
func Get(o Object, p Path) (any, bool) {
	var found any
	ok := false
	visit(any(o.Fields), p, func(v any) bool {
		found, ok = v, true
		return false
	})
	return found, ok
}

// Find gives all values that the Path names, in order.
func Find(o Object, p Path) []any {
	var all []any
	visit(any(o.Fields), p, func(v any) bool {
		all = append(all, v)
		return true
	})
	return all
}

// Remove gives a copy without what the Path names. Maps and lists around it stay, also when they become empty.
func Remove(o Object, p Path) Object {
	if len(p) == 0 {
		return o
	}
	fields, _ := without(any(o.Fields), p).(map[string]any)
	return Object{Fields: fields, Place: o.Place}
}

// Covers tells whether what q names lies at or below what p names. A step [*] of p covers any step of q.
func (p Path) Covers(q Path) bool {
	if len(p) > len(q) {
		return false
	}
	for i, s := range p {
		if s.kind != stepAny && (Path{s}).String() != (Path{q[i]}).String() {
			return false
		}
	}
	return true
}

// visit gives the values to yield until it says false; it tells whether to go on.
func visit(v any, p Path, yield func(any) bool) bool {
	if len(p) == 0 {
		return yield(v)
	}
	switch v := v.(type) {
	case map[string]any:
		for _, k := range p[0].keysIn(v) {
			if !visit(v[k], p[1:], yield) {
				return false
			}
		}
	case []any:
		for i, e := range v {
			if p[0].matches(e, i) && !visit(e, p[1:], yield) {
				return false
			}
		}
	}
	return true
}

// without copies only what lies on the Path.
func without(v any, p Path) any {
	switch v := v.(type) {
	case map[string]any:
		keys := p[0].keysIn(v)
		if len(keys) == 0 {
			return v
		}
		out := make(map[string]any, len(v))
		for k, e := range v {
			out[k] = e
		}
		for _, k := range keys {
			if len(p) == 1 {
				delete(out, k)
				continue
			}
			out[k] = without(v[k], p[1:])
		}
		return out
	case []any:
		out := make([]any, 0, len(v))
		for i, e := range v {
			switch {
			case !p[0].matches(e, i):
				out = append(out, e)
			case len(p) > 1:
				out = append(out, without(e, p[1:]))
			}
		}
		return out
	}
	return v
}

// keysIn gives the keys of a map that the step leads to, sorted.
func (s Step) keysIn(m map[string]any) []string {
	switch s.kind {
	case stepField:
		if _, ok := m[s.field]; ok {
			return []string{s.field}
		}
	case stepAny:
		return sortedKeys(m)
	}
	return nil
}

// matches tells whether the step leads to this entry of a list.
func (s Step) matches(entry any, index int) bool {
	switch s.kind {
	case stepAny:
		return true
	case stepIndex:
		return s.index == index
	case stepElement:
		return scalar(entry) && Text(entry) == s.field
	case stepItem:
		m, ok := entry.(map[string]any)
		return ok && matchesKeys(m, s.keys)
	}
	return false
}

// IndexIn gives the position of the entry that the step leads to; -1 if there is none, or the step is to a field.
func (s Step) IndexIn(list []any) int {
	for i, e := range list {
		if s.matches(e, i) {
			return i
		}
	}
	return -1
}

func matchesKeys(m map[string]any, keys []Key) bool {
	for _, k := range keys {
		v, ok := m[k.Name]
		if !ok && k.Value != "" && k.Value == defaultKey(k.Name) {
			continue
		}
		if !ok || !scalar(v) || Text(v) != k.Value {
			return false
		}
	}
	return true
}

// defaultKey gives the value of a list key that the API server fills in before it compares keys: the only such key of
// the built-in kinds is the protocol of a port.
func defaultKey(name string) string {
	if name == "protocol" {
		return "TCP"
	}
	return ""
}

func scalar(v any) bool {
	switch v.(type) {
	case map[string]any, []any:
		return false
	}
	return true
}

func sortedKeys(m map[string]any) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	sort.Strings(keys)
	return keys
}
