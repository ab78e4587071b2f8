//! What CloudTrail's event history tells. One page is one call, so that each waits for its turn.

use aws_sdk_cloudtrail::Client;
use aws_sdk_cloudtrail::types::{Event, LookupAttribute, LookupAttributeKey};
use aws_smithy_types::DateTime;
use jiff::Timestamp;
use serde_json::Value;

use super::convert::rfc3339;
use super::errors::{Effect, read, unreadable};
use crate::cloud::{Deed, Doer, Result, TRAIL_WINDOW, TrailPage, is_told};

const OPERATION: &str = "cloudtrail:LookupEvents";

/// The greatest page (CloudTrail API Reference).
const PAGE: i32 = 50;

/// Parameters that name what a call was about, in the order in which they are looked for.
const NAMES: [&str; 5] = ["roleArn", "userName", "roleName", "name", "url"];

pub(super) async fn trail(
    client: &Client,
    by: &Doer,
    after: Option<&str>,
    now: Timestamp,
) -> Result<TrailPage> {
    // The history is asked by one attribute only.
    let (key, value) = match by {
        Doer::Key(key) => (LookupAttributeKey::AccessKeyId, key.as_str()),
        Doer::User(name) => (LookupAttributeKey::Username, name.as_str()),
    };
    let attribute = LookupAttribute::builder().attribute_key(key).attribute_value(value).build();
    let attribute =
        attribute.map_err(|error| unreadable(OPERATION, Effect::Reads, error.to_string()))?;
    let since = now.saturating_sub(TRAIL_WINDOW).unwrap_or(Timestamp::MIN).as_second();
    let answer = client
        .lookup_events()
        .lookup_attributes(attribute)
        .start_time(DateTime::from_secs(since))
        .max_results(PAGE)
        .set_next_token(after.map(str::to_owned))
        .send()
        .await
        .map_err(|error| read(OPERATION, error))?;
    let deeds = answer.events().iter().filter_map(|event| deed(event, by)).collect();
    Ok(TrailPage { deeds, next: answer.next_token().map(str::to_owned) })
}

/// What an event tells; `None`: nobody asks for it, it failed, or somebody else did it.
fn deed(event: &Event, by: &Doer) -> Option<Deed> {
    let name = event.event_name().filter(|name| is_told(name))?;
    let whole: Value = serde_json::from_str(event.cloud_trail_event()?).ok()?;
    let identity = &whole["userIdentity"];
    // A session of any role may be called like the user.
    let theirs = match by {
        Doer::Key(_) => true,
        Doer::User(user) => identity["type"] == "IAMUser" && identity["userName"] == user.as_str(),
    };
    if !theirs || !whole["errorCode"].is_null() {
        return None;
    }
    let named =
        |holder: &Value| NAMES.iter().find_map(|key| Some(holder.get(key)?.as_str()?.to_owned()));
    // Who makes a key for itself names nobody.
    let about = named(&whole["requestParameters"]).or_else(|| named(identity)).unwrap_or_default();
    let at = event.event_time().map(rfc3339).unwrap_or_default();
    Some(Deed { at, event: name.to_owned(), about })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn only_what_the_user_itself_did_and_succeeded_in_is_told() {
        let role = json!({"roleArn": "arn:aws:iam::111122223333:role/web"});
        let ci = json!({"type": "IAMUser", "userName": "ci"});
        let session = json!({"type": "AssumedRole", "userName": "ci"});
        for (event, identity, parameters, error, expected) in [
            ("AssumeRole", &ci, &role, Value::Null, Some("arn:aws:iam::111122223333:role/web")),
            ("AssumeRole", &ci, &role, json!("AccessDenied"), None),
            ("AssumeRole", &session, &role, Value::Null, None),
            ("CreateUser", &ci, &json!({"userName": "eve"}), Value::Null, Some("eve")),
            ("CreateAccessKey", &ci, &Value::Null, Value::Null, Some("ci")),
            ("ListBuckets", &ci, &Value::Null, Value::Null, None),
        ] {
            let whole = json!({"userIdentity": identity, "requestParameters": parameters,
                "errorCode": error});
            let event = Event::builder()
                .event_name(event)
                .event_time(DateTime::from_secs(0))
                .cloud_trail_event(whole.to_string())
                .build();
            let told = deed(&event, &Doer::User("ci".parse().unwrap()));
            assert_eq!(told.as_ref().map(|deed| deed.about.as_str()), expected, "{whole}");
        }
        let broken = Event::builder().event_name("CreateUser").cloud_trail_event("{").build();
        assert_eq!(deed(&broken, &Doer::User("ci".parse().unwrap())), None);
    }
}
