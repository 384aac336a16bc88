package origin

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"go.yaml.in/yaml/v3"

	"plumb.dev/plumb/internal/fault"
)

// candidate is a text that a field may come from: in a file, or a scalar of the settings.
type candidate struct {
	fields   []int // of the question, that it may be of
	place    fault.Place
	file     int // in Question.Files
	start    int // byte of the file at which the text begins
	text     string
	says     string
	setting  []any // where in the settings, instead of in a file
	whole    bool  // the text is the first line of a value of several
	boolean  bool
	identity bool   // marking it renames things: what refers to them may not find them any more
	likely   bool   // its key is like that of the field
	mark     string // what is written instead of the text
	sign     string // the part of the mark that is nowhere else
}

// rank orders candidates, the likeliest highest.
func (c *candidate) rank() int {
	rank := 0
	if c.likely {
		rank += 2
	}
	if !c.identity {
		rank++
	}
	return rank
}

// spot is where a candidate stands: one is found for several fields.
type spot struct {
	file, start int
	setting     string
}

// collector finds the candidates of a question.
type collector struct {
	question Question
	docs     []parsed // of the files, read once
	plain    map[string]any
	all      []*candidate
	seen     map[spot]*candidate

	field int
	want  wanted
	count int
}

// parsed is a file as YAML, if it is that, and as lines.
type parsed struct {
	roots []*yaml.Node
	yaml  bool
	lines []int // where lines begin
}

const (
	fileAtMost  = 1 << 20 // bytes of a file that is looked at
	deepest     = 60      // maps and lists inside each other
	blockAtMost = 64 << 10
)

// collect finds the candidates of one field.
func (c *collector) collect(field int, w wanted) {
	c.field, c.want, c.count = field, w, 0
	if len(w.needles) == 0 {
		return
	}
	if c.docs == nil {
		for _, f := range c.question.Files {
			c.docs = append(c.docs, parse(f.Data))
		}
		c.plain = c.question.settings()
	}
	c.settings(c.plain, nil)
	for i, f := range c.question.Files {
		d := c.docs[i]
		if len(f.Data) > fileAtMost || !utf8.Valid(f.Data) {
			continue
		}
		for _, root := range d.roots {
			c.node(i, root, nil, block{}, 0)
		}
		c.wholeFile(i)
		if !d.yaml || bytes.Contains(f.Data, []byte("{{")) {
			c.text(i)
		}
	}
}

// parse reads a file as YAML. One that is not, or that is one text to YAML, gives no roots.
func parse(data []byte) parsed {
	p := parsed{lines: []int{0}}
	for i, b := range data {
		if b == '\n' {
			p.lines = append(p.lines, i+1)
		}
	}
	if len(data) > fileAtMost {
		return p
	}
	decoder := yaml.NewDecoder(bytes.NewReader(data))
	for {
		var n yaml.Node
		err := decoder.Decode(&n)
		if errors.Is(err, io.EOF) {
			p.yaml = len(p.roots) > 0
			return p
		}
		if err != nil {
			p.roots = nil
			return p
		}
		if n.Kind == yaml.DocumentNode && len(n.Content) == 1 && n.Content[0].Kind == yaml.ScalarNode && n.Content[0].Value != "" {
			p.roots = nil
			return p
		}
		p.roots = append(p.roots, &n)
	}
}

// block is YAML that stands as text inside YAML: how far its lines and columns are from those of the file.
type block struct{ lines, indent int }

func (c *collector) node(file int, n *yaml.Node, at []string, b block, depth int) {
	if depth > deepest {
		return
	}
	switch n.Kind {
	case yaml.DocumentNode:
		for _, item := range n.Content {
			c.node(file, item, at, b, depth+1)
		}
	case yaml.SequenceNode:
		for i, item := range n.Content {
			c.node(file, item, append(slices.Clip(at), "["+strconv.Itoa(i)+"]"), b, depth+1)
		}
	case yaml.MappingNode:
		for i := 0; i+1 < len(n.Content); i += 2 {
			c.node(file, n.Content[i+1], append(slices.Clip(at), n.Content[i].Value), b, depth+1)
		}
	case yaml.ScalarNode:
		c.scalar(file, n, at, b, depth)
	}
}

// scalar takes a scalar that may be of the field: it says it, is a part of it, or has it inside.
func (c *collector) scalar(file int, n *yaml.Node, at []string, b block, depth int) {
	literal := n.Style&(yaml.LiteralStyle|yaml.FoldedStyle) != 0
	if literal {
		c.literal(file, n, at, b, depth)
		return
	}
	text := n.Value
	from := c.offset(file, n.Line+b.lines, n.Column+b.indent)
	if key, value, ok := strings.Cut(text, "="); ok && !c.matches(text) {
		text, from = value, from+len(key)+1 // an entry of a generator's literals
	}
	if !c.matches(text) {
		return
	}
	start := c.find(file, n.Line+b.lines, from, text)
	if start < 0 {
		return
	}
	c.add(&candidate{
		place: fault.Place{File: c.question.Files[file].Path, Line: n.Line + b.lines, Column: n.Column + b.indent},
		file:  file, start: start, text: text, says: written(at), identity: identity(at), likely: c.likely(last(at)),
		boolean: n.Tag == "!!bool",
	})
}

// literal takes a text of several lines: all of it is the value, or it is YAML in which the value stands, as a patch is.
func (c *collector) literal(file int, n *yaml.Node, at []string, b block, depth int) {
	if strings.TrimSpace(n.Value) == "" {
		return
	}
	first, line := firstLine(n.Value)
	lineOfFile := n.Line + b.lines + 1 + line
	start := c.find(file, lineOfFile, c.offset(file, lineOfFile, 1), first)
	if start < 0 {
		return
	}
	if slices.Contains(c.want.needles, n.Value) {
		c.add(&candidate{
			place: fault.Place{File: c.question.Files[file].Path, Line: lineOfFile - line},
			file:  file, start: start, text: first, says: written(at), whole: true, likely: c.likely(last(at)),
		})
		return
	}
	if len(n.Value) > blockAtMost {
		return
	}
	inner := parse([]byte(n.Value))
	indent := start - c.offset(file, lineOfFile, 1) - (len(first) - len(strings.TrimLeft(first, " ")))
	if inner.yaml && n.Style&yaml.LiteralStyle != 0 && b == (block{}) {
		for _, root := range inner.roots {
			if root.Kind == yaml.DocumentNode && len(root.Content) == 1 && root.Content[0].Kind != yaml.ScalarNode {
				c.node(file, root, at, block{lines: n.Line, indent: indent}, depth+1)
			}
		}
	}
	from := c.offset(file, lineOfFile, 1)
	for _, needle := range c.want.needles {
		c.occurrences(file, needle, from, c.endOfBlock(file, lineOfFile), written(at))
	}
}

// endOfBlock gives the byte at which a block of text ends that has its first line at line: where something stands less far in.
func (c *collector) endOfBlock(file, line int) int {
	data := c.question.Files[file].Data
	indent := -1
	for ; line <= len(c.docs[file].lines); line++ {
		text := data[c.offset(file, line, 1):c.offset(file, line+1, 1)]
		in := len(text) - len(bytes.TrimLeft(text, " "))
		switch {
		case len(bytes.TrimSpace(text)) == 0:
		case indent < 0:
			indent = in
		case in < indent:
			return c.offset(file, line, 1)
		}
	}
	return len(data)
}

// wholeFile takes a file of which all is the value, as those of a generator are.
func (c *collector) wholeFile(file int) {
	f := c.question.Files[file]
	text := strings.TrimRight(string(f.Data), "\n")
	if text == "" || !slices.ContainsFunc(c.want.needles, func(s string) bool { return strings.TrimRight(s, "\n") == text }) {
		return
	}
	first, line := firstLine(text)
	start := c.find(file, line+1, c.offset(file, line+1, 1), first)
	if start < 0 {
		return
	}
	c.add(&candidate{place: fault.Place{File: f.Path, Line: 1}, file: file, start: start, text: first, whole: true, likely: c.likely(path.Base(f.Path))})
}

// text takes what stands in a text that is no YAML, as a template is.
func (c *collector) text(file int) {
	for _, needle := range c.want.needles {
		c.occurrences(file, needle, 0, len(c.question.Files[file].Data), "")
	}
}

// occurrences takes each place between two bytes of a file where a text stands by itself.
func (c *collector) occurrences(file int, needle string, from, to int, says string) {
	if len(needle) < 2 && !digits.MatchString(needle) || strings.Contains(needle, "\n") {
		return
	}
	data := c.question.Files[file].Data
	for from < to && c.count < candidatesAtMost {
		i := bytes.Index(data[from:to], []byte(needle))
		if i < 0 {
			return
		}
		start, end := from+i, from+i+len(needle)
		from = start + 1
		if start > 0 && wordByte(data[start-1]) && wordByte(needle[0]) || end < len(data) && wordByte(data[end]) && wordByte(needle[len(needle)-1]) {
			continue
		}
		line := c.lineOf(file, start)
		c.add(&candidate{
			place: fault.Place{File: c.question.Files[file].Path, Line: line, Column: start - c.offset(file, line, 1) + 1},
			file:  file, start: start, text: needle, says: says, likely: c.likely(keyBefore(data, start)),
			boolean: needle == "true" || needle == "false",
		})
	}
}

var keyOfLine = regexp.MustCompile(`([\w.-]+)["']?\s*[:=][^\n]*$`)

// keyBefore gives the key of the line in which something stands.
func keyBefore(data []byte, start int) string {
	line := data[bytes.LastIndexByte(data[:start], '\n')+1 : start]
	if m := keyOfLine.FindSubmatch(line); m != nil {
		return string(m[1])
	}
	return ""
}

func (c *collector) add(found *candidate) {
	key := spot{found.file, found.start, ""}
	if found.setting != nil {
		key = spot{-1, 0, fmt.Sprint(found.setting)}
	}
	if known := c.seen[key]; known != nil {
		if !slices.Contains(known.fields, c.field) {
			known.fields = append(known.fields, c.field)
		}
		known.likely = known.likely || found.likely
		return
	}
	if c.count >= candidatesAtMost {
		return
	}
	c.count++
	found.fields = []int{c.field}
	c.seen[key] = found
	c.all = append(c.all, found)
}

// matches tells whether a text is the field's value or a part of it: an image is a name and a tag.
func (c *collector) matches(text string) bool {
	if text == "" || strings.Contains(text, "\n") {
		return false
	}
	return slices.ContainsFunc(c.want.needles, func(needle string) bool {
		return needle == text || len(text) > 1 && text != "true" && text != "false" && strings.Contains(needle, text)
	})
}

// likely tells whether a key is like that of the field.
func (c *collector) likely(key string) bool {
	if len(c.want.Path) == 0 || key == "" {
		return false
	}
	own, ok := c.want.Path[len(c.want.Path)-1].Key()
	if !ok {
		return false
	}
	own, key = strings.ToLower(own), strings.ToLower(key)
	return strings.Contains(key, own) || strings.Contains(own, key) || slices.Contains(alike[own], key)
}

// alike has what some fields are called in values and kustomizations.
var alike = map[string][]string{
	"image":    {"tag", "newtag", "newname", "digest", "repository", "registry", "version", "appversion"},
	"replicas": {"count", "replicacount"},
}

// identity tells whether a scalar names something that others refer to, or that a kustomization looks for.
func identity(at []string) bool {
	switch last(at) {
	case "name", "kind", "apiVersion":
		return true
	case "namespace":
		return len(at) > 1 // that of a kustomization only says where all of it goes
	}
	if len(at) > 0 && len(at) <= 2 && slices.Contains([]string{"resources", "bases", "components", "crds", "patchesStrategicMerge"}, at[0]) {
		return true
	}
	return slices.ContainsFunc(at, func(key string) bool {
		return slices.Contains([]string{"matchLabels", "selector", "target", "fieldPaths"}, key)
	})
}

func last(keys []string) string {
	if len(keys) == 0 {
		return ""
	}
	return keys[len(keys)-1]
}
