package deploy

// CoreResources are all that the core group of Kubernetes 1.37 can list but Secrets. RBAC knows no exceptions.
var CoreResources = []string{
	"configmaps", "endpoints", "events", "limitranges", "namespaces", "nodes", "persistentvolumeclaims", "persistentvolumes", "pods",
	"podtemplates", "replicationcontrollers", "resourcequotas", "serviceaccounts", "services",
}

// KubernetesGroups are the other API groups of Kubernetes.
var KubernetesGroups = []string{
	"admissionregistration.k8s.io", "apiextensions.k8s.io", "apiregistration.k8s.io", "apps", "autoscaling", "batch",
	"certificates.k8s.io", "coordination.k8s.io", "discovery.k8s.io", "events.k8s.io", "flowcontrol.apiserver.k8s.io",
	"networking.k8s.io", "node.k8s.io", "policy", "rbac.authorization.k8s.io", "resource.k8s.io", "scheduling.k8s.io", "storage.k8s.io",
}

// CredentialsAccess lets an agent that may not list Secrets get those of its own namespace that Repos and Apps name. The role may
// be bound in a tenant's namespace too.
const CredentialsAccess = `apiVersion: rbac.authorization.k8s.io/v1
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
  namespace: plumb-system
  labels: {app.kubernetes.io/part-of: plumb}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: plumb-agent-credentials}
subjects:
  - {kind: ServiceAccount, name: plumb-agent, namespace: plumb-system}
`
