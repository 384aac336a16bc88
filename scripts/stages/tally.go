package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
)

// counts is what became of a set of tests. A test with subtests is not counted beside them.
type counts struct {
	Passed  int      `json:"passed"`
	Failed  int      `json:"failed"`
	Skipped int      `json:"skipped"`
	Names   []string `json:"names"` // of the failed ones
	Why     []string `json:"why"`   // the first words of each failed test: its name, the place in the test, what it found
}

// event is a line of go test -json (go doc test2json).
type event struct {
	Action, Package, ImportPath, Test, Output string
	Elapsed                                   float64
}

// book is what is known of one package.
type book struct {
	verdict map[string]string   // by test: pass, fail, skip
	output  map[string][]string // by test, "" for the package itself
	order   []string            // tests, as they ended
}

// tally copies to out what a person wants to see of the events in r, writes the counts below dir if there is one, and gives
// the exit code: 1 if a test failed or none ran.
func tally(name string, r io.Reader, out io.Writer, dir string) int {
	total, err := follow(r, out)
	if err != nil {
		fmt.Fprintf(out, "%s: the events cannot be read: %v\n", name, err)
		total.Failed++
	}
	fmt.Fprintf(out, "%s: %s\n", name, total)
	if dir != "" {
		text, _ := json.Marshal(total)
		if err := os.WriteFile(filepath.Join(dir, name), text, 0o600); err != nil {
			fmt.Fprintln(out, err)
			return 1
		}
	}
	if total.Passed+total.Failed == 0 {
		fmt.Fprintf(out, "%s: no test was run\n", name)
		return 1
	}
	return min(total.Failed, 1)
}

func follow(r io.Reader, out io.Writer) (counts, error) {
	var total counts
	packages := map[string]*book{}
	lines := bufio.NewReader(r)
	for {
		line, err := lines.ReadBytes('\n')
		var e event
		switch {
		case len(line) == 0:
		case bytes.HasPrefix(line, []byte("{")) && json.Unmarshal(line, &e) == nil:
			total.take(e, packages, out)
		default:
			out.Write(line)
		}
		if err == io.EOF {
			return total, nil
		}
		if err != nil {
			return total, err
		}
	}
}

// take handles one event; when a package has ended, it prints and counts it.
func (c *counts) take(e event, packages map[string]*book, out io.Writer) {
	if e.Action == "build-output" {
		fmt.Fprint(out, e.Output)
		return
	}
	b := packages[e.Package]
	if b == nil {
		b = &book{verdict: map[string]string{}, output: map[string][]string{}}
		packages[e.Package] = b
	}
	switch e.Action {
	case "output":
		b.output[e.Test] = append(b.output[e.Test], e.Output)
	case "pass", "fail", "skip":
		if e.Test != "" {
			b.verdict[e.Test] = e.Action
			b.order = append(b.order, e.Test)
			return
		}
		delete(packages, e.Package)
		c.close(e, b, out)
	}
}

// close counts a package that has ended and prints its line, before it the output of what failed, below it what was skipped.
func (c *counts) close(e event, b *book, out io.Writer) {
	var own counts
	for _, test := range b.order {
		switch verdict := b.verdict[test]; {
		case b.hasWorse(test, verdict):
		case verdict == "pass":
			own.Passed++
		case verdict == "skip":
			own.Skipped++
		default:
			own.Failed++
			own.Names = append(own.Names, test)
			own.Why = append(own.Why, test+b.firstWords(test))
			fmt.Fprint(out, strings.Join(b.output[test], ""))
		}
	}
	if e.Action == "fail" && own.Failed == 0 { // it did not build, or it died outside a test
		own.Failed, own.Names = 1, []string{e.Package}
		for _, test := range append(b.unfinished(), "") {
			fmt.Fprint(out, strings.Join(b.output[test], ""))
		}
	}
	if own.Passed+own.Failed+own.Skipped > 0 {
		fmt.Fprintf(out, "%-4s  %-45s %6.1fs  %s\n", e.Action, e.Package, e.Elapsed, own)
	}
	for _, test := range b.order {
		if b.verdict[test] == "skip" {
			fmt.Fprintf(out, "        skipped: %s%s\n", test, b.lastWords(test))
		}
	}
	c.Passed, c.Failed, c.Skipped = c.Passed+own.Passed, c.Failed+own.Failed, c.Skipped+own.Skipped
	c.Names, c.Why = append(c.Names, own.Names...), append(c.Why, own.Why...)
}

// hasWorse tells whether a test is spoken for by its subtests: it has some, and did not fail beside them.
func (b *book) hasWorse(test, verdict string) bool {
	return slices.ContainsFunc(b.order, func(other string) bool {
		return strings.HasPrefix(other, test+"/") && (verdict != "fail" || b.verdict[other] == "fail")
	})
}

// unfinished gives the tests that wrote something and never ended.
func (b *book) unfinished() []string {
	var out []string
	for test := range b.output {
		if test != "" && b.verdict[test] == "" {
			out = append(out, test)
		}
	}
	slices.Sort(out)
	return out
}

// place begins what a test says: the file and line that says it.
var place = regexp.MustCompile(`^\s+\w+_test\.go:\d+: `)

// firstWords gives the first place where a failed test said something, with the line below it.
func (b *book) firstWords(test string) string {
	for i, line := range b.output[test] {
		if !place.MatchString(line) {
			continue
		}
		words := ": " + strings.TrimSpace(line)
		if i+1 < len(b.output[test]) && strings.HasPrefix(b.output[test][i+1], "        ") {
			words += " " + strings.TrimSpace(b.output[test][i+1])
		}
		return words
	}
	return ""
}

// lastWords gives what a skipped test said, on one line.
func (b *book) lastWords(test string) string {
	for _, line := range slices.Backward(b.output[test]) {
		line = strings.TrimSpace(line)
		if line != "" && !strings.HasPrefix(line, "---") && !strings.HasPrefix(line, "===") {
			return ": " + line
		}
	}
	return ""
}

// String gives "12 passed, 1 failed", and the skipped ones if there are any.
func (c counts) String() string {
	s := fmt.Sprintf("%d passed, %d failed", c.Passed, c.Failed)
	if c.Skipped > 0 {
		s += fmt.Sprintf(", %d skipped", c.Skipped)
	}
	return s
}
