package corpus

import (
	"cmp"
	"path"
	"slices"
	"strings"
	"testing"
	"time"

	"plumb.dev/plumb/dev/audit"
)

// event is "made Kind/name" or "done Job/name", by the API server's word: the request that created the object, and the last one that
// wrote a Job's status, which says that it is complete.
type event struct {
	what string
	at   time.Time
}

// kinds are those whose order the corpus promises, by their resources.
var kinds = map[string]string{"jobs": "Job", "deployments": "Deployment", "replicasets": "ReplicaSet"}

// now gives the end of the audit log.
func (p *playground) now(t *testing.T) int64 {
	t.Helper()
	_, end, err := audit.Since(p.audit, 0)
	if err != nil {
		t.Fatal(err)
	}
	return end
}

// events gives what happened in a namespace since then, in the order in which the API server was asked for it.
func (p *playground) events(t *testing.T, since int64, namespace string) []event {
	t.Helper()
	requests, _, err := audit.Since(p.audit, since)
	if err != nil {
		t.Fatal(err)
	}
	var made []event
	done := map[string]event{}
	for _, r := range requests {
		kind := kinds[r.Object.Resource]
		if kind == "" || r.Object.Namespace != namespace || r.Status.Code >= 300 || strings.Contains(r.RequestURI, "dryRun=") {
			continue
		}
		name := kind + "/" + r.Object.Name
		switch {
		case r.Object.Subresource == "" && r.Status.Code == 201:
			made = append(made, event{"made " + name, r.Received})
		case r.Object.Subresource == "status" && kind == "Job" && r.Received.After(done[name].at):
			done[name] = event{"done " + name, r.Received}
		}
	}
	for _, e := range done {
		made = append(made, e)
	}
	slices.SortFunc(made, func(a, b event) int { return cmp.Or(a.at.Compare(b.at), cmp.Compare(a.what, b.what)) })
	return made
}

// inOrder fails the test unless things happened in the order that an application promises: each before the next is asked for. Where
// several fit, it is the last of them that comes before the first of the next.
func (p *playground) inOrder(t *testing.T, since int64, a app) {
	t.Helper()
	if a.order == nil {
		return
	}
	events := p.events(t, since, a.target())
	var said []string
	for _, e := range events {
		said = append(said, e.what)
	}
	fits := func(pattern string) (found []event) {
		for _, e := range events {
			if ok, _ := path.Match(pattern, e.what); ok {
				found = append(found, e)
			}
		}
		return found
	}
	for i, want := range a.order {
		found := fits(want)
		if len(found) == 0 {
			t.Errorf("%s: %s never happened in %v", a.path, want, said)
			continue
		}
		if i == 0 {
			continue
		}
		if before := fits(a.order[i-1]); len(before) > 0 && !before[len(before)-1].at.Before(found[0].at) {
			t.Errorf("%s: %s happened before %s: %v", a.path, found[0].what, before[len(before)-1].what, said)
		}
	}
	t.Logf("%s: in order: %s", a.path, strings.Join(said, ", "))
}
