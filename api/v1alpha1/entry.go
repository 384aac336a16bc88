package v1alpha1

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// Entry is one chapter of an app's record: a revision that the app went through, or the drift that was undone between two
// of them. Plumb writes it; nobody edits it.
//
// +kubebuilder:object:root=true
// +kubebuilder:resource:scope=Namespaced
// +kubebuilder:printcolumn:name=App,type=string,JSONPath=`.address`
// +kubebuilder:printcolumn:name=Result,type=string,JSONPath=`.result`
// +kubebuilder:printcolumn:name=Summary,type=string,JSONPath=`.summary`
// +kubebuilder:printcolumn:name=Age,type=date,JSONPath=`.metadata.creationTimestamp`
// +kubebuilder:validation:XValidation:rule="oldSelf.result != 'ok' || self.result == 'ok'",message="an Entry that says ok is never changed"
type Entry struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata,omitempty"`

	// The App object and its UID: another App of the same name has a record of its own.
	App    string `json:"app"`
	AppUID string `json:"appUID"`
	// The name that people use: app, app/env or app/env@cluster.
	Address string `json:"address"`
	Result  Result `json:"result"`
	// One line for people.
	Summary string `json:"summary,omitempty"`
	// Set on the Entry of a revision.
	Revision *RevisionEntry `json:"revision,omitempty"`
	// Set on the Entry of drift: what was undone, newest first.
	// +kubebuilder:validation:MaxItems=20
	Corrections []Correction `json:"corrections,omitempty"`
	// What did not fit.
	LeftOut *LeftOut `json:"leftOut,omitempty"`
}

// EntryList is a list of Entries.
//
// +kubebuilder:object:root=true
type EntryList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitempty"`
	Items           []Entry `json:"items"`
}

// Result is what became of a revision; of drift it is healed.
// +kubebuilder:validation:Enum=ok;failed;held;superseded;healed
type Result string

// The results.
const (
	ResultOK         Result = "ok"         // applied and healthy
	ResultFailed     Result = "failed"     // as Reason says; a later try may still make it ok
	ResultHeld       Result = "held"       // applied, but for deletions that wait for consent
	ResultSuperseded Result = "superseded" // a newer commit came before it was healthy
	ResultHealed     Result = "healed"     // drift that was undone
)

// LeftOut counts what an Entry has no room for.
type LeftOut struct {
	Objects     int `json:"objects,omitempty"`
	Fields      int `json:"fields,omitempty"`
	Corrections int `json:"corrections,omitempty"`
}

// RevisionEntry is what an app's way through one revision was.
type RevisionEntry struct {
	Commit CommitLine `json:"commit"`
	// The commits that changed the app's inputs, newest first, as AppStatus.changedBy.
	// +kubebuilder:validation:MaxItems=10
	ChangedBy []CommitLine `json:"changedBy,omitempty"`
	// The pull requests that brought them, if the Repo names its forge and that has answered.
	// +kubebuilder:validation:MaxItems=5
	Pulls []PullLine `json:"pulls,omitempty"`
	// The revision that was applied before; absent on the first.
	Previous string `json:"previous,omitempty"`

	Seen    *metav1.MicroTime `json:"seen,omitempty"`
	Planned *metav1.MicroTime `json:"planned,omitempty"`
	Applied *metav1.MicroTime `json:"applied,omitempty"`
	Healthy *metav1.MicroTime `json:"healthy,omitempty"`

	// How the commit came to be known: webhook, poll or sync.
	By string `json:"by,omitempty"`
	// Why the result is not ok, and in a sentence.
	Reason  string `json:"reason,omitempty"`
	Message string `json:"message,omitempty"`
	// The object that failed, waits or is not healthy: of a hook or a wave that failed, the one that did.
	Blocking *Blocking `json:"blocking,omitempty"`
	// What happened to how many objects.
	Counts map[string]int `json:"counts,omitempty"`
	// What happened to which object.
	// +kubebuilder:validation:MaxItems=60
	Changes []ObjectChange `json:"changes,omitempty"`
	// From whom objects or fields were taken over.
	// +kubebuilder:validation:MaxItems=10
	Took []string `json:"took,omitempty"`
	// What changed is not known in full: the agent ended, or its cache was lost, before it was written.
	Incomplete bool `json:"incomplete,omitempty"`
}

// CommitLine is a commit as its author wrote it.
type CommitLine struct {
	ID      string       `json:"id"`
	Author  string       `json:"author,omitempty"`
	Subject string       `json:"subject,omitempty"`
	Time    *metav1.Time `json:"time,omitempty"`
}

// PullLine is a pull request, and what its reviewers have said by the time that it was merged or soon after.
type PullLine struct {
	Number int    `json:"number"`
	URL    string `json:"url,omitempty"`
	Title  string `json:"title,omitempty"`
	Author string `json:"author,omitempty"`
	// The last word of each, sorted by user.
	// +kubebuilder:validation:MaxItems=20
	Reviews []ReviewLine `json:"reviews,omitempty"`
}

// ReviewLine is the last word of a reviewer: approved, objected, commented, or asked and without an answer.
type ReviewLine struct {
	User    string       `json:"user"`
	Verdict string       `json:"verdict"`
	At      *metav1.Time `json:"at,omitempty"`
}

// ObjectChange is what a revision did to one object.
type ObjectChange struct {
	Object string `json:"object"`
	// created, changed, deleted, replaced, taken-over, released, kept, held or failed.
	Change string `json:"change"`
	// The fields that differ in Git from the revision before. Values of Secrets are never among them.
	Fields []FieldLine `json:"fields,omitempty"`
	// From whom it, or fields of it, were taken over; of released, to whom it went.
	From []string `json:"from,omitempty"`
	// Why it is kept, held or failed.
	Why string `json:"why,omitempty"`
}

// FieldLine is one field that differs.
type FieldLine struct {
	Field string `json:"field"`
	Kind  string `json:"kind"` // changed, added or removed
	From  string `json:"from,omitempty"`
	To    string `json:"to,omitempty"`
}

// Correction is drift of one field that was undone, as often as Count says: seen first, healed last.
type Correction struct {
	Drift `json:",inline"`
	Count int `json:"count"`
}
