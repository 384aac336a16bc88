package plan

import (
	"slices"
	"strings"
)

// short gives the seven characters by which people know a commit.
func short(revision string) string {
	if len(revision) > 7 {
		return revision[:7]
	}
	return revision
}

// list gives "a", "a and b" or "a, b and c", sorted.
func list(names []string) string {
	names = sorted(names)
	if len(names) < 2 {
		return strings.Join(names, "")
	}
	last := len(names) - 1
	return strings.Join(names[:last], ", ") + " and " + names[last]
}

func sorted(names []string) []string {
	names = slices.Clone(names)
	slices.Sort(names)
	return slices.Compact(names)
}
