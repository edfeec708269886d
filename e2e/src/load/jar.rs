//! The cookies of the users that a load plays.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::time::{Duration, SystemTime};

/// One user's cookies, kept and sent back as a browser does.
///
/// Two things differ from a browser, because the harness asks one host over plain HTTP: `Domain` and `Secure` are not
/// looked at. [`super::Report::set_cookies`] has the attributes as they came, for whoever must check them.
#[derive(Debug, Default)]
pub struct Jar(Mutex<BTreeMap<String, Cookie>>);

#[derive(Debug)]
struct Cookie {
    value: String,
    path: String,
    expires: Option<SystemTime>,
}

impl Jar {
    /// Takes one `Set-Cookie` line at its word; what is expired is forgotten.
    pub fn keep(&self, line: &str, now: SystemTime) {
        let mut parts = line.split(';').map(str::trim);
        let Some((name, value)) = parts.next().and_then(|pair| pair.split_once('=')) else {
            return;
        };
        let attributes: Vec<(String, &str)> = parts.map(attribute).collect();
        let of = |name: &str| {
            let mut known = attributes.iter().rev();
            known.find(|(known, _)| known == name).map(|(_, value)| *value)
        };
        // Max-Age wins over Expires, as RFC 6265 says.
        let lifetime = of("max-age").and_then(|seconds| seconds.parse::<i64>().ok());
        let expires = match lifetime {
            Some(seconds) => Some(now + Duration::from_secs(u64::try_from(seconds).unwrap_or_default())),
            None => of("expires").and_then(date),
        };
        let path = of("path").filter(|path| path.starts_with('/')).unwrap_or("/");
        let mut cookies = self.0.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        if expires.is_some_and(|expires| expires <= now) {
            cookies.remove(name);
            return;
        }
        let cookie = Cookie {
            value: value.to_owned(),
            path: path.to_owned(),
            expires,
        };
        cookies.insert(name.to_owned(), cookie);
    }

    /// What goes into the `Cookie` header of a request for `path`; none when there is nothing to send.
    pub fn send(&self, path: &str, now: SystemTime) -> Option<String> {
        let mut cookies = self.0.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        cookies.retain(|_, cookie| cookie.expires.is_none_or(|expires| expires > now));
        let path = path.split('?').next().unwrap_or_default();
        let sent: Vec<String> = cookies
            .iter()
            .filter(|(_, cookie)| covers(&cookie.path, path))
            .map(|(name, cookie)| format!("{name}={}", cookie.value))
            .collect();
        (!sent.is_empty()).then(|| sent.join("; "))
    }
}

fn attribute(text: &str) -> (String, &str) {
    let (name, value) = text.split_once('=').unwrap_or((text, ""));
    (name.trim().to_lowercase(), value.trim())
}

fn date(text: &str) -> Option<SystemTime> {
    let zoned = jiff::fmt::rfc2822::DateTimeParser::new().parse_zoned(text).ok()?;
    Some(zoned.timestamp().into())
}

/// Whether a cookie for `own` goes with a request for `asked`: itself and what is below it.
fn covers(own: &str, asked: &str) -> bool {
    asked
        .strip_prefix(own)
        .is_some_and(|rest| rest.is_empty() || own.ends_with('/') || rest.starts_with('/'))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn after(seconds: u64) -> SystemTime {
        SystemTime::UNIX_EPOCH + Duration::from_secs(1_800_000_000 + seconds)
    }

    #[test]
    fn a_cookie_is_sent_until_its_age_is_over_or_it_is_taken_back() {
        let jar = Jar::default();
        jar.keep(
            "flagger-cookie=abc; Max-Age=60; Secure; HttpOnly; SameSite=Strict",
            after(0),
        );
        jar.keep("session=1", after(0));
        assert_eq!(
            jar.send("/", after(59)).as_deref(),
            Some("flagger-cookie=abc; session=1")
        );
        assert_eq!(jar.send("/", after(60)).as_deref(), Some("session=1"));
        jar.keep("session=1; Max-Age=-1", after(61));
        assert_eq!(jar.send("/", after(61)), None);
    }

    #[test]
    fn a_newer_value_replaces_the_older_and_expires_counts_unless_there_is_an_age() {
        let jar = Jar::default();
        jar.keep("a=1; Expires=Thu, 01 Jan 2099 00:00:00 GMT", after(0));
        jar.keep("a=2; Max-Age=10; Expires=Thu, 01 Jan 1970 00:00:00 GMT", after(0));
        assert_eq!(jar.send("/", after(9)).as_deref(), Some("a=2"));
        jar.keep("a=3; Expires=Thu, 01 Jan 1970 00:00:00 GMT", after(9));
        assert_eq!(jar.send("/", after(9)), None);
    }

    #[test]
    fn a_cookie_of_a_path_goes_with_that_path_and_what_is_below_it() {
        let jar = Jar::default();
        jar.keep("a=1; Path=/shop", after(0));
        for (path, sent) in [
            ("/shop", true),
            ("/shop/cart?x=1", true),
            ("/shopping", false),
            ("/", false),
        ] {
            assert_eq!(jar.send(path, after(1)).is_some(), sent, "{path}");
        }
    }
}
