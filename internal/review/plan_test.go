package review

import (
	"context"
	"fmt"
	"io/fs"
	"log/slog"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/fstest"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/rest"

	"plumb.dev/plumb/api/v1alpha1"
	"plumb.dev/plumb/internal/cluster"
	"plumb.dev/plumb/internal/fault"
	"plumb.dev/plumb/internal/fleet"
	"plumb.dev/plumb/internal/forge"
	"plumb.dev/plumb/internal/render"
	"plumb.dev/plumb/internal/report"
	"plumb.dev/plumb/internal/source"
	"plumb.dev/plumb/internal/source/sourcetest"
)

// study makes plans of a repository for a cluster that cannot be asked.
type study struct {
	*testing.T
	*Reviewer
	repo   *sourcetest.Repo
	mirror *source.Mirror
	pulls  int
	byHand []v1alpha1.App
	apps   []v1alpha1.App

	lenient bool
}

// theChild builds the program that renders, once for all tests.
var theChild = sync.OnceValues(func() (string, error) {
	dir, err := os.MkdirTemp("", "plumb-review-")
	if err != nil {
		return "", err
	}
	built = dir
	child := filepath.Join(dir, "child")
	build := exec.Command("go", "build", "-trimpath", "-buildvcs=false", "-o", child, "plumb.dev/plumb/internal/render/childtest")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		return "", fmt.Errorf("the child cannot be built: %w\n%s", err, out)
	}
	return child, nil
})

var built string // the folder of the child

func TestMain(m *testing.M) {
	code := m.Run()
	if built != "" {
		os.RemoveAll(built)
	}
	os.Exit(code)
}

func newStudy(t *testing.T) *study {
	t.Helper()
	child, err := theChild()
	if err != nil {
		t.Fatal(err)
	}
	renderer, err := render.New(render.Options{Command: []string{child, render.ChildCommand}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(renderer.Close)
	away, err := cluster.New(&rest.Config{Host: "http://127.0.0.1:1"}, "test")
	if err != nil {
		t.Fatal(err)
	}
	s := &study{T: t, repo: sourcetest.NewRepo(t).AllowFilter()}
	s.Reviewer, err = New(nil, func(string, *fault.Fault) {}, Hands{
		Renderer: renderer, Cluster: away,
		Request: func(tree fs.FS, app fleet.App, upgrade bool) render.Request {
			return render.Request{Sources: map[string]render.Source{"repo": {FS: tree}}, Source: "repo", Path: app.Path, Render: app.Kind, Release: app.App, Namespace: app.Namespace, Upgrade: upgrade}
		},
		Sources: func(_ *v1alpha1.App, req *render.Request) error {
			req.Sources["$values"] = render.Source{FS: fstest.MapFS{"prod.yaml": {Data: []byte("a: 1\n")}}}
			return nil
		},
		Complete: func(context.Context, Supply, *render.Request) error { return nil },
		Outline:  func(*v1alpha1.App) *Outline { return nil },
		Recorded: func(*v1alpha1.App) (*render.Recorded, bool) { return nil, false },
		Eyes: func(context.Context, string, string, string) (cluster.Person, error) {
			return cluster.Person{}, fault.New(fault.Unreachable, "the cluster is away")
		},
		Reviewed:    func(string, time.Time) {},
		Inventories: func(context.Context) ([]v1alpha1.Inventory, error) { return nil, nil },
	}, t.TempDir(), slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	if s.mirror, err = source.Open(t.TempDir(), source.Remote{URL: sourcetest.Serve(t, s.repo, sourcetest.ServerOptions{}).URL}, source.Options{}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.mirror.Close() })
	return s
}

// plan makes the plan of a pull request, at the tip that main has.
func (s *study) plan(commit string, fork bool) report.PullPlan {
	s.Helper()
	s.pulls++
	s.repo.SetRef(fmt.Sprintf("refs/pull/%d/head", s.pulls), commit)
	tip, err := s.mirror.Resolve(s.Context(), "main")
	if err == nil {
		err = s.mirror.Fetch(s.Context(), tip)
	}
	if err != nil {
		s.Fatal(err)
	}
	at := &Desk{
		Repo: &v1alpha1.Repo{ObjectMeta: metav1.ObjectMeta{Namespace: "plumb-system", Name: "fleet"}}, Kind: forge.GitHub, Context: "plumb",
		Branch: "main", Tip: tip.Commit, Mirror: s.mirror, ByHand: s.byHand, Apps: s.apps,
	}
	at.Repo.Spec.Forge = &v1alpha1.Forge{Lenient: s.lenient}
	w := &work{Reviewer: s.Reviewer, repo: aRepo, at: at, pull: forge.Pull{Number: s.pulls, Fork: fork, Head: forge.Branch{Commit: commit}}}
	plan, err := w.plan(s.Context())
	if err != nil {
		s.Fatal(err)
	}
	return plan
}

func config(name string, data ...string) string {
	text := "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: " + name + "}\ndata:\n"
	for i, value := range data {
		text += fmt.Sprintf("  %c: %q\n", 'a'+i, value)
	}
	return text
}

func file(app, content string) sourcetest.Change {
	return sourcetest.File("apps/"+app+"/a.yaml", content)
}

// told gives what a list of differences says, an object a line.
func told(objects []report.PublicObject) (lines []string) {
	for _, o := range objects {
		d := o.Told()
		line := d.Change + " " + d.Object.Name
		for _, f := range d.Fields {
			line += fmt.Sprintf(" %s %v→%v", f.Field, f.From, f.To)
		}
		lines = append(lines, line)
	}
	return lines
}

// What a pull request affects, and what of it is its own.
func TestPlan(t *testing.T) {
	s := newStudy(t)
	base := s.repo.Commit("main", "base", file("one", config("one", "1", "1")), file("two", config("two", "1")), file("gone", config("gone")),
		sourcetest.File("apps/kust/kustomization.yaml", "resources: [a.yaml]\n"), file("kust", config("kust")))
	change := s.repo.CommitOn(base, "change", "change", file("one", config("one", "2", "1")), file("new", config("new", "1")), sourcetest.Delete("apps/gone"))
	broken := s.repo.CommitOn(base, "broken", "broken", sourcetest.File("apps/kust/kustomization.yaml", "resources: [a.yaml, nowhere.yaml]\n"))
	clash := s.repo.CommitOn(base, "clash", "clash", file("two", config("two", "3")))
	words := s.repo.CommitOn(base, "words", "words", sourcetest.File("README.md", "words"))

	plan := s.plan(change, false)
	if len(plan.Apps) != 3 || plan.Unaffected != 2 || plan.MergeBase != base {
		t.Fatalf("%+v", plan)
	}
	gone, fresh, one := plan.Apps[0], plan.Apps[1], plan.Apps[2]
	if got := told(one.Change); !slices.Equal(got, []string{"changed one data.a 1→2"}) || one.Differs || one.Digest == "" {
		t.Errorf("one: %q, %+v", got, one)
	}
	if !slices.Equal(told(gone.Change), []string{"deleted gone"}) || !strings.Contains(strings.Join(gone.Notes, " "), "the app goes") {
		t.Errorf("gone: %+v", gone)
	}
	if !slices.Equal(told(fresh.Change), []string{"added new"}) || !strings.Contains(strings.Join(fresh.Notes, " "), "a new app") {
		t.Errorf("new: %+v", fresh)
	}
	if state, line := report.PullStatus(plan); state != report.PullPending || !strings.Contains(line, "the cluster is away") {
		t.Errorf("without the cluster it is %s: %s", state, line)
	}
	s.lenient = true
	if state, line := report.PullStatus(s.plan(change, false)); state != report.PullSuccess || !strings.Contains(line, "could not be asked") {
		t.Errorf("a lenient Repo says %s: %s", state, line)
	}
	s.lenient = false
	if plan := s.plan(words, false); len(plan.Apps) != 0 || plan.Unaffected != 4 {
		t.Errorf("words affect %+v", plan)
	}
	if state, line := report.PullStatus(s.plan(broken, false)); state != report.PullFailure || !strings.Contains(line, "apps/kust/kustomization.yaml:1") {
		t.Errorf("what cannot be rendered is %s: %s", state, line)
	}
	if state, line := report.PullStatus(s.plan(change, true)); state != report.PullSuccess {
		t.Errorf("of a fork, as rendered, it is %s: %s", state, line)
	}

	s.repo.Commit("main", "tip", file("two", config("two", "2")))
	plan = s.plan(clash, false)
	if state, _ := report.PullStatus(plan); state != report.PullFailure || !slices.Equal(plan.Conflicts, []string{"apps/two/a.yaml"}) {
		t.Errorf("%s: %+v", state, plan)
	}
	again := s.plan(change, false)
	if i := slices.IndexFunc(again.Apps, func(a report.PullApp) bool { return a.Address == one.Address }); len(again.Apps) != 3 || again.Apps[i].Digest != one.Digest || again.Apps[i].Differs {
		t.Errorf("another merge makes it another plan: %+v", again)
	}
	s.repo.Commit("main", "half of it came already", file("gone", config("gone", "x")), file("one", config("one", "1", "1", "3")))
	half := s.repo.CommitOn(base, "half", "half", file("two", config("two", "2")), sourcetest.File("apps/one/b.yaml", config("b")))
	if plan := s.plan(half, false); len(plan.Apps) != 1 || plan.Apps[0].Address != one.Address || plan.Unaffected != 3 {
		t.Errorf("what the branch has already is affected: %+v", plan)
	}
	s.byHand = []v1alpha1.App{{ObjectMeta: metav1.ObjectMeta{Namespace: "plumb-system", Name: "hand"}, Spec: v1alpha1.AppSpec{Repo: "fleet", Path: "elsewhere"}}}
	tip := s.repo.Commit("main", "by hand", sourcetest.File("elsewhere/a.yaml", config("hand", "1")))
	hand := s.repo.CommitOn(tip, "hand", "by hand", sourcetest.File("elsewhere/a.yaml", config("hand", "2")))
	if plan := s.plan(hand, false); len(plan.Apps) != 1 || plan.Unaffected != 4 || !slices.Equal(told(plan.Apps[0].Change), []string{"changed hand data.a 1→2"}) {
		t.Errorf("an App by hand: %+v", plan)
	}
	s.byHand[0].Spec.Sources = []v1alpha1.AppSource{{Name: "values", Repo: "values"}}
	if plan := s.plan(hand, false); len(plan.Apps) != 1 || !slices.Equal(told(plan.Apps[0].Change), []string{"changed hand data.a 1→2"}) {
		t.Errorf("an App by hand that reads another repository too: %+v", plan)
	}
	if plan := s.plan(hand, true); len(plan.Apps) != 0 {
		t.Errorf("of a fork it is given the other repository: %+v", plan)
	}
	stranger := s.repo.CommitOn("", "stranger", "no history", file("one", config("one")))
	if plan := s.plan(stranger, false); plan.Fault == nil {
		t.Errorf("without a common history: %+v", plan)
	}
}

// The first plan after a start reads no recorded render of an app that it does not affect: what the agent knows is enough.
func TestPlanAfterAStart(t *testing.T) {
	s := newStudy(t)
	base := s.repo.Commit("main", "base", file("one", config("one", "1")), file("two", config("two", "1")))
	for _, name := range []string{"one", "two"} {
		s.apps = append(s.apps, v1alpha1.App{ObjectMeta: metav1.ObjectMeta{Namespace: "plumb-system", Name: name, UID: types.UID(name)}})
	}
	change := s.repo.CommitOn(base, "change", "change", file("one", config("one", "2")))
	s.plan(change, false)
	known := maps.Clone(s.outlines) // as the agent has them
	read := map[string]int{}
	s.hands.Recorded = func(o *v1alpha1.App) (*render.Recorded, bool) { read[o.Name]++; return nil, false }
	s.hands.Outline = func(o *v1alpha1.App) *Outline {
		agents := known[aRepo+" "+o.Name+" "+string(o.UID)]
		return &agents
	}
	clear(s.outlines)
	if plan := s.plan(change, false); len(plan.Apps) != 1 || plan.Unaffected != 1 || read["two"] != 0 {
		t.Errorf("%d apps are affected, and renders were read: %v", len(plan.Apps), read)
	}
	clear(s.outlines)
	s.repo.Commit("main", "elsewhere", file("three", config("three", "1")))
	if plan := s.plan(change, false); len(plan.Apps) != 1 || read["two"] != 0 {
		t.Errorf("at another tip %d apps are affected, and renders were read: %v", len(plan.Apps), read)
	}
	clear(s.outlines)
	s.repo.Commit("main", "it changes", file("two", config("two", "2")))
	if plan := s.plan(change, false); len(plan.Apps) != 1 || read["two"] == 0 {
		t.Errorf("an outline that does not hold any more is taken for one that does: %+v, %v", plan.Apps, read)
	}
}
