package render_test

import (
	"context"
	"debug/buildinfo"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"plumb.dev/plumb/internal/fault"
	"plumb.dev/plumb/internal/object"
	"plumb.dev/plumb/internal/render"
	"plumb.dev/plumb/internal/render/wire"
)

const configMap = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\n"

func chart(template string) map[string]string {
	return map[string]string{"app/Chart.yaml": "apiVersion: v2\nname: c\nversion: 1.0.0\n", "app/templates/a.yaml": template}
}

func request(files map[string]string) render.Request {
	return render.Request{Sources: map[string]render.Source{"": {FS: tree(files)}}, Path: "app", Release: "r", Namespace: "ns"}
}

func TestSandboxIsTold(t *testing.T) {
	box, err := newRenderer(t, render.Options{}).Sandbox(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	if !box.Limits {
		t.Errorf("no limits: %+v", box)
	}
	if box.Landlock && box.Seccomp && (!box.Tested || box.Weakness != "") || !(box.Landlock && box.Seccomp) && box.Weakness == "" {
		t.Errorf("it does not say what it is: %+v", box)
	}
}

// TestRenderers renders one app in the three ways.
func TestRenderers(t *testing.T) {
	r := newRenderer(t, render.Options{})
	for name, c := range map[string]struct {
		files map[string]string
		kind  string
		place fault.Place
	}{
		"plain":     {map[string]string{"app/deep/a.yaml": "# first\n" + configMap, "app/_skip/b.yaml": "x", "app/plumb.yaml": "skip: false\n"}, render.Plain, fault.Place{File: "app/deep/a.yaml", Line: 2}},
		"kustomize": {map[string]string{"app/kustomization.yaml": "resources: [a.yaml]\nnamePrefix: x-\n", "app/a.yaml": "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: a\n"}, render.Kustomize, fault.Place{File: "app/a.yaml", Line: 1}},
		"helm":      {chart(configMap), render.Helm, fault.Place{File: "app/templates/a.yaml"}},
	} {
		t.Run(name, func(t *testing.T) {
			m, err := r.Render(context.Background(), request(c.files))
			if err != nil || len(m.Objects) != 1 || m.Render != c.kind || m.Objects[0].Place != c.place || m.Tool == "" || m.Version != render.Version {
				t.Errorf("%+v %v", m, err)
			}
		})
	}
}

// TestNumbers keeps integers as integers, on the way through the pipe and through the cache.
func TestNumbers(t *testing.T) {
	r := newRenderer(t, render.Options{})
	req := request(map[string]string{"app/a.yaml": "apiVersion: v1\nkind: X\nmetadata: {name: a}\nspec: {big: 9007199254740993, small: 3, half: 0.5, whole: 2.0}\n"})
	m, err := r.Render(context.Background(), req)
	if err != nil {
		t.Fatal(err)
	}
	cache, err := render.OpenCache(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	if err := cache.Store("app", render.Record(req, m)); err != nil {
		t.Fatal(err)
	}
	kept, ok := cache.Load("app")
	if !ok {
		t.Fatal("not kept")
	}
	for _, o := range []object.Object{m.Objects[0], kept.Manifest.Objects[0]} {
		spec := o.Fields["spec"].(map[string]any)
		if spec["big"] != int64(9007199254740993) || spec["small"] != int64(3) || spec["half"] != 0.5 {
			t.Errorf("%#v", spec)
		}
	}
	if kept.Manifest.Objects[0].Digest() != m.Objects[0].Digest() || kept.Manifest.Objects[0].Place != m.Objects[0].Place {
		t.Error("the cache changed an object")
	}
}

// TestBombCostsOneRender renders a bomb and good apps at once: only the bomb fails.
func TestBombCostsOneRender(t *testing.T) {
	r := newRenderer(t, render.Options{Children: 2, Patience: time.Microsecond})
	var wait sync.WaitGroup
	for i := range 12 {
		wait.Go(func() {
			if i%4 == 0 {
				_, err := r.Render(context.Background(), request(chart("{{ repeat 100000000000 \"x\" }}")))
				if !fault.Is(err, fault.RenderLimit) {
					t.Errorf("the bomb: %v", err)
				}
				return
			}
			if m, err := r.Render(context.Background(), request(chart(configMap))); err != nil || len(m.Objects) != 1 {
				t.Errorf("a good app: %v", err)
			}
		})
	}
	wait.Wait()
}

// slow is a tree whose source takes its time with a file, as one that must be fetched first.
type slow struct {
	fs.FS
	name  string
	pause time.Duration
}

func (s slow) Open(name string) (fs.File, error) {
	if name == s.name {
		timer := time.NewTimer(s.pause)
		defer timer.Stop()
		<-timer.C
	}
	return s.FS.Open(name)
}

// TestFetchingIsNoRendering: what a source needs to fetch a file is not taken from the time of the render.
func TestFetchingIsNoRendering(t *testing.T) {
	r := newRenderer(t, render.Options{Limits: render.Limits{Timeout: 4 * time.Second}})
	req := request(map[string]string{"app/a.yaml": configMap})
	req.Sources[""] = render.Source{FS: slow{tree(map[string]string{"app/a.yaml": configMap}), "app/a.yaml", 5 * time.Second}}
	if m, err := r.Render(t.Context(), req); err != nil || len(m.Objects) != 1 {
		t.Errorf("%d objects, %v", len(m.Objects), err)
	}
	if _, err := r.Render(t.Context(), request(chart("{{ range until 200000 }}{{ range until 200000 }}{{ end }}{{ end }}"))); !fault.Is(err, fault.RenderTimeout) {
		t.Errorf("a loop: %v", err)
	}
}

// TestPointersOfLFS: what Git LFS leaves in the place of a file is named, and never applied nor put into a value.
func TestPointersOfLFS(t *testing.T) {
	const pointer = "version https://git-lfs.github.com/spec/v1\noid sha256:4d7a214614ab2935c943f9e0ff69d22eadbb8f32b1258daaa5e2ca24d17e2393\nsize 12345\n"
	r := newRenderer(t, render.Options{})
	for reason, files := range map[string]map[string]string{
		"plain":                 {"app/a.yaml": configMap, "app/b.yaml": pointer},
		"kustomize":             {"app/kustomization.yaml": "resources: [b.yaml]\n", "app/b.yaml": pointer},
		"kustomize's generator": {"app/kustomization.yaml": "configMapGenerator: [{name: a, files: [b.yaml]}]\n", "app/b.yaml": pointer},
		"helm's template":       {"app/Chart.yaml": "apiVersion: v2\nname: c\nversion: 1.0.0\n", "app/templates/b.yaml": pointer, "app/b.yaml": "x"},
		"helm's file":           {"app/Chart.yaml": "apiVersion: v2\nname: c\nversion: 1.0.0\n", "app/b.yaml": pointer, "app/templates/a.yaml": configMap},
	} {
		_, err := r.Render(t.Context(), request(files))
		if f := fault.Of(err, ""); f == nil || f.Reason != fault.RenderFailed || f.Code != render.CodeLFS || !strings.Contains(f.Error(), "b.yaml is a pointer of Git LFS") {
			t.Errorf("%s: %v", reason, err)
		}
	}
	ignored := map[string]string{"app/Chart.yaml": "apiVersion: v2\nname: c\nversion: 1.0.0\n", "app/.helmignore": "docs/\n", "app/docs/b.png": pointer, "app/templates/a.yaml": configMap}
	if m, err := r.Render(t.Context(), request(ignored)); err != nil || len(m.Objects) != 1 {
		t.Errorf("what the chart ignores: %v", err)
	}
	long := map[string]string{"app/a.yaml": configMap + "data:\n  a: |\n    version https://git-lfs.github.com/spec/v1\n    oid sha256:1\n"}
	if _, err := r.Render(t.Context(), request(long)); err != nil {
		t.Errorf("a file that quotes a pointer: %v", err)
	}
}

func TestCancel(t *testing.T) {
	r := newRenderer(t, render.Options{})
	why := errors.New("a newer commit")
	ctx, cancel := context.WithCancelCause(context.Background())
	time.AfterFunc(200*time.Millisecond, func() { cancel(why) })
	began := time.Now()
	_, err := r.Render(ctx, request(chart("{{ range until 100000 }}{{ range until 100000 }}{{ end }}{{ end }}")))
	if !errors.Is(err, why) || time.Since(began) > 25*time.Second {
		t.Errorf("%v after %s", err, time.Since(began))
	}
	if pids := r.Pids(); len(pids) != 0 {
		t.Errorf("the child lives: %v", pids)
	}
}

// TestKilledFromOutside kills the child as the kernel would for memory.
func TestKilledFromOutside(t *testing.T) {
	r := newRenderer(t, render.Options{Children: 1})
	if _, err := r.Sandbox(context.Background()); err != nil {
		t.Fatal(err)
	}
	pid := r.Pids()[0]
	_ = syscall.Kill(pid, syscall.SIGKILL)
	_, err := r.Render(context.Background(), request(chart(configMap)))
	if f := fault.Of(err, ""); f == nil || f.Code != render.CodeCrashed {
		t.Errorf("want %s: %v", render.CodeCrashed, err)
	}
	if m, err := r.Render(context.Background(), request(chart(configMap))); err != nil || len(m.Objects) != 1 {
		t.Errorf("the next one: %v", err)
	}
}

// TestLyingChild runs programs in place of the child. Nothing that they say is taken for a render.
func TestLyingChild(t *testing.T) {
	hello := `h\0\0\0\021{"version": 1   }`
	done := `d\0\0\0\016{"objects": 0}`
	for name, script := range map[string]string{
		"says nothing":             "exit 0",
		"garbage":                  "printf 'Segmentation fault\\n'",
		"ends after hello":         "printf '" + hello + "'; exit 0",
		"half a frame":             "printf '" + hello + "'; printf 'o\\0\\0\\1\\0[{'",
		"a huge frame":             "printf '" + hello + "'; printf 'o\\377\\377\\377\\377'; sleep 5",
		"a trailer without digest": "printf '" + hello + "'; printf '" + done + "'; sleep 5",
		"a frame out of turn":      "printf '" + hello + "'; printf 'r\\0\\0\\0\\2{}'; sleep 5",
		"a question that is none":  "printf '" + hello + "'; printf 'a\\0\\0\\0\\3zzz'; sleep 5",
	} {
		t.Run(name, func(t *testing.T) {
			r := newRenderer(t, render.Options{Command: []string{"/bin/sh", "-c", script}})
			m, err := r.Render(context.Background(), request(chart(configMap)))
			f := fault.Of(err, "")
			if f == nil || f.Reason != fault.RenderFailed || f.Code != render.CodeCrashed || len(m.Objects) != 0 {
				t.Errorf("%v, %d objects", err, len(m.Objects))
			}
			t.Log(err)
		})
	}
}

func TestLimits(t *testing.T) {
	many := map[string]string{}
	for i := range 30 {
		many[fmt.Sprintf("app/%d.yaml", i)] = fmt.Sprintf("apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a%d}\ndata: {x: %s}\n", i, string(make([]byte, 0)))
	}
	large := map[string]string{"app/a.yaml": configMap + "data: {x: " + fmt.Sprintf("%0100000d", 7) + "x}\n"}
	for name, c := range map[string]struct {
		files  map[string]string
		limits render.Limits
		code   string
	}{
		"objects": {many, render.Limits{Objects: 20}, render.CodeObjects},
		"reads":   {many, render.Limits{Reads: 20}, render.CodeReads},
		"object":  {large, render.Limits{Object: 50_000}, render.CodeObject},
		"output":  {large, render.Limits{Output: 50_000}, render.CodeOutput},
		"file":    {large, render.Limits{File: 50_000}, render.CodeFileTooLarge},
		"input":   {large, render.Limits{Input: 50_000}, render.CodeInput},
		"depth":   {map[string]string{"app/1/2/3/4/a.yaml": configMap}, render.Limits{Depth: 4}, render.CodeTreeTooDeep},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRenderer(t, render.Options{Limits: c.limits})
			_, err := r.Render(context.Background(), request(c.files))
			if f := fault.Of(err, ""); f == nil || f.Reason != fault.RenderLimit || f.Code != c.code {
				t.Errorf("want %s: %v", c.code, err)
			}
		})
	}
}

// TestNothingStays closes a renderer in the middle of its work: no process and no goroutine stays.
func TestNothingStays(t *testing.T) {
	before := runtime.NumGoroutine()
	r, err := render.New(render.Options{Command: []string{childProgram, render.ChildCommand}, Children: 2, Patience: time.Microsecond})
	if err != nil {
		t.Fatal(err)
	}
	var wait sync.WaitGroup
	for range 2 {
		wait.Go(func() {
			_, err := r.Render(context.Background(), request(chart("{{ range until 100000 }}{{ range until 100000 }}{{ end }}{{ end }}")))
			if err == nil {
				t.Error("it ended")
			}
		})
	}
	for len(r.Pids()) < 2 {
		time.Sleep(time.Millisecond)
	}
	pids := r.Pids()
	r.Close()
	wait.Wait()
	for _, pid := range pids {
		if err := syscall.Kill(pid, 0); err == nil {
			t.Errorf("process %d lives", pid)
		}
	}
	if _, err := r.Render(context.Background(), request(chart(configMap))); err == nil {
		t.Error("a closed renderer renders")
	}
	for deadline := time.Now().Add(time.Minute); runtime.NumGoroutine() > before; time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("%d goroutines, %d before", runtime.NumGoroutine(), before)
		}
	}
}

// TestSecondChildEnds starts a second child under load, which ends when it is idle.
func TestSecondChildEnds(t *testing.T) {
	r := newRenderer(t, render.Options{Children: 2, Patience: time.Microsecond, Idle: 50 * time.Millisecond})
	var wait sync.WaitGroup
	for range 20 {
		wait.Go(func() {
			if _, err := r.Render(context.Background(), request(chart(configMap))); err != nil {
				t.Error(err)
			}
		})
	}
	wait.Wait()
	deadline := time.Now().Add(time.Minute)
	for len(r.Pids()) != 1 {
		if time.Now().After(deadline) {
			t.Fatalf("%d children", len(r.Pids()))
		}
		time.Sleep(5 * time.Millisecond)
	}
}

// TestParentDies kills the parent: the child goes with it.
func TestParentDies(t *testing.T) {
	if os.Getenv("PLUMB_TEST_PARENT") != "" {
		r, err := render.New(render.Options{Command: []string{os.Getenv("PLUMB_TEST_PARENT"), render.ChildCommand}})
		if err == nil {
			_, err = r.Sandbox(context.Background())
		}
		fmt.Println("child", r.Pids()[0], err)
		_, _ = io.Copy(io.Discard, os.Stdin)
		return
	}
	parent, child := startParent(t)
	_ = parent.Process.Kill()
	_ = parent.Wait()
	deadline := time.Now().Add(time.Minute)
	for alive(child) {
		if time.Now().After(deadline) {
			t.Fatalf("the child %d outlives its parent", child)
		}
		time.Sleep(5 * time.Millisecond)
	}
}

// TestSlowRenderStopsNobody renders beside an app that never ends: a second child is started for the others.
func TestSlowRenderStopsNobody(t *testing.T) {
	r := newRenderer(t, render.Options{Children: 2})
	ctx, cancel := context.WithCancel(context.Background())
	var wait sync.WaitGroup
	wait.Go(func() {
		_, _ = r.Render(ctx, request(chart("{{ range until 100000 }}{{ range until 100000 }}{{ end }}{{ end }}")))
	})
	for len(r.Pids()) == 0 {
		time.Sleep(time.Millisecond)
	}
	for range 10 {
		if m, err := r.Render(context.Background(), request(chart(configMap))); err != nil || len(m.Objects) != 1 {
			t.Errorf("a good app: %v", err)
		}
	}
	if len(r.Pids()) != 2 {
		t.Errorf("%d children", len(r.Pids()))
	}
	cancel()
	wait.Wait()
}

// TestOwnValues names the chart's own values.yaml as discovery does: it changes nothing, also where it holds a null.
func TestOwnValues(t *testing.T) {
	files := chart(configMap + "data: {x: {{ .Values.resources | toJson | quote }}}\n")
	files["app/values.yaml"] = "resources: {a: null, b: 1}\n"
	for name, values := range map[string][]render.File{"left out": nil, "named": {{Path: "app/values.yaml"}}} {
		req := request(files)
		req.Values = values
		m, err := shared(t).Render(context.Background(), req)
		if err != nil {
			t.Fatal(err)
		}
		if x := m.Objects[0].Fields["data"].(map[string]any)["x"]; x != `{"b":1}` {
			t.Errorf("%s: %v", name, x)
		}
	}
}

// TestLastWords makes a library print a lot before the child dies: why it died is still known.
func TestLastWords(t *testing.T) {
	r := newRenderer(t, render.Options{Children: 1})
	for range 100 {
		if _, err := r.Render(context.Background(), request(map[string]string{"app/kustomization.yaml": "resources: [a.yaml]\ncommonLabels: {a: b}\n", "app/a.yaml": configMap})); err != nil {
			t.Fatal(err)
		}
	}
	_, err := r.Render(context.Background(), request(chart("{{ repeat 100000000000 \"x\" }}")))
	if f := fault.Of(err, ""); f == nil || f.Code != render.CodeMemory {
		t.Errorf("want %s: %v", render.CodeMemory, err)
	}
}

// TestToolsAreTheLibraries compares the versions that people are told with those that are linked.
func TestToolsAreTheLibraries(t *testing.T) {
	info, err := buildinfo.ReadFile(childProgram)
	if err != nil {
		t.Fatal(err)
	}
	linked := map[string]bool{}
	for _, module := range info.Deps {
		linked[module.Path+" "+module.Version] = true
	}
	for tool, module := range map[string]string{wire.KustomizeTool: "sigs.k8s.io/kustomize/api ", wire.HelmTool: "helm.sh/helm/v4 "} {
		if _, version, _ := strings.Cut(tool, " "); !linked[module+version] {
			t.Errorf("%s is not what is linked", tool)
		}
	}
}
