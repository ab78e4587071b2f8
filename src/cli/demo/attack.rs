//! The attacker's view: what stolen credentials and the instances can still do, and what healthy
//! workloads must go on doing.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::cloud::sandbox::Sandbox;
use crate::id::Place;

/// One thing somebody tries.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Attempt {
    /// What, in words.
    pub what: &'static str,
    /// Whether it must still be possible at the end.
    pub must_work_after: bool,
}

enum Try {
    Call(&'static str),
    Reach(&'static str),
    Console(&'static str),
    Use(&'static str),
    NewSession(&'static str),
}

const ATTEMPTS: &[(&str, Try, bool)] = &[
    ("web-1 reaches the mining pool", Try::Reach("i-0a1b2c3d4e5f60718"), false),
    ("stolen session of role web-server calls AWS", Try::Call("ASIAZ7Q2EXAMPLE00001"), false),
    ("stolen session of role batch-worker calls AWS", Try::Call("ASIAZ7Q2EXAMPLE00002"), false),
    ("leaked key of user deploy-bot calls AWS", Try::Call("AKIAZ7Q2EXAMPLE00001"), false),
    ("second key of user deploy-bot calls AWS", Try::Call("AKIAZ7Q2EXAMPLE00009"), false),
    ("Bedrock API key of user deploy-bot is used", Try::Use("ACCAZ7Q2EXAMPLE00001"), false),
    ("deploy-bot signs in to the console", Try::Console("deploy-bot"), false),
    ("worker-3 of the attack sequence reaches out", Try::Reach("i-0c3d4e5f607182930"), false),
    (
        "key of user ci-runner, actor of the sequence, calls AWS",
        Try::Call("AKIAZ7Q2EXAMPLE00004"),
        false,
    ),
    ("healthy web-2 reaches the internet", Try::Reach("i-0d4e5f6071829304a"), true),
    ("batch-worker's workload gets a new session", Try::NewSession("batch-worker"), true),
];

/// Tries everything: what works, and why or why not.
pub fn view(sandbox: &Sandbox) -> BTreeMap<&'static str, (bool, String)> {
    let attacker = sandbox.attacker();
    let place: Option<Place> =
        sandbox.snapshot_world().accounts.iter().next().and_then(|(id, account)| {
            let region = account.regions.keys().next()?.clone();
            Some(Place { account: id.clone(), region })
        });
    let Some(place) = place else {
        return BTreeMap::new();
    };
    let account = &place.account;
    let tried = ATTEMPTS.iter().filter_map(|(what, attempt, _)| {
        let verdict = match attempt {
            Try::Call(key) => attacker.can_call(account, &key.parse().ok()?),
            Try::Reach(instance) => attacker.can_reach_out(&place, &instance.parse().ok()?),
            Try::Console(user) => attacker.console_login(account, &user.parse().ok()?),
            Try::Use(credential) => attacker.can_use(account, &credential.parse().ok()?),
            // A session that begins later than the cut-off: 30 s ahead, to cover IAM's delay.
            Try::NewSession(role) => match attacker.new_session(account, &role.parse().ok()?) {
                Ok(_) => {
                    return Some((*what, (true, "a role goes on issuing sessions".to_owned())));
                }
                Err(why) => return Some((*what, (false, why))),
            },
        };
        Some((*what, (verdict.allowed, verdict.why)))
    });
    tried.collect()
}

/// Every attempt, in the order in which it is shown.
pub fn attempts() -> impl Iterator<Item = Attempt> {
    ATTEMPTS.iter().map(|(what, _, must)| Attempt { what, must_work_after: *must })
}
