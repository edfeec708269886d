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
