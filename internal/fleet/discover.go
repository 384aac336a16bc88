package fleet

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	apilabels "k8s.io/apimachinery/pkg/labels"

	"plumb.dev/plumb/api/v1alpha1"
	"plumb.dev/plumb/internal/fault"
)

// Discover finds the apps of a tree (resources.md §4). It never fails as a whole without saying so: see Result.Blocked.
func Discover(in Input) Result {
	d := &discovery{in: in, reader: newReader(in.Tree)}
	if err := d.all(); err != nil {
		return blocked(err, in.Previous)
	}
	return d.result
}

// all discovers, and suggests where that is needed.
func (d *discovery) all() error {
	if err := d.run(); err != nil || !d.needsSuggestion() || d.same {
		return err
	}
	return d.suggest()
}

// blocked is the Result of a commit in which nothing could be found out. It hands the memo on, for the commit that mends it.
func blocked(err error, previous *Result) Result {
	bad := fault.Of(err, fault.FetchFailed)
	why := fmt.Sprintf("%s: %s", bad.Reason, bad.Message)
	r := Result{
		Faults:    []Fault{{Fault: bad}},
		Explained: []Explanation{{Path: cmp.Or(bad.Place.File, "."), Rule: RuleFault, Why: why, Place: bad.Place}},
	}
	if previous != nil && previous.memo != nil {
		r.memo = &memo{context: previous.memo.context, folders: previous.memo.folders} // no tree: this Result is not to be taken for it
	}
	return r
}

// discovery is one call of Discover.
type discovery struct {
	in     Input
	reader *reader
	hasher Hasher // nil if the tree is none
	same   bool   // the tree is Previous's: so is the result
	root   rootFacts
	result Result
}

// run gives an error for what blocks every app; everything else is in the result.
func (d *discovery) run() error {
	patterns, bad := compile(d.in.Apps)
	if bad != nil {
		return bad
	}
	if err := d.readRoot(); err != nil {
		return err
	}
	before := d.recall()
	if before != nil && before.tree == d.result.memo.tree {
		d.result, d.same = *d.in.Previous, true
		return nil
	}
	find := &finder{reader: d.reader}
	if err := find.find(patterns); err != nil {
		return err
	}
	d.result.Explained = find.out
	d.missing(patterns, find.matched)
	if err := d.appsItself(); err != nil {
		return err
	}
	if err := d.folders(find.spots, before); err != nil {
		return err
	}
	d.finish()
	return nil
}

// needsSuggestion tells whether a person has to say what the apps are: nothing is found, or it can be read two ways.
func (d *discovery) needsSuggestion() bool {
	return len(d.result.Apps) == 0 || len(d.in.Apps) == 0 && d.ambiguous()
}

// rootFacts is the root plumb.yaml, made ready.
type rootFacts struct {
	file      v1alpha1.RootFile
	bytes     []byte
	level     level // its defaults
	declared  map[string]bool
	selectors map[string]apilabels.Selector
	envPlaces map[string]fault.Place
}

// isEnv tells whether a name is a declared or a well-known environment.
func (r rootFacts) isEnv(name string) bool {
	return r.declared[name] || slices.Contains(wellKnown, name)
}

func (d *discovery) readRoot() error {
	d.root = rootFacts{level: level{file: SettingsFile}}
	l, err := d.reader.list(".")
	if err != nil || !l.marked(SettingsFile) {
		return err
	}
	if l.hasLink(SettingsFile) {
		return linkedSettings(SettingsFile)
	}
	data, err := d.reader.read(SettingsFile)
	if err != nil {
		return err
	}
	d.root, err = newRootFacts(data)
	d.result.Root = d.root.file
	return err
}

func newRootFacts(data []byte) (rootFacts, error) {
	root, places, bad := parseRoot(SettingsFile, data)
	if bad != nil {
		return rootFacts{}, bad
	}
	facts := rootFacts{
		file:      root,
		bytes:     data,
		level:     level{file: SettingsFile, settings: root.Defaults, exists: true, places: map[string]fault.Place{}},
		declared:  map[string]bool{},
		selectors: map[string]apilabels.Selector{},
		envPlaces: map[string]fault.Place{},
	}
	for name, place := range places {
		if name, ok := strings.CutPrefix(name, "defaults."); ok && !strings.ContainsAny(name, ".[") {
			facts.level.places[name] = place
		}
	}
	for i, e := range root.Environments {
		facts.declared[e.Name] = true
		if selector, _ := parseSelector(e.Clusters); selector != nil { // checkRoot saw to errors
			facts.selectors[e.Name] = selector
			facts.envPlaces[e.Name] = places[fmt.Sprintf("environments[%d].clusters", i)]
		}
	}
	return facts, nil
}

// missing explains patterns that found no folder.
func (d *discovery) missing(patterns []*pattern, matched map[*pattern]bool) {
	for _, p := range patterns {
		switch {
		case matched[p] || p.exclude:
		case p.convention:
			why := "there is no folder " + appsFolder + "/, or no folder in it"
			d.result.Explained = append(d.result.Explained, Explanation{Path: appsFolder, Rule: RuleNothing, Why: why})
		case p.literal:
			bad := fault.New(fault.PathNotFound, "there is no such folder, but spec.apps[%d] names it", p.index).At(fault.Place{File: p.path}).
				WithNext("correct the path, or take the entry away")
			d.result.Faults = append(d.result.Faults, Fault{App: p.app, Path: p.path, Fault: bad})
			d.result.Explained = append(d.result.Explained, Explanation{Path: p.path, Rule: RuleFault, Why: "PathNotFound: " + bad.Message})
		default:
			d.result.Explained = append(d.result.Explained, Explanation{Path: p.path, Rule: RuleNothing, Why: "no folder matches the pattern"})
		}
	}
}

// appsItself explains manifests directly in apps/: the convention looks for folders in it.
func (d *discovery) appsItself() error {
	if len(d.in.Apps) > 0 {
		return nil
	}
	l, err := d.reader.walk(appsFolder)
	if err != nil {
		return err
	}
	fits, err := d.reader.fits(l)
	if err == nil && len(fits) > 0 {
		why := kindWords[fits[0]] + " directly in " + appsFolder + "/, which holds a folder for each app"
		d.result.Explained = append(d.result.Explained, Explanation{Path: appsFolder, Rule: RuleOutside, Why: why})
	}
	return err
}

// folders examines and places each folder, but for those that are as they were.
func (d *discovery) folders(spots []spot, before *memo) error {
	placer := newPlacer(d.in, d.root)
	all := make([]placement, 0, len(spots))
	for _, s := range spots {
		placed, err := d.remember(before, s.dir, func() (placement, error) {
			v, err := examine(newReader(d.in.Tree), d.root, s)
			if err != nil {
				return placement{}, err
			}
			return placer.place(s, v), nil
		})
		if err != nil {
			return err
		}
		if d.result.memo != nil && slices.ContainsFunc(placed.faults, func(f Fault) bool { return f.Fault.Code == codeSubmodule }) {
			d.result.memo.tree = "" // the same tree may give more next time
		}
		all = append(all, placed)
	}
	d.collect(all)
	return nil
}

// collect puts the placements together.
func (d *discovery) collect(all []placement) {
	apps, explained := 0, len(d.result.Explained)
	for _, p := range all {
		apps += len(p.apps)
		explained += len(p.explained)
	}
	d.result.Apps = make([]App, 0, apps)
	d.result.Explained = slices.Grow(d.result.Explained, explained)
	for _, p := range all {
		d.result.Apps = append(d.result.Apps, p.apps...)
		d.result.Explained = append(d.result.Explained, p.explained...)
		d.result.Faults = append(d.result.Faults, p.faults...)
	}
}

// finish orders the result and looks at what only the whole can show.
func (d *discovery) finish() {
	r := &d.result
	slices.SortFunc(r.Apps, func(a, b App) int {
		return cmp.Or(strings.Compare(a.Name, b.Name), strings.Compare(a.App, b.App), strings.Compare(a.folder, b.folder), strings.Compare(a.Path, b.Path))
	})
	found := map[string]bool{}
	for _, a := range r.Apps {
		if a.Env != "" {
			found[a.Env] = true
		}
	}
	r.Environments = promotionOrder(d.root.file.Environments, found)
	d.duplicates()
	sortExplained(r.Explained)
}

// duplicates refuses apps that share a name or a derived namespace on a cluster (resources.md §4.3). All of them are
// refused: none has the better claim. Of those that share a name one stays in Apps, with the fault.
func (d *discovery) duplicates() {
	r := &d.result
	names := make(map[string]int, len(r.Apps))
	namespaces := make(map[[2]string]int, len(r.Apps))
	kept := r.Apps[:0]
	for _, a := range r.Apps {
		if first, taken := names[a.Name]; taken {
			d.duplicate(&kept[first], &a, "the name "+a.Name)
			continue
		}
		names[a.Name] = len(kept)
		if a.derived {
			key := [2]string{a.Cluster, a.Namespace}
			if first, taken := namespaces[key]; taken && (kept[first].App != a.App || kept[first].Env != a.Env) {
				d.duplicate(&kept[first], &a, "the namespace "+a.Namespace)
			} else {
				namespaces[key] = len(kept)
			}
		}
		kept = append(kept, a)
	}
	r.Apps = kept
}

func (d *discovery) duplicate(a, b *App, what string) {
	bad := fault.New(fault.DuplicateApp, "%s (%s) and %s (%s) would share %s", a.Address(), a.Path, b.Address(), b.Path, what).
		At(fault.Place{File: b.Path}).WithNext(`rename one of the two, or put a variable of the pattern into the name: app: "{team}-{app}"`)
	for _, app := range []*App{a, b} {
		if app.Fault == nil || app.Fault.Reason != fault.DuplicateApp {
			app.Fault = bad
		}
		d.result.Faults = append(d.result.Faults, Fault{App: app.App, Env: app.Env, Cluster: app.Cluster, Path: app.Path, Fault: bad})
	}
	d.result.Explained = append(d.result.Explained, Explanation{Path: b.Path, Rule: RuleFault, Why: "DuplicateApp: " + bad.Message, Place: bad.Place})
}
