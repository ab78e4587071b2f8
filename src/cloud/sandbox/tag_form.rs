//! The form that AWS demands of tags, whatever they are put on.

use super::refusal::Refused;
use crate::change::Tags;

/// Tags of one resource (EC2 User Guide and IAM User Guide, tag restrictions).
pub const TAGS_MAX: usize = 50;
/// Characters of a key.
const TAG_KEY_MAX: usize = 128;
/// Characters of a value.
const TAG_VALUE_MAX: usize = 256;

/// The form of tags that are set, at creation or later.
///
/// # Errors
/// `InvalidParameterValue` with the first rule that is broken.
pub fn check_tags(tags: &Tags) -> Result<(), Refused> {
    let wrong = |words: String| Err(Refused::new("InvalidParameterValue", words));
    if tags.len() > TAGS_MAX {
        return Err(Refused::new(
            "TagLimitExceeded",
            format!("a resource has at most {TAGS_MAX} tags"),
        ));
    }
    for (key, value) in tags {
        if key.is_empty() || key.chars().count() > TAG_KEY_MAX {
            return wrong(format!("a tag key has 1-{TAG_KEY_MAX} characters"));
        }
        if key.to_lowercase().starts_with("aws:") {
            return wrong("Tag keys starting with 'aws:' are reserved for internal use".to_owned());
        }
        if value.chars().count() > TAG_VALUE_MAX {
            return wrong(format!("a tag value has at most {TAG_VALUE_MAX} characters"));
        }
    }
    Ok(())
}
