//! `explain`: what an error number means and what to do.

use clap::Args;
use serde_json::{Value, json};

use super::error::CliError;
use super::screen::Screen;
use super::table::Tone;
use crate::error::Code;

/// Arguments of `explain`.
#[derive(Debug, Clone, Args)]
pub struct ExplainArgs {
    /// The number, such as E0201; without it, all of them are listed.
    code: Option<String>,
}

/// Prints the table's words; gives the exit code.
///
/// # Errors
/// When no error has the number.
pub fn explain(screen: &mut Screen, args: &ExplainArgs) -> Result<u8, CliError> {
    let Some(number) = &args.code else {
        for code in Code::ALL {
            screen.line(&code.to_string())?;
        }
        screen.value(&Value::from_iter(Code::ALL.iter().map(page)))?;
        return Ok(0);
    };
    // `201`, `0201` and `E0201` are all said on the telephone.
    let digits = number.trim_start_matches(['E', 'e']);
    let code = Code::find(&format!("{digits:0>4}")).ok_or_else(|| {
        CliError::usage(format!(
            "no error has the number {number}; `tourniquet explain` lists all of them"
        ))
    })?;
    let title = screen.paint(Tone::Strong, &code.to_string());
    screen.line(&title)?;
    for (name, words) in [("What it means:", code.meaning), ("What to do:", code.remedy)] {
        let name = screen.paint(Tone::Dim, name);
        screen.line(&format!("{name} {words}"))?;
    }
    screen.value(&page(&code))?;
    Ok(0)
}

fn page(code: &Code) -> Value {
    json!({"code": code.number, "title": code.title, "meaning": code.meaning, "remedy": code.remedy})
}
