package cluster

import (
	"bytes"
	"encoding/json"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/runtime/serializer/protobuf"
)

func TestMetadataIsTheSameInBothForms(t *testing.T) {
	at := metav1.NewTime(time.Unix(1_700_000_000, 0))
	want := metav1.PartialObjectMetadata{ObjectMeta: managed("u1", "7")}
	want.ManagedFields = []metav1.ManagedFieldsEntry{{
		Manager: "plumb:plumb-system/web", Operation: metav1.ManagedFieldsOperationApply, APIVersion: "v1", Time: &at, FieldsType: "FieldsV1",
		FieldsV1: metav1.NewFieldsV1(`{"f:data":{"f:a":{}}}`),
	}}
	scheme := runtime.NewScheme()
	metav1.AddToGroupVersion(scheme, schema.GroupVersion{Version: "v1"})
	if err := metav1.AddMetaToScheme(scheme); err != nil {
		t.Fatal(err)
	}
	var proto bytes.Buffer
	if err := protobuf.NewSerializer(scheme, scheme).Encode(&want, &proto); err != nil {
		t.Fatal(err)
	}
	text, err := json.Marshal(&want)
	if err != nil {
		t.Fatal(err)
	}
	for _, row := range []struct {
		reason string
		raw    []byte
		fails  bool
	}{
		{"protobuf, as Kubernetes answers", proto.Bytes(), false},
		{"JSON, as an API server may that extends it", text, false},
		{"protobuf that was cut off", proto.Bytes()[:proto.Len()-3], true},
		{"JSON that was cut off", text[:len(text)-3], true},
	} {
		t.Run(row.reason, func(t *testing.T) {
			var got metav1.PartialObjectMetadata
			err := decodeMetadata(row.raw, &got)
			if (err != nil) != row.fails {
				t.Fatalf("error %v", err)
			}
			if !row.fails && reduce(&got) != reduce(&want) {
				t.Error(cmp.Diff(reduce(&want), reduce(&got)))
			}
		})
	}
}
