package fleet

import (
	"fmt"
	"maps"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	sigsyaml "sigs.k8s.io/yaml"

	"plumb.dev/plumb/api/v1alpha1"
	"plumb.dev/plumb/internal/fault"
)

// maxSettings is the limit of a plumb.yaml, in bytes (resources.md §9).
const maxSettings = 256 << 10

var (
	typeJSON        = reflect.TypeFor[apiextensionsv1.JSON]()
	typeSettings    = reflect.TypeFor[v1alpha1.Settings]()
	typeRoot        = reflect.TypeFor[v1alpha1.RootFile]()
	typeChart       = reflect.TypeFor[v1alpha1.ChartRef]()
	typeHelm        = reflect.TypeFor[v1alpha1.HelmSettings]()
	typeKustomize   = reflect.TypeFor[v1alpha1.KustomizeSettings]()
	typeEnvironment = reflect.TypeFor[v1alpha1.Environment]()
)

// later holds the fields that resources.md reserves: refused by name until they work.
var later = map[reflect.Type][]string{
	typeKustomize:   {"patches", "components", "namespace", "commonLabels", "commonAnnotations", "openapi", "version"},
	typeHelm:        {"valuesFrom", "postRenderers", "fileParameters", "parameters", "kubeVersion", "apiVersions", "skipTests", "skipSchemaValidation", "ignoreMissingValueFiles"},
	typeEnvironment: {"after", "soak", "waves", "approve", "window"},
}

// decoder reads YAML nodes into the structs of package v1alpha1: strictly, and with the place of each field. The
// structs' json tags are the schema, so that a field that is added there is known here.
type decoder struct {
	file   string
	places map[string]fault.Place // dotted path of a field → where it is written
	count  int                    // values read, those that aliases repeat included
}

// maxValues bounds what a file says once its aliases are followed: 256 kB of them can name each other into terabytes.
const maxValues = 100_000

// Decode reads a file of settings of another package's schema as plumb.yaml is read: one YAML document into out, a pointer to
// a struct whose json tags are the fields. It gives the place of each field by its dotted path ("rules[2].match.kinds"). It
// fails with InvalidSettings at the line: unknown fields (naming the nearest), wrong types, keys written twice, more than 256 kB.
func Decode(file string, data []byte, out any) (map[string]fault.Place, *fault.Fault) {
	return decode(file, data, out)
}

// decode reads one YAML document into out, a pointer to a struct. No document, or an empty one, leaves out as it is.
func decode(file string, data []byte, out any) (places map[string]fault.Place, bad *fault.Fault) {
	d := decoder{file: file, places: map[string]fault.Place{}}
	if len(data) > maxSettings {
		f := fault.New(fault.InvalidSettings, "the file has %d bytes, more than the limit of %d", len(data), maxSettings)
		return nil, f.WithCode("SETTINGS_SIZE").At(fault.Place{File: file})
	}
	root, bad := d.parse(data)
	if bad != nil || root == nil {
		return d.places, bad
	}
	return d.places, d.value(root, reflect.ValueOf(out).Elem(), "")
}

// parse gives the root node of the only document, nil if there is none.
func (d *decoder) parse(data []byte) (*yaml.Node, *fault.Fault) {
	reader := yaml.NewDecoder(strings.NewReader(string(data)))
	var doc, second yaml.Node
	if err := reader.Decode(&doc); err != nil {
		if err.Error() == "EOF" {
			return nil, nil
		}
		return nil, d.syntax(err)
	}
	if err := reader.Decode(&second); err == nil {
		return nil, d.fail(&second, "a second document begins here").WithNext("keep one document in the file")
	} else if err.Error() != "EOF" {
		return nil, d.syntax(err)
	}
	if doc.Kind != yaml.DocumentNode || len(doc.Content) == 0 {
		return nil, nil
	}
	return doc.Content[0], nil
}

var yamlLine = regexp.MustCompile(`^yaml: (?:line (\d+): )?`)

func (d *decoder) syntax(err error) *fault.Fault {
	text := err.Error()
	place := fault.Place{File: d.file}
	if m := yamlLine.FindStringSubmatch(text); m != nil {
		place.Line, _ = strconv.Atoi(m[1])
		text = text[len(m[0]):]
	}
	f := fault.New(fault.InvalidSettings, "not valid YAML: %s", text)
	f.Cause = err
	return f.At(place)
}

func (d *decoder) fail(n *yaml.Node, format string, args ...any) *fault.Fault {
	return fault.New(fault.InvalidSettings, format, args...).At(d.at(n))
}

func (d *decoder) at(n *yaml.Node) fault.Place {
	return fault.Place{File: d.file, Line: n.Line, Column: n.Column}
}

// value reads n into out. null means not set. The recursion is as deep as the structs are, whatever aliases n holds.
func (d *decoder) value(n *yaml.Node, out reflect.Value, path string) *fault.Fault {
	for n.Kind == yaml.AliasNode {
		n = n.Alias
	}
	if d.count++; d.count > maxValues {
		return d.fail(n, "the file says more than %d values, those that aliases repeat included", maxValues).WithCode("YAML_EXPANDED_SIZE")
	}
	if n.Kind == yaml.ScalarNode && n.Tag == "!!null" {
		return nil
	}
	if out.Type() == typeJSON {
		return d.free(n, out, path)
	}
	switch out.Kind() {
	case reflect.Pointer:
		out.Set(reflect.New(out.Type().Elem()))
		return d.value(n, out.Elem(), path)
	case reflect.Struct:
		return d.object(n, out, path)
	case reflect.Slice:
		return d.list(n, out, path)
	case reflect.Map:
		return d.texts(n, out, path)
	}
	return d.scalar(n, out, path)
}

func (d *decoder) object(n *yaml.Node, out reflect.Value, path string) *fault.Fault {
	fields := fieldsOf(out.Type())
	return d.mapping(n, path, func(key, value *yaml.Node) *fault.Fault {
		index, known := fields[key.Value]
		if !known {
			return d.unknown(key, out.Type(), path)
		}
		at := join(path, key.Value)
		d.places[at] = d.at(key)
		return d.value(value, out.Field(index), at)
	})
}

// mapping calls each for every entry of a mapping; it refuses merge keys, keys that are no text, and keys written twice.
func (d *decoder) mapping(n *yaml.Node, path string, each func(key, value *yaml.Node) *fault.Fault) *fault.Fault {
	if n.Kind != yaml.MappingNode {
		return d.wrong(n, path, "a mapping of fields")
	}
	lines := make(map[string]int, len(n.Content)/2)
	for i := 0; i+1 < len(n.Content); i += 2 {
		key, value := n.Content[i], n.Content[i+1]
		switch {
		case key.Tag == "!!merge":
			return d.fail(key, "a merge key (<<) is not understood here").WithNext("write the fields out")
		case key.Kind != yaml.ScalarNode || key.Tag == "!!null":
			return d.fail(key, "the name of a field must be a text")
		case lines[key.Value] != 0:
			return d.fail(key, "%s is written twice, first in line %d", join(path, key.Value), lines[key.Value]).
				WithNext("keep one of the two")
		}
		lines[key.Value] = key.Line
		if bad := each(key, value); bad != nil {
			return bad
		}
	}
	return nil
}

func (d *decoder) list(n *yaml.Node, out reflect.Value, path string) *fault.Fault {
	if n.Kind != yaml.SequenceNode {
		return d.wrong(n, path, "a list")
	}
	items := reflect.MakeSlice(out.Type(), len(n.Content), len(n.Content)) // an empty list is set, and replaces
	for i, item := range n.Content {
		at := fmt.Sprintf("%s[%d]", path, i)
		d.places[at] = d.at(item)
		if bad := d.value(item, items.Index(i), at); bad != nil {
			return bad
		}
	}
	out.Set(items)
	return nil
}

// texts reads a map[string]string.
func (d *decoder) texts(n *yaml.Node, out reflect.Value, path string) *fault.Fault {
	texts := map[string]string{}
	bad := d.mapping(n, path, func(key, value *yaml.Node) *fault.Fault {
		at := join(path, key.Value)
		d.places[at] = d.at(key)
		var text string
		if bad := d.value(value, reflect.ValueOf(&text).Elem(), at); bad != nil {
			return bad
		}
		texts[key.Value] = text
		return nil
	})
	if bad == nil {
		out.Set(reflect.ValueOf(texts))
	}
	return bad
}

func (d *decoder) scalar(n *yaml.Node, out reflect.Value, path string) *fault.Fault {
	want := map[reflect.Kind][2]string{
		reflect.String: {"!!str", "a text"},
		reflect.Bool:   {"!!bool", "true or false"},
		reflect.Int:    {"!!int", "a whole number"},
	}[out.Kind()]
	date := out.Kind() == reflect.String && n.Tag == "!!timestamp" // 2027-01-31 is a text to everybody but YAML
	if n.Kind != yaml.ScalarNode || n.Tag != want[0] && !date {
		bad := d.wrong(n, path, want[1])
		if out.Kind() == reflect.String && n.Kind == yaml.ScalarNode {
			bad = bad.WithNext("write it in quotes: %q", n.Value)
		}
		return bad
	}
	switch out.Kind() {
	case reflect.String:
		out.SetString(n.Value)
	case reflect.Bool:
		out.SetBool(strings.EqualFold(n.Value, "true"))
	default:
		var number int
		if err := n.Decode(&number); err != nil {
			return d.wrong(n, path, want[1])
		}
		out.SetInt(int64(number))
	}
	return nil
}

// free reads a part whose form is not ours as JSON, by the YAML rules that Kubernetes and Helm use.
func (d *decoder) free(n *yaml.Node, out reflect.Value, path string) *fault.Fault {
	if n.Kind != yaml.MappingNode {
		return d.wrong(n, path, "a mapping")
	}
	if bad := d.distinct(n, path, 0); bad != nil {
		return bad
	}
	text, err := yaml.Marshal(n)
	if err != nil {
		return d.fail(n, "%s cannot be read: %v", path, err)
	}
	raw, err := sigsyaml.YAMLToJSON(text)
	if err != nil {
		return d.fail(n, "%s cannot be read: %v", path, err).
			WithNext("an alias in it must point to an anchor in it")
	}
	out.Set(reflect.ValueOf(apiextensionsv1.JSON{Raw: raw}))
	return nil
}

// maxDepth is how deep a free part may be nested, the depth of a tree (resources.md §9).
const maxDepth = 64

// distinct refuses keys written twice and absurd depth, with their line, before another parser says so without one.
func (d *decoder) distinct(n *yaml.Node, path string, depth int) *fault.Fault {
	if depth > maxDepth {
		return d.fail(n, "%s is nested deeper than %d", path, maxDepth).WithCode("YAML_DEPTH")
	}
	lines := map[string]int{}
	for i, c := range n.Content {
		if n.Kind == yaml.MappingNode && i%2 == 0 {
			if line := lines[c.Value]; line != 0 && c.Kind == yaml.ScalarNode {
				return d.fail(c, "%s is written twice in %s, first in line %d", c.Value, path, line)
			}
			lines[c.Value] = c.Line
		}
		if bad := d.distinct(c, path, depth+1); bad != nil {
			return bad
		}
	}
	return nil
}

func (d *decoder) wrong(n *yaml.Node, path, want string) *fault.Fault {
	if path == "" {
		path = "the file"
	}
	return d.fail(n, "%s must be %s, not %s", path, want, describe(n))
}

func describe(n *yaml.Node) string {
	switch n.Kind {
	case yaml.MappingNode:
		return "a mapping"
	case yaml.SequenceNode:
		return "a list"
	}
	switch n.Tag {
	case "!!bool":
		return "true or false"
	case "!!int", "!!float":
		return "the number " + clip(n.Value)
	}
	return fmt.Sprintf("%q", clip(n.Value))
}

func clip(s string) string {
	if len(s) <= maxName {
		return s
	}
	return strings.ToValidUTF8(s[:maxName], "") + "…"
}

// unknown explains a field that does not exist: not yet, elsewhere, or by the nearest one that does.
func (d *decoder) unknown(key *yaml.Node, in reflect.Type, path string) *fault.Fault {
	name := clip(key.Value)
	if slices.Contains(later[in], key.Value) {
		return fault.New(fault.Unsupported, "%s is not supported yet", join(path, name)).At(d.at(key)).
			WithNext("remove it: nothing is done by it now")
	}
	bad := d.fail(key, "%s is not a field", join(path, name))
	_, ofSettings := fieldsOf(typeSettings)[key.Value]
	_, ofRoot := fieldsOf(typeRoot)[key.Value]
	switch {
	case in == typeRoot && ofSettings:
		return bad.WithNext("at the root of the repository it stands under defaults: defaults.%s", name)
	case in == typeChart && key.Value == "secret":
		return bad.WithNext("a credential is bound to an address in charts of the Repo or App, where no commit can name it")
	case in == typeSettings && ofRoot:
		return bad.WithNext("it belongs in the plumb.yaml at the root of the repository")
	}
	known := slices.Sorted(maps.Keys(fieldsOf(in)))
	if near := nearest(key.Value, known); near != "" {
		return bad.WithNext("did you mean %s?", near)
	}
	return bad.WithNext("the fields here are %s", strings.Join(known, ", "))
}

// fieldsOf gives the fields of a struct by their json name.
func fieldsOf(t reflect.Type) map[string]int {
	fields := make(map[string]int, t.NumField())
	for i := range t.NumField() {
		if name, _, _ := strings.Cut(t.Field(i).Tag.Get("json"), ","); name != "" && name != "-" {
			fields[name] = i
		}
	}
	return fields
}

func join(path, name string) string {
	if path == "" {
		return name
	}
	return path + "." + name
}

// nearest gives the known word with the fewest edits from s, "" if none is near.
func nearest(s string, known []string) string {
	if len(s) > maxName {
		return ""
	}
	best, least := "", max(2, len(s)/3)+1
	for _, k := range known {
		if n := edits(strings.ToLower(s), strings.ToLower(k)); n < least {
			best, least = k, n
		}
	}
	return best
}

// edits counts the insertions, deletions and substitutions that make b of a (Levenshtein's distance).
func edits(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		left := i // the cell up and to the left
		row[0] = i + 1
		for j := range len(b) {
			cost := left
			if a[i] != b[j] {
				cost++
			}
			left = row[j+1]
			row[j+1] = min(cost, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}
