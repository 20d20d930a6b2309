//! What anyone may know of this deployment, signed.

use plinth_identity::dsse::payload_type;
use plinth_identity::statement::{ServiceInfo, ServiceLimits};
use plinth_proto::convert::evidence::encode_service_info;
use plinth_proto::evidence::v1::evidence_service_server::EvidenceService;
use plinth_proto::evidence::v1::{GetServiceInfoRequest, GetServiceInfoResponse};
use tonic::{Request, Response, Status};

use crate::core::{Core, Door};
use crate::refusal::Refusal;

/// The gRPC face of public evidence.
pub(crate) struct Evidence(pub(crate) Door);

#[tonic::async_trait]
impl EvidenceService for Evidence {
    async fn get_service_info(
        &self,
        _: Request<GetServiceInfoRequest>,
    ) -> Result<Response<GetServiceInfoResponse>, Status> {
        let core = self.0.core()?;
        let info = describe(&core)?;
        let payload = encode_service_info(&info);
        let statement = core.keys().statement_key().sign(payload_type::SERVICE_INFO, payload);
        Ok(Response::new(GetServiceInfoResponse { info: Some((&statement).into()) }))
    }
}

fn describe(core: &Core) -> Result<ServiceInfo, Refusal> {
    let keys = core.keys();
    let live = core.config.live();
    Ok(ServiceInfo {
        issuer: keys.deployment(),
        time: core.now()?,
        key_epoch: keys.epoch(),
        keys: vec![keys.statement_key().public()],
        delivery_key: keys.delivery_key().public(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        limits: ServiceLimits {
            max_fingers: 10,
            max_message_bytes: u64::try_from(core.config.limits.message_bytes).unwrap_or(u64::MAX),
            live_window_ms: live.max_age_ms,
            max_ahead_ms: live.max_ahead_ms,
            buffered_window_ms: core.config.buffered().max_age_ms,
        },
    })
}
