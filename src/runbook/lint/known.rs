//! What lint knows of a value: what it is, and what a field of it is.

use std::fmt;

use rhai::Position;

use super::error;
use crate::action::{ParamKind, Shape};
use crate::change::Urgency;
use crate::runbook::diagnostic::Diagnostic;
use crate::runbook::host::{HostFunction, RAISED};
use crate::runbook::literals::did_you_mean;
use crate::runbook::step::CASE;

/// What an action gives in a run that only plans, in place of its output.
pub(in crate::runbook) const PLANNED: &[&str] = &["planned", "touches"];
/// What an action gives that may fail without failing the run, and did.
pub(in crate::runbook) const SPARED: &[&str] = &["failed", "code"];
/// What Rhai's packages give of a text without parentheses.
const OF_TEXT: &[&str] = &["len", "is_empty", "bytes"];

/// A parameter that the header declares, and what it holds.
pub(super) type Declared = (String, Shape);

/// What a parameter of this kind holds.
pub(super) fn held(kind: ParamKind) -> Shape {
    match kind {
        ParamKind::Tags => Shape::Tags,
        ParamKind::TextList => Shape::List(&Shape::Text),
        // A number from a finding or a script, a text from a person.
        ParamKind::Port => Shape::Any,
        _ => Shape::Text,
    }
}

/// What is known of a value.
#[derive(Clone)]
pub(super) enum Known<'a> {
    /// Nothing.
    Any,
    /// This number, as it is written.
    Number(String),
    /// This text.
    Text(String),
    /// The parameters, with these names.
    Params(&'a [Declared]),
    /// It has this shape.
    Shaped(Shaped),
}

/// A value of a shape.
#[derive(Clone)]
pub(super) struct Shaped {
    pub(super) shape: Shape,
    of: Origin,
    /// The way to it from there: `interfaces[].`.
    path: String,
    /// Fields that it may have besides, or instead.
    more: Vec<String>,
}

/// Where a value is from.
#[derive(Clone)]
enum Origin {
    Case,
    Params,
    /// An error that was caught.
    Caught,
    /// This host function.
    Call(&'static str),
}

impl Shaped {
    /// The case.
    pub(super) fn case() -> Self {
        Self { shape: CASE, of: Origin::Case, path: String::new(), more: Vec::new() }
    }

    /// What a host function gives.
    pub(super) fn given(function: &HostFunction) -> Self {
        let more: &[&[&str]] = match function.urgency() {
            Some(Urgency::Description) => &[PLANNED, SPARED],
            Some(_) => &[PLANNED],
            None => &[],
        };
        let more = more.concat().into_iter().map(str::to_owned).collect();
        let of = Origin::Call(function.name);
        Self { shape: function.output, of, path: String::new(), more }
    }

    /// An error that was caught, which may have these fields, too.
    pub(super) fn caught(more: Vec<String>) -> Self {
        Self { shape: RAISED, of: Origin::Caught, path: String::new(), more }
    }

    /// Whether it is the case's severity.
    pub(super) fn is_severity(&self) -> bool {
        matches!(self.of, Origin::Case) && self.path == "severity."
    }

    fn field(self, name: &str, at: Position) -> Result<Known<'static>, Box<Diagnostic>> {
        match self.shape.field(name) {
            _ if self.more.iter().any(|more| more == name) => Ok(Known::Any),
            Some(shape) => {
                let path = format!("{}{name}.", self.path);
                Ok(Known::Shaped(Self { shape, of: self.of, path, more: Vec::new() }))
            }
            None if self.shape.is_text() && OF_TEXT.contains(&name) => Ok(Known::Any),
            None if self.shape.is_text() => {
                let message = format!("{self} is text and has no field `{name}`");
                Err(error(message, at, Some(format!("leave `.{name}` away"))).into())
            }
            None => {
                let lacks = match self.of {
                    Origin::Case => "`case` has".to_owned(),
                    Origin::Params => "`p` has".to_owned(),
                    Origin::Caught => "an error has".to_owned(),
                    Origin::Call(name) => format!("`{name}` gives"),
                };
                let message = format!("{lacks} no `{}{name}`", self.path);
                Err(error(message, at, help(name, self.shape.names())).into())
            }
        }
    }
}

impl fmt::Display for Shaped {
    /// `` `case.severity` ``, `` the parameter `user` ``, `` `state` of `look::instance` ``.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let path = self.path.trim_end_matches('.');
        match &self.of {
            Origin::Case => write!(f, "`case.{path}`"),
            Origin::Params => write!(f, "the parameter `{path}`"),
            Origin::Caught => write!(f, "`{path}` of an error"),
            Origin::Call(name) => write!(f, "`{path}` of `{name}`"),
        }
    }
}

impl Known<'_> {
    /// A field of it.
    ///
    /// # Errors
    /// When it certainly has no field of this name.
    pub(super) fn field(self, name: &str, at: Position) -> Result<Self, Box<Diagnostic>> {
        match self {
            Self::Any | Self::Number(_) | Self::Text(_) => Ok(Self::Any),
            Self::Params(declared) => match declared.iter().find(|(param, _)| param == name) {
                Some((_, shape)) => {
                    let (of, path) = (Origin::Params, format!("{name}."));
                    Ok(Self::Shaped(Shaped { shape: *shape, of, path, more: Vec::new() }))
                }
                None => {
                    let help = help(name, declared.iter().map(|(param, _)| param.as_str()))
                        .unwrap_or_else(|| "declare it under `params`".to_owned());
                    let message = format!("the header has no parameter `{name}`");
                    Err(error(message, at, Some(help)).into())
                }
            },
            Self::Shaped(shaped) => shaped.field(name, at),
        }
    }

    /// An element of it, where it is a list.
    pub(super) fn item(self) -> Self {
        match self {
            Self::Shaped(Shaped { shape: Shape::List(item), of, path, .. }) => {
                let path = format!("{}[].", path.trim_end_matches('.'));
                Self::Shaped(Shaped { shape: *item, of, path, more: Vec::new() })
            }
            _ => Self::Any,
        }
    }
}

/// The known name that is meant, or all of them.
pub(super) fn help<'n>(name: &str, known: impl Iterator<Item = &'n str>) -> Option<String> {
    let known: Vec<&str> = known.collect();
    match did_you_mean(name, known.iter().copied()) {
        Some(near) => Some(format!("did you mean `{near}`?")),
        None => (!known.is_empty()).then(|| format!("known: {}", known.join(", "))),
    }
}
