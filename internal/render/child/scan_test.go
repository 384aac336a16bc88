package child

import (
	"strings"
	"testing"

	"plumb.dev/plumb/internal/fault"
)

func TestIsRemote(t *testing.T) {
	for name, want := range map[string]bool{
		"https://example.com/x.yaml": true, "http://example.com": true, "HTTPS://example.com": true, "ssh://git@example.com/a/b": true,
		"git@example.com:acme/repo": true, "git::https://example.com/a": true, "GIT::x": true, "github.com/acme/repo": true, "GitHub.com/acme/repo//x": true,
		"github.com:acme/repo": true, "file:///etc": true, "acme/repo?ref=main": true, "x?version=1": true, "user@host.example:path": true,
		"../base": false, "base": false, "./a.yaml": false, "a b.yaml": false, "github.com.yaml": false, "a/github.com/b": false, "at@home.yaml": false, "a//b": false,
	} {
		if isRemote(name) != want {
			t.Errorf("%s: remote is %v", name, !want)
		}
	}
}

func TestMatches(t *testing.T) {
	for _, c := range []struct {
		glob, name string
		want       bool
	}{
		{"*.json", "a.json", true}, {"*.json", "deep/er/a.json", true}, {"*.json", "a.yaml", false},
		{"tests", "tests/a.yaml", true}, {"tests/", "tests/a.yaml", true}, {"tests", "deep/tests/a.yaml", true}, {"tests/**", "tests/a.yaml", true},
		{"tests/*", "tests/a/b.yaml", true}, {"a/*.yaml", "a/b.yaml", true}, {"a/*.yaml", "a/b/c.yaml", false}, {"a/**/c.yaml", "a/b/b/c.yaml", true},
		{"a/**/c.yaml", "a/c.yaml", true}, {"**/c.yaml", "c.yaml", true}, {"**", "c.yaml", true}, {"./a/b.yaml", "a/b.yaml", true}, {"a", "b/c", false}, {"[", "[", false},
	} {
		if matches(c.glob, c.name) != c.want {
			t.Errorf("%s, %s: matches is %v", c.glob, c.name, !c.want)
		}
	}
}

func TestNearest(t *testing.T) {
	for _, c := range []struct{ name, want string }{{"deploymet.yaml", "deployment.yaml"}, {"svc.yaml", ""}, {"service.yml", "service.yaml"}, {"deployment.yaml", ""}} {
		if got := nearest(c.name, []string{"deployment.yaml", "service.yaml"}); got != c.want {
			t.Errorf("%s: %q", c.name, got)
		}
	}
}

// FuzzScan scans anything. It never panics; what it lets through names nothing remote in the fields that upstream loads.
func FuzzScan(f *testing.F) {
	for _, seed := range []string{
		"resources: [a.yaml, ../base]\n", "resources:\n- https://example.com\n", "resources: &a [x]\nbases: *a\n", "patches: [{path: a}, 3, {path: [x]}]\n",
		"configMapGenerator: [{files: [a=b, c], envs: d}]\n", "openapi: {path: x}\n", "a: 1\na: 2\n", "- x\n", "resources: {a: b}\n", "\t", "generators: ['{a: b}', x]\n",
		"resources: [&x [*x]]\n", "helmCharts: []\n", "? [a]\n: b\n",
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		found, _, err := scanKustomization("k.yaml", data)
		if err != nil {
			if fault.Of(err, "").Reason == "" {
				t.Errorf("an error without a reason: %v", err)
			}
			return
		}
		for _, e := range found.entries {
			if isRemote(e.path) {
				t.Errorf("%s: %s is remote", e.field, e.path)
			}
			if at, ok := e.target("app/k.yaml"); ok && (strings.HasPrefix(at, "../") || strings.HasPrefix(at, "/")) {
				t.Errorf("%s leads out, to %s", e.path, at)
			}
		}
	})
}
