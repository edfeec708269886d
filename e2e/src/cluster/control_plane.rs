//! etcd, the API server, the controllers and the scheduler.

use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::Result;

use super::places::{HOST, Places, SERVICE_RANGE};
use super::process;
use super::programs::{Programs, run};
use super::{aggregation, credentials};

/// Every request is noted once, when it is answered: who, what, when. Tests count them.
const AUDIT_POLICY: &str = "apiVersion: audit.k8s.io/v1
kind: Policy
omitStages: [RequestReceived]
rules: [{level: Metadata}]
";

/// Starts etcd and the API server.
pub fn start_api_server(places: &Places, programs: &Programs) -> Result<()> {
    let run_dir = &places.run;
    let in_run = |name: &str| run_dir.join(name).display().to_string();
    fs::create_dir_all(run_dir.join("certificates"))?;
    fs::write(run_dir.join("audit-policy.yaml"), AUDIT_POLICY)?;
    // A new cluster's requests only; the API server would append to it for ever.
    let _ = fs::remove_file(places.audit_log()); // there is none the first time
    run(Command::new(dispatcher(programs)).args(["service-account-key", &in_run("certificates/service-account.key")]))?;

    part(
        places,
        programs,
        "etcd",
        &[
            "--data-dir",
            &in_run("etcd"),
            "--listen-client-url",
            "http://127.0.0.1:12379",
            "--listen-peer-url",
            "http://127.0.0.1:12380",
        ],
    )?;
    aggregation::create(places)?;
    let front_proxy = aggregation::flags(places);
    let front_proxy: Vec<&str> = front_proxy.iter().map(String::as_str).collect();
    part(
        places,
        programs,
        "kube-apiserver",
        &[
            &[
                "--etcd-servers=http://127.0.0.1:12379",
                // The bridge's address: the host and every pod can reach it, and nobody else.
                &format!("--bind-address={HOST}"),
                &format!("--advertise-address={HOST}"),
                "--secure-port=6443",
                "--kubelet-preferred-address-types=InternalIP", // the node has no name in DNS
                &format!("--cert-dir={}", in_run("certificates")),
                &format!("--service-cluster-ip-range={SERVICE_RANGE}"),
                "--service-account-issuer=https://kubernetes.default.svc",
                &format!(
                    "--service-account-key-file={}",
                    in_run("certificates/service-account.key")
                ),
                &format!(
                    "--service-account-signing-key-file={}",
                    in_run("certificates/service-account.key")
                ),
                &format!("--token-auth-file={}", credentials::token_file(places).display()),
                "--authorization-mode=Node,RBAC",
                "--allow-privileged=true",
                &format!("--audit-policy-file={}", in_run("audit-policy.yaml")),
                &format!("--audit-log-path={}", places.audit_log().display()),
                "--audit-log-maxsize=100000", // megabytes; a second file would hide requests from whoever counts
            ],
            &front_proxy[..],
        ]
        .concat(),
    )
}

/// Starts what needs a working API server.
pub fn start_controllers(places: &Places, programs: &Programs) -> Result<()> {
    part(
        places,
        programs,
        "kube-controller-manager",
        &[
            &format!(
                "--kubeconfig={}",
                credentials::kubeconfig_of(places, "controllers").display()
            ),
            &format!(
                "--service-account-private-key-file={}",
                places.run.join("certificates/service-account.key").display()
            ),
            &format!("--root-ca-file={}", credentials::ca(places).display()),
            "--use-service-account-credentials=true",
            "--leader-elect=false",
            "--bind-address=127.0.0.1",
            "--horizontal-pod-autoscaler-sync-period=5s", // a scene must not wait 15 s for each look
            "--kube-api-qps=500",
            "--kube-api-burst=1000",
        ],
    )?;
    part(
        places,
        programs,
        "kube-scheduler",
        &[
            &format!(
                "--kubeconfig={}",
                credentials::kubeconfig_of(places, "scheduler").display()
            ),
            "--leader-elect=false",
            "--bind-address=127.0.0.1",
        ],
    )
}

/// Starts one of the parts that are linked into one program.
pub fn part(places: &Places, programs: &Programs, name: &str, args: &[&str]) -> Result<()> {
    part_as(places, programs, name, name, args)
}

/// Starts a part as a process of another name, because there is one of its own name already.
pub fn part_as(places: &Places, programs: &Programs, name: &str, part: &str, args: &[&str]) -> Result<()> {
    let args: Vec<String> = std::iter::once(part)
        .chain(args.iter().copied())
        .map(str::to_owned)
        .collect();
    run_part(places, name, &dispatcher(programs), &args)
}

/// Starts the program of a part. Some of them call others, which are found where only root looks.
pub fn run_part(places: &Places, name: &str, program: &Path, args: &[String]) -> Result<()> {
    let path = format!("/usr/sbin:/sbin:{}", std::env::var("PATH").unwrap_or_default());
    process::start(places, name, program, args, &[("PATH", path.as_ref())]).map(drop)
}

fn dispatcher(programs: &Programs) -> std::path::PathBuf {
    Path::new(&programs.kubernetes).join("kubernetes")
}
