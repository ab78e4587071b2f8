//! Comparisons that can only come out one way: text with a number, and a text that is never there.
//! Rhai says nothing of them, and the branch that should have contained is never taken.

use rhai::{Dynamic, Expr, FnCallExpr, Position};

use super::error;
use super::known::{Known, Shaped, help};
use crate::action::Shape;
use crate::runbook::diagnostic::Diagnostic;

/// What is wrong with a comparison of these two, by `==` or another operator.
pub(super) fn compared(
    operator: &str,
    pair: (&Known<'_>, &Known<'_>),
    at: Position,
) -> Option<Diagnostic> {
    let equality = match operator {
        "==" | "!=" => true,
        "<" | "<=" | ">" | ">=" => false,
        _ => return None,
    };
    let ((Known::Shaped(shaped), other) | (other, Known::Shaped(shaped))) = pair else {
        return None;
    };
    match other {
        Known::Number(_) if !equality && shaped.shape.is_text() => {
            let message = format!("{shaped} is text: `{operator}` with a number fails");
            Some(error(message, at, Some(order(shaped))))
        }
        other if equality => unequal(shaped, other, at),
        _ => None,
    }
}

/// What is wrong with asking whether a value is in a list of literals.
pub(super) fn contained(list: &Expr, item: &Known<'_>) -> Vec<Diagnostic> {
    let Known::Shaped(shaped) = item else { return Vec::new() };
    let elements: Vec<(Known<'_>, Position)> = match list {
        Expr::Array(elements, _) => {
            elements.iter().map(|one| (literal(one), one.start_position())).collect()
        }
        Expr::DynamicConstant(value, at) => {
            let elements = value.as_array_ref().map(|list| list.iter().map(constant).collect());
            let elements: Vec<Known<'_>> = elements.unwrap_or_default();
            elements.into_iter().map(|one| (one, *at)).collect()
        }
        _ => return Vec::new(),
    };
    elements.iter().filter_map(|(element, at)| unequal(shaped, element, *at)).collect()
}

/// The two arguments of an operator with which values are compared.
pub(super) fn operands(call: &FnCallExpr) -> Option<(&Expr, &Expr)> {
    match call.args.as_slice() {
        [left, right] if call.namespace.is_empty() => Some((left, right)),
        _ => None,
    }
}

/// What a literal is.
pub(super) fn literal(expr: &Expr) -> Known<'static> {
    match expr {
        Expr::IntegerConstant(number, _) => Known::Number(number.to_string()),
        Expr::FloatConstant(number, _) => Known::Number(number.to_string()),
        Expr::StringConstant(text, _) => Known::Text(text.to_string()),
        _ => Known::Any,
    }
}

fn constant(value: &Dynamic) -> Known<'static> {
    if value.is_int() || value.is_float() {
        return Known::Number(value.to_string());
    }
    value.as_immutable_string_ref().map_or(Known::Any, |text| Known::Text(text.to_string()))
}

fn unequal(shaped: &Shaped, other: &Known<'_>, at: Position) -> Option<Diagnostic> {
    match (shaped.shape, other) {
        (shape, Known::Number(number)) if shape.is_text() => {
            let text = match number.parse::<f64>() {
                Ok(number) if shaped.is_severity() => format!("{number:.1}"),
                _ => number.clone(),
            };
            let message = format!("{shaped} is text and never equal to the number {number}");
            Some(error(message, at, Some(format!("write \"{text}\""))))
        }
        (Shape::OneOf(texts), Known::Text(text)) if !texts.contains(&text.as_str()) => {
            let message = format!("{shaped} is never \"{text}\"");
            Some(error(message, at, help(text, texts.iter().copied())))
        }
        _ => None,
    }
}

/// What to write in place of an order.
fn order(shaped: &Shaped) -> String {
    if shaped.is_severity() {
        return "let the header's `severity` decide, or ask for its whole part: \
                `case.severity?.split(\".\")?[0] in [\"7\", \"8\", \"9\", \"10\"]`"
            .to_owned();
    }
    "compare it with texts, by `==` or `in`".to_owned()
}
