package simulator

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strconv"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
)

// serveKubelet answers, for all nodes, the requests that the API server passes on to kubelets: the logs of containers,
// and port-forwarding to pods that stand for a process (forward.go). Commands have nothing to act on, and are refused in words.
func serveKubelet(ctx context.Context, s settings, client kubernetes.Interface) error {
	mux := http.NewServeMux()
	mux.Handle("GET /containerLogs/{namespace}/{pod}/{container}", logs{client})
	mux.Handle("/portForward/{namespace}/{pod}", forwards{client})
	mux.Handle("/portForward/{namespace}/{pod}/{uid}", forwards{client})
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprintln(w, "ok") })
	mux.HandleFunc("/", func(w http.ResponseWriter, _ *http.Request) {
		http.Error(w, "pods of the playground are simulated: no process runs in them (logs work)", http.StatusNotImplemented)
	})
	listener, err := net.Listen("tcp", fmt.Sprintf("%s:%d", nodeIP, s.kubeletPort))
	if err != nil {
		return err
	}
	server := &http.Server{Handler: mux, ReadHeaderTimeout: 10 * time.Second, BaseContext: func(net.Listener) context.Context { return ctx }}
	context.AfterFunc(ctx, func() { server.Close() })
	if err := server.ServeTLS(listener, s.kubeletCert, s.kubeletKey); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}

// logs answers GET /containerLogs/…, with the parameters of the kubelet: previous, tailLines, timestamps, follow.
type logs struct{ client kubernetes.Interface }

func (l logs) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	pod, err := l.client.CoreV1().Pods(r.PathValue("namespace")).Get(r.Context(), r.PathValue("pod"), metav1.GetOptions{})
	if err != nil {
		code := http.StatusInternalServerError
		if apierrors.IsNotFound(err) {
			code = http.StatusNotFound
		}
		http.Error(w, err.Error(), code)
		return
	}
	query := r.URL.Query()
	lines, err := linesOf(pod, r.PathValue("container"), query.Get("previous") == "true")
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	if n, err := strconv.Atoi(query.Get("tailLines")); err == nil && n >= 0 && n < len(lines) {
		lines = lines[len(lines)-n:]
	}
	w.Header().Set("Content-Type", "text/plain")
	for _, line := range lines {
		fmt.Fprintln(w, line.text(query.Get("timestamps") == "true"))
	}
	if query.Get("follow") == "true" {
		_ = http.NewResponseController(w).Flush()
		<-r.Context().Done() // a simulated container says nothing more
	}
}

// line is one line of a container's log.
type line struct {
	at      metav1.Time
	message string
}

func (l line) text(timestamps bool) string {
	if timestamps {
		return l.at.UTC().Format(time.RFC3339Nano) + " " + l.message
	}
	return l.message
}

// linesOf makes up the log of a container from its status: what a program in this state might have said.
func linesOf(pod *corev1.Pod, container string, previous bool) ([]line, error) {
	all := append(append([]corev1.ContainerStatus{}, pod.Status.InitContainerStatuses...), pod.Status.ContainerStatuses...)
	for _, status := range all {
		if status.Name != container {
			continue
		}
		state := status.State
		crashed := state.Waiting != nil && status.LastTerminationState.Terminated != nil
		if previous || crashed {
			state = status.LastTerminationState
		}
		return linesOfState(pod, status, state)
	}
	return nil, fmt.Errorf("container %q in pod %q is waiting to start: PodInitializing", container, pod.Name)
}

func linesOfState(pod *corev1.Pod, status corev1.ContainerStatus, state corev1.ContainerState) ([]line, error) {
	switch {
	case state.Running != nil:
		at := state.Running.StartedAt
		lines := starting(pod, status, at)
		if status.Ready {
			return append(lines, line{at, "ready to serve"}), nil
		}
		return append(lines, line{at, "not ready yet"}), nil
	case state.Terminated != nil:
		end := state.Terminated
		lines := starting(pod, status, end.StartedAt)
		if end.ExitCode == 0 {
			return append(lines, line{end.FinishedAt, "done"}), nil
		}
		return append(lines, line{end.FinishedAt, fmt.Sprintf("fatal: simulated failure, exit code %d (%s: %s)", end.ExitCode, simulateKey, simulated(pod))}), nil
	case state.Waiting != nil:
		return nil, fmt.Errorf("container %q in pod %q is waiting to start: %s", status.Name, pod.Name, strings.TrimSpace(state.Waiting.Reason))
	}
	return nil, fmt.Errorf("previous terminated container %q in pod %q not found", status.Name, pod.Name)
}

func starting(pod *corev1.Pod, status corev1.ContainerStatus, at metav1.Time) []line {
	return []line{
		{at, fmt.Sprintf("starting %s on %s (simulated: nothing was pulled or run)", status.Image, pod.Spec.NodeName)},
		{at, fmt.Sprintf("container %s of %s/%s, restarts: %d", status.Name, pod.Namespace, pod.Name, status.RestartCount)},
	}
}
