use std::io::{BufRead, BufReader, Write};
use std::net::Ipv4Addr;
use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::Context;
use clap::Args;
use data_encoding::{HEXLOWER, HEXLOWER_PERMISSIVE};
use plinth_client::identity::dsse::{PublicKey, SigningKey};
use plinth_client::proto::authentication::v1::authentication_service_client::AuthenticationServiceClient;
use plinth_client::proto::authentication::v1::authentication_service_server::{
    AuthenticationService, AuthenticationServiceServer,
};
use plinth_client::proto::authentication::v1::{
    AuthenticateManyRequest, AuthenticateManyResponse, AuthenticateRequest, AuthenticateResponse,
    GetPersonRequest, GetPersonResponse, RequestOtpRequest, RequestOtpResponse,
};
use plinth_client::proto::convert::envelope;
use plinth_client::proto::envelope::v1::{Envelope, Signature};
use tokio::net::TcpListener;
use tonic::transport::server::TcpIncoming;
use tonic::transport::{Endpoint, Server};
use tonic::{Request, Response, Status, Streaming};

use crate::process::Process;
use crate::target::Target;

/// Arguments of the echo.
#[derive(Args)]
pub(crate) struct Echo {
    /// Bytes of the payload of every answer.
    #[arg(long, value_parser = clap::value_parser!(u32).range(0..=1_048_576))]
    answer_bytes: u32,
    /// Also verify every request strictly with this public key (64 hexadecimal digits), and sign every answer.
    #[arg(long, value_name = "KEY", value_parser = public_key)]
    verify_key: Option<PublicKey>,
}

/// What an echo does besides answering.
#[derive(Clone, Copy)]
pub(crate) enum Work<'a> {
    /// Nothing.
    Nothing,
    /// One strict verification with a key, and one signature.
    Crypto(&'a PublicKey),
}

/// Serves until standard input ends, so that it never outlives whoever started it. Prints `listening ADDRESS`.
pub(crate) async fn serve(echo: Echo) -> anyhow::Result<()> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
    let mut stdout = std::io::stdout();
    writeln!(stdout, "listening {}", listener.local_addr()?)?;
    stdout.flush()?;
    let crypto = echo.verify_key.map(|key| Crypto { key, own: SigningKey::from_seed([7; 32]) });
    let service = AuthenticationServiceServer::new(Answering { answer: answer(echo.answer_bytes)?, crypto });
    // The builder's own setting does not reach sockets that are accepted elsewhere.
    let incoming = TcpIncoming::from(listener).with_nodelay(Some(true));
    Server::builder()
        // As the real one.
        .max_concurrent_streams(Some(256))
        .add_service(service)
        .serve_with_incoming_shutdown(incoming, standard_input_ended())
        .await?;
    Ok(())
}

/// The running echo of a load test.
pub(crate) struct Echoing {
    process: Process,
    url: String,
}

impl Echoing {
    /// Starts this program again as an echo whose answers have as many bytes as the real ones.
    pub(crate) fn start(answer_payload_bytes: usize, work: Work<'_>) -> anyhow::Result<Self> {
        let mut command = Command::new(std::env::current_exe()?);
        command.args(["echo", "--answer-bytes", &answer_payload_bytes.to_string()]);
        if let Work::Crypto(key) = work {
            command.args(["--verify-key", &HEXLOWER.encode(&key.to_bytes())]);
        }
        command.stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut process = Process::start("echo", &mut command)?;
        let stdout = process.child().stdout.take().context("no standard output")?;
        let mut line = String::new();
        // It prints one line or ends; either ends this read.
        BufReader::new(stdout).read_line(&mut line)?;
        let address = line.trim().strip_prefix("listening ").context("the echo did not start")?;
        Ok(Self { process, url: format!("http://{address}") })
    }

    pub(crate) fn process_id(&self) -> u32 {
        self.process.id()
    }

    pub(crate) async fn connect(&self, connections: u32) -> anyhow::Result<Target> {
        let mut clients = Vec::new();
        for _ in 0..connections {
            let endpoint = Endpoint::from_shared(self.url.clone())?.tcp_nodelay(true);
            let channel = endpoint.timeout(Duration::from_secs(10)).connect().await?;
            clients.push(AuthenticationServiceClient::new(channel));
        }
        Ok(Target::Echo(clients))
    }
}

struct Answering {
    answer: Envelope,
    crypto: Option<Crypto>,
}

struct Crypto {
    key: PublicKey,
    own: SigningKey,
}

impl Crypto {
    /// Verifies the request, and signs the answer's bytes.
    fn answer(&self, request: Option<Envelope>, answer: &Envelope) -> Result<Envelope, Status> {
        let envelope = envelope::required(request, "envelope")
            .map_err(|violation| Status::invalid_argument(violation.to_string()))?;
        let verified = envelope
            .verify(envelope.payload_type(), &self.key)
            .map_err(|error| Status::unauthenticated(error.to_string()))?;
        std::hint::black_box(&verified);
        Ok((&self.own.sign(&answer.payload_type, answer.payload.clone())).into())
    }
}

#[tonic::async_trait]
impl AuthenticationService for Answering {
    async fn authenticate(
        &self,
        request: Request<AuthenticateRequest>,
    ) -> Result<Response<AuthenticateResponse>, Status> {
        let statement = match &self.crypto {
            None => self.answer.clone(),
            Some(crypto) => crypto.answer(request.into_inner().envelope, &self.answer)?,
        };
        Ok(Response::new(AuthenticateResponse { statement: Some(statement), batch_signed: None }))
    }

    type AuthenticateManyStream = tokio_stream::Empty<Result<AuthenticateManyResponse, Status>>;

    async fn authenticate_many(
        &self,
        _: Request<Streaming<AuthenticateManyRequest>>,
    ) -> Result<Response<Self::AuthenticateManyStream>, Status> {
        Err(Status::unimplemented("an echo of single authentications only"))
    }

    async fn request_otp(
        &self,
        _: Request<RequestOtpRequest>,
    ) -> Result<Response<RequestOtpResponse>, Status> {
        Err(Status::unimplemented("an echo of authentications only"))
    }

    async fn get_person(&self, _: Request<GetPersonRequest>) -> Result<Response<GetPersonResponse>, Status> {
        Err(Status::unimplemented("an echo of authentications only"))
    }
}

fn answer(payload_bytes: u32) -> anyhow::Result<Envelope> {
    Ok(Envelope {
        payload: vec![0; usize::try_from(payload_bytes)?],
        payload_type: plinth_client::identity::payload_type::AUTHENTICATION_STATEMENT.to_owned(),
        signatures: vec![Signature { sig: vec![0; 64], keyid: "0".repeat(64) }],
    })
}

fn public_key(text: &str) -> Result<PublicKey, String> {
    let bytes = HEXLOWER_PERMISSIVE.decode(text.as_bytes()).map_err(|error| error.to_string())?;
    let bytes = bytes.as_slice().try_into().map_err(|_| "a key has 32 bytes".to_owned())?;
    PublicKey::from_bytes(bytes).map_err(|error| error.to_string())
}

async fn standard_input_ended() {
    let waited =
        tokio::task::spawn_blocking(|| std::io::copy(&mut std::io::stdin().lock(), &mut std::io::sink()));
    // Whatever ended it, it has ended.
    drop(waited.await);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_echo_with_work_signs_answers_to_true_requests_and_refuses_forged_ones() {
        let party = SigningKey::from_seed([1; 32]);
        let kind = plinth_client::identity::payload_type::AUTHENTICATION_REQUEST;
        let request: Envelope = (&party.sign(kind, vec![5; 40])).into();
        let crypto = Crypto { key: party.public(), own: SigningKey::from_seed([2; 32]) };
        let empty = answer(100).unwrap();
        let signed = crypto.answer(Some(request.clone()), &empty).unwrap();
        let signed = envelope::required(Some(signed), "statement").unwrap();
        assert!(signed.verify(&empty.payload_type, &crypto.own.public()).is_ok());
        let forged = Envelope { payload: vec![6; 40], ..request };
        assert!(crypto.answer(Some(forged), &empty).is_err());
    }

    #[test]
    fn a_key_on_the_command_line_is_the_key_that_was_given() {
        let key = SigningKey::from_seed([1; 32]).public();
        assert_eq!(public_key(&HEXLOWER.encode(&key.to_bytes())).unwrap().to_bytes(), key.to_bytes());
        assert!(public_key("00").is_err());
    }
}
