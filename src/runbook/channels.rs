//! The channels that a script names: a name that nobody has configured reaches nobody.

use super::calls::calls;
use super::library::Runbook;

/// A message whose channel stands in the source.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Channel {
    /// The name.
    pub name: String,
    /// The line, from 1.
    pub line: Option<usize>,
    /// The column, from 1.
    pub column: Option<usize>,
}

/// Every channel that a `notify` of the script names, in the order of the source; a name that is put
/// together at run time is not among them.
#[must_use]
pub fn channels(runbook: &Runbook) -> Vec<Channel> {
    let told = calls(&runbook.ast).into_iter().filter(|call| call.name == "notify");
    let named = told.filter_map(|call| {
        let (value, at) = call.args.first()?;
        let name = value.clone()?.into_string().ok()?;
        Some(Channel { name, line: at.line(), column: at.position() })
    });
    named.collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::runbook::{build_engine, compile};

    #[test]
    fn a_channel_is_found_where_it_stands() {
        let source = "//! Tells.\nconst RUNBOOK = #{ on: [\"*\"] };\nfn run(case, p) {\n    notify(\"oncal\", \"x\");\n\
            notify(case.id, \"y\");\n}\n";
        let runbook = compile(&build_engine(), "tells".parse().unwrap(), source).unwrap();
        let expected = Channel { name: "oncal".to_owned(), line: Some(4), column: Some(12) };
        assert_eq!(channels(&runbook), [expected]);
    }
}
