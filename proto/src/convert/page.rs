use plinth_identity::field::FieldViolation;

/// Which page of a listing: how many entries at most, and where it begins.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page {
    size: u32,
    token: String,
}

impl Page {
    /// Entries of a page when the request does not say.
    pub const DEFAULT_SIZE: u32 = 100;
    /// Entries of a page at most; more are asked for in vain.
    pub const MAX_SIZE: u32 = 1_000;
    /// Bytes of a page token at most.
    pub const MAX_TOKEN_BYTES: usize = 256;

    /// A page of `size` entries (0: [`Self::DEFAULT_SIZE`]; above [`Self::MAX_SIZE`]: that many) after `token`
    /// (empty: from the beginning).
    ///
    /// # Errors
    ///
    /// `page_token` is malformed when it is longer than [`Self::MAX_TOKEN_BYTES`].
    pub fn new(size: u32, token: &str) -> Result<Self, FieldViolation> {
        if token.len() > Self::MAX_TOKEN_BYTES {
            return Err(FieldViolation::malformed(
                "page_token",
                format!("must be at most {} bytes", Self::MAX_TOKEN_BYTES),
            ));
        }
        let size = if size == 0 { Self::DEFAULT_SIZE } else { size.min(Self::MAX_SIZE) };
        Ok(Self { size, token: token.to_owned() })
    }

    /// Entries at most, 1 to [`Self::MAX_SIZE`].
    #[must_use]
    pub fn size(&self) -> u32 {
        self.size
    }

    /// The `next_page_token` of the page before; empty for the first page.
    #[must_use]
    pub fn token(&self) -> &str {
        &self.token
    }
}
