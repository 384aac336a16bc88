package child

import (
	"bytes"
	"encoding/json"
	"io/fs"
	"path"
	"strings"
	"time"

	"helm.sh/helm/v4/pkg/chart/loader/archive"
	chart "helm.sh/helm/v4/pkg/chart/v2"
	"helm.sh/helm/v4/pkg/ignore"

	"plumb.dev/plumb/internal/fault"
	"plumb.dev/plumb/internal/render/wire"
)

// files reads the chart: its folder, all but what .helmignore names, or its archive; and the charts it depends on and does not
// hold. Symlinks are followed inside the repository. What lies in an archive was judged before it came here.
func (h *helm) files() ([]*archive.BufferedFile, error) {
	var buffered []*archive.BufferedFile
	var err error
	if h.s.req.Chart != nil {
		buffered, err = h.unpacked(*h.s.req.Chart)
		for _, f := range buffered {
			h.names[f.Name], h.archived[f.Name] = true, f.Data
		}
	} else {
		buffered, err = h.folder(h.s.req.Path, "")
	}
	if err != nil {
		return nil, err
	}
	for _, d := range h.s.req.Dependencies {
		files, err := h.dependency(d)
		if err != nil {
			return nil, err
		}
		buffered = append(buffered, files...)
	}
	return buffered, nil
}

// unpacked reads an archive.
func (h *helm) unpacked(f wire.File) ([]*archive.BufferedFile, error) {
	a, err := h.s.get(f)
	if err != nil {
		return nil, err
	}
	if a.Status != wire.ItIsFile {
		return nil, fault.New(fault.RenderFailed, "the archive %s of the chart is missing", path.Base(f.Path))
	}
	files, err := archive.LoadArchiveFiles(bytes.NewReader(a.Data))
	if err != nil {
		return nil, fault.New(fault.RenderFailed, "the archive %s of the chart cannot be read: %w", path.Base(f.Path), err)
	}
	return files, nil
}

// dependency gives the files of a chart as they would lie in charts/.
func (h *helm) dependency(d wire.Dependency) ([]*archive.BufferedFile, error) {
	if !strings.HasSuffix(d.Path, ".tgz") {
		return h.folder(d.Path, path.Join("charts", d.Name))
	}
	a, err := h.s.get(d.File)
	if err != nil {
		return nil, err
	}
	name := path.Join("charts", d.Name+".tgz")
	h.names[name] = true
	return []*archive.BufferedFile{{Name: name, Data: a.Data}}, nil
}

// folder reads the files of a chart's folder in the repository, all but what its .helmignore names, as they lie below a path of
// the chart.
func (h *helm) folder(dir, below string) ([]*archive.BufferedFile, error) {
	rules := ignore.Empty()
	ignored := path.Join(dir, ignore.HelmIgnore)
	a, err := h.s.get(wire.File{Path: ignored})
	if err != nil {
		return nil, err
	}
	if a.Status == wire.ItIsFile {
		if rules, err = ignore.Parse(bytes.NewReader(a.Data)); err != nil {
			return nil, fault.New(fault.RenderFailed, "it cannot be read: %w", err).At(fault.Place{File: ignored})
		}
	}
	rules.AddDefaults()
	names, err := h.walk(dir, "", rules)
	if err != nil {
		return nil, err
	}
	files := make([]wire.File, len(names))
	for i, name := range names {
		files[i] = wire.File{Path: path.Join(dir, name)}
	}
	if err := h.s.load(files); err != nil {
		return nil, err
	}
	buffered := make([]*archive.BufferedFile, 0, len(files))
	for i, f := range files {
		a := h.s.files[f]
		if err := refused(a); err != nil {
			return nil, placed(err, fault.Place{File: f.Path})
		}
		if a.Status == wire.ItIsFile {
			name := path.Join(below, names[i])
			h.names[name] = true
			if below != "" {
				h.folders[name] = f.Path
			}
			buffered = append(buffered, &archive.BufferedFile{Name: name, Data: bytes.TrimPrefix(a.Data, []byte("\xef\xbb\xbf"))})
		}
	}
	return buffered, nil
}

// walk gives the files of a chart's folder, or of one in it, by their paths relative to the chart's.
func (h *helm) walk(dir, folder string, rules *ignore.Rules) ([]string, error) {
	entries, err := h.s.list(path.Join(dir, folder))
	if err != nil {
		return nil, err
	}
	var names []string
	for _, e := range entries {
		name := path.Join(folder, e.Name)
		if e.Link {
			what, err := h.s.stat(path.Join(dir, name))
			if err != nil {
				first, _, _ := strings.Cut(strings.TrimPrefix(name, "charts/"), "/") // a link to itself is met many times
				return nil, placed(err, fault.Place{File: path.Join(dir, name[:strings.Index(name, first)+len(first)])})
			}
			e.Dir = what == wire.ItIsFolder
		}
		if rules.Ignore(name, info{e}) {
			continue
		}
		if !e.Dir {
			names = append(names, name)
			continue
		}
		inner, err := h.walk(dir, name, rules)
		if err != nil {
			return nil, err
		}
		names = append(names, inner...)
	}
	return names, nil
}

// info is what the rules of .helmignore want to know of a file.
type info struct{ e wire.Entry }

func (i info) Name() string       { return i.e.Name }
func (i info) IsDir() bool        { return i.e.Dir }
func (i info) Size() int64        { return 0 }
func (i info) ModTime() time.Time { return time.Time{} }
func (i info) Sys() any           { return nil }
func (i info) Mode() fs.FileMode {
	if i.e.Dir {
		return fs.ModeDir
	}
	return 0
}

// localSchemas refuses a schema of values that points out of itself: upstream would open the file or address.
func (h *helm) localSchemas(c *chart.Chart) error {
	if len(c.Schema) > 0 {
		var schema any
		if json.Unmarshal(c.Schema, &schema) == nil {
			if ref := foreignRef(schema); ref != "" {
				return fault.New(fault.RemoteRefused, "the values schema of %s refers to %s, which is not in it", c.Name(), withoutUser(ref)).
					At(h.at("values.schema.json")).WithNext("put what it refers to under $defs")
			}
		}
	}
	for _, sub := range c.Dependencies() {
		if err := h.localSchemas(sub); err != nil {
			return err
		}
	}
	return nil
}

// foreignRef finds a reference to another document; the published schemas of JSON Schema itself are built in.
func foreignRef(v any) string {
	switch v := v.(type) {
	case map[string]any:
		for _, key := range []string{"$ref", "$dynamicRef", "$recursiveRef"} {
			ref, _ := v[key].(string)
			if ref != "" && !strings.HasPrefix(ref, "#") && !strings.Contains(ref, "://json-schema.org/") && !strings.HasPrefix(ref, "urn:") {
				return ref
			}
		}
		for _, inner := range v {
			if ref := foreignRef(inner); ref != "" {
				return ref
			}
		}
	case []any:
		for _, inner := range v {
			if ref := foreignRef(inner); ref != "" {
				return ref
			}
		}
	}
	return ""
}
