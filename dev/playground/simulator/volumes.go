package simulator

import (
	"context"
	"encoding/json"

	corev1 "k8s.io/api/core/v1"
	storagev1 "k8s.io/api/storage/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/kubernetes"
	corelisters "k8s.io/client-go/listers/core/v1"
)

// provisionedBy marks volumes whose life an outside provisioner governs: the controller manager then leaves their removal to us.
const provisionedBy = "pv.kubernetes.io/provisioned-by"

// volumes plays the provisioner of every storage class, also of those that do not exist here: a fleet written for another
// cluster names that cluster's classes.
type volumes struct {
	client  kubernetes.Interface
	volumes corelisters.PersistentVolumeLister
}

// bind makes a volume reserved for the claim; the controller manager binds the two. A bound claim that asks for more gets it.
// A claim marked plumb.dev/simulate: never-bound stays pending.
func (v volumes) bind(ctx context.Context, claim *corev1.PersistentVolumeClaim) error {
	switch {
	case claim.DeletionTimestamp != nil || simulated(claim) == "never-bound":
		return nil
	case claim.Status.Phase == corev1.ClaimBound:
		return v.grow(ctx, claim)
	case claim.Spec.VolumeName != "":
		return nil
	}
	policy, err := v.reclaimPolicy(ctx, claim)
	if err != nil {
		return err
	}
	_, err = v.client.CoreV1().PersistentVolumes().Create(ctx, volumeFor(claim, policy), metav1.CreateOptions{})
	if apierrors.IsAlreadyExists(err) {
		return nil
	}
	return err
}

func volumeFor(claim *corev1.PersistentVolumeClaim, policy corev1.PersistentVolumeReclaimPolicy) *corev1.PersistentVolume {
	return &corev1.PersistentVolume{
		ObjectMeta: metav1.ObjectMeta{Name: "pvc-" + string(claim.UID), Annotations: map[string]string{provisionedBy: provisioner}},
		Spec: corev1.PersistentVolumeSpec{
			Capacity:                      corev1.ResourceList{corev1.ResourceStorage: claim.Spec.Resources.Requests[corev1.ResourceStorage]},
			AccessModes:                   claim.Spec.AccessModes,
			PersistentVolumeReclaimPolicy: policy,
			StorageClassName:              className(claim),
			VolumeMode:                    claim.Spec.VolumeMode,
			ClaimRef:                      &corev1.ObjectReference{APIVersion: "v1", Kind: "PersistentVolumeClaim", Namespace: claim.Namespace, Name: claim.Name, UID: claim.UID},
			// A path that nothing reads: a CSI volume would wait for an attacher, which no part of the playground is.
			PersistentVolumeSource: corev1.PersistentVolumeSource{HostPath: &corev1.HostPathVolumeSource{Path: "/simulated/" + string(claim.UID)}},
		},
	}
}

func className(claim *corev1.PersistentVolumeClaim) string {
	if claim.Spec.StorageClassName == nil {
		return ""
	}
	return *claim.Spec.StorageClassName
}

func (v volumes) class(ctx context.Context, name string) (*storagev1.StorageClass, error) {
	if name == "" {
		return nil, nil
	}
	class, err := v.client.StorageV1().StorageClasses().Get(ctx, name, metav1.GetOptions{})
	if apierrors.IsNotFound(err) {
		return nil, nil
	}
	return class, err
}

func (v volumes) reclaimPolicy(ctx context.Context, claim *corev1.PersistentVolumeClaim) (corev1.PersistentVolumeReclaimPolicy, error) {
	class, err := v.class(ctx, className(claim))
	if err != nil || class == nil || class.ReclaimPolicy == nil {
		return corev1.PersistentVolumeReclaimDelete, err
	}
	return *class.ReclaimPolicy, nil
}

// grow plays the resizer: first the volume, then the claim's status.
func (v volumes) grow(ctx context.Context, claim *corev1.PersistentVolumeClaim) error {
	asked := claim.Spec.Resources.Requests[corev1.ResourceStorage]
	has := claim.Status.Capacity[corev1.ResourceStorage]
	if asked.Cmp(has) <= 0 {
		return nil
	}
	capacity := map[string]any{"capacity": map[string]any{"storage": asked.String()}}
	patch, err := json.Marshal(map[string]any{"spec": capacity})
	if err != nil {
		return err
	}
	if _, err := v.client.CoreV1().PersistentVolumes().Patch(ctx, claim.Spec.VolumeName, types.MergePatchType, patch, metav1.PatchOptions{}); err != nil {
		return err
	}
	patch, err = json.Marshal(map[string]any{"status": capacity})
	if err != nil {
		return err
	}
	_, err = v.client.CoreV1().PersistentVolumeClaims(claim.Namespace).Patch(ctx, claim.Name, types.MergePatchType, patch, metav1.PatchOptions{}, "status")
	return err
}

// reclaim deletes a volume of ours whose claim is gone, if its policy says so.
func (v volumes) reclaim(ctx context.Context, volume *corev1.PersistentVolume) error {
	if volume.Annotations[provisionedBy] != provisioner || volume.Status.Phase != corev1.VolumeReleased ||
		volume.Spec.PersistentVolumeReclaimPolicy != corev1.PersistentVolumeReclaimDelete {
		return nil
	}
	return v.client.CoreV1().PersistentVolumes().Delete(ctx, volume.Name, metav1.DeleteOptions{Preconditions: &metav1.Preconditions{UID: &volume.UID}})
}
