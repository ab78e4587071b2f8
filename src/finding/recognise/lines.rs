//! S3 exports, which are no single JSON document: gzip, or one finding on each line. Not read yet.

use serde_json::Value;

use super::super::json::parse_strict;
use super::super::rejection::Rejection;
use super::{later, raw};

const NAME: &str = "s3-export";
const GZIP_MAGIC: &[u8] = &[0x1f, 0x8b];

/// The rejection of gzip.
pub(super) fn compressed(bytes: &[u8]) -> Option<Rejection> {
    bytes
        .starts_with(GZIP_MAGIC)
        .then(|| later::rejection(NAME, "compressed with gzip, as an S3 export is"))
}

/// The rejection of bytes whose first line is a whole finding and which go on after it.
pub(super) fn several(bytes: &[u8]) -> Option<Rejection> {
    let mut lines = bytes.split(|byte| *byte == b'\n').filter(|line| !line.trim_ascii().is_empty());
    let (first, _second) = (lines.next()?, lines.next()?);
    match parse_strict(first) {
        Ok(Value::Object(members)) if raw::detects(&members) => {
            Some(later::rejection(NAME, "several findings on lines, as an S3 export has"))
        }
        _ => None,
    }
}
