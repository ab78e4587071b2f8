//! Between values and columns. A column that does not parse is corruption, and names itself.

use std::str::FromStr;

use jiff::Timestamp;
use serde_json::Value;
use sqlx::Row;
use sqlx::any::AnyRow;

use super::StoreError;

/// Reads typed values from a row's columns.
pub(super) trait Cells {
    /// Text.
    fn text(&self, column: &str) -> Result<String, StoreError>;
    /// Text or nothing.
    fn text_or_none(&self, column: &str) -> Result<Option<String>, StoreError>;
    /// Text in the form of `T`.
    fn parsed<T: FromStr>(&self, column: &str) -> Result<T, StoreError> {
        let text = self.text(column)?;
        text.parse().map_err(|_| odd(column, &text))
    }
    /// Text in the form of `T`, or nothing.
    fn parsed_or_none<T: FromStr>(&self, column: &str) -> Result<Option<T>, StoreError> {
        let Some(text) = self.text_or_none(column)? else {
            return Ok(None);
        };
        text.parse().map(Some).map_err(|_| odd(column, &text))
    }
    /// A stored label.
    fn label<T>(&self, column: &str, from_label: fn(&str) -> Option<T>) -> Result<T, StoreError> {
        let text = self.text(column)?;
        from_label(&text).ok_or_else(|| odd(column, &text))
    }
    /// JSON.
    fn json(&self, column: &str) -> Result<Value, StoreError> {
        let text = self.text(column)?;
        serde_json::from_str(&text).map_err(|_| odd(column, &text))
    }
    /// An integer that fits `T`.
    fn number<T: TryFrom<i64>>(&self, column: &str) -> Result<T, StoreError>;
    /// An integer that fits `T`, or nothing.
    fn number_or_none<T: TryFrom<i64>>(&self, column: &str) -> Result<Option<T>, StoreError>;
    /// 0 or 1.
    fn flag(&self, column: &str) -> Result<bool, StoreError> {
        Ok(self.number::<i64>(column)? != 0)
    }
    /// A time.
    fn time(&self, column: &str) -> Result<Timestamp, StoreError> {
        let micros: i64 = self.number(column)?;
        Timestamp::from_microsecond(micros).map_err(|_| odd(column, &micros.to_string()))
    }
    /// A time or nothing.
    fn time_or_none(&self, column: &str) -> Result<Option<Timestamp>, StoreError> {
        let Some(micros) = self.number_or_none::<i64>(column)? else {
            return Ok(None);
        };
        Timestamp::from_microsecond(micros).map(Some).map_err(|_| odd(column, &micros.to_string()))
    }
    /// Raw bytes.
    fn bytes(&self, column: &str) -> Result<Vec<u8>, StoreError>;
}

impl Cells for AnyRow {
    fn text(&self, column: &str) -> Result<String, StoreError> {
        Ok(self.try_get(column)?)
    }

    fn text_or_none(&self, column: &str) -> Result<Option<String>, StoreError> {
        Ok(self.try_get(column)?)
    }

    fn number<T: TryFrom<i64>>(&self, column: &str) -> Result<T, StoreError> {
        let number: i64 = self.try_get(column)?;
        T::try_from(number).map_err(|_| odd(column, &number.to_string()))
    }

    fn number_or_none<T: TryFrom<i64>>(&self, column: &str) -> Result<Option<T>, StoreError> {
        let Some(number) = self.try_get::<Option<i64>, _>(column)? else {
            return Ok(None);
        };
        T::try_from(number).map(Some).map_err(|_| odd(column, &number.to_string()))
    }

    fn bytes(&self, column: &str) -> Result<Vec<u8>, StoreError> {
        Ok(self.try_get(column)?)
    }
}

/// Characters of an odd value that the error repeats: enough to recognise it.
const SHOWN_MAX: usize = 40;

fn odd(column: &str, value: &str) -> StoreError {
    let shown: String = value.chars().take(SHOWN_MAX).collect();
    StoreError::Corrupt(format!("{column} holds {shown:?}"))
}

/// A time as it is stored.
pub(super) fn micros(at: Timestamp) -> i64 {
    at.as_microsecond()
}

/// A time or nothing, as it is stored.
pub(super) fn micros_or_none(at: Option<Timestamp>) -> Option<i64> {
    at.map(micros)
}

/// A count as it is stored; more than a column holds is stored as the most that it holds.
pub(super) fn integer(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

/// How a blob is named in an entry's body.
pub(super) fn named(digest: &crate::id::Digest) -> String {
    format!("sha256:{digest}")
}
