package fleet

import (
	"encoding/json"
	"path"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"pgregory.net/rapid"

	"plumb.dev/plumb/api/v1alpha1"
	"plumb.dev/plumb/internal/fault"
)

// Words that random trees are made of: what the rules look for, and what they do not.
var (
	folderWords = []string{"apps", "cart", "web", "web-dev", "base", "dev", "prod", "staging", "envs", "overlays", "clusters", "us-1", "eu", "Bad_Name", ".git", "_x", "teams", "charts", "templates"}
	fileWords   = []string{"x.yaml", "Chart.yaml", "kustomization.yaml", "values.yaml", "values-prod.yaml", "values-no.yaml", "plumb.yaml", "README.md", "y.json"}
	textWords   = []string{
		"", manifest, "apiVersion: v2\nname: c\n", "resources: [../base, ../../web/base]\n", "skip: true\n", "heal: false\n",
		"namespace: \"{app}\"\n", "render: helm\n", "heel: 1\n", "a: [", "environments: [{name: eu}]\n", `{"apiVersion": "v1", "kind": "A"}`,
	}
)

func randomTree(t *rapid.T) fstest.MapFS {
	tree := fstest.MapFS{}
	for range rapid.IntRange(0, 14).Draw(t, "files") {
		parts := rapid.SliceOfN(rapid.SampledFrom(folderWords), 0, 5).Draw(t, "folder")
		if rapid.Bool().Draw(t, "in apps") {
			parts = append([]string{"apps"}, parts...)
		}
		name := path.Join(append(parts, rapid.SampledFrom(fileWords).Draw(t, "file"))...)
		tree[name] = &fstest.MapFile{Data: []byte(rapid.SampledFrom(textWords).Draw(t, "text")), Mode: 0o644}
	}
	for name := range tree { // a file where another one has a folder is no tree
		for dir := path.Dir(name); dir != "."; dir = path.Dir(dir) {
			delete(tree, dir)
		}
	}
	return tree
}

func randomInput(t *rapid.T) Input {
	patterns := []v1alpha1.Pattern{
		{Path: "apps/{app}"}, {Path: "{app}"}, {Path: "apps/{env}/{app}"}, {Path: "teams/{team}/{app}", App: "{team}-{app}", Namespace: "{team}"},
		{Path: "apps/base", Exclude: true}, {Path: "*/web", App: "web"}, {Path: ".", App: "root"}, {Path: "apps/{cluster}/{app}"}, {Path: "charts/**", App: "x"},
	}
	clusters := []Cluster{{Name: Local}, {Name: "us-1", Labels: map[string]string{"env": "prod"}}, {Name: "eu", Labels: map[string]string{"env": "dev"}}}
	return Input{
		Tree:     randomTree(t),
		Apps:     rapid.SliceOfN(rapid.SampledFrom(patterns), 0, 3).Draw(t, "patterns"),
		Clusters: rapid.SliceOfNDistinct(rapid.SampledFrom(clusters), 0, 3, func(c Cluster) string { return c.Name }).Draw(t, "clusters"),
		Offline:  rapid.Bool().Draw(t, "offline"),
		Repo:     "fleet",
	}
}

// Whatever the tree: no panic; the same answer twice; names are unique, and names; nothing is both an app and unexplained.
func TestDiscoverHoldsOnAnyTree(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		in := randomInput(t)
		r := Discover(in)
		if diff := cmp.Diff(asJSON(t, r), asJSON(t, Discover(in))); diff != "" {
			t.Fatalf("two answers for one tree:\n%s", diff)
		}
		names := map[string]bool{}
		for _, a := range r.Apps {
			if names[a.Name] || !isLabel(strings.ReplaceAll(a.Name, ".", "-"), maxLabel) {
				t.Fatalf("name %q is taken or no name", a.Name)
			}
			names[a.Name] = true
			if a.Fault == nil && (a.Kind == "" || !isLabel(a.Namespace, maxLabel)) {
				t.Fatalf("an app without fault lacks a kind or a namespace: %+v", a)
			}
			if f := r.FaultOf(a.Address(), a.Path); (f == nil) != (a.Fault == nil) {
				t.Fatalf("%s: FaultOf says %v, the app says %v", a.Address(), f, a.Fault)
			}
			checkAddress(t, a.Address())
		}
		if (r.Blocked() != nil) && len(r.Apps) > 0 {
			t.Fatalf("a blocked commit has apps")
		}
		for _, f := range r.Faults {
			if f.Fault.Message == "" || f.Fault.Reason == "" {
				t.Fatalf("a fault without words: %+v", f)
			}
		}
	})
}

func checkAddress(t *rapid.T, a Address) {
	back, err := ParseAddress(a.String())
	if err != nil || back.String() != a.String() || back.App != a.App || back.Env != a.Env {
		t.Fatalf("%+v → %q → %+v, %v", a, a.String(), back, err)
	}
}

func TestAddressRoundTrip(t *testing.T) {
	name := rapid.StringMatching(`[a-z0-9]([a-z0-9-]{0,38}[a-z0-9])?`)
	rapid.Check(t, func(t *rapid.T) {
		a := Address{App: name.Draw(t, "app")}
		if rapid.Bool().Draw(t, "has env") {
			a.Env = name.Draw(t, "env")
		}
		if rapid.Bool().Draw(t, "has cluster") {
			a.Cluster = name.Draw(t, "cluster")
		}
		checkAddress(t, a)
		if n := ObjectName(a); len(n) > maxLabel || !isLabel(n, maxLabel) {
			t.Fatalf("%q is no object name", n)
		}
	})
}

// The suggestion, pasted, has nothing that can be read two ways, and finds apps.
func TestSuggestionWorks(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		in := Input{Tree: randomTree(t), Offline: true, Repo: "shop"}
		r := Discover(in)
		if len(r.Suggested) == 0 {
			return
		}
		in.Apps = pasted(t, r.Suggested)
		second := Discover(in)
		if second.Blocked() != nil {
			t.Fatalf("the suggestion blocks the commit: %v\n%s", second.Blocked(), SuggestedYAML(r.Suggested))
		}
		works(t, second)
	})
}

// A tree in which something renders gets a suggestion, if the convention finds nothing.
func TestSomethingIsSuggested(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		dir := path.Join(rapid.SliceOfN(rapid.SampledFrom([]string{"a", "cart", "base", "dev", "charts", "Big", "x_y"}), 1, 4).Draw(t, "folder")...)
		r := Discover(Input{Tree: tree(dir+"/kustomization.yaml", "README.md="), Offline: true})
		if len(r.Apps) != 0 {
			return
		}
		if len(r.Suggested) == 0 {
			t.Fatalf("%s renders, but nothing is suggested", dir)
		}
	})
}

func randomSettings(t *rapid.T) v1alpha1.Settings {
	flag := rapid.Ptr(rapid.Bool(), true)
	word := rapid.SampledFrom([]string{"", "a", "b"})
	words := rapid.OneOf(rapid.Just[[]string](nil), rapid.SliceOfN(word, 0, 2))
	s := v1alpha1.Settings{
		Skip: flag.Draw(t, "skip"), Heal: flag.Draw(t, "heal"), Namespace: word.Draw(t, "namespace"), Sync: word.Draw(t, "sync"),
	}
	for range rapid.IntRange(0, 2).Draw(t, "ignore") {
		s.Ignore = append(s.Ignore, v1alpha1.IgnoreRule{Kind: word.Draw(t, "kind"), Why: "x"})
	}
	if rapid.Bool().Draw(t, "plain") {
		s.Plain = &v1alpha1.PlainSettings{Recurse: flag.Draw(t, "recurse"), Include: words.Draw(t, "include")}
	}
	if rapid.Bool().Draw(t, "helm") {
		s.Helm = &v1alpha1.HelmSettings{
			Release: word.Draw(t, "release"), Values: words.Draw(t, "values"),
			Set:    rapid.OneOf(rapid.Just[map[string]string](nil), rapid.MapOfN(word, word, 0, 2)).Draw(t, "set"),
			Inline: randomInline(t),
		}
	}
	return s
}

// randomInline gives values whose keys have one type each, for which merging is associative.
func randomInline(t *rapid.T) *apiextensionsv1.JSON {
	if rapid.Bool().Draw(t, "no inline") {
		return nil
	}
	values := map[string]any{}
	if rapid.Bool().Draw(t, "x") {
		values["x"] = rapid.IntRange(0, 3).Draw(t, "x value")
	}
	if rapid.Bool().Draw(t, "m") {
		values["m"] = rapid.MapOfN(rapid.SampledFrom([]string{"a", "b"}), rapid.IntRange(0, 3), 0, 2).Draw(t, "m value")
	}
	raw, err := json.Marshal(values)
	if err != nil {
		t.Fatal(err)
	}
	return &apiextensionsv1.JSON{Raw: raw}
}

func TestMergeIsAssociative(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a, b, c := randomSettings(t), randomSettings(t), randomSettings(t)
		before := asJSON(t, []v1alpha1.Settings{a, b, c})
		left, right := Merge(Merge(a, b), c), Merge(a, Merge(b, c))
		if diff := cmp.Diff(asJSON(t, left), asJSON(t, right)); diff != "" {
			t.Fatalf("(a+b)+c and a+(b+c) differ:\n%s", diff)
		}
		if asJSON(t, Merge(a, v1alpha1.Settings{})) != asJSON(t, a) || asJSON(t, Merge(v1alpha1.Settings{}, a)) != asJSON(t, a) {
			t.Fatalf("nothing laid over settings changes them")
		}
		if asJSON(t, []v1alpha1.Settings{a, b, c}) != before {
			t.Fatalf("merging changed an argument")
		}
	})
}

func asJSON(t interface{ Fatalf(string, ...any) }, v any) string {
	raw, err := json.MarshalIndent(v, "", " ")
	if err != nil {
		t.Fatalf("%v", err)
	}
	return string(raw)
}

// Whatever is written: no panic, and a fault names the file and stands at a line that exists.
func FuzzParse(f *testing.F) {
	for _, s := range textWords {
		f.Add([]byte(s))
	}
	for _, s := range []string{
		"helm: {inline: &a {x: *a}}", "helm: {inline: {<<: {a: 1}}}", "a: &a [*a]", "heal: !!bool yes", "? {a: b}\n: c", "--- \n...\n---\nx", "\xef\xbb\xbfheal: true",
		"environments:\n  - {name: a, clusters: {matchExpressions: [{key: a, operator: In}]}}", "limits: {deletions: {count: -1}}", "wait: {timeout: 1}", "!!set {a}", "[a]: b",
		"ignore: [{kind: a, field: b, why: c}, *x]", "helm: {set: {a: 1}}", "\x00", "heal: true\nheal: false", "heal: *nope",
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		lines := strings.Count(string(data), "\n") + strings.Count(string(data), "\r") + 2
		check := func(bad *fault.Fault) {
			if bad == nil {
				return
			}
			if bad.Place.File != "f" || bad.Place.Line > lines || bad.Message == "" {
				t.Errorf("fault at %v: %v", bad.Place, bad)
			}
		}
		s, bad := ParseSettings("f", data)
		check(bad)
		if bad == nil {
			Merge(s, s)
		}
		_, bad = ParseRoot("f", data)
		check(bad)
		sniffYAML(data)
		sniffJSON(data)
	})
}

// What lines tell of an object is what parsing tells, for documents without templates.
func TestSniffAgreesWithParsing(t *testing.T) {
	lines := []string{"apiVersion: v1", "kind: A", "  kind: B", "metadata:", "---", "# apiVersion: v1", "'kind': C", "apiVersion:", "- kind: D", "text: |", ""}
	rapid.Check(t, func(t *rapid.T) {
		doc := strings.Join(rapid.SliceOfN(rapid.SampledFrom(lines), 0, 8).Draw(t, "lines"), "\n")
		docs := strings.Split("\n"+doc, "\n---")
		if sniffed := sniffYAML([]byte(doc)); !sniffed && slices.ContainsFunc(docs, func(d string) bool { return parsesToObject([]byte(d)) }) {
			t.Fatalf("an object is not seen in\n%s", doc)
		}
	})
}
