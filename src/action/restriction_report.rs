//! What is told of a database that was taken off the network. Pure.

use serde_json::{Value, json};

use super::Context;
use super::database_site::Site;
use crate::change::{DatabaseChange, Kind};
use crate::id::{DatabaseId, GroupId};

/// What a security group does not end (EC2 User Guide, "Security group connection tracking").
const OPEN_CONNECTIONS: &str = "Connections that were open stay open: no security group ends them. End the \
    sessions in the database, or reboot it, which costs its work; a person decides.";

/// What the network is not.
const CREDENTIALS: &str = "No user of the database was locked and no password changed. Where a login may have \
    succeeded, rotate the passwords (their secrets first), and look for users and grants that are new.";

/// What it costs.
const APPLICATIONS: &str = "Nothing opens a connection to it any more, its applications and their connection \
    pools included.";

/// What goes round the groups.
const DATA_API: &str = "Whoever may use the RDS Data API or a snapshot of it needs no connection: deny them in \
    IAM, and look at who snapshots are shared with.";

/// The output of a restriction whose end was observed.
pub(super) fn report(context: &Context<'_>, site: &Site, quarantine: &[GroupId]) -> Value {
    let told = context.applied.iter().filter_map(|applied| match &applied.change.kind {
        Kind::Database(change) => Some(change),
        _ => None,
    });
    let (mut groups_before, mut public_before): (Option<&[GroupId]>, Vec<&DatabaseId>) =
        (None, Vec::new());
    for change in told {
        match change {
            DatabaseChange::Groups { before, .. } => {
                groups_before = groups_before.or(Some(before));
            }
            DatabaseChange::PublicAccess { instance, .. } => public_before.push(instance),
        }
    }
    public_before.sort_unstable();
    public_before.dedup();
    json!({
        "database": site.database.id,
        "cluster": site.cluster.as_ref().map(|cluster| &cluster.id),
        "vpc": site.database.vpc,
        "quarantine": quarantine.first(),
        "members": site.members().iter().map(|member| &member.id).collect::<Vec<_>>(),
        "groups_before": groups_before,
        "public_before": public_before,
        "already": context.applied.is_empty(),
        "notes": [OPEN_CONNECTIONS, CREDENTIALS, APPLICATIONS, DATA_API],
        "warnings": warnings(site, groups_before.is_none()),
    })
}

fn warnings(site: &Site, behind_before: bool) -> Vec<String> {
    let mut warnings = Vec::new();
    if behind_before {
        warnings.push(
            "It was behind a quarantine group before this step: its groups before stand in the record of \
             whoever put it there."
                .to_owned(),
        );
    }
    let cluster = site.cluster.iter().filter(|cluster| cluster.pending);
    let waiting = cluster.map(|cluster| cluster.id.as_str());
    let members = site.members().iter().filter(|member| member.pending);
    for id in waiting.chain(members.map(|member| member.id.as_str())) {
        warnings.push(format!(
            "Modifications of {id} that somebody else has made wait for its maintenance window. They were \
             left to wait, because one of them may restart it."
        ));
    }
    for member in site.stay_public() {
        warnings.push(format!(
            "{} keeps its public address, which RDS changes for no member of a Multi-AZ DB cluster; the \
             quarantine group lets nobody in.",
            member.id
        ));
    }
    warnings
}
