//! The documents that stand beside a chain: entries name them by digest, so that they are part of what a
//! chain proves.

use serde_json::Value;

use super::{Entry, Kind};
use crate::id::Digest;

impl Entry {
    /// The digests of the documents that it names: a finding as it came and as it was read, a runbook's
    /// source, a run's facts, a long output. Other digests are hashes of what nobody stores, such as a
    /// plan's; and a note may hold any text.
    #[must_use]
    pub fn documents(&self) -> Vec<Digest> {
        let text = |key: &str| self.body.get(key).and_then(Value::as_str);
        let keys: &[&str] = match self.kind() {
            Some(Kind::FindingReceived) => &["raw", "document"],
            Some(Kind::RunRequested) if text("kind") != Some("undo") => &["hash"],
            Some(Kind::RunStarted) => &["facts"],
            Some(Kind::StepFinished) => &["output_blob"],
            _ => &[],
        };
        let named = keys.iter().filter_map(|key| text(key));
        named.filter_map(|text| text.strip_prefix("sha256:").unwrap_or(text).parse().ok()).collect()
    }
}
