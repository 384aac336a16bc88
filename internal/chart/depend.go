package chart

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io/fs"
	"path"
	"slices"
	"strings"

	yamlnodes "go.yaml.in/yaml/v3"
	"sigs.k8s.io/yaml"

	"plumb.dev/plumb/internal/fault"
)

// Dependency is a chart that a chart in the tree depends on and does not hold in its charts/: to be fetched, or a folder of the
// same tree.
type Dependency struct {
	Name   string
	Ref    Ref    // zero for a folder
	Folder string // path in the tree, for file://
	Place  fault.Place
}

// wanted is a dependency as Chart.yaml and Chart.lock write it. The order and the tags of the fields are those of the digest in
// Chart.lock. https://helm.sh/docs/topics/charts/#chart-dependencies
type wanted struct {
	Name         string   `json:"name"`
	Version      string   `json:"version,omitempty"`
	Repository   string   `json:"repository"`
	Condition    string   `json:"condition,omitempty"`
	Tags         []string `json:"tags,omitempty"`
	Enabled      bool     `json:"enabled,omitempty"`
	ImportValues []any    `json:"import-values,omitempty"`
	Alias        string   `json:"alias,omitempty"`
}

type metadata struct {
	APIVersion   string    `json:"apiVersion"`
	Name         string    `json:"name"`
	Version      string    `json:"version"`
	Dependencies []*wanted `json:"dependencies"`
}

type lockFile struct {
	Dependencies []*wanted `json:"dependencies"`
	Digest       string    `json:"digest"`
}

// Missing gives the dependencies of the chart in a folder of a tree that its charts/ does not hold, as `helm dependency build`
// would bring them: with the versions of Chart.lock, which must fit Chart.yaml; without one, with the ranges of Chart.yaml. Enabled
// or not makes no difference, as there. A chart that cannot be read has none: whoever renders it says why.
func Missing(tree fs.FS, dir string) ([]Dependency, error) {
	file, lockName := path.Join(dir, "Chart.yaml"), path.Join(dir, "Chart.lock")
	chart, ok := read[metadata](tree, file)
	if !ok {
		return nil, nil
	}
	if chart.APIVersion != "v2" {
		old, found := read[metadata](tree, path.Join(dir, "requirements.yaml"))
		if found {
			file, lockName = path.Join(dir, "requirements.yaml"), path.Join(dir, "requirements.lock")
			chart.Dependencies = old.Dependencies
		}
	}
	if len(chart.Dependencies) == 0 || slices.Contains(chart.Dependencies, nil) {
		return nil, nil
	}
	m := missing{tree: tree, dir: dir, file: file, lines: linesOf(tree, file)}
	if lock, locked := read[lockFile](tree, lockName); locked {
		m.lock = &lock
		if chart.APIVersion == "v2" && lock.Digest != digestOf(chart.Dependencies, lock.Dependencies) {
			m.stale = fault.New(fault.RenderFailed, "%s does not fit %s: one of them changed alone", path.Base(lockName), path.Base(file)).
				WithCode("CHART_DEPENDENCY").At(fault.Place{File: lockName}).WithNext("run `helm dependency update` and commit %s", path.Base(lockName))
		}
	}
	return m.all(chart.Dependencies)
}

// missing is one question for the dependencies of a chart.
type missing struct {
	tree      fs.FS
	dir, file string
	lines     []int // of the dependencies in the file
	lock      *lockFile
	stale     *fault.Fault // the lock does not fit
}

func (m missing) all(list []*wanted) ([]Dependency, error) {
	var out []Dependency
	for i, w := range list {
		if m.vendored(w) || w.Repository == "" {
			continue
		}
		if m.stale != nil {
			return nil, m.stale
		}
		d, err := m.one(i, w)
		if err != nil {
			return nil, err
		}
		out = append(out, d)
	}
	return out, nil
}

// one says where a dependency comes from.
func (m missing) one(i int, w *wanted) (Dependency, error) {
	d := Dependency{Name: w.Name, Place: fault.Place{File: m.file}}
	if i < len(m.lines) {
		d.Place.Line = m.lines[i]
	}
	if folder, isFolder := strings.CutPrefix(w.Repository, "file://"); isFolder {
		return m.folder(d, w, folder)
	}
	if strings.HasPrefix(w.Repository, "@") || strings.HasPrefix(w.Repository, "alias:") {
		return d, fault.New(fault.InvalidSettings, "the repository %q of the dependency %s is a name in somebody's own Helm configuration", shorten(w.Repository), shorten(w.Name)).
			At(d.Place).WithNext("write its address")
	}
	d.Ref = Ref{Repo: strings.TrimRight(w.Repository, "/"), Name: w.Name, Version: w.Version}
	if m.lock != nil && i < len(m.lock.Dependencies) && m.lock.Dependencies[i] != nil && m.lock.Dependencies[i].Name == w.Name {
		d.Ref.Version = m.lock.Dependencies[i].Version
	}
	if err := d.Ref.Check(); err != nil {
		return d, fault.Of(err, fault.InvalidSettings).At(d.Place)
	}
	return d, nil
}

// folder is a dependency in the same tree.
func (m missing) folder(d Dependency, w *wanted, folder string) (Dependency, error) {
	d.Folder = path.Join(m.dir, folder)
	if path.IsAbs(folder) || !fs.ValidPath(d.Folder) {
		return d, fault.New(fault.PathEscape, "the dependency %s lies outside of the repository", shorten(w.Name)).At(d.Place)
	}
	chart, ok := read[metadata](m.tree, path.Join(d.Folder, "Chart.yaml"))
	if !ok || chart.Name != w.Name {
		return d, fault.New(fault.PathNotFound, "there is no chart %s in %s", shorten(w.Name), d.Folder).At(d.Place)
	}
	if w.Version != "" {
		one, err := choose([]offered{{Version: chart.Version}}, Ref{Name: w.Name, Version: w.Version})
		if err != nil {
			return d, fault.Of(err, fault.InvalidSettings).At(d.Place)
		}
		if one == nil {
			return d, fault.New(fault.RenderFailed, "the chart in %s has version %s, the dependency wants %s", d.Folder, shorten(chart.Version), shorten(w.Version)).
				WithCode("CHART_DEPENDENCY").At(d.Place)
		}
	}
	return d, nil
}

// vendored tells whether charts/ holds a dependency, as a folder or as an archive.
func (m missing) vendored(w *wanted) bool {
	charts := path.Join(m.dir, "charts")
	entries, err := fs.ReadDir(m.tree, charts)
	if err != nil {
		return false
	}
	return slices.ContainsFunc(entries, func(e fs.DirEntry) bool {
		if archive, ok := strings.CutSuffix(e.Name(), ".tgz"); ok {
			version, named := strings.CutPrefix(archive, w.Name+"-")
			return named && exact(version) != nil
		}
		chart, ok := read[metadata](m.tree, path.Join(charts, e.Name(), "Chart.yaml"))
		return ok && chart.Name == w.Name
	})
}

// read reads a YAML file; false if it is not there, or is not what it should be.
func read[T any](tree fs.FS, name string) (T, bool) {
	var out T
	data, err := fs.ReadFile(tree, name)
	if err != nil || len(data) > 1<<20 || yaml.Unmarshal(data, &out) != nil {
		return out, false
	}
	return out, true
}

// linesOf gives the lines where dependencies begin.
func linesOf(tree fs.FS, name string) []int {
	var file struct {
		Dependencies []yamlnodes.Node `yaml:"dependencies"`
	}
	data, err := fs.ReadFile(tree, name)
	if err != nil || yamlnodes.Unmarshal(data, &file) != nil {
		return nil
	}
	lines := make([]int, len(file.Dependencies))
	for i, n := range file.Dependencies {
		lines[i] = n.Line
	}
	return lines
}

// digestOf gives the digest that Helm writes into Chart.lock.
func digestOf(wants, locked []*wanted) string {
	data, err := json.Marshal([2][]*wanted{wants, locked})
	if err != nil {
		return ""
	}
	sum := sha256.Sum256(data)
	return "sha256:" + hex.EncodeToString(sum[:])
}

// Unreachable tells whether an error says that a repository did not answer, so that what is in the store may be served instead. A
// refusal is an answer.
func Unreachable(err error) bool {
	var f *fault.Fault
	return !errors.As(err, &f) || f.Reason == fault.FetchFailed && f.Code == ""
}
