package report

import (
	"strings"
	"unicode"
)

// Clean makes text of others harmless on a terminal and fit for one line: control characters, line breaks and marks that
// turn the direction of writing become spaces, runs of spaces become one.
func Clean(text string) string {
	text = strings.Map(func(r rune) rune {
		if unicode.IsControl(r) || unicode.Is(unicode.Cf, r) || unicode.Is(unicode.Zl, r) || unicode.Is(unicode.Zp, r) {
			return ' '
		}
		return r
	}, text)
	return strings.Join(strings.Fields(text), " ")
}

// wide tells the blocks whose characters take two columns (Unicode Standard Annex 11, W and F, by whole blocks).
func wide(r rune) bool {
	switch {
	case r < 0x1100:
		return false
	case r <= 0x115F, r >= 0x2E80 && r <= 0xA4CF, r >= 0xAC00 && r <= 0xD7A3, r >= 0xF900 && r <= 0xFAFF,
		r >= 0xFE30 && r <= 0xFE6F, r >= 0xFF00 && r <= 0xFF60, r >= 0xFFE0 && r <= 0xFFE6,
		r >= 0x1F300 && r <= 0x1F64F, r >= 0x1F900 && r <= 0x1F9FF, r >= 0x20000 && r <= 0x3FFFD:
		return true
	}
	return false
}

func columnsOf(r rune) int {
	switch {
	case unicode.In(r, unicode.Mn, unicode.Me):
		return 0
	case wide(r):
		return 2
	}
	return 1
}

// textWidth gives the columns that text takes on a terminal; colour codes of our own take none.
func textWidth(text string) int {
	n, escape := 0, false
	for _, r := range text {
		switch {
		case r == '\x1b':
			escape = true
		case escape:
			escape = r != 'm'
		default:
			n += columnsOf(r)
		}
	}
	return n
}

// pad fills text with spaces up to n columns.
func pad(text string, n int) string {
	if missing := n - textWidth(text); missing > 0 {
		return text + strings.Repeat(" ", missing)
	}
	return text
}

// cut shortens plain text to n columns, with a sign that something is missing. n ≤ 0 cuts nothing.
func (s Style) cut(text string, n int) string {
	if n <= 0 || textWidth(text) <= n {
		return text
	}
	sign := "…"
	if s.ASCII {
		sign = "..."
	}
	room, used := n-textWidth(sign), 0
	for i, r := range text {
		if used += columnsOf(r); used > room {
			return strings.TrimRight(text[:i], " ") + sign
		}
	}
	return text
}

// wrap breaks plain text at spaces so that each line, with the indent before it, fits the width. A word that is longer
// than a line stays whole: people copy words.
func (s Style) wrap(text string, indent int) []string {
	room := s.Width - indent
	if s.Width <= 0 || room < 20 {
		return []string{text}
	}
	var lines []string
	line := ""
	for _, word := range strings.Fields(text) {
		switch {
		case line == "":
			line = word
		case textWidth(line)+1+textWidth(word) <= room:
			line += " " + word
		default:
			lines = append(lines, line)
			line = word
		}
	}
	return append(lines, line)
}

// plural gives "1 app" or "3 apps".
func plural(n int, one string) string {
	if n == 1 {
		return "1 " + one
	}
	return decimal(n) + " " + one + "s"
}

func short(revision string) string {
	if len(revision) > 7 {
		return revision[:7]
	}
	return revision
}

// Plain takes our own colour codes out of a line.
func Plain(line string) string {
	var b strings.Builder
	escape := false
	for _, r := range line {
		switch {
		case r == '\x1b':
			escape = true
		case escape:
			escape = r != 'm'
		default:
			b.WriteRune(r)
		}
	}
	return b.String()
}
