package cli

import (
	"cmp"
	"context"
	"io/fs"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"sync"

	"github.com/spf13/pflag"

	"plumb.dev/plumb/api/v1alpha1"
	"plumb.dev/plumb/internal/fault"
	"plumb.dev/plumb/internal/render"
	"plumb.dev/plumb/internal/report"
	"plumb.dev/plumb/internal/source"
)

// sourceFlag adds the flag that names clones of an app's other repositories.
func sourceFlag(flags *pflag.FlagSet, to *[]string) {
	flags.StringArrayVar(to, "source", nil, "NAME=DIR: read the source NAME of an app ($NAME/… in its values) from the working tree at DIR; may be repeated")
}

// besides are the repositories beside an app's own, which it takes values from (spec.sources): clones on this machine that the person
// names, or copies of what their addresses give to anybody.
type besides struct {
	env     Env
	offline bool // nobody is asked: only clones
	clones  map[string]*clone
	trees   map[string]fs.FS // the working trees, by name
	closers []func()

	mu     sync.Mutex
	copies map[string]*source.Mirror // by address
}

// openBesides opens the clones that are named, each as NAME=DIR.
func openBesides(env Env, named []string, offline bool) (*besides, error) {
	b := &besides{env: env, offline: offline, clones: map[string]*clone{}, trees: map[string]fs.FS{}, copies: map[string]*source.Mirror{}}
	for _, text := range named {
		name, dir, ok := strings.Cut(text, "=")
		name = strings.TrimPrefix(name, "$")
		if !ok || name == "" || dir == "" {
			b.Close()
			return nil, usagef("for example --source config=../config", "%q is not NAME=DIR", text)
		}
		if err := b.open(name, absolute(env, dir)); err != nil {
			b.Close()
			return nil, err
		}
	}
	return b, nil
}

func (b *besides) open(name, dir string) error {
	root, isClone := repositoryAround(dir)
	if !isClone {
		root = dir
	}
	tree, closer, err := openTree(root)
	if err != nil {
		return err
	}
	b.closers = append(b.closers, closer)
	b.trees[name] = tree
	if !isClone {
		return nil
	}
	if b.clones[name], err = openClone(b.env, root); err != nil {
		return err
	}
	b.closers = append(b.closers, b.clones[name].Close)
	return nil
}

// Close ends what was opened.
func (b *besides) Close() {
	for _, c := range slices.Backward(b.closers) {
		c()
	}
}

// working gives a request the working trees of the clones.
func (b *besides) working(req *render.Request) {
	for name, tree := range b.trees {
		req.Sources["$"+name] = render.Source{FS: tree}
	}
}

// committed gives a request what the clones have at HEAD. A folder that is no clone is on both sides what it is.
func (b *besides) committed(ctx context.Context, req *render.Request) error {
	b.working(req)
	for _, name := range slices.Sorted(maps.Keys(b.clones)) {
		tree, _, err := b.clones[name].tree(ctx, "HEAD")
		if err != nil {
			return err
		}
		req.Sources["$"+name] = render.Source{FS: tree}
	}
	return nil
}

// sides are the sources of one app: as they were applied last, and as the working tree has them.
type sides struct {
	applied, tree map[string]fs.FS
	fault         *fault.Fault
}

// use gives a request one of the sides.
func use(req *render.Request, trees map[string]fs.FS) {
	for name, tree := range trees {
		req.Sources["$"+name] = render.Source{FS: tree}
	}
}

// of gives the sources of an App: at the commits that were applied last, or, of one that was not, at its revisions now. A clone that the
// person names answers with its working tree for the tree's side.
func (b *besides) of(ctx context.Context, app *v1alpha1.App, known report.Fleet) sides {
	out := sides{applied: map[string]fs.FS{}, tree: map[string]fs.FS{}}
	if app == nil {
		return out
	}
	for _, s := range app.Spec.Sources {
		address, revision := addressOf(app.Namespace, s, known)
		if i := slices.IndexFunc(app.Status.Sources, func(was v1alpha1.SourceStatus) bool { return was.Name == s.Name }); i >= 0 {
			revision = app.Status.Sources[i].Revision
		}
		tree, err := b.at(ctx, s.Name, address, revision)
		if err != nil {
			out.fault = fault.Of(err, fault.FetchFailed).WithNext("name a clone of it that has this commit: --source %s=DIR", s.Name)
			return out
		}
		out.applied[s.Name], out.tree[s.Name] = tree, tree
		if working, ok := b.trees[s.Name]; ok {
			out.tree[s.Name] = working
		}
	}
	return out
}

// addressOf gives where a source lies and the revision that it is read at.
func addressOf(namespace string, s v1alpha1.AppSource, known report.Fleet) (address, revision string) {
	for _, repo := range known.Repos {
		if repo.Namespace == namespace && repo.Name == s.Repo {
			return repo.Spec.URL, cmp.Or(s.Revision, repo.Spec.Revision)
		}
	}
	return s.Repo, s.Revision
}

// at gives the tree of a source at a revision: of the clone that the person named, else of a copy.
func (b *besides) at(ctx context.Context, name, address, revision string) (fs.FS, error) {
	if clone := b.clones[name]; clone != nil {
		tree, _, err := clone.tree(ctx, cmp.Or(revision, "HEAD"))
		return tree, err
	}
	if tree, ok := b.trees[name]; ok {
		return tree, nil
	}
	if b.offline {
		return nil, fault.New(fault.Unreachable, "the source %s is another repository, and nobody is asked", name)
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	mirror := b.copies[address]
	if mirror == nil {
		opened, err := source.Open(filepath.Join(clonesDir(b.env), "sources"), source.Remote{URL: address}, source.Options{})
		if err != nil {
			return nil, err
		}
		mirror, b.copies[address] = opened, opened
		b.closers = append(b.closers, func() { _ = opened.Close() })
	}
	tree, _, err := (&clone{mirror: mirror}).tree(ctx, revision)
	return tree, err
}

// undeclared gives a name that the person gave a clone for and that no app declares, "" if there is none.
func (b *besides) undeclared(apps []*v1alpha1.App) string {
	for _, name := range slices.Sorted(maps.Keys(b.trees)) {
		declared := slices.ContainsFunc(apps, func(app *v1alpha1.App) bool {
			return slices.ContainsFunc(app.Spec.Sources, func(s v1alpha1.AppSource) bool { return s.Name == name })
		})
		if !declared {
			return name
		}
	}
	return ""
}
