//! What of an analysis the annotations cannot say.

use super::companion::is_cookie;
use crate::api::canary::{Analysis, AnalysisMatch, StringMatch};

const ONE_EACH: &str = "nginx knows one header and one cookie, either of which suffices; name no more, each in an entry of its own, or use \
     gatewayapi:v1";

/// The path below the analysis, and what to do instead.
pub(super) fn refuses(analysis: &Analysis) -> Option<(String, String)> {
    let matches = analysis.matches.as_deref().unwrap_or_default();
    let of_query = |one: &AnalysisMatch| one.query_params.as_ref().is_some_and(|all| !all.is_empty());
    if let Some(at) = matches.iter().position(of_query) {
        let why = "nginx does not choose by query parameters; use headers, or gatewayapi:v1";
        return Some((format!("match[{at}].queryParams"), why.to_owned()));
    }
    let headers = |one: &AnalysisMatch| one.headers.as_ref().map_or(0, |all| all.len());
    if let Some(at) = matches.iter().position(|one| headers(one) > 1) {
        return Some((format!("match[{at}].headers"), ONE_EACH.to_owned()));
    }
    let names = matches
        .iter()
        .flat_map(|one| one.headers.iter().flatten().map(|(name, _)| name));
    let (cookies, others): (Vec<&String>, Vec<&String>) = names.partition(|name| is_cookie(name));
    (cookies.len() > 1 || others.len() > 1).then(|| ("match".to_owned(), ONE_EACH.to_owned()))
}

/// Why a cookie is not compared with `value`: the annotation has room for its name alone.
pub(super) fn misreads(header: &str, value: &StringMatch) -> Option<String> {
    let (form, text) = value.form().filter(|(form, _)| is_cookie(header) && *form != "exact")?;
    Some(format!(
        "nginx only knows whether a cookie is \"always\"; use exact with the cookie's name, not {form} {text:?}"
    ))
}
