package doctor

import (
	"context"
	"strings"

	admissionv1 "k8s.io/api/admissionregistration/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

// hook is what validating and mutating webhooks have in common.
type hook struct {
	Name          string                           `json:"name"`
	ClientConfig  admissionv1.WebhookClientConfig  `json:"clientConfig"`
	FailurePolicy *admissionv1.FailurePolicyType   `json:"failurePolicy"`
	SideEffects   *admissionv1.SideEffectClass     `json:"sideEffects"`
	Rules         []admissionv1.RuleWithOperations `json:"rules"`
}

// webhooks looks for admission webhooks that refuse every write because nobody answers, and for those that refuse dry runs.
func (e *examination) webhooks(ctx context.Context) {
	quiet := true
	for _, kind := range []string{"validatingwebhookconfigurations", "mutatingwebhookconfigurations"} {
		var list struct {
			Items []struct {
				Metadata struct{ Name string } `json:"metadata"`
				Webhooks []hook                `json:"webhooks"`
			}
		}
		if err := e.api.get(ctx, "/apis/admissionregistration.k8s.io/v1/"+kind, &list); err != nil {
			e.unseen("webhooks", err)
			return
		}
		for _, configuration := range list.Items {
			for _, h := range configuration.Webhooks {
				quiet = e.webhook(ctx, kind, configuration.Metadata.Name, h) && quiet
			}
		}
	}
	if quiet {
		e.fine("webhooks", "no admission webhook stands in the way")
	}
}

func (e *examination) webhook(ctx context.Context, kind, configuration string, h hook) (quiet bool) {
	quiet = true
	fails := h.FailurePolicy == nil || *h.FailurePolicy == admissionv1.Fail
	if service := h.ClientConfig.Service; service != nil && fails && !e.answered(ctx, service.Namespace, service.Name) {
		e.wrong("webhooks", "kubectl -n "+service.Namespace+" get endpointslices -l kubernetes.io/service-name="+service.Name+"; if it is left over: kubectl delete "+kind+" "+configuration,
			"%s refuses every write of %s: nobody answers for Service %s/%s", h.Name, resourcesOf(h.Rules), service.Namespace, service.Name)
		quiet = false
	}
	if h.SideEffects != nil && *h.SideEffects != admissionv1.SideEffectClassNone && *h.SideEffects != admissionv1.SideEffectClassNoneOnDryRun {
		e.warn("webhooks", "ask its maker for sideEffects: None or NoneOnDryRun", "%s refuses dry runs of %s: plumb diff compares these as rendered", h.Name, resourcesOf(h.Rules))
		quiet = false
	}
	return quiet
}

// answered tells whether a Service has somebody who is ready. What cannot be seen counts as yes.
func (e *examination) answered(ctx context.Context, namespace, name string) bool {
	var slices discoveryv1.EndpointSliceList
	if err := e.api.get(ctx, "/apis/discovery.k8s.io/v1/namespaces/"+namespace+"/endpointslices?labelSelector=kubernetes.io/service-name="+name, &slices); err != nil {
		return !isGone(err)
	}
	for _, slice := range slices.Items {
		for _, endpoint := range slice.Endpoints {
			if endpoint.Conditions.Ready == nil || *endpoint.Conditions.Ready {
				return true
			}
		}
	}
	return false
}

func resourcesOf(rules []admissionv1.RuleWithOperations) string {
	var all []string
	for _, r := range rules {
		all = append(all, r.Resources...)
	}
	return strings.Join(all[:min(len(all), 4)], ", ")
}

// services looks for aggregated APIs that do not answer: apps that use their kinds wait.
func (e *examination) services(ctx context.Context) {
	var list struct{ Items []map[string]any }
	if err := e.api.get(ctx, "/apis/apiregistration.k8s.io/v1/apiservices", &list); err != nil {
		e.unseen("apis", err)
		return
	}
	quiet := true
	for _, fields := range list.Items {
		o := unstructured.Unstructured{Object: fields}
		conditions, _, _ := unstructured.NestedSlice(fields, "status", "conditions")
		for _, c := range conditions {
			if c, ok := c.(map[string]any); ok && c["type"] == "Available" && c["status"] == "False" {
				e.warn("apis", "kubectl get apiservice "+o.GetName()+" -o yaml", "%s does not answer, and apps that use its kinds wait: %v", o.GetName(), c["message"])
				quiet = false
			}
		}
	}
	if quiet {
		e.fine("apis", "every API group answers")
	}
}
