package child

import (
	"errors"
	"fmt"
	"path"
	"regexp"
	"slices"
	"strings"

	"plumb.dev/plumb/internal/fault"
	"plumb.dev/plumb/internal/render"
)

// templatePlace is how upstream names a line of a template.
var templatePlace = regexp.MustCompile(`([\w.@+~-]+(?:/[\w.@+~-]+)+):(\d+)(?::(\d+))?`)

// explain gives an error of upstream its place in a template, and takes out of its words what may be secret: whole texts of
// tpl, and values whose keys say that they are.
func (h *helm) explain(err error) error {
	var known *fault.Fault
	if errors.As(err, &known) {
		return known
	}
	text := err.Error()
	places := templatePlace.FindAllStringSubmatch(text, -1)
	f := fault.New(fault.RenderFailed, "%s", h.message(text))
	if strings.Contains(text, "nested reference name") {
		f = f.WithCode(render.CodeCycle)
	}
	if len(places) == 0 {
		return f.At(h.at(chartName))
	}
	// The last place is where it went wrong, the first one is what a person reads as the cause if the last is a helper.
	at := places[len(places)-1]
	place := h.place(at[1])
	fmt.Sscan(at[2], &place.Line)
	if at[3] != "" {
		fmt.Sscan(at[3], &place.Column)
		place.Column++ // upstream counts from 0
	}
	f = f.At(place)
	if first := places[0]; first[1] != at[1] {
		f.Message += fmt.Sprintf(" (used in %s:%s)", path.Join(h.place(first[1]).File), first[2])
	}
	return f
}

// loadText is how upstream names the file of the chart that it cannot read.
var loadText = regexp.MustCompile(`^cannot load ([\w.]+): `)

// explainLoad gives an error of loading the place in the file that cannot be read.
func (h *helm) explainLoad(err error) error {
	if m := loadText.FindStringSubmatch(err.Error()); m != nil && h.names[m[1]] {
		return yamlFault(h.at(m[1]).File, h.data(m[1]))
	}
	return h.explain(err)
}

var (
	tplText    = regexp.MustCompile(`(?s)(error during tpl function execution for|cannot parse template) ".*?[^\\]": `)
	prefixes   = regexp.MustCompile(`^(parse error at|execution error at|execution error in|parse error in) \([^)]*\): `)
	executing  = regexp.MustCompile(`(?m)^\s*executing "[^"]*" at <(.*)>:$`)
	callChain  = regexp.MustCompile(`error calling (\w+): `)
	quotedText = regexp.MustCompile(`parsing "[^"]*"`)
)

// message gives the sentence of a template's error: the innermost one.
func (h *helm) message(text string) string {
	text = tplText.ReplaceAllString(text, "")
	text = quotedText.ReplaceAllString(text, "parsing a value")
	at := ""
	if m := executing.FindAllStringSubmatch(text, -1); m != nil {
		at = m[len(m)-1][1]
	}
	lines := strings.Split(strings.TrimSpace(text), "\n")
	sentence := strings.TrimSpace(lines[len(lines)-1])
	if at == "" {
		sentence = prefixes.ReplaceAllString(strings.TrimSpace(text), "")
	}
	if i := strings.LastIndex(sentence, ">: "); i >= 0 && strings.Contains(sentence, "executing ") {
		sentence = sentence[i+3:]
	}
	sentence = strings.TrimPrefix(callChain.ReplaceAllString(sentence, ""), "template: ")
	sentence = spaces.ReplaceAllString(h.withoutSecrets(sentence), " ")
	if at != "" && !strings.Contains(sentence, at) {
		sentence += ", at " + at
	}
	if len(sentence) > maxMessage {
		sentence = strings.ToValidUTF8(sentence[:maxMessage], "") + "…"
	}
	return sentence
}

// explainSchema shortens the verdict of a values schema: which chart, which value, why. Upstream's words may quote values.
func (h *helm) explainSchema(err error) error {
	lines := strings.Split(err.Error(), "\n")
	var verdicts []string
	for _, line := range lines {
		line = strings.TrimSpace(line)
		if strings.HasPrefix(line, "- ") {
			verdicts = append(verdicts, strings.TrimPrefix(line, "- "))
		}
	}
	if len(verdicts) == 0 {
		return h.explain(err)
	}
	text := h.withoutSecrets(strings.Join(verdicts[:min(3, len(verdicts))], "; "))
	if len(text) > maxMessage {
		text = strings.ToValidUTF8(text[:maxMessage], "") + "…"
	}
	return fault.New(fault.RenderFailed, "the values do not fit the chart's schema: %s", text).At(h.at("values.schema.json"))
}

// secretKey tells by its name whether a value may be secret.
var secretKey = regexp.MustCompile(`(?i)pass|secret|token|credential|private|apikey|api_key|accesskey|access_key|auth|cert|dsn|connection|\bkey$`)

// keepSecret collects the values that no message may repeat.
func (h *helm) keepSecret(v any, secret bool) {
	switch v := v.(type) {
	case map[string]any:
		for key, inner := range v {
			h.keepSecret(inner, secret || secretKey.MatchString(key))
		}
	case []any:
		for _, inner := range v {
			h.keepSecret(inner, secret)
		}
	case string:
		if secret && len(v) >= 3 {
			h.secret = append(h.secret, v)
		}
	default:
		// common.Values is a map of its own type
		if m, ok := asMap(v); ok {
			h.keepSecret(m, secret)
		}
	}
}

// withoutSecrets replaces the values that may be secret, the longest first.
func (h *helm) withoutSecrets(text string) string {
	slices.SortFunc(h.secret, func(a, b string) int { return len(b) - len(a) })
	for _, value := range h.secret {
		text = strings.ReplaceAll(text, value, "(hidden)")
	}
	return text
}
