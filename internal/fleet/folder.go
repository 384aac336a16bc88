package fleet

import (
	"fmt"
	"path"
	"slices"
	"strings"

	"plumb.dev/plumb/internal/fault"
)

// The folders of environments, and of clusters in them.
const (
	envsFolder     = "envs"
	overlaysFolder = "overlays"
	clustersFolder = "clusters"
	baseFolder     = "base"
	valuesFile     = "values.yaml"
)

// target is one app in one environment, before it is placed on clusters.
type target struct {
	at      string // what made it: a folder or a values file
	env     string
	envDir  string // envs/<env>, "" without
	dir     string // the folder that is rendered
	kind    string
	values  []string
	outside []string
	levels  []level // the app's and the environment's plumb.yaml
	inputs  []string
	over    []clusterFolder
	why     string
	fault   *fault.Fault
}

// clusterFolder is envs/<env>/clusters/<cluster>.
type clusterFolder struct {
	name   string
	dir    string
	kind   string // "" = it does not render, only its settings count
	values []string
	level  level
	inputs []string
	fault  *fault.Fault
}

// verdict is what examining one folder gave.
type verdict struct {
	targets   []target
	explained []Explanation
	faults    []Fault
}

// examiner applies the steps of resources.md §4.1 to one folder after another.
type examiner struct {
	reader *reader
	root   rootFacts
	spot   spot
	own    level
	out    verdict
}

// examine looks at one folder.
func examine(r *reader, root rootFacts, s spot) (verdict, error) {
	x := &examiner{reader: r, root: root, spot: s}
	err := x.folder()
	if bad := ofSubmodule(err); bad != nil {
		x.out = verdict{}
		x.fail(Fault{Fault: bad})
		return x.out, nil
	}
	return x.out, err
}

// folder takes the steps in their order; the first that matches wins.
func (x *examiner) folder() error {
	l, err := x.reader.list(x.spot.dir)
	if err != nil {
		return err
	}
	if x.own, err = x.level(l); err != nil {
		return err
	}
	if x.skipped(l.dir, x.own) || x.looksLikeLayout(l) {
		return nil
	}
	if done, err := x.environments(l); done || err != nil {
		return err
	}
	if done, err := x.itself(l); done || err != nil {
		return err
	}
	return x.group(l)
}

// level reads the plumb.yaml of a folder. The one at the root of the repository is no app's.
func (x *examiner) level(l listing) (level, error) {
	file := path.Join(l.dir, SettingsFile)
	switch {
	case l.dir == "." || !l.marked(SettingsFile):
		return level{file: file}, nil
	case l.hasLink(SettingsFile):
		return level{file: file, exists: true, fault: linkedSettings(file)}, nil
	}
	data, err := x.reader.read(file)
	if tooLarge(err) {
		return level{file: file, exists: true, fault: fault.Of(err, fault.RenderLimit)}, nil
	}
	if err != nil {
		return level{}, err
	}
	found, _ := parseLevel(file, data)
	return found, nil
}

func linkedSettings(file string) *fault.Fault {
	return fault.New(fault.InvalidSettings, "%s is a symbolic link", SettingsFile).At(fault.Place{File: file}).
		WithNext("write a file: links are not followed")
}

// skipped is step 1, first half. Defaults at the root may say it too; the app's file wins. What a broken file says is not known.
func (x *examiner) skipped(dir string, levels ...level) bool {
	skip, place := x.root.level.settings.Skip, x.root.level.places["skip"]
	for _, l := range levels {
		if l.fault != nil {
			return false
		}
		if l.settings.Skip != nil {
			skip, place = l.settings.Skip, l.places["skip"]
		}
	}
	if skip == nil || !*skip {
		return false
	}
	x.explain(Explanation{Path: dir, Rule: RuleSkip, Why: "skip: true", Place: place})
	return true
}

// looksLikeLayout is step 1, second half: a folder called base or like an environment is most likely not an app.
func (x *examiner) looksLikeLayout(l listing) bool {
	name := x.spot.vars[varApp]
	if name == "" || name != baseFolder && !x.root.isEnv(name) {
		return false
	}
	parent := path.Dir(l.dir)
	layout, entry := x.layout(parent)
	if name == baseFolder {
		entry = fmt.Sprintf("{path: %s, exclude: true} before %s", quoted(l.dir), entry)
	}
	bad := fault.New(fault.Ambiguous, "is %q an app, or part of the layout %s?", name, layout).
		WithNext(`say it in spec.apps of the Repo; an app: %s; the layout: %s`, x.asItself(l, name), entry)
	x.fail(Fault{Fault: bad.At(fault.Place{File: l.dir}), layout: true})
	return true
}

// asItself gives the entry under which the folder is an app, or holds some where it does not render.
func (x *examiner) asItself(l listing, name string) string {
	fits, err := x.reader.fits(l)
	if err == nil && len(fits) == 0 && !l.hasDir(envsFolder) && !l.hasDir(overlaysFolder) {
		if below, err := x.reader.rendersBelow(l, 1, 0); err == nil && len(below) > 0 {
			return asGroup(below)
		}
	}
	return entryOf(l.dir, name)
}

// layout tells whether the environments in a folder are one app's or hold apps, by what renders there.
func (x *examiner) layout(parent string) (layout, entry string) {
	layout = path.Join(parent, "{env}", "{app}")
	l, err := x.reader.list(parent)
	if err != nil {
		return layout, entryOf(layout, "")
	}
	for _, name := range l.dirs {
		if !x.root.isEnv(name) {
			continue
		}
		sub, err := x.reader.sub(l, name)
		if err != nil {
			break
		}
		if fits, err := x.reader.fits(sub); err == nil && len(fits) > 0 {
			layout = path.Join(parent, "{env}")
			return layout, entryOf(layout, "NAME")
		}
	}
	return layout, entryOf(layout, "")
}

// entryOf writes an entry of spec.apps.
func entryOf(dir, app string) string {
	if app == "" {
		return fmt.Sprintf("{path: %s}", quoted(dir))
	}
	return fmt.Sprintf("{path: %s, app: %s}", quoted(dir), quoted(app))
}

// environments is step 2: one app per folder of envs/, or overlays/.
func (x *examiner) environments(l listing) (done bool, err error) {
	if x.spot.env() != "" || !l.hasDir(envsFolder) && !l.hasDir(overlaysFolder) {
		return false, nil
	}
	if l.hasDir(envsFolder) && l.hasDir(overlaysFolder) {
		bad := fault.New(fault.Ambiguous, "has %s/ and %s/: which of them holds the environments?", envsFolder, overlaysFolder)
		x.fail(Fault{Fault: bad.At(fault.Place{File: l.dir}).WithNext("keep one of the two folders")})
		return true, nil
	}
	folder := envsFolder
	if l.hasDir(overlaysFolder) {
		folder = overlaysFolder
	}
	envs, err := x.reader.sub(l, folder)
	if err != nil {
		return true, err
	}
	for _, env := range envs.dirs {
		if err := x.environment(l, envs, env); err != nil {
			return true, err
		}
	}
	if len(envs.dirs) == 0 {
		x.explain(Explanation{Path: envs.dir, Rule: RuleNothing, Why: "no folder in it"})
	}
	for _, other := range l.dirs {
		if other != folder {
			x.explain(Explanation{Path: path.Join(l.dir, other), Rule: RuleInput, Why: "beside " + folder + "/: the environments may use it"})
		}
	}
	return true, nil
}

// environment is one folder of envs/: case a renders by itself; case b holds only values files for the chart above.
func (x *examiner) environment(app, envs listing, env string) error {
	l, err := x.reader.sub(envs, env)
	if err != nil {
		return err
	}
	own, err := x.level(l)
	if err != nil {
		return err
	}
	if x.skipped(l.dir, x.own, own) {
		return nil
	}
	t := target{at: l.dir, env: env, envDir: l.dir, dir: l.dir, levels: []level{x.own, own}}
	if t.kind, t.fault, err = x.kindOf(l, t.levels); err != nil {
		return err
	}
	if t.kind == Helm && x.own.chart() != nil && !l.marked(chartFile) {
		t.kind = "" // it says more of the chart of the app's folder
	}
	t.why = "environment folder, " + x.wordOf(t.kind, l, t.levels)
	switch {
	case t.kind == Helm:
		t.setValues(l, valuesFile, envValues(env))
	case t.kind == "" && t.fault == nil:
		if made, err := x.chartWithValues(app, l, &t); err != nil || !made && own.fault == nil {
			return err
		}
	}
	t.inputs = append(t.inputs, markers(l.dir)...)
	if err := x.clusterFolders(l, &t); err != nil {
		return err
	}
	x.add(t)
	return nil
}

// chartWithValues is case b. It explains a folder that is neither case.
func (x *examiner) chartWithValues(app, l listing, t *target) (made bool, err error) {
	files, only := valuesFiles(l), "only values files"
	if len(files) == 0 {
		only = "only a " + SettingsFile
	}
	switch {
	case len(files) == 0 && !l.marked(SettingsFile):
		x.explain(Explanation{Path: l.dir, Rule: RuleNothing, Why: "neither manifests nor values files in it"})
		return false, nil
	case !onlyValues(l):
		x.explain(Explanation{Path: l.dir, Rule: RuleNothing, Why: "holds values files and other YAML, but nothing that renders"})
		return false, nil
	}
	if t.kind, t.fault, err = x.kindOf(app, t.levels); err != nil {
		return false, err
	}
	if t.kind != Helm && t.fault == nil {
		x.explain(Explanation{Path: l.dir, Rule: RuleNothing, Why: only + ", but " + app.dir + " is not a chart"})
		return false, nil
	}
	t.dir = app.dir
	t.setValues(app, valuesFile)
	below := strings.TrimPrefix(l.dir, app.dir+"/")
	for _, file := range files {
		t.values = append(t.values, path.Join(below, file))
		t.inputs = append(t.inputs, path.Join(l.dir, file))
	}
	t.inputs = append(t.inputs, markers(app.dir)...)
	t.why = "values of an environment for the chart in " + app.dir
	if !app.marked(chartFile) {
		t.why = "values of an environment for the " + x.wordOf(Helm, app, t.levels)
	}
	return true, nil
}

// clusterFolders reads envs/<env>/clusters/<cluster>; which of them count is decided when the app is placed.
func (x *examiner) clusterFolders(env listing, t *target) error {
	all, err := x.reader.sub(env, clustersFolder)
	if err != nil || !all.exists {
		return err
	}
	if t.kind == Plain {
		t.outside = []string{clustersFolder}
	}
	for _, name := range all.dirs {
		l, err := x.reader.sub(all, name)
		if err != nil {
			return err
		}
		c := clusterFolder{name: name, dir: l.dir, inputs: markers(l.dir)}
		if c.level, err = x.level(l); err != nil {
			return err
		}
		if c.kind, c.fault, err = x.kindOf(l, append(slices.Clone(t.levels), c.level)); err != nil {
			return err
		}
		if c.kind == Helm && !l.marked(chartFile) && hasChart(t.levels) {
			c.kind = "" // it says more of the chart that the environment has
		}
		if c.kind == Helm {
			c.values, c.inputs = conventionValues(l, c.inputs, valuesFile, envValues(t.env))
		}
		if c.kind == "" && c.fault == nil && len(valuesFiles(l)) > 0 {
			c.fault = fault.New(fault.Unsupported, "values files in a cluster folder are not supported yet").
				At(fault.Place{File: l.dir}).WithNext("put them into the environment's folder, or make this one render by itself")
		}
		if c.kind == "" && c.fault == nil && !c.level.exists {
			x.explain(Explanation{Path: l.dir, Rule: RuleNothing, Why: "does not render and holds no " + SettingsFile})
			continue
		}
		t.over = append(t.over, c)
	}
	return nil
}

// itself is steps 3 and 4: the folder renders, a chart once for each environment that it has values for.
func (x *examiner) itself(l listing) (done bool, err error) {
	t := target{at: l.dir, env: x.spot.env(), dir: l.dir, levels: []level{x.own}, inputs: markers(l.dir)}
	if t.kind, t.fault, err = x.kindOf(l, t.levels); err != nil {
		return true, err
	}
	if t.kind == "" && t.fault == nil && x.own.fault != nil && onlyValues(l) {
		t.kind = Helm // what cannot be read may have named a chart: an app must not vanish by it
	}
	if t.kind == "" && t.fault == nil {
		return false, nil
	}
	if t.kind == Helm && t.env == "" && x.valuesEnvironments(l, t) {
		return true, nil
	}
	t.why = x.wordOf(t.kind, l, t.levels)
	if t.kind == Helm {
		t.setValues(l, valuesFile)
		if t.env != "" {
			t.setValues(l, valuesFile, envValues(t.env))
		}
	}
	x.add(t)
	return true, nil
}

// valuesEnvironments is step 3: values-<env>.yaml makes the environment, where <env> is declared or well known.
func (x *examiner) valuesEnvironments(l listing, base target) (made bool) {
	for _, file := range l.files {
		env, ok := strings.CutPrefix(strings.TrimSuffix(file, ".yaml"), "values-")
		if !ok || !strings.HasSuffix(file, ".yaml") {
			continue
		}
		at := path.Join(l.dir, file)
		if !x.root.isEnv(env) {
			why := fmt.Sprintf("%q is no environment: not declared in %s at the root, and not one of %s", env, SettingsFile, strings.Join(wellKnown, ", "))
			x.explain(Explanation{Path: at, Rule: RuleNotEnv, Why: why})
			continue
		}
		t := base
		t.at, t.env, t.why = at, env, "chart with values of an environment"
		if !l.marked(chartFile) {
			t.why = x.wordOf(Helm, l, t.levels) + ", with values of an environment"
		}
		t.inputs = slices.Clone(base.inputs)
		t.setValues(l, valuesFile, file)
		x.add(t)
		made = true
	}
	return made
}

// group is steps 5 and 6: nothing renders here. Below a folder that a pattern matched nobody looks.
func (x *examiner) group(l listing) error {
	if !x.spot.pattern.convention {
		if !x.spot.pattern.literal {
			x.explain(Explanation{Path: l.dir, Rule: RuleNothing, Why: "matched by " + x.spot.pattern.path + ", but it does not render"})
			return nil
		}
		bad := fault.New(fault.PathNotFound, "the folder holds nothing that renders").At(fault.Place{File: l.dir}).
			WithNext("add %s, a kustomization or a manifest, or change spec.apps[%d]", chartFile, x.spot.pattern.index)
		x.fail(Fault{Fault: bad})
		return nil
	}
	const enough = 3
	below, err := x.reader.rendersBelow(l, enough, 0)
	if err != nil {
		return err
	}
	if len(below) == 0 {
		x.explain(Explanation{Path: l.dir, Rule: RuleNothing, Why: "nothing in it renders"})
		return nil
	}
	bad := fault.New(fault.Ambiguous, "is %s an app or a group? It does not render, but %s does", path.Base(l.dir), below[0]).
		WithNext("say it in spec.apps of the Repo; an app: %s; a group: %s", x.asApp(l, below), asGroup(below))
	x.fail(Fault{Fault: bad.At(fault.Place{File: l.dir}), layout: true})
	return nil
}

// asApp gives the entry under which the folder is one app, or one app for each of its parts.
func (x *examiner) asApp(l listing, below []string) string {
	name := path.Base(l.dir)
	part := below[0]
	switch {
	case x.root.isEnv(path.Base(part)):
		return entryOf(path.Join(path.Dir(part), "{env}"), name)
	case len(below) == 1:
		return entryOf(part, name)
	}
	return entryOf(path.Join(path.Dir(part), "{part}"), name+"-{part}")
}

// asGroup gives the entry under which the folder holds apps.
func asGroup(below []string) string {
	return entryOf(path.Join(path.Dir(below[0]), "{app}"), "")
}

func (x *examiner) explain(e Explanation) { x.out.explained = append(x.out.explained, e) }

// fail records a fault of this folder, as an explanation too.
func (x *examiner) fail(f Fault) {
	f.App = x.spot.app
	if f.Path == "" {
		f.Path = x.spot.dir
	}
	x.out.faults = append(x.out.faults, f)
	x.explain(Explanation{Path: f.Path, Rule: RuleFault, Why: string(f.Fault.Reason) + ": " + f.Fault.Message, Place: f.Fault.Place})
}

// add keeps a target whose names are names.
func (x *examiner) add(t target) {
	switch {
	case !isName(x.spot.app):
		x.failName(t, Fault{}, x.spot.app, "an app")
	case t.env != "" && !isName(t.env):
		x.failName(t, Fault{Env: t.env, Path: t.dir}, t.env, "an environment")
	case x.spot.cluster() != "" && !isClusterName(x.spot.cluster()):
		x.failName(t, Fault{Env: t.env, Path: t.dir}, x.spot.cluster(), "a cluster")
	default:
		x.out.targets = append(x.out.targets, t)
	}
}

// failName records that a folder's name cannot be an app's, an environment's or a cluster's.
func (x *examiner) failName(t target, f Fault, name, what string) {
	f.Fault = invalidName(name, what).At(fault.Place{File: t.at})
	x.fail(f)
}

func invalidName(name, what string) *fault.Fault {
	return fault.New(fault.NameInvalid, "%q cannot be the name of %s: a name is at most %d lower-case letters, digits and dashes", clip(name), what, maxName).
		WithNext("rename the folder, or give it a name with an entry of spec.apps: {path: …, app: NAME}")
}
