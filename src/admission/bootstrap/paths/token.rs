//! One token, and one of them for each entry.

use crate::api::entry::Entry;
use rustls::crypto::SecureRandom;
use std::collections::BTreeMap;
use std::fmt;
use std::hint::black_box;

/// Bytes of a token: 256 bits, which nobody guesses.
const BYTES: usize = 32;

/// The operating system gave no random bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("there is no randomness to make secret paths of")]
pub struct NoRandomness;

/// The secret part of a path.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Token([u8; BYTES]);

// It stays out of logs.
impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token")
    }
}

impl Token {
    /// A new one, from the random source that TLS uses.
    ///
    /// # Errors
    /// When that has none.
    pub fn random() -> Result<Self, NoRandomness> {
        static SOURCE: std::sync::LazyLock<&'static dyn SecureRandom> =
            std::sync::LazyLock::new(|| rustls::crypto::aws_lc_rs::default_provider().secure_random);
        let mut bytes = [0; BYTES];
        SOURCE.fill(&mut bytes).map_err(|_| NoRandomness)?;
        Ok(Self(bytes))
    }

    /// As it stands in paths: lowercase hex, because the API server wants each part of a path to be a DNS name.
    pub fn to_hex(self) -> String {
        self.0.iter().map(|byte| format!("{byte:02x}")).collect()
    }

    /// Reads what [`Token::to_hex`] writes, and nothing else.
    pub fn parse(hex: &str) -> Option<Self> {
        let (pairs, rest) = hex.as_bytes().as_chunks::<2>();
        if pairs.len() != BYTES || !rest.is_empty() {
            return None;
        }
        let mut bytes = [0; BYTES];
        for (byte, [high, low]) in bytes.iter_mut().zip(pairs) {
            *byte = digit(*high)? << 4 | digit(*low)?;
        }
        Some(Self(bytes))
    }

    /// Whether it is `other`, in a time that does not tell how much of it is.
    pub fn is(&self, other: &Self) -> bool {
        let differences = self.0.iter().zip(&other.0).map(|(a, b)| a ^ b);
        black_box(differences.fold(0, |all, bits| black_box(all | bits))) == 0
    }
}

fn digit(hex: u8) -> Option<u8> {
    match hex {
        b'0'..=b'9' => Some(hex - b'0'),
        b'a'..=b'f' => Some(hex - b'a' + 10),
        _ => None,
    }
}

/// A token for each entry: one generation. Entries of other versions of the program are kept as they are.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Paths(BTreeMap<String, Token>);

impl Paths {
    /// New ones for every entry.
    ///
    /// # Errors
    /// When there is no randomness.
    pub fn random() -> Result<Self, NoRandomness> {
        let one = |entry: Entry| Ok((entry.as_str().to_owned(), Token::random()?));
        Entry::ALL.into_iter().map(one).collect::<Result<_, _>>().map(Self)
    }

    /// The path of an entry, as the API server is told; one that is never heard when there is no token for it.
    pub fn path(&self, entry: Entry) -> String {
        let token = self.0.get(entry.as_str()).map(|token| token.to_hex());
        format!("/{}/{}", entry.as_str(), token.unwrap_or_default())
    }

    /// The token of an entry.
    pub fn token(&self, entry: Entry) -> Option<&Token> {
        self.0.get(entry.as_str())
    }

    /// Whether there is a token for every entry.
    pub fn is_whole(&self) -> bool {
        Entry::ALL.into_iter().all(|entry| self.token(entry).is_some())
    }

    /// The same, with the tokens of `fresh` for entries that have none.
    #[must_use]
    pub fn filled(mut self, fresh: &Self) -> Self {
        for (entry, token) in &fresh.0 {
            self.0.entry(entry.clone()).or_insert(*token);
        }
        self
    }

    /// Takes the token out of a path that an API server was told; nothing when it is no path of ours.
    pub fn learn(&mut self, path: &str) {
        let parts = path.strip_prefix('/').and_then(|path| path.split_once('/'));
        if let Some((entry, token)) = parts
            && let (Some(entry), Some(token)) = (Entry::named(entry), Token::parse(token))
        {
            self.0.insert(entry.as_str().to_owned(), token);
        }
    }

    /// As it is kept in the Secret.
    pub fn write(&self) -> String {
        let texts: BTreeMap<_, _> = self.0.iter().map(|(entry, token)| (entry, token.to_hex())).collect();
        serde_json::to_string(&texts).unwrap_or_default()
    }

    /// Reads what [`Paths::write`] writes; nothing when a token is none.
    pub fn read(text: &[u8]) -> Option<Self> {
        let texts: BTreeMap<String, String> = serde_json::from_slice(text).ok()?;
        let one = |(entry, token): (String, String)| Some((entry, Token::parse(&token)?));
        texts.into_iter().map(one).collect::<Option<_>>().map(Self)
    }
}
