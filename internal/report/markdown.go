package report

import (
	"html"
	"regexp"
	"strings"
)

// Whatever others wrote stands in a comment as code: there forges look for no mention, no reference to an issue, no command
// (GitLab's quick actions) and no HTML, and a code span or block ends where its own fence ends and nowhere else
// (CommonMark 0.31.2, 4.5 and 6.1).

// The longest names and lines that are shown, in bytes.
const (
	longName = 200
	longLine = 400
)

// code writes a text as a code span on one line.
func code(text string) string { return span(cut(Clean(text), longName)) }

// span writes one line as a code span.
func span(text string) string {
	if text == "" {
		return ""
	}
	fence := strings.Repeat("`", longestRun(text)+1)
	if text[0] == '`' || text[len(text)-1] == '`' {
		text = " " + text + " "
	}
	return fence + text + fence
}

// longestRun gives the length of the longest run of backticks.
func longestRun(text string) int {
	longest, run := 0, 0
	for _, r := range text {
		if r != '`' {
			run = 0
			continue
		}
		run++
		longest = max(longest, run)
	}
	return longest
}

// inCell makes text fit for a cell of a table, which a bar would end, in code spans too (GFM, Tables).
func inCell(text string) string { return strings.ReplaceAll(text, "|", `\|`) }

// plainWord is a word that means nothing to a forge: no mention, reference, address, command, emphasis or HTML. harmful are
// those that would fit and do mean something: an address that begins with www, an issue as GH-1.
var (
	plainWord = regexp.MustCompile(`^\(?[A-Za-z0-9]+([.,/'-][A-Za-z0-9]+)*\)?[.,:;]?$`)
	harmful   = regexp.MustCompile(`(?i)www\.|[a-z]-[0-9]`)
)

// prose writes a sentence: as it is if it is made of plain words, else as code.
func prose(text string) string {
	text = cut(Clean(text), longLine)
	for _, word := range strings.Split(text, " ") {
		if !plainWord.MatchString(word) || harmful.MatchString(word) {
			return span(text)
		}
	}
	return text
}

// block writes lines as a block of code of a language. What is over n bytes is left out from the end, and said.
func block(language string, lines []string, n int) string {
	var b strings.Builder
	longest, left := 2, 0
	for _, line := range lines {
		line = cut(line, longLine)
		if left > 0 || b.Len()+len(line) > n {
			left++
			continue
		}
		longest = max(longest, longestRun(line))
		b.WriteString(line + "\n")
	}
	if left > 0 {
		b.WriteString("# " + plural(left, "more line") + "\n")
	}
	fence := strings.Repeat("`", longest+1)
	return fence + language + "\n" + b.String() + fence + "\n"
}

// fold writes a part that is closed until somebody opens it. The summary is HTML.
func fold(summary, body string) string {
	return "<details><summary>" + summary + "</summary>\n\n" + body + "\n</details>\n"
}

// htmlCode writes names as code in HTML.
func htmlCode(text string) string {
	return "<code>" + html.EscapeString(cut(Clean(text), longName)) + "</code>"
}
