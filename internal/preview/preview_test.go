package preview

import (
	"slices"
	"testing"

	"sigs.k8s.io/yaml"

	"plumb.dev/plumb/internal/diff"
	"plumb.dev/plumb/internal/object"
	"plumb.dev/plumb/internal/plan"
)

func parse(t *testing.T, text string) object.Object {
	t.Helper()
	var fields map[string]any
	if err := yaml.Unmarshal([]byte(text), &fields); err != nil {
		t.Fatal(err)
	}
	return object.Object{Fields: fields}
}

const web = "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: web, namespace: shop}\n"

// TestRisks: what happens besides, when an object changes.
func TestRisks(t *testing.T) {
	scaler := plan.Autoscaler{
		ID:     object.ID{Group: "autoscaling", Kind: "HorizontalPodAutoscaler", Namespace: "shop", Name: "web"},
		Target: object.ID{Group: "apps", Kind: "Deployment", Namespace: "shop", Name: "web"}, Count: true,
	}
	for _, row := range []struct {
		reason  string
		was, is string
		scalers []plan.Autoscaler
		want    []string
	}{
		{"nothing of the pods", web + "spec: {minReadySeconds: 1}", web + "spec: {minReadySeconds: 2}", nil, nil},
		{"another template", web + "spec: {replicas: 3, template: {a: 1}}", web + "spec: {replicas: 3, template: {a: 2}}", nil, []string{"rolling restart of 3 pods"}},
		{"of no pods at all", web + "spec: {replicas: 0, template: {a: 1}}", web + "spec: {replicas: 0, template: {a: 2}}", nil, nil},
		{"all at once", web + "spec: {replicas: 1, template: {a: 1}, strategy: {type: Recreate}}", web + "spec: {replicas: 1, template: {a: 2}, strategy: {type: Recreate}}", nil,
			[]string{"stops 1 pod before new ones start"}},
		{"by hand", "kind: DaemonSet\nspec: {template: {a: 1}, updateStrategy: {type: OnDelete}}", "kind: DaemonSet\nspec: {template: {a: 2}, updateStrategy: {type: OnDelete}}", nil,
			[]string{"takes effect on a pod when somebody deletes it"}},
		{"a number that an autoscaler sets", web + "spec: {replicas: 1}", web + "spec: {replicas: 2}", []plan.Autoscaler{scaler},
			[]string{"HorizontalPodAutoscaler/shop/web sets how many there are: spec.replicas of Git does not stay"}},
		{"other pods behind a Service", "kind: Service\nspec: {selector: {a: b}}", "kind: Service\nspec: {selector: {a: c}}", nil, []string{"it selects other pods"}},
		{"a template of a kind without pods", "kind: ConfigMap\nspec: {template: {a: 1}}", "kind: ConfigMap\nspec: {template: {a: 2}}", nil, nil},
	} {
		is := parse(t, row.is)
		if got := risks(parse(t, row.was), is, is, row.scalers); !slices.Equal(got, row.want) {
			t.Errorf("%s: %q, want %q", row.reason, got, row.want)
		}
	}
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

// TestLoss: a deletion that takes more than the object with it says so.
func TestLoss(t *testing.T) {
	for kind, want := range map[string]bool{"PersistentVolumeClaim": true, "Namespace": true, "CustomResourceDefinition": true, "ConfigMap": false} {
		if got := len(loss(object.ID{Kind: kind})) > 0; got != want {
			t.Errorf("%s: says what is lost: %v", kind, got)
		}
	}
}
