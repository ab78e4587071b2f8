//! Every call of a script, with place and arguments, read from its syntax tree.
//!
//! Sound because `eval`, `Fn` and `import` are off and a script may not define a host name: there
//! is no way to a host function but its own name.

use rhai::{AST, ASTNode, Dynamic, Expr, FnCallExpr, Position, Stmt};

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
    /// How the text of each argument begins, where the source says it: `instance/` for
    /// `` `instance/${p.instance}` ``.
    pub(super) starts: Vec<Option<String>>,
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
    let name = if call.namespace.is_empty() {
        call.name.to_string()
    } else {
        format!("{}::{}", call.namespace, call.name)
    };
    let args =
        call.args.iter().map(|arg| (arg.get_literal_value(None), arg.start_position())).collect();
    let starts = call.args.iter().map(start).collect();
    found.push(Call { name, method, at, args, starts });
}

fn start(arg: &Expr) -> Option<String> {
    match arg {
        Expr::StringConstant(text, _) => Some(text.to_string()),
        Expr::InterpolatedString(parts, _) => parts.first().and_then(start),
        _ => None,
    }
}
