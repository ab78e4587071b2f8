//! `explain`: what an error number means and what to do.

use serde_json::{Value, json};

use super::outcome::{Failure, Outcome};
use super::{Common, paint};
use crate::error::Code;

/// Arguments of `explain`.
#[derive(clap::Args)]
pub struct Args {
    /// The number, such as E0201; without it, all of them.
    code: Option<String>,
}

/// Prints the table's words.
pub fn explain(common: &Common, args: &Args) -> Result<Outcome, Failure> {
    let Some(number) = &args.code else {
        if common.json {
            paint::line(&Value::from_iter(Code::ALL.iter().map(page)).to_string());
        } else {
            Code::ALL
                .iter()
                .for_each(|code| paint::line(&code.to_string()));
        }
        return Ok(Outcome::Done);
    };
    let code = Code::find(number).ok_or_else(|| {
        let last = Code::ALL.last().map_or("", |code| code.number);
        Failure::usage(format!(
            "no error has the number {number}; they go from E0001 to {last}"
        ))
    })?;
    if common.json {
        paint::line(&page(&code).to_string());
    } else {
        paint::line(&paint::strong(&code.to_string()));
        paint::line(&format!(
            "\nWhat it means: {}\nWhat to do: {}",
            code.meaning, code.remedy
        ));
    }
    Ok(Outcome::Done)
}

fn page(code: &Code) -> Value {
    json!({"code": code.number, "title": code.title, "meaning": code.meaning, "remedy": code.remedy})
}
