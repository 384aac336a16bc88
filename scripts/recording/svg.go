package main

import (
	"bytes"
	"fmt"
	"html"
	"regexp"
	"strings"
	"time"
	"unicode/utf8"
)

// Measures of the picture, in pixels of the SVG.
const (
	row         = 18 // of characters of 13 pixels, 7.8 wide
	margin, top = 16, 40
	columns     = 118            // longer lines go on below
	width       = 2*margin + 920 // of the columns
	longest     = 1500 * time.Millisecond
	typing      = 350 * time.Millisecond // between a command and its first line
)

const head = `<svg xmlns="http://www.w3.org/2000/svg" width="%[1]d" height="%[2]d" viewBox="0 0 %[1]d %[2]d" role="img" aria-label="A terminal: plumb up, a commit, a crash that is explained, a deletion that is held">
<style>
  .frame { fill: #ffffff; stroke: #d0d7de } .dot { fill: #d0d7de }
  text { font: 13px ui-monospace, SFMono-Regular, Menlo, Consolas, "DejaVu Sans Mono", monospace; fill: #24292f; white-space: pre }
  .b { font-weight: 600 } .d { fill: #6e7781 } .r { fill: #cf222e } .g { fill: #1a7f37 } .y { fill: #9a6700 } .u { fill: #0969da } .m { fill: #8250df } .c { fill: #1b7c83 }
  @media (prefers-color-scheme: dark) {
    .frame { fill: #0d1117; stroke: #30363d } .dot { fill: #30363d } text { fill: #e6edf3 }
    .d { fill: #8d96a0 } .r { fill: #ff7b72 } .g { fill: #3fb950 } .y { fill: #d29922 } .u { fill: #58a6ff } .m { fill: #bc8cff } .c { fill: #39c5cf }
  }
  @media (prefers-reduced-motion: no-preference) { .l { animation: show 1ms backwards } }
  @keyframes show { from { opacity: 0 } }
</style>
<rect class="frame" x="0.5" y="0.5" width="%[3]d" height="%[4]d" rx="8"/>
<circle class="dot" cx="20" cy="19" r="5"/><circle class="dot" cx="38" cy="19" r="5"/><circle class="dot" cx="56" cy="19" r="5"/>
`

// draw gives the SVG. Each line appears when it did, with pauses cut to the longest that a reader bears.
func draw(lines []line) []byte {
	lines = wrap(lines)
	height := top + margin + row*len(lines)
	var b bytes.Buffer
	fmt.Fprintf(&b, head, width, height, width-1, height-1)
	var shown, before time.Duration
	for i, l := range lines {
		pause := min(l.at-before, longest)
		if i > 0 && isPrompt(lines[i-1].text) {
			pause = max(pause, typing)
		}
		if isPrompt(l.text) && i > 0 {
			pause = longest
		}
		shown, before = shown+pause, l.at
		if strings.TrimSpace(l.text) == "" {
			continue
		}
		fmt.Fprintf(&b, `<text class="l" style="animation-delay: %dms" x="%d" y="%d" xml:space="preserve">%s</text>`+"\n",
			shown.Milliseconds(), margin, top+row*i+8, spans(l.text))
	}
	b.WriteString("</svg>\n")
	return b.Bytes()
}

// wrap breaks long lines as a terminal does. Lines with escape sequences are laid out by plumb and fit.
func wrap(lines []line) []line {
	var out []line
	for _, l := range lines {
		runes := []rune(l.text)
		for len(runes) > columns && !strings.Contains(l.text, "\x1b") {
			out = append(out, line{at: l.at, text: string(runes[:columns])})
			runes = runes[columns:]
		}
		out = append(out, line{at: l.at, text: string(runes)})
	}
	return out
}

func isPrompt(text string) bool {
	return strings.HasPrefix(text, "$ ") || strings.Contains(text, "repo $ ")
}

var sgr = regexp.MustCompile("\x1b\\[([0-9;]*)m|\x1b\\][^\x07\x1b]*(?:\x07|\x1b\\\\)")

// classes are the looks of SGR codes; a code that is not here changes nothing.
var classes = map[string]string{
	"1": "b", "2": "d", "31": "r", "32": "g", "33": "y", "34": "u", "35": "m", "36": "c", "90": "d",
	"91": "r", "92": "g", "93": "y", "94": "u", "95": "m", "96": "c",
}

// spans turns a line with escape sequences into the inside of a text element.
func spans(text string) string {
	var b strings.Builder
	var class []string
	room := columns
	put := func(part string) {
		if utf8.RuneCountInString(part) > room {
			part = string([]rune(part)[:room])
		}
		room -= utf8.RuneCountInString(part)
		switch {
		case part == "":
		case len(class) == 0:
			b.WriteString(html.EscapeString(part))
		default:
			fmt.Fprintf(&b, `<tspan class="%s">%s</tspan>`, strings.Join(class, " "), html.EscapeString(part))
		}
	}
	if isPrompt(text) {
		class = []string{"b"}
	}
	rest := text
	for {
		at := sgr.FindStringSubmatchIndex(rest)
		if at == nil {
			put(rest)
			return b.String()
		}
		put(rest[:at[0]])
		if at[2] >= 0 {
			class = look(class, rest[at[2]:at[3]])
		}
		rest = rest[at[1]:]
	}
}

func look(class []string, codes string) []string {
	for code := range strings.SplitSeq(codes, ";") {
		switch {
		case code == "" || code == "0":
			class = nil
		case classes[code] != "":
			class = append(class, classes[code])
		}
	}
	return class
}
