package e2e

import (
	"bufio"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/chromedp/chromedp"
	"k8s.io/client-go/tools/clientcmd"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"
)

// agentsPod has a simulated pod stand for the agent's process: it is named as the Lease names it.
func (s *scenario) agentsPod() {
	s.Helper()
	lease := s.live("Lease/" + system + "/plumb-agent")
	pod, _, _ := strings.Cut(fmt.Sprint(field(lease, "spec.holderIdentity")), "_")
	s.make(fmt.Sprintf(`
apiVersion: v1
kind: Pod
metadata: {name: %q, namespace: plumb-system, annotations: {plumb.dev/simulate-address: %q}}
spec:
  securityContext: {runAsNonRoot: true, runAsUser: 65532, seccompProfile: {type: RuntimeDefault}}
  containers: [{name: agent, image: registry.example/plumb:1, securityContext: {allowPrivilegeEscalation: false, capabilities: {drop: [ALL]}}}]
`, pod, s.listen))
	s.Cleanup(func() { s.discard("Pod/" + system + "/" + pod) })
	s.has("Pod/"+system+"/"+pod, "status.phase", "Running")
}

// kubeconfigOf writes a kubeconfig with the token of a ServiceAccount, and gives its file.
func (s *scenario) kubeconfigOf(namespace, name string) string {
	s.Helper()
	config, err := clientcmd.LoadFromFile(s.config)
	if err != nil {
		s.Fatal(err)
	}
	for user := range config.AuthInfos {
		config.AuthInfos[user] = &clientcmdapi.AuthInfo{Token: s.tokenOf(namespace, name)}
	}
	file := filepath.Join(s.TempDir(), "kubeconfig")
	if err := clientcmd.WriteToFile(*config, file); err != nil {
		s.Fatal(err)
	}
	return file
}

// plumb ui is all that a person needs who has a kubeconfig: a port-forward through the API server, a code that is good once, and
// the page, as who they are; the way closes with the command.
func TestBrowserByCommand(t *testing.T) {
	t.Parallel()
	s := newScenario(t, shared(t), "fwd")
	s.staff("fwd-staff", "fwd-team")
	s.make(`
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: {name: fwd-reach, namespace: plumb-system}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: edit}
subjects: [{kind: ServiceAccount, name: viewer, namespace: fwd-staff}]
`)
	s.ok("fwd", s.commit("settings", files{"apps/fwd/a.yaml": configMap("settings", "a", "1")}))
	s.agentsPod()

	cmd := exec.CommandContext(t.Context(), s.plumb, "ui", "--kubeconfig", s.kubeconfigOf("fwd-staff", "viewer"), "--no-browser")
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	cmd.Env = []string{"HOME=" + t.TempDir(), "PATH=" + os.Getenv("PATH")}
	var said strings.Builder
	cmd.Stderr = &said
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		_ = cmd.Wait()
		t.Fatalf("plumb ui gives no address: %v: %s", err, &said)
	}
	address := strings.TrimSpace(line)
	base, _, _ := strings.Cut(address, "/login")
	if strings.HasSuffix(base, s.listen) {
		t.Fatalf("%s is the agent's own address", base)
	}
	b := newBrowser(t, base)
	b.run(chromedp.Navigate(address))
	b.until(`location.pathname === "/" && document.querySelector("[data-pulse=live]")`, "one is in")
	if at := b.text("location.href"); strings.Contains(at, "code") {
		t.Errorf("the code stays in %s", at)
	}
	b.click(".who")
	b.says("dialog", "system:serviceaccount:fwd-staff:viewer", "a token of your kubeconfig")
	b.visit("/app/plumb-system/fwd")
	commit := s.commit("more", files{"apps/fwd/a.yaml": configMap("settings", "a", "2")})
	b.says("main", commit[:7])

	second := b.another(t)
	second.run(chromedp.Navigate(address))
	second.says(".login [role=alert]", "used already")

	if err := cmd.Process.Signal(os.Interrupt); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Wait(); err != nil {
		t.Errorf("plumb ui ends with %v: %s", err, &said)
	}
	b.until(`document.querySelector("[data-pulse=offline]")`, "the way is closed")
}
