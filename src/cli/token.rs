//! `token`: create, list and revoke API tokens, in the database itself: the first token can't be
//! asked for over an API that needs one.

use std::time::Duration;

use clap::Subcommand;
use jiff::Timestamp;
use serde_json::{Value, json};

use super::outcome::{Failure, Outcome};
use super::{Common, config, input, paint};
use crate::clock::{Clock, SystemClock};
use crate::id::{Ids, TokenId};
use crate::store::{NewToken, Role, Store, TokenRow};
use crate::web::Secret;

/// Characters of a token's name: it stands in every entry that its holder causes.
const NAME_MAX: usize = 64;

/// Subcommands of `token`.
#[derive(Subcommand)]
pub enum Command {
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
        #[arg(value_parser = input::id::<TokenId>)]
        id: TokenId,
    },
}

fn role(label: &str) -> Result<Role, String> {
    Role::from_label(label).ok_or_else(|| {
        let known: Vec<&str> = Role::ALL.iter().map(|role| role.label()).collect();
        let near = crate::config::nearest(label, known.iter().copied());
        let hint = near
            .map(|near| format!("; did you mean {near}?"))
            .unwrap_or_default();
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

/// Carries out a subcommand.
pub async fn token(common: &Common, command: Command) -> Result<Outcome, Failure> {
    let store = Store::open(&config::load(common)?.database).await?;
    let done = carry_out(common, &store, command).await;
    store.close().await;
    done
}

async fn carry_out(common: &Common, store: &Store, command: Command) -> Result<Outcome, Failure> {
    let clock = SystemClock::new();
    match command {
        Command::Create {
            name,
            role,
            expires,
        } => {
            let secret = Secret::random();
            let now = clock.now();
            let expires_at = expires
                .map(|length| now.checked_add(length))
                .transpose()
                .map_err(|_| Failure::usage("--expires: too far away"))?;
            let token = NewToken {
                id: Ids::random().token(&clock),
                name: name.unwrap_or_else(|| role.label().to_owned()),
                role,
                hash: secret.hash(),
                created_at: now,
                expires_at,
            };
            store.create_token(token.clone()).await?;
            if common.json {
                let value = json!({
                    "id": token.id,
                    "token": secret.reveal(),
                    "name": token.name,
                    "role": role.label(),
                    "expires_at": expires_at,
                });
                paint::line(&value.to_string());
            } else {
                paint::line(secret.reveal());
                let words = format!(
                    "{} ({}, {}); it is not shown again",
                    token.id,
                    token.name,
                    role.label()
                );
                paint::error_line(&words);
            }
        }
        Command::List => list(common, &store.tokens().await?, clock.now()),
        Command::Revoke { id } => {
            store.revoke_token(&id, clock.now()).await?;
            if common.json {
                paint::line(&json!({"id": id, "revoked": true}).to_string());
            } else {
                paint::line(&format!("{id} is revoked"));
            }
        }
    }
    Ok(Outcome::Done)
}

fn list(common: &Common, tokens: &[TokenRow], now: Timestamp) {
    let state = |token: &TokenRow| match (token.revoked_at, token.expires_at) {
        (Some(_), _) => "revoked",
        (None, Some(at)) if at <= now => "expired",
        _ => "valid",
    };
    if common.json {
        let rows = tokens.iter().map(|token| {
            json!({
                "id": token.id,
                "name": token.name,
                "role": token.role.label(),
                "state": state(token),
                "created_at": token.created_at,
                "expires_at": token.expires_at,
                "revoked_at": token.revoked_at,
            })
        });
        paint::line(&Value::from_iter(rows).to_string());
        return;
    }
    let mut table = paint::Table::new(&["id", "name", "role", "state", "created", "expires"]);
    for token in tokens {
        let expires = token
            .expires_at
            .map_or_else(|| "never".to_owned(), |at| paint::time(&at));
        table.row([
            token.id.to_string(),
            token.name.clone(),
            token.role.label().to_owned(),
            state(token).to_owned(),
            paint::time(&token.created_at),
            expires,
        ]);
    }
    table.print();
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
