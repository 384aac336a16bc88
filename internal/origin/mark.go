package origin

import (
	"encoding/json"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"plumb.dev/plumb/api/v1alpha1"
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

// markAs gives a candidate the i-th of the marks that are set at once: a number for digits, else letters behind the text.
func (c *candidate) markAs(i int) {
	if digits.MatchString(c.text) {
		c.mark = strconv.Itoa(firstNumber + i)
		c.sign = c.mark
		return
	}
	c.sign = before + strconv.Itoa(i) + after
	c.mark = c.text + c.sign
}

// markAlone gives a candidate a mark that no other is set beside: a number or a truth that a schema would rather accept.
func (c *candidate) markAlone() {
	switch n, err := strconv.Atoi(c.text); {
	case c.boolean:
		c.mark = strconv.FormatBool(c.text != "true")
	case err == nil && digits.MatchString(c.text):
		c.mark = strconv.Itoa(n + 1)
	default:
		c.markAs(0)
		return
	}
	c.sign = c.mark
}

// unmarked takes marks out of a name.
func unmarked(s string) string { return inWord.ReplaceAllString(s, "") }

// hasWord tells whether a text has the sign of a mark, not as a part of another number.
func hasWord(text, sign string) bool {
	for from := 0; ; {
		i := strings.Index(text[from:], sign)
		if i < 0 {
			return false
		}
		start, end := from+i, from+i+len(sign)
		numeric := digits.MatchString(sign)
		if !numeric || (start == 0 || text[start-1] < '0' || text[start-1] > '9') && (end == len(text) || text[end] < '0' || text[end] > '9') {
			return true
		}
		from = start + 1
	}
}

// arrived tells whether the mark of a candidate has come into a value, both as JSON. A truth has no mark of its own: where the value
// is more than that, it is enough that it has changed.
func (c *candidate) arrived(before, after string) bool {
	if c.boolean && before != "true" && before != "false" {
		return before != after
	}
	return hasWord(after, c.sign) && !hasWord(before, c.sign)
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
