package origin

import (
	"encoding/json"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"plumb.dev/plumb/api/v1alpha1"
	"plumb.dev/plumb/internal/object"
)

// Marks are told from all else: a number that nobody writes, or letters behind the text.
const (
	firstNumber = 7_310_000
	before      = "zq"
	after       = "qz"
)

var (
	digits   = regexp.MustCompile(`^[0-9]+$`)
	inWord   = regexp.MustCompile(before + `[0-9]+` + after)
	wordByte = func(c byte) bool {
		return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '_'
	}
)

// batchMark gives what the i-th text is replaced by when many are.
func batchMark(text string, i int) string {
	if digits.MatchString(text) {
		return strconv.Itoa(firstNumber + i)
	}
	return text + before + strconv.Itoa(i) + after
}

// aloneMark gives what a text is replaced by when no other is: a number or a truth that a schema would rather accept.
func aloneMark(c *candidate) string {
	if c.boolean {
		return strconv.FormatBool(c.text != "true")
	}
	if n, err := strconv.Atoi(c.text); err == nil && digits.MatchString(c.text) {
		return strconv.Itoa(n + 1)
	}
	return batchMark(c.text, 0)
}

// unmarked takes marks out of a name.
func unmarked(s string) string { return inWord.ReplaceAllString(s, "") }

// hasWord tells whether a text has a mark that is not a part of another number.
func hasWord(text, mark string) bool {
	for from := 0; ; {
		i := strings.Index(text[from:], mark)
		if i < 0 {
			return false
		}
		start, end := from+i, from+i+len(mark)
		numeric := digits.MatchString(mark)
		if !numeric || (start == 0 || text[start-1] < '0' || text[start-1] > '9') && (end == len(text) || text[end] < '0' || text[end] > '9') {
			return true
		}
		from = start + 1
	}
}

// changed gives the question's files and settings with marks instead of texts.
func (q Question) changed(marked []*candidate) (Change, bool) {
	out := Change{Files: map[string][]byte{}}
	byFile := map[int][]*candidate{}
	settings := map[string]any{}
	for _, c := range marked {
		if c.setting == nil {
			byFile[c.file] = append(byFile[c.file], c)
			continue
		}
		if len(settings) == 0 {
			settings = q.settings()
		}
		put(settings, c.setting, c.mark)
	}
	for file, all := range byFile {
		out.Files[q.Files[file].Path] = replaced(q.Files[file].Data, all)
	}
	if len(settings) == 0 {
		return out, true
	}
	data, err := json.Marshal(settings)
	if err != nil {
		return Change{}, false
	}
	var both struct {
		Helm      *v1alpha1.HelmSettings
		Kustomize *v1alpha1.KustomizeSettings
	}
	if json.Unmarshal(data, &both) != nil {
		return Change{}, false
	}
	out.Helm, out.Kustomize = both.Helm, both.Kustomize
	return out, true
}

// replaced writes marks over the texts of candidates.
func replaced(data []byte, all []*candidate) []byte {
	slices.SortFunc(all, func(a, b *candidate) int { return a.start - b.start })
	var out []byte
	at := 0
	for _, c := range all {
		if c.start < at {
			continue // it lies in one that is marked already
		}
		out = append(append(out, data[at:c.start]...), c.mark...)
		at = c.start + len(c.text)
	}
	return append(out, data[at:]...)
}

// settings gives the settings as JSON, without what names files.
func (q Question) settings() map[string]any {
	out := map[string]any{}
	if q.Helm != nil {
		out["helm"] = q.Helm
	}
	if q.Kustomize != nil {
		out["kustomize"] = q.Kustomize
	}
	data, err := json.Marshal(out)
	if err != nil {
		return nil
	}
	var plain map[string]any
	if json.Unmarshal(data, &plain) != nil {
		return nil
	}
	return plain
}

// put replaces a scalar of settings, and leaves it what it was: a number, a truth or a text.
func put(in any, at []any, mark string) {
	for len(at) > 1 {
		in, at = step(in, at[0]), at[1:]
	}
	var value any = mark
	switch step(in, at[0]).(type) {
	case float64:
		if n, err := strconv.ParseFloat(mark, 64); err == nil {
			value = n
		}
	case bool:
		value = mark == "true"
	}
	switch in := in.(type) {
	case map[string]any:
		in[at[0].(string)] = value
	case []any:
		in[at[0].(int)] = value
	}
}

func step(in, at any) any {
	switch in := in.(type) {
	case map[string]any:
		key, _ := at.(string)
		return in[key]
	case []any:
		if i, ok := at.(int); ok && i < len(in) {
			return in[i]
		}
	}
	return nil
}

// needles gives the texts that a value may have been written as: of a scalar itself, of a text of several lines the one that differs,
// of a map or list those of its leaves.
func needles(git, live any) []string {
	var out []string
	var walk func(v any)
	walk = func(v any) {
		if len(out) >= leavesAtMost {
			return
		}
		switch v := v.(type) {
		case map[string]any:
			for _, key := range sortedKeys(v) {
				walk(v[key])
			}
		case []any:
			for _, item := range v {
				walk(item)
			}
		case string:
			if v != "" {
				out = append(out, v)
			}
		case nil:
		default:
			out = append(out, object.Text(v))
		}
	}
	walk(git)
	if text, ok := git.(string); ok && strings.Contains(text, "\n") {
		out = append(out, linesThatDiffer(text, object.Text(live))...)
	}
	return out
}

// leavesAtMost is how many scalars of a map or list are looked for.
const leavesAtMost = 30

func sortedKeys(m map[string]any) []string {
	keys := make([]string, 0, len(m))
	for key := range m {
		keys = append(keys, key)
	}
	slices.Sort(keys)
	return keys
}

// linesThatDiffer gives the first line of a text that another lacks, and the value that it may set.
func linesThatDiffer(git, live string) []string {
	lines := strings.Split(git, "\n")
	line := strings.TrimSpace(lines[firstDifference(git, live)])
	if line == "" {
		return nil
	}
	out := []string{line}
	if i := strings.IndexAny(line, ":="); i > 0 {
		if value := strings.Trim(line[i+1:], " \t\"'=,;"); value != "" {
			out = append(out, value)
		}
	}
	return out
}
