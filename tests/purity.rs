//! The pure crates take values and return values. That they reach no cluster and no network is said by what they depend on,
//! which the checks compile alone; no dependency says that nobody asks a clock, the environment or a disk.

mod sources;

use sources::files_below;
use std::{fs, path::Path};

const PURE: [&str; 2] = ["crates/api/src", "crates/core/src"];
const FORBIDDEN: [&str; 9] = [
    "Timestamp::now",
    "Zoned::now",
    "SystemTime::now",
    "Instant::now",
    "std::env",
    "std::fs",
    "std::net",
    "std::process",
    "std::thread",
];

#[test]
fn the_pure_crates_ask_no_clock_and_nothing_else_outside() {
    let mut files = Vec::new();
    for sources in PURE {
        files_below(Path::new(sources), &mut files).unwrap();
    }
    let mut read = 0;
    for file in files.iter().filter(|file| !is_test(file)) {
        let text = fs::read_to_string(file).unwrap();
        read += 1;
        for name in FORBIDDEN {
            assert!(!text.contains(name), "{} names {name}", file.display());
        }
    }
    assert!(read > 100, "only {read} files were read");
}

fn is_test(file: &Path) -> bool {
    file.to_string_lossy().contains("tests")
}
