package render

import (
	"errors"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"plumb.dev/plumb/internal/fault"
)

// Local says what to render of a working directory, for commands that need no cluster.
type Local struct {
	Dir         string   // the app's folder
	Root        string   // of the repository; "": the nearest folder above Dir with a .git, or Dir if there is none
	Release     string   // for Helm; "": the folder's name
	Namespace   string   // for Helm; "": default
	Values      []string // values files, anywhere on this machine, relative to where the command runs; later wins
	Set         []string // lines as for helm --set
	Upgrade     bool
	KubeVersion string   // "": KubeVersionDefault
	APIVersions []string // served besides those that are built in
}

// Request makes the Request, with the repository that the folder lies in as its source. Nothing outside of it is read, but
// the values files. Settings of plumb.yaml are left to the caller. The second result closes what was opened; it is never nil.
func (l Local) Request() (Request, func(), error) {
	var roots []*os.Root
	closing := func() {
		for _, r := range roots {
			r.Close()
		}
	}
	open := func(dir string) (Source, error) {
		r, err := os.OpenRoot(dir)
		if err != nil {
			return Source{}, err
		}
		roots = append(roots, r)
		return Source{FS: worktree{r.FS()}}, nil
	}
	req, err := l.request(open)
	if err != nil {
		closing()
		return Request{}, func() {}, err
	}
	return req, closing, nil
}

func (l Local) request(open func(dir string) (Source, error)) (Request, error) {
	dir, err := realPath(l.Dir)
	if err != nil {
		return Request{}, fault.New(fault.PathNotFound, "%s cannot be read: %w", l.Dir, lastOf(err))
	}
	top := repositoryOf(dir)
	if l.Root != "" {
		if top, err = realPath(l.Root); err != nil {
			return Request{}, fault.New(fault.PathNotFound, "%s cannot be read: %w", l.Root, lastOf(err))
		}
	}
	below, err := filepath.Rel(top, dir)
	if err != nil || !filepath.IsLocal(below) {
		return Request{}, fault.New(fault.PathEscape, "%s does not lie in %s", l.Dir, top)
	}
	source, err := open(top)
	if err != nil {
		return Request{}, fault.New(fault.PathNotFound, "%s cannot be read: %w", l.Dir, lastOf(err))
	}
	req := Request{
		Sources: map[string]Source{"worktree": source}, Source: "worktree", Path: filepath.ToSlash(below),
		Release: l.Release, Namespace: l.Namespace, Set: l.Set, Upgrade: l.Upgrade,
		Capabilities: builtin{version: l.KubeVersion, more: l.APIVersions},
	}
	if req.Release == "" {
		req.Release = filepath.Base(dir)
	}
	if req.Namespace == "" {
		req.Namespace = "default"
	}
	for i, name := range l.Values {
		f, err := l.values(name, "values"+strconv.Itoa(i), req.Sources, open)
		if err != nil {
			return Request{}, err
		}
		req.Values = append(req.Values, f)
	}
	return req, nil
}

// values makes a source of the folder of a values file.
func (l Local) values(name, source string, sources map[string]Source, open func(dir string) (Source, error)) (File, error) {
	if strings.Contains(name, "://") {
		return File{}, fault.New(fault.RemoteRefused, "the values file %s is not on this machine", name)
	}
	real, err := filepath.EvalSymlinks(name)
	if err == nil {
		sources[source], err = open(filepath.Dir(real))
	}
	if err != nil {
		return File{}, fault.New(fault.RenderFailed, "the values file %s cannot be read: %w", name, lastOf(err))
	}
	return File{Source: source, Path: filepath.Base(real)}, nil
}

func realPath(name string) (string, error) {
	real, err := filepath.EvalSymlinks(name)
	if err != nil {
		return "", err
	}
	return filepath.Abs(real)
}

func lastOf(err error) error {
	var p *fs.PathError
	if errors.As(err, &p) {
		return p.Err
	}
	return err
}

// repositoryOf gives the nearest folder above that is a working copy, or the folder itself.
func repositoryOf(dir string) string {
	for at := dir; ; at = filepath.Dir(at) {
		if _, err := os.Lstat(filepath.Join(at, ".git")); err == nil {
			return at
		}
		if at == filepath.Dir(at) {
			return dir
		}
	}
}

// worktree is a directory of this machine as a commit of it would look: without .git.
type worktree struct{ fs.FS }

var _ fs.ReadLinkFS = worktree{}

func hidden(name string) bool { return name == ".git" || strings.HasPrefix(name, ".git/") }

func (w worktree) Open(name string) (fs.File, error) {
	if hidden(name) {
		return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrNotExist}
	}
	return w.FS.Open(name)
}

// ReadDir lists a folder.
func (w worktree) ReadDir(name string) ([]fs.DirEntry, error) {
	if hidden(name) {
		return nil, &fs.PathError{Op: "readdir", Path: name, Err: fs.ErrNotExist}
	}
	entries, err := fs.ReadDir(w.FS, name)
	return slices.DeleteFunc(entries, func(e fs.DirEntry) bool { return hidden(path.Join(name, e.Name())) }), err
}

// Lstat describes a path, the last element not followed.
func (w worktree) Lstat(name string) (fs.FileInfo, error) {
	if hidden(name) {
		return nil, &fs.PathError{Op: "lstat", Path: name, Err: fs.ErrNotExist}
	}
	return fs.Lstat(w.FS, name)
}

// ReadLink gives the text of a symlink.
func (w worktree) ReadLink(name string) (string, error) { return fs.ReadLink(w.FS, name) }
