use std::sync::Arc;

use plinth_identity::case::{Case, CaseDecision};
use plinth_identity::dsse::{Envelope, SigningKey, payload_type};
use plinth_identity::field::FieldViolation;
use plinth_identity::id::{CaseId, PartyId};
use plinth_identity::party::{Party, PartyKind};
use plinth_identity::statement::RegistryStatement;
use plinth_identity::time::Timestamp;
use plinth_proto::convert::registry::{
    CaseOrder, Change, PartyRef, RegistryAsk, RegistryOrder, RegistryQuery, encode_case_decision,
    encode_registry_change, encode_registry_query,
};
use plinth_proto::convert::{Page, envelope};
use plinth_proto::envelope::v1::Envelope as WireEnvelope;
use plinth_proto::registry::v1::registry_service_client::RegistryServiceClient;
use plinth_proto::registry::v1::{self, backup_response::Step};
use tonic::Response;
use tonic::transport::Channel;

use crate::answer::Answered;
use crate::connection::Connection;
use crate::error::ClientError;
use crate::request::SignedRequest;
use crate::retry::Retry;
use crate::signatory::{Signatory, fresh_request_id};
use crate::trust::Trust;
use crate::verify;

/// How long a case decision waits for the second administrator: a day.
const DECISION_LIFETIME_MS: u64 = 24 * 60 * 60 * 1000;

/// Pages of one listing at most: a service that keeps handing out tokens does not keep a client for ever.
const MAX_PAGES: usize = 1_000;

/// Bytes of one answer at most: a page of cases with all their candidates.
const MAX_ANSWER_BYTES: usize = 32 << 20;

/// An administrator: decides who may take part, and the cases that matching leaves open. Connects to the administration
/// listener.
#[derive(Debug, Clone)]
pub struct Administrator(Signatory);

impl Administrator {
    /// The administrator `id`, who signs with `key` and believes `trust`.
    #[must_use]
    pub fn new(connection: Connection, id: PartyId, key: impl Into<Arc<SigningKey>>, trust: Trust) -> Self {
        Self(Signatory::new(connection, id, key.into(), trust))
    }

    /// The same administrator with another schedule of retries.
    #[must_use]
    pub fn with_retry(mut self, retry: Retry) -> Self {
        self.0.retry = retry;
        self
    }

    /// The administrator's id.
    #[must_use]
    pub fn id(&self) -> &PartyId {
        &self.0.id
    }

    /// Registers a party.
    ///
    /// # Errors
    /// [`ClientError::Refused`] with reason `AlreadyRegistered` if its id is taken; otherwise as every call.
    pub async fn register(
        &self,
        party: Party,
        now: Timestamp,
    ) -> Result<Answered<RegistryStatement>, ClientError> {
        let order = self.order(Change::Register(Box::new(party)), now)?;
        let response = self
            .call(&order, |mut client, connection, envelope| async move {
                client.register_party(connection.timed(v1::RegisterPartyRequest { envelope })).await
            })
            .await?;
        self.verified(&order, response.statement)
    }

    /// Replaces the display name, the validity and the policy of a registered party, from its next request on. Its kind, its
    /// id and its key stay.
    ///
    /// # Errors
    /// [`ClientError::Refused`] with reason `NotFound` if there is none of that kind and id; otherwise as every call.
    pub async fn amend(
        &self,
        party: Party,
        now: Timestamp,
    ) -> Result<Answered<RegistryStatement>, ClientError> {
        let order = self.order(Change::Amend(Box::new(party)), now)?;
        let response = self
            .call(&order, |mut client, connection, envelope| async move {
                client.amend_party(connection.timed(v1::AmendPartyRequest { envelope })).await
            })
            .await?;
        self.verified(&order, response.statement)
    }

    /// Suspends a party, from its next request on.
    ///
    /// # Errors
    /// As every call.
    pub async fn suspend(
        &self,
        kind: PartyKind,
        id: &PartyId,
        now: Timestamp,
    ) -> Result<Answered<RegistryStatement>, ClientError> {
        let order = self.order(Change::Suspend(PartyRef { kind, id: id.clone() }), now)?;
        let response = self
            .call(&order, |mut client, connection, envelope| async move {
                client.suspend_party(connection.timed(v1::SuspendPartyRequest { envelope })).await
            })
            .await?;
        self.verified(&order, response.statement)
    }

    /// Lets a suspended party take part again.
    ///
    /// # Errors
    /// As every call.
    pub async fn reinstate(
        &self,
        kind: PartyKind,
        id: &PartyId,
        now: Timestamp,
    ) -> Result<Answered<RegistryStatement>, ClientError> {
        let order = self.order(Change::Reinstate(PartyRef { kind, id: id.clone() }), now)?;
        let response = self
            .call(&order, |mut client, connection, envelope| async move {
                client.reinstate_party(connection.timed(v1::ReinstatePartyRequest { envelope })).await
            })
            .await?;
        self.verified(&order, response.statement)
    }

    /// Revokes a party for ever, from its next request on.
    ///
    /// # Errors
    /// As every call.
    pub async fn revoke(
        &self,
        kind: PartyKind,
        id: &PartyId,
        now: Timestamp,
    ) -> Result<Answered<RegistryStatement>, ClientError> {
        let order = self.order(Change::Revoke(PartyRef { kind, id: id.clone() }), now)?;
        let response = self
            .call(&order, |mut client, connection, envelope| async move {
                client.revoke_party(connection.timed(v1::RevokePartyRequest { envelope })).await
            })
            .await?;
        self.verified(&order, response.statement)
    }

    /// Every registered party of one kind, in the order of their ids. The listing is unsigned: act on what you know from
    /// elsewhere.
    ///
    /// # Errors
    /// As every call.
    pub async fn parties(&self, kind: PartyKind, now: Timestamp) -> Result<Vec<Party>, ClientError> {
        let mut parties = Vec::new();
        let mut token = String::new();
        for _ in 0..MAX_PAGES {
            let page = Page::new(Page::MAX_SIZE, &token).map_err(ClientError::malformed_answer)?;
            let query = self.query(RegistryAsk::Parties { kind, page }, now)?;
            let response = self
                .call(&query, |mut client, connection, envelope| async move {
                    client.list_parties(connection.timed(v1::ListPartiesRequest { envelope })).await
                })
                .await?;
            for party in response.parties {
                parties.push(Party::try_from(party).map_err(ClientError::malformed_answer)?);
            }
            token = response.next_page_token;
            if token.is_empty() {
                return Ok(parties);
            }
        }
        Err(ClientError::malformed_answer(FieldViolation::malformed("next_page_token", "never ends")))
    }

    /// A page of cases, oldest first, and the token of the next page (empty after the last). The first page has the empty
    /// token; `size` 0 means 100, and 1,000 is the most.
    ///
    /// # Errors
    /// As every call.
    pub async fn cases(
        &self,
        open_only: bool,
        page_token: &str,
        size: u32,
        now: Timestamp,
    ) -> Result<(Vec<v1::Case>, String), ClientError> {
        let page = Page::new(size, page_token).map_err(ClientError::Request)?;
        let query = self.query(RegistryAsk::Cases { open_only, page }, now)?;
        let response = self
            .call(&query, |mut client, connection, envelope| async move {
                client.list_cases(connection.timed(v1::ListCasesRequest { envelope })).await
            })
            .await?;
        Ok((response.cases, response.next_page_token))
    }

    /// One case with everything that deciding it needs.
    ///
    /// # Errors
    /// [`ClientError::Refused`] with reason `NotFound` if there is none; otherwise as every call.
    pub async fn case(&self, case: CaseId, now: Timestamp) -> Result<v1::Case, ClientError> {
        let query = self.query(RegistryAsk::Case(case), now)?;
        let response = self
            .call(&query, |mut client, connection, envelope| async move {
                client.get_case(connection.timed(v1::GetCaseRequest { envelope })).await
            })
            .await?;
        let missing = || ClientError::malformed_answer(FieldViolation::malformed("found", "is required"));
        response.found.filter(|found| found.case_id == case.get()).ok_or_else(missing)
    }

    /// The bytes of a decision, for two administrators to sign with [`Self::approve`]. Good for a day from `now` on.
    ///
    /// # Errors
    /// [`ClientError::Request`] if the reason is empty or too long.
    pub fn case_decision(
        &self,
        case: CaseId,
        decision: CaseDecision,
        reason: &str,
        now: Timestamp,
    ) -> Result<Vec<u8>, ClientError> {
        let header = self.0.header("adjudication", fresh_request_id(), now, DECISION_LIFETIME_MS)?;
        let length = reason.chars().count();
        if !(1..=Case::MAX_REASON_CHARS).contains(&length) || reason.chars().any(char::is_control) {
            let description =
                format!("must be 1 to {} characters without control characters", Case::MAX_REASON_CHARS);
            return Err(ClientError::Request(FieldViolation::malformed("reason", description)));
        }
        Ok(encode_case_decision(&CaseOrder { header, case, decision, reason: reason.to_owned() }))
    }

    /// Signs a decision. Read what it decides before: whoever made the bytes may have written anything.
    #[must_use]
    pub fn approve(&self, payload: Vec<u8>) -> Envelope {
        self.0.key.sign(payload_type::CASE_DECISION, payload)
    }

    /// Sends a decision that two different administrators approved.
    ///
    /// # Errors
    /// [`ClientError::Refused`] with reason `ApprovalsMissing` or `CaseClosed`; otherwise as every call.
    pub async fn decide_case(
        &self,
        approvals: [Envelope; 2],
    ) -> Result<Answered<RegistryStatement>, ClientError> {
        let request = SignedRequest::from_envelope(approvals[0].clone())?;
        let other = &approvals[1];
        let response = self
            .call(&request, |mut client, connection, envelope| {
                let approvals = envelope.into_iter().chain([other.into()]).collect();
                async move { client.decide_case(connection.timed(v1::DecideCaseRequest { approvals })).await }
            })
            .await?;
        self.verified(&request, response.statement)
    }

    /// Has the service write a consistent copy of its database to a folder on its own machine, and waits for it as long as
    /// it takes. Not sent again by itself.
    ///
    /// # Errors
    /// As every call.
    pub async fn backup(&self, directory: &str, now: Timestamp) -> Result<v1::BackupSummary, ClientError> {
        let order = self.order(Change::Backup { directory: directory.to_owned() }, now)?;
        let message = v1::BackupRequest { envelope: Some(order.envelope().into()) };
        let mut steps = client(&self.0.connection).backup(message).await?.into_inner();
        while let Some(step) = steps.message().await? {
            match step.step {
                Some(Step::Summary(summary)) => return Ok(summary),
                Some(Step::Progress(progress)) => {
                    tracing::info!(files = progress.files, bytes = progress.bytes, "backup");
                }
                None => {}
            }
        }
        Err(ClientError::unanswered())
    }

    /// Has the 1:N index built anew under a new key, while searches go on in the old one.
    ///
    /// # Errors
    /// As every call.
    pub async fn renew_index(&self, now: Timestamp) -> Result<Answered<RegistryStatement>, ClientError> {
        let order = self.order(Change::RenewIndex, now)?;
        let response = self
            .call(&order, |mut client, connection, envelope| async move {
                client.renew_index(connection.timed(v1::RenewIndexRequest { envelope })).await
            })
            .await?;
        self.verified(&order, response.statement)
    }

    /// The state of the 1:N index and of imported registers.
    ///
    /// # Errors
    /// As every call.
    pub async fn index(&self, now: Timestamp) -> Result<v1::IndexState, ClientError> {
        let query = self.query(RegistryAsk::Index, now)?;
        let response = self
            .call(&query, |mut client, connection, envelope| async move {
                client.get_index(connection.timed(v1::GetIndexRequest { envelope })).await
            })
            .await?;
        let missing = || ClientError::malformed_answer(FieldViolation::malformed("state", "is required"));
        response.state.ok_or_else(missing)
    }

    /// A page of pairs of an imported register who may be one person, and the token of the next page (empty after the
    /// last). The first page has the empty token; `size` 0 means 100, and 1,000 is the most.
    ///
    /// # Errors
    /// As every call.
    pub async fn findings(
        &self,
        import: u32,
        page_token: &str,
        size: u32,
        now: Timestamp,
    ) -> Result<(Vec<v1::Finding>, String), ClientError> {
        let page = Page::new(size, page_token).map_err(ClientError::Request)?;
        let query = self.query(RegistryAsk::Findings { import, page }, now)?;
        let response = self
            .call(&query, |mut client, connection, envelope| async move {
                client.list_findings(connection.timed(v1::ListFindingsRequest { envelope })).await
            })
            .await?;
        Ok((response.findings, response.next_page_token))
    }

    fn order(&self, change: Change, now: Timestamp) -> Result<SignedRequest, ClientError> {
        let header = self.0.live_header("administration", now)?;
        let request_id = header.request_id();
        let payload = encode_registry_change(&RegistryOrder { header, change });
        Ok(self.0.sign(payload_type::REGISTRY_CHANGE, payload, request_id))
    }

    fn query(&self, ask: RegistryAsk, now: Timestamp) -> Result<SignedRequest, ClientError> {
        let header = self.0.live_header("administration", now)?;
        let request_id = header.request_id();
        let payload = encode_registry_query(&RegistryQuery { header, ask });
        Ok(self.0.sign(payload_type::REGISTRY_QUERY, payload, request_id))
    }

    /// Sends the same signed bytes until they are answered or the schedule of retries ends.
    async fn call<T, C, F>(&self, request: &SignedRequest, mut rpc: C) -> Result<T, ClientError>
    where
        C: FnMut(RegistryServiceClient<Channel>, Connection, Option<WireEnvelope>) -> F,
        F: Future<Output = Result<Response<T>, tonic::Status>>,
    {
        let connection = &self.0.connection;
        let answer = self.0.retry.run(connection.allowance(), || {
            let answer = rpc(client(connection), connection.clone(), Some(request.envelope().into()));
            async move { answer.await.map(Response::into_inner).map_err(ClientError::from) }
        });
        answer.await
    }

    fn verified(
        &self,
        request: &SignedRequest,
        statement: Option<WireEnvelope>,
    ) -> Result<Answered<RegistryStatement>, ClientError> {
        let answer = envelope::required(statement, "statement").map_err(ClientError::malformed_answer)?;
        let statement =
            verify::registry(request.envelope(), &answer, &self.0.trust).map_err(ClientError::Answer)?;
        Ok(Answered { statement, envelope: answer })
    }
}

fn client(connection: &Connection) -> RegistryServiceClient<Channel> {
    RegistryServiceClient::new(connection.channel()).max_decoding_message_size(MAX_ANSWER_BYTES)
}
