package fleet

import (
	"path"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"
)

// unit is a folder that could be an app, wherever it lies.
type unit struct {
	dir  string
	kind string
	refs []string // folders that its kustomizations are made of
}

// maxUnits bounds a scan: a repository with more has a layout that the first ones show.
const maxUnits = 2000

// notScanned are folders of other tools, whose manifests are samples.
var notScanned = []string{"node_modules", "vendor", "testdata"}

// scanner looks for units anywhere below a folder. It costs a walk over the tree, so it runs only for suggestions.
type scanner struct {
	reader *reader
	units  []unit
}

// scan gives the units below dir that are not parts of others, ordered by path.
func scan(r *reader, dir string) ([]unit, error) {
	s := &scanner{reader: r}
	l, err := r.walk(dir)
	if err != nil {
		return nil, err
	}
	if err := s.visit(l, 0); err != nil {
		return nil, err
	}
	return wholes(s.units), nil
}

// visit takes the folder as a unit, or looks for units below it. A folder of plain manifests at the root counts only
// if there is nothing below: a stray file there makes no app of the repository.
func (s *scanner) visit(l listing, depth int) error {
	if depth > maxDepth || len(s.units) >= maxUnits {
		return nil
	}
	found, err := s.unit(l)
	if err != nil {
		return err
	}
	if found != nil && (l.dir != "." || found.kind != Plain) {
		s.units = append(s.units, *found)
		return nil
	}
	before := len(s.units)
	for _, name := range l.dirs {
		if slices.Contains(notScanned, name) || slices.Contains(l.modules, name) { // a guess is not worth a fetch
			continue
		}
		sub, err := s.reader.sub(l, name)
		if err == nil {
			err = s.visit(sub, depth+1)
		}
		if err != nil && ofSubmodule(err) == nil { // what is not there is no suggestion
			return err
		}
	}
	if found != nil && len(s.units) == before {
		s.units = append(s.units, *found)
	}
	return nil
}

// unit tells whether a folder renders, or has environments that do.
func (s *scanner) unit(l listing) (*unit, error) {
	fits, err := s.reader.rendersAs(l)
	if err != nil {
		return nil, err
	}
	u := unit{dir: l.dir}
	renders := len(fits) > 0
	if renders {
		u.kind = fits[0]
	}
	if err := s.refer(l, &u); err != nil {
		return nil, err
	}
	for _, folder := range []string{envsFolder, overlaysFolder} {
		envs, err := s.reader.sub(l, folder)
		if err != nil {
			return nil, err
		}
		ofEnvs, err := s.environments(envs, &u)
		if err != nil {
			return nil, err
		}
		renders = renders || ofEnvs
	}
	if !renders {
		return nil, nil
	}
	return &u, nil
}

// environments tells whether a folder of environments holds one that renders.
func (s *scanner) environments(envs listing, u *unit) (render bool, err error) {
	for _, name := range envs.dirs {
		env, err := s.reader.sub(envs, name)
		if err != nil {
			return false, err
		}
		fits, err := s.reader.rendersAs(env)
		if err != nil {
			return false, err
		}
		if len(fits) > 0 && u.kind == "" {
			u.kind = fits[0]
		}
		render = render || len(fits) > 0
		if err := s.refer(env, u); err != nil {
			return false, err
		}
	}
	return render, nil
}

// refer notes the folders that a kustomization is made of.
func (s *scanner) refer(l listing, u *unit) error {
	for _, name := range kustomizations {
		if !l.hasFile(name) {
			continue
		}
		data, err := s.reader.read(path.Join(l.dir, name))
		if err != nil {
			return err
		}
		var k struct {
			Resources, Bases, Components []string
		}
		if yaml.Unmarshal(data, &k) != nil {
			continue // a broken one refers to nothing that we know
		}
		for _, ref := range slices.Concat(k.Resources, k.Bases, k.Components) {
			if ref == "" || strings.Contains(ref, "://") || path.IsAbs(ref) {
				continue
			}
			u.refs = append(u.refs, path.Join(l.dir, ref))
		}
	}
	return nil
}

// wholes leaves out units that others are made of, and bases beside another unit. A folder at the root that another one
// uses stays: it is more likely an app that is used twice. Units that refer to each other in a circle all stay.
func wholes(units []unit) []unit {
	parts := map[string]bool{}
	for _, u := range units {
		for _, ref := range u.refs {
			if !within(ref, u.dir) && strings.Contains(ref, "/") {
				parts[ref] = true
			}
		}
	}
	whole := slices.DeleteFunc(slices.Clone(units), func(u unit) bool {
		return parts[u.dir] || path.Base(u.dir) == baseFolder && shareParent(units, u)
	})
	if len(whole) == 0 {
		return units
	}
	return whole
}

func shareParent(units []unit, u unit) bool {
	return slices.ContainsFunc(units, func(other unit) bool { return other.dir != u.dir && path.Dir(other.dir) == path.Dir(u.dir) })
}
