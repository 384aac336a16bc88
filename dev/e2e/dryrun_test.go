package e2e

import (
	"context"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	clientv3 "go.etcd.io/etcd/client/v3"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

// admitting is an admission webhook that lets everything pass, and counts what it was asked.
type admitting struct {
	*httptest.Server
	asked, dryRuns atomic.Int64
}

func newAdmitting(t *testing.T) *admitting {
	t.Helper()
	a := &admitting{}
	a.Server = httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var review struct {
			APIVersion, Kind string
			Request          struct {
				UID    string
				DryRun bool
			}
		}
		body, err := io.ReadAll(r.Body)
		if err == nil {
			err = json.Unmarshal(body, &review)
		}
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		a.asked.Add(1)
		if review.Request.DryRun {
			a.dryRuns.Add(1)
		}
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(map[string]any{
			"apiVersion": review.APIVersion, "kind": review.Kind, "response": map[string]any{"uid": review.Request.UID, "allowed": true},
		})
	}))
	t.Cleanup(a.Close)
	return a
}

// refuseDryRuns has the API server ask a webhook about the ConfigMaps and Deployments of a namespace, and no dry runs of them:
// sideEffects: Some. The API server takes no new configuration of that kind any more (v1), and keeps those that clusters have
// from before (v1beta1); so it is written where it keeps them.
func (s *scenario) refuseDryRuns(namespace string, hook *admitting) {
	s.Helper()
	short, err := os.MkdirTemp("", "etcd") // the path of a socket has 107 bytes at most
	if err != nil {
		s.Fatal(err)
	}
	s.Cleanup(func() { os.RemoveAll(short) })
	if err := os.Symlink(filepath.Join(s.plane.dir, "run"), filepath.Join(short, "run")); err != nil {
		s.Fatal(err)
	}
	store, err := clientv3.New(clientv3.Config{Endpoints: []string{"unix://" + filepath.Join(short, "run", "etcd.sock")}})
	if err != nil {
		s.Fatal(err)
	}
	name := s.name + ".example.com"
	key := "/registry/validatingwebhookconfigurations/" + name
	kept, err := json.Marshal(map[string]any{
		"apiVersion": "admissionregistration.k8s.io/v1", "kind": "ValidatingWebhookConfiguration",
		"metadata": map[string]any{"name": name, "uid": "5d1a3d52-6b8e-4c61-9d3e-1f7f6a1c0d11", "creationTimestamp": "2019-03-25T12:00:00Z", "generation": 1},
		"webhooks": []any{map[string]any{
			"name": name, "sideEffects": "Some", "failurePolicy": "Fail", "matchPolicy": "Equivalent", "timeoutSeconds": 10,
			"admissionReviewVersions": []string{"v1"}, "objectSelector": map[string]any{},
			"namespaceSelector": map[string]any{"matchLabels": map[string]any{"kubernetes.io/metadata.name": namespace}},
			"clientConfig":      map[string]any{"url": hook.URL + "/admit", "caBundle": pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: hook.Certificate().Raw})},
			"rules": []any{
				map[string]any{"apiGroups": []string{""}, "apiVersions": []string{"v1"}, "operations": []string{"CREATE", "UPDATE"}, "resources": []string{"configmaps"}, "scope": "*"},
				map[string]any{"apiGroups": []string{"apps"}, "apiVersions": []string{"v1"}, "operations": []string{"CREATE", "UPDATE"}, "resources": []string{"deployments"}, "scope": "*"},
			},
		}},
	})
	if err == nil {
		_, err = store.Put(s.Context(), key, string(kept))
	}
	if err != nil {
		s.Fatal(err)
	}
	s.Cleanup(func() {
		defer store.Close()
		of := schema.GroupVersionResource{Group: "admissionregistration.k8s.io", Version: "v1", Resource: "validatingwebhookconfigurations"}
		if err := s.admin.Resource(of).Delete(context.Background(), name, metav1.DeleteOptions{}); err != nil {
			s.Errorf("the webhook stays: %v", err)
		}
	})
}

// Where a webhook refuses dry runs the object is compared as rendered and checked against the schema of its kind, which is said;
// deliveries ask it as ever.
func TestDiffWhereAWebhookRefusesDryRuns(t *testing.T) {
	t.Parallel()
	s := newScenario(t, shared(t), "nodry")
	web := deployment("web", 1, "registry.example/web:1")
	s.ok("nodry", s.commit("one", files{"apps/nodry/a.yaml": configMap("a", "a", "1"), "apps/nodry/web.yaml": web}))
	hook := newAdmitting(t)
	s.refuseDryRuns("nodry", hook)
	const said = "2 objects are compared as rendered, without the API server's defaults, and checked against the schema of the kind and nothing else: an admission webhook refuses dry runs"
	s.write(files{"apps/nodry/a.yaml": configMap("a", "a", "2"), "apps/nodry/web.yaml": strings.Replace(web, "web:1", "web:2", 1)})
	err := eventually(limit, func() error { // the API server reads what it keeps by and by
		if out := s.diff(0); !strings.Contains(out, said) {
			return fmt.Errorf("it says\n%s", out)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	s.says(s.diff(0), "~ ConfigMap/nodry/a", "- 1\n", "+ 2\n", "~ Deployment/nodry/web", "+ registry.example/web:2", "rolling restart of 1 pod")
	s.write(files{"apps/nodry/web.yaml": strings.Replace(web, "  selector:\n    matchLabels: {app: web}\n", "", 1)})
	s.says(s.diff(3), "! Deployment/nodry/web", "spec.selector") // the API server judges the object itself before it asks anybody

	s.write(files{"apps/nodry/web.yaml": strings.Replace(web, "web:1", "web:2", 1)})
	s.ok("nodry", s.commit("two", nil))
	if hook.asked.Load() == 0 {
		t.Error("the webhook was not asked about the delivery: the test shows nothing")
	}
	if n := hook.dryRuns.Load(); n != 0 {
		t.Errorf("the API server asked it about %d dry runs", n)
	}
}
