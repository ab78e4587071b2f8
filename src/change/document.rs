//! Policy documents inside changes: what an entry can hold, and the text that AWS gets.

use super::Document;

/// A policy document as a change carries it: one with a number that no entry may hold is kept as the
/// text that it is, or whoever may write a policy could make its removal unwritable.
#[must_use]
pub fn carried(document: Document) -> Document {
    fn fits(value: &Document) -> bool {
        match value {
            Document::Number(n) => {
                n.as_i64().is_some_and(|n| n.unsigned_abs() <= crate::timeline::INTEGER_MAX)
            }
            Document::Array(items) => items.iter().all(fits),
            Document::Object(map) => map.values().all(fits),
            _ => true,
        }
    }
    if fits(&document) { document } else { Document::String(document.to_string()) }
}

/// The text of a document that a change carries.
#[must_use]
pub fn policy_text(document: &Document) -> String {
    match document {
        Document::String(text) => text.clone(),
        other => other.to_string(),
    }
}
