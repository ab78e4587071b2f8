//! What holds for every call: whose things we see, what an answer carries.

use std::collections::BTreeSet;

use super::{Bench, Console, Disk, Outcome, equal, everything, holds, scope, some, text};
use crate::change::{Change, KeyStatus, Kind, Permission};
use crate::cloud::ErrorClass;
use crate::id::FindingId;

pub async fn keeps_accounts_apart(bench: &Bench<'_>) -> Outcome {
    let id = bench.instance(&[Disk::Plain]).await?;
    some("instance", bench.session.instance(bench.here(), &id).await.map_err(text)?)?;
    let elsewhere = bench.session.instance(bench.there(), &id).await.map_err(text)?;
    holds("the other account does not have it", elsewhere.is_none())
}

pub async fn answers_with_request_ids(bench: &Bench<'_>) -> Outcome {
    let name = bench.fixture().user(bench.here(), 1, Console::None).await?;
    let user = some("user", bench.session.user(bench.here(), &name).await.map_err(text)?)?;
    let key = some("key", user.keys.first().cloned())?.id;
    let change = bench.change(Kind::AccessKey {
        user: name,
        key,
        before: KeyStatus::Active,
        after: KeyStatus::Inactive,
    });
    let first = bench.apply(&change).await?.request_id;
    let second = bench.apply(&change).await?.request_id;
    holds("each answer has its own request id", !first.is_empty() && first != second)
}

pub async fn reads_findings(bench: &Bench<'_>) -> Outcome {
    let id = bench.unique("f");
    bench.fixture().finding(bench.here(), &id).await?;
    let id: FindingId = id.parse().map_err(|e| format!("{e}"))?;
    let found = some("finding", bench.session.finding(bench.here(), &id).await.map_err(text)?)?;
    equal("id", &found["id"].as_str(), &Some(id.as_str()))?;
    equal("account", &found["accountId"].as_str(), &Some(bench.here().account.as_str()))?;
    holds("keys are lower-camel", found["type"].is_string() && found["severity"].is_number())
}

pub async fn finds_no_unknown_finding(bench: &Bench<'_>) -> Outcome {
    bench.fixture().finding(bench.here(), &bench.unique("f")).await?;
    let id: FindingId = bench.unique("unknown").parse().map_err(|e| format!("{e}"))?;
    let found = bench.session.finding(bench.here(), &id).await.map_err(text)?;
    equal("finding", &found, &None)
}

pub async fn refuses_what_is_not_permitted(bench: &Bench<'_>) -> Outcome {
    let name = bench.fixture().user(bench.here(), 1, Console::None).await?;
    let user = some("user", bench.session.user(bench.here(), &name).await.map_err(text)?)?;
    let key = some("key", user.keys.first().cloned())?.id;
    let kind =
        Kind::AccessKey { user: name, key, before: KeyStatus::Active, after: KeyStatus::Inactive };
    let change = Change { at: bench.here().clone(), kind };
    let reading =
        BTreeSet::from(["iam:Get*", "iam:List*"].map(|action| Permission::new(action, "*")));
    // The change's own derived permissions must be enough for it, and reading must not be.
    for (permissions, wanted) in [(reading, Some(ErrorClass::Denied)), (change.permissions(), None)]
    {
        let session = bench.cloud.open(scope(permissions, "permissions"));
        let _room = session.admit(std::slice::from_ref(&change)).await;
        let class = session.apply(&change).await.err().map(|error| error.class);
        equal("class", &class, &wanted)?;
    }
    let session = bench.cloud.open(scope(everything(), "permissions"));
    let _room = session.admit(std::slice::from_ref(&change)).await;
    session.apply(&change).await.map(drop).map_err(text)
}
