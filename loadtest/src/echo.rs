use std::io::{BufRead, BufReader, Write};
use std::net::Ipv4Addr;
use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::Context;
use clap::Args;
use plinth_client::proto::authentication::v1::authentication_service_client::AuthenticationServiceClient;
use plinth_client::proto::authentication::v1::authentication_service_server::{
    AuthenticationService, AuthenticationServiceServer,
};
use plinth_client::proto::authentication::v1::{
    AuthenticateManyRequest, AuthenticateManyResponse, AuthenticateRequest, AuthenticateResponse,
    GetPersonRequest, GetPersonResponse, RequestOtpRequest, RequestOtpResponse,
};
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
}

/// Serves until standard input ends, so that it never outlives whoever started it. Prints `listening ADDRESS`.
pub(crate) async fn serve(echo: Echo) -> anyhow::Result<()> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
    let mut stdout = std::io::stdout();
    writeln!(stdout, "listening {}", listener.local_addr()?)?;
    stdout.flush()?;
    let service = AuthenticationServiceServer::new(Nothing { answer: answer(echo.answer_bytes)? });
    // The builder's own setting does not reach sockets that are accepted elsewhere.
    let incoming = TcpIncoming::from(listener).with_nodelay(Some(true));
    Server::builder()
        // As the real one.
        .max_concurrent_streams(Some(1024))
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
    pub(crate) fn start(answer_payload_bytes: usize) -> anyhow::Result<Self> {
        let mut command = Command::new(std::env::current_exe()?);
        command.args(["echo", "--answer-bytes", &answer_payload_bytes.to_string()]);
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

struct Nothing {
    answer: Envelope,
}

#[tonic::async_trait]
impl AuthenticationService for Nothing {
    async fn authenticate(
        &self,
        _: Request<AuthenticateRequest>,
    ) -> Result<Response<AuthenticateResponse>, Status> {
        Ok(Response::new(AuthenticateResponse { statement: Some(self.answer.clone()), batch_signed: None }))
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

async fn standard_input_ended() {
    let waited =
        tokio::task::spawn_blocking(|| std::io::copy(&mut std::io::stdin().lock(), &mut std::io::sink()));
    // Whatever ended it, it has ended.
    drop(waited.await);
}
