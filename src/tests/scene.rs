//! The incident of the crash tests: a world, a finding, and the picture of how it ended.
//!
//! What AWS or Tourniquet makes up (ids, times) is replaced by what it stands for, so that two
//! pictures of the same end are equal.

use std::collections::BTreeMap;

use serde_json::Value;

use super::support::{Deployment, Server, text};

/// A finding on the instance of [`SCENARIO`].
pub const FINDING: &str = include_str!("../finding/fixtures/crypto-mining-instance.json");

const CONFIG: &str = r#"
[cloud]
kind = "sandbox"
scenario = "scenario.toml"
world = "world.json"

[accounts.111122223333]

[forensics]
account = "999988887777"
"#;

/// Snapshots complete at once: what is tested is not patience.
pub const SCENARIO: &str = concat!("snapshots = { looks = 0 }\n\n", include_str!("incident.toml"));

/// How an incident ended.
#[derive(Debug, PartialEq)]
pub struct Picture {
    /// Of the case and its runs: status, states, summaries.
    pub case: Vec<String>,
    /// How often each (account, operation, target) was changed.
    pub mutations: BTreeMap<String, usize>,
    /// Each line of the accounts as they are.
    pub world: Vec<String>,
    /// Each step of each run with its result.
    pub steps: BTreeMap<String, String>,
    /// Chain-of-custody records.
    pub evidence: usize,
}

/// A deployment over the world of the incident.
pub fn deployment() -> Deployment {
    let deployment = Deployment::new(CONFIG);
    deployment.write("scenario.toml", SCENARIO);
    deployment
}

/// Sends the finding; its case, unless the answer was lost.
pub fn send(server: &Server, token: &str) -> Option<String> {
    let reply = server.post("/v1/findings", token, FINDING.as_bytes())?;
    assert_eq!(reply.status, 202, "{reply:?}");
    Some(reply.body["case"].as_str().unwrap().to_owned())
}

/// How the incident ends without a disturbance.
pub fn undisturbed(template: &Deployment) -> Picture {
    let deployment = template.copied();
    let mut server = deployment.serve("");
    let case = send(&server, &deployment.token).expect("an answer");
    let ended = server.wait_for_runs(&deployment.token, &case).expect("the server lives");
    let picture = picture(&deployment, &server, &ended);
    assert_eq!(picture.case[0], "\"contained\"", "{picture:#?}");
    picture
}

/// The picture of a case whose runs are over. What must hold after any crash is asserted here: one
/// case, a chain that verifies, and an outcome for every intent.
pub fn picture(deployment: &Deployment, server: &Server, case: &Value) -> Picture {
    let id = case["id"].as_str().unwrap();
    let cases = server.get("/v1/cases", &deployment.token).unwrap();
    assert_eq!(cases.body["items"].as_array().map(Vec::len), Some(1), "{cases:?}");
    let verified = deployment.client(server, &["case", "verify", id]);
    let words = format!("{}{}", text(&verified.stdout), text(&verified.stderr));
    assert_eq!(verified.status.code(), Some(0), "{words}");

    let entries = server.timeline(&deployment.token, id);
    let of_kind =
        |kind: &str| entries.iter().filter(|entry| entry["kind"] == kind).collect::<Vec<_>>();
    let step = |entry: &Value| entry["body"]["step"].as_str().unwrap().to_owned();
    let mut outcomes: BTreeMap<String, Vec<&str>> = BTreeMap::new();
    for intent in of_kind("change.intent") {
        assert!(outcomes.insert(step(intent), vec![]).is_none(), "an intent twice: {intent}");
    }
    for outcome in of_kind("change.outcome") {
        let result = outcome["body"]["result"].as_str().unwrap();
        outcomes.get_mut(&step(outcome)).expect("an outcome has an intent").push(result);
    }
    let settled = |results: &Vec<&str>| results.len() == 1 && results[0] != "unknown";
    assert!(outcomes.values().all(settled), "{outcomes:?}");
    let mut steps = BTreeMap::new();
    for end in of_kind("step.finished") {
        let told = format!("{} {}", end["body"]["name"], end["body"]["result"]);
        assert!(steps.insert(step(end), told).is_none(), "a step ended twice: {end}");
    }
    assert_eq!(
        of_kind("step.requested").len(),
        steps.len(),
        "every step ends, and is asked for once"
    );

    let runs = case["runs"].as_array().unwrap();
    let told =
        runs.iter().map(|run| format!("{} {} {}", run["runbook"], run["state"], run["summary"]));
    let run = runs[0]["id"].as_str().unwrap();
    let (mutations, world) = look(deployment, id, run);
    Picture {
        case: std::iter::once(case["status"].to_string()).chain(told).collect(),
        mutations,
        world,
        steps,
        evidence: of_kind("evidence.recorded").len(),
    }
}

/// The world file, with everything that was made up replaced.
fn look(deployment: &Deployment, case: &str, run: &str) -> (BTreeMap<String, usize>, Vec<String>) {
    let mut text = std::fs::read_to_string(deployment.path().join("world.json")).unwrap();
    for (id, name) in made(&serde_json::from_str(&text).unwrap()) {
        text = text.replace(&id, &name);
    }
    text = without_times(&text.replace(case, "CASE").replace(run, "RUN"));
    // Parsed only now: maps are in the order of their keys.
    let world: Value = serde_json::from_str(&text).unwrap();
    let mut mutations = BTreeMap::new();
    for mutation in world["mutations"].as_array().unwrap() {
        let target =
            format!("{} {} {}", mutation["account"], mutation["operation"], mutation["resource"]);
        *mutations.entry(target).or_default() += 1;
    }
    let accounts = serde_json::to_string_pretty(&world["accounts"]).unwrap();
    (mutations, accounts.lines().map(str::to_owned).collect())
}

/// Every id that the twin made, with a name of what it is: its purpose, or what it is a copy of.
fn made(world: &Value) -> BTreeMap<String, String> {
    let regions = |account: &Value| {
        account["regions"].as_object().unwrap().values().cloned().collect::<Vec<_>>()
    };
    let accounts = world["accounts"].as_object().unwrap();
    let mut names = BTreeMap::new();
    let mut open = Vec::new();
    for (account, state) in accounts {
        for region in regions(state) {
            for (id, group) in region["groups"].as_object().unwrap() {
                if let Some(purpose) = group["tags"]["tourniquet:purpose"].as_str() {
                    names.insert(id.clone(), format!("group-{purpose}"));
                }
            }
            for (id, record) in region["snapshots"].as_object().unwrap() {
                open.push((account.clone(), id.clone(), record["snapshot"].clone()));
            }
        }
    }
    // Copies are named after their sources, which have names from an earlier round.
    for _ in 0..4 {
        for (account, id, snapshot) in &open {
            let tag = |name: &str| snapshot["tags"][name].as_str().unwrap_or_default().to_owned();
            let source = match tag("tourniquet:source") {
                source if source.starts_with("snap-") => names.get(&source).cloned(),
                _ => snapshot["volume"].as_str().map(str::to_owned),
            };
            if let Some(source) = source {
                names.insert(
                    id.clone(),
                    format!("{}-in-{account}-of-{source}", tag("tourniquet:stage")),
                );
            }
        }
    }
    names
}

/// `text` with every RFC 3339 time replaced.
fn without_times(text: &str) -> String {
    const FORM: &[u8] = b"0000-00-00T00:00:00";
    let is_time = |bytes: &[u8]| {
        bytes.len() >= FORM.len()
            && bytes.iter().zip(FORM).all(|(byte, form)| {
                if *form == b'0' { byte.is_ascii_digit() } else { byte == form }
            })
    };
    let (mut kept, mut rest) = (String::with_capacity(text.len()), text);
    while let Some(c) = rest.chars().next() {
        if is_time(rest.as_bytes()) {
            kept.push_str("TIME");
            rest = rest.trim_start_matches(|c: char| c.is_ascii_digit() || "-:.T".contains(c));
        } else {
            kept.push(c);
            rest = &rest[c.len_utf8()..];
        }
    }
    kept
}

/// The lines in which two pictures differ.
pub fn differences(expected: &Picture, seen: &Picture) -> String {
    let (expected, seen) = (format!("{expected:#?}"), format!("{seen:#?}"));
    let missing = expected.lines().filter(|line| !seen.lines().any(|other| other == *line));
    let added = seen.lines().filter(|line| !expected.lines().any(|other| other == *line));
    let lines =
        missing.map(|line| format!("- {line}")).chain(added.map(|line| format!("+ {line}")));
    lines.collect::<Vec<_>>().join("\n")
}

/// Asserts that a run came to the same end.
pub fn same(expected: &Picture, seen: &Picture) {
    assert!(expected == seen, "another end:\n{}", differences(expected, seen));
}
