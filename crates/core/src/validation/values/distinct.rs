//! Entries of a list that say the same as an earlier one.

use std::collections::HashSet;
use std::hash::Hash;

/// For each of `keys` whether one before it is equal; each is looked at once.
pub(in crate::validation) fn repeats<K: Eq + Hash>(keys: impl IntoIterator<Item = K>) -> impl Iterator<Item = bool> {
    let mut seen = HashSet::new();
    keys.into_iter().map(move |key| !seen.insert(key))
}

#[cfg(test)]
mod tests {
    use super::repeats;
    use std::cell::Cell;
    use std::hash::{Hash, Hasher};

    /// A key that counts how often it is compared or hashed.
    struct Counted<'a>(u32, &'a Cell<u32>);

    impl PartialEq for Counted<'_> {
        fn eq(&self, other: &Self) -> bool {
            self.1.set(self.1.get() + 1);
            self.0 == other.0
        }
    }

    impl Eq for Counted<'_> {}

    impl Hash for Counted<'_> {
        fn hash<H: Hasher>(&self, state: &mut H) {
            self.1.set(self.1.get() + 1);
            self.0.hash(state);
        }
    }

    #[test]
    fn the_second_of_two_repeats_the_first() {
        assert_eq!(
            repeats(["a", "b", "a", "a"]).collect::<Vec<_>>(),
            [false, false, true, true]
        );
    }

    #[test]
    fn twice_the_entries_are_twice_the_work() {
        let work = |entries: u32, distinct: u32| {
            let count = Cell::new(0);
            let found = repeats((0..entries).map(|n| Counted(n % distinct, &count)))
                .filter(|repeats| *repeats)
                .count();
            assert_eq!(found, (entries - distinct) as usize);
            count.get()
        };
        for distinct in [1, 500, 1000] {
            let (once, twice) = (work(1000, distinct), work(2000, distinct.max(2) * 2));
            assert!(once >= 1000 && twice < once * 3, "{distinct}: {once}, then {twice}");
        }
    }
}
