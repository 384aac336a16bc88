package e2e

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// A drifted object is shown with who wrote which field, beside the line in Git, and can be restored.
func TestPeopleSeeDrift(t *testing.T) {
	t.Parallel()
	s := newScenario(t, shared(t), "seen")
	s.administrator("seen-staff")
	commit := s.commit("settings", files{"apps/seen/a.yaml": configMap("settings", "colour", "blue"), "apps/seen/plumb.yaml": "heal: false\n"})
	s.ok("seen", commit)
	s.patch("ConfigMap/seen/settings", "kubectl-edit", `data: {colour: red}`)
	s.is("seen", "drifted", "Drifted")
	v := s.visits("seen-staff", "admin")
	var view struct {
		Live, Desired, Revision string
		File                    struct {
			Path string
			Line int
		}
		Fields []struct {
			Field, Kind, Git, Live, Manager, Operation string
			Time                                       time.Time
			File                                       struct {
				Path string
				Line int
			}
		}
	}
	v.read(t, "/apps/plumb-system/seen/object?kind=ConfigMap&name=settings&namespace=seen", &view)
	if !strings.Contains(view.Live, "colour: red") || !strings.Contains(view.Desired, "colour: blue") || view.Revision != commit || view.File.Path != "apps/seen/a.yaml" {
		t.Errorf("%+v", view)
	}
	if len(view.Fields) != 1 || view.Fields[0].Field != "data.colour" || view.Fields[0].Manager != "kubectl-edit" || view.Fields[0].Git != "blue" || view.Fields[0].Live != "red" || view.Fields[0].Time.IsZero() {
		t.Errorf("the fields: %+v", view.Fields)
	}
	manifest := strings.Split(s.git("show", commit+":apps/seen/a.yaml"), "\n")
	if at := view.Fields[0].File; at.Path != "apps/seen/a.yaml" || at.Line < 1 || at.Line > len(manifest) || !strings.Contains(manifest[at.Line-1], "colour: ") {
		t.Errorf("the line in Git: %+v of %q", at, manifest)
	}
	if status, said := v.post(t, "/apps/plumb-system/seen/restore", nil); status != http.StatusOK {
		t.Fatal(said)
	}
	s.has("ConfigMap/seen/settings", "data.colour", "blue")
	s.ok("seen", commit)
	if status, said := v.post(t, "/apps/plumb-system/seen/restore", nil); status != http.StatusConflict || !strings.Contains(said, "nothing differs") {
		t.Errorf("%d %s", status, said)
	}
}

// The values of Secrets are in no answer of the API, whoever asks: not that of the Secret, not that in an annotation that a
// tool has left, not that in an event, nor in what the record says.
func TestPeopleSeeNoSecret(t *testing.T) {
	t.Parallel()
	s := newScenario(t, shared(t), "hush")
	s.administrator("hush-staff")
	const first, second, live = "planted-value-one", "planted-value-two", "planted-value-live"
	secret := func(value string) string {
		return "apiVersion: v1\nkind: Secret\nmetadata: {name: login}\nstringData: {password: " + value + "}\n"
	}
	s.ok("hush", s.commit("a secret", files{"apps/hush/a.yaml": documentsOf(secret(first), deployment("web", 1, "registry.example/web:1"))}))
	s.ok("hush", s.commit("another", files{"apps/hush/a.yaml": documentsOf(secret(second), deployment("web", 1, "registry.example/web:1"))}))
	coded := base64.StdEncoding.EncodeToString([]byte(live))
	s.patch("Secret/hush/login", "kubectl-client-side-apply", `
metadata:
  annotations:
    kubectl.kubernetes.io/last-applied-configuration: '{"data":{"password":"`+coded+`"}}'
    kapp.k14s.io/original: '{"data":{"extra":"`+coded+`"}}'
data: {extra: `+coded+`}`)
	s.make(`
apiVersion: events.k8s.io/v1
kind: Event
metadata: {name: hush-event, namespace: hush}
eventTime: "2026-11-27T08:00:00.000000Z"
regarding: {kind: Secret, name: login, namespace: hush, apiVersion: v1}
action: Tell
reportingController: e2e
reportingInstance: e2e
type: Warning
reason: Told
note: "it is ` + second + `"
`)
	s.edit("Deployment/hush/web", "kubectl-set", "spec: {template: {spec: {containers: [{name: web, env: [{name: LOGIN, value: "+second+"}]}]}}}")
	s.until("hush", func(a appStatus) error {
		for _, d := range a.Drift {
			if d.Object == "Deployment/hush/web" && d.Healed != nil && strings.Contains(d.Field, "LOGIN") {
				return nil
			}
		}
		return errNotYet("the drift is not told: %+v", a.Drift)
	})
	planted := []string{}
	for _, value := range []string{first, second, live} {
		planted = append(planted, value, base64.StdEncoding.EncodeToString([]byte(value)))
	}
	v := s.visits("hush-staff", "admin")
	var document struct {
		Paths map[string]map[string]json.RawMessage
	}
	v.read(t, "/openapi.json", &document)
	query := map[string]string{
		"/apps/{namespace}/{name}/object":    "?kind=Secret&version=v1&namespace=hush&name=login",
		"/apps/{namespace}/{name}/resources": "?children=true",
	}
	commit := s.git("rev-parse", "HEAD")
	fill := strings.NewReplacer("{namespace}", system, "{name}", "hush", "{number}", "1", "{commit}", commit)
	looked := 0
	for _, path := range slices.Sorted(maps.Keys(document.Paths)) {
		if _, reads := document.Paths[path]["get"]; !reads || path == "/stream" {
			continue
		}
		status, body := v.get(t, fill.Replace(path)+query[path])
		if status == http.StatusOK {
			looked++
		} else if !strings.HasPrefix(path, "/pulls/") && !strings.HasSuffix(path, "/revert") { // its Repo has no forge
			t.Errorf("GET %s is answered with %d %.300s", path, status, body)
		}
		for _, value := range planted {
			if strings.Contains(body, value) {
				t.Errorf("GET %s tells %s", path, value)
			}
		}
	}
	if looked < 15 {
		t.Errorf("only %d routes were looked at", looked)
	}
	if _, body := v.get(t, "/apps/plumb-system/hush/object?kind=Secret&version=v1&namespace=hush&name=login"); !strings.Contains(body, "‹redacted›") || !strings.Contains(body, "kapp.k14s.io/original") {
		t.Errorf("the Secret is not shown as one: %s", body)
	}
	if _, body := v.get(t, "/apps/plumb-system/hush/events"); !strings.Contains(body, "it is ‹redacted›") {
		t.Errorf("the event is not shown: %s", body)
	}
	s.tellsNone(planted)
	if first := v.streamed(t, "/stream"); strings.Contains(first, "planted") || first == "" {
		t.Errorf("the stream says %q", first)
	}
}

// tellsNone fails the test if a value stands in what the agent writes: its own objects, Events and its log.
func (s *scenario) tellsNone(planted []string) {
	s.Helper()
	looked := map[string]int{}
	for _, kind := range []string{"App", "Repo", "Entry", "Inventory", "Event"} {
		list, err := s.admin.Resource(kinds[kind]).Namespace(system).List(s.Context(), metav1.ListOptions{})
		if err != nil {
			s.Fatal(err)
		}
		for i := range list.Items {
			data, err := json.Marshal(list.Items[i].Object)
			if err != nil {
				s.Fatal(err)
			}
			if looked[kind]++; slices.ContainsFunc(planted, func(value string) bool { return strings.Contains(string(data), value) }) {
				s.Errorf("%s tells a value: %s", idOf(&list.Items[i]), data)
			}
		}
	}
	for _, kind := range []string{"App", "Entry", "Inventory"} {
		if looked[kind] == 0 {
			s.Errorf("no %s was looked at: this shows nothing", kind)
		}
	}
	for _, value := range planted {
		if said := s.said(value, 1); said != "" {
			s.Errorf("the log tells a value: %s", said)
		}
	}
}

// streamed gives the first event of a stream.
func (v *visitor) streamed(t *testing.T, path string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), limit)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, v.base+api+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := v.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	buffer := make([]byte, 4096)
	n, err := resp.Body.Read(buffer)
	if err != nil && !errors.Is(err, io.EOF) {
		t.Fatal(err)
	}
	return string(buffer[:n])
}

// One person's log streams are bounded, and those of others go on.
func TestPeopleStreamsAreBounded(t *testing.T) {
	t.Parallel()
	s := newScenario(t, shared(t), "flood")
	s.make("apiVersion: v1\nkind: Namespace\nmetadata: {name: flood-staff}\n")
	for _, name := range []string{"mallory", "lena"} {
		s.make(fmt.Sprintf("apiVersion: v1\nkind: ServiceAccount\nmetadata: {name: %[1]s, namespace: flood-staff}\n---\napiVersion: rbac.authorization.k8s.io/v1\nkind: ClusterRoleBinding\nmetadata: {name: flood-%[1]s}\nroleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: view}\nsubjects: [{kind: ServiceAccount, name: %[1]s, namespace: flood-staff}]\n", name))
	}
	s.ok("flood", s.commit("web", files{"apps/flood/web.yaml": deployment("web", 1, "registry.example/web:1")}))
	s.has("Deployment/flood/web", "status.readyReplicas", 1)
	open := func(v *visitor) (*http.Response, error) {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, v.base+api+"/apps/plumb-system/flood/logs?follow=true", nil)
		if err != nil {
			return nil, err
		}
		return v.Do(req)
	}
	mallory := s.visits("flood-staff", "mallory")
	refused := 0
	var opened []*http.Response
	for range 12 {
		resp, err := open(mallory)
		if err != nil {
			t.Fatal(err)
		}
		opened = append(opened, resp)
		if resp.StatusCode == http.StatusTooManyRequests {
			refused++
		}
	}
	if refused != 6 {
		t.Errorf("%d of 12 streams were refused", refused)
	}
	resp, err := open(s.visits("flood-staff", "lena"))
	if err != nil || resp.StatusCode != http.StatusOK {
		t.Errorf("another person: %v %v", resp, err)
	} else {
		resp.Body.Close()
	}
	for _, resp := range opened {
		resp.Body.Close()
	}
	if err := eventually(limit, func() error { // those that were closed are free again
		resp, err := open(mallory)
		if err != nil {
			return err
		}
		defer resp.Body.Close()
		if resp.StatusCode != http.StatusOK {
			return fmt.Errorf("%s", resp.Status)
		}
		return nil
	}); err != nil {
		t.Error(err)
	}
}
