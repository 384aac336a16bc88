package arch

import (
	"go/ast"
	"go/token"
	"net/url"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// foreign are words that have no place in the tree: hosts of package registries, and paths of somebody's machine.
// They are spelled so that this file does not hold them.
var foreign = regexp.MustCompile(strings.Join([]string{
	`proxy\.` + `golang\.org`, `sum\.` + `golang\.org`, `registry\.` + `npmjs\.org`, `deb\.` + `debian\.org`, `goproxy\.` + `\w+`,
	`/work` + `/(main|out|shared|\.)`, `/root` + `/`, `/home` + `/[a-z]+/(go|src|work)\b`,
}, "|"))

func TestTheTreeSpeaksOnlyOfItself(t *testing.T) {
	for _, name := range theTree(t).texts {
		for i, line := range strings.Split(text(t, name), "\n") {
			if found := foreign.FindString(line); found != "" {
				t.Errorf("%s:%d: %s does not belong here", name, i+1, found)
			}
		}
	}
}

var goDirective = regexp.MustCompile(`(?m)^(go|toolchain)\s+(\S+)`)

// Newer compilers are not everywhere: no module asks for one, or lets go fetch one.
func TestTheCompilerIsGo126(t *testing.T) {
	for _, name := range theTree(t).texts {
		if path.Base(name) != "go.mod" {
			continue
		}
		for _, match := range goDirective.FindAllStringSubmatch(text(t, name), -1) {
			if match[1] == "toolchain" || !strings.HasPrefix(match[2], "1.26") {
				t.Errorf("%s: %q; the compiler is Go 1.26", name, match[0])
			}
		}
	}
}

var link = regexp.MustCompile(`\]\(([^)\s]+)\)|(?:src|srcset|href)="([^"]+)"`)

func TestLinksLeadSomewhere(t *testing.T) {
	for _, name := range theTree(t).texts {
		if !strings.HasSuffix(name, ".md") || strings.Contains(name, "/testdata/") {
			continue
		}
		for _, match := range link.FindAllStringSubmatch(text(t, name), -1) {
			target, err := url.Parse(match[1] + match[2])
			if err != nil || target.Scheme != "" || target.Path == "" {
				continue
			}
			if _, err := os.Stat(filepath.Join(root, path.Dir(name), target.Path)); err != nil {
				t.Errorf("%s: the link %s leads nowhere", name, target)
			}
		}
	}
}

var testName = regexp.MustCompile("`((?:Test|Fuzz)[A-Za-z0-9]+)`")

// What is said to be proven is proven by a test that is there.
func TestPromisesNameTheirTests(t *testing.T) {
	there := map[string]bool{}
	for _, p := range theTree(t).sorted() {
		for _, s := range p.sources {
			for _, declaration := range s.ast.Decls {
				if f, ok := declaration.(*ast.FuncDecl); ok && f.Recv == nil {
					there[f.Name.Name] = true
				}
			}
		}
	}
	const page = "docs/design/promises.md"
	named := testName.FindAllStringSubmatch(text(t, page), -1)
	if len(named) == 0 {
		t.Errorf("%s names no test", page)
	}
	for _, match := range named {
		if !there[match[1]] {
			t.Errorf("%s: there is no %s", page, match[1])
		}
	}
}

// Every reason that the code can give is explained.
func TestReasonsAreExplained(t *testing.T) {
	docs := text(t, "docs/reference/reasons.md")
	for _, value := range constants(theTree(t).packages["internal/fault"], "Reason") {
		if !strings.Contains(docs, "`"+value+"`") {
			t.Errorf("docs/reference/reasons.md does not explain %s", value)
		}
	}
}

// constants gives the values of a package's string constants of a type.
func constants(p pkg, typ string) []string {
	var out []string
	for _, s := range p.sources {
		ast.Inspect(s.ast, func(n ast.Node) bool {
			spec, ok := n.(*ast.ValueSpec)
			if !ok || len(spec.Values) != 1 {
				return true
			}
			name, isName := spec.Type.(*ast.Ident)
			literal, isLiteral := spec.Values[0].(*ast.BasicLit)
			if isName && isLiteral && name.Name == typ && literal.Kind == token.STRING {
				value, _ := strconv.Unquote(literal.Value)
				out = append(out, value)
			}
			return true
		})
	}
	return out
}

// Every field that a resource or plumb.yaml has is in the reference.
func TestFieldsAreInTheReference(t *testing.T) {
	docs := text(t, "docs/reference/resources.md")
	word := func(s string) bool {
		return regexp.MustCompile(`(^|[^\w-])` + regexp.QuoteMeta(s) + `($|[^\w-])`).MatchString(docs)
	}
	for _, s := range theTree(t).packages["api/v1alpha1"].sources {
		ast.Inspect(s.ast, func(n ast.Node) bool {
			field, ok := n.(*ast.Field)
			if !ok || field.Tag == nil {
				return true
			}
			name := jsonName(field.Tag.Value)
			if name != "" && name != "items" && !word(name) {
				t.Errorf("%s: docs/reference/resources.md does not have the field %s", s.name, name)
			}
			return true
		})
	}
}

var jsonTag = regexp.MustCompile(`json:"([\w-]+)`)

func jsonName(tag string) string {
	match := jsonTag.FindStringSubmatch(tag)
	if match == nil || match[1] == "-" {
		return ""
	}
	return match[1]
}

// Every verb of the command has a heading in the reference.
func TestVerbsAreInTheReference(t *testing.T) {
	docs := text(t, "docs/reference/cli.md")
	for _, s := range theTree(t).packages["internal/cli"].sources {
		if s.test {
			continue
		}
		ast.Inspect(s.ast, func(n ast.Node) bool {
			pair, ok := n.(*ast.KeyValueExpr)
			if !ok {
				return true
			}
			key, isName := pair.Key.(*ast.Ident)
			use, isText := pair.Value.(*ast.BasicLit)
			if !isName || !isText || key.Name != "Use" {
				return true
			}
			line, _ := strconv.Unquote(use.Value)
			verb, _, _ := strings.Cut(line, " ")
			if verb != "plumb" && !strings.Contains(docs, "\n## "+verb+"\n") {
				t.Errorf("%s: docs/reference/cli.md has no chapter %q", s.name, verb)
			}
			return true
		})
	}
}

// Every flag of the command is in the reference.
func TestFlagsAreInTheReference(t *testing.T) {
	docs := text(t, "docs/reference/cli.md")
	for _, s := range theTree(t).packages["internal/cli"].sources {
		ast.Inspect(s.ast, func(n ast.Node) bool {
			call, ok := n.(*ast.CallExpr)
			if !ok || s.test || len(call.Args) < 4 {
				return true
			}
			method, isMethod := call.Fun.(*ast.SelectorExpr)
			name, isText := call.Args[1].(*ast.BasicLit)
			if !isMethod || !isText || !flagMethod.MatchString(method.Sel.Name) {
				return true
			}
			flag, _ := strconv.Unquote(name.Value)
			if flag != "output" && !regexp.MustCompile(`--`+regexp.QuoteMeta(flag)+`\b`).MatchString(docs) {
				t.Errorf("%s: docs/reference/cli.md does not have the flag --%s", s.name, flag)
			}
			return true
		})
	}
}

var flagMethod = regexp.MustCompile(`^[A-Z]\w*Var(P)?$`)
