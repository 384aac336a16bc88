package child

import (
	"errors"
	"path"
	"regexp"
	"slices"
	"strings"

	"plumb.dev/plumb/internal/fault"
	"plumb.dev/plumb/internal/object"
	"plumb.dev/plumb/internal/render"
)

// maxMessage bounds what stands of upstream's own words in a message, in bytes.
const maxMessage = 400

// explain gives an error of upstream a place in the user's files.
func (k *kustomization) explain(err error) error {
	var known *fault.Fault
	if errors.As(err, &known) {
		return known
	}
	text := err.Error()
	if f := k.unparsable(); f != nil {
		return f
	}
	place := fault.Place{File: k.entering}
	switch {
	case strings.Contains(text, "external plugins disabled"), strings.Contains(text, "--enable-helm"), strings.Contains(text, "plugin"):
		return fault.New(fault.Unsupported, "the kustomization uses a plugin: a program or container that would be run").
			WithCode(render.CodePlugin).At(k.pluginPlace(place)).WithNext("use Kustomize's built-in fields, or commit what the plugin makes")
	case strings.Contains(text, "cycle detected"):
		return fault.New(fault.RenderFailed, "%s names a folder that it is part of", "resources").WithCode(render.CodeCycle).At(k.cycle(place)).
			WithNext("a base cannot lie above its overlay, and cannot use it")
	}
	if strings.Contains(text, "loading KV pairs") { // the rest quotes literals, or lines of files
		return fault.New(fault.RenderFailed, "a generator has a literal or a line of a file that is not key=value").At(k.generatorPlace(place))
	}
	if f := k.unknownField(text); f != nil {
		return f
	}
	if f := k.noTarget(text); f != nil {
		return f
	}
	return fault.New(fault.RenderFailed, "%s", upstreamText(text)).At(place)
}

// unparsable finds the resource that is not YAML. It is looked for only after a failure: upstream parses them itself.
func (k *kustomization) unparsable() error {
	for _, name := range k.read {
		if !isManifestName(name) || !k.isResource(name) {
			continue
		}
		_, _, err := object.Parse(k.data(name), name)
		if f := fault.Of(err, fault.RenderFailed); f != nil && f.Code != "OBJECT_MALFORMED" && f.Code != render.CodeDuplicateKey {
			return f
		}
	}
	return nil
}

func (k *kustomization) data(name string) []byte {
	for f, a := range k.s.files {
		if f.Source == "" && (f.Path == name || a.Path == name) {
			return a.Data
		}
	}
	return nil
}

// isResource tells whether a file is listed as a resource.
func (k *kustomization) isResource(name string) bool {
	_, ok := k.entryOf(name, "resources", "bases")
	return ok
}

// entryOf finds the entry that names a file, in one of the fields.
func (k *kustomization) entryOf(name string, fields ...string) (entry, bool) {
	for _, found := range k.scanned {
		for _, e := range found.entries {
			if at, ok := e.target(found.file); ok && at == name && slices.Contains(fields, e.field) {
				return e, true
			}
		}
	}
	return entry{}, false
}

// pluginPlace finds the entry that configures a plugin.
func (k *kustomization) pluginPlace(otherwise fault.Place) fault.Place {
	for _, found := range k.scanned {
		for _, e := range found.entries {
			if slices.Contains([]string{"generators", "transformers", "validators"}, e.field) {
				return e.place
			}
		}
	}
	return otherwise
}

// generatorPlace finds the field of generators of the kustomization that was loaded last.
func (k *kustomization) generatorPlace(otherwise fault.Place) fault.Place {
	if found := k.scanned[k.entering]; found != nil && len(found.sources) > 0 {
		return found.sources[0]
	}
	return otherwise
}

// cycle finds an entry that names a folder above its own kustomization, or one that was entered before.
func (k *kustomization) cycle(otherwise fault.Place) fault.Place {
	found := k.scanned[k.entering]
	if found == nil {
		return otherwise
	}
	for _, e := range found.entries {
		at, ok := e.target(found.file)
		if !ok || !e.isBase() {
			continue
		}
		here := path.Dir(found.file)
		if at == here || at == "." || strings.HasPrefix(here, at+"/") || k.entered(at) {
			return e.place
		}
	}
	return otherwise
}

// entered tells whether a folder's kustomization was read.
func (k *kustomization) entered(folder string) bool {
	for name := range k.scanned {
		if path.Dir(name) == folder {
			return true
		}
	}
	return false
}

var unknownText = regexp.MustCompile(`unknown field "(\w+)"`)

// unknownField finds a field that no kustomization has.
func (k *kustomization) unknownField(text string) error {
	m := unknownText.FindStringSubmatch(text)
	if m == nil {
		return nil
	}
	place := fault.Place{File: k.entering}
	if found := k.scanned[k.entering]; found != nil {
		place.Line = found.fields[m[1]]
	}
	f := fault.New(fault.RenderFailed, "a kustomization has no field %q", m[1]).At(place)
	if near := nearest(m[1], slices.Concat(pathFields, eitherFields, itemFields, sourceFields, otherFields)); near != "" {
		return f.WithNext("did you mean %s?", near)
	}
	return f
}

// noTargetText is how upstream says that a patch has no target: kind, name.
var noTargetText = regexp.MustCompile(`no matches for Id ([A-Za-z0-9]+)\.[^/]*/([^.\[;\s]+)\.\[`)

// noTarget explains a patch that matches nothing.
func (k *kustomization) noTarget(text string) error {
	m := noTargetText.FindStringSubmatch(text)
	if m == nil {
		return nil
	}
	kind, name := m[1], m[2]
	f := fault.New(fault.RenderFailed, "a patch is for %s/%s, which is not among the resources", kind, name).At(k.patchPlace(kind, name))
	var names []string
	for _, candidate := range k.index() {
		if candidate.kind == kind && k.isResource(candidate.place.File) {
			names = append(names, candidate.name)
		}
	}
	if near := nearest(name, names); near != "" {
		return f.WithNext("did you mean %s/%s?", kind, near)
	}
	if len(names) > 0 {
		slices.Sort(names)
		return f.WithNext("the resources have %s %s", kind, strings.Join(slices.Compact(names), ", "))
	}
	return f.WithNext("the resources have no %s", kind)
}

// patchPlace finds the patch for an object: its own file, else the field patches.
func (k *kustomization) patchPlace(kind, name string) fault.Place {
	for _, candidate := range k.index() {
		if candidate.kind == kind && candidate.name == name && !k.isResource(candidate.place.File) {
			return candidate.place
		}
	}
	return fault.Place{File: k.entering}
}

var (
	configText = regexp.MustCompile("(?s)with config: `.*?`")
	spaces     = regexp.MustCompile(`\s+`)
)

// upstreamText shortens upstream's own words to one line without configuration, which may hold literals of Secrets.
func upstreamText(text string) string {
	text = configText.ReplaceAllString(text, "")
	text = spaces.ReplaceAllString(unmounted(text), " ")
	if len(text) > maxMessage {
		text = strings.ToValidUTF8(text[:maxMessage], "") + "…"
	}
	return text
}

// nearest gives the name that is most like another, "" if none is like it.
func nearest(name string, names []string) string {
	best, distance := "", len(name)/3+1
	for _, candidate := range names {
		if d := editDistance(name, candidate); d <= distance && candidate != name && (best == "" || d < distance) {
			best, distance = candidate, d
		}
	}
	return best
}

// editDistance counts the letters to add, remove or change to make one name of another.
func editDistance(a, b string) int {
	if len(a) > 100 || len(b) > 100 {
		return 100
	}
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			change := diagonal
			if a[i] != b[j] {
				change++
			}
			diagonal = row[j+1]
			row[j+1] = min(change, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}
