package doctor

import (
	"context"
	"fmt"
	"reflect"
	"strings"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	coordinationv1 "k8s.io/api/coordination/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"plumb.dev/plumb/api/v1alpha1"
	"plumb.dev/plumb/deploy"
	"plumb.dev/plumb/internal/health"
	"plumb.dev/plumb/internal/install"
	"plumb.dev/plumb/internal/object"
	"plumb.dev/plumb/internal/report"
)

// definitions compares the definitions in the cluster with those of this program.
func (e *examination) definitions(ctx context.Context) {
	e.compare(ctx, "crds", deploy.CRDs, "CustomResourceDefinition", "/apis/apiextensions.k8s.io/v1/customresourcedefinitions/", "versions")
}

// policies compares the admission policies with those of this program. Without them whoever may write an App may use every
// ServiceAccount of its namespace.
func (e *examination) policies(ctx context.Context) {
	e.compare(ctx, "policies", deploy.Policies, "ValidatingAdmissionPolicy", "/apis/admissionregistration.k8s.io/v1/validatingadmissionpolicies/", "validations", "variables", "matchConstraints")
	e.bound(ctx)
}

// compare looks whether the objects of a part are there, and are those of this program in the named fields of spec.
func (e *examination) compare(ctx context.Context, check, part, kind, path string, fields ...string) {
	objects, err := install.Objects(install.Options{Parts: []string{part}})
	if err != nil {
		e.unseen(check, err)
		return
	}
	var missing, different, all []string
	for _, want := range objects {
		if want.GetKind() != kind {
			continue
		}
		all = append(all, want.GetName())
		live := &unstructured.Unstructured{}
		err := e.api.get(ctx, path+want.GetName(), &live.Object)
		switch {
		case isGone(err):
			missing = append(missing, want.GetName())
		case err != nil:
			e.unseen(check, err)
			return
		case !holds(live.Object, want.Object, fields):
			different = append(different, want.GetName())
		}
	}
	next := "plumb install --only " + part
	if len(missing) == len(all) && part == deploy.CRDs {
		next = "plumb install"
	}
	switch {
	case len(missing) > 0:
		e.wrong(check, next, "not installed: %s", strings.Join(missing, ", "))
	case len(different) > 0:
		e.warn(check, next, "of another version than this plumb, and the newer of the two should install: %s", strings.Join(different, ", "))
	default:
		e.fine(check, "%d, of this version", len(all))
	}
}

// holds tells whether an object has, in fields of its spec, all that another one has: the API server adds defaults.
func holds(live, want map[string]any, fields []string) bool {
	liveSpec, _ := live["spec"].(map[string]any)
	wantSpec, _ := want["spec"].(map[string]any)
	for _, field := range fields {
		if !covers(liveSpec[field], wantSpec[field]) {
			return false
		}
	}
	return true
}

func covers(live, want any) bool {
	switch want := want.(type) {
	case map[string]any:
		have, ok := live.(map[string]any)
		for key, value := range want {
			ok = ok && covers(have[key], value)
		}
		return ok
	case []any:
		have, ok := live.([]any)
		ok = ok && len(have) == len(want)
		for i := 0; ok && i < len(want); i++ {
			ok = covers(have[i], want[i])
		}
		return ok
	case int64:
		return fmt.Sprint(live) == fmt.Sprint(want)
	}
	return reflect.DeepEqual(live, want)
}

// bound looks whether the policies are in force: a policy without its binding refuses nothing.
func (e *examination) bound(ctx context.Context) {
	for _, name := range []string{"plumb-apps", "plumb-repos"} {
		var binding unstructured.Unstructured
		err := e.api.get(ctx, "/apis/admissionregistration.k8s.io/v1/validatingadmissionpolicybindings/"+name, &binding.Object)
		if isGone(err) {
			e.wrong("policies", "plumb install --only policies", "the policy %s is not bound, so it refuses nothing", name)
		}
	}
}

// agent looks at the Lease and at the Deployment.
func (e *examination) agent(ctx context.Context) {
	var lease coordinationv1.Lease
	err := e.api.get(ctx, "/apis/coordination.k8s.io/v1/namespaces/"+v1alpha1.Namespace+"/leases/plumb-agent", &lease)
	switch {
	case isGone(err) || err == nil && lease.Spec.RenewTime == nil:
		e.silent = true
		e.wrong("agent", e.agentNext(ctx), "no agent has ever run here%s", e.pods(ctx))
		return
	case err != nil:
		e.unseen("agent", err)
		return
	}
	age := e.Now().Sub(lease.Spec.RenewTime.Time).Round(time.Second)
	if age > report.Silence {
		e.silent = true
		e.wrong("agent", e.agentNext(ctx), "no agent was heard from for %s; every state is unknown%s", age, e.pods(ctx))
		return
	}
	holder := ""
	if lease.Spec.HolderIdentity != nil {
		holder = *lease.Spec.HolderIdentity
	}
	if holder == "" {
		e.silent = true
		e.warn("agent", e.agentNext(ctx), "the last agent ended in good order %s ago, and no other has followed%s", age, e.pods(ctx))
		return
	}
	e.fine("agent", "%s, heard from %s ago", strings.TrimSpace(holder+" "+lease.Annotations[v1alpha1.AnnotationVersion]), max(age, 0))
	if other := lease.Annotations[v1alpha1.AnnotationBeside]; other != "" {
		e.warn("agent", "end one of them, or start both without --leader-elect=false", "two agents are active, %s and %s, which costs work", holder, other)
	}
	if every := lease.Annotations[v1alpha1.AnnotationSecrets]; every != "" {
		e.fine("agent", "it lists no Secrets; those of apps are looked at every %s and with each plan, so that drift of them is seen only then", every)
	}
	switch sandbox := lease.Annotations[v1alpha1.AnnotationSandbox]; sandbox {
	case "":
	case "complete":
		e.fine("agent", "the sandbox of its renders is complete")
	default:
		e.warn("agent", "run it on nodes with a newer kernel, or render only what you trust", "the sandbox of its renders is weak: %s", sandbox)
	}
	e.replicas(ctx)
}

// replicas tells of an agent in the cluster that has pods which are not ready, while one is heard from.
func (e *examination) replicas(ctx context.Context) {
	var deployment appsv1.Deployment
	if err := e.api.get(ctx, deploymentPath, &deployment); err != nil || deployment.Spec.Replicas == nil {
		return // it runs elsewhere, or is not to be seen
	}
	if ready, want := deployment.Status.ReadyReplicas, *deployment.Spec.Replicas; ready < want {
		e.warn("agent", "kubectl -n "+v1alpha1.Namespace+" logs deployment/plumb-agent", "%d of %d of the agent's pods are ready%s", ready, want, e.pods(ctx))
	}
}

const deploymentPath = "/apis/apps/v1/namespaces/" + v1alpha1.Namespace + "/deployments/plumb-agent"

// agentNext is what to do about a silent agent: look at its pods, where it has some.
func (e *examination) agentNext(ctx context.Context) string {
	var deployment appsv1.Deployment
	switch err := e.api.get(ctx, deploymentPath, &deployment); {
	case isGone(err):
		return "plumb install, or start the one that runs elsewhere: plumb agent"
	case err == nil && deployment.Spec.Replicas != nil && *deployment.Spec.Replicas == 0:
		return "kubectl -n " + v1alpha1.Namespace + " scale deployment plumb-agent --replicas 1"
	}
	return "kubectl -n " + v1alpha1.Namespace + " logs deployment/plumb-agent"
}

// pods says what keeps the agent's pods from running, "" if nothing is known.
func (e *examination) pods(ctx context.Context) string {
	var pods struct{ Items []map[string]any }
	if err := e.api.get(ctx, "/api/v1/namespaces/"+v1alpha1.Namespace+"/pods?labelSelector=app.kubernetes.io/name=plumb-agent", &pods); err != nil {
		return ""
	}
	for _, fields := range pods.Items {
		pod := object.Object{Fields: fields}
		if message, bad := health.PodTrouble(pod); bad {
			return "; pod " + pod.Name() + ": " + message
		}
		if phase, _, _ := unstructured.NestedString(fields, "status", "phase"); phase != string(corev1.PodRunning) {
			return "; pod " + pod.Name() + " is " + phase
		}
	}
	return ""
}
