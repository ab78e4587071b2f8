//! What somebody did, as CloudTrail tells it.

use super::{Bench, Console, Outcome, equal, some, text};
use crate::cloud::{Deed, Doer};
use crate::id::{AccessKeyId, UserName};

/// More events than two pages hold.
const EVENTS: usize = 60;

/// Pages that are followed at most: a history that does not end is a fault.
const PAGES_MAX: usize = 5;

async fn told(bench: &Bench<'_>, by: &Doer) -> Outcome<Vec<(String, String)>> {
    let (mut all, mut after) = (Vec::new(), None);
    for _ in 0..PAGES_MAX {
        let page = bench.session.trail(bench.here(), by, after.as_deref()).await.map_err(text)?;
        all.extend(page.deeds.into_iter().map(|deed| (deed.event, deed.about)));
        after = page.next;
        if after.is_none() {
            all.sort();
            return Ok(all);
        }
    }
    Err("the history has no last page".to_owned())
}

pub async fn tells_what_a_user_did_page_by_page(bench: &Bench<'_>) -> Outcome {
    let at = bench.here();
    let mut users: Vec<(UserName, AccessKeyId)> = Vec::new();
    for _ in 0..2 {
        let name = bench.fixture().user(at, 1, Console::None).await?;
        let user = some("user", bench.session.user(at, &name).await.map_err(text)?)?;
        let key = some("key", user.keys.first().map(|key| key.id.clone()))?;
        users.push((name, key));
    }
    let (ours, theirs) = (&users[0], &users[1]);
    let arn = format!("arn:aws:iam::{}:role/web", at.account);
    let deed = |event: &str, about: &str| Deed {
        at: String::new(),
        event: event.to_owned(),
        about: about.to_owned(),
    };
    bench.fixture().deed(at, ours, &deed("AssumeRole", &arn)).await?;
    for _ in 0..EVENTS {
        bench.fixture().deed(at, ours, &deed("ListBuckets", "")).await?;
    }
    bench.fixture().deed(at, ours, &deed("CreateUser", "eve")).await?;
    bench.fixture().deed(at, theirs, &deed("CreateUser", "mallory")).await?;
    let expected =
        vec![("AssumeRole".to_owned(), arn), ("CreateUser".to_owned(), "eve".to_owned())];
    equal("by user", &told(bench, &Doer::User(ours.0.clone())).await?, &expected)?;
    equal("by key", &told(bench, &Doer::Key(ours.1.clone())).await?, &expected)?;
    let nobody: UserName = bench.unique("nobody").parse().unwrap();
    equal("of nobody", &told(bench, &Doer::User(nobody)).await?, &Vec::new())
}
