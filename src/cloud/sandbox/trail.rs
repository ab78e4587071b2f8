//! CloudTrail's event history: what a scenario says that users did.

use std::time::Duration;

use jiff::Timestamp;
use serde::Deserialize;

use super::world::{Logged, World};
use crate::cloud::{Deed, Doer, TRAIL_WINDOW, TrailPage, is_told};
use crate::id::{AccessKeyId, Place, Region, UserName};

/// Events of one page (CloudTrail API Reference).
const PAGE: usize = 50;

/// What a user did before the scenario begins.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DeedSpec {
    /// Who did it.
    pub user: UserName,
    /// With which key.
    pub key: AccessKeyId,
    /// The event's name.
    pub event: String,
    /// The ARN of the role that was assumed, or the name of what was made.
    pub about: String,
    /// Where CloudTrail keeps it; the account's Region when left out.
    pub region: Option<Region>,
    /// How long ago.
    #[serde(default)]
    pub minutes_ago: u32,
}

impl DeedSpec {
    /// As it is kept.
    pub fn logged(&self, home: &Region, now: Timestamp) -> Logged {
        let ago = Duration::from_secs(u64::from(self.minutes_ago) * 60);
        Logged {
            region: self.region.clone().unwrap_or_else(|| home.clone()),
            user: self.user.clone(),
            key: self.key.clone(),
            at: now.checked_sub(ago).unwrap_or(Timestamp::MIN),
            event: self.event.clone(),
            about: self.about.clone(),
        }
    }
}

/// `cloudtrail:LookupEvents`: latest first. A page holds every event; only what is asked for is shown.
pub fn page(
    world: &World,
    at: &Place,
    by: &Doer,
    after: Option<&str>,
    now: Timestamp,
) -> TrailPage {
    let since = now.saturating_sub(TRAIL_WINDOW).unwrap_or(Timestamp::MIN);
    let all = world.accounts.get(&at.account).map(|account| account.trail.as_slice());
    let theirs = |one: &&Logged| match by {
        Doer::Key(key) => one.key == *key,
        Doer::User(user) => one.user == *user,
    };
    let mut found: Vec<&Logged> = all
        .unwrap_or_default()
        .iter()
        .filter(theirs)
        .filter(|one| one.region == at.region && one.at >= since)
        .collect();
    found.sort_by_key(|one| std::cmp::Reverse(one.at));
    let first: usize = after.and_then(|after| after.parse().ok()).unwrap_or(0);
    let end = first.saturating_add(PAGE);
    let shown = found.iter().skip(first).take(PAGE).filter(|one| is_told(&one.event));
    let deeds = shown.map(|one| Deed {
        at: one.at.to_string(),
        event: one.event.clone(),
        about: one.about.clone(),
    });
    TrailPage { deeds: deeds.collect(), next: (end < found.len()).then(|| end.to_string()) }
}
