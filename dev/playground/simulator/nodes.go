package simulator

import (
	"context"
	"encoding/json"
	"fmt"

	corev1 "k8s.io/api/core/v1"
	storagev1 "k8s.io/api/storage/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/serializer"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/rest"
)

// nodeIP is the address of every node: where the API server asks for logs.
const nodeIP = "127.0.0.1"

// ensureNodes makes the nodes that are missing and gives all the port at which this simulator answers as their kubelet.
func ensureNodes(ctx context.Context, client kubernetes.Interface, count, port int) error {
	for i := range count {
		node := newNode(i)
		_, err := client.CoreV1().Nodes().Create(ctx, node, metav1.CreateOptions{})
		if err != nil && !apierrors.IsAlreadyExists(err) {
			return err
		}
		status, err := json.Marshal(map[string]any{"status": nodeStatus(node.Name, port)})
		if err != nil {
			return err
		}
		_, err = client.CoreV1().Nodes().Patch(ctx, node.Name, types.MergePatchType, status, metav1.PatchOptions{}, "status")
		if err != nil {
			return err
		}
	}
	return nil
}

// newNode has the labels that manifests select by: a zone of its own, amd64, Linux.
func newNode(i int) *corev1.Node {
	name := fmt.Sprintf("node-%d", i+1)
	return &corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: name, Labels: map[string]string{
		corev1.LabelHostname:             name,
		corev1.LabelOSStable:             "linux",
		corev1.LabelArchStable:           "amd64",
		corev1.LabelTopologyRegion:       "simulated",
		corev1.LabelTopologyZone:         "simulated-" + string(rune('a'+i%26)),
		corev1.LabelInstanceTypeStable:   "simulated",
		"node-role.kubernetes.io/worker": "",
		"plumb.dev/simulated":            "true",
	}}}
}

// nodeStatus: room for whatever a fleet asks for. kwok fills in the conditions and keeps the lease.
func nodeStatus(name string, port int) corev1.NodeStatus {
	room := corev1.ResourceList{
		corev1.ResourceCPU:              resource.MustParse("1000"),
		corev1.ResourceMemory:           resource.MustParse("4Ti"),
		corev1.ResourceEphemeralStorage: resource.MustParse("100Ti"),
		corev1.ResourcePods:             resource.MustParse("100000"),
	}
	return corev1.NodeStatus{
		Capacity:        room,
		Allocatable:     room,
		Addresses:       []corev1.NodeAddress{{Type: corev1.NodeInternalIP, Address: nodeIP}, {Type: corev1.NodeHostName, Address: name}},
		DaemonEndpoints: corev1.NodeDaemonEndpoints{KubeletEndpoint: corev1.DaemonEndpoint{Port: int32(port)}},
	}
}

// provisioner is the name under which claims are bound.
const provisioner = "plumb.dev/simulated"

// ensureStorageClass makes the default class, once: a user may change or delete it, and a resume leaves that alone.
func ensureStorageClass(ctx context.Context, client kubernetes.Interface) error {
	classes, err := client.StorageV1().StorageClasses().List(ctx, metav1.ListOptions{Limit: 1})
	if err != nil || len(classes.Items) > 0 {
		return err
	}
	_, err = client.StorageV1().StorageClasses().Create(ctx, &storagev1.StorageClass{
		ObjectMeta: metav1.ObjectMeta{
			Name:        "standard",
			Annotations: map[string]string{"storageclass.kubernetes.io/is-default-class": "true"},
		},
		Provisioner:          provisioner,
		ReclaimPolicy:        new(corev1.PersistentVolumeReclaimDelete),
		VolumeBindingMode:    new(storagev1.VolumeBindingImmediate),
		AllowVolumeExpansion: new(true),
	}, metav1.CreateOptions{})
	return err
}

// withCodec completes config for the untyped REST client by which kwok reads the schema.
func withCodec(config *rest.Config) *rest.Config {
	c := rest.CopyConfig(config)
	c.GroupVersion = &corev1.SchemeGroupVersion
	c.APIPath = "/api"
	c.NegotiatedSerializer = serializer.NewCodecFactory(scheme.Scheme).WithoutConversion()
	return c
}
