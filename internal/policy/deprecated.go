package policy

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// outdated is an API version of kinds that Kubernetes deprecates and then serves no more. Versions are minors of 1.
type outdated struct {
	apiVersion string
	kinds      string // separated by spaces
	deprecated int    // since 1.x; 0 where the guide does not say
	removed    int    // not served from 1.x on
	instead    string // what to write, "" if there is nothing
}

// outdatedAPIs is written down from the Kubernetes Deprecated API Migration Guide
// (https://kubernetes.io/docs/reference/using-api/deprecation-guide/), by the version that no longer serves them. The
// versions since when they are deprecated are those that the types of k8s.io/api give (APILifecycleDeprecated).
var outdatedAPIs = []outdated{
	{"flowcontrol.apiserver.k8s.io/v1beta3", "FlowSchema PriorityLevelConfiguration", 29, 32, "flowcontrol.apiserver.k8s.io/v1"},
	{"flowcontrol.apiserver.k8s.io/v1beta2", "FlowSchema PriorityLevelConfiguration", 26, 29, "flowcontrol.apiserver.k8s.io/v1"},
	{"storage.k8s.io/v1beta1", "CSIStorageCapacity", 24, 27, "storage.k8s.io/v1"},
	{"flowcontrol.apiserver.k8s.io/v1beta1", "FlowSchema PriorityLevelConfiguration", 23, 26, "flowcontrol.apiserver.k8s.io/v1"},
	{"autoscaling/v2beta2", "HorizontalPodAutoscaler", 23, 26, "autoscaling/v2"},
	{"batch/v1beta1", "CronJob", 21, 25, "batch/v1"},
	{"discovery.k8s.io/v1beta1", "EndpointSlice", 21, 25, "discovery.k8s.io/v1"},
	{"events.k8s.io/v1beta1", "Event", 22, 25, "events.k8s.io/v1"},
	{"autoscaling/v2beta1", "HorizontalPodAutoscaler", 22, 25, "autoscaling/v2"},
	{"policy/v1beta1", "PodDisruptionBudget", 21, 25, "policy/v1"},
	{"policy/v1beta1", "PodSecurityPolicy", 21, 25, ""},
	{"node.k8s.io/v1beta1", "RuntimeClass", 22, 25, "node.k8s.io/v1"},
	{"admissionregistration.k8s.io/v1beta1", "MutatingWebhookConfiguration ValidatingWebhookConfiguration", 16, 22, "admissionregistration.k8s.io/v1"},
	{"apiextensions.k8s.io/v1beta1", "CustomResourceDefinition", 16, 22, "apiextensions.k8s.io/v1"},
	{"apiregistration.k8s.io/v1beta1", "APIService", 19, 22, "apiregistration.k8s.io/v1"},
	{"authentication.k8s.io/v1beta1", "TokenReview", 19, 22, "authentication.k8s.io/v1"},
	{"authorization.k8s.io/v1beta1", "LocalSubjectAccessReview SelfSubjectAccessReview SubjectAccessReview SelfSubjectRulesReview", 19, 22, "authorization.k8s.io/v1"},
	{"certificates.k8s.io/v1beta1", "CertificateSigningRequest", 19, 22, "certificates.k8s.io/v1"},
	{"coordination.k8s.io/v1beta1", "Lease", 19, 22, "coordination.k8s.io/v1"},
	{"extensions/v1beta1", "Ingress", 14, 22, "networking.k8s.io/v1"},
	{"networking.k8s.io/v1beta1", "Ingress IngressClass", 19, 22, "networking.k8s.io/v1"},
	{"rbac.authorization.k8s.io/v1beta1", "ClusterRole ClusterRoleBinding Role RoleBinding", 17, 22, "rbac.authorization.k8s.io/v1"},
	{"scheduling.k8s.io/v1beta1", "PriorityClass", 14, 22, "scheduling.k8s.io/v1"},
	{"storage.k8s.io/v1beta1", "CSIDriver StorageClass VolumeAttachment", 19, 22, "storage.k8s.io/v1"},
	{"storage.k8s.io/v1beta1", "CSINode", 17, 22, "storage.k8s.io/v1"},
	{"extensions/v1beta1", "NetworkPolicy", 9, 16, "networking.k8s.io/v1"},
	{"extensions/v1beta1", "DaemonSet Deployment ReplicaSet", 8, 16, "apps/v1"},
	{"apps/v1beta1", "Deployment StatefulSet ReplicaSet", 8, 16, "apps/v1"},
	{"apps/v1beta2", "DaemonSet Deployment StatefulSet ReplicaSet", 9, 16, "apps/v1"},
	{"extensions/v1beta1", "PodSecurityPolicy", 10, 16, ""},
}

// deprecated tells whether the API version of an object that stays will not be there in the next minor version of its
// cluster's Kubernetes, or is going to go. One that is not there already is denied: it cannot be applied.
func deprecated(c Change) (Finding, bool) {
	minor, known := minorOf(c.App.Version)
	if !known || c.Object == nil {
		return Finding{}, false
	}
	for _, o := range outdatedAPIs {
		if o.apiVersion != c.Object.APIVersion() || !slices.Contains(strings.Fields(o.kinds), c.Object.Kind()) || o.deprecated > minor+1 {
			continue
		}
		level, says := Warn, fmt.Sprintf("is deprecated since Kubernetes 1.%d and goes with 1.%d", o.deprecated, o.removed)
		switch {
		case o.removed <= minor:
			level, says = Deny, fmt.Sprintf("is not served since Kubernetes 1.%d; the cluster has 1.%d", o.removed, minor)
		case o.removed == minor+1:
			says = fmt.Sprintf("is not served by Kubernetes 1.%d, the next version; the cluster has 1.%d", o.removed, minor)
		}
		message := fmt.Sprintf("%s of %s %s", o.apiVersion, c.Object.Kind(), says)
		if o.instead != "" {
			message += ": write " + o.instead
		}
		return Finding{
			Rule: RuleDeprecated, Level: level, App: c.App.Address(), Object: c.Object.ID(), Place: c.Object.Place, Message: message,
			Link: "https://kubernetes.io/docs/reference/using-api/deprecation-guide/",
		}, true
	}
	return Finding{}, false
}

// minorOf reads the minor version of "1.37", "v1.37.2" or "v1.37.2+k3s1".
func minorOf(version string) (int, bool) {
	major, rest, ok := strings.Cut(strings.TrimPrefix(version, "v"), ".")
	if !ok || major != "1" {
		return 0, false
	}
	digits, _, _ := strings.Cut(rest, ".")
	digits = strings.TrimRight(digits, "+") // as some providers write it
	minor, err := strconv.Atoi(digits)
	return minor, err == nil
}
