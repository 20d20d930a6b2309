//! Messages as signed JSON over HTTP, after the Standard Webhooks specification 1.0 with its asymmetric scheme: whoever
//! knows our public key can check that a message is ours and how old it is, and nobody else can make one.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use data_encoding::BASE64;
use plinth_identity::dsse::SigningKey;
use plinth_identity::otp::Delivery;
use plinth_identity::time::Timestamp;
use serde::Serialize;
use tracing::subscriber::{NoSubscriber, with_default};
use ureq::Agent;
use ureq::http::StatusCode;
use ureq::tls::{RootCerts, TlsConfig};
use zeroize::Zeroizing;

use super::{SendError, Sender, WebhookSettings, address, authorities, message};
use crate::ServeError;
use crate::clock::Clock;

/// How long the gateway may take over one message, from the look-up of its name to its status: the least that the
/// specification recommends.
const PATIENCE: Duration = Duration::from_secs(15);

/// Kind of event, which also says what its data looks like.
const EVENT: &str = "one_time_code.created";

/// A gateway.
pub(super) struct Webhook {
    agent: Agent,
    url: String,
    key: SigningKey,
    clock: Arc<dyn Clock>,
}

impl Webhook {
    /// The gateway of the settings. Connects to nothing yet.
    ///
    /// # Errors
    /// [`ServeError`] if a file cannot be read or the settings do not fit.
    pub(super) fn open(
        settings: &WebhookSettings,
        key: SigningKey,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, ServeError> {
        Self::with_patience(settings, key, clock, PATIENCE)
    }

    fn with_patience(
        settings: &WebhookSettings,
        key: SigningKey,
        clock: Arc<dyn Clock>,
        patience: Duration,
    ) -> Result<Self, ServeError> {
        let uri = settings.uri().map_err(|text| ServeError::Config(format!("delivery: webhook.{text}")))?;
        let mut tls = TlsConfig::builder();
        if let Some(path) = &settings.ca_file {
            tls = tls.root_certs(RootCerts::Specific(Arc::new(authorities(path)?)));
        }
        let agent = Agent::config_builder()
            .timeout_global(Some(patience))
            // A redirect would carry codes to wherever the gateway says; the setting is to be corrected instead.
            .max_redirects(0)
            .max_redirects_will_error(false)
            .http_status_as_error(false)
            // No proxy that the environment happens to name sees a code.
            .proxy(None)
            .user_agent(concat!("plinth/", env!("CARGO_PKG_VERSION")))
            .tls_config(tls.build())
            .build()
            .new_agent();
        Ok(Self { agent, url: uri.to_string(), key, clock })
    }
}

/// What is in flight ends at once: a stop must not wait for the gateway.
impl Drop for Webhook {
    fn drop(&mut self) {
        self.agent.clone().shutdown();
    }
}

#[tonic::async_trait]
impl Sender for Webhook {
    async fn send(&self, delivery: &Delivery) -> Result<(), SendError> {
        let letter = Letter::sign(delivery, &self.key, self.clock.now())?;
        let (agent, url) = (self.agent.clone(), self.url.clone());
        let posted = tokio::task::spawn_blocking(move || letter.post_silently(&agent, &url));
        posted.await.unwrap_or_else(|_| Err(SendError::temporary("the attempt ended abnormally")))
    }
}

/// One attempt: a body, and the headers that sign it together with the moment.
struct Letter {
    id: String,
    timestamp: String,
    signature: String,
    body: Zeroizing<Vec<u8>>,
}

#[derive(Serialize)]
struct Event<'a> {
    #[serde(rename = "type")]
    kind: &'static str,
    timestamp: String,
    data: Data<'a>,
}

#[derive(Serialize)]
struct Data<'a> {
    channel: &'static str,
    to: &'a str,
    code: &'a str,
    relying_party: &'a str,
    expires_at: String,
    text: &'a str,
}

impl Letter {
    /// The body is the same for every attempt; timestamp and signature are the attempt's own.
    fn sign(delivery: &Delivery, key: &SigningKey, now: Timestamp) -> Result<Self, SendError> {
        let Some(to) = &delivery.to else {
            return Err(SendError::permanent("there is no destination"));
        };
        let (channel, to) = address(to);
        let (code, text) = (message::code(delivery), message::short(delivery));
        let event = Event {
            kind: EVENT,
            timestamp: message::asked_at(delivery).to_string(),
            data: Data {
                channel,
                to,
                code: &code,
                relying_party: &delivery.relying_party,
                expires_at: message::valid_until(delivery).to_string(),
                text: &text,
            },
        };
        let body = serde_json::to_vec(&event)
            .map(Zeroizing::new)
            .map_err(|_| SendError::permanent("the message cannot be written as JSON"))?;
        let (id, timestamp) = (message::id(delivery), (now.millis() / 1000).to_string());
        let signed = Zeroizing::new([id.as_bytes(), b".", timestamp.as_bytes(), b".", &body].concat());
        let signature = format!("v1a,{}", BASE64.encode(&key.sign_bytes(&signed)));
        Ok(Self { id, timestamp, signature, body })
    }

    /// At its most talkative level the client logs bytes of what it sends. Which ones is not ours to say, and codes are in
    /// no log at any level, so it is not heard at all.
    fn post_silently(&self, agent: &Agent, url: &str) -> Result<(), SendError> {
        with_default(NoSubscriber::default(), || self.post(agent, url))
    }

    /// Only the status decides; the gateway's words are not read.
    fn post(&self, agent: &Agent, url: &str) -> Result<(), SendError> {
        let answer = agent
            .post(url)
            .content_type("application/json")
            .header("webhook-id", &self.id)
            .header("webhook-timestamp", &self.timestamp)
            .header("webhook-signature", &self.signature)
            .send(self.body.as_slice());
        match answer {
            Ok(answer) => classify(answer.status()),
            Err(error) => Err(SendError::temporary(describe(&error))),
        }
    }
}

fn classify(status: StatusCode) -> Result<(), SendError> {
    let text = || format!("the gateway answered {}", status.as_u16());
    match status {
        status if status.is_success() => Ok(()),
        StatusCode::REQUEST_TIMEOUT | StatusCode::TOO_MANY_REQUESTS => Err(SendError::temporary(text())),
        status if status.is_client_error() => Err(SendError::permanent(text())),
        _ => Err(SendError::temporary(text())),
    }
}

/// A failure in words of our own.
fn describe(error: &ureq::Error) -> &'static str {
    match error {
        ureq::Error::Timeout(_) => "the gateway did not answer in time",
        ureq::Error::HostNotFound => "the gateway's name is not known",
        ureq::Error::Tls(_) | ureq::Error::Rustls(_) | ureq::Error::TlsRequired => {
            "no TLS connection to the gateway"
        }
        ureq::Error::Protocol(_) | ureq::Error::LargeResponseHeader(..) => "the gateway's answer is not HTTP",
        // As which the client passes on what TLS complains of.
        ureq::Error::Io(error) if error.kind() == io::ErrorKind::InvalidData => {
            "no TLS connection to the gateway"
        }
        _ => "no connection to the gateway",
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use ed25519_dalek::{Signature, Verifier as _, VerifyingKey};
    use tempfile::TempDir;
    use tracing_subscriber::filter::LevelFilter;
    use tracing_subscriber::util::SubscriberInitExt as _;

    use super::*;
    use crate::clock::ManualClock;
    use crate::delivery::peers::{Certified, Gateway, Post};
    use crate::delivery::trial::{ADDRESS, CODE, PHONE, START, email, sms, tells};

    fn key() -> SigningKey {
        SigningKey::from_seed([5; 32])
    }

    fn open(settings: &WebhookSettings, clock: &Arc<ManualClock>, patience: Duration) -> Webhook {
        let clock = Arc::clone(clock);
        Webhook::with_patience(settings, key(), clock, patience).unwrap()
    }

    fn to_gateway(gateway: &Gateway) -> Webhook {
        let settings = WebhookSettings {
            url: format!("http://127.0.0.1:{}/codes?from=plinth", gateway.port),
            ca_file: None,
        };
        open(&settings, &Arc::new(ManualClock::at(START.plus_millis(1_500))), Duration::from_secs(5))
    }

    /// What a receiver does, with a plain library: the Standard Webhooks check of one post.
    fn is_ours(post: &Post) -> bool {
        let signature = post.headers["webhook-signature"].strip_prefix("v1a,").unwrap();
        let signature = Signature::from_slice(&BASE64.decode(signature.as_bytes()).unwrap()).unwrap();
        let (id, timestamp) = (&post.headers["webhook-id"], &post.headers["webhook-timestamp"]);
        let signed = [id.as_bytes(), b".", timestamp.as_bytes(), b".", &post.body].concat();
        VerifyingKey::from_bytes(&key().public().to_bytes()).unwrap().verify(&signed, &signature).is_ok()
    }

    #[tokio::test]
    async fn a_gateway_gets_signed_json_that_a_plain_check_accepts() {
        let gateway = Gateway::open(vec!["204 No Content"]).await;
        to_gateway(&gateway).send(&sms("Bank of Examples")).await.unwrap();
        let [post] = &gateway.posts()[..] else { panic!("one post") };
        assert_eq!(post.line, "POST /codes?from=plinth HTTP/1.1");
        assert_eq!(post.headers["content-type"], "application/json");
        assert_eq!(post.headers["webhook-id"], "0102030405060708090a0b0c0d0e0f10");
        assert_eq!(post.headers["webhook-timestamp"], "1767225601");
        assert!(is_ours(post));
        let text = format!(
            "{CODE} is your one-time code for Bank of Examples, valid until 00:10 UTC. Nobody should ever ask you for it."
        );
        let expected = serde_json::json!({
            "type": "one_time_code.created",
            "timestamp": "2026-01-01T00:00:00Z",
            "data": {
                "channel": "sms",
                "to": PHONE,
                "code": CODE,
                "relying_party": "Bank of Examples",
                "expires_at": "2026-01-01T00:10:00Z",
                "text": text,
            },
        });
        assert_eq!(serde_json::from_slice::<serde_json::Value>(&post.body).unwrap(), expected);
    }

    #[tokio::test]
    async fn nothing_signed_can_be_changed() {
        let gateway = Gateway::open(vec!["200 OK"]).await;
        to_gateway(&gateway).send(&email("Bank of Examples")).await.unwrap();
        let post = gateway.posts().pop().unwrap();
        assert!(is_ours(&post));
        for header in ["webhook-id", "webhook-timestamp"] {
            let mut changed = post.clone();
            changed.headers.get_mut(header).unwrap().push('0');
            assert!(!is_ours(&changed), "{header}");
        }
        let mut changed = post.clone();
        let at = post.body.windows(ADDRESS.len()).position(|part| part == ADDRESS.as_bytes()).unwrap();
        changed.body[at] ^= 1;
        assert!(!is_ours(&changed));
    }

    #[tokio::test]
    async fn a_repetition_has_the_same_id_and_body_and_its_own_moment() {
        let gateway = Gateway::open(vec!["200 OK"]).await;
        let settings = WebhookSettings { url: format!("http://127.0.0.1:{}/", gateway.port), ca_file: None };
        let clock = Arc::new(ManualClock::at(START));
        for _ in 0..2 {
            // A new sender each time, as after a restart.
            open(&settings, &clock, Duration::from_secs(5)).send(&sms("A")).await.unwrap();
            clock.advance(90_000);
        }
        let posts = gateway.posts();
        let [first, second] = &posts[..] else { panic!("two posts") };
        assert_eq!(
            (&first.headers["webhook-id"], &first.body),
            (&second.headers["webhook-id"], &second.body)
        );
        assert_eq!(
            (&*first.headers["webhook-timestamp"], &*second.headers["webhook-timestamp"]),
            ("1767225600", "1767225690")
        );
        assert!(is_ours(first) && is_ours(second));
    }

    #[tokio::test]
    async fn the_status_alone_decides_what_happens_next() {
        for (answer, permanent) in [
            ("400 Bad Request", true),
            ("404 Not Found", true),
            ("410 Gone", true),
            ("408 Request Timeout", false),
            ("429 Too Many Requests", false),
            ("500 Internal Server Error", false),
            ("503 Service Unavailable", false),
            ("304 Not Modified", false),
        ] {
            let gateway = Gateway::open(vec![answer]).await;
            let refused = to_gateway(&gateway).send(&sms("A")).await.unwrap_err();
            assert_eq!(refused.permanent, permanent, "{answer}");
            assert!(refused.text.contains(&answer[..3]) && !tells(&format!("{refused} {refused:?}")));
        }
    }

    #[tokio::test]
    async fn a_redirect_is_not_followed() {
        let elsewhere = Gateway::open(vec!["200 OK"]).await;
        for kind in ["301", "302", "303", "307", "308"] {
            let answer = format!("{kind} Elsewhere\r\nlocation: http://127.0.0.1:{}/", elsewhere.port);
            let gateway = Gateway::open(vec![Box::leak(answer.into_boxed_str())]).await;
            assert!(!to_gateway(&gateway).send(&sms("A")).await.unwrap_err().permanent);
            assert_eq!(gateway.posts().len(), 1);
        }
        assert!(elsewhere.posts().is_empty());
    }

    #[tokio::test]
    async fn a_gateway_that_is_away_or_silent_or_speaks_gibberish_is_tried_again() {
        let silent = Gateway::open(Vec::new()).await;
        let clock = Arc::new(ManualClock::at(START));
        let settings = |port| WebhookSettings { url: format!("http://127.0.0.1:{port}/"), ca_file: None };
        let late = open(&settings(silent.port), &clock, Duration::from_millis(100))
            .send(&sms("A"))
            .await
            .unwrap_err();
        assert_eq!(late, SendError::temporary("the gateway did not answer in time"));
        let closed = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        assert!(!open(&settings(closed), &clock, PATIENCE).send(&sms("A")).await.unwrap_err().permanent);
        let gibberish = Gateway::open(vec!["twelve"]).await;
        assert!(!to_gateway(&gibberish).send(&sms("A")).await.unwrap_err().permanent);
    }

    #[tokio::test]
    async fn a_gateway_with_tls_must_be_vouched_for() {
        let folder = TempDir::new().unwrap();
        let certified = Certified::new(folder.path());
        let gateway = Gateway::open_tls(vec!["200 OK"], &certified).await;
        let clock = Arc::new(ManualClock::at(START));
        let url = format!("https://127.0.0.1:{}/", gateway.port);
        let stranger = WebhookSettings { url: url.clone(), ca_file: None };
        let refused = open(&stranger, &clock, PATIENCE).send(&sms("A")).await.unwrap_err();
        assert_eq!(refused, SendError::temporary("no TLS connection to the gateway"));
        assert!(gateway.posts().is_empty());
        let known = WebhookSettings { url, ca_file: Some(certified.ca_file.clone()) };
        open(&known, &clock, PATIENCE).send(&sms("A")).await.unwrap();
        assert!(is_ours(&gateway.posts()[0]));
    }

    #[tokio::test]
    async fn dropping_the_sender_ends_what_is_in_flight() {
        let silent = Gateway::open(Vec::new()).await;
        let settings = WebhookSettings { url: format!("http://127.0.0.1:{}/", silent.port), ca_file: None };
        let webhook = open(&settings, &Arc::new(ManualClock::at(START)), Duration::from_secs(600));
        let (agent, url) = (webhook.agent.clone(), webhook.url.clone());
        let letter = Letter::sign(&sms("A"), &key(), START).unwrap();
        let posting = tokio::task::spawn_blocking(move || letter.post(&agent, &url));
        while silent.posts().is_empty() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        drop(webhook);
        let ended = tokio::time::timeout(Duration::from_secs(5), posting).await.unwrap().unwrap();
        assert!(!ended.unwrap_err().permanent);
    }

    /// A log that a test can read.
    #[derive(Clone, Default)]
    struct Log(Arc<Mutex<Vec<u8>>>);

    impl io::Write for Log {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().write(bytes)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    impl Log {
        /// The lines, and the text columns of all dumps, 16 bytes a row, as one.
        fn text(&self) -> String {
            let text = String::from_utf8(self.0.lock().unwrap().clone()).unwrap();
            let row = |line: &str| line.get(line.len().saturating_sub(16)..).unwrap_or_default().to_owned();
            let dumped: String = text.lines().map(row).collect();
            text + &dumped
        }
    }

    #[tokio::test]
    async fn codes_are_in_no_log_at_any_level() {
        let gateway = Gateway::open(vec!["200 OK"]).await;
        let webhook = to_gateway(&gateway);
        let (agent, url) = (webhook.agent.clone(), webhook.url.clone());
        let letter = Letter::sign(&sms("A"), &key(), START).unwrap();
        let posting = tokio::task::spawn_blocking(move || {
            let log = Log::default();
            let writer = log.clone();
            let everything = tracing_subscriber::fmt()
                .with_max_level(LevelFilter::TRACE)
                .with_ansi(false)
                .with_writer(move || writer.clone());
            let _listening = everything.finish().set_default();
            letter.post_silently(&agent, &url).unwrap();
            assert_eq!(log.text(), "");
            // The control: left to itself, the client does log bytes of what it sends.
            letter.post(&agent, &url).unwrap();
            assert!(log.text().contains(&letter.id), "{}", log.text());
        });
        posting.await.unwrap();
    }

    #[test]
    fn a_file_that_holds_no_certificate_is_refused_at_the_start() {
        let folder = TempDir::new().unwrap();
        let empty = folder.path().join("empty");
        std::fs::write(&empty, "\n").unwrap();
        for file in [empty, folder.path().join("missing")] {
            let settings = WebhookSettings { url: "https://sms.example/".to_owned(), ca_file: Some(file) };
            assert!(Webhook::open(&settings, key(), Arc::new(ManualClock::at(START))).is_err());
        }
    }
}
