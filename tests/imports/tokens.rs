//! Rust source as words and signs, as far as it takes to find paths in it.

/// How an attribute begins that keeps something for tests.
const TEST: [&str; 5] = ["#", "[", "cfg", "(", "test"];

/// The words and signs of `text`, `::` being one of them; without comments, letters and texts, and without what only tests
/// have.
pub fn words(text: &str) -> Vec<String> {
    without_tests(&all(text))
}

/// Whether a token is a word.
pub fn is_word(token: &str) -> bool {
    token.starts_with(is_of_word)
}

fn is_of_word(sign: char) -> bool {
    sign.is_alphanumeric() || sign == '_'
}

fn all(text: &str) -> Vec<String> {
    let mut all = Vec::new();
    let mut rest = text;
    while let Some(sign) = rest.chars().next() {
        let after = rest.get(sign.len_utf8()..).unwrap_or_default();
        rest = match sign {
            '/' if after.starts_with('/') => past(after, "\n"),
            '/' if after.starts_with('*') => past(after, "*/"),
            '"' => past_text(after),
            '\'' => past_letter(after),
            ':' if after.starts_with(':') => {
                all.push(String::from("::"));
                after.get(1..).unwrap_or_default()
            }
            _ if is_of_word(sign) => {
                let (word, after) = word(rest);
                all.extend(word.map(str::to_owned));
                after
            }
            _ => {
                all.extend((!sign.is_whitespace()).then(|| sign.to_string()));
                after
            }
        };
    }
    all
}

/// What comes behind the next `end`.
fn past<'t>(text: &'t str, end: &str) -> &'t str {
    text.split_once(end).map_or("", |(_, after)| after)
}

/// What comes behind a text whose first quote was read.
fn past_text(text: &str) -> &str {
    let mut escaped = false;
    let end = text.find(|sign: char| {
        let ends = sign == '"' && !escaped;
        escaped = sign == '\\' && !escaped;
        ends
    });
    end.and_then(|end| text.get(end + 1..)).unwrap_or_default()
}

/// What comes behind a letter whose first quote was read; of a lifetime nothing more is read, its name is a word.
fn past_letter(text: &str) -> &str {
    let mut signs = text.chars();
    let behind = match (signs.next(), signs.next()) {
        (Some('\\'), Some(escaped)) => text.get(1 + escaped.len_utf8()..).map(|rest| past(rest, "'")),
        (Some(letter), Some('\'')) => text.get(letter.len_utf8() + 1..),
        _ => Some(text),
    };
    behind.unwrap_or_default()
}

/// The word that `text` begins with, where it does not begin a raw text, and what comes behind.
fn word(text: &str) -> (Option<&str>, &str) {
    let end = text.find(|sign: char| !is_of_word(sign)).unwrap_or(text.len());
    let (word, after) = text.split_at(end);
    let quoted = after.trim_start_matches('#');
    match quoted.strip_prefix('"').filter(|_| matches!(word, "r" | "br")) {
        Some(raw) => {
            let close = format!("\"{}", "#".repeat(after.len() - quoted.len()));
            (None, past(raw, &close))
        }
        None => (Some(word), after),
    }
}

fn without_tests(tokens: &[String]) -> Vec<String> {
    let mut kept = Vec::new();
    let mut rest = tokens;
    while let Some((token, after)) = rest.split_first() {
        let begins = rest.iter().take(TEST.len()).map(String::as_str);
        if begins.eq(TEST) {
            rest = past_item(rest);
        } else {
            kept.push(token.clone());
            rest = after;
        }
    }
    kept
}

/// What comes behind the item that begins with an attribute.
fn past_item(tokens: &[String]) -> &[String] {
    let mut depth = 0_usize;
    for (at, token) in tokens.iter().enumerate() {
        let behind = tokens.get(at + 1..).unwrap_or_default();
        match token.as_str() {
            "{" | "(" | "[" => depth += 1,
            // The end of what it stands in.
            "}" | ")" | "]" if depth == 0 => return tokens.get(at..).unwrap_or_default(),
            "}" if depth == 1 => return behind,
            "}" | ")" | "]" => depth -= 1,
            ";" if depth == 0 => return behind,
            _ => {}
        }
    }
    &[]
}
