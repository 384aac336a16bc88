package e2e

import (
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
)

// Who logs in by OIDC is to the API server who the provider says, in the groups that it says; the agent only speaks for them,
// and the audit log knows both.
func TestPeopleByOIDC(t *testing.T) {
	s := newScenario(t, lives(t), "oidc")
	idp := newIDP(t)
	manifest, err := os.ReadFile("../../deploy/manifests/people.yaml")
	if err != nil {
		t.Fatal(err)
	}
	s.make(string(manifest))
	s.make(`
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRoleBinding
metadata: {name: oidc-lena}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: view}
subjects: [{apiGroup: rbac.authorization.k8s.io, kind: User, name: "oidc:lena"}]
---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: {name: oidc-oncall, namespace: plumb-system}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: plumb-operator}
subjects: [{apiGroup: rbac.authorization.k8s.io, kind: Group, name: "oidc:oncall"}]
`)
	t.Cleanup(func() { s.restarted() })
	s.restarted("--page-url", "http://127.0.0.1:1", "--oidc-issuer", idp.URL, "--oidc-client-id", "plumb")
	s.ok("oidc", s.commit("settings", files{"apps/oidc/a.yaml": documentsOf(configMap("settings", "a", "1"), "apiVersion: v1\nkind: Secret\nmetadata: {name: login}\nstringData: {a: planted-value}\n")}))

	login := func() *visitor {
		v := s.stranger()
		v.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
		at := v.base + "/login/oidc?next=/drift"
		for range 3 {
			resp, err := v.Get(at)
			if err != nil {
				t.Fatal(err)
			}
			resp.Body.Close()
			at = strings.Replace(resp.Header.Get("Location"), "http://127.0.0.1:1", v.base, 1)
		}
		if at != "/drift" && !strings.HasPrefix(at, "/login?refused") {
			t.Fatalf("after the login the browser is sent to %q", at)
		}
		return v
	}
	lena := login()
	var me struct {
		Name, How string
		Groups    []string
	}
	lena.read(t, "/me", &me)
	if me.Name != "oidc:lena" || me.How != "oidc" || !slices.Equal(me.Groups, []string{"oidc:shop", "oidc:oncall"}) {
		t.Errorf("%+v", me)
	}
	const app = "/apps/plumb-system/oidc"
	if status, body := lena.get(t, app+"/object?kind=Secret&version=v1&namespace=oidc&name=login"); status != http.StatusForbidden || !strings.Contains(body, "oidc:lena has not the verb get on secrets") {
		t.Errorf("a Secret: %d %s", status, body)
	}
	lena.read(t, app+"/object?kind=ConfigMap&version=v1&namespace=oidc&name=settings", &struct{}{})
	if status, said := lena.post(t, app+"/pause", map[string]any{"reason": "by a group"}); status != http.StatusOK {
		t.Fatalf("%d %s", status, said)
	}
	s.has("App/plumb-system/oidc", "spec.pause.by", "oidc:lena")
	patches := s.logged(t, 0, func(r request) bool { return r.As.Username == "oidc:lena" && r.Verb == "patch" && r.Status.Code == 200 })
	if len(patches) != 1 || patches[0].User.Username != agentUser {
		t.Errorf("the audit log has %v", patches)
	}
	s.boundsOfSpeaking()
	idp.says(map[string]any{"sub": "zoe"})
	zoe := login()
	if status, body := zoe.get(t, app); status != http.StatusNotFound {
		t.Errorf("who has no right: %d %s", status, body)
	}
	idp.says(map[string]any{"sub": "lena", "aud": "another client"})
	if status, _ := login().get(t, "/me"); status != http.StatusUnauthorized {
		t.Errorf("a token for another client: %d", status)
	}
}

// boundsOfSpeaking shows what the right to speak for people is not: a right to write in their names.
func (s *scenario) boundsOfSpeaking() {
	s.Helper()
	file := filepath.Join(s.TempDir(), "speaker.kubeconfig")
	s.make(`
apiVersion: v1
kind: ServiceAccount
metadata: {name: speaker, namespace: plumb-system}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRoleBinding
metadata: {name: oidc-speaker}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: plumb-agent-people}
subjects: [{kind: ServiceAccount, name: speaker, namespace: plumb-system}]
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRoleBinding
metadata: {name: oidc-admins}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: cluster-admin}
subjects: [{apiGroup: rbac.authorization.k8s.io, kind: Group, name: "oidc:admins"}]
`)
	if err := s.writeAccountOf("speaker", file); err != nil {
		s.Fatal(err)
	}
	config, err := clientcmd.BuildConfigFromFlags("", file)
	if err != nil {
		s.Fatal(err)
	}
	as := func(name string, groups ...string) dynamic.ResourceInterface {
		config.Impersonate = rest.ImpersonationConfig{UserName: name, Groups: groups}
		client, err := dynamic.NewForConfig(config)
		if err != nil {
			s.Fatal(err)
		}
		return client.Resource(kinds["ConfigMap"]).Namespace("oidc")
	}
	admin := as("oidc:zoe", "oidc:admins")
	if _, err := admin.Get(s.Context(), "settings", metav1.GetOptions{}); err != nil {
		s.Errorf("it may not read in anybody's name: this shows nothing: %v", err)
	}
	if err := admin.Delete(s.Context(), "settings", metav1.DeleteOptions{}); !apierrors.IsForbidden(err) {
		s.Errorf("it may delete in an administrator's name: %v", err)
	}
	if _, err := as("oidc:zoe", "system:masters").Get(s.Context(), "settings", metav1.GetOptions{}); !apierrors.IsForbidden(err) {
		s.Errorf("it may be of the system's own administrators: %v", err)
	}
	if _, err := as("system:serviceaccount:plumb-system:plumb-deployer").Get(s.Context(), "settings", metav1.GetOptions{}); !apierrors.IsForbidden(err) {
		s.Errorf("it may be a ServiceAccount: %v", err)
	}
}

// idp is an OIDC provider at which everybody is logged in. What else may be wrong with its tokens is tested in internal/people.
type idp struct {
	*httptest.Server
	key    *rsa.PrivateKey
	mu     sync.Mutex
	claims map[string]any
	nonces map[string]string // by code
}

func newIDP(t *testing.T) *idp {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	i := &idp{key: key, nonces: map[string]string{}, claims: map[string]any{"sub": "lena", "groups": []string{"shop", "oncall"}}}
	coded := base64.RawURLEncoding.EncodeToString
	mux := http.NewServeMux()
	answer := func(pattern string, what func(r *http.Request) any) {
		mux.HandleFunc(pattern, func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Type", "application/json")
			_ = json.NewEncoder(w).Encode(what(r))
		})
	}
	i.Server = httptest.NewServer(mux)
	t.Cleanup(i.Close)
	answer("GET /.well-known/openid-configuration", func(*http.Request) any {
		return map[string]any{
			"issuer": i.URL, "authorization_endpoint": i.URL + "/authorize", "token_endpoint": i.URL + "/token", "jwks_uri": i.URL + "/keys",
			"id_token_signing_alg_values_supported": []string{"RS256"},
		}
	})
	answer("GET /keys", func(*http.Request) any {
		return map[string]any{"keys": []any{map[string]any{"kty": "RSA", "alg": "RS256", "kid": "one", "n": coded(key.N.Bytes()), "e": "AQAB"}}}
	})
	mux.HandleFunc("GET /authorize", func(w http.ResponseWriter, r *http.Request) {
		q, code := r.URL.Query(), rand.Text()
		i.mu.Lock()
		i.nonces[code] = q.Get("nonce")
		i.mu.Unlock()
		http.Redirect(w, r, q.Get("redirect_uri")+"?"+url.Values{"code": {code}, "state": {q.Get("state")}}.Encode(), http.StatusSeeOther)
	})
	answer("POST /token", func(r *http.Request) any {
		return map[string]any{"access_token": "unused", "token_type": "Bearer", "id_token": i.token(r.FormValue("code"))}
	})
	return i
}

// says has the following tokens say this.
func (i *idp) says(claims map[string]any) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.claims = claims
}

func (i *idp) token(code string) string {
	i.mu.Lock()
	defer i.mu.Unlock()
	claims := map[string]any{"iss": i.URL, "aud": "plumb", "nonce": i.nonces[code], "exp": time.Now().Add(time.Minute).Unix(), "iat": time.Now().Unix()}
	maps.Copy(claims, i.claims)
	part := func(v any) string {
		data, _ := json.Marshal(v)
		return base64.RawURLEncoding.EncodeToString(data)
	}
	text := part(map[string]any{"alg": "RS256", "kid": "one"}) + "." + part(claims)
	sum := sha256.Sum256([]byte(text))
	signature, err := rsa.SignPKCS1v15(rand.Reader, i.key, crypto.SHA256, sum[:])
	if err != nil {
		panic(err)
	}
	return text + "." + base64.RawURLEncoding.EncodeToString(signature)
}
