//! Values on their way between JSON and the script. Nothing crosses that can't come back the same.

use rhai::{Array, Dynamic, FnPtr, Map};
use serde_json::Value;

use super::limits::{
    CAPTURED_VALUES_MAX, INTEGER_MAX, MESSAGE_CHARS_MAX, VALUE_BYTES_MAX, VALUE_DEPTH_MAX,
};

/// A JSON value for the script: plain maps, arrays and texts. An integer above `i64::MAX` becomes
/// text, because Rhai's float would lose digits.
pub(super) fn to_script(value: &Value) -> Dynamic {
    match value {
        Value::Null => Dynamic::UNIT,
        Value::Bool(flag) => (*flag).into(),
        Value::Number(number) => match (number.as_i64(), number.is_u64()) {
            (Some(integer), _) => integer.into(),
            (None, true) => number.to_string().into(),
            (None, false) => number.as_f64().unwrap_or_default().into(),
        },
        Value::String(text) => text.as_str().into(),
        Value::Array(list) => list.iter().map(to_script).collect::<Array>().into(),
        Value::Object(map) => map
            .iter()
            .map(|(name, value)| (name.as_str().into(), to_script(value)))
            .collect::<Map>()
            .into(),
    }
}

/// A script's value as JSON.
///
/// # Errors
/// In words, when it holds anything but unit, bool, integers within 2^53, text, arrays and maps,
/// is nested deeper than [`VALUE_DEPTH_MAX`] or longer than [`VALUE_BYTES_MAX`].
pub(super) fn from_script(value: &Dynamic) -> Result<Value, String> {
    let value = convert(value, 0)?;
    let bytes = size(&value);
    if bytes > VALUE_BYTES_MAX {
        return Err(format!(
            "it is {bytes} bytes long; at most {VALUE_BYTES_MAX} may leave the script"
        ));
    }
    Ok(value)
}

fn size(value: &Value) -> usize {
    serde_json::to_string(value).map_or(usize::MAX, |text| text.len())
}

fn convert(value: &Dynamic, depth: usize) -> Result<Value, String> {
    if depth > VALUE_DEPTH_MAX {
        return Err(format!("it is nested deeper than {VALUE_DEPTH_MAX} levels"));
    }
    if value.is_unit() {
        return Ok(Value::Null);
    }
    if let Ok(flag) = value.as_bool() {
        return Ok(Value::Bool(flag));
    }
    if let Ok(integer) = value.as_int() {
        if !(-INTEGER_MAX..=INTEGER_MAX).contains(&integer) {
            return Err(format!("{integer} is beyond 2^53; use a string"));
        }
        return Ok(Value::from(integer));
    }
    if let Ok(text) = value.as_immutable_string_ref() {
        return Ok(Value::from(text.as_str()));
    }
    if let Ok(list) = value.as_array_ref() {
        return list
            .iter()
            .map(|item| convert(item, depth + 1))
            .collect::<Result<_, _>>()
            .map(Value::Array);
    }
    if let Ok(map) = value.as_map_ref() {
        return map
            .iter()
            .map(|(name, value)| Ok((name.to_string(), convert(value, depth + 1)?)))
            .collect::<Result<_, String>>()
            .map(Value::Object);
    }
    Err(match kind(value) {
        "float" => "a number with decimals can't be kept exactly; use a string".to_owned(),
        "function" => "a function can't leave the script; call it and pass its value".to_owned(),
        kind => format!("a {kind} can't leave the script; use a string"),
    })
}

/// What a value is, in our words: Rhai's own names change between releases.
pub(super) fn kind(value: &Dynamic) -> &'static str {
    if value.is_fnptr() {
        "function"
    } else if value.is_unit() {
        "unit"
    } else if value.is_bool() {
        "bool"
    } else if value.is_int() {
        "integer"
    } else if value.is_float() {
        "float"
    } else if value.is_string() {
        "text"
    } else if value.is_char() {
        "character"
    } else if value.is_array() {
        "list"
    } else if value.is_map() {
        "map"
    } else {
        "value of another type"
    }
}

/// A raised value as one line. Never Rhai's own formatting: it follows closures into themselves.
pub(super) fn describe(value: &Dynamic) -> String {
    if let Ok(text) = value.as_immutable_string_ref() {
        return cut(&text, MESSAGE_CHARS_MAX);
    }
    if value.is_unit() {
        return "an error without a message".to_owned();
    }
    if let Ok(map) = value.as_map_ref()
        && let Some(text) = map
            .get("message")
            .and_then(|message| message.as_immutable_string_ref().ok().map(|t| t.to_string()))
    {
        return cut(&text, MESSAGE_CHARS_MAX);
    }
    match from_script(value) {
        Ok(json) => cut(&json.to_string(), MESSAGE_CHARS_MAX),
        Err(_) => format!("a {} was raised", kind(value)),
    }
}

/// At most `characters` of a text.
pub(super) fn cut(text: &str, characters: usize) -> String {
    text.chars().take(characters).collect()
}

/// A closure whose captured values are its own: captures are shared references, and a branch that
/// reads what a sibling changes would see timing.
///
/// # Errors
/// When the captured values are too many or refer to themselves.
pub(super) fn detached(closure: &FnPtr) -> Result<FnPtr, String> {
    let mut closure = closure.clone();
    let mut budget = CAPTURED_VALUES_MAX;
    detach_captured(&mut closure, 0, &mut budget)?;
    Ok(closure)
}

fn detach_captured(closure: &mut FnPtr, depth: usize, budget: &mut usize) -> Result<(), String> {
    closure.iter_curry_mut().try_for_each(|value| detach(value, depth, budget))
}

fn detach(value: &mut Dynamic, depth: usize, budget: &mut usize) -> Result<(), String> {
    if depth > VALUE_DEPTH_MAX || *budget == 0 {
        return Err("what the closure captures is too large or refers to itself".to_owned());
    }
    *budget -= 1;
    *value = value.flatten_clone();
    if let Some(mut closure) = value.write_lock::<FnPtr>() {
        return detach_captured(&mut closure, depth + 1, budget);
    }
    if let Ok(mut list) = value.as_array_mut() {
        return list.iter_mut().try_for_each(|item| detach(item, depth + 1, budget));
    }
    if let Ok(mut map) = value.as_map_mut() {
        return map.values_mut().try_for_each(|item| detach(item, depth + 1, budget));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn values_come_back_as_they_went() {
        let value = json!({"a": [1, true, null, "x", {"b": -9_007_199_254_740_991_i64}]});
        assert_eq!(from_script(&to_script(&value)), Ok(value));
    }

    #[test]
    fn nothing_crosses_that_would_change() {
        for (value, word) in [
            (Dynamic::from(1.5_f64), "string"),
            (Dynamic::from(9_007_199_254_740_992_i64), "2^53"),
            (Dynamic::from('x'), "character"),
            (Dynamic::from(0_i64..5), "another type"),
            (Dynamic::from(u64::MAX), "another type"),
            (FnPtr::new("f").unwrap().into(), "function"),
            ("x".repeat(VALUE_BYTES_MAX + 1).into(), "bytes"),
        ] {
            let error = from_script(&value).unwrap_err();
            assert!(error.contains(word), "{error}");
            let nested: Dynamic = vec![value].into();
            assert!(from_script(&nested).is_err());
        }
    }

    #[test]
    fn depth_is_bounded() {
        let nest = |levels: usize| (0..levels).fold(Dynamic::UNIT, |inner, _| vec![inner].into());
        assert!(from_script(&nest(VALUE_DEPTH_MAX)).is_ok());
        assert!(from_script(&nest(VALUE_DEPTH_MAX + 1)).unwrap_err().contains("nested"));
    }

    #[test]
    fn a_large_unsigned_number_keeps_its_digits() {
        assert_eq!(to_script(&json!(u64::MAX)).into_string(), Ok(u64::MAX.to_string()));
    }
}
