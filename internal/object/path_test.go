package object

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"plumb.dev/plumb/internal/fault"
)

var deployment = Object{Fields: map[string]any{
	"spec": map[string]any{
		"replicas": int64(3),
		"containers": []any{
			map[string]any{"name": "a", "image": "x", "ports": []any{map[string]any{"containerPort": int64(80)}, map[string]any{"containerPort": int64(80), "protocol": "UDP"}}},
			map[string]any{"name": "b", "image": "y"},
		},
		"args": []any{"-v", "-x"},
	},
	"metadata": map[string]any{"annotations": map[string]any{"x.y/z": "1"}, "finalizers": []any{"example.com/f"}},
}}

func TestGetAndRemove(t *testing.T) {
	for _, tt := range []struct {
		reason string
		path   string
		want   []any
	}{
		{"a field", "spec.replicas", []any{int64(3)}},
		{"a key with dots", `metadata.annotations["x.y/z"]`, []any{"1"}},
		{"an entry by its key", "spec.containers[name=b].image", []any{"y"}},
		{"every entry", "spec.containers[*].image", []any{"x", "y"}},
		{"every value of a map", "metadata.annotations[*]", []any{"1"}},
		{"by position", "spec.containers[1].name", []any{"b"}},
		{"a number as key", "spec.containers[name=a].ports[containerPort=80,protocol=UDP].protocol", []any{"UDP"}},
		{"the protocol that is left out is TCP", "spec.containers[name=a].ports[containerPort=80,protocol=TCP].containerPort", []any{int64(80)}},
		{"an entry of a set", `metadata.finalizers[="example.com/f"]`, []any{"example.com/f"}},
		{"a field that is not there", "spec.paused", nil},
		{"a field of a scalar", "spec.replicas.a", nil},
		{"an entry that is not there", "spec.containers[name=c].image", nil},
		{"a position beyond the end", "spec.args[9]", nil},
		{"a quoted value", `spec.containers[name="a"].image`, []any{"x"}},
	} {
		t.Run(tt.reason, func(t *testing.T) {
			path, err := ParsePath(tt.path)
			if err != nil {
				t.Fatal(err)
			}
			before := deployment.Digest()
			if diff := cmp.Diff(tt.want, Find(deployment, path)); diff != "" {
				t.Error(diff)
			}
			removed := Remove(deployment, path)
			if left := Find(removed, path); len(left) > 0 {
				t.Errorf("%v is left", left)
			}
			if (removed.Digest() == before) != (tt.want == nil) {
				t.Error("removed something else, or nothing")
			}
			if deployment.Digest() != before {
				t.Error("the original was changed")
			}
		})
	}
}

func TestParsePathRefuses(t *testing.T) {
	for _, tt := range []struct{ reason, path string }{
		{"nothing", ""}, {"a JSON pointer", "/spec/replicas"}, {"a dot in front", ".spec"}, {"a dot at the end", "spec."},
		{"two dots", "a..b"}, {"no end of bracket", "a[name=b"}, {"an empty bracket", "a[]"}, {"a key without value", "a[name=]"},
		{"an unquoted key with dots", "a[b.c]"}, {"a negative position", "a[-1]"}, {"a text without end", `a["b`}, {"single quotes", `a['b']`},
		{"a field right after a bracket", "a[0]b"}, {"a position with leading zero", "a[01]"},
	} {
		t.Run(tt.reason, func(t *testing.T) {
			p, err := ParsePath(tt.path)
			if !fault.Is(err, fault.InvalidSettings) {
				t.Errorf("%v, %v", p, err)
			}
		})
	}
}

func TestCovers(t *testing.T) {
	for _, tt := range []struct {
		reason, rule, field string
		want                bool
	}{
		{"itself", "spec.replicas", "spec.replicas", true},
		{"what lies below", "spec.template", "spec.template.spec.containers[name=a].image", true},
		{"any entry", "spec.containers[*].image", "spec.containers[name=a].image", true},
		{"not what lies above", "spec.replicas", "spec", false},
		{"not its neighbour", "spec.containers[name=b]", "spec.containers[name=a].image", false},
		{"not a longer name", "spec.rep", "spec.replicas", false},
	} {
		t.Run(tt.reason, func(t *testing.T) {
			rule, _ := ParsePath(tt.rule)
			field, _ := ParsePath(tt.field)
			if rule.Covers(field) != tt.want {
				t.Error("wrong")
			}
		})
	}
}

var steps = rapid.OneOf(
	rapid.Map(rapid.String(), Field),
	rapid.Map(rapid.IntRange(0, 9), Index),
	rapid.Map(rapid.String(), func(s string) Step { return Element(s) }),
	rapid.Just(Any()),
	rapid.Custom(func(t *rapid.T) Step {
		return Item(rapid.SliceOfN(rapid.Custom(func(t *rapid.T) Key {
			return Key{rapid.String().Draw(t, "name"), rapid.String().Draw(t, "value")}
		}), 1, 3).Draw(t, "keys")...)
	}),
)

func TestPathRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p := Path(rapid.SliceOfN(steps, 1, 6).Draw(t, "path"))
		again, err := ParsePath(p.String())
		if err != nil || again.String() != p.String() || len(again) != len(p) || !p.Covers(again) {
			t.Fatalf("%s: %v, %v", p, again, err)
		}
	})
}

func TestRemoveThenGetIsAbsent(t *testing.T) {
	all := []string{"spec", "spec.replicas", "spec.containers", "spec.containers[*]", "spec.containers[name=a]", "spec.containers[name=a].ports[*].protocol", "spec.args[1]", `metadata.finalizers[="example.com/f"]`, "metadata[*]", "spec.containers[*].ports[containerPort=80,protocol=TCP]"}
	rapid.Check(t, func(t *rapid.T) {
		o := deployment
		for _, s := range rapid.SliceOf(rapid.SampledFrom(all)).Draw(t, "paths") {
			p, err := ParsePath(s)
			if err != nil {
				t.Fatal(err)
			}
			o = Remove(o, p)
			if v, ok := Get(o, p); ok {
				t.Fatalf("%s is still %v", p, v)
			}
		}
	})
}

func FuzzPath(f *testing.F) {
	for _, seed := range []string{"spec.replicas", `a["b.c"][name=d,e="f g"][*][0][="x"]`, `["a"].b`} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, s string) {
		p, err := ParsePath(s)
		if err != nil {
			return
		}
		again, err := ParsePath(p.String())
		if err != nil || again.String() != p.String() {
			t.Fatalf("%q becomes %s becomes %s: %v", s, p, again, err)
		}
		Find(Remove(deployment, p), p)
	})
}
