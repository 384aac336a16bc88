package v1alpha1

import (
	"embed"
	"fmt"
	"io/fs"
)

//go:generate go -C ../../dev tool controller-gen object crd:crdVersions=v1 paths=../api/v1alpha1 output:crd:dir=../api/v1alpha1/crds

//go:embed crds/*.yaml
var crds embed.FS

// CRDs gives the custom resource definitions of all kinds as YAML documents, in name order.
func CRDs() [][]byte {
	names, err := fs.Glob(crds, "crds/*.yaml")
	if err != nil {
		panic(fmt.Sprintf("v1alpha1: the embedded definitions cannot be listed: %v", err))
	}
	out := make([][]byte, 0, len(names))
	for _, name := range names {
		data, err := crds.ReadFile(name)
		if err != nil {
			panic(fmt.Sprintf("v1alpha1: %s cannot be read: %v", name, err))
		}
		out = append(out, data)
	}
	return out
}
