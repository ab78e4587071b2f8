//! `tourniquet approve`: shows what a run asks a person, and answers it.

use clap::Args;
use serde_json::{Value, json};

use super::Common;
use super::answer::{items, shown, text, time};
use super::case::show::{APPROVAL_HEADER, approval_row};
use super::client::Client;
use super::error::CliError;
use super::screen::Screen;
use super::table::{Tone, tone_of};
use crate::id::ApprovalId;

/// Decides what a run asks a person; without an id, lists what is open.
#[derive(Debug, Clone, Args)]
pub struct ApproveArgs {
    /// The approval; without it, the open ones are listed.
    #[arg(requires = "reason")]
    pub approval: Option<ApprovalId>,
    /// Say no.
    #[arg(long, requires = "approval")]
    pub deny: bool,
    /// Why: it stands in the timeline.
    #[arg(long, requires = "approval")]
    pub reason: Option<String>,
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
        (Some(approval), Some(reason)) => {
            let decision = if args.deny {
                Decision::Deny
            } else {
                Decision::Approve
            };
            decide(&client, screen, approval, decision, reason).await
        }
        (Some(_), None) => Err(CliError::usage("--reason is needed: the timeline says why")),
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
        let table = screen.style.table(&APPROVAL_HEADER, rows);
        screen.line(&table)?;
    }
    screen.value(&Value::Array(approvals))?;
    Ok(0)
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
    let asked: Value = client.get(&["v1", "approvals", id.as_str()], &[]).await?;
    for (name, tone, value) in [
        ("question", Tone::Strong, shown(&asked, "question")),
        ("case", Tone::Plain, shown(&asked, "case")),
        (
            "run",
            Tone::Plain,
            format!(
                "{}, asked for by {}",
                shown(&asked, "run"),
                shown(&asked, "requested_by")
            ),
        ),
        ("until", Tone::Plain, time(&asked, "expires_at")),
        ("hash", Tone::Dim, shown(&asked, "hash")),
    ] {
        let (name, value) = (
            screen.paint(Tone::Dim, &format!("{name:<9}")),
            screen.paint(tone, &value),
        );
        screen.line(&format!("{name} {value}"))?;
    }
    let body =
        json!({"decision": decision.label(), "reason": reason, "hash": text(&asked, "hash")});
    let row: Value = client
        .post(&["v1", "approvals", id.as_str()], &body)
        .await?;
    let state = screen.paint(tone_of(text(&row, "state")), &shown(&row, "state"));
    let given = row
        .get("decisions")
        .and_then(Value::as_array)
        .map_or(0, Vec::len);
    let quorum = row.get("quorum").and_then(Value::as_u64).unwrap_or(1);
    if text(&row, "state") == "pending" {
        screen.line(&format!(
            "{id} is still {state}: {given} of {quorum} have agreed"
        ))?;
    } else {
        screen.line(&format!("{id} is {state}"))?;
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
    use crate::error::Code;

    fn answer(request: &Request) -> (StatusCode, Value) {
        let asked = |state: &str, decisions: Value| {
            json!({"id": "apr-0003", "case": "case-0001", "run": "run-0002", "question": "Isolate \u{1b}[2Ji-1?",
                "hash": "ab".repeat(32), "quorum": 2, "requested_by": "ada", "expires_at": "2026-01-03T22:00:00Z",
                "state": state, "decisions": decisions})
        };
        match (request.method.as_str(), request.path.as_str()) {
            ("GET", "/v1/approvals") => (
                StatusCode::OK,
                json!({"items": [asked("pending", json!([]))]}),
            ),
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
            assert_eq!(
                decide(&service.client(), &mut screen, &id, decision, "seen").await,
                Ok(0)
            );
            texts.push(out.text());
        }
        insta::assert_snapshot!(texts[0], @r"
        question  Isolate i-1?
        case      case-0001
        run       run-0002, asked for by ada
        until     2026-01-03 22:00:00Z
        hash      abababababababababababababababababababababababababababababababab
        apr-0003 is still pending: 1 of 2 have agreed
        ");
        assert!(texts[1].ends_with("apr-0003 is denied\n"));
    }

    #[tokio::test]
    async fn open_questions_are_listed_and_an_unknown_one_is_an_error() {
        let service = Service::start(|request| answer(&request)).await;
        let (mut human, out, _) = screen(false);
        assert_eq!(list(&service.client(), &mut human).await, Ok(0));
        insta::assert_snapshot!(out.text(), @r"
        approval  case       question      for  until
        apr-0003  case-0001  Isolate i-1?  ada  2026-01-03 22:00:00Z
        ");
        let (mut program, out, _) = screen(true);
        assert_eq!(list(&service.client(), &mut program).await, Ok(0));
        assert_eq!(out.value()[0]["id"], "apr-0003");
        let other = "apr-0009".parse().unwrap();
        let error = decide(
            &service.client(),
            &mut human,
            &other,
            Decision::Approve,
            "x",
        )
        .await
        .unwrap_err();
        assert_eq!(error.code, Code::NOT_FOUND);
    }
}
