package v1alpha1

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// App is one app in one environment on one cluster: a folder of a repository, applied and kept true.
//
// +kubebuilder:object:root=true
// +kubebuilder:subresource:status
// +kubebuilder:resource:scope=Namespaced
// +kubebuilder:printcolumn:name=State,type=string,JSONPath=`.status.state`
// +kubebuilder:printcolumn:name=Rev,type=string,JSONPath=`.status.shortRevision`
// +kubebuilder:printcolumn:name=Env,type=string,JSONPath=`.spec.env`
// +kubebuilder:printcolumn:name=Cluster,type=string,JSONPath=`.spec.cluster`
// +kubebuilder:printcolumn:name=Drift,type=integer,JSONPath=`.status.objects.drifted`
// +kubebuilder:printcolumn:name=Waiting-On,type=string,JSONPath=`.status.waitingFor[0].name`
// +kubebuilder:printcolumn:name=Age,type=date,JSONPath=`.metadata.creationTimestamp`
type App struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata,omitempty"`

	Spec   AppSpec   `json:"spec"`
	Status AppStatus `json:"status,omitempty"`
}

// AppList is a list of Apps.
//
// +kubebuilder:object:root=true
type AppList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitempty"`
	Items           []App `json:"items"`
}

// AppSpec says what is applied where, as whom.
type AppSpec struct {
	// URL of a repository, or the name of a Repo in this namespace.
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=2048
	Repo string `json:"repo"`
	// Folder inside the repository; "." is the root.
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=1024
	Path string `json:"path"`
	// Branch, tag, full commit id, full ref or range of versions. Default: the Repo's, else the branch that the remote's HEAD names.
	// +kubebuilder:validation:MaxLength=250
	Revision string `json:"revision,omitempty"`
	// Only with a URL: name of a Secret in this namespace, as in Repo.spec.secret.
	// +kubebuilder:validation:MaxLength=253
	Secret string `json:"secret,omitempty"`
	// The app's name in a fleet. Default: metadata.name.
	// +kubebuilder:validation:MaxLength=253
	App string `json:"app,omitempty"`
	// Environment; empty means none.
	// +kubebuilder:validation:MaxLength=63
	Env string `json:"env,omitempty"`
	// Cluster name; "local" is the cluster that the agent runs in.
	// +kubebuilder:default=local
	// +kubebuilder:validation:MaxLength=253
	Cluster string `json:"cluster,omitempty"`
	// Namespace of objects that name none; created if absent. Default: <app>, with an environment <app>-<env>.
	// +kubebuilder:validation:MaxLength=63
	Namespace string `json:"namespace,omitempty"`
	// ServiceAccount of this namespace that is impersonated for every read and write. Default plumb-deployer.
	// +kubebuilder:validation:MaxLength=253
	ServiceAccount string `json:"serviceAccount,omitempty"`
	// Other repositories whose files helm.values may name, as $<name>/<path>.
	// +kubebuilder:validation:MaxItems=10
	// +listType=map
	// +listMapKey=name
	Sources []AppSource `json:"sources,omitempty"`
	// As Repo.spec.charts, for an App by hand. Default: those of the Repo that it names.
	// +kubebuilder:validation:MaxItems=100
	Charts []ChartAccess `json:"charts,omitempty"`
	// The same schema as plumb.yaml beside an app; wins over the file. On hand-made Apps, and for what a Repo's discovery found.
	Settings *Settings `json:"settings,omitempty"`
	// Written by plumb pause; absent means not paused.
	Pause *Pause `json:"pause,omitempty"`
}

// AppSource is a repository beside the app's own, at a revision of its own.
type AppSource struct {
	// +kubebuilder:validation:Pattern=`^[a-z0-9]([a-z0-9-]*[a-z0-9])?$`
	// +kubebuilder:validation:MaxLength=40
	Name string `json:"name"`
	// URL of a repository, or the name of a Repo in this namespace.
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=2048
	Repo string `json:"repo"`
	// As spec.revision. Default: the Repo's, else the branch that the remote's HEAD names.
	// +kubebuilder:validation:MaxLength=250
	Revision string `json:"revision,omitempty"`
	// Only with a URL: name of a Secret in this namespace, as in Repo.spec.secret.
	// +kubebuilder:validation:MaxLength=253
	Secret string `json:"secret,omitempty"`
}

// Pause stops applying and healing, or, with At, pins to a commit (a Hold).
//
// +kubebuilder:validation:XValidation:rule="!has(self.at) || size(self.at) == 0 || has(self.until)",message="a Hold (pause.at) needs an end (pause.until)"
type Pause struct {
	// Why.
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=1024
	Reason string `json:"reason"`
	// Who, as the API server knows the person.
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=1024
	By string `json:"by"`
	// When it ends by itself.
	Until *metav1.Time `json:"until,omitempty"`
	// A commit that is applied and kept true meanwhile, in full: a Hold. It ends at Until, or when the branch renders the same.
	// +kubebuilder:validation:MaxLength=40
	// +kubebuilder:validation:XValidation:rule="self == '' || self.matches('^[0-9a-f]{40}$')",message="a Hold (pause.at) names a commit by all 40 digits of its id"
	At string `json:"at,omitempty"`
}

// State is the word for how an app is, first that is true in the order of States.
// +kubebuilder:validation:Enum=failed;drifted;rolling;waiting;paused;ok;unknown
type State string

// The state words (resources.md §8).
const (
	StateFailed  State = "failed"
	StateDrifted State = "drifted"
	StateRolling State = "rolling"
	StateWaiting State = "waiting"
	StatePaused  State = "paused"
	StateOK      State = "ok"
	StateUnknown State = "unknown"
)

// States lists the state words in their precedence.
var States = []State{StateFailed, StateDrifted, StateRolling, StateWaiting, StatePaused, StateOK, StateUnknown}

// Health is the health of an object, or the worst of an app's objects.
// +kubebuilder:validation:Enum=Healthy;Progressing;Degraded;Suspended;Missing;Unknown
type Health string

// The health words.
const (
	Healthy     Health = "Healthy"
	Progressing Health = "Progressing"
	Degraded    Health = "Degraded"
	Suspended   Health = "Suspended"
	Missing     Health = "Missing"
	Unknown     Health = "Unknown"
)

// Condition types.
const (
	ConditionReady       = "Ready"
	ConditionReconciling = "Reconciling"
	ConditionStalled     = "Stalled"
	ConditionForgeReady  = "ForgeReady" // of a Repo with spec.forge
	// Of a Repo: False while a folder that is meant to be an app is none, absent otherwise.
	ConditionFoldersRead = "FoldersRead"
)

// EndHooks are the hooks around the end of an app, of the revision that was applied last.
type EndHooks struct {
	// The revision that has their manifests.
	Revision string `json:"revision"`
	// Each as "PreDelete Job/shop/backup", at most 20.
	Hooks []string `json:"hooks"`
}

// AppStatus is what the agent knows of the app.
type AppStatus struct {
	State State `json:"state,omitempty"`
	// One sentence, the first line of plumb why.
	Summary string `json:"summary,omitempty"`
	// When this state began to be true. It holds only while the agent's Lease is fresh.
	AsOf *metav1.Time `json:"asOf,omitempty"`
	// Applied: the newest commit that changed this app's inputs and was applied completely.
	Revision string `json:"revision,omitempty"`
	// The first seven characters of Revision.
	ShortRevision string `json:"shortRevision,omitempty"`
	// The newest commit that changed this app's inputs.
	Target string `json:"target,omitempty"`
	// Commits in (previous revision, target] that changed its inputs, newest first, at most 10.
	ChangedBy []string `json:"changedBy,omitempty"`
	// Digest of the recorded inputs.
	Verified string `json:"verified,omitempty"`
	// The charts from elsewhere that the target is rendered with, dependencies included.
	Charts []ChartStatus `json:"charts,omitempty"`
	// The commits of spec.sources that the target is rendered with.
	Sources []SourceStatus `json:"sources,omitempty"`
	Health  Health         `json:"health,omitempty"`
	// The one object that keeps the app from being healthy.
	Blocking *Blocking `json:"blocking,omitempty"`
	Objects  Counts    `json:"objects,omitempty"`
	// The last five corrections or differences.
	Drift []Drift `json:"drift,omitempty"`
	// Deletions that wait for consent, at most 20.
	HeldDeletions []HeldDeletion `json:"heldDeletions,omitempty"`
	HeldCount     int            `json:"heldCount,omitempty"`
	// The last revision with nothing held: consent counts from its children on.
	ConsentBase string       `json:"consentBase,omitempty"`
	WaitingFor  []WaitingFor `json:"waitingFor,omitempty"`
	// The hooks that run when the app goes.
	EndHooks *EndHooks `json:"endHooks,omitempty"`
	// What would be done and is not, while the app waits: for plumb sync, for another app, or because the agent is read-only.
	Pending *Pending `json:"pending,omitempty"`
	// Names of Inventory objects.
	Inventory []string `json:"inventory,omitempty"`
	// The last ten revisions, newest first.
	History []HistoryRow `json:"history,omitempty"`
	Handled AppHandled   `json:"handled,omitempty"`
	// What the Hold in force keeps from being applied.
	Held *Held `json:"held,omitempty"`
	// The revert that the agent has proposed last.
	Revert *ProposedRevert `json:"revert,omitempty"`
	// Things accepted that will surprise, at most 10.
	Warnings   []string           `json:"warnings,omitempty"`
	Conditions []metav1.Condition `json:"conditions,omitempty"`
}

// ChartStatus is a chart from elsewhere as it is used.
type ChartStatus struct {
	Name    string `json:"name"`
	Version string `json:"version"`
	// sha256:… of the archive.
	Digest string `json:"digest"`
	Repo   string `json:"repo,omitempty"`
}

// SourceStatus is a repository of spec.sources as it is used.
type SourceStatus struct {
	Name     string `json:"name"`
	Revision string `json:"revision"`
}

// Held is what a Hold means for an app.
type Held struct {
	// The commit that is kept applied.
	At string `json:"at"`
	// The newest commit that changed this app's inputs and is not applied; empty while that is not known.
	Newest string `json:"newest,omitempty"`
}

// ProposedRevert is a pull request that takes back a commit at which the app has failed (settings.onFailure).
type ProposedRevert struct {
	// The commit that it takes back, and the one that it goes back to.
	Of string `json:"of"`
	To string `json:"to"`
	// The pull request.
	Pull int          `json:"pull"`
	URL  string       `json:"url,omitempty"`
	At   *metav1.Time `json:"at,omitempty"`
	// Files in conflict: people must mend them in the pull request's branch.
	Conflicts int `json:"conflicts,omitempty"`
}

// AppHandled echoes requests that were carried out, by their tokens.
type AppHandled struct {
	Sync     string `json:"sync,omitempty"`
	Adopt    string `json:"adopt,omitempty"`
	GiveBack string `json:"giveBack,omitempty"`
	Revert   string `json:"revert,omitempty"`
	// The Hold that has come to its end because the branch rendered the same: "<at> until <until>".
	Hold string `json:"hold,omitempty"`
}

// Blocking names an object and what it says.
type Blocking struct {
	Kind      string `json:"kind"`
	Namespace string `json:"namespace,omitempty"`
	Name      string `json:"name"`
	Message   string `json:"message,omitempty"`
	LastEvent string `json:"lastEvent,omitempty"`
	// Of a hook that failed: the last lines of what its pod has said, without the values of Secrets, at most 10.
	Log []string `json:"log,omitempty"`
}

// Counts counts objects.
type Counts struct {
	Total    int `json:"total"`
	Changed  int `json:"changed"`
	Drifted  int `json:"drifted"`
	ToDelete int `json:"toDelete"`
}

// Drift is one field that differed from Git, and who changed it.
type Drift struct {
	Object      string       `json:"object"`
	Field       string       `json:"field,omitempty"`
	Kind        string       `json:"kind,omitempty"` // changed, removed, added, missing, label
	Manager     string       `json:"manager,omitempty"`
	Operation   string       `json:"operation,omitempty"`
	Subresource string       `json:"subresource,omitempty"`
	Git         string       `json:"git,omitempty"`
	Live        string       `json:"live,omitempty"`
	Time        *metav1.Time `json:"time,omitempty"`
	Seen        *metav1.Time `json:"seen,omitempty"`
	Healed      *metav1.Time `json:"healed,omitempty"`
}

// HeldDeletion is an object that Git no longer has and that needs consent to go.
type HeldDeletion struct {
	Object string `json:"object"`
	Reason string `json:"reason"`
}

// WaitingFor names what must happen first: an App, Environment, Cluster, Consent, Window or Approval.
type WaitingFor struct {
	Kind string `json:"kind"`
	Name string `json:"name"`
}

// Pending is what a plan would do that is not carried out.
type Pending struct {
	Count int `json:"count"`
	// At most 20, in the order in which they would be done.
	Steps []PendingStep `json:"steps,omitempty"`
}

// PendingStep is one object, and what would be done with it.
type PendingStep struct {
	// create, change, take over, replace, delete, release or refuse
	Action string `json:"action"`
	Object string `json:"object"`
	Why    string `json:"why,omitempty"`
}

// HistoryRow is one revision that the app went through.
type HistoryRow struct {
	Revision string            `json:"revision"`
	Seen     *metav1.MicroTime `json:"seen,omitempty"`
	Planned  *metav1.MicroTime `json:"planned,omitempty"`
	Applied  *metav1.MicroTime `json:"applied,omitempty"`
	Healthy  *metav1.MicroTime `json:"healthy,omitempty"`
	// A state word, or superseded: a newer commit came before it was healthy. What was ok once stays ok here.
	Result string `json:"result,omitempty"`
	// Why the result is not ok.
	Reason  string `json:"reason,omitempty"`
	Changed int    `json:"changed"`
	// From whom objects or fields were taken, at most 10 entries.
	Took []string `json:"took,omitempty"`
}

// RevertRequest is the value of the annotation plumb.dev/revert, as JSON: a person asks the agent for the pull request that
// takes the newest change of the app back, as plumb rollback makes one.
type RevertRequest struct {
	// Any new text; status.handled.revert echoes it when the pull request is open, or the request is refused.
	Token string `json:"token"`
	// The commit to go back to, in full; empty is the last revision that was ok.
	To string `json:"to,omitempty"`
	// Who asks, as the API server knows the person, and why.
	By     string `json:"by,omitempty"`
	Reason string `json:"reason,omitempty"`
}

// AdoptRequest is the value of the annotation plumb.dev/adopt, as JSON: a person's consent to take objects over from other
// delivery tools, as plumb import --adopt has shown it to them.
type AdoptRequest struct {
	// Any new text; status.handled.adopt echoes it when the request is carried out, or refused.
	Token string `json:"token"`
	// The commit that was looked at: status.target must still be that one.
	Commit string `json:"commit"`
	// Whose objects may be taken, as OwnedByOther names them: "Argo CD application guestbook".
	From []string `json:"from"`
}
