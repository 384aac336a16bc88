package diff

import (
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/structured-merge-diff/v6/fieldpath"
)

// personsTools are the field managers of programs by which a person changes objects by hand. A program that names no
// manager gets the part of its User-Agent before the slash (k8s.io/apiserver, managerOrUserAgent). A name that ends in
// "-" stands for all that begin with it. Any other manager is taken for a controller, and what it adds stays.
var personsTools = []string{
	"kubectl", "kubectl-", // the default of kubectl apply --server-side, and kubectl-edit, -patch, -set, -client-side-apply … (k8s.io/kubectl)
	"oc", "oc-", // OpenShift's kubectl
	"helm", "Helm", // helm.sh/helm names its manager after the binary
	"k9s",        // its User-Agent
	"node-fetch", // Lens and its forks, by the library they call with
	"Lens", "lens", "OpenLens", "FreeLens", "Freelens",
	"Mozilla",                           // browsers through a proxy: Kubernetes Dashboard, Headlamp, Rancher, the OpenShift console
	"dashboard", "kubernetes-dashboard", // Kubernetes Dashboard
	"curl", "Wget", "HTTPie", "PostmanRuntime", "insomnia", // requests by hand
}

// PersonsTool tells whether a field manager is a program by which a person changes objects by hand.
func PersonsTool(manager string) bool {
	for _, tool := range personsTools {
		if manager == tool || strings.HasSuffix(tool, "-") && strings.HasPrefix(manager, tool) {
			return true
		}
	}
	return false
}

// byPerson tells whether an entry is of a person's tool. What came through a subresource (scale, status) is not: the
// subresource's right was given for it.
func byPerson(e metav1.ManagedFieldsEntry, manager string) bool {
	return e.Subresource == "" && e.Manager != manager && PersonsTool(e.Manager)
}

// deliveryTools are the field managers of programs that deliver from Git, and whose they are. Argo CD applies under the
// first name, from the server's side or the client's (argo-cd, common.ArgoCDSSAManager); releases before it named itself
// wrote under the name of their program. Flux's controllers write under their own names.
var deliveryTools = map[string]string{
	"argocd-controller": ArgoCD, "argocd-application-controller": ArgoCD,
	"kustomize-controller": Flux, "helm-controller": Flux,
}

// The delivery tools that DeliveredBy knows.
const (
	ArgoCD = "Argo CD"
	Flux   = "Flux"
)

// DeliveredBy names the delivery tool that writes under a field manager; "" if none is known to.
func DeliveredBy(manager string) string { return deliveryTools[manager] }

// OwnsLabel tells whether a field manager of a delivery tool owns a label.
func OwnsLabel(entries []metav1.ManagedFieldsEntry, tool, label string) bool {
	path := fieldpath.MakePathOrDie("metadata", "labels", label)
	for _, o := range owners(entries, func(e metav1.ManagedFieldsEntry) bool { return e.Subresource == "" && DeliveredBy(e.Manager) == tool }) {
		if o.set.Has(path) {
			return true
		}
	}
	return false
}
