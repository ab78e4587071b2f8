//! `tourniquet approve`: shows what a run asks a person, and answers it.

use clap::Args;
use serde_json::{Value, json};

use super::Common;
use super::answer::{id, items, shown, text, time};
use super::case::chain::Chain;
use super::case::show::{APPROVAL_COLUMNS, approval_row};
use super::client::Client;
use super::error::CliError;
use super::plan::{Plan, mark};
use super::screen::Screen;
use super::table::{Tone, tone_of};
use crate::error::Code;
use crate::id::{ApprovalId, CaseId};
use crate::timeline::Kind;

/// Arguments of `approve`.
#[derive(Debug, Clone, Args)]
pub struct ApproveArgs {
    /// The approval; without it, the open ones are listed.
    pub approval: Option<ApprovalId>,
    /// Why: it stands in the timeline. Without it, the question is shown and nothing is decided.
    #[arg(long, requires = "approval")]
    pub reason: Option<String>,
    /// Say no.
    #[arg(long, requires = "reason")]
    pub deny: bool,
}

/// Carries the command out; gives the exit code.
///
/// # Errors
/// When the service does not answer or refuses.
pub(super) async fn approve(
    common: &Common,
    screen: &mut Screen,
    args: ApproveArgs,
) -> Result<u8, CliError> {
    let client = Client::open(common, screen)?;
    match (&args.approval, &args.reason) {
        (None, _) => list(&client, screen).await,
        (Some(approval), None) => look(&client, screen, approval).await,
        (Some(approval), Some(reason)) => {
            let decision = if args.deny { Decision::Deny } else { Decision::Approve };
            decide(&client, screen, approval, decision, reason).await
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Decision {
    Approve,
    Deny,
}

impl Decision {
    fn label(self) -> &'static str {
        match self {
            Self::Approve => "approve",
            Self::Deny => "deny",
        }
    }
}

async fn list(client: &Client, screen: &mut Screen) -> Result<u8, CliError> {
    let mut answer: Value = client.get(&["v1", "approvals"], &[]).await?;
    let approvals = items(&mut answer, "items");
    if approvals.is_empty() {
        screen.line("nothing waits for an approval")?;
    } else {
        let rows = approvals.iter().map(approval_row).collect();
        let table = screen.style.table(&APPROVAL_COLUMNS, rows);
        screen.line(&table)?;
        screen.note("see what it stands for: tourniquet approve APPROVAL");
    }
    screen.value(&Value::Array(approvals))?;
    Ok(0)
}

/// Shows the question and the plan behind it, and decides nothing.
async fn look(client: &Client, screen: &mut Screen, id: &ApprovalId) -> Result<u8, CliError> {
    let (mut asked, plan) = question(client, screen, id).await?;
    if text(&asked, "state") == "pending" {
        screen.line(&format!(
            "nothing is decided yet: tourniquet approve {id} --reason WHY (or --deny --reason WHY)"
        ))?;
    }
    if let Some(fields) = asked.as_object_mut() {
        fields.insert("plan".to_owned(), json!(plan));
    }
    screen.value(&asked)?;
    Ok(0)
}

/// Asks for an approval and shows it: the approval, and the plan that its hash stands for.
async fn question(
    client: &Client,
    screen: &mut Screen,
    id: &ApprovalId,
) -> Result<(Value, Vec<String>), CliError> {
    let asked: Value = client.get(&["v1", "approvals", id.as_str()], &[]).await?;
    let plan = plan(client, &asked).await?;
    let by = format!("{}, asked for by {}", shown(&asked, "run"), shown(&asked, "requested_by"));
    for (name, tone, value) in [
        ("question", Tone::Strong, shown(&asked, "question")),
        ("case", Tone::Plain, shown(&asked, "case")),
        ("run", Tone::Plain, by),
        ("until", Tone::Plain, time(&asked, "expires_at")),
        ("hash", Tone::Dim, shown(&asked, "hash")),
        ("state", tone_of(text(&asked, "state")), progress(&asked)),
    ] {
        screen.fact(name, tone, &value)?;
    }
    if let Some(plan) = &plan {
        screen.fact("plan", Tone::Strong, &plan.head())?;
        for (does, words) in &plan.lines {
            let (mark, tone) = mark(*does, screen.style.unicode);
            screen.fact("", tone, &format!("{mark} {words}"))?;
        }
        if plan.more > 0 {
            screen.fact("", Tone::Warn, &format!("and {} more that are not listed", plan.more))?;
        }
    }
    let lines = plan.iter().flat_map(Plan::words).map(str::to_owned).collect();
    Ok((asked, lines))
}

/// The plan whose hash the approval names; none where it is about something else.
async fn plan(client: &Client, asked: &Value) -> Result<Option<Plan>, CliError> {
    let chain = Chain::fetch(client, &id::<CaseId>(asked, "case")?, 0).await?;
    let entries = chain.read()?;
    let made = entries.iter().rev().find(|entry| {
        entry.kind() == Some(Kind::PlanMade)
            && ["run", "hash"]
                .iter()
                .all(|key| entry.body.get(*key).and_then(Value::as_str) == Some(text(asked, key)))
    });
    Ok(made.map(|entry| Plan::of(&entry.body)))
}

/// `pending (1 of 2 have agreed)`, or how it ended.
fn progress(approval: &Value) -> String {
    let state = shown(approval, "state");
    if state != "pending" {
        return state;
    }
    let given = approval.get("decisions").and_then(Value::as_array);
    let given = given.map_or(0, Vec::len);
    // The store counts a quorum of 0 as 1.
    let quorum = approval.get("quorum").and_then(Value::as_u64);
    let quorum = quorum.unwrap_or(1).max(1);
    format!("{state} ({given} of {quorum} have agreed)")
}

/// Shows the question, then answers it with the hash that was shown: if what would be done has
/// changed since, the service refuses.
async fn decide(
    client: &Client,
    screen: &mut Screen,
    id: &ApprovalId,
    decision: Decision,
    reason: &str,
) -> Result<u8, CliError> {
    let (asked, _) = question(client, screen, id).await?;
    let body =
        json!({"decision": decision.label(), "reason": reason, "hash": text(&asked, "hash")});
    let answer = client.post(&["v1", "approvals", id.as_str()], &body).await;
    let row: Value = answer.map_err(|error: CliError| match error.code {
        // The service's words: the same person may not count twice.
        Code::CONFLICT if error.detail.contains("decided already") => error.with_remedy(format!(
            "Your decision stands and counts once; another person decides next, with a token of their own. \
             `tourniquet approve {id}` shows how many have agreed."
        )),
        Code::CONFLICT => error.with_remedy(format!(
            "Read the sentence above; `tourniquet approve {id}` shows the question as it stands. A run that you \
             asked for yourself is decided by another person, with an approver's token."
        )),
        _ => error,
    })?;
    let state = screen.paint(tone_of(text(&row, "state")), &progress(&row));
    screen.line(&format!("{id} is {state}"))?;
    if let Ok(case) = self::id::<CaseId>(&row, "case") {
        screen.note(&format!("follow: tourniquet case watch {case}"));
    }
    screen.value(&row)?;
    Ok(0)
}

#[cfg(test)]
mod tests {
    use axum::http::StatusCode;

    use super::*;
    use crate::cli::client::tests::{Request, Service, problem};
    use crate::cli::screen::tests::screen;
    use crate::timeline::{Actor, Draft, Head};

    /// Two plans, of which the approval's hash names the first.
    fn timeline() -> Value {
        let mut head = Head::empty();
        let mut entries = Vec::new();
        for (hash, changes) in [
            (
                "ab",
                ["i-1: security groups sg-1 \u{1b}[2Jbecome sg-2", "role web: refused: deny all"],
            ),
            ("cd", ["another", "plan"]),
        ] {
            let body = json!({"run": "run-0002", "hash": hash.repeat(32), "changes": changes,
                "does": ["change", "refused"], "counts": {"change": 1, "refused": 1}, "more": 0});
            let at = jiff::Timestamp::UNIX_EPOCH;
            let draft = Draft::new(at, Actor::Service, Kind::PlanMade, body);
            let sealed = draft.seal(&"case-0001".parse().unwrap(), &mut head).unwrap();
            let entry: Value = serde_json::from_slice(&sealed.bytes).unwrap();
            entries.push(json!({"seq": sealed.seq, "hash": sealed.hash, "entry": entry}));
        }
        json!({"entries": entries, "next": null, "head": {"length": 2, "hash": head.hash}})
    }

    fn answer(request: &Request) -> (StatusCode, Value) {
        let asked = |state: &str, decisions: Value| {
            json!({"id": "apr-0003", "case": "case-0001", "run": "run-0002", "question": "Isolate \u{1b}[2Ji-1?",
                "hash": "ab".repeat(32), "quorum": 2, "requested_by": "ada", "expires_at": "2026-01-03T22:00:00Z",
                "state": state, "decisions": decisions})
        };
        match (request.method.as_str(), request.path.as_str()) {
            ("GET", "/v1/approvals") => {
                (StatusCode::OK, json!({"items": [asked("pending", json!([]))]}))
            }
            ("GET", "/v1/cases/case-0001/timeline") => (StatusCode::OK, timeline()),
            ("GET", "/v1/approvals/apr-0003") => (StatusCode::OK, asked("pending", json!([]))),
            ("POST", "/v1/approvals/apr-0003") if request.json()["hash"] != "ab".repeat(32) => {
                problem(StatusCode::CONFLICT, "E0205", "the hash is another one")
            }
            ("POST", "/v1/approvals/apr-0003") if request.json()["decision"] == "deny" => {
                (StatusCode::OK, asked("denied", json!([1])))
            }
            ("POST", "/v1/approvals/apr-0003") => (StatusCode::OK, asked("pending", json!([1]))),
            _ => problem(StatusCode::NOT_FOUND, "E0203", "there is no such path"),
        }
    }

    #[tokio::test]
    async fn the_question_is_shown_and_answered_with_its_hash() {
        let service = Service::start(|request| answer(&request)).await;
        let id = "apr-0003".parse().unwrap();
        let mut texts = Vec::new();
        for decision in [Decision::Approve, Decision::Deny] {
            let (mut screen, out, _) = screen(false);
            assert_eq!(decide(&service.client(), &mut screen, &id, decision, "seen").await, Ok(0));
            texts.push(out.text());
        }
        insta::assert_snapshot!(texts[0], @r"
        question   Isolate i-1?
        case       case-0001
        run        run-0002, asked for by ada
        until      2026-01-03 22:00:00Z
        hash       abababababababababababababababababababababababababababababababab
        state      pending (0 of 2 have agreed)
        plan       1 change would be made; 1 refused
                   > i-1: security groups sg-1 become sg-2
                   x role web: refused: deny all
        apr-0003 is pending (1 of 2 have agreed)
        ");
        assert!(texts[1].ends_with("apr-0003 is denied\n"));
    }

    #[tokio::test]
    async fn a_look_shows_the_plan_and_decides_nothing() {
        let service = Service::start(|request| {
            assert_eq!(request.method, "GET");
            answer(&request)
        })
        .await;
        let id = "apr-0003".parse().unwrap();
        for json in [false, true] {
            let (mut screen, out, _) = screen(json);
            assert_eq!(look(&service.client(), &mut screen, &id).await, Ok(0));
            let text = out.text();
            assert_eq!(text.contains("nothing is decided yet"), !json, "{text}");
            assert!(text.contains("role web: refused: deny all") && !text.contains("another"));
        }
    }

    #[tokio::test]
    async fn open_questions_are_listed_and_an_unknown_one_is_an_error() {
        let service = Service::start(|request| answer(&request)).await;
        let (mut human, out, _) = screen(false);
        assert_eq!(list(&service.client(), &mut human).await, Ok(0));
        insta::assert_snapshot!(out.text(), @r"
        approval  case       question                 asked by  until
        apr-0003  case-0001  Isolate i-1? (2 people)  ada       2026-01-03 22:00:00Z
        ");
        let (mut program, out, _) = screen(true);
        assert_eq!(list(&service.client(), &mut program).await, Ok(0));
        assert_eq!(out.value()[0]["id"], "apr-0003");
        let other = "apr-0009".parse().unwrap();
        let error = decide(&service.client(), &mut human, &other, Decision::Approve, "x")
            .await
            .unwrap_err();
        assert_eq!(error.code, Code::NOT_FOUND);
    }

    #[tokio::test]
    async fn a_long_question_is_listed_to_its_end_and_a_refused_answer_says_who_decides() {
        let long = format!("Isolate {} now?", "i-0a1b2c3d4e5f60718, ".repeat(8));
        let asked = json!({"id": "apr-0003", "case": "case-0001", "run": "run-0002", "question": long,
            "hash": "ab".repeat(32), "quorum": 1, "requested_by": "ada", "state": "pending"});
        let service =
            Service::start(move |request| match (request.method.as_str(), request.path.as_str()) {
                ("GET", "/v1/approvals") => (StatusCode::OK, json!({"items": [asked]})),
                ("GET", "/v1/approvals/apr-0003") => (StatusCode::OK, asked.clone()),
                ("POST", _) => problem(StatusCode::CONFLICT, "E0205", "who asked can't decide"),
                _ => (StatusCode::OK, timeline()),
            })
            .await;
        let (mut human, out, _) = screen(false);
        human.style.width = Some(80);
        assert_eq!(list(&service.client(), &mut human).await, Ok(0));
        let text = out.text();
        assert!(text.contains("now?") && !text.contains('…'), "{text}");
        assert!(text.lines().all(|line| line.chars().count() <= 80), "{text}");
        let id = "apr-0003".parse().unwrap();
        let refused = decide(&service.client(), &mut human, &id, Decision::Approve, "x").await;
        let remedy = refused.unwrap_err().remedy.unwrap();
        assert!(remedy.contains("another person, with an approver's token"), "{remedy}");
    }
}
