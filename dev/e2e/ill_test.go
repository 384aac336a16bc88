package e2e

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/tools/clientcmd"
)

// illMachine has no git, and no room for a cache: /proc holds nothing.
func (s *scenario) illMachine() {
	s.says(s.findsIn([]string{"PATH=" + s.TempDir()}, "wrong", "git", "git is not installed"), "install git")
	s.says(s.findsIn(nil, "warning", "disk", "only 0 MiB are free", "--cache-dir", "/proc/self"), "--cache-dir")
}

// illCluster is not there, is too old, or has another time.
func (s *scenario) illCluster() {
	s.says(s.findsIn([]string{"KUBECONFIG=" + filepath.Join(s.TempDir(), "none")}, "wrong", "cluster", ""), "KUBECONFIG")
	gone := s.proxied(nil)
	config, err := clientcmd.LoadFromFile(strings.TrimPrefix(gone[0], "KUBECONFIG="))
	if err != nil {
		s.Fatal(err)
	}
	for _, cluster := range config.Clusters {
		cluster.Server = "https://" + freeAddress(s.T)
	}
	file := filepath.Join(s.TempDir(), "gone")
	if err := clientcmd.WriteToFile(*config, file); err != nil {
		s.Fatal(err)
	}
	s.says(s.findsIn([]string{"KUBECONFIG=" + file}, "wrong", "cluster", "does not answer"), "kubectl cluster-info")
	for _, row := range []struct {
		behind time.Duration
		grade  string
	}{{0, "fine"}, {20 * time.Second, "warning"}, {-20 * time.Second, "warning"}, {5 * time.Minute, "wrong"}, {-5 * time.Minute, "wrong"}} {
		env := s.proxied(func(r *http.Response) error {
			r.Header.Set("Date", time.Now().Add(-row.behind).UTC().Format(http.TimeFormat))
			return nil
		})
		next := s.findsIn(env, row.grade, "clock", "API server's")
		if row.grade != "fine" {
			s.says(next, "timedatectl")
		}
	}
	old := s.proxied(func(r *http.Response) error {
		if r.Request.URL.Path != "/version" {
			return nil
		}
		r.Body.Close()
		text := `{"major": "1", "minor": "29+", "gitVersion": "v1.29.3"}`
		r.Body, r.ContentLength = http.NoBody, int64(len(text))
		r.Header.Set("Content-Length", fmt.Sprint(len(text)))
		r.Header.Del("Content-Encoding")
		r.Body = &closer{strings.NewReader(text)}
		return nil
	})
	s.says(s.findsIn(old, "wrong", "cluster", "Kubernetes v1.29.3"), "upgrade it")
}

type closer struct{ *strings.Reader }

func (*closer) Close() error { return nil }

// illRights: who may see nothing is told which command lets them.
func (s *scenario) illRights() {
	const lena = "lena@example.com"
	next := s.findsIn(nil, "warning", "rights", lena+" may not see the apps", "--as", lena)
	s.says(s.findsIn(nil, "unseen", "accounts", "you may not look at it", "--as", lena), "administrator")
	s.obey(next)
	s.findsIn(nil, "fine", "rights", lena+" may list, not sync, pause, configure", "--as", lena)
}

// illInstallation: definitions and policies that are gone, of another version, or not in force; ServiceAccounts that are gone
// or may too little.
func (s *scenario) illInstallation() {
	s.json("CustomResourceDefinition/entries.plumb.dev", "plumb-of-an-older-version", `[{"op": "remove", "path": "/spec/versions/0/additionalPrinterColumns/0"}]`)
	s.obey(s.finds("warning", "crds", "entries.plumb.dev"))
	s.mended("crds")
	s.remove("CustomResourceDefinition/clusters.plumb.dev")
	s.obey(s.finds("wrong", "crds", "not installed: clusters.plumb.dev"))
	s.mended("crds")
	s.remove("ValidatingAdmissionPolicyBinding/plumb-apps")
	s.obey(s.finds("wrong", "policies", "plumb-apps is not bound"))
	s.mended("policies")
	s.remove("ValidatingAdmissionPolicy/plumb-repos")
	s.obey(s.finds("wrong", "policies", "not installed: plumb-repos"))
	s.mended("policies")
	s.json("ValidatingAdmissionPolicy/plumb-apps", "plumb-of-an-older-version", `[{"op": "remove", "path": "/spec/validations/0"}]`)
	s.obey(s.finds("warning", "policies", "of another version"))
	s.mended("policies")

	s.remove("ServiceAccount/plumb-system/plumb-deployer")
	s.obey(s.finds("wrong", "accounts", "plumb-system/plumb-deployer does not exist"))
	s.mended("accounts")
	s.make("apiVersion: plumb.dev/v1alpha1\nkind: App\nmetadata: {name: ill-weak, namespace: plumb-system}\nspec: {repo: ill, path: apps/ill, namespace: ill, serviceAccount: weak}\n")
	s.obey(s.finds("wrong", "accounts", "plumb-system/weak does not exist"))
	s.mended("accounts")
	s.remove("RoleBinding/ill/weak")
	s.obey(s.finds("warning", "accounts", "plumb-system/weak may not write ConfigMaps in ill"))
	s.mended("accounts")
	s.remove("App/plumb-system/ill-weak")
}

// illRepositories: Secrets that are missing, empty or wrong, and a server that is away.
func (s *scenario) illRepositories() {
	sick := newScenario(s.T, s.world, "sick")
	smart := sick.server.Handler
	if err := os.Symlink(sick.repo.bare, strings.Replace(sick.repo.bare, "sick.git", "open-sick.git", 1)); err != nil {
		s.Fatal(err)
	}
	locked := func(w http.ResponseWriter, r *http.Request) {
		if _, password, _ := r.BasicAuth(); password != "correct-horse" {
			w.Header().Set("WWW-Authenticate", `Basic realm="git"`)
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		r.URL.Path = strings.Replace(r.URL.Path, "/sick.git", "/open-sick.git", 1)
		smart.ServeHTTP(w, r)
	}
	first := sick.commitQuietly("one", files{"apps/sick/a.yaml": configMap("settings", "a", "1")})
	sick.answer("sick", locked)
	sick.spec["webhook"] = map[string]any{"secret": "sick-hook"}
	sick.makeRepo()
	sick.obey(s.finds("wrong", "repos", "plumb-system/sick names the Secret sick-hook, which does not exist"))
	sick.patch("Secret/plumb-system/sick-hook", "e2e", "stringData: {secret: "+hookSecret+"}") // that the tests sign with

	sick.obey(s.finds("wrong", "repos", "refuses the credentials"), "wrong-staple")
	s.has("Repo/plumb-system/sick", "spec.secret", "sick-git")
	sick.obey(s.finds("wrong", "repos", "refuses the credentials"), "correct-horse")
	sick.ok("sick", first)
	s.finds("fine", "repos", "plumb-system/sick is read at "+first[:7])

	sick.patch("Secret/plumb-system/sick-git", "e2e", "data: {token: null}")
	sick.obey(s.finds("wrong", "repos", "the Secret sick-git, which has no key token"), "correct-horse")
	sick.remove("Secret/plumb-system/sick-git")
	sick.obey(s.finds("wrong", "repos", "the Secret sick-git, which does not exist"), "correct-horse")
	sick.tell()
	s.mended("repos")

	sick.answer("sick", unreachable)
	sick.tell()
	s.says(s.finds("wrong", "repos", "plumb-system/sick was not read since"), "see that the agent reaches", "plumb sync")
	sick.answer("sick", locked)
	sick.tell()
	s.mended("repos")
	sick.patch("Repo/plumb-system/sick", "e2e", "spec: {revision: not-there}")
	s.says(s.finds("wrong", "repos", "not-there"), "kubectl -n plumb-system edit repo sick")
	sick.patch("Repo/plumb-system/sick", "e2e", "spec: {revision: null}")
	s.mended("repos")
	sick.remove("Repo/plumb-system/sick")
	sick.answer("sick", nil)
}

// illHostKey: a server that shows another key than the one that is pinned, and a Secret without any.
func (s *scenario) illHostKey() {
	d := newSSHD(s.T)
	sick := newScenario(s.T, s.world, "sickssh")
	sick.spec["url"], sick.spec["secret"] = "ssh://"+d.user+"@"+d.address+sick.repo.bare, "sickssh"
	delete(sick.spec, "webhook")
	sick.create(d.secret(s.T, "sickssh", ""), "e2e")
	sick.commitQuietly("one", files{"apps/sickssh/a.yaml": configMap("settings", "a", "1")})
	sick.makeRepo()
	s.says(s.finds("wrong", "repos", "the Secret sickssh, which has no key known_hosts"), "kubectl -n plumb-system patch secret sickssh")
	wrong := strings.Replace(d.knownHosts(s.T), d.text(s.T, "host.pub"), d.text(s.T, "identity.pub"), 1)
	sick.pin(wrong)
	sick.asks()
	next := s.finds("wrong", "repos", "another host key than the one that the Secret pins")
	sick.kubectl(strings.Replace(strings.TrimSuffix(next, ", then plumb sync"), "…", strings.TrimSpace(d.knownHosts(s.T)), 1))
	sick.asks()
	s.mended("repos")
	sick.remove("Repo/plumb-system/sickssh")
}

// asks is plumb sync of a Repo.
func (s *scenario) asks() {
	s.Helper()
	s.patch("Repo/plumb-system/"+s.name, "plumb-cli", fmt.Sprintf(`metadata: {annotations: {plumb.dev/sync: "%d"}}`, time.Now().UnixNano()))
}

// illAPIs: an admission webhook and an API group for which nobody answers.
func (s *scenario) illAPIs() {
	s.create(documents(strings.Replace(webhook("ill-hook", "", ""), "failurePolicy: Ignore", "failurePolicy: Fail", 1))[0], "e2e")
	s.obey(s.finds("wrong", "webhooks", "ill-hook.example.com refuses every write of widgets: nobody answers for Service nowhere/nobody"))
	s.mended("webhooks")
	s.make("apiVersion: apiregistration.k8s.io/v1\nkind: APIService\nmetadata: {name: v1.ill.example.com}\nspec: {group: ill.example.com, version: v1, groupPriorityMinimum: 1000, versionPriority: 10, insecureSkipTLSVerify: true, service: {namespace: default, name: nobody}}\n")
	s.says(s.finds("warning", "apis", "v1.ill.example.com does not answer"), "kubectl get apiservice v1.ill.example.com")
	s.remove("APIService/v1.ill.example.com")
	s.mended("apis")
}

// illAgent: it has never run, is silent, has ended, cannot start, is two, or locks its renders badly.
func (s *scenario) illAgent() {
	const lease, deployed = "Lease/plumb-system/plumb-agent", "Deployment/plumb-system/plumb-agent"
	s.agent.end(s.T)
	s.says(s.finds("warning", "agent", "ended in good order"), "plumb agent")
	fresh := newScenario(s.T, s.world, "unseen")
	fresh.commitQuietly("one", files{"apps/unseen/a.yaml": configMap("settings", "a", "1")})
	fresh.makeRepo()
	s.says(s.finds("warning", "repos", "plumb-system/unseen was not looked at yet"), "plumb sync")
	fresh.remove("Repo/plumb-system/unseen")

	s.patch(lease, "e2e", `{metadata: {annotations: {plumb.dev/sandbox: no Landlock}}, spec: {holderIdentity: somebody, renewTime: "`+time.Now().UTC().Format(metav1.RFC3339Micro)+`"}}`)
	s.says(s.finds("warning", "agent", "the sandbox of its renders is weak: no Landlock"), "newer kernel")
	s.patch(lease, "e2e", `spec: {renewTime: "`+time.Now().Add(-3*time.Minute).UTC().Format(metav1.RFC3339Micro)+`"}`)
	s.says(s.finds("wrong", "agent", "no agent was heard from for 3m"), "plumb install")
	s.remove(lease)
	next := s.finds("wrong", "agent", "no agent has ever run here")
	s.obey(strings.Replace(next, "plumb install,", "plumb install --only agent,", 1)) // nothing else is missing
	s.has(deployed, "status.readyReplicas", 1)
	s.patch(deployed, "kubectl", "spec: {replicas: 0}", "scale")
	s.obey(s.finds("wrong", "agent", "no agent has ever run here"))
	s.has(deployed, "spec.replicas", 1)
	s.patch(deployed, "kubectl-edit", "spec: {template: {metadata: {annotations: {plumb.dev/simulate: image-pull}}}, strategy: {type: Recreate, rollingUpdate: null}}")
	s.says(s.finds("wrong", "agent", "ImagePull"), "logs deployment/plumb-agent")

	if err := s.agent.start("--leader-elect=false"); err != nil {
		s.Fatal(err)
	}
	s.says(s.finds("warning", "agent", "0 of 1 of the agent's pods are ready; pod "), "logs deployment/plumb-agent")
	s.remove(deployed)
	s.mendedButTheMachine()
	other := &agent{plumb: s.plumb, kubeconfig: s.kubeconfig, account: s.agent.account, dir: filepath.Join(s.TempDir(), "agent")}
	if err := other.start("--leader-elect=false"); err != nil {
		s.Fatal(err)
	}
	s.says(s.finds("warning", "agent", "two agents are active"), "end one of them")
	other.end(s.T)
	s.mendedButTheMachine()
	s.agent.end(s.T)
	if err := s.agent.start(); err != nil {
		s.Fatal(err)
	}
	s.mendedButTheMachine()
}
