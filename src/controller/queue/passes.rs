//! Passes over the Deployments of a namespace, which give each its Canary: what is asked for meanwhile is one pass.

use super::inlet::{Inlet, Outlet, shared};
use std::{
    collections::{BTreeSet, HashMap, VecDeque},
    future::Future,
    time::Duration,
};
use tokio::time::Instant;

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

    /// Whether it looks at none.
    pub fn is_nothing(&self) -> bool {
        matches!(self, Self::Some(names) if names.is_empty())
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
pub struct Passes(Inlet<Line>);

/// The passes that were asked for.
#[derive(Debug)]
pub struct Asked(Outlet<Line>);

/// The namespaces in the order they were asked for, each once, with all that is to be looked at there.
#[derive(Debug, Default)]
struct Line {
    order: VecDeque<String>,
    scopes: HashMap<String, Scope>,
}

impl Line {
    // Answers whether the line is longer now.
    fn ask(&mut self, namespace: &str, scope: Scope) -> bool {
        if let Some(asked) = self.scopes.get_mut(namespace) {
            let before = std::mem::replace(asked, Scope::All);
            *asked = before.and(scope);
            return false;
        }
        self.order.push_back(namespace.to_owned());
        self.scopes.insert(namespace.to_owned(), scope);
        true
    }

    fn next(&mut self) -> Option<(String, Scope)> {
        let namespace = self.order.pop_front()?;
        let scope = self.scopes.remove(&namespace)?;
        Some((namespace, scope))
    }
}

/// A new line of passes.
pub fn passes() -> (Passes, Asked) {
    let (inlet, outlet) = shared();
    (Passes(inlet), Asked(outlet))
}

impl Passes {
    /// Asks for a pass as soon as possible. What is asked for of one namespace meanwhile is one pass.
    pub fn send(&self, namespace: &str, scope: Scope) {
        self.0.put(|line| line.ask(namespace, scope));
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
        while self.0.woken().await.is_some() {
            let began = Instant::now();
            // Those that are asked for meanwhile come after the pause.
            for _ in 0..self.0.with(|line| line.order.len()) {
                let Some((namespace, scope)) = self.0.with(Line::next) else {
                    break;
                };
                pass(namespace, scope).await;
            }
            tokio::time::sleep(PAUSE.max(began.elapsed())).await;
        }
    }

    /// What was asked for next, if anything was.
    #[cfg(test)]
    pub fn asked(&mut self) -> Option<(String, Scope)> {
        self.0.with(Line::next)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use parking_lot::Mutex;
    use std::sync::Arc;

    fn some<const N: usize>(names: [&str; N]) -> Scope {
        Scope::Some(names.map(str::to_owned).into())
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_asked_for_often_waits_once_for_each_namespace_and_is_one_pass() {
        let (passes, mut asked) = passes();
        for _ in 0..1000 {
            passes.send("shop", Scope::one("a"));
            passes.send("web", Scope::one("a"));
            passes.send("shop", Scope::one("b"));
        }
        assert_eq!(asked.0.with(|line| (line.order.len(), line.scopes.len())), (2, 2));
        passes.send("web", Scope::All);
        assert_eq!(asked.asked(), Some(("shop".to_owned(), some(["a", "b"]))));
        assert_eq!(asked.asked(), Some(("web".to_owned(), Scope::All)));
        assert_eq!(asked.asked(), None);
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_asked_for_during_a_pass_is_another_one_in_the_order_it_was_asked_for() {
        let (passes, asked) = passes();
        let (log, begun) = (Arc::<Mutex<Vec<(u64, String)>>>::default(), Instant::now());
        let seen = log.clone();
        tokio::spawn(asked.run(move |namespace, _| {
            let seen = seen.clone();
            async move {
                seen.lock().push((begun.elapsed().as_secs(), namespace));
                tokio::time::sleep(Duration::from_secs(1)).await;
            }
        }));
        for namespace in ["shop", "web"] {
            passes.send(namespace, Scope::All);
        }
        tokio::time::sleep(Duration::from_millis(500)).await;
        // One is looked at now, the other waits for its pass.
        for namespace in ["shop", "web", "shop"] {
            passes.send(namespace, Scope::one("a"));
        }
        tokio::time::sleep(Duration::from_secs(60)).await;
        let expected = [(0, "shop"), (1, "web"), (4, "shop")].map(|(at, name)| (at, name.to_owned()));
        assert_eq!(*log.lock(), expected);
    }

    #[tokio::test(start_paused = true)]
    async fn without_anybody_who_could_ask_it_ends_after_the_last() {
        let (passes, asked) = passes();
        passes.send("shop", Scope::All);
        drop(passes);
        let log = Mutex::new(Vec::new());
        asked
            .run(|namespace, _| {
                log.lock().push(namespace);
                async {}
            })
            .await;
        assert_eq!(*log.lock(), ["shop"]);
    }
}
