//! Reading a header, and saying all that is wrong with it at its line.

use rhai::{AST, Dynamic, Map as ScriptMap, Position, Stmt};

use super::{Header, HeaderParam};
use crate::action::ParamKind;
use crate::error::Code;
use crate::routing::{Mode, TypePattern};
use crate::runbook::diagnostic::{Diagnostic, DiagnosticLevel};
use crate::runbook::literals::{did_you_mean, key_position};
use crate::runbook::value::kind as kind_of;

/// The header's name in a script.
const NAME: &str = "RUNBOOK";
/// Its keys.
const KEYS: [&str; 8] =
    ["on", "resource", "role", "user", "severity", "mode", "params", "fallback"];
/// The keys of one parameter.
const PARAM_KEYS: [&str; 4] = ["type", "from", "required", "doc"];
/// Patterns of one runbook: GuardDuty knows about 250 finding types.
const PATTERNS_MAX: usize = 300;
/// Parameters of one runbook.
const PARAMS_MAX: usize = 32;

/// Reads the header of a compiled script, and says all that is wrong with it.
pub(in crate::runbook) fn read(ast: &AST, source: &str) -> Result<Header, Vec<Diagnostic>> {
    let place = ast
        .statements()
        .iter()
        .find_map(|statement| match statement {
            Stmt::Var(var, _, at) if var.0.name == NAME => Some(*at),
            _ => None,
        })
        .unwrap_or(Position::NONE);
    let mut reader = Reader { source, place, problems: Vec::new() };
    let header = reader.header(ast);
    match header {
        Some(header) if reader.problems.is_empty() => Ok(header),
        _ => Err(reader.problems),
    }
}

/// The names of the parameters that the header declares, also when something else in it is wrong;
/// `None` when they can't be known.
pub(in crate::runbook) fn declared(ast: &AST) -> Option<Vec<String>> {
    let header = literal(ast)?;
    let params = header.get("params")?.read_lock::<ScriptMap>()?;
    Some(params.keys().map(ToString::to_string).collect())
}

/// The header as a map.
fn literal(ast: &AST) -> Option<ScriptMap> {
    let found = ast.iter_literal_variables(true, false).find(|(name, ..)| *name == NAME);
    found.and_then(|(.., value)| value.try_cast::<ScriptMap>())
}

struct Reader<'a> {
    source: &'a str,
    place: Position,
    problems: Vec<Diagnostic>,
}

impl Reader<'_> {
    fn problem(&mut self, key: Option<&str>, message: impl Into<String>, help: Option<String>) {
        let start = self.place.line();
        let found = key.zip(start).and_then(|(key, line)| key_position(self.source, line, key));
        self.problems.push(Diagnostic {
            level: DiagnosticLevel::Error,
            code: Code::RUNBOOK_HEADER,
            message: message.into(),
            line: found.map(|(line, _)| line).or(start),
            column: found.map(|(_, column)| column).or(self.place.position()),
            help,
        });
    }

    fn header(&mut self, ast: &AST) -> Option<Header> {
        let Some(map) = literal(ast) else {
            let help = Some(
                "const RUNBOOK = #{ on: [\"Backdoor:EC2/*\"], mode: \"contain\", params: #{} };"
                    .to_owned(),
            );
            self.problem(None, "`const RUNBOOK` is missing or is not a map of literals", help);
            return None;
        };
        self.known(&map, &KEYS, "the header");
        let fallback = self.flag(&map, "fallback", false);
        let header = Header {
            summary: summary(ast.doc()),
            on: self.patterns(&map, fallback),
            resource: self.text(&map, "resource"),
            role: self.role(&map),
            user: self.text(&map, "user"),
            severity: self.severity(&map),
            mode: self.mode(&map),
            params: self.params(&map),
            fallback,
        };
        Some(header)
    }

    fn known(&mut self, map: &ScriptMap, keys: &[&'static str], what: &str) {
        for key in map.keys().filter(|key| !keys.contains(&key.as_str())) {
            let help = match did_you_mean(key, keys.iter().copied()) {
                Some(near) => format!("did you mean `{near}`?"),
                None => format!("known keys: {}", keys.join(", ")),
            };
            self.problem(Some(key), format!("{what} has no key `{key}`"), Some(help));
        }
    }

    fn text(&mut self, map: &ScriptMap, key: &str) -> Option<String> {
        let value = map.get(key)?;
        match value.clone().into_string() {
            Ok(text) if !text.is_empty() => Some(text),
            _ => {
                self.problem(Some(key), format!("`{key}` must be a text"), None);
                None
            }
        }
    }

    fn flag(&mut self, map: &ScriptMap, key: &str, default: bool) -> bool {
        match map.get(key).map(Dynamic::as_bool) {
            None => default,
            Some(Ok(flag)) => flag,
            Some(Err(_)) => {
                self.problem(Some(key), format!("`{key}` must be true or false"), None);
                default
            }
        }
    }

    fn patterns(&mut self, map: &ScriptMap, fallback: bool) -> Vec<TypePattern> {
        let Some(value) = map.get("on") else {
            if !fallback {
                self.problem(
                    None,
                    "`on` is missing: the finding types that this runbook answers",
                    None,
                );
            }
            return Vec::new();
        };
        let Some(list) =
            value.clone().try_cast::<rhai::Array>().filter(|list| list.len() <= PATTERNS_MAX)
        else {
            self.problem(
                Some("on"),
                format!("`on` must be a list of at most {PATTERNS_MAX} finding types"),
                None,
            );
            return Vec::new();
        };
        if list.is_empty() && !fallback {
            self.problem(Some("on"), "`on` is empty: this runbook would never run", None);
        }
        list.into_iter()
            .filter_map(|item| {
                match item.into_string().map_err(str::to_owned).and_then(|text| text.parse()) {
                    Ok(pattern) => Some(pattern),
                    Err(_) => {
                        self.problem(
                            Some("on"),
                            "`on` holds something that is no finding type",
                            None,
                        );
                        None
                    }
                }
            })
            .collect()
    }

    fn role(&mut self, map: &ScriptMap) -> Option<String> {
        let role = self.text(map, "role")?;
        if !matches!(role.as_str(), "ACTOR" | "TARGET") {
            self.problem(Some("role"), "`role` must be \"ACTOR\" or \"TARGET\"", None);
        }
        Some(role)
    }

    fn severity(&mut self, map: &ScriptMap) -> Option<u16> {
        let value = map.get("severity")?;
        let number = value
            .as_float()
            .ok()
            .or_else(|| value.as_int().ok().and_then(|n| i32::try_from(n).ok()).map(f64::from));
        let tenths =
            number.map(|number| number * 10.0).filter(|tenths| (10.0..=100.0).contains(tenths));
        match tenths {
            #[expect(
                clippy::cast_possible_truncation,
                clippy::cast_sign_loss,
                reason = "checked to be 10 to 100"
            )]
            Some(tenths) if (tenths - tenths.round()).abs() < 1e-6 => Some(tenths.round() as u16),
            _ => {
                self.problem(
                    Some("severity"),
                    "`severity` must be a number from 1.0 to 10.0 with one decimal",
                    None,
                );
                None
            }
        }
    }

    fn mode(&mut self, map: &ScriptMap) -> Mode {
        let Some(label) = self.text(map, "mode") else {
            return Mode::Approve;
        };
        Mode::from_label(&label).unwrap_or_else(|| {
            self.problem(
                Some("mode"),
                "`mode` must be \"observe\", \"approve\" or \"contain\"",
                None,
            );
            Mode::Observe
        })
    }

    fn params(&mut self, map: &ScriptMap) -> Vec<HeaderParam> {
        let Some(value) = map.get("params") else {
            return Vec::new();
        };
        let Some(params) =
            value.clone().try_cast::<ScriptMap>().filter(|params| params.len() <= PARAMS_MAX)
        else {
            self.problem(
                Some("params"),
                format!("`params` must be a map of at most {PARAMS_MAX} parameters"),
                None,
            );
            return Vec::new();
        };
        params.into_iter().filter_map(|(name, value)| self.param(&name, value)).collect()
    }

    fn param(&mut self, name: &str, value: Dynamic) -> Option<HeaderParam> {
        let given = kind_of(&value);
        let Some(map) = value.try_cast::<ScriptMap>() else {
            let help = Some(format!(
                "{name}: #{{ type: \"instance-id\", from: \"resource.instanceDetails.instanceId\" }}"
            ));
            self.problem(
                Some(name),
                format!("parameter `{name}` must be a map, not a {given}"),
                help,
            );
            return None;
        };
        self.known(&map, &PARAM_KEYS, &format!("parameter `{name}`"));
        let kind = self.kind(name, &map);
        // Read before the type is asked for: what is wrong with them is said at the same time.
        let from = self.text(&map, "from");
        let required = self.flag(&map, "required", true);
        let doc = self.text(&map, "doc").unwrap_or_default();
        Some(HeaderParam { name: name.to_owned(), kind: kind?, from, required, doc })
    }

    fn kind(&mut self, name: &str, map: &ScriptMap) -> Option<ParamKind> {
        let label = match map.get("type").map(|value| value.clone().into_string()) {
            Some(Ok(label)) => label,
            given => {
                let message = match given {
                    None => format!("parameter `{name}` needs a `type`"),
                    Some(_) => format!("the `type` of parameter `{name}` must be a text"),
                };
                self.problem(Some(name), message, Some(kinds()));
                return None;
            }
        };
        let kind = ParamKind::from_label(&label);
        if kind.is_none() {
            let near = did_you_mean(&label, ParamKind::ALL.into_iter().map(ParamKind::label));
            let help = near.map_or_else(kinds, |near| format!("did you mean \"{near}\"?"));
            let message = format!("parameter `{name}` has the unknown `type` \"{label}\"");
            self.problem(Some(name), message, Some(help));
        }
        kind
    }
}

fn kinds() -> String {
    format!("known types: {}", ParamKind::ALL.map(ParamKind::label).join(", "))
}

/// The first paragraph of the `//!` text, as one line.
fn summary(doc: &str) -> String {
    let lines = doc.lines().map(|line| line.trim().trim_start_matches("//!").trim());
    lines
        .skip_while(|line| line.is_empty())
        .take_while(|line| !line.is_empty())
        .collect::<Vec<_>>()
        .join(" ")
}
