package origin

import (
	"maps"
	"slices"
	"strings"

	"plumb.dev/plumb/internal/object"
)

// needles gives the texts that a value may have been written as: of a scalar itself, of a text of several lines the one that differs,
// of a map or list those of its leaves.
func needles(git, live any) []string {
	var out []string
	var walk func(v any)
	walk = func(v any) {
		if len(out) >= leavesAtMost {
			return
		}
		switch v := v.(type) {
		case map[string]any:
			for _, key := range slices.Sorted(maps.Keys(v)) {
				walk(v[key])
			}
		case []any:
			for _, item := range v {
				walk(item)
			}
		case string:
			if v != "" {
				out = append(out, v)
			}
		case nil:
		default:
			out = append(out, object.Text(v))
		}
	}
	walk(git)
	if text, ok := git.(string); ok && strings.Contains(text, "\n") {
		out = append(out, linesThatDiffer(text, object.Text(live))...)
	}
	return out
}

// leavesAtMost is how many scalars of a map or list are looked for.
const leavesAtMost = 30

// linesThatDiffer gives the first line of a text that another lacks, and the value that it may set.
func linesThatDiffer(git, live string) []string {
	lines := strings.Split(git, "\n")
	line := strings.TrimSpace(lines[firstDifference(git, live)])
	if line == "" {
		return nil
	}
	out := []string{line}
	if i := strings.IndexAny(line, ":="); i > 0 {
		if value := strings.Trim(line[i+1:], " \t\"'=,;"); value != "" {
			out = append(out, value)
		}
	}
	return out
}
