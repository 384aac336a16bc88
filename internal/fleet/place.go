package fleet

import (
	"cmp"
	"fmt"
	"maps"
	"path"
	"slices"
	"strings"

	apilabels "k8s.io/apimachinery/pkg/labels"

	"plumb.dev/plumb/api/v1alpha1"
	"plumb.dev/plumb/internal/fault"
)

// placer puts targets on clusters and makes Apps of them (resources.md §4.3, §5).
type placer struct {
	root     rootFacts
	repo     string
	offline  bool
	clusters []Cluster // sorted; never empty
	alone    bool      // no Cluster object exists: Local takes every environment
	known    map[string]bool
	byEnv    map[string][]string // remembered placements
}

func newPlacer(in Input, root rootFacts) *placer {
	p := &placer{root: root, repo: in.Repo, offline: in.Offline, alone: len(in.Clusters) == 0,
		clusters: slices.Clone(in.Clusters), known: map[string]bool{}, byEnv: map[string][]string{}}
	if p.alone {
		p.clusters = []Cluster{{Name: Local}}
	}
	slices.SortFunc(p.clusters, func(a, b Cluster) int { return strings.Compare(a.Name, b.Name) })
	for _, c := range p.clusters {
		p.known[c.Name] = true
	}
	return p
}

// on gives the clusters of an environment: the root file's selector, else the label env, else the only cluster there is.
// Without any Cluster object, and offline, it is Local.
func (p *placer) on(env string) []string {
	if p.offline || p.alone {
		return []string{Local}
	}
	names, ok := p.byEnv[env]
	if !ok {
		names = p.selected(env)
		p.byEnv[env] = names
	}
	return names
}

func (p *placer) selected(env string) []string {
	selector, declared := p.root.selectors[env]
	if !declared {
		selector = apilabels.SelectorFromSet(apilabels.Set{varEnv: env})
	}
	var names []string
	for _, c := range p.clusters {
		if selector.Matches(apilabels.Set(c.Labels)) {
			names = append(names, c.Name)
		}
	}
	if len(names) == 0 && !declared && len(p.clusters) == 1 {
		return []string{p.clusters[0].Name}
	}
	return names
}

// noCluster says why an environment is on no cluster.
func (p *placer) noCluster(t target) *fault.Fault {
	bad := fault.New(fault.NoCluster, "environment %s is on no cluster: none of %s has the label env=%s", t.env, count(len(p.clusters), "cluster"), t.env).
		At(fault.Place{File: t.at})
	if _, declared := p.root.selectors[t.env]; declared {
		bad = fault.New(fault.NoCluster, "environment %s is on no cluster: its selector matches none of %s", t.env, count(len(p.clusters), "cluster")).
			At(p.root.envPlaces[t.env])
	}
	return bad.WithNext("label a Cluster env=%s, or give the environment a selector (clusters) in the root %s", t.env, SettingsFile)
}

// placement is what one folder's verdict becomes.
type placement struct {
	apps      []App
	explained []Explanation
	faults    []Fault
}

func (p *placer) place(s spot, v verdict) placement {
	out := placement{explained: v.explained, faults: v.faults}
	for _, t := range v.targets {
		p.target(s, t, &out)
	}
	return out
}

func (p *placer) target(s spot, t target, out *placement) {
	for i, l := range t.levels {
		if l.fault != nil {
			out.fail(Fault{App: s.app, Env: t.env, Path: t.at, Fault: l.fault}, i == 0)
		}
	}
	if t.fault != nil {
		out.fail(Fault{App: s.app, Env: t.env, Path: t.at, Fault: t.fault}, false)
	}
	clusters := p.clustersOf(s, t, out)
	made := make([]string, 0, len(clusters))
	for _, cluster := range clusters {
		folder := t.folderOf(cluster)
		app := p.app(s, t, cluster, folder)
		p.checkBound(s, t, &app)
		if app.Fault != nil {
			out.fail(Fault{App: app.App, Env: app.Env, Cluster: cluster, Path: app.Path, Fault: app.Fault}, false)
		}
		address := app.Address().String()
		if app.Fault == nil && app.Settings.Skip != nil && *app.Settings.Skip {
			out.explained = append(out.explained, Explanation{Path: folder.dir, Rule: RuleSkip, Why: "skip: true", Place: app.Places["skip"]})
			continue
		}
		out.apps = append(out.apps, app)
		if folder != nil {
			out.explained = append(out.explained, Explanation{Path: folder.dir, Rule: RuleApp, Apps: []string{address},
				Why: "cluster folder, " + cmp.Or(kindWords[folder.kind], "settings only")})
			continue
		}
		made = append(made, address)
	}
	if len(made) > 0 && t.fault == nil {
		out.explained = append(out.explained, Explanation{Path: t.at, Rule: RuleApp, Apps: made, Why: t.why})
	}
}

// clustersOf gives the clusters of a target, and faults for an environment without any and for cluster folders of others.
func (p *placer) clustersOf(s spot, t target, out *placement) []string {
	var clusters []string
	switch {
	case s.cluster() != "":
		clusters = []string{s.cluster()}
	case t.env == "":
		clusters = []string{Local} // a rule that looked at the neighbours would move what runs
	default:
		clusters = p.on(t.env)
		if len(clusters) == 0 {
			out.fail(Fault{App: s.app, Env: t.env, Path: t.at, Fault: p.noCluster(t)}, false)
		}
	}
	for _, c := range t.over {
		switch {
		case slices.Contains(clusters, c.name):
		case p.offline:
			clusters = append(clusters, c.name)
		default:
			out.fail(Fault{App: s.app, Env: t.env, Cluster: c.name, Path: c.dir, Fault: p.unselected(t, c)}, false)
		}
	}
	return clusters
}

func (p *placer) unselected(t target, c clusterFolder) *fault.Fault {
	place := fault.Place{File: c.dir}
	if !p.known[c.name] {
		return fault.New(fault.ClusterUnknown, "the folder is for cluster %s, which is not registered", clip(c.name)).At(place).
			WithNext("register the Cluster %s, or remove the folder", clip(c.name))
	}
	return fault.New(fault.ClusterUnknown, "the folder is for cluster %s, on which environment %s is not", c.name, t.env).At(place).
		WithNext("let the environment select the cluster, or remove the folder")
}

// checkBound looks at a cluster that the path of a pattern named.
func (p *placer) checkBound(s spot, t target, app *App) {
	name := s.cluster()
	if name == "" || app.Fault != nil || p.offline {
		return
	}
	place := fault.Place{File: s.dir}
	if !p.known[name] && name != Local {
		app.Fault = fault.New(fault.ClusterUnknown, "cluster %s is not registered", clip(name)).At(place).
			WithNext("register the Cluster %s, or remove the folder", clip(name))
		return
	}
	if _, declared := p.root.selectors[t.env]; declared && !slices.Contains(p.on(t.env), name) {
		app.Fault = fault.New(fault.ClusterUnknown, "environment %s does not select cluster %s", t.env, clip(name)).At(place).
			WithNext("change the environment's selector in the root %s, or remove the folder", SettingsFile)
	}
}

func (t target) folderOf(cluster string) *clusterFolder {
	for i := range t.over {
		if t.over[i].name == cluster {
			return &t.over[i]
		}
	}
	return nil
}

// app makes the App of a target on one cluster.
func (p *placer) app(s spot, t target, cluster string, over *clusterFolder) App {
	app := App{App: s.app, Env: t.env, Cluster: cluster, Path: t.dir, Kind: t.kind, Values: t.values, Outside: t.outside, Fault: t.fault, folder: s.dir}
	levels := t.levels
	inputs := slices.Clone(t.inputs)
	if over != nil {
		levels = append(slices.Clone(levels), over.level)
		inputs = append(inputs, over.inputs...)
		if over.kind != "" {
			app.Path, app.Kind, app.Values, app.Outside = over.dir, over.kind, over.values, nil
		}
		if app.Fault == nil {
			app.Fault = over.fault
		}
	}
	app.Name = ObjectName(app.Address())
	app.setLevels(p.root.level, levels)
	app.completeChart()
	app.fitParameters()
	app.setLabels(p.repo, s.vars)
	app.setNamespace(s.pattern.namespace, s.vars)
	if over == nil && t.envDir != "" {
		inputs = append(inputs, path.Join(t.envDir, clustersFolder, cluster)) // not there: that it appears is news
	}
	app.setInputs(inputs, p.root.level, levels)
	return app
}

// setLevels merges the settings of the root and of the levels. The first level that could not be read is the app's fault.
func (a *App) setLevels(root level, levels []level) {
	a.Settings, a.Places = root.settings, root.places
	a.Settings.After = a.withoutItself(a.Settings.After)
	for _, l := range levels {
		if l.fault != nil && (a.Fault == nil || a.Fault.Reason == fault.Ambiguous) {
			a.Fault = l.fault
		}
		if !l.exists || l.fault != nil {
			continue
		}
		a.Settings = Merge(a.Settings, l.settings)
		places := maps.Clone(a.Places)
		if places == nil {
			places = map[string]fault.Place{}
		}
		for name, place := range l.places {
			if !strings.ContainsAny(name, ".[") {
				places[name] = place
			}
		}
		a.Places = places
	}
}

func (a *App) setInputs(inputs []string, root level, levels []level) {
	inputs = append(inputs, root.file)
	for _, l := range levels {
		if l.file != "" { // spec.settings of an App by hand is no file
			inputs = append(inputs, l.file)
		}
	}
	slices.Sort(inputs)
	a.Inputs = slices.Compact(inputs)
}

// setLabels gives the labels of a generated App, and Vars.
func (a *App) setLabels(repo string, vars map[string]string) {
	a.Labels = map[string]string{
		v1alpha1.LabelApp:     a.App,
		v1alpha1.LabelCluster: labelValue(a.Cluster),
	}
	if repo != "" {
		a.Labels[v1alpha1.LabelRepo] = labelValue(repo)
	}
	if a.Env != "" {
		a.Labels[v1alpha1.LabelEnv] = a.Env
	}
	for name, value := range vars {
		if name == varApp || name == varEnv || name == varCluster {
			continue
		}
		if a.Vars == nil {
			a.Vars = map[string]string{}
		}
		a.Vars[name] = value
		if isLabelValue(value) {
			a.Labels[v1alpha1.LabelVarPrefix+name] = value
		} else if a.Fault == nil {
			a.Fault = fault.New(fault.NameInvalid, "%q, bound by {%s}, cannot be the value of a label", clip(value), name).
				At(fault.Place{File: a.folder}).WithNext("rename the folder")
		}
	}
}

// labelValue shortens the names of Repos and Clusters, which may be longer than a label's value.
func labelValue(name string) string { return shorten(name, name) }

// setNamespace takes the first that is set: the pattern's, that of plumb.yaml, the default (resources.md §5).
func (a *App) setNamespace(ofPattern string, bound map[string]string) {
	template, place := ofPattern, fault.Place{}
	if template == "" {
		template, place = a.Settings.Namespace, a.Places["namespace"]
	}
	if template == "" {
		a.Namespace, a.derived = DefaultNamespace(a.App, a.Env), true
		if !isLabel(a.Namespace, maxLabel) { // only an App by hand has such a name
			a.Namespace = ""
			a.failNamespace(fault.New(fault.NameInvalid, "%q is not the name of a namespace", clip(a.App)), place)
		}
		return
	}
	vars := map[string]string{}
	maps.Copy(vars, bound)
	vars[varApp], vars[varEnv], vars[varCluster] = a.App, a.Env, a.Cluster
	name, err := expand(template, vars)
	switch {
	case err != nil:
		a.failNamespace(fault.New(fault.InvalidSettings, "namespace %w", err), place)
	case !isLabel(name, maxLabel):
		a.failNamespace(fault.New(fault.NameInvalid, "namespace %s gives %q, which is not a DNS label of at most %d characters", clip(template), clip(name), maxLabel), place)
	default:
		a.Namespace = name
	}
}

func (a *App) failNamespace(bad *fault.Fault, place fault.Place) {
	if a.Fault == nil {
		a.Fault = bad.At(place).WithNext("variables are {app}, {env}, {cluster} and those of the pattern")
	}
}

func (out *placement) has(f *fault.Fault) bool {
	return slices.ContainsFunc(out.faults, func(known Fault) bool { return known.Fault == f })
}

// fail records a fault once. One that is the whole app's loses its environment.
func (out *placement) fail(f Fault, whole bool) {
	if out.has(f.Fault) {
		return
	}
	if whole {
		f.Env, f.Cluster = "", ""
	}
	out.faults = append(out.faults, f)
	out.explained = append(out.explained, Explanation{Path: f.Path, Rule: RuleFault,
		Why: fmt.Sprintf("%s: %s", f.Fault.Reason, f.Fault.Message), Place: f.Fault.Place})
}
