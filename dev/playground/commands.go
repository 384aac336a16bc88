package playground

import (
	"fmt"
	"os"
	"strconv"
)

// part is one process of the control plane: this binary, executed again with `part name args…`.
type part struct {
	name string
	args []string
}

const etcdSocket = "etcd.sock"

func etcdPart(d layout) part {
	return part{"etcd", []string{"--data=" + d.etcd(), "--socket=" + etcdSocket}}
}

// apiServerPart: the flags that differ from the defaults, and why.
func apiServerPart(d layout, p ports, audit []string) part {
	args := []string{
		"--etcd-servers=unix://" + etcdSocket, // relative: the length of a socket's path is limited to 107 bytes
		"--bind-address=127.0.0.1",
		"--secure-port=" + strconv.Itoa(p.API),
		"--advertise-address=127.0.0.1",   // without a default route it would refuse to start
		"--endpoint-reconciler-type=none", // a loopback address may not stand in Endpoints
		"--service-cluster-ip-range=" + serviceRange,
		"--tls-cert-file=" + d.path("pki", "kube-apiserver.crt"),
		"--tls-private-key-file=" + d.path("pki", "kube-apiserver.key"),
		"--client-ca-file=" + d.path("pki", "ca.crt"),
		"--service-account-issuer=https://kubernetes.default.svc",
		"--service-account-key-file=" + d.path("pki", "service-account.key"),
		"--service-account-signing-key-file=" + d.path("pki", "service-account.key"),
		"--kubelet-certificate-authority=" + d.path("pki", "ca.crt"),
		"--kubelet-preferred-address-types=InternalIP",
		"--authorization-mode=RBAC",
		"--allow-privileged=true", // manifests of real fleets ask for it; nothing runs here
		"--profiling=false",
	}
	return part{"kube-apiserver", append(args, audit...)}
}

// controllerManagerPart: enough requests a second and workers that the controllers are not what a test waits for.
func controllerManagerPart(d layout) part {
	return part{"kube-controller-manager", []string{
		"--kubeconfig=" + d.partKubeconfig("kube-controller-manager"),
		"--leader-elect=false",
		"--secure-port=0",
		"--service-account-private-key-file=" + d.path("pki", "service-account.key"),
		"--root-ca-file=" + d.path("pki", "ca.crt"),
		"--use-service-account-credentials=false",
		"--kube-api-qps=1000", "--kube-api-burst=2000",
		"--concurrent-deployment-syncs=20", "--concurrent-replicaset-syncs=20", "--concurrent-statefulset-syncs=20",
		"--concurrent-job-syncs=20", "--concurrent-endpoint-syncs=10", "--concurrent-service-endpoint-syncs=10",
		"--concurrent-namespace-syncs=20", "--concurrent-serviceaccount-token-syncs=10",
		"--profiling=false",
	}}
}

func schedulerPart(d layout) part {
	return part{"kube-scheduler", []string{
		"--kubeconfig=" + d.partKubeconfig("kube-scheduler"),
		"--leader-elect=false",
		"--secure-port=0",
		"--kube-api-qps=1000", "--kube-api-burst=2000",
		"--profiling=false",
	}}
}

func simulatorPart(d layout, p ports, nodes int) part {
	return part{"simulator", []string{
		"--kubeconfig=" + d.partKubeconfig("simulator"),
		"--nodes=" + strconv.Itoa(nodes),
		"--pod-range=" + podRange,
		"--kubelet-port=" + strconv.Itoa(p.Kubelet),
		"--kubelet-cert=" + d.path("pki", "kubelet.crt"),
		"--kubelet-key=" + d.path("pki", "kubelet.key"),
	}}
}

// auditArgs writes the audit policy and returns the API server's flags for it. One line per request, at the time of the
// response, written before the response goes out: a test that has its answer can read its line.
func auditArgs(d layout, o Options) ([]string, error) {
	if o.AuditLog == "" {
		return nil, nil
	}
	level := "Metadata"
	if o.AuditBodies {
		level = "RequestResponse"
	}
	policy := fmt.Sprintf(`{"apiVersion":"audit.k8s.io/v1","kind":"Policy","omitStages":["RequestReceived"],"rules":[{"level":%q}]}`, level)
	path := d.path("run", "audit-policy.json")
	if err := os.WriteFile(path, []byte(policy), 0o600); err != nil {
		return nil, err
	}
	return []string{
		"--audit-policy-file=" + path,
		"--audit-log-path=" + o.AuditLog,
		"--audit-log-mode=blocking",
		"--audit-log-maxsize=1000000", // megabytes; never rotated, as readers follow one file
	}, nil
}
