//! One webhook: a JSON object posted over HTTP, once, without following redirects. What comes twice
//! has the same id, in the object and in a header.

use std::time::Duration;

use serde::Serialize;

use super::{Message, NotifyError, install_tls};

/// Seconds until a receiver counts as silent: a run waits for this, and people wait for the run.
const ANSWER_MAX: Duration = Duration::from_secs(5);

/// The header by which receivers know a repetition (draft-ietf-httpapi-idempotency-key-header).
const IDEMPOTENCY_KEY: &str = "idempotency-key";

/// A channel's address and the client for it.
pub struct Webhook {
    channel: String,
    address: reqwest::Url,
    client: reqwest::Client,
}

/// What is posted.
#[derive(Serialize)]
struct Body<'a> {
    channel: &'a str,
    #[serde(flatten)]
    message: &'a Message,
}

impl Webhook {
    /// A webhook at `address`.
    ///
    /// # Errors
    /// When the address is none, or TLS can't be set up.
    pub fn new(channel: &str, address: &str) -> Result<Self, NotifyError> {
        let setup = |reason: String| NotifyError::Setup { channel: channel.to_owned(), reason };
        install_tls();
        let address = reqwest::Url::parse(address).map_err(|error| setup(error.to_string()))?;
        let client = reqwest::Client::builder()
            .timeout(ANSWER_MAX)
            // A redirect would carry the case to an address that nobody configured.
            .redirect(reqwest::redirect::Policy::none())
            .user_agent(concat!("tourniquet/", env!("CARGO_PKG_VERSION")))
            .build()
            .map_err(|error| setup(error.without_url().to_string()))?;
        Ok(Self { channel: channel.to_owned(), address, client })
    }

    /// Posts `message`.
    ///
    /// # Errors
    /// When there is no answer in time, or one that is not 2xx.
    pub async fn post(&self, message: &Message) -> Result<(), NotifyError> {
        let channel = || self.channel.clone();
        let body = Body { channel: &self.channel, message };
        let request = self.client.post(self.address.clone()).header(IDEMPOTENCY_KEY, &message.id);
        let answer = request.json(&body).send().await.map_err(|error| {
            // The address may hold a secret: a path of an incoming webhook is its password.
            NotifyError::NoAnswer { channel: channel(), reason: error.without_url().to_string() }
        })?;
        if answer.status().is_success() {
            Ok(())
        } else {
            Err(NotifyError::Refused { channel: channel(), status: answer.status().as_u16() })
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::sync::{Arc, Mutex};

    use axum::extract::State;
    use axum::http::{HeaderMap, StatusCode};
    use axum::response::Redirect;
    use axum::routing::post;
    use serde_json::{Value, json};

    use super::IDEMPOTENCY_KEY;
    use crate::config::NotifyConfig;
    use crate::notify::{Channels, Delivery, Message, Notifier, NotifyError};

    type Seen = Arc<Mutex<Vec<Value>>>;

    async fn take(State(seen): State<Seen>, headers: HeaderMap, body: axum::Json<Value>) {
        let key = headers.get(IDEMPOTENCY_KEY).and_then(|key| key.to_str().ok());
        assert_eq!(key, body.0["id"].as_str());
        seen.lock().unwrap().push(body.0);
    }

    #[tokio::test]
    async fn a_message_is_posted_once_and_redirects_are_refused() {
        let seen = Seen::default();
        let app = axum::Router::new()
            .route("/take", post(take))
            .route("/refuse", post(|| async { StatusCode::BAD_GATEWAY }))
            .route("/elsewhere", post(|| async { Redirect::temporary("/take") }))
            .with_state(seen.clone());
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let base = format!("http://{}", listener.local_addr().unwrap());
        tokio::spawn(async move { axum::serve(listener, app).await });

        let dead = {
            let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
            format!("http://{}/secret-path", listener.local_addr().unwrap())
        };
        let addresses = [
            ("take", format!("{base}/take")),
            ("refuse", format!("{base}/refuse")),
            ("elsewhere", format!("{base}/elsewhere")),
            ("dead", dead),
        ];
        let config: BTreeMap<String, NotifyConfig> = addresses
            .into_iter()
            .map(|(name, webhook)| (name.to_owned(), NotifyConfig { webhook }))
            .collect();
        let channels = Channels::new(&config).unwrap();
        let message = Message {
            id: "run-0002/2[0]/1".to_owned(),
            case: Some("case-0001".parse().unwrap()),
            run: Some("run-0002".parse().unwrap()),
            text: "i-0abc is isolated".to_owned(),
        };
        let refused = |channel: &str, status| {
            Err(NotifyError::Refused { channel: channel.to_owned(), status })
        };
        assert_eq!(channels.send("take", &message).await, Ok(Delivery::Posted));
        let nobody = channels.send("nobody", &message).await.unwrap_err();
        assert_eq!(channels.unknown("nobody"), Some(nobody.clone()));
        assert_eq!(
            nobody.to_string(),
            "no channel is called nobody; [notify] has dead, elsewhere, refuse, take"
        );
        assert_eq!(channels.unknown("take"), None);
        // Where nobody is to be told otherwise, the log is what there is.
        let logged = Channels::new(&BTreeMap::new()).unwrap();
        assert_eq!(logged.send("nobody", &message).await, Ok(Delivery::Logged));
        assert_eq!(channels.send("refuse", &message).await, refused("refuse", 502));
        assert_eq!(channels.send("elsewhere", &message).await, refused("elsewhere", 307));
        let silent = channels.send("dead", &message).await.unwrap_err();
        assert!(matches!(silent, NotifyError::NoAnswer { .. }));
        assert!(!silent.to_string().contains("secret-path"), "{silent}");
        assert_eq!(
            *seen.lock().unwrap(),
            [
                json!({"channel": "take", "id": "run-0002/2[0]/1", "case": "case-0001", "run": "run-0002", "text": "i-0abc is isolated"})
            ]
        );
    }
}
