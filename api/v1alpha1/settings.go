package v1alpha1

import (
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
)

// Settings is the schema of plumb.yaml beside an app, of the root file's defaults, and of App.spec.settings
// (resources.md §6.2). The zero value of a field means "not set here": pointers tell false from unset.
type Settings struct {
	// The folder is not an app.
	Skip *bool `json:"skip,omitempty"`
	// Namespace of objects that name none; a template of {app}, {env}, {cluster} and pattern variables.
	// +kubebuilder:validation:MaxLength=253
	Namespace string `json:"namespace,omitempty"`
	// auto, or manual: shown, and applied only by plumb sync.
	// +kubebuilder:validation:XValidation:rule="self == 'auto' || self == 'manual'",message="sync must be auto or manual"
	// +kubebuilder:validation:MaxLength=16
	Sync string `json:"sync,omitempty"`
	// false: drift is shown, not undone.
	Heal *bool `json:"heal,omitempty"`
	// false: nothing is deleted.
	Prune *bool `json:"prune,omitempty"`
	Wait  *Wait `json:"wait,omitempty"`
	// Fields that are not ours.
	// +kubebuilder:validation:MaxItems=100
	Ignore []IgnoreRule `json:"ignore,omitempty"`
	// Health rules of our own, first that matches wins over the built-in ones.
	// +kubebuilder:validation:MaxItems=100
	Health []HealthRule `json:"health,omitempty"`
	// helm, kustomize or plain; only where a folder fits two.
	// +kubebuilder:validation:XValidation:rule="self == 'helm' || self == 'kustomize' || self == 'plain'",message="render must be helm, kustomize or plain"
	// +kubebuilder:validation:MaxLength=16
	Render string         `json:"render,omitempty"`
	Plain  *PlainSettings `json:"plain,omitempty"`
	Helm   *HelmSettings  `json:"helm,omitempty"`
	// Laid over the kustomization of the folder.
	Kustomize *KustomizeSettings `json:"kustomize,omitempty"`
	// Objects that may be deleted and created when a field is immutable.
	// +kubebuilder:validation:MaxItems=100
	Replace []ObjectRef `json:"replace,omitempty"`
	// Apps that must be ok at a commit before it is applied to this one: app, app/env or app/env@cluster.
	// +kubebuilder:validation:MaxItems=100
	// +kubebuilder:validation:items:MinLength=1
	// +kubebuilder:validation:items:MaxLength=400
	After []string `json:"after,omitempty"`
	// What the agent does about a commit at which the app fails. Default: nothing.
	OnFailure *OnFailure `json:"onFailure,omitempty"`
}

// The words of OnFailure.Revert.
const (
	RevertByPull = "pr"
	RevertNone   = "none"
)

// OnFailure says what is done about a commit at which an app fails.
type OnFailure struct {
	// pr: a pull request that takes back what the commit changed for this app is opened. none: nothing.
	// +kubebuilder:validation:XValidation:rule="self == 'pr' || self == 'none'",message="onFailure.revert must be pr or none"
	// +kubebuilder:validation:MaxLength=16
	Revert string `json:"revert,omitempty"`
	// How long after it was applied a failure counts as the commit's, also after it was healthy in between. Default 10m.
	// +kubebuilder:validation:MaxLength=32
	Within string `json:"within,omitempty"`
}

// Wait says how long no progress of health is borne.
type Wait struct {
	// Default 10m.
	// +kubebuilder:validation:MaxLength=32
	Timeout string `json:"timeout,omitempty"`
}

// IgnoreRule names fields that are not ours, and why.
//
// +kubebuilder:validation:XValidation:rule="has(self.field) != has(self.manager)",message="an ignore rule has either field or manager"
type IgnoreRule struct {
	// Kind or group/kind; * allowed.
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	Kind string `json:"kind"`
	// +kubebuilder:validation:MaxLength=253
	Name string `json:"name,omitempty"`
	// +kubebuilder:validation:MaxLength=63
	Namespace string `json:"namespace,omitempty"`
	// a.b[name=c].d or a[*].b
	// +kubebuilder:validation:MaxLength=1024
	Field string `json:"field,omitempty"`
	// All fields of that field manager.
	// +kubebuilder:validation:MaxLength=128
	Manager string `json:"manager,omitempty"`
	// Required: people read it in the drift view.
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=1024
	Why string `json:"why"`
}

// HealthRule judges a kind by CEL over self.
type HealthRule struct {
	// Kind or group/kind.
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	Kind string `json:"kind"`
	// +kubebuilder:validation:MaxLength=4096
	Healthy string `json:"healthy,omitempty"`
	// +kubebuilder:validation:MaxLength=4096
	Degraded string `json:"degraded,omitempty"`
	// +kubebuilder:validation:MaxLength=4096
	Suspended string `json:"suspended,omitempty"`
	// +kubebuilder:validation:MaxLength=4096
	Message string `json:"message,omitempty"`
}

// PlainSettings chooses files of a plain folder.
type PlainSettings struct {
	// Default true.
	Recurse *bool `json:"recurse,omitempty"`
	// Globs relative to the folder.
	// +kubebuilder:validation:MaxItems=100
	Include []string `json:"include,omitempty"`
	// +kubebuilder:validation:MaxItems=100
	Exclude []string `json:"exclude,omitempty"`
}

// HelmSettings are what helm template would be told.
type HelmSettings struct {
	// A chart from elsewhere, instead of one in the folder.
	Chart *ChartRef `json:"chart,omitempty"`
	// Default: the app's name.
	// +kubebuilder:validation:MaxLength=53
	Release string `json:"release,omitempty"`
	// Values files relative to the app's folder, or $<source>/<path>; they replace the list found by convention.
	// +kubebuilder:validation:MaxItems=100
	Values []string `json:"values,omitempty"`
	// Single values as for helm --set.
	Set map[string]string `json:"set,omitempty"`
	// Values that are the text of a file, as for helm --set-file: key to path, as in Values.
	SetFile map[string]string `json:"setFile,omitempty"`
	// Values written here; they win over files, Set wins over them.
	// +kubebuilder:pruning:PreserveUnknownFields
	// +kubebuilder:validation:Schemaless
	Inline *apiextensionsv1.JSON `json:"inline,omitempty"`
	// Leave out the objects of crds/.
	SkipCRDs *bool `json:"skipCRDs,omitempty"`
}

// KustomizeSettings are laid over the kustomization of a folder, with the meaning of the fields of a kustomization.
type KustomizeSettings struct {
	// +kubebuilder:validation:MaxItems=100
	Images []KustomizeImage `json:"images,omitempty"`
	// +kubebuilder:validation:MaxItems=100
	Replicas []KustomizeReplicas `json:"replicas,omitempty"`
	// +kubebuilder:validation:MaxLength=63
	NamePrefix string `json:"namePrefix,omitempty"`
	// +kubebuilder:validation:MaxLength=63
	NameSuffix string `json:"nameSuffix,omitempty"`
	// On every object and pod template; selectors are left alone.
	Labels map[string]string `json:"labels,omitempty"`
	// On every object and pod template.
	Annotations map[string]string `json:"annotations,omitempty"`
}

// KustomizeImage replaces an image wherever it stands.
type KustomizeImage struct {
	// As it is written in the manifests, without tag.
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=512
	Name string `json:"name"`
	// +kubebuilder:validation:MaxLength=512
	NewName string `json:"newName,omitempty"`
	// +kubebuilder:validation:MaxLength=128
	NewTag string `json:"newTag,omitempty"`
	// +kubebuilder:validation:MaxLength=80
	Digest string `json:"digest,omitempty"`
}

// KustomizeReplicas sets the number of replicas of what has this name.
type KustomizeReplicas struct {
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	Name string `json:"name"`
	// +kubebuilder:validation:Minimum=0
	Count int `json:"count"`
}

// ChartRef names a chart of a repository. Levels of settings may each say a part; together they must say repo, name and version.
type ChartRef struct {
	// Address of the chart repository (https://…), or of the place in a registry that holds the chart (oci://…, without its name).
	// +kubebuilder:validation:MaxLength=2048
	Repo string `json:"repo,omitempty"`
	// +kubebuilder:validation:MaxLength=250
	Name string `json:"name,omitempty"`
	// An exact version, which is never asked for again, or a range of versions.
	// +kubebuilder:validation:MaxLength=250
	Version string `json:"version,omitempty"`
	// sha256:… of the archive, or of the manifest in a registry; anything else is refused.
	// +kubebuilder:validation:MaxLength=71
	Digest string `json:"digest,omitempty"`
}

// ObjectRef names objects by kind and name.
type ObjectRef struct {
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	Kind string `json:"kind"`
	// +kubebuilder:validation:MaxLength=253
	Name string `json:"name,omitempty"`
	// +kubebuilder:validation:MaxLength=63
	Namespace string `json:"namespace,omitempty"`
}

// RootFile is the schema of plumb.yaml at the root of a repository (resources.md §6.1).
type RootFile struct {
	// In promotion order.
	Environments []Environment `json:"environments,omitempty"`
	Defaults     Settings      `json:"defaults,omitempty"`
	Limits       Limits        `json:"limits,omitempty"`
	// Files with rules for rendered objects: paths from the root of the repository, * matches inside a segment
	// (docs/reference/policy.md). A path that matches no file is an error.
	Policies []string `json:"policies,omitempty"`
}

// Environment is a named stage of promotion and the clusters that it covers.
type Environment struct {
	Name string `json:"name"`
	// Label selector: a map, or {matchLabels, matchExpressions}.
	Clusters *apiextensionsv1.JSON `json:"clusters,omitempty"`
}

// Limits bound what one plan may do.
type Limits struct {
	Deletions *DeletionLimit `json:"deletions,omitempty"`
}

// DeletionLimit holds a plan that deletes more than the larger of Count and Percent of the inventory. Default 5 and 20.
type DeletionLimit struct {
	// +kubebuilder:validation:Minimum=0
	Count *int `json:"count,omitempty"`
	// +kubebuilder:validation:Minimum=0
	// +kubebuilder:validation:Maximum=100
	Percent *int `json:"percent,omitempty"`
}
