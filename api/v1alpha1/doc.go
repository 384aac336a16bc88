// Package v1alpha1 is the contract between people, the agent and every reader of the cluster: the kinds Repo, App and
// Cluster that people write, and Inventory and Entry that Plumb writes (docs/reference/resources.md).
//
// The package holds values and the custom resource definitions made from them; it never decides anything.
// An unknown field is an error that names the nearest known one; a field that is not built yet is refused by name.
//
// Start at App and Repo; CRDs gives the definitions as YAML.
//
// +kubebuilder:object:generate=true
// +groupName=plumb.dev
package v1alpha1

import (
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// GroupVersion is the API group and version of all kinds of this package.
var GroupVersion = schema.GroupVersion{Group: "plumb.dev", Version: "v1alpha1"}

// Namespace is where Repos and Apps live unless a tenant has a namespace of its own.
const Namespace = "plumb-system"

// AddToScheme makes the kinds known to a scheme.
func AddToScheme(s *runtime.Scheme) error {
	s.AddKnownTypes(GroupVersion,
		&Repo{}, &RepoList{}, &App{}, &AppList{}, &Cluster{}, &ClusterList{},
		&Inventory{}, &InventoryList{}, &Entry{}, &EntryList{})
	metav1.AddToGroupVersion(s, GroupVersion)
	return nil
}

// Labels and annotations of ours on objects (resources.md §7.1).
const (
	LabelManaged       = "plumb.dev/managed"   // "true" on every managed object; what the watches select
	AnnotationOwner    = "plumb.dev/owner"     // the claim: <namespace>/<App>:<App UID>
	AnnotationRun      = "plumb.dev/run"       // on the object of a hook: the revision and phase that it runs in
	LabelRepo          = "plumb.dev/repo"      // on generated Apps
	LabelApp           = "plumb.dev/app"       // on generated Apps
	LabelEnv           = "plumb.dev/env"       // on generated Apps
	LabelCluster       = "plumb.dev/cluster"   // on generated Apps
	LabelAppUID        = "plumb.dev/app-uid"   // on Entries: the UID of the App
	LabelResult        = "plumb.dev/result"    // on Entries: as the field result
	LabelRemoval       = "plumb.dev/removal"   // on Entries: "true" on that of an app that is gone from Git
	LabelVarPrefix     = "plumb.dev/var-"      // on generated Apps: a variable of a pattern
	AnnotationSync     = "plumb.dev/sync"      // on App or Repo: any new token asks for a pass
	AnnotationDelete   = "plumb.dev/on-delete" // on App: orphan (default) or prune
	AnnotationReadOnly = "plumb.dev/read-only" // on the agent's Lease: "true" while the agent only compares
	AnnotationAdopt    = "plumb.dev/adopt"     // on App: an AdoptRequest, to take objects over from another tool, once
	AnnotationRevert   = "plumb.dev/revert"    // on App: a RevertRequest, for the pull request that takes the newest change back
	AnnotationReturn   = "plumb.dev/give-back" // on App: any new token gives the objects back, while the App is paused
	AnnotationPrune    = "plumb.dev/prune"     // on an object: never or consent
	AnnotationWave     = "plumb.dev/wave"      // on an object: an integer, default 0
	AnnotationHook     = "plumb.dev/hook"      // on an object: PreSync, Sync, PostSync, SyncFail, PreDelete, PostDelete, Skip
	AnnotationHealth   = "plumb.dev/health"    // on an object: ignore
	AnnotationApply    = "plumb.dev/apply"     // on an object: create-only
)

// OnDeletePrune is the value of AnnotationDelete that has an App's objects deleted with it.
const OnDeletePrune = "prune"

// FinalizerPrune is on an App that says on-delete: prune: it goes when its objects are gone.
const FinalizerPrune = "plumb.dev/on-delete"

// What the active agent says of itself, as annotations of its Lease.
const (
	AnnotationAddress = "plumb.dev/address"       // where it takes hooks: host:port
	AnnotationVersion = "plumb.dev/version"       // of the program
	AnnotationSecrets = "plumb.dev/secrets-every" // where it may not list Secrets: how often it looks at each
	AnnotationSandbox = "plumb.dev/sandbox"       // "complete", or what the sandbox of its renders lacks
	AnnotationBeside  = "plumb.dev/beside"        // another agent that is active too: both run with --leader-elect=false
)

// Field managers (resources.md §7.1). An app's own manager is "plumb:<namespace>/<App>".
const (
	ManagerAgent = "plumb-agent" // bookkeeping
	ManagerCLI   = "plumb-cli"   // requests of people
	ManagerPage  = "plumb-page"  // requests of people, by the page
)
