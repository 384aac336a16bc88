package e2e

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
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
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/tools/clientcmd"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"
	"sigs.k8s.io/yaml"
)

const (
	system     = "plumb-system"
	hookSecret = "a secret of the hooks"
)

// plane is a running control plane, and an administrator's client.
type plane struct {
	program string
	dir     string
	cmd     *exec.Cmd
	stdin   io.WriteCloser
	product string // plumb, which installs itself
	config  string // an administrator's kubeconfig
	account string // a kubeconfig with the token of the ServiceAccount that the agent has in a cluster
	audit   string
	starts  []startup // when it was starting, and not yet ready
	admin   dynamic.Interface
}

type startup struct{ from, until time.Time }

// starting tells whether the API server was not ready yet at a time. It answers then, and refuses everything until it knows
// the roles.
func (p *plane) starting(at time.Time) bool {
	return slices.ContainsFunc(p.starts, func(s startup) bool { return !at.Before(s.from) && at.Before(s.until) })
}

func startPlane(program, plumb, dir string) (*plane, error) {
	p := &plane{
		program: program, product: plumb, dir: filepath.Join(dir, "plane"),
		account: filepath.Join(dir, "agent.kubeconfig"), audit: filepath.Join(dir, "audit.log"),
	}
	if err := p.begin(); err != nil {
		return nil, err
	}
	rest, err := clientcmd.BuildConfigFromFlags("", p.config)
	if err != nil {
		return nil, err
	}
	rest.QPS = -1
	rest.UserAgent = "e2e"
	p.admin, err = dynamic.NewForConfig(rest)
	return p, err
}

// begin starts the control plane with the state that is there, at the address that it had, and waits until it is ready.
func (p *plane) begin() error {
	p.cmd = exec.Command(p.program, "serve", "--dir", p.dir, "--audit-log", p.audit, "-o", "json")
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGTERM} // and it ends when its standard input does
	var said bytes.Buffer
	p.cmd.Stderr = &said
	from := time.Now()
	out, err := p.cmd.StdoutPipe()
	if err != nil {
		return err
	}
	if p.stdin, err = p.cmd.StdinPipe(); err != nil {
		return err
	}
	if err := p.cmd.Start(); err != nil {
		return fmt.Errorf("start the control plane: %w", err)
	}
	line, err := bufio.NewReader(out).ReadBytes('\n')
	if err != nil {
		_ = p.cmd.Wait()
		return fmt.Errorf("the control plane ended before it was ready: %w\n%s", err, &said)
	}
	var ready struct{ Kubeconfig string }
	if err := json.Unmarshal(line, &ready); err != nil {
		return fmt.Errorf("the control plane said %q: %w", line, err)
	}
	p.config = ready.Kubeconfig
	p.starts = append(p.starts, startup{from: from, until: time.Now()})
	return nil
}

func (p *plane) stop() {
	p.stdin.Close()
	_ = p.cmd.Wait()
}

// install installs Plumb, but for the agent's Deployment: pods are simulated, so the agent is a process with the rights of
// the installed ServiceAccount and no others. It makes the secret of the hooks too.
func (p *plane) install() error {
	if text, err := exec.Command(p.product, "install", "--kubeconfig", p.config, "--only", "crds,access,policies").CombinedOutput(); err != nil {
		return fmt.Errorf("plumb install: %w: %s", err, text)
	}
	if err := p.makeYAML(`
apiVersion: v1
kind: Secret
metadata: {name: hook, namespace: plumb-system}
stringData: {secret: ` + hookSecret + `}
`); err != nil {
		return err
	}
	if err := p.writeAccount(); err != nil {
		return err
	}
	return eventually(limit, func() error {
		for _, kind := range []string{"Repo", "App", "Inventory", "Entry", "Cluster"} {
			if _, err := p.admin.Resource(kinds[kind]).List(context.Background(), metav1.ListOptions{}); err != nil {
				return err
			}
		}
		return nil
	})
}

// writeAccount writes a kubeconfig with a token of the agent's ServiceAccount.
func (p *plane) writeAccount() error { return p.writeAccountOf("plumb-agent", p.account) }

// writeAccountOf asks for a token of a ServiceAccount of plumb-system and writes a kubeconfig with it.
func (p *plane) writeAccountOf(name, file string) error {
	hours := int64(24 * 3600)
	body := &unstructured.Unstructured{}
	body.SetAPIVersion("authentication.k8s.io/v1")
	body.SetKind("TokenRequest")
	body.Object["spec"] = map[string]any{"expirationSeconds": hours}
	body.SetName(name)
	answer, err := p.admin.Resource(kinds["ServiceAccount"]).Namespace(system).Create(context.Background(), body, metav1.CreateOptions{}, "token")
	if err != nil {
		return fmt.Errorf("ask for a token: %w", err)
	}
	token, _, _ := unstructured.NestedString(answer.Object, "status", "token")
	config, err := clientcmd.LoadFromFile(p.config)
	if err != nil {
		return err
	}
	for name := range config.AuthInfos {
		config.AuthInfos[name] = &clientcmdapi.AuthInfo{Token: token}
	}
	return clientcmd.WriteToFile(*config, file)
}

// kinds are the resources that tests speak of.
var kinds = map[string]schema.GroupVersionResource{
	"ConfigMap":             {Version: "v1", Resource: "configmaps"},
	"Namespace":             {Version: "v1", Resource: "namespaces"},
	"PersistentVolumeClaim": {Version: "v1", Resource: "persistentvolumeclaims"},
	"Pod":                   {Version: "v1", Resource: "pods"},
	"Secret":                {Version: "v1", Resource: "secrets"},
	"Service":               {Version: "v1", Resource: "services"},
	"ServiceAccount":        {Version: "v1", Resource: "serviceaccounts"},

	"DaemonSet":   {Group: "apps", Version: "v1", Resource: "daemonsets"},
	"Deployment":  {Group: "apps", Version: "v1", Resource: "deployments"},
	"ReplicaSet":  {Group: "apps", Version: "v1", Resource: "replicasets"},
	"StatefulSet": {Group: "apps", Version: "v1", Resource: "statefulsets"},
	"Job":         {Group: "batch", Version: "v1", Resource: "jobs"},
	"Event":       {Group: "events.k8s.io", Version: "v1", Resource: "events"},
	"Lease":       {Group: "coordination.k8s.io", Version: "v1", Resource: "leases"},

	"ClusterRole":        {Group: "rbac.authorization.k8s.io", Version: "v1", Resource: "clusterroles"},
	"ClusterRoleBinding": {Group: "rbac.authorization.k8s.io", Version: "v1", Resource: "clusterrolebindings"},
	"Role":               {Group: "rbac.authorization.k8s.io", Version: "v1", Resource: "roles"},
	"RoleBinding":        {Group: "rbac.authorization.k8s.io", Version: "v1", Resource: "rolebindings"},

	"ValidatingAdmissionPolicy":        {Group: "admissionregistration.k8s.io", Version: "v1", Resource: "validatingadmissionpolicies"},
	"ValidatingAdmissionPolicyBinding": {Group: "admissionregistration.k8s.io", Version: "v1", Resource: "validatingadmissionpolicybindings"},

	"CustomResourceDefinition":       {Group: "apiextensions.k8s.io", Version: "v1", Resource: "customresourcedefinitions"},
	"MutatingAdmissionPolicy":        {Group: "admissionregistration.k8s.io", Version: "v1", Resource: "mutatingadmissionpolicies"},
	"MutatingAdmissionPolicyBinding": {Group: "admissionregistration.k8s.io", Version: "v1", Resource: "mutatingadmissionpolicybindings"},

	"App":       {Group: "plumb.dev", Version: "v1alpha1", Resource: "apps"},
	"Cluster":   {Group: "plumb.dev", Version: "v1alpha1", Resource: "clusters"},
	"Entry":     {Group: "plumb.dev", Version: "v1alpha1", Resource: "entries"},
	"Inventory": {Group: "plumb.dev", Version: "v1alpha1", Resource: "inventories"},
	"Repo":      {Group: "plumb.dev", Version: "v1alpha1", Resource: "repos"},

	"Widget": {Group: "example.com", Version: "v1", Resource: "widgets"}, // of the tests' own
}

// at gives the client and the name of an object that is written Kind/namespace/name or Kind/name.
func (p *plane) at(id string) (client dynamic.ResourceInterface, name string) {
	parts := strings.Split(id, "/")
	kind, ok := kinds[parts[0]]
	switch {
	case ok && len(parts) == 3:
		return p.admin.Resource(kind).Namespace(parts[1]), parts[2]
	case ok && len(parts) == 2:
		return p.admin.Resource(kind), parts[1]
	}
	panic("e2e: " + id + " is no object that the tests know")
}

// makeYAML creates the objects of a YAML text as an administrator.
func (p *plane) makeYAML(text string) error {
	for _, o := range documents(text) {
		client, _ := p.at(idOf(o))
		if _, err := client.Create(context.Background(), o, metav1.CreateOptions{FieldManager: "e2e"}); err != nil {
			return fmt.Errorf("create %s: %w", idOf(o), err)
		}
	}
	return nil
}

func documents(text string) []*unstructured.Unstructured {
	var all []*unstructured.Unstructured
	for document := range strings.SplitSeq(text, "\n---\n") {
		o := &unstructured.Unstructured{}
		if err := yaml.Unmarshal([]byte(document), &o.Object); err != nil {
			panic(fmt.Sprintf("e2e: this is no YAML: %v\n%s", err, document))
		}
		if len(o.Object) > 0 {
			all = append(all, o)
		}
	}
	return all
}

func idOf(o *unstructured.Unstructured) string {
	if o.GetNamespace() == "" {
		return o.GetKind() + "/" + o.GetName()
	}
	return o.GetKind() + "/" + o.GetNamespace() + "/" + o.GetName()
}

// get gives an object as it is now, nil if there is none.
func (p *plane) get(t *testing.T, id string) *unstructured.Unstructured {
	t.Helper()
	client, name := p.at(id)
	var o *unstructured.Unstructured
	err := eventually(limit, func() (err error) {
		if o, err = client.Get(t.Context(), name, metav1.GetOptions{}); apierrors.IsNotFound(err) {
			o, err = nil, nil
		}
		return err
	})
	if err != nil {
		t.Fatalf("get %s: %v", id, err)
	}
	return o
}

// await watches an object until cond gives nil, and gives it. cond is called with nil while there is no such object. When
// the time is up, the test fails with what cond said last.
func (p *plane) await(t *testing.T, id string, cond func(*unstructured.Unstructured) error) *unstructured.Unstructured {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), limit)
	defer cancel()
	var last error
	for ctx.Err() == nil {
		o, err := p.follow(ctx, id, cond, &last)
		if err == nil {
			return o
		}
		if !errors.Is(err, errAgain) && ctx.Err() == nil {
			last = err
			pause(ctx)
		}
	}
	t.Fatalf("%s: after %s: %v", id, limit, last)
	return nil
}

var errAgain = errors.New("the watch ended")

func pause(ctx context.Context) {
	select {
	case <-ctx.Done():
	case <-time.After(100 * time.Millisecond):
	}
}

// follow is one list and one watch of await.
func (p *plane) follow(ctx context.Context, id string, cond func(*unstructured.Unstructured) error, last *error) (*unstructured.Unstructured, error) {
	client, name := p.at(id)
	only := metav1.ListOptions{FieldSelector: "metadata.name=" + name}
	list, err := client.List(ctx, only)
	if err != nil {
		return nil, err
	}
	var o *unstructured.Unstructured
	if len(list.Items) > 0 {
		o = &list.Items[0]
	}
	if *last = cond(o); *last == nil {
		return o, nil
	}
	only.ResourceVersion = list.GetResourceVersion()
	w, err := client.Watch(ctx, only)
	if err != nil {
		return nil, err
	}
	defer w.Stop()
	for event := range w.ResultChan() {
		o, ok := event.Object.(*unstructured.Unstructured)
		if !ok || event.Type == watch.Error {
			return nil, errAgain
		}
		if event.Type == watch.Deleted {
			o = nil
		}
		if *last = cond(o); *last == nil {
			return o, nil
		}
	}
	return nil, errAgain
}

// eventually tries until do succeeds or the time is up.
func eventually(limit time.Duration, do func() error) error {
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	for {
		err := do()
		if err == nil {
			return nil
		}
		pause(ctx)
		if ctx.Err() != nil {
			return fmt.Errorf("after %s: %w", limit, err)
		}
	}
}
