//! The phases of all Canaries, from one watch.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Result;
use futures::TryStreamExt as _;
use kube::ResourceExt as _;
use kube::api::{Api, ApiResource, DynamicObject, GroupVersionKind};
use kube::runtime::watcher::{self, Event};
use tokio::sync::watch;
use tokio::task::JoinHandle;

type Known = HashMap<(String, String), String>;

/// Follows every Canary until it is dropped.
pub struct Phases {
    known: watch::Receiver<Arc<Known>>,
    task: JoinHandle<()>,
}

impl Drop for Phases {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Phases {
    /// Begins to follow.
    pub fn follow(client: kube::Client) -> Self {
        let kind = GroupVersionKind::gvk("flagger.app", "v1beta1", "Canary");
        let api: Api<DynamicObject> = Api::all_with(client, &ApiResource::from_gvk_with_plural(&kind, "canaries"));
        let (tell, known) = watch::channel(Arc::new(Known::new()));
        let task = tokio::spawn(async move {
            let mut events = std::pin::pin!(watcher::watcher(api, watcher::Config::default()));
            loop {
                match events.try_next().await {
                    Ok(Some(event)) => tell.send_modify(|known| learn(Arc::make_mut(known), event)),
                    Ok(None) => return,
                    Err(error) => eprintln!("  the watch of the Canaries failed, it begins again: {error}"),
                }
            }
        });
        Self { known, task }
    }

    /// How many Canaries of namespaces with this prefix are in `phase`.
    pub fn count(&self, prefix: &str, phase: &str) -> usize {
        count(&self.known.borrow(), prefix, phase)
    }

    /// Waits until so many are in `phase`; how long it took, or how many were when time was up.
    pub async fn reach(&mut self, prefix: &str, phase: &str, wanted: usize, within: Duration) -> Result<Reached> {
        let began = Instant::now();
        let mut told = began;
        loop {
            let now = self.count(prefix, phase);
            if now >= wanted {
                return Ok(Reached::All(began.elapsed()));
            }
            let Some(left) = within.checked_sub(began.elapsed()) else {
                return Ok(Reached::Only(now, wanted, within));
            };
            if told.elapsed() > Duration::from_secs(10) {
                println!(
                    "  {now} of {wanted} {phase} after {:.0} s",
                    began.elapsed().as_secs_f64()
                );
                told = Instant::now();
            }
            let pause = left.min(Duration::from_secs(5));
            if let Ok(changed) = tokio::time::timeout(pause, self.known.changed()).await {
                changed?;
            }
        }
    }
}

fn learn(known: &mut Known, event: Event<DynamicObject>) {
    let key = |object: &DynamicObject| (object.namespace().unwrap_or_default(), object.name_any());
    match event {
        Event::Apply(object) | Event::InitApply(object) => {
            let phase = object.data["status"]["phase"].as_str().unwrap_or_default().to_owned();
            known.insert(key(&object), phase);
        }
        Event::Delete(object) => drop(known.remove(&key(&object))),
        Event::Init => known.clear(),
        Event::InitDone => {}
    }
}

fn count(known: &Known, prefix: &str, phase: &str) -> usize {
    let of =
        |((namespace, _), now): &(&(String, String), &String)| namespace.starts_with(prefix) && now.as_str() == phase;
    known.iter().filter(of).count()
}

/// How a wait ended.
#[derive(Clone, Copy, Debug)]
pub enum Reached {
    /// All of them, after this.
    All(Duration),
    /// So many of so many when this time was up.
    Only(usize, usize, Duration),
}

impl std::fmt::Display for Reached {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::All(took) => write!(f, "{:.1} s", took.as_secs_f64()),
            Self::Only(seen, wanted, within) => write!(f, "{seen} of {wanted} in {:.0} s", within.as_secs_f64()),
        }
    }
}
