// Package origin finds the line of a repository that a field of a rendered object comes from, for people who want to change it.
//
// It knows nothing of Kustomize or Helm. Every text in the files that the render read which may be the field's is marked, the
// changed copy is rendered, and the mark that arrives in the field proves its line: what an overlay sets over a base, or a values
// file over a chart's own, is found because it is what counts. What cannot be proved is not told: a file without a line, or nothing.
//
// It never reads a file or renders by itself, and never looks for the values of Secrets. Start at Find.
package origin

import (
	"cmp"
	"slices"
	"strings"

	"plumb.dev/plumb/api/v1alpha1"
	"plumb.dev/plumb/internal/fault"
	"plumb.dev/plumb/internal/object"
)

// Question is what is asked about one object of a render.
type Question struct {
	Object object.Object // as it was rendered
	Fields []Field
	Files  []File // of the repository, that the render read
	// The settings of the render, and the files that may say them, the nearest to the app first.
	Helm          *v1alpha1.HelmSettings
	Kustomize     *v1alpha1.KustomizeSettings
	SettingsFiles []File
}

// Field is a field that differs.
type Field struct {
	Path      object.Path
	Git, Live any // JSON values; nil where there is none
}

// File is a file of the repository.
type File struct {
	Path string
	Data []byte
}

// Change is what a render is tried with: files that are different, and settings, which are nil where they are as they were.
type Change struct {
	Files     map[string][]byte
	Helm      *v1alpha1.HelmSettings
	Kustomize *v1alpha1.KustomizeSettings
}

// Origin is where a field comes from. Without a line only the file is known; without a file, what Says names lies in no file that
// was given: an App that was written by hand has settings too.
type Origin struct {
	Place fault.Place
	Says  string // what stands there, for example "replicaCount" or "spec.replicas"; "" in a text that is no YAML
}

const (
	// trialsAtMost is how many renders one question may cost.
	trialsAtMost = 24
	// alonePerField is how many candidates of a field are tried one by one, the likeliest first.
	alonePerField = 8
	// candidatesAtMost is how many candidates of one field are marked.
	candidatesAtMost = 200
)

// Find gives for each field of the question where it comes from; the zero Origin where that is not known. try renders a changed
// copy, and may fail. After trialsAtMost of them, or when ended says that there is no more time, what is known by then is all.
func Find(q Question, try func(Change) ([]object.Object, error), ended func() bool) []Origin {
	s := newSearch(q, try, ended)
	if len(s.candidates) == 0 {
		return s.found
	}
	s.together(s.batch())
	for i := range q.Fields {
		s.alone(i)
	}
	return s.found
}

// search is one question while it is answered.
type search struct {
	question   Question
	candidates []*candidate
	wanted     []wanted
	found      []Origin
	trials     int
	try        func(Change) ([]object.Object, error)
	ended      func() bool
}

// wanted is a field with the texts that it may have been written as.
type wanted struct {
	Field
	path    object.Path // where marks are looked for: the field, or what is around one that Git does not have
	git     any         // what Git has there
	around  bool        // path is what is around the field
	needles []string
	settled bool
}

func newSearch(q Question, try func(Change) ([]object.Object, error), ended func() bool) *search {
	s := &search{question: q, found: make([]Origin, len(q.Fields)), try: try, ended: ended}
	for _, f := range q.Fields {
		s.wanted = append(s.wanted, want(q.Object, f))
	}
	if q.Object.Kind() == "Secret" {
		return s
	}
	c := collector{question: q, seen: map[spot]*candidate{}}
	for i, w := range s.wanted {
		c.collect(i, w)
	}
	s.candidates = c.all
	return s
}

// want says what to look for to find a field. Of a field that Git does not have, it is what Git has around it.
func want(o object.Object, f Field) wanted {
	w := wanted{Field: f, path: f.Path}
	for {
		git, ok := object.Get(o, w.path)
		if ok && git != nil {
			w.git = git
			w.needles = needles(git, f.Live)
			if len(w.needles) > 0 {
				return w
			}
		}
		if len(w.path) <= 1 {
			return w
		}
		w.path, w.around = w.path[:len(w.path)-1], true
	}
}

// batch gives what can be marked at once, the likeliest first: not what renames things, and not truths, which have no other mark than
// their opposite.
func (s *search) batch() []*candidate {
	var all []*candidate
	for _, c := range s.candidates {
		if !c.identity && !c.boolean {
			all = append(all, c)
		}
	}
	slices.SortStableFunc(all, func(a, b *candidate) int { return cmp.Compare(b.rank(), a.rank()) })
	return all
}

// together marks candidates at once and renders once. Where that fails, as when a chart's schema allows some values only, it tries the
// halves, until one half of the trials is left for what is tried alone.
func (s *search) together(all []*candidate) {
	marked := slices.DeleteFunc(slices.Clone(all), func(c *candidate) bool { return s.allSettled(c.fields) })
	if len(marked) == 0 || s.trials >= trialsAtMost/2 {
		return
	}
	for i, c := range marked {
		c.markAs(i)
	}
	if o, ok := s.render(marked); ok {
		for i := range s.wanted {
			s.settle(i, o, marked)
		}
		return
	}
	if half := len(marked) / 2; half > 0 {
		s.together(marked[:half])
		s.together(marked[half:])
	}
}

func (s *search) allSettled(fields []int) bool {
	return !slices.ContainsFunc(fields, func(i int) bool { return !s.wanted[i].settled })
}

// alone tries the likeliest candidates of a field one by one.
func (s *search) alone(i int) {
	if s.wanted[i].settled {
		return
	}
	var mine []*candidate
	for _, c := range s.candidates {
		if slices.Contains(c.fields, i) {
			mine = append(mine, c)
		}
	}
	slices.SortStableFunc(mine, func(a, b *candidate) int { return cmp.Compare(b.rank(), a.rank()) })
	for _, c := range mine[:min(len(mine), alonePerField)] {
		if s.wanted[i].settled || s.trials >= trialsAtMost || s.ended() {
			return
		}
		c.markAlone()
		if o, ok := s.render([]*candidate{c}); ok {
			s.settle(i, o, []*candidate{c})
		}
	}
}

// render tries a change and finds the object in what it gives.
func (s *search) render(marked []*candidate) (object.Object, bool) {
	if s.trials >= trialsAtMost || s.ended() {
		return object.Object{}, false
	}
	s.trials++
	change, ok := s.question.changed(marked)
	if !ok {
		return object.Object{}, false
	}
	objects, err := s.try(change)
	if err != nil {
		return object.Object{}, false
	}
	return same(s.question.Object, objects)
}

// settle looks which marks have arrived in a field.
func (s *search) settle(i int, o object.Object, marked []*candidate) {
	w := &s.wanted[i]
	if w.settled {
		return
	}
	now, ok := object.Get(o, w.path)
	if !ok {
		return
	}
	before, after := string(object.Canonical(w.git)), string(object.Canonical(now))
	arrived := slices.DeleteFunc(slices.Clone(marked), func(c *candidate) bool {
		return !slices.Contains(c.fields, i) || !c.arrived(before, after)
	})
	if len(arrived) > 0 {
		w.settled, s.found[i] = true, s.originOf(w, arrived)
	}
}

// originOf chooses of what arrived the part that differs from what is live.
func (s *search) originOf(w *wanted, arrived []*candidate) Origin {
	live := object.Text(w.Live)
	slices.SortStableFunc(arrived, func(a, b *candidate) int {
		return cmp.Or(
			cmp.Compare(strings.Count(live, a.text), strings.Count(live, b.text)),
			cmp.Compare(b.rank(), a.rank()),
			cmp.Compare(len(b.text), len(a.text)),
			cmp.Compare(a.place.Line, b.place.Line),
		)
	})
	best := arrived[0]
	out := Origin{Place: best.place, Says: best.says}
	switch {
	case w.around:
		return Origin{Place: fault.Place{File: best.place.File}}
	case best.whole:
		out.Place.Line += firstDifference(object.Text(w.Git), live)
		out.Place.Column = 0
	}
	return out
}

// firstDifference counts the lines before the first one that differs.
func firstDifference(a, b string) int {
	as, bs := strings.Split(a, "\n"), strings.Split(b, "\n")
	for i := range as {
		if i >= len(bs) || as[i] != bs[i] {
			return i
		}
	}
	return 0
}

// same finds an object in the render of a changed copy. A mark may be in its name, and a hash at its end.
func same(o object.Object, objects []object.Object) (object.Object, bool) {
	var byHash []object.Object
	stem, _ := cutLast(o.Name())
	for _, other := range objects {
		if other.Kind() != o.Kind() || other.ID().Group != o.ID().Group {
			continue
		}
		if ns := unmarked(other.Namespace()); ns != "" && o.Namespace() != "" && ns != o.Namespace() {
			continue
		}
		name := unmarked(other.Name())
		if name == o.Name() {
			return other, true
		}
		if s, ok := cutLast(name); ok && s == stem {
			byHash = append(byHash, other)
		}
	}
	if len(byHash) == 1 {
		return byHash[0], true
	}
	return object.Object{}, false
}

func cutLast(name string) (string, bool) {
	i := strings.LastIndexByte(name, '-')
	if i < 0 {
		return "", false
	}
	return name[:i], true
}
