package board

import "slices"

// tally counts what became of a commit in the apps of one namespace, or of all that a person may see. It is kept as steps and
// rows change, so that a list goes over commits and not over what each did to every app.
type tally struct {
	namespace     string
	apps          int
	results, envs counted
}

// counted are values, and how often each is met. They are few.
type counted []Facet

func (c *counted) add(value string, n int) {
	i := slices.IndexFunc(*c, func(f Facet) bool { return f.Value == value })
	if i < 0 {
		i, *c = len(*c), append(*c, Facet{Value: value})
	}
	if (*c)[i].Count += n; (*c)[i].Count == 0 {
		*c = slices.Delete(*c, i, i+1)
	}
}

func (c counted) has(value string) bool {
	return slices.ContainsFunc(c, func(f Facet) bool { return f.Value == value })
}

// facets gives the values in order.
func (c counted) facets() []Facet {
	counts := make(map[string]int, len(c))
	for _, f := range c {
		counts[f.Value] = f.Count
	}
	return facet(counts)
}

// worst is how the commit is, all apps together.
func (t *tally) worst() string {
	worst := len(resultOrder) - 1
	for _, f := range t.results {
		worst = min(worst, resultRank(f.Value))
	}
	return resultOrder[worst]
}

// seenBy counts what a person may see of a commit. The answer is only read.
func (c *commit) seenBy(sight Sight) tally {
	var out tally
	for _, t := range c.tallies {
		switch {
		case !sight.Sees(t.namespace):
		case out.apps == 0:
			out = t
		default: // of Apps by hand alone
			out = out.with(t)
		}
	}
	return out
}

// with gives two tallies together.
func (t tally) with(o tally) tally {
	t.results, t.envs = slices.Clone(t.results), slices.Clone(t.envs)
	for _, f := range o.results {
		t.results.add(f.Value, f.Count)
	}
	for _, f := range o.envs {
		t.envs.add(f.Value, f.Count)
	}
	t.apps += o.apps
	return t
}

// count adds an app to the tally of its namespace, or takes it out. What is not counted yet is nothing to take out.
func (c *commit) count(id string, s *step, n int) {
	if s.said == "" {
		return
	}
	namespace := namespaceOf(id)
	i := slices.IndexFunc(c.tallies, func(t tally) bool { return t.namespace == namespace })
	if i < 0 {
		i, c.tallies = len(c.tallies), append(c.tallies, tally{namespace: namespace})
	}
	t := &c.tallies[i]
	t.results.add(s.said, n)
	t.envs.add(s.env, n)
	if t.apps += n; t.apps == 0 {
		c.tallies = slices.Delete(c.tallies, i, i+1)
	}
}

// retally counts an app at a commit anew, after its step there or its row has changed.
func (b *Board) retally(key commitKey, id string) {
	c := b.history.commits[key]
	if c == nil {
		return
	}
	s, known := c.steps[id]
	if !known {
		return
	}
	said, _ := b.resultOf(c, id, &s)
	if said == s.said {
		return
	}
	c.count(id, &s, -1)
	s.said = said
	c.count(id, &s, 1)
	c.steps[id] = s
}
