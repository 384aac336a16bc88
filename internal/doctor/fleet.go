package doctor

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	authorizationv1 "k8s.io/api/authorization/v1"
	corev1 "k8s.io/api/core/v1"
	apimeta "k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"plumb.dev/plumb/api/v1alpha1"
	"plumb.dev/plumb/internal/cluster"
	"plumb.dev/plumb/internal/fault"
	"plumb.dev/plumb/internal/report"
	"plumb.dev/plumb/internal/source"
)

// fleet is what people have written of it.
type fleet struct {
	repos []v1alpha1.Repo
	apps  []v1alpha1.App
}

const groupPath = "/apis/plumb.dev/v1alpha1/"

// read reads Repos and Apps, once.
func (e *examination) read(ctx context.Context) error {
	if e.fleet.repos != nil {
		return nil
	}
	var repos v1alpha1.RepoList
	var apps v1alpha1.AppList
	if err := e.api.get(ctx, groupPath+"repos", &repos); err != nil {
		return err
	}
	if err := e.api.get(ctx, groupPath+"apps", &apps); err != nil {
		return err
	}
	e.fleet = fleet{repos: append([]v1alpha1.Repo{}, repos.Items...), apps: apps.Items}
	return nil
}

// used gives the ServiceAccounts that apps are applied as, with the namespaces that each applies into.
func (f fleet) used() map[string]map[string]bool {
	used := map[string]map[string]bool{}
	use := func(namespace, account, into string) {
		key := namespace + "/" + cmp.Or(account, "plumb-deployer")
		if used[key] == nil {
			used[key] = map[string]bool{}
		}
		if into != "" {
			used[key][into] = true
		}
	}
	accounts := map[string]string{}
	for _, r := range f.repos {
		use(r.Namespace, r.Spec.ServiceAccount, "")
		accounts[r.Namespace+"/"+r.Name] = r.Spec.ServiceAccount
	}
	for _, a := range f.apps {
		account := a.Spec.ServiceAccount
		if maker := a.Labels[v1alpha1.LabelRepo]; maker != "" && account == "" {
			account = accounts[a.Namespace+"/"+maker]
		}
		use(a.Namespace, account, a.Spec.Namespace)
	}
	return used
}

// accounts looks whether the ServiceAccounts exist, and what they may.
func (e *examination) accounts(ctx context.Context) {
	if err := e.read(ctx); err != nil {
		if !isGone(err) {
			e.unseen("accounts", err)
		}
		return
	}
	used := e.fleet.used()
	for _, key := range slices.Sorted(maps.Keys(used)) {
		namespace, name, _ := strings.Cut(key, "/")
		var account corev1.ServiceAccount
		err := e.api.get(ctx, "/api/v1/namespaces/"+namespace+"/serviceaccounts/"+name, &account)
		switch {
		case isGone(err):
			target := namespace // of a Repo without apps
			if into := slices.Sorted(maps.Keys(used[key])); len(into) > 0 {
				target = into[0]
			}
			missing := cluster.MissingServiceAccount(namespace, name, target)
			next := missing.Next
			if key == v1alpha1.Namespace+"/plumb-deployer" {
				next = "plumb install --only access"
			}
			e.wrong("accounts", next, "%s, and apps are to be applied as it", missing.Message)
		case err != nil:
			e.unseen("accounts", err)
		default:
			e.mayApply(ctx, namespace, name, slices.Sorted(maps.Keys(used[key])))
		}
	}
}

// mayApply tells what a ServiceAccount may.
func (e *examination) mayApply(ctx context.Context, namespace, name string, into []string) {
	user := accountPrefix + namespace + ":" + name
	everything := authorizationv1.ResourceAttributes{Verb: "*", Group: "*", Resource: "*"}
	all, err := e.api.may(ctx, user, everything)
	if err != nil {
		e.unseen("accounts", err)
		return
	}
	if all {
		e.fine("accounts", "%s/%s may do everything", namespace, name)
		return
	}
	var not []string
	for _, target := range into {
		allowed, err := e.api.may(ctx, user, authorizationv1.ResourceAttributes{Verb: "patch", Resource: "configmaps", Namespace: target})
		if err == nil && !allowed {
			not = append(not, target)
		}
	}
	if len(not) > 0 {
		e.warn("accounts", fmt.Sprintf("kubectl -n %s create rolebinding %s --clusterrole=admin --serviceaccount=%s:%s", not[0], name, namespace, name),
			"%s/%s may not write ConfigMaps in %s, where apps are applied as it", namespace, name, strings.Join(not, ", "))
		return
	}
	e.fine("accounts", "%s/%s may write in %s", namespace, name, cmp.Or(strings.Join(into, ", "), "no namespace yet"))
}

// endings looks for Apps that were deleted and are kept until their objects are gone.
func (e *examination) endings(ctx context.Context) {
	if e.read(ctx) != nil {
		return
	}
	for _, a := range e.fleet.apps {
		if a.DeletionTimestamp == nil || !slices.Contains(a.Finalizers, v1alpha1.FinalizerPrune) {
			continue
		}
		name, since := a.Namespace+"/"+a.Name, e.Now().Sub(a.DeletionTimestamp.Time).Round(time.Second)
		if e.silent {
			e.wrong("deletions", fmt.Sprintf("start an agent; or let it go and leave its objects: kubectl -n %s patch app %s --type=merge -p '{\"metadata\":{\"finalizers\":null}}'", a.Namespace, a.Name),
				"App %s was deleted %s ago with its objects, and no agent takes them away", name, since)
			continue
		}
		e.warn("deletions", fmt.Sprintf("plumb why; or leave what there still is in place: kubectl -n %s annotate --overwrite app %s %s=orphan", a.Namespace, a.Name, v1alpha1.AnnotationDelete),
			"App %s was deleted %s ago: %s", name, since, report.Clean(a.Status.Summary))
	}
}

// repositories looks at each Repo: whether it can be read, its Secrets, its hooks.
func (e *examination) repositories(ctx context.Context) {
	if e.read(ctx) != nil {
		return
	}
	if len(e.fleet.repos) == 0 {
		e.warn("repos", "plumb install --repo https://git.example.com/acme/fleet.git", "there is no Repo: nothing is delivered")
	}
	for i := range e.fleet.repos {
		e.repository(ctx, &e.fleet.repos[i])
	}
}

func (e *examination) repository(ctx context.Context, r *v1alpha1.Repo) {
	name := r.Namespace + "/" + r.Name
	held, fine := e.secret(ctx, name, r.Namespace, credential(r))
	if r.Spec.Webhook != nil {
		e.secret(ctx, name, r.Namespace, wanted{name: r.Spec.Webhook.Secret, all: []string{"secret"}, make: "--from-literal=secret=$(openssl rand -hex 20)"})
	}
	if r.Spec.Forge != nil {
		e.secret(ctx, name, r.Namespace, wanted{name: r.Spec.Forge.Secret, any: []string{"token", "private-key"}, make: "--from-literal=token=…"})
	}
	ready := apimeta.FindStatusCondition(r.Status.Conditions, v1alpha1.ConditionReady)
	switch {
	case !fine: // and therefore it cannot be read
	case r.Status.StaleSince != nil:
		message := r.Status.Summary
		if ready != nil {
			message = ready.Message
		}
		e.wrong("repos", unreadNext(r, ready, held), "%s was not read since %s: %s", name, r.Status.StaleSince.UTC().Format("2006-01-02 15:04"), report.Clean(message))
	case ready == nil:
		e.warn("repos", "plumb sync, once an agent runs", "%s was not looked at yet", name)
	case r.Status.Observed == nil:
		e.wrong("repos", unreadNext(r, ready, held), "%s: %s", name, report.Clean(ready.Message))
	default:
		e.fine("repos", "%s is read at %.7s, by %s", name, r.Status.Observed.Revision, cmp.Or(r.Status.Observed.By, "poll"))
	}
	if stray := apimeta.FindStatusCondition(r.Status.Conditions, v1alpha1.ConditionFoldersRead); stray != nil && stray.Status == metav1.ConditionFalse {
		e.wrong("repos", "plumb apps --explain shows in your clone how each folder is read", "%s: %s", name, report.Clean(stray.Message))
	}
	if forge := apimeta.FindStatusCondition(r.Status.Conditions, v1alpha1.ConditionForgeReady); forge != nil && forge.Status == metav1.ConditionFalse {
		e.wrong("repos", "see docs/reference/forges.md", "%s: the forge does not take what it is told: %s", name, report.Clean(forge.Message))
	}
	if r.Spec.Webhook != nil && r.Status.Observed != nil && r.Status.Observed.By == "poll" {
		e.warn("hooks", fmt.Sprintf("point the forge's webhook at POST /hooks/%s/%s of the agent, with the key of Secret %s", r.Namespace, r.Name, r.Spec.Webhook.Secret),
			"%s has a webhook, and its newest commit was found by polling", name)
	}
}

// unreadNext is what to do about a repository that cannot be read with what its Secret holds. What the server said stands in
// the message.
func unreadNext(r *v1alpha1.Repo, ready *metav1.Condition, held map[string][]byte) string {
	const then = ", then plumb sync"
	ssh, reason, message := source.IsSSH(r.Spec.URL), fault.FetchFailed, ""
	if ready != nil {
		reason, message = fault.Reason(ready.Reason), ready.Message
	}
	switch {
	case reason == fault.CredentialsRefused && r.Spec.Secret == "":
		name := r.Name + "-git"
		return credential(r).creates(r.Namespace, name) + " && kubectl -n " + r.Namespace + " patch repo " + r.Name + ` --type merge -p '{"spec":{"secret":"` + name + `"}}'`
	case reason == fault.CredentialsRefused && ssh:
		return patchSecret(r.Namespace, r.Spec.Secret, "identity") + then
	case reason == fault.CredentialsRefused && len(held["token"]) == 0 && len(held["password"]) > 0:
		return patchSecret(r.Namespace, r.Spec.Secret, "password") + then
	case reason == fault.CredentialsRefused:
		return patchSecret(r.Namespace, r.Spec.Secret, "token") + then
	case ssh && r.Spec.Secret != "" && strings.Contains(message, source.CodeHostKeyUnknown): // or CodeHostKeyChanged
		return patchSecret(r.Namespace, r.Spec.Secret, "known_hosts") + then
	case reason == fault.FetchFailed || reason == fault.SourceStale:
		return "see that the agent reaches " + report.Clean(r.Spec.URL) + "; it tries again by itself, and with plumb sync at once"
	}
	return "kubectl -n " + r.Namespace + " edit repo " + r.Name
}

// wanted is a Secret and what must be in it.
type wanted struct {
	name string
	any  []string // keys of which one must be there
	all  []string // keys that must be there
	make string   // how kubectl create secret is told of them
}

// credential is what a Repo needs to be read.
func credential(r *v1alpha1.Repo) wanted {
	if source.IsSSH(r.Spec.URL) {
		return wanted{name: r.Spec.Secret, all: []string{"identity", "known_hosts"}, make: "--from-file=identity=… --from-file=known_hosts=…"}
	}
	return wanted{name: r.Spec.Secret, any: []string{"token", "username", "ca.crt"}, make: "--from-literal=token=…"}
}

func (w wanted) creates(namespace, name string) string {
	return fmt.Sprintf("kubectl -n %s create secret generic %s %s", namespace, name, w.make)
}

// lacks gives the keys that a Secret should have and has not: of several that would do, the first.
func (w wanted) lacks(data map[string][]byte) []string {
	has := func(key string) bool { return len(data[key]) > 0 }
	if len(w.any) > 0 && !slices.ContainsFunc(w.any, has) {
		return w.any[:1]
	}
	return slices.DeleteFunc(slices.Clone(w.all), has)
}

// patchSecret is the command that puts a value into a Secret that exists.
func patchSecret(namespace, name, key string) string {
	return fmt.Sprintf("kubectl -n %s patch secret %s --type merge -p '{\"stringData\":{%q:\"…\"}}'", namespace, name, key)
}

// secret looks whether a Secret is there with what it must hold, and gives what it holds. None, and one that cannot be seen,
// are fine.
func (e *examination) secret(ctx context.Context, repo, namespace string, w wanted) (held map[string][]byte, fine bool) {
	if w.name == "" {
		return nil, true
	}
	var secret corev1.Secret
	switch err := e.api.get(ctx, "/api/v1/namespaces/"+namespace+"/secrets/"+w.name, &secret); {
	case isGone(err):
		e.wrong("repos", w.creates(namespace, w.name), "%s names the Secret %s, which does not exist", repo, w.name)
		return nil, false
	case err != nil:
		e.unseen("repos", err)
		return nil, true
	}
	lacking := w.lacks(secret.Data)
	for _, key := range lacking {
		e.wrong("repos", patchSecret(namespace, w.name, key), "%s names the Secret %s, which has no key %s", repo, w.name, key)
	}
	return secret.Data, len(lacking) == 0
}
