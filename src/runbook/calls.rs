//! Every call of a script, with place and arguments, read from its syntax tree.
//!
//! Sound because `eval`, `Fn` and `import` are off and a script may not define a host name: there
//! is no way to a host function but its own name.

use rhai::{AST, ASTNode, Dynamic, Expr, FnCallExpr, Map, Position, Stmt};

/// One call.
pub(super) struct Call {
    /// As written: `contain::isolate_instance`, `len`.
    pub(super) name: String,
    /// Whether it is written with a dot: `list.len()`.
    pub(super) method: bool,
    /// The place.
    pub(super) at: Position,
    /// Each argument's value, where it is a literal, and its place.
    pub(super) args: Vec<(Option<Dynamic>, Position)>,
    /// Each argument that is a map in the source, also where its values are not literals.
    pub(super) maps: Vec<Option<MapLiteral>>,
    /// How the text of each argument begins, where the source says it: `instance/` for
    /// `` `instance/${p.instance}` ``.
    pub(super) starts: Vec<Option<String>>,
    /// Where the first argument is a list in the source: its elements that are calls, by name.
    pub(super) elements: Vec<(String, Position)>,
}

/// A map as it stands in the source.
pub(super) struct MapLiteral {
    /// Its keys and their places; a place is none where Rhai has folded the map into one value.
    pub(super) keys: Vec<(String, Position)>,
    /// The keys whose values are literals.
    pub(super) known: Map,
}

/// All calls in the order of the source; operators and the closures' own plumbing left out.
pub(super) fn calls(ast: &AST) -> Vec<Call> {
    let mut found = Vec::new();
    ast.walk(&mut |path: &[ASTNode<'_>]| {
        match path.last() {
            Some(ASTNode::Expr(Expr::FnCall(call, at)) | ASTNode::Stmt(Stmt::FnCall(call, at))) => {
                push(&mut found, call, *at, false)
            }
            Some(ASTNode::Expr(Expr::MethodCall(call, at))) => push(&mut found, call, *at, true),
            _ => {}
        }
        true
    });
    found.sort_by_key(|call| (call.at.line(), call.at.position()));
    // The walk meets a call that is a statement of its own both as statement and as expression.
    found.dedup_by(|a, b| a.at == b.at && a.name == b.name);
    found
}

fn push(found: &mut Vec<Call>, call: &FnCallExpr, at: Position, method: bool) {
    let internal = call.op_token.is_some()
        || call.name.starts_with("anon$")
        || call.name.as_str() == "curry"
        || call.name.as_str() == "Fn";
    if internal || at.is_none() {
        return;
    }
    let name = full_name(call);
    let args =
        call.args.iter().map(|arg| (arg.get_literal_value(None), arg.start_position())).collect();
    let maps = call.args.iter().map(map).collect();
    let starts = call.args.iter().map(start).collect();
    let elements = call.args.first().map(elements).unwrap_or_default();
    found.push(Call { name, method, at, args, maps, starts, elements });
}

fn full_name(call: &FnCallExpr) -> String {
    if call.namespace.is_empty() {
        call.name.to_string()
    } else {
        format!("{}::{}", call.namespace, call.name)
    }
}

fn elements(arg: &Expr) -> Vec<(String, Position)> {
    let Expr::Array(items, _) = arg else { return Vec::new() };
    let calls = items.iter().filter_map(|item| match item {
        Expr::FnCall(call, at) => Some((full_name(call), *at)),
        _ => None,
    });
    calls.collect()
}

fn map(arg: &Expr) -> Option<MapLiteral> {
    match arg {
        Expr::Map(map, _) => {
            let value = |value: &Expr| value.get_literal_value(None);
            Some(MapLiteral {
                keys: map.0.iter().map(|(key, _)| (key.name.to_string(), key.pos)).collect(),
                known: map
                    .0
                    .iter()
                    .filter_map(|(key, expr)| Some((key.name.as_str().into(), value(expr)?)))
                    .collect(),
            })
        }
        Expr::DynamicConstant(value, _) => {
            let known = value.read_lock::<Map>()?.clone();
            let keys = known.keys().map(|key| (key.to_string(), Position::NONE)).collect();
            Some(MapLiteral { keys, known })
        }
        _ => None,
    }
}

fn start(arg: &Expr) -> Option<String> {
    match arg {
        Expr::StringConstant(text, _) => Some(text.to_string()),
        Expr::InterpolatedString(parts, _) => parts.first().and_then(start),
        _ => None,
    }
}
