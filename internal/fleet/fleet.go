package fleet

import (
	"io/fs"
	"slices"
	"strings"

	"plumb.dev/plumb/api/v1alpha1"
	"plumb.dev/plumb/internal/fault"
)

// Local is the name of the cluster that the agent runs in.
const Local = "local"

// SettingsFile is the name of the file that holds settings: at the root of a repository, and beside an app.
const SettingsFile = "plumb.yaml"

// The kinds of folder that render (resources.md §4).
const (
	Helm      = "helm"
	Kustomize = "kustomize"
	Plain     = "plain"
)

// Cluster is a registered cluster; its labels are what environments select by.
type Cluster struct {
	Name   string            `json:"name"`
	Labels map[string]string `json:"labels,omitempty"`
}

// Input is everything that Discover looks at.
type Input struct {
	// Tree is the repository at one commit, or a folder. Best with fs.ReadDirFS and fs.ReadFileFS; DirEntry.Type must
	// show symbolic links. If it is also a Hasher, folders that did not change since Previous are not read again.
	Tree fs.FS
	// Apps is Repo.spec.apps. Empty means the convention (resources.md §4.1).
	Apps []v1alpha1.Pattern
	// Clusters is the complete list of Cluster objects. Empty means that there is none: Local takes every environment.
	// A list that may be incomplete must not be given: the apps of the missing ones would look gone.
	Clusters []Cluster
	// Offline says that no cluster was asked. Selectors are not evaluated then: every environment is taken once, on
	// Local, and every cluster folder on its own cluster.
	Offline bool
	// Repo and Namespace are the name and namespace of the Repo, where its Apps live. Repo becomes a label, and the name
	// that Suggested uses for an app whose folder says nothing.
	Repo, Namespace string
	// Previous is the Result for another commit of the same Repo; only a Tree that is a Hasher makes use of it.
	Previous *Result
}

// Hasher is a tree that knows the content hash of a path, such as the id of a Git tree object: equal hashes mean equal content.
type Hasher interface {
	Hash(path string) (string, error)
}

// Result is what a commit says. Its values are shared with later Results: read them, do not change them.
type Result struct {
	// Apps, ordered by name. Names are unique. An App with a Fault exists but is not to be applied.
	Apps []App `json:"apps"`
	// Root is the root plumb.yaml; zero without one.
	Root v1alpha1.RootFile `json:"root"`
	// Environments in promotion order: the declared ones, then those found, dev < test < staging < prod < production,
	// others after by name.
	Environments []string `json:"environments"`
	// Explained says for each folder that was looked at which rule made it an app, or why not; ordered by path.
	Explained []Explanation `json:"explained"`
	// Faults holds every fault: of the commit, of folders, and those of Apps.
	Faults []Fault `json:"faults,omitempty"`
	// Order holds the apps that wait for others, or that others wait for, each behind those that it waits for. Only Explain
	// fills it: the apps of other repositories may belong to it.
	Order []Ordered `json:"order,omitempty"`
	// Suggested is a Repo.spec.apps that fits this tree. Set only where the tree needs one: nothing found, or Ambiguous.
	Suggested []v1alpha1.Pattern `json:"suggested,omitempty"`

	memo *memo
}

// Blocked gives the fault that blocks every app of the commit, nil if there is none. Apps is empty then, and that means nothing.
func (r Result) Blocked() *fault.Fault {
	for _, f := range r.Faults {
		if f.App == "" {
			return f.Fault
		}
	}
	return nil
}

// FaultOf gives the fault that stands between this commit and an app that is known from before: of the commit, of its
// folder, or its own. Nil for an app that is not in Apps means that it is gone from Git. path is where it was rendered from.
func (r Result) FaultOf(a Address, path string) *fault.Fault {
	name := ObjectName(a)
	i, found := slices.BinarySearchFunc(r.Apps, name, func(app App, name string) int { return strings.Compare(app.Name, name) })
	if found && r.Apps[i].Address().String() == a.String() {
		return r.Apps[i].Fault
	}
	for _, f := range r.Faults {
		if f.Covers(a, path) {
			return f.Fault
		}
	}
	return nil
}

// Fault is a fault and what it blocks. An empty App blocks every app of the commit; an empty Env or Cluster means all of the app's.
type Fault struct {
	App     string       `json:"app,omitempty"`
	Env     string       `json:"env,omitempty"`
	Cluster string       `json:"cluster,omitempty"`
	Path    string       `json:"path,omitempty"` // the folder
	Fault   *fault.Fault `json:"fault"`

	layout bool // Ambiguous by the layout of the folders, which patterns can settle
}

// Covers tells whether a fault stands between the commit and an app, which was rendered from path.
func (f Fault) Covers(a Address, path string) bool {
	if f.App == "" {
		return true
	}
	if f.App == a.App {
		return (f.Env == "" || f.Env == a.Env) && (f.Cluster == "" || f.Cluster == orLocal(a.Cluster))
	}
	return f.Env == "" && f.Cluster == "" && f.Path != "." && within(path, f.Path)
}

// App is one app in one environment on one cluster.
type App struct {
	// Name of the App object: <app>[-<env>][-<cluster>], at most 63 characters.
	Name string `json:"name"`
	// App is the app's name in the fleet, a DNS label of at most 40 characters.
	App string `json:"app"`
	// Env is the environment, "" for none.
	Env string `json:"env,omitempty"`
	// Cluster is the cluster's name, Local for the agent's own.
	Cluster string `json:"cluster"`
	// Path is the folder that is rendered, relative to the root of the repository; "." is the root.
	Path string `json:"path"`
	// Namespace of objects that name none (resources.md §5), resolved: no template.
	Namespace string `json:"namespace"`
	// Vars are the variables of the pattern other than app, env and cluster.
	Vars map[string]string `json:"vars,omitempty"`
	// Labels of a generated App object (resources.md §7.1).
	Labels map[string]string `json:"labels,omitempty"`
	// Settings are merged: root defaults < app < env < cluster < App.spec.settings. Settings.Namespace is the template as
	// it was written; use Namespace.
	Settings v1alpha1.Settings `json:"settings"`
	// Places says where a setting was written, by its name ("heal", "ignore"); the last place where there are several.
	Places map[string]fault.Place `json:"places,omitempty"`
	// Values are the Helm values files by convention, relative to Path, in their order. Settings.Helm.Values replaces them.
	Values []string `json:"values,omitempty"`
	// Kind is helm, kustomize or plain; "" with a Fault that says why it is not known.
	Kind string `json:"kind"`
	// Outside are folders directly below Path that are not part of a plain render: cluster folders.
	Outside []string `json:"outside,omitempty"`
	// Inputs are the paths whose presence or content made this App what it is, sorted: plumb.yaml files, the files that
	// say how a folder renders, values files. A path that does not exist is an input too: that it appears is news.
	Inputs []string `json:"inputs"`
	// Fault says why the app must not be rendered; nil if all is well.
	Fault *fault.Fault `json:"fault,omitempty"`

	derived bool   // the namespace is the default one
	folder  string // the app's folder: what its faults name
}

// Address gives the form that people use.
func (a App) Address() Address { return Address{App: a.App, Env: a.Env, Cluster: a.Cluster} }

// Explanation says of one folder or file which rule of resources.md §4 applied to it.
type Explanation struct {
	Path string `json:"path"`
	// Rule is one of the words below.
	Rule Rule `json:"rule"`
	// Apps are the addresses that came of it.
	Apps []string `json:"apps,omitempty"`
	// Why is one clause that people read.
	Why string `json:"why"`
	// Place is the line that decided, where a file did.
	Place fault.Place `json:"place,omitzero"`
}

// Rule is the word for what happened to a folder.
type Rule string

// The rules.
const (
	RuleApp      Rule = "app"                // it is an app
	RuleSkip     Rule = "skip"               // a plumb.yaml says skip
	RuleInput    Rule = "input"              // other apps are made of it
	RuleExcluded Rule = "excluded"           // an entry with exclude takes it out
	RuleOutside  Rule = "outside"            // it renders, but no rule looks there
	RuleNotEnv   Rule = "not-an-environment" // a values file whose name is no environment
	RuleNothing  Rule = "nothing"            // it does not render
	RuleFault    Rule = "fault"              // an error
)

// Address names an app for people: app[/env][@cluster].
type Address struct {
	App     string `json:"app"`
	Env     string `json:"env,omitempty"`
	Cluster string `json:"cluster,omitempty"` // "" where it is not said, or Local
}

// String gives "app", "app/env" or "app/env@cluster"; Local is not shown.
func (a Address) String() string {
	s := a.App
	if a.Env != "" {
		s += "/" + a.Env
	}
	if a.Cluster != "" && a.Cluster != Local {
		s += "@" + a.Cluster
	}
	return s
}

// ParseAddress reads what String writes. A cluster that is not said stays "".
// It fails with NameInvalid if a part is not a name. Names may be longer than those of discovery: an App by hand is
// called what its object is called.
func ParseAddress(s string) (Address, error) {
	rest, cluster, at := strings.Cut(s, "@")
	app, env, slash := strings.Cut(rest, "/")
	if !isLabel(app, maxLabel) || slash && !isLabel(env, maxLabel) || at && !isClusterName(cluster) {
		return Address{}, fault.New(fault.NameInvalid, "%q is not the address of an app", s).
			WithNext("write app, app/env or app/env@cluster")
	}
	return Address{App: app, Env: env, Cluster: cluster}, nil
}

// within tells whether path is dir or below it.
func within(path, dir string) bool {
	return dir == "." || path == dir || strings.HasPrefix(path, dir+"/")
}

func orLocal(cluster string) string {
	if cluster == "" {
		return Local
	}
	return cluster
}

// wellKnown are the environments that need no declaration, in promotion order (resources.md §4.1 step 3, §6.1).
var wellKnown = []string{"dev", "test", "staging", "prod", "production"}

// promotionOrder gives the declared environments, then the found ones: well-known ones in their order, others by name.
func promotionOrder(declared []v1alpha1.Environment, found map[string]bool) []string {
	order := make([]string, 0, len(declared)+len(found))
	seen := map[string]bool{}
	add := func(name string) {
		if !seen[name] {
			seen[name] = true
			order = append(order, name)
		}
	}
	for _, e := range declared {
		add(e.Name)
	}
	for _, name := range wellKnown {
		if found[name] {
			add(name)
		}
	}
	others := make([]string, 0, len(found))
	for name := range found {
		others = append(others, name)
	}
	slices.Sort(others)
	for _, name := range others {
		add(name)
	}
	return order
}
