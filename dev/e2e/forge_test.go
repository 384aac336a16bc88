package e2e

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"testing"
	"time"
)

// macOf is the HMAC-SHA256 of a text.
func macOf(key, text string) []byte {
	mac := hmac.New(sha256.New, []byte(key))
	mac.Write([]byte(text))
	return mac.Sum(nil)
}

// forge is what one kind of forge sends: the headers of a delivery, and a body that says that a ref of a repository moved.
type forge struct {
	kind   string
	secret string // of the hook
	event  string // of a push
	other  string // an event that moves nothing
	header func(f forge, event, id, body string) map[string]string
	body   func(ref, address string) string
}

const signingKey = "0123456789abcdef0123456789abcdef"

// The shapes are those of docs/reference/webhooks.md.
var forges = []forge{
	{
		kind: "github", secret: "of-github", event: "push", other: "ping",
		header: func(f forge, event, id, body string) map[string]string {
			return map[string]string{
				"X-GitHub-Event": event, "X-GitHub-Delivery": id, "X-Hub-Signature-256": "sha256=" + hex.EncodeToString(macOf(f.secret, body)),
				"Content-Type": "application/x-www-form-urlencoded",
			}
		},
		body: func(ref, address string) string {
			return url.Values{"payload": {fmt.Sprintf(`{"ref":%q,"before":"1","after":"2","repository":{"full_name":"acme/fleet","clone_url":%q}}`, ref, address)}}.Encode()
		},
	},
	{
		kind: "gitea", secret: "of-gitea", event: "push", other: "issues",
		header: func(f forge, event, id, body string) map[string]string {
			mac := hex.EncodeToString(macOf(f.secret, body))
			return map[string]string{"X-Gitea-Event": event, "X-Gitea-Delivery": id, "X-Gitea-Signature": mac, "X-Forgejo-Signature": mac, "Content-Type": "application/json"}
		},
		body: func(ref, address string) string {
			return fmt.Sprintf(`{"ref":%q,"before":"1","after":"2","repository":{"full_name":"acme/fleet","clone_url":%q}}`, ref, address)
		},
	},
	{
		kind: "gitlab", secret: "of-gitlab", event: "Push Hook", other: "Note Hook",
		header: func(f forge, event, id, _ string) map[string]string {
			return map[string]string{"X-Gitlab-Event": event, "Idempotency-Key": id, "X-Gitlab-Token": f.secret, "Content-Type": "application/json"}
		},
		body: gitlabBody,
	},
	{
		kind: "gitlab", secret: "whsec_" + base64.StdEncoding.EncodeToString([]byte(signingKey)), event: "Push Hook", other: "Note Hook",
		header: func(_ forge, event, id, body string) map[string]string {
			at := strconv.FormatInt(time.Now().Unix(), 10)
			return map[string]string{
				"X-Gitlab-Event": event, "webhook-id": id, "webhook-timestamp": at, "Content-Type": "application/json",
				"webhook-signature": "v1," + base64.StdEncoding.EncodeToString(macOf(signingKey, id+"."+at+"."+body)),
			}
		},
		body: gitlabBody,
	},
}

func gitlabBody(ref, address string) string {
	return fmt.Sprintf(`{"object_kind":"push","event_name":"push","ref":%q,"before":"1","after":"2","project":{"git_http_url":%q}}`, ref, address)
}

// deliver sends a delivery and gives the HTTP status and the word.
func (s *scenario) deliver(repo string, header map[string]string, body string) (int, string) {
	s.Helper()
	req, err := http.NewRequestWithContext(s.Context(), http.MethodPost, "http://"+s.listen+"/hooks/"+system+"/"+repo, bytes.NewReader([]byte(body)))
	if err != nil {
		s.Fatal(err)
	}
	for name, value := range header {
		req.Header.Set(name, value)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		s.Fatal(err)
	}
	defer resp.Body.Close()
	word, err := io.ReadAll(resp.Body)
	if err != nil {
		s.Fatal(err)
	}
	return resp.StatusCode, strings.TrimSpace(string(word))
}

// A push that a forge tells is delivered long before the next poll. Other events, other branches and repetitions are answered
// and do nothing; what is not signed is not believed.
func TestForgeWebhooks(t *testing.T) {
	t.Parallel()
	for i, f := range forges {
		name := fmt.Sprintf("forge-%s-%d", f.kind, i)
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newScenario(t, shared(t), name)
			s.make(fmt.Sprintf("apiVersion: v1\nkind: Secret\nmetadata: {name: %s-hook, namespace: plumb-system}\nstringData: {secret: %q}\n", name, f.secret))
			s.spec["poll"], s.spec["webhook"] = "24h", map[string]any{"kind": f.kind, "secret": name + "-hook"}
			first := s.commitQuietly("one", files{"apps/" + name + "/a.yaml": configMap("settings", "a", "1")})
			s.makeRepo()
			s.ok(name, first)

			second := s.commitQuietly("two", files{"apps/" + name + "/a.yaml": configMap("settings", "a", "2")})
			body := f.body("refs/heads/main", s.repo.url)
			expect := func(reason string, header map[string]string, body string, want int, word string) {
				t.Helper()
				if code, said := s.deliver(name, header, body); code != want || !strings.Contains(said, word) {
					t.Errorf("%s: %d %q, want %d with %q", reason, code, said, want, word)
				}
			}
			wrong := f
			wrong.secret = "another"
			if !strings.HasPrefix(f.secret, "whsec_") {
				expect("not signed by the secret", wrong.header(wrong, f.event, "0", body), body, http.StatusUnauthorized, "")
			}
			expect("no signature", nil, body, http.StatusUnauthorized, "")
			expect("another event", f.header(f, f.other, "1", "{}"), "{}", http.StatusOK, f.other)
			other := f.body("refs/heads/other", s.repo.url)
			expect("another branch", f.header(f, f.event, "2", other), other, http.StatusOK, "not tracked")
			expect("torn", f.header(f, f.event, "3", "{"), "{", http.StatusBadRequest, "")
			if at := s.ok(name, first); at.Target != first {
				t.Errorf("somebody looked: %s", at)
			}
			begun := time.Now()
			expect("the push", f.header(f, f.event, "4", body), body, http.StatusAccepted, "looking")
			s.ok(name, second)
			t.Logf("%s: %d ms from the delivery to ok", f.kind, time.Since(begun).Milliseconds())
			expect("the same again", f.header(f, f.event, "4", body), body, http.StatusOK, "delivered before")
			s.decided(second)
			if by := field(s.live("Repo/plumb-system/"+name), "status.observed.by"); by != "webhook" {
				t.Errorf("the commit was seen by %v", by)
			}
		})
	}
}

// One hook of an organisation may serve several Repos: those that are verified by the same Secret, chosen by the address that
// the forge sends.
func TestForgeHookOfManyRepos(t *testing.T) {
	t.Parallel()
	f := forges[1]
	w := shared(t)
	one, two := newScenario(t, w, "organised-one"), newScenario(t, w, "organised-two")
	one.make("apiVersion: v1\nkind: Secret\nmetadata: {name: organised, namespace: plumb-system}\nstringData: {secret: of-gitea}\n")
	var firsts []string
	for _, s := range []*scenario{one, two} {
		s.spec["poll"], s.spec["webhook"] = "24h", map[string]any{"kind": f.kind, "secret": "organised"}
		firsts = append(firsts, s.commitQuietly("one", files{"apps/" + s.name + "/a.yaml": configMap("settings", "a", "1")}))
		s.makeRepo()
		s.ok(s.name, firsts[len(firsts)-1])
	}
	one.commitQuietly("two", files{"apps/organised-one/a.yaml": configMap("settings", "a", "2")})
	second := two.commitQuietly("two", files{"apps/organised-two/a.yaml": configMap("settings", "a", "2")})
	body := f.body("refs/heads/main", strings.TrimSuffix(two.repo.url, ".git"))
	if code, word := one.deliver("organised-one", f.header(f, f.event, "1", body), body); code != http.StatusAccepted {
		t.Fatalf("the delivery was answered with %d %q", code, word)
	}
	two.ok("organised-two", second)
	one.ok("organised-one", firsts[0]) // nobody looked there
}
