package fleet

import (
	"errors"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"

	"plumb.dev/plumb/internal/fault"
	"plumb.dev/plumb/internal/object"
)

// kustomizations are the names that kustomize looks for.
var kustomizations = []string{"kustomization.yaml", "kustomization.yml", "Kustomization"}

// chartFile makes a folder a Helm chart.
const chartFile = "Chart.yaml"

// Renders tells whether a folder renders, and as what (resources.md §4): Helm for Chart.yaml, Kustomize for
// kustomization.yaml|yml|Kustomization, Plain for at least one *.yaml, *.yml or *.json with an object in it that is not
// plumb.yaml; and Helm for a plumb.yaml that names a chart from elsewhere. Only what lies directly in dir counts. ok is false for
// a folder that does not render or does not exist. A folder with both Chart.yaml and a kustomization gives ok and an Ambiguous fault.
func Renders(tree fs.FS, dir string) (kind string, ok bool, err error) {
	r := newReader(tree)
	l, err := r.list(path.Clean(dir))
	if err != nil {
		return "", false, err
	}
	fits, err := r.rendersAs(l)
	if err != nil {
		return "", false, err
	}
	kind, bad := choose(l.dir, fits, "", true)
	if bad != nil {
		return "", true, bad
	}
	return kind, kind != "", nil
}

// choose gives the kind of a folder: what it fits, or the wish where it fits two. A wish that a person wrote for this app must fit.
func choose(dir string, fits []string, wish string, own bool) (string, *fault.Fault) {
	switch {
	case len(fits) == 0:
		return "", nil
	case slices.Contains(fits, wish):
		return wish, nil
	case wish != "" && own && len(fits) > 0:
		return "", fault.New(fault.InvalidSettings, "render: %s, but the folder renders as %s", wish, strings.Join(fits, " or ")).
			At(fault.Place{File: dir}).WithNext("take render away, or add the file that makes it %s", wish)
	case len(fits) > 1 && slices.Contains(fits, Plain):
		return "", fault.New(fault.Ambiguous, "names a chart from elsewhere and holds manifests: which of the two is it?").
			At(fault.Place{File: dir}).WithNext("put the manifests into a folder of their own, or write render: helm in %s to leave them out", path.Join(dir, SettingsFile))
	case len(fits) > 1:
		return "", fault.New(fault.Ambiguous, "holds %s and a kustomization: is it a chart or a Kustomize folder?", chartFile).
			At(fault.Place{File: dir}).WithNext("write render: helm or render: kustomize in %s", path.Join(dir, SettingsFile))
	}
	return fits[0], nil
}

// unreadable marks an error of the tree itself. It blocks the commit: half a tree must not look like a smaller one.
type unreadable struct{ cause error }

func (e *unreadable) Error() string { return e.cause.Error() }
func (e *unreadable) Unwrap() error { return e.cause }

// codeSubmodule marks what package source says of a submodule that cannot be read.
const codeSubmodule = "SUBMODULE"

// ofSubmodule gives the fault of a submodule that cannot be read, nil if an error is another. What lies outside of the
// submodule is known completely: it concerns the folders alone that need it.
func ofSubmodule(err error) *fault.Fault {
	var f *fault.Fault
	if errors.As(err, &f) && f.Code == codeSubmodule {
		return f
	}
	return nil
}

// tooLarge tells whether a file is there and healthy, but beyond the limit for files (resources.md §9).
func tooLarge(err error) bool { return fault.Is(err, fault.RenderLimit) }

// listing is what lies directly in a folder, without hidden names and symbolic links to folders.
type listing struct {
	dir    string
	exists bool
	dirs   []string // sorted; names, not paths
	files  []string // sorted
	links  []string // symbolic links: never followed

	modules []string // those of dirs that are git submodules
}

func (l listing) hasDir(name string) bool  { _, ok := slices.BinarySearch(l.dirs, name); return ok }
func (l listing) hasFile(name string) bool { _, ok := slices.BinarySearch(l.files, name); return ok }
func (l listing) hasLink(name string) bool { return slices.Contains(l.links, name) }

// marked tells whether a file of that name is there, or a link to one.
func (l listing) marked(name string) bool { return l.hasFile(name) || l.hasLink(name) }

func (l listing) kustomization() bool { return slices.ContainsFunc(kustomizations, l.marked) }

// reader reads a tree and remembers the folders that it listed.
type reader struct {
	tree  fs.FS
	lists map[string]listing
}

func newReader(tree fs.FS) *reader { return &reader{tree: tree, lists: map[string]listing{}} }

// hidden tells whether a name is never visited.
func hidden(name string) bool { return name == "" || name[0] == '.' || name[0] == '_' }

// list gives what lies in dir. A folder that does not exist gives an empty listing.
func (r *reader) list(dir string) (listing, error) {
	if l, ok := r.lists[dir]; ok {
		return l, nil
	}
	l := listing{dir: dir}
	entries, err := fs.ReadDir(r.tree, dir)
	if errors.Is(err, fs.ErrNotExist) {
		return l, nil
	}
	if err != nil {
		return l, &unreadable{fmt.Errorf("read folder %s: %w", dir, err)}
	}
	l.exists = true
	for _, e := range entries {
		switch name := e.Name(); {
		case hidden(name):
		case e.Type()&fs.ModeSymlink != 0:
			l.links = append(l.links, name)
		case e.IsDir():
			l.dirs = append(l.dirs, name)
			if e.Type()&fs.ModeIrregular != 0 {
				l.modules = append(l.modules, name)
			}
		case e.Type().IsRegular():
			l.files = append(l.files, name)
		}
	}
	slices.Sort(l.dirs)
	slices.Sort(l.files)
	slices.Sort(l.links)
	r.lists[dir] = l
	return l, nil
}

// sub lists a folder in another one; one that is not there, or is a link, gives an empty listing.
func (r *reader) sub(l listing, name string) (listing, error) {
	if !l.hasDir(name) {
		return listing{dir: path.Join(l.dir, name)}, nil
	}
	return r.list(path.Join(l.dir, name))
}

// walk lists a folder by going down from the root, so that no link on the way is followed.
func (r *reader) walk(dir string) (listing, error) {
	l, err := r.list(".")
	if err != nil || dir == "." {
		return l, err
	}
	for name := range strings.SplitSeq(dir, "/") {
		if l, err = r.sub(l, name); err != nil || !l.exists {
			return listing{dir: dir}, err
		}
	}
	return l, nil
}

func (r *reader) read(file string) ([]byte, error) {
	data, err := fs.ReadFile(r.tree, file)
	if err != nil {
		return nil, &unreadable{fmt.Errorf("read %s: %w", file, err)}
	}
	return data, nil
}

// fits gives the kinds that a folder can be rendered as: helm and kustomize by their file; plain where neither is there.
func (r *reader) fits(l listing) ([]string, error) {
	var kinds []string
	if l.marked(chartFile) {
		kinds = append(kinds, Helm)
	}
	if l.kustomization() {
		kinds = append(kinds, Kustomize)
	}
	if len(kinds) > 0 {
		return kinds, nil
	}
	plain, err := r.plain(l)
	if plain {
		kinds = append(kinds, Plain)
	}
	return kinds, err
}

// plain tells whether a file directly in the folder holds an object.
func (r *reader) plain(l listing) (bool, error) {
	for _, name := range l.files {
		isObject := holdsObject(name)
		if isObject == nil || name == SettingsFile || name == chartFile || slices.Contains(kustomizations, name) {
			continue
		}
		data, err := r.read(path.Join(l.dir, name))
		switch {
		case tooLarge(err): // the render says which file it is; an app must not vanish by it
			return true, nil
		case err != nil:
			return false, err
		case isObject(data), object.IsPointer(data): // of a pointer the render says what it is
			return true, nil
		}
	}
	return false, nil
}

// rendersBelow gives the folders nearest below l that render, at most limit of them. A chart is not entered: its
// templates and subcharts are parts of it.
func (r *reader) rendersBelow(l listing, limit, depth int) ([]string, error) {
	var found []string
	for _, name := range l.dirs {
		if len(found) >= limit || depth > maxDepth {
			break
		}
		sub, err := r.list(path.Join(l.dir, name))
		if err != nil {
			return nil, err
		}
		fits, err := r.rendersAs(sub)
		if err != nil {
			return nil, err
		}
		if len(fits) > 0 {
			found = append(found, sub.dir)
			continue
		}
		below, err := r.rendersBelow(sub, limit-len(found), depth+1)
		if err != nil {
			return nil, err
		}
		found = append(found, below...)
	}
	return found, nil
}
