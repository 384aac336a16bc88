package e2e

import (
	"net/http"
	"os"
	"strings"
	"sync/atomic"
	"testing"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

// A server that does not answer, or not as Git, changes nothing that runs: the last good state stays, is kept true, and the
// Repo says since when it is stale. When the server is back, so is the newest commit.
func TestSourceTrouble(t *testing.T) {
	t.Parallel()
	rows := []struct {
		name  string
		begin func(s *scenario)
		end   func(s *scenario)
	}{
		{"unreachable", func(s *scenario) { s.answer(s.name, unreachable) }, func(s *scenario) { s.answer(s.name, nil) }},
		{"garbage", func(s *scenario) { s.answer(s.name, garbage) }, func(s *scenario) { s.answer(s.name, nil) }},
		{"branch", func(s *scenario) { s.bare("branch", "-m", "main", "elsewhere") }, func(s *scenario) { s.bare("branch", "-m", "elsewhere", "main") }},
	}
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			s := newScenario(t, shared(t), "source-"+row.name)
			s.spec["revision"] = "main"
			app, repo := s.name, "Repo/plumb-system/"+s.name
			settings := "ConfigMap/" + app + "/settings"
			first := s.commit("one", files{"apps/" + app + "/a.yaml": configMap("settings", "a", "1")})
			s.ok(app, first)
			before := s.live(settings)

			row.begin(s)
			s.tell()
			s.stale(true)
			s.says(field(s.live(repo), "status.summary").(string), "stale since")
			s.patch(settings, "kubectl-edit", "data: {a: \"2\"}")
			s.has(settings, "data.a", "1")
			s.ok(app, first)

			row.end(s)
			s.tell()
			s.stale(false)
			s.ok(app, s.commit("two", files{"apps/" + app + "/a.yaml": configMap("settings", "a", "3")}))
			s.same(before)
			s.noDeletes(t, 0, app)
		})
	}
}

// stale waits until the Repo says that it is stale, or that it is not.
func (s *scenario) stale(want bool) {
	s.Helper()
	s.await(s.T, "Repo/plumb-system/"+s.name, func(o *unstructured.Unstructured) error {
		since := field(o, "status.staleSince")
		if (since != nil) != want {
			return errNotYet("staleSince is %v: %v", since, field(o, "status.summary"))
		}
		return nil
	})
}

// bare runs git in the served repository.
func (s *scenario) bare(arguments ...string) {
	s.Helper()
	if _, err := git(s.repo.bare, arguments...); err != nil {
		s.Fatal(err)
	}
}

// A webhook is believed only with the right signature.
func TestWebhookSignature(t *testing.T) {
	t.Parallel()
	s := newScenario(t, shared(t), "signed")
	s.ok("signed", s.commit("one", files{"apps/signed/a.yaml": configMap("settings", "a", "1")}))
	body := `{"ref":"refs/heads/main"}`
	for reason, call := range map[string]struct{ repo, signature string }{
		"no signature":      {"signed", ""},
		"another signature": {"signed", strings.Repeat("0", 64)},
		"an unknown Repo":   {"not-there", strings.Repeat("0", 64)},
	} {
		code, err := s.hook(call.repo, body, call.signature)
		if err != nil || code != http.StatusUnauthorized {
			t.Errorf("%s: %d, %v, want 401", reason, code, err)
		}
	}
}

// Without a webhook a commit is found by asking.
func TestPoll(t *testing.T) {
	t.Parallel()
	s := newScenario(t, shared(t), "poll")
	s.spec["poll"] = "10s"
	delete(s.spec, "webhook")
	s.ok("poll", s.commit("one", files{"apps/poll/a.yaml": configMap("settings", "a", "1")}))
	s.write(files{"apps/poll/a.yaml": configMap("settings", "a", "2")})
	s.git("commit", "-q", "-m", "two")
	s.git("push", "-q", "origin", "main")
	second := s.git("rev-parse", "HEAD")
	s.ok("poll", second)
	s.decided(second)
	if by := field(s.live("Repo/plumb-system/poll"), "status.observed.by"); by != "poll" {
		t.Errorf("the commit was seen by %v", by)
	}
}

// An App may follow a tag, a commit, or another branch than its Repo.
func TestRevisions(t *testing.T) {
	t.Parallel()
	s := newScenario(t, shared(t), "revision")
	first := s.commit("one", files{"apps/revision/a.yaml": configMap("settings", "a", "1")})
	s.git("tag", "v1")
	s.git("push", "-q", "origin", "v1")
	s.byHand("revision-tag", "revision", "revision: v1", "namespace: revision-tag")
	s.byHand("revision-commit", "revision", "revision: "+first, "namespace: revision-commit")
	second := s.commit("two", files{"apps/revision/a.yaml": configMap("settings", "a", "2")})
	s.ok("revision", second)
	s.ok("revision-tag", first)
	s.ok("revision-commit", first)
	s.has("ConfigMap/revision-tag/settings", "data.a", "1")
	s.byHand("revision-none", "revision", "revision: not-there", "namespace: revision-none")
	status := s.is("revision-none", "failed", "RevisionNotFound")
	s.says(status.Summary, "not-there")
}

// A repository that asks for a password is read with the Secret that the Repo names; without it the message says so.
func TestPrivateRepository(t *testing.T) {
	t.Parallel()
	s := newScenario(t, shared(t), "private")
	s.spec["secret"] = "private-git"
	smart := s.server.Handler
	first := s.commitQuietly("one", files{"apps/private/a.yaml": configMap("settings", "a", "1")})
	s.answer("private", func(w http.ResponseWriter, r *http.Request) {
		if user, password, _ := r.BasicAuth(); user != "plumb" || password != "correct-horse" {
			w.Header().Set("WWW-Authenticate", `Basic realm="git"`)
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		r.URL.Path = strings.Replace(r.URL.Path, "/private.git", "/open-private.git", 1)
		smart.ServeHTTP(w, r)
	})
	if err := os.Symlink(s.repo.bare, strings.Replace(s.repo.bare, "private.git", "open-private.git", 1)); err != nil {
		t.Fatal(err)
	}
	s.make("apiVersion: v1\nkind: Secret\nmetadata: {name: private-git, namespace: plumb-system}\nstringData: {username: plumb, password: wrong-staple}\n")
	s.makeRepo()
	s.stale(true)
	s.says(field(s.live("Repo/plumb-system/private"), "status.summary").(string), "private.git")
	reason := field(s.live("Repo/plumb-system/private"), "status.conditions.0.reason")
	if reason != "CredentialsRefused" {
		t.Errorf("the reason is %v", reason)
	}
	s.patch("Secret/plumb-system/private-git", "e2e", "stringData: {password: correct-horse}")
	s.tell()
	s.ok("private", first)
	for _, secret := range []string{"wrong-staple", "correct-horse"} {
		if said := s.said(secret, 1); said != "" {
			t.Errorf("the log tells the password: %s", said)
		}
	}
}

// A Repo names a Secret of its own namespace. A name that would lead to another namespace's is refused, and no server hears its values:
// whoever may write Repos in one namespace would have the credentials of all.
func TestASecretOfAnotherNamespaceIsNobodysCredential(t *testing.T) {
	t.Parallel()
	s := newScenario(t, shared(t), "thief")
	s.spec["secret"] = "../../thief-vault/secrets/git"
	s.commitQuietly("one", files{"apps/thief/a.yaml": configMap("settings", "a", "1")})
	var heard atomic.Value
	s.answer("thief", func(w http.ResponseWriter, r *http.Request) {
		if said := r.Header.Get("Authorization"); said != "" {
			heard.Store(said)
		}
		w.Header().Set("WWW-Authenticate", `Basic realm="git"`)
		w.WriteHeader(http.StatusUnauthorized)
	})
	s.make("apiVersion: v1\nkind: Namespace\nmetadata: {name: thief-vault}\n---\napiVersion: v1\nkind: Secret\nmetadata: {name: git, namespace: thief-vault}\nstringData: {username: plumb, password: correct-horse}\n")
	s.makeRepo()
	s.stale(true)
	if said := heard.Load(); said != nil {
		t.Errorf("the server hears the credential of another namespace: %v", said)
	}
	s.says(field(s.live("Repo/plumb-system/thief"), "status.summary").(string), "cannot be the name of an object")
}

// commitQuietly commits and pushes, and makes no Repo.
func (s *scenario) commitQuietly(message string, f files) string {
	s.Helper()
	s.write(f)
	s.git("commit", "-q", "-m", message)
	s.git("push", "-q", "origin", "HEAD:main")
	return s.git("rev-parse", "HEAD")
}

// A Repo may move to another address, and its apps with it.
func TestRepoMoves(t *testing.T) {
	t.Parallel()
	s := newScenario(t, shared(t), "address")
	s.ok("address", s.commit("one", files{"apps/address/a.yaml": configMap("settings", "a", "1")}))
	settings := s.live("ConfigMap/address/settings")
	other, err := s.world.gitHost.create("address-new")
	if err != nil {
		t.Fatal(err)
	}
	s.git("remote", "set-url", "origin", other.url)
	second := s.commitQuietly("two", files{"apps/address/a.yaml": configMap("settings", "a", "2")})
	s.patch("Repo/plumb-system/address", "kubectl-edit", "spec: {url: "+other.url+"}")
	s.ok("address", second)
	s.same(settings)
}
