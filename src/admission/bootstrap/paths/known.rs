//! The paths that are heard: what the server asks for each request, before anything else.

use super::Paths;
use super::token::Token;
use crate::api::entry::Entry;
use arc_swap::ArcSwap;

/// Longest path that can be one of ours.
const LONGEST: usize = 128;

/// Every generation that is accepted; the server and whoever keeps the paths share it.
#[derive(Debug, Default)]
pub struct KnownPaths {
    accepted: ArcSwap<Vec<Paths>>,
}

impl KnownPaths {
    /// With one generation.
    pub fn of(paths: Paths) -> Self {
        let known = Self::default();
        known.replace(vec![paths]);
        known
    }

    /// From now on these are accepted and no others.
    pub fn replace(&self, accepted: Vec<Paths>) {
        self.accepted.store(accepted.into());
    }

    /// The entry of a path, if it is a whole one of ours. Every token is compared in full, whichever matches.
    pub fn entry(&self, path: &str) -> Option<Entry> {
        if path.len() > LONGEST {
            return None;
        }
        let (name, token) = path.strip_prefix('/')?.split_once('/')?;
        let (entry, sent) = (Entry::named(name)?, Token::parse(token)?);
        let accepted = self.accepted.load();
        let tokens = accepted.iter().filter_map(|paths| paths.token(entry));
        tokens
            .fold(false, |found, token| token.is(&sent) | found)
            .then_some(entry)
    }
}
