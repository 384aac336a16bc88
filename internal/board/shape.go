package board

import (
	"time"

	"plumb.dev/plumb/api/v1alpha1"
)

// Row is one App object as lists show it.
type Row struct {
	ID         string                `json:"id" doc:"<namespace>/<name> of the App object"`
	Namespace  string                `json:"namespace" doc:"Namespace of the App object"`
	Name       string                `json:"name" doc:"Name of the App object"`
	App        string                `json:"app" doc:"The app's name in the fleet"`
	Env        string                `json:"env" doc:"Environment; empty is none"`
	Cluster    string                `json:"cluster" doc:"Cluster; local is the one that the agent runs in"`
	Repo       string                `json:"repo" doc:"<namespace>/<name> of the Repo that made the App; empty for an App by hand"`
	Path       string                `json:"path" doc:"Folder inside the repository"`
	State      v1alpha1.State        `json:"state" enum:"failed,drifted,rolling,waiting,paused,ok,unknown" doc:"The state that may be said now: unknown while the agent is silent"`
	Last       v1alpha1.State        `json:"last,omitempty" doc:"While the state is unknown because the agent is silent: what was said last"`
	Since      *time.Time            `json:"since,omitempty" doc:"When this state began"`
	Summary    string                `json:"summary" doc:"One sentence"`
	Reason     string                `json:"reason,omitempty" doc:"Why the app is not ready: a word of docs/reference/reasons.md"`
	Next       string                `json:"next,omitempty" doc:"The next step: a command, or a change in Git"`
	Revision   string                `json:"revision" doc:"The commit that is applied; empty before the first"`
	Target     string                `json:"target" doc:"The newest commit that changed the app's inputs"`
	Health     v1alpha1.Health       `json:"health" doc:"The worst health of its objects"`
	Objects    v1alpha1.Counts       `json:"objects"`
	WaitingFor []v1alpha1.WaitingFor `json:"waitingFor,omitempty" doc:"What must happen first"`
	Pause      *v1alpha1.Pause       `json:"pause,omitempty" doc:"As spec.pause; one whose end has passed stands here until somebody takes it away"`
	Blocking   *v1alpha1.Blocking    `json:"blocking,omitempty" doc:"The object that keeps the app from being healthy"`
	Held       int                   `json:"held" doc:"How many deletions wait for consent"`
	Changed    *time.Time            `json:"changed,omitempty" doc:"When the newest change reached the app"`
	Change     *ChangeLine           `json:"change,omitempty" doc:"The newest change, if its commit is known"`
}

// ChangeLine is a commit in one line.
type ChangeLine struct {
	ID      string    `json:"id"`
	Subject string    `json:"subject,omitempty"`
	Author  string    `json:"author,omitempty"`
	Time    time.Time `json:"time,omitzero"`
	Pull    *PullRef  `json:"pull,omitempty"`
}

// PullRef leads to a pull request.
type PullRef struct {
	Number int    `json:"number"`
	URL    string `json:"url,omitempty"`
}

// Facet is a value, and how many rows have it.
type Facet struct {
	Value string `json:"value"`
	Count int    `json:"count"`
}

// Facets are the values of each column that rows may be chosen by. The counts of a column obey the choices of all others.
type Facets struct {
	State     []Facet `json:"state"`
	Env       []Facet `json:"env"`
	Cluster   []Facet `json:"cluster"`
	Repo      []Facet `json:"repo"`
	Namespace []Facet `json:"namespace"`
}

// Page is a part of a list.
type Page struct {
	Items  []Row  `json:"items"`
	Next   string `json:"next,omitempty" doc:"The cursor of what follows; absent at the end"`
	Total  int    `json:"total" doc:"How many rows there are in all"`
	Facets Facets `json:"facets"`
}

// Agent is how the agent is.
type Agent struct {
	Heard    time.Time `json:"heard,omitzero" doc:"When it was last heard from"`
	Silent   string    `json:"silent,omitempty" doc:"Since when it has not been heard from; absent while it is"`
	ReadOnly bool      `json:"readOnly,omitempty" doc:"It shows what it would do, and writes no object of a user"`
}

// Fleet is everything at once, in columns: element i of each column is about the same App object. The columns that hold numbers
// of names point into the list of that name. Rows are in the order of app, environment and cluster.
type Fleet struct {
	Stream string    `json:"stream" doc:"Names the agent's life; a cursor of the stream is <stream>-<seq>"`
	Seq    uint64    `json:"seq" doc:"What follows comes from /stream?since=<stream>-<seq>"`
	At     time.Time `json:"at" doc:"When it was put together: a large fleet is told from a copy that is up to some seconds old, and the stream tells what follows"`
	Agent  Agent     `json:"agent"`

	Apps       []string         `json:"apps"`
	Envs       []string         `json:"envs" doc:"In the order of promotion"`
	Clusters   []string         `json:"clusters"`
	Repos      []string         `json:"repos"`
	Namespaces []string         `json:"namespaces"`
	States     []v1alpha1.State `json:"states" doc:"Worst first"`
	Revisions  []string         `json:"revisions" doc:"Seven digits each"`

	N         int      `json:"n" doc:"Length of each column"`
	App       []int    `json:"app" doc:"Into apps"`
	Name      []string `json:"name" doc:"Name of the App object; empty where it is <app>[-<env>][-<cluster>], without the cluster local"`
	Namespace []int    `json:"namespace" doc:"Into namespaces"`
	Env       []int    `json:"env" doc:"Into envs"`
	Cluster   []int    `json:"cluster" doc:"Into clusters"`
	Repo      []int    `json:"repo" doc:"Into repos; -1 for an App by hand"`
	State     []int    `json:"state" doc:"Into states: as last said, also while the agent is silent"`
	Revision  []int    `json:"revision" doc:"Into revisions: what is applied; -1 before the first"`
	Wanted    []int    `json:"wanted" doc:"Into revisions: what is to be applied, where that is another; else -1"`
	Since     []int64  `json:"since" doc:"Seconds before at that the state began, in whole minutes after an hour and whole hours after two days; -1 if that is not known, -2 if it is the same as changed"`
	Changed   []int64  `json:"changed" doc:"Likewise, when the newest change reached it; -1 if none did"`
	Drifted   []int    `json:"drifted" doc:"How many objects differ from Git"`
	Why       []string `json:"why" doc:"The sentence of a state that is not ok"`
}
