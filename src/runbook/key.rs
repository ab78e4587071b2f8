//! A step's place in its run: a path that does not depend on what finishes first.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::limits::STEP_KEY_CHARS_MAX;

/// `3` is the third step; `2[17]/1` the first step of branch 17 of the `parallel` that is step 2; `3~1`
/// is the first time that the engine looks again at what step 3 contained: no script asks for it.
/// The order is that of the text and says nothing about time.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct StepKey(String);

impl StepKey {
    /// The path as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The key of the `nth` time, from 1, that this step is looked at again; at most
    /// [`AGAIN_MAX`].
    #[must_use]
    pub fn again(&self, nth: u8) -> Self {
        Self(format!("{self}~{}", nth.clamp(1, AGAIN_MAX)))
    }

    /// The step that is looked at again, and which time it is, from 1; `None`: it is a step of the script.
    #[must_use]
    pub fn looks_again(&self) -> Option<(Self, u8)> {
        let (of, nth) = self.0.split_once('~')?;
        Some((Self(of.to_owned()), nth.parse().ok()?))
    }
}

/// How often a step is looked at again at most: a digit of its key. Whoever undoes it more often than
/// that is not to be outlasted by asking AWS once more.
pub const AGAIN_MAX: u8 = 5;

fn number(text: &str) -> bool {
    !text.is_empty()
        && text.len() <= 5
        && text.bytes().all(|b| b.is_ascii_digit())
        && (text == "0" || !text.starts_with('0'))
}

fn well_formed(text: &str) -> bool {
    match text.split_once('~') {
        Some((of, nth)) => {
            is_path(of)
                && nth.len() == 1
                && nth.parse().is_ok_and(|nth| (1..=AGAIN_MAX).contains(&nth))
        }
        None => is_path(text),
    }
}

fn is_path(text: &str) -> bool {
    let mut parts = text.split('/').peekable();
    while let Some(part) = parts.next() {
        let last = parts.peek().is_none();
        let good = match part.split_once('[') {
            None => last && number(part) && part != "0",
            Some((step, branch)) => {
                !last && number(step) && step != "0" && branch.strip_suffix(']').is_some_and(number)
            }
        };
        if !good {
            return false;
        }
    }
    text.len() <= STEP_KEY_CHARS_MAX
}

impl FromStr for StepKey {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        if well_formed(text) {
            Ok(Self(text.to_owned()))
        } else {
            Err("a step key is a path such as 3 or 2[17]/1".to_owned())
        }
    }
}

impl TryFrom<String> for StepKey {
    type Error = String;
    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

impl From<StepKey> for String {
    fn from(key: StepKey) -> Self {
        key.0
    }
}

impl fmt::Display for StepKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Counts the steps of a run or of one branch.
#[derive(Debug, Default)]
pub(super) struct KeyScope {
    prefix: String,
    taken: u32,
}

impl KeyScope {
    /// The scope of branch `index` of the `parallel` at `key`.
    pub(super) fn branch(key: &StepKey, index: usize) -> Self {
        Self { prefix: format!("{key}[{index}]/"), taken: 0 }
    }

    /// The next key.
    pub(super) fn next(&mut self) -> StepKey {
        self.taken += 1;
        StepKey(format!("{}{}", self.prefix, self.taken))
    }
}

#[cfg(test)]
mod tests {
    use super::{KeyScope, StepKey};

    #[test]
    fn keys_are_paths_and_nothing_else() {
        for (text, good) in [
            ("1", true),
            ("1000", true),
            ("2[17]/1", true),
            ("2[0]/10[499]/3", true),
            ("2[0]/3~1", true),
            ("3~5", true),
            ("3~0", false),
            ("3~6", false),
            ("3~11", false),
            ("3~1~1", false),
            ("2~1[0]/3", false),
            ("~1", false),
            ("", false),
            ("0", false),
            ("01", false),
            ("2[17]", false),
            ("2/1", false),
            ("2[]/1", false),
            ("2[1/1", false),
            ("../1", false),
            ("1;drop", false),
            ("1#2", false),
        ] {
            assert_eq!(text.parse::<StepKey>().is_ok(), good, "{text}");
        }
        assert!("1[1]/".repeat(40).parse::<StepKey>().is_err());
    }

    #[test]
    fn a_key_tells_what_is_looked_at_again() {
        let step: StepKey = "2[17]/1".parse().unwrap();
        assert_eq!(step.looks_again(), None);
        assert_eq!(step.again(2).as_str(), "2[17]/1~2");
        assert_eq!(step.again(2).looks_again(), Some((step.clone(), 2)));
        assert!(step.again(u8::MAX).as_str().parse::<StepKey>().is_ok());
    }

    #[test]
    fn a_scope_counts_and_a_branch_starts_again() {
        let mut scope = KeyScope::default();
        assert_eq!(scope.next().as_str(), "1");
        let parallel = scope.next();
        let mut branch = KeyScope::branch(&parallel, 17);
        assert_eq!(branch.next().as_str(), "2[17]/1");
        let inner = branch.next();
        assert_eq!(KeyScope::branch(&inner, 0).next().as_str(), "2[17]/2[0]/1");
        assert!(KeyScope::branch(&inner, 0).next().as_str().parse::<StepKey>().is_ok());
    }
}
