//! What changes of a Lambda function: how many of it may run at once, and whether its event sources call it.
//!
//! Only data and what follows from it. Its environment variables are never part of it: they may hold secrets.

use std::collections::BTreeSet;
use std::mem::swap;

use serde::{Deserialize, Serialize};

use super::{Permission, Taggable};
use crate::id::{EventSourceId, FunctionName, Place};

/// One attribute of a function. Every variant is exactly one API call.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "attribute", rename_all = "snake_case")]
pub enum FunctionChange {
    /// How many executions are reserved for the function and its limit at once; 0 keeps it from being
    /// invoked (`lambda:PutFunctionConcurrency`, `lambda:DeleteFunctionConcurrency`).
    Concurrency {
        /// The function.
        function: FunctionName,
        /// As it was looked up; `None`: it was not set, which is another thing than 0.
        before: Option<u32>,
        /// Afterwards; `None` deletes the setting.
        after: Option<u32>,
    },
    /// Whether Lambda reads an event source and calls the function with what it finds
    /// (`lambda:UpdateEventSourceMapping`). AWS answers at once and does it in a while.
    EventSource {
        /// The function.
        function: FunctionName,
        /// The mapping between the two.
        mapping: EventSourceId,
        /// As it was looked up.
        before: Polling,
        /// Afterwards.
        after: Polling,
    },
}

/// Whether an event source is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Polling {
    /// It is.
    On,
    /// It is not.
    Off,
}

impl Polling {
    /// As Lambda writes it (`State`), once it has come to that.
    #[must_use]
    pub fn label(self) -> &'static str {
        match self {
            Self::On => "Enabled",
            Self::Off => "Disabled",
        }
    }
}

impl FunctionChange {
    pub(super) fn function(&self) -> &FunctionName {
        match self {
            Self::Concurrency { function, .. } | Self::EventSource { function, .. } => function,
        }
    }

    pub(super) fn operation(&self) -> &'static str {
        match self {
            Self::Concurrency { after: Some(_), .. } => "lambda:PutFunctionConcurrency",
            Self::Concurrency { after: None, .. } => "lambda:DeleteFunctionConcurrency",
            Self::EventSource { .. } => "lambda:UpdateEventSourceMapping",
        }
    }

    pub(super) fn resource(&self) -> String {
        match self {
            Self::Concurrency { function, .. } => format!("function/{function}/concurrency"),
            Self::EventSource { function, mapping, .. } => {
                format!("function/{function}/event-source/{mapping}")
            }
        }
    }

    pub(super) fn subject(&self) -> Taggable {
        Taggable::Function(self.function().clone())
    }

    /// The ARN of a mapping does not name its function (service authorization reference, Lambda).
    pub(super) fn permissions(&self, at: &Place) -> BTreeSet<Permission> {
        let Place { account, region } = at;
        let resource = match self {
            Self::Concurrency { function, .. } => function_arn(at, function),
            Self::EventSource { mapping, .. } => {
                format!("arn:aws:lambda:{region}:{account}:event-source-mapping:{mapping}")
            }
        };
        [Permission::new(self.operation(), resource)].into()
    }

    pub(super) fn words(&self) -> String {
        match self {
            Self::Concurrency { function, before, after } => format!(
                "function {function}: reserved concurrency {} becomes {}",
                reserved(*before),
                reserved(*after)
            ),
            Self::EventSource { function, mapping, before, after } => format!(
                "function {function}: event source mapping {mapping} {} becomes {}",
                before.label(),
                after.label()
            ),
        }
    }

    /// What is so again now that the change was taken back.
    #[must_use]
    pub fn given_back(&self) -> String {
        match self {
            Self::Concurrency { function, before: None, .. } => {
                format!("function {function}: no concurrency is reserved for it, as before")
            }
            Self::Concurrency { function, before, .. } => {
                format!("function {function}: reserved concurrency is {} again", reserved(*before))
            }
            Self::EventSource { function, mapping, before, .. } => {
                let label = before.label();
                format!("function {function}: event source mapping {mapping} is {label} again")
            }
        }
    }

    pub(super) fn swap(&mut self) {
        match self {
            Self::Concurrency { before, after, .. } => swap(before, after),
            Self::EventSource { before, after, .. } => swap(before, after),
        }
    }
}

/// The ARN of a function, without a version: what policies and tags name it by.
#[must_use]
pub fn function_arn(at: &Place, function: &FunctionName) -> String {
    format!("arn:aws:lambda:{}:{}:function:{function}", at.region, at.account)
}

fn reserved(concurrency: Option<u32>) -> String {
    concurrency.map_or_else(|| "unset".to_owned(), |n| n.to_string())
}
