//! The pure core takes values and returns values: it must not be able to reach a cluster, a network or a clock.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

const PURE: [&str; 3] = ["plan", "routing", "analysis"];
const FORBIDDEN: [&str; 9] = [
    "kube::Client",
    "kube::Api",
    "use kube::{",
    "reqwest",
    "tokio::",
    "Timestamp::now",
    "SystemTime::now",
    "Instant::now",
    "std::env",
];

#[test]
fn plan_routing_and_analysis_reach_for_nothing_outside() {
    let source = Path::new("src");
    let mut read = 0;
    for module in PURE {
        let mut files = vec![source.join(format!("{module}.rs"))];
        files_below(&source.join(module), &mut files).unwrap();
        for file in files {
            let text = fs::read_to_string(&file).unwrap();
            read += 1;
            for name in FORBIDDEN {
                assert!(!text.contains(name), "{} names {name}", file.display());
            }
        }
    }
    assert!(read > 20, "only {read} files were read");
}

fn files_below(folder: &Path, files: &mut Vec<PathBuf>) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            files_below(&path, files)?;
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
    Ok(())
}
