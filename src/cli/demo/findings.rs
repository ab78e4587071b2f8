//! What arrives in the demo, and what is expected of it.

use serde_json::{Value, json};

use crate::cli::error::CliError;
use crate::error::Code;
use crate::finding::fixtures;

/// One delivery.
pub struct Delivery {
    /// What it is, in a few words.
    pub name: &'static str,
    /// The body.
    pub body: String,
    /// The status its case must have at the end.
    pub expected: &'static str,
    /// What a person may wonder about, answered.
    pub remark: &'static str,
}

/// Why nothing comes of the sample: it must not look like something that was missed.
const SAMPLE: &str =
    "GuardDuty marks it as a sample, so it is only observed, on purpose: nothing is done about it";

/// Why nothing new comes of the last one.
const AGAIN: &str = "known already: it joins its case, and no second run is started";

/// All of them, in order.
///
/// # Errors
/// When a fixture of ours is broken.
pub fn all() -> Result<Vec<Delivery>, CliError> {
    let of =
        |name, body: &str, expected| Delivery { name, body: body.to_owned(), expected, remark: "" };
    let with = |remark, delivery| Delivery { remark, ..delivery };
    Ok(vec![
        of("an instance mines", fixtures::CRYPTO_MINING_INSTANCE, "contained"),
        of(
            "instance credentials used elsewhere",
            fixtures::INSTANCE_CREDENTIAL_EXFILTRATION,
            "contained",
        ),
        of("a user's key leaked", fixtures::LEAKED_USER_KEY, "contained"),
        of("an attack sequence", &sequence()?, "contained"),
        with(SAMPLE, of("a sample finding", fixtures::SAMPLE_SSH_BRUTE_FORCE, "open")),
        with(AGAIN, of("the first one again", fixtures::CRYPTO_MINING_INSTANCE, "contained")),
    ])
}

/// The fixture's sequence, about another instance, with a user among the actors.
fn sequence() -> Result<String, CliError> {
    let broken = |error: serde_json::Error| CliError::new(Code::INTERNAL, error.to_string());
    let text = fixtures::ATTACK_SEQUENCE_INSTANCE_GROUP
        .replace("i-0a1b2c3d4e5f60718", "i-0c3d4e5f607182930");
    let mut event: Value = serde_json::from_str(&text).map_err(broken)?;
    if let Some(actors) =
        event.pointer_mut("/detail/service/detection/sequence/actors").and_then(Value::as_array_mut)
    {
        actors.push(json!({
            "id": "user:ci-runner",
            "user": {"name": "ci-runner", "uid": "AIDAZ7Q2EXAMPLE00004", "type": "IAMUser",
                "account": {"uid": "111122223333"}},
        }));
    }
    serde_json::to_string(&event).map_err(broken)
}
