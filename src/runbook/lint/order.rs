//! Telling people and tagging come after containment: they can fail, and they cost time.

use super::warning;
use crate::change::Urgency;
use crate::runbook::calls::Call;
use crate::runbook::diagnostic::Diagnostic;
use crate::runbook::host::{Api, HostFunction};

/// Warns of what comes before containment and could come after it.
pub(super) fn order(found: &[Call], api: &Api) -> Vec<Diagnostic> {
    let urgency = |call: &Call| api.find(&call.name).and_then(HostFunction::urgency);
    let Some(last) = found.iter().rposition(|call| urgency(call) == Some(Urgency::Containment))
    else {
        return Vec::new();
    };
    found[..last]
        .iter()
        .filter(|call| call.name == "notify" || urgency(call) == Some(Urgency::Description))
        .map(|call| {
            let help = Some("move it after the last `contain::…`".to_owned());
            warning(format!("`{}` comes before containment", call.name), call.at, help)
        })
        .collect()
}
