package doctor

import (
	"context"
	"errors"
	"maps"
	"slices"
	"testing"
	"time"

	admissionv1 "k8s.io/api/admissionregistration/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"plumb.dev/plumb/api/v1alpha1"
)

func TestCovers(t *testing.T) {
	for _, row := range []struct {
		reason     string
		live, want any
		covers     bool
	}{
		{"the same", map[string]any{"a": "1"}, map[string]any{"a": "1"}, true},
		{"a default of the API server", map[string]any{"a": "1", "b": "2"}, map[string]any{"a": "1"}, true},
		{"a field that is not there", map[string]any{"b": "2"}, map[string]any{"a": "1"}, false},
		{"another value, deep below", map[string]any{"a": []any{map[string]any{"b": true}}}, map[string]any{"a": []any{map[string]any{"b": false}}}, false},
		{"a rule more is another list", []any{"a", "b"}, []any{"a"}, false},
		{"numbers, however they were decoded", float64(40), int64(40), true},
		{"nothing", nil, map[string]any{}, false},
	} {
		if got := covers(row.live, row.want); got != row.covers {
			t.Errorf("%s: %t", row.reason, got)
		}
	}
}

func TestServiceAccountsInUse(t *testing.T) {
	f := fleet{
		repos: []v1alpha1.Repo{{ObjectMeta: metav1.ObjectMeta{Name: "fleet", Namespace: "pay"}, Spec: v1alpha1.RepoSpec{ServiceAccount: "deployer"}}},
		apps: []v1alpha1.App{
			{ObjectMeta: metav1.ObjectMeta{Name: "a", Namespace: "pay", Labels: map[string]string{v1alpha1.LabelRepo: "fleet"}}, Spec: v1alpha1.AppSpec{Namespace: "a-dev"}},
			{ObjectMeta: metav1.ObjectMeta{Name: "b", Namespace: "plumb-system"}, Spec: v1alpha1.AppSpec{Namespace: "b"}},
			{ObjectMeta: metav1.ObjectMeta{Name: "c", Namespace: "plumb-system"}, Spec: v1alpha1.AppSpec{Namespace: "c", ServiceAccount: "weak"}},
		},
	}
	used := f.used()
	if names := slices.Sorted(maps.Keys(used)); !slices.Equal(names, []string{"pay/deployer", "plumb-system/plumb-deployer", "plumb-system/weak"}) {
		t.Errorf("in use are %v", names)
	}
	if !used["pay/deployer"]["a-dev"] || len(used["pay/deployer"]) != 1 {
		t.Errorf("pay/deployer applies into %v", used["pay/deployer"])
	}
}

// Without a cluster the checks of this machine remain, and what is wrong says what to do.
func TestWithoutACluster(t *testing.T) {
	weak := func(context.Context) (string, error) { return "no Landlock", nil }
	findings := Examine(t.Context(), Options{Sandbox: weak, Trouble: errors.New("no configuration"), CacheDir: t.TempDir() + "/not/there", Now: time.Now})
	checks := map[string]Grade{}
	for _, f := range findings {
		checks[f.Check] = f.Grade
		if (f.Grade == Wrong || f.Grade == Warning) && f.Next == "" {
			t.Errorf("%s is %s, and nothing says what to do", f.Check, f.Grade)
		}
	}
	if checks["git"] != Fine || checks["renders"] != Warning || checks["disk"] == "" || checks["disk"] == Unseen || checks["cluster"] != Wrong || len(checks) != 4 {
		t.Errorf("found: %v", findings)
	}
}

// The API takes no such webhook any more, and keeps those that were made before.
func TestWebhooksThatRefuseDryRuns(t *testing.T) {
	for effects, refuses := range map[admissionv1.SideEffectClass]bool{
		admissionv1.SideEffectClassSome: true, admissionv1.SideEffectClassUnknown: true, admissionv1.SideEffectClassNone: false, admissionv1.SideEffectClassNoneOnDryRun: false,
	} {
		e := &examination{}
		quiet := e.webhook(t.Context(), "validatingwebhookconfigurations", "old", hook{Name: "old.example.com", SideEffects: &effects})
		if quiet == refuses || refuses && (len(e.findings) != 1 || e.findings[0].Grade != Warning || e.findings[0].Next == "") {
			t.Errorf("sideEffects %s: %+v", effects, e.findings)
		}
	}
}

func TestWhatIsToDoAboutARepo(t *testing.T) {
	const https, ssh = "https://git.example.com/acme/fleet.git", "git@git.example.com:acme/fleet.git"
	for _, row := range []struct {
		reason, url, secret, why, message string
		held                              map[string][]byte
		next                              string
	}{
		{"it asks for credentials and gets none", https, "", "CredentialsRefused", "", nil,
			`kubectl -n pay create secret generic fleet-git --from-literal=token=… && kubectl -n pay patch repo fleet --type merge -p '{"spec":{"secret":"fleet-git"}}'`},
		{"over ssh too", ssh, "", "CredentialsRefused", "", nil,
			`kubectl -n pay create secret generic fleet-git --from-file=identity=… --from-file=known_hosts=… && kubectl -n pay patch repo fleet --type merge -p '{"spec":{"secret":"fleet-git"}}'`},
		{"a token is refused", https, "git", "CredentialsRefused", "", map[string][]byte{"token": {'x'}}, `kubectl -n pay patch secret git --type merge -p '{"stringData":{"token":"…"}}', then plumb sync`},
		{"a password is refused", https, "git", "CredentialsRefused", "", map[string][]byte{"password": {'x'}}, `kubectl -n pay patch secret git --type merge -p '{"stringData":{"password":"…"}}', then plumb sync`},
		{"a key is refused", ssh, "git", "CredentialsRefused", "", nil, `kubectl -n pay patch secret git --type merge -p '{"stringData":{"identity":"…"}}', then plumb sync`},
		{"another host key is shown", ssh, "git", "FetchFailed", "x [SSH_HOST_KEY_CHANGED]", nil, `kubectl -n pay patch secret git --type merge -p '{"stringData":{"known_hosts":"…"}}', then plumb sync`},
		{"nobody answers", https, "", "FetchFailed", "", nil, "see that the agent reaches " + https + "; it tries again by itself, and with plumb sync at once"},
		{"the branch is not there", https, "", "RevisionNotFound", "", nil, "kubectl -n pay edit repo fleet"},
		{"the address is unsafe", https, "", "UnsafeURL", "", nil, "kubectl -n pay edit repo fleet"},
	} {
		r := &v1alpha1.Repo{ObjectMeta: metav1.ObjectMeta{Name: "fleet", Namespace: "pay"}, Spec: v1alpha1.RepoSpec{URL: row.url, Secret: row.secret}}
		if got := unreadNext(r, &metav1.Condition{Reason: row.why, Message: row.message}, row.held); got != row.next {
			t.Errorf("%s: %s", row.reason, got)
		}
	}
}

func TestWhoMaySee(t *testing.T) {
	for user, want := range map[string]string{
		"Lena@example.com":                   "kubectl -n plumb-system create rolebinding plumb-viewer-lena-example-com --clusterrole=plumb-viewer --user=Lena@example.com",
		"system:serviceaccount:pay:pipeline": "kubectl -n plumb-system create rolebinding plumb-viewer-system-serviceaccount-pay-pipeline --clusterrole=plumb-viewer --serviceaccount=pay:pipeline",
	} {
		if got := bindViewer(user); got != want {
			t.Errorf("%s: %s", user, got)
		}
	}
}
