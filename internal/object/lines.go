package object

import (
	"strconv"

	"go.yaml.in/yaml/v3"

	"plumb.dev/plumb/internal/fault"
)

// PlaceOf finds the line and column of a field of an object in the bytes of the file that it was parsed from. A field
// that is not there gives the place of the nearest field around it; a file that does not hold the object gives
// o.Place. An Object carries no table of its lines: this reads the file again, which only messages need.
func PlaceOf(data []byte, o Object, path Path) fault.Place {
	text, err := checkText(data, o.Place.File)
	if err != nil {
		return o.Place
	}
	next := yamlDocuments(text, o.Place.File)
	if looksJSON(text) {
		if documents, jsonErr := jsonDocuments(text, o.Place.File); jsonErr == nil {
			next = documents
		}
	}
	for {
		root, err := next()
		if err != nil {
			return o.Place
		}
		if n := findObject(root, o, 0); n != nil {
			return placeIn(n, o.Place, path)
		}
	}
}

// findObject finds the node of an object by its line, kind and name; several objects may stand on one line of JSON.
func findObject(n *yaml.Node, o Object, lists int) *yaml.Node {
	n = follow(n)
	if firstLine(n) == o.Place.Line && text(child(n, "metadata"), "name") == o.Name() {
		if kind := text(n, "kind"); kind == o.Kind() || kind == "" {
			return n
		}
	}
	if lists > maxLists {
		return nil
	}
	for _, item := range entries(child(n, "items")) {
		if found := findObject(item, o, lists+1); found != nil {
			return found
		}
	}
	return nil
}

func placeIn(n *yaml.Node, place fault.Place, path Path) fault.Place {
	for _, step := range path {
		next, at := stepInto(n, step)
		if next == nil {
			break
		}
		place.Line, place.Column = at.Line, at.Column
		n = next
	}
	return place
}

// stepInto gives the node that a step leads to, and the node whose place stands for it: the key of a field.
func stepInto(n *yaml.Node, step Step) (next, at *yaml.Node) {
	n = follow(n)
	if step.kind == stepField {
		for i := 0; i+1 < len(n.Content) && n.Kind == yaml.MappingNode; i += 2 {
			if n.Content[i].Value == step.field {
				return n.Content[i+1], n.Content[i]
			}
		}
		return nil, nil
	}
	for i, item := range entries(n) {
		if step.matchesNode(follow(item), i) {
			return item, item
		}
	}
	return nil, nil
}

func (s Step) matchesNode(n *yaml.Node, index int) bool {
	switch s.kind {
	case stepIndex:
		return s.index == index
	case stepElement:
		return n.Value == s.field
	case stepAny:
		return true
	}
	for _, k := range s.keys {
		value := follow(child(n, k.Name))
		if value == nil && k.Value == defaultKey(k.Name) {
			continue
		}
		if value == nil || value.Value != k.Value {
			return false
		}
	}
	return true
}

// follow gives what an alias names, and any other node itself.
func follow(n *yaml.Node) *yaml.Node {
	for i := 0; n != nil && n.Kind == yaml.AliasNode && i < MaxDepth; i++ {
		n = n.Alias
	}
	return n
}

// firstLine is the line of a map's first key, and of any other node its own.
func firstLine(n *yaml.Node) int {
	n = follow(n)
	if n == nil {
		return 0
	}
	if n.Kind == yaml.MappingNode && len(n.Content) > 0 {
		return n.Content[0].Line
	}
	return n.Line
}

// child gives the value of a key of a map, nil if there is none.
func child(n *yaml.Node, key string) *yaml.Node {
	n = follow(n)
	if n == nil || n.Kind != yaml.MappingNode {
		return nil
	}
	for i := 0; i+1 < len(n.Content); i += 2 {
		if n.Content[i].Value == key {
			return n.Content[i+1]
		}
	}
	return nil
}

func entries(n *yaml.Node) []*yaml.Node {
	n = follow(n)
	if n == nil || n.Kind != yaml.SequenceNode {
		return nil
	}
	return n.Content
}

func text(n *yaml.Node, key string) string {
	if v := follow(child(n, key)); v != nil {
		return v.Value
	}
	return ""
}

// Text gives a JSON scalar as the text that a path names it by.
func Text(v any) string {
	switch v := v.(type) {
	case string:
		return v
	case bool:
		return strconv.FormatBool(v)
	case int64:
		return strconv.FormatInt(v, 10)
	case float64:
		return strconv.FormatFloat(v, 'g', -1, 64)
	}
	return "null"
}
