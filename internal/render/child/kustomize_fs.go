package child

import (
	"encoding/json"
	"errors"
	"io/fs"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"sigs.k8s.io/kustomize/kyaml/filesys"

	"plumb.dev/plumb/internal/fault"
	"plumb.dev/plumb/internal/render/wire"
)

// root is where upstream sees the repository. Above it is nothing.
const root = "/repository"

// mount gives the path that upstream is told.
func mount(name string) string { return path.Join(root, name) }

// unmounted removes the mount from a text.
func unmounted(text string) string {
	return strings.ReplaceAll(strings.ReplaceAll(text, root+"/", ""), root, ".")
}

// repository is the file system that upstream sees. Upstream only reads files and asks what a path is; everything else is
// refused.
type repository struct{ k *kustomization }

var errReadOnly = errors.New("the repository can only be read")

// inside gives the path in the repository.
func (r repository) inside(name string) (string, error) {
	name = path.Clean(name)
	if name == root {
		return ".", nil
	}
	if below, ok := strings.CutPrefix(name, root+"/"); ok {
		return below, nil
	}
	// The scan has refused what a kustomization names itself; this is for the files that those name.
	return "", r.k.refuse(fault.New(fault.PathEscape, "a path leads out of the repository, to %s", path.Base(name)).
		At(fault.Place{File: r.k.entering}).WithNext("a kustomization can use what lies in its own repository only"))
}

// refuse keeps the first reason why a file was kept from upstream.
func (k *kustomization) refuse(err error) error {
	if k.refused == nil {
		k.refused = err
	}
	return err
}

// get asks for a path.
func (r repository) get(name string) (wire.Answer, string, error) {
	if path.Dir(path.Clean(name)) == overlayFolder { // upstream tries all the names of a kustomization
		return wire.Answer{}, name, &fs.PathError{Op: "open", Path: name, Err: fs.ErrNotExist}
	}
	below, err := r.inside(name)
	if err != nil {
		return wire.Answer{}, "", err
	}
	a, err := r.k.s.get(wire.File{Path: below})
	if err != nil {
		return a, below, r.k.refuse(err)
	}
	if a.Status == wire.ItIsNot {
		return a, below, &fs.PathError{Op: "open", Path: below, Err: fs.ErrNotExist}
	}
	return a, below, nil
}

// The settings of an app are a kustomization of their own, beside the repository: nothing in it can have the name.
const (
	overlayFolder = "/settings"
	overlayFile   = overlayFolder + "/kustomization.yaml"
)

// overlay gives the kustomization that the settings are, over that of the app's folder.
func (k *kustomization) overlay() ([]byte, error) {
	fields := map[string]any{}
	if err := json.Unmarshal(k.s.req.Overlay, &fields); err != nil {
		return nil, err
	}
	fields["resources"] = []string{path.Join("..", mount(k.s.req.Path))}
	return json.Marshal(fields)
}

// ReadFile gives a file. A kustomization is scanned first.
func (r repository) ReadFile(name string) ([]byte, error) {
	if path.Clean(name) == overlayFile {
		return r.k.overlay()
	}
	a, below, err := r.get(name)
	if err != nil {
		return nil, err
	}
	if a.Status != wire.ItIsFile {
		return nil, &fs.PathError{Op: "read", Path: below, Err: errors.New("is a folder")}
	}
	if slices.Contains(kustomizationNames, path.Base(below)) {
		if err := r.k.enter(below, a.Data); err != nil {
			return nil, r.k.refuse(err)
		}
	} else if _, known := r.k.scanned[below]; !known {
		r.k.read = append(r.k.read, below)
	}
	return a.Data, nil
}

// CleanedAbs gives the folder, and the file in it if the path is one, without symlinks.
func (r repository) CleanedAbs(name string) (filesys.ConfirmedDir, string, error) {
	if path.Clean(name) == overlayFolder {
		return overlayFolder, "", nil
	}
	a, _, err := r.get(name)
	if err != nil {
		return "", "", err
	}
	at := mount(a.Path)
	if a.Status == wire.ItIsFolder {
		return filesys.ConfirmedDir(at), "", nil
	}
	return filesys.ConfirmedDir(path.Dir(at)), path.Base(at), nil
}

// IsDir tells whether a path is a folder.
func (r repository) IsDir(name string) bool {
	if path.Clean(name) == overlayFolder {
		return true
	}
	a, _, err := r.get(name)
	return err == nil && a.Status == wire.ItIsFolder
}

// Exists tells whether a path is there.
func (r repository) Exists(name string) bool {
	if clean := path.Clean(name); clean == overlayFolder || path.Dir(clean) == overlayFolder {
		return clean == overlayFolder || clean == overlayFile
	}
	_, _, err := r.get(name)
	return err == nil
}

// The rest of filesys.FileSystem, which a build does not use.

func (repository) Create(string) (filesys.File, error)  { return nil, errReadOnly }
func (repository) Mkdir(string) error                   { return errReadOnly }
func (repository) MkdirAll(string) error                { return errReadOnly }
func (repository) RemoveAll(string) error               { return errReadOnly }
func (repository) WriteFile(string, []byte) error       { return errReadOnly }
func (repository) Open(string) (filesys.File, error)    { return nil, errReadOnly }
func (repository) ReadDir(string) ([]string, error)     { return nil, errReadOnly }
func (repository) Glob(string) ([]string, error)        { return nil, errReadOnly }
func (repository) Walk(string, filepath.WalkFunc) error { return errReadOnly }
