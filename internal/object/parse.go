package object

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"regexp"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"

	"plumb.dev/plumb/internal/fault"
)

// The limits of one file (resources.md §9). Beyond them Parse answers RenderLimit.
const (
	MaxFile     = 10 << 20      // bytes of a file
	MaxObject   = 3 << 19       // bytes of one object as JSON: 1.5 MiB, what etcd takes
	MaxObjects  = 10_000        // objects, and documents, of a file
	MaxDepth    = 200           // maps and lists inside each other
	MaxExpanded = MaxFile       // bytes that the aliases of one document expand to
	maxLists    = 5             // Lists inside each other
	minSized    = MaxObject / 4 // a document of fewer bytes cannot be an object beyond MaxObject
)

// Parse reads the manifests of one file: YAML with any number of documents, or JSON. A value means what it means to
// kubectl (YAML 1.1: on, yes and y are booleans; 0644 is octal; 1.0 is the integer 1). A List gives its items. Documents
// that are empty, null or only comments are skipped; a file of only those gives no Object and no error.
//
// One error refuses the whole file, so that half a file is never applied. Errors are Faults with file, line and a code.
// Refused though kubectl takes it: a key that stands twice in one map, and a tag of other than YAML's core types.
func Parse(data []byte, file string) ([]Object, []Warning, error) {
	p := parser{file: file, data: data}
	if err := p.parse(); err != nil {
		return nil, nil, p.hint(err)
	}
	return p.objects, p.warnings, nil
}

type parser struct {
	file     string
	data     []byte
	objects  []Object
	warnings []Warning
	before   int // line of the document before; 0 for the first
}

func (p *parser) parse() error {
	text, err := checkText(p.data, p.file)
	if err != nil {
		return err
	}
	if looksJSON(text) {
		documents, err := jsonDocuments(text, p.file)
		if err == nil {
			return p.documents(documents)
		}
		if !syntax(err) || strings.HasSuffix(strings.ToLower(p.file), ".json") {
			return err
		}
		// A flow mapping, or a chart's template: YAML says what is wrong.
	}
	return p.documents(yamlDocuments(text, p.file))
}

func (p *parser) documents(next func() (*yaml.Node, error)) error {
	for count := 0; ; count++ {
		if count > MaxObjects {
			return beyond("TOO_MANY_OBJECTS", p.at(0), "the file has more than %d documents", MaxObjects)
		}
		root, err := next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		if err := p.document(root); err != nil {
			return err
		}
	}
}

func (p *parser) document(root *yaml.Node) error {
	b := builder{file: p.file, open: map[*yaml.Node]bool{}}
	v, err := b.value(root, 1)
	if err != nil {
		return err
	}
	p.warnings = append(p.warnings, b.warnings...)
	if v == nil {
		return nil
	}
	place := p.at(firstLine(root))
	fields, ok := v.(map[string]any)
	if !ok {
		return p.notAnObject(v, place)
	}
	p.before = place.Line
	if b.expanded > 0 || len(p.data) > minSized {
		if err := checkSize(fields, place); err != nil {
			return err
		}
	}
	return p.add(fields, root, place, 0)
}

// notAnObject also names the document before: a line "---" at column 1 of a block of text cuts it in two.
func (p *parser) notAnObject(v any, place fault.Place) error {
	f := invalid("NOT_AN_OBJECT", place, "a manifest is a map with apiVersion and kind, this document is %s", describe(v))
	if p.before > 0 {
		return f.WithNext("check the document before it, of line %d: a line \"---\" that is not indented ends it", p.before)
	}
	return f
}

// add keeps an object, or the items of a list of objects.
func (p *parser) add(fields map[string]any, node *yaml.Node, place fault.Place, lists int) error {
	o := Object{Fields: fields, Place: place}
	if o.APIVersion() == "" || o.Kind() == "" {
		return malformed(o)
	}
	items, isList := fields["items"].([]any)
	if o.Kind() == "List" || isList && strings.HasSuffix(o.Kind(), "List") {
		return p.addItems(o, items, node, lists)
	}
	if len(p.objects) == MaxObjects {
		return beyond("TOO_MANY_OBJECTS", place, "the file has more than %d objects", MaxObjects)
	}
	p.objects = append(p.objects, o)
	return nil
}

func (p *parser) addItems(list Object, items []any, node *yaml.Node, lists int) error {
	if lists == maxLists {
		return invalid("LIST_DEPTH", list.Place, "more than %d lists of objects lie inside each other", maxLists)
	}
	nodes := entries(child(node, "items"))
	for i, item := range items {
		place := list.Place
		var itemNode *yaml.Node
		if i < len(nodes) {
			itemNode = follow(nodes[i])
			place = p.at(firstLine(itemNode))
		}
		fields, ok := item.(map[string]any)
		if !ok {
			return invalid("NOT_AN_OBJECT", place, "item %d of the %s is %s, not an object", i+1, list.Kind(), describe(item))
		}
		if err := p.add(withListType(fields, list), itemNode, place, lists+1); err != nil {
			return err
		}
	}
	return nil
}

// withListType gives an item of a typed list (ConfigMapList) the type that it may leave out.
func withListType(item map[string]any, list Object) map[string]any {
	kind := strings.TrimSuffix(list.Kind(), "List")
	if kind == "" || item["kind"] != nil {
		return item
	}
	typed := make(map[string]any, len(item)+2)
	for k, v := range item {
		typed[k] = v
	}
	typed["kind"], typed["apiVersion"] = kind, list.APIVersion()
	return typed
}

func malformed(o Object) error {
	missing := "apiVersion and kind"
	switch {
	case o.APIVersion() != "":
		missing = "kind"
	case o.Kind() != "":
		missing = "apiVersion"
	}
	return invalid("OBJECT_MALFORMED", o.Place, "the manifest does not say its %s", missing).
		WithNext("add it, or exclude the file if it is not a Kubernetes manifest")
}

func (p *parser) at(line int) fault.Place { return fault.Place{File: p.file, Line: line} }

// hint adds the likely cause to an error that template text makes.
func (p *parser) hint(err error) error {
	var f *fault.Fault
	if !errors.As(err, &f) || f.Next != "" || !bytes.Contains(p.data, []byte("{{")) {
		return err
	}
	if f.Code != "YAML_SYNTAX" && f.Code != "YAML_KEY" {
		return err
	}
	return f.WithNext("the file holds template text ({{ … }}): it belongs into a chart's templates, or must be rendered first")
}

// yamlDocuments gives the documents one after another, then io.EOF.
func yamlDocuments(text []byte, file string) func() (*yaml.Node, error) {
	decoder := yaml.NewDecoder(bytes.NewReader(text))
	return func() (root *yaml.Node, err error) {
		defer func() {
			if r := recover(); r != nil { // the parser panics where it should give an error
				err = invalid("YAML_SYNTAX", fault.Place{File: file}, "not YAML: %v", r)
			}
		}()
		var document yaml.Node
		if err := decoder.Decode(&document); err != nil {
			if errors.Is(err, io.EOF) {
				return nil, io.EOF
			}
			return nil, syntaxFault(err, text, file)
		}
		if len(document.Content) != 1 {
			return &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!null"}, nil
		}
		return document.Content[0], nil
	}
}

var yamlLine = regexp.MustCompile(`^line (\d+): `)

// syntaxFault gives the parser's message the line where reading stopped.
func syntaxFault(err error, text []byte, file string) error {
	message := strings.TrimPrefix(err.Error(), "yaml: ")
	if strings.Contains(message, "exceeded max depth") {
		return beyond("YAML_DEPTH", fault.Place{File: file}, "more than %d maps and lists lie inside each other", MaxDepth)
	}
	line := 0
	if m := yamlLine.FindStringSubmatch(message); m != nil {
		line, _ = strconv.Atoi(m[1])
		message = message[len(m[0]):]
	}
	if strings.HasPrefix(message, "did not find expected") { // the parser names where the block began, not where it broke
		line = stopLine(text)
	}
	place := fault.Place{File: file, Line: line}
	if tab := tabLine(text, line); tab > 0 {
		place.Line, place.Column = tab, 1
		return invalid("YAML_SYNTAX", place, "not YAML: a tab is used to indent").WithNext("indent with spaces")
	}
	if strings.HasPrefix(message, "unknown anchor") {
		return invalid("YAML_SYNTAX", place, "%s", message)
	}
	return invalid("YAML_SYNTAX", place, "not YAML: %s", message)
}

// stopLine reads the text again, giving the parser line by line, and tells how many lines it took until it stopped.
func stopLine(text []byte) (line int) {
	defer func() { _ = recover() }()
	lines := &lineReader{rest: text}
	decoder := yaml.NewDecoder(lines)
	for {
		var document yaml.Node
		if decoder.Decode(&document) != nil {
			return lines.count
		}
	}
}

type lineReader struct {
	rest  []byte
	count int
}

func (r *lineReader) Read(b []byte) (int, error) {
	if len(r.rest) == 0 {
		return 0, io.EOF
	}
	end := bytes.IndexByte(r.rest, '\n') + 1
	if end == 0 {
		end = len(r.rest)
	}
	n := copy(b, r.rest[:end])
	if n == end {
		r.count++
	}
	r.rest = r.rest[n:]
	return n, nil
}

// tabLine finds a tab in the indentation of the line where reading stopped, or of the line after it.
func tabLine(text []byte, line int) int {
	for i, l := range bytes.Split(text, []byte("\n")) {
		if i+1 < line || len(bytes.TrimSpace(l)) == 0 {
			continue
		}
		if i > line {
			return 0
		}
		if indent := l[:len(l)-len(bytes.TrimLeft(l, " \t"))]; bytes.IndexByte(indent, '\t') >= 0 {
			return i + 1
		}
	}
	return 0
}

func syntax(err error) bool {
	var f *fault.Fault
	return errors.As(err, &f) && f.Code == "JSON_SYNTAX"
}

func describe(v any) string {
	switch v := v.(type) {
	case []any:
		return "a list"
	case map[string]any:
		return "a map"
	case string:
		return "text"
	case bool:
		return "a boolean"
	case nil:
		return "null"
	default:
		return fmt.Sprintf("the number %v", v)
	}
}

func checkSize(fields map[string]any, place fault.Place) error {
	if size := sizeOf(fields); size > MaxObject && !strings.HasSuffix(stringAt(fields, "kind"), "List") {
		return beyond("OBJECT_TOO_LARGE", place, "the object has %d bytes, more than the %d that an API server takes", size, MaxObject)
	}
	return nil
}

// sizeOf gives the bytes of a value as JSON, nearly: escapes count as one.
func sizeOf(v any) int {
	switch v := v.(type) {
	case map[string]any:
		n := 2
		for k, e := range v {
			n += len(k) + 4 + sizeOf(e)
		}
		return n
	case []any:
		n := 2
		for _, e := range v {
			n += 1 + sizeOf(e)
		}
		return n
	case string:
		return len(v) + 2
	}
	return 4
}
