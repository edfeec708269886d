//! How much of an answer is read. What is listed is written by others, each object up to what the API server takes, so a
//! page is bounded by its bytes and not by its objects alone.

use super::deadline::Deadline;
use crate::object::most_values;
use http::{Method, Request, Uri};
use kube::client::Body;
use tokio::sync::Semaphore;

/// Most bytes of any answer but a watch, of a page with one object too. The API server takes objects of a megabyte and a
/// half, which may be three or four times that as JSON.
pub const LONGEST: usize = 32 * 1024 * 1024;
/// Most bytes of a page with several objects.
const PAGE: usize = 4 * 1024 * 1024;
/// Most values in one: an empty map in a list takes three bytes there, and some hundred in memory.
const VALUES: usize = 150_000;
/// A page of more bytes than that is read in turn.
const LARGE: usize = 256 * 1024;
/// Large pages that are read at once.
pub const TURNS: usize = 4;

/// Put into a request whose answer is read as far as whoever asks has room for it, and no further.
#[derive(Debug, Clone, Copy)]
pub struct ReadsInPart;

/// How many objects a request asks for, when it asks for a page that is to be read as a whole.
pub fn asked(request: &Request<Body>) -> Option<u32> {
    if *request.method() != Method::GET || request.extensions().get::<ReadsInPart>().is_some() {
        return None;
    }
    let mut query = request.uri().query()?.split('&');
    query.find_map(|one| one.strip_prefix("limit=")?.parse().ok())
}

/// The same page with so many objects.
pub fn with_objects(uri: &Uri, objects: u32) -> Uri {
    let limited = |one: &str| match one.starts_with("limit=") {
        true => format!("limit={objects}"),
        false => one.to_owned(),
    };
    let query: Vec<String> = uri.query().unwrap_or_default().split('&').map(limited).collect();
    let mut parts = uri.clone().into_parts();
    parts.path_and_query = format!("{}?{}", uri.path(), query.join("&")).parse().ok();
    Uri::from_parts(parts).unwrap_or_else(|_| uri.clone())
}

/// A page of so many objects; nothing where it is larger than one may be.
///
/// # Errors
/// It broke off, or did not come in time.
pub async fn page(
    mut body: Body,
    objects: u32,
    turns: &Semaphore,
    deadline: &mut Deadline,
) -> Result<Option<Vec<u8>>, kube::Error> {
    let (mut bytes, mut values, mut turn) = (Vec::<u8>::new(), 0_usize, None);
    while let Some(frame) = deadline.piece(&mut body, turn.is_some()).await? {
        let Ok(data) = frame.into_data() else { continue };
        values = values.saturating_add(most_values(&data));
        if !fits(bytes.len().saturating_add(data.len()), values, objects) {
            return Ok(None);
        }
        bytes.extend_from_slice(&data);
        if bytes.len() > LARGE && turn.is_none() {
            turn = deadline.turn(turns).await?;
        }
    }
    Ok(Some(bytes))
}

// One object has to be read whatever it is: those that come after it are known only then.
fn fits(bytes: usize, values: usize, objects: u32) -> bool {
    if objects <= 1 {
        return bytes <= LONGEST;
    }
    bytes <= PAGE && values <= VALUES
}

/// What is said of an answer that is too large.
pub fn too_large(method: &Method, path: &str) -> String {
    let most = LONGEST / (1024 * 1024);
    format!(
        "the answer to {method} {path} has more than {most} MiB, which is not read, as it would take the memory of all others; \
         delete what is that large there, or make it smaller"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_is_asked_for_with_fewer_objects_and_is_otherwise_the_same() {
        let uri: Uri = "/api/v1/pods?&limit=16&continue=a%3D&labelSelector=limit%3D2"
            .parse()
            .unwrap();
        assert_eq!(
            with_objects(&uri, 4).to_string(),
            "/api/v1/pods?&limit=4&continue=a%3D&labelSelector=limit%3D2"
        );
        let whole: Uri = "https://cluster:6443/api/v1/pods?limit=500".parse().unwrap();
        assert_eq!(
            with_objects(&whole, 250).to_string(),
            "https://cluster:6443/api/v1/pods?limit=250"
        );
    }

    #[test]
    fn a_page_is_bounded_by_its_bytes_and_its_values_but_a_single_object_has_to_be_read() {
        for (bytes, values, objects, expected) in [
            (PAGE, VALUES, 2, true),
            (PAGE + 1, 0, 2, false),
            (0, VALUES + 1, 2, false),
            (PAGE + 1, VALUES + 1, 1, true),
            (LONGEST + 1, 0, 1, false),
        ] {
            assert_eq!(fits(bytes, values, objects), expected, "{bytes} {values} {objects}");
        }
    }

    #[test]
    fn what_is_read_in_part_is_no_page_and_neither_is_what_has_no_limit() {
        let request = |uri: &str| Request::get(uri).body(Body::empty()).unwrap();
        assert_eq!(asked(&request("/api/v1/pods?&limit=16")), Some(16));
        assert_eq!(asked(&request("/api/v1/namespaces/web/pods/a")), None);
        let mut in_part = request("/api/v1/pods?&limit=16");
        in_part.extensions_mut().insert(ReadsInPart);
        assert_eq!(asked(&in_part), None);
    }
}
