//! Reading single values out of a document: `null` is absent, and the tolerances for text that
//! stands where a number or a truth value should. Nothing about what a field means.

use serde_json::{Map, Value};

/// Bytes of a value that is an identifier or a name; the longest, an ARN, has 2,048 (IAM API).
pub const NAME_MAX: usize = 2048;

/// What stands at `pointer` (RFC 6901); `null` counts as absent.
pub fn at<'a>(document: &'a Value, pointer: &str) -> Option<&'a Value> {
    document.pointer(pointer).filter(|value| !value.is_null())
}

/// The name at `pointer`: text that is not empty and no longer than [`NAME_MAX`].
pub fn name(document: &Value, pointer: &str) -> Option<String> {
    at(document, pointer)
        .and_then(Value::as_str)
        .filter(|text| !text.is_empty() && text.len() <= NAME_MAX)
        .map(str::to_owned)
}

/// A truth value, also as the text `true` or `false` in any case.
pub fn flag(value: &Value) -> Option<bool> {
    match value {
        Value::Bool(flag) => Some(*flag),
        Value::String(text) if text.eq_ignore_ascii_case("true") => Some(true),
        Value::String(text) if text.eq_ignore_ascii_case("false") => Some(false),
        _ => None,
    }
}

/// A whole number from 0, also as `5.0` or as text.
pub fn whole(value: &Value) -> Option<u64> {
    match value {
        Value::Number(number) => number.as_u64().or_else(|| {
            let float = number.as_f64()?;
            // Up to 2^53 every whole double is exact.
            let fits = (0.0..=9_007_199_254_740_992.0).contains(&float) && float.fract() == 0.0;
            #[expect(clippy::cast_possible_truncation, reason = "checked above")]
            #[expect(clippy::cast_sign_loss, reason = "checked above")]
            fits.then_some(float as u64)
        }),
        Value::String(text) if text.bytes().all(|byte| byte.is_ascii_digit()) => text.parse().ok(),
        _ => None,
    }
}

/// The member `key` of a document that was not normalised: with a small or a capital first letter.
pub fn either_case<'a>(map: &'a Map<String, Value>, key: &str) -> Option<&'a Value> {
    let found = map.get(key).or_else(|| {
        let mut letters = key.chars();
        let capital = letters.next()?.to_ascii_uppercase();
        map.get(&format!("{capital}{}", letters.as_str()))
    });
    found.filter(|value| !value.is_null())
}

/// The text member `key`, as [`either_case`] finds it.
pub fn either_case_text<'a>(map: &'a Map<String, Value>, key: &str) -> Option<&'a str> {
    either_case(map, key).and_then(Value::as_str)
}

/// At most `max` characters of `text`, with an ellipsis where something is left out.
pub fn cut(text: &str, max: usize) -> String {
    match text.char_indices().nth(max) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn text_in_place_of_a_number_or_flag_is_understood() {
        for (value, as_flag, as_whole) in [
            (json!(true), Some(true), None),
            (json!("False"), Some(false), None),
            (json!("yes"), None, None),
            (json!(1), None, Some(1)),
            (json!(5.0), None, Some(5)),
            (json!(5.5), None, None),
            (json!(-1), None, None),
            (json!(1e300), None, None),
            (json!("12"), None, Some(12)),
            (json!("99999999999999999999"), None, None),
            (json!(""), None, None),
            (json!([]), None, None),
        ] {
            assert_eq!(flag(&value), as_flag, "{value}");
            assert_eq!(whole(&value), as_whole, "{value}");
        }
    }

    #[test]
    fn keys_are_found_with_either_first_letter() {
        let map = json!({"Detail-type": 1, "é": 2, "source": null, "Source": 3});
        let map = map.as_object().unwrap();
        assert_eq!(either_case(map, "detail-type"), Some(&json!(1)));
        assert_eq!(either_case(map, "é"), Some(&json!(2)));
        assert_eq!(either_case(map, "source"), None);
        assert_eq!(either_case(map, ""), None);
    }

    #[test]
    fn cutting_respects_characters() {
        assert_eq!(cut("häuser", 2), "hä…");
        assert_eq!(cut("hä", 2), "hä");
    }
}
