// Package policy judges rendered objects by the rules of a repository: CEL expressions in files that the root plumb.yaml
// names, with exceptions that end, groups that approve, and a table of the API versions that Kubernetes takes away
// (docs/reference/policy.md; why it is so: docs/design/policy.md).
//
// It is pure: a tree, objects and the time go in, findings come out. It never asks a cluster, a clock or a forge, never shows
// the value of a Secret to a rule, and never takes a rule that errs for one that is kept: what cannot be judged is a finding
// of the rule's own level. Rules may be hostile: their size, their costs and what they say are bounded.
//
// Start at Read (a tree to a Set), Evaluate (objects to Findings) and Review (both, for a pull request); Changed tells what a
// commit does to the rules themselves, Approvedd which findings somebody has agreed to.
package policy

import (
	"cmp"
	"reflect"
	"slices"
	"strings"
	"time"

	"plumb.dev/plumb/internal/fault"
	"plumb.dev/plumb/internal/object"
)

// Level is what follows from a finding.
type Level string

// The levels.
const (
	Deny    Level = "deny"    // it must not be merged, nor delivered where the Repo enforces policies
	Approve Level = "approve" // it must not be merged before somebody of a group agrees
	Warn    Level = "warn"    // it is told
)

// rank orders levels: the gravest first.
func (l Level) rank() int { return slices.Index([]Level{Deny, Approve, Warn}, l) }

// The names of findings that no rule of the repository gives. Names of rules have no slash.
const (
	RuleDeprecated = "plumb/deprecated-api" // an API version that Kubernetes takes away; exceptions may name it
	RuleChanged    = "plumb/policy-change"  // the change is one of the rules themselves
	RuleLimit      = "plumb/limit"          // there was more to judge than the limits allow
	RuleUnreadable = "plumb/unreadable"     // the rules of a commit cannot be read
)

// App is the app that an object belongs to, as rules see it.
type App struct {
	Name      string // its name in the fleet, without environment and cluster
	Env       string // "" for none
	Cluster   string
	Namespace string // of objects that name none
	// Version is the version of Kubernetes on its cluster ("1.37", "v1.37.2"); "" is not known, and no API version is checked.
	Version string
}

// Address gives "app", "app/env" or "app/env@cluster"; the cluster "local" is not shown.
func (a App) Address() string {
	s := a.Name
	if a.Env != "" {
		s += "/" + a.Env
	}
	if a.Cluster != "" && a.Cluster != "local" {
		s += "@" + a.Cluster
	}
	return s
}

// Change is one object of an app, before and after. A nil Before is a new object, a nil Object one that goes; one of the two is
// there.
type Change struct {
	App    App
	Object *object.Object
	Before *object.Object
}

// Changes pairs the objects of one app before and after by their identity, and leaves out those that are the same. An app that
// comes has no objects before, one that goes has none after.
func Changes(app App, before, after []object.Object) []Change {
	old := make(map[object.ID]*object.Object, len(before))
	for _, o := range before {
		old[o.ID()] = &o
	}
	var changes []Change
	for _, o := range after { // each is a copy: what is the same is not kept for the sake of what differs
		was := old[o.ID()]
		delete(old, o.ID())
		if was == nil || !reflect.DeepEqual(was.Fields, o.Fields) {
			changes = append(changes, Change{App: app, Object: &o, Before: was})
		}
	}
	for _, o := range before {
		if gone := old[o.ID()]; gone != nil {
			delete(old, o.ID())
			changes = append(changes, Change{App: app, Before: gone})
		}
	}
	return changes
}

// subject is the object that the change is about.
func (c Change) subject() object.Object {
	if c.Object != nil {
		return *c.Object
	}
	return *c.Before
}

// The kinds of change, as match.changes names them.
const (
	created = "create"
	changed = "change"
	deleted = "delete"
)

func (c Change) kind() string {
	switch {
	case c.Object == nil:
		return deleted
	case c.Before == nil:
		return created
	}
	return changed
}

// Finding is one thing that a rule has against one object.
type Finding struct {
	Rule    string      `json:"rule"`
	Level   Level       `json:"level"`
	App     string      `json:"app,omitempty"` // its address; "" of findings about the rules themselves
	Object  object.ID   `json:"object,omitzero"`
	Place   fault.Place `json:"place,omitzero"` // of the object in Git, or of the rule
	Message string      `json:"message"`        // one line, at most 1,000 bytes
	Link    string      `json:"link,omitempty"`
	// Exception is why the finding does not count, and who said so. It ends with the day Expires, in UTC ("2027-01-31").
	// An exception that has ended gives Expires alone.
	Exception string `json:"exception,omitempty"`
	Expires   string `json:"expires,omitempty"`
	// Groups of which one member's approval is enough, at level approve; Approved is who gave it.
	Groups   []string `json:"groups,omitempty"`
	Approved string   `json:"approved,omitempty"`
}

// Blocks tells whether the finding stands in the way: denied, or to be approved and not, with no exception.
func (f Finding) Blocks() bool {
	return f.Exception == "" && (f.Level == Deny || f.Level == Approve && f.Approved == "")
}

// Blocking tells whether any of the findings stands in the way.
func Blocking(findings []Finding) bool { return slices.ContainsFunc(findings, Finding.Blocks) }

// order puts first what stands in the way, then the gravest, then by app, object and rule.
func order(a, b Finding) int {
	first := func(yes bool) int {
		if yes {
			return 0
		}
		return 1
	}
	return cmp.Or(
		cmp.Compare(first(a.Blocks()), first(b.Blocks())), cmp.Compare(first(a.Exception == ""), first(b.Exception == "")),
		cmp.Compare(a.Level.rank(), b.Level.rank()), strings.Compare(a.App, b.App), a.Object.Compare(b.Object),
		strings.Compare(a.Rule, b.Rule), strings.Compare(a.Message, b.Message),
	)
}

// Set is the rules, exceptions and groups of one commit, ready to judge. It is shared freely: judging does not change it. A nil
// Set has no rules.
type Set struct {
	rules      []*rule
	exceptions []exception
	groups     map[string]group
	files      []string
}

// Empty tells whether there is nothing to judge by but the table of API versions.
func (s *Set) Empty() bool { return s == nil || len(s.rules) == 0 }

// Files lists the files that the set was read from, sorted.
func (s *Set) Files() []string {
	if s == nil {
		return nil
	}
	return s.files
}

// Rules counts the rules.
func (s *Set) Rules() int {
	if s == nil {
		return 0
	}
	return len(s.rules)
}

// date is how the end of an exception is written.
const date = time.DateOnly
