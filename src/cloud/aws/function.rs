//! Lambda functions: how many may run at once, what calls them, and their tags.
//!
//! GetFunctionConfiguration and not GetFunction, which also hands out a link to the code. Of the answer the
//! environment variables, which may hold secrets, are not read.

use aws_sdk_lambda::Client;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;
use serde_json::Value;

use super::convert::parsed;
use super::ec2_apply::{Touched, confirmed, refused, touched};
use super::errors::{Effect, read, unreadable};
use crate::change::{Document, FunctionChange, Polling, Tags, function_arn};
use crate::cloud::{EventSource, Function, Receipt, Result};
use crate::id::{FunctionName, Place};

/// What is not there: the function, its policy, its mapping.
const GONE: &str = "ResourceNotFoundException";

pub(super) async fn function(
    client: &Client,
    at: &Place,
    name: &FunctionName,
) -> Result<Option<Function>> {
    const CONFIGURATION: &str = "lambda:GetFunctionConfiguration";
    const CONCURRENCY: &str = "lambda:GetFunctionConcurrency";
    let found = match client.get_function_configuration().function_name(name.as_str()).send().await
    {
        Ok(found) => found,
        Err(error) if error.code() == Some(GONE) => return Ok(None),
        Err(error) => return Err(read(CONFIGURATION, error)),
    };
    let reserved = client.get_function_concurrency().function_name(name.as_str()).send();
    let (reserved, public, sources) =
        futures::join!(reserved, public(client, name), sources(client, at, name));
    let reserved = match reserved {
        Ok(answer) => answer.reserved_concurrent_executions(),
        // It was deleted between the two.
        Err(error) if error.code() == Some(GONE) => return Ok(None),
        Err(error) => return Err(read(CONCURRENCY, error)),
    };
    let too_many = |_| unreadable(CONCURRENCY, Effect::Reads, "a negative reservation");
    Ok(Some(Function {
        name: name.clone(),
        role: parsed(CONFIGURATION, found.role().and_then(|arn| arn.rsplit('/').next()))?,
        code_sha256: found.code_sha256().unwrap_or_default().to_owned(),
        concurrency: reserved.map(u32::try_from).transpose().map_err(too_many)?,
        sources: sources?,
        public: public?,
    }))
}

async fn public(client: &Client, name: &FunctionName) -> Result<bool> {
    const POLICY: &str = "lambda:GetPolicy";
    let text = match client.get_policy().function_name(name.as_str()).send().await {
        Ok(answer) => answer.policy().unwrap_or_default().to_owned(),
        Err(error) if error.code() == Some(GONE) => return Ok(false),
        Err(error) => return Err(read(POLICY, error)),
    };
    let policy: Document = serde_json::from_str(&text)
        .map_err(|e| unreadable(POLICY, Effect::Reads, format!("the policy is not JSON: {e}")))?;
    Ok(lets_in_everybody(&policy))
}

/// All mappings of the Region are listed: what a list by the function's name says of those of its versions
/// and aliases is not documented.
async fn sources(client: &Client, at: &Place, name: &FunctionName) -> Result<Vec<EventSource>> {
    const SOURCES: &str = "lambda:ListEventSourceMappings";
    let arn = function_arn(at, name);
    let qualified = format!("{arn}:");
    let mut all = Vec::new();
    let mut marker = None;
    loop {
        let call = client.list_event_source_mappings().set_marker(marker);
        let page = call.send().await.map_err(|e| read(SOURCES, e))?;
        for found in page.event_source_mappings() {
            let of = found.function_arn().unwrap_or_default();
            if of == arn || of.starts_with(&qualified) {
                all.push(EventSource {
                    id: parsed(SOURCES, found.uuid())?,
                    source: found.event_source_arn().map(str::to_owned),
                    state: found.state().unwrap_or_default().to_owned(),
                });
            }
        }
        marker = page.next_marker().filter(|next| !next.is_empty()).map(str::to_owned);
        if marker.is_none() {
            return Ok(all);
        }
    }
}

pub(super) async fn apply(
    client: &Client,
    operation: &str,
    change: &FunctionChange,
) -> Result<Receipt> {
    match change {
        FunctionChange::Concurrency { function, after: Some(after), .. } => {
            let after =
                i32::try_from(*after).map_err(|_| refused(operation, "the number is too large"))?;
            let call = client.put_function_concurrency().function_name(function.as_str());
            confirmed(operation, call.reserved_concurrent_executions(after).send().await)
        }
        FunctionChange::Concurrency { function, after: None, .. } => {
            let call = client.delete_function_concurrency().function_name(function.as_str());
            confirmed(operation, call.send().await)
        }
        FunctionChange::EventSource { mapping, after, .. } => {
            let call = client.update_event_source_mapping().uuid(mapping.as_str());
            confirmed(operation, call.enabled(*after == Polling::On).send().await)
        }
    }
}

pub(super) async fn tags(client: &Client, at: &Place, name: &FunctionName) -> Result<Option<Tags>> {
    match client.list_tags().resource(function_arn(at, name)).send().await {
        Ok(answer) => Ok(Some(
            answer.tags().into_iter().flatten().map(|(k, v)| (k.clone(), v.clone())).collect(),
        )),
        Err(error) if error.code() == Some(GONE) => Ok(None),
        Err(error) => Err(read("lambda:ListTags", error)),
    }
}

/// Sets or removes tags.
pub(super) async fn retag(
    client: &Client,
    operation: &str,
    arn: &str,
    before: &Tags,
    after: &Tags,
) -> Result<Receipt> {
    match touched(operation, before, after)? {
        Touched::Set(tags) => {
            let tags = tags.into_iter().collect();
            let call = client.tag_resource().resource(arn).set_tags(Some(tags));
            confirmed(operation, call.send().await)
        }
        Touched::Removed(tags) => {
            let keys = tags.into_keys().collect();
            let call = client.untag_resource().resource(arn).set_tag_keys(Some(keys));
            confirmed(operation, call.send().await)
        }
    }
}

/// The key by which a statement for a URL without sign-in says just that (Lambda Developer Guide, "Control
/// access to Lambda function URLs"): it narrows nothing down.
const URL_AUTH: &str = "lambda:FunctionUrlAuthType";

/// Whether a resource policy lets everybody do something: an Allow for every principal that no other condition
/// narrows down.
fn lets_in_everybody(policy: &Document) -> bool {
    let statements = match &policy["Statement"] {
        Value::Array(list) => list.iter().collect(),
        one => vec![one],
    };
    statements.into_iter().any(|statement| {
        let everybody = |principal: &Value| match principal {
            Value::Array(list) => list.iter().any(|one| one == "*"),
            one => one == "*",
        };
        let principal = &statement["Principal"];
        let narrowed = statement["Condition"].as_object().is_some_and(|operators| {
            let mut keys =
                operators.values().filter_map(Value::as_object).flat_map(|keys| keys.keys());
            keys.any(|key| !key.eq_ignore_ascii_case(URL_AUTH))
        });
        statement["Effect"] == "Allow"
            && (everybody(principal) || everybody(&principal["AWS"]))
            && !narrowed
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::lets_in_everybody;

    #[test]
    fn everybody_is_let_in_where_nothing_narrows_it_down() {
        let statement = |principal, condition| json!({"Effect": "Allow", "Principal": principal, "Action": "lambda:InvokeFunction", "Condition": condition});
        let url = json!({"StringEquals": {"lambda:FunctionUrlAuthType": "NONE"}});
        let account = json!({"StringEquals": {"AWS:SourceAccount": "111122223333"}});
        for (statements, expected) in [
            (json!([statement(json!("*"), json!({}))]), true),
            (json!([statement(json!({"AWS": "*"}), url.clone())]), true),
            (json!([statement(json!({"AWS": ["*"]}), json!({}))]), true),
            (statement(json!("*"), json!({})), true),
            (json!([statement(json!("*"), account)]), false),
            (json!([statement(json!({"Service": "s3.amazonaws.com"}), json!({}))]), false),
            (json!([{"Effect": "Deny", "Principal": "*"}]), false),
            (json!(null), false),
        ] {
            assert_eq!(
                lets_in_everybody(&json!({"Statement": statements})),
                expected,
                "{statements}"
            );
        }
    }
}
