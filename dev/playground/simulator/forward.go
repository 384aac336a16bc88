package simulator

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/cri-streaming/pkg/streaming/portforward"
)

// forwardKey is the annotation of a pod that stands for a process of this machine: its value is the address, on loopback, to
// which every port of the pod leads. Other pods have no ports.
const forwardKey = "plumb.dev/simulate-address"

// How long a forward may be idle, and how long the streams of one connection may take to come: what a kubelet allows.
const (
	forwardIdle    = 4 * time.Hour
	forwardStreams = 30 * time.Second
)

// forwards answers POST and GET /portForward/…, as a kubelet does.
type forwards struct{ client kubernetes.Interface }

func (f forwards) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	options, err := portforward.NewV4Options(r)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	pod, err := f.client.CoreV1().Pods(r.PathValue("namespace")).Get(r.Context(), r.PathValue("pod"), metav1.GetOptions{})
	if err != nil {
		http.Error(w, err.Error(), http.StatusNotFound)
		return
	}
	address, err := addressOf(pod)
	if err != nil {
		http.Error(w, err.Error(), http.StatusNotImplemented)
		return
	}
	portforward.ServePortForward(w, r, loopback(address), pod.Name, string(pod.UID), options, forwardIdle, forwardStreams, portforward.SupportedProtocols)
}

// addressOf gives the address that a pod stands for. Only loopback is one: a pod opens no way to other machines.
func addressOf(pod *corev1.Pod) (string, error) {
	address := pod.Annotations[forwardKey]
	if address == "" {
		return "", fmt.Errorf("pod %s is simulated: no process runs in it that a port could lead to (the annotation %s names one of this machine)", pod.Name, forwardKey)
	}
	host, _, err := net.SplitHostPort(address)
	if ip := net.ParseIP(host); err != nil || ip == nil || !ip.IsLoopback() {
		return "", fmt.Errorf("pod %s: %s %q is no address of loopback, such as 127.0.0.1:7420", pod.Name, forwardKey, address)
	}
	return address, nil
}

// loopback is an address to which every port leads.
type loopback string

// PortForward copies between a stream and a new connection, until either ends.
func (l loopback) PortForward(ctx context.Context, _, _ string, _ int32, stream io.ReadWriteCloser) error {
	var dialer net.Dialer
	connection, err := dialer.DialContext(ctx, "tcp", string(l))
	if err != nil {
		return err
	}
	defer connection.Close()
	copied := make(chan error, 2)
	go func() {
		_, err := io.Copy(connection, stream)
		_ = connection.(*net.TCPConn).CloseWrite() // the process still answers
		if err == nil {
			return
		}
		copied <- err
	}()
	go func() {
		_, err := io.Copy(stream, connection)
		copied <- err
	}()
	select {
	case err := <-copied:
		if errors.Is(err, net.ErrClosed) {
			return nil
		}
		return err
	case <-ctx.Done():
		return ctx.Err()
	}
}
