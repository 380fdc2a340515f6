{{- define "palier.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 63 | trimSuffix "-" }}
{{- end }}

{{- define "palier.fullname" -}}
{{- if .Values.fullnameOverride }}
{{- .Values.fullnameOverride | trunc 63 | trimSuffix "-" }}
{{- else }}
{{- $name := default .Chart.Name .Values.nameOverride }}
{{- if contains $name .Release.Name }}
{{- .Release.Name | trunc 63 | trimSuffix "-" }}
{{- else }}
{{- printf "%s-%s" .Release.Name $name | trunc 63 | trimSuffix "-" }}
{{- end }}
{{- end }}
{{- end }}

{{/* Cluster-scoped objects carry the namespace too, so that two releases of the same name do not collide. */}}
{{- define "palier.clusterName" -}}
{{- printf "%s-%s" .Release.Namespace (include "palier.fullname" .) }}
{{- end }}

{{/* Replicas of one release agree by it; another release in the same namespace has one of its own. */}}
{{- define "palier.leaseName" -}}
{{- include "palier.fullname" . }}
{{- end }}

{{- define "palier.selectorLabels" -}}
app.kubernetes.io/name: {{ include "palier.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{- define "palier.labels" -}}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" | trunc 63 | trimSuffix "-" }}
{{ include "palier.selectorLabels" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/component: operator
app.kubernetes.io/part-of: palier
app.kubernetes.io/managed-by: {{ .Release.Service }}
{{- end }}

{{- define "palier.serviceAccountName" -}}
{{- if .Values.serviceAccount.create }}
{{- default (include "palier.fullname" .) .Values.serviceAccount.name }}
{{- else }}
{{- required "serviceAccount.name is required when serviceAccount.create is false" .Values.serviceAccount.name }}
{{- end }}
{{- end }}

{{- define "palier.image" -}}
{{- $repository := required "image.repository is required: build the image with the Dockerfile, push it to a registry your cluster can pull from, and name it here" .Values.image.repository }}
{{- if .Values.image.digest }}
{{- printf "%s@%s" $repository .Values.image.digest }}
{{- else }}
{{- printf "%s:%s" $repository (default .Chart.AppVersion .Values.image.tag) }}
{{- end }}
{{- end }}

{{/* The image of load-test pods, unless a ModelDeployment names one. */}}
{{- define "palier.loadTestImage" -}}
{{- .Values.loadTest.image | default (include "palier.image" .) }}
{{- end }}
