//! What has to be true of a MetricTemplate, by the type of its store. Data, so that templates of stores that cannot be asked
//! yet are judged like all others: they are written today and asked tomorrow.

use crate::api::metric_template::MetricProvider;
use std::time::Duration;

/// What one type requires.
#[derive(Clone, Copy, Debug)]
pub struct StoreRequirements {
    /// The type's name, `spec.provider.type`.
    pub name: &'static str,
    /// What its address is.
    pub address: Address,
    /// What its Secret has.
    pub secret: Secret,
    /// Further fields that it cannot be asked without.
    pub fields: &'static [Field],
    /// Its request names a beginning and an end, so a metric without an interval has none.
    pub needs_window: bool,
    /// What its query is.
    pub query: Text,
}

/// What the address of a store is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Address {
    /// It may be left out: everybody's is the same.
    WellKnown,
    /// It must be there.
    Needed,
    /// It must be there, and may be that of a web socket.
    SocketNeeded,
    /// Left out it is the cluster's API server, which is asked with the controller's own token.
    ApiServer,
}

/// What the Secret of a store has.
#[derive(Clone, Copy, Debug)]
pub struct Secret {
    /// Keys it must have: all of any of these sets.
    pub keys: &'static [&'static [&'static str]],
    /// Whether the store cannot be asked without it.
    pub needed: bool,
}

/// A field of `spec.provider` that a store needs.
#[derive(Clone, Copy, Debug)]
pub struct Field {
    /// Path of the field, such as `spec.provider.region`.
    pub path: &'static str,
    /// What to write there.
    pub what: &'static str,
    /// Reads the field; `None` where it is left out.
    pub value: fn(&MetricProvider) -> Option<&str>,
}

/// What the query of a store is.
#[derive(Clone, Copy, Debug)]
pub struct Text {
    /// Whether there is no question without it.
    pub needed: bool,
    /// Says why the store would refuse a query, or `None`. Each `{{ action }}` of the query is replaced by a digit before.
    pub refused: fn(&str) -> Option<&'static str>,
    /// Warns of data from outside the run that a query would count, given the time between checks. `None` where we do not
    /// read the store's language.
    pub advice: Option<fn(&str, Duration) -> Vec<String>>,
}

impl StoreRequirements {
    /// Those of a type nobody knows.
    pub const ANY: Self = Self::of("");

    /// Those of a store that is asked at a well-known address without credentials. Others say what is different.
    pub const fn of(name: &'static str) -> Self {
        Self {
            name,
            address: Address::WellKnown,
            secret: Secret {
                keys: &[],
                needed: false,
            },
            fields: &[],
            needs_window: false,
            query: Text::ANY,
        }
    }

    /// How an address in this cluster may look.
    pub fn example(&self) -> String {
        format!("http://{}.monitoring:9090", self.name)
    }

    /// What is to be said about a query to whoever applies it, if we can read it.
    pub fn problems(&self, query: &str, interval: Duration) -> Vec<String> {
        self.query
            .advice
            .map(|advice| advice(query, interval))
            .unwrap_or_default()
    }
}

impl Text {
    /// A query in any language.
    pub const ANY: Self = Self {
        needed: true,
        refused: |_| None,
        advice: None,
    };
}

impl Secret {
    /// One without which the store cannot be asked.
    pub const fn needed(keys: &'static [&'static [&'static str]]) -> Self {
        Self { keys, needed: true }
    }

    /// One that may be left out.
    pub const fn optional(keys: &'static [&'static [&'static str]]) -> Self {
        Self { keys, needed: false }
    }
}
