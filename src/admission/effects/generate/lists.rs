//! Lists that are asked of the API server while a request waits: a few at once, page by page, each up to so many bytes.
//!
//! What is listed is written by others, each object up to a megabyte and a half, and whoever may create a Deployment can
//! have it looked at as often as he likes. So this is what all of it together may take, whatever there is; who gets no turn
//! in time, or finds more than that, goes on as when it could not be looked up.

use super::LOOK;
use crate::api::labels;
use crate::object::most_values;
use crate::requests::{ReadsInPart, dynamic};
use futures::AsyncReadExt as _;
use kube::api::ListParams;
use kube::core::Request;
use kube::{Client, Error};
use serde::de::{IgnoredAny, MapAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::{Map, Value};
use std::borrow::Cow;
use tokio::sync::Semaphore;

/// Lists that are read at once.
const AT_ONCE: usize = 4;
/// Objects of one page; of what people write it has some hundred kilobytes.
const PAGE: u32 = 50;
/// Most objects of one list.
const MOST: usize = 500;
/// Most bytes of one list.
const LONGEST: usize = 4 * 1024 * 1024;
/// Most values in one page: a zero in a list takes two bytes there and a hundred in memory. An object of the 1.5 MiB that
/// etcd takes has some 150,000.
const PARTS: usize = 150_000;

/// Asks for lists.
pub(super) struct Lists {
    client: Client,
    turns: Semaphore,
}

/// What is asked for.
#[derive(Debug, Clone, Copy)]
pub(super) struct Wanted<'a> {
    /// Where; `None` for all namespaces.
    pub namespace: Option<&'a str>,
    /// Group, version and kind.
    pub kind: (&'static str, &'static str, &'static str),
    /// The kind as paths have it.
    pub plural: &'static str,
    /// Cuts an object down to what is needed of it, before the next one is read.
    pub slim: fn(&mut Value),
}

/// What there is of it.
#[derive(Debug, Default)]
pub(super) struct Listed {
    /// As far as it was read.
    pub objects: Vec<Value>,
    /// Whether these are all.
    pub whole: bool,
    /// Whether it took too long, or failed: a moment later there may be an answer.
    pub late: bool,
}

impl Listed {
    /// What there is of it, unless a moment later there may be more.
    pub fn in_time(self) -> Option<Self> {
        (!self.late).then_some(self)
    }

    /// All there are; nothing where that is not known.
    pub fn all(self) -> Option<Vec<Value>> {
        self.whole.then_some(self.objects)
    }
}

impl Lists {
    pub fn new(client: Client) -> Self {
        Self {
            client,
            turns: Semaphore::new(AT_ONCE),
        }
    }

    /// Lists within the budget, the waiting for a turn included.
    pub async fn list(&self, wanted: Wanted<'_>) -> Listed {
        let mut listed = Listed::default();
        match tokio::time::timeout(LOOK, self.read(wanted, &mut listed)).await {
            Ok(Ok(())) => {}
            Err(_) => listed.late = true,
            // A kind that this cluster does not have.
            Ok(Err(Error::Api(status))) if status.code == 404 => listed.whole = listed.objects.is_empty(),
            Ok(Err(error)) => {
                let (namespace, kind) = (wanted.namespace, wanted.kind.2);
                listed.late = true;
                tracing::warn!(namespace, kind, %error, "cannot be looked for");
            }
        }
        listed
    }

    async fn read(&self, wanted: Wanted<'_>, listed: &mut Listed) -> Result<(), Error> {
        let Ok(_turn) = self.turns.acquire().await else {
            return Ok(());
        };
        let request = Request::new(self.path(wanted));
        let mut params = ListParams::default().limit(PAGE);
        let mut left = LONGEST;
        while let Some(bytes) = self.page(&request, &params, left).await? {
            left = left.saturating_sub(bytes.len());
            let page: Page = serde_json::from_slice(&bytes).map_err(Error::SerdeError)?;
            drop(bytes);
            listed
                .objects
                .extend(page.items.into_iter().filter_map(|item| item.of(wanted)));
            match page.metadata.token.filter(|token| !token.is_empty()) {
                None => {
                    listed.whole = true;
                    return Ok(());
                }
                Some(token) if listed.objects.len() < MOST => params = params.continue_token(&token),
                Some(_) => return Ok(()),
            }
        }
        Ok(())
    }

    fn path(&self, wanted: Wanted<'_>) -> String {
        let api = dynamic(&self.client, wanted.namespace, wanted.kind, wanted.plural);
        api.resource_url().to_owned()
    }

    /// One page; nothing where it is more than `most` bytes, or too many values.
    async fn page(&self, request: &Request, params: &ListParams, most: usize) -> Result<Option<Vec<u8>>, Error> {
        let mut request = request.list(params).map_err(Error::BuildRequest)?;
        request.extensions_mut().insert(ReadsInPart);
        // Read one byte more than allowed, to detect a page that is too long.
        let mut body = self.client.request_stream(request).await?.take(most as u64 + 1);
        let mut bytes = Vec::new();
        body.read_to_end(&mut bytes).await.map_err(Error::ReadEvents)?;
        let fits = bytes.len() <= most && most_values(&bytes) <= PARTS;
        Ok(fits.then_some(bytes))
    }
}

/// A page, as far as it is kept: the rest is skipped where it stands.
#[derive(Deserialize)]
struct Page {
    #[serde(default)]
    metadata: PageMetadata,
    #[serde(default)]
    items: Vec<Item>,
}

#[derive(Default, Deserialize)]
struct PageMetadata {
    #[serde(rename = "continue")]
    token: Option<String>,
}

#[derive(Deserialize, Serialize)]
struct Item {
    metadata: Metadata,
    #[serde(skip_serializing_if = "Option::is_none")]
    spec: Option<Value>,
}

impl Item {
    // Items of a list carry no kind of their own.
    fn of(self, wanted: Wanted<'_>) -> Option<Value> {
        let mut object = serde_json::to_value(self).ok()?;
        object
            .as_object_mut()?
            .insert("kind".to_owned(), Value::from(wanted.kind.2));
        (wanted.slim)(&mut object);
        Some(object)
    }
}

/// Who owns which field is not kept, nor what is annotated by others.
#[derive(Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
struct Metadata {
    #[serde(default)]
    name: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    namespace: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    uid: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    deletion_timestamp: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    labels: Option<Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    owner_references: Option<Value>,
    #[serde(default, deserialize_with = "ours", skip_serializing_if = "Map::is_empty")]
    annotations: Map<String, Value>,
}

fn ours<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Map<String, Value>, D::Error> {
    struct Ours;
    impl<'de> Visitor<'de> for Ours {
        type Value = Map<String, Value>;

        fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            f.write_str("annotations")
        }

        fn visit_unit<E>(self) -> Result<Self::Value, E> {
            Ok(Map::new())
        }

        fn visit_map<A: MapAccess<'de>>(self, mut all: A) -> Result<Self::Value, A::Error> {
            let mut kept = Map::new();
            while let Some(key) = all.next_key::<Cow<'_, str>>()? {
                if key.starts_with(labels::PREFIX) {
                    kept.insert(key.into_owned(), all.next_value()?);
                } else {
                    all.next_value::<IgnoredAny>()?;
                }
            }
            Ok(kept)
        }
    }
    deserializer.deserialize_any(Ours)
}

#[cfg(test)]
mod tests;
