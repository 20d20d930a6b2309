//! The counters that every commit carries.

use plinth_identity::id::{CaseId, LogPosition, Sequence};

use crate::fields::{FieldReader, FieldWriter};

const FORMAT: u8 = 1;

/// Where the store stands: written in the same batch as the rows that it counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Head {
    /// Number of commits so far; a new store has 0.
    pub commits: u64,
    /// The sequence number that the next gallery row gets; the first is 1.
    pub next_sequence: Sequence,
    /// The position that the next log leaf gets; the first is 1.
    pub next_log_position: LogPosition,
    /// The number that the next adjudication case gets; the first is 1.
    pub next_case: CaseId,
    /// People who can be found by their fingers: holders of a number and people waiting for a decision.
    pub gallery: u64,
    /// People who hold a number.
    pub identities: u64,
}

impl Head {
    /// The head of a new store.
    pub(crate) fn genesis() -> Self {
        Self {
            commits: 0,
            next_sequence: Sequence::new(1),
            next_log_position: LogPosition::new(1),
            next_case: CaseId::new(1),
            gallery: 0,
            identities: 0,
        }
    }

    /// The position of the last log leaf; 0 while the log is empty.
    #[must_use]
    pub fn last_log_position(&self) -> LogPosition {
        LogPosition::new(self.next_log_position.get().saturating_sub(1))
    }

    /// Format byte 1, then the six counters in the order of the fields, u64 each.
    pub(crate) fn encode(&self) -> Vec<u8> {
        FieldWriter::new(FORMAT)
            .number(self.commits)
            .number(self.next_sequence.get())
            .number(self.next_log_position.get())
            .number(self.next_case.get())
            .number(self.gallery)
            .number(self.identities)
            .finish()
    }

    pub(crate) fn decode(bytes: &[u8]) -> Result<Self, &'static str> {
        let mut fields = FieldReader::new(bytes, FORMAT)?;
        let head = Self {
            commits: fields.number("commits")?,
            next_sequence: Sequence::new(fields.number("next sequence")?),
            next_log_position: LogPosition::new(fields.number("next log position")?),
            next_case: CaseId::new(fields.number("next case")?),
            gallery: fields.number("gallery")?,
            identities: fields.number("identities")?,
        };
        fields.finish()?;
        Ok(head)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_head_has_these_bytes() {
        let head = Head {
            commits: 0x0102,
            next_sequence: Sequence::new(0x0304),
            next_log_position: LogPosition::new(0x0506),
            next_case: CaseId::new(0x0708),
            gallery: 0x090a,
            identities: 0x0b0c,
        };
        let expected = [
            &[1][..],                        // format
            &[0, 0, 0, 0, 0, 0, 0x01, 0x02], // commits
            &[0, 0, 0, 0, 0, 0, 0x03, 0x04], // next sequence
            &[0, 0, 0, 0, 0, 0, 0x05, 0x06], // next log position
            &[0, 0, 0, 0, 0, 0, 0x07, 0x08], // next case
            &[0, 0, 0, 0, 0, 0, 0x09, 0x0a], // gallery
            &[0, 0, 0, 0, 0, 0, 0x0b, 0x0c], // identities
        ]
        .concat();
        assert_eq!(head.encode(), expected);
        assert_eq!(Head::decode(&expected), Ok(head));
    }

    #[test]
    fn a_head_with_a_byte_too_many_or_too_few_is_refused() {
        let bytes = Head::genesis().encode();
        for length in 0..bytes.len() {
            assert!(Head::decode(&bytes[..length]).is_err());
        }
        assert!(Head::decode(&[&bytes[..], &[0]].concat()).is_err());
    }
}
