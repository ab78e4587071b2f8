//! Who may assume a role.

use serde_json::json;

use super::{Bench, Outcome, equal, some, text};
use crate::change::{Document, Kind, TrustChange};
use crate::cloud::{ErrorClass, Standing};
use crate::id::RoleName;

fn denying(trust: &Document) -> Document {
    let mut denying = trust.clone();
    let deny =
        json!({"Sid": "Deny", "Effect": "Deny", "Principal": "*", "Action": ["sts:AssumeRole"]});
    if let Some(statements) = denying["Statement"].as_array_mut() {
        statements.insert(0, deny);
    }
    denying
}

fn change(
    bench: &Bench<'_>,
    role: &RoleName,
    before: &Document,
    after: &Document,
) -> crate::change::Change {
    let (role, before, after) = (role.clone(), before.clone(), after.clone());
    bench.change(Kind::Trust(TrustChange { role, before, after }))
}

pub async fn replaces_who_may_assume_a_role_and_gives_it_back(bench: &Bench<'_>) -> Outcome {
    let at = bench.here();
    let name = bench.fixture().role(at, "/service/").await?;
    let role = some("role", bench.session.role(at, &name).await.map_err(text)?)?;
    let after = denying(&role.trust);
    bench.passes(&change(bench, &name, &role.trust, &after)).await?;
    let now = some("role", bench.session.role(at, &name).await.map_err(text)?)?;
    equal("trust", &now.trust, &after)?;
    bench.passes(&change(bench, &name, &after, &role.trust)).await.map(drop)
}

pub async fn refuses_a_trust_policy_that_is_none(bench: &Bench<'_>) -> Outcome {
    let at = bench.here();
    let name = bench.fixture().role(at, "/").await?;
    let role = some("role", bench.session.role(at, &name).await.map_err(text)?)?;
    let mut wrong = denying(&role.trust);
    wrong["Statement"][0]["Action"] = json!("s3:GetObject");
    let change_it = change(bench, &name, &role.trust, &wrong);
    bench.refuses(&change_it, &[ErrorClass::Invalid]).await?;
    bench.stands(&change_it, &Standing::Before).await?;
    let unknown: RoleName = bench.unique("no-role").parse().unwrap();
    let change = change(bench, &unknown, &role.trust, &denying(&role.trust));
    bench.stands(&change, &Standing::Gone).await?;
    bench.refuses(&change, &[ErrorClass::Gone]).await.map(drop)
}
