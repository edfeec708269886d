{{- define "coalmine.labels" -}}
app.kubernetes.io/name: coalmine
app.kubernetes.io/instance: {{ .root.Release.Name }}
app.kubernetes.io/component: {{ .role }}
app.kubernetes.io/version: {{ .root.Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .root.Release.Service }}
{{- end }}

{{- define "coalmine.selector" -}}
app.kubernetes.io/name: coalmine
app.kubernetes.io/component: {{ .role }}
{{- end }}

{{- /* The account of a role. In single mode one program does everything, so both roles have one account. */}}
{{- define "coalmine.account" -}}
{{- $base := .root.Values.serviceAccount.name | default "coalmine" -}}
{{- if eq .root.Values.mode "single" -}}{{ $base }}{{- else -}}{{ $base }}-{{ .role }}{{- end -}}
{{- end }}

{{- /* The component whose pods answer the API server. */}}
{{- define "coalmine.door" -}}
{{- if eq .Values.mode "single" -}}single{{- else -}}webhook{{- end -}}
{{- end }}

{{- define "coalmine.webhookArgs" -}}
- --port=8443
- --service=coalmine-webhook
- --failure-policy={{ .Values.webhook.failurePolicy }}
{{- if and .Values.dryRun (ne .Values.mode "single") }}
- --dry-run
{{- end }}
{{- if .Values.serviceAccount.name }}
{{- /* Accounts under other names than the chart's own must be known to the webhook as ours. */}}
{{- range $role := list "webhook" "controller" }}
- --own-user=system:serviceaccount:{{ $.Release.Namespace }}:{{ include "coalmine.account" (dict "root" $ "role" $role) }}
{{- end }}
{{- end }}
{{- end }}

{{- define "coalmine.controllerArgs" -}}
- --metrics-server={{ .Values.metricsServer }}
{{- with .Values.meshProvider }}
- --mesh-provider={{ . }}
{{- end }}
{{- with .Values.eventWebhook }}
- --event-webhook={{ . }}
{{- end }}
{{- with .Values.slack.channel }}
- --slack-channel={{ . }}
- --slack-user={{ $.Values.slack.user }}
{{- end }}
{{- with .Values.slack.url }}
- --slack-url={{ . }}
{{- end }}
{{- with .Values.slack.proxyUrl }}
- --slack-proxy-url={{ . }}
{{- end }}
{{- with .Values.msteams.url }}
- --msteams-url={{ . }}
{{- end }}
{{- with .Values.msteams.proxyUrl }}
- --msteams-proxy-url={{ . }}
{{- end }}
{{- with .Values.clusterName }}
- --cluster-name={{ . }}
{{- end }}
{{- if .Values.dryRun }}
- --dry-run
{{- end }}
{{- end }}

{{- /* A Deployment. Takes root, role, replicas, command, args (text), door (whether it serves the webhook), resources. */}}
{{- define "coalmine.deployment" -}}
{{- $name := ternary "coalmine" (printf "coalmine-%s" .role) (eq .role "single") -}}
{{- $values := .root.Values -}}
apiVersion: apps/v1
kind: Deployment
metadata:
  name: {{ $name }}
  namespace: {{ .root.Release.Namespace }}
  labels:
    {{- include "coalmine.labels" . | nindent 4 }}
    {{- with $values.deploymentLabels }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
spec:
  replicas: {{ .replicas }}
  selector:
    matchLabels:
      {{- include "coalmine.selector" . | nindent 6 }}
  template:
    metadata:
      labels:
        {{- include "coalmine.labels" . | nindent 8 }}
        {{- with $values.podLabels }}
        {{- toYaml . | nindent 8 }}
        {{- end }}
      annotations:
        prometheus.io/scrape: "true"
        prometheus.io/port: "8080"
        {{- with $values.podAnnotations }}
        {{- toYaml . | nindent 8 }}
        {{- end }}
    spec:
      serviceAccountName: {{ include "coalmine.account" . }}
      terminationGracePeriodSeconds: 30
      {{- with $values.image.pullSecret }}
      imagePullSecrets:
        - name: {{ . }}
      {{- end }}
      securityContext:
        runAsNonRoot: true
        runAsUser: 65532
        runAsGroup: 65532
        seccompProfile:
          type: RuntimeDefault
      containers:
        - name: {{ .role }}
          image: "{{ $values.image.repository }}:{{ $values.image.tag | default .root.Chart.AppVersion }}"
          imagePullPolicy: {{ $values.image.pullPolicy }}
          args:
            - {{ .command }}
            - --log-level={{ $values.logLevel }}
            - --namespace=$(POD_NAMESPACE)
            {{- with $values.selectorLabels }}
            - --selector-labels={{ . }}
            {{- end }}
            {{- with $values.includeLabelPrefix }}
            - {{ printf "--include-label-prefix=%s" . | quote }}
            {{- end }}
            {{- .args | nindent 12 }}
          env:
            - name: POD_NAME
              valueFrom:
                fieldRef:
                  fieldPath: metadata.name
            - name: POD_NAMESPACE
              valueFrom:
                fieldRef:
                  fieldPath: metadata.namespace
            {{- with $values.env }}
            {{- toYaml . | nindent 12 }}
            {{- end }}
          ports:
            - name: http
              containerPort: 8080
            {{- if .door }}
            - name: webhook
              containerPort: 8443
            {{- end }}
          livenessProbe:
            httpGet:
              path: /healthz
              port: http
            periodSeconds: 10
            timeoutSeconds: 5
          readinessProbe:
            httpGet:
              path: /readyz
              port: http
            periodSeconds: 2
            timeoutSeconds: 2
          resources:
            {{- toYaml (.resources | default $values.resources) | nindent 12 }}
          securityContext:
            allowPrivilegeEscalation: false
            readOnlyRootFilesystem: true
            capabilities:
              drop: [ALL]
      {{- with $values.nodeSelector }}
      nodeSelector:
        {{- toYaml . | nindent 8 }}
      {{- end }}
      {{- with $values.tolerations }}
      tolerations:
        {{- toYaml . | nindent 8 }}
      {{- end }}
      {{- if $values.affinity }}
      affinity:
        {{- toYaml $values.affinity | nindent 8 }}
      {{- else }}
      affinity:
        podAntiAffinity:
          preferredDuringSchedulingIgnoredDuringExecution:
            - weight: 100
              podAffinityTerm:
                topologyKey: kubernetes.io/hostname
                labelSelector:
                  matchLabels:
                    {{- include "coalmine.selector" . | nindent 20 }}
      {{- end }}
{{- end }}
