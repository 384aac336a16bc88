package e2e

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// certificate makes a certificate for 127.0.0.1 that signs itself, and its PEM.
func certificate(t *testing.T) (tls.Certificate, []byte) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(24 * time.Hour), IsCA: true,
		BasicConstraintsValid: true, KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
}

// tlsServer serves over TLS, and gives its address and the base64 of the authority to trust.
func tlsServer(t *testing.T, handler http.HandlerFunc) (url, bundle string) {
	t.Helper()
	cert, authority := certificate(t)
	server := httptest.NewUnstartedServer(handler)
	server.TLS = &tls.Config{Certificates: []tls.Certificate{cert}, MinVersion: tls.VersionTLS12}
	server.StartTLS()
	t.Cleanup(server.Close)
	return server.URL, base64.StdEncoding.EncodeToString(authority)
}

// review is what the API server asks a webhook, as far as the tests look at it.
type review struct {
	Request struct {
		UID    string
		Object map[string]any
	}
}

// A real webhook injects a sidecar, rewrites an image, a label and a number of Git's, and stamps each write with another
// value. That is no drift, and no reason to write again.
func TestMutatingWebhook(t *testing.T) {
	t.Parallel()
	const web = "Deployment/hooked/web"
	s := newScenario(t, shared(t), "hooked")
	var asked atomic.Int64
	url, bundle := tlsServer(t, func(w http.ResponseWriter, r *http.Request) {
		var in review
		if err := json.NewDecoder(r.Body).Decode(&in); err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		containers := in.Request.Object["spec"].(map[string]any)["template"].(map[string]any)["spec"].(map[string]any)["containers"].([]any)
		first := containers[0].(map[string]any)
		patch := []map[string]any{
			{"op": "replace", "path": "/spec/template/spec/containers/0/image", "value": strings.Replace(first["image"].(string), "registry.example", "mirror.example", 1)},
			{"op": "add", "path": "/metadata/labels/team", "value": "mesh"},
			{"op": "add", "path": "/metadata/labels/stamp", "value": fmt.Sprint(asked.Add(1))},
			{"op": "replace", "path": "/spec/revisionHistoryLimit", "value": 2},
		}
		if len(containers) == 1 {
			patch = append(patch, map[string]any{"op": "add", "path": "/spec/template/spec/containers/-", "value": map[string]any{"name": "sidecar", "image": "registry.example/sidecar:1"}})
		}
		text, _ := json.Marshal(patch)
		_ = json.NewEncoder(w).Encode(map[string]any{"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", "response": map[string]any{
			"uid": in.Request.UID, "allowed": true, "patchType": "JSONPatch", "patch": base64.StdEncoding.EncodeToString(text),
		}})
	})
	s.make(fmt.Sprintf(`
apiVersion: admissionregistration.k8s.io/v1
kind: MutatingWebhookConfiguration
metadata: {name: hooked}
webhooks:
- name: hooked.example.com
  admissionReviewVersions: [v1]
  sideEffects: None
  objectSelector: {matchLabels: {hooked: "yes"}}
  clientConfig: {url: %q, caBundle: %s}
  rules: [{apiGroups: [apps], apiVersions: [v1], resources: [deployments], operations: [CREATE, UPDATE], scope: Namespaced}]
`, url, bundle))
	t.Cleanup(func() { s.discard("MutatingWebhookConfiguration/hooked") })
	s.injected("default", "hooked")
	both := func(version string) string {
		d := strings.Replace(deployment("web", 1, "registry.example/web:"+version), "metadata:\n", "metadata:\n  labels: {hooked: \"yes\", team: pay}\n", 1)
		return documentsOf(strings.Replace(d, "spec:\n", "spec:\n  revisionHistoryLimit: 5\n", 1), deployment("sentinel", 1, "registry.example/web:1"))
	}
	s.ok("hooked", s.commit("one", files{"apps/hooked/a.yaml": both("1")}))
	s.has(web, "spec.template.spec.containers.0.image", "mirror.example/web:1")
	s.has(web, "spec.template.spec.containers.1.name", "sidecar")
	s.has(web, "spec.revisionHistoryLimit", 2)
	before := s.now(t)
	s.settled("hooked")
	s.calm(before, "hooked")
	s.ok("hooked", s.commit("two", files{"apps/hooked/a.yaml": both("2")}))
	s.has(web, "spec.template.spec.containers.0.image", "mirror.example/web:2")
	before = s.now(t)
	s.settled("hooked")
	s.calm(before, "hooked")
	s.scale(web, "kubectl", 3) // and it is still looked after
	s.has(web, "spec.replicas", 1)
}
