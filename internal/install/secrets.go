package install

import (
	"slices"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"plumb.dev/plumb/deploy"
	"plumb.dev/plumb/internal/fault"
)

// watchRole is the ClusterRole that lets the agent watch what apps have.
const watchRole = "plumb-agent-watch"

// withoutSecrets changes the objects of an installation so that the agent may not list Secrets, and tells it so. The right to
// get them, for the credentials that Repos and Apps name, is one of plumb-system; a tenant's namespace binds the same role.
func withoutSecrets(all []*unstructured.Unstructured, groups []string) ([]*unstructured.Unstructured, error) {
	var out []*unstructured.Unstructured
	for _, o := range all {
		out = append(out, o)
		switch {
		case o.GetKind() == "Deployment":
			arg(o, "--without-secrets")
		case o.GetKind() == "ClusterRole" && o.GetName() == watchRole:
			watched := slices.Concat(deploy.KubernetesGroups, groups)
			slices.Sort(watched)
			rules := []any{
				map[string]any{"apiGroups": []any{""}, "resources": texts(deploy.CoreResources), "verbs": []any{"list", "watch"}},
				map[string]any{"apiGroups": texts(slices.Compact(watched)), "resources": []any{"*"}, "verbs": []any{"list", "watch"}},
			}
			if err := unstructured.SetNestedSlice(o.Object, rules, "rules"); err != nil {
				return nil, fault.Of(err, fault.ApplyFailed)
			}
			credentials, err := Parse([]byte(deploy.CredentialsAccess))
			if err != nil {
				return nil, err
			}
			out = append(out, credentials...)
		}
	}
	return out, nil
}

func texts(words []string) []any {
	out := make([]any, len(words))
	for i, word := range words {
		out[i] = word
	}
	return out
}
