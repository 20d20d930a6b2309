//! The byte layout of the rows that this crate itself defines: fixed order, big-endian, lengths before bytes, nothing
//! left over.

use std::ops::RangeInclusive;

/// Writes fields in order.
#[derive(Default)]
pub(crate) struct FieldWriter(Vec<u8>);

impl FieldWriter {
    /// Starts a row with its format byte.
    pub(crate) fn new(format: u8) -> Self {
        Self(vec![format])
    }

    pub(crate) fn byte(mut self, value: u8) -> Self {
        self.0.push(value);
        self
    }

    pub(crate) fn number(mut self, value: u64) -> Self {
        self.0.extend_from_slice(&value.to_be_bytes());
        self
    }

    pub(crate) fn array<const N: usize>(mut self, value: &[u8; N]) -> Self {
        self.0.extend_from_slice(value);
        self
    }

    /// A u64 length, then the bytes.
    pub(crate) fn bytes(self, value: &[u8]) -> Self {
        let mut longer = self.number(value.len() as u64);
        longer.0.extend_from_slice(value);
        longer
    }

    pub(crate) fn finish(self) -> Vec<u8> {
        self.0
    }
}

/// Reads fields in order; every method names the field that is missing.
pub(crate) struct FieldReader<'a>(&'a [u8]);

impl<'a> FieldReader<'a> {
    /// Checks the format byte.
    pub(crate) fn new(bytes: &'a [u8], format: u8) -> Result<Self, &'static str> {
        Self::of_any(bytes, format..=format).map(|(_, fields)| fields)
    }

    /// The format byte, if it is one of these formats, and the fields after it.
    pub(crate) fn of_any(bytes: &'a [u8], formats: RangeInclusive<u8>) -> Result<(u8, Self), &'static str> {
        match bytes.split_first() {
            Some((first, rest)) if formats.contains(first) => Ok((*first, Self(rest))),
            Some(_) => Err("unknown row format"),
            None => Err("empty row"),
        }
    }

    pub(crate) fn byte(&mut self, field: &'static str) -> Result<u8, &'static str> {
        self.array::<1>(field).map(|[byte]| byte)
    }

    pub(crate) fn number(&mut self, field: &'static str) -> Result<u64, &'static str> {
        self.array(field).map(u64::from_be_bytes)
    }

    pub(crate) fn array<const N: usize>(&mut self, field: &'static str) -> Result<[u8; N], &'static str> {
        let (head, rest) = self.0.split_first_chunk::<N>().ok_or(field)?;
        self.0 = rest;
        Ok(*head)
    }

    pub(crate) fn bytes(&mut self, field: &'static str) -> Result<Vec<u8>, &'static str> {
        let length = usize::try_from(self.number(field)?).map_err(|_| field)?;
        let (head, rest) = self.0.split_at_checked(length).ok_or(field)?;
        self.0 = rest;
        Ok(head.to_vec())
    }

    /// Refuses bytes after the last field.
    pub(crate) fn finish(self) -> Result<(), &'static str> {
        if self.0.is_empty() { Ok(()) } else { Err("bytes after the last field") }
    }
}
