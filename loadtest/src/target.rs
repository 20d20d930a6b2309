use std::time::Duration;

use plinth_client::identity::authentication::Verdict;
use plinth_client::identity::batch::SignatureForm;
use plinth_client::identity::statement::AuthenticationStatement as AuthenticationVerdict;
use plinth_client::proto::authentication::v1::authentication_service_client::AuthenticationServiceClient;
use plinth_client::proto::authentication::v1::{
    AuthenticateRequest, AuthenticateResponse, AuthenticationStatement, Verdict as WireVerdict,
};
use plinth_client::{ClientError, Proved, RelyingParty};
use prost::Message as _;
use tonic::Request;
use tonic::transport::Channel;

use crate::call::Form;
use crate::lane::Lane;
use crate::parties::{DEADLINE, Parties};
use crate::question::Question;
use crate::share::Share;

/// Whom the questions go to. Connections are used in turn.
pub(crate) enum Target {
    /// A service that is asked with one call a question.
    Unary {
        parties: Vec<RelyingParty>,
        /// The same connections, for answers whose signatures are not checked.
        clients: Vec<AuthenticationServiceClient<Channel>>,
        /// How many of the answers are verified.
        verify: Share,
    },
    /// A service that is asked with one call a question, and answers below a root. Every answer is verified.
    Roots(Vec<RelyingParty>),
    /// A service that is asked over streams. Every answer is verified.
    Stream(Vec<Lane>),
    /// A server that answers without looking.
    Echo(Vec<AuthenticationServiceClient<Channel>>),
}

/// What came back.
pub(crate) enum Outcome {
    /// A verdict with a verified signature.
    Verdict(Verdict),
    /// A verdict whose signature nobody looked at.
    Unchecked(Verdict),
    /// The empty answer of an echo.
    Echoed,
    /// The service did not decide: its reason, and whether it said when to come again.
    Refused { reason: String, says_when: bool },
    /// No answer, or none to be trusted: the kind of error.
    Failed(String),
}

/// What an answer is called that does not verify.
pub(crate) const NOT_VERIFIED: &str = "answer not verified";

/// What a refusal is called that is due to the questions, not to the load: someone's own finger failed again and again.
pub(crate) const TOO_MANY_ATTEMPTS: &str = "TOO_MANY_ATTEMPTS";

impl Target {
    /// The service, asked in a form.
    pub(crate) fn of(form: Form, parties: &Parties, verify: Share) -> Self {
        match form {
            Form::Unary => {
                let client = |channel: &Channel| AuthenticationServiceClient::new(channel.clone());
                Self::Unary {
                    parties: parties.relying_parties.clone(),
                    clients: parties.channels.iter().map(client).collect(),
                    verify,
                }
            }
            Form::UnaryRoots => Self::Roots(parties.relying_parties.clone()),
            Form::Stream => Self::streams(parties, false, SignatureForm::Individual),
            Form::StreamRoots => Self::streams(parties, false, SignatureForm::Batch),
            Form::BatchRoots => Self::streams(parties, true, SignatureForm::Batch),
        }
    }

    fn streams(parties: &Parties, gathers: bool, form: SignatureForm) -> Self {
        Self::Stream(parties.relying_parties.iter().map(|by| Lane::open(by, gathers, form)).collect())
    }

    /// Sends the question number `turn`.
    pub(crate) async fn ask(&self, turn: usize, question: &Question) -> Outcome {
        match self {
            Self::Unary { parties, verify, .. } if verify.includes(turn) => {
                match parties[turn % parties.len()].authenticate(&question.request).await {
                    Ok(answer) => Outcome::Verdict(answer.statement.verdict),
                    Err(error) => fault(&error),
                }
            }
            Self::Unary { clients, .. } => match call(clients, turn, question).await {
                Ok(answer) => verdict(&answer)
                    .map_or_else(|| Outcome::Failed("no verdict".to_owned()), Outcome::Unchecked),
                Err(status) => fault(&ClientError::from(status)),
            },
            Self::Roots(parties) => {
                let by = &parties[turn % parties.len()];
                proved(by.authenticate_as(&question.request, SignatureForm::Batch).await)
            }
            Self::Stream(lanes) => match lanes[turn % lanes.len()].ask(&question.request).await {
                Some(answer) => proved(answer),
                None => Outcome::Failed("the stream ended".to_owned()),
            },
            Self::Echo(clients) => match call(clients, turn, question).await {
                Ok(_) => Outcome::Echoed,
                Err(status) => Outcome::Failed(format!("echo: {:?}", status.code())),
            },
        }
    }
}

fn proved(answer: Result<Proved<AuthenticationVerdict>, ClientError>) -> Outcome {
    match answer {
        Ok(answer) => Outcome::Verdict(answer.statement.verdict),
        Err(error) => fault(&error),
    }
}

async fn call(
    clients: &[AuthenticationServiceClient<Channel>],
    turn: usize,
    question: &Question,
) -> Result<AuthenticateResponse, tonic::Status> {
    let mut client = clients[turn % clients.len()].clone();
    let mut request = Request::new(AuthenticateRequest {
        envelope: Some(question.request.envelope().into()),
        signature_form: 0,
    });
    request.set_timeout(DEADLINE);
    Ok(client.authenticate(request).await?.into_inner())
}

/// What an answer says, whoever signed it.
fn verdict(answer: &AuthenticateResponse) -> Option<Verdict> {
    let statement = AuthenticationStatement::decode(answer.statement.as_ref()?.payload.as_slice()).ok()?;
    match statement.verdict() {
        WireVerdict::Yes => Some(Verdict::Yes),
        WireVerdict::No => Some(Verdict::No),
        WireVerdict::Unspecified => None,
    }
}

/// One name for each kind of error, so that they can be counted.
fn fault(error: &ClientError) -> Outcome {
    match error {
        ClientError::Refused(refusal) => Outcome::Refused {
            reason: match refusal.reason {
                Some(reason) => reason.name().to_owned(),
                None => format!("refused: {:?}", refusal.code),
            },
            says_when: refusal.retry_after.is_some_and(|delay| delay > Duration::ZERO),
        },
        ClientError::Transport(transport) => Outcome::Failed(format!("transport: {:?}", transport.code)),
        ClientError::Answer(_) => Outcome::Failed(NOT_VERIFIED.to_owned()),
        ClientError::Request(_) | ClientError::Sealed(_) | ClientError::Url(_) | ClientError::Tls(_) => {
            Outcome::Failed("not sent".to_owned())
        }
    }
}
