package render

import (
	"cmp"
	"slices"
)

// KubeVersionDefault is the version of Kubernetes that a chart sees where there is no cluster.
const KubeVersionDefault = "v1.37.2"

// Builtin answers as `helm template` does: with a version, the API versions that its client library knows, and those that are
// added by hand. The zero value is `helm template` without --kube-version and --api-versions.
type Builtin struct {
	Version string   // "": KubeVersionDefault
	Added   []string // "apps/v1" or "apps/v1/Deployment"
}

// KubeVersion gives the version.
func (b Builtin) KubeVersion() string { return cmp.Or(b.Version, KubeVersionDefault) }

// Has tells whether a version or kind is known, or was added. A version does not stand for its kinds, as in Helm.
func (b Builtin) Has(name string) bool {
	return slices.Contains(known, name) || slices.Contains(b.Added, name)
}

// known is what helm v4.3.1 answers without a cluster: the kinds compiled into its client library.
var known = []string{
	"admissionregistration.k8s.io/v1", "admissionregistration.k8s.io/v1alpha1", "admissionregistration.k8s.io/v1beta1",
	"apiextensions.k8s.io/v1", "apiextensions.k8s.io/v1beta1",
	"apps/v1", "apps/v1beta1", "apps/v1beta2",
	"authentication.k8s.io/v1", "authentication.k8s.io/v1alpha1", "authentication.k8s.io/v1beta1",
	"authorization.k8s.io/v1", "authorization.k8s.io/v1beta1",
	"autoscaling/v1", "autoscaling/v2",
	"batch/v1", "batch/v1beta1",
	"certificates.k8s.io/v1", "certificates.k8s.io/v1alpha1", "certificates.k8s.io/v1beta1",
	"coordination.k8s.io/v1", "coordination.k8s.io/v1alpha2", "coordination.k8s.io/v1beta1",
	"discovery.k8s.io/v1", "discovery.k8s.io/v1beta1",
	"events.k8s.io/v1", "events.k8s.io/v1beta1",
	"extensions/v1beta1",
	"flowcontrol.apiserver.k8s.io/v1", "flowcontrol.apiserver.k8s.io/v1beta1", "flowcontrol.apiserver.k8s.io/v1beta2", "flowcontrol.apiserver.k8s.io/v1beta3",
	"internal.apiserver.k8s.io/v1alpha1",
	"lifecycle.k8s.io/v1alpha1",
	"networking.k8s.io/v1", "networking.k8s.io/v1beta1",
	"node.k8s.io/v1", "node.k8s.io/v1alpha1", "node.k8s.io/v1beta1",
	"policy/v1", "policy/v1beta1",
	"rbac.authorization.k8s.io/v1", "rbac.authorization.k8s.io/v1alpha1", "rbac.authorization.k8s.io/v1beta1",
	"resource.k8s.io/v1", "resource.k8s.io/v1alpha3", "resource.k8s.io/v1beta1", "resource.k8s.io/v1beta2",
	"scheduling.k8s.io/v1", "scheduling.k8s.io/v1alpha3", "scheduling.k8s.io/v1beta1",
	"storage.k8s.io/v1", "storage.k8s.io/v1alpha1", "storage.k8s.io/v1beta1",
	"storagemigration.k8s.io/v1", "storagemigration.k8s.io/v1beta1",
	"v1",
}
