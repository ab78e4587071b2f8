//! From the arguments of a call to named, checked parameters.

use rhai::Dynamic;
use serde_json::{Map, Value};

use crate::action::{LookError, ParamKind, ParamSpec, Params};
use crate::runbook::value::from_script;

/// The arguments as a JSON object: in the order of `specs`, then perhaps one map with optional
/// parameters by name.
///
/// # Errors
/// In words, when an argument can't leave the script, does not fit its parameter, or is missing.
pub(in crate::runbook) fn bind(
    specs: &'static [ParamSpec],
    args: Vec<Dynamic>,
) -> Result<Value, String> {
    let mut given = Map::new();
    let count = args.len();
    for (index, arg) in args.iter().enumerate() {
        let spec = specs.get(index);
        let options = index + 1 == count
            && arg.is_map()
            && spec.is_none_or(|spec| !spec.required && spec.kind != ParamKind::Tags);
        let subject = spec.filter(|_| !options).map_or("options", |spec| spec.name);
        let value = from_script(arg).map_err(|reason| format!("{subject}: {reason}"))?;
        match (value, spec) {
            (Value::Object(map), _) if options => {
                for (name, value) in map {
                    if given.contains_key(&name) {
                        return Err(format!("{name} is given twice"));
                    }
                    given.insert(name, value);
                }
            }
            (value, Some(spec)) => {
                given.insert(spec.name.to_owned(), value);
            }
            (_, None) => return Err(format!("takes {}, not {count} arguments", names(specs))),
        }
    }
    // The same arguments must give the same bytes: an absent parameter and a unit are one thing.
    given.retain(|_, value| !value.is_null());
    if !specs.is_empty() && given.is_empty() {
        return Err(format!("nothing is given; it takes {}", names(specs)));
    }
    match Params::check(specs, given.clone()) {
        Ok(_) => Ok(Value::Object(given)),
        Err(LookError::Param { name, reason }) => Err(format!("{name}: {reason}")),
        Err(LookError::Cloud(error)) => Err(error.to_string()),
    }
}

fn names(specs: &[ParamSpec]) -> String {
    specs
        .iter()
        .map(|spec| if spec.required { spec.name.to_owned() } else { format!("{}?", spec.name) })
        .collect::<Vec<_>>()
        .join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    const SPECS: &[ParamSpec] = &[
        ParamSpec { name: "resource", kind: ParamKind::Text, required: true, doc: "" },
        ParamSpec { name: "user", kind: ParamKind::UserName, required: false, doc: "" },
    ];
    const TAGS: &[ParamSpec] = &[
        ParamSpec { name: "resource", kind: ParamKind::Text, required: true, doc: "" },
        ParamSpec { name: "tags", kind: ParamKind::Tags, required: true, doc: "" },
    ];

    fn check(specs: &'static [ParamSpec], args: Value, want: Result<Value, &str>) {
        let args: Vec<Dynamic> =
            args.as_array().unwrap().iter().map(crate::runbook::value::to_script).collect();
        match (bind(specs, args), want) {
            (Ok(got), Ok(want)) => assert_eq!(got, want),
            (Err(got), Err(word)) => assert!(got.contains(word), "{got}"),
            (got, want) => panic!("{got:?}, wanted {want:?}"),
        }
    }

    #[test]
    fn arguments_are_named_and_checked() {
        check(SPECS, json!(["a"]), Ok(json!({"resource": "a"})));
        check(SPECS, json!(["a", "bob"]), Ok(json!({"resource": "a", "user": "bob"})));
        check(SPECS, json!(["a", null]), Ok(json!({"resource": "a"})));
        check(SPECS, json!(["a", {"user": "bob"}]), Ok(json!({"resource": "a", "user": "bob"})));
        check(SPECS, json!(["a", "bob", {"user": "eve"}]), Err("twice"));
        check(SPECS, json!(["a", {"usr": "bob"}]), Err("unknown"));
        check(SPECS, json!(["a", "bob", "c"]), Err("takes resource, user?"));
        check(SPECS, json!([]), Err("nothing is given"));
        check(SPECS, json!([null]), Err("nothing is given"));
        check(SPECS, json!([{"user": "bob"}]), Err("expected a text"));
        check(SPECS, json!([7]), Err("expected a text"));
        check(SPECS, json!(["a", "bad name!"]), Err("IAM user name"));
        check(TAGS, json!(["a", {"k": "v"}]), Ok(json!({"resource": "a", "tags": {"k": "v"}})));
        check(TAGS, json!(["a"]), Err("tags: missing"));
    }
}
