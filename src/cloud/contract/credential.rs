//! SSH public keys, signing certificates and service-specific credentials.

use super::{Bench, Console, Outcome, equal, holds, some, text};
use crate::change::{Change, CredentialKind, KeyStatus, Kind};
use crate::cloud::{ErrorClass, Standing, UserCredential};
use crate::id::{CredentialId, UserName};

async fn read(bench: &Bench<'_>, user: &UserName) -> Outcome<Vec<UserCredential>> {
    some("user", bench.session.credentials(bench.here(), user).await.map_err(text)?)
}

fn switch(
    bench: &Bench<'_>,
    user: &UserName,
    (credential, id): (CredentialKind, &CredentialId),
    before: KeyStatus,
    after: KeyStatus,
) -> Change {
    let (user, id) = (user.clone(), id.clone());
    bench.change(Kind::Credential { user, credential, id, before, after })
}

pub async fn switches_what_else_a_user_signs_with(bench: &Bench<'_>) -> Outcome {
    let at = bench.here();
    let user = bench.fixture().user(at, 0, Console::None).await?;
    equal("credentials", &read(bench, &user).await?, &Vec::new())?;
    let mut made = Vec::new();
    for kind in CredentialKind::ALL {
        made.push((kind, bench.fixture().credential(at, &user, kind).await?));
    }
    for (kind, id) in &made {
        let off = switch(bench, &user, (*kind, id), KeyStatus::Active, KeyStatus::Inactive);
        bench.passes(&off).await?;
        bench.apply(&off).await?;
        bench.stands(&off, &Standing::After).await?;
        for found in read(bench, &user).await? {
            let kind = made.iter().find(|(_, made)| *made == found.id).map(|(kind, _)| *kind);
            equal("kind", &Some(found.kind), &kind)?;
            let of_one = found.kind == CredentialKind::ServiceSpecific;
            equal("service", &found.service.is_some(), &of_one)?;
            let off = found.id == *id;
            holds("just this one is off", (found.status == KeyStatus::Inactive) == off)?;
        }
        let on = switch(bench, &user, (*kind, id), KeyStatus::Inactive, KeyStatus::Active);
        bench.passes(&on).await?;
    }
    Ok(())
}

pub async fn refuses_credentials_that_are_not_there(bench: &Bench<'_>) -> Outcome {
    let at = bench.here();
    let known = bench.fixture().user(at, 0, Console::None).await?;
    let unknown: UserName = bench.unique("no-user").parse().unwrap();
    equal("credentials", &bench.session.credentials(at, &unknown).await.map_err(text)?, &None)?;
    let id: CredentialId = "APKA0000000000000000".parse().unwrap();
    for (user, kind) in
        [&known, &unknown].into_iter().flat_map(|user| CredentialKind::ALL.map(|kind| (user, kind)))
    {
        let off = switch(bench, user, (kind, &id), KeyStatus::Active, KeyStatus::Inactive);
        bench.stands(&off, &Standing::Gone).await?;
        bench.refuses(&off, &[ErrorClass::Gone]).await?;
    }
    Ok(())
}
