package v1alpha1

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// Cluster is a cluster that apps are placed on.
//
// +kubebuilder:object:root=true
// +kubebuilder:subresource:status
// +kubebuilder:resource:scope=Namespaced
type Cluster struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata,omitempty"`

	Spec   ClusterSpec   `json:"spec,omitempty"`
	Status ClusterStatus `json:"status,omitempty"`
}

// ClusterList is a list of Clusters.
//
// +kubebuilder:object:root=true
type ClusterList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitempty"`
	Items           []Cluster `json:"items"`
}

// ClusterSpec is empty for the cluster local; other clusters are not supported yet.
type ClusterSpec struct{}

// ClusterStatus says which cluster answers.
type ClusterStatus struct {
	// UID of the namespace kube-system: another cluster behind the same address is refused.
	UID        string             `json:"uid,omitempty"`
	Version    string             `json:"version,omitempty"`
	LastSeen   *metav1.Time       `json:"lastSeen,omitempty"`
	Conditions []metav1.Condition `json:"conditions,omitempty"`
}

// Inventory is the list of objects that an App owns. Plumb writes it; nobody edits it.
//
// +kubebuilder:object:root=true
// +kubebuilder:resource:scope=Namespaced
type Inventory struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata,omitempty"`

	// The App whose objects these are, and its UID.
	App    string `json:"app"`
	AppUID string `json:"appUID"`
	// Commit of the last complete apply that these digests are of.
	Revision string `json:"revision,omitempty"`
	// UID of the namespace kube-system of the cluster that holds the objects.
	Cluster string           `json:"cluster,omitempty"`
	Objects []InventoryEntry `json:"objects,omitempty"`
}

// InventoryList is a list of Inventories.
//
// +kubebuilder:object:root=true
type InventoryList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitempty"`
	Items           []Inventory `json:"items"`
}

// InventoryEntry is one object. Its identity is group, kind, namespace and name, never the version.
type InventoryEntry struct {
	Group     string `json:"g,omitempty"`
	Version   string `json:"v,omitempty"`
	Kind      string `json:"k"`
	Namespace string `json:"ns,omitempty"`
	Name      string `json:"n"`
	// Empty until the API server has confirmed the object: then it may be applied again, but never deleted.
	UID string `json:"uid,omitempty"`
	// We made it. What we did not make is never deleted without consent.
	Created bool `json:"created,omitempty"`
	// Digest of what was applied.
	Desired string `json:"d,omitempty"`
	// Digest of our entry in managedFields after the apply.
	Owned string `json:"o,omitempty"`
	// never or consent: the object's own wish about being deleted.
	Prune string `json:"p,omitempty"`
	// Of a hook: the revision, and how far each of its phases came in it: "9f31c2a… PreSync=Succeeded PostSync=Started".
	Hook string `json:"h,omitempty"`
	// What it bore of whoever had it before; absent if nobody said that it was theirs.
	From *Former `json:"f,omitempty"`
}

// Former is what an object bore of another delivery tool, or of Helm, when it was taken over: to tell of it, and to give
// the object back.
type Former struct {
	// Whose it was, as people read it: "Argo CD application guestbook".
	Tool string `json:"t,omitempty"`
	// "<namespace>/<name>" of the Helm release that made it.
	Release string `json:"r,omitempty"`
	// The marks by which they know their own.
	Labels      map[string]string `json:"l,omitempty"`
	Annotations map[string]string `json:"a,omitempty"`
	// Field managers whose fields became ours, with their operation: "argocd-controller Apply".
	Managers []string `json:"m,omitempty"`
}
