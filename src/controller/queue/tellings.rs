//! What is told from one part to another that looks at everything anew anyway: each telling waits once, however often it is
//! told.

use super::inlet::{Inlet, Outlet, shared};
use std::{
    collections::{HashSet, VecDeque},
    hash::Hash,
};

/// Tells.
#[derive(Debug)]
pub struct Teller<T>(Inlet<Line<T>>);

/// What was told.
#[derive(Debug)]
pub struct Tellings<T>(Outlet<Line<T>>);

#[derive(Debug)]
struct Line<T> {
    order: VecDeque<T>,
    listed: HashSet<T>,
}

impl<T> Default for Line<T> {
    fn default() -> Self {
        Self {
            order: VecDeque::new(),
            listed: HashSet::new(),
        }
    }
}

impl<T> Clone for Teller<T> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

/// Somebody who tells, and what is told.
pub fn tellings<T>() -> (Teller<T>, Tellings<T>) {
    let (inlet, outlet) = shared();
    (Teller(inlet), Tellings(outlet))
}

impl<T: Clone + Eq + Hash> Teller<T> {
    /// Tells it, unless it waits to be heard already.
    pub fn send(&self, told: T) {
        self.0.put(|line| {
            let new = line.listed.insert(told.clone());
            if new {
                line.order.push_back(told);
            }
            new
        });
    }
}

impl<T> Tellings<T> {
    /// Waits until something may have been told; `None` when nobody can tell anything any more.
    pub async fn woken(&mut self) -> Option<()> {
        self.0.woken().await
    }

    /// All that was told since, in the order it was.
    pub fn take(&self) -> VecDeque<T> {
        self.0.with(|line| {
            line.listed.clear();
            std::mem::take(&mut line.order)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn what_is_told_often_is_heard_once_and_again_when_it_is_told_afterwards() {
        let (teller, mut told) = tellings();
        for _ in 0..1000 {
            teller.send("b");
            teller.send("a");
        }
        assert_eq!(told.woken().await, Some(()));
        assert_eq!(told.take(), ["b", "a"]);
        teller.send("b");
        assert_eq!(told.take(), ["b"]);
        assert_eq!(told.take(), [""; 0]);
    }
}
