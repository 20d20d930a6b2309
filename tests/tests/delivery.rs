//! One-time codes all the way: asked for over the wire, delivered to a real relay and a real gateway, given back, and never
//! lost or sent twice unrecognisably.

#![allow(clippy::unwrap_used, reason = "a test may stop where it fails")]

#[path = "../../services/server/src/delivery/peers.rs"]
#[allow(
    dead_code,
    reason = "the same relay and gateway serve the server's own tests, which need more of them"
)]
mod peers;

use std::time::Duration;

use data_encoding::BASE64;
use ed25519_dalek::{Signature, Verifier as _, VerifyingKey};
use plinth_client::{AuthenticationDraft, RelyingParty};
use plinth_identity::demographics::{Demographics, Email, Phone};
use plinth_identity::evidence::CodeClaim;
use plinth_identity::id::RequestId;
use plinth_identity::number::IdentityNumber;
use plinth_identity::otp::OtpCode;
use plinth_identity::reason::Reason;
use plinth_identity::statement::EnrolmentOutcome;
use plinth_identity::{Channel, ChannelSet, Verdict};
use plinth_server::delivery::{SmtpSettings, Tls, WebhookSettings};
use plinth_tests::{World, demographics, enrolment, fingers};
use rand::SeedableRng as _;
use rand::rngs::StdRng;
use serde_json::Value;

use peers::{Gateway, Manners, Post, Relay};

const PHONE: &str = "+4915112345678";
const ADDRESS: &str = "asha.rao@mail.example";

fn relay_settings(port: u16) -> Option<SmtpSettings> {
    Some(SmtpSettings {
        host: "127.0.0.1".to_owned(),
        port,
        from: "Plinth <codes@id.example>".to_owned(),
        user: None,
        password_file: None,
        tls: Tls::None,
        ca_file: None,
    })
}

fn gateway_settings(port: u16) -> Option<WebhookSettings> {
    Some(WebhookSettings { url: format!("http://127.0.0.1:{port}/codes"), ca_file: None })
}

/// Enrols a person who can be reached both ways.
async fn enrol(world: &World, person: u64) -> IdentityNumber {
    let agency = world.agency(&format!("agency-{person}")).await;
    let mut draft = enrolment("Asha Rao", person, 0, &fingers(4));
    draft.demographics = Demographics {
        phone: Some(Phone::parse(PHONE).unwrap()),
        email: Some(Email::parse(ADDRESS).unwrap()),
        ..demographics("Asha Rao")
    };
    let request = agency.request(draft, world.now()).unwrap();
    match agency.enrol(&request).await.unwrap().statement.outcome {
        EnrolmentOutcome::Issued { number } => number,
        _ => panic!("a new person must get a number"),
    }
}

/// Asks for a code; returns the transaction and the length of the answer.
async fn ask(
    world: &World,
    bank: &RelyingParty,
    number: IdentityNumber,
    channels: &[Channel],
) -> (RequestId, usize) {
    let channels = ChannelSet::new(channels).unwrap();
    let request = bank.otp_request(number, channels, "account opening", world.now()).unwrap();
    let answer = bank.request_otp(&request).await.unwrap();
    (answer.statement.transaction, answer.to_bytes().len())
}

/// Gives a code back.
async fn give(
    world: &World,
    bank: &RelyingParty,
    number: IdentityNumber,
    transaction: RequestId,
    code: &str,
) -> Verdict {
    let code = OtpCode::parse(code).unwrap();
    let draft = AuthenticationDraft {
        code: Some(CodeClaim::Delivered { transaction, code }),
        purpose: "account opening".to_owned(),
        ..AuthenticationDraft::new(number)
    };
    bank.authenticate(&bank.request(draft, world.now()).unwrap()).await.unwrap().statement.verdict
}

async fn until(condition: impl Fn() -> bool) {
    let waited = tokio::time::timeout(Duration::from_secs(30), async {
        while !condition() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    });
    waited.await.expect("it never came true");
}

fn code_of(post: &Post) -> String {
    let event: Value = serde_json::from_slice(&post.body).unwrap();
    event["data"]["code"].as_str().unwrap().to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_code_comes_by_mail_and_by_the_gateway_and_is_a_yes_when_given_back() {
    let (relay, gateway) = (Relay::open(Manners::default()).await, Gateway::open(vec!["200 OK"]).await);
    let mut world = World::with(|config| {
        config.delivery.smtp = relay_settings(relay.port);
        config.delivery.webhook = gateway_settings(gateway.port);
    })
    .await;
    let number = enrol(&world, 1).await;
    let bank = world.relying_party("bank", true).await;

    let (transaction, _) = ask(&world, &bank, number, &[Channel::Email]).await;
    until(|| !relay.mails().is_empty()).await;
    let [mail] = &relay.mails()[..] else { panic!("one message") };
    assert_eq!(mail.to, [format!("RCPT TO:<{ADDRESS}>")]);
    let body = mail.data.split_once("\n\n").unwrap().1;
    assert!(body.starts_with("bank\n"), "{body}");
    let code = body.lines().map(str::trim).find(|line| OtpCode::parse(line).is_ok()).unwrap();
    assert!(gateway.posts().is_empty(), "mail goes by the relay");
    assert_eq!(give(&world, &bank, number, transaction, code).await, Verdict::Yes);
    assert_eq!(give(&world, &bank, number, transaction, code).await, Verdict::No, "a code is good once");

    let (transaction, _) = ask(&world, &bank, number, &[Channel::Sms]).await;
    until(|| !gateway.posts().is_empty()).await;
    let [post] = &gateway.posts()[..] else { panic!("one message") };
    let event: Value = serde_json::from_slice(&post.body).unwrap();
    assert_eq!((&event["data"]["channel"], &event["data"]["to"]), (&"sms".into(), &PHONE.into()));
    assert_eq!(give(&world, &bank, number, transaction, &code_of(post)).await, Verdict::Yes);
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_gateways_messages_are_signed_by_the_key_that_the_service_publishes() {
    let gateway = Gateway::open(vec!["200 OK"]).await;
    let mut world = World::with(|config| config.delivery.webhook = gateway_settings(gateway.port)).await;
    let number = enrol(&world, 1).await;
    let bank = world.relying_party("bank", false).await;
    ask(&world, &bank, number, &[Channel::Sms, Channel::Email]).await;
    until(|| gateway.posts().len() == 2).await;
    let info = world.connect().await.service_info().await.unwrap().info;
    let key = VerifyingKey::from_bytes(&info.delivery_key.to_bytes()).unwrap();
    let posts = gateway.posts();
    for post in &posts {
        let [id, moment] = ["webhook-id", "webhook-timestamp"].map(|name| post.headers[name].as_bytes());
        let signature = post.headers["webhook-signature"].strip_prefix("v1a,").unwrap();
        let signature = Signature::from_slice(&BASE64.decode(signature.as_bytes()).unwrap()).unwrap();
        key.verify(&[id, b".", moment, b".", &post.body].concat(), &signature).unwrap();
    }
    assert_ne!(posts[0].headers["webhook-id"], posts[1].headers["webhook-id"], "two messages");
    assert_eq!(code_of(&posts[0]), code_of(&posts[1]), "one code");
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_sent_for_a_number_that_nobody_holds_and_nobody_can_tell() {
    let gateway = Gateway::open(vec!["200 OK"]).await;
    let mut world = World::with(|config| config.delivery.webhook = gateway_settings(gateway.port)).await;
    let number = enrol(&world, 1).await;
    let bank = world.relying_party("bank", false).await;
    let nobody = IdentityNumber::draw(&mut StdRng::seed_from_u64(4));
    let (_, for_nobody) = ask(&world, &bank, nobody, &[Channel::Sms]).await;
    let (_, for_somebody) = ask(&world, &bank, number, &[Channel::Sms]).await;
    assert_eq!(for_nobody, for_somebody, "answers of one length");
    // A restart looks at the whole outbox again: whatever was left for the other number would come now.
    until(|| !gateway.posts().is_empty()).await;
    world.restart().await;
    world.stop().await;
    assert_eq!(gateway.posts().len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_code_outlives_a_restart_and_keeps_its_name() {
    // The gateway is overloaded until the service has been restarted.
    let gateway = Gateway::open(vec!["503 Later", "200 OK"]).await;
    let mut world = World::with(|config| config.delivery.webhook = gateway_settings(gateway.port)).await;
    let number = enrol(&world, 1).await;
    let bank = world.relying_party("bank", true).await;
    let (transaction, _) = ask(&world, &bank, number, &[Channel::Sms]).await;
    until(|| gateway.posts().len() == 1).await;
    world.restart().await;
    until(|| gateway.posts().len() >= 2).await;
    let posts = gateway.posts();
    assert_eq!(posts[0].headers["webhook-id"], posts[1].headers["webhook-id"]);
    assert_eq!(posts[0].body, posts[1].body);
    let bank = world.relying_party_again("bank").await;
    assert_eq!(give(&world, &bank, number, transaction, &code_of(&posts[1])).await, Verdict::Yes);
    // What was taken is not sent again.
    world.restart().await;
    world.stop().await;
    assert_eq!(gateway.posts().len(), posts.len());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stop_does_not_wait_for_a_silent_gateway_and_nothing_is_lost() {
    let silent = Gateway::open(Vec::new()).await;
    let mut world = World::with(|config| config.delivery.webhook = gateway_settings(silent.port)).await;
    let number = enrol(&world, 1).await;
    let bank = world.relying_party("bank", false).await;
    ask(&world, &bank, number, &[Channel::Sms]).await;
    until(|| !silent.posts().is_empty()).await;
    drop(bank);
    tokio::time::timeout(Duration::from_secs(9), world.stop()).await.expect("the stop waited");
    let gateway = Gateway::open(vec!["200 OK"]).await;
    world.config.delivery.webhook = gateway_settings(gateway.port);
    world.restart().await;
    until(|| !gateway.posts().is_empty()).await;
    assert_eq!(gateway.posts()[0].headers["webhook-id"], silent.posts()[0].headers["webhook-id"]);
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sandbox_finds_the_newest_code_in_a_file() {
    let folder = tempfile::TempDir::new().unwrap();
    let codes = folder.path().join("codes");
    let mut world = World::with(|config| config.delivery.directory = Some(codes.clone())).await;
    let number = enrol(&world, 1).await;
    let bank = world.relying_party("bank", true).await;
    let (transaction, _) = ask(&world, &bank, number, &[Channel::Sms]).await;
    let file = codes.join("4915112345678.txt");
    until(|| file.exists()).await;
    let text = std::fs::read_to_string(&file).unwrap();
    let code = text.lines().find_map(|line| line.strip_prefix("code: ")).unwrap();
    assert_eq!(give(&world, &bank, number, transaction, code).await, Verdict::Yes);
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_channel_without_a_sender_is_refused_before_anything_is_counted() {
    let relay = Relay::open(Manners::default()).await;
    let mut world = World::with(|config| config.delivery.smtp = relay_settings(relay.port)).await;
    let number = enrol(&world, 1).await;
    let bank = world.relying_party("bank", true).await;
    for _ in 0..5 {
        let channels = ChannelSet::new(&[Channel::Sms]).unwrap();
        let request = bank.otp_request(number, channels, "account opening", world.now()).unwrap();
        let refused = bank.request_otp(&request).await.unwrap_err();
        assert_eq!(refused.reason(), Some(Reason::FactorUnavailable));
    }
    ask(&world, &bank, number, &[Channel::Email]).await;
    until(|| !relay.mails().is_empty()).await;
    world.stop().await;
}
