//! The other side, for tests: a relay that speaks SMTP and a gateway that speaks HTTP, each on a port of this machine.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair, KeyUsagePurpose};
use tokio::io::{
    AsyncBufReadExt as _, AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _, BufReader,
};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::pem::PemObject as _;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};

/// A certificate for this machine, and the file of the authority that vouches for it.
pub(super) struct Certified {
    acceptor: TlsAcceptor,
    pub(super) ca_file: PathBuf,
}

impl Certified {
    pub(super) fn new(folder: &Path) -> Self {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign];
        let authority = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
        let key = KeyPair::generate().unwrap();
        let names = vec!["127.0.0.1".to_owned()];
        let certificate = CertificateParams::new(names).unwrap().signed_by(&key, &authority).unwrap();
        let ca_file = folder.join("ca.pem");
        std::fs::write(&ca_file, authority.as_ref().pem()).unwrap();
        let chain = vec![CertificateDer::from_pem_slice(certificate.pem().as_bytes()).unwrap()];
        let key = PrivateKeyDer::from_pem_slice(key.serialize_pem().as_bytes()).unwrap();
        let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(chain, key)
            .unwrap();
        Self { acceptor: TlsAcceptor::from(Arc::new(config)), ca_file }
    }
}

/// One message as a relay took it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Mail {
    pub(super) from: String,
    pub(super) to: Vec<String>,
    /// Header and body, dots unstuffed, lines ended by `\n`.
    pub(super) data: String,
    /// The argument of AUTH, if it was given.
    pub(super) login: Option<String>,
    pub(super) encrypted: bool,
}

/// How a relay behaves.
#[derive(Clone, Default)]
pub(super) struct Manners {
    /// Offers STARTTLS, or speaks TLS from the first byte.
    pub(super) starttls: Option<TlsAcceptor>,
    pub(super) tls: Option<TlsAcceptor>,
    /// Answers to RCPT and to AUTH other than yes.
    pub(super) rcpt: Option<&'static str>,
    pub(super) auth: Option<&'static str>,
    /// Takes connections and says nothing.
    pub(super) silent: bool,
}

impl Manners {
    pub(super) fn starttls(certified: &Certified) -> Self {
        Self { starttls: Some(certified.acceptor.clone()), ..Self::default() }
    }

    pub(super) fn tls(certified: &Certified) -> Self {
        Self { tls: Some(certified.acceptor.clone()), ..Self::default() }
    }
}

/// A relay on a port of its own.
pub(super) struct Relay {
    pub(super) port: u16,
    mails: Arc<Mutex<Vec<Mail>>>,
}

impl Relay {
    pub(super) async fn open(manners: Manners) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let mails = Arc::new(Mutex::new(Vec::new()));
        let taken = Arc::clone(&mails);
        tokio::spawn(async move {
            while let Ok((socket, _)) = listener.accept().await {
                let (manners, taken) = (manners.clone(), Arc::clone(&taken));
                tokio::spawn(async move {
                    if manners.silent {
                        let _held = socket;
                        return std::future::pending().await;
                    }
                    if let Some(acceptor) = &manners.tls {
                        let Ok(stream) = acceptor.accept(socket).await else { return };
                        talk(stream, &manners, &taken, true, true).await;
                    } else if let Some(socket) = talk(socket, &manners, &taken, true, false).await {
                        let acceptor = manners.starttls.as_ref().unwrap();
                        let Ok(stream) = acceptor.accept(socket).await else { return };
                        talk(stream, &manners, &taken, false, true).await;
                    }
                });
            }
        });
        Self { port, mails }
    }

    pub(super) fn mails(&self) -> Vec<Mail> {
        self.mails.lock().unwrap().clone()
    }
}

/// One side of RFC 5321. Returns the connection if the client asked for STARTTLS.
async fn talk<S: AsyncRead + AsyncWrite + Unpin>(
    stream: S,
    manners: &Manners,
    taken: &Mutex<Vec<Mail>>,
    greet: bool,
    encrypted: bool,
) -> Option<S> {
    let mut stream = BufReader::new(stream);
    if greet {
        stream.write_all(b"220 relay.example ESMTP\r\n").await.ok()?;
    }
    let (mut from, mut to, mut login) = (String::new(), Vec::new(), None);
    loop {
        let mut line = String::new();
        if stream.read_line(&mut line).await.ok()? == 0 {
            return None;
        }
        let line = line.trim_end();
        let answer = match line.split_once([' ', ':']).map_or(line, |(verb, _)| verb) {
            "EHLO" if manners.starttls.is_some() && !encrypted => "250-relay.example\r\n250 STARTTLS",
            "EHLO" => "250-relay.example\r\n250 AUTH PLAIN",
            "STARTTLS" if manners.starttls.is_some() => {
                stream.write_all(b"220 go ahead\r\n").await.ok()?;
                return Some(stream.into_inner());
            }
            "AUTH" => {
                login = line.strip_prefix("AUTH ").map(str::to_owned);
                manners.auth.unwrap_or("235 welcome")
            }
            "MAIL" => {
                from = line.to_owned();
                "250 fine"
            }
            "RCPT" => {
                to.push(line.to_owned());
                manners.rcpt.unwrap_or("250 fine")
            }
            "DATA" => {
                stream.write_all(b"354 go on\r\n").await.ok()?;
                let data = read_data(&mut stream).await?;
                let mail = Mail {
                    from: from.clone(),
                    to: std::mem::take(&mut to),
                    data,
                    login: login.clone(),
                    encrypted,
                };
                taken.lock().unwrap().push(mail);
                "250 taken"
            }
            "QUIT" => "221 bye",
            _ => "500 what?",
        };
        stream.write_all(format!("{answer}\r\n").as_bytes()).await.ok()?;
    }
}

async fn read_data<S: AsyncRead + AsyncWrite + Unpin>(stream: &mut BufReader<S>) -> Option<String> {
    let mut data = String::new();
    loop {
        let mut line = String::new();
        if stream.read_line(&mut line).await.ok()? == 0 {
            return None;
        }
        let line = line.trim_end_matches("\r\n");
        if line == "." {
            return Some(data);
        }
        data.push_str(line.strip_prefix('.').unwrap_or(line));
        data.push('\n');
    }
}

/// One request as a gateway took it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Post {
    pub(super) line: String,
    pub(super) headers: BTreeMap<String, String>,
    pub(super) body: Vec<u8>,
}

/// A gateway on a port of its own. It gives its answers in turn, and the last one from then on; none is silence.
pub(super) struct Gateway {
    pub(super) port: u16,
    posts: Arc<Mutex<Vec<Post>>>,
}

impl Gateway {
    pub(super) async fn open(answers: Vec<&'static str>) -> Self {
        Self::listen(answers, None).await
    }

    pub(super) async fn open_tls(answers: Vec<&'static str>, certified: &Certified) -> Self {
        Self::listen(answers, Some(certified.acceptor.clone())).await
    }

    async fn listen(answers: Vec<&'static str>, tls: Option<TlsAcceptor>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let posts = Arc::new(Mutex::new(Vec::new()));
        let (taken, answers) = (Arc::clone(&posts), Arc::new(answers));
        tokio::spawn(async move {
            while let Ok((socket, _)) = listener.accept().await {
                let (taken, answers, tls) = (Arc::clone(&taken), Arc::clone(&answers), tls.clone());
                tokio::spawn(async move {
                    match tls {
                        None => serve(socket, &taken, &answers).await,
                        Some(acceptor) => serve(acceptor.accept(socket).await.ok()?, &taken, &answers).await,
                    }
                });
            }
        });
        Self { port, posts }
    }

    pub(super) fn posts(&self) -> Vec<Post> {
        self.posts.lock().unwrap().clone()
    }
}

async fn serve<S: AsyncRead + AsyncWrite + Unpin>(
    stream: S,
    taken: &Mutex<Vec<Post>>,
    answers: &[&'static str],
) -> Option<()> {
    let mut stream = BufReader::new(stream);
    let mut line = String::new();
    stream.read_line(&mut line).await.ok()?;
    let mut headers = BTreeMap::new();
    loop {
        let mut header = String::new();
        stream.read_line(&mut header).await.ok()?;
        let Some((name, value)) = header.split_once(':') else { break };
        headers.insert(name.to_ascii_lowercase(), value.trim().to_owned());
    }
    let length = headers.get("content-length").and_then(|length| length.parse().ok()).unwrap_or(0);
    let mut body = vec![0; length];
    stream.read_exact(&mut body).await.ok()?;
    let answer = {
        let mut taken = taken.lock().unwrap();
        taken.push(Post { line: line.trim_end().to_owned(), headers, body });
        answers.get(taken.len() - 1).or_else(|| answers.last()).copied()
    };
    let Some(answer) = answer else { return std::future::pending().await };
    let text = format!("HTTP/1.1 {answer}\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
    stream.write_all(text.as_bytes()).await.ok()?;
    stream.shutdown().await.ok()
}
