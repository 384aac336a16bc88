package cli

import (
	"context"
	"io/fs"
	"path"
	"path/filepath"
	"slices"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"plumb.dev/plumb/api/v1alpha1"
	"plumb.dev/plumb/internal/fault"
	"plumb.dev/plumb/internal/fleet"
	"plumb.dev/plumb/internal/render"
)

// The sources of a render: the repository, and the folders of values files that lie outside of it.
const repositorySource = "repository"

// workspace is a tree on this machine that apps are rendered from.
type workspace struct {
	root string
	tree fs.FS
}

// workspaceAround opens the repository around a directory. Outside of any repository it is the directory that plumb was
// called in, if it holds dir, so that ../base can be read; else dir itself.
func workspaceAround(env Env, dir string) (*workspace, func(), error) {
	root, ok := repositoryAround(dir)
	if !ok {
		root = dir
		if rel, err := filepath.Rel(env.Dir, dir); err == nil && filepath.IsLocal(rel) {
			root = env.Dir
		}
	}
	tree, closer, err := openTree(root)
	if err != nil {
		return nil, nil, err
	}
	return &workspace{root: root, tree: tree}, closer, nil
}

// relative gives the path of a directory inside the workspace, as package fs wants it.
func (w *workspace) relative(dir string) (string, error) {
	rel, err := filepath.Rel(w.root, dir)
	if err != nil || !filepath.IsLocal(rel) {
		return "", fault.New(fault.PathEscape, "%s does not lie in %s", dir, w.root).WithNext("call plumb from a directory that holds both")
	}
	return filepath.ToSlash(rel), nil
}

// byHand makes an app of any folder, with the settings that plumb.yaml files give it.
func (w *workspace) byHand(rel string) (fleet.App, error) {
	name := path.Base(rel)
	if rel == "." {
		name = filepath.Base(w.root)
	}
	placed := fleet.ByHand(w.tree, &v1alpha1.App{ObjectMeta: metav1.ObjectMeta{Name: strings.ToLower(name)}, Spec: v1alpha1.AppSpec{Path: rel}})
	if placed.Fault != nil {
		return fleet.App{}, placed.Fault
	}
	return placed.App, nil
}

// byAddress finds apps of the workspace by the rules of discovery.
func byAddress(tree fs.FS, address fleet.Address) ([]fleet.App, error) {
	result := fleet.Discover(fleet.Input{Tree: tree, Offline: true})
	if f := result.Blocked(); f != nil {
		return nil, f
	}
	var found []fleet.App
	for _, app := range result.Apps {
		if covers(address, app.Address()) {
			found = append(found, app)
		}
	}
	if len(found) == 0 {
		return nil, fault.New(fault.PathNotFound, "there is no app %s in this repository, and no such directory", address).
			WithNext("plumb apps --explain shows how each folder is read; plumb render DIR renders any folder")
	}
	return found, nil
}

// covers tells whether an address, whose empty parts are open, names an app.
func covers(want, app fleet.Address) bool {
	return want.App == app.App && (want.Env == "" || want.Env == app.Env) && (want.Cluster == "" || want.Cluster == orLocal(app.Cluster))
}

func orLocal(cluster string) string {
	if cluster == "" {
		return fleet.Local
	}
	return cluster
}

// requestOf says what the agent's render of an app depends on, from any tree, with the cluster's answers of helm template.
func requestOf(tree fs.FS, app fleet.App) render.Request {
	kind := app.Settings.Render
	if kind == "" {
		kind = app.Kind
	}
	req := render.Request{
		Sources: map[string]render.Source{repositorySource: {FS: tree}}, Source: repositorySource,
		Path: app.Path, Render: kind, Plain: plainOf(app), Helm: app.Settings.Helm, Kustomize: app.Settings.Kustomize, Release: app.App, Namespace: app.Namespace,
	}
	for _, file := range app.Values {
		req.Values = append(req.Values, render.File{Path: path.Join(app.Path, file)})
	}
	return req
}

// plainOf leaves out the folders inside that belong to other apps.
func plainOf(app fleet.App) *v1alpha1.PlainSettings {
	if len(app.Outside) == 0 {
		return app.Settings.Plain
	}
	var settings v1alpha1.PlainSettings
	if app.Settings.Plain != nil {
		settings = *app.Settings.Plain
	}
	settings.Exclude = slices.Clone(settings.Exclude)
	for _, folder := range app.Outside {
		settings.Exclude = append(settings.Exclude, folder+"/**")
	}
	return &settings
}

// withValues adds values files of this machine, which win over those of the app.
func withValues(env Env, req render.Request, files []string) (render.Request, func(), error) {
	closers := []func(){}
	closeAll := func() {
		for _, c := range closers {
			c()
		}
	}
	if len(files) > 0 && req.Helm != nil && len(req.Helm.Values) > 0 {
		helm := *req.Helm // its list would replace ours
		req.Values = nil
		for _, file := range helm.Values {
			req.Values = append(req.Values, render.File{Path: path.Join(req.Path, file)})
		}
		helm.Values = nil
		req.Helm = &helm
	}
	for _, file := range files {
		file = absolute(env, file)
		tree, closer, err := openTree(filepath.Dir(file))
		if err != nil {
			closeAll()
			return req, nil, err
		}
		closers = append(closers, closer)
		source := "values:" + filepath.Dir(file)
		req.Sources[source] = render.Source{FS: tree}
		req.Values = append(req.Values, render.File{Source: source, Path: filepath.Base(file)})
	}
	return req, closeAll, nil
}

// renderOne renders with a renderer of its own.
func renderOne(ctx context.Context, req render.Request) (render.Manifest, error) {
	renderer, err := render.New(render.Options{Children: 1})
	if err != nil {
		return render.Manifest{}, err
	}
	defer renderer.Close()
	return renderer.Render(ctx, req)
}
