package diff

import (
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
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
