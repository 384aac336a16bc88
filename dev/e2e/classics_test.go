package e2e

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
)

func init() {
	for kind, resource := range map[string]schema.GroupVersionResource{
		"PersistentVolume":               {Version: "v1", Resource: "persistentvolumes"},
		"ValidatingWebhookConfiguration": {Group: "admissionregistration.k8s.io", Version: "v1", Resource: "validatingwebhookconfigurations"},
		"MutatingWebhookConfiguration":   {Group: "admissionregistration.k8s.io", Version: "v1", Resource: "mutatingwebhookconfigurations"},
		"Ingress":                        {Group: "networking.k8s.io", Version: "v1", Resource: "ingresses"},
		"Gadget":                         {Group: "classic.example.com", Version: "v1", Resource: "gadgets"},
	} {
		kinds[kind] = resource
	}
}

// A classic is a manifest of which other tools say for ever that it differs from the cluster.
type classic struct {
	name   string
	reason string
	in     string
	act    func(s *scenario) // what others do then
	check  func(s *scenario) error
}

var classics = []classic{
	{
		name: "quantities", reason: "the API server writes quantities its own way",
		in: documentsOf(deployment("web", 1, "registry.example/web:1")+`          resources:
            requests: {cpu: 1000m, memory: 1024Mi, ephemeral-storage: 1024Mi}
            limits: {cpu: 1.5, memory: 2048Mi, ephemeral-storage: "1073741824"}
`, "apiVersion: v1\nkind: ResourceQuota\nmetadata: {name: quota}\nspec: {hard: {requests.cpu: 64000m, requests.memory: 102400Mi, pods: 100}}\n",
			"apiVersion: v1\nkind: LimitRange\nmetadata: {name: limits}\nspec: {limits: [{type: Container, default: {cpu: 0.5, memory: 1024Mi}, defaultRequest: {cpu: 100m}}]}\n",
			"apiVersion: autoscaling/v2\nkind: HorizontalPodAutoscaler\nmetadata: {name: web}\nspec:\n  minReplicas: 1\n  maxReplicas: 1\n  scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: web}\n"+
				"  metrics:\n  - {type: Resource, resource: {name: memory, target: {type: AverageValue, averageValue: 1024Mi}}}\n  - {type: Resource, resource: {name: cpu, target: {type: AverageValue, averageValue: 1000m}}}\n"+
				"  - {type: Pods, pods: {metric: {name: asked}, target: {type: AverageValue, averageValue: 0.5}}}\n"),
	},
	{
		name: "empties", reason: "what is empty or null in Git is absent in the cluster",
		in: `
apiVersion: apps/v1
kind: Deployment
metadata: {name: web, creationTimestamp: null, annotations: {}, labels: null}
spec:
  replicas: 1
  revisionHistoryLimit: null
  strategy: {type: Recreate, rollingUpdate: null}
  selector: {matchLabels: {app: web}}
  template:
    metadata: {creationTimestamp: null, annotations: {}, labels: {app: web, empty: ""}}
    spec:
      affinity: {}
      nodeSelector: {}
      tolerations: []
      imagePullSecrets: []
      initContainers: []
      securityContext: {}
      hostNetwork: false
      serviceAccountName: ""
      volumes: [{name: tmp, emptyDir: {}}, {name: shared, emptyDir: {sizeLimit: null}}]
      containers:
      - name: web
        image: registry.example/web:1
        command: []
        args: null
        env: [{name: NOTHING, value: ""}, {name: NIL, value: null}]
        envFrom: []
        ports: []
        resources: {}
        securityContext: {capabilities: {}}
        volumeMounts: [{name: tmp, mountPath: /tmp, readOnly: false}]
        livenessProbe: null
status: {}
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: deny}
spec: {podSelector: {}, ingress: [], policyTypes: [Ingress]}
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: allow}
spec: {podSelector: {}, ingress: [{}], egress: [{to: [], ports: [{port: 53, protocol: UDP}, {port: 53}]}]}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: Role
metadata: {name: nothing}
rules: []
---
apiVersion: rbac.authorization.k8s.io/v1
kind: Role
metadata: {name: something}
rules: [{apiGroups: [""], resources: [pods], verbs: [get], resourceNames: []}]
---
apiVersion: v1
kind: ConfigMap
metadata: {name: nothing, annotations: {empty: ""}}
data: {}
binaryData: {}
---
apiVersion: v1
kind: ConfigMap
metadata: {name: texts}
data: {empty: "", block: "a \n b\n\n", number: "010"}
binaryData: {blob: "AAEC\nAwQ=\n"}
---
apiVersion: v1
kind: ServiceAccount
metadata: {name: nobody}
secrets: []
imagePullSecrets: []
automountServiceAccountToken: false
`,
	},
	{
		name: "ports", reason: "protocols, target ports and names of ports are filled in, and ports may stand twice",
		in: documentsOf(`
apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
spec:
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      containers:
      - name: web
        image: registry.example/web:1
        ports: [{containerPort: 53, name: dns}, {containerPort: 53, protocol: UDP, name: dns-udp}, {containerPort: 80, hostPort: 0}, {containerPort: 80, protocol: TCP}]
        env: [{name: A, value: "1"}, {name: B, value: "1"}, {name: A, value: "2"}]
        livenessProbe: {httpGet: {port: 80}}
        readinessProbe: {tcpSocket: {port: dns}, timeoutSeconds: 1}
        lifecycle: {preStop: {sleep: {seconds: 1}}}
      volumes:
      - {name: config, configMap: {name: nothing, optional: true}}
      - {name: all, projected: {sources: [{downwardAPI: {items: [{path: labels, fieldRef: {fieldPath: metadata.labels}}]}}]}}
`, "apiVersion: v1\nkind: Service\nmetadata: {name: dns}\nspec: {selector: {app: web}, ports: [{name: tcp, port: 53}, {name: udp, port: 53, protocol: UDP, targetPort: dns-udp}]}\n"),
	},
	{
		name: "services", reason: "addresses and node ports are given by the cluster",
		in: documentsOf(
			"apiVersion: v1\nkind: Service\nmetadata: {name: node, creationTimestamp: null}\nspec: {type: NodePort, clusterIP: \"\", selector: {app: web}, ports: [{name: http, port: 80, nodePort: 0}, {name: https, port: 443, nodePort: null}]}\nstatus: {loadBalancer: {}}\n",
			"apiVersion: v1\nkind: Service\nmetadata: {name: headless}\nspec: {clusterIP: None, selector: {app: web}, publishNotReadyAddresses: false, ports: [{port: 80}]}\n",
			"apiVersion: v1\nkind: Service\nmetadata: {name: balanced}\nspec: {type: LoadBalancer, externalTrafficPolicy: Cluster, sessionAffinity: None, selector: {app: web}, ports: [{port: 80}]}\n",
			"apiVersion: v1\nkind: Service\nmetadata: {name: alias}\nspec: {type: ExternalName, externalName: db.example.com}\n",
			"apiVersion: v1\nkind: Service\nmetadata: {name: outside}\nspec: {ports: [{port: 80}]}\n",
			"apiVersion: v1\nkind: Endpoints\nmetadata: {name: outside}\nsubsets: [{addresses: [{ip: 10.9.8.7}, {ip: 10.9.8.6}], ports: [{port: 80}]}]\n",
			"apiVersion: discovery.k8s.io/v1\nkind: EndpointSlice\nmetadata: {name: more, labels: {kubernetes.io/service-name: outside}}\naddressType: IPv4\nendpoints: [{addresses: [10.9.8.5], conditions: {}}]\nports: [{port: 80}]\n",
		),
		act: func(s *scenario) {
			s.patch("Service/classics-services/balanced", "cloud-controller", "status: {loadBalancer: {ingress: [{ip: 10.1.1.1}]}}", "status")
			s.patch("Service/classics-services/balanced", "cloud-controller", "metadata: {finalizers: [service.kubernetes.io/load-balancer-cleanup], annotations: {cloud.example.com/id: abc}}")
		},
	},
	{
		name: "volumes", reason: "claims and volumes are bound to each other by a controller",
		in: documentsOf(
			"apiVersion: v1\nkind: PersistentVolume\nmetadata: {name: classics-volume}\nspec: {capacity: {storage: 1024Mi}, accessModes: [ReadWriteOnce], storageClassName: classic, hostPath: {path: /tmp/classic}}\n",
			// The playground makes a volume for every claim but such a one, and whichever volume is there first would be bound.
			"apiVersion: v1\nkind: PersistentVolumeClaim\nmetadata: {name: data, creationTimestamp: null, annotations: {plumb.dev/simulate: never-bound}}\nspec: {storageClassName: classic, accessModes: [ReadWriteOnce], resources: {requests: {storage: 1024Mi}}}\nstatus: {}\n",
			"apiVersion: storage.k8s.io/v1\nkind: StorageClass\nmetadata: {name: classic}\nprovisioner: example.com/none\n",
		),
		check: func(s *scenario) error {
			if field(s.live("PersistentVolumeClaim/classics-volumes/data"), "spec.volumeName") != "classics-volume" {
				return fmt.Errorf("the claim is not bound: this shows nothing")
			}
			return nil
		},
	},
	{
		name: "stateful", reason: "volume claim templates are filled in, inside a list that is one value",
		in: `
apiVersion: apps/v1
kind: StatefulSet
metadata: {name: db}
spec:
  replicas: 1
  serviceName: db
  selector: {matchLabels: {app: db}}
  template:
    metadata: {labels: {app: db}}
    spec:
      containers: [{name: db, image: "registry.example/db:1", volumeMounts: [{name: data, mountPath: /data}]}]
  volumeClaimTemplates:
  - metadata: {name: data, creationTimestamp: null}
    spec: {accessModes: [ReadWriteOnce], resources: {requests: {storage: 1024Mi}}}
    status: {}
`,
	},
	{
		name: "jobs", reason: "selectors, labels and deadlines are filled in",
		in: documentsOf(
			"apiVersion: batch/v1\nkind: Job\nmetadata: {name: once, labels: {}}\nspec: {template: {spec: {restartPolicy: Never, containers: [{name: once, image: \"registry.example/once:1\"}]}}}\n",
			"apiVersion: batch/v1\nkind: Job\nmetadata: {name: later}\nspec: {suspend: true, backoffLimit: 6, template: {metadata: {creationTimestamp: null}, spec: {restartPolicy: OnFailure, containers: [{name: later, image: \"registry.example/once:1\"}]}}}\n",
			"apiVersion: batch/v1\nkind: CronJob\nmetadata: {name: often}\nspec: {schedule: \"0 3 * * *\", suspend: false, jobTemplate: {spec: {template: {spec: {restartPolicy: Never, containers: [{name: often, image: \"registry.example/once:1\"}]}}}}}\n",
		),
		act: func(s *scenario) { // as a cloud's queue does
			s.patch("Job/classics-jobs/later", "queue-controller", "metadata: {labels: {queue: slow}}")
		},
	},
	{
		name: "accounts", reason: "controllers give ServiceAccounts their secrets, and Secrets their tokens",
		in: documentsOf(
			"apiVersion: v1\nkind: ServiceAccount\nmetadata: {name: builder}\nimagePullSecrets: [{name: registry}]\n",
			"apiVersion: v1\nkind: ServiceAccount\nmetadata: {name: plain}\n",
			"apiVersion: v1\nkind: Secret\nmetadata: {name: token, annotations: {kubernetes.io/service-account.name: builder}}\ntype: kubernetes.io/service-account-token\n",
			"apiVersion: v1\nkind: Secret\nmetadata: {name: both}\ndata: {a: \"Yg==\"}\nstringData: {a: x, b: \"two\\nlines\"}\n",
			"apiVersion: v1\nkind: Secret\nmetadata: {name: folded}\ntype: Opaque\ndata: {a: \"QUJD\\nREVG\\n\"}\n",
		),
		act: func(s *scenario) {
			s.json("ServiceAccount/classics-accounts/builder", "openshift-controller-manager", `[{"op":"add","path":"/secrets","value":[{"name":"builder-dockercfg-x7"}]},{"op":"add","path":"/imagePullSecrets/-","value":{"name":"builder-dockercfg-x7"}}]`)
			s.edit("ServiceAccount/classics-accounts/plain", "openshift-controller-manager", "{secrets: [{name: plain-dockercfg-x7}], imagePullSecrets: [{name: plain-dockercfg-x7}]}")
		},
		check: func(s *scenario) error {
			if n := len(field(s.live("ServiceAccount/classics-accounts/builder"), "imagePullSecrets").([]any)); n != 2 {
				return fmt.Errorf("there are %d pull secrets, want Git's and the controller's", n)
			}
			return nil
		},
	},
	{
		name: "network", reason: "ingresses and budgets are filled in, and others annotate them",
		in: documentsOf(
			"apiVersion: networking.k8s.io/v1\nkind: Ingress\nmetadata: {name: web}\nspec: {ingressClassName: classic, rules: [{host: web.example.com, http: {paths: [{path: /, pathType: Prefix, backend: {service: {name: web, port: {number: 80}}}}]}}], tls: [{hosts: [web.example.com]}]}\nstatus: {loadBalancer: {}}\n",
			"apiVersion: networking.k8s.io/v1\nkind: IngressClass\nmetadata: {name: classic}\nspec: {controller: example.com/classic}\n",
			"apiVersion: policy/v1\nkind: PodDisruptionBudget\nmetadata: {name: web}\nspec: {minAvailable: 50%, selector: {matchLabels: {app: web}}}\n",
			"apiVersion: policy/v1\nkind: PodDisruptionBudget\nmetadata: {name: other}\nspec: {maxUnavailable: 1, selector: {matchLabels: {app: other}}}\n",
			"apiVersion: scheduling.k8s.io/v1\nkind: PriorityClass\nmetadata: {name: classic}\nvalue: 1000\nglobalDefault: false\ndescription: \"\"\n",
			"apiVersion: rbac.authorization.k8s.io/v1\nkind: RoleBinding\nmetadata: {name: web}\nroleRef: {kind: ClusterRole, name: view, apiGroup: rbac.authorization.k8s.io}\nsubjects: [{kind: User, name: lena}, {kind: Group, name: pay}, {kind: ServiceAccount, name: default, namespace: classics-network}]\n",
		),
		act: func(s *scenario) {
			s.patch("Ingress/classics-network/web", "ingress-controller", "status: {loadBalancer: {ingress: [{ip: 10.1.1.2}]}}", "status")
			s.patch("Ingress/classics-network/web", "cert-manager-ingress-shim", "metadata: {annotations: {cert.example.com/issued: \"1\"}, labels: {seen: \"1\"}}")
		},
	},
	{
		name: "aggregated", reason: "the rules of an aggregated ClusterRole are the controller's, whatever Git has there",
		in: documentsOf(
			"apiVersion: rbac.authorization.k8s.io/v1\nkind: ClusterRole\nmetadata: {name: classics-all}\naggregationRule: {clusterRoleSelectors: [{matchLabels: {classics: aggregate}}]}\nrules: []\n",
			"apiVersion: rbac.authorization.k8s.io/v1\nkind: ClusterRole\nmetadata: {name: classics-more}\naggregationRule: {clusterRoleSelectors: [{matchLabels: {classics: aggregate}}]}\nrules: [{apiGroups: [\"\"], resources: [nodes], verbs: [get]}]\n",
			"apiVersion: rbac.authorization.k8s.io/v1\nkind: ClusterRole\nmetadata: {name: classics-absent}\naggregationRule: {clusterRoleSelectors: [{matchLabels: {classics: aggregate}}]}\n",
			"apiVersion: rbac.authorization.k8s.io/v1\nkind: ClusterRole\nmetadata: {name: classics-part, labels: {classics: aggregate}}\nrules: [{apiGroups: [\"\"], resources: [pods], verbs: [get]}]\n",
		),
		check: func(s *scenario) error {
			for _, name := range []string{"all", "more", "absent"} {
				s.has("ClusterRole/classics-"+name, "rules.0.resources.0", "pods")
			}
			return nil
		},
	},
	{
		name: "bundles", reason: "a certificate authority is written into webhooks and definitions by somebody else",
		in: documentsOf(
			webhook("classics-absent", "", ""), webhook("classics-empty", "", "caBundle: \"\", "), webhook("classics-blank", "", "caBundle: Cg==, "),
			webhook("classics-injected", "cert-manager.io/inject-ca-from: classics-bundles/web", "caBundle: bm90aGluZw==, "),
			strings.ReplaceAll(definitionOf("classic.example.com", "v1", "Gizmo", "gizmos"), `annotations: {api-approved.kubernetes.io: "unapproved, for a test"}`, "annotations: {cert-manager.io/inject-ca-from: classics-bundles/web}")+
				"  conversion: {strategy: Webhook, webhook: {conversionReviewVersions: [v1], clientConfig: {caBundle: Cg==, service: {namespace: classics-bundles, name: web}}}}\n",
		),
		act: func(s *scenario) {
			const bundle = "LS0tLS1CRUdJTiBDRVJUSUZJQ0FURS0tLS0tCk1BPT0KLS0tLS1FTkQgQ0VSVElGSUNBVEUtLS0tLQo="
			for _, name := range []string{"absent", "empty", "blank", "injected"} {
				s.json("ValidatingWebhookConfiguration/classics-"+name, "cainjector", `[{"op":"add","path":"/webhooks/0/clientConfig/caBundle","value":"`+bundle+`"}]`)
			}
		},
	},
	{
		name: "definitions", reason: "definitions have defaults, a status that generators write, and objects with defaults of their own",
		in: documentsOf(`
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata:
  name: gadgets.classic.example.com
  creationTimestamp: null
  annotations: {controller-gen.kubebuilder.io/version: v0.16.0}
spec:
  group: classic.example.com
  names: {kind: Gadget, plural: gadgets}
  preserveUnknownFields: false
  conversion: {strategy: None}
  scope: Namespaced
  versions:
  - name: v1
    served: true
    storage: true
    subresources: {status: {}}
    additionalPrinterColumns: [{name: Age, type: date, jsonPath: .metadata.creationTimestamp}]
    schema:
      openAPIV3Schema:
        type: object
        properties:
          spec:
            type: object
            properties:
              size: {type: integer, default: 3}
              ratio: {type: number}
              port: {x-kubernetes-int-or-string: true}
              maybe: {type: string, nullable: true}
              nested: {type: object, default: {}, properties: {deep: {type: string, default: x}}}
              list: {type: array, items: {type: object, properties: {name: {type: string}, mode: {type: string, default: fast}}}}
              keyed: {type: array, x-kubernetes-list-type: map, x-kubernetes-list-map-keys: [name], items: {type: object, required: [name], properties: {name: {type: string}, mode: {type: string, default: fast}}}}
              set: {type: array, x-kubernetes-list-type: set, items: {type: string}}
              free: {type: object, x-kubernetes-preserve-unknown-fields: true}
          status: {type: object, x-kubernetes-preserve-unknown-fields: true}
status:
  acceptedNames: {kind: "", plural: ""}
  conditions: []
  storedVersions: []
`, `
apiVersion: classic.example.com/v1
kind: Gadget
metadata: {name: one, creationTimestamp: null}
spec:
  ratio: 1.0
  port: "80"
  maybe: null
  list: [{name: a}, {name: b, mode: slow}]
  keyed: [{name: b}, {name: a, mode: slow}]
  set: [b, a]
  free: {a: null, b: {}, c: [], d: 1e3}
status: {}
`, "apiVersion: classic.example.com/v1\nkind: Gadget\nmetadata: {name: two}\nspec: {}\n"),
		act: func(s *scenario) {
			s.patch("Gadget/classics-definitions/one", "gadget-operator", "status: {phase: Done}", "status")
			s.patch("Gadget/classics-definitions/two", "gadget-operator", "{metadata: {finalizers: [gadget.example.com/hold]}, spec: {size: 7, free: {seen: true}}}")
			s.json("Gadget/classics-definitions/two", "gadget-operator", `[{"op":"remove","path":"/metadata/finalizers"}]`)
		},
	},
	{
		name: "namespace", reason: "a namespace in Git gets labels, annotations and finalizers from others, and a pod gets volumes and tolerations",
		in: documentsOf(
			"apiVersion: v1\nkind: Namespace\nmetadata: {name: classics-extra, creationTimestamp: null}\nspec: {}\nstatus: {}\n",
			"apiVersion: v1\nkind: Pod\nmetadata: {name: bare, labels: {app: bare}}\nspec: {containers: [{name: bare, image: \"registry.example/bare:1\"}], tolerations: [{key: a, operator: Exists}]}\n",
		),
		act: func(s *scenario) {
			s.patch("Namespace/classics-extra", "openshift-namespace-controller", "metadata: {annotations: {uid-range: 1/2}, labels: {pod-security: baseline}}")
		},
	},
	{
		name: "admission", reason: "an admission policy injects a container and rewrites a value at every write",
		in: documentsOf(strings.Replace(deployment("web", 1, "registry.example/web:1"), "metadata:\n", "metadata:\n  labels: {inject: \"yes\"}\n", 1)),
		check: func(s *scenario) error {
			if n := len(field(s.live("Deployment/classics-admission/web"), "spec.template.spec.containers").([]any)); n != 2 {
				return fmt.Errorf("there are %d containers: this shows nothing", n)
			}
			return s.equals("Deployment/classics-admission/web", "spec.template.spec.containers.0.imagePullPolicy", "Always")
		},
	},
}

// webhook writes a ValidatingWebhookConfiguration that never matches, with an annotation and more fields of clientConfig.
func webhook(name, annotation, config string) string {
	return fmt.Sprintf(`
apiVersion: admissionregistration.k8s.io/v1
kind: ValidatingWebhookConfiguration
metadata: {name: %[1]s, annotations: {%[2]s}}
webhooks:
- name: %[1]s.example.com
  admissionReviewVersions: [v1]
  sideEffects: None
  failurePolicy: Ignore
  objectSelector: {matchLabels: {never: matches}}
  clientConfig: {%[3]sservice: {namespace: nowhere, name: nobody}}
  rules: [{apiGroups: [example.com], apiVersions: [v1], resources: [widgets], operations: [CREATE]}]
`, name, annotation, config)
}

// injection adds a container and a pull policy to Deployments in the namespace of the classic "admission".
const injection = `
apiVersion: admissionregistration.k8s.io/v1
kind: MutatingAdmissionPolicy
metadata: {name: classics-inject}
spec:
  matchConstraints:
    objectSelector: {matchLabels: {inject: "yes"}}
    resourceRules:
    - {apiGroups: [apps], apiVersions: [v1], resources: [deployments], operations: [CREATE, UPDATE]}
  reinvocationPolicy: Never
  mutations:
  - patchType: ApplyConfiguration
    applyConfiguration:
      expression: >-
        Object{spec: Object.spec{template: Object.spec.template{spec: Object.spec.template.spec{containers: [
          Object.spec.template.spec.containers{name: "web", imagePullPolicy: "Always"},
          Object.spec.template.spec.containers{name: "sidecar", image: "registry.example/sidecar:1"}]}}}}
---
apiVersion: admissionregistration.k8s.io/v1
kind: MutatingAdmissionPolicyBinding
metadata: {name: classics-inject}
spec: {policyName: classics-inject}
`

// json changes an object by a JSON patch, as a tool does that bears the name manager.
func (s *scenario) json(id, manager, patch string) {
	s.Helper()
	client, name := s.at(id)
	if _, err := client.Patch(s.Context(), name, types.JSONPatchType, []byte(patch), metav1.PatchOptions{FieldManager: manager}); err != nil {
		s.Fatalf("patch %s: %v", id, err)
	}
}

// injected waits until a policy or a webhook that adds a container is in force.
func (s *scenario) injected(namespace, label string) {
	s.Helper()
	err := eventually(limit, func() error {
		o := documents(strings.Replace(deployment("web", 0, "registry.example/web:1"), "metadata:\n", "metadata:\n  labels: {"+label+": \"yes\"}\n", 1))[0]
		made, err := s.admin.Resource(kinds["Deployment"]).Namespace(namespace).Create(s.Context(), o, metav1.CreateOptions{DryRun: []string{metav1.DryRunAll}})
		if err == nil && len(field(made, "spec.template.spec.containers").([]any)) != 2 {
			err = errNotYet("nothing is injected")
		}
		return err
	})
	if err != nil {
		s.Fatal(err)
	}
}

// applied waits until an app's commit is applied and nothing of it is wrong.
func (s *scenario) applied(app, commit string) {
	s.Helper()
	s.until(app, func(a appStatus) error {
		if a.Revision != commit || a.State != "ok" && a.State != "rolling" {
			return errNotYet("%s", a)
		}
		return nil
	})
}

// What other tools find different for ever is not: no drift, no fight, no further write, also when the app is synced by
// hand, and when an agent starts anew and compares everything.
func TestPerpetualDiffs(t *testing.T) {
	s := newScenario(t, lives(t), "classics")
	s.restarted()
	s.make(injection)
	s.injected("default", "inject")
	t.Cleanup(func() {
		s.discard("MutatingAdmissionPolicyBinding/classics-inject", "MutatingAdmissionPolicy/classics-inject")
	})
	fleet := files{}
	for _, c := range classics {
		fleet["apps/classics-"+c.name+"/a.yaml"] = c.in
	}
	first := s.commit("the classics", fleet)
	for _, c := range classics {
		s.applied("classics-"+c.name, first)
	}
	for _, c := range classics {
		if c.act != nil {
			c.act(s)
		}
		if c.check != nil {
			if err := eventually(limit, func() error { return c.check(s) }); err != nil {
				t.Errorf("%s: %v", c.name, err)
			}
		}
	}
	for _, c := range classics {
		s.synced("classics-" + c.name)
	}
	before := s.now(t)
	for _, c := range classics {
		s.synced("classics-" + c.name)
	}
	s.restarted()
	s.verified()
	for _, c := range classics {
		app := "classics-" + c.name
		status := statusOf(s.live("App/" + system + "/" + app))
		if len(status.Drift) > 0 || status.State == "drifted" || status.State == "failed" {
			t.Errorf("%s, yet it is %s with %+v", c.reason, status, status.Drift)
		}
	}
	s.unwritten(before)
}

// synced asks for a pass and waits until it was made.
func (s *scenario) synced(app string) {
	s.Helper()
	token := fmt.Sprint(time.Now().UnixNano())
	s.patch("App/"+system+"/"+app, "plumb-cli", `metadata: {annotations: {plumb.dev/sync: "`+token+`"}}`)
	s.await(s.T, "App/"+system+"/"+app, func(o *unstructured.Unstructured) error {
		if got := field(o, "status.handled.sync"); got != token {
			return errNotYet("the sync that was carried out is %v, want %s", got, token)
		}
		return nil
	})
}

// discard deletes cluster-wide objects after a test, when its context is gone.
func (s *scenario) discard(ids ...string) {
	for _, id := range ids {
		client, name := s.at(id)
		_ = client.Delete(context.Background(), name, metav1.DeleteOptions{})
	}
}
