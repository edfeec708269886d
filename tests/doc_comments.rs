//! A doc comment says what the name of its item does not: a unit, the field that a value comes from, when there is none. One or
//! two words ("Its name.") say no more than the name.

mod sources;

use sources::files_below;
use std::{fs, path::Path};

/// Folders that are judged.
const FOLDERS: [&str; 2] = ["src", "crates"];
/// The fewest words, unless something is quoted: the field, flag or value itself says enough.
const FEWEST: usize = 3;

#[test]
fn doc_comments_say_more_than_a_name() {
    let (mut files, mut seen, mut short) = (Vec::new(), 0, Vec::new());
    for folder in FOLDERS {
        files_below(Path::new(folder), &mut files).unwrap();
    }
    for file in files {
        let path = file.to_string_lossy();
        let comments = doc_comments(&fs::read_to_string(&file).unwrap());
        seen += comments.len();
        let said = comments.into_iter().filter(|(_, text)| is_short(text));
        short.extend(said.map(|(line, text)| format!("{path}:{line}: {text}")));
    }
    assert!(seen > 3000, "only {seen} doc comments were seen");
    assert!(short.is_empty(), "\n{}", short.join("\n"));
}

#[test]
fn a_comment_is_read_with_all_its_lines() {
    let source = "//! Of the file.\n\n/// Its name,\n/// cut to 63 characters.\nfn a() {} // no doc\n\
                  //// nor this\n/// `spec.b`\n";
    let expected = [
        (1, "Of the file.".to_owned()),
        (3, "Its name, cut to 63 characters.".to_owned()),
        (7, "`spec.b`".to_owned()),
    ];
    assert_eq!(doc_comments(source), expected);
    for (text, short) in [("Its name.", true), ("`--dry-run`.", false), ("Name of it.", false)] {
        assert_eq!(is_short(text), short, "{text}");
    }
}

fn is_short(text: &str) -> bool {
    text.split_whitespace().count() < FEWEST && !text.contains(['`', '['])
}

/// Each with the number of its first line.
fn doc_comments(source: &str) -> Vec<(usize, String)> {
    let mut found: Vec<(usize, String)> = Vec::new();
    let mut before = None;
    for (number, line) in (1..).zip(source.lines()) {
        let line = line.trim_start();
        let mut marks = ["///", "//!"].into_iter().filter(|_| !line.starts_with("////"));
        let comment = marks.find_map(|mark| Some((mark, line.strip_prefix(mark)?.trim())));
        match (comment, found.last_mut()) {
            (Some((mark, text)), Some((_, whole))) if before == Some(mark) => {
                whole.push(' ');
                whole.push_str(text);
            }
            (Some((_, text)), _) => found.push((number, text.to_owned())),
            (None, _) => {}
        }
        before = comment.map(|(mark, _)| mark);
    }
    found
}
