package source

import (
	"context"
	"errors"
	"io/fs"
	"path"
	"strings"
	"sync"

	"plumb.dev/plumb/internal/fault"
)

// WorkTree gives the tree of a working directory that says what is missing where a submodule was not checked out: git leaves
// an empty folder there, which would look as if nothing belonged in it. dir is where the tree lies; git reads its
// .gitmodules, and only when it is needed.
func WorkTree(dir string, tree ReadFS) ReadFS {
	return &workTree{ReadFS: tree, declared: sync.OnceValue(func() map[string]declaration { return declaredIn(dir, tree) })}
}

// ReadFS is a tree that knows its symlinks.
type ReadFS interface {
	fs.ReadDirFS
	fs.ReadFileFS
	fs.StatFS
	fs.ReadLinkFS
}

type workTree struct {
	ReadFS
	declared func() map[string]declaration
}

// Open opens a file or folder.
func (w *workTree) Open(name string) (fs.File, error) {
	file, err := w.ReadFS.Open(name)
	return file, w.explain(name, err)
}

// ReadFile gives the bytes of a file.
func (w *workTree) ReadFile(name string) ([]byte, error) {
	data, err := w.ReadFS.ReadFile(name)
	return data, w.explain(name, err)
}

// Stat describes what a path leads to.
func (w *workTree) Stat(name string) (fs.FileInfo, error) {
	info, err := w.ReadFS.Stat(name)
	return info, w.explain(name, err)
}

// Lstat describes what a path names.
func (w *workTree) Lstat(name string) (fs.FileInfo, error) {
	info, err := w.ReadFS.Lstat(name)
	return info, w.explain(name, err)
}

// ReadDir gives the entries of a folder.
func (w *workTree) ReadDir(name string) ([]fs.DirEntry, error) {
	entries, err := w.ReadFS.ReadDir(name)
	if err == nil && len(entries) == 0 {
		return entries, w.missing(name)
	}
	return entries, w.explain(name, err)
}

// explain tells of a path that does not exist whether it lies in a submodule that is not there.
func (w *workTree) explain(name string, err error) error {
	if !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	for dir := path.Dir(name); dir != "."; dir = path.Dir(dir) {
		if entries, err := w.ReadFS.ReadDir(dir); err != nil || len(entries) > 0 {
			continue
		}
		if missing := w.missing(dir); missing != nil {
			return missing
		}
	}
	return err
}

// missing gives the fault of an empty folder if it is one of a submodule.
func (w *workTree) missing(dir string) error {
	if _, ok := w.declared()[dir]; !ok {
		return nil
	}
	return fault.New(fault.RenderFailed, "%s is a git submodule that is not checked out here", dir).WithCode(CodeSubmodule).
		At(fault.Place{File: dir}).WithNext("git submodule update --init --recursive %s", dir)
}

// declaredIn reads the .gitmodules of a working directory; what cannot be read declares nothing.
func declaredIn(dir string, tree ReadFS) map[string]declaration {
	text, err := tree.ReadFile(modulesFile)
	if err != nil || len(text) > maxModuleFile {
		return nil
	}
	git, err := findGit("git")
	if err != nil {
		return nil
	}
	listed, err := repo{dir: dir, git: git}.exec(context.Background(), run{
		args: append([]string{"config", "--file", "-"}, listModules...), stdin: strings.NewReader(string(text)), maxStdout: 4 * maxModuleFile, deadline: readDeadline,
	})
	if err != nil {
		return nil
	}
	return parseModules(listed)
}
