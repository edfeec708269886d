//! There is no Docker here: what the Dockerfile runs is what `make` runs, and that is tried.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::root;
use crate::cluster::architecture;

fn read(name: &str) -> String {
    fs::read_to_string(root().join(name)).unwrap()
}

/// The instructions, each on one line, without comments and mounts.
fn instructions() -> Vec<String> {
    let text = read("Dockerfile").replace("\\\n", " ");
    let lines = text.lines().filter(|line| !line.is_empty() && !line.starts_with('#'));
    let words = |line: &str| -> Vec<String> {
        let kept = line.split_whitespace().filter(|word| !word.starts_with("--mount="));
        kept.map(str::to_owned).collect()
    };
    lines.map(|line| words(line).join(" ")).collect()
}

fn arguments(instruction: &str) -> Vec<String> {
    let lines = instructions();
    let found = lines.iter().filter_map(|line| line.strip_prefix(instruction));
    found.map(|rest| rest.trim().to_owned()).collect()
}

/// What of a path in the clone gets into the build: `.dockerignore` lets in only what it names.
fn let_in() -> Vec<PathBuf> {
    let ignored = read(".dockerignore");
    assert!(ignored.lines().any(|line| line == "*"));
    let named = ignored.lines().filter_map(|line| line.strip_prefix('!'));
    named.map(PathBuf::from).collect()
}

/// The command of the Dockerfile that makes what is in the image.
fn command() -> String {
    let mut runs = arguments("RUN");
    let made = runs.pop().unwrap();
    assert_eq!(made, "make image-root DIR=/image TARGETARCH=$TARGETARCH");
    assert!(runs.iter().all(|run| run.contains("apt-get install")), "{runs:?}");
    made
}

#[test]
fn the_image_is_what_make_lays_out_for_a_user_who_is_not_root() {
    command();
    assert_eq!(arguments("COPY"), [". .", "--from=build /image /"]);
    assert_eq!(arguments("USER"), ["65532:65532"]);
    assert_eq!(arguments("ENTRYPOINT"), [r#"["/coalmine"]"#]);
    assert_eq!(arguments("FROM").last().unwrap(), "scratch");
}

#[test]
fn it_is_compiled_by_the_compiler_of_the_project() {
    let channel = read("rust-toolchain.toml");
    let channel = channel
        .lines()
        .find_map(|line| line.strip_prefix("channel = "))
        .unwrap();
    let channel = channel.trim_matches('"');
    let from = &arguments("FROM")[0];
    assert!(from.contains(&format!("rust:{channel}-slim-")), "{from}");
    assert_eq!(arguments("ENV"), [format!("RUSTUP_TOOLCHAIN={channel}")]);
}

#[test]
fn what_docker_lets_in_is_a_workspace_that_cargo_understands() {
    let copy = tempfile::tempdir().unwrap();
    for path in let_in() {
        let mut cp = Command::new("cp");
        cp.current_dir(root()).args(["--recursive", "--parents"]);
        assert!(cp.arg(&path).arg(copy.path()).status().unwrap().success(), "{path:?}");
    }
    let metadata = ["metadata", "--locked", "--offline", "--no-deps", "--format-version=1"];
    let mut cargo = Command::new("cargo");
    let output = cargo.current_dir(copy.path()).args(metadata).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

#[test]
fn the_program_in_it_is_static_and_starts_alone() {
    let image = tempfile::tempdir().unwrap();
    let made = command()
        .replace("$TARGETARCH", architecture())
        .replace("/image", &image.path().display().to_string());
    let mut words = made.split_whitespace();
    let mut make = Command::new(words.next().unwrap());
    // As it is shipped it would take minutes; how fast it is makes no difference here.
    let output = make
        .current_dir(root())
        .args(words)
        .arg("PROFILE=dev")
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert!(image.path().join("etc/ssl/certs/ca-certificates.crt").is_file());
    assert_eq!(
        fs::read(image.path().join("LICENSE")).unwrap(),
        read("LICENSE").into_bytes()
    );
    let program = image.path().join("coalmine");
    assert!(!asks_for_a_loader(&program));
    assert!(asks_for_a_loader(Path::new("/bin/sh")), "this test could not fail");
    let output = alone(image.path(), &program).output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    assert_eq!(
        said.trim(),
        env!("CARGO_PKG_VERSION"),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
}

/// It with nothing around but the image, as its user; where that cannot be had, at least with nothing in its environment.
fn alone(image: &Path, program: &Path) -> Command {
    let mut command = if rustix::process::geteuid().is_root() {
        let mut chroot = Command::new("chroot");
        chroot.arg("--userspec=65532:65532").arg(image).arg("/coalmine");
        chroot
    } else {
        Command::new(program)
    };
    let path = std::env::var_os("PATH").unwrap_or_default();
    command.arg("version").env_clear().env("PATH", path);
    command
}

/// Whether a 64-bit ELF file has a program header of type `PT_INTERP`.
fn asks_for_a_loader(program: &Path) -> bool {
    const INTERPRETER: [u8; 4] = 3u32.to_ne_bytes();
    let file = fs::read(program).unwrap();
    let number = |at: usize| usize::from(u16::from_ne_bytes([file[at], file[at + 1]]));
    assert_eq!(file[..5], *b"\x7fELF\x02");
    let table = usize::try_from(u64::from_ne_bytes(file[32..40].try_into().unwrap())).unwrap();
    let (size, count) = (number(54), number(56));
    (0..count).any(|index| file[table + index * size..][..4] == INTERPRETER)
}
