package object

import (
	"encoding/base64"
	"errors"
	"math"
	"regexp"
	"strconv"
	"strings"
	"unicode/utf8"

	"go.yaml.in/yaml/v3"

	"plumb.dev/plumb/internal/fault"
)

// builder makes JSON values of YAML nodes, as kubectl reads them.
type builder struct {
	file      string
	open      map[*yaml.Node]bool // anchored nodes that are being built: an alias to one is a cycle
	aliases   int                 // aliases that we are inside of
	outermost *yaml.Node          // the outermost of them
	expanded  int                 // bytes that aliases have made
	warnings  []Warning
}

func (b *builder) at(n *yaml.Node) fault.Place {
	return fault.Place{File: b.file, Line: n.Line, Column: n.Column}
}

func (b *builder) value(n *yaml.Node, depth int) (any, error) {
	if depth > MaxDepth {
		return nil, beyond("YAML_DEPTH", b.at(n), "more than %d maps and lists lie inside each other", MaxDepth)
	}
	if err := b.charge(n); err != nil {
		return nil, err
	}
	switch n.Kind {
	case yaml.AliasNode:
		return b.alias(n, depth)
	case yaml.MappingNode:
		if n.ShortTag() != "!!map" {
			return nil, b.badTag(n)
		}
		return b.collection(n, func() (any, error) { return b.mapping(n, depth) })
	case yaml.SequenceNode:
		if n.ShortTag() != "!!seq" {
			return nil, b.badTag(n)
		}
		return b.collection(n, func() (any, error) { return b.sequence(n, depth) })
	}
	return b.scalar(n)
}

// charge counts what aliases make: a file of 1 kB may expand to terabytes.
func (b *builder) charge(n *yaml.Node) error {
	if b.aliases == 0 {
		return nil
	}
	b.expanded += 16 + len(n.Value)
	if b.expanded > MaxExpanded {
		return beyond("YAML_EXPANDED_SIZE", b.at(b.outermost), "the aliases of the document expand to more than %d bytes", MaxExpanded)
	}
	return nil
}

func (b *builder) alias(n *yaml.Node, depth int) (any, error) {
	if b.open[n.Alias] {
		return nil, invalid("YAML_CYCLE", b.at(n), "the alias *%s stands inside of what it names", n.Value)
	}
	if b.aliases == 0 {
		b.outermost = n
	}
	b.aliases++
	defer func() { b.aliases-- }()
	return b.value(n.Alias, depth)
}

func (b *builder) collection(n *yaml.Node, build func() (any, error)) (any, error) {
	if n.Anchor != "" {
		b.open[n] = true
		defer delete(b.open, n)
	}
	return build()
}

func (b *builder) sequence(n *yaml.Node, depth int) (any, error) {
	out := make([]any, len(n.Content))
	for i, e := range n.Content {
		v, err := b.value(e, depth+1)
		if err != nil {
			return nil, err
		}
		out[i] = v
	}
	return out, nil
}

func (b *builder) mapping(n *yaml.Node, depth int) (any, error) {
	out := make(map[string]any, len(n.Content)/2)
	var merged map[string]bool // keys that a merge brought: they may be set again
	for i := 0; i+1 < len(n.Content); i += 2 {
		k, v := n.Content[i], n.Content[i+1]
		if isMerge(k) {
			keys, err := b.merge(v, out, depth)
			if err != nil {
				return nil, err
			}
			merged = union(merged, keys)
			continue
		}
		key, err := b.key(k)
		if err != nil {
			return nil, err
		}
		if _, twice := out[key]; twice && !merged[key] {
			return nil, invalid("YAML_DUPLICATE_KEY", b.at(k), "the key %q stands twice in one map", shorten(key)).
				WithNext("keep one of the two; readers of YAML do not agree on which counts")
		}
		delete(merged, key)
		if out[key], err = b.value(v, depth+1); err != nil {
			return nil, err
		}
	}
	return out, nil
}

func isMerge(k *yaml.Node) bool {
	return k.Kind == yaml.ScalarNode && k.Value == "<<" && k.ShortTag() == "!!merge"
}

// merge copies the maps that << names into out, and gives their keys. Of several maps the first wins. A key that stands
// before the << is replaced, as kubectl does; YAML's own rule would keep it, so that a Warning names it.
func (b *builder) merge(v *yaml.Node, out map[string]any, depth int) (map[string]bool, error) {
	sources := []*yaml.Node{v}
	if s := follow(v); s.Kind == yaml.SequenceNode {
		sources = s.Content
	}
	keys := map[string]bool{}
	for i := len(sources) - 1; i >= 0; i-- {
		source, err := b.value(sources[i], depth+1)
		if err != nil {
			return nil, err
		}
		fields, ok := source.(map[string]any)
		if !ok {
			return nil, invalid("YAML_MERGE", b.at(v), "<< merges a map or a list of maps, not %s", describe(source))
		}
		for k, e := range fields {
			if _, before := out[k]; before && !keys[k] {
				b.warnings = append(b.warnings, warning("MERGE_ORDER", b.at(v), "the merge replaces the key %q that stands before it; put << first", shorten(k)))
			}
			out[k], keys[k] = e, true
		}
	}
	return keys, nil
}

func union(a, b map[string]bool) map[string]bool {
	if a == nil {
		return b
	}
	for k := range b {
		a[k] = true
	}
	return a
}

// key gives a key as text. Kubernetes has only text keys: on, 1 and 1.5 become "true", "1" and "1.5", as with kubectl.
func (b *builder) key(n *yaml.Node) (string, error) {
	n = follow(n)
	if n.Kind != yaml.ScalarNode {
		return "", invalid("YAML_KEY", b.at(n), "a key must be text, not a map or a list")
	}
	if n.Style&(yaml.DoubleQuotedStyle|yaml.SingleQuotedStyle) != 0 && n.Style&yaml.TaggedStyle == 0 {
		return n.Value, nil
	}
	v, err := b.scalar(n)
	if err != nil {
		return "", err
	}
	if raw, err := number(n.Value); err == nil && v != n.Value {
		v = raw // a float as it is written, before it is folded
	}
	var key string
	switch v := v.(type) {
	case string:
		return v, nil
	case bool:
		key = strconv.FormatBool(v)
	case int64:
		key = strconv.FormatInt(v, 10)
	case float64:
		key = strconv.FormatFloat(v, 'g', -1, 32) // 32 bits: as kubectl does
		if strings.HasSuffix(key, "Inf") {
			return "", invalid("YAML_KEY", b.at(n), "the key %s would be read as infinity", shorten(n.Value)).WithNext("quote it")
		}
	default:
		return "", invalid("YAML_KEY", b.at(n), "a key must be text, not null").WithNext("quote it")
	}
	if key != n.Value {
		b.warnings = append(b.warnings, warning("YAML_KEY", b.at(n), "the key %s is read as %q; quote it", n.Value, key))
	}
	return key, nil
}

func (b *builder) scalar(n *yaml.Node) (any, error) {
	if n.Style&yaml.TaggedStyle != 0 {
		return b.tagged(n)
	}
	if n.Style != 0 {
		return n.Value, nil
	}
	return b.plain(n)
}

// plain reads a scalar without quotes and tag, by YAML 1.1 as kubectl does.
func (b *builder) plain(n *yaml.Node) (any, error) {
	s := n.Value
	if word, ok := words[s]; ok {
		return word, nil
	}
	if s == "" || strings.IndexByte("+-.0123456789", s[0]) < 0 {
		return s, nil
	}
	v, err := number(s)
	switch {
	case errors.Is(err, errInfinite):
		return nil, invalid("NUMBER_RANGE", b.at(n), "%s is not a number that JSON can hold", s).WithNext("quote it if it is text")
	case errors.Is(err, strconv.ErrRange):
		b.warnings = append(b.warnings, warning("NUMBER_RANGE", b.at(n), "%s is too large for a number and is read as text; quote it", s))
		return s, nil
	case err != nil:
		return s, nil
	}
	f, ok := v.(float64)
	if !ok {
		return v, nil
	}
	if integer.MatchString(s) {
		b.warnings = append(b.warnings, warning("NUMBER_RANGE", b.at(n), "%s does not fit into 64 bits and loses digits; quote it if it is text", shorten(s)))
	}
	return fold(f), nil
}

// words are the scalars without quotes that are not text (YAML 1.1, as kubectl reads it).
var words = func() map[string]any {
	m := map[string]any{"": nil, "~": nil, "null": nil, "Null": nil, "NULL": nil}
	for _, w := range []string{"y", "Y", "yes", "Yes", "YES", "true", "True", "TRUE", "on", "On", "ON"} {
		m[w] = true
	}
	for _, w := range []string{"n", "N", "no", "No", "NO", "false", "False", "FALSE", "off", "Off", "OFF"} {
		m[w] = false
	}
	return m
}()

var (
	errInfinite = errors.New("infinite")
	errText     = errors.New("text")
	decimal     = regexp.MustCompile(`^[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?$`)
	infinite    = regexp.MustCompile(`^([-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN))$`)
	integer     = regexp.MustCompile(`^[-+]?[0-9_]+$`)
)

// number reads a scalar as int64, else as float64, not yet folded; an error means that it is text.
func number(s string) (any, error) {
	if infinite.MatchString(s) {
		return nil, errInfinite
	}
	if s == "" {
		return nil, errText
	}
	if s[0] == '.' {
		f, err := strconv.ParseFloat(s, 64)
		return f, err
	}
	digits := strings.ReplaceAll(s, "_", "")
	if i, err := strconv.ParseInt(digits, 0, 64); err == nil {
		return i, nil
	}
	if u, err := strconv.ParseUint(digits, 0, 64); err == nil {
		return float64(u), nil
	}
	if binary, ok := strings.CutPrefix(digits, "0b"); ok { // with a sign behind it: so kubectl reads it
		if i, err := strconv.ParseInt(binary, 2, 64); err == nil {
			return i, nil
		}
	}
	if !decimal.MatchString(digits) {
		return nil, errText
	}
	f, err := strconv.ParseFloat(digits, 64)
	return f, err
}

// fold makes an integer of a float that has no fraction, as a round trip through JSON does.
func fold(f float64) any {
	if f != math.Trunc(f) || math.Abs(f) >= 1e21 {
		return f
	}
	if i, err := strconv.ParseInt(strconv.FormatFloat(f, 'f', -1, 64), 10, 64); err == nil {
		return i
	}
	return f
}

// tagged reads a scalar with a tag of YAML's core types. Any other tag is refused: it asks for what only a program knows.
func (b *builder) tagged(n *yaml.Node) (any, error) {
	switch n.ShortTag() {
	case "!!str", "!!timestamp":
		return n.Value, nil
	case "!!binary":
		return b.binary(n)
	case "!!null", "!!bool", "!!int", "!!float":
	default:
		return nil, b.badTag(n)
	}
	v, err := b.plain(&yaml.Node{Kind: yaml.ScalarNode, Value: n.Value, Line: n.Line, Column: n.Column})
	if err != nil {
		return nil, err
	}
	fits := false
	switch v.(type) {
	case nil:
		fits = n.ShortTag() == "!!null"
	case bool:
		fits = n.ShortTag() == "!!bool"
	case int64:
		fits = n.ShortTag() == "!!int" || n.ShortTag() == "!!float"
	case float64:
		fits = n.ShortTag() == "!!float"
	}
	if !fits {
		return nil, invalid("YAML_TAG", b.at(n), "the value is not of the type %s that its tag names", n.ShortTag())
	}
	return v, nil
}

func (b *builder) binary(n *yaml.Node) (any, error) {
	text, err := base64.StdEncoding.DecodeString(strings.Join(strings.Fields(n.Value), ""))
	if err != nil || !utf8.Valid(text) {
		return nil, invalid("YAML_TAG", b.at(n), "the value is not base64 of a text").
			WithNext("write base64 as plain text without !!binary, in the data of a Secret or the binaryData of a ConfigMap")
	}
	return string(text), nil
}

func (b *builder) badTag(n *yaml.Node) error {
	return invalid("YAML_TAG", b.at(n), "the tag %s is not known", shorten(n.ShortTag())).WithNext("remove it, or quote the text that begins with !")
}

// shorten keeps a name from the user's file from filling a message.
func shorten(s string) string {
	if len(s) <= 80 {
		return s
	}
	return strings.ToValidUTF8(s[:80], "") + "…"
}
