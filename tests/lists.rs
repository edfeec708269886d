//! Whoever lists says how many objects he wants at once: without a word the API server sends all there are, and a watch asks
//! for 500, each of which may have more than a megabyte.

mod sources;

use sources::files_below;
use std::{fs, path::Path};

/// How a list or a watch is asked for, and what has to be said with it.
const ASKED: [(&str, &str); 2] = [
    ("ListParams::default()", ".limit("),
    ("watcher::Config::default()", ".page_size("),
];
/// Other ways to ask for one, which say nothing of it.
const FORBIDDEN: [&str; 2] = ["ListParams {", "streaming_lists"];
/// How one page is asked for.
const ONE_PAGE: [&str; 2] = [".list(&", ".list_metadata(&"];
/// Who does: whoever reads them one after the other, and those to whom what is beyond the first would say nothing new.
const BY_PAGES: [&str; 3] = [
    "src/requests/pages.rs",
    "src/controller/lifecycle/enrol/outsiders.rs",
    "src/controller/observe/pod_diagnostics.rs",
];

#[test]
fn every_list_and_every_watch_says_how_many_objects_it_wants_at_once() {
    let mut files = Vec::new();
    files_below(Path::new("src"), &mut files).unwrap();
    let is_test = |file: &Path| file.to_string_lossy().contains("test");
    let mut seen = 0;
    for file in files.iter().filter(|file| !is_test(file)) {
        let text = fs::read_to_string(file).unwrap();
        let code = text.split("#[cfg(test)]\nmod tests {").next().unwrap();
        for (asked, limit) in ASKED {
            for rest in code.split(asked).skip(1) {
                let said = rest.split([';', '}']).next().unwrap();
                assert!(said.contains(limit), "{}: {asked} without {limit})", file.display());
                seen += 1;
            }
        }
        for other in FORBIDDEN {
            assert!(!code.contains(other), "{} has {other}", file.display());
        }
    }
    assert!(seen > 10, "only {seen} were seen");
}

#[test]
fn lists_are_read_to_their_end_page_by_page() {
    let mut files = Vec::new();
    files_below(Path::new("src"), &mut files).unwrap();
    let mut found = Vec::new();
    for file in files {
        let path = file.to_string_lossy().into_owned();
        let text = fs::read_to_string(&file).unwrap();
        let code = text.split("#[cfg(test)]\nmod tests {").next().unwrap();
        if !path.contains("test") && ONE_PAGE.iter().any(|asked| code.contains(asked)) {
            found.push(path);
        }
    }
    found.sort();
    let mut expected = BY_PAGES;
    expected.sort_unstable();
    assert_eq!(found, expected, "others ask requests::pages, which forgets no page");
}
