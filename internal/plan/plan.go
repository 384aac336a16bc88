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
	"plumb.dev/plumb/internal/diff"
	"plumb.dev/plumb/internal/fault"
	"plumb.dev/plumb/internal/health"
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
	UID         string       `json:"uid"`
	Version     string       `json:"resourceVersion,omitempty"`
	Owner       string       `json:"owner,omitempty"` // annotation plumb.dev/owner
	Managed     bool         `json:"managed"`         // bears the label plumb.dev/managed
	Owned       string       `json:"owned,omitempty"` // digest of our own entry in managedFields; "" if there is none
	Managers    []Manager    `json:"managers,omitempty"`
	Former      []string     `json:"former,omitempty"`      // managers of tools that made it: what they own moves to us at our first claim
	Tool        *Tool        `json:"tool,omitempty"`        // another delivery tool that has marked it as its own; ToolOn tells whether that counts
	Release     *HelmRelease `json:"release,omitempty"`     // the Helm release that made it
	LastApplied bool         `json:"lastApplied,omitempty"` // bears kubectl's copy of what was applied
	Terminating bool         `json:"terminating,omitempty"`
	// Field managers of persons' tools that have added fields to the spec of an object of ours: drift of the kind added.
	Added []string `json:"added,omitempty"`
	// Fields that were set in the way in which autoscalers do, by others than us.
	Scaled []diff.ScaledField `json:"scaled,omitempty"`
	// Counts: our own entry in managedFields, or one that moves to us, has a number of replicas.
	Counts bool `json:"counts,omitempty"`
	// Uncounted: nobody's entry has one. If Git has one, somebody has scaled the object to none.
	Uncounted bool `json:"uncounted,omitempty"`
	// Run is the annotation plumb.dev/run: the run of a hook that the object was made for. Only a closer look shows it.
	Run string `json:"run,omitempty"`
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
	// Needs lists what to look at.
	Live   map[object.ID]Live `json:"-"`
	Absent map[object.ID]bool `json:"-"`
	// Presumed are those of Absent that nobody looked for: the watches show nothing of that name that bears our label. They are
	// made only if there is none (Fresh lists what may be presumed).
	Presumed map[object.ID]bool `json:"-"`
	// Kinds that the API server is known not to serve, by object.ID.GroupKind, for objects of Desired and the Inventory.
	// A failed discovery is not such knowledge.
	UnknownKinds map[string]bool `json:"unknownKinds,omitempty"`
	// Terminating namespaces.
	Terminating map[string]bool `json:"terminating,omitempty"`
	// Stuck says of terminating namespaces what Kubernetes says keeps them, for example the finalizers of what is in them.
	Stuck map[string]string `json:"stuck,omitempty"`
	// Claims of other living Apps at their target revision: which of them wants an object (Claims gives an App's), by ID.
	Wanted map[object.ID]Claim `json:"-"`
	// Objects that bear the claim of another living App that does not want them at its target revision: its UID, by ID.
	GivenUp map[object.ID]string `json:"-"`
	// Living Apps that have not decided at this revision what they want: "<namespace>/<name>" by UID. While there is one,
	// nothing is deleted that it might want, and a claim of its is neither refused nor taken.
	Undecided map[string]string `json:"-"`
	// Other Apps of which nobody can say what they want, because their render fails. Those that may want an object hold its
	// deletion.
	Failing []Failing `json:"failing,omitempty"`
	// UIDs of Apps that exist: a claim of any other is free. nil means that they could not be listed: then none is free.
	LivingApps map[string]bool `json:"-"`
	// Namespaces in which there is nothing but objects of this app's Inventory and what Kubernetes itself puts there.
	EmptyNamespaces map[string]bool `json:"-"`
	// Of the Helm releases that made objects of the app (ReleasesOf), those that Helm still knows: by "<namespace>/<name>" the
	// resource that it keeps them in, secret or configmap. One that could not be looked for is among them.
	Releases map[string]string `json:"releases,omitempty"`
	// Autoscalers of the cluster, in the namespaces that ScaledIn names. Those of Desired need not be among them.
	Autoscalers []Autoscaler `json:"autoscalers,omitempty"`
	// How objects are, for apps with an order (Ordered): of each ID of which it is known, by the rules of the app. Of an ID
	// that is not in it nothing is waited for but that it is applied.
	Health map[object.ID]health.Verdict `json:"-"`
	// Hooks that run, and whose pods are in such trouble that nobody need wait for their end.
	Troubled map[object.ID]bool `json:"-"`
	// Late: nothing has become healthier for as long as the app's settings allow (wait.timeout).
	Late bool `json:"late,omitempty"`
	// Namespaces whose autoscalers could not be listed: there an autoscaler's own field manager is proof enough.
	Unscaled map[string]bool `json:"unscaled,omitempty"`
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
	Prune    bool                   `json:"prune"`    // settings: false = nothing is deleted, only shown
	Limit    v1alpha1.DeletionLimit `json:"limit"`    // nil fields mean 5 and 20
	Replace  []v1alpha1.ObjectRef   `json:"replace"`  // settings
	Consents []Consent              `json:"consents"` // from commits in (last revision with nothing held, head]
	// The head is a descendant of the last revision with nothing held (status.consentBase; the last applied one if there
	// is none). After a force-push that stays false until the deletions are done or no longer wanted.
	Descendant bool `json:"descendant"`
	Complete   bool `json:"complete"` // the render is complete and of the branch head
	Removed    bool `json:"removed"`  // the app's folder is gone from Git: everything is to delete
	// Adopt is the consent of a person to take objects over from other delivery tools, by Tool.String.
	Adopt []string `json:"adopt,omitempty"`
}

// Input is everything that Make looks at.
type Input struct {
	App       App
	Revision  string          // the commit
	Desired   []object.Object // namespaces resolved, our marks added
	Inventory []v1alpha1.InventoryEntry
	Picture   Picture
	Policy    Policy
	Rollout   Rollout
}

// Rollout is how far the revision has come. The zero value is of one of which nothing has been done, in an app that was
// applied before.
type Rollout struct {
	Done    bool   // it was applied completely, with its hooks: none of them is due
	Install bool   // no revision of the app was ever applied completely
	Again   string // names the request to run again what has failed; "" if nobody asks
	// Last is set when the app ends and has hooks around that: the revision that Desired is of, of which nothing but those hooks
	// counts.
	Last   string
	Failed string // what the API server said against an object of the revision in an earlier pass; "" if nothing
}

// Ending tells whether the hooks around the end of the app have their turn.
func (r Rollout) Ending() bool { return r.Last != "" }

// Action is what a Step does.
type Action string

// The actions.
const (
	Apply     Action = "apply"     // server-side apply: creates, changes, heals
	Unchanged Action = "unchanged" // digest and ownership are as recorded: nothing is sent
	Leave     Action = "leave"     // create-only and it exists, or reconcile: disabled
	Replace   Action = "replace"   // delete and create: an immutable field of a kind that may
	Delete    Action = "delete"
	Return    Action = "return"  // given back to the tool from which it was taken: our marks and its own change places
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
	UID    string         `json:"uid,omitempty"`   // of the live object, "" if there is none: precondition of Delete, Release and Replace
	Order  int            `json:"order"`           // steps of a lower order end before those of a higher one begin
	First  bool           `json:"first"`           // the first claim: made without force
	New    bool           `json:"new,omitempty"`   // nobody looked for it: made only if there is none
	Takes  []string       `json:"takes,omitempty"` // field managers whose managedFields entries move to ours
	Sheds  []ToolMark     `json:"sheds,omitempty"` // what others left on the object and Git does not have; it goes with the move
	Fault  *fault.Fault   `json:"fault,omitempty"`
	Reason fault.Reason   `json:"reason,omitempty"` // of Hold and Wait
	To     string         `json:"to,omitempty"`     // of Release: the new owner; of Return: the former one
	Holder string         `json:"holder,omitempty"` // of Return: the field manager and the operation that get our fields
	Digest string         `json:"digest,omitempty"` // of Object

	// Adopts: it takes the object over from another delivery tool, as a person has consented.
	Adopts bool `json:"adopts,omitempty"`
	// From is what the Inventory entry is to keep of whoever had the object before, for giving it back.
	From *v1alpha1.Former `json:"from,omitempty"`
	// Created is what the Inventory entry is to say: the object did not exist when looked at, or it is recorded as made by us.
	Created bool `json:"created,omitempty"`
	// Prune is the object's own wish about being deleted, to be kept in its Inventory entry: "", never or consent.
	Prune string `json:"prune,omitempty"`
	// MayReplace: it may be deleted and made anew if a field is immutable (OnImmutable).
	MayReplace bool `json:"mayReplace,omitempty"`
	// Drift is set on an Apply that Git did not ask for: changed, added, missing or label (v1alpha1.Drift.Kind).
	Drift string `json:"drift,omitempty"`
	// HandCount: the object has an autoscaler and, in Git, no number of replicas any more. The number that it has is handed
	// over before the apply, which would set it to its default.
	HandCount bool `json:"handCount,omitempty"`
	// Hold is set on a Hold: why the deletion does not go ahead.
	Hold HoldReason `json:"hold,omitempty"`
	// Phase and Wave are when its turn is: "" is Sync. A Namespace or a definition has the turn of the first that needs it.
	Phase string `json:"phase,omitempty"`
	Wave  int    `json:"wave,omitempty"`
	// Run is set on the steps of a hook.
	Run *Run `json:"run,omitempty"`
	// After is set on a Wait for the order of the app: the objects that must be healthy, or hooks that must succeed, first.
	After []object.ID `json:"after,omitempty"`
	// Claim is set on a Replace of what an App has left that is gone: the claim that the object still bears.
	Claim string `json:"claim,omitempty"`
	// Failing is set on a Hold, whatever its reason: the Apps that may want the object and whose renders fail.
	Failing []string `json:"failing,omitempty"`
}

// Plan is the steps in the order in which they are carried out.
type Plan struct {
	Version  int      `json:"version"`
	App      App      `json:"app"`
	Revision string   `json:"revision"`
	Steps    []Step   `json:"steps"`
	Warnings []string `json:"warnings,omitempty"`
	// Fault stops the whole app: a mark that nobody understands, a duplicate object. Then Steps is empty.
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
