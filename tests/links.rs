//! What the manual refers to is there: a page that is split, or a heading in other words, leaves no link behind that leads
//! nowhere.

mod sources;

use sources::{files_below, files_with};
use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Component, Path, PathBuf},
};

/// Pages that do not lie in `docs`.
const BESIDE: [&str; 2] = ["README.md", "fuzz/README.md"];
/// Where pages of the manual are named in texts for users.
const CODE: [&str; 2] = ["src", "crates"];

#[test]
fn every_relative_link_leads_to_a_page_and_to_a_heading_of_it() {
    let mut files: Vec<PathBuf> = BESIDE.iter().map(PathBuf::from).collect();
    files_with("md", Path::new("docs"), &mut files).unwrap();
    let pages: BTreeMap<PathBuf, String> = files
        .into_iter()
        .map(|file| {
            let text = fs::read_to_string(&file).unwrap();
            (file, text)
        })
        .collect();
    let (mut seen, mut dead) = (0, Vec::new());
    for (page, text) in &pages {
        for link in links(text) {
            seen += 1;
            let (file, anchor) = link.split_once('#').unwrap_or((link.as_str(), ""));
            let to = if file.is_empty() {
                page.clone()
            } else {
                joined(page, file)
            };
            let leads = match pages.get(&to) {
                Some(text) => anchor.is_empty() || anchors(text).contains(anchor),
                None => anchor.is_empty() && to.exists(),
            };
            if !leads {
                dead.push(format!("{}: {link}", page.display()));
            }
        }
    }
    assert!(seen > 90, "only {seen} links were seen");
    assert!(dead.is_empty(), "\n{}", dead.join("\n"));
}

#[test]
fn every_page_that_texts_name_is_there() {
    let mut files = vec![PathBuf::from("README.md")];
    files_with("md", Path::new("docs"), &mut files).unwrap();
    for folder in CODE {
        files_below(Path::new(folder), &mut files).unwrap();
    }
    let (mut seen, mut dead) = (0, Vec::new());
    for file in files {
        for page in named(&fs::read_to_string(&file).unwrap()) {
            seen += 1;
            if !Path::new(&page).exists() {
                dead.push(format!("{}: {page}", file.display()));
            }
        }
    }
    assert!(seen > 40, "only {seen} were seen");
    assert!(dead.is_empty(), "\n{}", dead.join("\n"));
}

#[test]
fn links_headings_and_pages_are_found_as_they_are_written() {
    let text = "# The `page`: one, [two](a.md)\n\nSee [a](b.md#c-d), [b](https://x.y/z) and (docs/limits.md).\n\n\
                ```\n# no heading [x](no.md)\n```\n## Again\n## Again\n";
    assert_eq!(links(text), ["a.md", "b.md#c-d"]);
    let expected = ["again", "again-1", "the-page-one-two"];
    assert_eq!(anchors(text).iter().collect::<Vec<_>>(), expected);
    assert_eq!(named(text), ["docs/limits.md"]);
    assert_eq!(joined(Path::new("docs/a/b.md"), "../c.md"), Path::new("docs/c.md"));
}

/// Lines that are not code between fences.
fn prose(text: &str) -> impl Iterator<Item = &str> {
    let mut fenced = false;
    text.lines().filter(move |line| {
        let fence = line.trim_start().starts_with("```");
        fenced ^= fence;
        !fenced && !fence
    })
}

/// Where links lead that name no host.
fn links(text: &str) -> Vec<String> {
    let targets = prose(text).flat_map(|line| line.split("](").skip(1).filter_map(|rest| rest.split(')').next()));
    let relative = targets.filter(|target| !target.contains("://") && !target.starts_with("mailto:"));
    relative.map(str::to_owned).collect()
}

/// What GitHub calls the headings.
fn anchors(text: &str) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for line in prose(text).filter(|line| line.starts_with('#')) {
        let name = slug(line.trim_start_matches('#').trim());
        let numbered = (1..).map(|n| format!("{name}-{n}"));
        let free = std::iter::once(name.clone())
            .chain(numbered)
            .find(|name| !found.contains(name));
        found.extend(free);
    }
    found
}

/// A heading in small letters, without signs and with hyphens for blanks; of a link its text alone.
fn slug(heading: &str) -> String {
    let mut parts = heading.split("](");
    let mut text = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        text.push_str(part.split_once(')').map_or("", |(_, rest)| rest));
    }
    let kept = text
        .chars()
        .filter(|c| c.is_alphanumeric() || matches!(c, '-' | '_' | ' '));
    kept.flat_map(char::to_lowercase)
        .map(|c| if c == ' ' { '-' } else { c })
        .collect()
}

/// Pages of the manual by their paths.
fn named(text: &str) -> Vec<String> {
    let in_a_path = |c: char| c.is_ascii_alphanumeric() || matches!(c, '/' | '.' | '-' | '_');
    let words = text
        .split(|c: char| !in_a_path(c))
        .filter(|word| word.starts_with("docs/"));
    let pages = words.filter_map(|word| Some(format!("{}.md", word.split_once(".md")?.0)));
    pages.collect()
}

/// The path of what `page` calls `file`.
fn joined(page: &Path, file: &str) -> PathBuf {
    let mut path = page.parent().map(Path::to_path_buf).unwrap_or_default();
    for part in Path::new(file).components() {
        match part {
            Component::ParentDir => {
                path.pop();
            }
            part => path.push(part),
        }
    }
    path
}
