package health

import (
	"fmt"
	"strings"

	"plumb.dev/plumb/internal/object"
)

// pod judges a Pod that stands in Git by itself. One that runs to completion is Progressing until it has.
func pod(o object.Object) Verdict {
	status := at(o, "status")
	switch text(status, "phase") {
	case "Succeeded":
		return healthy("complete")
	case "Failed":
		message, _ := PodTrouble(o)
		return degraded("%s", message)
	}
	message, bad := PodTrouble(o)
	switch {
	case bad && !strings.HasPrefix(message, unschedulable):
		return degraded("%s", message)
	case text(at(o, "spec"), "restartPolicy") == "Never" || text(at(o, "spec"), "restartPolicy") == "OnFailure":
		return progressing("%s", first(message, "running"))
	case conditionsOf(o)["Ready"].is("True"):
		return healthy("")
	}
	return progressing("%s", first(message, "starting"))
}

func first(a, b string) string {
	if a != "" {
		return a
	}
	return b
}

const unschedulable = "Unschedulable"

// PodTrouble says what keeps a Pod from being ready, and whether it is trouble: that it crashes, gets no image or no
// node, not that it starts. The message begins with the reason, for example
// "CrashLoopBackOff: container app exited with 1 (Error), 5 restarts". "" if there is nothing to say.
func PodTrouble(pod object.Object) (message string, bad bool) {
	status := at(pod, "status")
	if _, deleted := at(pod, "metadata")["deletionTimestamp"]; deleted || text(status, "phase") == "Succeeded" {
		return "", false
	}
	if text(status, "phase") == "Failed" {
		return oneLine(failedPod(status)), true
	}
	if c := conditionsOf(pod)["PodScheduled"]; c.is("False") {
		return oneLine(first(c.reason, unschedulable) + ": " + c.message), c.reason == unschedulable
	}
	for _, list := range []string{"initContainerStatuses", "containerStatuses"} {
		for _, c := range maps(status[list]) {
			if message, bad := containerTrouble(c); bad {
				return oneLine(message), true
			}
		}
	}
	return notReady(status), false
}

func failedPod(status map[string]any) string {
	if reason := text(status, "reason"); reason != "" {
		return strings.TrimSuffix(reason+": "+text(status, "message"), ": ")
	}
	for _, c := range maps(status["containerStatuses"]) {
		if exit, ok := exited(in(c, "state", "terminated")); ok {
			return "Failed: container " + text(c, "name") + " " + exit
		}
	}
	return first(text(status, "message"), "Failed")
}

// starting are the reasons of a container that waits and is in no trouble.
var starting = map[string]bool{"": true, "ContainerCreating": true, "PodInitializing": true}

func containerTrouble(c map[string]any) (string, bool) {
	name, waiting := text(c, "name"), in(c, "state", "waiting")
	reason := text(waiting, "reason")
	if exit, ok := exited(in(c, "state", "terminated")); ok {
		return "Exited: container " + name + " " + exit, true
	}
	if starting[reason] {
		return "", false
	}
	if exit, ok := exited(in(c, "lastState", "terminated")); ok && reason == "CrashLoopBackOff" {
		return fmt.Sprintf("%s: container %s %s, %s", reason, name, exit, plural(count(c, "restartCount", 0), "restart")), true
	}
	return strings.TrimSuffix(fmt.Sprintf("%s: container %s: %s", reason, name, text(waiting, "message")), ": "), true
}

// exited says how a container ended, if it ended badly.
func exited(terminated map[string]any) (string, bool) {
	code, ok := number(terminated, "exitCode")
	if !ok || code == 0 {
		return "", false
	}
	s := fmt.Sprintf("exited with %d", code)
	if reason := text(terminated, "reason"); reason != "" {
		s += " (" + reason + ")"
	}
	return s, true
}

func notReady(status map[string]any) string {
	for _, c := range maps(status["containerStatuses"]) {
		if c["ready"] == false && in(c, "state", "running") != nil {
			return "container " + text(c, "name") + " runs and is not ready"
		}
	}
	return ""
}

func in(m map[string]any, keys ...string) map[string]any {
	for _, k := range keys {
		m, _ = m[k].(map[string]any)
	}
	return m
}

func plural(n int64, thing string) string {
	if n == 1 {
		return "1 " + thing
	}
	return fmt.Sprintf("%d %ss", n, thing)
}
