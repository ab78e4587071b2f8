//! A Lambda function on moto, for the contract suite: it has one event source, and no code that could run.

use aws_config::SdkConfig;
use aws_sdk_lambda::Client;
use aws_sdk_lambda::primitives::Blob;
use aws_sdk_lambda::types::{FunctionCode, Runtime};
use aws_smithy_types::error::display::DisplayErrorContext;

use crate::cloud::contract::Outcome;
use crate::id::{EventSourceId, FunctionName, Place, RoleName};
use crate::tests::moto::Moto;

/// An archive with nothing in it: the record that ends one.
const EMPTY_ZIP: &[u8] = b"PK\x05\x06\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0";

fn text<E: std::error::Error>(error: E) -> String {
    DisplayErrorContext(error).to_string()
}

/// The `n`-th one, in `role`, which reads a queue of its own.
pub(super) async fn made(
    moto: &Moto,
    config: &SdkConfig,
    at: &Place,
    (role, n): (&RoleName, u64),
) -> Outcome<(FunctionName, EventSourceId)> {
    let (account, region) = (at.account.as_str(), at.region.as_str());
    let (name, queue) = (format!("function-{n}"), format!("queue-{n}"));
    // The adapter needs no queues, so there is no SDK for them.
    let headers =
        [("X-Amz-Target", "AmazonSQS.CreateQueue"), ("Content-Type", "application/x-amz-json-1.0")];
    let body = serde_json::json!({"QueueName": queue}).to_string();
    let answer = moto.call("sqs", region, account, &headers, &body);
    if answer.status != 200 {
        return Err(format!("there is no queue: {}", answer.body));
    }
    let client = Client::new(config);
    let code = FunctionCode::builder().zip_file(Blob::new(EMPTY_ZIP)).build();
    let call = client.create_function().function_name(&name).code(code);
    let call = call.role(format!("arn:aws:iam::{account}:role/{role}")).handler("h.h");
    call.runtime(Runtime::Python312).send().await.map_err(text)?;
    let call = client.create_event_source_mapping().function_name(&name);
    let call = call.event_source_arn(format!("arn:aws:sqs:{region}:{account}:{queue}"));
    let made = call.send().await.map_err(text)?;
    let mapping = made.uuid().unwrap_or_default().parse().map_err(text)?;
    Ok((name.parse().map_err(text)?, mapping))
}
