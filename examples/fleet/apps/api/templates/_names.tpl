{{/* The labels by which the Service and the StatefulSet find the pods. They may never change: a selector is immutable. */}}
{{- define "api.selector" -}}
app.kubernetes.io/name: {{ .Chart.Name }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}
