//! The contract suite: what every cloud must do, run on the twin and, over the wire, on moto.
//!
//! Each check makes its own things, so that checks may share a server with others and with their
//! own past. Where implementations disagree, the AWS documentation decides: a check states what it
//! says, and what an emulator can't do is named by the emulator's fixture with the reason. A check
//! that is said to be beyond an emulator is run all the same and must fail, so that no limit
//! outlives its cause. Nothing here knows an implementation: each calls [`suite`] with its fixture.

mod address;
mod balancing;
mod bucket;
mod carrier;
mod copying;
mod credential;
mod database;
mod disk;
mod exposure;
mod finding;
mod function;
mod general;
mod group;
mod guard;
mod identity;
mod lab;
mod locking;
mod network;
mod profile;
mod scaling;
mod tagging;
mod task;
mod trail;
mod trust;

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use futures::future::BoxFuture;
pub use lab::{
    Ability, Console, DatabaseWish, Disk, Fixture, InstanceWish, Ip, Lab, Outcome, TaskWish,
};

use super::{Cloud, CloudError, ErrorClass, Receipt, Scope, Session, Standing, standing};
use crate::change::{Change, Kind, Permission, TAG_CASE, TAG_STEP, Tags, Urgency};
use crate::id::{InstanceId, Place};

/// What one check works with.
pub struct Bench<'a> {
    cloud: &'a dyn Cloud,
    lab: &'a Lab,
    session: Arc<dyn Session>,
    count: &'a AtomicU64,
}

struct Check {
    name: &'static str,
    needs: &'static [Ability],
    run: for<'a> fn(&'a Bench<'a>) -> BoxFuture<'a, Outcome>,
}

macro_rules! checks {
    ($($module:ident :: $name:ident $(needs $($ability:ident),+)?;)*) => {
        &[$(Check {
            name: concat!(stringify!($module), "::", stringify!($name)),
            needs: &[$($(Ability::$ability),+)?],
            run: |bench| Box::pin($module::$name(bench)),
        }),*]
    };
}

const CHECKS: &[Check] = checks! {
    general::keeps_accounts_apart;
    general::answers_with_request_ids;
    general::reads_findings needs Findings;
    general::finds_no_unknown_finding needs Findings;
    finding::archives_a_finding_and_takes_it_out_again needs Findings;
    finding::takes_feedback_on_a_finding needs Findings;
    finding::changes_nothing_of_an_unknown_finding needs Findings;
    general::refuses_what_is_not_permitted needs Permissions;
    network::reads_an_instance;
    network::finds_nothing_unknown;
    network::swaps_the_groups_of_one_interface needs GroupsOfInterface;
    network::refuses_groups_that_are_not_there needs GroupsChecked;
    network::refuses_groups_of_another_vpc needs GroupsChecked;
    network::refuses_an_empty_list_of_groups needs GroupsChecked;
    network::refuses_an_unknown_interface;
    network::shows_a_terminated_instance;
    guard::turns_termination_protection_on_and_off;
    guard::turns_a_shutdown_into_a_stop_and_back;
    guard::keeps_one_volume_and_lets_it_go_again;
    guard::finds_no_safeguards_of_the_unknown;
    scaling::takes_an_instance_out_of_service_and_back;
    scaling::finds_no_group_of_an_instance_that_is_in_none;
    profile::gives_an_instance_a_profile_replaces_it_and_takes_it_off;
    profile::finds_no_profile_of_an_unknown_instance;
    balancing::takes_a_target_out_of_its_group_and_back;
    balancing::takes_an_instance_out_of_a_classic_load_balancer_and_back;
    balancing::finds_nothing_registered_with_the_unknown;
    address::takes_an_elastic_ip_off_and_gives_it_back;
    address::leaves_an_address_that_is_in_use_where_it_is;
    address::refuses_an_address_of_nobody;
    group::creates_a_group_and_finds_it_by_purpose;
    group::finds_a_group_without_its_tag_by_its_name;
    group::refuses_a_name_that_is_taken;
    group::refuses_a_name_that_is_taken_in_another_case needs NamesWithoutCase;
    group::refuses_a_group_in_an_unknown_vpc;
    group::opens_egress_for_both_families needs Ipv6Egress;
    group::adds_and_removes_rules;
    group::refuses_rules_twice_and_rules_that_are_not_there;
    group::refuses_rules_of_an_unknown_group;
    exposure::gives_rules_back_with_their_descriptions;
    exposure::lists_the_interfaces_that_a_group_is_on;
    disk::makes_a_snapshot_of_every_volume;
    disk::leaves_out_what_it_is_told_to needs LeavingOut;
    disk::refuses_snapshots_of_an_unknown_instance;
    disk::shows_a_snapshot_pending_first needs PendingSnapshots;
    disk::shares_and_stops_sharing;
    disk::shows_a_shared_snapshot_to_whom_it_is_shared_with needs SharedSnapshots;
    disk::keeps_a_snapshot_under_the_default_key needs DefaultKeyKept;
    copying::copies_under_a_key_of_ours;
    copying::copies_a_shared_snapshot_to_another_account needs SharedSnapshots;
    copying::refuses_to_copy_what_is_not_shared needs SharedSnapshots;
    copying::ends_a_copy_without_a_key_in_error needs LateKeyErrors;
    locking::locks_a_snapshot_and_makes_the_lock_stronger;
    locking::loses_the_lock_of_a_copy_that_fails needs LateKeyErrors;
    locking::locks_no_unknown_snapshot;
    disk::knows_unknown_snapshots;
    disk::knows_the_default_key_by_alias;
    disk::knows_the_default_key_by_arn needs DefaultKeyByArn;
    identity::reads_a_role_with_its_profiles;
    identity::puts_replaces_and_deletes_a_role_policy;
    identity::refuses_policies_of_an_unknown_role;
    identity::refuses_a_malformed_policy;
    identity::keeps_service_roles needs ServiceRolesKept;
    identity::reads_a_user_with_keys_and_password;
    identity::puts_and_deletes_a_user_policy;
    identity::switches_access_keys;
    identity::refuses_keys_that_are_not_there;
    identity::removes_a_password_once;
    credential::switches_what_else_a_user_signs_with;
    credential::refuses_credentials_that_are_not_there;
    carrier::lists_the_instances_that_carry_a_profile;
    trail::tells_what_a_user_did_page_by_page;
    trust::replaces_who_may_assume_a_role_and_gives_it_back;
    trust::refuses_a_trust_policy_that_is_none;
    bucket::blocks_public_access_and_gives_it_back;
    bucket::finds_no_exposure_of_the_unknown;
    database::changes_who_reaches_a_database_and_back;
    database::changes_who_reaches_a_cluster_and_back;
    database::finds_no_database_of_that_name;
    task::swaps_the_groups_of_a_task_s_interface;
    task::stops_a_task_for_good;
    task::sets_how_many_tasks_a_service_has;
    task::finds_no_task_and_no_service_of_that_name;
    function::keeps_a_function_from_running_and_gives_it_back;
    function::turns_an_event_source_off_and_on;
    function::finds_no_function_that_is_not_there;
    function::tags_functions;
    tagging::tags_everything_in_ec2;
    tagging::tags_roles_and_users;
    tagging::tags_databases;
    tagging::tags_tasks_and_services;
    tagging::tags_buckets_and_keeps_other_tags needs BucketTags;
    tagging::finds_no_tags_of_the_unknown;
    tagging::refuses_to_tag_unknown_roles_and_users;
    tagging::refuses_to_tag_the_unknown_in_ec2 needs TagTargetsChecked;
    tagging::refuses_to_set_and_remove_at_once;
    tagging::keeps_text_as_it_is;
};

/// Runs every check on `cloud`.
///
/// # Panics
/// With every check that went wrong, and every limit that is none.
pub async fn suite(cloud: &dyn Cloud, lab: &Lab) {
    let wrong = report(cloud, lab).await;
    assert!(wrong.is_empty(), "{} of {} checks:\n{}", wrong.len(), CHECKS.len(), wrong.join("\n"));
}

/// Runs every check on `cloud`: what went wrong, each with the check's name.
pub async fn report(cloud: &dyn Cloud, lab: &Lab) -> Vec<String> {
    let count = AtomicU64::new(0);
    let cannot = lab.fixture.cannot();
    let mut wrong = Vec::new();
    for check in CHECKS {
        let session = cloud.open(scope(everything(), check.name));
        let bench = Bench { cloud, lab, session, count: &count };
        let outcome = (check.run)(&bench).await;
        let limit = cannot.iter().find(|(ability, _)| check.needs.contains(ability));
        match (outcome, limit) {
            (Ok(()), None) => {}
            (Err(why), None) => wrong.push(format!("{}: {why}", check.name)),
            (Err(why), Some((_, reason))) => {
                println!("{}: beyond it ({reason}): {why}", check.name);
            }
            (Ok(()), Some((ability, reason))) => {
                wrong
                    .push(format!("{}: passes, so {ability:?} is no limit ({reason})", check.name));
            }
        }
    }
    for (ability, _) in cannot {
        if !CHECKS.iter().any(|check| check.needs.contains(ability)) {
            wrong.push(format!("{ability:?} is no check's need"));
        }
    }
    wrong
}

/// The name of every check.
pub fn names() -> impl Iterator<Item = &'static str> {
    CHECKS.iter().map(|check| check.name)
}

fn everything() -> BTreeSet<Permission> {
    BTreeSet::from([Permission::new("*", "*")])
}

fn scope(permissions: BTreeSet<Permission>, step: &str) -> Scope {
    // STS takes no colons in a session's name.
    let step = step.replace("::", "-");
    Scope {
        case: "case-contract".parse().unwrap(),
        run: Some("run-contract".parse().unwrap()),
        step,
        permissions,
        urgency: Urgency::Containment,
    }
}

impl Bench<'_> {
    fn here(&self) -> &Place {
        &self.lab.workload
    }

    fn there(&self) -> &Place {
        &self.lab.forensics
    }

    fn fixture(&self) -> &dyn Fixture {
        self.lab.fixture.as_ref()
    }

    /// A text that is used once.
    fn unique(&self, what: &str) -> String {
        format!("{what}-{}-{}", self.lab.token, self.count.fetch_add(1, Ordering::Relaxed))
    }

    /// Tags of a new thing, with a step that is used once.
    fn created_by_us(&self) -> Tags {
        tags(&[(TAG_CASE, "case-contract"), (TAG_STEP, &self.unique("run/step"))])
    }

    fn change(&self, kind: Kind) -> Change {
        Change { at: self.here().clone(), kind }
    }

    /// As the executor does: no change is made before there is room for it.
    async fn apply(&self, change: &Change) -> Outcome<Receipt> {
        let _room = self.session.admit(std::slice::from_ref(change)).await;
        self.session.apply(change).await.map_err(text)
    }

    /// Makes a change that goes from `Before` to `After`, and may be made again.
    async fn passes(&self, change: &Change) -> Outcome<Receipt> {
        self.stands(change, &Standing::Before).await?;
        let receipt = self.apply(change).await?;
        self.stands(change, &Standing::After).await?;
        Ok(receipt)
    }

    async fn stands(&self, change: &Change, wanted: &Standing) -> Outcome {
        let found = standing(self.session.as_ref(), change).await.map_err(text)?;
        equal("standing", &found, wanted)
    }

    async fn refuses(&self, change: &Change, classes: &[ErrorClass]) -> Outcome<CloudError> {
        let _room = self.session.admit(std::slice::from_ref(change)).await;
        match self.session.apply(change).await {
            Ok(receipt) => Err(format!("{} was not refused: {receipt:?}", change.words())),
            Err(error)
                if classes.contains(&error.class) && error.operation == change.operation() =>
            {
                Ok(error)
            }
            Err(error) => {
                Err(format!("{} is {:?} and not {classes:?}", text(error.clone()), error.class))
            }
        }
    }

    /// An instance with one interface in a new VPC, and one plain volume.
    async fn instance(&self, disks: &[Disk]) -> Outcome<InstanceId> {
        let vpc = self.fixture().vpc(self.here(), Ip::V4).await?;
        let group = self.fixture().group(self.here(), &vpc).await?;
        let wish = InstanceWish {
            interfaces: vec![(vpc, vec![group])],
            disks: disks.to_vec(),
            tags: Tags::new(),
        };
        self.fixture().instance(self.here(), &wish).await
    }
}

fn text(error: CloudError) -> String {
    error.to_string()
}

fn equal<T: PartialEq + std::fmt::Debug>(what: &str, found: &T, wanted: &T) -> Outcome {
    if found == wanted { Ok(()) } else { Err(format!("{what} is {found:?} and not {wanted:?}")) }
}

fn holds(what: &str, condition: bool) -> Outcome {
    if condition { Ok(()) } else { Err(format!("not so: {what}")) }
}

fn some<T>(what: &str, value: Option<T>) -> Outcome<T> {
    value.ok_or_else(|| format!("there is no {what}"))
}

fn tags(pairs: &[(&str, &str)]) -> Tags {
    pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
}
