//! What came of the demo, for people and as JSON.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::attack;
use super::findings::Delivery;
use super::stage::Stage;
use crate::cli::draw;
use crate::cli::error::CliError;
use crate::cli::grid::Column;
use crate::cli::screen::Screen;
use crate::cli::table::{Style, Tone, tone_of};
use crate::error::Code;
use crate::id::{CaseId, Digest};
use crate::timeline::{Entry, Head, verify};

type View = BTreeMap<&'static str, (bool, String)>;

/// Columns where no terminal says how many it has: what is piped is read by people, too.
const WIDTH: u16 = 100;

/// Everything that was found out.
pub struct Outcome {
    cases: Vec<Value>,
    attempts: Vec<Value>,
    expected: Vec<Value>,
    chain_verified: bool,
    drawn: Vec<Entry>,
}

/// One line about a delivery.
pub fn sent(delivery: &Delivery, answer: &Value) -> String {
    let first = &answer["findings"][0];
    let case = first["case"].as_str().unwrap_or("none");
    let disposition = first["disposition"].as_str().unwrap_or("-");
    let remark = match delivery.remark {
        "" => String::new(),
        remark => format!("\n    ({remark})"),
    };
    format!("  {:<38} {disposition:<10} {case}{remark}", delivery.name)
}

impl Outcome {
    /// Asks the API for the cases, verifies their chains here, and holds all against what was
    /// expected.
    ///
    /// # Errors
    /// When the API does not answer.
    pub async fn of(
        stage: &Stage,
        sent: &[(Delivery, Value)],
        before: &View,
        after: &View,
    ) -> Result<Self, CliError> {
        let list: Value = stage.person.get(&["v1", "cases"], &[]).await?;
        let mut cases = Vec::new();
        let mut chain_verified = true;
        let mut drawn = Vec::new();
        for item in list["items"].as_array().cloned().unwrap_or_default().into_iter().rev() {
            let id = item["id"].as_str().unwrap_or_default().to_owned();
            let (entries, valid) = chain(stage, &id).await?;
            chain_verified &= valid;
            if drawn.is_empty() {
                drawn = entries;
            }
            cases.push(case(&item, valid));
        }
        let expected = sent
            .iter()
            .map(|(delivery, answer)| {
                let id = &answer["findings"][0]["case"];
                let status = cases.iter().find(|case| case["id"] == *id).map_or(&Value::Null, |case| &case["status"]);
                let met = status.as_str() == Some(delivery.expected);
                json!({"finding": delivery.name, "case": id, "expected": delivery.expected, "status": status, "met": met})
            })
            .collect();
        let attempts = attack::attempts()
            .map(|attempt| {
                let seen = |view: &View| view.get(attempt.what).map(|(works, _)| *works);
                let why = after.get(attempt.what).map(|(_, why)| why.clone()).unwrap_or_default();
                let met =
                    seen(before) == Some(true) && seen(after) == Some(attempt.must_work_after);
                json!({
                    "attempt": attempt.what, "before": seen(before), "after": seen(after),
                    "must_work_after": attempt.must_work_after, "why": why, "met": met,
                })
            })
            .collect();
        Ok(Self { cases, attempts, expected, chain_verified, drawn })
    }

    /// Whether every expected containment was verified, nothing else was touched, and every chain
    /// holds.
    pub fn is_verified(&self) -> bool {
        let met = |value: &Value| value["met"].as_bool() == Some(true);
        self.chain_verified
            && !self.expected.is_empty()
            && self.expected.iter().chain(&self.attempts).all(met)
    }

    /// One object.
    pub fn json(&self) -> Value {
        json!({
            "cases": self.cases,
            "attacker": self.attempts,
            "expected": self.expected,
            "chain_verified": self.chain_verified,
            "verified": self.is_verified(),
        })
    }

    /// For people.
    ///
    /// # Errors
    /// When nothing can be printed.
    pub fn print(&self, screen: &mut Screen) -> Result<(), CliError> {
        let style = Style { width: screen.style.width.or(Some(WIDTH)), ..screen.style };
        let text = |value: &Value| value.as_str().unwrap_or("-").to_owned();
        screen.line("\nCases:")?;
        let rows = self.cases.iter().map(|case| {
            let status = text(&case["status"]);
            let seconds =
                case["seconds_to_contain"].as_f64().map_or("-".to_owned(), |s| format!("{s:.1} s"));
            vec![
                (Tone::Plain, text(&case["id"])),
                (tone_of(&status), status),
                (
                    Tone::Plain,
                    case["severity"].as_f64().map_or("-".to_owned(), |s| format!("{s:.1}")),
                ),
                (Tone::Plain, case["findings"].to_string()),
                (Tone::Plain, seconds),
                (Tone::Plain, text(&case["finding_type"])),
            ]
        });
        let columns = [
            Column::whole("case"),
            Column::whole("status"),
            Column::whole("sev"),
            Column::whole("findings").spare(1),
            Column::whole("contained in"),
            Column::cut("finding type"),
        ];
        screen.line(&style.table(&columns, rows.collect()))?;
        let open = |item: &&Value| item["expected"] == "open" && item["met"] == true;
        for item in self.expected.iter().filter(open) {
            let (case, name) = (text(&item["case"]), text(&item["finding"]));
            screen.line(&format!("{case} stays open on purpose: {name} is only observed."))?;
        }

        screen.line("\nThe timeline of the first case:\n")?;
        screen.line(draw::timeline(&self.drawn, style).trim_end())?;

        screen.line("\nWhat the attacker can do:")?;
        let works =
            |value: &Value| if value.as_bool() == Some(true) { "yes" } else { "no" }.to_owned();
        let rows = self.attempts.iter().map(|attempt| {
            let tone = if attempt["met"].as_bool() == Some(true) { Tone::Good } else { Tone::Bad };
            vec![
                (Tone::Plain, text(&attempt["attempt"])),
                (Tone::Plain, works(&attempt["before"])),
                (tone, works(&attempt["after"])),
                (Tone::Plain, text(&attempt["why"])),
            ]
        });
        let columns = [
            Column::words("attempt"),
            Column::whole("before"),
            Column::whole("after"),
            Column::words("why"),
        ];
        screen.line(&style.table(&columns, rows.collect()))?;

        let chains =
            if self.chain_verified { "every chain verifies" } else { "A CHAIN DOES NOT VERIFY" };
        screen.line(&format!("\nTimelines: {chains}."))?;
        for missed in self.expected.iter().filter(|item| item["met"].as_bool() != Some(true)) {
            screen.line(&format!(
                "NOT AS EXPECTED: {}: {} instead of {}",
                text(&missed["finding"]),
                text(&missed["status"]),
                text(&missed["expected"])
            ))?;
        }
        let end = if self.is_verified() {
            screen.paint(Tone::Good, "Every expected containment was verified.")
        } else {
            screen.paint(Tone::Bad, "Not every expected containment was verified.")
        };
        screen.line(&end)
    }
}

fn case(item: &Value, chain_valid: bool) -> Value {
    let at = |name: &str| item[name].as_str().and_then(|text| text.parse::<jiff::Timestamp>().ok());
    let seconds = at("opened_at")
        .zip(at("contained_at"))
        .map(|(opened, contained)| contained.duration_since(opened).as_secs_f64());
    json!({
        "id": item["id"],
        "status": item["status"],
        "finding_type": item["finding_type"],
        "title": item["title"],
        "severity": item["severity"],
        "account": item["account"],
        "resource": item["resource"],
        "findings": item["findings"],
        "seconds_to_contain": seconds,
        "chain_verified": chain_valid,
    })
}

/// The entries of a case, and whether their chain holds, computed from the bytes that came.
async fn chain(stage: &Stage, id: &str) -> Result<(Vec<Entry>, bool), CliError> {
    let export: Value = stage.person.get(&["v1", "cases", id, "export"], &[]).await?;
    let broken =
        |what: &str| CliError::new(Code::CHAIN_BROKEN, format!("the export of {id}: {what}"));
    let case: CaseId = id.parse().map_err(|_| broken("no case id"))?;
    let bytes: Vec<Vec<u8>> = export["entries"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(|entry| entry.as_str().map(|text| text.as_bytes().to_vec()))
        .collect();
    let hash: Digest = export["head"]["hash"]
        .as_str()
        .unwrap_or_default()
        .parse()
        .map_err(|_| broken("no head"))?;
    let head = Head { length: export["head"]["length"].as_u64().unwrap_or_default(), hash };
    let report = verify(&case, bytes.iter().map(|bytes| (bytes.as_slice(), None)), Some(&head));
    let entries = bytes.iter().filter_map(|bytes| Entry::parse(bytes).ok()).collect();
    Ok((entries, report.is_valid() && report.entries > 0))
}

/// How to look further.
pub fn how_to_look(stage: &Stage, serves: bool) -> String {
    let Stage { url, token, approver, .. } = stage;
    let program =
        std::env::current_exe().map_or("tourniquet".to_owned(), |path| path.display().to_string());
    if serves {
        return format!(
            "\nThe service stays up until Ctrl-C. In another terminal:\n\n  \
             export TOURNIQUET_URL={url} TOURNIQUET_TOKEN={token}\n  \
             alias tourniquet={program}\n  \
             tourniquet case list\n  tourniquet case show CASE\n  tourniquet case verify CASE\n  tourniquet undo RUN\n\n\
             Nobody approves what they asked for. To approve as a second person:\n\n  \
             TOURNIQUET_TOKEN={approver} tourniquet approve APPROVAL --reason WHY\n"
        );
    }
    "\nTo look around in it: `tourniquet demo --serve`. To have this result as JSON: `tourniquet demo --json`."
        .to_owned()
}
