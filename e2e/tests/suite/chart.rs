//! What the chart makes of values, Flagger's above all. No cluster is asked; helm is all it takes.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;

use e2e::install::{Binaries, Profile, root};
use serde_json::Value;

/// Arguments that are one half's own. Whatever is not here goes to both: the webhook promises what the controller does.
const OWN: [&str; 12] = [
    "--port",
    "--service",
    "--failure-policy",
    "--own-user",
    "--event-webhook",
    "--cluster-name",
    "--slack-channel",
    "--slack-user",
    "--slack-url",
    "--slack-proxy-url",
    "--msteams-url",
    "--msteams-proxy-url",
];

fn flaggers() -> PathBuf {
    root().join("e2e/tests/suite/chart/flagger-1.44.yaml")
}

/// The objects, hooks too; or what helm complains of.
fn objects(values: Option<&Path>, set: &[&str]) -> Result<Vec<Value>, String> {
    let mut helm = Command::new(e2e::manifests::helm());
    helm.args(["template", "coalmine"]).arg(root().join("charts/coalmine"));
    helm.args(["--namespace", "coalmine-system"]);
    if let Some(values) = values {
        helm.arg("--values").arg(values);
    }
    for set in set {
        helm.args(["--set-json", set]);
    }
    let output = helm.output().unwrap();
    if !output.status.success() {
        return Err(String::from_utf8_lossy(&output.stderr).into_owned());
    }
    let text = String::from_utf8(output.stdout).unwrap();
    let documents = text
        .split("\n---\n")
        .map(|document| document.trim_start_matches("---\n"));
    let written = documents.filter(|document| document.lines().any(|line| !line.is_empty() && !line.starts_with('#')));
    Ok(written.map(|document| strict(document).unwrap()).collect())
}

/// Reads YAML as strictly as Flux does: a key that is there twice is an error.
fn strict(document: &str) -> Result<Value, String> {
    serde_saphyr::from_str(document).map_err(|error| format!("{error}\n{document}"))
}

fn rendered(set: &[&str]) -> Vec<Value> {
    objects(None, set).unwrap()
}

fn of_kind<'a>(objects: &'a [Value], kind: &str) -> Vec<&'a Value> {
    objects.iter().filter(|object| object["kind"] == kind).collect()
}

fn deployment<'a>(objects: &'a [Value], role: &str) -> &'a Value {
    let name = format!("coalmine-{role}");
    let all = of_kind(objects, "Deployment");
    all.into_iter()
        .find(|object| object["metadata"]["name"] == name.as_str())
        .unwrap()
}

fn pod(workload: &Value) -> &Value {
    &workload["spec"]["template"]["spec"]
}

fn arguments(workload: &Value) -> BTreeSet<String> {
    let all = pod(workload)["containers"][0]["args"].as_array().unwrap();
    all.iter().skip(1).map(|arg| arg.as_str().unwrap().to_owned()).collect()
}

fn shared(workload: &Value) -> BTreeSet<String> {
    let own = |arg: &String| OWN.contains(&arg.split('=').next().unwrap());
    arguments(workload).into_iter().filter(|arg| !own(arg)).collect()
}

#[test]
fn a_key_that_is_there_twice_is_not_read() {
    assert!(strict("a: 1\nb: 2").is_ok());
    assert!(strict("a: 1\na: 2").is_err());
}

#[test]
fn flaggers_own_values_render_and_start_nothing_of_flaggers() {
    let objects = objects(Some(&flaggers()), &[]).unwrap();
    for role in ["webhook", "controller"] {
        let deployment = deployment(&objects, role);
        let annotations = &deployment["spec"]["template"]["metadata"]["annotations"];
        assert_eq!(annotations["prometheus.io/port"], "8080");
        assert_eq!(annotations["linkerd.io/inject"], "enabled");
        let image = pod(deployment)["containers"][0]["image"].as_str().unwrap();
        assert!(
            image.starts_with("localhost/coalmine/coalmine:") && !image.ends_with("1.44.0"),
            "{image}"
        );
        assert_eq!(pod(deployment)["containers"][0]["securityContext"]["runAsUser"], 10001);
        assert!(!pod(deployment)["affinity"].to_string().contains("{{"));
    }
}

#[test]
fn no_sidecar_stands_between_the_api_server_and_the_webhook_unless_somebody_says_so() {
    const SKIPS: [&str; 2] = [
        "config.linkerd.io/skip-inbound-ports",
        "traffic.sidecar.istio.io/excludeInboundPorts",
    ];
    let of = |workload: &Value| {
        let annotations = &workload["spec"]["template"]["metadata"]["annotations"];
        SKIPS.map(|name| annotations[name].as_str().map(str::to_owned))
    };
    let both = |ports: &str| [Some(ports.to_owned()), Some(ports.to_owned())];
    let flaggers = objects(Some(&flaggers()), &[]).unwrap();
    assert_eq!(of(deployment(&flaggers, "webhook")), both("8443,8080"));
    // The controller is asked by nobody but Prometheus and the kubelet.
    assert_eq!(of(deployment(&flaggers, "controller")), [None, None]);
    let other = rendered(&[r#"webhook={"port":10250}"#, "metricsPort=9080"]);
    assert_eq!(of(deployment(&other, "webhook")), both("10250,9080"));
    let own = r#"podAnnotations={"config.linkerd.io/skip-inbound-ports":"25"}"#;
    let single = rendered(&[r#"mode="single""#, own]);
    let kept = [Some("25".to_owned()), Some("8443,8080".to_owned())];
    assert_eq!(of(of_kind(&single, "Deployment")[0]), kept);
}

#[test]
fn an_image_of_ones_own_is_taken_with_flaggers_values_too() {
    let own = [r#"image={"repository":"registry.example.com/coalmine","tag":"v1"}"#];
    let objects = objects(Some(&flaggers()), &own).unwrap();
    assert_eq!(
        pod(deployment(&objects, "webhook"))["containers"][0]["image"],
        "registry.example.com/coalmine:v1"
    );
    let digest = format!("sha256:{}", "0".repeat(64));
    let pinned = rendered(&[&format!(
        r#"image={{"repository":"registry.example.com/coalmine","digest":"{digest}"}}"#
    )]);
    let image = &pod(deployment(&pinned, "webhook"))["containers"][0]["image"];
    assert_eq!(*image, format!("registry.example.com/coalmine@{digest}"));
}

#[test]
fn what_decides_for_both_halves_is_told_both() {
    let set = [
        r#"meshProvider="kubernetes""#,
        r#"metricsServer="http://prometheus.example:9090""#,
        r#"selectorLabels="app,tier""#,
        r#"includeLabelPrefix="*""#,
        r#"ingressAnnotationsPrefix="edge.example.com""#,
        r#"ingressClass="contour""#,
        r#"configTracking={"enabled":false}"#,
        r#"namespace="shop""#,
        "noCrossNamespaceRefs=true",
        r#"statusMetric="coalmine""#,
        "dryRun=true",
        "metricsPort=9080",
        r#"webhook={"port":10250,"replicaCount":2,"failurePolicy":"Fail"}"#,
        r#"eventWebhook="http://listener.example/""#,
        r#"clusterName="eu""#,
        r#"slack={"url":"http://slack.example/","channel":"ops","proxyUrl":"http://proxy.example/"}"#,
        r#"msteams={"url":"http://teams.example/"}"#,
    ];
    let objects = rendered(&set);
    let (webhook, controller) = (deployment(&objects, "webhook"), deployment(&objects, "controller"));
    assert_eq!(shared(webhook), shared(controller));
    for wanted in [
        "--mesh-provider=kubernetes",
        "--metrics-server=http://prometheus.example:9090",
        "--selector-labels=app,tier",
        "--include-label-prefix=*",
        "--ingress-annotations-prefix=edge.example.com",
        "--ingress-class=contour",
        "--enable-config-tracking=false",
        "--watch-namespace=shop",
        "--no-cross-namespace-refs",
        "--status-metric=coalmine",
        "--dry-run",
        "--metrics-port=9080",
    ] {
        assert!(shared(webhook).contains(wanted), "{wanted}");
    }
    let port = |name: &str| {
        let ports = pod(webhook)["containers"][0]["ports"].as_array().unwrap();
        ports.iter().find(|port| port["name"] == name).unwrap()["containerPort"].clone()
    };
    assert_eq!((port("webhook"), port("http")), (10250.into(), 9080.into()));
}

#[tokio::test]
async fn the_programs_take_every_argument_that_the_chart_gives() {
    let set = [
        r#"meshProvider="istio""#,
        r#"selectorLabels="app""#,
        r#"includeLabelPrefix="*""#,
        r#"ingressAnnotationsPrefix="edge.example.com""#,
        r#"ingressClass="contour""#,
        r#"configTracking={"enabled":false}"#,
        r#"namespace="shop""#,
        "noCrossNamespaceRefs=true",
        r#"statusMetric="coalmine""#,
        "dryRun=true",
        r#"eventWebhook="http://listener.example/""#,
        r#"clusterName="eu""#,
        r#"slack={"url":"http://slack.example/","channel":"ops","proxyUrl":"http://proxy.example/"}"#,
        r#"msteams={"url":"http://teams.example/","proxyUrl":"http://proxy.example/"}"#,
        r#"serviceAccount={"name":"release"}"#,
    ];
    let program = Binaries::build(Profile::Dev).await.unwrap().coalmine;
    let single = [&set[..], &[r#"mode="single""#]].concat();
    for set in [&set[..], &single] {
        let objects = rendered(set);
        let workloads = [of_kind(&objects, "Deployment"), of_kind(&objects, "Job")].concat();
        assert!(workloads.len() > 1);
        for workload in workloads {
            let args = pod(workload)["containers"][0]["args"].as_array().unwrap();
            let args = args.iter().map(|arg| arg.as_str().unwrap());
            // With --help behind them they are read, and nothing is done.
            let output = Command::new(&program).args(args).arg("--help").output().unwrap();
            assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        }
    }
}

#[test]
fn what_cannot_be_kept_is_refused_with_what_to_do() {
    let cases = [
        (r#"nameOverride="canaries""#, "nameOverride: the names are fixed"),
        (
            r#"fullnameOverride="canaries""#,
            "fullnameOverride: the names are fixed",
        ),
        (
            r#"prometheus={"install":true}"#,
            "prometheus.install: Coalmine brings no Prometheus",
        ),
        (
            r#"linkerdAuthPolicy={"create":true}"#,
            "linkerdAuthPolicy.create: Coalmine makes no AuthorizationPolicy",
        ),
        (
            r#"controlplane={"kubeconfig":{"secretName":"s"}}"#,
            "controlplane.kubeconfig.secretName: routes are written",
        ),
        (
            r#"rbac={"pspEnabled":true}"#,
            "rbac.pspEnabled: Kubernetes has no PodSecurityPolicy any more",
        ),
        (
            r#"webhook={"hostNetwork":true,"port":8080}"#,
            "webhook.port and metricsPort are the same",
        ),
        (
            r#"networkPolicy={"apiServerCIDRs":["10.0.0.0/28"]}"#,
            "networkPolicy.apiServerCIDRs and networkPolicy.metricsFrom say who is let in",
        ),
        (
            r#"networkPolicy={"metricsFrom":[{"podSelector":{}}]}"#,
            "networkPolicy.apiServerCIDRs and networkPolicy.metricsFrom say who is let in",
        ),
        // By the schema.
        (
            r#"crossNamespaceRefs=false"#,
            "additional properties 'crossNamespaceRefs' not allowed",
        ),
        (r#"image={"tagg":"v1"}"#, "additional properties 'tagg' not allowed"),
        (r#"namespace="Not A Name""#, "/namespace"),
        (r#"meshProvider="envoy""#, "/meshProvider"),
        (r#"statusMetric="guides""#, "/statusMetric"),
        (r#"webhook={"port":443}"#, "/webhook/port"),
        (r#"noCrossNamespaceRefs="yes""#, "/noCrossNamespaceRefs"),
        (
            r#"networkPolicy={"enabled":true,"apiServerCIDRs":["10.0.0.1"]}"#,
            "/networkPolicy/apiServerCIDRs",
        ),
        (
            r#"networkPolicy={"enabled":true,"metricsFrom":[{"pods":{}}]}"#,
            "/networkPolicy/metricsFrom",
        ),
    ];
    for (set, said) in cases {
        let error = objects(Some(&flaggers()), &[set]).expect_err(set);
        assert!(error.contains(said), "{set}: {error}");
    }
    // All at once, not one after the other.
    let error = objects(None, &[r#"nameOverride="a""#, r#"rbac={"pspEnabled":true}"#]).unwrap_err();
    assert!(
        error.contains("nameOverride") && error.contains("rbac.pspEnabled"),
        "{error}"
    );
}

#[test]
fn pods_are_what_a_restricted_namespace_takes_and_what_their_security_context_says() {
    let restricted = |workload: &Value| {
        let (pod, container) = (pod(workload), &pod(workload)["containers"][0]["securityContext"]);
        assert_eq!(pod["securityContext"]["runAsNonRoot"], true);
        assert_eq!(pod["securityContext"]["seccompProfile"]["type"], "RuntimeDefault");
        assert_eq!(container["allowPrivilegeEscalation"], false);
        assert_eq!(container["capabilities"]["drop"], serde_json::json!(["ALL"]));
        assert!(pod.get("hostNetwork").is_none());
        assert_eq!(pod["enableServiceLinks"], false);
    };
    let openshift = rendered(&[r#"securityContext={"enabled":false}"#]);
    for objects in [rendered(&[]), objects(Some(&flaggers()), &[]).unwrap(), openshift] {
        let workloads = [of_kind(&objects, "Deployment"), of_kind(&objects, "Job")].concat();
        workloads.into_iter().for_each(restricted);
    }
    let user = |objects: &[Value]| pod(deployment(objects, "webhook"))["securityContext"]["runAsUser"].clone();
    assert_eq!(user(&rendered(&[])), 65532);
    assert_eq!(user(&rendered(&[r#"securityContext={"enabled":false}"#])), Value::Null);
    let other = rendered(&[r#"securityContext={"context":{"runAsUser":4711,"readOnlyRootFilesystem":false}}"#]);
    let container = &pod(deployment(&other, "controller"))["containers"][0]["securityContext"];
    assert_eq!(
        (&container["runAsUser"], &container["readOnlyRootFilesystem"]),
        (&4711.into(), &false.into())
    );
    assert_eq!(container["allowPrivilegeEscalation"], false);
}

#[test]
fn the_rest_of_flaggers_values_arrives_where_it_belongs() {
    let objects = rendered(&[
        r#"podPriorityClassName="system-cluster-critical""#,
        r#"annotations={"a":1}"#,
        r#"podLabels={"team":"web","app.kubernetes.io/name":"mine"}"#,
        r#"podAnnotations={"prometheus.io/scrape":false}"#,
        r#"additionalVolumes=[{"name":"tmp","emptyDir":{}}]"#,
        r#"additionalVolumeMounts=[{"name":"tmp","mountPath":"/tmp"}]"#,
        r#"podMonitor={"enabled":true,"namespace":"monitoring","interval":"5s","additionalLabels":{"release":"p"}}"#,
        r#"serviceMonitor={"enabled":true,"labels":{"release":"p"}}"#,
        r#"webhook={"hostNetwork":true}"#,
        r#"namespace="shop""#,
    ]);
    let webhook = deployment(&objects, "webhook");
    assert_eq!(pod(webhook)["priorityClassName"], "system-cluster-critical");
    assert_eq!(webhook["metadata"]["annotations"]["a"], "1");
    let labels = &webhook["spec"]["template"]["metadata"]["labels"];
    // Ours are what selects the pods.
    assert_eq!(
        (&labels["team"], &labels["app.kubernetes.io/name"]),
        (&"web".into(), &"coalmine".into())
    );
    assert_eq!(
        webhook["spec"]["template"]["metadata"]["annotations"]["prometheus.io/scrape"],
        "false"
    );
    assert_eq!(pod(webhook)["volumes"][0]["name"], "tmp");
    assert_eq!(pod(webhook)["containers"][0]["volumeMounts"][0]["mountPath"], "/tmp");
    assert_eq!(pod(webhook)["hostNetwork"], true);
    assert!(pod(deployment(&objects, "controller")).get("hostNetwork").is_none());
    let monitor = of_kind(&objects, "PodMonitor")[0];
    assert_eq!(
        (
            &monitor["metadata"]["namespace"],
            &monitor["metadata"]["labels"]["release"]
        ),
        (&"monitoring".into(), &"p".into())
    );
    assert_eq!(of_kind(&objects, "ServiceMonitor").len(), 1);
    let policy = of_kind(&objects, "ValidatingAdmissionPolicy")[0];
    assert!(
        policy["spec"]["validations"]
            .to_string()
            .contains("request.namespace == 'shop'")
    );
}

#[test]
fn a_network_policy_lets_in_whom_the_values_name_and_everybody_where_they_name_nobody() {
    let ingress = |set: &str| {
        let objects = rendered(&[set]);
        of_kind(&objects, "NetworkPolicy")[0]["spec"]["ingress"].clone()
    };
    assert!(of_kind(&rendered(&[]), "NetworkPolicy").is_empty());
    let (webhook, http) = (
        serde_json::json!([{"port": "webhook"}]),
        serde_json::json!([{"port": "http"}]),
    );
    assert_eq!(
        ingress(r#"networkPolicy={"enabled":true}"#),
        serde_json::json!([{"ports": webhook}, {"ports": http}])
    );
    let peers = r#"[{"namespaceSelector":{"matchLabels":{"team":"monitoring"}}},{"ipBlock":{"cidr":"10.1.0.0/16"}}]"#;
    let named = ingress(&format!(
        r#"networkPolicy={{"enabled":true,"apiServerCIDRs":["10.0.0.0/28","fd00::/64"],"metricsFrom":{peers}}}"#
    ));
    let servers = serde_json::json!([{"ipBlock": {"cidr": "10.0.0.0/28"}}, {"ipBlock": {"cidr": "fd00::/64"}}]);
    let peers: Value = serde_json::from_str(peers).unwrap();
    assert_eq!(
        named,
        serde_json::json!([{"ports": webhook, "from": servers}, {"ports": http, "from": peers}])
    );
}

#[test]
fn the_definitions_are_brought_up_and_may_be_looked_at() {
    let ours: BTreeSet<String> = coalmine::api::crds::all(&[])
        .into_iter()
        .filter_map(|crd| crd.metadata.name)
        .collect();
    let objects = rendered(&[]);
    let named = |role: &Value| -> Vec<BTreeSet<String>> {
        let rules = role["rules"].as_array().unwrap().iter();
        let about = rules.filter(|rule| rule["resources"] == serde_json::json!(["customresourcedefinitions"]));
        let names = about.filter_map(|rule| rule["resourceNames"].as_array());
        names
            .map(|names| names.iter().map(|name| name.as_str().unwrap().to_owned()).collect())
            .collect()
    };
    for role in ["coalmine-webhook", "coalmine-controller", "coalmine-crds"] {
        let roles = of_kind(&objects, "ClusterRole");
        let role = roles
            .into_iter()
            .find(|object| object["metadata"]["name"] == role)
            .unwrap();
        assert!(named(role).contains(&ours), "{role}");
    }
    let job = |objects: &[Value]| {
        of_kind(objects, "Job")
            .into_iter()
            .any(|job| job["metadata"]["name"] == "coalmine-crds")
    };
    assert!(job(&objects));
    assert!(!job(&rendered(&[r#"crds={"apply":false}"#])));
    assert!(!job(&rendered(&[r#"rbac={"create":false}"#])));
}

#[test]
fn without_rbac_an_uninstall_makes_no_role_and_gives_apps_back_by_the_controllers_account() {
    const ROLES: [&str; 4] = ["ClusterRole", "ClusterRoleBinding", "Role", "RoleBinding"];
    let leave = |objects: &[Value]| -> Value {
        let mut jobs = of_kind(objects, "Job").into_iter();
        jobs.find(|job| job["metadata"]["name"] == "coalmine-leave")
            .unwrap()
            .clone()
    };
    let account = |objects: &[Value]| pod(&leave(objects))["serviceAccountName"].clone();
    // What it leaves to do is in its log.
    let stays = |objects: &[Value]| {
        let job = leave(objects);
        let deleted = job["metadata"]["annotations"]["helm.sh/hook-delete-policy"]
            .as_str()
            .unwrap();
        let spec = &job["spec"];
        assert_eq!(
            deleted.contains("hook-succeeded"),
            spec["ttlSecondsAfterFinished"].is_null()
        );
        !deleted.contains("hook-succeeded")
    };
    let with = rendered(&[]);
    assert_eq!((account(&with), stays(&with)), (Value::from("coalmine-leave"), false));
    let without = r#"rbac={"create":false}"#;
    for (set, expected) in [
        (&[without][..], "coalmine-controller"),
        (&[r#"rbac={"create":null}"#][..], "coalmine-controller"),
        (&[without, r#"mode="single""#][..], "coalmine"),
        (
            &[without, r#"serviceAccount={"create":false,"name":"release"}"#][..],
            "release-controller",
        ),
    ] {
        let objects = rendered(set);
        for kind in ROLES {
            assert!(of_kind(&objects, kind).is_empty(), "{kind} with {set:?}");
        }
        assert_eq!((account(&objects), stays(&objects)), (Value::from(expected), true));
        let made = of_kind(&objects, "ServiceAccount").into_iter();
        assert!(
            made.map(|one| &one["metadata"]["name"])
                .all(|name| name != "coalmine-leave")
        );
    }
}
