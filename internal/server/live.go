package server

import "time"

// What a person reads live of an app. It is read on the API server as that person, when it is asked for, and kept nowhere.

// Node is one object of an app, or a child of one: a ReplicaSet, a Job, a Pod.
type Node struct {
	Key       string    `json:"key" doc:"group/kind/namespace/name"`
	Parent    string    `json:"parent,omitempty" doc:"key of the object that owns it; empty for what Git has"`
	Group     string    `json:"group"`
	Version   string    `json:"version"`
	Kind      string    `json:"kind"`
	Namespace string    `json:"namespace"`
	Name      string    `json:"name"`
	Health    string    `json:"health" doc:"Healthy, Progressing, Degraded, Suspended, Missing, or Unknown where it may not be seen"`
	Message   string    `json:"message,omitempty"`
	Drifted   bool      `json:"drifted,omitempty"`
	Phase     string    `json:"phase,omitempty" doc:"of a hook: PreSync, Sync, PostSync, …"`
	Wave      int       `json:"wave,omitempty"`
	File      string    `json:"file,omitempty" doc:"file:line in Git"`
	UID       string    `json:"uid,omitempty"`
	Created   time.Time `json:"created,omitzero"`
	Hidden    string    `json:"hidden,omitempty" doc:"why this person may not see it live"`
}

// Resources are the objects of an app.
type Resources struct {
	Nodes     []Node `json:"nodes"`
	Truncated bool   `json:"truncated" doc:"there is more than is shown"`
}

// ObjectRef names an object.
type ObjectRef struct {
	Group     string `query:"group" maxLength:"253"`
	Version   string `query:"version" maxLength:"63"`
	Kind      string `query:"kind" required:"true" maxLength:"253"`
	Namespace string `query:"namespace" maxLength:"253"`
	Name      string `query:"name" required:"true" maxLength:"253"`
}

// FileLine is a place in Git.
type FileLine struct {
	Path string `json:"path"`
	Line int    `json:"line,omitempty"`
}

// FieldDiff is one field that differs from Git, and who has written it.
type FieldDiff struct {
	Field       string    `json:"field"`
	Kind        string    `json:"kind" doc:"changed, removed, added or label"`
	Git         any       `json:"git,omitempty"`
	Live        any       `json:"live,omitempty"`
	Manager     string    `json:"manager,omitempty"`
	Operation   string    `json:"operation,omitempty"`
	Subresource string    `json:"subresource,omitempty"`
	Time        time.Time `json:"time,omitzero"`
	Healed      time.Time `json:"healed,omitzero" doc:"when it was put right; absent while it differs"`
	File        *FileLine `json:"file,omitempty" doc:"where Git says it, where that is known"`
}

// FieldManager is who owns fields of an object.
type FieldManager struct {
	Manager     string    `json:"manager"`
	Operation   string    `json:"operation"`
	Subresource string    `json:"subresource,omitempty"`
	Time        time.Time `json:"time,omitzero"`
}

// ObjectView is one object: as it is, as Git has it, and what differs. The values of Secrets are never in it.
type ObjectView struct {
	Live     string         `json:"live" doc:"YAML; empty if there is none"`
	Desired  string         `json:"desired" doc:"YAML of the render at the revision that is applied; empty if Git has none"`
	Revision string         `json:"revision,omitempty" doc:"that revision"`
	File     *FileLine      `json:"file,omitempty"`
	Fields   []FieldDiff    `json:"fields"`
	Managers []FieldManager `json:"managers"`
	Redacted bool           `json:"redacted" doc:"it holds values that are not shown"`
	Missing  bool           `json:"missing,omitempty" doc:"it is not in the cluster"`
}

// LiveEvent is an event of Kubernetes about an object of an app.
type LiveEvent struct {
	Time    time.Time `json:"time"`
	Type    string    `json:"type"`
	Reason  string    `json:"reason"`
	Object  string    `json:"object" doc:"Kind/namespace/name"`
	Message string    `json:"message"`
	Count   int       `json:"count"`
}

// LogQuery says whose log is read.
type LogQuery struct {
	Namespace string `query:"namespace" maxLength:"253" doc:"of the pod; default: any of the app's"`
	Pod       string `query:"pod" maxLength:"253" doc:"default: all pods of the app, at most ten"`
	Container string `query:"container" maxLength:"253" doc:"default: all of the pod"`
	Follow    bool   `query:"follow"`
	Tail      int    `query:"tail" minimum:"0" maximum:"5000" default:"200"`
}

// LogLine is one line of a log.
type LogLine struct {
	Pod       string    `json:"pod"`
	Container string    `json:"container"`
	Time      time.Time `json:"time,omitzero"`
	Text      string    `json:"text"`
}

// Can is whether a person may do something now; if not, why, and who could change that.
type Can struct {
	OK  bool   `json:"ok"`
	Why string `json:"why,omitempty"`
}

// Asked says that a request is written to the App; the agent carries it out.
type Asked struct {
	Accepted bool   `json:"accepted"`
	Text     string `json:"text"`
	URL      string `json:"url,omitempty" doc:"of the pull request of a revert"`
}
