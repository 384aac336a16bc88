package fleet

import (
	"cmp"
	"io/fs"
	"path"
	"strings"

	"plumb.dev/plumb/api/v1alpha1"
	"plumb.dev/plumb/internal/fault"
)

// Placed is what a commit says of an App that a person wrote.
type Placed struct {
	App App
	// Root is the root plumb.yaml; zero without one.
	Root v1alpha1.RootFile
	// Fault is that of App: PathNotFound, Ambiguous, InvalidSettings, NameInvalid, Unsupported, or what the tree said.
	Fault *fault.Fault
}

// ByHand gives the App of an App object that a person wrote: the folder of spec.path, with the settings of the root
// file, of the plumb.yaml in the folder, and of spec.settings, which wins. Where spec.path is an environment's or a
// cluster's folder (<app>/envs/<env>[/clusters/<cluster>]) the files above it count as they do in discovery.
// A skip in a file is discovery's business and does not stop it.
func ByHand(tree fs.FS, o *v1alpha1.App) Placed {
	spec := o.Spec
	app := App{
		Name: o.Name, App: cmp.Or(spec.App, o.Name), Env: spec.Env, Cluster: orLocal(spec.Cluster),
		Path: spec.Path, folder: spec.Path,
	}
	d := &discovery{in: Input{Tree: tree}, reader: newReader(tree)}
	if err := d.byHand(&app, spec); err != nil {
		app.Fault = fault.Of(err, fault.FetchFailed)
	}
	return Placed{App: app, Root: d.result.Root, Fault: app.Fault}
}

func (d *discovery) byHand(a *App, spec v1alpha1.AppSpec) error {
	if !fs.ValidPath(spec.Path) {
		return fault.New(fault.PathNotFound, "spec.path %q is not a clean path inside the repository", clip(spec.Path)).
			WithNext(`write it relative to the root, without .. or a slash at its ends; "." is the root`)
	}
	switch {
	case spec.App != "" && !isName(spec.App):
		return fault.New(fault.NameInvalid, "spec.app %q is not a DNS label of at most %d characters", clip(spec.App), maxName)
	case spec.Env != "" && !isName(spec.Env):
		return fault.New(fault.NameInvalid, "spec.env %q is not a DNS label of at most %d characters", clip(spec.Env), maxName)
	}
	if err := d.readRoot(); err != nil {
		return err
	}
	l, err := d.reader.walk(spec.Path)
	if err != nil {
		return err
	}
	x := &examiner{reader: d.reader, root: d.root}
	levels, err := x.chain(l)
	if err != nil {
		return err
	}
	if spec.Settings != nil {
		over := level{settings: *spec.Settings, exists: true}
		over.fault = firstFinding("", nil, checkSettings(over.settings, "spec.settings"))
		levels = append(levels, over)
	}
	a.setLevels(d.root.level, levels)
	a.setInputs(markers(spec.Path), d.root.level, levels)
	a.setNamespace(spec.Namespace, nil)
	return a.findKind(x, l, levels)
}

// findKind says as what the folder renders, and with which values files.
func (a *App) findKind(x *examiner, l listing, levels []level) error {
	if !l.exists {
		return fault.New(fault.PathNotFound, "there is no folder %s in the repository", a.Path).At(fault.Place{File: a.Path}).
			WithNext("correct spec.path; symbolic links and names that begin with . or _ are not followed")
	}
	kind, bad, err := x.kindOf(l, levels)
	switch {
	case err != nil:
		return err
	case a.Fault != nil: // its settings cannot be read: the kind may be another
	case bad != nil:
		return bad
	case kind == "":
		return fault.New(fault.PathNotFound, "%s holds nothing that renders", a.Path).At(fault.Place{File: a.Path}).
			WithNext("a folder renders with %s, a kustomization, or a manifest directly in it", chartFile)
	}
	a.Kind = kind
	a.completeChart()
	a.fitParameters()
	if kind == Helm {
		files := []string{valuesFile}
		if a.Env != "" {
			files = append(files, envValues(a.Env))
		}
		a.Values, a.Inputs = conventionValues(l, a.Inputs, files...)
		a.setInputs(a.Inputs, x.root.level, nil)
	}
	if kind == Plain && l.hasDir(clustersFolder) && isEnvFolder(l.dir) {
		a.Outside = []string{clustersFolder}
	}
	return nil
}

// chain reads the plumb.yaml of the folder, and of the app's and environment's folders above it.
func (x *examiner) chain(l listing) ([]level, error) {
	var levels []level
	for _, dir := range chainOf(l.dir) {
		at, err := x.reader.walk(dir)
		if err != nil {
			return nil, err
		}
		found, err := x.level(at)
		if err != nil {
			return nil, err
		}
		levels = append(levels, found)
	}
	return levels, nil
}

// chainOf gives the folders whose settings reach dir, the app's first.
func chainOf(dir string) []string {
	chain := []string{dir}
	env := dir
	if parent := path.Dir(dir); path.Base(parent) == clustersFolder && isEnvFolder(path.Dir(parent)) {
		env = path.Dir(parent)
		chain = append([]string{env}, chain...)
	}
	if isEnvFolder(env) {
		chain = append([]string{path.Dir(path.Dir(env))}, chain...)
	}
	return chain
}

// isEnvFolder tells whether a path ends in envs/<env> or overlays/<env>.
func isEnvFolder(dir string) bool {
	parent := path.Base(path.Dir(dir))
	return strings.Contains(dir, "/") && (parent == envsFolder || parent == overlaysFolder)
}
