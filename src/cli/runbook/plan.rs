//! `runbook plan`: what a run would change now.

use clap::Args;
use serde_json::{Value, json};

use crate::cli::Common;
use crate::cli::answer::shown;
use crate::cli::client::Client;
use crate::cli::error::CliError;
use crate::cli::input::Params;
use crate::cli::plan::{Plan, mark};
use crate::cli::screen::Screen;
use crate::cli::table::Tone;
use crate::cli::wrap::wrap;
use crate::id::{AccountId, CaseId, Region, RunbookName};
use crate::sanitise::{VALUE_MAX, sanitise};

/// Columns before the words of a line.
const MARGIN: usize = 4;

/// Arguments of `runbook plan`.
#[derive(Debug, Clone, Args)]
pub struct PlanArgs {
    /// The runbook.
    #[arg(value_name = "NAME")]
    runbook: RunbookName,
    /// Its parameters; what the case's finding says fills in the others.
    #[command(flatten)]
    params: Params,
    /// The case whose finding gives the parameters that are not named.
    #[arg(long)]
    case: Option<CaseId>,
    /// The account; the case's, if it has one.
    #[arg(long)]
    account: Option<AccountId>,
    /// The Region; the case's, if it has one.
    #[arg(long)]
    region: Option<Region>,
}

/// Asks for the plan and prints it.
pub(super) async fn plan(
    common: &Common,
    screen: &mut Screen,
    args: PlanArgs,
) -> Result<u8, CliError> {
    let client = Client::open(common, screen)?;
    let name = args.runbook.as_str();
    let body = json!({
        "params": args.params.merged()?,
        "case": args.case,
        "account": args.account,
        "region": args.region,
    });
    let plan: Value = client.post(&["v1", "runbooks", name, "plan"], &body).await?;
    tell(screen, name, &plan)?;
    Ok(0)
}

fn tell(screen: &mut Screen, name: &str, answer: &Value) -> Result<(), CliError> {
    let plan = answer.as_object().map(Plan::of).unwrap_or_default();
    let place = format!("{}/{}", shown(answer, "account"), shown(answer, "region"));
    let head = screen.paint(Tone::Strong, &format!("{name} in {place}: {}", plan.head()));
    screen.line(&head)?;
    let width = screen.style.width.map_or(usize::MAX, usize::from).saturating_sub(MARGIN);
    for (does, words) in &plan.lines {
        let (mark, tone) = mark(*does, screen.style.unicode);
        let lines = wrap(&sanitise(words, VALUE_MAX), width);
        let lines: Vec<String> = lines.iter().map(|line| screen.style.paint(tone, line)).collect();
        let mark = screen.paint(tone, &mark.to_string());
        screen.line(&format!("  {mark} {}", lines.join(&format!("\n{}", " ".repeat(MARGIN)))))?;
    }
    screen.value(answer)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::cli::screen::tests::screen;

    #[test]
    fn a_step_that_is_refused_or_so_already_is_told_and_not_counted() {
        let line = |does: &str, words: &str| json!({"does": does, "words": words});
        let answer = json!({"account": "111122223333", "region": "eu-west-1", "changes": ["one"],
            "counts": {"change": 1, "already": 1, "refused": 1, "say": 1}, "lines": [
            line("already", "contain::isolate_instance i-1: already so, nothing to change"),
            line("change", "role web: inline policy P is put in place"),
            line("refused", "contain::disable_access_keys ci: refused: \u{1b}[2Jit is ours"),
            line("say", "would say to oncall: i-1 is isolated, and this line ends where 60 columns do"),
        ]});
        let (mut human, out, _) = screen(false);
        human.style.width = Some(60);
        tell(&mut human, "r", &answer).unwrap();
        insta::assert_snapshot!(out.text(), @r"
        r in 111122223333/eu-west-1: 1 change would be made; 1 refused; 1 already so
          = contain::isolate_instance i-1: already so, nothing to
            change
          > role web: inline policy P is put in place
          x contain::disable_access_keys ci: refused: it is ours
          . would say to oncall: i-1 is isolated, and this line ends
            where 60 columns do
        ");
        let (mut program, out, _) = screen(true);
        tell(&mut program, "r", &answer).unwrap();
        assert_eq!(out.value(), answer);
    }
}
