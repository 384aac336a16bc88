package object

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"

	"go.yaml.in/yaml/v3"

	"plumb.dev/plumb/internal/fault"
)

// looksJSON tells whether the first character begins a JSON object.
func looksJSON(text []byte) bool {
	return bytes.HasPrefix(bytes.TrimLeft(text, " \t\r\n"), []byte("{"))
}

// jsonDocuments reads a stream of JSON values into the nodes that YAML gives, with their lines, so that one builder
// serves both. JSON is not quite YAML: pairs of \u escapes, and keys of any length.
func jsonDocuments(text []byte, file string) (func() (*yaml.Node, error), error) {
	r := jsonReader{decoder: json.NewDecoder(bytes.NewReader(text)), text: text, file: file, line: 1}
	r.decoder.UseNumber()
	var roots []*yaml.Node
	for {
		root, err := r.node(1)
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, err
		}
		roots = append(roots, root)
		if len(roots) > MaxObjects {
			return nil, beyond("TOO_MANY_OBJECTS", fault.Place{File: file}, "the file has more than %d documents", MaxObjects)
		}
	}
	return func() (*yaml.Node, error) {
		if len(roots) == 0 {
			return nil, io.EOF
		}
		root := roots[0]
		roots = roots[1:]
		return root, nil
	}, nil
}

type jsonReader struct {
	decoder *json.Decoder
	text    []byte
	file    string
	counted int // offset up to which lines are counted
	line    int
}

// place gives the line of the token that was read last. Offsets only grow, so that each byte is counted once.
func (r *jsonReader) place() fault.Place {
	offset := min(int(r.decoder.InputOffset()), len(r.text))
	r.line += bytes.Count(r.text[r.counted:offset], []byte("\n"))
	r.counted = offset
	return fault.Place{File: r.file, Line: r.line}
}

func (r *jsonReader) node(depth int) (*yaml.Node, error) {
	token, err := r.decoder.Token()
	if err != nil {
		if errors.Is(err, io.EOF) && depth == 1 {
			return nil, io.EOF
		}
		return nil, invalid("JSON_SYNTAX", r.place(), "not JSON: %s", err)
	}
	place := r.place()
	if depth > MaxDepth {
		return nil, beyond("YAML_DEPTH", place, "more than %d maps and lists lie inside each other", MaxDepth)
	}
	n := &yaml.Node{Kind: yaml.ScalarNode, Line: place.Line, Column: 0}
	switch token := token.(type) {
	case json.Delim:
		return r.collection(n, token, depth)
	case string:
		n.Value, n.Style, n.Tag = token, yaml.DoubleQuotedStyle, "!!str"
	case json.Number:
		n.Value = token.String()
	case bool:
		n.Value = map[bool]string{true: "true", false: "false"}[token]
	default:
		n.Value = "null"
	}
	return n, nil
}

func (r *jsonReader) collection(n *yaml.Node, open json.Delim, depth int) (*yaml.Node, error) {
	n.Kind, n.Tag = yaml.SequenceNode, "!!seq"
	if open == '{' {
		n.Kind, n.Tag = yaml.MappingNode, "!!map"
	}
	for r.decoder.More() {
		element, err := r.node(depth + 1) // of a map: keys and values in turn, as in a yaml.Node
		if err != nil {
			return nil, err
		}
		n.Content = append(n.Content, element)
	}
	if _, err := r.decoder.Token(); err != nil {
		return nil, invalid("JSON_SYNTAX", r.place(), "not JSON: %s", err)
	}
	return n, nil
}
