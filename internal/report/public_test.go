package report

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"sigs.k8s.io/yaml"

	"plumb.dev/plumb/internal/diff"
	"plumb.dev/plumb/internal/object"
	"plumb.dev/plumb/internal/redact"
)

func manifest(t *testing.T, text string) object.Object {
	t.Helper()
	var fields map[string]any
	if err := yaml.Unmarshal([]byte(text), &fields); err != nil {
		t.Fatal(err)
	}
	return object.Object{Fields: fields}
}

const webInGit = `
apiVersion: apps/v1
kind: Deployment
metadata: {name: web, namespace: shop, finalizers: [git.example.com/f]}
spec:
  replicas: 2
  template:
    spec:
      containers: [{name: web, image: a, args: [-v]}]
`

// TestPublic: of what is only in the cluster nothing is told but that it differs, and under which field of Git.
func TestPublic(t *testing.T) {
	for _, row := range []struct {
		reason   string
		change   diff.FieldChange
		field    string
		kind     string
		from, to any
	}{
		{"a number that Git has, as it is in the cluster", diff.FieldChange{Field: "spec.replicas", Kind: diff.Changed, From: int64(9), To: int64(2)}, "spec.replicas", diff.Changed, int64(9), int64(2)},
		{"a field that Git does not have", diff.FieldChange{Field: "spec.template.spec.hostNetwork", Kind: diff.Removed, From: "private"}, "spec.template.spec", FieldUnsaid, nil, nil},
		{"an entry of a list that Git does not have: its name is not told either", diff.FieldChange{Field: "spec.template.spec.containers[name=private]", Kind: diff.Removed, From: map[string]any{"name": "private"}},
			"spec.template.spec.containers", FieldUnsaid, nil, nil},
		{"a whole entry: only what Git says of it", diff.FieldChange{Field: "spec.template.spec.containers[name=web]", Kind: diff.Addition, To: map[string]any{"name": "web", "image": "a", "terminationMessagePath": "private"}},
			"spec.template.spec.containers[name=web]", diff.Addition, nil, map[string]any{"name": "web", "image": "a"}},
		{"a list of texts: those of Git", diff.FieldChange{Field: "spec.template.spec.containers[name=web].args", Kind: diff.Changed, From: []any{"-v", "private"}, To: []any{"-v"}},
			"spec.template.spec.containers[name=web].args", diff.Changed, []any{"-v", notInGit}, []any{"-v"}},
		{"where Git has a text the cluster has a map", diff.FieldChange{Field: "spec.template.spec.containers[name=web].image", Kind: diff.Changed, From: map[string]any{"private": "private"}, To: "a"},
			"spec.template.spec.containers[name=web].image", diff.Changed, notInGit, "a"},
		{"what differs is only in the cluster", diff.FieldChange{Field: "spec.template.spec.containers[name=web]", Kind: diff.Changed, From: map[string]any{"name": "web", "x": "private"}, To: map[string]any{"name": "web"}},
			"spec.template.spec.containers[name=web]", FieldUnsaid, nil, nil},
		{"an annotation of somebody", diff.FieldChange{Field: `metadata.annotations["private/private"]`, Kind: diff.Removed, From: "private"}, "metadata", FieldUnsaid, nil, nil},
		{"a field that cannot be read", diff.FieldChange{Field: "[[private", Kind: diff.Removed, From: "private"}, "", FieldUnsaid, nil, nil},
		{"a value that is hidden stays hidden", diff.FieldChange{Field: "spec.replicas", Kind: diff.Changed, From: redact.Marker, To: redact.Marker}, "spec.replicas", diff.Changed, redact.Marker, redact.Marker},
	} {
		git := manifest(t, webInGit)
		told := Public(ObjectDiff{Object: git.ID(), Change: ObjectChanged, Fields: []diff.FieldChange{row.change}}, git).Told()
		if want := []diff.FieldChange{{Field: row.field, Kind: row.kind, From: row.from, To: row.to}}; cmp.Diff(want, told.Fields) != "" {
			t.Errorf("%s: %s", row.reason, cmp.Diff(want, told.Fields))
		}
	}
}

// TestPublicNotes: what the API server says quotes what is in the cluster.
func TestPublicNotes(t *testing.T) {
	git := manifest(t, webInGit)
	d := ObjectDiff{Object: git.ID(), Change: ObjectRefused, Risks: []Risk{RiskRecreate}, Notes: []string{"rolling restart of 2 pods", "spec.x: Invalid value: \"private\": is immutable"}, Quotes: 1, Answer: "spec.x: is immutable"}
	told := Public(d, git).Told()
	if want := []string{"rolling restart of 2 pods", "spec.x: is immutable"}; !slices.Equal(told.Notes, want) || !slices.Equal(told.Risks, d.Risks) {
		t.Errorf("%q, %v", told.Notes, told.Risks)
	}
	if other := Public(ObjectDiff{Object: git.ID(), Change: ObjectChanged, Fields: []diff.FieldChange{{Field: "spec.replicas", Kind: diff.Changed, From: "private"}}}, manifest(t, strings.Replace(webInGit, "name: web", "name: other", 1))).Told(); other.Fields[0].From != nil {
		t.Errorf("a manifest of another object lets a value through: %v", other.Fields)
	}
	twice := Public(ObjectDiff{Object: git.ID(), Fields: []diff.FieldChange{{Field: "status.a", Kind: diff.Changed}, {Field: "status.b", Kind: diff.Changed}}}, git).Told()
	if len(twice.Fields) != 1 {
		t.Errorf("the same is told twice: %v", twice.Fields)
	}
}

// TestPublicIsKept: what was kept is what was told.
func TestPublicIsKept(t *testing.T) {
	git := manifest(t, webInGit)
	was := Public(ObjectDiff{Object: git.ID(), Change: ObjectChanged, Notes: []string{"n"}, Risks: []Risk{RiskRestart}, Folded: true, Fields: []diff.FieldChange{
		{Field: "spec.replicas", Kind: diff.Changed, From: int64(9007199254740993), To: int64(2)},
	}}, git)
	data, err := json.Marshal(was)
	if err != nil {
		t.Fatal(err)
	}
	var is PublicObject
	if err := json.Unmarshal(data, &is); err != nil {
		t.Fatal(err)
	}
	again, err := json.Marshal(is)
	if err != nil || string(again) != string(data) || !strings.Contains(string(again), "9007199254740993") {
		t.Errorf("%s, then %s, %v", data, again, err)
	}
	if got := strings.Join(fieldLines(is.Told()), "\n"); got != strings.Join(fieldLines(was.Told()), "\n") {
		t.Errorf("it reads differently: %s", got)
	}
}
