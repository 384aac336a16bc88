package e2e

import (
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// The paths of fields as plumb diff writes them, read by a reader of the tests' own.

// pathStep is a key of a map, or the keys of an entry of a list, or its position.
type pathStep struct {
	key   string
	keys  map[string]string
	index int
}

// fieldPath reads a path: a.b["c.d"][name=x,port=80][0].
func fieldPath(s string) []pathStep {
	var path []pathStep
	for s != "" {
		if s[0] == '[' {
			end := closes(s)
			path = append(path, bracket(s[1:end]))
			s = s[end+1:]
			continue
		}
		s = strings.TrimPrefix(s, ".")
		end := strings.IndexAny(s, ".[")
		if end < 0 {
			end = len(s)
		}
		path, s = append(path, pathStep{key: s[:end]}), s[end:]
	}
	return path
}

// closes gives where a bracket closes, outside of quotes.
func closes(s string) int {
	quoted := false
	for i := 0; i < len(s); i++ {
		switch {
		case s[i] == '\\' && quoted:
			i++
		case s[i] == '"':
			quoted = !quoted
		case s[i] == ']' && !quoted:
			return i
		}
	}
	panic("e2e: no path: " + s)
}

func bracket(s string) pathStep {
	if n, err := strconv.Atoi(s); err == nil {
		return pathStep{index: n}
	}
	if key, err := strconv.Unquote(s); err == nil {
		return pathStep{key: key}
	}
	step := pathStep{keys: map[string]string{}}
	for part := range strings.SplitSeq(s, ",") {
		name, value, _ := strings.Cut(part, "=")
		if plain, err := strconv.Unquote(value); err == nil {
			value = plain
		}
		step.keys[name] = value
	}
	return step
}

// entry gives the position of the step's entry in a list, -1 if it has none.
func (p pathStep) entry(list []any) int {
	if p.keys == nil {
		return min(p.index, len(list)-1)
	}
	return slices.IndexFunc(list, func(e any) bool {
		for name, want := range p.keys {
			value := e
			if m, ok := e.(map[string]any); ok {
				value = m[name]
			}
			if fmt.Sprint(value) != want && !(name == "protocol" && value == nil && want == "TCP") {
				return false
			}
		}
		return true
	})
}

func lookUp(v any, path []pathStep) any {
	for _, step := range path {
		switch at := v.(type) {
		case map[string]any:
			v = at[step.key]
		case []any:
			i := step.entry(at)
			if i < 0 {
				return nil
			}
			v = at[i]
		default:
			return nil
		}
	}
	return v
}

// set gives v with another value at a path, or without it.
func set(v any, path []pathStep, to any, remove bool) any {
	if len(path) == 0 {
		return to
	}
	step, last := path[0], len(path) == 1
	if step.key == "" {
		list, _ := v.([]any)
		list = slices.Clone(list)
		switch i := step.entry(list); {
		case i < 0:
			return append(list, set(nil, path[1:], to, remove))
		case last && remove:
			return slices.Delete(list, i, i+1)
		default:
			list[i] = set(list[i], path[1:], to, remove)
			return list
		}
	}
	out := map[string]any{}
	m, _ := v.(map[string]any)
	for k, e := range m {
		out[k] = e
	}
	if last && remove {
		delete(out, step.key)
		return out
	}
	out[step.key] = set(out[step.key], path[1:], to, remove)
	return out
}

// ordered gives a value whose lists of maps are in the order of their text: where an entry that came stands among others is
// not said of lists with keys.
func ordered(v any) any {
	switch v := v.(type) {
	case map[string]any:
		out := map[string]any{}
		for k, e := range v {
			out[k] = ordered(e)
		}
		return out
	case []any:
		out := make([]any, len(v))
		maps := 0
		for i, e := range v {
			out[i] = ordered(e)
			if _, ok := e.(map[string]any); ok {
				maps++
			}
		}
		if maps == len(v) {
			slices.SortFunc(out, func(a, b any) int {
				x, _ := json.Marshal(a)
				y, _ := json.Marshal(b)
				return strings.Compare(string(x), string(y))
			})
		}
		return out
	}
	return v
}

// TestFieldPath: the tests' own reader reads what plumb writes.
func TestFieldPath(t *testing.T) {
	v := map[string]any{"a": map[string]any{"b.c": []any{map[string]any{"name": "x", "port": 80.0, "y": 1.0}, "s"}}}
	for path, want := range map[string]string{`a["b.c"][name=x].y`: "1", `a["b.c"][name=x,port=80].y`: "1", `a["b.c"][0].name`: "x", `a["b.c"][=s]`: "s", "a.z": "<nil>"} {
		if got := fmt.Sprint(lookUp(v, fieldPath(path))); got != want {
			t.Errorf("%s leads to %s, want %s", path, got, want)
		}
	}
	if got := lookUp(set(v, fieldPath(`a["b.c"][name=x].y`), 2.0, false), fieldPath(`a["b.c"][name=x].y`)); got != 2.0 {
		t.Errorf("it was set to %v", got)
	}
}
