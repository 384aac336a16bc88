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

// files reads the chart's folder, all but what .helmignore names. Symlinks are followed inside the repository.
func (h *helm) files() ([]*archive.BufferedFile, error) {
	rules := ignore.Empty()
	a, err := h.s.get(wire.File{Path: path.Join(h.s.req.Path, ignore.HelmIgnore)})
	if err != nil {
		return nil, err
	}
	if a.Status == wire.ItIsFile {
		if rules, err = ignore.Parse(bytes.NewReader(a.Data)); err != nil {
			return nil, fault.New(fault.RenderFailed, "it cannot be read: %w", err).At(h.at(ignore.HelmIgnore))
		}
	}
	rules.AddDefaults()
	names, err := h.walk("", rules)
	if err != nil {
		return nil, err
	}
	files := make([]wire.File, len(names))
	for i, name := range names {
		files[i] = wire.File{Path: path.Join(h.s.req.Path, name)}
	}
	if err := h.s.load(files); err != nil {
		return nil, err
	}
	buffered := make([]*archive.BufferedFile, 0, len(files))
	for i, f := range files {
		a := h.s.files[f]
		if err := refused(a); err != nil {
			return nil, placed(err, h.at(names[i]))
		}
		if a.Status == wire.ItIsFile {
			h.names[names[i]] = true
			buffered = append(buffered, &archive.BufferedFile{Name: names[i], Data: bytes.TrimPrefix(a.Data, []byte("\xef\xbb\xbf"))})
		}
	}
	return buffered, nil
}

// walk gives the files of a folder of the chart, by their paths relative to it.
func (h *helm) walk(folder string, rules *ignore.Rules) ([]string, error) {
	entries, err := h.s.list(path.Join(h.s.req.Path, folder))
	if err != nil {
		return nil, err
	}
	var names []string
	for _, e := range entries {
		name := path.Join(folder, e.Name)
		if e.Link {
			what, err := h.s.stat(path.Join(h.s.req.Path, name))
			if err != nil {
				first, _, _ := strings.Cut(strings.TrimPrefix(name, "charts/"), "/") // a link to itself is met many times
				return nil, placed(err, h.at(name[:strings.Index(name, first)+len(first)]))
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
		inner, err := h.walk(name, rules)
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
