package arch

import (
	"fmt"
	"go/ast"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// The budgets of CONTRIBUTING.md. What is over the aim is reported (go test -v), what is over the end fails.
var (
	functionLines      = budget{what: "lines", aim: 60, end: 100}
	functionParameters = budget{what: "parameters", aim: 5, end: 6}
	interfaceMethods   = budget{what: "methods", aim: 3, end: 5}
)

type budget struct {
	what     string
	aim, end int
}

// emptyNames say nothing about what is inside.
var emptyNames = []string{"util", "utils", "common", "helper", "helpers", "manager", "core", "base", "types", "misc", "shared"}

// sleeps are the files that may call time.Sleep, each with the reason: everywhere else a condition is waited for. In a bubble
// of testing/synctest time is made, not waited for: files that import it are free. So is a test that looks at a condition
// again and again: a sleep inside "for condition { … }".
var sleeps = map[string]string{
	"internal/render/sandbox/locktest/main.go": "it sleeps to be twenty threads at once: that the lock lets threads start is the test",
}

func TestPackages(t *testing.T) {
	for _, p := range theTree(t).sorted() {
		if slices.Contains(emptyNames, p.name) {
			t.Errorf("%s: package %s does not say what is inside", p.dir, p.name)
		}
		if allTests(p) {
			continue
		}
		if n, want := sentences(p.doc), wantSentences(p); n < want {
			t.Errorf("%s: its package comment has %d sentences: say what it does, what it never does, and where to start reading", p.dir, n)
		}
	}
}

// wantSentences gives how long a package comment has to be; that of a command may leave the rest to its help.
func wantSentences(p pkg) int {
	if p.name == "main" {
		return 1
	}
	return 3
}

func allTests(p pkg) bool {
	return !slices.ContainsFunc(p.sources, func(s source) bool { return !s.test })
}

var sentenceEnd = regexp.MustCompile(`[.!?]["')]*(\s|$)`)

func sentences(doc string) int { return len(sentenceEnd.FindAllString(doc, -1)) }

func TestFunctions(t *testing.T) {
	tr := theTree(t)
	for _, p := range tr.sorted() {
		for _, s := range p.sources {
			if s.generated() {
				continue
			}
			for _, declaration := range s.ast.Decls {
				f, ok := declaration.(*ast.FuncDecl)
				if !ok || f.Body == nil {
					continue
				}
				first, last := tr.files.Position(f.Pos()).Line, tr.files.Position(f.End()).Line
				where := fmt.Sprintf("%s:%d: %s", s.name, first, f.Name.Name)
				lines := last - first + 1
				if s.test {
					lines -= dataLines(tr, f)
				}
				functionLines.check(t, where, lines)
				functionParameters.check(t, where, f.Type.Params.NumFields())
			}
		}
	}
}

// dataLines counts the lines of the composite literals of a test: tables of cases are data.
func dataLines(tr tree, f *ast.FuncDecl) int {
	lines := 0
	ast.Inspect(f, func(n ast.Node) bool {
		literal, ok := n.(*ast.CompositeLit)
		if ok {
			lines += tr.files.Position(literal.End()).Line - tr.files.Position(literal.Pos()).Line
		}
		return !ok
	})
	return lines
}

func TestInterfaces(t *testing.T) {
	tr := theTree(t)
	for _, p := range tr.sorted() {
		for _, s := range p.sources {
			ast.Inspect(s.ast, func(n ast.Node) bool {
				spec, ok := n.(*ast.TypeSpec)
				if !ok {
					return true
				}
				if i, ok := spec.Type.(*ast.InterfaceType); ok {
					where := fmt.Sprintf("%s:%d: %s", s.name, tr.files.Position(spec.Pos()).Line, spec.Name.Name)
					interfaceMethods.check(t, where, i.Methods.NumFields())
				}
				return true
			})
		}
	}
}

func (b budget) check(t *testing.T, where string, n int) {
	t.Helper()
	switch {
	case n > b.end:
		t.Errorf("%s has %d %s; %d is the end", where, n, b.what, b.end)
	case n > b.aim:
		t.Logf("%s has %d %s; %d is the aim", where, n, b.what, b.aim)
	}
}

func TestNobodySleeps(t *testing.T) {
	tr := theTree(t)
	used := map[string]bool{}
	for _, p := range tr.sorted() {
		for _, s := range p.sources {
			if s.imports["testing/synctest"] != "" {
				continue
			}
			polls := pollingLines(tr, s)
			for _, line := range calls(tr, s, "time", "Sleep") {
				used[s.name] = true
				if sleeps[s.name] == "" && !(s.test && polls[line]) {
					t.Errorf("%s:%d sleeps: wait for the condition", s.name, line)
				}
			}
		}
	}
	for name := range sleeps {
		if !used[name] {
			t.Errorf("%s does not sleep any more: take it off the list", name)
		}
	}
}

// pollingLines gives the lines inside of loops with a condition.
func pollingLines(tr tree, s source) map[int]bool {
	lines := map[int]bool{}
	ast.Inspect(s.ast, func(n ast.Node) bool {
		loop, ok := n.(*ast.ForStmt)
		if !ok || loop.Cond == nil {
			return true
		}
		for line := tr.files.Position(loop.Pos()).Line; line <= tr.files.Position(loop.End()).Line; line++ {
			lines[line] = true
		}
		return true
	})
	return lines
}

// calls gives the lines where a file uses a function of an imported package.
func calls(tr tree, s source, imported, function string) []int {
	name := s.imports[imported]
	if name == "" {
		return nil
	}
	var lines []int
	ast.Inspect(s.ast, func(n ast.Node) bool {
		selector, ok := n.(*ast.SelectorExpr)
		if !ok || selector.Sel.Name != function {
			return true
		}
		if x, ok := selector.X.(*ast.Ident); ok && x.Name == name {
			lines = append(lines, tr.files.Position(n.Pos()).Line)
		}
		return true
	})
	return lines
}

func TestSentences(t *testing.T) {
	cases := map[string]int{
		"":                  0,
		"Package a does.\n": 1,
		"Package a does x (see b.go). It never does y.\n\nStart at Z.\n": 3,
	}
	for doc, want := range cases {
		if got := sentences(doc); got != want {
			t.Errorf("sentences(%q) = %d, want %d", strings.TrimSpace(doc), got, want)
		}
	}
}

// The stages that run tests by their names (Makefile, apart) look for them in certain modules: elsewhere nobody would run them.
func TestNamesBelongToStages(t *testing.T) {
	inRoot, inDev := regexp.MustCompile(`^Test(Script|Corpus|Gitea)`), regexp.MustCompile(`^Test(Corpus|Upstream|Browser|Gitea)`)
	apart := regexp.MustCompile(`^Test(Script|Corpus|Upstream|Browser|Gitea)`)
	for _, p := range theTree(t).sorted() {
		looked := inRoot
		if within(p.dir, "dev") {
			looked = inDev
		}
		for _, s := range p.sources {
			for _, declaration := range s.ast.Decls {
				f, ok := declaration.(*ast.FuncDecl)
				if ok && f.Recv == nil && apart.MatchString(f.Name.Name) && !looked.MatchString(f.Name.Name) {
					t.Errorf("%s: no stage runs %s here", s.name, f.Name.Name)
				}
			}
		}
	}
}
