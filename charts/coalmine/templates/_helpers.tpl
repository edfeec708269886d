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
{{- define "coalmine.webhook" -}}
{{- if eq .Values.mode "single" -}}single{{- else -}}webhook{{- end -}}
{{- end }}

{{- /* Annotations of what is made before the release is deleted; takes its place in that order. */}}
{{- define "coalmine.beforeDelete" -}}
helm.sh/hook: pre-delete
helm.sh/hook-weight: {{ . | quote }}
helm.sh/hook-delete-policy: before-hook-creation,hook-succeeded
{{- end }}

{{- /* Flagger's default for affinity, which its users' values files repeat, names this template. */}}
{{- define "flagger.name" -}}coalmine{{- end }}

{{- /* Strings, whatever a values file has there: labels and annotations are nothing else. */}}
{{- define "coalmine.strings" -}}
{{- $strings := dict -}}
{{- range $key, $value := . }}{{ $_ := set $strings $key (toString $value) }}{{ end -}}
{{- toYaml $strings -}}
{{- end }}

{{- /* A values file written for Flagger names Flagger's image, which cannot take our arguments: ours takes its place. */}}
{{- define "coalmine.flaggers" -}}
{{- if regexMatch "(^|/)flagger$" .Values.image.repository }}yes{{- end }}
{{- end }}

{{- define "coalmine.image" -}}
{{- $own := not (include "coalmine.flaggers" .) -}}
{{- $repository := "localhost/coalmine/coalmine" -}}
{{- if and $own .Values.image.repository -}}{{- $repository = .Values.image.repository -}}{{- end -}}
{{- if and $own .Values.image.digest -}}
{{ $repository }}@{{ .Values.image.digest }}
{{- else -}}
{{ $repository }}:{{ ternary .Values.image.tag "" $own | default .Chart.AppVersion }}
{{- end -}}
{{- end }}

{{- /* The definitions of the kinds we serve. */}}
{{- define "coalmine.definitions" -}}
[canaries.flagger.app, metrictemplates.flagger.app, alertproviders.flagger.app, canarypolicies.coalmine.dev]
{{- end }}

{{- /* Definitions of kinds that a cluster may or may not have: whether it does is watched. */}}
{{- define "coalmine.optionalDefinitions" -}}
- scaledobjects.keda.sh
{{- range (.Files.Get "files/routing.yaml" | fromYaml).definitions }}
- {{ . }}
{{- end }}
{{- end }}

{{- /* Rules of a role. Takes root, of (which of the kinds of routing providers), verbs (text). `coalmine crds --write` writes the
file from the providers that are built. */}}
{{- define "coalmine.routing" -}}
{{- range get (.root.Files.Get "files/routing.yaml" | fromYaml) .of }}
- apiGroups: [{{ .group }}]
  resources: [{{ join ", " .resources }}]
  verbs: [{{ $.verbs }}]
{{- end }}
{{- end }}

{{- /* The variable of the scope policy that says whether a route of that API group leads to half of a pair. */}}
{{- define "coalmine.half" -}}
half_{{ regexReplaceAll "[^a-z0-9]" . "_" }}
{{- end }}

{{- /* Marks of what is there for the definitions' job; takes its place in the order. */}}
{{- define "coalmine.crdsHook" -}}
helm.sh/hook: pre-install,pre-upgrade
helm.sh/hook-weight: {{ . | quote }}
helm.sh/hook-delete-policy: before-hook-creation,hook-succeeded
{{- end }}

{{- /* What both programs have to be told alike: the webhook promises at admission what the controller then does. */}}
{{- define "coalmine.sharedArgs" -}}
- --metrics-server={{ .Values.metricsServer }}
{{- with .Values.meshProvider }}
- --mesh-provider={{ . }}
{{- end }}
{{- with .Values.selectorLabels }}
- --selector-labels={{ . }}
{{- end }}
{{- with .Values.includeLabelPrefix }}
- {{ printf "--include-label-prefix=%s" . | quote }}
{{- end }}
{{- with .Values.ingressAnnotationsPrefix }}
- --ingress-annotations-prefix={{ . }}
{{- end }}
{{- with .Values.ingressClass }}
- --ingress-class={{ . }}
{{- end }}
{{- if not .Values.configTracking.enabled }}
- --enable-config-tracking=false
{{- end }}
{{- with .Values.namespace }}
- --watch-namespace={{ . }}
{{- end }}
{{- if .Values.noCrossNamespaceRefs }}
- --no-cross-namespace-refs
{{- end }}
{{- if ne .Values.statusMetric "flagger" }}
- --status-metric={{ .Values.statusMetric }}
{{- end }}
{{- if .Values.dryRun }}
- --dry-run
{{- end }}
{{- end }}

{{- define "coalmine.webhookArgs" -}}
- --port={{ .Values.webhook.port }}
- --service=coalmine-webhook
- --failure-policy={{ .Values.webhook.failurePolicy }}
{{- with .Values.webhook.clientCA }}
{{- if or .configMap .secret }}
- --client-ca=/etc/coalmine/client-ca/{{ .key }}
{{- range .names }}
- --client-name={{ . }}
{{- end }}
{{- end }}
{{- end }}
{{- if .Values.serviceAccount.name }}
{{- /* Accounts under other names than the chart's own must be known to the webhook as ours. */}}
{{- range $role := list "webhook" "controller" }}
- --own-user=system:serviceaccount:{{ $.Release.Namespace }}:{{ include "coalmine.account" (dict "root" $ "role" $role) }}
{{- end }}
{{- end }}
{{- end }}

{{- /* Who is told of releases: the controller's own, so that addresses with secrets in them are in one Deployment. */}}
{{- define "coalmine.controllerArgs" -}}
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
{{- with .Values.slack.proxyUrl | default .Values.slack.proxy }}
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
{{- end }}

{{- /* What a container may do. */}}
{{- define "coalmine.securityContext" -}}
{{- $least := dict "allowPrivilegeEscalation" false "readOnlyRootFilesystem" true "capabilities" (dict "drop" (list "ALL")) -}}
{{- $given := ternary .Values.securityContext.context dict .Values.securityContext.enabled | default dict -}}
{{- mergeOverwrite $least (deepCopy $given) | toYaml -}}
{{- end }}

{{- /* What a pod may be. Without securityContext.enabled the platform chooses the user, as OpenShift does. */}}
{{- define "coalmine.podSecurityContext" -}}
runAsNonRoot: true
{{- if .Values.securityContext.enabled }}
runAsUser: 65532
runAsGroup: 65532
{{- end }}
seccompProfile:
  type: RuntimeDefault
{{- end }}

{{- /* The resources of a program: its own, or those of all, with a share of CPU for its role where those name none. A limit
may be less than that share. Takes root, role, resources (its own). */}}
{{- define "coalmine.resources" -}}
{{- $resources := .resources | default .root.Values.resources | default dict }}
{{- $requests := $resources.requests | default dict }}
{{- if and (not .resources) $requests (not (hasKey $requests "cpu")) }}
{{- $limited := hasKey ($resources.limits | default dict) "cpu" }}
{{- $share := dict "webhook" "200m" "controller" "50m" }}
{{- $cpu := ternary "100m" (get $share .role | default "100m") $limited }}
{{- $resources = merge (dict "requests" (dict "cpu" $cpu)) (deepCopy $resources) }}
{{- end }}
{{- toYaml $resources }}
{{- end }}

{{- /* A Deployment. Takes root, role, replicas, command, args (text), webhook (whether it serves the webhook), resources. */}}
{{- define "coalmine.deployment" -}}
{{- $name := ternary "coalmine" (printf "coalmine-%s" .role) (eq .role "single") -}}
{{- $values := .root.Values -}}
{{- $labels := include "coalmine.labels" . | fromYaml -}}
{{- $annotations := dict "prometheus.io/scrape" "true" "prometheus.io/port" ($values.metricsPort | toString) }}
{{- if .webhook }}
{{- /* Behind a sidecar everybody comes from the pod itself, and the bounds of each address would be one for all. */}}
{{- $direct := printf "%v,%v" $values.webhook.port $values.metricsPort }}
{{- $_ := set $annotations "config.linkerd.io/skip-inbound-ports" $direct }}
{{- $_ := set $annotations "traffic.sidecar.istio.io/excludeInboundPorts" $direct }}
{{- end }}
apiVersion: apps/v1
kind: Deployment
metadata:
  name: {{ $name }}
  namespace: {{ .root.Release.Namespace }}
  labels:
    {{- include "coalmine.strings" (mergeOverwrite (deepCopy ($values.deploymentLabels | default dict)) $labels) | nindent 4 }}
  {{- with $values.annotations }}
  annotations:
    {{- include "coalmine.strings" . | nindent 4 }}
  {{- end }}
spec:
  replicas: {{ .replicas }}
  selector:
    matchLabels:
      {{- include "coalmine.selector" . | nindent 6 }}
  template:
    metadata:
      labels:
        {{- include "coalmine.strings" (mergeOverwrite (deepCopy ($values.podLabels | default dict)) $labels) | nindent 8 }}
      annotations:
        {{- include "coalmine.strings" (mergeOverwrite $annotations ($values.podAnnotations | default dict)) | nindent 8 }}
    spec:
      serviceAccountName: {{ include "coalmine.account" . }}
      automountServiceAccountToken: true
      enableServiceLinks: false
      terminationGracePeriodSeconds: 30
      {{- with $values.podPriorityClassName }}
      priorityClassName: {{ . }}
      {{- end }}
      {{- if and .webhook $values.webhook.hostNetwork }}
      hostNetwork: true
      dnsPolicy: ClusterFirstWithHostNet
      {{- end }}
      {{- with $values.image.pullSecret }}
      imagePullSecrets:
        - name: {{ . }}
      {{- end }}
      securityContext:
        {{- include "coalmine.podSecurityContext" .root | nindent 8 }}
      containers:
        - name: {{ .role }}
          image: {{ include "coalmine.image" .root | quote }}
          imagePullPolicy: {{ $values.image.pullPolicy }}
          args:
            - {{ .command }}
            - --log-level={{ $values.logLevel }}
            - --namespace=$(POD_NAMESPACE)
            - --metrics-port={{ $values.metricsPort }}
            {{- include "coalmine.sharedArgs" .root | nindent 12 }}
            {{- with .args }}
            {{- . | nindent 12 }}
            {{- end }}
          env:
            - name: POD_NAME
              valueFrom:
                fieldRef:
                  fieldPath: metadata.name
            - name: POD_NAMESPACE
              valueFrom:
                fieldRef:
                  fieldPath: metadata.namespace
            - name: POD_UID
              valueFrom:
                fieldRef:
                  fieldPath: metadata.uid
            {{- with $values.env }}
            {{- toYaml . | nindent 12 }}
            {{- end }}
          ports:
            - name: http
              containerPort: {{ $values.metricsPort }}
            {{- if .webhook }}
            - name: webhook
              containerPort: {{ $values.webhook.port }}
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
            {{- include "coalmine.resources" . | nindent 12 }}
          securityContext:
            {{- include "coalmine.securityContext" .root | nindent 12 }}
          {{- $clients := and .webhook (or $values.webhook.clientCA.configMap $values.webhook.clientCA.secret) }}
          {{- if or $clients $values.additionalVolumeMounts }}
          volumeMounts:
            {{- if $clients }}
            - name: client-ca
              mountPath: /etc/coalmine/client-ca
              readOnly: true
            {{- end }}
            {{- with $values.additionalVolumeMounts }}
            {{- toYaml . | nindent 12 }}
            {{- end }}
          {{- end }}
      {{- if or $clients $values.additionalVolumes }}
      volumes:
        {{- if $clients }}
        - name: client-ca
          {{- with $values.webhook.clientCA.configMap }}
          configMap:
            name: {{ . }}
          {{- else }}
          secret:
            secretName: {{ $values.webhook.clientCA.secret }}
          {{- end }}
        {{- end }}
        {{- with $values.additionalVolumes }}
        {{- toYaml . | nindent 8 }}
        {{- end }}
      {{- end }}
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
        {{- tpl (toYaml $values.affinity) .root | nindent 8 }}
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
