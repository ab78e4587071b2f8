//! The host functions that touch no AWS: ask a person, wait, tell, note.

use rhai::{Dynamic, Engine};
use serde_json::{Value, json};

use super::parallel::{self, on_error};
use super::untyped::each;
use super::{HostFunction, HostKind, halt, step};
use crate::action::Shape;
use crate::runbook::context;
use crate::runbook::limits::{
    APPROVAL_WAIT_DEFAULT_SECONDS, MESSAGE_CHARS_MAX, QUORUM_MAX, WAIT_MAX_SECONDS,
};
use crate::runbook::value::{describe, kind};

/// Characters of a notification channel's name.
const CHANNEL_CHARS_MAX: usize = 64;
/// The options of `approve`.
const APPROVE_OPTIONS: &[&str] = &["quorum", "within"];

/// For lint and the reference page.
pub(super) fn functions() -> Vec<HostFunction> {
    let control = |name, summary, arity, options| HostFunction {
        name,
        summary,
        kind: HostKind::Control,
        params: &[],
        arity,
        options,
        output: Shape::Any,
    };
    vec![
        control(
            "approve",
            "Asks a person, and fails when the answer is no or does not come: approve(question, #{quorum: 2, within: \"30m\"}).",
            (1, 2),
            APPROVE_OPTIONS,
        ),
        control("sleep", "Waits: sleep(\"30m\"), or a number of seconds.", (1, 1), &[]),
        control("notify", "Tells a channel: notify(channel, message).", (2, 2), &[]),
        control(
            "parallel",
            "Runs closures side by side and waits for all: parallel([|| …, || …], #{keep_errors: true}).",
            (1, 2),
            parallel::OPTIONS,
        ),
        control(
            "log",
            "Writes a line into the timeline, with the next step or the end of the run.",
            (1, 1),
            &[],
        ),
    ]
}

pub(super) fn register(engine: &mut Engine) {
    for arity in 1..=2 {
        each(engine, "approve", arity, |context, args| step(context, "approve", || question(args)));
    }
    each(engine, "sleep", 1, |context, args| {
        step(context, "sleep", || Ok(json!({"seconds": seconds(&args[0], "time")?})))
    });
    each(engine, "notify", 2, |context, args| step(context, "notify", || message(args)));
    each(engine, "log", 1, |context, args| {
        let text = args[0].clone().into_string().unwrap_or_else(|_| describe(&args[0]));
        match context::with(|run| {
            run.line(&text);
            run.is_halted()
        }) {
            Some(true) => Err(halt(context.call_position())),
            Some(false) | None => Ok(Dynamic::UNIT),
        }
    });
}

/// What is wrong with the arguments of a call that are literals; `None` stands for one that is only
/// known when the script runs.
pub(in crate::runbook) fn unfit(name: &str, args: &[Option<Dynamic>]) -> Option<String> {
    let or = |n: usize, good: &str| match args.get(n) {
        Some(Some(literal)) => literal.clone(),
        _ => good.into(),
    };
    match name {
        "approve" => {
            let options = args.get(1).cloned().flatten();
            let args: Vec<Dynamic> = std::iter::once(or(0, "?")).chain(options).collect();
            question(&args).err()
        }
        "sleep" => seconds(&or(0, "1s"), "time").err(),
        "notify" => message(&[or(0, "oncall"), or(1, "text")]).err(),
        "parallel" => match args.first() {
            Some(Some(literal)) if !literal.is_array() => {
                Some(format!("expected a list of closures, not a {}", kind(literal)))
            }
            _ => args.get(1)?.as_ref().and_then(|options| on_error(options).err()),
        },
        _ => None,
    }
}

fn text(value: &Dynamic, what: &str, max: usize) -> Result<String, String> {
    let text = value
        .clone()
        .into_string()
        .map_err(|_| format!("{what}: expected a text, not a {}", kind(value)))?;
    match text.chars().count() {
        0 => Err(format!("{what}: it is empty")),
        count if count > max => Err(format!("{what}: longer than {max} characters")),
        _ => Ok(text),
    }
}

fn message(args: &[Dynamic]) -> Result<Value, String> {
    let channel = text(&args[0], "channel", CHANNEL_CHARS_MAX)?;
    if !channel.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_')) {
        return Err("channel: a name has letters, digits, dashes and underscores".to_owned());
    }
    Ok(json!({"channel": channel, "message": text(&args[1], "message", MESSAGE_CHARS_MAX)?}))
}

fn question(args: &[Dynamic]) -> Result<Value, String> {
    let question = text(&args[0], "question", MESSAGE_CHARS_MAX)?;
    let (mut quorum, mut within) = (1, APPROVAL_WAIT_DEFAULT_SECONDS);
    if let Some(options) = args.get(1) {
        let options = options
            .as_map_ref()
            .map_err(|_| format!("options: expected a map, not a {}", kind(options)))?;
        for (name, value) in options.iter() {
            match name.as_str() {
                "quorum" => {
                    quorum = value
                        .as_int()
                        .ok()
                        .filter(|count| (1..=QUORUM_MAX).contains(count))
                        .ok_or_else(|| {
                        format!("quorum: expected a number from 1 to {QUORUM_MAX}")
                    })?;
                }
                "within" => within = seconds(value, "within")?,
                other => {
                    let known = APPROVE_OPTIONS.join(", ");
                    return Err(format!("options: {other} is unknown; known are {known}"));
                }
            }
        }
    }
    Ok(json!({"question": question, "quorum": quorum, "within_seconds": within}))
}

/// `"90s"`, `"30m"`, `"2h"`, `"1d"` or a number of seconds.
fn seconds(value: &Dynamic, what: &str) -> Result<i64, String> {
    let expected = || {
        format!("{what}: expected a time such as \"30m\" or a number of seconds, from 1 s to 7 d")
    };
    let seconds = if let Ok(seconds) = value.as_int() {
        seconds
    } else {
        let text = value.clone().into_string().map_err(|_| expected())?;
        let (digits, unit) =
            text.split_at_checked(text.len().saturating_sub(1)).ok_or_else(expected)?;
        let factor = match unit {
            "s" => 1,
            "m" => 60,
            "h" => 3_600,
            "d" => 86_400,
            _ => return Err(expected()),
        };
        if digits.is_empty() || !digits.bytes().all(|b| b.is_ascii_digit()) {
            return Err(expected());
        }
        digits
            .parse::<i64>()
            .ok()
            .and_then(|count| count.checked_mul(factor))
            .ok_or_else(expected)?
    };
    if (1..=WAIT_MAX_SECONDS).contains(&seconds) { Ok(seconds) } else { Err(expected()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_read_and_bounded() {
        for (given, want) in [
            (Dynamic::from(90_i64), Some(90)),
            ("90s".into(), Some(90)),
            ("30m".into(), Some(1_800)),
            ("2h".into(), Some(7_200)),
            ("7d".into(), Some(WAIT_MAX_SECONDS)),
            ("8d".into(), None),
            ("0s".into(), None),
            ("-5m".into(), None),
            ("m".into(), None),
            ("".into(), None),
            ("5 m".into(), None),
            ("5ü".into(), None),
            ("99999999999999999999d".into(), None),
            (Dynamic::from(1.5_f64), None),
            (Dynamic::UNIT, None),
        ] {
            assert_eq!(seconds(&given, "time").ok(), want, "{given}");
        }
    }

    #[test]
    fn questions_have_defaults_and_bounds() {
        let options = |text: &str| -> Dynamic {
            crate::runbook::value::to_script(&serde_json::from_str(text).unwrap())
        };
        assert_eq!(
            question(&["Go?".into()]).unwrap(),
            json!({"question": "Go?", "quorum": 1, "within_seconds": APPROVAL_WAIT_DEFAULT_SECONDS})
        );
        assert_eq!(
            question(&["Go?".into(), options(r#"{"quorum": 2, "within": "30m"}"#)]).unwrap(),
            json!({"question": "Go?", "quorum": 2, "within_seconds": 1800})
        );
        for bad in [r#"{"quorum": 0}"#, r#"{"quorum": "2"}"#, r#"{"whithin": "30m"}"#, "7"] {
            assert!(question(&["Go?".into(), options(bad)]).is_err(), "{bad}");
        }
        assert!(question(&["".into()]).is_err());
    }

    #[test]
    fn a_channel_is_a_name() {
        assert!(message(&["oncall".into(), "text".into()]).is_ok());
        for (channel, message_text) in [("", "x"), ("on call", "x"), ("../x", "x"), ("oncall", "")]
        {
            assert!(message(&[channel.into(), message_text.into()]).is_err());
        }
    }
}
