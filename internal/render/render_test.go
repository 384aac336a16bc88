package render_test

import (
	"bufio"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/fstest"

	"plumb.dev/plumb/internal/render"
)

// childProgram is the rendering child that the tests run: a real one, as the product's.
var childProgram string

func TestMain(m *testing.M) {
	if os.Getenv("PLUMB_TEST_PARENT") != "" {
		os.Exit(m.Run()) // see TestParentDies
	}
	dir, err := os.MkdirTemp("", "render-test")
	if err != nil {
		panic(err)
	}
	childProgram = filepath.Join(dir, "child")
	build := exec.Command("go", "build", "-trimpath", "-buildvcs=false", "-o", childProgram, "./childtest")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		fmt.Fprintf(os.Stderr, "the child cannot be built: %v\n%s", err, out)
		os.Exit(1)
	}
	code := m.Run()
	if sharedRenderer != nil {
		sharedRenderer.Close()
	}
	os.RemoveAll(dir)
	os.Exit(code)
}

func newRenderer(t testing.TB, options render.Options) *render.Renderer {
	t.Helper()
	if options.Command == nil {
		options.Command = []string{childProgram, render.ChildCommand}
	}
	r, err := render.New(options)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(r.Close)
	return r
}

// shared gives a renderer that the tests of pure behaviour use together.
func shared(t testing.TB) *render.Renderer {
	t.Helper()
	sharedOnce.Do(func() {
		var err error
		if sharedRenderer, err = render.New(render.Options{Command: []string{childProgram, render.ChildCommand}}); err != nil {
			t.Fatal(err)
		}
	})
	return sharedRenderer
}

var (
	sharedOnce     sync.Once
	sharedRenderer *render.Renderer
)

func tree(files map[string]string) fstest.MapFS {
	fsys := fstest.MapFS{}
	for name, text := range files {
		fsys[name] = &fstest.MapFile{Data: []byte(text)}
	}
	return fsys
}

func kustomizeApp() fstest.MapFS {
	files := map[string]string{
		"app/kustomization.yaml": "resources: [deployment.yaml, service.yaml, cm0.yaml, cm1.yaml, cm2.yaml, cm3.yaml, cm4.yaml, cm5.yaml, cm6.yaml, cm7.yaml]\n",
		"app/deployment.yaml":    "apiVersion: apps/v1\nkind: Deployment\nmetadata:\n  name: web\nspec:\n  replicas: 0\n  selector: {matchLabels: {app: web}}\n  template:\n    metadata: {labels: {app: web}}\n    spec:\n      containers:\n      - name: web\n        image: example.com/web:1\n",
		"app/service.yaml":       "apiVersion: v1\nkind: Service\nmetadata:\n  name: web\nspec:\n  selector: {app: web}\n  ports: [{port: 80}]\n",
	}
	for i := range 8 {
		files[fmt.Sprintf("app/cm%d.yaml", i)] = fmt.Sprintf("apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: cm%d\ndata:\n  text: |\n    %s\n", i, strings.Repeat("0123456789abcdef", 64))
	}
	return tree(files)
}

// startParent runs this test binary as a parent with one child, and gives the child's process id.
func startParent(t *testing.T) (*exec.Cmd, int) {
	t.Helper()
	parent := exec.Command(os.Args[0], "-test.run=^TestParentDies$", "-test.v")
	parent.Env = append(os.Environ(), "PLUMB_TEST_PARENT="+childProgram)
	if _, err := parent.StdinPipe(); err != nil {
		t.Fatal(err)
	}
	out, err := parent.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := parent.Start(); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(out)
	for lines.Scan() {
		var pid int
		if n, _ := fmt.Sscanf(lines.Text(), "child %d", &pid); n == 1 {
			return parent, pid
		}
	}
	t.Fatal("the parent did not say its child")
	return nil, 0
}

// alive tells whether a process runs; one that ended and waits to be reaped does not.
func alive(pid int) bool {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	return err == nil && !strings.Contains(string(stat), ") Z ")
}
