package repos

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/http"
	"slices"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"plumb.dev/plumb/api/v1alpha1"
	"plumb.dev/plumb/internal/source"
	"plumb.dev/plumb/internal/source/trigger"
)

// town is two Repos with the same hook secret, one of which has a forge, and one with another secret.
type town struct {
	*Hooks
	secrets int      // how often one was read
	looked  []string // whose pull requests are looked at
	hinted  []string // which one is
}

func newTown(t *testing.T, pulls bool) *town {
	rs, town := following(t, t.TempDir()), &town{}
	var all []*Repo
	for _, name := range []string{"fleet", "shop", "other"} {
		o := &v1alpha1.Repo{ObjectMeta: metav1.ObjectMeta{Namespace: "plumb-system", Name: name}}
		o.Spec.URL = "https://git.example.com/acme/" + name + ".git"
		o.Spec.Webhook = &v1alpha1.Webhook{Kind: "github", Secret: "hook"}
		switch name {
		case "shop":
			o.Spec.Forge = &v1alpha1.Forge{Kind: "github", Secret: "token"}
		case "other":
			o.Spec.Webhook.Secret = "another"
		}
		r := NewRepo(t.Context(), o, Clerk{Shown: func(*v1alpha1.Repo, time.Time) {}})
		r.ReadFrom(rs.Track(Address{Namespace: o.Namespace, URL: o.Spec.URL}, newFollower(name, "main"), time.Hour, trigger.Poll))
		all = append(all, r)
	}
	options := HookOptions{
		Repo: func(key types.NamespacedName) *Repo {
			if i := slices.IndexFunc(all, func(r *Repo) bool { return r.Key == key }); i >= 0 {
				return all[i]
			}
			return nil
		},
		Repos: func(string) []*Repo { return all },
		Secret: func(context.Context, string, string) (map[string]string, error) {
			town.secrets++
			return map[string]string{"secret": "hunter2"}, nil
		},
		Look: func(repo types.NamespacedName) { town.looked = append(town.looked, repo.Name) },
	}
	if pulls {
		options.Hint = func(repo types.NamespacedName, number int) {
			town.hinted = append(town.hinted, fmt.Sprintf("%s %d", repo.Name, number))
		}
	}
	town.Hooks = NewHooks(options)
	return town
}

// deliver sends what a forge would, to the hook of a Repo, with a secret.
func (town *town) deliver(t *testing.T, repo, secret, event, id, body string) (status int, word string) {
	mac := hmac.New(sha256.New, []byte(secret))
	mac.Write([]byte(body))
	header := http.Header{}
	header.Set("Content-Type", "application/json")
	header.Set("X-Hub-Signature-256", "sha256="+hex.EncodeToString(mac.Sum(nil)))
	header.Set("X-GitHub-Event", event)
	header.Set("X-GitHub-Delivery", id)
	return town.Deliver(t.Context(), types.NamespacedName{Namespace: "plumb-system", Name: repo}, header, []byte(body))
}

// push is the body of a push to a ref of a repository.
func push(repository, ref string) string {
	return fmt.Sprintf(`{"ref": %q, "after": "%040d", "repository": {"clone_url": "https://git.example.com/acme/%s.git"}}`, ref, 1, repository)
}

func TestDeliveries(t *testing.T) {
	pull := `{"action": "opened", "number": 7, "pull_request": {"number": 7}, "repository": {"clone_url": "https://git.example.com/acme/shop.git"}}`
	for _, row := range []struct {
		reason        string
		repo, secret  string
		event, body   string
		status        int
		looks, hinted []string
	}{
		{"a push", "fleet", "hunter2", "push", push("fleet", "refs/heads/main"), 202, []string{"fleet"}, nil},
		{"a push to another repository that has the same hook", "fleet", "hunter2", "push", push("shop", "refs/heads/main"), 202, []string{"shop"}, nil},
		{"one that has another secret is not meant by it", "fleet", "hunter2", "push", push("other", "refs/heads/main"), 202, []string{"fleet"}, nil},
		{"a repository by an address that nobody knows: that of the hook", "fleet", "hunter2", "push", push("mirror", "refs/heads/main"), 202, []string{"fleet"}, nil},
		{"a branch that is not followed may be the head of a pull request", "fleet", "hunter2", "push", push("fleet", "refs/heads/topic"), 200, []string{"fleet"}, nil},
		{"another event", "fleet", "hunter2", "star", `{}`, 200, nil, nil},
		{"what is no push", "fleet", "hunter2", "push", `[`, 400, nil, nil},
		{"a wrong secret", "fleet", "hunter3", "push", push("fleet", "refs/heads/main"), 401, nil, nil},
		{"a Repo that does not exist answers as a wrong secret", "nobody", "hunter2", "push", push("fleet", "refs/heads/main"), 401, nil, nil},
		{"a pull request", "shop", "hunter2", "pull_request", pull, 202, nil, []string{"shop 7"}},
		{"of a repository without a forge", "fleet", "hunter2", "pull_request", fmt.Sprintf(`{"number": 7, "pull_request": {"number": 7}, "repository": {"clone_url": %q}}`, "https://git.example.com/acme/fleet.git"), 200, nil, nil},
	} {
		t.Run(row.reason, func(t *testing.T) {
			town := newTown(t, true)
			fleet := town.options.Repo(types.NamespacedName{Namespace: "plumb-system", Name: "fleet"})
			fleet.Repository().heads["main"] = source.Head{Ref: "refs/heads/main", Kind: source.Branch} // as it was resolved
			status, word := town.deliver(t, row.repo, row.secret, row.event, "1", row.body)
			if status != row.status || !slices.Equal(town.looked, row.looks) || !slices.Equal(town.hinted, row.hinted) {
				t.Errorf("%d %q, looks at %v and %v; want %d, %v and %v", status, word, town.looked, town.hinted, row.status, row.looks, row.hinted)
			}
			again, _ := town.deliver(t, row.repo, row.secret, row.event, "1", row.body)
			if row.status == http.StatusAccepted && again != http.StatusOK || row.status != http.StatusAccepted && again != row.status {
				t.Errorf("the same again: %d after %d", again, row.status)
			}
			if town.secrets > 1 {
				t.Error("who delivers twice has the secret read twice")
			}
		})
	}
}

// A read-only agent looks at no pull request.
func TestNobodyLooksAtPulls(t *testing.T) {
	town := newTown(t, false)
	body := `{"number": 7, "pull_request": {"number": 7}, "repository": {"clone_url": "https://git.example.com/acme/shop.git"}}`
	if status, word := town.deliver(t, "shop", "hunter2", "pull_request", "1", body); status != http.StatusOK || len(town.hinted) != 0 {
		t.Errorf("%d %q", status, word)
	}
}
