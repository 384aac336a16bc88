package people

import (
	"context"
	"encoding/json"
	"net/http"
	"slices"
	"time"

	"plumb.dev/plumb/api/v1alpha1"
	"plumb.dev/plumb/internal/board"
	"plumb.dev/plumb/internal/cluster"
	"plumb.dev/plumb/internal/fault"
	"plumb.dev/plumb/internal/object"
	"plumb.dev/plumb/internal/server"
)

// visitor is a Person with a session: when that is over, they are nobody, also on a stream that is still open.
type visitor struct {
	*Person
	ends  time.Time
	alive func() bool
}

var (
	_ server.Visitors = (*People)(nil)
	_ server.Person   = (*visitor)(nil)
	_ server.Actor    = (*visitor)(nil)
	_ server.Looker   = (*visitor)(nil)
	_ server.Listener = (*visitor)(nil)
)

// Who says who the person is.
func (v *visitor) Who() server.Who {
	return server.Who{Name: v.name, Groups: slices.Clone(v.groups), How: v.how, Expires: v.ends, Logout: !v.ends.IsZero()}
}

func (v *visitor) stillThere() error {
	if v.alive() {
		return nil
	}
	return server.SessionOver(v.name)
}

// May asks Kubernetes whether the person has rights: a verdict for each, in their order.
func (v *visitor) May(ctx context.Context, all []Right) ([]Verdict, error) {
	if err := v.stillThere(); err != nil {
		return nil, err
	}
	return v.may(ctx, all...)
}

// Sees gives the namespaces whose Apps the person may list. Who holds the agent's own token sees what the agent sees.
func (v *visitor) Sees(ctx context.Context) (board.Sight, error) {
	if err := v.stillThere(); err != nil {
		return board.Sight{}, err
	}
	if v.how == server.ByToken {
		return board.Sight{All: true}, nil
	}
	list := func(namespace string) Right {
		return Right{Verb: "list", Group: v1alpha1.GroupVersion.Group, Resource: "apps", Namespace: namespace}
	}
	verdicts, err := v.may(ctx, list(""))
	if err != nil || verdicts[0].OK {
		return board.Sight{All: err == nil}, err
	}
	namespaces := v.people.options.Namespaces()
	all := make([]Right, len(namespaces))
	for i, namespace := range namespaces {
		all[i] = list(namespace)
	}
	if verdicts, err = v.may(ctx, all...); err != nil {
		return board.Sight{}, err
	}
	sight := board.Sight{Namespaces: map[string]bool{}}
	for i, namespace := range namespaces {
		if verdicts[i].OK {
			sight.Namespaces[namespace] = true
		}
	}
	return sight, nil
}

// Logs gives each line to emit, for as long as the session lasts and the rights are there.
func (v *visitor) Logs(ctx context.Context, app *v1alpha1.App, q server.LogQuery, emit func(server.LogLine) error) error {
	return v.logs(ctx, app, q, v.stillThere, emit)
}

// History gives the Entries of an app, as the person may list them.
func (p *Person) History(ctx context.Context, app *v1alpha1.App) ([]v1alpha1.Entry, error) {
	ctx, cancel := context.WithTimeout(ctx, lookFor)
	defer cancel()
	if err := p.need(ctx, Right{Verb: "list", Group: v1alpha1.GroupVersion.Group, Resource: "entries", Namespace: app.Namespace}); err != nil {
		return nil, err
	}
	raw, err := answerOf(p.rest.Verb(http.MethodGet).AbsPath("apis", v1alpha1.GroupVersion.Group, v1alpha1.GroupVersion.Version, "namespaces", app.Namespace, "entries").
		Param("labelSelector", v1alpha1.LabelAppUID+"="+string(app.UID)).SetHeader("Accept", "application/json").Do(ctx))
	if err != nil {
		return nil, cluster.Explain(err, object.ID{Group: v1alpha1.GroupVersion.Group, Kind: "Entry", Namespace: app.Namespace}, p.name)
	}
	var list v1alpha1.EntryList
	if err := json.Unmarshal(raw, &list); err != nil {
		return nil, fault.New(fault.InvalidObject, "the Entries of %s/%s cannot be read: %w", app.Namespace, app.Name, err)
	}
	for i := range list.Items {
		list.Items[i].ManagedFields = nil
	}
	return list.Items, nil
}
