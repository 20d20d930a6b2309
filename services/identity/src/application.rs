//! An application for enrolment.

use crate::demographics::Demographics;
use crate::field::FieldViolation;
use crate::request::RequestHeader;
use crate::time::Timestamp;

pub use crate::fingers::{FingerPosition, FingerSample, Fingers};

/// An agency's application to enrol one person. Only [`Application::new`] makes one.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Application {
    /// Who asks, and when.
    pub header: RequestHeader,
    /// Who the person is.
    pub demographics: Demographics,
    /// The person's fingers.
    pub fingers: Fingers,
    /// The agency's name of the station: at most 32 characters, none of them a control character; may be
    /// empty.
    pub station: String,
    /// The agency's name of the operator, by the same rule.
    pub operator: String,
}

impl Application {
    /// Longest name of a station or operator in characters.
    pub const MAX_LABEL_CHARS: usize = 32;

    /// Checks and keeps the parts.
    ///
    /// # Errors
    /// [`Reason::BadDate`](crate::reason::Reason::BadDate) at `demographics.date_of_birth` if the person was born
    /// after the request was issued; [`Reason::Malformed`](crate::reason::Reason::Malformed) at `station` or
    /// `operator`.
    pub fn new(
        header: RequestHeader,
        demographics: Demographics,
        fingers: Fingers,
        station: String,
        operator: String,
    ) -> Result<Self, FieldViolation> {
        check_born(&demographics, header.issued_at())?;
        for (field, text) in [("station", &station), ("operator", &operator)] {
            if text.chars().count() > Self::MAX_LABEL_CHARS || text.chars().any(char::is_control) {
                let description = "must be at most 32 characters without control characters";
                return Err(FieldViolation::malformed(field, description));
            }
        }
        Ok(Self { header, demographics, fingers, station, operator })
    }
}

fn check_born(demographics: &Demographics, at: Timestamp) -> Result<(), FieldViolation> {
    demographics
        .date_of_birth
        .check_not_future(at)
        .map_err(|violation| violation.at("demographics.date_of_birth"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::demographics::{DateOfBirth, Gender, Name};
    use crate::id::{DeploymentId, Nonce, PartyId, RequestId};
    use crate::reason::Reason;
    use plinth_biometrics::synthetic::SyntheticPerson;

    fn application(born: &str, station: &str) -> Result<Application, FieldViolation> {
        let issued = Timestamp::parse("2025-06-01T00:00:00Z").unwrap();
        let header = RequestHeader::new(
            DeploymentId::from_bytes([1; 16]),
            PartyId::parse("post").unwrap(),
            "",
            RequestId::from_bytes([2; 16]),
            Nonce::from_bytes([3; 16]),
            issued,
            issued.plus_millis(1),
        )?;
        let demographics = Demographics {
            name: Name::parse("Ada").unwrap(),
            date_of_birth: DateOfBirth::parse(born).unwrap(),
            gender: Gender::Female,
            phone: None,
            email: None,
            address: None,
        };
        let record = SyntheticPerson::new(1, 1).capture(FingerPosition::RightIndex, 0).encode();
        let fingers = Fingers::new(vec![FingerSample { position: FingerPosition::Unknown, record }])?;
        Application::new(header, demographics, fingers, station.to_owned(), String::new())
    }

    #[test]
    fn nobody_is_born_after_the_request_was_issued() {
        assert!(application("2025-06-01", "").is_ok());
        let violation = application("2025-06-02", "").unwrap_err();
        assert_eq!(
            (violation.field.as_str(), violation.reason),
            ("demographics.date_of_birth", Reason::BadDate)
        );
    }

    #[test]
    fn a_station_has_a_short_printable_name() {
        assert!(application("2000-01-01", &"é".repeat(32)).is_ok());
        for station in ["a\tb", &"é".repeat(33)] {
            assert_eq!(application("2000-01-01", station).unwrap_err().field, "station");
        }
    }
}
