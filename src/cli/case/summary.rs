//! The summary that stands in an export beside the entries: what of it follows from them is held against
//! them, and the rest is named. Pure.

use std::collections::BTreeSet;

use jiff::Timestamp;
use serde_json::{Map, Value, json};

use crate::case::Status;
use crate::cli::draw::looks_again;
use crate::run::UNDONE;
use crate::timeline::{Entry, Kind};

/// What no entry tells: how often findings came, and how severe later ones were.
pub const NOT_COVERED: [&str; 4] = ["severity", "findings", "deliveries", "last_finding_at"];

/// Fields that stand in `case.opened` as they are.
const OPENED: [&str; 5] = ["title", "finding_type", "account", "region", "resource"];

/// The other fields that a summary has: each follows from the entries.
const DERIVED: [&str; 7] =
    ["id", "status", "opened_at", "contained_at", "seconds_to_contain", "length", "head"];

/// The fields of a summary that are none of ours: whoever added them wants to be believed.
#[must_use]
pub fn added(summary: &Value) -> Vec<String> {
    others(summary, &[&NOT_COVERED[..], &OPENED, &DERIVED].concat())
}

/// The fields of an object that are none of `ours`.
pub fn others(object: &Value, ours: &[&str]) -> Vec<String> {
    let fields = object.as_object().into_iter().flat_map(Map::keys);
    fields.filter(|field| !ours.contains(&field.as_str())).cloned().collect()
}

/// A field that says something else than the entries.
#[derive(Debug, Clone, PartialEq)]
pub struct Differs {
    /// The field.
    pub field: &'static str,
    /// What the summary says.
    pub says: Value,
    /// What follows from the entries.
    pub entries: Value,
}

impl Differs {
    /// In words.
    #[must_use]
    pub fn words(&self) -> String {
        let Self { field, says, entries } = self;
        format!(
            "the summary in `case` was changed: its {field} is {says}, and the entries say {entries}"
        )
    }

    /// `{"field", "says", "entries"}`
    #[must_use]
    pub fn value(&self) -> Value {
        json!({"field": self.field, "says": self.says, "entries": self.entries})
    }
}

/// Every field of the summary that does not follow from the entries up to its own `length`; a field that
/// is not there says nothing. `hashes` are the entries' own.
#[must_use]
pub fn differs(summary: &Value, entries: &[Entry], hashes: &[String]) -> Vec<Differs> {
    let length = summary.get("length").and_then(Value::as_u64);
    let length =
        length.map_or(entries.len(), |length| usize::try_from(length).unwrap_or(usize::MAX));
    let known = &entries[..length.min(entries.len())];
    let mut expected: Vec<(&'static str, Value)> = vec![("length", json!(known.len()))];
    if let Some(hash) = known.len().checked_sub(1).and_then(|last| hashes.get(last)) {
        expected.push(("head", json!(hash)));
    }
    let changes = || known.iter().filter(|entry| entry.kind() == Some(Kind::CaseStatusChanged));
    let to = |entry: &Entry| entry.body.get("to").cloned();
    let status = changes().next_back().and_then(to);
    expected.push(("status", status.unwrap_or_else(|| json!(Status::Open.label()))));
    let contained =
        changes().find(|entry| to(entry).as_ref() == Some(&json!(Status::Contained.label())));
    let contained = contained.map(|entry| {
        let seen = last_seen(known.iter().take_while(|one| one.seq < entry.seq));
        // Earlier versions took the time of the status for it.
        let by_status = seen.is_none() || says(summary, "contained_at", &json!(entry.at));
        if by_status { entry.at } else { seen.unwrap_or(entry.at) }
    });
    expected.push(("contained_at", json!(contained)));
    let opened = known.first().filter(|entry| entry.kind() == Some(Kind::CaseOpened));
    if let Some(opened) = opened {
        expected.push(("opened_at", json!(opened.at)));
        let field = |key: &'static str| (key, opened.body.get(key).cloned().unwrap_or_default());
        expected.extend(OPENED.map(field));
        let seconds = contained.map(|at| at.duration_since(opened.at).as_secs_f64());
        expected.push(("seconds_to_contain", json!(seconds)));
    }
    let mut differs: Vec<Differs> = expected
        .into_iter()
        .filter_map(|(field, entries)| {
            let says = summary.get(field)?.clone();
            (!same(&says, &entries)).then_some(Differs { field, says, entries })
        })
        .collect();
    // The severity only rises above that of the finding that opened the case.
    let began = opened.and_then(|entry| entry.body.get("severity")?.as_str()?.parse::<f64>().ok());
    let says = summary.get("severity");
    if let (Some(began), Some(says)) = (began, says)
        && says.as_f64().is_none_or(|says| says < began)
    {
        let entries = json!(format!("at least {began:.1}"));
        differs.push(Differs { field: "severity", says: says.clone(), entries });
    }
    differs
}

/// When the last containment of the runs that contained was seen to be.
fn last_seen<'e>(entries: impl Iterator<Item = &'e Entry> + Clone) -> Option<Timestamp> {
    let run = |entry: &'e Entry| entry.body.get("run").and_then(Value::as_str);
    let contained: BTreeSet<&str> = entries
        .clone()
        .filter(|entry| entry.kind() == Some(Kind::RunFinished) && entry.body["contained"] == true)
        .filter_map(run)
        .collect();
    // That it still holds when it is looked at again is nothing that is seen for the first time.
    let holds = |entry: &Entry| {
        looks_again(entry)
            && entry.body.get("output").and_then(|output| output.get(UNDONE)) != Some(&json!(true))
    };
    let seen = entries.filter(|entry| {
        let verb = entry.body.get("name").and_then(Value::as_str).unwrap_or_default();
        entry.kind() == Some(Kind::StepFinished)
            && entry.body["result"] == "ok"
            && verb.starts_with("contain::")
            && !holds(entry)
            && run(entry).is_some_and(|run| contained.contains(run))
    });
    seen.map(|entry| entry.at).max()
}

fn says(summary: &Value, field: &str, value: &Value) -> bool {
    summary.get(field).is_some_and(|says| same(says, value))
}

/// Times are the same in whatever form they are written, and seconds to the microsecond.
fn same(says: &Value, entries: &Value) -> bool {
    let time = |value: &Value| Some(value.as_str()?.parse::<Timestamp>().ok()?.as_microsecond());
    match (says.as_f64(), entries.as_f64()) {
        (Some(says), Some(entries)) => (says - entries).abs() < 0.000_002,
        _ => says == entries || time(says).is_some_and(|at| Some(at) == time(entries)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::timeline::{Actor, Draft, Head};

    fn chain() -> (Vec<Entry>, Vec<String>) {
        let mut head = Head::empty();
        let opened = json!({"title": "T", "finding_type": "Recon:EC2/X", "severity": "8.0",
            "account": "111122223333", "region": "eu-west-1", "resource": null});
        let to = |from: &str, to: &str| json!({"from": from, "to": to});
        let entries = [
            (0, Kind::CaseOpened, opened),
            (1, Kind::CaseStatusChanged, to("open", "active")),
            (2, Kind::CaseStatusChanged, to("active", "contained")),
            (3, Kind::CaseStatusChanged, to("contained", "closed")),
        ]
        .map(|(second, kind, body)| {
            let at = Timestamp::from_second(second).unwrap();
            let draft = Draft::new(at, Actor::Service, kind, body);
            draft.seal(&"case-0001".parse().unwrap(), &mut head).unwrap()
        });
        let hashes = entries.iter().map(|sealed| sealed.hash.to_string()).collect();
        (entries.iter().map(|sealed| Entry::parse(&sealed.bytes).unwrap()).collect(), hashes)
    }

    fn summary(hashes: &[String]) -> Value {
        json!({"id": "case-0001", "title": "T", "finding_type": "Recon:EC2/X", "severity": 9.1,
            "account": "111122223333", "region": "eu-west-1", "resource": null, "status": "closed",
            "opened_at": "1970-01-01T00:00:00Z", "contained_at": "1970-01-01T00:00:02.000Z",
            "seconds_to_contain": 2.0, "length": 4, "head": hashes[3], "findings": 7})
    }

    #[test]
    fn a_summary_that_follows_from_the_entries_is_accepted_and_any_other_is_not() {
        let (entries, hashes) = chain();
        assert_eq!(differs(&summary(&hashes), &entries, &hashes), []);
        for (field, other) in [
            ("status", json!("contained")),
            ("title", json!("another")),
            ("finding_type", json!("manual")),
            ("account", json!("444455556666")),
            ("account", Value::Null),
            ("region", json!("us-east-1")),
            ("resource", json!("instance/i-1")),
            ("severity", json!(2.0)),
            ("severity", Value::Null),
            ("opened_at", json!("1970-01-01T00:00:01Z")),
            ("contained_at", Value::Null),
            ("seconds_to_contain", json!(0.5)),
            ("length", json!(9)),
            ("head", json!("0".repeat(64))),
        ] {
            let mut changed = summary(&hashes);
            changed[field] = other;
            let found = differs(&changed, &entries, &hashes);
            assert_eq!(found.iter().map(|one| one.field).collect::<Vec<_>>(), [field], "{found:?}");
        }
        // A case that went on while it was exported: the summary is of an earlier moment.
        let mut earlier = summary(&hashes);
        earlier["status"] = json!("active");
        (earlier["length"], earlier["head"]) = (json!(2), json!(hashes[1]));
        (earlier["contained_at"], earlier["seconds_to_contain"]) = (Value::Null, Value::Null);
        assert_eq!(differs(&earlier, &entries, &hashes), []);
        assert_eq!(differs(&json!({"id": "case-0001"}), &entries, &hashes), []);
    }

    #[test]
    fn contained_is_when_the_last_containment_was_seen_and_not_when_the_evidence_was_kept() {
        let mut head = Head::empty();
        let step = |name: &str| json!({"run": "run-0001", "name": name, "result": "ok"});
        let again = |nth: u8, undone: bool| {
            json!({"run": "run-0001", "name": "contain::revoke_role_sessions", "result": "ok",
                "step": format!("1~{nth}"), "output": {UNDONE: undone}})
        };
        let entries = [
            (0, Kind::CaseOpened, json!({})),
            (1, Kind::StepFinished, step("contain::revoke_role_sessions")),
            (2, Kind::StepFinished, again(1, true)),
            (6, Kind::StepFinished, again(2, false)),
            (7, Kind::StepFinished, step("evidence::snapshot_volumes")),
            (8, Kind::RunFinished, json!({"run": "run-0001", "contained": true})),
            (8, Kind::CaseStatusChanged, json!({"from": "active", "to": "contained"})),
        ]
        .map(|(second, kind, body)| {
            let at = Timestamp::from_second(second).unwrap();
            let draft = Draft::new(at, Actor::Service, kind, body);
            let sealed = draft.seal(&"case-0001".parse().unwrap(), &mut head).unwrap();
            Entry::parse(&sealed.bytes).unwrap()
        });
        // Earlier versions took the second of the status.
        for (second, differing) in [(2, 0), (8, 0), (1, 2), (6, 2), (7, 2)] {
            let at = Timestamp::from_second(second).unwrap();
            let summary = json!({"contained_at": at, "seconds_to_contain": second});
            assert_eq!(differs(&summary, &entries, &[]).len(), differing, "{second}");
        }
    }

    #[tokio::test]
    async fn what_was_looked_at_again_was_contained_when_that_was_first_seen() {
        use crate::clock::ManualClock;
        use crate::cloud::sandbox::Sandbox;
        use crate::lab::{Lab, LabSettings};
        use crate::routing::Mode;
        use std::sync::Arc;

        let clock = ManualClock::self_advancing("2026-03-14T09:27:12Z".parse().unwrap());
        let scenario = include_str!("../../tests/incident.toml");
        let sandbox = Sandbox::from_scenario(scenario, Arc::new(clock.clone())).unwrap();
        let account: crate::id::AccountId = "111122223333".parse().unwrap();
        let settings = LabSettings { allowed: [account.clone()].into(), ..LabSettings::default() };
        let lab = Lab::new(Arc::new(sandbox), clock, settings).await;
        let started = lab.desk.start(crate::run::StartRun {
            case: None,
            runbook: "stolen-role-credentials".parse().unwrap(),
            params: json!({"role": "web-server"}).as_object().cloned().unwrap(),
            mode: Mode::Contain,
            account: Some(account),
            region: Some("eu-west-1".parse().unwrap()),
            by: "ada".to_owned(),
            reason: None,
        });
        let started = started.await.unwrap();
        lab.settle().await;
        let case = lab.env.store.case(&started.case).await.unwrap().unwrap();
        let stored = lab.env.store.entries(&started.case, 0, 1_000).await.unwrap();
        let hashes: Vec<String> = stored.iter().map(|entry| entry.hash.to_string()).collect();
        let entries = lab.entries(&started.case).await;
        assert!(case.contained_at.is_some());
        let summary = json!({"contained_at": case.contained_at});
        assert_eq!(differs(&summary, &entries, &hashes), [], "nobody changed anything");
        lab.finish().await;
    }
}
