package board

import (
	"cmp"
	"maps"
	"slices"

	"plumb.dev/plumb/internal/report"
)

func compareEnvs(a, b string) int {
	return cmp.Or(cmp.Compare(report.EnvironmentRank(a), report.EnvironmentRank(b)), cmp.Compare(a, b))
}

// maxFacet is how many values of a column are told, the most frequent first where there are more.
const maxFacet = 200

// facet gives the values of a column in order.
func facet(counts map[string]int) []Facet {
	out := make([]Facet, 0, len(counts))
	for v, n := range counts {
		out = append(out, Facet{v, n})
	}
	if len(out) > maxFacet {
		slices.SortFunc(out, func(a, b Facet) int { return cmp.Or(cmp.Compare(b.Count, a.Count), cmp.Compare(a.Value, b.Value)) })
		out = out[:maxFacet]
	}
	slices.SortFunc(out, func(a, b Facet) int { return cmp.Compare(a.Value, b.Value) })
	return out
}

// legend numbers the values of a column in the order in which they are met, or sorted by compare.
type legend struct {
	values []string
	number map[string]int
}

func sortedLegend(values map[string]bool, compare func(a, b string) int) legend {
	l := legend{values: slices.AppendSeq(make([]string, 0, len(values)), maps.Keys(values)), number: make(map[string]int, len(values))}
	slices.SortFunc(l.values, compare)
	for i, v := range l.values {
		l.number[v] = i
	}
	return l
}

// of gives the number of a value, which it gets if it has none; -1 for "".
func (l *legend) of(v string) int {
	if v == "" {
		return -1
	}
	return l.any(v)
}

func (l *legend) any(v string) int {
	n, ok := l.number[v]
	if !ok {
		if l.number == nil {
			l.number = map[string]int{}
		}
		n = len(l.values)
		l.number[v], l.values = n, append(l.values, v)
	}
	return n
}
