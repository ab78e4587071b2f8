//! What is told of a run that was just begun: its id, how to follow it, and, where it comes to that
//! within seconds, whom it waits for or how it ended. `run` and `undo` share it.

use std::time::Duration;

use serde_json::Value;

use super::answer::{id, shown, text, time};
use super::came_to;
use super::case::watch::{Ended, Until, follow};
use super::client::Client;
use super::error::{CliError, NO};
use super::screen::Screen;
use super::table::{Tone, tone_of};
use crate::case::RunState;
use crate::error::Code;
use crate::id::{ApprovalId, CaseId, RunId};
use crate::sanitise::{VALUE_MAX, sanitise};

/// The waits before the looks at a new run: it makes its plan within seconds, and whoever wants to
/// wait longer has `--watch`.
const LOOKS: [Duration; 3] =
    [Duration::from_millis(300), Duration::from_millis(700), Duration::from_secs(2)];

/// What a run does that waits for nothing but its evidence, or for a look.
const PRESERVES: &str = "what it contained is in place; it keeps its evidence, or looks again whether that holds, and \
    goes on by itself";

/// A run as the service answered when it was asked for.
pub(super) struct Begun<'a> {
    run: Value,
    id: RunId,
    case: CaseId,
    undoes: Option<&'a RunId>,
}

/// How many entries a case has: what is drawn begins after them.
pub(super) async fn length(client: &Client, case: &CaseId) -> Result<u64, CliError> {
    let answer: Value = client.get(&["v1", "cases", case.as_str()], &[]).await?;
    Ok(answer.get("length").and_then(Value::as_u64).unwrap_or(0))
}

impl<'a> Begun<'a> {
    /// Reads the answer; `undoes` is the run whose changes it takes back.
    ///
    /// # Errors
    /// When the answer names no run or case.
    pub(super) fn of(run: Value, undoes: Option<&'a RunId>) -> Result<Self, CliError> {
        let (id, case) = (id::<RunId>(&run, "id")?, id::<CaseId>(&run, "case")?);
        Ok(Self { run, id, case, undoes })
    }

    /// Tells of it, and for some seconds waits for what it comes to. A program gets the answer at
    /// once.
    ///
    /// # Errors
    /// When nothing can be printed.
    pub(super) async fn tell(self, client: &Client, screen: &mut Screen) -> Result<u8, CliError> {
        self.head(screen)?;
        screen.value(&self.run)?;
        if screen.json {
            return Ok(0);
        }
        let case = &self.case;
        // First of all, so that it stands there whatever happens to the wait.
        screen.line(&format!(
            "follow: tourniquet case watch {case} (or once: tourniquet case show {case})"
        ))?;
        let what = format!("the first that {} does", self.id);
        let seen = client.patiently(&what, async |client| shortly(client, &self.id).await).await;
        if let Some(seen) = seen {
            self.became(screen, &seen)?;
            self.came_to(client, screen, &seen).await?;
            self.next(screen, &seen);
        }
        Ok(0)
    }

    /// What a person may want after a run that is over.
    fn next(&self, screen: &mut Screen, seen: &Value) {
        let Self { id, case, undoes, .. } = self;
        if !RunState::from_label(text(seen, "state")).is_some_and(RunState::is_over) {
            return;
        }
        let contained = seen.get("contained").and_then(Value::as_bool) == Some(true);
        let undo = match undoes {
            None if contained => format!("; to take it back: tourniquet undo {id}"),
            _ => String::new(),
        };
        screen.note(&format!("the whole case: tourniquet case show {case}{undo}"));
    }

    /// What an undo that is over came to, so that "taken back" is not the last word.
    async fn came_to(
        &self,
        client: &Client,
        screen: &mut Screen,
        seen: &Value,
    ) -> Result<(), CliError> {
        let over = RunState::from_label(text(seen, "state")).is_some_and(RunState::is_over);
        let Some(of) = self.undoes.filter(|_| over) else {
            return Ok(());
        };
        match came_to::of(client, &self.case, &self.id).await {
            Some(undone) => came_to::tell(screen, &undone, of, &self.case),
            None => Ok(()),
        }
    }

    /// Tells of it and follows it to its end, from entry `from` of its case on. Exit code 3: it did
    /// not succeed.
    ///
    /// # Errors
    /// When the service does not answer, or nothing can be printed.
    pub(super) async fn watch(
        self,
        client: &Client,
        screen: &mut Screen,
        from: u64,
    ) -> Result<u8, CliError> {
        self.head(screen)?;
        let until = match self.undoes {
            Some(_) => Until::Undone(self.id.clone()),
            None => Until::Over(self.id.clone()),
        };
        // One JSON value: the run as it ended, not its entries.
        let followed = follow(client, screen, &self.case, from, &until, &mut Vec::new()).await;
        let ended = followed.map_err(|error| self.away(error))?;
        let mut run: Value = client.get(&["v1", "runs", self.id.as_str()], &[]).await?;
        if screen.json
            && let Some(of) = self.undoes
            && let Some(undone) = came_to::of(client, &self.case, &self.id).await
        {
            let undoes: Value = client.get(&["v1", "runs", of.as_str()], &[]).await?;
            came_to::add(&mut run, &undone, &undoes);
        }
        screen.value(&run)?;
        if ended == Ended::Interrupted {
            let case = &self.case;
            screen
                .note(&format!("stopped watching; the run goes on: tourniquet case watch {case}"));
            return Ok(0);
        }
        if !screen.json {
            self.came_to(client, screen, &run).await?;
            self.next(screen, &run);
        }
        Ok(if text(&run, "state") == "succeeded" { 0 } else { NO })
    }

    /// It was accepted: whoever starts it again because the service went away has it twice.
    fn away(&self, error: CliError) -> CliError {
        let Self { id, case, .. } = self;
        let remedy = format!(
            "{id} was accepted, and goes on by itself when the service is back: tourniquet case watch {case}"
        );
        if error.code == Code::CLIENT { error.with_remedy(remedy) } else { error }
    }

    fn head(&self, screen: &mut Screen) -> Result<(), CliError> {
        let Self { run, id, case, undoes } = self;
        let state = screen.paint(tone_of(text(run, "state")), &shown(run, "state"));
        screen.line(&match undoes {
            Some(of) => format!("undo of {of} is {state} as {id} in {case}"),
            None => format!("{id} of {} is {state} in {case}", shown(run, "runbook")),
        })
    }

    /// Whom it waits for, how it ended, or that it goes on.
    fn became(&self, screen: &mut Screen, seen: &Value) -> Result<(), CliError> {
        let id = &self.id;
        let mut asked = false;
        for approval in pending(seen) {
            asked = true;
            let question = screen.paint(Tone::Strong, &shown(approval, "question"));
            screen.line(&format!("{id} waits for an approval: {question}"))?;
            let command = match text(approval, "id").parse::<ApprovalId>() {
                Ok(approval) => format!("tourniquet approve {approval}"),
                Err(_) => "tourniquet approve".to_owned(),
            };
            let who = match approval.get("quorum").and_then(Value::as_u64) {
                Some(quorum @ 2..) => format!("{quorum} other people"),
                _ => "another person".to_owned(),
            };
            screen.line(&format!(
                "  {who} must decide, until {}: {command}",
                time(approval, "expires_at")
            ))?;
        }
        if asked {
            return Ok(());
        }
        let label = text(seen, "state");
        let state = screen.paint(tone_of(label), &shown(seen, "state"));
        let why = match RunState::from_label(label) {
            Some(RunState::Queued) => {
                "the service has not taken it up yet, or another run works on the same target"
            }
            Some(RunState::Running) => "it is at work",
            Some(RunState::Parked) if seen["preserves"] == true => PRESERVES,
            Some(RunState::Parked) => "it waits, and goes on by itself",
            _ => text(seen, "summary"),
        };
        let is = match RunState::from_label(label) {
            Some(RunState::Succeeded | RunState::Failed) => "",
            Some(RunState::Halted) => "was ",
            _ => "is ",
        };
        screen.line(&format!("{id} {is}{state}: {}", sanitise(why, VALUE_MAX)))
    }
}

/// The run as the last look showed it; `None` where no look succeeded. That it can't be looked at is
/// no failure: it was begun.
async fn shortly(client: &Client, run: &RunId) -> Option<Value> {
    let mut seen = None;
    for wait in LOOKS {
        client.clock.sleep(wait).await;
        let Ok(look) = client.get::<Value>(&["v1", "runs", run.as_str()], &[]).await else {
            break;
        };
        let stands = stands(&look);
        seen = Some(look);
        if stands {
            break;
        }
    }
    seen
}

/// Whether nothing more comes of the run by itself, or not soon.
fn stands(run: &Value) -> bool {
    let state = RunState::from_label(text(run, "state"));
    pending(run).next().is_some()
        || state.is_some_and(|state| state == RunState::Parked || state.is_over())
}

/// The run's open questions.
fn pending(run: &Value) -> impl Iterator<Item = &Value> {
    let all = run.get("approvals").and_then(Value::as_array);
    all.into_iter().flatten().filter(|approval| text(approval, "state") == "pending")
}

#[cfg(test)]
mod tests {
    use axum::http::StatusCode;
    use serde_json::json;

    use super::*;
    use crate::cli::client::tests::{Service, problem};
    use crate::cli::screen::tests::screen;
    use crate::timeline::{Actor, Draft, Head, Kind};

    fn run(state: &str) -> Value {
        json!({"id": "run-0002", "case": "case-0001", "runbook": "observe", "state": state,
            "summary": null, "approvals": []})
    }

    /// What a person reads where every look answers `look`, and how often was looked.
    async fn told(look: (StatusCode, Value), undoes: Option<&str>) -> (String, usize) {
        let looks = std::sync::Arc::new(std::sync::atomic::AtomicUsize::new(0));
        let counted = std::sync::Arc::clone(&looks);
        let service = Service::start(move |request| {
            if request.path == "/v1/cases/case-0001/timeline" {
                return problem(StatusCode::NOT_FOUND, "E0203", "no case");
            }
            assert_eq!(
                (request.method.as_str(), request.path.as_str()),
                ("GET", "/v1/runs/run-0002")
            );
            counted.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
            look.clone()
        })
        .await;
        let of = undoes.map(|of| of.parse::<RunId>().unwrap());
        let begun = Begun::of(run("queued"), of.as_ref()).unwrap();
        let (mut screen, out, err) = screen(false);
        assert_eq!(begun.tell(&service.client(), &mut screen).await, Ok(0));
        // Of a run that is over, and of no other, the next command is told.
        let over = out.text().contains("succeeded") || out.text().contains("halted");
        let next = "the whole case: tourniquet case show case-0001";
        assert_eq!(err.text().contains(next), over, "{}", err.text());
        assert_eq!(err.text().contains("tourniquet undo run-0002"), over && undoes.is_none());
        (out.text(), looks.load(std::sync::atomic::Ordering::Relaxed))
    }

    #[tokio::test]
    async fn what_waits_for_a_person_is_named_with_the_command_that_answers_it() {
        let mut parked = run("parked");
        parked["approvals"] = json!([
            {"id": "apr-0003", "question": "Carry out runbook observe as planned?\u{1b}[2J", "state": "pending",
                "quorum": 1, "expires_at": "2026-01-03T22:00:00Z"},
            {"id": "apr-0004", "question": "Isolate i-1?", "state": "pending", "quorum": 2,
                "expires_at": "2026-01-03T22:00:00Z"},
            {"id": "apr-0005", "question": "Decided long ago", "state": "granted"},
        ]);
        let (text, looks) = told((StatusCode::OK, parked), None).await;
        assert_eq!(looks, 1);
        insta::assert_snapshot!(text, @r"
        run-0002 of observe is queued in case-0001
        follow: tourniquet case watch case-0001 (or once: tourniquet case show case-0001)
        run-0002 waits for an approval: Carry out runbook observe as planned?
          another person must decide, until 2026-01-03 22:00:00Z: tourniquet approve apr-0003
        run-0002 waits for an approval: Isolate i-1?
          2 other people must decide, until 2026-01-03 22:00:00Z: tourniquet approve apr-0004
        ");
    }

    #[tokio::test]
    async fn every_other_state_is_told_and_the_wait_has_an_end() {
        let mut done = run("succeeded");
        done["summary"] = json!("contained and verified");
        done["contained"] = json!(true);
        let (text, _) = told((StatusCode::OK, done), None).await;
        assert!(text.ends_with("run-0002 succeeded: contained and verified\n"), "{text}");
        let mut over = run("halted");
        over["summary"] = json!("E0508: left alone\u{1b}[2J");
        for (look, expected, times) in [
            (run("queued"), "run-0002 is queued: the service has not taken it up yet", 3),
            (run("running"), "run-0002 is running: it is at work", 3),
            (run("parked"), "run-0002 is parked: it waits, and goes on by itself", 1),
            (over, "run-0002 was halted: E0508: left alone", 1),
        ] {
            let (text, looks) = told((StatusCode::OK, look), Some("run-0001")).await;
            let lines: Vec<&str> = text.lines().collect();
            assert_eq!(lines[0], "undo of run-0001 is queued as run-0002 in case-0001");
            assert!(lines[2].starts_with(expected) && lines.len() == 3, "{text}");
            assert_eq!(looks, times, "{text}");
        }
    }

    #[tokio::test]
    async fn an_undo_that_is_over_says_what_it_left_and_how_to_take_that_back() {
        let mut head = Head::empty();
        let mut entries = Vec::new();
        for output in [
            json!({"restored": "user ci: access key X"}),
            json!({"by_hand": "user ci: console password removed: \u{1b}[2Jcreate a new one"}),
            json!({"kept": "new snapshots of vol-1: they are evidence"}),
            json!({"kept": "left in place (role web: deny). If `tourniquet undo --revive` took it back, too: old sessions"}),
        ] {
            let end = json!({"run": "run-0002", "step": "1", "name": "undo::restore", "result": "ok",
                "output": output});
            let actor = Actor::Run("run-0002".parse().unwrap());
            let draft = Draft::new(jiff::Timestamp::UNIX_EPOCH, actor, Kind::StepFinished, end);
            let sealed = draft.seal(&"case-0001".parse().unwrap(), &mut head).unwrap();
            let entry: Value = serde_json::from_slice(&sealed.bytes).unwrap();
            entries.push(json!({"seq": sealed.seq, "hash": sealed.hash, "entry": entry}));
        }
        let page = json!({"entries": entries, "next": null,
            "head": {"length": head.length, "hash": head.hash}});
        let service = Service::start(move |request| {
            let mut over = run("succeeded");
            over["summary"] = json!("taken back");
            let timeline = request.path == "/v1/cases/case-0001/timeline";
            (StatusCode::OK, if timeline { page.clone() } else { over })
        })
        .await;
        let of = "run-0001".parse().unwrap();
        let (mut screen, out, _) = screen(false);
        let begun = Begun::of(run("queued"), Some(&of)).unwrap();
        assert_eq!(begun.tell(&service.client(), &mut screen).await, Ok(0));
        let text = out.text();
        let last: Vec<&str> = text.lines().skip(2).collect();
        assert_eq!(
            last,
            [
                "run-0002 succeeded: taken back",
                "  user ci: access key X",
                "  by hand: user ci: console password removed: create a new one",
                "  2 stay on purpose: 2 others (each of them: tourniquet case show case-0001)",
                "  what keeps stolen credentials out is taken back by: tourniquet undo --revive run-0001 --reason WHY",
            ]
        );
    }

    #[tokio::test]
    async fn a_run_that_can_not_be_looked_at_was_begun_all_the_same() {
        let refused = problem(StatusCode::SERVICE_UNAVAILABLE, "E0206", "later");
        let (text, looks) = told(refused, None).await;
        assert_eq!((text.lines().count(), looks), (2, 1), "{text}");
    }

    #[tokio::test]
    async fn a_program_gets_the_answer_at_once() {
        let service =
            Service::start(|_| -> (StatusCode, Value) { panic!("nothing is asked") }).await;
        let (mut screen, out, _) = screen(true);
        let begun = Begun::of(run("queued"), None).unwrap();
        assert_eq!(begun.tell(&service.client(), &mut screen).await, Ok(0));
        assert_eq!(out.value(), run("queued"));
    }
}
