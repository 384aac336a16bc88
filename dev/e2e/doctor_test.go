package e2e

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httputil"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/tools/clientcmd"
)

// finding is one line of plumb doctor -o json.
type finding struct{ Check, Grade, Message, Next string }

// examined runs plumb doctor, with variables of the environment before those that commands have.
func (s *scenario) examined(env []string, arguments ...string) []finding {
	s.Helper()
	cmd := exec.CommandContext(s.Context(), s.agent.plumb, append([]string{"doctor", "-o", "json"}, arguments...)...)
	cmd.Dir = s.repo.clone
	cmd.Env = append([]string{"KUBECONFIG=" + s.agent.kubeconfig, "HOME=" + s.agent.dir, "PATH=" + os.Getenv("PATH"), "NO_COLOR=1", "TZ=UTC"}, env...)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		s.Fatal(err)
	}
	var answer struct {
		OK       bool
		Findings []finding
	}
	if err := json.Unmarshal(out, &answer); err != nil {
		s.Fatalf("doctor says %q: %v: %s", out, err, &stderr)
	}
	wrong := slices.ContainsFunc(answer.Findings, func(f finding) bool { return f.Grade == "wrong" })
	if code := cmd.ProcessState.ExitCode(); answer.OK == wrong || (code == 0) == wrong || code > 1 {
		s.Errorf("doctor ends with %d, and says ok: %v: %s", code, answer.OK, out)
	}
	for _, f := range answer.Findings {
		if f.Next == "" && (f.Grade == "wrong" || f.Grade == "warning") {
			s.Errorf("%+v says not what to do", f)
		}
	}
	return answer.Findings
}

// findsIn waits until doctor finds something, in an environment, and gives what to do about it.
func (s *scenario) findsIn(env []string, grade, check, message string, arguments ...string) (next string) {
	s.Helper()
	err := eventually(limit, func() error {
		all := s.examined(env, arguments...)
		i := slices.IndexFunc(all, func(f finding) bool {
			return f.Check == check && f.Grade == grade && strings.Contains(f.Message, message)
		})
		if i < 0 {
			return errNotYet("no %s of %s says %q: %q", grade, check, message, all)
		}
		next = all[i].Next
		return nil
	})
	if err != nil {
		s.Fatal(err)
	}
	return next
}

func (s *scenario) finds(grade, check, message string) (next string) {
	s.Helper()
	return s.findsIn(nil, grade, check, message)
}

// mended waits until doctor finds nothing more to say of a check than what is fine.
func (s *scenario) mended(check string) {
	s.Helper()
	err := eventually(limit, func() error {
		seen := false
		for _, f := range s.examined(nil) {
			if f.Check == check && f.Grade != "fine" {
				return errNotYet("%+v", f)
			}
			seen = seen || f.Check == check
		}
		if !seen {
			return errNotYet("it has not looked at %s", check)
		}
		return nil
	})
	if err != nil {
		s.Error(err)
	}
}

// obey carries out what doctor says, as it stands there: commands of plumb by plumb, those of kubectl by their few forms.
// What only a person knows is put in the places of …, one after the other.
func (s *scenario) obey(next string, known ...string) {
	s.Helper()
	for _, value := range known {
		next = strings.Replace(next, "…", value, 1)
	}
	did := 0
	for _, then := range []string{" && ", "; ", ", then "} {
		next = strings.ReplaceAll(next, then, "\n")
	}
	for line := range strings.Lines(next) {
		line, _, _ = strings.Cut(strings.TrimSpace(line), ", ")
		line = line[max(0, strings.Index(line, "kubectl ")):] // what stands before it says when
		switch {
		case strings.HasPrefix(line, "plumb sync"):
			did++
			s.tell()
		case strings.HasPrefix(line, "plumb "):
			did++
			s.plumbs(0, strings.Fields(line)[1:]...)
		case strings.HasPrefix(line, "kubectl ") && !strings.Contains(line, " get "):
			did++
			s.kubectl(line)
		}
	}
	if did == 0 {
		s.Fatalf("%q tells no command", next)
	}
}

// words splits a line as a shell does where only single quotes are used.
func words(line string) []string {
	var all []string
	for i, part := range strings.Split(line, "'") {
		if i%2 == 1 {
			all = append(all, part)
			continue
		}
		all = append(all, strings.Fields(part)...)
	}
	return all
}

// kubectl does what a line for kubectl means, in the forms that plumb tells.
func (s *scenario) kubectl(line string) {
	s.Helper()
	var plain []string
	flags := map[string][]string{}
	all := words(line)[1:]
	for i := 0; i < len(all); i++ {
		key, value, inline := strings.Cut(all[i], "=")
		switch {
		case !strings.HasPrefix(key, "-"):
			plain = append(plain, all[i])
		case inline:
			flags[key] = append(flags[key], value)
		default:
			i++
			flags[key] = append(flags[key], all[i])
		}
	}
	one := func(flag string) string { return strings.Join(flags[flag], "") }
	namespace := one("-n")
	switch strings.Join(plain[:2], " ") {
	case "create serviceaccount":
		s.make("apiVersion: v1\nkind: ServiceAccount\nmetadata: {name: " + plain[2] + ", namespace: " + namespace + "}\n")
	case "create rolebinding":
		subject := "{kind: User, apiGroup: rbac.authorization.k8s.io, name: " + one("--user") + "}"
		if of, name, ok := strings.Cut(one("--serviceaccount"), ":"); ok {
			subject = "{kind: ServiceAccount, namespace: " + of + ", name: " + name + "}"
		}
		s.make(fmt.Sprintf("apiVersion: rbac.authorization.k8s.io/v1\nkind: RoleBinding\nmetadata: {name: %s, namespace: %s}\nroleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: %s}\nsubjects: [%s]\n",
			plain[2], namespace, one("--clusterrole"), subject))
	case "create secret":
		data := map[string]any{}
		for _, literal := range flags["--from-literal"] {
			key, value, _ := strings.Cut(literal, "=")
			data[key] = value
		}
		s.create(&unstructured.Unstructured{Object: map[string]any{"apiVersion": "v1", "kind": "Secret",
			"metadata": map[string]any{"name": plain[3], "namespace": namespace}, "stringData": data}}, "kubectl-create")
	case "patch secret", "patch repo":
		client, name := s.at(map[string]string{"secret": "Secret/", "repo": "Repo/"}[plain[1]] + namespace + "/" + plain[2])
		if _, err := client.Patch(s.Context(), name, types.MergePatchType, []byte(one("-p")), metav1.PatchOptions{FieldManager: "kubectl-patch"}); err != nil {
			s.Fatalf("%s: %v", line, err)
		}
	case "scale deployment":
		s.patch("Deployment/"+namespace+"/"+plain[2], "kubectl", "spec: {replicas: "+one("--replicas")+"}", "scale")
	case "delete validatingwebhookconfigurations":
		s.remove("ValidatingWebhookConfiguration/" + plain[2])
	default:
		s.Fatalf("the tests do not know %q", line)
	}
}

// proxied gives a kubeconfig with which everything is asked through a proxy that may change the answers.
func (s *scenario) proxied(change func(*http.Response) error) []string {
	s.Helper()
	file := filepath.Join(s.TempDir(), "kubeconfig")
	err := s.writeAccountOf("plumb-deployer", file) // which is an administrator: a certificate does not pass a proxy, and a token does
	if err != nil {
		s.Fatal(err)
	}
	s.behind(file, func(proxy *httputil.ReverseProxy) http.HandlerFunc {
		proxy.ModifyResponse = change
		return proxy.ServeHTTP
	})
	return []string{"KUBECONFIG=" + file}
}

// behind changes a kubeconfig with a token so that everything is asked through a proxy.
func (s *scenario) behind(file string, serve func(*httputil.ReverseProxy) http.HandlerFunc) {
	s.Helper()
	config, err := clientcmd.LoadFromFile(file)
	if err != nil {
		s.Fatal(err)
	}
	for _, cluster := range config.Clusters {
		target, err := url.Parse(cluster.Server)
		if err != nil {
			s.Fatal(err)
		}
		authority := cluster.CertificateAuthorityData
		if len(authority) == 0 {
			if authority, err = os.ReadFile(cluster.CertificateAuthority); err != nil {
				s.Fatal(err)
			}
		}
		pool := x509.NewCertPool()
		pool.AppendCertsFromPEM(authority)
		proxy := httputil.NewSingleHostReverseProxy(target)
		proxy.Transport = &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS12}}
		address, bundle := tlsServer(s.T, serve(proxy))
		cluster.Server, cluster.CertificateAuthority = address, ""
		if cluster.CertificateAuthorityData, err = base64.StdEncoding.DecodeString(bundle); err != nil {
			s.Fatal(err)
		}
	}
	if err := clientcmd.WriteToFile(*config, file); err != nil {
		s.Fatal(err)
	}
}

// Everything that plumb doctor looks at goes wrong here once, and is found, with what to do; doing that mends it, where a
// command can.
func TestDoctor(t *testing.T) {
	w, err := newWorld("doctor")
	if err != nil {
		t.Fatal(err)
	}
	s := newScenario(t, w, "ill")
	s.says(s.finds("warning", "repos", "there is no Repo"), "plumb install --repo")
	s.ok("ill", s.commit("an app", files{"apps/ill/a.yaml": configMap("settings", "a", "1")}))
	s.says(s.finds("warning", "hooks", "found by polling"), "POST /hooks/plumb-system/ill")
	s.ok("ill", s.commit("told of", files{"apps/ill/a.yaml": configMap("settings", "a", "2")}))
	s.well()
	for _, part := range []struct {
		name string
		run  func(*scenario)
	}{
		{"machine", (*scenario).illMachine}, {"cluster", (*scenario).illCluster}, {"rights", (*scenario).illRights}, {"installation", (*scenario).illInstallation},
		{"repositories", (*scenario).illRepositories}, {"host key", (*scenario).illHostKey}, {"APIs", (*scenario).illAPIs}, {"agent", (*scenario).illAgent},
	} {
		t.Run(part.name, func(t *testing.T) {
			sub := *s
			sub.T = t
			part.run(&sub)
		})
	}
	s.ok("ill", s.commit("well again", files{"apps/ill/a.yaml": configMap("settings", "a", "3")}))
	s.well()
}

// well waits until nothing is wrong, but for what is of this machine.
func (s *scenario) well() {
	s.Helper()
	err := eventually(limit, func() error {
		for _, f := range s.examined(nil) {
			if f.Grade == "wrong" || f.Grade == "warning" && f.Check != "renders" && f.Check != "agent" && f.Check != "disk" {
				return errNotYet("%+v", f)
			}
		}
		return nil
	})
	if err != nil {
		s.Error(err)
	}
}

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

// mendedButTheMachine waits until nothing is to be said of the agent but of the kernel that it runs on.
func (s *scenario) mendedButTheMachine() {
	s.Helper()
	err := eventually(limit, func() error {
		for _, f := range s.examined(nil) {
			if f.Check == "agent" && f.Grade != "fine" && !strings.Contains(f.Message, "sandbox") {
				return errNotYet("%+v", f)
			}
		}
		return nil
	})
	if err != nil {
		s.Error(err)
	}
}
