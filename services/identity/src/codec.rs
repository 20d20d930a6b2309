//! How domain records become bytes and back.
//!
//! Every record begins with a format byte. Integers are big-endian, texts and byte strings carry a 32-bit
//! length, an option is a byte 0 or a byte 1 and the value, lists carry a 16-bit count. Nothing may be left
//! over. The layout of each record stands at its `encode`.

use crate::id::PartyId;

/// Bytes that are not a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{record}.{field}: {problem}")]
pub struct DecodeError {
    /// The kind of record, for example `party`.
    pub record: &'static str,
    /// The field where reading stopped.
    pub field: &'static str,
    /// What is wrong there.
    pub problem: DecodeProblem,
}

/// What is wrong with a field of a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum DecodeProblem {
    /// The bytes end within the field.
    #[error("the bytes end here")]
    Truncated,
    /// Bytes follow the last field.
    #[error("bytes follow the last field")]
    Trailing,
    /// A format that this version does not know.
    #[error("format {0} is not known to this version")]
    Format(u8),
    /// A value that the field cannot have.
    #[error("the value is not allowed")]
    Value,
}

/// Writes a record.
pub(crate) struct Writer(Vec<u8>);

impl Writer {
    /// Starts a record of a format. Records hold secrets, so the buffer is made large enough not to be copied
    /// while it grows.
    pub(crate) fn new(format: u8, capacity: usize) -> Self {
        let mut bytes = Vec::with_capacity(capacity.saturating_add(1));
        bytes.push(format);
        Self(bytes)
    }

    pub(crate) fn u8(&mut self, value: u8) -> &mut Self {
        self.0.push(value);
        self
    }

    pub(crate) fn u16(&mut self, value: u16) -> &mut Self {
        self.array(&value.to_be_bytes())
    }

    pub(crate) fn u32(&mut self, value: u32) -> &mut Self {
        self.array(&value.to_be_bytes())
    }

    pub(crate) fn u64(&mut self, value: u64) -> &mut Self {
        self.array(&value.to_be_bytes())
    }

    /// A byte that is 0 or 1.
    pub(crate) fn flag(&mut self, value: bool) -> &mut Self {
        self.u8(u8::from(value))
    }

    /// Bytes whose length the format fixes.
    pub(crate) fn array<const N: usize>(&mut self, value: &[u8; N]) -> &mut Self {
        self.0.extend_from_slice(value);
        self
    }

    /// A length and the bytes. Beyond 4 GiB, which no record that exists can hold, the rest is dropped and
    /// the record does not decode.
    pub(crate) fn bytes(&mut self, value: &[u8]) -> &mut Self {
        self.u32(u32::try_from(value.len()).unwrap_or(u32::MAX));
        self.0.extend_from_slice(value);
        self
    }

    pub(crate) fn text(&mut self, value: &str) -> &mut Self {
        self.bytes(value.as_bytes())
    }

    /// A count and every item. More than 65,535 items, which no record that exists can hold, do not decode.
    pub(crate) fn list<T>(&mut self, items: &[T], mut write: impl FnMut(&mut Self, &T)) -> &mut Self {
        self.u16(u16::try_from(items.len()).unwrap_or(u16::MAX));
        for item in items {
            write(self, item);
        }
        self
    }

    /// A byte 0, or a byte 1 and the value.
    pub(crate) fn option<T>(&mut self, value: Option<T>, write: impl FnOnce(&mut Self, T)) -> &mut Self {
        self.flag(value.is_some());
        if let Some(value) = value {
            write(self, value);
        }
        self
    }

    pub(crate) fn finish(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.0)
    }
}

/// Reads a record; every step names the field it reads.
pub(crate) struct Reader<'a> {
    record: &'static str,
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    /// Starts a record and checks its format byte.
    pub(crate) fn new(record: &'static str, format: u8, bytes: &'a [u8]) -> Result<Self, DecodeError> {
        Self::one_of(record, &[format], bytes).map(|(reader, _)| reader)
    }

    /// Starts a record that may have any of several formats, and says which one it has.
    pub(crate) fn one_of(
        record: &'static str,
        formats: &[u8],
        bytes: &'a [u8],
    ) -> Result<(Self, u8), DecodeError> {
        let mut reader = Self { record, rest: bytes };
        let found = reader.u8("format")?;
        if formats.contains(&found) {
            Ok((reader, found))
        } else {
            Err(reader.error("format", DecodeProblem::Format(found)))
        }
    }

    pub(crate) fn u8(&mut self, field: &'static str) -> Result<u8, DecodeError> {
        self.array::<1>(field).map(|[byte]| byte)
    }

    pub(crate) fn u16(&mut self, field: &'static str) -> Result<u16, DecodeError> {
        self.array(field).map(u16::from_be_bytes)
    }

    pub(crate) fn u32(&mut self, field: &'static str) -> Result<u32, DecodeError> {
        self.array(field).map(u32::from_be_bytes)
    }

    pub(crate) fn u64(&mut self, field: &'static str) -> Result<u64, DecodeError> {
        self.array(field).map(u64::from_be_bytes)
    }

    pub(crate) fn array<const N: usize>(&mut self, field: &'static str) -> Result<[u8; N], DecodeError> {
        let (head, rest) =
            self.rest.split_first_chunk::<N>().ok_or_else(|| self.error(field, DecodeProblem::Truncated))?;
        self.rest = rest;
        Ok(*head)
    }

    /// A length and that many bytes.
    pub(crate) fn bytes(&mut self, field: &'static str) -> Result<&'a [u8], DecodeError> {
        let length = usize::try_from(self.u32(field)?).unwrap_or(usize::MAX);
        let (head, rest) =
            self.rest.split_at_checked(length).ok_or_else(|| self.error(field, DecodeProblem::Truncated))?;
        self.rest = rest;
        Ok(head)
    }

    pub(crate) fn text(&mut self, field: &'static str) -> Result<&'a str, DecodeError> {
        let bytes = self.bytes(field)?;
        std::str::from_utf8(bytes).map_err(|_| self.value(field))
    }

    pub(crate) fn party(&mut self, field: &'static str) -> Result<PartyId, DecodeError> {
        let text = self.text(field)?;
        PartyId::parse(text).map_err(|_| self.value(field))
    }

    /// Padding.
    pub(crate) fn zeros<const N: usize>(&mut self, field: &'static str) -> Result<(), DecodeError> {
        if self.array(field)? == [0; N] { Ok(()) } else { Err(self.value(field)) }
    }

    /// A byte that is 0 or 1.
    pub(crate) fn flag(&mut self, field: &'static str) -> Result<bool, DecodeError> {
        match self.u8(field)? {
            0 => Ok(false),
            1 => Ok(true),
            _ => Err(self.value(field)),
        }
    }

    /// What [`Writer::option`] wrote.
    pub(crate) fn option<T>(
        &mut self,
        field: &'static str,
        read: impl FnOnce(&mut Self) -> Result<T, DecodeError>,
    ) -> Result<Option<T>, DecodeError> {
        if self.flag(field)? { read(self).map(Some) } else { Ok(None) }
    }

    /// A count and that many items. Memory grows with the items that were read, never with the count that was
    /// claimed.
    pub(crate) fn list<T>(
        &mut self,
        field: &'static str,
        mut read: impl FnMut(&mut Self) -> Result<T, DecodeError>,
    ) -> Result<Vec<T>, DecodeError> {
        let count = self.u16(field)?;
        let mut items = Vec::new();
        for _ in 0..count {
            items.push(read(self)?);
        }
        Ok(items)
    }

    /// Applies a parser whose error says no more than that the value is not allowed.
    pub(crate) fn parsed<T, E>(&self, field: &'static str, value: Result<T, E>) -> Result<T, DecodeError> {
        value.map_err(|_| self.value(field))
    }

    /// Refuses bytes after the last field.
    pub(crate) fn finish(self) -> Result<(), DecodeError> {
        if self.rest.is_empty() { Ok(()) } else { Err(self.error("end", DecodeProblem::Trailing)) }
    }

    /// The error of a value that a field cannot have.
    pub(crate) fn value(&self, field: &'static str) -> DecodeError {
        self.error(field, DecodeProblem::Value)
    }

    fn error(&self, field: &'static str, problem: DecodeProblem) -> DecodeError {
        DecodeError { record: self.record, field, problem }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_kind_of_broken_bytes_names_its_field() {
        let broken = |bytes: &[u8]| -> DecodeError {
            let read = || {
                let mut reader = Reader::new("thing", 1, bytes)?;
                reader.u16("size")?;
                reader.text("label")?;
                reader.finish()
            };
            read().unwrap_err()
        };
        let error = |field, problem| DecodeError { record: "thing", field, problem };
        assert_eq!(broken(&[]), error("format", DecodeProblem::Truncated));
        assert_eq!(broken(&[2]), error("format", DecodeProblem::Format(2)));
        assert_eq!(broken(&[1, 0]), error("size", DecodeProblem::Truncated));
        assert_eq!(broken(&[1, 0, 0, 0, 0, 0, 2, b'a']), error("label", DecodeProblem::Truncated));
        assert_eq!(broken(&[1, 0, 0, 255, 255, 255, 255, b'a']), error("label", DecodeProblem::Truncated));
        assert_eq!(broken(&[1, 0, 0, 0, 0, 0, 1, 0xff]), error("label", DecodeProblem::Value));
        assert_eq!(broken(&[1, 0, 0, 0, 0, 0, 1, b'a', 0]), error("end", DecodeProblem::Trailing));
        assert_eq!(Reader::one_of("thing", &[1, 2], &[2]).map(|(_, format)| format), Ok(2));
        assert_eq!(broken(&[2]).to_string(), "thing.format: format 2 is not known to this version");
    }

    #[test]
    fn an_option_is_a_byte_and_maybe_a_value() {
        let written = |value: Option<u16>| {
            Writer::new(1, 4)
                .option(value, |writer, value| {
                    writer.u16(value);
                })
                .finish()
        };
        let read = |bytes: &[u8]| {
            let mut reader = Reader::new("thing", 1, bytes)?;
            let value = reader.option("size", |reader| reader.u16("size"))?;
            reader.finish()?;
            Ok::<_, DecodeError>(value)
        };
        assert_eq!(written(None), [1, 0]);
        assert_eq!(written(Some(5)), [1, 1, 0, 5]);
        for value in [None, Some(5)] {
            assert_eq!(read(&written(value)), Ok(value));
        }
        assert!(read(&[1, 2, 0, 5]).is_err() && read(&[1, 1, 0]).is_err() && read(&[1, 0, 0]).is_err());
    }
}
