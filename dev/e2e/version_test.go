package e2e

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

// atTag waits until the Repo has seen a tag, and says it.
func (s *scenario) atTag(tag string) {
	s.Helper()
	s.await(s.T, "Repo/plumb-system/"+s.name, func(o *unstructured.Unstructured) error {
		if ref := field(o, "status.observed.ref"); ref != "refs/tags/"+tag {
			return errNotYet("%v is observed, want %s: %v", ref, tag, field(o, "status.summary"))
		}
		if summary, _ := field(o, "status.summary").(string); !strings.Contains(summary, tag+" (") {
			return errNotYet("the summary does not say %s: %s", tag, summary)
		}
		return nil
	})
}

// release commits, tags and pushes the tag alone, and gives the commit.
func (s *scenario) release(tag string, f files) string {
	s.Helper()
	s.write(f)
	s.git("commit", "-q", "--allow-empty", "-m", tag)
	s.git("tag", tag)
	s.git("push", "-q", "origin", "HEAD:main", tag)
	return s.git("rev-parse", "HEAD")
}

// A Repo that follows a range of versions delivers the newest tag in it: when one is pushed, and when one is taken away;
// then it goes back, and what only the newer one could do without is not deleted. What is outside of the range changes nothing.
func TestVersionRange(t *testing.T) {
	t.Parallel()
	s := newScenario(t, shared(t), "semver")
	s.spec["revision"] = "v1.x"
	dir, settings := "apps/semver/", "ConfigMap/semver/settings"
	first := s.release("v1.9.0", files{dir + "a.yaml": configMap("settings", "a", "1"), dir + "b.yaml": configMap("old", "a", "1")})
	s.makeRepo()
	s.ok("semver", first)
	s.atTag("v1.9.0")

	second := s.release("v1.10.0", files{dir + "a.yaml": configMap("settings", "a", "2"), dir + "c.yaml": configMap("new", "a", "1")})
	s.tellRef("refs/tags/v1.10.0")
	s.ok("semver", second)
	s.atTag("v1.10.0")
	s.has(settings, "data.a", "2")

	s.release("v2.0.0", files{dir + "a.yaml": configMap("settings", "a", "3")})
	s.release("v1.11.0-rc.1", files{dir + "a.yaml": configMap("settings", "a", "4")})
	s.tell()
	s.patch(settings, "kubectl-edit", "data: {a: \"9\"}")
	s.has(settings, "data.a", "2") // the agent has looked since, and holds to v1.10.0
	s.atTag("v1.10.0")

	s.git("push", "-q", "origin", ":refs/tags/v1.10.0")
	s.tell()
	s.atTag("v1.9.0")
	status := s.until("semver", func(a appStatus) error {
		if a.State != "waiting" || len(a.HeldDeletions) != 1 {
			return errNotYet("%s: %v", a, a.held())
		}
		return nil
	})
	s.says(strings.Join(status.held(), " "), "ConfigMap/semver/new")
	s.has(settings, "data.a", "1")
	s.live("ConfigMap/semver/new")

	s.byHand("semver-none", "semver", `revision: ">=3.1 <4"`, "namespace: semver-none")
	none := s.is("semver-none", "failed", "RevisionNotFound")
	_, message := none.ready()
	s.says(message, "no tag is a version in the range", "the nearest are v1.9.0, v2.0.0")
}

// tellRef delivers a generic webhook and requires that it is taken.
func (s *scenario) tellRef(ref string) {
	s.Helper()
	body := fmt.Sprintf(`{"ref":%q}`, ref)
	if code, word := s.deliver(s.name, map[string]string{"X-Plumb-Signature-256": fmt.Sprintf("%x", macOf(hookSecret, body))}, body); code != http.StatusAccepted {
		s.Fatalf("the delivery was answered with %d %q", code, word)
	}
}
