package e2e

import (
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

// events lists what was told of an App or a Repo, oldest first, as "type reason".
func (s *scenario) events(kind, name string) []string {
	s.Helper()
	list, err := s.admin.Resource(schema.GroupVersionResource{Group: "events.k8s.io", Version: "v1", Resource: "events"}).
		Namespace(system).List(s.Context(), metav1.ListOptions{FieldSelector: "regarding.kind=" + kind + ",regarding.name=" + name})
	if err != nil {
		s.Fatal(err)
	}
	slices.SortFunc(list.Items, func(a, b unstructured.Unstructured) int {
		return strings.Compare(field(&a, "eventTime").(string), field(&b, "eventTime").(string))
	})
	var told []string
	for i := range list.Items {
		o := &list.Items[i]
		told = append(told, field(o, "type").(string)+" "+field(o, "reason").(string))
	}
	return told
}

// page reads one of the agent's addresses that are open to anybody.
func (a *agent) page(t *testing.T, path string) (int, string) {
	t.Helper()
	resp, err := http.Get("http://" + a.listen + path)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, string(body)
}

// What people are told of: trouble, what waits for them, and the end of it, once each. A commit that goes through costs no Event.
func TestOperate(t *testing.T) {
	t.Parallel()
	s := newScenario(t, shared(t), "operated")
	good, bad := configMap("settings", "a", "1"), "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: settings}\ndata: {a: [1]}\n"
	s.ok("operated", s.commit("one", files{"apps/operated/a.yaml": good}))
	if told := s.events("App", "operated"); len(told) != 0 {
		t.Errorf("told of a commit that went through: %q", told)
	}
	s.commit("broken", files{"apps/operated/a.yaml": bad})
	s.until("operated", func(a appStatus) error {
		if a.State != "failed" {
			return errNotYet("%s, want failed", a)
		}
		return nil
	})
	s.ok("operated", s.commit("mended", files{"apps/operated/a.yaml": configMap("settings", "a", "2")}))
	wait := func(kind string, want ...string) {
		t.Helper()
		err := eventually(limit, func() error {
			if told := s.events(kind, "operated"); !slices.Equal(told, want) {
				return errNotYet("told %q, want %q", told, want)
			}
			return nil
		})
		if err != nil {
			t.Error(err)
		}
	}
	failed := s.said(`"msg":"an app is in trouble"`, 1000)
	if !strings.Contains(failed, `"app":"`+system+`/operated"`) || !strings.Contains(failed, `"reason":"`) {
		t.Errorf("the log does not say that the app failed, and why: %s", failed)
	}
	wait("App", "Warning "+reasonOf(t, failed), "Normal Healthy")
	s.answer("operated", garbage)
	s.tell()
	s.await(t, "Repo/"+system+"/operated", func(o *unstructured.Unstructured) error {
		if o == nil || field(o, "status.staleSince") == nil {
			return errNotYet("the Repo is not stale")
		}
		return nil
	})
	if n := s.metric(t, `plumb_repo_stale_seconds{repo="`+system+`/operated"}`); n < 1 {
		t.Errorf("the Repo is stale for %v s", n)
	}
	s.answer("operated", nil)
	s.tell()
	wait("Repo", "Warning FetchFailed", "Normal Healthy")

	if status, body := s.page(t, "/healthz"); status != 200 || body != "ok\n" {
		t.Errorf("/healthz: %d %q", status, body)
	}
	status, body := s.page(t, "/readyz?verbose")
	if status != 200 {
		t.Errorf("/readyz: %d", status)
	}
	s.says(body, "[+]watches: ", "[+]lease: ", "[+]git: ")
	if n := s.metric(t, `plumb_commit_to_healthy_seconds_count`); n < 1 {
		t.Errorf("no commit was measured")
	}
	for _, stage := range []string{"fetch", "discover", "render", "look", "plan", "apply", "observe", "record"} {
		if s.metric(t, `plumb_stage_duration_seconds_count{stage="`+stage+`"}`) < 1 {
			t.Errorf("the stage %s was not measured", stage)
		}
	}
	for _, purpose := range []string{"watch", "look", "apply", "record", "lease", "event", "discovery"} {
		if s.metric(t, `plumb_requests_total{purpose="`+purpose+`",result="ok"}`) < 1 {
			t.Errorf("no request to %s was counted", purpose)
		}
	}
	if s.metric(t, `plumb_webhooks_total{result="accepted"}`) < 2 {
		t.Error("the webhooks were not counted")
	}
}

// reasonOf reads the reason of the app operated from lines of the log.
func reasonOf(t *testing.T, lines string) string {
	t.Helper()
	for line := range strings.Lines(lines) {
		if strings.Contains(line, "/operated\"") {
			_, rest, _ := strings.Cut(line, `"reason":"`)
			reason, _, _ := strings.Cut(rest, `"`)
			return reason
		}
	}
	return ""
}
