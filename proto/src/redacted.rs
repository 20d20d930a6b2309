//! `Debug` of the messages that hold personal data or secrets: shapes, never contents.

use std::fmt;

use crate::{authentication, enrolment, envelope, person, register, registry, resident};

impl fmt::Debug for envelope::v1::Envelope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Envelope")
            .field("payload_bytes", &self.payload.len())
            .field("payload_type_bytes", &self.payload_type.len())
            .field("signatures", &self.signatures.len())
            .finish()
    }
}

impl fmt::Debug for envelope::v1::BatchSigned {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BatchSigned").field("payload_bytes", &self.payload.len()).finish_non_exhaustive()
    }
}

impl fmt::Debug for authentication::v1::RequestBatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RequestBatch").field("payloads", &self.payloads.len()).finish_non_exhaustive()
    }
}

impl fmt::Debug for authentication::v1::StatementLeaf {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StatementLeaf")
            .field("payload_bytes", &self.payload.len())
            .field("leaf_index", &self.leaf_index)
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for person::v1::FingerSample {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FingerSample")
            .field("position", &self.position)
            .field("record_bytes", &self.record.len())
            .finish()
    }
}

impl fmt::Debug for person::v1::IrisSample {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("IrisSample")
            .field("eye", &self.eye)
            .field("template_bytes", &self.template.len())
            .finish()
    }
}

impl fmt::Debug for person::v1::FaceSample {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FaceSample").field("template_bytes", &self.template.len()).finish()
    }
}

impl fmt::Debug for person::v1::Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Address").finish_non_exhaustive()
    }
}

impl fmt::Debug for person::v1::Demographics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Demographics").finish_non_exhaustive()
    }
}

impl fmt::Debug for enrolment::v1::EnrolmentStatement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EnrolmentStatement")
            .field("agency", &self.agency)
            .field("outcome", &self.outcome)
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for authentication::v1::DemographicClaim {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DemographicClaim")
            .field("name", &self.name.is_some())
            .field("date_of_birth", &self.date_of_birth.is_some())
            .field("phone", &self.phone.is_some())
            .field("email", &self.email.is_some())
            .field("address", &self.address.is_some())
            .field("full_address", &self.full_address.is_some())
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for authentication::v1::DeliveredCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DeliveredCode").finish_non_exhaustive()
    }
}

impl fmt::Debug for authentication::v1::OneTimeCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OneTimeCode").field("kind", &self.kind).finish()
    }
}

impl fmt::Debug for authentication::v1::one_time_code::Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Delivered(_) => "Delivered",
            Self::Totp(_) => "Totp",
        })
    }
}

impl fmt::Debug for authentication::v1::AuthenticationRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AuthenticationRequest")
            .field("fingers", &self.fingers.len())
            .field("irises", &self.irises.len())
            .field("faces", &self.faces.len())
            .field("declared", &self.declared)
            .field("buffered", &self.buffered)
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for authentication::v1::AuthenticationStatement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AuthenticationStatement")
            .field("relying_party", &self.relying_party)
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for authentication::v1::OtpRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OtpRequest").field("channels", &self.channels).finish_non_exhaustive()
    }
}

impl fmt::Debug for authentication::v1::Consent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Consent").field("text_bytes", &self.text.len()).finish_non_exhaustive()
    }
}

impl fmt::Debug for authentication::v1::PersonRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PersonRequest").field("attributes", &self.attributes).finish_non_exhaustive()
    }
}

impl fmt::Debug for authentication::v1::PersonStatement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PersonStatement").field("relying_party", &self.relying_party).finish_non_exhaustive()
    }
}

impl fmt::Debug for authentication::v1::PersonAttributes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PersonAttributes").finish_non_exhaustive()
    }
}

impl fmt::Debug for resident::v1::ResidentRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ResidentRequest").field("action", &self.action).finish_non_exhaustive()
    }
}

impl fmt::Debug for resident::v1::resident_request::Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::CreateVirtualNumber(_) => "CreateVirtualNumber",
            Self::RevokeVirtualNumber(_) => "RevokeVirtualNumber",
            Self::SetLocks(_) => "SetLocks",
            Self::CreateTotp(_) => "CreateTotp",
            Self::RemoveTotp(_) => "RemoveTotp",
            Self::ReadHistory(_) => "ReadHistory",
        })
    }
}

impl fmt::Debug for resident::v1::VirtualNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("VirtualNumber").finish_non_exhaustive()
    }
}

impl fmt::Debug for resident::v1::Totp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Totp").finish_non_exhaustive()
    }
}

impl fmt::Debug for resident::v1::HistoryEntry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HistoryEntry").field("log_position", &self.log_position).finish_non_exhaustive()
    }
}

impl fmt::Debug for resident::v1::ResidentStatement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ResidentStatement").field("agent", &self.agent).finish_non_exhaustive()
    }
}

impl fmt::Debug for resident::v1::resident_statement::Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Which outcome it is, is known to whoever asked; what is in it, to them alone.
        f.write_str(match self {
            Self::VirtualNumber(_) => "VirtualNumber",
            Self::VirtualNumberRevoked(_) => "VirtualNumberRevoked",
            Self::Locks(_) => "Locks",
            Self::Totp(_) => "Totp",
            Self::TotpRemoved(_) => "TotpRemoved",
            Self::History(_) => "History",
        })
    }
}

impl fmt::Debug for registry::v1::CaseVerdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CaseVerdict").field("decision", &self.decision).finish_non_exhaustive()
    }
}

impl fmt::Debug for registry::v1::CaseDecision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CaseDecision")
            .field("case_id", &self.case_id)
            .field("decision", &self.decision)
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for register::v1::RegisterRecord {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RegisterRecord").field("fingers", &self.fingers.len()).finish_non_exhaustive()
    }
}
