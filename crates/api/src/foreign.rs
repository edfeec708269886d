//! Texts that somebody else wrote: answers of stores and hooks, messages of other programs. They go into events, logs and
//! the status, where everybody reads them and where they cost everybody's memory; so they are cut and cleaned where they
//! enter, and what enters has a type of its own.

use std::fmt;

/// Most characters of a foreign text that are repeated.
pub const QUOTED: usize = 256;
/// Most bytes that are looked at for them. A character has at most four, and what is cleaned away leaves room for more.
const LOOKED_AT: usize = 8 * QUOTED;
/// Most bytes of an event's message, which is Kubernetes' own limit; also of whatever else we say in one piece.
pub const SAID: usize = 1024;
/// What stands at the end of a text that goes on.
const MORE: &str = "...";

/// The beginning of a text of somebody else, without control characters and without what URLs have in secrets.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Foreign(String);

impl Foreign {
    /// The beginning of `text`.
    pub fn of(text: &str) -> Self {
        let looked_at = beginning(text, LOOKED_AT);
        let clean = readable(&without_secrets(looked_at));
        let clean = clean.trim();
        let mut characters = clean.chars();
        let mut quoted: String = characters.by_ref().take(QUOTED).collect();
        if characters.next().is_some() || looked_at.len() < text.len() {
            quoted.push_str(MORE);
        }
        Self(quoted)
    }

    /// The beginning of what may be a text.
    pub fn of_bytes(bytes: &[u8]) -> Self {
        // One byte more, so that a text that goes on is seen to.
        let looked_at = bytes.get(..=LOOKED_AT).unwrap_or(bytes);
        Self::of(&String::from_utf8_lossy(looked_at))
    }

    /// The text as it is shown: cleaned and cut.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether nothing was said.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl fmt::Display for Foreign {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl From<Foreign> for String {
    fn from(text: Foreign) -> Self {
        text.0
    }
}

/// The text within `most` bytes, on one line: the last line of defence where texts leave us, whatever they are made of.
pub fn cut(text: &str, most: usize) -> String {
    let fits = text.len() <= most;
    if fits && !text.chars().any(is_unreadable) {
        return text.to_owned();
    }
    let clean = readable(beginning(text, most));
    if fits {
        return clean;
    }
    format!("{}{MORE}", beginning(&clean, most.saturating_sub(MORE.len())))
}

/// The URL without what may be a secret: the password, the query and the fragment.
pub fn shown(url: &str) -> String {
    without_secrets(url)
}

fn beginning(text: &str, most: usize) -> &str {
    text.get(..text.floor_char_boundary(most)).unwrap_or(text)
}

// Control characters, and those that turn or hide what stands around them.
fn is_unreadable(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}')
}

fn readable(text: &str) -> String {
    let one = |c: char| match c {
        '\n' | '\r' | '\t' => Some(' '),
        c if is_unreadable(c) => None,
        c => Some(c),
    };
    text.chars().filter_map(one).collect()
}

fn without_secrets(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("://") {
        out.push_str(before);
        out.push_str("://");
        let ends = |c: char| c.is_whitespace() || matches!(c, '"' | '\'' | '`' | '<' | '>' | ')' | ']' | '}');
        let (url, behind) = after.split_at(after.find(ends).unwrap_or(after.len()));
        out.push_str(&bare(url));
        rest = behind;
    }
    out.push_str(rest);
    out
}

// What follows the scheme: `user:password@host/path?query`.
fn bare(url: &str) -> String {
    let end = url.find(['?', '#']).unwrap_or(url.len());
    let (place, secret) = url.split_at(end);
    let (authority, path) = place.split_at(place.find('/').unwrap_or(place.len()));
    let host = authority.rsplit_once('@').map(|(_, host)| format!("xxxxx@{host}"));
    let hidden = if secret.len() > 1 { "?xxxxx" } else { "" };
    format!("{}{path}{hidden}", host.as_deref().unwrap_or(authority))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_foreign_text_is_short_and_has_no_control_characters() {
        assert_eq!(Foreign::of(" starting\n").as_str(), "starting");
        assert_eq!(Foreign::of("a\r\nb\u{1b}[31mc\u{202e}d\0").as_str(), "a  b[31mcd");
        let long = Foreign::of(&"é".repeat(1000));
        assert_eq!(long.as_str(), format!("{}...", "é".repeat(QUOTED)));
        assert_eq!(
            Foreign::of_bytes(&vec![b'x'; 1 << 20]).as_str(),
            format!("{}...", "x".repeat(QUOTED))
        );
        assert_eq!(Foreign::of(&"x".repeat(QUOTED)).as_str(), "x".repeat(QUOTED));
        // Nothing but what is cleaned away, and much of it.
        assert_eq!(Foreign::of_bytes(&vec![0; 1 << 20]).as_str(), "...");
        assert!(Foreign::of_bytes(b" \n").is_empty());
    }

    #[test]
    fn urls_lose_their_secrets_and_keep_their_place() {
        let cases = [
            (
                "Get \"http://a.b/c?token=hunter2\": refused",
                "Get \"http://a.b/c?xxxxx\": refused",
            ),
            (
                "https://me:hunter2@a.b:8080/c#hunter2 x",
                "https://xxxxx@a.b:8080/c?xxxxx x",
            ),
            (
                "(http://a/?k=hunter2) and http://b/?k=hunter2",
                "(http://a/?xxxxx) and http://b/?xxxxx",
            ),
            ("http://a.b/c", "http://a.b/c"),
            ("what? really", "what? really"),
        ];
        for (text, expected) in cases {
            assert_eq!(Foreign::of(text).as_str(), expected);
        }
        assert_eq!(shown("http://u:p@host/x?token=1"), "http://xxxxx@host/x?xxxxx");
    }

    #[test]
    fn what_is_said_stays_within_its_bytes() {
        assert_eq!(cut("as it is", SAID), "as it is");
        assert_eq!(cut("two\nlines\u{7}", SAID), "two lines");
        for text in ["x".repeat(5000), "é".repeat(5000), "\n".repeat(5000), "😀".repeat(300)] {
            let said = cut(&text, SAID);
            assert!(said.len() <= SAID && said.ends_with(MORE), "{} {said}", said.len());
        }
    }
}
