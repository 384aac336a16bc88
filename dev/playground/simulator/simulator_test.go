package simulator

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/strategicpatch"
	"sigs.k8s.io/kwok/pkg/apis/internalversion"
	"sigs.k8s.io/kwok/pkg/utils/lifecycle"
)

// TestLives plays the stages without a cluster: at each step exactly one stage may match, and the status that it writes
// leads to the next.
func TestLives(t *testing.T) {
	for _, row := range []struct {
		simulate string
		restart  corev1.RestartPolicy
		want     string // the first stages, in order; "." is the end of the life
		reason   string
	}{
		{"", corev1.RestartPolicyAlways, "start .", "a server is ready at once"},
		{"", corev1.RestartPolicyNever, "start complete .", "a Job's pod completes"},
		{"", corev1.RestartPolicyOnFailure, "start complete .", "a Job's pod completes"},
		{"image-pull", corev1.RestartPolicyAlways, "image-pull image-backoff .", "no image, no start"},
		{"crash-loop", corev1.RestartPolicyAlways, "start crash restart crash restart", "it crashes for ever"},
		{"crash-loop-137", corev1.RestartPolicyOnFailure, "start crash restart crash restart", "a Job's pod too"},
		{"fail", corev1.RestartPolicyNever, "start fail .", "a Job's pod fails once"},
		{"fail-7", corev1.RestartPolicyAlways, "start crash restart crash restart", "a server that fails is restarted"},
		{"never-ready", corev1.RestartPolicyAlways, "start .", "it runs"},
		{"never-ready", corev1.RestartPolicyNever, "start .", "a Job that hangs"},
		{"slow-start", corev1.RestartPolicyAlways, "start ready-late .", "it is ready late"},
		{"slow-start-30s", corev1.RestartPolicyNever, "start ready-late complete .", "a Job that takes its time"},
		{"something-else", corev1.RestartPolicyAlways, "start .", "an unknown word is no failure"},
	} {
		t.Run(row.simulate+" "+string(row.restart), func(t *testing.T) {
			pod := newPod(row.simulate, row.restart)
			var lived []string
			for range 5 {
				stage := matching(t, pod)
				if stage == "" {
					lived = append(lived, ".")
					break
				}
				lived = append(lived, stage)
				pod = after(t, strings.TrimSuffix(stage, "-late"), pod)
			}
			if got := strings.Join(lived, " "); got != row.want {
				t.Errorf("%s: lived %q, not %q", row.reason, got, row.want)
			}
		})
	}
	pod := newPod("crash-loop", corev1.RestartPolicyAlways)
	pod.DeletionTimestamp = new(metav1.Now())
	if got := matching(t, pod); got != "delete" {
		t.Errorf("whatever it simulates, a deleted pod goes: %q", got)
	}
}

func newPod(simulate string, restart corev1.RestartPolicy) *corev1.Pod {
	pod := &corev1.Pod{}
	pod.Name, pod.Namespace, pod.UID = "pod", "default", "1"
	pod.Spec = corev1.PodSpec{RestartPolicy: restart, Containers: []corev1.Container{{Name: "main", Image: "main:1"}, {Name: "other", Image: "other:1"}}}
	pod.Status.Phase = corev1.PodPending
	pod.Status.Conditions = []corev1.PodCondition{{Type: corev1.PodScheduled, Status: corev1.ConditionTrue}}
	if simulate != "" {
		pod.Labels = map[string]string{simulateKey: simulate}
	}
	return pod
}

// matching returns the name of the one stage that matches, without "pod-".
func matching(t *testing.T, pod *corev1.Pod) string {
	t.Helper()
	stages, err := loadStages()
	if err != nil {
		t.Fatal(err)
	}
	life, err := lifecycle.NewLifecycle(stages[internalversion.StageResourceRef{APIGroup: "v1", Kind: "Pod"}])
	if err != nil {
		t.Fatal(err)
	}
	found, err := life.ListAllPossible(t.Context(), &lifecycle.Event{Labels: pod.Labels, Annotations: pod.Annotations, Data: pod})
	if err != nil {
		t.Fatal(err)
	}
	if len(found) == 0 {
		return ""
	}
	if len(found) > 1 {
		t.Fatalf("%d stages match: %s and %s", len(found), found[0].Name(), found[1].Name())
	}
	return strings.TrimPrefix(found[0].Name(), "pod-")
}

// after applies the status of a stage as the API server would.
func after(t *testing.T, stage string, pod *corev1.Pod) *corev1.Pod {
	t.Helper()
	status, err := podStatus(stage, pod, []string{"127.0.0.1"}, []string{"10.128.0.2"}, metav1.NewTime(time.Unix(1700000000, 0)))
	if err != nil {
		t.Fatal(err)
	}
	original, err := json.Marshal(pod)
	if err != nil {
		t.Fatal(err)
	}
	patched, err := strategicpatch.StrategicMergePatch(original, []byte(`{"status":`+status+`}`), corev1.Pod{})
	if err != nil {
		t.Fatal(err)
	}
	var next corev1.Pod
	if err := json.Unmarshal(patched, &next); err != nil {
		t.Fatal(err)
	}
	return &next
}

func TestDelays(t *testing.T) {
	for _, row := range []struct {
		simulate string
		stages   []string
		want     time.Duration
	}{
		{"slow-start", []string{"start"}, 10 * time.Second},
		{"slow-start-30s", []string{"start"}, 30 * time.Second},
		{"crash-loop", []string{"start", "crash"}, 2 * time.Second},
		{"crash-loop", []string{"start", "crash", "restart", "crash"}, 4 * time.Second},
	} {
		pod := newPod(row.simulate, corev1.RestartPolicyAlways)
		for _, s := range row.stages {
			pod = after(t, s, pod)
		}
		stages, err := loadStages()
		if err != nil {
			t.Fatal(err)
		}
		life, _ := lifecycle.NewLifecycle(stages[internalversion.StageResourceRef{APIGroup: "v1", Kind: "Pod"}])
		event := &lifecycle.Event{Labels: pod.Labels, Data: pod}
		stage, err := life.Match(t.Context(), event)
		if err != nil || stage == nil {
			t.Fatalf("%s after %v: no stage, %v", row.simulate, row.stages, err)
		}
		if got, _, err := stage.Delay(t.Context(), event, time.Now()); err != nil || got != row.want {
			t.Errorf("%s after %v: %s waits %v, not %v (%v)", row.simulate, row.stages, stage.Name(), got, row.want, err)
		}
	}
}

func TestStatusKeepsWhatOthersWrote(t *testing.T) {
	pod := after(t, "start", newPod("slow-start", corev1.RestartPolicyAlways))
	late := after(t, "ready", pod)
	for _, c := range late.Status.Conditions {
		switch {
		case c.Type == corev1.PodScheduled && c.Status != corev1.ConditionTrue:
			t.Error("the scheduler's condition was lost")
		case c.Type == corev1.PodReady && (c.Status != corev1.ConditionTrue || c.Reason != ""):
			t.Errorf("a ready pod is %+v", c)
		}
	}
	if late.Status.PodIP != "10.128.0.2" || !late.Status.StartTime.Equal(pod.Status.StartTime) {
		t.Errorf("address or start time changed: %+v", late.Status)
	}
}
