{{- define "hookyard.name" -}}
{{- if contains "hookyard" .Release.Name -}}{{ .Release.Name | trunc 63 | trimSuffix "-" }}
{{- else -}}{{ printf "%s-hookyard" .Release.Name | trunc 63 | trimSuffix "-" }}{{- end -}}
{{- end -}}

{{- define "hookyard.selector" -}}
app.kubernetes.io/name: hookyard
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end -}}

{{- define "hookyard.labels" -}}
{{ include "hookyard.selector" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version }}
{{- end -}}

{{/* Whether nodes share a PostgreSQL database: "true" or "". */}}
{{- define "hookyard.shared" -}}
{{- if or .Values.database.url .Values.database.existingSecret -}}true{{- end -}}
{{- end -}}

{{- define "hookyard.secret" -}}
{{- default (include "hookyard.name" .) .Values.database.existingSecret -}}
{{- end -}}
