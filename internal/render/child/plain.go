package child

import (
	"path"
	"slices"
	"strings"

	"plumb.dev/plumb/internal/fault"
	"plumb.dev/plumb/internal/object"
	"plumb.dev/plumb/internal/render"
	"plumb.dev/plumb/internal/render/wire"
)

// batch is the number of files that are asked for at once: a bound of memory, not of speed.
const batch = 64

// renderPlain reads the manifests of a folder, as `kubectl apply -f DIR -R` would: every *.yaml, *.yml and *.json, in the
// order of their paths. Not read: names that begin with "." or "_", symlinked folders, plumb.yaml, what the settings
// exclude; kustomizations in subfolders are not objects and are named in a warning.
//
// Every document must be an object. A file that is not a manifest must be excluded by a person: were it skipped by a guess,
// a manifest that lost its first lines would be taken as deleted.
func renderPlain(s *session) (output, error) {
	out := output{done: wire.Done{Render: render.Plain, Tool: wire.PlainTool}}
	names, err := s.walkPlain(s.req.Path)
	if err != nil {
		return out, err
	}
	for names := range slices.Chunk(names, batch) {
		files := make([]wire.File, len(names))
		for i, name := range names {
			files[i] = wire.File{Path: name}
		}
		if err := s.load(files); err != nil {
			return out, err
		}
		for _, f := range files {
			objects, err := s.parsePlain(f)
			if err != nil {
				return out, err
			}
			out.objects = append(out.objects, objects...)
			delete(s.files, f)
		}
	}
	return out, nil
}

// parsePlain reads the objects of one file that was loaded. A symlink to a folder has none.
func (s *session) parsePlain(f wire.File) ([]object.Object, error) {
	a := s.files[f]
	if err := refused(a); err != nil {
		return nil, err
	}
	if a.Status != wire.ItIsFile {
		return nil, nil
	}
	objects, warnings, err := object.Parse(a.Data, f.Path)
	if err != nil {
		return nil, notManifest(err)
	}
	for _, w := range warnings {
		s.warn(w.Code, w.Message, w.Place)
	}
	return objects, nil
}

// notManifest adds the way out for a file that was not meant to be a manifest.
func notManifest(err error) error {
	f := fault.Of(err, fault.InvalidObject)
	if f.Code != "OBJECT_MALFORMED" && f.Code != "NOT_AN_OBJECT" {
		return f
	}
	return f.WithNext("if it is not a manifest, leave it out: `plain: {exclude: [%s]}` in plumb.yaml", path.Base(f.Place.File))
}

// walkPlain gives the files of a folder that may hold manifests.
func (s *session) walkPlain(folder string) ([]string, error) {
	entries, err := s.list(folder)
	if err != nil {
		return nil, err
	}
	var names []string
	for _, e := range entries {
		name := path.Join(folder, e.Name)
		switch below := s.below(name); {
		case strings.HasPrefix(e.Name, ".") || strings.HasPrefix(e.Name, "_") || s.excluded(below):
		case e.Dir && s.req.Recurse:
			inner, err := s.walkPlain(name)
			if err != nil {
				return nil, err
			}
			names = append(names, inner...)
		case e.Dir || !isManifestName(e.Name) || e.Name == "plumb.yaml":
		case slices.Contains(kustomizationNames, e.Name):
			s.warn(render.WarnSkipped, "a kustomization is not an object; its folder is read as plain YAML", fault.Place{File: name})
		case s.included(below):
			names = append(names, name)
		}
	}
	return names, nil
}

// below gives a path relative to the app's folder.
func (s *session) below(name string) string {
	if s.req.Path == "." {
		return name
	}
	return strings.TrimPrefix(name, s.req.Path+"/")
}

func isManifestName(name string) bool {
	ext := path.Ext(name)
	return ext == ".yaml" || ext == ".yml" || ext == ".json"
}

func (s *session) included(name string) bool {
	return len(s.req.Include) == 0 || slices.ContainsFunc(s.req.Include, func(glob string) bool { return matches(glob, name) })
}

func (s *session) excluded(name string) bool {
	return slices.ContainsFunc(s.req.Exclude, func(glob string) bool { return matches(glob, name) })
}

// matches tells whether a glob of the settings means a path. Both are relative to the app's folder. "*" and "?" stay within
// one name, "**" stands for any number of folders; a glob without "/" means a name in any folder; a glob that means a folder
// means everything in it.
func matches(glob, name string) bool {
	glob = strings.TrimSuffix(strings.TrimPrefix(glob, "./"), "/")
	pattern := strings.Split(glob, "/")
	if len(pattern) == 1 {
		pattern = []string{"**", glob}
	}
	return matchParts(pattern, strings.Split(name, "/"))
}

func matchParts(pattern, name []string) bool {
	switch {
	case len(pattern) == 0:
		return true // the rest of the name lies in a folder that is meant
	case pattern[0] == "**" && len(pattern) == 1:
		return len(name) > 0
	case pattern[0] == "**":
		for i := range name {
			if matchParts(pattern[1:], name[i:]) {
				return true
			}
		}
		return false
	case len(name) == 0:
		return false
	}
	ok, err := path.Match(pattern[0], name[0])
	return err == nil && ok && matchParts(pattern[1:], name[1:])
}
