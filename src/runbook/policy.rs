//! The IAM policies that runbooks need, derived from every call in their sources.
//!
//! Every branch counts, taken or not: a role that lacks what a branch needs fails on the night when
//! the branch is taken. For each call that is what the action or query says of itself, for actions
//! also the guards' reads and the undo; for runs that may act, the confirmation by GuardDuty.

use std::collections::BTreeSet;

use super::calls::calls;
use super::library::Runbook;
use crate::action::{Need, Settings, find, find_query, needs};
use crate::change::Permission;
use crate::id::{AccountId, Place, Region};
use crate::routing::Mode;

/// The word for an account that is not known, in the ARNs of [`Policies`].
pub const ANY_ACCOUNT: &str = "000000000000";
/// The word for a Region that is not known; in the end it is a star.
const ANY_REGION: &str = "any-region-0";

/// What the policies are for.
#[derive(Debug, Clone)]
pub struct Terms {
    /// The account in which runs act; `None`: any, as [`ANY_ACCOUNT`].
    pub account: Option<AccountId>,
    /// The Region in which they act; `None`: all of them.
    pub region: Option<Region>,
    /// Settings of the deployment.
    pub settings: Settings,
    /// Whether a finding is confirmed with GuardDuty before a run acts.
    pub confirm_findings: bool,
}

/// What roles must allow so that runbooks can do all that they say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Policies {
    /// In the account in which runs act.
    pub responder: Need,
    /// In the forensics account, where evidence is brought there.
    pub forensics: Option<Need>,
}

/// The policies for all of `runbooks` together.
#[must_use]
pub fn policies<'a>(runbooks: impl IntoIterator<Item = &'a Runbook>, terms: &Terms) -> Policies {
    let at = Place {
        account: terms.account.clone().unwrap_or_else(|| word(ANY_ACCOUNT)),
        region: terms.region.clone().unwrap_or_else(|| word(ANY_REGION)),
    };
    let mut responder = Need::default();
    let mut forensics: Option<Need> = None;
    for runbook in runbooks {
        for call in calls(&runbook.ast) {
            if let Some(query) = find_query(&call.name) {
                responder.add(Need { run: query.permissions(&at), undo: BTreeSet::new() });
            }
            let Some(action) = find(&call.name) else {
                continue;
            };
            for (account, need) in needs(action, &at, &terms.settings, &call.starts) {
                if account == at.account {
                    responder.add(need);
                } else {
                    forensics.get_or_insert_default().add(need);
                }
            }
        }
        if terms.confirm_findings && runbook.header.mode != Mode::Observe {
            responder.add(Need { run: confirmation(&at), undo: BTreeSet::new() });
        }
    }
    let everywhere = |need: Need| need.renamed(ANY_REGION, "*");
    Policies { responder: everywhere(responder), forensics: forensics.map(everywhere) }
}

fn word<T: std::str::FromStr<Err = crate::id::IdError>>(text: &str) -> T {
    text.parse().expect("the word has the form of an account or a Region")
}

/// What asking GuardDuty for a finding needs. Detectors are listed without naming one (IAM service
/// authorization reference).
fn confirmation(at: &Place) -> BTreeSet<Permission> {
    let detectors = format!("arn:aws:guardduty:{}:{}:detector/*", at.region, at.account);
    [
        Permission::new("guardduty:ListDetectors", "*"),
        Permission::new("guardduty:GetFindings", detectors),
    ]
    .into()
}
