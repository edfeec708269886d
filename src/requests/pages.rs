//! Lists, page by page: never more than one page of one is in memory.

use kube::{Api, api::ListParams};
use serde::de::DeserializeOwned;
use std::{fmt::Debug, ops::ControlFlow};

/// Objects of one page of a list. Each may have more than a megabyte, and a page is in memory as a whole, as bytes and as
/// values.
pub const PAGE: u32 = 16;
/// The same where only metadata is asked for.
pub const METADATA: u32 = 100;
/// The same of Canaries, of which there is one for each app and which are small mostly: a list has to end before its pages are
/// forgotten, which is after five minutes. Where they are large, a page comes with fewer.
pub const CANARIES: u32 = 100;
/// The same of namespaces, which have little but metadata: only those who run the cluster make them.
pub const NAMESPACES: u32 = 500;

/// Hands over the objects of a list one by one, for as long as whoever takes them wants more; `which` says how many are
/// asked for at once. Answers whether these were all.
///
/// # Errors
/// Those of the API server.
pub async fn each<K>(
    api: &Api<K>,
    mut which: ListParams,
    mut take: impl FnMut(K) -> ControlFlow<()>,
) -> Result<bool, kube::Error>
where
    K: Clone + DeserializeOwned + Debug,
{
    loop {
        let page = api.list(&which).await?;
        if page.items.into_iter().try_for_each(&mut take).is_break() {
            return Ok(false);
        }
        match page.metadata.continue_.filter(|token| !token.is_empty()) {
            Some(token) => which = which.continue_token(&token),
            None => return Ok(true),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::ApiServer;
    use k8s_openapi::api::core::v1::ConfigMap;
    use kube::ResourceExt;
    use serde_json::json;

    const ALL: &str = "/api/v1/namespaces/web/configmaps";

    #[tokio::test]
    async fn a_list_is_read_page_by_page_and_only_as_far_as_it_is_wanted() {
        let server = ApiServer::default();
        for name in ["a", "b", "c", "d", "e"] {
            server.put(
                &format!("{ALL}/{name}"),
                json!({"metadata": {"name": name, "namespace": "web"}}),
            );
        }
        let api = Api::<ConfigMap>::namespaced(server.client(), "web");
        for (last, expected, whole, pages) in [("z", "abcde", true, 3), ("c", "abc", false, 2), ("b", "ab", false, 1)] {
            server.pages.lock().clear();
            let mut seen = String::new();
            let take = |object: ConfigMap| {
                seen.push_str(&object.name_any());
                match object.name_any() == last {
                    true => ControlFlow::Break(()),
                    false => ControlFlow::Continue(()),
                }
            };
            assert_eq!(each(&api, ListParams::default().limit(2), take).await.unwrap(), whole);
            assert_eq!(seen, expected);
            assert_eq!(*server.pages.lock(), vec![(ALL.to_owned(), Some(2)); pages]);
        }
    }
}
