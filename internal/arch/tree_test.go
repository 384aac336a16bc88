package arch

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
)

// module is the import path of the root module; the directory of a package is its import path without it.
const module = "plumb.dev/plumb"

// root is where the tree begins, seen from this package.
const root = "../.."

// source is one Go file.
type source struct {
	name    string // path from the root of the tree
	test    bool
	ast     *ast.File
	imports map[string]string // import path → the name it is used by
}

// pkg is one directory of Go files. External tests (package x_test) belong to it.
type pkg struct {
	dir     string // from the root of the tree, for example internal/plan
	name    string
	doc     string
	sources []source
}

// imports gives what the package imports outside its tests, each with the file that does.
func (p pkg) imports() map[string]string {
	out := map[string]string{}
	for _, s := range p.sources {
		for imported := range s.imports {
			if !s.test {
				out[imported] = s.name
			}
		}
	}
	return out
}

// onlyTests tells whether the package is there for tests: nothing in it, or a helper named for what it helps to test.
func (p pkg) onlyTests() bool {
	return strings.HasSuffix(p.name, "test") || !slices.ContainsFunc(p.sources, func(s source) bool { return !s.test })
}

// tree is everything that is read, once for all tests of this package.
type tree struct {
	files    *token.FileSet
	packages map[string]pkg // by directory
	texts    []string       // all files of the tree that hold text, from its root
}

var read = sync.OnceValues(readTree)

func theTree(t *testing.T) tree {
	t.Helper()
	tr, err := read()
	if err != nil {
		t.Fatal(err)
	}
	return tr
}

// leftOut are directories that are no part of the tree.
var leftOut = []string{".git", "bin", "out", "node_modules"}

// noText are the ends of names of files that hold no text.
var noText = []string{".test", ".out", ".png", ".gz", ".tgz", ".ico"}

func readTree() (tree, error) {
	tr := tree{files: token.NewFileSet(), packages: map[string]pkg{}}
	err := filepath.WalkDir(root, func(name string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		switch leave := slices.Contains(leftOut, entry.Name()); {
		case leave && entry.IsDir():
			return fs.SkipDir
		case leave || entry.IsDir():
			return nil // in a second work tree .git is a file
		}
		rel := filepath.ToSlash(strings.TrimPrefix(name, root+"/"))
		if entry.Type().IsRegular() && !slices.Contains(noText, path.Ext(rel)) {
			tr.texts = append(tr.texts, rel)
		}
		if strings.HasSuffix(rel, ".go") && !strings.Contains(rel, "/testdata/") {
			return tr.add(rel)
		}
		return nil
	})
	return tr, err
}

func (tr tree) add(name string) error {
	file, err := parser.ParseFile(tr.files, filepath.Join(root, name), nil, parser.ParseComments|parser.SkipObjectResolution)
	if err != nil {
		return err
	}
	dir := path.Dir(name)
	p := tr.packages[dir]
	p.dir = dir
	s := source{name: name, test: strings.HasSuffix(name, "_test.go"), ast: file, imports: map[string]string{}}
	if p.name == "" || !s.test {
		p.name = strings.TrimSuffix(file.Name.Name, "_test")
	}
	if file.Doc != nil && !s.test {
		p.doc += file.Doc.Text()
	}
	for _, spec := range file.Imports {
		imported, err := strconv.Unquote(spec.Path.Value)
		if err != nil {
			return err
		}
		s.imports[imported] = path.Base(imported)
		if spec.Name != nil {
			s.imports[imported] = spec.Name.Name
		}
	}
	p.sources = append(p.sources, s)
	tr.packages[dir] = p
	return nil
}

// generated tells whether a file was written by a program.
func (s source) generated() bool { return ast.IsGenerated(s.ast) }

// sorted gives the packages in the order of their directories.
func (tr tree) sorted() []pkg {
	var out []pkg
	for _, p := range tr.packages {
		out = append(out, p)
	}
	slices.SortFunc(out, func(a, b pkg) int { return strings.Compare(a.dir, b.dir) })
	return out
}

// text reads a file of the tree.
func text(t *testing.T, name string) string {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(root, name))
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}
