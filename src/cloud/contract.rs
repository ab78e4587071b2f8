//! The contract suite: what every cloud must do, run on the twin and, over the wire, on moto.
//!
//! Each check makes its own things, so that checks may share a server with others and with their
//! own past. Where implementations disagree, the AWS documentation decides: a check states what it
//! says, and what an emulator can't do is named by the emulator's fixture with the reason. A check
//! that is said to be beyond an emulator is run all the same and must fail, so that no limit
//! outlives its cause. Nothing here knows an implementation.

mod disk;
mod general;
mod identity;
mod network;
mod on_sandbox;
mod tagging;

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use async_trait::async_trait;
use futures::future::BoxFuture;

use super::{Cloud, CloudError, ErrorClass, Receipt, Scope, Session, Standing, standing};
use crate::change::{Change, Kind, Permission, TAG_CASE, TAG_STEP, Tags};
use crate::id::{AccountId, GroupId, InstanceId, Place, RoleName, UserName, VpcId};

/// What a check or a fixture says when it goes wrong.
pub type Outcome<T = ()> = Result<T, String>;

/// What an emulator may be unable to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Ability {
    /// An interface's groups are read back just as they were set.
    GroupsOfInterface,
    /// Groups that don't exist, or are of another VPC, are refused; so is an empty list.
    GroupsChecked,
    /// A group's name is taken whatever its case.
    NamesWithoutCase,
    /// A new group in a VPC with IPv6 also gets an egress rule to `::/0`.
    Ipv6Egress,
    /// Tagging something in EC2 that does not exist is refused.
    TagTargetsChecked,
    /// A snapshot is pending before it is completed.
    PendingSnapshots,
    /// A set of snapshots leaves out what it is told to.
    LeavingOut,
    /// A snapshot is seen by, and can be copied in, just the accounts that it is shared with.
    SharedSnapshots,
    /// A snapshot under the AWS managed key can't be shared.
    DefaultKeyKept,
    /// The AWS managed key is told from others by its ARN.
    DefaultKeyByArn,
    /// A copy under a key that is not there ends in error after the call has answered.
    LateKeyErrors,
    /// Service-linked roles can't be changed.
    ServiceRolesKept,
    /// Tags of buckets.
    BucketTags,
    /// GuardDuty findings can be put there and read.
    Findings,
    /// A session may do just what its permissions say.
    Permissions,
}

/// Makes things for checks, with the implementation's own means.
#[async_trait]
pub trait Fixture: Send + Sync {
    /// What this emulator can't do, each with the reason.
    fn cannot(&self) -> &'static [(Ability, &'static str)];
    /// A new VPC.
    async fn vpc(&self, at: &Place, ip: Ip) -> Outcome<VpcId>;
    /// A new group in `vpc` as EC2 makes it: no inbound rule, everything out.
    async fn group(&self, at: &Place, vpc: &VpcId) -> Outcome<GroupId>;
    /// A new running instance.
    async fn instance(&self, at: &Place, wish: &InstanceWish) -> Outcome<InstanceId>;
    /// Terminates it, and waits until it is.
    async fn terminate(&self, at: &Place, id: &InstanceId) -> Outcome;
    /// A new role under `path`.
    async fn role(&self, at: &Place, path: &str) -> Outcome<RoleName>;
    /// A new instance profile that holds `role`: its ARN.
    async fn profile(&self, at: &Place, role: &RoleName) -> Outcome<String>;
    /// A new user with this many active access keys (0-2).
    async fn user(&self, at: &Place, keys: usize, console: Console) -> Outcome<UserName>;
    /// A new bucket: its name.
    async fn bucket(&self, at: &Place) -> Outcome<String>;
    /// A new customer managed key that `usable_by` may use too: its ARN.
    async fn key(&self, at: &Place, usable_by: &AccountId) -> Outcome<String>;
    /// A finding with the id `id`, of any type, as GuardDuty would hold it.
    async fn finding(&self, at: &Place, id: &str) -> Outcome;
}

/// The address families of a VPC.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ip {
    /// IPv4 only.
    V4,
    /// IPv4 and IPv6.
    Dual,
}

/// Whether a user has a console password.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Console {
    /// It has.
    Password,
    /// It has none.
    None,
}

/// An instance to make.
#[derive(Debug, Clone, Default)]
pub struct InstanceWish {
    /// Its interfaces: VPC and groups, the primary one first.
    pub interfaces: Vec<(VpcId, Vec<GroupId>)>,
    /// Its volumes, the root volume first; at least one.
    pub disks: Vec<Disk>,
    /// Its tags.
    pub tags: Tags,
}

/// A volume to make.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Disk {
    /// Not encrypted.
    Plain,
    /// Encrypted under `alias/aws/ebs`.
    DefaultKey,
    /// Encrypted under this customer managed key (ARN).
    Key(String),
}

/// Where the suite works.
pub struct Lab {
    /// The account where things are made.
    pub workload: Place,
    /// The account that evidence goes to, in the same Region.
    pub forensics: Place,
    /// Makes things.
    pub fixture: Arc<dyn Fixture>,
    /// A text that no other run of the suite on the same server uses: part of names and tags.
    pub token: String,
}

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
    general::tells_who_it_is;
    general::keeps_accounts_apart;
    general::answers_with_request_ids;
    general::reads_findings needs Findings;
    general::finds_no_unknown_finding needs Findings;
    general::refuses_what_is_not_permitted needs Permissions;
    network::reads_an_instance;
    network::finds_nothing_unknown;
    network::swaps_the_groups_of_one_interface needs GroupsOfInterface;
    network::refuses_groups_that_are_not_there needs GroupsChecked;
    network::refuses_groups_of_another_vpc needs GroupsChecked;
    network::refuses_an_empty_list_of_groups needs GroupsChecked;
    network::refuses_an_unknown_interface;
    network::shows_a_terminated_instance;
    network::creates_a_group_and_finds_it_by_purpose;
    network::refuses_a_name_that_is_taken;
    network::refuses_a_name_that_is_taken_in_another_case needs NamesWithoutCase;
    network::refuses_a_group_in_an_unknown_vpc;
    network::opens_egress_for_both_families needs Ipv6Egress;
    network::adds_and_removes_rules;
    network::refuses_rules_twice_and_rules_that_are_not_there;
    network::refuses_rules_of_an_unknown_group;
    disk::makes_a_snapshot_of_every_volume;
    disk::leaves_out_what_it_is_told_to needs LeavingOut;
    disk::refuses_snapshots_of_an_unknown_instance;
    disk::shows_a_snapshot_pending_first needs PendingSnapshots;
    disk::shares_and_stops_sharing;
    disk::shows_a_shared_snapshot_to_whom_it_is_shared_with needs SharedSnapshots;
    disk::keeps_a_snapshot_under_the_default_key needs DefaultKeyKept;
    disk::copies_under_a_key_of_ours;
    disk::copies_a_shared_snapshot_to_another_account needs SharedSnapshots;
    disk::refuses_to_copy_what_is_not_shared needs SharedSnapshots;
    disk::ends_a_copy_without_a_key_in_error needs LateKeyErrors;
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
    tagging::tags_everything_in_ec2;
    tagging::tags_roles_and_users;
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
    let count = AtomicU64::new(0);
    let cannot = lab.fixture.cannot();
    let mut wrong = Vec::new();
    for check in CHECKS {
        let session = cloud.open(scope(everything(), check.name));
        let bench = Bench {
            cloud,
            lab,
            session,
            count: &count,
        };
        let outcome = (check.run)(&bench).await;
        let limit = cannot
            .iter()
            .find(|(ability, _)| check.needs.contains(ability));
        match (outcome, limit) {
            (Ok(()), None) => {}
            (Err(why), None) => wrong.push(format!("{}: {why}", check.name)),
            (Err(why), Some((_, reason))) => {
                println!("{}: beyond it ({reason}): {why}", check.name)
            }
            (Ok(()), Some((ability, reason))) => {
                wrong.push(format!(
                    "{}: passes, so {ability:?} is no limit any more ({reason})",
                    check.name
                ));
            }
        }
    }
    for (ability, _) in cannot {
        if !CHECKS.iter().any(|check| check.needs.contains(ability)) {
            wrong.push(format!("{ability:?} is no check's need"));
        }
    }
    assert!(
        wrong.is_empty(),
        "{} of {} checks:\n{}",
        wrong.len(),
        CHECKS.len(),
        wrong.join("\n")
    );
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
        format!(
            "{what}-{}-{}",
            self.lab.token,
            self.count.fetch_add(1, Ordering::Relaxed)
        )
    }

    /// Tags of a new thing, with a step that is used once.
    fn created_by_us(&self) -> Tags {
        tags(&[
            (TAG_CASE, "case-contract"),
            (TAG_STEP, &self.unique("run/step")),
        ])
    }

    fn change(&self, kind: Kind) -> Change {
        Change {
            at: self.here().clone(),
            kind,
        }
    }

    async fn apply(&self, change: &Change) -> Outcome<Receipt> {
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
        let found = standing(self.session.as_ref(), change)
            .await
            .map_err(text)?;
        equal("standing", &found, wanted)
    }

    async fn refuses(&self, change: &Change, classes: &[ErrorClass]) -> Outcome<CloudError> {
        match self.session.apply(change).await {
            Ok(receipt) => Err(format!("{} was not refused: {receipt:?}", change.words())),
            Err(error)
                if classes.contains(&error.class) && error.operation == change.operation() =>
            {
                Ok(error)
            }
            Err(error) => Err(format!(
                "{} is {:?} and not {classes:?}",
                text(error.clone()),
                error.class
            )),
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
    if found == wanted {
        Ok(())
    } else {
        Err(format!("{what} is {found:?} and not {wanted:?}"))
    }
}

fn holds(what: &str, condition: bool) -> Outcome {
    if condition {
        Ok(())
    } else {
        Err(format!("not so: {what}"))
    }
}

fn some<T>(what: &str, value: Option<T>) -> Outcome<T> {
    value.ok_or_else(|| format!("there is no {what}"))
}

fn tags(pairs: &[(&str, &str)]) -> Tags {
    pairs
        .iter()
        .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()))
        .collect()
}
