package fleet

import (
	"fmt"
	"maps"
	"path"
	"slices"
	"strings"

	"plumb.dev/plumb/api/v1alpha1"
	"plumb.dev/plumb/internal/fault"
)

// The variables of a pattern that mean something by themselves.
const (
	varApp     = "app"
	varEnv     = "env"
	varCluster = "cluster"
)

// appsFolder is where the convention looks for apps.
const appsFolder = "apps"

// pattern is an entry of Repo.spec.apps, taken apart.
type pattern struct {
	index      int // in spec.apps, for messages
	path       string
	segments   []segment
	app        string // template
	namespace  string // template, "" if the entry has none
	exclude    bool
	literal    bool // no variable and no *
	convention bool // apps/{app}, without any spec.apps
}

// segment is one step of a pattern's path: a variable, or a text in which * matches anything.
type segment struct {
	variable string
	glob     string
}

// convention is what stands for spec.apps where there is none.
var convention = []*pattern{{
	path: appsFolder + "/{app}", segments: []segment{{glob: appsFolder}, {variable: varApp}}, app: "{app}", convention: true,
}}

// compile takes the patterns apart. A pattern that is wrong blocks every app: nobody knows what it was to find.
func compile(apps []v1alpha1.Pattern) ([]*pattern, *fault.Fault) {
	if len(apps) == 0 {
		return convention, nil
	}
	patterns := make([]*pattern, 0, len(apps))
	for i, entry := range apps {
		p := &pattern{index: i, path: entry.Path, app: entry.App, namespace: entry.Namespace, exclude: entry.Exclude, literal: true}
		if err := p.parse(); err != nil {
			return nil, fault.New(fault.InvalidSettings, "spec.apps[%d] (%s) %w", i, clip(entry.Path), err).
				WithNext("correct spec.apps of the Repo: plumb apps --explain shows what a pattern finds")
		}
		patterns = append(patterns, p)
	}
	return patterns, nil
}

// Roots gives the paths that a discovery reads first, so that their files can be fetched together: the root plumb.yaml, and
// the fixed beginning of each pattern.
func Roots(apps []v1alpha1.Pattern) []string {
	patterns, bad := compile(apps)
	if bad != nil {
		return []string{SettingsFile}
	}
	roots := []string{SettingsFile}
	for _, p := range patterns {
		if p.exclude {
			continue
		}
		root := "."
		for _, s := range p.segments {
			if s.variable != "" || strings.Contains(s.glob, "*") {
				break
			}
			root = path.Join(root, s.glob)
		}
		if root == "." {
			return []string{root}
		}
		roots = append(roots, root)
	}
	slices.Sort(roots)
	return slices.Compact(roots)
}

func (p *pattern) parse() error {
	if p.path == "" || path.IsAbs(p.path) || path.Clean(p.path) != p.path || p.path == ".." || strings.HasPrefix(p.path, "../") {
		return fmt.Errorf("needs a path that is relative, clean and inside the repository")
	}
	if p.path != "." {
		for text := range strings.SplitSeq(p.path, "/") {
			if err := p.addSegment(text); err != nil {
				return err
			}
		}
	}
	return p.checkTemplates()
}

func (p *pattern) addSegment(text string) error {
	s := segment{glob: text}
	switch open, rest, braced := strings.Cut(text, "{"); {
	case hidden(text):
		return fmt.Errorf("names %s, but names that begin with . or _ are never visited", text)
	case strings.Contains(text, "**"):
		return fmt.Errorf("has **, but a pattern names every folder on its way: * matches within one name")
	case braced:
		name, tail, closed := strings.Cut(rest, "}")
		if open != "" || !closed || tail != "" {
			return fmt.Errorf("has %s, but a variable binds a whole name", text)
		}
		if !isVariable(name) {
			return fmt.Errorf("has {%s}, which is not a variable of letters, digits and dashes", clip(name))
		}
		if slices.Contains(p.segments, segment{variable: name}) {
			return fmt.Errorf("binds {%s} twice", name)
		}
		s = segment{variable: name}
	}
	p.literal = p.literal && s.variable == "" && !strings.Contains(text, "*")
	p.segments = append(p.segments, s)
	return nil
}

// checkTemplates looks at app and namespace with the variables that the path binds.
func (p *pattern) checkTemplates() error {
	vars := map[string]string{}
	for _, s := range p.segments {
		if s.variable != "" {
			vars[s.variable] = "x"
		}
	}
	if p.exclude {
		if p.app != "" || p.namespace != "" {
			return fmt.Errorf("excludes and names an app or a namespace: it can do one of the two")
		}
		return nil
	}
	if p.app == "" {
		if vars[varApp] == "" {
			return fmt.Errorf("has no {app} in its path; put it there, or give the entry app: NAME")
		}
		p.app = "{app}"
	}
	if _, err := expand(p.app, vars); err != nil {
		return fmt.Errorf("app: %w", err)
	}
	for _, always := range []string{varApp, varEnv, varCluster} {
		vars[always] = "x"
	}
	if _, err := expand(p.namespace, vars); err != nil {
		return fmt.Errorf("namespace: %w", err)
	}
	return nil
}

// spot is a folder that a pattern matched.
type spot struct {
	dir     string
	pattern *pattern
	vars    map[string]string // everything that the path bound
	app     string            // the app's name, from the template
}

func (s spot) env() string     { return s.vars[varEnv] }
func (s spot) cluster() string { return s.vars[varCluster] }

// partial is a pattern that fits as far as the walk has come.
type partial struct {
	pattern *pattern
	vars    map[string]string
}

// finder walks the tree down the patterns, and no further.
type finder struct {
	reader  *reader
	spots   []spot
	out     []Explanation
	matched map[*pattern]bool
}

// find gives the folders that the patterns match, in the order of their paths. Excluded folders are taken out with
// everything below them; then the first entry that matches a folder wins (resources.md §4.2).
func (f *finder) find(patterns []*pattern) error {
	f.matched = map[*pattern]bool{}
	live := make([]partial, 0, len(patterns))
	for _, p := range patterns {
		live = append(live, partial{pattern: p})
	}
	if f.take(".", live, 0) {
		return nil
	}
	root, err := f.reader.list(".")
	if err != nil {
		return err
	}
	return f.below(root, live, 0)
}

// below goes on with the folders in l; depth segments of every live pattern are matched.
func (f *finder) below(l listing, live []partial, depth int) error {
	for _, name := range l.links {
		if len(advance(live, name, depth)) > 0 {
			f.out = append(f.out, Explanation{Path: path.Join(l.dir, name), Rule: RuleNothing, Why: "a symbolic link: not followed"})
		}
	}
	for _, name := range l.dirs {
		next := advance(live, name, depth)
		if len(next) == 0 {
			continue
		}
		dir := path.Join(l.dir, name)
		excluded := f.take(dir, next, depth+1)
		if excluded || !goesOn(next, depth+1) {
			continue
		}
		sub, err := f.reader.list(dir)
		if err != nil {
			return err
		}
		if err := f.below(sub, next, depth+1); err != nil {
			return err
		}
	}
	return nil
}

// take makes a spot of the folder if a pattern ends here. It tells whether the folder is excluded.
func (f *finder) take(dir string, live []partial, depth int) (excluded bool) {
	var first *partial
	for i := range live {
		p := live[i].pattern
		if len(p.segments) != depth {
			continue
		}
		f.matched[p] = true
		if p.exclude {
			why := fmt.Sprintf("taken out by spec.apps[%d] (%s)", p.index, p.path)
			f.out = append(f.out, Explanation{Path: dir, Rule: RuleExcluded, Why: why})
			return true
		}
		if first == nil || p.index < first.pattern.index {
			first = &live[i]
		}
	}
	if first != nil {
		app, _ := expand(first.pattern.app, first.vars) // compile saw to its variables
		f.spots = append(f.spots, spot{dir: dir, pattern: first.pattern, vars: first.vars, app: app})
	}
	return false
}

// advance gives the patterns that fit name as their segment at depth.
func advance(live []partial, name string, depth int) []partial {
	var next []partial
	for _, l := range live {
		if depth >= len(l.pattern.segments) {
			continue
		}
		s := l.pattern.segments[depth]
		switch {
		case s.variable != "":
			vars := make(map[string]string, len(l.vars)+1)
			maps.Copy(vars, l.vars)
			vars[s.variable] = name
			l.vars = vars
		case !matchGlob(s.glob, name):
			continue
		}
		next = append(next, l)
	}
	return next
}

func goesOn(live []partial, depth int) bool {
	return slices.ContainsFunc(live, func(l partial) bool { return len(l.pattern.segments) > depth })
}

// reaches tells whether the pattern matches the folder or one below it.
func (p *pattern) reaches(dir string) bool {
	names := strings.Split(dir, "/")
	if len(names) > len(p.segments) {
		return false
	}
	for i, name := range names {
		if s := p.segments[i]; s.variable == "" && !matchGlob(s.glob, name) {
			return false
		}
	}
	return true
}

// matchGlob matches * against any run of characters, also none.
func matchGlob(glob, name string) bool {
	head, rest, star := strings.Cut(glob, "*")
	if !star {
		return glob == name
	}
	name, ok := strings.CutPrefix(name, head)
	if !ok {
		return false
	}
	for {
		part, tail, more := strings.Cut(rest, "*")
		if !more {
			return strings.HasSuffix(name, part)
		}
		_, after, found := strings.Cut(name, part)
		if !found {
			return false
		}
		name, rest = after, tail
	}
}
