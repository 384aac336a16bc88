package main

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	"sigs.k8s.io/yaml"

	"plumb.dev/plumb/dev/audit"
)

// plane is a running control plane.
type plane struct {
	cmd        *exec.Cmd
	stdin      io.WriteCloser
	kubeconfig string
	audit      string
	config     *rest.Config
	admin      dynamic.Interface
	deployer   dynamic.Interface // impersonates the ServiceAccount that apps are applied as
}

var (
	configMaps  = schema.GroupVersionResource{Version: "v1", Resource: "configmaps"}
	namespaces  = schema.GroupVersionResource{Version: "v1", Resource: "namespaces"}
	services    = schema.GroupVersionResource{Version: "v1", Resource: "services"}
	secrets     = schema.GroupVersionResource{Version: "v1", Resource: "secrets"}
	accounts    = schema.GroupVersionResource{Version: "v1", Resource: "serviceaccounts"}
	deployments = schema.GroupVersionResource{Group: "apps", Version: "v1", Resource: "deployments"}
	bindings    = schema.GroupVersionResource{Group: "rbac.authorization.k8s.io", Version: "v1", Resource: "clusterrolebindings"}
	crds        = schema.GroupVersionResource{Group: "apiextensions.k8s.io", Version: "v1", Resource: "customresourcedefinitions"}
	repos       = schema.GroupVersionResource{Group: "plumb.dev", Version: "v1alpha1", Resource: "repos"}
	apps        = schema.GroupVersionResource{Group: "plumb.dev", Version: "v1alpha1", Resource: "apps"}
)

const (
	system     = "plumb-system"
	hookSecret = "bench"
)

func startPlane(ctx context.Context, binary, dir string) (*plane, error) {
	p := &plane{audit: filepath.Join(dir, "audit.log")}
	p.cmd = exec.CommandContext(ctx, binary, "serve", "--dir", filepath.Join(dir, "plane"), "--audit-log", p.audit, "-o", "json")
	p.cmd.Cancel = func() error { return p.cmd.Process.Signal(syscall.SIGTERM) }
	p.cmd.Stderr = os.Stderr
	out, err := p.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if p.stdin, err = p.cmd.StdinPipe(); err != nil {
		return nil, err
	}
	if err := p.cmd.Start(); err != nil {
		return nil, fmt.Errorf("start the control plane: %w", err)
	}
	line, err := bufio.NewReader(out).ReadBytes('\n')
	if err != nil {
		return nil, fmt.Errorf("the control plane ended before it was ready: %w", err)
	}
	var ready struct {
		Kubeconfig string `json:"kubeconfig"`
	}
	if err := json.Unmarshal(line, &ready); err != nil {
		return nil, fmt.Errorf("the control plane said %q: %w", line, err)
	}
	p.kubeconfig = ready.Kubeconfig
	if p.config, err = clientcmd.BuildConfigFromFlags("", p.kubeconfig); err != nil {
		return nil, err
	}
	p.config.QPS = -1
	p.config.UserAgent = "plumb-bench"
	if p.admin, err = dynamic.NewForConfig(p.config); err != nil {
		return nil, err
	}
	as := rest.CopyConfig(p.config)
	as.Impersonate = rest.ImpersonationConfig{
		UserName: "system:serviceaccount:" + system + ":plumb-deployer",
		Groups:   []string{"system:serviceaccounts", "system:serviceaccounts:" + system, "system:authenticated"},
	}
	p.deployer, err = dynamic.NewForConfig(as)
	return p, err
}

func (p *plane) stop() {
	p.stdin.Close()
	_ = p.cmd.Wait()
}

// prepare makes what exists before both clocks start: definitions, namespaces, the Repo and its Apps.
func (p *plane) prepare(ctx context.Context, n int, url string) error {
	files, err := filepath.Glob("../api/v1alpha1/crds/*.yaml")
	if err != nil || len(files) == 0 {
		return fmt.Errorf("no definitions found: run it in the folder dev: %w", err)
	}
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			return err
		}
		var crd unstructured.Unstructured
		if err := yaml.Unmarshal(data, &crd.Object); err != nil {
			return err
		}
		if err := p.make(ctx, crds, "", crd.Object); err != nil {
			return err
		}
	}
	if err := p.makeIdentity(ctx); err != nil {
		return err
	}
	if err := eventually(ctx, 30*time.Second, 20*time.Millisecond, func() error {
		_, err := p.admin.Resource(repos).List(ctx, metav1.ListOptions{})
		return err
	}); err != nil {
		return err
	}
	repo, err := p.makeRepo(ctx, url)
	if err != nil {
		return err
	}
	return inParallel(20, n, func(i int) error {
		if err := p.makeNamespace(ctx, appName(i)); err != nil {
			return err
		}
		return p.makeApp(ctx, repo, i)
	})
}

// awaitBooks waits until every app has said in its status that it was decided: the last that is written of a commit.
func (p *plane) awaitBooks(ctx context.Context) error {
	return eventually(ctx, time.Minute, 250*time.Millisecond, func() error {
		list, err := p.admin.Resource(repos).Namespace(system).List(ctx, metav1.ListOptions{})
		if err != nil {
			return err
		}
		for _, repo := range list.Items {
			if revision, _, _ := unstructured.NestedString(repo.Object, "status", "revision"); revision == "" {
				return fmt.Errorf("not all apps have decided")
			}
		}
		return nil
	})
}

func (p *plane) makeIdentity(ctx context.Context) error {
	if err := p.makeNamespace(ctx, system); err != nil {
		return err
	}
	if err := p.make(ctx, accounts, system, object("v1", "ServiceAccount", "plumb-deployer")); err != nil {
		return err
	}
	hook := object("v1", "Secret", "bench-hook")
	hook["stringData"] = map[string]any{"secret": hookSecret}
	if err := p.make(ctx, secrets, system, hook); err != nil {
		return err
	}
	binding := object("rbac.authorization.k8s.io/v1", "ClusterRoleBinding", "plumb-deployer")
	binding["roleRef"] = map[string]any{"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "cluster-admin"}
	binding["subjects"] = []any{map[string]any{"kind": "ServiceAccount", "namespace": system, "name": "plumb-deployer"}}
	return p.make(ctx, bindings, "", binding)
}

func (p *plane) makeRepo(ctx context.Context, url string) (*unstructured.Unstructured, error) {
	repo := object("plumb.dev/v1alpha1", "Repo", "bench")
	repo["spec"] = map[string]any{"url": url, "poll": "10m", "webhook": map[string]any{"secret": "bench-hook"}}
	return p.admin.Resource(repos).Namespace(system).Create(ctx, &unstructured.Unstructured{Object: repo}, metav1.CreateOptions{})
}

// makeApp makes an App as the agent's own discovery does.
func (p *plane) makeApp(ctx context.Context, repo *unstructured.Unstructured, i int) error {
	name := appName(i)
	app := object("plumb.dev/v1alpha1", "App", name)
	app["metadata"].(map[string]any)["labels"] = map[string]any{
		"plumb.dev/repo": "bench", "plumb.dev/app": name, "plumb.dev/cluster": "local",
	}
	app["metadata"].(map[string]any)["ownerReferences"] = []any{map[string]any{
		"apiVersion": "plumb.dev/v1alpha1", "kind": "Repo", "name": "bench", "uid": string(repo.GetUID()), "controller": true,
	}}
	app["spec"] = map[string]any{
		"repo": "bench", "path": "apps/" + name, "app": name, "cluster": "local", "namespace": name, "serviceAccount": "plumb-deployer",
	}
	return p.make(ctx, apps, system, app)
}

func (p *plane) makeNamespace(ctx context.Context, name string) error {
	return p.make(ctx, namespaces, "", object("v1", "Namespace", name))
}

func (p *plane) make(ctx context.Context, r schema.GroupVersionResource, namespace string, o map[string]any) error {
	_, err := p.admin.Resource(r).Namespace(namespace).Create(ctx, &unstructured.Unstructured{Object: o}, metav1.CreateOptions{})
	return err
}

// limit finds the best time of a bare loop of parallel server-side applies of the same objects, with the same client,
// identity and label, over a sweep of concurrencies. Each run has namespaces of its own, made before its clock starts.
func (p *plane) limit(ctx context.Context, n int, f *Figures) error {
	f.LimitSweep = map[string]float64{}
	for _, concurrency := range []int{10, 20, 40} {
		prefix := fmt.Sprintf("bare%d-", concurrency)
		if err := inParallel(20, n, func(i int) error { return p.makeNamespace(ctx, prefix+strconv.Itoa(i)) }); err != nil {
			return err
		}
		begun := time.Now()
		err := inParallel(concurrency, n*objectsPerApp, func(k int) error {
			return p.applyBare(ctx, prefix+strconv.Itoa(k/objectsPerApp), k%objectsPerApp)
		})
		if err != nil {
			return err
		}
		took := time.Since(begun).Seconds()
		f.LimitSweep[strconv.Itoa(concurrency)] = took
		if f.Limit == 0 || took < f.Limit {
			f.Limit = took
		}
	}
	return nil
}

func (p *plane) applyBare(ctx context.Context, namespace string, k int) error {
	resource, o := manifest(k)
	meta := o["metadata"].(map[string]any)
	meta["namespace"] = namespace
	meta["labels"] = map[string]any{"plumb.dev/measure": "true"} // as long as ours; what bears ours is read by the agent that is measured next
	meta["annotations"] = map[string]any{"plumb.dev/owner": system + "/" + namespace + ":00000000-0000-0000-0000-000000000000"}
	data, err := json.Marshal(o)
	if err != nil {
		return err
	}
	yes := true
	_, err = p.deployer.Resource(resource).Namespace(namespace).Patch(ctx, meta["name"].(string), types.ApplyPatchType, data,
		metav1.PatchOptions{FieldManager: "bare:" + namespace, Force: &yes})
	return err
}

func object(apiVersion, kind, name string) map[string]any {
	return map[string]any{"apiVersion": apiVersion, "kind": kind, "metadata": map[string]any{"name": name}}
}

// inParallel calls do for 0..n-1 with so many at once, and gives the first error.
func inParallel(concurrency, n int, do func(int) error) error {
	var wait sync.WaitGroup
	var once sync.Once
	var first error
	next := make(chan int)
	for range concurrency {
		wait.Go(func() {
			for i := range next {
				if err := do(i); err != nil {
					once.Do(func() { first = err })
				}
			}
		})
	}
	for i := range n {
		next <- i
	}
	close(next)
	wait.Wait()
	return first
}

// eventually tries, at intervals, until do succeeds or the time is up.
func eventually(ctx context.Context, limit, every time.Duration, do func() error) error {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	tick := time.NewTicker(every)
	defer tick.Stop()
	for {
		err := do()
		if err == nil {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("after %s: %w", limit, err)
		case <-tick.C:
		}
	}
}

// requests reads the agent's completed requests from an offset of the audit log, and gives the new offset.
func (p *plane) requests(offset int64) ([]audit.Request, int64, error) {
	all, end, err := audit.Since(p.audit, offset)
	return slices.DeleteFunc(all, func(r audit.Request) bool { return !strings.HasPrefix(r.UserAgent, "plumb-agent") }), end, err
}

func (p *plane) auditOffset() int64 {
	info, err := os.Stat(p.audit)
	if err != nil {
		return 0
	}
	return info.Size()
}

// kindOf sorts requests: managed objects, our own bookkeeping, watch renewals, the Lease.
func kindOf(r audit.Request) string {
	write := r.Verb == "patch" || r.Verb == "create" || r.Verb == "update" || r.Verb == "delete"
	switch {
	case r.Object.Resource == "leases":
		return "lease"
	case r.Verb == "watch":
		return "watch"
	case r.Object.APIGroup == "plumb.dev" && write:
		return "own_write"
	case r.Object.APIGroup == "plumb.dev":
		return "own_read"
	case r.Object.Resource == "":
		return "discovery"
	case write:
		return "managed_write"
	}
	return "managed_read"
}
