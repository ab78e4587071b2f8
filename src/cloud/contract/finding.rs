//! What is changed of a finding in GuardDuty.

use super::{Bench, Outcome, equal, some, text};
use crate::change::{FindingChange, Kind, Usefulness};
use crate::cloud::{Standing, feedback, is_archived};
use crate::id::FindingId;

async fn made(bench: &Bench<'_>) -> Outcome<FindingId> {
    let id = bench.unique("finding");
    bench.fixture().finding(bench.here(), &id).await?;
    id.parse().map_err(|error: crate::id::IdError| error.to_string())
}

pub async fn archives_a_finding_and_takes_it_out_again(bench: &Bench<'_>) -> Outcome {
    let (finding, other) = (made(bench).await?, made(bench).await?);
    let archived = async |id: &FindingId| {
        let found = bench.session.finding(bench.here(), id).await.map_err(text)?;
        Ok::<bool, String>(is_archived(&some("finding", found)?))
    };
    let change = |before, after| {
        let finding = finding.clone();
        bench.change(Kind::Finding(FindingChange::Archived { finding, before, after }))
    };
    equal("archived", &archived(&finding).await?, &false)?;
    bench.passes(&change(false, true)).await?;
    equal("archived", &archived(&finding).await?, &true)?;
    equal("the other", &archived(&other).await?, &false)?;
    // Once more does no harm.
    bench.apply(&change(false, true)).await?;
    bench.passes(&change(true, false)).await?;
    equal("archived", &archived(&finding).await?, &false)
}

pub async fn takes_feedback_on_a_finding(bench: &Bench<'_>) -> Outcome {
    let finding = made(bench).await?;
    let change = |before, after| {
        let finding = finding.clone();
        bench.change(Kind::Finding(FindingChange::Feedback { finding, before, after }))
    };
    let first = change(None, Usefulness::NotUseful);
    bench.stands(&first, &Standing::Unseen).await?;
    bench.apply(&first).await?;
    bench.stands(&first, &Standing::After).await?;
    let second = change(Some(Usefulness::NotUseful), Usefulness::Useful);
    bench.stands(&second, &Standing::Unseen).await?;
    bench.apply(&second).await?;
    let found = bench.session.finding(bench.here(), &finding).await.map_err(text)?;
    let found = some("finding", found)?;
    equal("feedback", &feedback(&found), &Some("USEFUL"))?;
    equal("archived", &is_archived(&found), &false)
}

pub async fn changes_nothing_of_an_unknown_finding(bench: &Bench<'_>) -> Outcome {
    // So that there is a detector.
    made(bench).await?;
    let finding: FindingId = "00000000000000000000000000000000".parse().unwrap();
    for change in [
        FindingChange::Archived { finding: finding.clone(), before: false, after: true },
        FindingChange::Feedback { finding, before: None, after: Usefulness::Useful },
    ] {
        let change = bench.change(Kind::Finding(change));
        bench.stands(&change, &Standing::Gone).await?;
    }
    Ok(())
}
