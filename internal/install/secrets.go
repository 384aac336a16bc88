package install

import (
	"slices"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"plumb.dev/plumb/internal/fault"
)

// watchRole is the ClusterRole that lets the agent watch what apps have.
const watchRole = "plumb-agent-watch"

// coreResources are all that the core group of Kubernetes 1.37 can list but Secrets. RBAC knows no exceptions.
var coreResources = []any{
	"configmaps", "endpoints", "events", "limitranges", "namespaces", "nodes", "persistentvolumeclaims", "persistentvolumes", "pods",
	"podtemplates", "replicationcontrollers", "resourcequotas", "serviceaccounts", "services",
}

// kubernetesGroups are the other API groups of Kubernetes.
var kubernetesGroups = []string{
	"admissionregistration.k8s.io", "apiextensions.k8s.io", "apiregistration.k8s.io", "apps", "autoscaling", "batch",
	"certificates.k8s.io", "coordination.k8s.io", "discovery.k8s.io", "events.k8s.io", "flowcontrol.apiserver.k8s.io",
	"networking.k8s.io", "node.k8s.io", "policy", "rbac.authorization.k8s.io", "resource.k8s.io", "scheduling.k8s.io", "storage.k8s.io",
}

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
			watched := slices.Concat(kubernetesGroups, groups)
			slices.Sort(watched)
			rules := []any{
				map[string]any{"apiGroups": []any{""}, "resources": slices.Clone(coreResources), "verbs": []any{"list", "watch"}},
				map[string]any{"apiGroups": texts(slices.Compact(watched)), "resources": []any{"*"}, "verbs": []any{"list", "watch"}},
			}
			if err := unstructured.SetNestedSlice(o.Object, rules, "rules"); err != nil {
				return nil, fault.Of(err, fault.ApplyFailed)
			}
			credentials, err := Parse([]byte(credentialsAccess))
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

const credentialsAccess = `
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata:
  name: plumb-agent-credentials
  labels: {app.kubernetes.io/part-of: plumb}
rules:
  - {apiGroups: [""], resources: [secrets], verbs: [get]}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata:
  name: plumb-agent-credentials
  namespace: ` + namespace + `
  labels: {app.kubernetes.io/part-of: plumb}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: plumb-agent-credentials}
subjects:
  - {kind: ServiceAccount, name: plumb-agent, namespace: ` + namespace + `}
`
