use plinth_client::ClientError;
use plinth_client::RelyingParty;
use plinth_client::identity::authentication::Verdict;
use plinth_client::proto::authentication::v1::AuthenticateRequest;
use plinth_client::proto::authentication::v1::authentication_service_client::AuthenticationServiceClient;
use tonic::Request;
use tonic::transport::Channel;

use crate::question::Question;

/// Whom the questions go to. Connections are used in turn.
pub(crate) enum Target {
    /// A service, whose answers are verified.
    Service(Vec<RelyingParty>),
    /// A server that answers without looking.
    Echo(Vec<AuthenticationServiceClient<Channel>>),
}

/// What came back.
pub(crate) enum Outcome {
    /// A verdict with a verified signature.
    Verdict(Verdict),
    /// The empty answer of an echo.
    Echoed,
    /// No answer, or none to be trusted: the kind of error.
    Failed(String),
}

impl Target {
    /// Sends the question number `turn`.
    pub(crate) async fn ask(&self, turn: usize, question: &Question) -> Outcome {
        match self {
            Self::Service(parties) => {
                match parties[turn % parties.len()].authenticate(&question.request).await {
                    Ok(answer) => Outcome::Verdict(answer.statement.verdict),
                    Err(error) => Outcome::Failed(describe(&error)),
                }
            }
            Self::Echo(clients) => {
                let mut client = clients[turn % clients.len()].clone();
                let message = AuthenticateRequest {
                    envelope: Some(question.request.envelope().into()),
                    signature_form: 0,
                };
                match client.authenticate(Request::new(message)).await {
                    Ok(_) => Outcome::Echoed,
                    Err(status) => Outcome::Failed(format!("echo: {:?}", status.code())),
                }
            }
        }
    }
}

/// One name for each kind of error, so that they can be counted.
fn describe(error: &ClientError) -> String {
    match error {
        ClientError::Refused(refusal) => match refusal.reason {
            Some(reason) => reason.name().to_owned(),
            None => format!("refused: {:?}", refusal.code),
        },
        ClientError::Transport(transport) => format!("transport: {:?}", transport.code),
        ClientError::Answer(_) => "answer not verified".to_owned(),
        ClientError::Request(_) | ClientError::Sealed(_) | ClientError::Url(_) | ClientError::Tls(_) => {
            "not sent".to_owned()
        }
    }
}
