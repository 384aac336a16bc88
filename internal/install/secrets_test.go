package install

import (
	"slices"
	"testing"

	rbacv1 "k8s.io/api/rbac/v1"
	"k8s.io/apimachinery/pkg/runtime"

	"plumb.dev/plumb/deploy"
)

// With --without-secrets no role of the whole cluster reaches a Secret, what is watched otherwise is still watched, and the agent
// is told. Without it nothing of that is there.
func TestWithoutSecrets(t *testing.T) {
	for _, without := range []bool{true, false} {
		objects, err := Objects(Options{WithoutSecrets: without, Groups: []string{"example.com", "apps"}})
		if err != nil {
			t.Fatal(err)
		}
		told, reaches, bound := false, false, false
		for _, o := range objects {
			switch {
			case o.GetKind() == "Deployment":
				told = slices.Contains(argsOf(o.Object), "--without-secrets")
			case o.GetKind() == "RoleBinding" && o.GetName() == "plumb-agent-credentials":
				bound = o.GetNamespace() == namespace && o.GetLabels()["app.kubernetes.io/part-of"] == "plumb"
			case o.GetKind() == "ClusterRole" && (o.GetName() == "plumb-agent" || o.GetName() == watchRole):
				var role rbacv1.ClusterRole
				if err := runtime.DefaultUnstructuredConverter.FromUnstructured(o.Object, &role); err != nil {
					t.Fatal(err)
				}
				for _, rule := range role.Rules {
					core := slices.Contains(rule.APIGroups, "") || slices.Contains(rule.APIGroups, "*")
					reaches = reaches || core && (slices.Contains(rule.Resources, "secrets") || slices.Contains(rule.Resources, "*"))
					if without && o.GetName() == watchRole && !core && (!slices.Contains(rule.APIGroups, "example.com") || !slices.Contains(rule.APIGroups, "apps")) {
						t.Errorf("watched are %v", rule.APIGroups)
					}
				}
			}
		}
		if told != without || bound != without || reaches == without {
			t.Errorf("without %t: the agent is told %t, may read credentials in plumb-system %t, and Secrets everywhere %t", without, told, bound, reaches)
		}
	}
	if objects, err := Objects(Options{WithoutSecrets: true, Parts: []string{deploy.CRDs}}); err != nil || len(objects) != 5 {
		t.Errorf("definitions have no part in it: %d, %v", len(objects), err)
	}
}

func argsOf(deployment map[string]any) []string {
	var out []string
	spec := deployment["spec"].(map[string]any)["template"].(map[string]any)["spec"].(map[string]any)
	for _, c := range spec["containers"].([]any) {
		args, _ := c.(map[string]any)["args"].([]any)
		for _, a := range args {
			out = append(out, a.(string))
		}
	}
	return out
}
