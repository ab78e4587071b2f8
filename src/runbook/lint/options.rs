//! The map of options at the end of a call: `#{ quorum: 2 }`. A key that nothing reads is a slip of
//! the pen, and with it the script would stop in the middle of an incident.

use rhai::Position;

use super::error;
use crate::action::ParamKind;
use crate::runbook::calls::{Call, MapLiteral};
use crate::runbook::diagnostic::Diagnostic;
use crate::runbook::host::{HostFunction, HostKind};
use crate::runbook::literals::{did_you_mean, key_position};

/// Which argument holds the options, if it is a map in the source, and what is wrong with its keys.
/// The values need not be known for it.
pub(super) fn options(
    call: &Call,
    function: &HostFunction,
    source: &str,
) -> (Option<usize>, Vec<Diagnostic>) {
    let Some((index, map)) = place(call, function) else {
        return (None, Vec::new());
    };
    let given = match function.kind {
        HostKind::Control => &[],
        HostKind::Action(_) | HostKind::Query => {
            &function.params[..index.min(function.params.len())]
        }
    };
    let mut all = Vec::new();
    for (key, at) in &map.keys {
        let at = if at.is_none() { find(source, call.args[index].1, key) } else { *at };
        if !function.takes_option(key) {
            let known: Vec<&str> = function.options().collect();
            let help = match did_you_mean(key, known.iter().copied()) {
                Some(near) => format!("did you mean `{near}`?"),
                None => format!("known: {}", known.join(", ")),
            };
            all.push(error(format!("`{}` has no option `{key}`", call.name), at, Some(help)));
        } else if given.iter().any(|spec| spec.name == key) {
            all.push(error(format!("`{}`: {key} is given twice", call.name), at, None));
        }
    }
    (Some(index), all)
}

/// As `bind` finds the options when the script runs.
fn place<'a>(call: &'a Call, function: &HostFunction) -> Option<(usize, &'a MapLiteral)> {
    let index = call.args.len().checked_sub(1)?;
    let is_place = match function.kind {
        HostKind::Control => index == 1 && function.options().next().is_some(),
        HostKind::Action(_) | HostKind::Query => function
            .params
            .get(index)
            .is_none_or(|spec| !spec.required && spec.kind != ParamKind::Tags),
    };
    Some((index, call.maps[index].as_ref().filter(|_| is_place)?))
}

/// Where a key stands in a map that Rhai has folded into one value.
fn find(source: &str, map: Position, key: &str) -> Position {
    let found = map.line().and_then(|line| key_position(source, line, key));
    let place = found.and_then(|(line, column)| {
        let (line, column) = (u16::try_from(line).ok()?, u16::try_from(column).ok()?);
        Some(Position::new(line, column))
    });
    place.unwrap_or(map)
}
