//! What lint knows of a value: what it is, and what a field of it is.

use rhai::Position;

use super::error;
use crate::action::Shape;
use crate::change::Urgency;
use crate::runbook::diagnostic::Diagnostic;
use crate::runbook::host::HostFunction;
use crate::runbook::literals::did_you_mean;
use crate::runbook::step::CASE;

/// What an action gives in a run that only plans, in place of its output.
pub(in crate::runbook) const PLANNED: &[&str] = &["planned", "touches"];
/// What an action gives that may fail without failing the run, and did.
pub(in crate::runbook) const SPARED: &[&str] = &["failed", "code"];

/// What is known of a value.
#[derive(Clone)]
pub(super) enum Known<'a> {
    /// Nothing.
    Any,
    /// The parameters, with these names.
    Params(&'a [String]),
    /// It has this shape.
    Shaped(Shaped),
}

/// A value of a shape.
#[derive(Clone)]
pub(super) struct Shaped {
    shape: Shape,
    /// Where it is from, with a verb: `` `case` has ``.
    of: String,
    /// The way to it from there: `interfaces[].`.
    path: String,
    /// Fields that it may have besides.
    more: Vec<&'static str>,
}

impl Shaped {
    /// The case.
    pub(super) fn case() -> Self {
        Self { shape: CASE, of: "`case` has".to_owned(), path: String::new(), more: Vec::new() }
    }

    /// What a host function gives.
    pub(super) fn given(function: &HostFunction) -> Self {
        let more = match function.urgency() {
            Some(Urgency::Description) => [PLANNED, SPARED].concat(),
            Some(_) => PLANNED.to_vec(),
            None => Vec::new(),
        };
        let of = format!("`{}` gives", function.name);
        Self { shape: function.output, of, path: String::new(), more }
    }
}

impl<'a> Known<'a> {
    /// A field of it.
    ///
    /// # Errors
    /// When it certainly has no field of this name.
    pub(super) fn field(self, name: &str, at: Position) -> Result<Self, Box<Diagnostic>> {
        match self {
            Self::Any => Ok(Self::Any),
            Self::Params(declared) if declared.iter().any(|param| param == name) => Ok(Self::Any),
            Self::Params(declared) => {
                let help = help(name, declared.iter().map(String::as_str))
                    .unwrap_or_else(|| "declare it under `params`".to_owned());
                Err(error(format!("the header has no parameter `{name}`"), at, Some(help)).into())
            }
            Self::Shaped(shaped) => match shaped.shape.field(name) {
                Some(shape) => {
                    let path = format!("{}{name}.", shaped.path);
                    Ok(Self::Shaped(Shaped { shape, of: shaped.of, path, more: Vec::new() }))
                }
                None if shaped.more.contains(&name) => Ok(Self::Any),
                None => {
                    let message = format!("{} no `{}{name}`", shaped.of, shaped.path);
                    Err(error(message, at, help(name, shaped.shape.names())).into())
                }
            },
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

fn help<'n>(name: &str, known: impl Iterator<Item = &'n str>) -> Option<String> {
    let known: Vec<&str> = known.collect();
    match did_you_mean(name, known.iter().copied()) {
        Some(near) => Some(format!("did you mean `{near}`?")),
        None => (!known.is_empty()).then(|| format!("known: {}", known.join(", "))),
    }
}
