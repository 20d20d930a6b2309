//! TLS: both sides show a certificate, and without TLS nothing but loopback is served.

#![allow(clippy::unwrap_used, reason = "a test may stop where it fails")]

use std::fs;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;

use plinth_client::{Administrator, Agency, ClientError, ClientTls, Connection, Retry};
use plinth_identity::party::{FactorSet, PartyKind};
use plinth_identity::statement::EnrolmentOutcome;
use plinth_server::ServeError;
use plinth_server::clock::ManualClock;
use plinth_server::config::{ServeConfig, TlsConfig};
use plinth_tests::{START, World, enrolment, fingers, party, party_id, signing_key};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair, KeyUsagePurpose};
use tempfile::TempDir;
use tonic::transport::{Certificate, ClientTlsConfig, Endpoint};

/// A throw-away certificate authority.
struct Authority(CertifiedIssuer<'static, KeyPair>);

impl Authority {
    fn new(name: &str) -> Self {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.distinguished_name.push(DnType::CommonName, name);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        Self(CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap())
    }

    fn pem(&self) -> String {
        self.0.as_ref().pem()
    }

    /// A certificate for these names, and its key.
    fn certify(&self, names: &[&str]) -> (String, String) {
        let key = KeyPair::generate().unwrap();
        let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
        let certificate = CertificateParams::new(names).unwrap().signed_by(&key, &self.0).unwrap();
        (certificate.pem(), key.serialize_pem())
    }

    /// What a client of `server`'s shows, certified by this authority.
    fn client_of(&self, server: &Self) -> ClientTls {
        let (certificate, key) = self.certify(&["agency.example"]);
        ClientTls {
            ca_pem: server.pem().into_bytes(),
            certificate_pem: certificate.into_bytes(),
            key_pem: key.into_bytes(),
        }
    }
}

/// Writes a server's three files.
fn server_files(folder: &Path, server: &Authority, clients: &Authority) -> TlsConfig {
    let (certificate, key) = server.certify(&["localhost", "127.0.0.1"]);
    let put = |name: &str, text: &str| {
        let path = folder.join(name);
        fs::write(&path, text).unwrap();
        path
    };
    TlsConfig {
        certificate: put("server.pem", &certificate),
        key: put("server.key", &key),
        client_ca: put("clients.pem", &clients.pem()),
    }
}

/// What came of opening a connection and asking for something: a client of TLS 1.3 hears only after the handshake that it
/// was turned away.
async fn outcome(url: &str, tls: Option<&ClientTls>) -> Result<(), ClientError> {
    let agency = Agency::new(
        Connection::open(url, tls).await?,
        party_id("north"),
        signing_key(7),
        plinth_client::Trust::new(plinth_identity::id::DeploymentId::from_bytes([0; 16]), Vec::new()),
    );
    agency.with_retry(Retry::none()).enrolments("", 1, START).await.map(drop)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_with_a_certificate_works_on_both_listeners_and_every_other_one_is_turned_away() {
    let folder = TempDir::new().unwrap();
    let (server, stranger) = (Authority::new("Plinth test"), Authority::new("Somebody else"));
    let mut world =
        World::with(|config| config.tls = Some(server_files(folder.path(), &server, &server))).await;
    let [url, admin_url] = [world.url(), world.admin_url()].map(|url| url.replace("http://", "https://"));

    let certified = server.client_of(&server);
    let connection = Connection::open(&admin_url, Some(&certified)).await.unwrap();
    let administrator =
        Administrator::new(connection, party_id("admin-1"), signing_key(1), world.trust.clone());
    let north = party(PartyKind::Agency, "north", &signing_key(7), FactorSet::EMPTY, false);
    administrator.register(north, world.now()).await.unwrap();
    let enrol = async |url: &str, person| {
        let connection = Connection::open(url, Some(&certified)).await.unwrap();
        let agency = Agency::new(connection, party_id("north"), signing_key(7), world.trust.clone());
        let request = agency.request(enrolment("Asha Rao", person, 0, &fingers(2)), world.now()).unwrap();
        agency.enrol(&request).await.unwrap().statement.outcome
    };
    assert!(matches!(enrol(&url, 1).await, EnrolmentOutcome::Issued { .. }));

    for (name, tls) in [
        ("another authority's certificate", stranger.client_of(&server)),
        ("a server that the client does not know", server.client_of(&stranger)),
    ] {
        for url in [&url, &admin_url] {
            let turned_away = outcome(url, Some(&tls)).await;
            assert!(matches!(turned_away, Err(ClientError::Transport(_))), "{name}: {turned_away:?}");
        }
    }
    for url in [world.url(), world.admin_url()] {
        let turned_away = outcome(&url, None).await;
        assert!(matches!(turned_away, Err(ClientError::Transport(_))), "plaintext: {turned_away:?}");
    }
    for url in [url.clone(), admin_url] {
        let tls = ClientTlsConfig::new().ca_certificate(Certificate::from_pem(server.pem()));
        let endpoint = Endpoint::from_shared(url).unwrap().tls_config(tls).unwrap();
        let answer = match endpoint.connect().await {
            Err(_) => continue,
            Ok(channel) => {
                tonic_health::pb::health_client::HealthClient::new(channel)
                    .check(tonic_health::pb::HealthCheckRequest::default())
                    .await
            }
        };
        assert!(answer.is_err(), "a client without a certificate was answered");
    }

    let name_url = url.replace("127.0.0.1", "localhost");
    for (url, person) in [(&url, 2), (&name_url, 3)] {
        assert!(
            matches!(enrol(url, person).await, EnrolmentOutcome::Issued { .. }),
            "the server still serves"
        );
    }
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn without_tls_an_address_beyond_loopback_is_refused_and_the_message_says_what_to_set() {
    let mut world = World::new().await;
    world.stop().await;
    let beyond: SocketAddr = "0.0.0.0:0".parse().unwrap();
    let changes: [fn(&mut ServeConfig, SocketAddr); 2] =
        [|config, address| config.listen = address, |config, address| config.admin_listen = address];
    for change in changes {
        let mut config = world.config.clone();
        change(&mut config, beyond);
        let refused = plinth_server::start(config, Arc::new(ManualClock::at(START))).await.err().unwrap();
        assert!(matches!(refused, ServeError::Config(_)));
        let text = refused.to_string();
        assert!(
            ["loopback", "[tls]", "certificate", "key", "client_ca"].iter().all(|word| text.contains(word))
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn certificate_files_that_are_missing_or_do_not_belong_together_are_named_before_anything_is_served() {
    let mut world = World::new().await;
    world.stop().await;
    let folder = TempDir::new().unwrap();
    let authority = Authority::new("Plinth test");
    let good = server_files(folder.path(), &authority, &authority);
    let start = async |tls: TlsConfig| {
        let config = ServeConfig { tls: Some(tls), ..world.config.clone() };
        plinth_server::start(config, Arc::new(ManualClock::at(START))).await.err().map(|e| e.to_string())
    };

    let missing = folder.path().join("nowhere.pem");
    for tls in [
        TlsConfig { certificate: missing.clone(), ..good.clone() },
        TlsConfig { key: missing.clone(), ..good.clone() },
        TlsConfig { client_ca: missing.clone(), ..good.clone() },
    ] {
        let text = start(tls).await.unwrap();
        assert!(text.contains("nowhere.pem"), "{text}");
    }

    let garbage = folder.path().join("garbage.pem");
    fs::write(&garbage, "-----BEGIN CERTIFICATE-----\nnot one\n-----END CERTIFICATE-----\n").unwrap();
    let foreign = folder.path().join("foreign.key");
    fs::write(&foreign, authority.certify(&["localhost"]).1).unwrap();
    for (what, tls) in [
        ("a certificate that is none", TlsConfig { certificate: garbage.clone(), ..good.clone() }),
        ("a key that is none", TlsConfig { key: garbage.clone(), ..good.clone() }),
        ("an authority that is none", TlsConfig { client_ca: garbage.clone(), ..good.clone() }),
        ("another certificate's key", TlsConfig { key: foreign, ..good.clone() }),
    ] {
        let text = start(tls).await.unwrap_or_else(|| panic!("{what} was accepted"));
        assert!(text.contains("certificate, key and client_ca"), "{what}: {text}");
    }
    assert_eq!(start(good).await, None);
}
