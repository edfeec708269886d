//! `coalmine crds`: the custom resource definitions as YAML, or put where they belong. With the committed copies goes whatever
//! else of the repository follows from the providers that are built: the list of the kinds of others, which the chart reads, and
//! parts of files that people write.

mod parts;

use crate::api::{crds, labels};
use crate::routing::{registry, rights};
use anyhow::Context;
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::api::{Patch, PatchParams};
use kube::{Api, Client, ResourceExt};
use std::path::{Path, PathBuf};

/// Flags of `crds`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Write the committed copies below this folder (a checkout) instead of printing
    #[arg(long, value_name = "DIR", num_args = 0..=1, default_missing_value = ".")]
    write: Option<PathBuf>,
    /// Apply them to the cluster instead of printing; what others set in them is taken over
    #[arg(long, conflicts_with = "write")]
    apply: bool,
}

/// Prints, writes or applies them.
pub fn run(args: &Args) -> anyhow::Result<()> {
    match &args.write {
        Some(root) => write(root)?,
        None if args.apply => tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()?
            .block_on(async { apply(Client::try_from(super::cluster::config(None).await?)?).await })?,
        None => print!("{}", crds::render(&registry::names())),
    }
    Ok(())
}

// Into each of the folders below the root of the repository.
fn write(root: &Path) -> anyhow::Result<()> {
    let files = crds::files(&registry::names());
    for directory in crds::DIRECTORIES {
        let directory = root.join(directory);
        std::fs::create_dir_all(&directory)?;
        for (name, yaml) in &files {
            std::fs::write(directory.join(name), yaml)?;
        }
    }
    let folder = root.join(rights::FOLDER);
    std::fs::create_dir_all(&folder)?;
    std::fs::write(folder.join(rights::FILE), rights::render())?;
    parts::ALL.iter().try_for_each(|part| part.write(root))
}

// Server-side and by force: Flagger's chart, kubectl or Helm own these fields where they were first.
async fn apply(client: Client) -> anyhow::Result<()> {
    let served: Api<CustomResourceDefinition> = Api::all(client);
    let params = PatchParams::apply(labels::FIELD_MANAGER).force();
    for crd in crds::all(&registry::names()) {
        let name = crd.name_any();
        served
            .patch(&name, &params, &Patch::Apply(&crd))
            .await
            .with_context(|| format!("cannot apply {name}"))?;
        println!("{name} applied");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::{Request, Response};
    use http_body_util::BodyExt;
    use kube::client::Body;
    use parking_lot::Mutex;
    use serde_json::Value;
    use std::sync::Arc;

    /// Method and address of each request, and its body.
    type Sent = Arc<Mutex<Vec<(String, Value)>>>;

    /// An API server that takes everything, or refuses with that code; and what it was sent.
    fn server(code: u16) -> (Client, Sent) {
        let sent = Sent::default();
        let log = sent.clone();
        let service = tower::service_fn(move |request: Request<Body>| {
            let log = log.clone();
            async move {
                let (parts, body) = request.into_parts();
                let body = body.collect().await.unwrap().to_bytes();
                let line = format!("{} {}", parts.method, parts.uri);
                log.lock().push((line, serde_json::from_slice(&body).unwrap()));
                let answer = match code {
                    200 => body.to_vec(),
                    code => format!(r#"{{"status":"Failure","message":"no","reason":"","code":{code}}}"#).into_bytes(),
                };
                Ok::<_, kube::Error>(Response::builder().status(code).body(Body::from(answer)).unwrap())
            }
        });
        (Client::new(service, "default"), sent)
    }

    #[test]
    fn each_is_written_into_every_folder_that_has_a_copy() {
        let root = tempfile::tempdir().unwrap();
        write(root.path()).unwrap();
        for directory in crds::DIRECTORIES {
            for (name, yaml) in crds::files(&registry::names()) {
                let path = root.path().join(directory).join(name);
                assert_eq!(std::fs::read_to_string(path).unwrap(), yaml);
            }
        }
        let path = root.path().join(rights::FOLDER).join(rights::FILE);
        assert_eq!(std::fs::read_to_string(path).unwrap(), rights::render());
    }

    #[test]
    fn the_committed_copies_are_not_stale() {
        for directory in crds::DIRECTORIES {
            for (name, yaml) in crds::files(&registry::names()) {
                let path = Path::new(directory).join(name);
                let stored = std::fs::read_to_string(&path).unwrap_or_default();
                assert!(
                    stored == yaml,
                    "{} is stale; run: cargo run -- crds --write",
                    path.display()
                );
            }
        }
    }

    #[tokio::test]
    async fn each_is_applied_whole_and_taken_over_from_whoever_has_it() {
        let (client, sent) = server(200);
        apply(client).await.unwrap();
        let sent = sent.lock();
        assert_eq!(sent.len(), crds::all(&registry::names()).len());
        for ((line, body), crd) in sent.iter().zip(crds::all(&registry::names())) {
            let path = format!(
                "/apis/apiextensions.k8s.io/v1/customresourcedefinitions/{}?",
                crd.name_any()
            );
            assert!(line.starts_with(&format!("PATCH {path}")), "{line}");
            assert!(line.contains("force=true") && line.contains("fieldManager="), "{line}");
            assert_eq!(*body, serde_json::to_value(&crd).unwrap());
            assert_eq!(body["kind"], "CustomResourceDefinition");
        }
    }

    #[tokio::test]
    async fn a_refusal_names_the_definition_and_ends_the_command() {
        let error = apply(server(403).0).await.unwrap_err();
        assert!(
            format!("{error:#}").starts_with("cannot apply canaries.flagger.app: "),
            "{error:#}"
        );
    }
}
