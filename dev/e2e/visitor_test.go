package e2e

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

// visitor is a browser at the page, of somebody.
type visitor struct {
	*http.Client
	name string
	base string
}

// tokenOf asks the API server for a token of a ServiceAccount.
func (s *scenario) tokenOf(namespace, name string) string {
	s.Helper()
	body := &unstructured.Unstructured{Object: map[string]any{
		"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "metadata": map[string]any{"name": name}, "spec": map[string]any{"expirationSeconds": int64(3600)},
	}}
	answer, err := s.admin.Resource(kinds["ServiceAccount"]).Namespace(namespace).Create(s.Context(), body, metav1.CreateOptions{}, "token")
	if err != nil {
		s.Fatal(err)
	}
	token, _, _ := unstructured.NestedString(answer.Object, "status", "token")
	return token
}

// stranger is a browser of nobody.
func (s *scenario) stranger() *visitor {
	s.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		s.Fatal(err)
	}
	return &visitor{Client: &http.Client{Jar: jar}, name: "nobody", base: "http://" + s.listen}
}

// visits logs a ServiceAccount in, as plumb ui does: its token gives a code, and the browser comes with that.
func (s *scenario) visits(namespace, name string) *visitor {
	s.Helper()
	v := s.stranger()
	v.name = name
	link, as := s.comesIn(s.tokenOf(namespace, name))
	if as != "system:serviceaccount:"+namespace+":"+name {
		s.Fatalf("the login of %s is one of %s", name, as)
	}
	req, err := http.NewRequestWithContext(s.Context(), http.MethodGet, v.base+link, nil)
	if err != nil {
		s.Fatal(err)
	}
	resp, err := v.Do(req)
	if err != nil {
		s.Fatal(err)
	}
	resp.Body.Close()
	return v
}

// comesIn has the page give an address for a token, at which one browser is let in, and says as whom.
func (s *scenario) comesIn(token string) (path, name string) {
	s.Helper()
	status, body := s.stranger().post(s.T, "/login", map[string]any{"token": token})
	var answer struct{ Code, Name string }
	if err := json.Unmarshal([]byte(body), &answer); err != nil || status != http.StatusOK || answer.Code == "" {
		s.Fatalf("a login is answered with %d %s", status, body)
	}
	return "/login?code=" + url.QueryEscape(answer.Code), answer.Name
}

// get reads from the API.
func (v *visitor) get(t *testing.T, path string) (status int, body string) {
	t.Helper()
	return v.do(t, http.MethodGet, path, nil)
}

// post asks the API for something, as the page does.
func (v *visitor) post(t *testing.T, path string, body any) (status int, said string) {
	t.Helper()
	return v.do(t, http.MethodPost, path, body)
}

func (v *visitor) do(t *testing.T, method, path string, body any) (int, string) {
	t.Helper()
	var content io.Reader
	if body != nil {
		data, err := json.Marshal(body)
		if err != nil {
			t.Fatal(err)
		}
		content = bytes.NewReader(data)
	}
	ctx, cancel := context.WithTimeout(t.Context(), limit)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, method, v.base+api+path, content)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("X-Plumb", "1")
	if body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	resp, err := v.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	data, err := io.ReadAll(io.LimitReader(resp.Body, 8<<20))
	if err != nil {
		t.Fatalf("%s %s: %v", method, path, err)
	}
	return resp.StatusCode, string(data)
}

// read reads JSON from the API, which must be answered.
func (v *visitor) read(t *testing.T, path string, into any) {
	t.Helper()
	status, body := v.get(t, path)
	if status != http.StatusOK {
		t.Fatalf("%s: GET %s is answered with %d %s", v.name, path, status, body)
	}
	if err := json.Unmarshal([]byte(body), into); err != nil {
		t.Fatalf("GET %s: %v", path, err)
	}
}
