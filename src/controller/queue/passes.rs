//! Passes over the Deployments of a namespace, which give each its Canary: what is asked for meanwhile is one pass.

use super::shared::{Consumer, Producer, shared};
use futures::{FutureExt, StreamExt, future::BoxFuture, stream::FuturesUnordered};
use std::{
    collections::{BTreeSet, HashMap, HashSet, VecDeque},
    future::Future,
    time::Duration,
};
use tokio::time::Instant;

/// Least time between two passes over a namespace.
const PAUSE: Duration = Duration::from_millis(25);
/// Longest time for which a namespace rests after a pass over it because that took long.
const LONGEST_PAUSE: Duration = Duration::from_secs(2);
/// Namespaces that are passed over at once: one whose requests are not answered keeps no other waiting.
const AT_ONCE: usize = 4;

/// Which Deployments of a namespace a pass looks at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Scope {
    /// All of them, and whether the namespace is opted in at all.
    All,
    /// Those of these names.
    Some(BTreeSet<String>),
}

impl Scope {
    /// The Deployment of that name alone.
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
pub struct Passes(Producer<Line>);

/// The passes that were asked for.
#[derive(Debug)]
pub struct Asked(Consumer<Line>);

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

    // The first that is none of the `busy`.
    fn next(&mut self, busy: &HashSet<String>) -> Option<(String, Scope)> {
        let at = self.order.iter().position(|namespace| !busy.contains(namespace))?;
        let namespace = self.order.remove(at)?;
        let scope = self.scopes.remove(&namespace)?;
        Some((namespace, scope))
    }
}

/// A new line of passes.
pub fn passes() -> (Passes, Asked) {
    let (producer, consumer) = shared();
    (Passes(producer), Asked(consumer))
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
    /// Makes passes until nobody can ask for any more: of several namespaces at once, of one namespace one after the other. A
    /// burst of changes is one pass over its namespace, which rests afterwards for as long as that took, so that it does not
    /// take all the time, however many Deployments there are.
    pub async fn run<F: Future<Output = ()>>(mut self, pass: impl Fn(String, Scope) -> F) {
        let mut passing = FuturesUnordered::new();
        let mut resting = FuturesUnordered::<BoxFuture<'static, String>>::new();
        let (mut busy, mut asked) = (HashSet::<String>::new(), true);
        loop {
            while passing.len() < AT_ONCE
                && let Some((namespace, scope)) = self.0.with(|line| line.next(&busy))
            {
                busy.insert(namespace.clone());
                passing.push(timed(namespace.clone(), pass(namespace, scope)));
            }
            tokio::select! {
                woken = self.0.woken(), if asked => asked = woken.is_some(),
                Some((namespace, took)) = passing.next() => resting.push(rested(namespace, took).boxed()),
                Some(namespace) = resting.next() => {
                    busy.remove(&namespace);
                }
                else => return,
            }
        }
    }

    /// What was asked for next, if anything was.
    #[cfg(test)]
    pub fn asked(&mut self) -> Option<(String, Scope)> {
        self.0.with(|line| line.next(&HashSet::new()))
    }
}

async fn timed(namespace: String, pass: impl Future<Output = ()>) -> (String, Duration) {
    let began = Instant::now();
    pass.await;
    (namespace, began.elapsed())
}

async fn rested(namespace: String, took: Duration) -> String {
    tokio::time::sleep(took.clamp(PAUSE, LONGEST_PAUSE)).await;
    namespace
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
        let (passes, log) = running(|_| Duration::from_secs(1));
        let others = ["a", "b", "c"];
        for namespace in ["shop"].into_iter().chain(others).chain(["web"]) {
            passes.send(namespace, Scope::All);
        }
        tokio::time::sleep(Duration::from_millis(500)).await;
        // One is looked at now, the other waits for its pass.
        for namespace in ["shop", "web", "shop"] {
            passes.send(namespace, Scope::one("a"));
        }
        tokio::time::sleep(Duration::from_secs(60)).await;
        let log = log.lock();
        let of = |name: &str| -> Vec<u64> {
            let of = log.iter().filter(|(_, namespace)| namespace == name);
            of.map(|(at, _)| *at).collect()
        };
        assert_eq!((of("shop"), of("web")), (vec![0, 2], vec![1]));
        assert!(others.iter().all(|name| of(name) == [0]));
    }

    #[tokio::test(start_paused = true)]
    async fn a_namespace_whose_passes_hang_keeps_no_other_waiting_and_is_passed_over_once_at_a_time() {
        let (passes, log) = running(|namespace| Duration::from_secs(if namespace == "hangs" { 120 } else { 0 }));
        for second in 0..100 {
            passes.send("hangs", Scope::All);
            passes.send(&format!("quick-{second}"), Scope::All);
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
        tokio::time::sleep(Duration::from_secs(60)).await;
        let log = log.lock();
        for second in 0..100 {
            assert!(log.contains(&(second, format!("quick-{second}"))), "{log:?}");
        }
        let hangs: Vec<u64> = log
            .iter()
            .filter(|(_, namespace)| namespace == "hangs")
            .map(|(at, _)| *at)
            .collect();
        assert_eq!(hangs, [0, 122], "it rests for a moment only");
    }

    /// Which namespace was passed over from which second on.
    type Log = Arc<Mutex<Vec<(u64, String)>>>;

    // Passes that take as long as is said.
    fn running(takes: impl Fn(&str) -> Duration + Send + Sync + 'static) -> (Passes, Log) {
        let ((passes, asked), log, begun) = (passes(), Log::default(), Instant::now());
        let (seen, takes) = (log.clone(), Arc::new(takes));
        tokio::spawn(asked.run(move |namespace, _| {
            let (seen, takes) = (seen.clone(), takes.clone());
            async move {
                seen.lock().push((begun.elapsed().as_secs(), namespace.clone()));
                tokio::time::sleep(takes(&namespace)).await;
            }
        }));
        (passes, log)
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
