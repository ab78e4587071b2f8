//! Whoever adds a field to an export wants to be believed.

use serde_json::json;

use super::proving::{naming, of_file};
use crate::cli::error::NO;

#[test]
fn a_field_that_was_added_to_an_export_is_a_fault_and_is_named() {
    let (_, _, export) = naming();
    let (code, value, _) = of_file(&export);
    assert_eq!((code, &value["added_fields"]), (0, &json!([])));
    for (at, field, name) in [
        ("/case", "verdict", "case.verdict"),
        ("/head", "signed_by", "head.signed_by"),
        ("", "statement", "statement"),
        ("", "a\u{1b}[2Jb", "a\u{1b}[2Jb"),
    ] {
        let mut changed = export.clone();
        changed.pointer_mut(at).unwrap()[field] = json!(null);
        let (code, value, words) = of_file(&changed);
        assert_eq!((code, &value["valid"]), (NO, &json!(false)), "{name}");
        assert_eq!(value["added_fields"], json!([name]));
        let shown = name.replace("\u{1b}[2J", "");
        assert!(words.contains(&format!("the field {shown} was added: no export")), "{words}");
    }
    let mut changed = export.clone();
    changed["left_out"] = json!(["the accused was cleared"]);
    let (code, value, _) = of_file(&changed);
    assert_eq!((code, &value["extra_blobs"]), (NO, &json!(["the accused was cleared"])));
}
