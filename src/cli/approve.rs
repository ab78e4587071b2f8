//! `tourniquet approve`: shows what a run asks a person, and answers it.

use clap::Args;
use serde_json::{Value, json};

use super::Common;
use super::answer::{id, items, shown, text};
use super::asked;
use super::case::chain::Chain;
use super::client::Client;
use super::error::CliError;
use super::plan::{Plan, mark};
use super::screen::Screen;
use super::table::{Tone, tone_of};
use crate::error::Code;
use crate::id::{ApprovalId, CaseId};
use crate::timeline::{Entry, Kind};

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
        for (n, asked) in approvals.iter().enumerate() {
            if n > 0 {
                screen.line("")?;
            }
            screen.fact(
                "approval",
                Tone::Warn,
                &format!("{}: {}", shown(asked, "id"), progress(asked)),
            )?;
            asked::tell(screen, asked)?;
        }
        screen.note("see what would be done: tourniquet approve APPROVAL");
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
    asked::tell(screen, &asked)?;
    screen.fact("hash", Tone::Dim, &shown(&asked, "hash"))?;
    screen.fact("state", tone_of(text(&asked, "state")), &progress(&asked))?;
    let (plan, whole) = match plan {
        Made::Asked(plan) => (Some(plan), true),
        Made::Before(plan) => (Some(plan), false),
        Made::Never => (None, false),
    };
    if !whole {
        screen.fact("plan", Tone::Warn, &unplanned(&asked, plan.is_some()))?;
    }
    if let Some(plan) = &plan {
        screen.fact(if whole { "plan" } else { "" }, Tone::Strong, &plan.head())?;
        for (does, words) in &plan.lines {
            let (mark, tone) = mark(*does, screen.style.unicode);
            screen.fact("", tone, &format!("{mark} {words}"))?;
        }
        if plan.more > 0 {
            screen.fact("", Tone::Warn, &format!("and {} more that are not listed", plan.more))?;
        }
    }
    let lines = plan.iter().filter(|_| whole).flat_map(Plan::words).map(str::to_owned).collect();
    Ok((asked, lines))
}

/// What is known of what would be done.
enum Made {
    /// The plan whose hash the approval names.
    Asked(Plan),
    /// The question is about something else; this is the run's last plan.
    Before(Plan),
    /// Nothing.
    Never,
}

/// The plan that a question stands for, or the last one that its run made.
async fn plan(client: &Client, asked: &Value) -> Result<Made, CliError> {
    let chain = Chain::fetch(client, &id::<CaseId>(asked, "case")?, 0).await?;
    let entries = chain.read()?;
    let is = |entry: &Entry, key: &str| {
        entry.body.get(key).and_then(Value::as_str) == Some(text(asked, key))
    };
    let of_run = |entry: &&Entry| entry.kind() == Some(Kind::PlanMade) && is(entry, "run");
    let plans: Vec<&Entry> = entries.iter().filter(of_run).collect();
    Ok(match (plans.iter().rev().find(|entry| is(entry, "hash")), plans.last()) {
        (Some(entry), _) => Made::Asked(Plan::of(&entry.body)),
        (None, Some(entry)) => Made::Before(Plan::of(&entry.body)),
        (None, None) => Made::Never,
    })
}

/// What to say where the question has no plan of its own: a runbook that asks by itself, in the middle.
fn unplanned(asked: &Value, before: bool) -> String {
    let question =
        "the runbook asks this itself, and what it does after the answer is not bound to a plan";
    if before {
        return format!("{question}; its run as a whole was planned before as:");
    }
    let about = &asked["about"];
    let (runbook, case) = (shown(about, "runbook"), shown(asked, "case"));
    let params = given(&about["params"]);
    format!(
        "{question}; to see what it would do: tourniquet runbook plan {runbook} --case {case}{params}"
    )
}

/// The parameters of a run as the command takes them. What a shell would read as something else is left out,
/// and the command says that it is missing.
fn given(params: &Value) -> String {
    let plain = |text: &str| {
        let fits = |c: char| c.is_ascii_alphanumeric() || "-_./:@=+,".contains(c);
        !text.is_empty() && text.chars().all(fits)
    };
    let params = params.as_object().into_iter().flatten();
    let words = params.filter_map(|(name, value)| {
        let value = value.as_str().filter(|value| plain(value) && plain(name))?;
        Some(format!(" --param {name}={value}"))
    });
    words.collect()
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
mod tests;
