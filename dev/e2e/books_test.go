package e2e

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

const readers = 40 // apps that are applied and wait with their books

// An applied app waits with its books while others are to be applied (docs/design/agent.md). An agent that is killed then, when
// many wait, has told nobody what it did: the next one finds it out. Nothing is lost, made twice or deleted, also not what a person made
// anew in the meantime, and each revision has one row and one Entry.
func TestKillWhileBooksWait(t *testing.T) {
	w, err := newWorld("books") // an app that waits for something would have nobody wait with his books
	if err != nil {
		t.Fatal(err)
	}
	s := newScenario(t, w, "books")
	start := s.now(t)
	gate := s.gateAt("books-last", "CREATE", 1)
	first := s.commit("new apps", s.catalogue("1", "old"))
	gate.wait()
	s.shelved("1", "old")
	s.kill()
	s.waited()
	born := s.allBorn()
	gate.open()
	s.restarted()
	s.bound(first, "settings", "old")
	s.stillThere(born)
	s.madeOnce(start, "settings", "old")

	gate = s.gateAt("books-last", "UPDATE", 1)
	second := s.commit("changes, and new objects", s.catalogue("2", "old", "new"))
	gate.wait()
	s.shelved("2", "old", "new")
	s.kill()
	s.waited()
	s.remove("ConfigMap/" + book(0) + "/new")
	s.create(inNamespace(book(0), configMap("new", "a", "theirs")), "kubectl-create")
	born = s.allBorn()
	theirs := s.live("ConfigMap/" + book(0) + "/new")
	gate.open()
	s.restarted()
	s.bound(second, "settings", "old", "new")
	s.stillThere(born)
	s.same(theirs)
	s.has(idOf(theirs), "data.a", "1")
	s.madeOnce(start, "settings", "old", "new")
	s.noDeletes(t, start, s.booked()...)
}

func book(i int) string { return fmt.Sprintf("books-%d", i) }

// booked gives the apps, which are their namespaces.
func (s *scenario) booked() []string {
	all := []string{"books-last"}
	for i := range readers {
		all = append(all, book(i))
	}
	return all
}

// catalogue is a commit of all apps: settings with a value, and other objects beside them.
func (s *scenario) catalogue(value string, beside ...string) files {
	f := files{}
	for _, app := range s.booked() {
		all := []string{configMap("settings", "a", value)}
		for _, name := range beside {
			all = append(all, configMap(name, "a", "1"))
		}
		f["apps/"+app+"/a.yaml"] = documentsOf(all...)
	}
	return f
}

// waited fails the test if no app waited with its books when the agent was killed: then this shows nothing. Such an app has entries that
// were written ahead, without the UIDs of what was made.
func (s *scenario) waited() {
	s.Helper()
	n := 0
	for i := range readers {
		if entries := inventoryOf(s, book(i)); strings.Count(entries, `"uid"`) < strings.Count(entries, `"n"`) {
			n++
		}
	}
	s.Logf("killed while %d of %d apps waited with their books", n, readers)
	if n == 0 {
		s.Fatal("no app waited with its books: this shows nothing")
	}
}

// shelved waits until all apps but the one at the gate are applied: settings with a value, and the objects beside them.
func (s *scenario) shelved(value string, beside ...string) {
	s.Helper()
	err := eventually(limit, func() error {
		done := map[string]int{}
		for _, o := range s.allBorn() {
			if slices.Contains(beside, o.GetName()) || o.GetName() == "settings" && field(&o, "data.a") == value {
				done[o.GetNamespace()]++
			}
		}
		for i := range readers {
			if n := done[book(i)]; n != 1+len(beside) {
				return errNotYet("%s has %d of its objects", book(i), n)
			}
		}
		return nil
	})
	if err != nil {
		s.Fatal(err)
	}
}

// bound waits until all apps are ok at a commit, with their books: what the Inventory has, one row and one Entry.
func (s *scenario) bound(commit string, names ...string) {
	s.Helper()
	for _, app := range s.booked() {
		status := s.ok(app, commit)
		rows := 0
		for _, row := range status.History {
			if row.Revision == commit {
				rows++
			}
		}
		if rows != 1 {
			s.Errorf("%s has %d rows of %.7s", app, rows, commit)
		}
		s.inventoried(app, append(names, app)...)
		s.entryOf(app, commit, "ok")
		if s.Failed() {
			s.FailNow() // the others are likely to be the same
		}
	}
	entries := map[string]int{}
	all, err := s.admin.Resource(kinds["Entry"]).Namespace(system).List(s.Context(), metav1.ListOptions{})
	if err != nil {
		s.Fatal(err)
	}
	for _, e := range all.Items {
		if field(&e, "revision.commit.id") == commit {
			entries[fmt.Sprint(field(&e, "app"))]++
		}
	}
	for app, n := range entries {
		if n != 1 {
			s.Errorf("%s has %d Entries of %.7s", app, n, commit)
		}
	}
}

// allBorn gives our objects in all namespaces.
func (s *scenario) allBorn() (all []unstructured.Unstructured) {
	s.Helper()
	list, err := s.admin.Resource(kinds["ConfigMap"]).List(s.Context(), metav1.ListOptions{LabelSelector: "plumb.dev/managed=true"})
	if err != nil {
		s.Fatal(err)
	}
	for _, o := range list.Items {
		if o.GetNamespace() != "books-last" {
			all = append(all, o)
		}
	}
	return all
}

func (s *scenario) stillThere(all []unstructured.Unstructured) {
	s.Helper()
	for i := range all {
		s.same(&all[i])
	}
}

// madeOnce fails the test if an object was created more than once since a mark.
func (s *scenario) madeOnce(since mark, names ...string) {
	s.Helper()
	made := map[string]int{}
	for _, r := range s.requests(s.T, since, func(r request) bool { return r.writes() && r.Status.Code == 201 && r.Object.Resource == "configmaps" }) {
		made[r.Object.Namespace+"/"+r.Object.Name]++
	}
	for _, namespace := range s.booked() {
		for _, name := range names {
			if n := made[namespace+"/"+name]; n != 1 {
				s.Errorf("%s/%s was created %d times", namespace, name, n)
			}
		}
	}
}
