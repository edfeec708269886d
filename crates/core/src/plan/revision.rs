//! A revision of a target: its pod template, and the data of the ConfigMaps and Secrets its pods read.
//!
//! Its text is the template's hash (see [`hash`]), followed by `+c` and a digest where the template names tracked
//! ConfigMaps, and by `+s` and a digest where it names tracked Secrets: `v1-5f0c9a1b2c3d4e5f+c0123456789abcdef`. A part
//! that is missing says nothing: it was recorded before configs were tracked, or while Secrets could not be read.

pub mod hash;

/// Begins the digest of ConfigMaps.
pub const CONFIG_MAPS: char = 'c';
/// Begins the digest of Secrets.
pub const SECRETS: char = 's';

/// The text of a revision from a template's hash and the digests of its configs, each with its first letter.
pub fn revision(template: &str, digests: &[(char, String)]) -> String {
    let parts = digests.iter().map(|(kind, digest)| format!("+{kind}{digest}"));
    std::iter::once(template.to_owned()).chain(parts).collect()
}

/// The template's hash in a revision.
pub fn template_of(revision: &str) -> &str {
    revision.split('+').next().unwrap_or_default()
}

/// Whether two revisions have one template; their configs may differ.
pub fn same_template(one: &str, other: &str) -> bool {
    template_of(one) == template_of(other)
}

/// Whether its pods read configs.
pub fn has_configs(revision: &str) -> bool {
    revision.contains('+')
}

/// What a recorded revision is called now that `seen` is what the target is: `seen` when they differ in nothing that both
/// know, so that a record from before configs were tracked starts no run; else the record as it is.
pub fn in_terms_of(recorded: &str, seen: &str) -> String {
    let contradicts = |part: &str| {
        let kind = part.get(..1);
        parts(seen).any(|other| other.get(..1) == kind && other != part)
    };
    if same_template(recorded, seen) && !parts(recorded).any(contradicts) {
        seen.to_owned()
    } else {
        recorded.to_owned()
    }
}

fn parts(revision: &str) -> impl Iterator<Item = &str> {
    revision.split('+').skip(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_revision_comes_apart_as_it_was_put_together() {
        let whole = revision("v1-aa", &[(CONFIG_MAPS, "01".into()), (SECRETS, "02".into())]);
        assert_eq!(whole, "v1-aa+c01+s02");
        assert_eq!(template_of(&whole), "v1-aa");
        assert_eq!(revision("v1-aa", &[]), "v1-aa");
        assert!(same_template(&whole, "v1-aa") && !same_template(&whole, "v1-ab+c01+s02"));
    }

    #[test]
    fn what_was_never_recorded_is_not_a_change() {
        for (recorded, seen, now) in [
            ("v1-a", "v1-a+c1", "v1-a+c1"),
            ("v1-a+c1", "v1-a", "v1-a"),
            ("v1-a+c1", "v1-a+c1+s2", "v1-a+c1+s2"),
            ("v1-a+c1+s2", "v1-a+c1", "v1-a+c1"),
            ("v1-a+c1", "v1-a+c2", "v1-a+c1"),
            ("v1-a+c1", "v1-a+c2+s2", "v1-a+c1"),
            ("v1-a", "v1-b+c1", "v1-a"),
        ] {
            assert_eq!(in_terms_of(recorded, seen), now, "{recorded} {seen}");
        }
    }
}
