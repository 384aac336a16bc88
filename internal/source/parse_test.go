package source

import (
	"errors"
	"io/fs"
	"slices"
	"strings"
	"testing"

	"plumb.dev/plumb/internal/fault"
)

const rawID = "\x01\x02\x03\x04\x05\x06\x07\x08\x09\x0a\x0b\x0c\x0d\x0e\x0f\x10\x11\x12\x13\x14"

func TestParseTree(t *testing.T) {
	for _, test := range []struct {
		content string
		want    string // names in order, or "" for refused
		reason  string
	}{
		{"100644 b\x00" + rawID + "40000 a\x00" + rawID, "a b", "entries come back sorted by name"},
		{"40000 a\x00" + rawID + "100644 a.yaml\x00" + rawID + "040000 b\x00" + rawID, "a a.yaml b", "git's own order, and an old mode with a zero"},
		{"100664 a\x00" + rawID, "a", "an old mode of files"},
		{"120000 l\x00" + rawID + "160000 s\x00" + rawID, "l s", "symlink and submodule"},
		{"100644 .gitignore\x00" + rawID + "100644 ..x\x00" + rawID, "..x .gitignore", "names that only look special"},
		{"100644 ..\x00" + rawID, "", "the folder above"},
		{"100644 .\x00" + rawID, "", "the folder itself"},
		{"40000 .git\x00" + rawID, "", "git's own folder"},
		{"40000 .GiT\x00" + rawID, "", "the same where case does not matter"},
		{"100644 a/b\x00" + rawID, "", "a slash"},
		{"100644 \x00" + rawID, "", "no name"},
		{"100644 a\x00" + rawID + "100644 a\x00" + rawID, "", "one name twice"},
		{"100644 a\x00" + rawID + "40000 a\x00" + rawID, "", "a file and a folder of one name"},
		{"100000 a\x00" + rawID, "", "an unknown mode"},
		{"100648 a\x00" + rawID, "", "a mode that is not octal"},
		{"00000000100644 a\x00" + rawID, "", "a long mode"},
		{"100644 a\x00" + rawID[:19], "", "cut short"},
		{"100644 a", "", "cut shorter"},
		{"100644", "", "a mode alone"},
		{" a\x00" + rawID, "", "no mode"},
	} {
		nodes, err := parseTree([]byte(test.content))
		var names []string
		for _, n := range nodes {
			names = append(names, n.name)
		}
		if got := strings.Join(names, " "); got != test.want || (err == nil) != (test.want != "") {
			t.Errorf("%s: %q (%v), want %q", test.reason, got, err, test.want)
		}
	}
	if nodes, err := parseTree(nil); err != nil || len(nodes) != 0 {
		t.Errorf("the empty tree: %v (%v)", nodes, err)
	}
}

// FuzzParseTree: whatever the bytes, what comes back can be listed and found, and cannot lead anywhere else.
func FuzzParseTree(f *testing.F) {
	f.Add([]byte("100644 b\x00" + rawID + "40000 a\x00" + rawID))
	f.Add([]byte("120000 ..\x00" + rawID))
	f.Fuzz(func(t *testing.T, content []byte) {
		nodes, err := parseTree(content)
		if err != nil {
			return
		}
		if !slices.IsSortedFunc(nodes, func(a, b node) int { return strings.Compare(a.name, b.name) }) {
			t.Error("not sorted")
		}
		for _, n := range nodes {
			if n.name == "" || n.name == "." || n.name == ".." || strings.ContainsAny(n.name, "/\x00") || !commitID.MatchString(n.id) {
				t.Errorf("an entry is %+v", n)
			}
			if found, ok := find(nodes, n.name); !ok || found != n {
				t.Errorf("%q is not found", n.name)
			}
		}
	})
}

func TestCleanPath(t *testing.T) {
	for _, test := range []struct{ written, want, reason string }{
		{"", ".", "nothing is the root"}, {".", ".", "the root"}, {"./", ".", "the root"},
		{"./apps//cart/", "apps/cart", "one spelling"}, {"apps/../x", "x", "up, but inside"}, {"a/b/../..", ".", "up to the root"},
		{"...", "...", "a name"}, {"a b/ü", "a b/ü", "any letters"},
		{"..", "", "out"}, {"../x", "", "out"}, {"a/../../a", "", "out and in again"}, {"/etc", "", "absolute"}, {"//x", "", "absolute"},
		{"a\x00b", "", "a NUL"}, {`a\..\b`, "", "another system's separator"},
	} {
		got, err := CleanPath(test.written)
		if got != test.want || (err == nil) != (test.want != "") || err != nil && !fault.Is(err, fault.PathEscape) {
			t.Errorf("%q gives %q (%v), want %q: %s", test.written, got, err, test.want, test.reason)
		}
	}
}

// FuzzCleanPath: a clean path is valid for package fs, stays as it is, and has no way up.
func FuzzCleanPath(f *testing.F) {
	for _, seed := range []string{"a/../b", "./../x", "a//b/", "\xff/..", "..."} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, written string) {
		got, err := CleanPath(written)
		if err != nil {
			return
		}
		again, err := CleanPath(got)
		if err != nil || again != got {
			t.Errorf("%q becomes %q becomes %q (%v)", written, got, again, err)
		}
		if !fs.ValidPath(strings.ToValidUTF8(got, "x")) || slices.Contains(strings.Split(got, "/"), "..") {
			t.Errorf("%q becomes %q", written, got)
		}
	})
}

func TestParseCommit(t *testing.T) {
	tree := "tree " + strings.Repeat("a", 40) + "\n"
	for _, test := range []struct {
		content string
		want    Commit
		reason  string
	}{
		{tree + "author A <a@x> 1700000000 +0100\ncommitter C <c@x> 1700000001 +0000\n\nS\n\nB\n", Commit{Author: Person{"A", "a@x"}, Subject: "S", Body: "B"}, "the usual"},
		{tree + "author A <a@x> 1 +0000\nauthor Evil <e@x> 1 +0000\n\nS", Commit{Author: Person{"A", "a@x"}, Subject: "S"}, "the first author counts"},
		{tree + "author A <a@x> 1 +0000\ngpgsig -----BEGIN\n author Evil <e@x> 1 +0000\n -----END\n\nS", Commit{Author: Person{"A", "a@x"}, Subject: "S"}, "a continued line is no header"},
		{tree + "author A <a@x> 1 +0000\n\n\n\r\nS\r\nT\r\n\r\nB\r\n", Commit{Author: Person{"A", "a@x"}, Subject: "S T", Body: "B"}, "blank lines before, and another system's line ends"},
		{tree + "author A a@x\n\n\xff", Commit{Author: Person{Name: "A a@x"}, Subject: "?"}, "what cannot be read does no harm"},
		{tree + "author <> 99999999999999999999 +0000\n\n", Commit{}, "nothing"},
		{tree, Commit{}, "headers alone"},
	} {
		c, err := parseCommit("id", []byte(test.content))
		if err != nil || c.Author != test.want.Author || c.Subject != test.want.Subject || c.Body != test.want.Body {
			t.Errorf("%s: %+v (%v), want %+v", test.reason, c, err, test.want)
		}
	}
	for _, content := range []string{"", "tree x\n\n", "\n\ntree " + strings.Repeat("a", 40)} {
		if _, err := parseCommit("id", []byte(content)); err == nil {
			t.Errorf("%q passes for a commit", content)
		}
	}
}

func FuzzParseCommit(f *testing.F) {
	f.Add([]byte("tree " + strings.Repeat("a", 40) + "\nauthor A <a@x> 1700000000 +0100\n\nS\n\nB\n"))
	f.Fuzz(func(t *testing.T, content []byte) {
		c, err := parseCommit("id", content)
		if err != nil {
			return
		}
		if strings.Contains(c.Subject, "\n") || !commitID.MatchString(c.tree) || c.Body != strings.ToValidUTF8(c.Body, "!") {
			t.Errorf("%+v", c)
		}
	})
}

func TestGuardNames(t *testing.T) {
	for _, name := range []string{"cart", "cart/prod", "cart/prod@eu-1", "..", ".lock", "a.lock", "-x", "a=b", "ü", "\x00", " "} {
		ref, err := guardRef(name)
		if err != nil || strings.Count(ref, "/") != 3 || !validRef(ref) {
			t.Errorf("%q becomes %q (%v)", name, ref, err)
		}
		if back := unescapeName(strings.TrimPrefix(ref, guardPrefix)); back != name {
			t.Errorf("%q comes back as %q", name, back)
		}
	}
	for _, name := range []string{"", strings.Repeat("x", 81)} {
		if _, err := guardRef(name); !fault.Is(err, fault.NameInvalid) {
			t.Errorf("%q gives %v", name, err)
		}
	}
}

func TestCacheIsBounded(t *testing.T) {
	c := newCache(800)
	for i := range 100 {
		c.put(string(rune('a'+i)), i, 100)
		c.get("a")
	}
	if _, ok := c.get("a"); !ok || len(c.byID) != 8 || c.used != 800 {
		t.Errorf("the cache holds %d values of %d bytes", len(c.byID), c.used)
	}
	c.put("large", 1, 101)
	if _, ok := c.get("large"); ok {
		t.Error("one value took more than an eighth")
	}
}

func TestClean(t *testing.T) {
	for text, want := range map[string]string{
		"plain":              "plain",
		"\x1b[31mred\x1b[0m": "[31mred [0m",
		"a\tb\x00c\u202ed":   "a b c d",
		"\xff":               "?",
	} {
		if got := clean(text); got != want {
			t.Errorf("%q becomes %q, want %q", text, got, want)
		}
	}
	if long := bounded("noise\nfatal: " + strings.Repeat("ä", 1000)); len(long) > maxSaid+4 || !strings.HasPrefix(long, "fatal:") {
		t.Errorf("a long text becomes %q", long)
	}
}

// FuzzWalk: whatever a symlink says, a path ends at something of the tree, at nothing, or at PathEscape, and soon.
func FuzzWalk(f *testing.F) {
	for _, seed := range []string{"../f", "/f", "d/l", "l", "../../f", "", ".", "../d/../d/l", "d/x\x00"} {
		f.Add(seed, seed, "d/l")
	}
	id := func(c string) string { return strings.Repeat(c, 40) }
	f.Fuzz(func(t *testing.T, inner, outer, path string) {
		m := &Mirror{options: Options{}.withDefaults(), cache: newCache(1 << 20)}
		m.cache.put(id("1"), []node{{"d", modeFolder, id("2")}, {"f", modeFile, id("3")}, {"l", modeSymlink, id("5")}}, 1)
		m.cache.put(id("2"), []node{{"g", modeFile, id("3")}, {"l", modeSymlink, id("4")}}, 1)
		m.cache.put(id("4"), []byte(inner[:min(len(inner), maxTarget)]), 1)
		m.cache.put(id("5"), []byte(outer[:min(len(outer), maxTarget)]), 1)
		n, err := (&Snapshot{m: m, commit: &Commit{tree: id("1")}}).lookup("test", path, true)
		switch {
		case err == nil && n.mode != modeFile && n.mode != modeFolder:
			t.Errorf("%q ends at %+v", path, n)
		case err != nil && !errors.Is(err, fs.ErrNotExist) && !errors.Is(err, fs.ErrInvalid) && !fault.Is(err, fault.PathEscape):
			t.Errorf("%q gives %v", path, err)
		}
	})
}
