//! What is wrong with one field of a request.

use std::fmt;

use crate::reason::Reason;

/// A field that was refused, and why.
///
/// The description says what the field must be; it never repeats what was sent, because that may be a name, a
/// number or a template.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FieldViolation {
    /// Path from the root of the message, for example `fingers[3].record`. Empty while the value does not
    /// know where it stands; see [`FieldViolation::at`].
    pub field: String,
    /// The reason code that goes with it.
    pub reason: Reason,
    /// What the field must be, as a sentence fragment: "must be 12 digits".
    pub description: String,
}

impl FieldViolation {
    /// A violation of `field`, or of the value itself if `field` is empty.
    #[must_use]
    pub fn new(field: impl Into<String>, reason: Reason, description: impl Into<String>) -> Self {
        Self { field: field.into(), reason, description: description.into() }
    }

    /// [`Reason::Malformed`] at a field.
    #[must_use]
    pub fn malformed(field: impl Into<String>, description: impl Into<String>) -> Self {
        Self::new(field, Reason::Malformed, description)
    }

    /// The same violation seen from one level further out: `record` at `fingers[3]` is `fingers[3].record`.
    #[must_use]
    pub fn at(mut self, prefix: &str) -> Self {
        self.field = match (prefix.is_empty(), self.field.is_empty()) {
            (true, _) => self.field,
            (false, true) => prefix.to_owned(),
            (false, false) if self.field.starts_with('[') => format!("{prefix}{}", self.field),
            (false, false) => format!("{prefix}.{}", self.field),
        };
        self
    }
}

impl fmt::Display for FieldViolation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let field = if self.field.is_empty() { "value" } else { &self.field };
        write!(f, "{field}: {} ({} {})", self.description, self.reason.code(), self.reason.name())
    }
}

impl std::error::Error for FieldViolation {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_grows_from_the_inside_out() {
        let inner = FieldViolation::malformed("", "must be an ISO record")
            .at("record")
            .at("[3]")
            .at("fingers")
            .at("");
        assert_eq!(inner.field, "fingers[3].record");
        assert_eq!(inner.to_string(), "fingers[3].record: must be an ISO record (510 MALFORMED)");
    }
}
