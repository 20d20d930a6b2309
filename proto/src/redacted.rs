//! `Debug` of the messages that hold personal data or secrets: shapes, never contents.

use std::fmt;

use crate::{authentication, enrolment, envelope, person, registry};

impl fmt::Debug for envelope::v1::Envelope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Envelope")
            .field("payload_bytes", &self.payload.len())
            .field("payload_type_bytes", &self.payload_type.len())
            .field("signatures", &self.signatures.len())
            .finish()
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
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for authentication::v1::AuthenticationRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AuthenticationRequest")
            .field("fingers", &self.fingers.len())
            .field("declared", &self.declared)
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
