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
