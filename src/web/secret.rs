//! The secret of an API token: made here, shown once, kept only as its hash.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use subtle::ConstantTimeEq;

use crate::id::Digest;

/// What every secret starts with, so that a scanner finds one that leaked.
const PREFIX: &str = "tq_";

/// Random bytes of a secret: as many as the hash has, so that guessing either is the same work.
const RANDOM_BYTES: usize = 32;

/// Characters of a secret that is looked up at all: no longer text can be one of ours.
const SECRET_MAX: usize = 128;

/// A token's secret. It has no `Debug` and no `Display`: showing it takes [`Secret::reveal`].
pub struct Secret(String);

impl Secret {
    /// A new secret: `tq_` and 32 random bytes in base64url.
    #[must_use]
    pub fn random() -> Self {
        let mut bytes = [0_u8; RANDOM_BYTES];
        getrandom::fill(&mut bytes).expect("the operating system gives random bytes");
        Self(format!("{PREFIX}{}", URL_SAFE_NO_PAD.encode(bytes)))
    }

    /// What a caller sent; `None`: it can't be a secret of ours.
    #[must_use]
    pub fn sent(text: &str) -> Option<Self> {
        let text = text.trim();
        (text.starts_with(PREFIX) && text.len() <= SECRET_MAX).then(|| Self(text.to_owned()))
    }

    /// What is stored and looked up. The secret has 256 random bits, so one round of SHA-256 is
    /// enough: there is no dictionary to try.
    #[must_use]
    pub fn hash(&self) -> Digest {
        Digest::of(self.0.as_bytes())
    }

    /// The secret itself, to be shown once to the person who made it.
    #[must_use]
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

/// Whether two hashes are equal, in a time that does not depend on where they differ.
#[must_use]
pub fn same(a: &Digest, b: &Digest) -> bool {
    a.as_str().as_bytes().ct_eq(b.as_str().as_bytes()).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_differ_and_only_ours_are_looked_up() {
        let (one, two) = (Secret::random(), Secret::random());
        assert!(!same(&one.hash(), &two.hash()));
        assert!(same(&one.hash(), &Secret::sent(one.reveal()).unwrap().hash()));
        assert_eq!(one.reveal().len(), 3 + 43);
        for text in ["", "password", "Bearer tq_x", &format!("tq_{}", "a".repeat(SECRET_MAX))] {
            assert!(Secret::sent(text).is_none(), "{text}");
        }
    }
}
