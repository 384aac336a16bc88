package simulator

import (
	"context"
	"fmt"
	"hash/fnv"
	"log/slog"
	"time"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/cache"
	"k8s.io/client-go/util/workqueue"
)

// runReconcilers plays volumes and addresses until ctx ends.
func runReconcilers(ctx context.Context, client kubernetes.Interface) error {
	factory := informers.NewSharedInformerFactory(client, 0)
	core := factory.Core().V1()
	v := volumes{client: client, volumes: core.PersistentVolumes().Lister()}
	a := addresses{client: client}
	runs := []func(){
		reconciler(ctx, "claim", core.PersistentVolumeClaims().Informer(), v.bind),
		reconciler(ctx, "volume", core.PersistentVolumes().Informer(), v.reclaim),
		reconciler(ctx, "service", core.Services().Informer(), a.service),
		reconciler(ctx, "ingress", factory.Networking().V1().Ingresses().Informer(), a.ingress),
	}
	factory.Start(ctx.Done())
	for kind, synced := range factory.WaitForCacheSync(ctx.Done()) {
		if !synced {
			return fmt.Errorf("watch %v: %w", kind, context.Cause(ctx))
		}
	}
	for _, run := range runs {
		go run()
	}
	<-ctx.Done()
	factory.Shutdown()
	return nil
}

// reconciler calls reconcile for every object that informer sees appear or change, again with growing delay while it fails.
// The caller runs the function it returns once the caches are filled.
func reconciler[T metav1.Object](ctx context.Context, kind string, informer cache.SharedIndexInformer, reconcile func(context.Context, T) error) func() {
	queue := workqueue.NewTypedRateLimitingQueue(workqueue.NewTypedItemExponentialFailureRateLimiter[string](20*time.Millisecond, time.Minute))
	add := func(object any) {
		if key, err := cache.MetaNamespaceKeyFunc(object); err == nil {
			queue.Add(key)
		}
	}
	_, _ = informer.AddEventHandler(cache.ResourceEventHandlerFuncs{AddFunc: add, UpdateFunc: func(_, object any) { add(object) }})
	context.AfterFunc(ctx, queue.ShutDown)
	one := func(key string) error {
		object, exists, err := informer.GetStore().GetByKey(key)
		if err != nil || !exists {
			return err
		}
		return reconcile(ctx, object.(T))
	}
	return func() {
		for {
			key, stop := queue.Get()
			if stop {
				return
			}
			err := one(key)
			if err == nil || apierrors.IsNotFound(err) {
				queue.Forget(key)
			} else {
				slog.Warn("will try again", "kind", kind, "object", key, "error", err)
				queue.AddRateLimited(key)
			}
			queue.Done(key)
		}
	}
}

// addresses gives load balancers and ingresses an address from 198.18.0.0/15, which is never routed (RFC 2544).
type addresses struct{ client kubernetes.Interface }

func (a addresses) service(ctx context.Context, s *corev1.Service) error {
	if s.Spec.Type != corev1.ServiceTypeLoadBalancer || len(s.Status.LoadBalancer.Ingress) > 0 || s.DeletionTimestamp != nil || simulated(s) == "no-address" {
		return nil
	}
	s = s.DeepCopy()
	s.Status.LoadBalancer.Ingress = []corev1.LoadBalancerIngress{{IP: addressFor(s.UID), IPMode: new(corev1.LoadBalancerIPModeVIP)}}
	_, err := a.client.CoreV1().Services(s.Namespace).UpdateStatus(ctx, s, metav1.UpdateOptions{})
	return err
}

func (a addresses) ingress(ctx context.Context, i *networkingv1.Ingress) error {
	if len(i.Status.LoadBalancer.Ingress) > 0 || i.DeletionTimestamp != nil || simulated(i) == "no-address" {
		return nil
	}
	i = i.DeepCopy()
	i.Status.LoadBalancer.Ingress = []networkingv1.IngressLoadBalancerIngress{{IP: "198.18.0.1"}} // one ingress controller
	_, err := a.client.NetworkingV1().Ingresses(i.Namespace).UpdateStatus(ctx, i, metav1.UpdateOptions{})
	return err
}

// addressFor is 198.19.x.y, a function of the object alone.
func addressFor(uid types.UID) string {
	h := fnv.New32a()
	h.Write([]byte(uid))
	n := h.Sum32()
	return fmt.Sprintf("198.19.%d.%d", n>>8&0xff, max(1, n&0xff))
}
