package schema

import (
	"fmt"
	"math"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"

	"plumb.dev/plumb/internal/object"
)

// check goes through an object and its schema together.
type check struct {
	schema   *Schema
	problems []string
	steps    int
}

func (c *check) say(path object.Path, format string, args ...any) {
	if len(c.problems) < maxProblems {
		c.problems = append(c.problems, strings.TrimPrefix(path.String()+": ", ": ")+fmt.Sprintf(format, args...))
	}
}

// value checks one value. whole tells that the schema says all of the value's fields, so that others are unknown: not so of
// the parts of allOf, anyOf, oneOf and not, which only restrict.
func (c *check) value(s map[string]any, v any, path object.Path, whole bool) {
	if c.steps++; c.steps > maxSteps || s == nil {
		return
	}
	if ref, ok := s["$ref"].(string); ok {
		if c.schema.named != nil {
			c.value(c.schema.named(ref[strings.LastIndexByte(ref, '/')+1:]), v, path, whole)
		}
		return
	}
	if v == nil {
		_, defaulted := s["default"]
		if s["nullable"] != true && !defaulted && s["type"] != nil {
			c.say(path, "must not be null")
		}
		return
	}
	if s["x-kubernetes-int-or-string"] == true || s["format"] == "int-or-string" {
		if _, isText := v.(string); !isText && !wholeNumber(v) {
			c.say(path, "must be a whole number or text, not %s", kindOf(v))
			return
		}
	} else if want, ok := s["type"].(string); ok && !isA(v, want) {
		c.say(path, "must be %s, not %s", words[want], kindOf(v))
		return
	}
	c.scalar(s, v, path)
	switch v := v.(type) {
	case map[string]any:
		c.object(s, v, path, whole)
	case []any:
		c.list(s, v, path, whole)
	}
	c.parts(s, v, path)
}

var words = map[string]string{"object": "a map", "array": "a list", "string": "text", "integer": "a whole number", "number": "a number", "boolean": "true or false"}

func kindOf(v any) string {
	for _, name := range []string{"object", "array", "string", "integer", "number", "boolean"} {
		if isA(v, name) {
			return words[name]
		}
	}
	return "null"
}

func isA(v any, name string) bool {
	switch v.(type) {
	case map[string]any:
		return name == "object"
	case []any:
		return name == "array"
	case string:
		return name == "string"
	case bool:
		return name == "boolean"
	}
	return name == "number" || name == "integer" && wholeNumber(v)
}

func wholeNumber(v any) bool {
	switch v := v.(type) {
	case int64:
		return true
	case float64:
		return v == math.Trunc(v)
	}
	return false
}

func number(v any) (float64, bool) {
	switch v := v.(type) {
	case int64:
		return float64(v), true
	case float64:
		return v, true
	}
	return 0, false
}

// scalar checks what is said of a single value.
func (c *check) scalar(s map[string]any, v any, path object.Path) {
	if list, ok := s["enum"].([]any); ok && !slices.ContainsFunc(list, func(e any) bool { return same(e, v) }) {
		c.say(path, "must be one of %s", object.Canonical(list[:min(len(list), 10)]))
	}
	if text, ok := v.(string); ok {
		c.bounds(s, float64(utf8.RuneCountInString(text)), path, "Length", "characters")
		if pattern, ok := s["pattern"].(string); ok && len(pattern) <= maxPattern {
			if re, err := regexp.Compile(pattern); err == nil && !re.MatchString(text) {
				c.say(path, "must match %s", pattern)
			}
		}
	}
	n, ok := number(v)
	if !ok {
		return
	}
	if least, ok := number(s["minimum"]); ok && (n < least || n == least && s["exclusiveMinimum"] == true) {
		c.say(path, "must be at least %v", s["minimum"])
	}
	if most, ok := number(s["maximum"]); ok && (n > most || n == most && s["exclusiveMaximum"] == true) {
		c.say(path, "must be at most %v", s["maximum"])
	}
	if s["format"] == "int32" && (n < math.MinInt32 || n > math.MaxInt32) {
		c.say(path, "must fit into 32 bits")
	}
	if step, ok := number(s["multipleOf"]); ok && step > 0 && math.Mod(n, step) != 0 {
		c.say(path, "must be a multiple of %v", s["multipleOf"])
	}
}

// bounds checks how many of something there are: minItems and maxItems, for example.
func (c *check) bounds(s map[string]any, n float64, path object.Path, field, what string) {
	if least, ok := number(s["min"+field]); ok && n < least {
		c.say(path, "must have at least %v %s", s["min"+field], what)
	}
	if most, ok := number(s["max"+field]); ok && n > most {
		c.say(path, "must have at most %v %s", s["max"+field], what)
	}
}

func same(a, b any) bool { return string(object.Canonical(a)) == string(object.Canonical(b)) }

// object checks the fields of a map.
func (c *check) object(s, v map[string]any, path object.Path, whole bool) {
	properties, has := s["properties"].(map[string]any)
	rest, others := s["additionalProperties"].(map[string]any)
	open := others || s["additionalProperties"] == true || s["x-kubernetes-preserve-unknown-fields"] == true || !has && c.schema.named != nil
	resource := len(path) == 0 || s["x-kubernetes-embedded-resource"] == true
	for _, key := range sortedKeys(v) {
		below := path.Join(object.Field(key))
		field, known := properties[key].(map[string]any)
		switch {
		case known && !(resource && key == "metadata"):
			c.value(field, v[key], below, whole)
		case others:
			c.value(rest, v[key], below, whole)
		case !open && whole && !known && !(resource && slices.Contains([]string{"apiVersion", "kind", "metadata"}, key)):
			c.say(below, "there is no such field")
		}
	}
	required, _ := s["required"].([]any)
	for _, name := range required {
		key, _ := name.(string)
		if e, ok := v[key]; !ok || e == nil {
			if field, _ := properties[key].(map[string]any); field["default"] == nil {
				c.say(path.Join(object.Field(key)), "is required")
			}
		}
	}
	c.bounds(s, float64(len(v)), path, "Properties", "fields")
}

func sortedKeys(m map[string]any) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}

// list checks the entries of a list, and that no two are the same where the list is a set or has keys.
func (c *check) list(s map[string]any, v []any, path object.Path, whole bool) {
	c.bounds(s, float64(len(v)), path, "Items", "entries")
	items, _ := s["items"].(map[string]any)
	seen := map[string]bool{}
	for i, e := range v {
		at := path.Join(object.Index(i))
		c.value(items, e, at, whole)
		identity, counts := identityOf(s, e)
		if counts && seen[identity] {
			c.say(at, "stands in the list twice")
		}
		seen[identity] = true
	}
}

// identityOf gives what makes an entry of a list the same entry; false if nothing does.
func identityOf(s map[string]any, e any) (string, bool) {
	switch s["x-kubernetes-list-type"] {
	case "set":
		return string(object.Canonical(e)), true
	case "map":
		names, _ := s["x-kubernetes-list-map-keys"].([]any)
		m, ok := e.(map[string]any)
		keys := make([]any, 0, len(names))
		for _, name := range names {
			key, _ := name.(string)
			if m[key] == nil {
				return "", false // it takes a default
			}
			keys = append(keys, m[key])
		}
		return string(object.Canonical(keys)), ok && len(keys) > 0
	}
	return "", false
}

// parts checks what restricts a value besides.
func (c *check) parts(s map[string]any, v any, path object.Path) {
	for _, part := range schemas(s["allOf"]) {
		_, refers := part["$ref"]
		c.value(part, v, path, refers)
	}
	if forms := schemas(s["anyOf"]); len(forms) > 0 && c.fitting(forms, v, path) == 0 {
		c.say(path, "fits none of the %d forms that it may have", len(forms))
	}
	if forms := schemas(s["oneOf"]); len(forms) > 0 {
		if n := c.fitting(forms, v, path); n != 1 {
			c.say(path, "fits %d of the %d forms of which it may have one", n, len(forms))
		}
	}
	if not, ok := s["not"].(map[string]any); ok && c.fitting([]map[string]any{not}, v, path) == 1 {
		c.say(path, "has a form that it may not have")
	}
}

// fitting counts the schemas that a value fits.
func (c *check) fitting(list []map[string]any, v any, path object.Path) int {
	n := 0
	for _, s := range list {
		try := &check{schema: c.schema, steps: c.steps}
		try.value(s, v, path, false)
		c.steps = try.steps
		if len(try.problems) == 0 {
			n++
		}
	}
	return n
}

func schemas(v any) []map[string]any {
	list, _ := v.([]any)
	var out []map[string]any
	for _, e := range list {
		if s, ok := e.(map[string]any); ok {
			out = append(out, s)
		}
	}
	return out
}
