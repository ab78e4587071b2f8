//! What users sign in or sign with besides access keys and passwords.

use std::time::Duration;

use super::refusal::Refused;
use super::world::World;
use crate::change::{CredentialKind, KeyStatus};
use crate::cloud::UserCredential;
use crate::id::{AccountId, CredentialId, Place, UserName};
use jiff::Timestamp;

/// The calls that list them.
pub const LISTS: [&str; 3] =
    ["iam:ListSSHPublicKeys", "iam:ListSigningCertificates", "iam:ListServiceSpecificCredentials"];

/// What the three lists show; `None` where there is no such user.
#[must_use]
pub fn shown(world: &World, at: &Place, user: &UserName) -> Option<Vec<UserCredential>> {
    let user = world.accounts.get(&at.account)?.users.get(user)?;
    let all = user.credentials.iter().map(|(id, found)| UserCredential {
        kind: found.kind,
        id: id.clone(),
        service: found.service.clone(),
        status: found.status.value,
    });
    Some(all.collect())
}

/// Sets whether one works; the same status again is no error.
///
/// # Errors
/// `NoSuchEntity`.
pub fn set(
    world: &mut World,
    account: &AccountId,
    (name, kind, id): (&UserName, CredentialKind, &CredentialId),
    status: KeyStatus,
    now: Timestamp,
) -> Result<(), Refused> {
    let delay: Duration = world.iam_delay();
    let user = super::identity::user_mut(world, account, name)?;
    match user.credentials.get_mut(id).filter(|found| found.kind == kind) {
        Some(found) => {
            found.status.write(status, now, delay);
            Ok(())
        }
        None => {
            let what = kind.words();
            Err(Refused::new("NoSuchEntity", format!("The {what} with id {id} cannot be found.")))
        }
    }
}
