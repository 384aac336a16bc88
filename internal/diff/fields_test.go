package diff

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"plumb.dev/plumb/internal/object"
)

func parse(t testing.TB, text string) object.Object {
	t.Helper()
	if text == "" {
		return object.Object{}
	}
	objects, _, err := object.Parse([]byte(text), "f.yaml")
	if err != nil {
		t.Fatal(err)
	}
	return objects[0]
}

func TestFields(t *testing.T) {
	const pod, secret = "apiVersion: v1\nkind: Pod\nmetadata: {name: a}\nspec: ", "apiVersion: v1\nkind: Secret\nmetadata: {name: a}\n"
	for _, tt := range []struct {
		reason        string
		before, after string
		want          []string
	}{
		{"the same", pod + "{a: 1}", pod + "{a: 1}", nil},
		{"a value", pod + "{a: 1}", pod + "{a: 2}", []string{"changed spec.a: 1 → 2"}},
		{"a field that came, one that went", pod + "{a: {x: 1}}", pod + "{b: {z: 1}}", []string{`removed spec.a: {"x":1} → null`, `added spec.b: null → {"z":1}`}},
		{"a container by its name, also at another place", pod + "{containers: [{name: a, image: x}, {name: b, image: w}]}", pod + "{containers: [{name: b, image: z}, {name: a, image: x}]}",
			[]string{`changed spec.containers[name=b].image: "w" → "z"`}},
		{"an entry that came, one that went", pod + "{containers: [{name: a}]}", pod + "{containers: [{name: b}]}",
			[]string{`added spec.containers[name=b]: null → {"name":"b"}`, `removed spec.containers[name=a]: {"name":"a"} → null`}},
		{"another order alone", pod + "{initContainers: [{name: a}, {name: b}]}", pod + "{initContainers: [{name: b}, {name: a}]}",
			[]string{`changed spec.initContainers: [{"name":"a"},{"name":"b"}] → [{"name":"b"},{"name":"a"}]`}},
		{"an env entry", pod + "{containers: [{name: a, env: [{name: X, value: '1'}]}]}", pod + "{containers: [{name: a, env: [{name: X, value: '2'}]}]}",
			[]string{`changed spec.containers[name=a].env[name=X].value: "1" → "2"`}},
		{"a container's port by number and protocol", pod + "{containers: [{name: a, ports: [{containerPort: 80}, {containerPort: 80, protocol: UDP}]}]}", pod + "{containers: [{name: a, ports: [{containerPort: 80, name: http}, {containerPort: 80, protocol: UDP}]}]}",
			[]string{`added spec.containers[name=a].ports[containerPort=80,protocol=TCP].name: null → "http"`}},
		{"a service's port", pod + "{ports: [{port: 80, targetPort: 1}]}", pod + "{ports: [{port: 80, targetPort: 2}]}", []string{"changed spec.ports[port=80,protocol=TCP].targetPort: 1 → 2"}},
		{"plain values are one value", pod + "{args: [a, b]}", pod + "{args: [a, c]}", []string{`changed spec.args: ["a","b"] → ["a","c"]`}},
		{"entries that nothing tells apart are one value", pod + "{rules: [{verbs: [get]}]}", pod + "{rules: [{verbs: [list]}]}", []string{`changed spec.rules: [{"verbs":["get"]}] → [{"verbs":["list"]}]`}},
		{"the type of a value", pod + "{a: '1'}", pod + "{a: 1}", []string{`changed spec.a: "1" → 1`}},
		{"a Secret's data", secret + "data: {a: eA==, b: eQ==}", secret + "data: {a: eg==, c: eA==}",
			[]string{`changed data.a: "‹redacted›" → "‹redacted›"`, `removed data.b: "‹redacted›" → null`, `added data.c: null → "‹redacted›"`}},
		{"a Secret that is new", "", secret + "data: {a: eA==}",
			[]string{`added apiVersion: null → "v1"`, `added data.a: null → "‹redacted›"`, `added kind: null → "Secret"`, `added metadata: null → {"name":"a"}`}},
		{"kubectl's copy of all fields", secret, secret[:len(secret)-2] + ", annotations: {kubectl.kubernetes.io/last-applied-configuration: '{\"data\":{\"a\":\"eA==\"}}', x: z}}\n",
			[]string{`added metadata.annotations: null → {"x":"z"}`}},
	} {
		t.Run(tt.reason, func(t *testing.T) {
			var got []string
			for _, c := range Fields(parse(t, tt.before), parse(t, tt.after)) {
				got = append(got, fmt.Sprintf("%s %s: %s → %s", c.Kind, c.Field, object.Canonical(c.From), object.Canonical(c.To)))
				if _, err := object.ParsePath(c.Field); err != nil {
					t.Error(err)
				}
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// Two versions have no differences exactly if they are equal; no value of a Secret is ever given.
func TestFieldsFindsEveryDifference(t *testing.T) {
	scalars := rapid.SampledFrom([]any{"needle-a", "needle-b", int64(1), true, nil})
	values := rapid.Deferred(func() *rapid.Generator[any] { return scalars })
	for range 3 {
		inner := values
		values = rapid.OneOf(scalars,
			rapid.Map(rapid.MapOfN(rapid.SampledFrom([]string{"name", "ports", "port", "a"}), inner, 0, 3), func(m map[string]any) any { return m }),
			rapid.Map(rapid.SliceOfN(inner, 0, 3), func(l []any) any { return l }))
	}
	objects := rapid.Custom(func(t *rapid.T) object.Object {
		return object.Object{Fields: map[string]any{"apiVersion": "v1", "kind": "Secret", "data": values.Draw(t, "data"), "other": values.Draw(t, "other")}}
	})
	rapid.Check(t, func(t *rapid.T) {
		a, b := objects.Draw(t, "a"), objects.Draw(t, "b")
		changes := Fields(a, b)
		if (len(changes) == 0) != (a.Digest() == b.Digest()) {
			t.Fatalf("%v", changes)
		}
		for _, c := range changes {
			if strings.HasPrefix(c.Field, "data") && strings.Contains(fmt.Sprint(c.From, c.To), "needle") {
				t.Fatalf("%v", c)
			}
		}
	})
}
