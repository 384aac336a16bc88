package fleet

import (
	"bytes"
	"encoding/json"
	"path"
	"strings"

	"go.yaml.in/yaml/v3"
)

// holdsObject gives the test for a file's name, nil if files of that name hold no objects.
func holdsObject(name string) func([]byte) bool {
	switch path.Ext(name) {
	case ".yaml", ".yml":
		return sniffYAML
	case ".json":
		return sniffJSON
	}
	return nil
}

// sniffYAML tells whether a document has apiVersion and kind at its top level. It looks at lines and parses only what
// lines cannot tell: flow style, and templates, which look like objects and are none.
func sniffYAML(data []byte) bool {
	if !bytes.Contains(data, []byte("apiVersion")) || !bytes.Contains(data, []byte("kind")) {
		return false
	}
	data = bytes.TrimPrefix(data, []byte("\xef\xbb\xbf"))
	for len(data) > 0 {
		var doc []byte
		doc, data = cutDocument(data)
		if sniffDocument(doc) {
			return true
		}
	}
	return false
}

// cutDocument splits at the first line that begins with "---" or "...". What stands behind "--- " belongs to the next document.
func cutDocument(data []byte) (doc, rest []byte) {
	for at := 0; at < len(data); {
		end := bytes.IndexByte(data[at:], '\n')
		line := data[at:]
		if end >= 0 {
			line = data[at : at+end]
		}
		if mark := bytes.TrimRight(line, " \t\r"); bytes.Equal(mark, []byte("---")) || bytes.Equal(mark, []byte("...")) ||
			bytes.HasPrefix(line, []byte("--- ")) {
			return data[:at], data[at+3:]
		}
		if end < 0 {
			break
		}
		at += end + 1
	}
	return data, nil
}

func sniffDocument(doc []byte) bool {
	var apiVersion, kind bool
	indent := -1
	for line := range bytes.Lines(doc) {
		text := bytes.TrimLeft(line, " ")
		rest := bytes.TrimSpace(text)
		if len(rest) == 0 || rest[0] == '#' || rest[0] == '%' {
			continue
		}
		if indent < 0 {
			indent = len(line) - len(text)
			if strings.ContainsRune("{&!", rune(rest[0])) { // flow style, an anchor, a tag, a template
				return parsesToObject(doc)
			}
		}
		if len(line)-len(text) != indent {
			continue
		}
		apiVersion = apiVersion || hasKey(rest, "apiVersion")
		kind = kind || hasKey(rest, "kind")
	}
	if !apiVersion || !kind {
		return false
	}
	return !bytes.Contains(doc, []byte("{{")) || parsesToObject(doc)
}

// hasKey tells whether a line is "key: value" with a value.
func hasKey(line []byte, key string) bool {
	for _, form := range []string{key, `"` + key + `"`, `'` + key + `'`} {
		if after, ok := bytes.CutPrefix(line, []byte(form)); ok {
			value, ok := bytes.CutPrefix(bytes.TrimLeft(after, " "), []byte(":"))
			value = bytes.TrimSpace(value)
			return ok && len(value) > 0 && value[0] != '#'
		}
	}
	return false
}

// parsesToObject decides by parsing. A template either does not parse, or "{{ x }}" in it parses to a map as a key.
func parsesToObject(doc []byte) bool {
	var n yaml.Node
	if yaml.Unmarshal(doc, &n) != nil || len(n.Content) != 1 || !plainKeys(n.Content[0]) {
		return false
	}
	var apiVersion, kind bool
	for i := 0; i+1 < len(n.Content[0].Content); i += 2 {
		key, value := n.Content[0].Content[i], n.Content[0].Content[i+1]
		text := value.Kind == yaml.ScalarNode && value.Tag == "!!str" && value.Value != ""
		apiVersion = apiVersion || key.Value == "apiVersion" && text
		kind = kind || key.Value == "kind" && text
	}
	return n.Content[0].Kind == yaml.MappingNode && apiVersion && kind
}

func plainKeys(n *yaml.Node) bool {
	for i, c := range n.Content {
		if n.Kind == yaml.MappingNode && i%2 == 0 && c.Kind != yaml.ScalarNode {
			return false
		}
		if !plainKeys(c) {
			return false
		}
	}
	return true
}

// sniffJSON tells whether the file is an object with apiVersion and kind. A file that is broken behind them still
// counts: an app must not vanish by a comma.
func sniffJSON(data []byte) bool {
	if !bytes.Contains(data, []byte(`"apiVersion"`)) || !bytes.Contains(data, []byte(`"kind"`)) {
		return false
	}
	d := json.NewDecoder(bytes.NewReader(data))
	if open, err := d.Token(); err != nil || open != json.Delim('{') {
		return false
	}
	var apiVersion, kind bool
	for d.More() {
		key, err := d.Token()
		if err != nil {
			return true
		}
		var value json.RawMessage
		if d.Decode(&value) != nil {
			return true
		}
		text := len(value) > 2 && value[0] == '"'
		apiVersion = apiVersion || key == "apiVersion" && text
		kind = kind || key == "kind" && text
	}
	return apiVersion && kind
}
