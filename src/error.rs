//! The numbered errors: what each means and what to do, in one table.
//!
//! An operator sees `E0201` and `tourniquet explain E0201` says the rest. Modules below keep their
//! own `thiserror` enums; where one becomes visible to a person it carries one of these codes. The
//! texts hold nothing internal: details go to the log.

use std::fmt;

/// A numbered error.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Code {
    /// `E` and four digits: never reused.
    pub number: &'static str,
    /// A few words.
    pub title: &'static str,
    /// What it means.
    pub meaning: &'static str,
    /// What to do about it.
    pub remedy: &'static str,
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.number, self.title)
    }
}

macro_rules! codes {
    ($($name:ident = $number:literal, $title:literal, $meaning:literal, $remedy:literal;)*) => {
        impl Code {
            $(
                #[doc = $title]
                pub const $name: Self =
                    Self { number: $number, title: $title, meaning: $meaning, remedy: $remedy };
            )*

            /// Every code, in order of number.
            pub const ALL: &'static [Self] = &[$(Self::$name),*];

            /// The code with this number, with or without the `E`.
            #[must_use]
            pub fn find(number: &str) -> Option<Self> {
                let digits = number.trim_start_matches(['E', 'e']);
                Self::ALL.iter().copied().find(|code| &code.number[1..] == digits)
            }
        }
    };
}

codes! {
    CONFIG = "E0001", "the configuration is not valid",
        "A key in tourniquet.toml or a TOURNIQUET_ variable is unknown, or its value has the wrong form.",
        "Correct what the message names (a line, a key or a variable), and run `tourniquet config check`.";
    LISTEN = "E0002", "the address can't be listened on",
        "Another program uses the port, or the address is not one of this machine's.",
        "Stop the other program (`ss -ltnp` names it) or set TOURNIQUET_LISTEN to another address.";
    DATABASE_OPEN = "E0003", "the database can't be opened or written",
        "The file or its folder is not writable, the disk is full, or the file is no Tourniquet database.",
        "Check the path in TOURNIQUET_DATABASE, its owner and mode, and the free space (`df`).";
    RUNBOOKS_LOAD = "E0004", "the runbooks can't be loaded",
        "A runbook has an error, or its folder can't be read. The service does not start with half a catalogue.",
        "Run `tourniquet runbook check`, which names file, line and column.";
    CLOUD_SETUP = "E0005", "the cloud can't be set up",
        "The sandbox's scenario or world file can't be read or written, or this binary was built without the `aws` feature.",
        "Check [cloud] in the configuration, and the owner and mode of the files that it names; build with default features to reach AWS.";
    CLIENT = "E0006", "the service can't be reached",
        "The command talks to a running `tourniquet serve`, and got no answer it understands.",
        "Check TOURNIQUET_URL, that `tourniquet serve` runs, and TOURNIQUET_TOKEN.";
    USAGE = "E0007", "the command can't be carried out as given",
        "An argument has the wrong form or names something that does not exist.",
        "Read the message; `tourniquet help COMMAND` shows the arguments.";
    OUTPUT = "E0008", "the answer can't be written",
        "Standard output does not take what the command prints, for example because its disk is full. What the command asked of the service may have been done all the same.",
        "Free space (`df`) or print elsewhere; before a command that changes something is repeated, see with `tourniquet case list` what was done.";

    NOT_JSON = "E0101", "the body is not JSON",
        "The body is empty, cut off, holds a duplicate key, or is nested too deep. The bytes are kept in quarantine.",
        "Send the finding unchanged, as EventBridge or GuardDuty wrote it.";
    NOT_A_FINDING = "E0102", "the document is not a GuardDuty finding",
        "It is JSON, but no known format of a finding. The bytes are kept in quarantine.",
        "Compare with the formats in the README; an EventBridge rule should send the whole event.";
    FINDING_INVALID = "E0103", "a required field of the finding has the wrong type",
        "The document looks like a finding, but id, type, account or severity can't be trusted. It is kept in quarantine.",
        "Find out who built the document: GuardDuty does not send this.";
    FORMAT_UNSUPPORTED = "E0104", "this format of a finding is not read by this door yet",
        "The document was recognised (for example ASFF, OCSF, SNS, SQS or an S3 export), but not in a form this door takes. It is kept in quarantine.",
        "Send the native EventBridge event or the raw finding.";
    BODY_TOO_LARGE = "E0105", "the body is larger than allowed",
        "GuardDuty events are at most 256 KiB; the limit leaves room for wrappers.",
        "Send one finding a request.";
    NOT_STORED = "E0106", "the finding could not be stored",
        "The database did not confirm the write. Nothing was acknowledged and nothing was started.",
        "Send it again after the time in Retry-After; check the disk and the log of the service.";

    UNAUTHENTICATED = "E0201", "no valid token",
        "The request carries no token, or one that is unknown, revoked or expired.",
        "Send the header `Authorization: Bearer tq_…` or `x-api-key: tq_…`; the tourniquet command does so after `export TOURNIQUET_TOKEN=tq_…`. For a new token, run `tourniquet token create --name YOUR-NAME --role responder` on the service's host, in the service's folder: it is printed once. `tourniquet token list` there says which tokens are revoked or expired.";
    FORBIDDEN = "E0202", "the token's role does not allow this",
        "Rights are denied by default; each route names the roles that may use it.",
        "Use a token with the role that the message names.";
    NOT_FOUND = "E0203", "there is no such thing",
        "The id is well formed or not, but nothing with it exists.",
        "List what exists (`tourniquet case list`) and copy the id.";
    BAD_REQUEST = "E0204", "the request is not valid",
        "A field of the request is missing, unknown or has the wrong form.",
        "Read the message, which names the field.";
    CONFLICT = "E0205", "the request does not fit the present state",
        "Somebody else decided first, or the run is in a state that does not allow this.",
        "Read the sentence above; `tourniquet case show CASE` shows where things stand.";
    UNAVAILABLE = "E0206", "the service can't do this now",
        "The database does not answer or the service is shutting down. Nothing was changed.",
        "Try again after the time in Retry-After.";
    INTERNAL = "E0207", "an error inside Tourniquet",
        "A defect of ours. The request changed nothing unless the timeline shows it.",
        "Report it with the time; the log of the service holds the details.";
    RATE_LIMITED = "E0208", "too many requests",
        "This caller sent more requests than the limit allows.",
        "Send again after the time in Retry-After.";
    REGION_UNKNOWN = "E0209", "AWS has no such Region",
        "The Region that was asked for is none that this version knows; nothing was started. A finding is taken from whichever Region it names, and a run in its case acts there.",
        "Correct the Region. One that AWS opened after this version was made goes into `further_regions` in the configuration; or name the case of a finding from there and leave the Region out.";

    RUNBOOK_SYNTAX = "E0301", "the runbook does not compile",
        "The script has a syntax error, uses something that runbooks may not use, names a function, parameter, field or option that is not there, or compares a text with what it never is.",
        "Go to the line and column in the message; `tourniquet runbook check` shows all of them.";
    RUNBOOK_HEADER = "E0302", "the runbook's header is not valid",
        "const RUNBOOK must be a map of literals with the keys that docs/runbooks.md lists.",
        "Compare it with one of the shipped runbooks.";
    RUNBOOK_UNKNOWN = "E0303", "there is no such runbook",
        "No file of this name is in the runbook folder.",
        "`tourniquet runbook list` shows the names; a folder of your own is read when `serve` starts.";
    RUNBOOK_PARAMS = "E0304", "the parameters do not fit the runbook",
        "A parameter is missing, unknown or has the wrong form; nothing was started.",
        "`tourniquet runbook list` shows each runbook's parameters.";
    SCRIPT_FAILED = "E0305", "the runbook failed",
        "An error was raised and not caught. What was contained before stays contained.",
        "Read the run's timeline; correct the runbook or finish by hand.";
    SCRIPT_LIMIT = "E0306", "the runbook used more than it may",
        "Time, operations, steps or memory went over the limits of a script.",
        "Look for an endless loop; a run may have 1,000 steps.";
    DIVERGED = "E0307", "the runbook asked for another step than the one recorded",
        "The same script must ask for the same steps. The run stopped and shows both.",
        "Look at both steps in the timeline; start a new run when it is safe.";
    RUNBOOK_WEAK = "E0308", "the runbook works, but not as well as it could",
        "A warning: telling people or tagging comes before containment, or the summary is missing. The runbook is loaded.",
        "Follow the hint in the message; `tourniquet runbook check` shows all of them.";
    RUNBOOK_MODE = "E0309", "the runbook allows less than was asked for",
        "A start by hand may be stricter than the runbook's header and the account, never freer, whoever asks. Nothing was started.",
        "Ask for the mode that the message names or a stricter one; when the runbook should act freely, its author changes `mode` in its header.";

    CHAIN_BROKEN = "E0401", "the timeline does not verify",
        "An entry was changed, removed or moved after it was written.",
        "Stop the service, keep the database file as evidence, and restore a backup.";
    STORE_CORRUPT = "E0402", "the database holds something that can't be read",
        "A row does not have the form it was written in.",
        "Stop the service, keep the file, and run SQLite's integrity_check on a copy.";
    LEASE_LOST = "E0403", "another replica has taken this run",
        "The run's lease ran out, for example while the machine was paused.",
        "Nothing: the other replica goes on.";

    GUARD_ACCOUNT = "E0501", "the account does not allow this",
        "Changes are made only in accounts listed under [accounts], and only as freely as the account's mode says: observe, approve or contain. In an account that is not listed there is often no role of ours, either, so that a run that only observes sees nothing there and fails.",
        "Look there yourself, or ask for a stricter mode; or, when it is right to act there, add the account to the configuration or give it a freer mode.";
    GUARD_PROTECTED = "E0502", "the target is protected",
        "The target lies in the forensics account, is a protected role or carries the protection tag. Where the action itself finds that a role is protected (our own, or listed under guards.protected_roles), the number is E0504.",
        "Contain it by hand, or take the protection away first.";
    GUARD_LIMIT = "E0503", "the run would change more than it may",
        "The blast radius of one run is limited; it stopped before the first change of this step.",
        "Check that the targets are right; start further runs by hand.";
    ACTION_REFUSED = "E0504", "the containment is not possible",
        "The action looked and found that it may not or can't act, for example because the role is listed under guards.protected_roles; the message says why.",
        "Do what the message says, by hand.";
    ACTION_FAILED = "E0505", "the containment did not succeed",
        "AWS refused or the change did not hold after the allowed attempts.",
        "Read the outcome entries: they carry AWS's codes and request ids.";
    OUTCOME_UNKNOWN = "E0506", "it is not known whether a change happened",
        "AWS gave no answer and a look could not tell.",
        "Look in CloudTrail for the call, then decide by hand.";
    APPROVAL_DENIED = "E0507", "a person said no",
        "The step's approval was denied; nothing of that step was done.",
        "Start the run again when the reason is gone.";
    UNDO_DRIFT = "E0508", "something else has changed what is to be undone",
        "The attribute no longer has the value that Tourniquet gave it; it was left alone.",
        "Compare before, after and now in the timeline and restore it by hand.";
    POISONED = "E0509", "the run was given up after too many starts",
        "The service died or failed in this run again and again.",
        "Read the log around the starts; finish by hand.";
    TARGET_GONE = "E0510", "the target is not there",
        "AWS knows no such resource in this account and Region: it was deleted, or it is somewhere else.",
        "Check the account and the Region of the request; the instance may have been replaced by its Auto Scaling group.";
    SESSION_POLICY = "E0511", "the session policy of a step is too long",
        "STS takes 2,048 characters. The step needs more, even with its resources widened to their kinds; it was not started, because no step runs without its session policy.",
        "Give the step fewer targets, for example several calls in place of one. Every shipped action fits: report it where only these were called.";
    UNCONFIRMED = "E0512", "GuardDuty does not confirm the finding",
        "GuardDuty does not know the finding, or tells it otherwise; whoever has an intake token can forge one. Nothing was done.",
        "Look for the finding in GuardDuty. If it is genuine, start the runbook by hand; a genuine delivery that comes later starts its own run.";
    SUPERSEDED = "E0513", "another run answers it",
        "The run did nothing: before it began, another run of the case had come to ask for, or to do, all that it was for. It stands for nothing.",
        "Nothing: look at the run that its summary names.";
    HELD_ELSEWHERE = "E0514", "another run holds what is to be given back",
        "A later run has contained the same resource, and perhaps only because it found it contained. It was left as it is, and both runs hold on.",
        "Take back the run that the message names first, then ask for this undo again.";
    UNANSWERED = "E0515", "nobody answered in time",
        "The step's question expired; nothing of that step was done. Silence is no decision: when the finding goes on, it is asked again.",
        "Decide now, and start the run again or contain by hand.";
    TAKEN_BACK = "E0516", "the run was taken back",
        "Somebody took the run back before it came to this containment, which was not begun.",
        "Start the runbook again if it is to be contained after all.";
}

#[cfg(test)]
mod tests {
    use super::Code;

    #[test]
    fn numbers_are_unique_and_in_order_and_every_code_says_what_to_do() {
        assert!(Code::ALL.windows(2).all(|pair| pair[0].number < pair[1].number));
        assert!(Code::ALL.iter().all(|code| code.number.len() == 5 && code.remedy.len() > 10));
        assert_eq!(Code::find("e0201"), Some(Code::UNAUTHENTICATED));
        assert_eq!(Code::find("0201"), Some(Code::UNAUTHENTICATED));
        assert_eq!(Code::find("E9999"), None);
    }
}
