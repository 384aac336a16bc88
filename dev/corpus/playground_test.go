package corpus

import (
	"bufio"
	"context"
	"encoding/json"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/tools/clientcmd"
)

// playground is `plumb up` on a repository that is made from the corpus.
type playground struct {
	client dynamic.Interface
	audit  string
}

var (
	apps       = schema.GroupVersionResource{Group: "plumb.dev", Version: "v1alpha1", Resource: "apps"}
	namespaces = schema.GroupVersionResource{Version: "v1", Resource: "namespaces"}
)

const (
	system   = "plumb-system"
	patience = 3 * time.Minute
)

// plumb gives the path of the product's binary.
func plumb(t *testing.T) string {
	t.Helper()
	program := os.Getenv("PLUMB")
	if program == "" {
		if os.Getenv("CI") != "" {
			t.Fatal("PLUMB does not name the product's binary")
		}
		t.Skip("PLUMB does not name the product's binary (make corpus does)")
	}
	return program
}

// start starts a control plane of its own.
func start(t *testing.T, repo string) *playground {
	t.Helper()
	dir := t.TempDir()
	p := &playground{audit: filepath.Join(dir, "audit.log")}
	cmd := exec.Command(plumb(t), "up", "--dir", filepath.Join(dir, "state"), "--port", "0", "--no-browser", "--audit-log", p.audit, "-o", "json", repo)
	cmd.Stderr = os.Stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGTERM}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Signal(syscall.SIGTERM)
		_ = cmd.Wait()
	})
	var ready struct {
		Kubeconfig string `json:"kubeconfig"`
	}
	if err := json.NewDecoder(bufio.NewReader(out)).Decode(&ready); err != nil {
		t.Fatalf("plumb up was not ready: %v", err)
	}
	config, err := clientcmd.BuildConfigFromFlags("", ready.Kubeconfig)
	if err != nil {
		t.Fatal(err)
	}
	config.QPS = -1
	if p.client, err = dynamic.NewForConfig(config); err != nil {
		t.Fatal(err)
	}
	return p
}

// take deploys the applications of a turn, waits until they are healthy, and deletes their Apps. It gives how many there were.
func (p *playground) take(t *testing.T, repo served, turn []app) int {
	t.Helper()
	before := p.now(t)
	for _, a := range turn {
		p.create(t, repo, a)
	}
	for _, a := range turn {
		p.await(t, a, "ok", "")
		p.inOrder(t, before, a)
	}
	for _, a := range turn {
		p.forget(t, a)
	}
	return len(turn)
}

// refuses tries what is excluded, one after the other: each ends for the reason that it is excluded for.
func (p *playground) refuses(t *testing.T, repo served) {
	for _, path := range slices.Sorted(maps.Keys(excluded)) {
		e := excluded[path]
		a := app{path: path, files: e.files}
		p.create(t, repo, a)
		if total := p.await(t, a, e.state, e.says); e.why == empty && total != 0 {
			t.Errorf("%s is excluded because it %s, and has %d objects", path, e.why, total)
		}
		p.forget(t, a)
	}
}

func (a app) name() string {
	name := strings.ReplaceAll(a.path, "/", "-")
	return strings.Trim(name[max(0, len(name)-40):], "-")
}

// target gives the namespace of an application.
func (a app) target() string {
	if a.namespace != "" {
		return a.namespace
	}
	return a.name()
}

func (p *playground) create(t *testing.T, repo served, a app) {
	t.Helper()
	if a.makes != "" {
		ns := &unstructured.Unstructured{Object: map[string]any{"apiVersion": "v1", "kind": "Namespace", "metadata": map[string]any{"name": a.makes}}}
		if _, err := p.client.Resource(namespaces).Create(t.Context(), ns, metav1.CreateOptions{}); err != nil && !apierrors.IsAlreadyExists(err) {
			t.Fatalf("%s: %v", a.path, err)
		}
	}
	spec := map[string]any{
		"repo": "fleet", "path": a.path,
		"charts": []any{map[string]any{"url": repo.charts.Repository}, map[string]any{"url": repo.charts.Registry}},
	}
	if a.namespace != "" {
		spec["namespace"] = a.namespace
	}
	helm := map[string]any{}
	if a.set != nil {
		helm["set"] = a.set
	}
	if a.release != "" {
		helm["release"] = a.release
	}
	switch {
	case len(helm) > 0:
		spec["settings"] = map[string]any{"helm": helm}
	case len(a.files) > 0:
		spec["settings"] = map[string]any{"render": "plain", "plain": map[string]any{"include": a.files}}
	}
	o := &unstructured.Unstructured{Object: map[string]any{
		"apiVersion": "plumb.dev/v1alpha1", "kind": "App",
		"metadata": map[string]any{"name": a.name(), "namespace": system}, "spec": spec,
	}}
	if _, err := p.client.Resource(apps).Namespace(system).Create(t.Context(), o, metav1.CreateOptions{}); err != nil {
		t.Fatalf("%s: %v", a.path, err)
	}
}

// await waits until an application is in a state and its summary holds the words. ok is applied completely and healthy. It gives the number of
// its objects.
func (p *playground) await(t *testing.T, a app, wanted, says string) (objects int64) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	tick := time.NewTicker(200 * time.Millisecond)
	defer tick.Stop()
	for {
		o, err := p.client.Resource(apps).Namespace(system).Get(ctx, a.name(), metav1.GetOptions{})
		if err == nil {
			state, _, _ := unstructured.NestedString(o.Object, "status", "state")
			summary, _, _ := unstructured.NestedString(o.Object, "status", "summary")
			if state == wanted && strings.Contains(summary, says) {
				total, _, _ := unstructured.NestedInt64(o.Object, "status", "objects", "total")
				t.Logf("%s: %s, %d objects: %s", a.path, state, total, summary)
				return total
			}
		}
		select {
		case <-ctx.Done():
			p.explain(t, a, wanted, says)
			return 0
		case <-tick.C:
		}
	}
}

func (p *playground) explain(t *testing.T, a app, wanted, says string) {
	t.Helper()
	o, err := p.client.Resource(apps).Namespace(system).Get(context.WithoutCancel(t.Context()), a.name(), metav1.GetOptions{})
	if err != nil {
		t.Errorf("%s: %v", a.path, err)
		return
	}
	state, _, _ := unstructured.NestedString(o.Object, "status", "state")
	summary, _, _ := unstructured.NestedString(o.Object, "status", "summary")
	t.Errorf("%s is %s: %s; want %s %s", a.path, state, summary, wanted, says)
}

func (p *playground) forget(t *testing.T, a app) {
	t.Helper()
	if err := p.client.Resource(apps).Namespace(system).Delete(t.Context(), a.name(), metav1.DeleteOptions{}); err != nil {
		t.Errorf("%s: %v", a.path, err)
	}
}
