//! The counters that every commit carries.

use plinth_identity::id::{CaseId, LogPosition, Sequence};
use plinth_identity::time::Timestamp;

use crate::fields::{FieldReader, FieldWriter};

const FORMAT: u8 = 2;
/// Written by format 1 of the store: without the last four fields.
const OLDEST: u8 = 1;

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
    /// The number that the next message to be delivered gets; the first is 1.
    pub next_outbox: u64,
    /// The latest time that any commit was given ([`crate::Staged::set_latest`]); 0 before the first. A clock that shows
    /// an earlier time has been set back.
    pub latest: Timestamp,
    /// Every request whose deadline is before this moment must be refused: the nonce that would tell that it was answered
    /// already may be gone ([`crate::Staged::reclaim`]). 0 until something is reclaimed; moves back only with `floor`.
    pub reclaimed: Timestamp,
    /// Every request that was issued before this moment must be refused: an operator has accepted a clock that was set
    /// back ([`crate::Staged::accept_time`]), and what was answered before is no longer told by its time. 0 before that.
    pub floor: Timestamp,
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
            next_outbox: 1,
            latest: Timestamp::from_millis(0),
            reclaimed: Timestamp::from_millis(0),
            floor: Timestamp::from_millis(0),
        }
    }

    /// The position of the last log leaf; 0 while the log is empty.
    #[must_use]
    pub fn last_log_position(&self) -> LogPosition {
        LogPosition::new(self.next_log_position.get().saturating_sub(1))
    }

    /// The same head after a commit at a time.
    pub(crate) fn at(mut self, now: Option<Timestamp>) -> Self {
        self.latest = self.latest.max(now.unwrap_or(self.latest));
        self
    }

    /// Format byte 2, then the ten fields in their order, u64 each, moments in milliseconds.
    pub(crate) fn encode(&self) -> Vec<u8> {
        FieldWriter::new(FORMAT)
            .number(self.commits)
            .number(self.next_sequence.get())
            .number(self.next_log_position.get())
            .number(self.next_case.get())
            .number(self.gallery)
            .number(self.identities)
            .number(self.next_outbox)
            .number(self.latest.millis())
            .number(self.reclaimed.millis())
            .number(self.floor.millis())
            .finish()
    }

    /// Reads either format. A head of format 1 is as if no message had ever been sent and nothing reclaimed.
    pub(crate) fn decode(bytes: &[u8]) -> Result<Self, &'static str> {
        let (format, mut fields) = FieldReader::of_any(bytes, OLDEST..=FORMAT)?;
        let mut head = Self {
            commits: fields.number("commits")?,
            next_sequence: Sequence::new(fields.number("next sequence")?),
            next_log_position: LogPosition::new(fields.number("next log position")?),
            next_case: CaseId::new(fields.number("next case")?),
            gallery: fields.number("gallery")?,
            identities: fields.number("identities")?,
            ..Self::genesis()
        };
        if format > OLDEST {
            head.next_outbox = fields.number("next outbox")?;
            head.latest = Timestamp::from_millis(fields.number("latest")?);
            head.reclaimed = Timestamp::from_millis(fields.number("reclaimed")?);
            head.floor = Timestamp::from_millis(fields.number("floor")?);
        }
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
            next_outbox: 0x0d0e,
            latest: Timestamp::from_millis(0x0f10),
            reclaimed: Timestamp::from_millis(0x1112),
            floor: Timestamp::from_millis(0x1314),
        };
        let expected = [
            &[2][..],                        // format
            &[0, 0, 0, 0, 0, 0, 0x01, 0x02], // commits
            &[0, 0, 0, 0, 0, 0, 0x03, 0x04], // next sequence
            &[0, 0, 0, 0, 0, 0, 0x05, 0x06], // next log position
            &[0, 0, 0, 0, 0, 0, 0x07, 0x08], // next case
            &[0, 0, 0, 0, 0, 0, 0x09, 0x0a], // gallery
            &[0, 0, 0, 0, 0, 0, 0x0b, 0x0c], // identities
            &[0, 0, 0, 0, 0, 0, 0x0d, 0x0e], // next outbox
            &[0, 0, 0, 0, 0, 0, 0x0f, 0x10], // latest
            &[0, 0, 0, 0, 0, 0, 0x11, 0x12], // reclaimed
            &[0, 0, 0, 0, 0, 0, 0x13, 0x14], // floor
        ]
        .concat();
        assert_eq!(head.encode(), expected);
        assert_eq!(Head::decode(&expected), Ok(head));
    }

    #[test]
    fn a_head_of_the_first_format_is_read_as_one_that_has_reclaimed_nothing() {
        let head = Head { commits: 3, gallery: 2, ..Head::genesis() };
        let mut bytes = head.encode();
        bytes[0] = 1;
        bytes.truncate(1 + 6 * 8);
        assert_eq!(Head::decode(&bytes), Ok(head));
        assert!(Head::decode(&[&bytes[..], &[0; 32]].concat()).is_err());
        assert!(Head::decode(&bytes[..bytes.len() - 1]).is_err());
        bytes[0] = 3;
        assert!(Head::decode(&bytes).is_err());
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
