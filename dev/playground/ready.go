package playground

import (
	"context"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/clientcmd"
)

// look is how often a condition is asked for while the control plane comes up.
const look = 50 * time.Millisecond

func client(kubeconfig string) (*kubernetes.Clientset, error) {
	config, err := clientcmd.BuildConfigFromFlags("", kubeconfig)
	if err != nil {
		return nil, err
	}
	config.QPS = -1 // loopback, and few requests
	config.UserAgent = "plumb-playground"
	return kubernetes.NewForConfig(config)
}

// waitAPI waits until the API server says that it is ready.
func waitAPI(ctx context.Context, kubeconfig string) error {
	c, err := client(kubeconfig)
	if err != nil {
		return err
	}
	var last error
	err = wait.PollUntilContextCancel(ctx, look, true, func(ctx context.Context) (bool, error) {
		last = c.Discovery().RESTClient().Get().AbsPath("/readyz").Do(ctx).Error()
		return last == nil, nil
	})
	if err != nil && last != nil {
		return last
	}
	return err
}

// waitCluster waits until a workload would run: the controllers have made the ServiceAccount that pods need, the simulator
// its storage class, and the nodes are ready.
func waitCluster(ctx context.Context, kubeconfig string, nodes int) error {
	c, err := client(kubeconfig)
	if err != nil {
		return err
	}
	return wait.PollUntilContextCancel(ctx, look, true, func(ctx context.Context) (bool, error) {
		if _, err := c.CoreV1().ServiceAccounts("default").Get(ctx, "default", metav1.GetOptions{}); err != nil {
			return false, nil
		}
		classes, err := c.StorageV1().StorageClasses().List(ctx, metav1.ListOptions{Limit: 1})
		if err != nil || len(classes.Items) == 0 {
			return false, nil
		}
		list, err := c.CoreV1().Nodes().List(ctx, metav1.ListOptions{})
		if err != nil {
			return false, nil
		}
		return readyNodes(list.Items) >= nodes, nil
	})
}

func readyNodes(nodes []corev1.Node) int {
	n := 0
	for _, node := range nodes {
		for _, c := range node.Status.Conditions {
			if c.Type == corev1.NodeReady && c.Status == corev1.ConditionTrue && len(node.Spec.Taints) == 0 {
				n++
			}
		}
	}
	return n
}
