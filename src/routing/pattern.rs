//! Patterns over finding types: `Backdoor:EC2/*`.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// A finding type in which `*` stands for any text, the empty one included.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct TypePattern(String);

/// Characters of a finding type or pattern (GuardDuty API: Type is 1-100 characters).
const PATTERN_MAX: usize = 100;

impl TypePattern {
    /// Whether the whole of `finding_type` fits.
    #[must_use]
    pub fn matches(&self, finding_type: &str) -> bool {
        let mut parts = self.0.split('*');
        let first = parts.next().unwrap_or_default();
        let Some(mut rest) = finding_type.strip_prefix(first) else {
            return false;
        };
        let parts: Vec<&str> = parts.collect();
        let Some((last, middle)) = parts.split_last() else {
            return rest.is_empty();
        };
        for part in middle {
            match rest.find(part) {
                Some(at) => rest = &rest[at + part.len()..],
                None => return false,
            }
        }
        rest.ends_with(last)
    }

    /// How much of the type it fixes: the more, the better the match.
    #[must_use]
    pub fn weight(&self) -> usize {
        self.0.chars().filter(|c| *c != '*').count()
    }

    /// As it was written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for TypePattern {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        if text.is_empty() || text.chars().count() > PATTERN_MAX {
            return Err(format!("a finding type pattern has 1 to {PATTERN_MAX} characters"));
        }
        Ok(Self(text.to_owned()))
    }
}

impl TryFrom<String> for TypePattern {
    type Error = String;
    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

impl From<TypePattern> for String {
    fn from(pattern: TypePattern) -> Self {
        pattern.0
    }
}

impl fmt::Display for TypePattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::TypePattern;

    #[test]
    fn a_star_stands_for_any_text() {
        for (pattern, finding_type, fits) in [
            ("Backdoor:EC2/*", "Backdoor:EC2/C&CActivity.B!DNS", true),
            ("Backdoor:EC2/*", "Backdoor:Lambda/C&CActivity.B", false),
            ("Backdoor:EC2/C&CActivity.B", "Backdoor:EC2/C&CActivity.B!DNS", false),
            ("*:EC2/*!DNS", "Backdoor:EC2/C&CActivity.B!DNS", true),
            ("*:EC2/*!DNS", "Backdoor:EC2/C&CActivity.B", false),
            ("*", "", true),
            ("a*a", "a", false),
            ("*ab*b", "abb", true),
        ] {
            let pattern: TypePattern = pattern.parse().unwrap();
            assert_eq!(pattern.matches(finding_type), fits, "{pattern} on {finding_type}");
        }
        assert!("".parse::<TypePattern>().is_err());
    }
}
