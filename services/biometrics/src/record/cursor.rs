//! Reading the fields of a record one after the other.

use super::RecordError;

/// The only code that indexes into a record's bytes.
pub(super) struct Cursor<'a> {
    bytes: &'a [u8],
    offset: usize,
}

impl<'a> Cursor<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, offset: 0 }
    }

    /// Where the next field starts.
    pub(super) fn offset(&self) -> usize {
        self.offset
    }

    pub(super) fn array<const N: usize>(&mut self, field: &'static str) -> Result<[u8; N], RecordError> {
        let offset = self.offset;
        let found = self.bytes.get(offset..).and_then(<[u8]>::first_chunk::<N>);
        let found = *found.ok_or(RecordError::Truncated { field, offset })?;
        self.offset += N;
        Ok(found)
    }

    pub(super) fn u8(&mut self, field: &'static str) -> Result<u8, RecordError> {
        Ok(self.array::<1>(field)?[0])
    }

    pub(super) fn u16(&mut self, field: &'static str) -> Result<u16, RecordError> {
        Ok(u16::from_be_bytes(self.array(field)?))
    }

    pub(super) fn u32(&mut self, field: &'static str) -> Result<u32, RecordError> {
        Ok(u32::from_be_bytes(self.array(field)?))
    }

    pub(super) fn skip(&mut self, count: usize, field: &'static str) -> Result<(), RecordError> {
        if self.bytes.len() - self.offset < count {
            return Err(RecordError::Truncated { field, offset: self.offset });
        }
        self.offset += count;
        Ok(())
    }

    /// The four bytes of format identifier and the four of the version, which the caller has looked at already.
    pub(super) fn skip_signature(&mut self) -> Result<(), RecordError> {
        self.skip(4, "format identifier")?;
        self.skip(4, "version")
    }

    /// Every byte of a record has to belong to it.
    pub(super) fn finish(self) -> Result<(), RecordError> {
        match self.bytes.len() - self.offset {
            0 => Ok(()),
            bytes => Err(RecordError::Trailing { offset: self.offset, bytes }),
        }
    }
}
