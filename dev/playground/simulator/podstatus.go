package simulator

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
)

// podStatus returns, as JSON, the status that pod has after a stage of stages.yaml. It is pure but for the clock.
func podStatus(stage string, pod *corev1.Pod, hostIPs, podIPs []string, now metav1.Time) (string, error) {
	s := next{pod: pod, now: now}
	var status corev1.PodStatus
	switch stage {
	case "start":
		status = s.running(s.startsReady())
	case "ready":
		status = s.running(true)
	case "image-pull":
		status = s.waitingForImages("ErrImagePull", "failed to pull image %q: simulated by "+simulateKey)
	case "image-backoff":
		status = s.waitingForImages("ImagePullBackOff", "Back-off pulling image %q: simulated by "+simulateKey)
	case "crash":
		status = s.crashed()
	case "restart":
		status = s.running(false)
	case "complete":
		status = s.terminated(corev1.PodSucceeded, 0)
	case "fail":
		status = s.terminated(corev1.PodFailed, exitCode(pod))
	default:
		return "", fmt.Errorf("there is no stage %q", stage)
	}
	s.addresses(&status, hostIPs, podIPs)
	return patchOf(status)
}

// patchOf encodes status as a strategic merge patch, in which a condition's reason must be erased by name.
func patchOf(status corev1.PodStatus) (string, error) {
	object, err := runtime.DefaultUnstructuredConverter.ToUnstructured(&status)
	if err != nil {
		return "", err
	}
	for _, c := range object["conditions"].([]any) {
		if condition := c.(map[string]any); condition["reason"] == nil {
			condition["reason"] = nil
		}
	}
	text, err := json.Marshal(object)
	return string(text), err
}

// next computes the status that follows the one that pod has.
type next struct {
	pod *corev1.Pod
	now metav1.Time
}

// mode is how the pod was asked to behave, without its argument: "crash-loop" of "crash-loop-137".
func mode(pod *corev1.Pod) (name, argument string) {
	asked := simulated(pod)
	for _, name := range []string{"image-pull", "crash-loop", "never-ready", "slow-start", "fail"} {
		if rest, ok := strings.CutPrefix(asked, name); ok && (rest == "" || rest[0] == '-') {
			return name, strings.TrimPrefix(rest, "-")
		}
	}
	return "", ""
}

func simulated(object metav1.Object) string {
	if v, ok := object.GetAnnotations()[simulateKey]; ok {
		return v
	}
	return object.GetLabels()[simulateKey]
}

func exitCode(pod *corev1.Pod) int32 {
	_, argument := mode(pod)
	if code, err := strconv.ParseInt(argument, 10, 32); err == nil {
		return int32(code)
	}
	return 1
}

func (s next) startsReady() bool {
	switch name, _ := mode(s.pod); name {
	case "never-ready", "slow-start", "crash-loop":
		return false
	case "fail":
		return s.pod.Spec.RestartPolicy != corev1.RestartPolicyAlways
	}
	return true
}

func (s next) running(ready bool) corev1.PodStatus {
	status := s.status(corev1.PodRunning, ready)
	status.InitContainerStatuses = s.initContainers(nil)
	for i, c := range s.pod.Spec.Containers {
		now := s.container(c, i)
		now.Ready, now.Started = ready, new(true)
		now.State = s.runningState(i)
		status.ContainerStatuses = append(status.ContainerStatuses, now)
	}
	return status
}

func (s next) waitingForImages(reason, message string) corev1.PodStatus {
	status := s.status(corev1.PodPending, false)
	status.InitContainerStatuses = s.initContainers(nil)
	for i, c := range s.pod.Spec.Containers {
		now := s.container(c, i)
		now.Started = new(false)
		now.State.Waiting = &corev1.ContainerStateWaiting{Reason: reason, Message: fmt.Sprintf(message, c.Image)}
		status.ContainerStatuses = append(status.ContainerStatuses, now)
	}
	return status
}

// crashed: the first container has exited and waits for its restart; the others run.
func (s next) crashed() corev1.PodStatus {
	status := s.running(false)
	first := &status.ContainerStatuses[0]
	first.LastTerminationState.Terminated = s.exit(exitCode(s.pod), first.State.Running.StartedAt)
	first.RestartCount++
	first.Started = new(false)
	first.State = corev1.ContainerState{Waiting: &corev1.ContainerStateWaiting{
		Reason:  "CrashLoopBackOff",
		Message: fmt.Sprintf("back-off restarting failed container=%s pod=%s_%s", first.Name, s.pod.Name, s.pod.Namespace),
	}}
	for i := range status.ContainerStatuses[1:] {
		status.ContainerStatuses[i+1].Ready = true
	}
	return status
}

func (s next) terminated(phase corev1.PodPhase, code int32) corev1.PodStatus {
	status := s.status(phase, false)
	over := s.exit(0, s.now)
	status.InitContainerStatuses = s.initContainers(over)
	for i, c := range s.pod.Spec.Containers {
		now := s.container(c, i)
		now.Started = new(false)
		now.State.Terminated = s.exit(code, s.startedAt(i))
		status.ContainerStatuses = append(status.ContainerStatuses, now)
	}
	return status
}

// initContainers have completed, but for those that run beside the others (restartPolicy: Always): they run until over.
func (s next) initContainers(over *corev1.ContainerStateTerminated) []corev1.ContainerStatus {
	var all []corev1.ContainerStatus
	for _, c := range s.pod.Spec.InitContainers {
		status := corev1.ContainerStatus{Name: c.Name, Image: c.Image, ImageID: imageID(c.Image), ContainerID: s.containerID(c.Name), Ready: true}
		sidecar := c.RestartPolicy != nil && *c.RestartPolicy == corev1.ContainerRestartPolicyAlways
		switch {
		case !sidecar:
			status.Started = new(false)
			status.State.Terminated = s.exit(0, s.now)
		case over != nil:
			status.Ready, status.Started = false, new(false)
			status.State.Terminated = over
		default:
			status.Started = new(true)
			status.State.Running = &corev1.ContainerStateRunning{StartedAt: s.now}
		}
		all = append(all, status)
	}
	return all
}

// container is what stays the same from one status to the next.
func (s next) container(c corev1.Container, i int) corev1.ContainerStatus {
	status := corev1.ContainerStatus{Name: c.Name, Image: c.Image, ImageID: imageID(c.Image), ContainerID: s.containerID(c.Name)}
	if old := s.old(i); old != nil {
		status.RestartCount = old.RestartCount
		status.LastTerminationState = old.LastTerminationState
	}
	return status
}

func (s next) old(i int) *corev1.ContainerStatus {
	if i >= len(s.pod.Status.ContainerStatuses) {
		return nil
	}
	return &s.pod.Status.ContainerStatuses[i]
}

func (s next) startedAt(i int) metav1.Time {
	if old := s.old(i); old != nil && old.State.Running != nil {
		return old.State.Running.StartedAt
	}
	return s.now
}

func (s next) runningState(i int) corev1.ContainerState {
	return corev1.ContainerState{Running: &corev1.ContainerStateRunning{StartedAt: s.startedAt(i)}}
}

func (s next) exit(code int32, started metav1.Time) *corev1.ContainerStateTerminated {
	reason := "Completed"
	switch code {
	case 0:
	case 137:
		reason = "OOMKilled"
	default:
		reason = "Error"
	}
	return &corev1.ContainerStateTerminated{ExitCode: code, Reason: reason, StartedAt: started, FinishedAt: s.now}
}

func imageID(image string) string { return "simulated://" + image }

func (s next) containerID(name string) string {
	return "simulated://" + string(s.pod.UID) + "/" + name
}

func (s next) status(phase corev1.PodPhase, ready bool) corev1.PodStatus {
	done := phase == corev1.PodSucceeded || phase == corev1.PodFailed
	readyReason := ""
	switch {
	case phase == corev1.PodSucceeded:
		readyReason = "PodCompleted"
	case phase == corev1.PodFailed:
		readyReason = "PodFailed"
	case !ready:
		readyReason = "ContainersNotReady"
	}
	status := corev1.PodStatus{Phase: phase, StartTime: s.pod.Status.StartTime, Conditions: []corev1.PodCondition{
		s.condition(corev1.PodReadyToStartContainers, !done, ""),
		s.condition(corev1.PodInitialized, true, ""),
		s.condition(corev1.ContainersReady, ready, readyReason),
		s.condition(corev1.PodReady, ready, readyReason),
	}}
	if status.StartTime == nil {
		status.StartTime = &s.now
	}
	for _, gate := range s.pod.Spec.ReadinessGates {
		status.Conditions = append(status.Conditions, s.condition(gate.ConditionType, true, ""))
	}
	return status
}

func (s next) condition(kind corev1.PodConditionType, is bool, reason string) corev1.PodCondition {
	c := corev1.PodCondition{Type: kind, Status: corev1.ConditionFalse, Reason: reason, LastTransitionTime: s.now}
	if is {
		c.Status = corev1.ConditionTrue
	}
	for _, old := range s.pod.Status.Conditions {
		if old.Type == kind && old.Status == c.Status {
			c.LastTransitionTime = old.LastTransitionTime
		}
	}
	return c
}

func (s next) addresses(status *corev1.PodStatus, hostIPs, podIPs []string) {
	for i, ip := range hostIPs {
		if i == 0 {
			status.HostIP = ip
		}
		status.HostIPs = append(status.HostIPs, corev1.HostIP{IP: ip})
	}
	for i, ip := range podIPs {
		if i == 0 {
			status.PodIP = ip
		}
		status.PodIPs = append(status.PodIPs, corev1.PodIP{IP: ip})
	}
}

// podStatusTemplate adapts podStatus to kwok's templates, which hold an object as JSON values. newPodIPs is a []string, or
// false for a pod that has an address and keeps it.
func podStatusTemplate(stage string, object any, hostIPs []string, newPodIPs any) (string, error) {
	podIPs, _ := newPodIPs.([]string)
	text, err := json.Marshal(object)
	if err != nil {
		return "", err
	}
	var pod corev1.Pod
	if err := json.Unmarshal(text, &pod); err != nil {
		return "", err
	}
	return podStatus(stage, &pod, hostIPs, podIPs, metav1.NewTime(time.Now().Truncate(time.Second)))
}
