package record

import (
	"cmp"
	"slices"
	"strings"

	"plumb.dev/plumb/api/v1alpha1"
	"plumb.dev/plumb/internal/plan"
)

// AppOf gives the identity that an App object's Entries are made with.
func AppOf(o v1alpha1.App) plan.App {
	return plan.App{
		Namespace: o.Namespace, Name: o.Name, UID: string(o.UID), App: cmp.Or(o.Spec.App, o.Name), Env: o.Spec.Env,
		Cluster: cmp.Or(o.Spec.Cluster, "local"), Target: o.Spec.Namespace,
	}
}

// History joins an App's Entries with what its status says, newest first. Rows of the status that have no Entry, as that of
// the revision in hand, become one whose result may also be a state word. Entries of an earlier App of the name are left out.
func History(o v1alpha1.App, entries []v1alpha1.Entry) []v1alpha1.Entry {
	app := AppOf(o)
	var out []v1alpha1.Entry
	at := map[string]int{}
	for _, e := range entries {
		if e.AppUID == app.UID {
			at[e.Name] = len(out)
			out = append(out, *e.DeepCopy())
		}
	}
	last := v1alpha1.Entry{}
	for _, e := range out {
		if e.Revision == nil && (last.Name == "" || Older(last.Name, e.Name) < 0) {
			last = e
		}
	}
	for _, row := range o.Status.History {
		e := Revision(app, Row{HistoryRow: row})
		if i, recorded := at[e.Name]; recorded {
			catchUp(&out[i], e)
			continue
		}
		e.Result = cmp.Or(e.Result, v1alpha1.Result(row.Result))
		out = append(out, e)
	}
	var rows []v1alpha1.Drift
	for _, row := range o.Status.Drift {
		if row.Healed != nil && row.Healed.After(LastHealed(&last)) {
			rows = append(rows, row)
		}
	}
	if len(rows) > 0 {
		out = append(out, *Healed(app, nil, rows, rows[0].Healed.Time))
	}
	slices.SortStableFunc(out, func(a, b v1alpha1.Entry) int { return Older(b.Name, a.Name) })
	return out
}

// catchUp gives a recorded Entry the result that the status has by now.
func catchUp(recorded *v1alpha1.Entry, status v1alpha1.Entry) {
	if status.Result == "" || status.Result == recorded.Result || recorded.Revision == nil {
		return
	}
	recorded.Result = status.Result
	recorded.Revision.Healthy, recorded.Revision.Reason, recorded.Revision.Message = status.Revision.Healthy, status.Revision.Reason, ""
	recorded.Summary = summary(recorded)
}

// Find gives the Entries that a person means: by the name, or by the beginning of a commit's id.
func Find(entries []v1alpha1.Entry, what string) []v1alpha1.Entry {
	var found []v1alpha1.Entry
	for _, e := range entries {
		if e.Name == what || len(what) >= 4 && e.Revision != nil && strings.HasPrefix(e.Revision.Commit.ID, strings.ToLower(what)) {
			found = append(found, e)
		}
	}
	return found
}
