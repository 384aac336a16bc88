package v1alpha1

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// Repo is a Git repository whose folders are apps.
//
// +kubebuilder:object:root=true
// +kubebuilder:subresource:status
// +kubebuilder:resource:scope=Namespaced,path=repos,singular=repo
// +kubebuilder:printcolumn:name=Ready,type=string,JSONPath=`.status.conditions[?(@.type=="Ready")].status`
// +kubebuilder:printcolumn:name=Rev,type=string,JSONPath=`.status.revision`
// +kubebuilder:printcolumn:name=Summary,type=string,JSONPath=`.status.summary`
// +kubebuilder:printcolumn:name=Age,type=date,JSONPath=`.metadata.creationTimestamp`
type Repo struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata,omitempty"`

	Spec   RepoSpec   `json:"spec"`
	Status RepoStatus `json:"status,omitempty"`
}

// PolicyEnforce is the value of Repo.spec.policy that has policies stop deliveries.
const PolicyEnforce = "enforce"

// RepoList is a list of Repos.
//
// +kubebuilder:object:root=true
type RepoList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitempty"`
	Items           []Repo `json:"items"`
}

// RepoSpec says where the repository is and how its folders become apps.
type RepoSpec struct {
	// Where the repository is: https, ssh://user@host/path or user@host:path, http on loopback only, or file:///abs/path where
	// the agent allows local paths.
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=2048
	URL string `json:"url"`
	// Branch, tag, full commit id, full ref, or a range of versions (v1.x, ">=1.2 <2"), which means the newest tag in it.
	// Default: the branch that the remote's HEAD names.
	// +kubebuilder:validation:MaxLength=250
	Revision string `json:"revision,omitempty"`
	// How often the remote is asked for news, 10s to 24h. Default 1m, and 10m while verified webhooks arrive.
	// +kubebuilder:validation:XValidation:rule="duration(self) >= duration('10s') && duration(self) <= duration('24h')",message="poll must be a duration between 10s and 24h, for example 1m"
	// +kubebuilder:validation:Pattern=`^([0-9]+(\.[0-9]+)?(ms|s|m|h))+$`
	// +kubebuilder:validation:MaxLength=32
	Poll string `json:"poll,omitempty"`
	// Name of a Secret in this namespace with the keys token, or username and password; optionally ca.crt. For ssh: identity, a
	// private key without passphrase, and known_hosts, the host keys that are believed.
	// +kubebuilder:validation:MaxLength=253
	Secret string `json:"secret,omitempty"`
	// Signed webhooks that say "look now". Default: polling only.
	Webhook *Webhook `json:"webhook,omitempty"`
	// Patterns that say which folders are apps. If set, they replace the convention apps/<app>.
	// +kubebuilder:validation:MaxItems=100
	Apps []Pattern `json:"apps,omitempty"`
	// ServiceAccount of this namespace that every app of this Repo is applied as. Default plumb-deployer.
	// +kubebuilder:validation:MaxLength=253
	ServiceAccount string `json:"serviceAccount,omitempty"`
	// Chart repositories that need a credential, or that are not on the public network.
	// +kubebuilder:validation:MaxItems=100
	Charts []ChartAccess `json:"charts,omitempty"`
	// "enforce": a commit whose objects a rule of level deny is against is not delivered (docs/reference/policy.md). Default: the
	// policies of the repository are told where a change is reviewed, and do not stop a delivery.
	// +kubebuilder:validation:XValidation:rule="self == 'enforce'",message="policy is enforce, or is left out"
	// +kubebuilder:validation:MaxLength=16
	Policy string `json:"policy,omitempty"`
	// The forge that the repository lives in. If set, each commit that changed an app gets a status there, per environment.
	Forge *Forge `json:"forge,omitempty"`
}

// Forge is where pull requests and commit statuses of the repository are.
type Forge struct {
	// Which API it speaks: github, gitlab, or gitea, which is Forgejo too.
	// +kubebuilder:validation:XValidation:rule="self in ['github', 'gitlab', 'gitea']",message="the kind of a forge is github, gitlab or gitea (Forgejo too)"
	// +kubebuilder:validation:MaxLength=32
	Kind string `json:"kind"`
	// Name of a Secret in this namespace with the key token or, for a GitHub App, app-id and private-key; optionally ca.crt.
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	Secret string `json:"secret"`
	// Address of the forge, https://… or http://… on loopback. Default: the host of url, by https.
	// +kubebuilder:validation:MaxLength=2048
	URL string `json:"url,omitempty"`
	// Beginning of the names of the statuses. Default plumb. Two installations that deliver the same repository need two.
	// +kubebuilder:validation:Pattern=`^[a-z0-9]([a-z0-9-]*[a-z0-9])?$`
	// +kubebuilder:validation:MaxLength=63
	Context string `json:"context,omitempty"`
	// A pull request about which the cluster cannot be asked gets a success that says so; without it its status stays pending.
	Lenient bool `json:"lenient,omitempty"`
}

// ChartAccess lets the charts below an address be fetched, with a credential that is sent nowhere else.
type ChartAccess struct {
	// Beginning of an address, whole segments: https://…, oci://…, or http://… on loopback only. The longest that fits counts.
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=2048
	URL string `json:"url"`
	// Name of a Secret in this namespace with the keys token, or username and password; optionally ca.crt.
	// +kubebuilder:validation:MaxLength=253
	Secret string `json:"secret,omitempty"`
}

// Webhook says how deliveries to /hooks/<namespace>/<name> are verified.
type Webhook struct {
	// Name of a Secret in this namespace with the key secret.
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	Secret string `json:"secret"`
	// Who delivers: generic (HMAC-SHA256 of the body, hex, in X-Plumb-Signature-256; the default), github, gitlab, or gitea,
	// which is Forgejo too.
	// +kubebuilder:validation:XValidation:rule="self in ['generic', 'github', 'gitlab', 'gitea']",message="the kind of a webhook is generic, github, gitlab or gitea (Forgejo too)"
	// +kubebuilder:validation:MaxLength=32
	Kind string `json:"kind,omitempty"`
}

// Pattern makes folders into apps, or excludes them.
type Pattern struct {
	// Segments of a path; {name} binds one whole segment, * matches within one.
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=1024
	Path string `json:"path"`
	// Template of the app's name. Default "{app}".
	// +kubebuilder:validation:MaxLength=253
	App string `json:"app,omitempty"`
	// Template of the namespace.
	// +kubebuilder:validation:MaxLength=253
	Namespace string `json:"namespace,omitempty"`
	// The folders that match are no apps.
	Exclude bool `json:"exclude,omitempty"`
}

// RepoStatus is what the agent knows of the repository.
type RepoStatus struct {
	Conditions []metav1.Condition `json:"conditions,omitempty"`
	// One sentence.
	Summary string `json:"summary,omitempty"`
	// Newest commit for which every app was decided.
	Revision string `json:"revision,omitempty"`
	// Newest commit seen, and how.
	Observed *Observed `json:"observed,omitempty"`
	// Apps that are not decided at the observed commit, at most 20.
	Deciding      []string `json:"deciding,omitempty"`
	DecidingCount int      `json:"decidingCount,omitempty"`
	// Set while the remote cannot be read; the last good state stays.
	StaleSince *metav1.Time `json:"staleSince,omitempty"`
	Apps       *AppCounts   `json:"apps,omitempty"`
	// Echo of the sync request annotation.
	Handled Handled `json:"handled,omitempty"`
}

// Observed is a commit that was seen on the tracked ref.
type Observed struct {
	Revision string      `json:"revision"`
	Ref      string      `json:"ref,omitempty"`
	Time     metav1.Time `json:"time"`
	// webhook, poll or sync.
	By string `json:"by,omitempty"`
}

// AppCounts counts apps by state; the parts add up to Total.
type AppCounts struct {
	Total   int `json:"total"`
	Failed  int `json:"failed"`
	Drifted int `json:"drifted"`
	Rolling int `json:"rolling"`
	Waiting int `json:"waiting"`
	Paused  int `json:"paused"`
	OK      int `json:"ok"`
	Unknown int `json:"unknown"`
}

// Of gives the count of a state. What is no state word counts as unknown.
func (c *AppCounts) Of(state State) *int {
	switch state {
	case StateFailed:
		return &c.Failed
	case StateDrifted:
		return &c.Drifted
	case StateRolling:
		return &c.Rolling
	case StateWaiting:
		return &c.Waiting
	case StatePaused:
		return &c.Paused
	case StateOK:
		return &c.OK
	}
	return &c.Unknown
}

// Handled echoes requests that were carried out.
type Handled struct {
	Sync string `json:"sync,omitempty"`
}
