package board

import (
	"cmp"
	"slices"
	"strings"

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

// legend numbers the values of a column in the order in which they are met.
type legend struct {
	values []string
	number map[string]int
}

// only gives the values that are used, sorted, and by the number of each its new one.
func (l *legend) only(used []bool, compare func(a, b string) int) (values []string, numbers []int) {
	values, numbers = []string{}, make([]int, len(l.values))
	for i, v := range l.values {
		if used[i] {
			values = append(values, v)
		}
	}
	slices.SortFunc(values, compare)
	for i, v := range values {
		numbers[l.number[v]] = i
	}
	return values, numbers
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

// chosen gives, by number, whether a value is among some.
func (l *legend) chosen(values []string) []bool {
	out := make([]bool, len(l.values))
	for _, v := range values {
		if n, ok := l.number[v]; ok {
			out[n] = true
		}
	}
	return out
}

// having gives, by number, whether a text is in a value; nil if it is in none.
func (l *legend) having(text string) []bool {
	var out []bool
	for n, v := range l.values {
		if strings.Contains(strings.ToLower(v), text) {
			if out == nil {
				out = make([]bool, len(l.values))
			}
			out[n] = true
		}
	}
	return out
}
