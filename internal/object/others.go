package object

import (
	"encoding/base64"
	"strings"
)

// othersFields takes out fields that Kubernetes, or a tool that Git itself names on the object, writes over whatever Git
// has there: to apply them would be a fight that nobody can win.
func (n *normaliser) othersFields() error {
	switch id := n.o.ID(); id.Group + "/" + id.Kind {
	case "rbac.authorization.k8s.io/ClusterRole":
		n.aggregatedRules()
	case "admissionregistration.k8s.io/ValidatingWebhookConfiguration", "admissionregistration.k8s.io/MutatingWebhookConfiguration":
		webhooks, _ := n.o.Fields["webhooks"].([]any)
		for _, w := range webhooks {
			w, _ := w.(map[string]any)
			n.bundle(mapAt(w, "clientConfig"))
		}
	case "apiextensions.k8s.io/CustomResourceDefinition":
		n.bundle(mapAt(mapAt(mapAt(mapAt(n.o.Fields, "spec"), "conversion"), "webhook"), "clientConfig"))
	case "apiregistration.k8s.io/APIService":
		n.bundle(mapAt(n.o.Fields, "spec"))
	}
	return nil
}

// aggregatedRules: the rules of a ClusterRole with an aggregationRule are the union of those that it selects, written by
// Kubernetes' controller over everything else (k8s.io/api, rbac/v1 ClusterRole.aggregationRule).
func (n *normaliser) aggregatedRules() {
	if empty(n.o.Fields["aggregationRule"]) {
		return
	}
	if rules, _ := n.o.Fields["rules"].([]any); len(rules) > 0 {
		n.warn("AGGREGATED_RULES", "rules are left out: with an aggregationRule they are gathered from other ClusterRoles, and these would be lost")
	}
	delete(n.o.Fields, "rules")
}

// bundle takes out a certificate authority that is a placeholder, or that Git asks another tool to write.
func (n *normaliser) bundle(config map[string]any) {
	text, _ := config["caBundle"].(string)
	raw, err := base64.StdEncoding.DecodeString(text)
	blank := err == nil && strings.TrimSpace(string(raw)) == ""
	if _, has := config["caBundle"]; has && (blank || n.injected()) {
		delete(config, "caBundle")
	}
}

// injected tells whether an annotation asks for a certificate authority: of cert-manager's cainjector
// (cert-manager.io/inject-ca-from, -from-secret, -apiserver-ca), or of OpenShift's service-ca operator.
func (n *normaliser) injected() bool {
	for key, value := range n.o.Annotations() {
		if strings.HasPrefix(key, "cert-manager.io/inject-") || key == "service.beta.openshift.io/inject-cabundle" && value == "true" {
			return true
		}
	}
	return false
}

// mapAt gives the map under a key; nil, of which nothing can be read or deleted, if there is none.
func mapAt(m map[string]any, key string) map[string]any {
	below, _ := m[key].(map[string]any)
	return below
}
