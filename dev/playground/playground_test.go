package playground_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/apimachinery/pkg/util/yaml"
	"k8s.io/client-go/discovery/cached/memory"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/restmapper"
	"k8s.io/client-go/tools/clientcmd"

	"plumb.dev/plumb/dev/playground"
)

// binary is the playground under test. It takes minutes to build, so the tests do not build it.
func binary(t *testing.T) string {
	t.Helper()
	path := os.Getenv("PLUMB_PLAYGROUND")
	if path != "" {
		return path
	}
	const how = "set PLUMB_PLAYGROUND to the plumb-playground binary (cd dev && CGO_ENABLED=0 go build -trimpath -ldflags=\"-s -w\" -o ../bin/plumb-playground ./cmd/plumb-playground)"
	if os.Getenv("CI") != "" {
		t.Fatal(how)
	}
	t.Skip(how)
	return ""
}

// cluster is a running playground.
type cluster struct {
	playground.Ready
	t      *testing.T
	cmd    *exec.Cmd
	stdin  io.Closer
	stderr *bytes.Buffer
	client kubernetes.Interface
	config *rest.Config
	ended  bool
}

// serve starts a playground in dir and waits until it is ready. prefix is put before the command ("unshare", "-n", …).
func serve(t *testing.T, dir string, prefix []string, args ...string) *cluster {
	t.Helper()
	argv := append(append(append([]string{}, prefix...), binary(t), "serve", "--dir", dir, "-o", "json"), args...)
	c := &cluster{t: t, cmd: exec.Command(argv[0], argv[1:]...), stderr: &bytes.Buffer{}}
	stdin, err := c.cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	stdout, err := c.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	c.stdin, c.cmd.Stderr = stdin, c.stderr
	if err := c.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.stop() })
	line, err := bufio.NewReader(stdout).ReadBytes('\n')
	if err != nil {
		c.stop()
		t.Fatalf("it did not become ready: %v\n%s", err, c.stderr)
	}
	if err := json.Unmarshal(line, &c.Ready); err != nil {
		t.Fatalf("not JSON: %s", line)
	}
	t.Logf("ready after %.2f s (resumed: %v)", c.ReadySec, c.Resumed)
	return c
}

// connect makes the clients; a playground in another network namespace cannot be reached by them.
func (c *cluster) connect() *cluster {
	c.t.Helper()
	config, err := clientcmd.BuildConfigFromFlags("", c.Kubeconfig)
	c.must(err)
	config.QPS = -1
	c.config = config
	c.client, err = kubernetes.NewForConfig(config)
	c.must(err)
	return c
}

// stop closes its standard input, which is one of the ways to stop it, and waits for its end.
func (c *cluster) stop() {
	if c.ended {
		return
	}
	c.ended = true
	c.stdin.Close()
	_ = c.cmd.Wait()
}

func (c *cluster) must(err error) {
	c.t.Helper()
	if err != nil {
		c.t.Fatal(err)
	}
}

// apply creates the objects of a YAML text in the namespace default, where they name none.
func (c *cluster) apply(text string) {
	c.t.Helper()
	dyn, err := dynamic.NewForConfig(c.config)
	c.must(err)
	mapper := restmapper.NewDeferredDiscoveryRESTMapper(memory.NewMemCacheClient(c.client.Discovery()))
	decoder := yaml.NewYAMLOrJSONDecoder(strings.NewReader(text), 4096)
	for {
		var u unstructured.Unstructured
		if err := decoder.Decode(&u); err == io.EOF {
			return
		} else if err != nil {
			c.t.Fatal(err)
		}
		mapping, err := mapper.RESTMapping(u.GroupVersionKind().GroupKind(), u.GroupVersionKind().Version)
		c.must(err)
		var resource dynamic.ResourceInterface = dyn.Resource(mapping.Resource)
		if mapping.Scope.Name() == "namespace" {
			resource = dyn.Resource(mapping.Resource).Namespace("default")
		}
		_, err = resource.Create(context.Background(), &u, metav1.CreateOptions{})
		c.must(err)
	}
}

// eventually waits until ok says yes; say is asked for what was seen last when the time is over.
func (c *cluster) eventually(what string, limit time.Duration, ok func(ctx context.Context) (bool, any)) {
	c.t.Helper()
	var last any
	began := time.Now()
	err := wait.PollUntilContextTimeout(context.Background(), 50*time.Millisecond, limit, true, func(ctx context.Context) (bool, error) {
		var done bool
		done, last = ok(ctx)
		return done, nil
	})
	if err != nil {
		seen, _ := json.MarshalIndent(last, "", " ")
		c.t.Fatalf("%s: not after %v; last seen:\n%s", what, limit, seen)
	}
	c.t.Logf("%s: %.2f s", what, time.Since(began).Seconds())
}

// pod returns the first pod with the label app=name.
func (c *cluster) pod(ctx context.Context, name string) *corev1.Pod {
	pods, err := c.client.CoreV1().Pods("default").List(ctx, metav1.ListOptions{LabelSelector: "app=" + name})
	if err != nil || len(pods.Items) == 0 {
		return &corev1.Pod{}
	}
	return &pods.Items[0]
}

func (c *cluster) podEventually(name, what string, ok func(*corev1.Pod) bool) *corev1.Pod {
	c.t.Helper()
	var pod *corev1.Pod
	c.eventually(name+": "+what, 2*time.Minute, func(ctx context.Context) (bool, any) {
		pod = c.pod(ctx, name)
		return len(pod.Status.ContainerStatuses) > 0 && ok(pod), pod.Status
	})
	return pod
}

func isReady(pod *corev1.Pod) bool {
	for _, condition := range pod.Status.Conditions {
		if condition.Type == corev1.PodReady {
			return condition.Status == corev1.ConditionTrue && condition.Reason == ""
		}
	}
	return false
}

func deployment(name, simulate string) string {
	return fmt.Sprintf(`
apiVersion: apps/v1
kind: Deployment
metadata: {name: %[1]s}
spec:
  replicas: 1
  selector: {matchLabels: {app: %[1]s}}
  template:
    metadata: {labels: {app: %[1]s}, annotations: {plumb.dev/simulate: %[2]q}}
    spec:
      initContainers:
      - {name: prepare, image: example.com/prepare:1}
      - {name: beside, image: example.com/proxy:1, restartPolicy: Always}
      containers:
      - {name: main, image: example.com/main:1}
      - {name: second, image: example.com/second:1}
---
`, name, simulate)
}

func job(name, simulate string) string {
	return fmt.Sprintf(`
apiVersion: batch/v1
kind: Job
metadata: {name: %[1]s}
spec:
  backoffLimit: 0
  template:
    metadata: {labels: {app: %[1]s, plumb.dev/simulate: %[2]q}}
    spec:
      restartPolicy: Never
      containers: [{name: main, image: example.com/job:1}]
---
`, name, simulate)
}

const rest0 = `
apiVersion: v1
kind: PersistentVolumeClaim
metadata: {name: data}
spec: {accessModes: [ReadWriteOnce], resources: {requests: {storage: 1Gi}}}
---
apiVersion: v1
kind: PersistentVolumeClaim
metadata: {name: foreign-class}
spec: {accessModes: [ReadWriteMany], storageClassName: of-another-cluster, resources: {requests: {storage: 1Gi}}}
---
apiVersion: v1
kind: PersistentVolumeClaim
metadata: {name: unbound, annotations: {plumb.dev/simulate: never-bound}}
spec: {accessModes: [ReadWriteOnce], resources: {requests: {storage: 1Gi}}}
---
apiVersion: v1
kind: Service
metadata: {name: balanced}
spec: {type: LoadBalancer, selector: {app: fine}, ports: [{port: 80}]}
---
apiVersion: networking.k8s.io/v1
kind: Ingress
metadata: {name: door}
spec: {defaultBackend: {service: {name: balanced, port: {number: 80}}}}
---
apiVersion: apps/v1
kind: StatefulSet
metadata: {name: set}
spec:
  replicas: 2
  serviceName: set
  selector: {matchLabels: {app: set}}
  template:
    metadata: {labels: {app: set}}
    spec:
      containers: [{name: main, image: example.com/set:1, volumeMounts: [{name: data, mountPath: /data}]}]
  volumeClaimTemplates:
  - metadata: {name: data}
    spec: {accessModes: [ReadWriteOnce], resources: {requests: {storage: 1Gi}}}
---
apiVersion: apps/v1
kind: DaemonSet
metadata: {name: everywhere}
spec:
  selector: {matchLabels: {app: everywhere}}
  template:
    metadata: {labels: {app: everywhere}}
    spec: {hostNetwork: true, containers: [{name: main, image: example.com/daemon:1}]}
`

// TestCluster shows, on one control plane, everything that is simulated.
func TestCluster(t *testing.T) {
	audit := filepath.Join(t.TempDir(), "audit.log")
	c := serve(t, t.TempDir(), nil, "--audit-log", audit).connect()

	if info, err := os.Stat(c.Kubeconfig); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the kubeconfig holds an administrator's key: mode %v, %v", info.Mode(), err)
	}
	version, err := c.client.Discovery().ServerVersion()
	c.must(err)
	if !strings.HasPrefix(version.GitVersion, "v1.37.") {
		t.Errorf("the API server calls itself %s", version.GitVersion)
	}
	began := time.Now()
	c.apply(deployment("fine", "") + deployment("image", "image-pull") + deployment("crash", "crash-loop-42") + deployment("never", "never-ready") +
		deployment("slow", "slow-start-3s") + deployment("slowest", "slow-start") + deployment("failing", "fail-3") +
		job("done", "") + job("failed", "fail") + rest0)
	c.eventually("Deployment available", 30*time.Second, func(ctx context.Context) (bool, any) {
		d, err := c.client.AppsV1().Deployments("default").Get(ctx, "fine", metav1.GetOptions{})
		return err == nil && d.Status.AvailableReplicas == 1, d
	})
	t.Logf("from the first create to available: %.2f s", time.Since(began).Seconds())

	t.Run("failures", func(t *testing.T) { failures(t, c) })
	t.Run("logs", func(t *testing.T) { logsOf(t, c) })
	t.Run("claims and addresses", func(t *testing.T) { claimsAndAddresses(t, c) })
	t.Run("controllers", func(t *testing.T) { controllers(t, c) })
	t.Run("mutating admission policy", func(t *testing.T) { mutatingPolicy(t, c) })
	t.Run("deletion", func(t *testing.T) { deletion(t, c) })
	t.Run("audit", func(t *testing.T) { auditLog(t, c, audit) })
}

func failures(t *testing.T, c *cluster) {
	pod := c.podEventually("fine", "ready", isReady)
	if len(pod.Status.InitContainerStatuses) != 2 || pod.Status.InitContainerStatuses[0].State.Terminated == nil || pod.Status.InitContainerStatuses[1].State.Running == nil {
		t.Errorf("the init container is not over, or the one that runs beside does not run: %+v", pod.Status.InitContainerStatuses)
	}
	if pod.Status.PodIP == "" || pod.Status.HostIP == "" || pod.Status.StartTime == nil {
		t.Errorf("no address or start time: %+v", pod.Status)
	}
	c.podEventually("image", "ErrImagePull, then ImagePullBackOff", func(p *corev1.Pod) bool {
		w := p.Status.ContainerStatuses[0].State.Waiting
		return p.Status.Phase == corev1.PodPending && w != nil && w.Reason == "ImagePullBackOff"
	})
	for name, code := range map[string]int32{"crash": 42, "failing": 3} {
		c.podEventually(name, "CrashLoopBackOff, restarted twice", func(p *corev1.Pod) bool {
			s := p.Status.ContainerStatuses[0]
			return s.State.Waiting != nil && s.State.Waiting.Reason == "CrashLoopBackOff" && s.RestartCount >= 2 &&
				s.LastTerminationState.Terminated != nil && s.LastTerminationState.Terminated.ExitCode == code && !isReady(p)
		})
	}
	c.podEventually("never", "running, not ready", func(p *corev1.Pod) bool { return p.Status.Phase == corev1.PodRunning && !isReady(p) })
	for name, least := range map[string]time.Duration{"slow": 3 * time.Second, "slowest": 10 * time.Second} {
		p := c.podEventually(name, "ready late", isReady)
		if took := readySince(p).Sub(p.Status.StartTime.Time); took < least || took > least+5*time.Second {
			t.Errorf("%s was ready after %v, not after about %v", name, took, least)
		}
	}
	c.eventually("Job complete", 20*time.Second, func(ctx context.Context) (bool, any) {
		j, err := c.client.BatchV1().Jobs("default").Get(ctx, "done", metav1.GetOptions{})
		return err == nil && j.Status.Succeeded == 1 && j.Status.CompletionTime != nil, j
	})
	c.podEventually("failed", "failed with exit code 1", func(p *corev1.Pod) bool {
		end := p.Status.ContainerStatuses[0].State.Terminated
		return p.Status.Phase == corev1.PodFailed && end != nil && end.ExitCode == 1
	})
	c.eventually("events of failures", 10*time.Second, func(ctx context.Context) (bool, any) {
		events, err := c.client.CoreV1().Events("default").List(ctx, metav1.ListOptions{FieldSelector: "type=Warning,reason=BackOff"})
		return err == nil && len(events.Items) >= 2, events
	})
}

func readySince(p *corev1.Pod) time.Time {
	for _, condition := range p.Status.Conditions {
		if condition.Type == corev1.PodReady {
			return condition.LastTransitionTime.Time
		}
	}
	return time.Time{}
}

func logsOf(t *testing.T, c *cluster) {
	read := func(name string, options corev1.PodLogOptions) string {
		text, err := c.client.CoreV1().Pods("default").GetLogs(c.pod(t.Context(), name).Name, &options).DoRaw(t.Context())
		if err != nil {
			t.Errorf("logs of %s: %v", name, err)
		}
		return string(text)
	}
	for _, row := range []struct {
		pod     string
		options corev1.PodLogOptions
		want    string
		reason  string
	}{
		{"fine", corev1.PodLogOptions{Container: "main"}, "ready to serve", "a running container says so"},
		{"fine", corev1.PodLogOptions{Container: "prepare"}, "done", "an init container has ended"},
		{"fine", corev1.PodLogOptions{Container: "main", TailLines: new(int64(1)), Timestamps: true}, "Z ready to serve\n", "the last line with its time"},
		{"crash", corev1.PodLogOptions{Container: "main", Previous: true}, "exit code 42", "the container before the restart tells why"},
		{"failed", corev1.PodLogOptions{}, "exit code 1", "a failed Job tells why"},
	} {
		if got := read(row.pod, row.options); !strings.Contains(got, row.want) {
			t.Errorf("%s: logs of %s are %q, without %q", row.reason, row.pod, got, row.want)
		}
	}
}

func claimsAndAddresses(t *testing.T, c *cluster) {
	for _, name := range []string{"data", "foreign-class", "data-set-1"} {
		c.eventually("claim "+name+" bound", 20*time.Second, func(ctx context.Context) (bool, any) {
			claim, err := c.client.CoreV1().PersistentVolumeClaims("default").Get(ctx, name, metav1.GetOptions{})
			return err == nil && claim.Status.Phase == corev1.ClaimBound, claim
		})
	}
	unbound, err := c.client.CoreV1().PersistentVolumeClaims("default").Get(t.Context(), "unbound", metav1.GetOptions{})
	if err != nil || unbound.Status.Phase != corev1.ClaimPending {
		t.Errorf("never-bound: %v, %v", unbound.Status.Phase, err)
	}
	_, err = c.client.CoreV1().PersistentVolumeClaims("default").Patch(t.Context(), "data", "application/merge-patch+json",
		[]byte(`{"spec":{"resources":{"requests":{"storage":"2Gi"}}}}`), metav1.PatchOptions{})
	c.must(err)
	c.eventually("claim grown", 10*time.Second, func(ctx context.Context) (bool, any) {
		claim, err := c.client.CoreV1().PersistentVolumeClaims("default").Get(ctx, "data", metav1.GetOptions{})
		return err == nil && claim.Status.Capacity.Storage().String() == "2Gi", claim
	})
	c.eventually("load balancer has an address", 10*time.Second, func(ctx context.Context) (bool, any) {
		s, err := c.client.CoreV1().Services("default").Get(ctx, "balanced", metav1.GetOptions{})
		return err == nil && len(s.Status.LoadBalancer.Ingress) == 1, s
	})
	c.eventually("ingress has an address", 10*time.Second, func(ctx context.Context) (bool, any) {
		i, err := c.client.NetworkingV1().Ingresses("default").Get(ctx, "door", metav1.GetOptions{})
		return err == nil && len(i.Status.LoadBalancer.Ingress) == 1, i
	})
}

func controllers(t *testing.T, c *cluster) {
	c.eventually("StatefulSet ready", 20*time.Second, func(ctx context.Context) (bool, any) {
		s, err := c.client.AppsV1().StatefulSets("default").Get(ctx, "set", metav1.GetOptions{})
		return err == nil && s.Status.ReadyReplicas == 2, s
	})
	c.eventually("DaemonSet ready on every node", 20*time.Second, func(ctx context.Context) (bool, any) {
		d, err := c.client.AppsV1().DaemonSets("default").Get(ctx, "everywhere", metav1.GetOptions{})
		return err == nil && d.Status.NumberReady == int32(c.Nodes), d
	})
}

// mutatingPolicy: tests of drift need an admission that rewrites a field.
func mutatingPolicy(t *testing.T, c *cluster) {
	c.apply(`
apiVersion: admissionregistration.k8s.io/v1
kind: MutatingAdmissionPolicy
metadata: {name: mark}
spec:
  matchConstraints: {resourceRules: [{apiGroups: [""], apiVersions: [v1], operations: [CREATE], resources: [configmaps]}]}
  matchConditions: [{name: marked, expression: "object.metadata.name.startsWith('marked')"}]
  failurePolicy: Fail
  reinvocationPolicy: Never
  mutations:
  - patchType: ApplyConfiguration
    applyConfiguration: {expression: "Object{metadata: Object.metadata{labels: {'marked': 'yes'}}}"}
---
apiVersion: admissionregistration.k8s.io/v1
kind: MutatingAdmissionPolicyBinding
metadata: {name: mark}
spec: {policyName: mark}
`)
	n := 0
	c.eventually("a MutatingAdmissionPolicy acts", 20*time.Second, func(ctx context.Context) (bool, any) {
		n++
		made, err := c.client.CoreV1().ConfigMaps("default").Create(ctx, &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Name: fmt.Sprint("marked-", n)}}, metav1.CreateOptions{})
		return err == nil && made.Labels["marked"] == "yes", made
	})
}

func deletion(t *testing.T, c *cluster) {
	c.must(c.client.AppsV1().Deployments("default").Delete(t.Context(), "fine", metav1.DeleteOptions{PropagationPolicy: new(metav1.DeletePropagationForeground)}))
	c.eventually("a Deployment is deleted with its pods", 20*time.Second, func(ctx context.Context) (bool, any) {
		_, err := c.client.AppsV1().Deployments("default").Get(ctx, "fine", metav1.GetOptions{})
		return apierrors.IsNotFound(err) && c.pod(ctx, "fine").Name == "", err
	})
	claim, err := c.client.CoreV1().PersistentVolumeClaims("default").Get(t.Context(), "foreign-class", metav1.GetOptions{})
	c.must(err)
	c.must(c.client.CoreV1().PersistentVolumeClaims("default").Delete(t.Context(), claim.Name, metav1.DeleteOptions{}))
	c.eventually("a claim is deleted with its volume", 20*time.Second, func(ctx context.Context) (bool, any) {
		_, err := c.client.CoreV1().PersistentVolumes().Get(ctx, claim.Spec.VolumeName, metav1.GetOptions{})
		return apierrors.IsNotFound(err), err
	})
	_, err = c.client.CoreV1().Namespaces().Create(t.Context(), &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: "short"}}, metav1.CreateOptions{})
	c.must(err)
	c.must(c.client.CoreV1().Namespaces().Delete(t.Context(), "short", metav1.DeleteOptions{}))
	c.eventually("a namespace is deleted", 30*time.Second, func(ctx context.Context) (bool, any) {
		_, err := c.client.CoreV1().Namespaces().Get(ctx, "short", metav1.GetOptions{})
		return apierrors.IsNotFound(err), err
	})
}

// auditLog: the line of a request is there when its answer is.
func auditLog(t *testing.T, c *cluster, path string) {
	config := rest.CopyConfig(c.config)
	config.UserAgent = "counted-agent"
	client, err := kubernetes.NewForConfig(config)
	c.must(err)
	for range 7 {
		_, err := client.CoreV1().Namespaces().Get(t.Context(), "default", metav1.GetOptions{})
		c.must(err)
	}
	text, err := os.ReadFile(path)
	c.must(err)
	if n := bytes.Count(text, []byte(`"userAgent":"counted-agent"`)); n != 7 {
		t.Errorf("7 requests, %d lines", n)
	}
}

// TestResume: a second start has the same address, credentials and objects, and is refused while the first runs.
func TestResume(t *testing.T) {
	dir := t.TempDir()
	first := serve(t, dir, nil).connect()
	first.apply(deployment("kept", ""))
	first.podEventually("kept", "ready", isReady)
	before := first.pod(t.Context(), "kept")

	second := exec.Command(binary(t), "serve", "--dir", dir)
	text, err := second.CombinedOutput()
	if err == nil || !strings.Contains(string(text), playground.ErrInUse.Error()) {
		t.Errorf("a second start in the same directory: %v, %s", err, text)
	}
	began := time.Now()
	first.stop()
	t.Logf("stopped after %.2f s", time.Since(began).Seconds())

	resumed := serve(t, dir, nil)
	if !resumed.Resumed || resumed.Server != first.Server {
		t.Errorf("resumed %v at %s, was at %s", resumed.Resumed, resumed.Server, first.Server)
	}
	resumed.client, resumed.config = first.client, first.config // the credentials of before
	after := resumed.pod(t.Context(), "kept")
	if after.UID != before.UID || !isReady(after) {
		t.Errorf("the pod did not survive: %+v", after)
	}
	began = time.Now()
	resumed.apply(deployment("more", ""))
	resumed.podEventually("more", "ready after a resume", isReady)
	t.Logf("a pod after the resume took %.2f s", time.Since(began).Seconds())
	lease, err := resumed.client.CoordinationV1().Leases(corev1.NamespaceNodeLease).Get(t.Context(), after.Spec.NodeName, metav1.GetOptions{})
	if err != nil || lease.Spec.LeaseTransitions != nil && *lease.Spec.LeaseTransitions != 0 {
		t.Errorf("the node had to be taken over from a simulator that is gone: %+v, %v", lease.Spec, err)
	}
}

// TestStops: however it ends, nothing is left running.
func TestStops(t *testing.T) {
	for _, row := range []struct {
		name   string
		reason string
		stop   func(c *cluster)
		limit  time.Duration
		says   string
	}{
		{"SIGTERM", "the usual stop", func(c *cluster) { c.signal(syscall.SIGTERM) }, 7 * time.Second, ""},
		{"SIGINT", "Ctrl-C", func(c *cluster) { c.signal(syscall.SIGINT) }, 7 * time.Second, ""},
		{"stdin", "its owner closes the pipe", func(c *cluster) { c.stdin.Close() }, 7 * time.Second, ""},
		{"SIGKILL", "nobody can tidy up", func(c *cluster) { c.signal(syscall.SIGKILL) }, 7 * time.Second, ""},
		{"a part dies", "the others are of no use", func(c *cluster) { c.killPart("kube-scheduler") }, 10 * time.Second, "kube-scheduler died: signal: killed"},
	} {
		t.Run(row.name, func(t *testing.T) {
			c := serve(t, t.TempDir(), nil)
			parts := children(c.Pid)
			if len(parts) != 5 {
				t.Fatalf("5 parts are expected, not %v", parts)
			}
			began := time.Now()
			row.stop(c)
			c.ended = true
			_ = c.cmd.Wait()
			for pid, name := range parts {
				c.eventually(row.reason+": "+name+" is gone", row.limit, func(context.Context) (bool, any) {
					return syscall.Kill(pid, 0) != nil, name
				})
			}
			t.Logf("everything gone after %.2f s", time.Since(began).Seconds())
			if !strings.Contains(c.stderr.String(), row.says) {
				t.Errorf("it said %q, without %q", c.stderr, row.says)
			}
		})
	}
}

// TestOwner: it ends with the process that --owner names, although its own parent lives on.
func TestOwner(t *testing.T) {
	owner := exec.Command("cat")
	held, err := owner.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := owner.Start(); err != nil {
		t.Fatal(err)
	}
	c := serve(t, t.TempDir(), nil, "--owner", strconv.Itoa(owner.Process.Pid))
	held.Close()
	_ = owner.Wait()
	c.ended = true
	if err := c.cmd.Wait(); err != nil {
		t.Errorf("a stop by the owner's end is not a failure: %v\n%s", err, c.stderr)
	}
}

func (c *cluster) signal(s syscall.Signal) { c.must(syscall.Kill(c.Pid, s)) }

func (c *cluster) killPart(name string) {
	for pid, part := range children(c.Pid) {
		if part == name {
			c.must(syscall.Kill(pid, syscall.SIGKILL))
		}
	}
}

// children returns the parts that are children of process pid, from /proc.
func children(pid int) map[int]string {
	found := map[int]string{}
	tasks, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/children", pid))
	for _, task := range tasks {
		text, _ := os.ReadFile(task)
		for field := range strings.FieldsSeq(string(text)) {
			child, _ := strconv.Atoi(field)
			cmdline, _ := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", child))
			if argv := strings.Split(string(cmdline), "\x00"); len(argv) > 2 && argv[1] == "part" {
				found[child] = argv[2]
			}
		}
	}
	return found
}

// TestNoNetwork starts it where only the loopback interface is: no route, no resolver.
func TestNoNetwork(t *testing.T) {
	if err := exec.Command("unshare", "-n", "ip", "link", "set", "lo", "up").Run(); err != nil {
		t.Skipf("this user may not make a network namespace: %v", err)
	}
	c := serve(t, t.TempDir(), []string{"unshare", "-n", "sh", "-c", `ip link set lo up && exec "$@"`, "sh"})
	// Ask from inside, with the binary's own eyes: it is ready only when nodes are and the controllers work.
	if c.ReadySec <= 0 {
		t.Errorf("ready without a time: %+v", c.Ready)
	}
}
