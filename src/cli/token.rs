//! `token`: create, list and revoke API tokens, in the database itself: the first token can't be
//! asked for over an API that needs one.

use std::time::Duration;

use clap::Subcommand;
use jiff::Timestamp;
use serde_json::{Value, json};

use super::answer::clock_time;
use super::error::CliError;
use super::screen::Screen;
use super::table::{Tone, tone_of};
use super::{Common, config, input};
use crate::clock::{Clock, SystemClock};
use crate::error::Code;
use crate::id::{Ids, TokenId};
use crate::store::{NewToken, Role, Store, StoreError, TokenRow};
use crate::web::Secret;

/// Characters of a token's name: it stands in every entry that its holder causes.
const NAME_MAX: usize = 64;

/// What to do with tokens.
#[derive(Debug, Clone, Subcommand)]
pub enum TokenCommand {
    /// Create a token and print its secret, once.
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
    },
    /// List the tokens, without their secrets.
    List,
    /// Make a token useless.
    Revoke {
        /// Its id, tok-….
        id: TokenId,
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
    let store = Store::open(&config::load(common)?.database).await?;
    let done = carry_out(screen, &store, command).await;
    store.close().await;
    done
}

async fn carry_out(
    screen: &mut Screen,
    store: &Store,
    command: TokenCommand,
) -> Result<u8, CliError> {
    let clock = SystemClock::new();
    match command {
        TokenCommand::Create { name, role, expires } => {
            let secret = Secret::random();
            let now = clock.now();
            let expires_at = expires
                .map(|length| now.checked_add(length))
                .transpose()
                .map_err(|_| CliError::usage("--expires: too far away"))?;
            let token = NewToken {
                id: Ids::random().token(&clock),
                name: name.unwrap_or_else(|| role.label().to_owned()),
                role,
                hash: secret.hash(),
                created_at: now,
                expires_at,
            };
            store.create_token(token.clone()).await.map_err(taken)?;
            screen.line(secret.reveal())?;
            if !screen.json {
                let (id, name) = (&token.id, &token.name);
                screen.warn(&format!(
                    "{id} ({name}, {}): keep the secret above, it is not shown again",
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
        TokenCommand::Revoke { id } => {
            store.revoke_token(&id, clock.now()).await.map_err(|error| unknown(&id, error))?;
            screen.line(&format!("{id} is revoked"))?;
            screen.value(&json!({"id": id, "revoked": true}))?;
        }
    }
    Ok(0)
}

/// Why a token was not created, and what to do: its name may be taken.
fn taken(error: StoreError) -> CliError {
    let conflict = matches!(error, StoreError::Conflict(_));
    let error = CliError::from(error);
    if conflict {
        error.with_remedy(
            "Choose another name with --name; `tourniquet token list` shows those in use.",
        )
    } else {
        error
    }
}

/// Why a token was not revoked.
fn unknown(id: &TokenId, error: StoreError) -> CliError {
    match error {
        StoreError::NotFound => CliError::new(Code::NOT_FOUND, format!("no token has the id {id}"))
            .with_remedy("`tourniquet token list` shows the ids."),
        other => other.into(),
    }
}

fn list(screen: &mut Screen, tokens: &[TokenRow], now: Timestamp) -> Result<(), CliError> {
    if tokens.is_empty() {
        screen.line("no tokens")?;
    } else {
        let header = ["token", "name", "role", "state", "created", "expires"];
        let rows = tokens.iter().map(|token| row(token, now)).collect();
        let table = screen.style.table(&header, rows);
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
}
