package child

import (
	"bytes"
	"slices"
	"strings"

	"plumb.dev/plumb/internal/fault"
	"plumb.dev/plumb/internal/object"
)

// written is an object as it stands in a file.
type written struct {
	apiVersion, kind, name string
	place                  fault.Place
}

// index finds the objects in the files that were read, by their lines: kind at the margin, name below metadata. Upstream
// does not tell where an object came from, and this costs no second parse.
func (k *kustomization) index() []written {
	var all []written
	for _, name := range k.read {
		if isManifestName(name) {
			all = append(all, objectsIn(name, k.data(name))...)
		}
	}
	return all
}

func objectsIn(file string, data []byte) []written {
	var all []written
	current := written{}
	inMetadata := false
	flush := func() {
		if current.kind != "" && current.name != "" {
			all = append(all, current)
		}
		current = written{}
	}
	for number, line := range bytes.Split(data, []byte("\n")) {
		text := strings.TrimRight(string(line[:min(len(line), 400)]), " \r")
		if strings.HasPrefix(text, "---") {
			flush()
			continue
		}
		key, value, ok := strings.Cut(text, ":")
		if !ok || strings.HasPrefix(key, "#") {
			continue
		}
		value = strings.Trim(strings.TrimSpace(value), `"'`)
		switch indented := strings.HasPrefix(key, " ") || strings.HasPrefix(key, "\t"); {
		case !indented:
			inMetadata = key == "metadata"
			if current.place.Line == 0 {
				current.place = fault.Place{File: file, Line: number + 1}
			}
			switch key {
			case "kind":
				current.kind = value
			case "apiVersion":
				current.apiVersion = value
			}
		case inMetadata && strings.TrimSpace(key) == "name" && current.name == "" && len(key)-len(strings.TrimLeft(key, " ")) <= 4:
			current.name = value
		}
	}
	flush()
	return all
}

// places finds where the objects of a build came from.
type places struct {
	byKind map[string][]written
}

func (k *kustomization) places() places {
	p := places{byKind: map[string][]written{}}
	for _, w := range k.index() {
		if k.isResource(w.place.File) {
			p.byKind[w.kind] = append(p.byKind[w.kind], w)
		}
	}
	return p
}

// find gives the place of an object: that of the one of its kind with its name, else of the one whose name the build made
// longer, if there is only one; else nothing.
func (p places) find(o object.Object) fault.Place {
	name := o.Name()
	var exact, inner []written
	for _, w := range p.byKind[o.Kind()] {
		switch {
		case w.name == name && w.apiVersion == o.APIVersion():
			return w.place
		case w.name == name:
			exact = append(exact, w)
		case strings.Contains(name, w.name):
			inner = append(inner, w)
		}
	}
	if len(exact) > 0 {
		return exact[0].place
	}
	slices.SortFunc(inner, func(a, b written) int { return len(b.name) - len(a.name) })
	if len(inner) == 1 || len(inner) > 1 && len(inner[0].name) > len(inner[1].name) {
		return inner[0].place
	}
	return fault.Place{}
}
