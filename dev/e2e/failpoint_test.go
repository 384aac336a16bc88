package e2e

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// points are the steps between a decision and its effect at which an agent may be killed.
var points = []struct {
	name   string
	reason string
}{
	{"planned", "nothing is written"},
	{"written-ahead", "the Inventory says more than there is"},
	{"migrated", "another tool's fields are ours, and nothing was applied"},
	{"count-handed", "the number of replicas has another owner, and was not given up"},
	{"after-apply", "an object is applied, and nobody has written down its answer"},
	{"replace-deleted", "the old object is going, and the new one is not made"},
	{"replace-gone", "the old object is gone, and the new one is not made"},
	{"after-replace", "the new object is made, and the Inventory has the old one"},
	{"before-delete", "it was decided to delete"},
	{"after-delete", "it is deleted, and the Inventory has it"},
	{"carried-out", "everything is done, and nothing is recorded"},
	{"written-after", "the Inventory is right, and the status is old"},
	{"judged", "all is written, and the Repo was not told"},
}

// withFailpoints gives the agent with its failpoints, which no other build has.
func withFailpoints(t *testing.T) string {
	t.Helper()
	program, err := failingProgram()
	if err != nil {
		t.Fatal(err)
	}
	return program
}

// failingProgram builds it, once.
var failingProgram = sync.OnceValues(func() (string, error) {
	dir, err := os.MkdirTemp("", "plumb-e2e-failpoints-")
	if err != nil {
		return "", err
	}
	worlds.Lock()
	worlds.ends = append(worlds.ends, func() { os.RemoveAll(dir) })
	worlds.Unlock()
	program := filepath.Join(dir, "plumb")
	build := exec.Command("go", "build", "-tags", "failpoints", "-o", program, "./cmd/plumb")
	build.Dir = "../.."
	build.Env = append(os.Environ(), "CGO_ENABLED=0") // with cgo a locked rendering child cannot start threads
	if out, err := build.CombinedOutput(); err != nil {
		return "", fmt.Errorf("build with failpoints: %w\n%s", err, out)
	}
	return program, nil
})

// diesAt starts an agent that is killed at a failpoint, and waits until that has happened. Whoever is started next has none.
func (s *scenario) diesAt(t *testing.T, program, point string) {
	t.Helper()
	plain := s.agent.plumb
	defer func() { s.agent.plumb = plain }()
	s.agent.plumb = program
	t.Setenv("PLUMB_FAILPOINT", point)
	if err := s.agent.launch(); err != nil { // it may come by that point before it says that it is the active one
		t.Fatal(err)
	}
	s.dies()
	t.Setenv("PLUMB_FAILPOINT", "")
}

// pushUnseen pushes a commit while no agent runs: nobody is told.
func (s *scenario) pushUnseen(message string, f files) string {
	s.Helper()
	s.write(f)
	s.git("commit", "-q", "-m", message)
	s.git("push", "-q", "origin", "HEAD:main")
	return s.git("rev-parse", "HEAD")
}

// dies waits until the agent has ended by itself.
func (s *scenario) dies() {
	s.Helper()
	ended := make(chan struct{})
	go func() { _ = s.agent.cmd.Wait(); close(ended) }()
	select {
	case <-ended:
	case <-time.After(limit):
		s.Fatalf("the agent did not come by that point: it says\n%s", s.said("", 20))
	}
	if status := s.agent.cmd.ProcessState.String(); !strings.Contains(status, "killed") {
		s.Fatalf("the agent ended with %s", status)
	}
	s.agent.stdin.Close()
	s.agent.cmd = nil
}

// An agent that is killed between a decision and its effect, wherever that is, loses nothing, deletes nothing that it should
// not, and the next one brings everything to where it had to be.
func TestFailpoints(t *testing.T) {
	w := lives(t)
	program := withFailpoints(t)
	for _, point := range points {
		t.Run(point.name, func(t *testing.T) {
			s := newScenario(t, w, "fp-"+point.name)
			app := s.name
			job := func(image string) string {
				return "apiVersion: batch/v1\nkind: Job\nmetadata: {name: migrate}\nspec:\n  template:\n    spec:\n      restartPolicy: Never\n      containers: [{name: migrate, image: \"" + image + "\"}]\n"
			}
			s.restarted()
			s.ok(app, s.commit("before", files{"apps/" + app + "/a.yaml": documentsOf(
				deployment("web", 3, "registry.example/web:1"), job("registry.example/migrate:1"), configMap("stays", "a", "1"), configMap("goes", "a", "1"), configMap("bystander", "a", "1"))}))
			web, stays, bystander := s.live("Deployment/"+app+"/web"), s.live("ConfigMap/"+app+"/stays"), s.live("ConfigMap/"+app+"/bystander")
			old := s.live("Job/" + app + "/migrate")
			s.create(inNamespace(app, configMap("found", "a", "theirs", "extra", "gone soon")), "kubectl-create")
			seen := s.counts(app)
			before := s.now(t)

			s.kill()
			second := s.pushUnseen("everything at once", files{"apps/" + app + "/a.yaml": documentsOf(
				unscaled("web", "registry.example/web:2"), job("registry.example/migrate:2"), configMap("stays", "a", "2"), configMap("found", "a", "1"),
				configMap("new", "a", "1"), configMap("bystander", "a", "1")), "apps/" + app + "/hpa.yaml": horizontal(1, 9)})
			s.diesAt(t, program, point.name)
			s.restarted()

			s.ok(app, second)
			s.same(web)
			s.same(stays)
			s.same(bystander)
			s.has("Deployment/"+app+"/web", "spec.template.spec.containers.0.image", "registry.example/web:2")
			s.has("ConfigMap/"+app+"/stays", "data.a", "2")
			s.has("ConfigMap/"+app+"/found", "data.a", "1")
			if extra := field(s.live("ConfigMap/"+app+"/found"), "data.extra"); extra != nil {
				t.Error("a field that another tool left there, and Git does not have, is still there")
			}
			s.live("ConfigMap/" + app + "/new")
			s.absent("ConfigMap/" + app + "/goes")
			if now := s.has("Job/"+app+"/migrate", "spec.template.spec.containers.0.image", "registry.example/migrate:2"); now.GetUID() == old.GetUID() {
				t.Error("the Job was not replaced")
			}
			if got := seen(); !slices.Equal(got, []int64{3}) {
				t.Errorf("the number of replicas was %v, want 3 all the time", got)
			}
			for _, r := range s.requests(t, before, func(r request) bool { return r.deletes() && r.writes() && r.in(app) }) {
				if r.Object.Name != "goes" && r.Object.Name != "migrate" {
					t.Errorf("%s: the agent deleted %s", point.reason, r)
				}
			}
			s.inventoried(app, app, "web", "migrate", "stays", "found", "new", "bystander")
		})
	}
}

// killedAt has the agent killed at a point, after what is done while none runs, and starts the next one.
func (s *scenario) killedAt(point string, do func()) {
	s.Helper()
	plain := s.agent.plumb
	program := withFailpoints(s.T)
	s.kill()
	do()
	s.agent.plumb = program
	s.agent.env = append(s.agent.env, "PLUMB_FAILPOINT="+point)
	err := s.agent.launch() // it may come by that point before it says that it is the active one
	s.agent.plumb, s.agent.env = plain, s.agent.env[:len(s.agent.env)-1]
	if err != nil {
		s.Fatal(err)
	}
	s.dies()
	s.restarted()
}

// An agent that is killed while it takes objects over from Argo CD, or gives them back, wherever that is, leaves each of them
// to one of the two: the next one brings it to its end, and no object is deleted, no pod restarted, nothing forgotten.
func TestAdoptThroughKills(t *testing.T) {
	w := lives(t)
	for _, point := range []string{"planned", "written-ahead", "migrated", "after-apply", "after-return", "carried-out", "written-after", "judged"} {
		t.Run(point, func(t *testing.T) {
			s := newScenario(t, w, "ak-"+point)
			app, from := s.name, "Argo CD application "+s.name
			s.restarted()
			s.make("apiVersion: v1\nkind: Namespace\nmetadata: {name: " + app + "}\n")
			objects := s.ofArgo(s.name)
			s.runs("Deployment/"+app+"/web", 2)
			pods := s.pods(app)
			first := s.commit("the same, without one key", files{"apps/" + app + "/a.yaml": documentsOf(
				deployment("web", 2, "registry.example/web:1"), configMap("settings", "colour", "blue"), service("front", 80), configMap("new", "a", "1"))})
			s.is(app, "failed", "OwnedByOther")
			before := s.now(t)

			consent := `{"token":"t1","commit":"` + first + `","from":["` + from + `"]}`
			adopt := func() {
				s.patch("App/"+system+"/"+app, "plumb-cli", fmt.Sprintf("metadata: {annotations: {plumb.dev/adopt: %q}}", consent))
			}
			if point == "after-return" { // of the way back alone
				adopt()
			} else {
				s.killedAt(point, adopt)
			}
			s.ok(app, first)
			s.has("App/"+system+"/"+app, "status.handled.adopt", "t1")
			for _, was := range objects {
				s.oursNow(was, app)
			}
			if got := field(s.live("ConfigMap/"+app+"/settings"), "data"); fmt.Sprint(got) != "map[colour:blue]" {
				t.Errorf("the data is %v, want what Git has", got)
			}
			s.inventoried(app, "web", "settings", "front", "new")

			giveBack := func() {
				s.patch("App/"+system+"/"+app, "plumb-cli", "{metadata: {annotations: {plumb.dev/give-back: t2}}, spec: {pause: {reason: given back, by: lena}}}")
			}
			if slices.Contains([]string{"written-ahead", "migrated", "after-apply"}, point) { // of the way there alone
				giveBack()
			} else {
				s.killedAt(point, giveBack)
			}
			s.has("App/"+system+"/"+app, "status.handled.giveBack", "t2")
			s.is(app, "paused", "Paused")
			for _, was := range objects {
				s.theirsAgain(was)
			}
			if got := inventoryOf(s, app); got != "null" {
				t.Errorf("the inventory is %s", got)
			}
			if made := s.live("ConfigMap/" + app + "/new"); made.GetLabels()["plumb.dev/managed"] != "" || len(managers(made, "plumb")) > 0 {
				t.Errorf("what was made since is still ours: %v, fields of %v", made.GetLabels(), managers(made, ""))
			}
			if now := s.pods(app); !slices.Equal(now, pods) {
				t.Errorf("the pods were %v, and are %v", pods, now)
			}
			s.noDeletes(t, before, app)
		})
	}
}

// inventoried waits until the Inventory of an app has the objects, each with the UID that it has, and what is gone not any
// more.
func (s *scenario) inventoried(app string, names ...string) {
	s.Helper()
	err := eventually(limit, func() error {
		objects, _ := field(s.live("Inventory/"+system+"/"+app+"-0"), "objects").([]any)
		known := map[string]bool{}
		for _, e := range objects {
			e := e.(map[string]any)
			known[fmt.Sprint(e["n"])] = true
			id := fmt.Sprint(e["k"], "/", e["ns"], "/", e["n"])
			if e["ns"] == nil {
				id = fmt.Sprint(e["k"], "/", e["n"])
			}
			if live := s.get(s.T, id); live == nil || string(live.GetUID()) != e["uid"] {
				return errNotYet("%s is recorded with the UID %v", id, e["uid"])
			}
		}
		for _, name := range names {
			if !known[name] {
				return errNotYet("%s is not recorded", name)
			}
		}
		if known["goes"] {
			return errors.New("what is gone is still recorded")
		}
		return nil
	})
	if err != nil {
		s.Error(err)
	}
}
