package e2e

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// entry is what tests read of an Entry (docs/reference/resources.md §11).
type entry struct {
	metav1.ObjectMeta    `json:"metadata"`
	App, AppUID, Address string
	Result, Summary      string
	Revision             *struct {
		Commit                          struct{ ID, Author, Subject string }
		Previous, By, Reason, Message   string
		Seen, Planned, Applied, Healthy *metav1.Time
		Counts                          map[string]int
		Changes                         []struct {
			Object, Change, Why string
			Fields              []struct{ Field, Kind, From, To string }
		}
		Pulls []struct {
			Number        int
			Title, Author string
			Reviews       []struct{ User, Verdict string }
		}
		Incomplete bool
	}
	Corrections []struct {
		drift
		Time  *metav1.Time
		Count int
	}
	LeftOut map[string]int
}

// recorded gives the Entries of an App object, the newest first.
func (s *scenario) recorded(app string) []entry {
	s.Helper()
	all, err := s.admin.Resource(kinds["Entry"]).Namespace(system).List(s.Context(), metav1.ListOptions{})
	if err != nil {
		s.Fatal(err)
	}
	var entries []entry
	for _, o := range all.Items {
		var e entry
		data, err := json.Marshal(o.Object)
		if err == nil {
			err = json.Unmarshal(data, &e)
		}
		if err != nil {
			s.Fatal(err)
		}
		if e.App == app {
			entries = append(entries, e)
		}
	}
	slices.SortFunc(entries, func(a, b entry) int { return strings.Compare(b.Name, a.Name) })
	return entries
}

// entryOf waits until the Entry of a commit has a result.
func (s *scenario) entryOf(app, commit string, result string) (found entry) {
	s.Helper()
	err := eventually(limit, func() error {
		for _, e := range s.recorded(app) {
			if e.Revision == nil || e.Revision.Commit.ID != commit {
				continue
			}
			if e.Result != result {
				return fmt.Errorf("the Entry of %.7s says %s (%s), want %s", commit, e.Result, e.Revision.Reason, result)
			}
			found = e
			return nil
		}
		return fmt.Errorf("%.7s has no Entry", commit)
	})
	if err != nil {
		s.Fatal(err)
	}
	return found
}

// driftEntry waits until an Entry of drift has so many corrections.
func (s *scenario) driftEntry(app string, corrections int) (found entry) {
	s.Helper()
	err := eventually(limit, func() error {
		for _, e := range s.recorded(app) {
			if e.Result == "healed" && len(e.Corrections) >= corrections {
				found = e
				return nil
			}
		}
		return fmt.Errorf("no Entry has %d corrections: %+v", corrections, s.recorded(app))
	})
	if err != nil {
		s.Fatal(err)
	}
	return found
}

// did writes what an Entry says happened, as "created ConfigMap/a/b" and "changed ConfigMap/a/b data.x: 1 → 2".
func did(e entry) []string {
	var lines []string
	for _, c := range e.Revision.Changes {
		line := c.Change + " " + c.Object
		for _, f := range c.Fields {
			line += fmt.Sprintf(" %s: %s → %s", f.Field, f.From, f.To)
		}
		lines = append(lines, strings.TrimSpace(line))
	}
	return lines
}

func (s *scenario) didExactly(e entry, want ...string) {
	s.Helper()
	if got := did(e); !slices.Equal(got, want) {
		s.Errorf("the Entry of %.7s says\n%s\nwant\n%s\nof %+v", e.Revision.Commit.ID, strings.Join(got, "\n"), strings.Join(want, "\n"), *e.Revision)
	}
}

func secretOf(name, value string) string {
	return fmt.Sprintf("apiVersion: v1\nkind: Secret\nmetadata: {name: %s}\nstringData: {token: %q, same: \"unchanged-value\"}\n", name, value)
}

// Every revision that an app goes through leaves an Entry that says who wrote it, when it came how far, and what it changed.
func TestRecord(t *testing.T) {
	t.Parallel()
	s := newScenario(t, shared(t), "record")
	first := s.commit("begin", files{"apps/record/a.yaml": documentsOf(configMap("settings", "a", "1"), configMap("stays", "a", "1"), secretOf("key", "hunter2-first"))})
	s.ok("record", first)
	e := s.entryOf("record", first, "ok")
	s.didExactly(e, "created ConfigMap/record/settings", "created ConfigMap/record/stays", "created Namespace/record", "created Secret/record/key")
	r := e.Revision
	if r.Previous != "" || r.Commit.Subject != "begin" || r.Commit.Author == "" || r.Seen == nil || r.Planned == nil || r.Applied == nil || r.Healthy == nil || r.Incomplete {
		t.Errorf("the first Entry says %+v", r)
	}
	if owner := e.OwnerReferences; len(owner) != 1 || owner[0].Kind != "App" || e.Labels["plumb.dev/app"] != "record" || e.Labels["plumb.dev/repo"] != "record" || e.Address != "record" {
		t.Errorf("it is %s of %v with the labels %v", e.Address, owner, e.Labels)
	}

	second := s.commit("turn it up", files{"apps/record/a.yaml": documentsOf(configMap("settings", "a", "2", "b", "new"), configMap("stays", "a", "1"), secretOf("key", "hunter2-second"))})
	s.ok("record", second)
	e = s.entryOf("record", second, "ok")
	s.didExactly(e, "changed ConfigMap/record/settings data.a: 1 → 2 data.b:  → new", "changed Secret/record/key stringData.token: ‹redacted› → ‹redacted›")
	if e.Revision.Previous != first || e.Revision.Counts["changed"] != 2 || e.LeftOut != nil {
		t.Errorf("the second Entry says %+v", e.Revision)
	}

	broken := s.commit("a slip", files{"apps/record/b.yaml": "x: [\n"})
	s.is("record", "failed", "InvalidObject")
	e = s.entryOf("record", broken, "failed")
	if e.Revision.Reason != "InvalidObject" || !strings.Contains(e.Revision.Message, "apps/record/b.yaml") || len(e.Revision.Changes) > 0 || e.Revision.Applied != nil {
		t.Errorf("the Entry of a commit that cannot be rendered says %+v", e.Revision)
	}

	third := s.commit("delete one, refuse one", files{"apps/record/b.yaml": "", "apps/record/a.yaml": documentsOf(configMap("settings", "a", "2", "b", "new"), secretOf("key", "hunter2-second"),
		"apiVersion: v1\nkind: ConfigMap\nmetadata: {name: Not_A_Name}\n")})
	s.until("record", func(a appStatus) error {
		if a.State != "failed" || a.Target != third {
			return errNotYet("%s", a)
		}
		return nil
	})
	e = s.entryOf("record", third, "failed")
	if got := did(e); len(got) == 0 || got[0] != "failed ConfigMap/record/Not_A_Name" || e.Revision.Previous != second { // the deletion fails with it, or waits for other apps
		t.Errorf("the Entry of an apply that failed says %q after %.7s", got, e.Revision.Previous)
	}
	fourth := s.commit("without the refused one", files{"apps/record/a.yaml": documentsOf(configMap("settings", "a", "2", "b", "new"), secretOf("key", "hunter2-second"))})
	s.ok("record", fourth)
	e = s.entryOf("record", fourth, "ok")
	s.didExactly(e, "deleted ConfigMap/record/stays")
	s.entryOf("record", third, "failed")

	told := s.plumbs(0, "history", "record").stdout
	s.says(told, "turn it up", "a slip", fourth[:7], second[:7], "InvalidObject", "~2")
	s.says(s.plumbs(0, "history", "record", second[:7]).stdout, "changed ConfigMap/record/settings", "data.a  1 -> 2", "‹redacted› (changed)", "after     "+first[:7])
	s.plumbs(3, "history", "record", "0000000")
	if lines := strings.Split(strings.TrimSpace(told), "\n"); len(lines) != 6 || !strings.Contains(lines[1], fourth[:7]) || !strings.Contains(lines[5], first[:7]) {
		t.Errorf("five revisions are told in %d lines, the newest first:\n%s", len(lines), told)
	}

	for _, e := range s.recorded("record") {
		if text, _ := json.Marshal(e); strings.Contains(string(text), "hunter2") || strings.Contains(string(text), "unchanged-value") || len(text) > 16<<10 {
			t.Errorf("an Entry of %d bytes: %s", len(text), text)
		}
	}
}

// A deletion that is held is held in the record too, until a commit consents; of an app that is gone from Git the last Entry
// stays, with the Repo, and a new app of the same name begins a record of its own.
func TestRecordOfAnEnd(t *testing.T) {
	t.Parallel()
	s := newScenario(t, shared(t), "recend")
	first := s.commit("begin", files{"apps/recend/a.yaml": configMap("a", "a", "1"), "apps/recend-other/a.yaml": configMap("a", "a", "1")})
	s.ok("recend", first)
	s.entryOf("recend", first, "ok")
	second := s.commit("away with it", files{"apps/recend": ""})
	s.is("recend", "waiting", "DeletionHeld")
	e := s.entryOf("recend", second, "held")
	s.didExactly(e, "held ConfigMap/recend/a", "held Namespace/recend")

	s.commit("really\n\nPlumb-Allow-Delete: recend\nPlumb-Allow-Delete: recend Namespace/recend", nil)
	s.absent("App/" + system + "/recend")
	e = s.entryOf("recend", second, "ok")
	s.didExactly(e, "deleted ConfigMap/recend/a", "deleted Namespace/recend")
	if e.OwnerReferences[0].Kind != "Repo" || e.Labels["plumb.dev/removal"] != "true" {
		t.Errorf("the last Entry goes with %v", e.OwnerReferences)
	}
	err := eventually(limit, func() error {
		if all := s.recorded("recend"); len(all) != 1 {
			return fmt.Errorf("%d Entries are left of an App that is gone", len(all))
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}

	third := s.commit("here again", files{"apps/recend/a.yaml": configMap("a", "a", "1")})
	s.ok("recend", third)
	fresh := s.entryOf("recend", third, "ok")
	if fresh.AppUID == e.AppUID || fresh.Revision.Previous != "" {
		t.Errorf("the new app's record goes on where the old one's ended: %+v", fresh.Revision)
	}
}

// What is undone is recorded with who did it; the same over and over is one Correction that is counted.
func TestRecordOfDrift(t *testing.T) {
	t.Parallel()
	s := newScenario(t, shared(t), "recdrift")
	first := s.commit("begin", files{"apps/recdrift/a.yaml": documentsOf(configMap("settings", "a", "1"), configMap("other", "a", "1"))})
	s.ok("recdrift", first)
	s.patch("ConfigMap/recdrift/settings", "kubectl-edit", "data: {a: theirs}")
	s.has("ConfigMap/recdrift/settings", "data.a", "1")
	e := s.driftEntry("recdrift", 1)
	c := e.Corrections[0]
	if c.Object != "ConfigMap/recdrift/settings" || c.Field != "data.a" || c.Manager != "kubectl-edit" || c.Operation != "Update" || c.Git != "1" || c.Live != "theirs" || c.Healed == nil || c.Time == nil || c.Count != 1 {
		t.Errorf("the correction is %+v", c)
	}
	before, begun := s.now(t), time.Now()
	for range 3 {
		s.patch("ConfigMap/recdrift/settings", "kubectl-edit", "data: {a: theirs}")
		s.has("ConfigMap/recdrift/settings", "data.a", "1")
	}
	s.remove("ConfigMap/recdrift/other")
	s.has("ConfigMap/recdrift/other", "data.a", "1")
	second := s.commit("next", files{"apps/recdrift/a.yaml": documentsOf(configMap("settings", "a", "2"), configMap("other", "a", "1"))})
	s.entryOf("recdrift", second, "ok")
	writes := s.requests(t, before, func(r request) bool {
		return r.Object.Resource == "entries" && r.Verb == "patch" && strings.HasPrefix(r.Object.Name, "recdrift-") && strings.Contains(r.Object.Name, "-drift-")
	})
	if minutes := 1 + int(time.Since(begun)/time.Minute); len(writes) > minutes {
		t.Errorf("four more corrections were %d writes within %d minutes: %v", len(writes), minutes, writes)
	}
}

// An agent that is killed after the status was told, and before the Entry was, writes it when it starts again; a start that
// has nothing to write writes nothing, and asks for the whole record once: for its page.
func TestRecordAfterAKill(t *testing.T) {
	s := newScenario(t, lives(t), "reckill")
	program := withFailpoints(t)
	s.restarted()
	first := s.commit("begin", files{"apps/reckill/a.yaml": configMap("settings", "a", "1")})
	s.ok("reckill", first)
	s.entryOf("reckill", first, "ok")

	s.kill()
	second := s.pushUnseen("killed", files{"apps/reckill/a.yaml": configMap("settings", "a", "2")})
	s.diesAt(t, program, "judged")
	s.restarted()
	s.ok("reckill", second)
	s.didExactly(s.entryOf("reckill", second, "ok"), "changed ConfigMap/reckill/settings data.a: 1 → 2")

	before := s.now(t)
	s.restarted()
	s.verified()
	whole := 0
	for _, r := range s.requests(t, before, func(r request) bool { return r.Object.Resource == "entries" }) {
		if r.Verb == "list" && r.Object.Namespace == "" {
			if !strings.Contains(r.RequestURI, "continue=") || strings.Contains(r.RequestURI, "continue=&") {
				whole++ // the first page: other tests' Entries may fill more
			}
			continue
		}
		t.Errorf("a start asks: %s", r)
	}
	if whole > 1 {
		t.Errorf("a start asks for the record %d times", whole)
	}
}
