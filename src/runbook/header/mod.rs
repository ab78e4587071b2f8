//! A runbook's header: `const RUNBOOK = #{…}`, a map of literals, read without running the script.

mod read;

use serde_json::{Map, Value};

pub(super) use read::{Source, declared, read, sources};

use crate::action::ParamKind;
use crate::routing::{Mode, TypePattern};

/// What a runbook says of itself.
#[derive(Debug, Clone, PartialEq)]
pub struct Header {
    /// The first paragraph of the `//!` text.
    pub summary: String,
    /// The finding types it answers; empty only for a fallback.
    pub on: Vec<TypePattern>,
    /// `resource.resourceType`, such as `Instance`.
    pub resource: Option<String>,
    /// `service.resourceRole`: `ACTOR` or `TARGET`.
    pub role: Option<String>,
    /// `resource.accessKeyDetails.userType`, such as `IAMUser`.
    pub user: Option<String>,
    /// The lowest severity, in tenths.
    pub severity: Option<u16>,
    /// How far it may go.
    pub mode: Mode,
    /// What it takes, in the order of the names.
    pub params: Vec<HeaderParam>,
    /// Whether it answers what no other does.
    pub fallback: bool,
}

/// One parameter of a runbook.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HeaderParam {
    /// Its name: `p.name` in the script.
    pub name: String,
    /// Its form.
    pub kind: ParamKind,
    /// Where it is in the finding's document: `resource.instanceDetails.instanceId`.
    pub from: Option<String>,
    /// Whether the runbook needs it.
    pub required: bool,
    /// What it is.
    pub doc: String,
}

impl Header {
    /// The parameters as the finding has them: those with a `from` that leads to something.
    #[must_use]
    pub fn params_from(&self, document: &Value) -> Map<String, Value> {
        self.params
            .iter()
            .filter_map(|param| {
                Some((param.name.clone(), at(document, param.from.as_deref()?)?.clone()))
            })
            .collect()
    }

    /// Where `document` says something else than the parameters that were taken from a finding: the
    /// path of the first.
    #[must_use]
    pub fn told_otherwise(&self, params: &Value, document: &Value) -> Option<&str> {
        self.params.iter().find_map(|param| {
            let path = param.from.as_deref()?;
            let given = params.get(&param.name).filter(|value| !value.is_null());
            (at(document, path) != given).then_some(path)
        })
    }

    /// The resource that parameters name, as `type/id`: the first that names one. Runs that act
    /// exclude each other by it.
    #[must_use]
    pub fn target(&self, params: &Map<String, Value>) -> Option<String> {
        self.params.iter().find_map(|param| {
            let kind = match param.kind {
                ParamKind::InstanceId => "instance",
                ParamKind::RoleName => "role",
                ParamKind::UserName => "user",
                ParamKind::AccessKeyId => "access-key",
                ParamKind::BucketName => "bucket",
                ParamKind::GroupId => "security-group",
                ParamKind::DatabaseId => "database",
                ParamKind::FunctionName => "function",
                _ => return None,
            };
            Some(format!("{kind}/{}", params.get(&param.name)?.as_str()?))
        })
    }

    /// Checks parameters: nothing missing, nothing unknown, everything in form.
    ///
    /// # Errors
    /// The first parameter that does not pass, and why.
    pub fn check_params(
        &self,
        given: Map<String, Value>,
    ) -> Result<Map<String, Value>, (String, String)> {
        if let Some(unknown) =
            given.keys().find(|name| !self.params.iter().any(|param| param.name == **name))
        {
            let known: Vec<_> = self.params.iter().map(|param| param.name.as_str()).collect();
            return Err((unknown.clone(), format!("unknown; known are {}", known.join(", "))));
        }
        for param in &self.params {
            match given.get(&param.name) {
                None | Some(Value::Null) if param.required => {
                    return Err((
                        param.name.clone(),
                        format!("missing; expected {}", param.kind.label()),
                    ));
                }
                None | Some(Value::Null) => {}
                Some(value) => {
                    param.kind.check(value).map_err(|reason| (param.name.clone(), reason))?
                }
            }
        }
        Ok(given.into_iter().filter(|(_, value)| !value.is_null()).collect())
    }
}

/// The value at a dotted path; a number steps into a list.
fn at<'a>(document: &'a Value, path: &str) -> Option<&'a Value> {
    let found = path.split('.').try_fold(document, |value, part| match value {
        Value::Array(list) => list.get(part.parse::<usize>().ok()?),
        other => other.get(part),
    })?;
    (!found.is_null()).then_some(found)
}
