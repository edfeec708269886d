//! The one place where metrics stores are asked. Time, size and where calls may lead are bounded here, whatever the store is.

use crate::foreign::Foreign;
use crate::outbound::{ClientSettings, Clients, Egress, LONGEST, ask};
use coalmine_core::metrics::store::{Credentials, Query, QueryError, Request, Sample, Store};
use reqwest::{Client, RequestBuilder};
use std::time::Duration;

/// The whole exchange, from connecting to the last byte.
const TIMEOUT: Duration = Duration::from_secs(5);

/// A store and the client that reaches it.
pub struct Sender {
    store: Box<dyn Store>,
    client: Client,
    egress: Egress,
}

impl Sender {
    /// Prepares to ask `store`; asks nothing yet. `egress` says where its calls must not lead.
    ///
    /// # Errors
    /// A text for the user: the store must not be called, or there is no client.
    pub fn new(store: Box<dyn Store>, clients: &Clients, egress: &Egress) -> Result<Self, String> {
        let endpoint = store.endpoint();
        egress.check(&endpoint.url)?;
        let settings = ClientSettings {
            accept_any_certificate: endpoint.accept_any_certificate,
            egress: egress.clone(),
            ..ClientSettings::default()
        };
        let client = clients
            .get(&settings)
            .map_err(|e| format!("error building client: {e}"))?;
        Ok(Self {
            store,
            client,
            egress: egress.clone(),
        })
    }

    /// Puts `query` to the store.
    ///
    /// # Errors
    /// Why there is no answer, or what the store says instead.
    pub async fn ask(&self, query: &Query<'_>) -> Result<Sample, QueryError> {
        let request = self.store.request(query)?;
        // A store may ask elsewhere than at its endpoint; users name parts of both.
        self.egress.check(&request.url).map_err(QueryError::Other)?;
        let unreachable = |why: Foreign| QueryError::Unreachable(why.into());
        let answer = ask(self.built(request), TIMEOUT).await.map_err(unreachable)?;
        let status = answer.status();
        if status.as_u16() >= 400 {
            return Err(self.store.refused(status, &answer.says().await));
        }
        let unreadable = |why: Foreign| QueryError::Other(format!("error reading body: {why}"));
        let body = answer.body(LONGEST).await.map_err(unreadable)?;
        self.store.sample(status, &body)
    }

    fn built(&self, request: Request) -> RequestBuilder {
        let built = self
            .client
            .request(request.method, request.url)
            .headers(request.headers);
        let built = match request.credentials {
            Credentials::None => built,
            Credentials::Bearer(token) => built.bearer_auth(token),
            Credentials::Basic { username, password } => built.basic_auth(username, Some(password)),
        };
        match request.body {
            Some(body) => built.body(body),
            None => built,
        }
    }
}

#[cfg(test)]
mod tests;
