package health

import (
	"strings"

	"plumb.dev/plumb/api/v1alpha1"
	"plumb.dev/plumb/internal/object"
)

// builtIn are the rules for kinds whose health is more than conditions, by group/Kind. A status of an older generation is
// told apart before.
var builtIn = map[string]func(object.Object) Verdict{
	"Pod":                                 pod,
	"PersistentVolumeClaim":               claim,
	"Service":                             service,
	"ReplicationController":               replicaSet,
	"apps/Deployment":                     deployment,
	"apps/StatefulSet":                    statefulSet,
	"apps/DaemonSet":                      daemonSet,
	"apps/ReplicaSet":                     replicaSet,
	"batch/Job":                           job,
	"batch/CronJob":                       cronJob,
	"autoscaling/HorizontalPodAutoscaler": autoscaler,
	"apiextensions.k8s.io/CustomResourceDefinition": definition,
	"apiregistration.k8s.io/APIService":             apiService,
	"argoproj.io/Rollout":                           rollout,
	v1alpha1.GroupVersion.Group + "/App":            app,
}

// deployment follows a rollout: updated, then old pods gone, then available. It is Degraded when its deadline is past.
func deployment(o object.Object) Verdict {
	spec, status := at(o, "spec"), at(o, "status")
	if spec["paused"] == true {
		return suspended("paused")
	}
	if v, ok := unobserved(o); ok {
		return v
	}
	conditions := conditionsOf(o)
	if c := conditions["Progressing"]; c.reason == "ProgressDeadlineExceeded" {
		return degraded("%s", c.text())
	}
	why := ""
	if c := conditions["ReplicaFailure"]; c.is("True") {
		why = ": " + c.message
	}
	want := count(spec, "replicas", 1)
	updated, total, available := count(status, "updatedReplicas", 0), count(status, "replicas", 0), count(status, "availableReplicas", 0)
	switch {
	case updated < want:
		return progressing("%d of %d pods updated%s", updated, want, why)
	case total > updated:
		return progressing("%s still there", plural(total-updated, "old pod"))
	case available < want:
		return progressing("%d of %d pods available%s", available, want, why)
	}
	return healthy("")
}

// unobserved finds a workload that its controller has not looked at at all: its counts say nothing yet.
func unobserved(o object.Object) (Verdict, bool) {
	if _, ok := number(at(o, "status"), "observedGeneration"); ok {
		return Verdict{}, false
	}
	return progressing("its controller has not seen it yet"), true
}

func statefulSet(o object.Object) Verdict {
	if v, ok := unobserved(o); ok {
		return v
	}
	spec, status, strategy := at(o, "spec"), at(o, "status"), at(o, "spec", "updateStrategy")
	want, ready := count(spec, "replicas", 1), count(status, "readyReplicas", 0)
	if ready < want {
		return progressing("%d of %d pods ready", ready, want)
	}
	if text(strategy, "type") == "OnDelete" {
		return healthy("")
	}
	updated := count(status, "updatedReplicas", 0)
	if partition := count(at(o, "spec", "updateStrategy", "rollingUpdate"), "partition", 0); partition > 0 {
		if updated < want-partition {
			return progressing("%d of %d pods updated, the partition keeps %d", updated, want-partition, partition)
		}
		return healthy("")
	}
	if revision := text(status, "updateRevision"); revision != "" && revision != text(status, "currentRevision") {
		return progressing("%d of %d pods updated", updated, want)
	}
	if available, ok := number(status, "availableReplicas"); ok && available < want {
		return progressing("%d of %d pods available", available, want)
	}
	return healthy("")
}

func daemonSet(o object.Object) Verdict {
	if v, ok := unobserved(o); ok {
		return v
	}
	status := at(o, "status")
	want := count(status, "desiredNumberScheduled", 0)
	updated, available := count(status, "updatedNumberScheduled", 0), count(status, "numberAvailable", 0)
	switch {
	case updated < want && text(at(o, "spec", "updateStrategy"), "type") != "OnDelete":
		return progressing("%d of %d pods updated", updated, want)
	case available < want:
		return progressing("%d of %d pods available", available, want)
	}
	return healthy("")
}

func replicaSet(o object.Object) Verdict {
	if v, ok := unobserved(o); ok {
		return v
	}
	want, available := count(at(o, "spec"), "replicas", 1), count(at(o, "status"), "availableReplicas", 0)
	if available >= want {
		return healthy("")
	}
	if c := conditionsOf(o)["ReplicaFailure"]; c.is("True") {
		return progressing("%d of %d pods available: %s", available, want, c.message)
	}
	return progressing("%d of %d pods available", available, want)
}

func job(o object.Object) Verdict {
	conditions, status := conditionsOf(o), at(o, "status")
	if c := conditions["Failed"]; c.is("True") {
		return degraded("%s", c.text())
	}
	if c := conditions["FailureTarget"]; c.is("True") {
		return degraded("%s", c.text())
	}
	if conditions["Complete"].is("True") {
		return healthy("complete")
	}
	if conditions["SuccessCriteriaMet"].is("True") { // decided; what waits for the Job waits for the end of its pods too
		return progressing("succeeded, and its pods are ending")
	}
	if at(o, "spec")["suspend"] == true {
		return suspended("suspended")
	}
	failed := ""
	if n := count(status, "failed", 0); n > 0 {
		failed = "; " + plural(n, "pod") + " failed"
	}
	return progressing("%d of %d completions, %s running%s", count(status, "succeeded", 0), count(at(o, "spec"), "completions", 1), plural(count(status, "active", 0), "pod"), failed)
}

func cronJob(o object.Object) Verdict {
	if at(o, "spec")["suspend"] == true {
		return suspended("suspended")
	}
	return healthy("")
}

func claim(o object.Object) Verdict {
	switch phase := text(at(o, "status"), "phase"); phase {
	case "Bound":
		return healthy("")
	case "Lost":
		return degraded("Lost: its volume %s is gone", text(at(o, "spec"), "volumeName"))
	}
	return progressing("not bound to a volume yet; a class with WaitForFirstConsumer binds it with its first pod")
}

func service(o object.Object) Verdict {
	if text(at(o, "spec"), "type") != "LoadBalancer" || len(maps(at(o, "status", "loadBalancer")["ingress"])) > 0 {
		return healthy("")
	}
	return progressing("no load balancer address yet")
}

// autoscaler is Degraded only for what a commit must mend. Without metrics it cannot scale, but what it scales runs.
func autoscaler(o object.Object) Verdict {
	conditions := conditionsOf(o)
	if c := conditions["AbleToScale"]; c.is("False") {
		return progressing("%s", c.text())
	}
	c := conditions["ScalingActive"]
	if c.is("False") && strings.HasPrefix(c.reason, "Invalid") {
		return degraded("%s", c.text())
	}
	if c.is("False") {
		return healthy("does not scale: " + c.text())
	}
	return healthy("")
}

func definition(o object.Object) Verdict {
	conditions := conditionsOf(o)
	if c := conditions["NamesAccepted"]; c.is("False") {
		return degraded("%s", c.text())
	}
	if conditions["Established"].is("True") {
		return healthy("")
	}
	return progressing("not established yet")
}

func apiService(o object.Object) Verdict {
	c, ok := conditionsOf(o)["Available"]
	switch {
	case ok && c.is("True"):
		return healthy("")
	case ok:
		return progressing("not available: %s", c.text())
	}
	return progressing("not available yet")
}

// rollout reads the phase of Argo Rollouts.
func rollout(o object.Object) Verdict {
	status := at(o, "status")
	message := text(status, "message")
	switch phase := text(status, "phase"); phase {
	case "Healthy":
		return healthy(message)
	case "Degraded":
		return degraded("%s", message)
	case "Paused":
		return suspended(message)
	default:
		return progressing("%s", message)
	}
}

// app reads the state of an App of ours: the apps that an app brings are part of its health.
func app(o object.Object) Verdict {
	status := at(o, "status")
	summary := text(status, "summary")
	switch v1alpha1.State(text(status, "state")) {
	case v1alpha1.StateOK, v1alpha1.StateDrifted:
		return healthy(summary)
	case v1alpha1.StateFailed:
		return degraded("%s", summary)
	case v1alpha1.StatePaused:
		return suspended(summary)
	case v1alpha1.StateUnknown:
		return Verdict{v1alpha1.Unknown, summary}
	}
	return progressing("%s", summary)
}
