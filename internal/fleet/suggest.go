package fleet

import (
	"cmp"
	"fmt"
	"maps"
	"path"
	"slices"
	"strings"

	"plumb.dev/plumb/api/v1alpha1"
	"plumb.dev/plumb/internal/fault"
)

// suggest finds a spec.apps that fits the tree. It drafts entries from the shape of the tree, discovers with them, and
// corrects the draft by what comes out: a suggestion that does not work is none.
func (d *discovery) suggest() error {
	scope := "."
	if len(d.in.Apps) == 0 && d.ambiguous() {
		scope = appsFolder
	}
	units, err := scan(newReader(d.in.Tree), scope)
	if err != nil || len(units) == 0 {
		return err
	}
	s := &suggestion{in: d.in, root: d.root, reader: newReader(d.in.Tree), units: units, fixed: map[string]string{}, single: map[string]bool{}, out: map[string]bool{}}
	const rounds = 8
	for range rounds {
		patterns, err := s.draft()
		if err != nil || len(patterns) == 0 {
			return err
		}
		good, changed := s.correct(patterns)
		if good {
			d.result.Suggested = including(patterns)
			return nil
		}
		if !changed {
			break
		}
	}
	d.result.Suggested = including(s.plainly())
	return nil
}

// including gives nothing where nothing but exclusions is left.
func including(patterns []v1alpha1.Pattern) []v1alpha1.Pattern {
	if slices.ContainsFunc(patterns, func(p v1alpha1.Pattern) bool { return !p.Exclude }) {
		return patterns
	}
	return nil
}

// ambiguous tells whether a folder's place in the layout can be read two ways, which patterns can settle.
func (d *discovery) ambiguous() bool {
	return slices.ContainsFunc(d.result.Faults, func(f Fault) bool { return f.layout })
}

// suggestion is a spec.apps in the making.
type suggestion struct {
	in     Input
	root   rootFacts
	reader *reader
	units  []unit
	fixed  map[string]string // units that need an entry of their own → their app's name
	single map[string]bool   // folders whose units do, because others beside them are something else
	out    map[string]bool   // folders to exclude
}

// group is the units of one folder that share an entry.
type group struct {
	path  string // pattern
	app   string // template, "" for the default
	units []unit
}

// draft makes entries: exclusions first, then single folders, then patterns; those with fewer variables first.
func (s *suggestion) draft() ([]v1alpha1.Pattern, error) {
	var groups []group
	var rest []unit
	for _, u := range s.units {
		if name, ok := s.fixed[u.dir]; ok {
			groups = append(groups, group{path: u.dir, app: name})
		} else {
			rest = append(rest, u)
		}
	}
	groups = append(groups, s.groups(rest)...)
	patterns := make([]v1alpha1.Pattern, 0, len(groups)+len(s.out))
	for _, g := range groups {
		patterns = append(patterns, v1alpha1.Pattern{Path: g.path, App: g.app})
	}
	slices.SortStableFunc(patterns, func(a, b v1alpha1.Pattern) int {
		return cmp.Or(cmp.Compare(strings.Count(a.Path, "{"), strings.Count(b.Path, "{")), strings.Compare(a.Path, b.Path))
	})
	excluded, err := s.exclusions(groups)
	return append(needed(excluded, patterns), patterns...), err
}

// needed leaves out exclusions of folders that no pattern matches.
func needed(excluded, patterns []v1alpha1.Pattern) []v1alpha1.Pattern {
	compiled, bad := compile(patterns)
	if bad != nil {
		return excluded
	}
	return slices.DeleteFunc(excluded, func(e v1alpha1.Pattern) bool {
		return !slices.ContainsFunc(compiled, func(p *pattern) bool { return p.reaches(e.Path) })
	})
}

// exclusions takes out what a pattern would match beside its units.
func (s *suggestion) exclusions(groups []group) ([]v1alpha1.Pattern, error) {
	out := maps.Clone(s.out)
	for _, g := range groups {
		parent, _, ofEnvs := strings.Cut(g.path, "{"+varEnv+"}")
		if !ofEnvs || strings.Contains(parent, "{") {
			continue
		}
		if err := s.besideEnvs(path.Clean(parent), out); err != nil {
			return nil, err
		}
	}
	patterns := make([]v1alpha1.Pattern, 0, len(out))
	for _, dir := range slices.Sorted(maps.Keys(out)) {
		patterns = append(patterns, v1alpha1.Pattern{Path: dir, Exclude: true})
	}
	return patterns, nil
}

// besideEnvs takes out folders beside those of environments: bases, and what holds manifests.
func (s *suggestion) besideEnvs(parent string, out map[string]bool) error {
	l, err := s.reader.walk(parent)
	if err != nil {
		return err
	}
	for _, name := range l.dirs {
		dir := path.Join(l.dir, name)
		if s.root.isEnv(name) || s.holdsUnit(dir) {
			continue
		}
		sub, err := s.reader.sub(l, name)
		if err != nil {
			return err
		}
		below, err := s.reader.rendersBelow(sub, 1, 0)
		if err != nil {
			return err
		}
		out[dir] = out[dir] || name == baseFolder || len(below) > 0
		if !out[dir] {
			delete(out, dir)
		}
	}
	return nil
}

func (s *suggestion) holdsUnit(dir string) bool {
	return slices.ContainsFunc(s.units, func(u unit) bool { return within(u.dir, dir) })
}

// groups finds the entries for units that need none of their own.
func (s *suggestion) groups(units []unit) []group {
	byParent := map[string][]unit{}
	var parents []string
	for _, u := range units {
		parent := path.Dir(u.dir)
		if u.dir == "." {
			parent = ""
		}
		if byParent[parent] == nil {
			parents = append(parents, parent)
		}
		byParent[parent] = append(byParent[parent], u)
	}
	slices.Sort(parents)
	var out []group
	for _, parent := range parents {
		out = append(out, s.ofParent(parent, byParent[parent])...)
	}
	return merged(out, s.root)
}

// ofParent gives the entries for the units that lie in one folder.
func (s *suggestion) ofParent(parent string, units []unit) []group {
	if parent == "" {
		return []group{{path: ".", app: s.name("."), units: units}}
	}
	var envs, apps []unit
	var out []group
	for _, u := range units {
		switch base := path.Base(u.dir); {
		case s.root.isEnv(base):
			envs = append(envs, u)
		case base == "default": // Kustomize's word for the whole of the folders beside it
			out = append(out, group{path: u.dir, app: s.name(u.dir), units: []unit{u}})
		default:
			apps = append(apps, u)
		}
	}
	if len(envs) == 1 && len(apps) > 0 {
		out = append(out, group{path: envs[0].dir, app: path.Base(envs[0].dir), units: envs})
	} else if len(envs) > 0 {
		out = append(out, group{path: path.Join(parent, "{env}"), app: s.nameOfEnvs(parent, envs), units: envs})
	}
	switch {
	case s.single[parent], len(apps) == 1 && parent != appsFolder && !s.root.isEnv(path.Base(parent)), len(apps) > 0 && len(envs) > 1:
		for _, u := range apps {
			out = append(out, group{path: u.dir, app: s.name(u.dir), units: []unit{u}})
		}
	case len(apps) > 0:
		out = append(out, group{path: path.Join(parent, "{app}"), units: apps})
	}
	return out
}

// merged joins groups that differ in one folder only: dev/{app} and prod/{app} become {env}/{app}; cart/{env} and
// ledger/{env} become {app}/{env}; pay/{app} and shop/{app} of a folder "teams" become {team}/{app}.
func merged(groups []group, root rootFacts) []group {
	var out []group
	for i := 0; i < len(groups); {
		j := i + 1
		for j < len(groups) && alike(groups[i], groups[j], root) {
			j++
		}
		out = append(out, joined(groups[i:j], root)...)
		i = j
	}
	return out
}

// alike tells whether two groups have the form <same>/<name>/{variable} with names of one sort.
func alike(a, b group, root rootFacts) bool {
	pa, la := path.Split(a.path)
	pb, lb := path.Split(b.path)
	pa, pb = path.Clean(pa), path.Clean(pb)
	return la == lb && strings.HasPrefix(la, "{") && path.Dir(pa) == path.Dir(pb) && pa != "." && pb != "." &&
		root.isEnv(path.Base(pa)) == root.isEnv(path.Base(pb))
}

func joined(groups []group, root rootFacts) []group {
	parent, last := path.Split(groups[0].path)
	parent = path.Clean(parent)
	above, name := path.Split(parent)
	above = path.Clean(above)
	variable := ""
	switch {
	case last == "{app}" && root.isEnv(name):
		variable = varEnv
	case last == "{app}" && len(groups) > 1 && singular[path.Base(above)] != "":
		variable = singular[path.Base(above)]
	case last == "{env}" && len(groups) > 1 && !root.isEnv(name):
		variable = varApp
	}
	if variable == "" || parent == "." {
		return groups
	}
	g := group{path: path.Join(above, "{"+variable+"}", last)}
	names := map[string]bool{}
	for _, each := range groups {
		for _, u := range each.units {
			if name := path.Base(u.dir); variable != varEnv && variable != varApp && names[name] {
				g.app = "{" + variable + "}-{app}"
			} else {
				names[name] = true
			}
		}
		g.units = append(g.units, each.units...)
	}
	return []group{g}
}

// singular are folders whose name says what the folders in it are.
var singular = map[string]string{
	"teams": "team", "tenants": "tenant", "projects": "project", "groups": "group", "domains": "domain", "products": "product",
}

// general are folder names that say nothing about what is in them.
var general = map[string]bool{
	".": true, appsFolder: true, "chart": true, "charts": true, "config": true, "default": true, "deploy": true, "deployment": true,
	"deployments": true, "environments": true, "helm": true, "install": true, "k8s": true, "kubernetes": true, "kustomize": true,
	"manifest": true, "manifests": true, baseFolder: true, envsFolder: true, overlaysFolder: true,
}

// name gives the name for the app of a folder: the nearest folder's that says something, else the repository's.
func (s *suggestion) name(dir string) string {
	for at := dir; at != "."; at = path.Dir(at) {
		if base := path.Base(at); !general[base] {
			return label(base)
		}
	}
	if name := label(s.in.Repo); s.in.Repo != "" && !s.taken(name) {
		return name
	}
	return label(path.Base(dir))
}

// taken tells whether another unit is called so already.
func (s *suggestion) taken(name string) bool {
	return slices.ContainsFunc(s.units, func(u unit) bool { return path.Base(u.dir) == name })
}

// nameOfEnvs gives the name of the app whose environments lie in parent: the parent's, or that of the one base that all are made of.
func (s *suggestion) nameOfEnvs(parent string, envs []unit) string {
	if !general[path.Base(parent)] {
		return label(path.Base(parent))
	}
	bases := map[string]bool{}
	for _, u := range envs {
		for _, ref := range u.refs {
			if base := path.Base(ref); !within(ref, u.dir) && !general[base] && !strings.Contains(base, ".") {
				bases[base] = true
			}
		}
	}
	if len(bases) == 1 {
		for base := range bases {
			return label(base)
		}
	}
	return s.name(parent)
}

// label makes a name that isName accepts.
func label(s string) string {
	s = strings.Trim(strings.Map(func(c rune) rune {
		switch {
		case c >= 'A' && c <= 'Z':
			return c - 'A' + 'a'
		case c < 128 && isLowerAlnum(byte(c)):
			return c
		}
		return '-'
	}, s), "-")
	if len(s) > maxName {
		s = strings.Trim(s[:maxName], "-")
	}
	return cmp.Or(s, "app")
}

// correct discovers with the patterns and learns from it. It tells whether they are good (every unit is found, nothing
// else is, and nothing can be read two ways), and whether the next draft will be another one.
func (s *suggestion) correct(patterns []v1alpha1.Pattern) (good, changed bool) {
	in := s.in
	in.Apps, in.Previous, in.Offline = patterns, nil, true
	d := &discovery{in: in, reader: newReader(in.Tree)}
	if d.run() != nil {
		return false, false
	}
	found := map[string]bool{}
	for _, a := range d.result.Apps {
		found[a.folder] = true
		if !s.isUnit(a.folder) && !s.holdsUnit(a.folder) {
			s.out[a.folder], changed = true, true
		}
	}
	wrong := map[string]bool{} // by unit, so that each is repaired once
	for _, f := range d.result.Faults {
		if f.Fault.Reason == fault.Ambiguous || f.Fault.Reason == fault.NameInvalid || f.Fault.Reason == fault.DuplicateApp {
			wrong[s.unitOf(f.Path)] = true
		}
	}
	for _, u := range s.units {
		if !found[u.dir] {
			wrong[u.dir] = true
		}
	}
	for _, dir := range slices.Sorted(maps.Keys(wrong)) {
		changed = s.repair(dir) || changed
	}
	return !changed && len(wrong) == 0, changed
}

// unitOf gives the folder of the unit that holds dir, or dir.
func (s *suggestion) unitOf(dir string) string {
	if i := slices.IndexFunc(s.units, func(u unit) bool { return within(dir, u.dir) }); i >= 0 {
		return s.units[i].dir
	}
	return dir
}

func (s *suggestion) isUnit(dir string) bool {
	return slices.ContainsFunc(s.units, func(u unit) bool { return u.dir == dir })
}

// repair gives the unit that holds dir an entry of its own; one that has it already is given up. Beside a folder
// that holds units the units get entries of their own; any other folder is excluded.
func (s *suggestion) repair(dir string) (changed bool) {
	i := slices.IndexFunc(s.units, func(u unit) bool { return within(dir, u.dir) })
	switch parent := path.Dir(dir); {
	case i < 0 && s.holdsUnit(dir):
		changed = !s.single[parent]
		s.single[parent] = true
		return changed
	case i < 0:
		changed = !s.out[dir]
		s.out[dir] = true
		return changed
	}
	u := s.units[i]
	if _, already := s.fixed[u.dir]; !already {
		s.fixed[u.dir] = s.unique(u.dir)
		return true
	}
	s.units = slices.Delete(s.units, i, i+1)
	delete(s.fixed, u.dir)
	s.out[u.dir] = true
	return true
}

// unique gives a name that no other unit has: from the folder, then with the folders above it, then with a number.
func (s *suggestion) unique(dir string) string {
	taken := map[string]bool{}
	for _, u := range s.units {
		if u.dir != dir {
			taken[label(path.Base(u.dir))] = true
		}
	}
	for _, name := range s.fixed {
		taken[name] = true
	}
	name := s.name(dir)
	if taken[name] {
		name = label(path.Base(dir))
	}
	for at := path.Dir(dir); taken[name] && at != "."; at = path.Dir(at) {
		name = label(path.Base(at) + "-" + name)
	}
	base := name
	for i := 2; taken[name]; i++ {
		suffix := fmt.Sprintf("-%d", i)
		name = strings.TrimRight(base[:min(len(base), maxName-len(suffix))], "-") + suffix
	}
	return name
}

// plainly is the last resort: an entry for each unit; those that still cannot be read are left out.
func (s *suggestion) plainly() []v1alpha1.Pattern {
	for _, u := range s.units {
		if _, ok := s.fixed[u.dir]; !ok {
			s.fixed[u.dir] = s.unique(u.dir)
		}
	}
	for range len(s.units) + 1 {
		s.out = map[string]bool{}
		patterns, err := s.draft()
		if err != nil || len(patterns) == 0 {
			return nil
		}
		good, changed := s.correct(patterns)
		if good {
			return patterns
		}
		if !changed {
			return nil
		}
	}
	return nil
}
