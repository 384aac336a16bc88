package child

import (
	"fmt"
	"path"
	"regexp"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	"plumb.dev/plumb/internal/fault"
	"plumb.dev/plumb/internal/object"
	"plumb.dev/plumb/internal/render"
	"plumb.dev/plumb/internal/render/wire"
)

// scan is what a kustomization names, found before upstream reads it: upstream would fetch what is remote, run what is a
// plugin, take the last of two equal keys, and report without line numbers.
type scan struct {
	file    string
	entries []entry
	schema  bool
	fields  map[string]int // the lines of its fields
	sources []fault.Place  // of the generators of ConfigMaps and Secrets
}

// entry is one path that a kustomization names.
type entry struct {
	field string // for example "resources" or "configMapGenerator.files"
	path  string // as written
	line  int
	place fault.Place
}

// enter scans a kustomization and asks for what it names, in one go.
func (k *kustomization) enter(name string, data []byte) error {
	k.entering = name
	if _, known := k.scanned[name]; known {
		return nil
	}
	found, warnings, err := scanKustomization(name, data)
	if err != nil {
		return err
	}
	k.scanned[name] = found
	k.schema = k.schema || found.schema
	for _, w := range warnings {
		k.s.warn(w.Code, w.Message, w.Place)
	}
	return k.preload(found)
}

// preload asks for the entries of a kustomization, then for the kustomizations of those that are folders, and says which
// entry does not exist.
func (k *kustomization) preload(found *scan) error {
	var files []wire.File
	var entries []entry
	for _, e := range found.entries {
		at, ok := e.target(found.file)
		if !ok {
			return fault.New(fault.PathEscape, "%s names %s, which lies outside of the repository", e.field, e.path).At(e.place).
				WithNext("a kustomization can use what lies in its own repository only")
		}
		files = append(files, wire.File{Path: at})
		entries = append(entries, e)
	}
	if err := k.s.load(files); err != nil {
		return err
	}
	var bases []entry
	var deeper []wire.File
	for i, f := range files {
		a := k.s.files[f]
		if err := refused(a); err != nil {
			return placed(err, entries[i].place)
		}
		switch {
		case a.Status == wire.ItIsNot:
			return k.absent(entries[i], f.Path)
		case a.Status == wire.ItIsFolder && entries[i].isBase():
			for _, name := range kustomizationNames {
				deeper = append(deeper, wire.File{Path: path.Join(a.Path, name)})
			}
			bases = append(bases, entries[i])
		}
	}
	if err := k.s.load(deeper); err != nil {
		return err
	}
	for i, e := range bases {
		if !slices.ContainsFunc(deeper[3*i:3*i+3], func(f wire.File) bool { return k.s.files[f].Status != wire.ItIsNot }) {
			return fault.New(fault.RenderFailed, "%s names %s, a folder without kustomization.yaml", e.field, e.path).At(e.place).
				WithNext("add one to it, or name its files")
		}
	}
	return nil
}

// placed gives a fault the place of the entry that led to it, if that says more.
func placed(err error, at fault.Place) error {
	f := fault.Of(err, fault.RenderFailed)
	return f.At(at)
}

// target gives the path in the repository that an entry names. Not ok: it is outside.
func (e entry) target(file string) (string, bool) {
	if path.IsAbs(e.path) {
		return "", false
	}
	at := path.Join(path.Dir(file), e.path)
	return at, at != ".." && !strings.HasPrefix(at, "../")
}

// isBase tells whether an entry may be a folder with a kustomization of its own.
func (e entry) isBase() bool {
	return slices.Contains([]string{"resources", "bases", "components", "generators", "transformers", "validators"}, e.field)
}

// absent says that an entry names nothing, and what was perhaps meant.
func (k *kustomization) absent(e entry, at string) error {
	f := fault.New(fault.RenderFailed, "%s names %s, which does not exist", e.field, e.path).At(e.place)
	entries, err := k.s.list(path.Dir(at))
	if err != nil {
		return f
	}
	names := make([]string, len(entries))
	for i, entry := range entries {
		names[i] = entry.Name
	}
	if near := nearest(path.Base(at), names); near != "" {
		return f.WithNext("did you mean %s?", path.Join(path.Dir(e.path), near))
	}
	return f.WithNext("add the file, or remove the entry")
}

// fields of a kustomization that hold lists of paths, and those of which each item may be inline YAML instead.
var (
	pathFields   = []string{"resources", "bases", "components", "crds", "configurations"}
	eitherFields = []string{"generators", "transformers", "validators", "patchesStrategicMerge"}
	itemFields   = []string{"patches", "patchesJson6902", "replacements"} // lists of maps with a path
	sourceFields = []string{"configMapGenerator", "secretGenerator"}      // lists of maps with files, envs and env
	chartFields  = []string{"helmCharts", "helmChartInflationGenerator", "helmGlobals"}
	otherFields  = []string{"namespace", "namePrefix", "nameSuffix", "labels", "commonAnnotations", "images", "replicas", "generatorOptions", "sortOptions"}
	oldFields    = map[string]string{
		"bases": "resources", "commonLabels": "labels", "imageTags": "images", "patchesJson6902": "patches",
		"patchesStrategicMerge": "patches", "vars": "replacements",
	}
)

// scanKustomization reads the bytes of a kustomization. It judges only what upstream would not refuse, or not clearly; the
// rest is left to upstream.
func scanKustomization(file string, data []byte) (*scan, []wire.Warning, error) {
	var document yaml.Node
	if err := yaml.Unmarshal(data, &document); err != nil {
		return nil, nil, yamlFault(file, data)
	}
	found := &scan{file: file, fields: map[string]int{}}
	if document.Kind != yaml.DocumentNode || len(document.Content) != 1 || document.Content[0].Kind != yaml.MappingNode {
		return found, nil, nil // upstream has a good message for it
	}
	top := document.Content[0]
	if err := uniqueKeys(file, top, 0); err != nil {
		return nil, nil, err
	}
	var warnings []wire.Warning
	for i := 0; i+1 < len(top.Content); i += 2 {
		key, value := top.Content[i], resolved(top.Content[i+1])
		found.fields[key.Value] = key.Line
		if instead, old := oldFields[key.Value]; old {
			warnings = append(warnings, wire.Warning{
				Code: render.WarnDeprecated, Place: fault.Place{File: file, Line: key.Line},
				Message: fmt.Sprintf("%s is deprecated, use %s", key.Value, instead),
			})
		}
		if err := found.field(key, value); err != nil {
			return nil, nil, err
		}
	}
	return found, warnings, nil
}

// field takes what one field names.
func (found *scan) field(key, value *yaml.Node) error {
	switch name := key.Value; {
	case slices.Contains(chartFields, name):
		return fault.New(fault.Unsupported, "%s inflates a Helm chart, which needs the helm program and the network", name).
			WithCode(render.CodePlugin).At(fault.Place{File: found.file, Line: key.Line}).
			WithNext("commit the chart and make it an app of its own, or commit what `helm template` gives and list it in resources")
	case slices.Contains(pathFields, name):
		return found.each(name, value, found.add)
	case slices.Contains(eitherFields, name):
		return found.each(name, value, func(name string, item *yaml.Node) error {
			if strings.ContainsAny(item.Value, "\n:{") && !isRemote(item.Value) {
				return nil // inline YAML
			}
			return found.add(name, item)
		})
	case slices.Contains(itemFields, name):
		return found.each(name, value, func(name string, item *yaml.Node) error {
			return found.add(name+".path", valueOf(item, "path"))
		})
	case slices.Contains(sourceFields, name):
		found.sources = append(found.sources, fault.Place{File: found.file, Line: key.Line})
		return found.each(name, value, found.addSources)
	case name == "openapi":
		found.schema = true
		return found.add("openapi.path", valueOf(value, "path"))
	}
	return nil
}

func (found *scan) each(name string, list *yaml.Node, do func(name string, item *yaml.Node) error) error {
	if list.Kind != yaml.SequenceNode {
		return nil
	}
	for _, item := range list.Content {
		if err := do(name, resolved(item)); err != nil {
			return err
		}
	}
	return nil
}

// addSources takes the files of a generator: "path" or "key=path".
func (found *scan) addSources(name string, generator *yaml.Node) error {
	for _, field := range []string{"files", "envs", "env"} {
		list := valueOf(generator, field)
		if list == nil {
			continue
		}
		items := list.Content
		if list.Kind == yaml.ScalarNode {
			items = []*yaml.Node{list}
		}
		for _, item := range items {
			item = resolved(item)
			named := *item
			if _, after, ok := strings.Cut(item.Value, "="); ok && field == "files" {
				named.Value = after
			}
			if err := found.add(name+"."+field, &named); err != nil {
				return err
			}
		}
	}
	return nil
}

// add takes one path, unless it is remote.
func (found *scan) add(field string, item *yaml.Node) error {
	if item == nil || item.Kind != yaml.ScalarNode || item.Value == "" {
		return nil
	}
	place := fault.Place{File: found.file, Line: item.Line, Column: item.Column}
	if isRemote(item.Value) {
		return fault.New(fault.RemoteRefused, "%s names %s, which is not in this repository", field, withoutUser(item.Value)).At(place).
			WithNext("commit a copy of it and name its path: a render never uses the network")
	}
	found.entries = append(found.entries, entry{field: field, path: item.Value, line: item.Line, place: place})
	return nil
}

// remote is what upstream would fetch with git or HTTP, and a little more (its own rules are in its package git).
var remote = regexp.MustCompile(`(?i)^git::|://|^[\w.+-]+@[\w.-]+:|^(www\.)?github\.com[/:]|[?&](ref|version|timeout|submodules)=`)

func isRemote(name string) bool { return remote.MatchString(name) }

var credentials = regexp.MustCompile(`//[^/@]*@`)

// withoutUser removes a user and password from an address.
func withoutUser(address string) string {
	if len(address) > 200 {
		address = address[:200] + "…"
	}
	return credentials.ReplaceAllString(address, "//")
}

// uniqueKeys refuses a map that has a key twice: upstream takes the last one, and half of the resources are gone.
func uniqueKeys(file string, n *yaml.Node, depth int) error {
	if depth > 200 {
		return fault.New(fault.RenderLimit, "more than 200 maps and lists lie inside each other").WithCode("YAML_DEPTH").At(fault.Place{File: file, Line: n.Line})
	}
	if n.Kind == yaml.MappingNode {
		lines := map[string]int{}
		for i := 0; i+1 < len(n.Content); i += 2 {
			key := n.Content[i]
			if first, twice := lines[key.Value]; twice {
				return fault.New(fault.RenderFailed, "the key %q stands twice, first in line %d", key.Value, first).
					WithCode(render.CodeDuplicateKey).At(fault.Place{File: file, Line: key.Line}).WithNext("join the two")
			}
			lines[key.Value] = key.Line
		}
	}
	for _, inner := range n.Content {
		if err := uniqueKeys(file, inner, depth+1); err != nil {
			return err
		}
	}
	return nil
}

func resolved(n *yaml.Node) *yaml.Node {
	if n.Kind == yaml.AliasNode && n.Alias != nil {
		return n.Alias
	}
	return n
}

// valueOf gives the value of a key of a map, nil if there is none.
func valueOf(n *yaml.Node, key string) *yaml.Node {
	if n == nil || n.Kind != yaml.MappingNode {
		return nil
	}
	for i := 0; i+1 < len(n.Content); i += 2 {
		if n.Content[i].Value == key {
			return resolved(n.Content[i+1])
		}
	}
	return nil
}

// yamlFault says what keeps a file from being YAML, and where. Its words quote no values.
func yamlFault(file string, data []byte) error {
	_, _, err := object.Parse(data, file)
	if f := fault.Of(err, fault.RenderFailed); f != nil && f.Code != "OBJECT_MALFORMED" && f.Code != "NOT_AN_OBJECT" {
		f.Reason = fault.RenderFailed
		return f
	}
	return fault.New(fault.RenderFailed, "not YAML that can be read").WithCode("YAML_SYNTAX").At(fault.Place{File: file})
}
