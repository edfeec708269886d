//! What this pod sees of its configuration: its environment, and the files below one folder.

use std::io::ErrorKind;
use std::path::Path;

use axum::http::StatusCode;

/// The value of an environment variable; 404 when it is not set.
pub fn variable(name: &str) -> Result<String, StatusCode> {
    // A name like this is never set, and asking for it would panic.
    if name.is_empty() || name.contains(['=', '\0']) {
        return Err(StatusCode::NOT_FOUND);
    }
    let value = std::env::var_os(name).ok_or(StatusCode::NOT_FOUND)?;
    Ok(value.to_string_lossy().into_owned())
}

/// The content of `path` below `root`; 404 when it is not there, 403 when it leads out of `root`.
pub fn file(root: &Path, path: &str) -> Result<Vec<u8>, StatusCode> {
    // Resolved before they are compared: a mounted ConfigMap is links to links, and `..` must not lead out.
    let root = root.canonicalize().map_err(status)?;
    let file = root.join(path).canonicalize().map_err(status)?;
    if !file.starts_with(&root) {
        return Err(StatusCode::FORBIDDEN);
    }
    std::fs::read(file).map_err(status)
}

fn status(error: std::io::Error) -> StatusCode {
    match error.kind() {
        ErrorKind::NotFound | ErrorKind::NotADirectory | ErrorKind::IsADirectory => StatusCode::NOT_FOUND,
        ErrorKind::PermissionDenied => StatusCode::FORBIDDEN,
        _ => StatusCode::INTERNAL_SERVER_ERROR,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_read_as_the_kubelet_mounts_them_and_nothing_beside_the_root_is() {
        let place = std::env::temp_dir().join(format!("coalmine-app-{}", std::process::id()));
        let root = place.join("root");
        std::fs::create_dir_all(root.join("..data")).unwrap();
        std::fs::write(root.join("..data/color"), "blue").unwrap();
        std::fs::write(place.join("secret"), "no").unwrap();
        std::os::unix::fs::symlink("..data/color", root.join("color")).unwrap();
        std::os::unix::fs::symlink(place.join("secret"), root.join("out")).unwrap();

        assert_eq!(file(&root, "color"), Ok(b"blue".to_vec()));
        assert_eq!(file(&root, "missing"), Err(StatusCode::NOT_FOUND));
        assert_eq!(file(&root, ""), Err(StatusCode::NOT_FOUND));
        let secret = place.join("secret");
        for outside in ["../secret", "out", secret.to_str().unwrap()] {
            assert_eq!(file(&root, outside), Err(StatusCode::FORBIDDEN), "{outside}");
        }
        std::fs::remove_dir_all(place).unwrap();
    }

    #[test]
    fn a_variable_that_is_not_set_is_not_an_empty_one() {
        assert!(variable("PATH").is_ok_and(|value| !value.is_empty()));
        for name in ["COALMINE_NEVER_SET", "", "A=B"] {
            assert_eq!(variable(name), Err(StatusCode::NOT_FOUND), "{name}");
        }
    }
}
