//! Telling people: the log for every channel, a webhook for those that have one.
//!
//! One attempt each; whether there is a second one is the caller's decision, because only the caller
//! can record it. The receiver tells by the message's id that it is one. A notification that fails never
//! stops a run. Nothing here knows the store.

mod tls;
mod webhook;

use std::collections::BTreeMap;
use std::sync::Arc;

use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use thiserror::Error;

pub use tls::install_tls;

use crate::config::NotifyConfig;
use crate::id::{CaseId, RunId};
use webhook::Webhook;

/// What is told.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Message {
    /// What it is about: the same at every attempt, and no other message's.
    pub id: String,
    /// The case it is about, if any.
    pub case: Option<CaseId>,
    /// The run that says it.
    pub run: Option<RunId>,
    /// The words. A runbook wrote them, with hostile text in them.
    pub text: String,
}

/// How it was told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Delivery {
    /// To the log alone: no channel has a webhook.
    Logged,
    /// To the log, and the channel's webhook took it.
    Posted,
}

impl Delivery {
    /// The label in entries.
    #[must_use]
    pub fn label(self) -> &'static str {
        match self {
            Self::Logged => "logged",
            Self::Posted => "posted",
        }
    }
}

/// Names of channels in one sentence: nobody has more, and a message must stay short.
const NAMED_MAX: usize = 8;

/// A message that did not arrive. The address is never part of it: it can hold a secret.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum NotifyError {
    /// There are channels, and none has this name: whoever wrote it believes that somebody reads it.
    #[error("no channel is called {channel}; [notify] has {known}")]
    NoChannel {
        /// The name.
        channel: String,
        /// The channels that there are, with commas.
        known: String,
    },
    /// The channel's address can't be used at all.
    #[error("the webhook of channel {channel} can't be used: {reason}")]
    Setup {
        /// The channel.
        channel: String,
        /// Why.
        reason: String,
    },
    /// No answer: no connection, or none in time.
    #[error("the webhook of channel {channel} gave no answer: {reason}")]
    NoAnswer {
        /// The channel.
        channel: String,
        /// Why.
        reason: String,
    },
    /// The receiver did not take it.
    #[error("the webhook of channel {channel} answered {status}")]
    Refused {
        /// The channel.
        channel: String,
        /// The HTTP status; a redirect counts as a refusal.
        status: u16,
    },
}

impl NotifyError {
    /// What happened, for people: without what a library says of it.
    #[must_use]
    pub fn plain(&self) -> String {
        match self {
            Self::NoChannel { .. } => self.to_string(),
            Self::Setup { .. } => "its webhook can't be used".to_owned(),
            Self::NoAnswer { .. } => "its webhook gave no answer".to_owned(),
            Self::Refused { status, .. } => format!("its webhook answered {status}"),
        }
    }
}

/// Somewhere messages go.
#[async_trait]
pub trait Notifier: Send + Sync {
    /// Sends `message` to `channel`, once. By its id a receiver knows one that it has taken before.
    ///
    /// # Errors
    /// When the channel has a webhook and it did not take the message, or other channels are there and
    /// none has this name. The log has the message all the same.
    async fn send(&self, channel: &str, message: &Message) -> Result<Delivery, NotifyError>;

    /// Why no message to this channel can arrive, whatever it says; `None`: nothing is known against it.
    fn unknown(&self, channel: &str) -> Option<NotifyError>;
}

/// The log, and the webhooks of a configuration.
pub struct Channels {
    webhooks: BTreeMap<String, Webhook>,
}

impl Channels {
    /// Channels as `[notify]` names them. Where it names none, every message is logged only; where it
    /// names some, a message to any other is an error.
    ///
    /// # Errors
    /// When an address can't be used, or this machine has no usable root certificates.
    pub fn new(notify: &BTreeMap<String, NotifyConfig>) -> Result<Arc<Self>, NotifyError> {
        let webhooks = notify
            .iter()
            .map(|(name, settings)| Ok((name.clone(), Webhook::new(name, &settings.webhook)?)))
            .collect::<Result<_, NotifyError>>()?;
        Ok(Arc::new(Self { webhooks }))
    }
}

#[async_trait]
impl Notifier for Channels {
    async fn send(&self, channel: &str, message: &Message) -> Result<Delivery, NotifyError> {
        tracing::info!(
            channel,
            case = message.case.as_ref().map(CaseId::as_str),
            run = message.run.as_ref().map(RunId::as_str),
            text = message.text,
            "notification"
        );
        match self.webhooks.get(channel) {
            None => self.unknown(channel).map_or(Ok(Delivery::Logged), Err),
            Some(webhook) => webhook.post(message).await.map(|()| Delivery::Posted),
        }
    }

    fn unknown(&self, channel: &str) -> Option<NotifyError> {
        if self.webhooks.is_empty() || self.webhooks.contains_key(channel) {
            return None;
        }
        let known: Vec<&str> = self.webhooks.keys().map(String::as_str).take(NAMED_MAX).collect();
        Some(NotifyError::NoChannel { channel: channel.to_owned(), known: known.join(", ") })
    }
}
