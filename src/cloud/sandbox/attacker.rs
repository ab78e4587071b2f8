//! The attacker's view: what stolen credentials and a compromised instance can still do.
//!
//! Containment is proven here, from the other side. Nothing here changes what AWS shows.

use std::time::Duration;

use jiff::Timestamp;
use serde::Serialize;

#[cfg(test)]
use super::network::open_to_the_world;
use super::network::reaches_out;
use super::refusal::Refused;
use super::settle::Settling;
use super::world::{Issued, Principal, World};
use super::{Sandbox, build, policy, trust};
use crate::change::{Document, KeyStatus};
use crate::id::{AccessKeyId, AccountId, CredentialId, InstanceId, Place, RoleName, UserName};

/// Whether something still works, and why.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Verdict {
    /// Whether it works.
    pub allowed: bool,
    /// Why, in words.
    pub why: String,
}

impl Verdict {
    fn yes(why: impl Into<String>) -> Self {
        Self { allowed: true, why: why.into() }
    }

    fn no(why: impl Into<String>) -> Self {
        Self { allowed: false, why: why.into() }
    }
}

/// Looks at a sandbox with an attacker's eyes.
#[derive(Clone)]
pub struct Attacker {
    sandbox: Sandbox,
}

impl Attacker {
    pub(super) fn new(sandbox: Sandbox) -> Self {
        Self { sandbox }
    }

    /// Whether a call signed with this access key is still answered.
    #[must_use]
    pub fn can_call(&self, account: &AccountId, key: &AccessKeyId) -> Verdict {
        let now = self.sandbox.clock().now();
        self.sandbox.with(|world| can_call(world, account, key, now))
    }

    /// Whether what is signed or asked for with this SSH key, certificate or service-specific
    /// credential is still answered.
    #[must_use]
    pub fn can_use(&self, account: &AccountId, credential: &CredentialId) -> Verdict {
        let now = self.sandbox.clock().now();
        self.sandbox.with(|world| {
            let users = world.accounts.get(account).map(|account| &account.users);
            let mut owners = users.into_iter().flatten();
            let owner = owners
                .find_map(|(name, user)| Some((name, user, user.credentials.get(credential)?)));
            let Some((name, user, found)) = owner else {
                return Verdict::no(format!("{credential} is not known"));
            };
            let delay = world.iam_delay();
            if *found.status.felt(now, delay) == KeyStatus::Inactive {
                return Verdict::no(format!("{credential} of user {name} is inactive"));
            }
            match denied(user.policies.iter(), None, now, delay) {
                Some(why) => Verdict::no(format!("user {name}: {why}")),
                None => Verdict::yes(format!("{credential} of user {name} is active")),
            }
        })
    }

    /// Whether the instance can still reach hosts outside: by its groups, or by a connection that
    /// tracking keeps alive.
    #[must_use]
    pub fn can_reach_out(&self, at: &Place, instance: &InstanceId) -> Verdict {
        self.sandbox.with(|world| can_reach_out(world, at, instance))
    }

    /// Whether anybody on the internet may connect to a port of an instance, as far as its groups say.
    #[cfg(test)]
    #[must_use]
    pub fn can_reach_in(&self, at: &Place, instance: &InstanceId, port: u16) -> Verdict {
        self.sandbox.with(|world| {
            let region =
                world.accounts.get(&at.account).and_then(|own| own.regions.get(&at.region));
            let found = region.and_then(|region| Some((region, region.instances.get(instance)?)));
            let Some((region, machine)) = found else {
                return Verdict::no(format!("there is no instance {instance}"));
            };
            let mut interfaces = machine.instance.interfaces.iter();
            match interfaces.find_map(|one| open_to_the_world(region, one, port)) {
                Some(group) => Verdict::yes(format!("{} lets everybody in to {port}", group.id)),
                None => Verdict::no(format!("no group of {instance} lets everybody in to {port}")),
            }
        })
    }

    /// Whether anybody on the internet can read what is in a bucket.
    #[cfg(test)]
    #[must_use]
    pub fn can_read_publicly(
        &self,
        account: &AccountId,
        bucket: &crate::id::BucketName,
    ) -> Verdict {
        self.sandbox.with(|world| {
            let found = world.accounts.get(account).and_then(|own| own.buckets.get(bucket));
            match found.map(super::bucket::open_by) {
                None => Verdict::no(format!("there is no bucket {bucket}")),
                Some(None) => Verdict::no(format!("nothing of bucket {bucket} is public")),
                Some(Some(why)) => Verdict::yes(format!("bucket {bucket}: {why}")),
            }
        })
    }

    /// Whether a task can still reach hosts outside.
    #[cfg(test)]
    #[must_use]
    pub fn can_reach_out_of_task(&self, at: &Place, task: &crate::change::EcsRef) -> Verdict {
        self.sandbox.with(|world| {
            let account = world.accounts.get(&at.account);
            let region = account.and_then(|account| account.regions.get(&at.region));
            match region.and_then(|region| super::task::reaches_out(region, task)) {
                Some(why) => Verdict::yes(why),
                None => Verdict::no(format!("{} reaches nothing", task.path())),
            }
        })
    }

    /// Whether anybody can open a connection to a database.
    #[cfg(test)]
    #[must_use]
    pub fn can_connect(&self, at: &Place, database: &crate::id::DatabaseId) -> Verdict {
        self.sandbox.with(|world| {
            let account = world.accounts.get(&at.account);
            let region = account.and_then(|account| account.regions.get(&at.region));
            match region.and_then(|region| super::database::reached_by(region, database)) {
                Some(why) => Verdict::yes(why),
                None => Verdict::no(format!("nothing lets anybody in to {database}")),
            }
        })
    }

    /// Whether a function can still be made to run.
    #[cfg(test)]
    #[must_use]
    pub fn can_invoke(&self, at: &Place, function: &crate::id::FunctionName) -> Verdict {
        self.sandbox.with(|world| {
            let account = world.accounts.get(&at.account);
            let region = account.and_then(|account| account.regions.get(&at.region));
            match region.and_then(|region| region.functions.get(function)) {
                None => Verdict::no(format!("there is no function {function}")),
                Some(found) if found.concurrency == Some(0) => {
                    Verdict::no(format!("no execution of {function} is allowed at once"))
                }
                Some(_) => Verdict::yes(format!("{function} has executions left")),
            }
        })
    }

    /// Whether the user can still sign in to the console and do anything there.
    #[must_use]
    pub fn console_login(&self, account: &AccountId, user: &UserName) -> Verdict {
        let now = self.sandbox.clock().now();
        self.sandbox.with(|world| {
            let Some(found) =
                world.accounts.get(account).and_then(|account| account.users.get(user))
            else {
                return Verdict::no(format!("there is no user {user}"));
            };
            if found.login_profile.is_none() {
                return Verdict::no(format!("user {user} has no console password"));
            }
            // A sign-in begins a session now.
            match denied(found.policies.iter(), Some(now), now, world.iam_delay()) {
                Some(why) => Verdict::no(format!("user {user}: {why}")),
                None => Verdict::yes(format!("user {user} has a console password")),
            }
        })
    }

    /// What the metadata service gives to whoever is on an instance: new credentials of its profile's role;
    /// `None`: it has no profile, or one without a role.
    ///
    /// # Errors
    /// When there is no such instance or role, or the world file can't be written.
    #[cfg(test)]
    pub fn metadata_session(
        &self,
        at: &Place,
        instance: &InstanceId,
    ) -> Result<Option<AccessKeyId>, String> {
        let role = self.sandbox.with(|world| {
            let account = world.account(&at.account).ok()?;
            let found = account.regions.get(&at.region)?.instances.get(instance)?;
            let profile = found.instance.profile_arn.as_ref()?.rsplit('/').next()?;
            account.profiles.get(profile).cloned().flatten()
        });
        role.map(|role| self.new_session(&at.account, &role)).transpose()
    }

    /// Issues new credentials of a role, as its service does for legitimate work after a cut-off.
    ///
    /// # Errors
    /// When there is no such role, its trust policy lets nobody in, or the world file can't be written.
    pub fn new_session(&self, account: &AccountId, role: &RoleName) -> Result<AccessKeyId, String> {
        let issued_at = self.sandbox.clock().now();
        let issued = self.sandbox.mutate(|world| {
            let delay = world.iam_delay();
            let Some(found) = world.account(account)?.roles.get(role) else {
                return Err(Refused::new("NoSuchEntity", format!("there is no role {role}")));
            };
            if trust::lets_nobody_in(trust::felt(found, issued_at, delay)) {
                let why = format!("the trust policy of role {role} lets nobody assume it");
                return Err(Refused::new("AccessDenied", why));
            }
            let key: AccessKeyId =
                super::network::parsed(&world.fresh("asia").to_uppercase()[..20])?;
            let expires_at = issued_at.checked_add(build::SESSION_LIFE).unwrap_or(Timestamp::MAX);
            let issued = Issued { principal: Principal::Role(role.clone()), issued_at, expires_at };
            world.account_mut(account)?.sessions.insert(key.clone(), issued);
            Ok(key)
        });
        issued.map_err(|refused| refused.message)
    }
}

fn can_call(world: &World, account: &AccountId, key: &AccessKeyId, now: Timestamp) -> Verdict {
    let Some(found) = world.accounts.get(account) else {
        return Verdict::no(format!("there is no account {account}"));
    };
    let delay = world.iam_delay();
    if let Some(session) = found.sessions.get(key) {
        if now >= session.expires_at {
            return Verdict::no(format!("the session expired at {}", session.expires_at));
        }
        let (who, denied) = match &session.principal {
            Principal::Role(name) => match found.roles.get(name) {
                Some(role) => (
                    format!("role {name}"),
                    denied(role.policies.iter(), Some(session.issued_at), now, delay),
                ),
                None => return Verdict::no(format!("there is no role {name}")),
            },
            Principal::User(name) => match found.users.get(name) {
                Some(user) => (
                    format!("user {name}"),
                    denied(user.policies.iter(), Some(session.issued_at), now, delay),
                ),
                None => return Verdict::no(format!("there is no user {name}")),
            },
        };
        return match denied {
            Some(why) => Verdict::no(format!("{who}: {why}")),
            None => Verdict::yes(format!("a session of {who}, issued at {}", session.issued_at)),
        };
    }
    let owner = found.users.iter().find_map(|(name, user)| Some((name, user, user.keys.get(key)?)));
    let Some((name, user, status)) = owner else {
        return Verdict::no(format!("{key} is not known"));
    };
    if *status.felt(now, delay) == KeyStatus::Inactive {
        return Verdict::no(format!("{key} of user {name} is inactive"));
    }
    match denied(user.policies.iter(), None, now, delay) {
        Some(why) => Verdict::no(format!("user {name}: {why}")),
        None => Verdict::yes(format!("{key} of user {name} is active")),
    }
}

/// Why the first inline policy that denies everything does so.
fn denied<'a>(
    policies: impl Iterator<Item = (&'a String, &'a Settling<Option<Document>>)>,
    issued_at: Option<Timestamp>,
    now: Timestamp,
    delay: Duration,
) -> Option<String> {
    policies.into_iter().find_map(|(name, policy)| {
        let why = policy::denies_all(policy.felt(now, delay).as_ref()?, issued_at)?;
        Some(format!("{why} in policy {name}"))
    })
}

fn can_reach_out(world: &World, at: &Place, id: &InstanceId) -> Verdict {
    let region =
        world.accounts.get(&at.account).and_then(|account| account.regions.get(&at.region));
    let Some((region, machine)) =
        region.and_then(|region| Some((region, region.instances.get(id)?)))
    else {
        return Verdict::no(format!("there is no instance {id}"));
    };
    if machine.instance.state != "running" {
        return Verdict::no(format!("{id} is {}", machine.instance.state));
    }
    let interfaces = &machine.instance.interfaces;
    if let Some(open) = interfaces.iter().find(|interface| reaches_out(region, interface)) {
        return Verdict::yes(format!("a group of {} has an egress rule", open.id));
    }
    if let Some(open) =
        interfaces.iter().find(|interface| machine.tracked_open.contains(&interface.id))
    {
        return Verdict::yes(format!("a tracked connection through {} is still alive", open.id));
    }
    Verdict::no(format!("no group of {id} has an egress rule, and no tracked connection is left"))
}
