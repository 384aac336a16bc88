package report

import (
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"plumb.dev/plumb/api/v1alpha1"
)

// AgentView is the agent in answers to machines.
type AgentView struct {
	Fresh bool       `json:"fresh"`
	Heard *time.Time `json:"heard,omitempty"` // renewTime of its Lease
	Why   string     `json:"why,omitempty"`   // why it is not fresh
	// ReadOnly: it compares and shows, and writes no object of a user.
	ReadOnly bool `json:"readOnly,omitempty"`
}

// RepoView is one repository in answers to machines.
type RepoView struct {
	Namespace string              `json:"namespace"`
	Name      string              `json:"name"`
	URL       string              `json:"url"`
	Status    v1alpha1.RepoStatus `json:"status"`
}

// TargetView is one App object in answers to machines: the state that may be said now, and what the agent wrote.
type TargetView struct {
	Address   string             `json:"address"`
	Namespace string             `json:"namespace"` // of the App object
	Name      string             `json:"name"`      // of the App object
	App       string             `json:"app"`
	Env       string             `json:"env,omitempty"`
	Cluster   string             `json:"cluster"`
	State     v1alpha1.State     `json:"state"` // unknown while the agent is silent; status.state is what it said last
	Next      string             `json:"next,omitempty"`
	Consent   []string           `json:"consent,omitempty"` // commit message lines that allow the held deletions
	Pause     *v1alpha1.Pause    `json:"pause,omitempty"`
	Status    v1alpha1.AppStatus `json:"status"`
}

// View gives the agent's freshness for machines.
func (a Agent) View(now time.Time) AgentView {
	v := AgentView{Fresh: a.Fresh(now), Why: a.Silent(now), ReadOnly: a.ReadOnly}
	if !a.Heard.IsZero() {
		heard := a.Heard.UTC()
		v.Heard = &heard
	}
	return v
}

// RepoViews gives the repositories for machines.
func RepoViews(repos []v1alpha1.Repo) []RepoView {
	out := make([]RepoView, 0, len(repos))
	for _, r := range repos {
		out = append(out, RepoView{Namespace: r.Namespace, Name: r.Name, URL: r.Spec.URL, Status: r.Status})
	}
	return out
}

// View gives one target for machines.
func (t Target) View() TargetView {
	cluster := t.App.Spec.Cluster
	if cluster == "" {
		cluster = "local"
	}
	return TargetView{
		Address: t.Address(), Namespace: t.App.Namespace, Name: t.App.Name,
		App: AppName(t.App), Env: t.App.Spec.Env, Cluster: cluster,
		State: t.State, Next: t.Next(), Consent: t.ConsentLines(),
		Pause: t.App.Spec.Pause, Status: t.App.Status,
	}
}

// Views gives targets for machines.
func Views(targets []Target) []TargetView {
	out := make([]TargetView, 0, len(targets))
	for _, t := range targets {
		out = append(out, t.View())
	}
	return out
}

// Ready gives the Ready condition of a Repo or an App; the zero Condition if there is none.
func Ready(conditions []metav1.Condition) metav1.Condition {
	for _, c := range conditions {
		if c.Type == v1alpha1.ConditionReady {
			return c
		}
	}
	return metav1.Condition{}
}
