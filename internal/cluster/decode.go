package cluster

import (
	"bytes"
	"encoding/json"
	"fmt"

	"k8s.io/apimachinery/pkg/runtime"
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

// inProtobuf is what an answer in protobuf begins with (k8s.io/apimachinery, runtime/serializer/protobuf); an envelope follows that has
// the message in it.
var inProtobuf = []byte("k8s\x00")

// decodeMetadata reads a PartialObjectMetadata, or a list of them, from an answer in protobuf or in JSON.
func decodeMetadata(raw []byte, into interface{ Unmarshal([]byte) error }) error {
	message, ok := bytes.CutPrefix(raw, inProtobuf)
	if !ok {
		return json.Unmarshal(raw, into)
	}
	var envelope runtime.Unknown
	if err := envelope.Unmarshal(message); err != nil {
		return fmt.Errorf("an answer in protobuf: %w", err)
	}
	return into.Unmarshal(envelope.Raw)
}
