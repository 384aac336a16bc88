package redact

import (
	"cmp"
	"encoding/base64"
	"encoding/json"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"plumb.dev/plumb/internal/object"
)

// MinNeedle is the least length in bytes of a value that Text looks for: shorter ones stand in ordinary words.
const MinNeedle = 6

// Text gives s with every known value of at least MinNeedle bytes replaced by Marker: as it is, as Go, JSON and addresses
// quote it, and in the forms of base64, also where it stands inside a longer base64 text. The lines of a value of several
// lines count one by one, but for those that say nothing of it.
func Text(s string, known ...Secret) string { return NewFilter(known...).Text(s) }

// Filter is Text for many texts with the same known values.
type Filter struct {
	forms []string // the longer first
	find  *finder
}

// NewFilter makes a Filter of values.
func NewFilter(known ...Secret) Filter {
	var forms []string
	seen := map[string]bool{}
	for _, k := range known {
		for _, text := range textsOf(k.value) {
			if !seen[text] {
				seen[text] = true
				forms = append(forms, formsOf(text)...)
			}
		}
	}
	forms = slices.DeleteFunc(forms, func(form string) bool { return strings.Contains(Marker, form) })
	slices.SortFunc(forms, func(a, b string) int { return cmp.Or(cmp.Compare(len(b), len(a)), cmp.Compare(a, b)) })
	forms = slices.Compact(forms)
	return Filter{forms: forms, find: newFinder(forms)}
}

// Text gives s without the values of the filter.
func (f Filter) Text(s string) string {
	for range maxRounds { // a replacement can complete another form with what stands beside it
		hidden, found := f.find.hide(s)
		if !found {
			return s
		}
		s = hidden
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

// Object gives an object without the values of the filter in its texts and names of fields. What is to be written as YAML goes
// through it first: in YAML a quote is two, and a long line is several.
func (f Filter) Object(o object.Object) object.Object {
	if f.find == nil {
		return o
	}
	fields, _ := f.value(o.Fields).(map[string]any)
	return object.Object{Fields: fields, Place: o.Place}
}

func (f Filter) value(v any) any {
	switch v := v.(type) {
	case string:
		return f.Text(v)
	case map[string]any:
		out := make(map[string]any, len(v))
		for name, inner := range v {
			out[f.Text(name)] = f.value(inner)
		}
		return out
	case []any:
		out := make([]any, len(v))
		for i, inner := range v {
			out[i] = f.value(inner)
		}
		return out
	}
	return v
}

// maxRounds is how often Text goes over a text; one made to need more is hidden whole.
const maxRounds = 8

// finder finds many texts in one go: each is filed under its first MinNeedle bytes, and a few bits say of nearly every place
// of a text that nothing begins there.
type finder struct {
	filed map[uint64][]string // the longer first
	seen  [1 << 10]uint64     // 64 Ki bits, by hash
}

func newFinder(forms []string) *finder {
	if len(forms) == 0 {
		return nil
	}
	f := &finder{filed: make(map[uint64][]string, len(forms))}
	for _, form := range forms {
		var head uint64
		for i := range MinNeedle {
			head = head<<8 | uint64(form[i])
		}
		f.filed[head] = append(f.filed[head], form)
		h := hashOf(head)
		f.seen[h>>6] |= 1 << (h & 63)
	}
	return f
}

func hashOf(head uint64) uint64 { return head * 0x9e3779b97f4a7c15 >> 48 }

// hide puts Marker where one of the texts stands, one for those that overlap.
func (f *finder) hide(s string) (hidden string, found bool) {
	if f == nil || len(s) < MinNeedle {
		return s, false
	}
	var out strings.Builder
	var head uint64
	shown, end := 0, 0 // what is written; where what is hidden ends
	for i := range len(s) {
		head = (head<<8 | uint64(s[i])) & (1<<(8*MinNeedle) - 1)
		h := hashOf(head)
		if f.seen[h>>6]&(1<<(h&63)) == 0 || i < MinNeedle-1 {
			continue
		}
		start := i - MinNeedle + 1
		for _, form := range f.filed[head] {
			if !strings.HasPrefix(s[start:], form) {
				continue
			}
			if start >= end {
				out.WriteString(s[shown:start])
				out.WriteString(Marker)
			}
			end = max(end, start+len(form))
			shown, found = end, true
			break
		}
	}
	if !found {
		return s, false
	}
	out.WriteString(s[shown:])
	return out.String(), true
}

// textsOf gives a value and its lines, without what is too short.
func textsOf(value string) []string {
	texts := []string{strings.TrimSpace(value)}
	if strings.ContainsAny(texts[0], "\r\n") {
		for line := range strings.FieldsFuncSeq(value, func(r rune) bool { return r == '\n' || r == '\r' }) {
			if line = strings.TrimSpace(line); len(line) > emptyAtMost || !empty.MatchString(line) {
				texts = append(texts, line)
			}
		}
	}
	return slices.DeleteFunc(texts, func(text string) bool { return len(text) < MinNeedle })
}

// formsOf gives the ways in which a text may be written.
func formsOf(text string) []string {
	asGo, asJSON := strconv.Quote(text), string(object.Canonical(strings.ToValidUTF8(text, "\ufffd")))
	forms := append(base64Forms(text), text, asGo[1:len(asGo)-1], asJSON[1:len(asJSON)-1])
	if strings.ContainsAny(text, "<>&") { // as Go's encoder writes it where nobody has told it otherwise
		asHTML, _ := json.Marshal(text)
		forms = append(forms, string(asHTML[1:len(asHTML)-1]))
	}
	if asQuery := url.QueryEscape(text); asQuery != text {
		forms = append(forms, asQuery, url.PathEscape(text), strings.TrimPrefix(url.UserPassword("", text).String(), ":"))
	}
	return slices.DeleteFunc(forms, func(form string) bool { return len(form) < MinNeedle })
}

// emptyAtMost is how many bytes such a line has: one of a key has more.
const emptyAtMost = 60

// empty is a line that says nothing of the value that it is of: a name with nothing behind it, a heading, what says where a key
// begins, and what each object of Kubernetes has.
var empty = regexp.MustCompile(`^(?:- )?["']?[A-Za-z_][\w.-]*["']?:\s*[\[{|>]?[-+]?$|^\[[\w. -]+\]$|^-----(?:BEGIN|END) [A-Z0-9 ]+-----$|^(?:apiVersion|kind): \S+$`)

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
