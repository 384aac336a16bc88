package origin

import (
	"bytes"
	"slices"
	"strings"
	"unicode/utf8"
)

// written joins keys and positions as people write them.
func written(at []string) string {
	return strings.ReplaceAll(strings.Join(at, "."), ".[", "[")
}

func firstLine(text string) (line string, before int) {
	for line := range strings.Lines(text) {
		if trimmed := strings.TrimSpace(line); trimmed != "" {
			return trimmed, before
		}
		before++
	}
	return "", 0
}

// offset gives the byte of a file at which a line and column begin; columns are counted in characters, from 1.
func (c *collector) offset(file, line, column int) int {
	lines, data := c.docs[file].lines, c.question.Files[file].Data
	if line < 1 || line > len(lines) {
		return len(data)
	}
	at := lines[line-1]
	for i := 1; i < column && at < len(data) && data[at] != '\n'; i++ {
		_, size := utf8.DecodeRune(data[at:])
		at += size
	}
	return at
}

// find gives where a text stands in a line, from a byte on; -1 if it does not.
func (c *collector) find(file, line, from int, text string) int {
	data := c.question.Files[file].Data
	end := c.offset(file, line+1, 1)
	if from > end || text == "" {
		return -1
	}
	i := bytes.Index(data[from:end], []byte(text))
	if i < 0 {
		return -1
	}
	return from + i
}

func (c *collector) lineOf(file, at int) int {
	i, ok := slices.BinarySearch(c.docs[file].lines, at)
	if ok {
		return i + 1
	}
	return i
}
