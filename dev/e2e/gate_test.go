package e2e

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

// gate holds back one of the requests that an agent makes, so that a test has as long as it needs for what is to happen in the
// middle of an apply, however fast or busy the machine is. It is an admission webhook, and others pass it.
type gate struct {
	t       *testing.T
	reached chan struct{} // closed when a request stands before it
	opened  chan struct{}
	once    sync.Once
	probed  atomic.Bool
}

// gateAt makes a gate that holds back the n-th request with an operation (CREATE, UPDATE, DELETE) on a ConfigMap of a namespace.
// After 30 s the API server lets the request pass by itself.
func (s *scenario) gateAt(namespace, operation string, n int64) *gate {
	s.Helper()
	g := &gate{t: s.T, reached: make(chan struct{}), opened: make(chan struct{})}
	var came atomic.Int64
	url, bundle := tlsServer(s.T, func(w http.ResponseWriter, r *http.Request) {
		var review struct {
			APIVersion, Kind string
			Request          struct{ UID, Namespace, Name, Operation string }
		}
		body, err := io.ReadAll(r.Body)
		if err == nil {
			err = json.Unmarshal(body, &review)
		}
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		switch is := review.Request; {
		case is.Namespace != namespace:
			g.probed.Store(true)
		case is.Name == "kube-root-ca.crt": // of the control plane
		case is.Operation == operation && came.Add(1) == n:
			close(g.reached)
			select {
			case <-g.opened:
			case <-r.Context().Done():
			}
		}
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(map[string]any{
			"apiVersion": review.APIVersion, "kind": review.Kind, "response": map[string]any{"uid": review.Request.UID, "allowed": true},
		})
	})
	hooks := s.admin.Resource(schema.GroupVersionResource{Group: "admissionregistration.k8s.io", Version: "v1", Resource: "validatingwebhookconfigurations"})
	name := "gate-" + s.name + "-" + strings.ToLower(operation) + ".example.com"
	_, err := hooks.Create(s.Context(), &unstructured.Unstructured{Object: map[string]any{
		"apiVersion": "admissionregistration.k8s.io/v1", "kind": "ValidatingWebhookConfiguration", "metadata": map[string]any{"name": name},
		"webhooks": []any{map[string]any{
			"name": name, "sideEffects": "None", "failurePolicy": "Ignore", "timeoutSeconds": int64(30), "admissionReviewVersions": []any{"v1"},
			"namespaceSelector": map[string]any{"matchExpressions": []any{
				map[string]any{"key": "kubernetes.io/metadata.name", "operator": "In", "values": []any{namespace, system}}}},
			"clientConfig": map[string]any{"url": url, "caBundle": bundle},
			"rules": []any{map[string]any{
				"apiGroups": []any{""}, "apiVersions": []any{"v1"}, "operations": []any{"CREATE", operation}, "resources": []any{"configmaps"}}},
		}},
	}}, metav1.CreateOptions{})
	s.Cleanup(func() {
		g.open()
		if err := hooks.Delete(context.Background(), name, metav1.DeleteOptions{}); err != nil {
			s.Errorf("the gate stays: %v", err)
		}
	})
	if err != nil {
		s.Fatal(err)
	}
	s.probe(g)
	return g
}

// probe waits until the API server asks at the gate: it takes up new webhooks by and by.
func (s *scenario) probe(g *gate) {
	s.Helper()
	probe := documents(configMap("gate-probe", "a", "1"))[0]
	err := eventually(limit, func() error {
		_, err := s.admin.Resource(kinds["ConfigMap"]).Namespace(system).Create(s.Context(), probe, metav1.CreateOptions{DryRun: []string{metav1.DryRunAll}})
		if err == nil && !g.probed.Load() {
			err = errors.New("the API server does not ask at the gate")
		}
		return err
	})
	if err != nil {
		s.Fatal(err)
	}
}

// wait waits until the request stands before the gate.
func (g *gate) wait() {
	g.t.Helper()
	ctx, cancel := context.WithTimeout(g.t.Context(), limit)
	defer cancel()
	select {
	case <-g.reached:
	case <-ctx.Done():
		g.t.Fatalf("after %s: nobody came to the gate", limit)
	}
}

// open lets the request pass.
func (g *gate) open() { g.once.Do(func() { close(g.opened) }) }
