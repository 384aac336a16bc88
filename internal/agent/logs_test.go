package agent

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"
)

func timeAt(text string) time.Time {
	at, _ := time.Parse(time.RFC3339, text)
	return at
}

// One word means one thing in every line of the log: the fields are those of the page.
func TestLogFieldsAreDocumented(t *testing.T) {
	page, err := os.ReadFile("../../docs/reference/logs.md")
	if err != nil {
		t.Fatal(err)
	}
	_, table, found := strings.Cut(string(page), "| Field | Meaning |")
	if !found {
		t.Fatal("the page has no table of fields")
	}
	known, used := map[string]bool{}, map[string]bool{}
	for line := range strings.Lines(table) {
		first, _, _ := strings.Cut(strings.TrimPrefix(line, "|"), "|")
		for _, m := range regexp.MustCompile("`([a-z]+)`").FindAllStringSubmatch(first, -1) {
			known[m[1]] = true
		}
	}
	for _, field := range loggedFields(t) {
		used[field] = true
		if !known[field] {
			t.Errorf("the field %q is not on the page", field)
		}
	}
	for field := range known {
		if !used[field] {
			t.Errorf("nobody logs the field %q of the page", field)
		}
	}
}

// loggedFields reads the names of fields from the calls of the log in this package and in those that log for it.
func loggedFields(t *testing.T) []string {
	t.Helper()
	var files []string
	for _, folder := range []string{".", "../herald", "../review", "../people", "../repos"} {
		found, err := filepath.Glob(folder + "/*.go")
		if err != nil {
			t.Fatal(err)
		}
		files = append(files, found...)
	}
	skip := map[string]int{"Info": 1, "Warn": 1, "Error": 1, "Debug": 1, "With": 0, "Log": 3}
	var fields []string
	for _, file := range files {
		parsed, err := parser.ParseFile(token.NewFileSet(), file, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(parsed, func(n ast.Node) bool {
			call, ok := n.(*ast.CallExpr)
			if !ok {
				return true
			}
			method, ok := call.Fun.(*ast.SelectorExpr)
			if !ok {
				return true
			}
			on, ok := method.X.(*ast.SelectorExpr)
			first, logs := skip[method.Sel.Name]
			if !ok || !logs || on.Sel.Name != "log" {
				return true
			}
			for i := first; i < len(call.Args); i += 2 {
				if literal, ok := call.Args[i].(*ast.BasicLit); ok {
					field, _ := strconv.Unquote(literal.Value)
					fields = append(fields, field)
				}
			}
			return true
		})
	}
	return fields
}
