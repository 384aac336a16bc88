package arch

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"testing"
)

const page = "ARCHITECTURE.md"

// row is a row of a table of the page, by the names of the columns, without the backquotes of a whole cell.
type row map[string]string

// table reads the first table below a heading of a Markdown text.
func table(markdown, heading string) []row {
	_, below, _ := strings.Cut("\n"+markdown, "\n## "+heading+"\n")
	var columns []string
	var rows []row
	for line := range strings.Lines(below) {
		line = strings.TrimSpace(line)
		switch {
		case strings.HasPrefix(line, "## "), !strings.HasPrefix(line, "|") && columns != nil:
			return rows
		case !strings.HasPrefix(line, "|") || strings.HasPrefix(line, "|--") || strings.HasPrefix(line, "|:-"):
		case columns == nil:
			columns = cells(line)
		default:
			r := row{}
			for i, cell := range cells(line) {
				if i < len(columns) {
					r[columns[i]] = cell
				}
			}
			rows = append(rows, r)
		}
	}
	return rows
}

func cells(line string) []string {
	var out []string
	for cell := range strings.SplitSeq(strings.Trim(line, "|"), "|") {
		out = append(out, strings.TrimSpace(cell))
	}
	return out
}

var quoted = regexp.MustCompile("`([^`]+)`")

// names gives what stands in backquotes in a cell.
func names(cell string) []string {
	var out []string
	for _, match := range quoted.FindAllStringSubmatch(cell, -1) {
		out = append(out, match[1])
	}
	return out
}

// room is a package of the table of layers, with its subpackages.
type room struct {
	dir, layer  string
	layerRank   int
	rank        int                 // from left to right through the whole table
	leftToRight bool                // inside its layer it may import what is on its left
	also        map[string]struct{} // else these of its layer
}

// layers reads the table of layers.
func layers(t *testing.T) []room {
	t.Helper()
	var out []room
	for rank, r := range table(text(t, page), "Layers") {
		inside := r["Inside the layer"]
		edges := map[string]map[string]struct{}{}
		for edge := range strings.SplitSeq(inside, ",") {
			from, to, ok := strings.Cut(strings.ReplaceAll(edge, "`", ""), "→")
			if !ok {
				continue
			}
			from, to = strings.TrimSpace(from), strings.TrimSpace(to)
			if edges[to] == nil {
				edges[to] = map[string]struct{}{}
			}
			edges[to][from] = struct{}{}
		}
		for _, dir := range names(r["Packages, left to right"]) {
			base := dir[strings.LastIndex(dir, "/")+1:]
			out = append(out, room{
				dir: dir, layer: r["Layer"], layerRank: rank, rank: len(out),
				leftToRight: inside == "left to right", also: edges[base],
			})
		}
	}
	if len(out) == 0 {
		t.Fatalf("%s has no table of layers", page)
	}
	return out
}

// roomOf finds the room that a directory belongs to.
func roomOf(rooms []room, dir string) (room, bool) {
	for _, r := range rooms {
		if dir == r.dir || strings.HasPrefix(dir, r.dir+"/") {
			return r, true
		}
	}
	return room{}, false
}

// mayImport gives "" or why not.
func mayImport(from, to room) string {
	base := to.dir[strings.LastIndex(to.dir, "/")+1:]
	_, allowed := from.also[base]
	switch {
	case from.dir == to.dir, from.layerRank > to.layerRank:
		return ""
	case from.layerRank < to.layerRank:
		return fmt.Sprintf("%s may not know %s", from.layer, to.layer)
	case allowed, from.leftToRight && from.rank > to.rank:
		return ""
	case from.leftToRight:
		return "it stands to its right"
	}
	return fmt.Sprintf("%s import each other only as the table says", from.layer)
}

// outsideLayers are directories whose packages are tools or only tests: no layer knows them, and they may know everything.
var outsideLayers = []string{"internal/arch", "scripts", "dev"}

func isOutside(dir string) bool {
	return slices.ContainsFunc(outsideLayers, func(o string) bool { return dir == o || strings.HasPrefix(dir, o+"/") })
}

func TestLayers(t *testing.T) {
	rooms, tr := layers(t), theTree(t)
	for _, r := range rooms {
		if !slices.ContainsFunc(tr.sorted(), func(p pkg) bool { return p.dir == r.dir || strings.HasPrefix(p.dir, r.dir+"/") }) {
			t.Errorf("%s names %s, which is not there", page, r.dir)
		}
	}
	for _, p := range tr.sorted() {
		if isOutside(p.dir) {
			continue
		}
		from, ok := roomOf(rooms, p.dir)
		if !ok {
			t.Errorf("%s: no layer of %s has it", p.dir, page)
			continue
		}
		if p.onlyTests() {
			continue
		}
		for imported, file := range p.imports() {
			dir, own := strings.CutPrefix(imported, module+"/")
			if !own {
				continue
			}
			to, ok := roomOf(rooms, dir)
			if !ok || isOutside(dir) {
				t.Errorf("%s imports %s, which no layer has", file, dir)
			} else if why := mayImport(from, to); why != "" {
				t.Errorf("%s imports %s: %s", file, dir, why)
			}
		}
	}
}

// impure are imports that do I/O, wait, log or end; a package of words or of thought has none of them.
var impure = []string{
	"os", "os/exec", "os/signal", "net", "net/http", "syscall", "log", "log/slog", "context", "database/sql", "math/rand", "math/rand/v2",
	"crypto/rand", "golang.org/x/sys", "k8s.io/client-go", "sigs.k8s.io/controller-runtime", "helm.sh/helm", "sigs.k8s.io/kustomize/api",
}

// pureEnough are imports that look impure and are not, by package and import, each with the reason.
var pureEnough = map[[2]string]string{
	{"internal/redact", "log/slog"}: "a secret says what stands for it in a log (slog.LogValuer); nothing is logged",
	{"internal/redact", "net/url"}:  "how an address writes a password; nothing is asked",
}

// clock are the functions of package time that look at the clock or wait.
var clock = []string{"Now", "Since", "Until", "Sleep", "After", "AfterFunc", "Tick", "NewTimer", "NewTicker"}

func TestThoughtIsPure(t *testing.T) {
	rooms, tr := layers(t), theTree(t)
	for _, p := range tr.sorted() {
		r, ok := roomOf(rooms, p.dir)
		if !ok || r.layer != "words" && r.layer != "thought" || p.onlyTests() {
			continue
		}
		for imported, file := range p.imports() {
			_, argued := pureEnough[[2]string{p.dir, imported}]
			if !argued && slices.ContainsFunc(impure, func(i string) bool { return within(imported, i) }) {
				t.Errorf("%s imports %s: %s does no I/O and has no clock, log or context", file, imported, r.layer)
			}
		}
		for _, s := range p.sources {
			if s.test {
				continue
			}
			for _, function := range clock {
				for _, line := range calls(tr, s, "time", function) {
					t.Errorf("%s:%d calls time.%s: the time is a parameter", s.name, line, function)
				}
			}
		}
	}
}

// within tells whether an import path is a path or lies below it; helm.sh/helm is above helm.sh/helm/v4/pkg.
func within(imported, border string) bool {
	return imported == border || strings.HasPrefix(imported, border+"/")
}

func TestBorders(t *testing.T) {
	tr := theTree(t)
	rows := table(text(t, page), "Borders")
	if len(rows) == 0 {
		t.Fatalf("%s has no table of borders", page)
	}
	for _, r := range rows {
		allowed := names(r["Only in"])
		for _, p := range tr.sorted() {
			if isOutside(p.dir) || p.onlyTests() || p.dir == "internal/deps" ||
				slices.ContainsFunc(allowed, func(a string) bool { return within(p.dir, a) }) {
				continue
			}
			for imported, file := range p.imports() {
				for _, border := range names(r["Import"]) {
					if within(imported, border) {
						t.Errorf("%s imports %s: only %s may; %s", file, imported, strings.Join(allowed, ", "), r["Why"])
					}
				}
			}
		}
	}
}

func TestWalls(t *testing.T) {
	tr := theTree(t)
	rows := table(text(t, page), "Walls")
	if len(rows) == 0 {
		t.Fatalf("%s has no table of walls", page)
	}
	for _, r := range rows {
		for _, from := range names(r["Package"]) {
			for _, to := range names(r["Never reaches"]) {
				if way := tr.way(from, to, map[string]bool{}); way != nil {
					t.Errorf("%s reaches %s by %s: %s", from, to, strings.Join(way, " → "), r["Why"])
				}
			}
		}
	}
}

// way gives a chain of imports from one directory to a directory or a foreign import path; nil if there is none.
func (tr tree) way(from, to string, seen map[string]bool) []string {
	if seen[from] {
		return nil
	}
	seen[from] = true
	for _, imported := range slices.Sorted(maps.Keys(tr.packages[from].imports())) {
		dir, own := strings.CutPrefix(imported, module+"/")
		if within(dir, to) {
			return []string{from, dir}
		}
		if !own {
			continue
		}
		if rest := tr.way(dir, to, seen); rest != nil {
			return append([]string{from}, rest...)
		}
	}
	return nil
}

// The playground's binary is cached by the hash of its own sources (scripts/playground): it must be built from nothing else.
func TestThePlaygroundIsBuiltFromItsOwnSources(t *testing.T) {
	for _, p := range theTree(t).sorted() {
		if !within(p.dir, "dev/playground") && !within(p.dir, "dev/cmd/plumb-playground") {
			continue
		}
		for imported, file := range p.imports() {
			if dir, own := strings.CutPrefix(imported, module+"/"); own && !within(dir, "dev/playground") {
				t.Errorf("%s imports %s: the hash of the cached binary does not cover it", file, imported)
			}
		}
	}
}
