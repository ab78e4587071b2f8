//! Calls: that there is such a function, and that its arguments have the right number and form.

use rhai::{AST, Dynamic};

use super::error;
use super::options::options;
use crate::action::{ParamKind, Params};
use crate::runbook::calls::Call;
use crate::runbook::diagnostic::Diagnostic;
use crate::runbook::host::{Api, HostFunction, HostKind, bind, unfit};
use crate::runbook::literals::did_you_mean;
use crate::runbook::value::from_script;

/// A function that neither the host, the language nor the script has.
pub(super) fn unknown(call: &Call, api: &Api, ast: &AST) -> Option<Diagnostic> {
    let own = |name: &str| ast.iter_functions().any(|function| function.name == name);
    if api.find(&call.name).is_some()
        || (!call.name.contains("::") && (api.is_built_in(&call.name) || own(&call.name)))
    {
        return None;
    }
    let help = did_you_mean(&call.name, api.names()).map(|near| format!("did you mean `{near}`?"));
    Some(error(format!("there is no function `{}`", call.name), call.at, help))
}

/// All that is wrong with the arguments of a call of a host function, as far as they are literals.
pub(super) fn arguments(call: &Call, api: &Api, source: &str) -> Vec<Diagnostic> {
    let Some(function) = api.find(&call.name).filter(|_| !call.method) else {
        return Vec::new();
    };
    if let Some(wrong) = number(call, function) {
        return vec![wrong];
    }
    let (index, mut all) = options(call, function, source);
    if call.name == "parallel" {
        // Its result would stand in the list, once it has run all by itself.
        let at_once = call.elements.iter().filter(|(name, _)| api.find(name).is_some());
        all.extend(at_once.map(|(name, at)| {
            let message =
                format!("`parallel`: `{name}(…)` is called at once, not beside the others");
            error(message, *at, Some(format!("write `|| {name}(…)`")))
        }));
    }
    match function.kind {
        HostKind::Control => {
            let values: Vec<_> = (0..call.args.len())
                .map(|n| known_part(call, n, |key| index != Some(n) || function.takes_option(key)))
                .collect();
            let wrong = unfit(&call.name, &values);
            all.extend(wrong.map(|why| error(format!("`{}`: {why}", call.name), call.at, None)));
        }
        HostKind::Action(_) | HostKind::Query => match (all.is_empty(), literals(call)) {
            (true, Some(values)) => all.extend(whole(call, function, values)),
            _ => all.extend(parts(call, function, index)),
        },
    }
    all
}

fn number(call: &Call, function: &HostFunction) -> Option<Diagnostic> {
    let count = call.args.len();
    let named =
        call.args.last().is_some_and(|(value, _)| value.as_ref().is_none_or(Dynamic::is_map));
    let few = count < function.arity.0
        && !(named && matches!(function.kind, HostKind::Query | HostKind::Action(_)));
    (few || count > function.arity.1).then(|| {
        let message = format!("`{}` takes {}, not {count} arguments", call.name, takes(function));
        error(message, call.at, Some(function.summary.to_owned()))
    })
}

/// The arguments, where all are literals.
fn literals(call: &Call) -> Option<Vec<Dynamic>> {
    call.args.iter().map(|(value, _)| value.clone()).collect()
}

/// What is known of an argument: of a map the keys whose values are literals, and that are `wanted`.
fn known_part(call: &Call, n: usize, wanted: impl Fn(&str) -> bool) -> Option<Dynamic> {
    let Some(map) = call.maps.get(n).and_then(Option::as_ref) else {
        return call.args[n].0.clone();
    };
    let known = map.known.iter().filter(|(key, _)| wanted(key));
    Some(known.map(|(key, value)| (key.clone(), value.clone())).collect::<rhai::Map>().into())
}

/// Checks a call as when it runs.
fn whole(call: &Call, function: &HostFunction, values: Vec<Dynamic>) -> Option<Diagnostic> {
    let given = bind(function.params, values);
    let reason = given.and_then(|given| {
        let given = given.as_object().cloned().unwrap_or_default();
        let HostKind::Action(action) = function.kind else { return Ok(()) };
        let params = Params::check(action.params(), given);
        params
            .and_then(|params| action.target(&params))
            .map(drop)
            .map_err(|wrong| wrong.to_string())
    });
    reason.err().map(|reason| error(format!("`{}`: {reason}", call.name), call.at, None))
}

/// Some arguments are only known when the script runs; the literal ones can be checked now.
fn parts(call: &Call, function: &HostFunction, options: Option<usize>) -> Vec<Diagnostic> {
    let wrong = |kind: ParamKind, name: &str, value: &Dynamic, at| {
        let checked = from_script(value).and_then(|value| kind.check(&value));
        let reason = checked.err().filter(|_| !value.is_unit())?;
        Some(error(format!("`{}`: {name}: {reason}", call.name), at, None))
    };
    let mut all = Vec::new();
    for (n, (_, at)) in call.args.iter().enumerate() {
        if options == Some(n) {
            let known = call.maps[n].iter().flat_map(|map| &map.known);
            all.extend(known.filter_map(|(key, value)| {
                let spec = function.params.iter().find(|spec| spec.name == key.as_str())?;
                wrong(spec.kind, spec.name, value, *at)
            }));
        } else if let Some(spec) = function.params.get(n) {
            let value = known_part(call, n, |_| true);
            all.extend(value.and_then(|value| wrong(spec.kind, spec.name, &value, *at)));
        }
    }
    all
}

fn takes(function: &HostFunction) -> String {
    match function.kind {
        HostKind::Control => format!("{} to {}", function.arity.0, function.arity.1),
        HostKind::Action(_) | HostKind::Query => {
            let name = |spec: &crate::action::ParamSpec| match spec.required {
                true => spec.name.to_owned(),
                false => format!("{}?", spec.name),
            };
            function.params.iter().map(name).collect::<Vec<_>>().join(", ")
        }
    }
}
