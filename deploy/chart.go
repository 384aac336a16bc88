package deploy

import (
	"fmt"
	"strconv"
	"strings"
)

const generated = "# Written by make generate from deploy/manifests and api/v1alpha1. Do not edit.\n"

// Files gives what is generated, by path below this folder: the definitions for kubectl, and the templates of the chart.
func Files() (map[string]string, error) {
	files := map[string]string{"manifests/crds.yaml": generated + definitions()}
	crds, err := chartDefinitions()
	if err != nil {
		return nil, err
	}
	files["chart/templates/crds.yaml"] = generated + crds
	for _, part := range []string{Access, Policies, Agent} {
		data, err := Part(part)
		if err != nil {
			return nil, err
		}
		text, err := template(part, string(data))
		if err != nil {
			return nil, err
		}
		files["chart/templates/"+part+".yaml"] = generated + text
	}
	people, err := Part(People)
	if err != nil {
		return nil, err
	}
	before, err := Part(PeopleBefore)
	if err != nil {
		return nil, err
	}
	files["chart/templates/people.yaml"] = generated + "{{- if .Values.oidc.impersonate }}\n" +
		"{{- if semverCompare \">=1.36.0-0\" .Capabilities.KubeVersion.Version }}\n" + string(people) + "{{- else }}\n" + string(before) + "{{- end }}\n{{- end }}\n"
	return files, nil
}

// chartDefinitions keeps the definitions when a release is uninstalled: with them all Repos and Apps would go. They are
// templates and not in the chart's crds folder because Helm never upgrades what is in there.
func chartDefinitions() (string, error) {
	const annotations = "\nmetadata:\n  annotations:\n"
	text := definitions()
	if strings.Contains(text, "{{") {
		return "", fmt.Errorf("a definition holds {{, which a chart would take for a template")
	}
	if n := strings.Count(text, annotations); n != strings.Count(text, "\nkind: CustomResourceDefinition\n") {
		return "", fmt.Errorf("%d of the definitions have annotations where they were expected", n)
	}
	text = strings.ReplaceAll(text, annotations, annotations+"    helm.sh/resource-policy: keep\n")
	return "{{- if .Values.crds }}\n" + text + "{{- end }}\n", nil
}

// change puts a value of the chart in the place of a text, which must be there exactly once.
type change struct{ from, to string }

var changes = map[string][]change{
	Access: {
		// The chart is installed into this namespace, which Helm makes if it is told to; another one would have no agent.
		{namespaceDocument, `{{- if ne .Release.Namespace "plumb-system" }}{{ fail "Plumb lives in the namespace plumb-system: helm install --namespace plumb-system --create-namespace" }}{{ end }}` + "\n"},
		{deployerBinding, "{{- if .Values.deployer.clusterAdmin }}\n" + deployerBinding + "{{- end }}\n"},
		{watchRules, "  {{- if .Values.secrets.watch }}\n" + watchRules + "  {{- else }}\n" + narrowRules() + "  {{- end }}\n"},
		{watchBinding, watchBinding + "{{- if not .Values.secrets.watch }}\n" + CredentialsAccess + "---\n{{- end }}\n"},
	},
	Agent: {
		{"  replicas: 1\n", "  replicas: {{ .Values.replicas }}\n"},
		{"image: " + Image + "\n", "image: {{ .Values.image | quote }}\n"},
		{"            - --expose\n", "            - --expose\n            {{- if not .Values.secrets.watch }}\n            - --without-secrets\n            {{- end }}\n            {{- range .Values.extraArgs }}\n            - {{ . | quote }}\n            {{- end }}\n"},
		{agentResources, "          resources: {{ toJson .Values.resources }}\n"},
		{"      terminationGracePeriodSeconds: 30\n", "      terminationGracePeriodSeconds: 30\n" +
			optional("imagePullSecrets") + optional("nodeSelector") + optional("tolerations") + optional("affinity") + optional("priorityClassName")},
	},
}

const (
	namespaceDocument = `apiVersion: v1
kind: Namespace
metadata:
  name: plumb-system
  labels:
    app.kubernetes.io/part-of: plumb
    pod-security.kubernetes.io/enforce: restricted
---
`
	deployerBinding = `apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRoleBinding
metadata:
  name: plumb-deployer
  labels:
    app.kubernetes.io/part-of: plumb
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: cluster-admin}
subjects:
  - {kind: ServiceAccount, name: plumb-deployer, namespace: plumb-system}
---
`
	watchRules = `  - apiGroups: ["*"]
    resources: ["*"]
    verbs: [list, watch]
  # The Secrets that Repos and Apps name, in their own namespaces.
  - apiGroups: [""]
    resources: [secrets]
    verbs: [get]
`
	watchBinding = `roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: plumb-agent-watch}
subjects:
  - {kind: ServiceAccount, name: plumb-agent, namespace: plumb-system}
---
`
	agentResources = `          resources:
            requests: {cpu: 100m, memory: 256Mi}
            # A render may take 1 GiB, and it is another process of this container.
            limits: {memory: 2Gi}
`
)

// narrowRules are those of an agent that may not list Secrets: RBAC knows no exceptions, so all else is listed.
func narrowRules() string {
	return `  - apiGroups: [""]
    resources: [` + strings.Join(CoreResources, ", ") + `]
    verbs: [list, watch]
  - apiGroups:
      {{- range concat (list ` + quoted(KubernetesGroups) + `) .Values.secrets.groups | uniq | sortAlpha }}
      - {{ . | quote }}
      {{- end }}
    resources: ["*"]
    verbs: [list, watch]
`
}

func quoted(words []string) string {
	out := make([]string, len(words))
	for i, word := range words {
		out[i] = strconv.Quote(word)
	}
	return strings.Join(out, " ")
}

// optional is a field of the pod that is written only where the chart's user has set it.
func optional(field string) string {
	return "      {{- with .Values." + field + " }}\n      " + field + ": {{ toJson . }}\n      {{- end }}\n"
}

func template(part, text string) (string, error) {
	if strings.Contains(text, "{{") {
		return "", fmt.Errorf("manifests/%s.yaml holds {{, which a chart would take for a template", part)
	}
	for _, c := range changes[part] {
		if n := strings.Count(text, c.from); n != 1 {
			return "", fmt.Errorf("manifests/%s.yaml has this text %d times, and the chart changes it where it is once:\n%s", part, n, c.from)
		}
		text = strings.Replace(text, c.from, c.to, 1)
	}
	return text, nil
}
