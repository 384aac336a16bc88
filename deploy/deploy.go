// Package deploy holds what an installation of Plumb in a cluster is made of: the folder manifests, which people read and may
// apply by kubectl or Kustomize, and the Helm chart that is written from it.
//
// There is one source. `plumb install` applies the embedded manifests; manifests/crds.yaml and chart/templates are written by
// `make generate` from them and from api/v1alpha1, and a test fails when they differ. The package never talks to a cluster.
//
// Start reading at manifests/access.yaml; Part gives a part as YAML, Files what is generated.
package deploy

import (
	"embed"
	"fmt"
	"strings"

	"plumb.dev/plumb/api/v1alpha1"
)

//go:generate go run ../scripts/deploy

//go:embed manifests/access.yaml manifests/policies.yaml manifests/agent.yaml manifests/people.yaml manifests/people-before-1.36.yaml
var manifests embed.FS

// Image is the image that the manifests name: no registry has it, an installation names its own.
const Image = "plumb.dev/plumb:devel"

// The parts of an installation, in the order in which they are applied.
const (
	CRDs     = "crds"     // the definitions of Plumb's kinds
	Access   = "access"   // namespace, ServiceAccounts, roles and bindings
	Policies = "policies" // admission policies
	Agent    = "agent"    // the agent's Deployment and its Service
)

// The parts that are installed by nobody who does not ask for one: the right to speak for people who log in by OIDC.
const (
	People       = "people"             // with the bounds of Kubernetes 1.36
	PeopleBefore = "people-before-1.36" // without
)

// Parts lists the parts in order.
func Parts() []string { return []string{CRDs, Access, Policies, Agent} }

// Part gives a part as a stream of YAML documents.
func Part(name string) ([]byte, error) {
	if name == CRDs {
		return []byte(definitions()), nil
	}
	data, err := manifests.ReadFile("manifests/" + name + ".yaml")
	if err != nil {
		return nil, fmt.Errorf("an installation has no part %q; its parts are %s", name, strings.Join(Parts(), ", "))
	}
	return data, nil
}

func definitions() string {
	var all []string
	for _, crd := range v1alpha1.CRDs() {
		all = append(all, strings.TrimSpace(strings.TrimPrefix(string(crd), "---\n"))+"\n")
	}
	return strings.Join(all, "---\n")
}
