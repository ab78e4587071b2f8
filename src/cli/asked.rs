//! What a person is asked, for whoever must decide at once: the finding, the place, the runbook, who
//! asked and why, and until when. What would be done is the plan's.

use serde_json::Value;

use super::answer::{severity, shown, text, time};
use super::error::CliError;
use super::screen::Screen;
use super::table::Tone;

/// Characters of a question: its end can be what goes beyond what was approved before.
const QUESTION_MAX: usize = 2_000;

/// The step of a question that is about a whole plan begins with this.
const PLAN: &str = "plan";

/// Prints the question with all that it is about.
///
/// # Errors
/// When nothing can be printed.
pub fn tell(screen: &mut Screen, asked: &Value) -> Result<(), CliError> {
    screen.fact_within("question", Tone::Strong, text(asked, "question"), QUESTION_MAX)?;
    for (name, value) in [
        ("finding", finding(asked)),
        ("on", place(asked)),
        ("case", shown(asked, "case")),
        ("run", run(asked)),
        ("asked by", by(asked)),
        ("until", time(asked, "expires_at")),
    ] {
        let tone = if name == "on" { Tone::Strong } else { Tone::Plain };
        screen.fact(name, tone, &value)?;
    }
    Ok(())
}

/// What the question is about; null of a service that does not say it.
fn about(asked: &Value) -> &Value {
    asked.get("about").unwrap_or(&Value::Null)
}

/// `Backdoor:EC2/C&CActivity.B, 8.0 High: its title`; of a case that a person opened, its title.
fn finding(asked: &Value) -> String {
    let about = about(asked);
    let (kind, title) = (shown(about, "finding_type"), shown(about, "title"));
    match about.get("severity") {
        _ if about.is_null() => "-".to_owned(),
        _ if kind == "manual" => format!("none: {title}"),
        None | Some(Value::Null) => format!("{kind}, no severity: {title}"),
        Some(_) => format!("{kind}, {}: {title}", severity(about)),
    }
}

/// `role/worker in account 111122223333, eu-west-1`
pub fn place(asked: &Value) -> String {
    let about = about(asked);
    let resource = match shown(about, "resource").as_str() {
        "-" => String::new(),
        resource => format!("{resource} in "),
    };
    format!("{resource}account {}, {}", shown(about, "account"), shown(about, "region"))
}

/// `run-1: stolen-role-credentials (approve) with role=worker, which asks at step 3`
fn run(asked: &Value) -> String {
    let about = about(asked);
    let given = about.get("params").and_then(Value::as_object).into_iter().flatten();
    let given: Vec<String> = given
        .map(|(name, _)| name)
        .map(|name| format!("{name}={}", shown(&about["params"], name)))
        .collect();
    let with = if given.is_empty() { String::new() } else { format!(" with {}", given.join(", ")) };
    let step = text(asked, "step");
    let at = match step {
        "" => String::new(),
        step if step.starts_with(PLAN) => String::new(),
        _ => format!(", which asks at its step {}", shown(asked, "step")),
    };
    let name = shown(about, "runbook");
    format!("{}: {name} ({}){with}{at}", shown(asked, "run"), shown(about, "mode"))
}

/// Who asked for the run, and why.
fn by(asked: &Value) -> String {
    match (shown(asked, "requested_by").as_str(), text(about(asked), "reason")) {
        ("service", _) => "the service, because of the finding".to_owned(),
        (person, "") => format!("{person}, who gave no reason"),
        (person, reason) => format!("{person}: {reason}"),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::cli::screen::tests::screen;

    #[test]
    fn a_question_of_a_script_names_its_place_and_step_and_a_long_one_is_read_to_its_end() {
        let long = format!("Go on? {} at the very end", "and i-0a1b2c3d4e5f60718 ".repeat(30));
        let asked = json!({"question": long, "case": "case-0001", "run": "run-0002", "step": "2[1]/3",
            "requested_by": "service", "expires_at": "2026-01-03T22:00:00Z",
            "about": {"finding_type": "manual", "title": "isolate started by hand", "severity": null,
                "resource": null, "account": "111122223333", "region": "eu-west-1", "runbook": "isolate",
                "mode": "contain", "params": {}, "reason": null}});
        let (mut screen, out, _) = screen(false);
        tell(&mut screen, &asked).unwrap();
        let text = out.text();
        assert!(text.contains("at the very end\n"), "{text}");
        for line in [
            "finding    none: isolate started by hand",
            "on         account 111122223333, eu-west-1",
            "run        run-0002: isolate (contain), which asks at its step 2[1]/3",
            "asked by   the service, because of the finding",
        ] {
            assert!(text.lines().any(|other| other == line), "{line}: {text}");
        }
    }
}
