// Package simulator plays what a control plane alone does not have: nodes and the life of pods (with kwok's controllers and
// the stages of stages.yaml), volumes, the addresses of load balancers and ingresses, and the logs of containers.
//
// It never pulls an image, runs a container, opens a route or writes to a disk: whatever it reports is made up, and says so
// where there is room for words. It changes nothing but statuses, and the volumes, nodes and storage class of its own.
//
// Start reading at Main; how pods behave stands in stages.yaml.
package simulator

import (
	"context"
	"flag"
	"fmt"

	"golang.org/x/sync/errgroup"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	"k8s.io/utils/clock"
	"sigs.k8s.io/kwok/pkg/kwok/controllers"
	"sigs.k8s.io/kwok/pkg/utils/gotpl"
)

// settings are the arguments of the part.
type settings struct {
	kubeconfig              string
	nodes                   int
	podRange                string
	kubeletPort             int
	kubeletCert, kubeletKey string
}

// Main runs the simulator until ctx ends.
func Main(ctx context.Context, args []string) error {
	var s settings
	flags := flag.NewFlagSet("simulator", flag.ContinueOnError)
	flags.StringVar(&s.kubeconfig, "kubeconfig", "", "kubeconfig of an administrator")
	flags.IntVar(&s.nodes, "nodes", 3, "how many nodes there are")
	flags.StringVar(&s.podRange, "pod-range", "", "range of the pods' addresses")
	flags.IntVar(&s.kubeletPort, "kubelet-port", 0, "port on loopback for the logs of containers")
	flags.StringVar(&s.kubeletCert, "kubelet-cert", "", "its certificate")
	flags.StringVar(&s.kubeletKey, "kubelet-key", "", "its key")
	if err := flags.Parse(args); err != nil {
		return err
	}
	config, err := clientcmd.BuildConfigFromFlags("", s.kubeconfig)
	if err != nil {
		return err
	}
	config.QPS = -1 // loopback: the API server's own fairness is the limit
	config.UserAgent = "plumb-playground-simulator"
	client, err := kubernetes.NewForConfig(config)
	if err != nil {
		return err
	}
	return s.run(ctx, config, client)
}

func (s settings) run(ctx context.Context, config *rest.Config, client kubernetes.Interface) error {
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() error { return serveKubelet(ctx, s, client) })
	if err := ensureNodes(ctx, client, s.nodes, s.kubeletPort); err != nil {
		return fmt.Errorf("nodes: %w", err)
	}
	if err := ensureStorageClass(ctx, client); err != nil {
		return fmt.Errorf("storage class: %w", err)
	}
	if err := startKwok(ctx, s, config, client); err != nil {
		return fmt.Errorf("kwok: %w", err)
	}
	g.Go(func() error { return runReconcilers(ctx, client) })
	return g.Wait()
}

// identity is who holds the nodes' leases. There is one simulator for a directory, so it may be the same after every start:
// another one would have to wait until the leases of the one before run out, and pods would stay Pending meanwhile.
const identity = "plumb-playground"

// startKwok starts kwok's controllers for nodes and pods. They run until ctx ends.
func startKwok(ctx context.Context, s settings, config *rest.Config, client kubernetes.Interface) error {
	stages, err := loadStages()
	if err != nil {
		return err
	}
	restClient, err := rest.RESTClientFor(withCodec(config))
	if err != nil {
		return err
	}
	kwok, err := controllers.NewController(controllers.Config{
		Clock:                     clock.RealClock{},
		RESTClient:                restClient,
		TypedClient:               client,
		ManageAllNodes:            true,
		CIDR:                      s.podRange,
		NodeIP:                    nodeIP,
		NodePort:                  s.kubeletPort,
		LocalStages:               stages,
		PodPlayStageParallelism:   16,
		NodePlayStageParallelism:  4,
		PodsOnNodeSyncParallelism: 4,
		NodeLeaseParallelism:      4,
		NodeLeaseDurationSeconds:  40, // a kubelet's
		ID:                        identity,
		FuncMap:                   gotpl.FuncMap{"PodStatus": podStatusTemplate},
	})
	if err != nil {
		return err
	}
	return kwok.Start(ctx)
}
