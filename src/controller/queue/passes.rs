//! Passes over the Deployments of a namespace, which give each its Canary: what is asked for meanwhile is one pass.

use std::{
    collections::{BTreeSet, HashMap},
    future::Future,
    time::Duration,
};
use tokio::{
    sync::mpsc::{self, UnboundedReceiver, UnboundedSender},
    time::Instant,
};

/// Least time between two passes over a namespace.
const PAUSE: Duration = Duration::from_millis(25);

/// Which Deployments of a namespace a pass looks at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Scope {
    /// All of them, and whether the namespace is opted in at all.
    All,
    /// Those of these names.
    Some(BTreeSet<String>),
}

impl Scope {
    /// One Deployment.
    pub fn one(name: &str) -> Self {
        Self::Some(BTreeSet::from([name.to_owned()]))
    }

    /// Whether it looks at a Deployment of that name.
    pub fn holds(&self, name: &str) -> bool {
        match self {
            Self::All => true,
            Self::Some(names) => names.contains(name),
        }
    }

    /// Both scopes in one pass.
    pub fn and(self, other: Self) -> Self {
        match (self, other) {
            (Self::Some(mut these), Self::Some(those)) => {
                these.extend(those);
                Self::Some(these)
            }
            _ => Self::All,
        }
    }
}

/// Asks for passes.
#[derive(Debug, Clone)]
pub struct Passes(UnboundedSender<(String, Scope)>);

/// The passes that were asked for.
#[derive(Debug)]
pub struct Asked(UnboundedReceiver<(String, Scope)>);

/// A new line of passes.
pub fn passes() -> (Passes, Asked) {
    let (sender, receiver) = mpsc::unbounded_channel();
    (Passes(sender), Asked(receiver))
}

impl Passes {
    /// Asks for a pass as soon as possible.
    pub fn send(&self, namespace: &str, scope: Scope) {
        // Nobody hears it when the work is over.
        drop(self.0.send((namespace.to_owned(), scope)));
    }

    /// Asks for a pass in a while.
    pub fn send_in(&self, pause: Duration, namespace: &str, scope: Scope) {
        let (passes, namespace) = (self.clone(), namespace.to_owned());
        tokio::spawn(async move {
            tokio::time::sleep(pause).await;
            passes.send(&namespace, scope);
        });
    }
}

impl Asked {
    /// Makes passes until nobody can ask for any more. A burst of changes is one pass over its namespace. Passes take at
    /// most a small share of the time, however many Deployments they look at.
    pub async fn run<F: Future<Output = ()>>(mut self, pass: impl Fn(String, Scope) -> F) {
        while let Some((namespace, scope)) = self.0.recv().await {
            let mut pending = HashMap::from([(namespace, scope)]);
            while let Ok((namespace, scope)) = self.0.try_recv() {
                let scope = match pending.remove(&namespace) {
                    Some(before) => scope.and(before),
                    None => scope,
                };
                pending.insert(namespace, scope);
            }
            let began = Instant::now();
            for (namespace, scope) in pending {
                pass(namespace, scope).await;
            }
            tokio::time::sleep(PAUSE.max(began.elapsed())).await;
        }
    }

    /// What was asked for next, if anything was.
    #[cfg(test)]
    pub fn asked(&mut self) -> Option<(String, Scope)> {
        self.0.try_recv().ok()
    }
}
