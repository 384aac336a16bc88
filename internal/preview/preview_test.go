package preview

import (
	"testing"

	"sigs.k8s.io/yaml"

	"plumb.dev/plumb/internal/diff"
	"plumb.dev/plumb/internal/object"
)

func parse(t *testing.T, text string) object.Object {
	t.Helper()
	var fields map[string]any
	if err := yaml.Unmarshal([]byte(text), &fields); err != nil {
		t.Fatal(err)
	}
	return object.Object{Fields: fields}
}

// TestBareAndFolded: what the API server and Plumb keep on an object is nobody's change, and labels of a release are noise.
func TestBareAndFolded(t *testing.T) {
	base := "kind: ConfigMap\nmetadata:\n  name: a\n"
	for _, row := range []struct {
		reason  string
		was, is string
		changes int
		folded  bool
	}{
		{"the API server's", base, base + "  uid: u\n  resourceVersion: \"3\"\n  generation: 2\n  managedFields: [{manager: x}]\nstatus: {a: b}\n", 0, true},
		{"ours", base, base + "  labels: {plumb.dev/managed: \"true\"}\n  annotations: {plumb.dev/owner: a/b:c}\n", 0, true},
		{"kubectl's copy, which may hold a Secret", base, base + "  annotations: {kubectl.kubernetes.io/last-applied-configuration: hunter}\n", 0, true},
		{"the chart of a release", base + "  labels: {helm.sh/chart: a-1, b: c}\n", base + "  labels: {helm.sh/chart: a-2, b: c}\n", 1, true},
		{"a label of somebody", base + "  labels: {helm.sh/chart: a-1, b: c}\n", base + "  labels: {helm.sh/chart: a-2, b: d}\n", 2, false},
	} {
		fields := diff.Fields(diff.Bare(parse(t, row.was)), diff.Bare(parse(t, row.is)))
		if len(fields) != row.changes || folded(fields) != row.folded {
			t.Errorf("%s: %v, folded %v", row.reason, fields, folded(fields))
		}
	}
}
