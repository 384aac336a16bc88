package e2e

import (
	"os"
	"strings"
	"testing"

	"plumb.dev/plumb/dev/audit"
)

// mark is a place in the audit log.
type mark int64

// request is what the audit log says of one request.
type request struct{ audit.Request }

// now gives the present end of the audit log. A request's line is there before its answer goes out.
func (p *plane) now(t *testing.T) mark {
	t.Helper()
	info, err := os.Stat(p.audit)
	if err != nil {
		t.Fatal(err)
	}
	return mark(info.Size())
}

// requests gives what agents have asked since a mark, as far as keep tells.
func (p *plane) requests(t *testing.T, since mark, keep func(request) bool) []request {
	t.Helper()
	return p.logged(t, since, func(r request) bool { return strings.HasPrefix(r.UserAgent, "plumb-agent") && keep(r) })
}

// logged gives what anybody has asked since a mark, in the order of the answers, as far as keep tells.
func (p *plane) logged(t *testing.T, since mark, keep func(request) bool) []request {
	t.Helper()
	all, _, err := audit.Since(p.audit, int64(since))
	if err != nil {
		t.Fatal(err)
	}
	var found []request
	for _, one := range all {
		if r := (request{one}); keep(r) {
			found = append(found, r)
		}
	}
	return found
}

// writes tells whether a request changed something of a user.
func (r request) writes() bool {
	switch {
	case r.Object.APIGroup == "plumb.dev", r.Object.Resource == "leases", strings.Contains(r.RequestURI, "dryRun="), r.Status.Code >= 300:
		return false
	}
	return r.Verb == "create" || r.Verb == "update" || r.Verb == "patch" || r.deletes()
}

func (r request) deletes() bool { return r.Verb == "delete" || r.Verb == "deletecollection" }

// in tells whether a request is about a namespace or something in it.
func (r request) in(namespace string) bool {
	return r.Object.Namespace == namespace || r.Object.Resource == "namespaces" && r.Object.Name == namespace
}

// noWrites fails the test if an agent has changed anything in the namespaces since the mark.
func (p *plane) noWrites(t *testing.T, since mark, namespaces ...string) {
	t.Helper()
	for _, namespace := range namespaces {
		for _, r := range p.requests(t, since, func(r request) bool { return r.writes() && r.in(namespace) }) {
			t.Errorf("the agent wrote: %s", r)
		}
	}
}

// noDeletes fails the test if an agent has deleted anything of a user in the namespaces since the mark.
func (p *plane) noDeletes(t *testing.T, since mark, namespaces ...string) {
	t.Helper()
	for _, namespace := range namespaces {
		for _, r := range p.requests(t, since, func(r request) bool { return r.deletes() && r.writes() && r.in(namespace) }) {
			t.Errorf("the agent deleted: %s", r)
		}
	}
}

// writesTo lists what an agent has written to one object since the mark, by plural resource, namespace and name.
func (p *plane) writesTo(t *testing.T, since mark, resource, namespace, name string) []request {
	t.Helper()
	return p.requests(t, since, func(r request) bool {
		return r.writes() && r.Object.Resource == resource && r.Object.Namespace == namespace && r.Object.Name == name
	})
}
