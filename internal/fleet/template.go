package fleet

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// expand replaces {name} by its value. It fails for a variable that has none; the nearest known one is named.
func expand(template string, vars map[string]string) (string, error) {
	var b strings.Builder
	for rest := template; rest != ""; {
		text, after, open := strings.Cut(rest, "{")
		b.WriteString(text)
		if !open {
			break
		}
		name, tail, closed := strings.Cut(after, "}")
		if !closed {
			return "", fmt.Errorf("has a { without its }")
		}
		value, known := vars[name]
		switch {
		case known && value == "":
			return "", fmt.Errorf("uses {%s}, but this app has none", name)
		case !known:
			known := slices.Sorted(maps.Keys(vars))
			if near := nearest(name, known); near != "" {
				return "", fmt.Errorf("uses {%s}, which is not bound; did you mean {%s}?", clip(name), near)
			}
			return "", fmt.Errorf("uses {%s}, which is not bound; bound are {%s}", clip(name), strings.Join(known, "}, {"))
		}
		b.WriteString(value)
		rest = tail
	}
	return b.String(), nil
}

// checkTemplate looks only at the braces: which variables there are is known when an app is made.
func checkTemplate(template string) error {
	for rest := template; ; {
		_, after, open := strings.Cut(rest, "{")
		if !open {
			return nil
		}
		name, tail, closed := strings.Cut(after, "}")
		if !closed {
			return fmt.Errorf("is %q, which has a { without its }", clip(template))
		}
		if !isVariable(name) {
			return fmt.Errorf("is %q, in which {%s} is not a variable", clip(template), clip(name))
		}
		rest = tail
	}
}

// isVariable tells whether name may stand in braces: it must fit behind plumb.dev/var- in a label.
func isVariable(name string) bool {
	return name != "" && isLabelValue(name) && len("var-"+name) <= maxLabel
}
