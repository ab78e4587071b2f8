//! `token`: create, list and revoke API tokens, in the database itself: the first token can't be
//! asked for over an API that needs one.

use std::time::Duration;

use clap::Subcommand;
use jiff::Timestamp;
use serde_json::{Value, json};

use super::answer::clock_time;
use super::database::Database;
use super::error::CliError;
use super::grid::Column;
use super::screen::Screen;
use super::table::{Tone, tone_of};
use super::{Common, input, settings};
use crate::clock::{Clock, SystemClock};
use crate::error::Code;
use crate::id::Ids;
use crate::sanitise::{VALUE_MAX, sanitise};
use crate::store::{Holder, NewToken, Role, Store, StoreError, TokenRow};
use crate::web::Secret;

/// Characters of a token's name: it stands in every entry that its holder causes.
const NAME_MAX: usize = 64;

/// What to do with tokens.
#[derive(Debug, Clone, Subcommand)]
pub enum TokenCommand {
    /// Create a token and print its secret, once. Makes the database where there is none yet.
    Create {
        /// Who holds it; the timeline shows this name. [default: the role]
        #[arg(long, value_parser = name)]
        name: Option<String>,
        /// viewer, responder, approver, author, admin, auditor or intake.
        #[arg(long, value_parser = role)]
        role: Role,
        /// When it stops working: 90d, 12h, …
        #[arg(long, value_parser = input::length, value_name = "TIME")]
        expires: Option<Duration>,
        /// Whoever had a revoked or expired token of this name gets this one: the timeline knows people
        /// by their names alone.
        #[arg(long, requires = "name")]
        same_person: bool,
    },
    /// List the tokens, without their secrets.
    List,
    /// Make a token useless.
    Revoke {
        /// Its id, tok-…, or its name.
        #[arg(value_name = "ID|NAME", value_parser = name)]
        token: String,
    },
}

fn role(label: &str) -> Result<Role, String> {
    Role::from_label(label).ok_or_else(|| {
        let known: Vec<&str> = Role::ALL.iter().map(|role| role.label()).collect();
        let near = crate::config::nearest(label, known.iter().copied());
        let hint = near.map(|near| format!("; did you mean {near}?")).unwrap_or_default();
        format!("expected one of {}{hint}", known.join(", "))
    })
}

fn name(text: &str) -> Result<String, String> {
    let allowed = |c: char| c.is_ascii_alphanumeric() || "._@-".contains(c);
    if (1..=NAME_MAX).contains(&text.len()) && text.chars().all(allowed) {
        Ok(text.to_owned())
    } else {
        Err(format!("expected 1 to {NAME_MAX} letters, digits and ._@-"))
    }
}

/// Carries the command out; gives the exit code.
///
/// # Errors
/// When the database can't be opened, or holds no such token.
pub async fn token(
    common: &Common,
    screen: &mut Screen,
    command: TokenCommand,
) -> Result<u8, CliError> {
    let database = Database::of(&settings::load(common)?);
    if common.url.is_some() {
        screen.warn(&format!(
            "working on the database itself, {database}: TOURNIQUET_URL and --url are not used"
        ));
    }
    let store = match command {
        TokenCommand::Create { .. } => {
            let new = !database.exists();
            let store = database.open_or_create().await?;
            if new {
                screen.warn(&format!(
                    "a new database was made, {database}: see that `tourniquet serve` uses this one"
                ));
            }
            store
        }
        TokenCommand::List | TokenCommand::Revoke { .. } => database.open().await?,
    };
    let done = carry_out(screen, &store, &database, command).await;
    store.close().await;
    done
}

async fn carry_out(
    screen: &mut Screen,
    store: &Store,
    database: &Database,
    command: TokenCommand,
) -> Result<u8, CliError> {
    let clock = SystemClock::new();
    match command {
        TokenCommand::Create { name, role, expires, same_person } => {
            // A role is nobody's name.
            let holder = if same_person || name.is_none() { Holder::Same } else { Holder::New };
            let secret = Secret::random();
            let now = clock.now();
            let expires_at = expires
                .map(|length| now.checked_add(length))
                .transpose()
                .map_err(|_| CliError::usage("--expires: too far away"))?;
            let token = NewToken {
                id: Ids::random().token(&clock),
                name: name.unwrap_or_else(|| role.label().to_owned()),
                holder,
                role,
                hash: secret.hash(),
                created_at: now,
                expires_at,
            };
            store.create_token(token.clone()).await.map_err(|error| taken(error, &token.name))?;
            screen.line(secret.reveal())?;
            if !screen.json {
                let (id, name) = (&token.id, &token.name);
                screen.warn(&format!(
                    "{id} ({name}, {}) in {database}: keep the secret above, it is not shown again",
                    role.label()
                ));
            }
            screen.value(&json!({
                "id": token.id,
                "token": secret.reveal(),
                "name": token.name,
                "role": role.label(),
                "expires_at": expires_at,
            }))?;
        }
        TokenCommand::List => list(screen, &store.tokens().await?, clock.now())?,
        TokenCommand::Revoke { token } => {
            let tokens = store.tokens().await?;
            let now = clock.now();
            let TokenRow { id, name, role, .. } = find(&tokens, &token, now, database)?;
            store.revoke_token(id, now).await?;
            let name = sanitise(name, VALUE_MAX);
            screen.line(&format!("{id} ({name}, {}) is revoked", role.label()))?;
            screen.note(&format!(
                "requests with it are refused within a second; `tourniquet token list` shows what is left, and \
                 `tourniquet token create --name {name} --role {} --same-person` makes another for whoever had it",
                role.label()
            ));
            screen.value(&json!({"id": id, "revoked": true}))?;
        }
    }
    Ok(0)
}

/// Why a token was not created, and what to do: its name may be taken, or have been.
fn taken(error: StoreError, name: &str) -> CliError {
    match error {
        StoreError::Conflict(_) => {
            CliError::new(Code::CONFLICT, format!("a token is named {name} already")).with_remedy(
                "Choose another name with --name, or revoke that token first: `tourniquet token list` shows those \
                 in use, and `tourniquet token revoke NAME` ends one.",
            )
        }
        StoreError::NameUsed { .. } => CliError::from(error).with_remedy(
            "If it is the same person, add --same-person; else choose another name: the timeline knows people by \
             their names alone.",
        ),
        error => error.into(),
    }
}

/// The one token that `text` names: by its id, or else by its name. A name is given again after a
/// token's end; then the live one is meant.
fn find<'t>(
    tokens: &'t [TokenRow],
    text: &str,
    now: Timestamp,
    database: &Database,
) -> Result<&'t TokenRow, CliError> {
    if let Some(token) = tokens.iter().find(|token| token.id.as_str() == text) {
        return Ok(token);
    }
    let mut named: Vec<&TokenRow> = tokens.iter().filter(|token| token.name == text).collect();
    for over in ["revoked", "expired"] {
        if named.iter().any(|token| state(token, now) != over) {
            named.retain(|token| state(token, now) != over);
        }
    }
    match named.as_slice() {
        [] => {
            let detail = format!("no token in {database} has the id or the name {text}");
            Err(CliError::new(Code::NOT_FOUND, detail)
                .with_remedy("`tourniquet token list` shows ids and names."))
        }
        [token] => Ok(token),
        several => {
            let words = |token: &&TokenRow| {
                let state = if token.revoked_at.is_some() { ", revoked" } else { "" };
                let made = clock_time(token.created_at);
                format!("{} ({}{state}, created {made})", token.id, token.role.label())
            };
            let list: Vec<String> = several.iter().map(words).collect();
            let detail =
                format!("{} tokens have the name {text}: {}", several.len(), list.join("; "));
            Err(CliError::new(Code::CONFLICT, detail).with_remedy(
                "Nothing was revoked. Name the one that is meant by its id: \
                 `tourniquet token revoke tok-…`.",
            ))
        }
    }
}

const COLUMNS: [Column; 6] = [
    Column::whole("token"),
    Column::whole("name"),
    Column::whole("role"),
    Column::whole("state"),
    Column::whole("created").spare(1),
    Column::whole("expires"),
];

fn list(screen: &mut Screen, tokens: &[TokenRow], now: Timestamp) -> Result<(), CliError> {
    if tokens.is_empty() {
        screen.line("no tokens")?;
    } else {
        let rows = tokens.iter().map(|token| row(token, now)).collect();
        let table = screen.style.table(&COLUMNS, rows);
        screen.line(&table)?;
    }
    let values = tokens.iter().map(|token| {
        json!({
            "id": token.id,
            "name": token.name,
            "role": token.role.label(),
            "state": state(token, now),
            "created_at": token.created_at,
            "expires_at": token.expires_at,
            "revoked_at": token.revoked_at,
        })
    });
    screen.value(&Value::from_iter(values))
}

fn row(token: &TokenRow, now: Timestamp) -> Vec<(Tone, String)> {
    let state = state(token, now);
    let expires = token.expires_at.map(clock_time);
    vec![
        (Tone::Plain, token.id.to_string()),
        (Tone::Plain, token.name.clone()),
        (Tone::Plain, token.role.label().to_owned()),
        (tone_of(state), state.to_owned()),
        (Tone::Dim, clock_time(token.created_at)),
        (Tone::Dim, expires.unwrap_or_else(|| "never".to_owned())),
    ]
}

/// What a service is warned of that lacks the tokens which it needs: nobody but their holders gets in.
///
/// # Errors
/// When the database can't be read.
pub async fn warning(store: &Store, now: Timestamp) -> Result<Option<String>, StoreError> {
    Ok(missing(&store.tokens().await?, now))
}

fn missing(tokens: &[TokenRow], now: Timestamp) -> Option<String> {
    let valid = tokens.iter().filter(|token| state(token, now) == "valid");
    let roles: Vec<Role> = valid.map(|token| token.role).collect();
    let (what, role) = if roles.is_empty() {
        ("no token is valid: nobody can send a finding, look at a case or approve", "ROLE")
    } else if !roles.iter().any(|role| matches!(role, Role::Approver | Role::Admin)) {
        ("no valid token may approve: each question ends without an answer", "approver")
    } else {
        return None;
    };
    let command = format!("tourniquet token create --name NAME --role {role}");
    Some(format!("WARNING: {what}; `{command}` makes one"))
}

fn state(token: &TokenRow, now: Timestamp) -> &'static str {
    match (token.revoked_at, token.expires_at) {
        (Some(_), _) => "revoked",
        (None, Some(at)) if at <= now => "expired",
        _ => "valid",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn roles_and_names_are_checked() {
        assert_eq!(role("admin"), Ok(Role::Admin));
        assert!(role("amdin").unwrap_err().contains("did you mean admin?"));
        for (text, valid) in [
            ("ada", true),
            ("event-bridge.prod@eu", true),
            ("", false),
            ("a\u{1b}b", false),
            ("a b", false),
        ] {
            assert_eq!(name(text).is_ok(), valid, "{text:?}");
        }
    }

    fn held(id: &str, name: &str, revoked: bool) -> TokenRow {
        let at = Timestamp::UNIX_EPOCH;
        TokenRow {
            id: id.parse().unwrap(),
            name: name.to_owned(),
            role: Role::Viewer,
            created_at: at,
            expires_at: None,
            revoked_at: revoked.then_some(at),
        }
    }

    #[test]
    fn a_token_is_found_by_its_id_or_by_a_name_that_only_one_has() {
        let tokens = [
            held("tok-0001", "ada", true),
            held("tok-0002", "ada", false),
            held("tok-0003", "bob", true),
            held("tok-0004", "eve", true),
            held("tok-0005", "eve", true),
            held("tok-0006", "twin", false),
            held("tok-0007", "twin", false),
            // An id is never taken for somebody's name.
            held("tok-0008", "tok-0003", false),
            TokenRow { expires_at: Some(Timestamp::UNIX_EPOCH), ..held("tok-0009", "old", false) },
            held("tok-0010", "old", true),
            TokenRow { expires_at: Some(Timestamp::UNIX_EPOCH), ..held("tok-0011", "new", false) },
            held("tok-0012", "new", false),
        ];
        let database = Database::of(&crate::config::Config::default());
        for (text, expected) in [
            ("tok-0001", Ok("tok-0001")),
            ("tok-0003", Ok("tok-0003")),
            ("ada", Ok("tok-0002")),
            ("bob", Ok("tok-0003")),
            ("old", Ok("tok-0009")),
            ("new", Ok("tok-0012")),
            ("eve", Err((Code::CONFLICT, ["tok-0004 (viewer, revoked", "tok-0005"]))),
            ("twin", Err((Code::CONFLICT, ["tok-0006 (viewer, created", "tok-0007"]))),
            ("tok-none", Err((Code::NOT_FOUND, ["the id or the name tok-none", "tourniquet.db"]))),
        ] {
            match (find(&tokens, text, Timestamp::UNIX_EPOCH, &database), expected) {
                (Ok(token), Ok(id)) => assert_eq!(token.id.as_str(), id, "{text}"),
                (Err(error), Err((code, words))) => {
                    assert_eq!(error.code, code, "{text}");
                    assert!(words.iter().all(|word| error.detail.contains(word)), "{error}");
                }
                (found, _) => panic!("{text}: {found:?}"),
            }
        }
    }

    #[test]
    fn a_service_that_nobody_can_use_or_that_nobody_can_answer_is_warned() {
        let now = Timestamp::UNIX_EPOCH;
        let of = |role| TokenRow { role, ..held("tok-0001", "ada", false) };
        let over = TokenRow { expires_at: Some(now), ..of(Role::Approver) };
        for (tokens, expected) in [
            (vec![], Some("no token is valid")),
            (vec![over.clone()], Some("no token is valid")),
            (vec![over, of(Role::Responder)], Some("no valid token may approve")),
            (vec![of(Role::Responder), of(Role::Approver)], None),
            (vec![of(Role::Admin)], None),
        ] {
            let found = missing(&tokens, now);
            assert_eq!(found.is_some(), expected.is_some(), "{found:?}");
            assert!(found.unwrap_or_default().contains(expected.unwrap_or_default()));
        }
    }
}
