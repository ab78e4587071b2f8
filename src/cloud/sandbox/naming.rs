//! Ids of what the sandbox makes: the same for the same thing in every run of a test.

use super::world::World;
use crate::id::Digest;

impl World {
    /// The next number of the sequence.
    pub fn next(&mut self) -> u64 {
        self.sequence += 1;
        self.sequence
    }

    /// A new id: `prefix` and 17 hex digits that only depend on the sequence.
    pub fn fresh(&mut self, prefix: &str) -> String {
        let n = self.next();
        derived(prefix, &n.to_string())
    }

    /// A new id for `what`: `prefix` and 17 hex digits that depend on it and on how many there were of
    /// it before, and not on what is made beside it.
    pub fn fresh_for(&mut self, prefix: &str, what: &str) -> String {
        let made = self.made.entry(format!("{prefix}{what}")).or_default();
        *made += 1;
        derived(prefix, &format!("{what} {made}"))
    }
}

/// `prefix` and 17 hex digits that depend on `seed` alone.
#[must_use]
pub fn derived(prefix: &str, seed: &str) -> String {
    let digest = Digest::of(format!("{prefix}\n{seed}").as_bytes());
    format!("{prefix}{}", &digest.as_str()[..17])
}

/// A unique id as IAM makes them: four letters that say what it is, and 17 capitals or digits.
#[must_use]
pub fn unique_id(prefix: &str, seed: &str) -> String {
    derived(prefix, seed).to_uppercase()
}
