// Package plan decides what one revision means for one app on one cluster: for every object one step, each with why.
//
// It is pure: the wish (Desired), the facts (Picture) and the rules (Policy) go in, a Plan comes out. It never reads a
// cluster, a clock or Git, and it never deletes: package apply carries a Plan out, and only Steps with Action Delete
// may remove anything (resources.md §7.3).
//
// Start at Make. Drift is not an engine: it is a non-empty Plan at an unchanged revision.
package plan

import (
	"plumb.dev/plumb/api/v1alpha1"
	"plumb.dev/plumb/internal/fault"
	"plumb.dev/plumb/internal/object"
)

// Version is the version of the serialised form of Picture and Plan.
const Version = 1

// App is who plans: the identity that claims objects.
type App struct {
	Namespace string `json:"namespace"` // of the App object
	Name      string `json:"name"`
	UID       string `json:"uid"`
	App       string `json:"app"` // the app's name in the fleet: what consent lines name
	Env       string `json:"env,omitempty"`
	Cluster   string `json:"cluster"`
	Target    string `json:"target"` // namespace of objects that name none; created if absent
}

// Owner gives the claim that the app's objects bear as annotation plumb.dev/owner: "<namespace>/<App>:<App UID>".
func (a App) Owner() string { return a.Namespace + "/" + a.Name + ":" + a.UID }

// Address gives "app", "app/env" or "app/env@cluster"; the cluster local is not shown.
func (a App) Address() string {
	s := a.App
	if a.Env != "" {
		s += "/" + a.Env
	}
	if a.Cluster != "" && a.Cluster != "local" {
		s += "@" + a.Cluster
	}
	return s
}

// Live is what the API server knew of one object when the Picture was taken.
type Live struct {
	UID         string    `json:"uid"`
	Version     string    `json:"resourceVersion,omitempty"`
	Owner       string    `json:"owner,omitempty"` // annotation plumb.dev/owner
	Managed     bool      `json:"managed"`         // bears the label plumb.dev/managed
	Owned       string    `json:"owned,omitempty"` // digest of our own entry in managedFields; "" if there is none
	Managers    []Manager `json:"managers,omitempty"`
	Tool        string    `json:"tool,omitempty"` // another tool's tracking mark, for example "Argo CD application guestbook"
	Terminating bool      `json:"terminating,omitempty"`
}

// Manager is one entry of managedFields, without the fields.
type Manager struct {
	Name        string `json:"name"`
	Operation   string `json:"operation"`
	Subresource string `json:"subresource,omitempty"`
}

// Picture is the facts about the cluster that a Plan is made from.
type Picture struct {
	Version int `json:"version"`
	// Every object of Desired and of the Inventory that exists. An ID that was looked at and does not exist is in
	// Absent; one that is in neither could not be read, and is neither created blindly nor taken as gone.
	Live   map[object.ID]Live `json:"-"`
	Absent map[object.ID]bool `json:"-"`
	// Kinds that the API server does not serve, by group/Kind, for objects of Desired.
	UnknownKinds map[string]bool `json:"unknownKinds,omitempty"`
	// Terminating namespaces.
	Terminating map[string]bool `json:"terminating,omitempty"`
	// Claims of other living Apps at their target revision: which of them wants an object, by ID.
	Wanted map[object.ID]Claim `json:"-"`
	// UIDs of Apps that exist: a claim of any other is free.
	LivingApps map[string]bool `json:"-"`
	// Namespaces made by us that hold nothing else, for the one rule that lets a Namespace go.
	EmptyNamespaces map[string]bool `json:"-"`
}

// Claim is another App's wish for an object.
type Claim struct {
	App string `json:"app"` // "<namespace>/<name>"
	UID string `json:"uid"`
	// The other App has applied all of its revision, with this object in it: it may be released to it.
	Applied bool `json:"applied"`
}

// Policy is the rules for one plan.
type Policy struct {
	Prune      bool                   `json:"prune"`      // settings: false = nothing is deleted, only shown
	Limit      v1alpha1.DeletionLimit `json:"limit"`      // nil fields mean 5 and 20
	Replace    []v1alpha1.ObjectRef   `json:"replace"`    // settings
	Consents   []Consent              `json:"consents"`   // from commits in (last revision with nothing held, head]
	Descendant bool                   `json:"descendant"` // the head is a descendant of the last applied revision
	Complete   bool                   `json:"complete"`   // the render is complete and of the branch head
	Removed    bool                   `json:"removed"`    // the app's folder is gone from Git: everything is to delete
}

// Input is everything that Make looks at.
type Input struct {
	App       App
	Revision  string          // the commit
	Desired   []object.Object // namespaces resolved, our marks added
	Inventory []v1alpha1.InventoryEntry
	Picture   Picture
	Policy    Policy
}

// Action is what a Step does.
type Action string

// The actions.
const (
	Apply     Action = "apply"     // server-side apply: creates, changes, heals
	Unchanged Action = "unchanged" // digest and ownership are as recorded: nothing is sent
	Leave     Action = "leave"     // create-only or reconcile: disabled, and it exists
	Replace   Action = "replace"   // delete and create: an immutable field of a kind that may
	Delete    Action = "delete"
	Release   Action = "release" // handed over: we take our identity off, the new owner keeps it
	Forget    Action = "forget"  // gone already: only the Inventory entry goes
	Hold      Action = "hold"    // a deletion that waits for consent
	Keep      Action = "keep"    // no longer in Git, and not to be deleted (prune: never, or prune is off)
	Refuse    Action = "refuse"  // cannot be done; Fault says why. Independent steps go on
	Wait      Action = "wait"    // a named thing must happen first
)

// Step is what happens with one object, and why.
type Step struct {
	ID     object.ID      `json:"id"`
	Action Action         `json:"action"`
	Why    string         `json:"why"` // one clause that people read: "not in the cluster", "spec changed in 9f31c2a"
	Object *object.Object `json:"object,omitempty"`
	UID    string         `json:"uid,omitempty"`   // precondition of Delete, Release and Replace
	Order  int            `json:"order"`           // steps of a lower order end before those of a higher one begin
	First  bool           `json:"first"`           // the first claim: made without force
	Takes  []string       `json:"takes,omitempty"` // tools whose fields are taken over: their managedFields entries move to ours
	Fault  *fault.Fault   `json:"fault,omitempty"`
	Reason fault.Reason   `json:"reason,omitempty"` // of Hold and Wait
	To     string         `json:"to,omitempty"`     // of Release: the new owner
	Digest string         `json:"digest,omitempty"` // of Object
}

// Plan is the steps in the order in which they are carried out.
type Plan struct {
	Version  int      `json:"version"`
	App      App      `json:"app"`
	Revision string   `json:"revision"`
	Steps    []Step   `json:"steps"`
	Warnings []string `json:"warnings,omitempty"`
	// Fault stops the whole app: a hook mark, a duplicate object. Then Steps is empty.
	Fault *fault.Fault `json:"fault,omitempty"`
	// Consumed are the consents that allowed a Delete.
	Consumed []Consent `json:"consumed,omitempty"`
}

// Consent is one Plumb-Allow-Delete line of a commit message.
type Consent struct {
	Commit    string `json:"commit"`
	App       string `json:"app"`
	Env       string `json:"env,omitempty"`
	Cluster   string `json:"cluster,omitempty"`
	Kind      string `json:"kind,omitempty"` // with Name: exactly one object
	Namespace string `json:"namespace,omitempty"`
	Name      string `json:"name,omitempty"`
}
