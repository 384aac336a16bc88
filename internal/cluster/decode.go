package cluster

import (
	utiljson "k8s.io/apimachinery/pkg/util/json"
)

// decode reads a JSON object as Kubernetes does: whole numbers become int64.
func decode(raw []byte) (map[string]any, error) {
	var fields map[string]any
	if err := utiljson.Unmarshal(raw, &fields); err != nil {
		return nil, err
	}
	return fields, nil
}
