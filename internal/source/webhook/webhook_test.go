package webhook_test

import (
	"encoding/base64"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"plumb.dev/plumb/internal/source/webhook"
)

const secret = "correct-horse"

var (
	now     = time.Unix(1_790_000_000, 0)
	signing = "whsec_" + base64.StdEncoding.EncodeToString([]byte("0123456789abcdef0123456789abcdef"))
)

func headers(pairs ...string) http.Header {
	h := http.Header{}
	for i := 0; i < len(pairs); i += 2 {
		h.Add(pairs[i], pairs[i+1])
	}
	return h
}

func TestVerify(t *testing.T) {
	body := []byte(`{"ref":"refs/heads/main"}`)
	good := webhook.Sign(secret, body)
	signed := webhook.SignGitLab(signing, "one", now, body)
	at := strconv.FormatInt(now.Unix(), 10)
	gitlab := func(id, when, signature string) http.Header {
		return headers("webhook-id", id, "webhook-timestamp", when, "webhook-signature", signature)
	}
	for _, test := range []struct {
		reason string
		kind   webhook.Kind
		secret string
		header http.Header
		want   bool
	}{
		{"the signature", webhook.Generic, secret, headers("X-Plumb-Signature-256", good), true},
		{"no signature", webhook.Generic, secret, nil, false},
		{"a wrong one", webhook.Generic, secret, headers("X-Plumb-Signature-256", strings.Repeat("0", 64)), false},
		{"half of it", webhook.Generic, secret, headers("X-Plumb-Signature-256", good[:32]), false},
		{"upper case", webhook.Generic, secret, headers("X-Plumb-Signature-256", strings.ToUpper(good)), false},
		{"a prefix of others", webhook.Generic, secret, headers("X-Plumb-Signature-256", "sha256="+good), false},
		{"a list", webhook.Generic, secret, headers("X-Plumb-Signature-256", good+","+good), false},
		{"twice", webhook.Generic, secret, headers("X-Plumb-Signature-256", good, "X-Plumb-Signature-256", good), false},
		{"a space", webhook.Generic, secret, headers("X-Plumb-Signature-256", good[:63]+" "), false},
		{"of another body", webhook.Generic, secret, headers("X-Plumb-Signature-256", webhook.Sign(secret, nil)), false},
		{"of another secret", webhook.Generic, secret, headers("X-Plumb-Signature-256", webhook.Sign("other", body)), false},
		{"no secret verifies nothing", webhook.Generic, "", headers("X-Plumb-Signature-256", webhook.Sign("", body)), false},
		{"github", webhook.GitHub, secret, headers("X-Hub-Signature-256", "sha256="+good), true},
		{"github without its prefix", webhook.GitHub, secret, headers("X-Hub-Signature-256", good), false},
		{"github with the header of SHA-1 only", webhook.GitHub, secret, headers("X-Hub-Signature", "sha1="+good[:40]), false},
		{"github, signed as generic", webhook.GitHub, secret, headers("X-Plumb-Signature-256", good), false},
		{"gitea", webhook.Gitea, secret, headers("X-Gitea-Signature", good), true},
		{"forgejo sends both", webhook.Gitea, secret, headers("X-Forgejo-Signature", good, "X-Gitea-Signature", good), true},
		{"forgejo's alone", webhook.Gitea, secret, headers("X-Forgejo-Signature", good), true},
		{"a right one does not save a wrong one", webhook.Gitea, secret, headers("X-Forgejo-Signature", strings.Repeat("0", 64), "X-Gitea-Signature", good), false},
		{"gitea's compatible header is not asked for", webhook.Gitea, secret, headers("X-Hub-Signature-256", "sha256="+good), false},
		{"gitlab's secret token", webhook.GitLab, secret, headers("X-Gitlab-Token", secret), true},
		{"a wrong token", webhook.GitLab, secret, headers("X-Gitlab-Token", secret+"x"), false},
		{"two tokens", webhook.GitLab, secret, headers("X-Gitlab-Token", secret, "X-Gitlab-Token", secret), false},
		{"gitlab's signing token", webhook.GitLab, signing, gitlab("one", at, signed), true},
		{"among signatures of other keys", webhook.GitLab, signing, gitlab("one", at, "v1,AAAA "+signed), true},
		{"of another delivery", webhook.GitLab, signing, gitlab("two", at, signed), false},
		{"of another time", webhook.GitLab, signing, gitlab("one", strconv.FormatInt(now.Unix()+1, 10), signed), false},
		{"another spelling of the time", webhook.GitLab, signing, gitlab("one", "+"+at, signed), false},
		{"too old", webhook.GitLab, signing, gitlab("one", strconv.FormatInt(now.Unix()-301, 10), webhook.SignGitLab(signing, "one", now.Add(-301*time.Second), body)), false},
		{"from the future", webhook.GitLab, signing, gitlab("one", strconv.FormatInt(now.Unix()+301, 10), webhook.SignGitLab(signing, "one", now.Add(301*time.Second), body)), false},
		{"within five minutes", webhook.GitLab, signing, gitlab("one", strconv.FormatInt(now.Unix()-299, 10), webhook.SignGitLab(signing, "one", now.Add(-299*time.Second), body)), true},
		{"a signing token is not accepted in the clear", webhook.GitLab, signing, headers("X-Gitlab-Token", signing), false},
		{"a signing token that is none", webhook.GitLab, "whsec_%%", gitlab("one", at, "v1,"), false},
		{"an unknown kind", "bitbucket", secret, headers("X-Hub-Signature-256", "sha256="+good), false},
	} {
		if got := webhook.Verify(test.kind, test.secret, test.header, body, now); got != test.want {
			t.Errorf("%s: %v, want %v", test.reason, got, test.want)
		}
		if test.want && !webhook.Claims(test.kind, test.header) {
			t.Errorf("%s: a right proof is not seen as one", test.reason)
		}
	}
}

// The shapes of the bodies are those that the forges document, see docs/reference/webhooks.md; the values are our own.
const (
	githubPush = `{"ref": "refs/heads/main", "before": "1111111111111111111111111111111111111111", "after": "2222222222222222222222222222222222222222",
		"created": false, "deleted": false, "forced": false, "compare": "https://git.example.com/acme/fleet/compare/111...222",
		"commits": [{"id": "2222222222222222222222222222222222222222", "message": "two", "added": [], "removed": [], "modified": ["a.yaml"]}],
		"repository": {"id": 7, "name": "fleet", "full_name": "acme/fleet", "private": true, "owner": {"name": "acme"}, "html_url": "https://git.example.com/acme/fleet",
			"git_url": "git://git.example.com/acme/fleet.git", "ssh_url": "git@git.example.com:acme/fleet.git", "clone_url": "https://git.example.com/acme/fleet.git", "pushed_at": 1790000000},
		"pusher": {"name": "ada", "email": "ada@example.com"}, "sender": {"login": "ada"}}`
	githubPing = `{"zen": "Keep it logically awesome.", "hook_id": 1, "hook": {"type": "Repository", "events": ["push"]}, "repository": {"full_name": "acme/fleet"}}`
	gitlabPush = `{"object_kind": "push", "event_name": "push", "before": "1111111111111111111111111111111111111111", "after": "2222222222222222222222222222222222222222",
		"ref": "refs/heads/main", "ref_protected": true, "checkout_sha": "2222222222222222222222222222222222222222", "user_username": "ada", "project_id": 15,
		"project": {"id": 15, "name": "Fleet", "web_url": "https://git.example.com/acme/fleet", "git_ssh_url": "git@git.example.com:acme/fleet.git",
			"git_http_url": "https://git.example.com/acme/fleet.git", "path_with_namespace": "acme/fleet", "default_branch": "main"},
		"repository": {"name": "Fleet", "url": "git@git.example.com:acme/fleet.git", "git_http_url": "https://git.example.com/acme/fleet.git"},
		"commits": [], "total_commits_count": 1}`
	gitlabTag = `{"object_kind": "tag_push", "event_name": "tag_push", "before": "0000000000000000000000000000000000000000", "after": "3333333333333333333333333333333333333333",
		"ref": "refs/tags/v1.2.0", "project": {"git_http_url": "https://git.example.com/acme/fleet.git"}}`
	giteaPush = `{"ref": "refs/heads/main", "before": "1111111111111111111111111111111111111111", "after": "2222222222222222222222222222222222222222",
		"compare_url": "https://git.example.com/acme/fleet/compare/111...222", "commits": [{"id": "2222222222222222222222222222222222222222", "message": "two\n"}],
		"repository": {"id": 9, "name": "fleet", "full_name": "acme/fleet", "html_url": "https://git.example.com/acme/fleet",
			"ssh_url": "ssh://git@git.example.com:2222/acme/fleet.git", "clone_url": "https://git.example.com/acme/fleet.git"},
		"pusher": {"login": "ada"}, "sender": {"login": "ada"}}`
)

func TestRead(t *testing.T) {
	form := url.Values{"payload": {githubPush}}.Encode()
	for _, test := range []struct {
		reason string
		kind   webhook.Kind
		header http.Header
		body   string
		moved  bool
		ref    string
		at     string // an address that must be among those told
		event  string
		fails  bool
	}{
		{"a push", webhook.GitHub, headers("X-GitHub-Event", "push", "Content-Type", "application/json"), githubPush, true, "refs/heads/main", "git@git.example.com:acme/fleet.git", "push", false},
		{"a push as a form, GitHub's default", webhook.GitHub, headers("X-GitHub-Event", "push", "Content-Type", "application/x-www-form-urlencoded"), form, true, "refs/heads/main", "https://git.example.com/acme/fleet.git", "push", false},
		{"the first delivery of a new hook", webhook.GitHub, headers("X-GitHub-Event", "ping"), githubPing, false, "", "", "ping", false},
		{"another event is not even parsed", webhook.GitHub, headers("X-GitHub-Event", "issues"), `{`, false, "", "", "issues", false},
		{"no event", webhook.GitHub, nil, githubPush, false, "", "", "", false},
		{"a push", webhook.GitLab, headers("X-Gitlab-Event", "Push Hook"), gitlabPush, true, "refs/heads/main", "https://git.example.com/acme/fleet.git", "Push Hook", false},
		{"a tag", webhook.GitLab, headers("X-Gitlab-Event", "Tag Push Hook"), gitlabTag, true, "refs/tags/v1.2.0", "https://git.example.com/acme/fleet.git", "Tag Push Hook", false},
		{"an administrator's hook", webhook.GitLab, headers("X-Gitlab-Event", "System Hook"), gitlabTag, true, "refs/tags/v1.2.0", "", "System Hook", false},
		{"an administrator's hook of something else", webhook.GitLab, headers("X-Gitlab-Event", "System Hook"), `{"event_name":"user_create"}`, false, "", "", "System Hook", false},
		{"a merge request", webhook.GitLab, headers("X-Gitlab-Event", "Merge Request Hook"), `{}`, false, "", "", "Merge Request Hook", false},
		{"a push", webhook.Gitea, headers("X-Gitea-Event", "push"), giteaPush, true, "refs/heads/main", "ssh://git@git.example.com:2222/acme/fleet.git", "push", false},
		{"forgejo's own header", webhook.Gitea, headers("X-Forgejo-Event", "push"), giteaPush, true, "refs/heads/main", "", "push", false},
		{"a push that names no ref", webhook.Gitea, headers("X-Gitea-Event", "push"), `{}`, true, "", "", "push", false},
		{"null everywhere", webhook.GitHub, headers("X-GitHub-Event", "push"), `{"ref":null,"repository":null}`, true, "", "", "push", false},
		{"a ref of another type", webhook.GitHub, headers("X-GitHub-Event", "push"), `{"ref":["refs/heads/main"]}`, false, "", "", "push", true},
		{"a repository of another type", webhook.GitHub, headers("X-GitHub-Event", "push"), `{"repository":7}`, false, "", "", "push", true},
		{"no JSON", webhook.GitLab, headers("X-Gitlab-Event", "Push Hook"), `<html>`, false, "", "", "Push Hook", true},
		{"a form without its field", webhook.GitHub, headers("X-GitHub-Event", "push", "Content-Type", "application/x-www-form-urlencoded"), "x=1", false, "", "", "push", true},
		{"anything that is signed", webhook.Generic, nil, `not parsed`, true, "", "", "", false},
	} {
		d, err := webhook.Read(test.kind, test.header, []byte(test.body))
		if (err != nil) != test.fails || d.Moved != test.moved || d.Ref != test.ref || d.Event != test.event || test.at != "" && !slices.Contains(d.Addresses, test.at) {
			t.Errorf("%s, %s: %+v (%v)", test.kind, test.reason, d, err)
		}
	}
}

// What happens to a pull request, and what is said about it, names its number; the same of an issue does not.
func TestReadOfPullRequests(t *testing.T) {
	const repository = `"repository": {"clone_url": "https://git.example.com/acme/fleet.git"}`
	const project = `"project": {"git_http_url": "https://git.example.com/acme/fleet.git"}`
	for _, test := range []struct {
		reason      string
		kind        webhook.Kind
		event, body string
		want        int
	}{
		{"opened, pushed to, closed", webhook.GitHub, "pull_request", `{"action": "synchronize", "number": 12, "pull_request": {"number": 12, "head": {"sha": "1"}}, ` + repository + `}`, 12},
		{"reviewed", webhook.GitHub, "pull_request_review", `{"action": "submitted", "review": {"state": "approved"}, "pull_request": {"number": 12}, ` + repository + `}`, 12},
		{"commented on", webhook.GitHub, "issue_comment", `{"action": "created", "issue": {"number": 12, "pull_request": {"url": "u"}}, "comment": {"body": "/plan"}, ` + repository + `}`, 12},
		{"an issue was", webhook.GitHub, "issue_comment", `{"action": "created", "issue": {"number": 12}, ` + repository + `}`, 0},
		{"opened, pushed to, closed", webhook.Gitea, "pull_request", `{"action": "synchronized", "number": 12, "pull_request": {"number": 12}, ` + repository + `}`, 12},
		{"approved", webhook.Gitea, "pull_request_approved", `{"action": "reviewed", "number": 12, "pull_request": {"number": 12}, ` + repository + `}`, 12},
		{"commented on", webhook.Gitea, "issue_comment", `{"action": "created", "issue": {"number": 12, "pull_request": {"merged": false}}, "is_pull": true, ` + repository + `}`, 12},
		{"an issue was", webhook.Gitea, "issue_comment", `{"action": "created", "issue": {"number": 12, "pull_request": null}, "is_pull": false, ` + repository + `}`, 0},
		{"opened, pushed to, merged", webhook.GitLab, "Merge Request Hook", `{"object_kind": "merge_request", "object_attributes": {"iid": 12, "id": 99, "target_branch": "main", "action": "update"}, ` + project + `}`, 12},
		{"commented on", webhook.GitLab, "Note Hook", `{"object_kind": "note", "object_attributes": {"id": 7, "noteable_type": "MergeRequest"}, "merge_request": {"iid": 12, "id": 99}, ` + project + `}`, 12},
		{"an issue was", webhook.GitLab, "Note Hook", `{"object_kind": "note", "object_attributes": {"id": 7, "noteable_type": "Issue"}, "issue": {"iid": 12}, ` + project + `}`, 0},
		{"a number that is none", webhook.GitHub, "pull_request", `{"pull_request": {"number": -1}, ` + repository + `}`, 0},
		{"another event", webhook.GitHub, "issues", `{"issue": {"number": 12, "pull_request": {}}, ` + repository + `}`, 0},
	} {
		d, err := webhook.Read(test.kind, headers("X-GitHub-Event", test.event, "X-Gitea-Event", test.event, "X-Gitlab-Event", test.event), []byte(test.body))
		if err != nil || d.Pull != test.want || d.Moved || test.want > 0 && !slices.Contains(d.Addresses, "https://git.example.com/acme/fleet.git") {
			t.Errorf("%s, %s: %+v (%v), want %d", test.kind, test.reason, d, err, test.want)
		}
	}
	if _, err := webhook.Read(webhook.GitHub, headers("X-GitHub-Event", "pull_request"), []byte(`{"pull_request": "x"}`)); err == nil {
		t.Error("a pull request of another type is none")
	}
}

func TestSeen(t *testing.T) {
	var seen webhook.Seen
	read := func(kind webhook.Kind, id, body string) []string {
		t.Helper()
		d, err := webhook.Read(kind, headers("X-GitHub-Event", "push", "X-GitHub-Delivery", id, "X-Gitlab-Event", "Push Hook", "Idempotency-Key", id), []byte(body))
		if err != nil {
			t.Fatal(err)
		}
		return d.Marks
	}
	for _, test := range []struct {
		reason string
		name   string
		marks  []string
		at     time.Time
		want   bool
	}{
		{"the first", "a", read(webhook.GitHub, "1", githubPush), now, false},
		{"the same again", "a", read(webhook.GitHub, "1", githubPush), now, true},
		{"replayed under another name, which is not signed", "a", read(webhook.GitHub, "2", githubPush), now, true},
		{"to another hook", "b", read(webhook.GitHub, "1", githubPush), now, false},
		{"another push", "a", read(webhook.GitHub, "3", giteaPush), now, false},
		{"an hour later", "a", read(webhook.GitHub, "3", giteaPush), now.Add(time.Hour), false},
		{"gitlab", "c", read(webhook.GitLab, "1", gitlabPush), now, false},
		{"gitlab tries again", "c", read(webhook.GitLab, "1", gitlabPush), now, true},
		{"there and back and there again: the same body", "c", read(webhook.GitLab, "2", gitlabPush), now, false},
		{"without marks each is new", "d", nil, now, false},
		{"without marks each is new", "d", nil, now, false},
	} {
		if got := seen.Again(test.name, test.marks, test.at); got != test.want {
			t.Errorf("%s: %v, want %v", test.reason, got, test.want)
		}
	}
	for i := range 10_000 {
		seen.Again("flood", []string{fmt.Sprint(i)}, now)
	}
	if seen.Again("flood", []string{"0"}, now) || !seen.Again("flood", []string{"9999"}, now) {
		t.Error("what is remembered is not bounded, or not the newest")
	}
}

func TestSame(t *testing.T) {
	for _, test := range []struct {
		one, other string
		want       bool
	}{
		{"https://git.example.com/acme/fleet.git", "git@git.example.com:acme/fleet.git", true},
		{"https://git.example.com/acme/fleet", "ssh://git@Git.Example.com:2222/acme/fleet.git/", true},
		{"https://git.example.com/acme/fleet", "https://git.example.com/acme/fleet2", false},
		{"https://git.example.com/acme/fleet", "https://other.example.com/acme/fleet", false},
		{"https://git.example.com/.*", "https://git.example.com/acme", false},
		{"", "", false},
		{"https://git.example.com", "https://git.example.com", false},
		{"file:///srv/a.git", "file:///srv/a.git", false},
	} {
		if got := webhook.Same(test.one, test.other); got != test.want {
			t.Errorf("%q and %q: %v, want %v", test.one, test.other, got, test.want)
		}
	}
}

// FuzzRead: no body brings the agent down, and what is told is a hint in bounds.
func FuzzRead(f *testing.F) {
	for _, body := range []string{githubPush, githubPing, gitlabPush, gitlabTag, giteaPush, `{"ref":{}}`, `[`, ``} {
		f.Add(body, "push", "application/json")
	}
	f.Fuzz(func(t *testing.T, body, event, content string) {
		h := headers("X-GitHub-Event", event, "X-Gitlab-Event", event, "X-Gitea-Event", event, "Content-Type", content)
		for _, kind := range []webhook.Kind{webhook.Generic, webhook.GitHub, webhook.GitLab, webhook.Gitea} {
			d, err := webhook.Read(kind, h, []byte(body))
			if len(d.Event) > 64 || d.Pull < 0 || err != nil && (d.Moved || d.Pull > 0) {
				t.Errorf("%s: %+v (%v)", kind, d, err)
			}
			for _, address := range d.Addresses {
				webhook.Same(address, "https://git.example.com/a")
			}
		}
	})
}
