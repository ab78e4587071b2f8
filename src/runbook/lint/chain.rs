//! Chains such as `a.b[0]?.c()`: Rhai nests them to the right, we read them from left to right.

use rhai::{ASTFlags, Expr, FnCallExpr, Position};

/// One step of a chain.
pub(super) enum Link<'a> {
    /// `.name`
    Field(&'a str, Position),
    /// `.name(…)`
    Method(&'a FnCallExpr),
    /// `[…]`
    Index(&'a Expr),
}

/// What a chain begins with, and its steps. Anything else is a chain without steps.
pub(super) fn chain(expr: &Expr) -> (&Expr, Vec<Link<'_>>) {
    let mut links = Vec::new();
    let (Expr::Dot(pair, ..) | Expr::Index(pair, ..)) = expr else {
        return (expr, links);
    };
    let mut here = expr;
    loop {
        let (rhs, flags, is_index) = match here {
            Expr::Dot(pair, flags, _) => (&pair.rhs, flags, false),
            Expr::Index(pair, flags, _) => (&pair.rhs, flags, true),
            _ => return (&pair.lhs, links),
        };
        match rhs {
            Expr::Dot(next, ..) | Expr::Index(next, ..) if !flags.contains(ASTFlags::BREAK) => {
                links.push(link(&next.lhs, is_index));
                here = rhs;
            }
            last => {
                links.push(link(last, is_index));
                return (&pair.lhs, links);
            }
        }
    }
}

fn link(expr: &Expr, is_index: bool) -> Link<'_> {
    match expr {
        Expr::Property(names, at) if !is_index => Link::Field(&names.2, *at),
        Expr::MethodCall(call, _) if !is_index => Link::Method(call),
        other => Link::Index(other),
    }
}

/// The name of a variable of this function.
pub(super) fn variable(expr: &Expr) -> Option<&str> {
    match expr {
        Expr::Variable(names, ..) if names.2.is_empty() => Some(&names.1),
        _ => None,
    }
}
