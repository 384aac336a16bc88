// Package playground runs a real Kubernetes control plane in one tree of processes: etcd, kube-apiserver,
// kube-controller-manager, kube-scheduler, and a simulator that plays nodes, pods, volumes and load balancers.
//
// Each part is this same binary, executed again. Everything listens on loopback or a Unix socket; nothing is downloaded; no
// container runs. State is kept in one directory, and a second start resumes it. When the owner dies, however it dies, so do
// all parts; when one part dies, Serve says which and why and stops the others.
//
// It knows nothing of Plumb: no CRD, no agent, no Git.
//
// Start reading at Serve.
package playground

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
)

// Options say what to serve and where.
type Options struct {
	Dir   string // the state's directory; made if absent
	Nodes int    // how many nodes are simulated

	// AuditLog is the file to which the API server appends one line of JSON per request; empty for none.
	AuditLog string
	// AuditBodies also records the bodies of requests and responses.
	AuditBodies bool

	Stderr io.Writer // progress and the reason of a failure
}

// Ready describes a control plane that answers. It is what `plumb-playground serve -o json` prints.
type Ready struct {
	Kubeconfig string  `json:"kubeconfig"` // an administrator's, mode 0600
	Server     string  `json:"server"`     // https://127.0.0.1:port
	Pid        int     `json:"pid"`        // of the process that owns all parts
	Dir        string  `json:"dir"`
	Nodes      int     `json:"nodes"`
	AuditLog   string  `json:"audit_log,omitempty"`
	ReadySec   float64 `json:"ready_s"` // from the start of Serve to ready
	Resumed    bool    `json:"resumed"` // whether the directory held a state
}

// Addresses inside the simulated cluster. No packet is ever sent to them.
const (
	serviceRange   = "10.64.0.0/14" // a /14: a fleet under test has thousands of Services
	firstServiceIP = "10.64.0.1"
	podRange       = "10.128.0.1/12"
)

// layout names the files below Options.Dir.
type layout string

func (d layout) path(elem ...string) string {
	return filepath.Join(append([]string{string(d)}, elem...)...)
}
func (d layout) kubeconfig() string { return d.path("kubeconfig") }
func (d layout) pki() string        { return d.path("pki") }
func (d layout) logs() string       { return d.path("logs") }
func (d layout) run() string        { return d.path("run") } // working directory of the parts; holds etcd's sockets
func (d layout) etcd() string       { return d.path("etcd") }

// partKubeconfig is the kubeconfig that part name uses.
func (d layout) partKubeconfig(name string) string { return d.path("run", name+".kubeconfig") }

func (d layout) make() error {
	for _, dir := range []string{string(d), d.pki(), d.logs(), d.run()} {
		if err := os.MkdirAll(dir, 0o700); err != nil {
			return fmt.Errorf("playground directory: %w", err)
		}
	}
	return nil
}

func (d layout) hasState() bool {
	_, err := os.Stat(d.path("etcd", "member"))
	return err == nil
}
