package health

import (
	"strings"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/runtime/schema"
	"pgregory.net/rapid"

	"plumb.dev/plumb/api/v1alpha1"
	"plumb.dev/plumb/internal/fault"
	"plumb.dev/plumb/internal/object"
)

var now = time.Date(2026, 1, 1, 12, 0, 0, 0, time.UTC)

func parse(t testing.TB, text string) object.Object {
	t.Helper()
	objects, _, err := object.Parse([]byte(text), "f.yaml")
	if err != nil {
		t.Fatal(err)
	}
	return objects[0]
}

func TestAssess(t *testing.T) {
	const (
		deploy = "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: a, generation: 2}\n"
		sts    = "apiVersion: apps/v1\nkind: StatefulSet\nmetadata: {name: a, generation: 1}\n"
		ds     = "apiVersion: apps/v1\nkind: DaemonSet\nmetadata: {name: a, generation: 1}\n"
		rs     = "apiVersion: apps/v1\nkind: ReplicaSet\nmetadata: {name: a, generation: 1}\n"
		jobs   = "apiVersion: batch/v1\nkind: Job\nmetadata: {name: a}\n"
		pvc    = "apiVersion: v1\nkind: PersistentVolumeClaim\nmetadata: {name: a}\n"
		svc    = "apiVersion: v1\nkind: Service\nmetadata: {name: a}\n"
		hpa    = "apiVersion: autoscaling/v2\nkind: HorizontalPodAutoscaler\nmetadata: {name: a}\n"
		crd    = "apiVersion: apiextensions.k8s.io/v1\nkind: CustomResourceDefinition\nmetadata: {name: a}\n"
		widget = "apiVersion: example.com/v1\nkind: Widget\nmetadata: {name: a, generation: 3}\n"
		pods   = "apiVersion: v1\nkind: Pod\nmetadata: {name: a}\n"
	)
	for _, tt := range []struct {
		reason, in string
		health     v1alpha1.Health
		message    string // a part
	}{
		{"a ConfigMap exists", "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\n", v1alpha1.Healthy, ""},
		{"a webhook configuration exists", "apiVersion: admissionregistration.k8s.io/v1\nkind: ValidatingWebhookConfiguration\nmetadata: {name: a, generation: 1}\n", v1alpha1.Healthy, ""},
		{"an Ingress waits for no address", "apiVersion: networking.k8s.io/v1\nkind: Ingress\nmetadata: {name: a}\nstatus: {loadBalancer: {}}\n", v1alpha1.Healthy, ""},
		{"a PodDisruptionBudget exists", "apiVersion: policy/v1\nkind: PodDisruptionBudget\nmetadata: {name: a}\nstatus: {disruptionsAllowed: 0}\n", v1alpha1.Healthy, ""},
		{"anything that is being deleted", "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a, deletionTimestamp: '2026-01-01T11:57:00Z', finalizers: [example.com/f]}\n", v1alpha1.Progressing, "being deleted for 3m0s, waits for example.com/f"},
		{"a Namespace that ends", "apiVersion: v1\nkind: Namespace\nmetadata: {name: a, deletionTimestamp: '2026-01-01T11:59:59Z'}\n", v1alpha1.Progressing, "being deleted"},

		{"a Deployment nobody has seen", deploy, v1alpha1.Progressing, "has not seen it"},
		{"a Deployment whose change nobody has seen", deploy + "status: {observedGeneration: 1, replicas: 1, updatedReplicas: 1, availableReplicas: 1}\n", v1alpha1.Progressing, "has not seen the last change"},
		{"a Deployment rolling out", deploy + "spec: {replicas: 3}\nstatus: {observedGeneration: 2, replicas: 4, updatedReplicas: 1, availableReplicas: 3}\n", v1alpha1.Progressing, "1 of 3 pods updated"},
		{"a Deployment stopping old pods", deploy + "spec: {replicas: 3}\nstatus: {observedGeneration: 2, replicas: 4, updatedReplicas: 3, availableReplicas: 4}\n", v1alpha1.Progressing, "1 old pod still there"},
		{"a Deployment whose pods are not available", deploy + "spec: {replicas: 3}\nstatus: {observedGeneration: 2, replicas: 3, updatedReplicas: 3, availableReplicas: 2}\n", v1alpha1.Progressing, "2 of 3 pods available"},
		{"a Deployment that is there", deploy + "spec: {replicas: 3}\nstatus: {observedGeneration: 2, replicas: 3, updatedReplicas: 3, availableReplicas: 3}\n", v1alpha1.Healthy, ""},
		{"a Deployment of no replicas", deploy + "spec: {replicas: 0}\nstatus: {observedGeneration: 2}\n", v1alpha1.Healthy, ""},
		{"a Deployment past its deadline", deploy + "status: {observedGeneration: 2, conditions: [{type: Progressing, status: 'False', reason: ProgressDeadlineExceeded, message: ReplicaSet a-1 has timed out}]}\n", v1alpha1.Degraded, "ProgressDeadlineExceeded: ReplicaSet a-1 has timed out"},
		{"a Deployment beyond its quota", deploy + "status: {observedGeneration: 2, conditions: [{type: ReplicaFailure, status: 'True', reason: FailedCreate, message: exceeded quota}]}\n", v1alpha1.Progressing, "0 of 1 pods updated: exceeded quota"},
		{"a Deployment that is paused", deploy + "spec: {paused: true}\nstatus: {observedGeneration: 2}\n", v1alpha1.Suspended, "paused"},

		{"a StatefulSet starting", sts + "spec: {replicas: 2}\nstatus: {observedGeneration: 1, readyReplicas: 1}\n", v1alpha1.Progressing, "1 of 2 pods ready"},
		{"a StatefulSet updating", sts + "spec: {replicas: 2}\nstatus: {observedGeneration: 1, readyReplicas: 2, updatedReplicas: 1, updateRevision: b, currentRevision: a}\n", v1alpha1.Progressing, "1 of 2 pods updated"},
		{"a StatefulSet that is there", sts + "spec: {replicas: 2}\nstatus: {observedGeneration: 1, readyReplicas: 2, updatedReplicas: 2, updateRevision: b, currentRevision: b}\n", v1alpha1.Healthy, ""},
		{"a partition keeps old pods", sts + "spec: {replicas: 3, updateStrategy: {rollingUpdate: {partition: 2}}}\nstatus: {observedGeneration: 1, readyReplicas: 3, updatedReplicas: 1, updateRevision: b, currentRevision: a}\n", v1alpha1.Healthy, ""},
		{"a partition not reached", sts + "spec: {replicas: 3, updateStrategy: {rollingUpdate: {partition: 1}}}\nstatus: {observedGeneration: 1, readyReplicas: 3, updatedReplicas: 1, updateRevision: b, currentRevision: a}\n", v1alpha1.Progressing, "1 of 2 pods updated"},
		{"OnDelete updates when somebody deletes", sts + "spec: {replicas: 1, updateStrategy: {type: OnDelete}}\nstatus: {observedGeneration: 1, readyReplicas: 1, updateRevision: b, currentRevision: a}\n", v1alpha1.Healthy, ""},

		{"a DaemonSet on some nodes", ds + "status: {observedGeneration: 1, desiredNumberScheduled: 3, updatedNumberScheduled: 3, numberAvailable: 2}\n", v1alpha1.Progressing, "2 of 3 pods available"},
		{"a DaemonSet on all", ds + "status: {observedGeneration: 1, desiredNumberScheduled: 3, updatedNumberScheduled: 3, numberAvailable: 3}\n", v1alpha1.Healthy, ""},
		{"a DaemonSet without nodes", ds + "status: {observedGeneration: 1, desiredNumberScheduled: 0}\n", v1alpha1.Healthy, ""},
		{"a ReplicaSet", rs + "spec: {replicas: 2}\nstatus: {observedGeneration: 1, replicas: 2, availableReplicas: 1}\n", v1alpha1.Progressing, "1 of 2"},

		{"a Job running", jobs + "status: {active: 1, failed: 2}\n", v1alpha1.Progressing, "0 of 1 completions, 1 pod running; 2 pods failed"},
		{"a Job done", jobs + "status: {conditions: [{type: Complete, status: 'True'}]}\n", v1alpha1.Healthy, "complete"},
		{"a Job that has succeeded, and whose pods have not ended", jobs + "status: {conditions: [{type: SuccessCriteriaMet, status: 'True'}]}\n", v1alpha1.Progressing, "its pods are ending"},
		{"a Job failed", jobs + "status: {conditions: [{type: Failed, status: 'True', reason: BackoffLimitExceeded, message: Job has reached the limit}]}\n", v1alpha1.Degraded, "BackoffLimitExceeded: Job"},
		{"a Job suspended", jobs + "spec: {suspend: true}\n", v1alpha1.Suspended, ""},
		{"a CronJob", "apiVersion: batch/v1\nkind: CronJob\nmetadata: {name: a}\n", v1alpha1.Healthy, ""},
		{"a CronJob suspended", "apiVersion: batch/v1\nkind: CronJob\nmetadata: {name: a}\nspec: {suspend: true}\n", v1alpha1.Suspended, ""},

		{"a claim that waits", pvc + "status: {phase: Pending}\n", v1alpha1.Progressing, "WaitForFirstConsumer"},
		{"a claim that is bound", pvc + "status: {phase: Bound}\n", v1alpha1.Healthy, ""},
		{"a claim that lost its volume", pvc + "spec: {volumeName: v}\nstatus: {phase: Lost}\n", v1alpha1.Degraded, "volume v is gone"},
		{"a Service inside the cluster", svc + "spec: {type: ClusterIP}\n", v1alpha1.Healthy, ""},
		{"a load balancer without address", svc + "spec: {type: LoadBalancer}\nstatus: {loadBalancer: {}}\n", v1alpha1.Progressing, "address"},
		{"a load balancer with one", svc + "spec: {type: LoadBalancer}\nstatus: {loadBalancer: {ingress: [{ip: 1.2.3.4}]}}\n", v1alpha1.Healthy, ""},
		{"an autoscaler without metrics", hpa + "status: {conditions: [{type: ScalingActive, status: 'False', reason: FailedGetResourceMetric, message: no metrics}]}\n", v1alpha1.Healthy, "does not scale: FailedGetResourceMetric"},
		{"an autoscaler whose target is missing", hpa + "status: {conditions: [{type: AbleToScale, status: 'False', reason: FailedGetScale, message: not found}]}\n", v1alpha1.Progressing, "FailedGetScale"},
		{"an autoscaler that a commit must mend", hpa + "status: {conditions: [{type: ScalingActive, status: 'False', reason: InvalidSelector, message: none}]}\n", v1alpha1.Degraded, "InvalidSelector"},
		{"a CRD that is served", crd + "status: {conditions: [{type: NamesAccepted, status: 'True'}, {type: Established, status: 'True'}]}\n", v1alpha1.Healthy, ""},
		{"a CRD not served yet", crd, v1alpha1.Progressing, "not established"},
		{"a CRD whose names are taken", crd + "status: {conditions: [{type: NamesAccepted, status: 'False', reason: ListKindConflict, message: taken}]}\n", v1alpha1.Degraded, "ListKindConflict: taken"},
		{"an APIService without its server", "apiVersion: apiregistration.k8s.io/v1\nkind: APIService\nmetadata: {name: a}\nstatus: {conditions: [{type: Available, status: 'False', reason: MissingEndpoints, message: no addresses}]}\n", v1alpha1.Progressing, "MissingEndpoints"},

		{"a custom resource that writes no status", widget, v1alpha1.Healthy, ""},
		{"a custom resource that is ready", widget + "status: {observedGeneration: 3, conditions: [{type: Ready, status: 'True', message: all good}]}\n", v1alpha1.Healthy, "all good"},
		{"one that is not", widget + "status: {conditions: [{type: Ready, status: 'False', reason: NoDisk, message: no disk}]}\n", v1alpha1.Progressing, "not ready: NoDisk: no disk"},
		{"one that does not know", widget + "status: {conditions: [{type: Ready, status: Unknown}]}\n", v1alpha1.Progressing, "not ready"},
		{"one that will not come right", widget + "status: {conditions: [{type: Ready, status: 'False'}, {type: Stalled, status: 'True', reason: BadSpec, message: bad}]}\n", v1alpha1.Degraded, "BadSpec: bad"},
		{"one at work", widget + "status: {conditions: [{type: Ready, status: 'True'}, {type: Reconciling, status: 'True', reason: Working}]}\n", v1alpha1.Progressing, "Working"},
		{"one of an older generation", widget + "status: {observedGeneration: 2, conditions: [{type: Ready, status: 'True'}]}\n", v1alpha1.Progressing, "last change"},
		{"a condition of an older generation", widget + "status: {conditions: [{type: Ready, status: 'True', observedGeneration: 2}]}\n", v1alpha1.Progressing, "older generation"},
		{"one that is available", widget + "status: {conditions: [{type: Available, status: 'True'}]}\n", v1alpha1.Healthy, ""},
		{"one that is not healthy", widget + "status: {conditions: [{type: Healthy, status: 'False', message: sick}]}\n", v1alpha1.Progressing, "not healthy: sick"},
		{"nonsense where conditions should be", widget + "status: {conditions: [1, {type: 2}], observedGeneration: x}\n", v1alpha1.Healthy, ""},
		{"an Argo Rollout that waits for a person", "apiVersion: argoproj.io/v1alpha1\nkind: Rollout\nmetadata: {name: a}\nstatus: {phase: Paused, message: CanaryPauseStep}\n", v1alpha1.Suspended, "CanaryPauseStep"},
		{"an App of ours that failed", "apiVersion: plumb.dev/v1alpha1\nkind: App\nmetadata: {name: a}\nstatus: {state: failed, summary: no such image}\n", v1alpha1.Degraded, "no such image"},
		{"an App of ours that nobody has looked at", "apiVersion: plumb.dev/v1alpha1\nkind: App\nmetadata: {name: a}\n", v1alpha1.Progressing, ""},

		{"a Pod that is ready", pods + "status: {phase: Running, conditions: [{type: Ready, status: 'True'}]}\n", v1alpha1.Healthy, ""},
		{"a Pod that starts", pods + "status: {phase: Pending, containerStatuses: [{name: c, state: {waiting: {reason: ContainerCreating}}}]}\n", v1alpha1.Progressing, "starting"},
		{"a Pod without its image", pods + "status: {phase: Pending, containerStatuses: [{name: c, state: {waiting: {reason: ImagePullBackOff, message: 'Back-off pulling image \"x\"'}}}]}\n", v1alpha1.Degraded, "ImagePullBackOff: container c: Back-off"},
		{"a Pod that no node takes", pods + "status: {phase: Pending, conditions: [{type: PodScheduled, status: 'False', reason: Unschedulable, message: 0/1 nodes}]}\n", v1alpha1.Progressing, "Unschedulable: 0/1 nodes"},
		{"a Pod that runs to completion", pods + "spec: {restartPolicy: Never}\nstatus: {phase: Running, conditions: [{type: Ready, status: 'True'}]}\n", v1alpha1.Progressing, "running"},
		{"a Pod that has", pods + "spec: {restartPolicy: Never}\nstatus: {phase: Succeeded}\n", v1alpha1.Healthy, "complete"},
		{"a Pod that failed", pods + "status: {phase: Failed, reason: Evicted, message: low on memory}\n", v1alpha1.Degraded, "Evicted: low on memory"},
	} {
		t.Run(tt.reason, func(t *testing.T) {
			v := Assess(parse(t, tt.in), nil, now)
			if v.Health != tt.health || !strings.Contains(v.Message, tt.message) {
				t.Errorf("%s %q, want %s %q", v.Health, v.Message, tt.health, tt.message)
			}
			if v.Health != v1alpha1.Healthy && v.Health != v1alpha1.Suspended && v.Message == "" && tt.message != "" {
				t.Error("no cause")
			}
		})
	}
}

func TestPodTrouble(t *testing.T) {
	const pods = "apiVersion: v1\nkind: Pod\nmetadata: {name: a}\n"
	for _, tt := range []struct {
		reason, in, message string
		bad                 bool
	}{
		{"ready", pods + "status: {phase: Running, containerStatuses: [{name: c, ready: true, state: {running: {}}}]}\n", "", false},
		{"it crashes again and again", pods + "status: {phase: Running, containerStatuses: [{name: c, restartCount: 5, state: {waiting: {reason: CrashLoopBackOff, message: back-off 5m0s}}, lastState: {terminated: {exitCode: 1, reason: Error}}}]}\n",
			"CrashLoopBackOff: container c exited with 1 (Error), 5 restarts", true},
		{"it has just crashed", pods + "status: {phase: Running, containerStatuses: [{name: c, state: {terminated: {exitCode: 137, reason: OOMKilled}}}]}\n", "Exited: container c exited with 137 (OOMKilled)", true},
		{"an init container has no image", pods + "status: {phase: Pending, initContainerStatuses: [{name: i, state: {waiting: {reason: ErrImagePull, message: not found}}}], containerStatuses: [{name: c, state: {waiting: {reason: PodInitializing}}}]}\n",
			"ErrImagePull: container i: not found", true},
		{"a Secret is missing", pods + "status: {phase: Pending, containerStatuses: [{name: c, state: {waiting: {reason: CreateContainerConfigError, message: 'secret \"s\" not found'}}}]}\n",
			`CreateContainerConfigError: container c: secret "s" not found`, true},
		{"no node", pods + "status: {phase: Pending, conditions: [{type: PodScheduled, status: 'False', reason: Unschedulable, message: 0/3 nodes}]}\n", "Unschedulable: 0/3 nodes", true},
		{"a gate keeps it", pods + "status: {phase: Pending, conditions: [{type: PodScheduled, status: 'False', reason: SchedulingGated, message: gated}]}\n", "SchedulingGated: gated", false},
		{"it runs and is not ready", pods + "status: {phase: Running, containerStatuses: [{name: c, ready: false, state: {running: {}}}]}\n", "container c runs and is not ready", false},
		{"it is being deleted", "apiVersion: v1\nkind: Pod\nmetadata: {name: a, deletionTimestamp: '2026-01-01T00:00:00Z'}\nstatus: {phase: Failed}\n", "", false},
		{"it failed", pods + "status: {phase: Failed, containerStatuses: [{name: c, state: {terminated: {exitCode: 2}}}]}\n", "Failed: container c exited with 2", true},
	} {
		t.Run(tt.reason, func(t *testing.T) {
			message, bad := PodTrouble(parse(t, tt.in))
			if message != tt.message || bad != tt.bad {
				t.Errorf("%q, %v", message, bad)
			}
		})
	}
}

func TestRules(t *testing.T) {
	widget := v1alpha1.HealthRule{
		Kind: "example.com/Widget", Healthy: `self.status.phase == "Done"`, Degraded: `self.status.phase == "Error"`,
		Suspended: `has(self.spec.stop) && self.spec.stop`, Message: `self.status.message`,
	}
	const in = "apiVersion: example.com/v1\nkind: Widget\nmetadata: {name: a, generation: 1}\n"
	for _, tt := range []struct {
		reason  string
		rules   []v1alpha1.HealthRule
		in      string
		health  v1alpha1.Health
		message string
	}{
		{"healthy, with its message", []v1alpha1.HealthRule{widget}, in + "status: {phase: Done, message: fine}\n", v1alpha1.Healthy, "fine"},
		{"degraded", []v1alpha1.HealthRule{widget}, in + "status: {phase: Error, message: broken}\n", v1alpha1.Degraded, "broken"},
		{"suspended", []v1alpha1.HealthRule{widget}, in + "spec: {stop: true}\nstatus: {phase: Idle}\n", v1alpha1.Suspended, ""},
		{"none is true", []v1alpha1.HealthRule{widget}, in + "status: {phase: Busy, message: working}\n", v1alpha1.Progressing, "working"},
		{"a field that is not there yet is no trap", []v1alpha1.HealthRule{widget}, in, v1alpha1.Progressing, "no such key: status"},
		{"an optional field", []v1alpha1.HealthRule{{Kind: "Widget", Healthy: `self.?status.?phase.orValue("Done") == "Done"`}}, in, v1alpha1.Healthy, ""},
		{"a number", []v1alpha1.HealthRule{{Kind: "Widget", Healthy: `self.status.ready >= self.spec.size`}}, in + "spec: {size: 2}\nstatus: {ready: 2.5}\n", v1alpha1.Healthy, ""},
		{"a list", []v1alpha1.HealthRule{{Kind: "Widget", Healthy: `self.status.conditions.exists(c, c.type == "Synced" && c.status == "True")`}}, in + "status: {conditions: [{type: Ready, status: 'False'}, {type: Synced, status: 'True'}]}\n", v1alpha1.Healthy, ""},
		{"an error of evaluation", []v1alpha1.HealthRule{{Kind: "Widget", Healthy: `self.status.phase > 3`}}, in + "status: {phase: Done}\n", v1alpha1.Unknown, "no such overload"},
		{"an answer that is no boolean", []v1alpha1.HealthRule{{Kind: "Widget", Healthy: `self.status.phase`}}, in + "status: {phase: Done}\n", v1alpha1.Unknown, "not true or false"},
		{"an expression that costs too much", []v1alpha1.HealthRule{{Kind: "Widget", Healthy: `self.l.all(a, self.l.all(b, self.l.all(c, self.l.all(d, self.l.all(e, self.l.all(f, a+b+c+d+e+f >= 0))))))`}}, in + "l: [" + strings.Repeat("1,", 30) + "]\n", v1alpha1.Unknown, "cost"},
		{"a step that would take days", []v1alpha1.HealthRule{{Kind: "Widget", Healthy: "[self]" + strings.Repeat(".map(x, [x, x])", 40) + " == [self]" + strings.Repeat(".map(x, [x, x])", 40)}}, in, v1alpha1.Unknown, "too large to be compared"},
		{"the first rule for the kind", []v1alpha1.HealthRule{{Kind: "Other", Healthy: "true"}, {Kind: "Widget", Healthy: "false"}, {Kind: "Widget", Healthy: "true"}}, in, v1alpha1.Progressing, ""},
		{"another group's kind has no part in it", []v1alpha1.HealthRule{{Kind: "other.com/Widget", Healthy: "false"}}, in, v1alpha1.Healthy, ""},
		{"a rule wins over a built-in one", []v1alpha1.HealthRule{{Kind: "apps/Deployment", Healthy: "true"}}, "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: a}\n", v1alpha1.Healthy, ""},
		{"a message that fails", []v1alpha1.HealthRule{{Kind: "Widget", Healthy: "true", Message: "self.a.b.c"}}, in, v1alpha1.Healthy, ""},
		{"a status of an older generation", []v1alpha1.HealthRule{{Kind: "Widget", Healthy: "true"}}, in + "status: {observedGeneration: 0}\n", v1alpha1.Progressing, "last change"},
		{"deletion", []v1alpha1.HealthRule{{Kind: "Widget", Healthy: "true"}}, "apiVersion: example.com/v1\nkind: Widget\nmetadata: {name: a, deletionTimestamp: '2026-01-01T11:59:59Z'}\n", v1alpha1.Progressing, "being deleted"},
	} {
		t.Run(tt.reason, func(t *testing.T) {
			rules, err := Compile(tt.rules)
			if err != nil {
				t.Fatal(err)
			}
			began := time.Now()
			v := Assess(parse(t, tt.in), rules, now)
			if v.Health != tt.health || !strings.Contains(v.Message, tt.message) {
				t.Errorf("%s %q, want %s %q", v.Health, v.Message, tt.health, tt.message)
			}
			if took := time.Since(began); took > 20*time.Second {
				t.Errorf("took %v", took)
			}
		})
	}
}

func TestCompileRefuses(t *testing.T) {
	for _, tt := range []struct {
		reason string
		rule   v1alpha1.HealthRule
		says   string
	}{
		{"no kind", v1alpha1.HealthRule{Healthy: "true"}, "kind"},
		{"nothing to ask", v1alpha1.HealthRule{Kind: "Widget", Message: "'x'"}, "none of"},
		{"not CEL", v1alpha1.HealthRule{Kind: "Widget", Healthy: "self.status.phase ="}, "health[0].healthy"},
		{"an unknown name", v1alpha1.HealthRule{Kind: "Widget", Degraded: "status.phase == 'x'"}, "health[0].degraded"},
		{"no boolean", v1alpha1.HealthRule{Kind: "Widget", Suspended: "1 + 1"}, "int"},
		{"a message that is no text", v1alpha1.HealthRule{Kind: "Widget", Healthy: "true", Message: "true"}, "health[0].message"},
	} {
		t.Run(tt.reason, func(t *testing.T) {
			_, err := Compile([]v1alpha1.HealthRule{tt.rule})
			if !fault.Is(err, fault.InvalidSettings) || !strings.Contains(err.Error(), tt.says) || strings.Contains(err.Error(), "\n") {
				t.Errorf("%v", err)
			}
		})
	}
}

func TestNeedsStatus(t *testing.T) {
	rules, err := Compile([]v1alpha1.HealthRule{{Kind: "ConfigMap", Healthy: "true"}})
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		group, kind string
		rules       []Compiled
		want        bool
	}{
		{"apps", "Deployment", nil, true}, {"", "Service", nil, true}, {"", "PersistentVolumeClaim", nil, true}, {"example.com", "Widget", nil, true},
		{"gateway.networking.k8s.io", "Gateway", nil, true}, {"plumb.dev", "App", nil, true}, {"apiextensions.k8s.io", "CustomResourceDefinition", nil, true},
		{"", "ConfigMap", nil, false}, {"", "Secret", nil, false}, {"", "Namespace", nil, false}, {"networking.k8s.io", "Ingress", nil, false},
		{"rbac.authorization.k8s.io", "Role", nil, false}, {"policy", "PodDisruptionBudget", nil, false},
		{"", "ConfigMap", rules, true}, {"", "Secret", rules, false},
	} {
		if NeedsStatus(schema.GroupKind{Group: tt.group, Kind: tt.kind}, tt.rules) != tt.want {
			t.Errorf("%s/%s: want %v", tt.group, tt.kind, tt.want)
		}
	}
}

func TestWorst(t *testing.T) {
	if v := Worst(nil); v.Health != v1alpha1.Healthy {
		t.Error(v)
	}
	got := Worst([]Verdict{{v1alpha1.Healthy, ""}, {v1alpha1.Degraded, "first"}, {v1alpha1.Unknown, ""}, {v1alpha1.Degraded, "second"}})
	if got.Message != "first" {
		t.Error(got)
	}
}

// Any JSON as an object gives a verdict of one of the words, on one line.
func TestAssessTakesAnything(t *testing.T) {
	keys := rapid.SampledFrom([]string{"status", "spec", "conditions", "type", "metadata", "generation", "observedGeneration", "containerStatuses", "state", "waiting", "reason", "message", "phase", "loadBalancer", "ingress", "deletionTimestamp", "replicas"})
	scalars := rapid.OneOf(rapid.Just[any](nil), rapid.Map(rapid.String(), func(s string) any { return s }), rapid.Map(rapid.Int64(), func(i int64) any { return i }), rapid.Map(rapid.Bool(), func(b bool) any { return b }))
	values := scalars
	for range 4 {
		inner := values
		values = rapid.OneOf(scalars, rapid.Map(rapid.MapOfN(keys, inner, 0, 4), func(m map[string]any) any { return m }), rapid.Map(rapid.SliceOfN(inner, 0, 3), func(l []any) any { return l }))
	}
	kinds := []string{"v1/Widget"}
	for kind := range builtIn {
		group, name, found := strings.Cut(kind, "/")
		if !found {
			group, name = "", kind
		}
		kinds = append(kinds, strings.TrimPrefix(group+"/v1/"+name, "/"))
	}
	rapid.Check(t, func(t *rapid.T) {
		fields := rapid.MapOfN(keys, values, 0, 5).Draw(t, "fields")
		kind := rapid.SampledFrom(kinds).Draw(t, "kind")
		fields["apiVersion"], fields["kind"] = kind[:strings.LastIndex(kind, "/")], kind[strings.LastIndex(kind, "/")+1:]
		v := Assess(object.Object{Fields: fields}, nil, now)
		if _, ok := severity[v.Health]; !ok || strings.Contains(v.Message, "\n") || len(v.Message) > maxMessage+3 {
			t.Fatalf("%+v", v)
		}
	})
}
