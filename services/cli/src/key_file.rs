//! Key files: private keys that only their owner can read, public keys for everyone.

use std::fs::{File, OpenOptions};
use std::io::Write as _;
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};
use data_encoding::BASE64;
use plinth_identity::dsse::{PublicKey, SigningKey};
use plinth_identity::sealing::EncryptionKey;

const OWNER_ONLY: u32 = 0o600;
const EVERYONE_READS: u32 = 0o644;

/// What the text of a public encryption key begins with; its 32 bytes follow in base64.
const PUBLIC_ENCRYPTION_LABEL: &str = "plinth-encryption-public-key-1";

/// Writes a private key to `path`, which must not exist, and its public key to `path` with `.pub` appended. Both are
/// durable on return. Returns the path of the public key.
pub(crate) fn write_pair(path: &Path, key: &SigningKey) -> anyhow::Result<PathBuf> {
    let public = beside(path);
    write_new(path, key.to_pem()?.as_bytes(), OWNER_ONLY)?;
    write_public(&public, &key.public())?;
    Ok(public)
}

/// Writes a private encryption key to `path` and its public key beside it, as [`write_pair`] does.
pub(crate) fn write_encryption_pair(path: &Path, key: &EncryptionKey) -> anyhow::Result<PathBuf> {
    let public = beside(path);
    write_new(path, key.to_text().as_bytes(), OWNER_ONLY)?;
    let text = format!("{PUBLIC_ENCRYPTION_LABEL} {}\n", BASE64.encode(&key.public()));
    write_new(&public, text.as_bytes(), EVERYONE_READS)?;
    Ok(public)
}

/// Writes a public key to a file that must not exist.
pub(crate) fn write_public(path: &Path, key: &PublicKey) -> anyhow::Result<()> {
    write_new(path, key.to_pem()?.as_bytes(), EVERYONE_READS)
}

/// Reads a private key.
pub(crate) fn read_private(path: &Path) -> anyhow::Result<SigningKey> {
    let text = read(path)?;
    warn_if_others_may_read(path);
    SigningKey::from_pem(&text).with_context(|| {
        format!(
            "{} is not an Ed25519 private key (PKCS#8 PEM); make one with `plinth keygen`",
            path.display()
        )
    })
}

/// Reads a public key.
pub(crate) fn read_public(path: &Path) -> anyhow::Result<PublicKey> {
    let text = read(path)?;
    if text.contains("PRIVATE KEY") {
        bail!("{} is a private key; give the public one, which ends in .pub", path.display());
    }
    PublicKey::from_pem(&text)
        .with_context(|| format!("{} is not an Ed25519 public key (PEM)", path.display()))
}

/// Reads a private encryption key.
pub(crate) fn read_encryption(path: &Path) -> anyhow::Result<EncryptionKey> {
    let text = read(path)?;
    warn_if_others_may_read(path);
    EncryptionKey::parse(&text).with_context(|| {
        format!(
            "{} is not a private encryption key; make one with `plinth keygen --encryption`",
            path.display()
        )
    })
}

/// Reads a public encryption key: the 32 bytes of an X25519 public key (RFC 7748).
pub(crate) fn read_public_encryption(path: &Path) -> anyhow::Result<[u8; 32]> {
    let text = read(path)?;
    let encoded = text.trim().strip_prefix(PUBLIC_ENCRYPTION_LABEL).map(str::trim_start);
    let bytes = encoded.and_then(|encoded| BASE64.decode(encoded.as_bytes()).ok());
    bytes.and_then(|bytes| bytes.try_into().ok()).with_context(|| {
        format!(
            "{} is not a public encryption key; `plinth keygen --encryption` writes one, which ends in .pub",
            path.display()
        )
    })
}

/// Where the public half of a key goes.
fn beside(path: &Path) -> PathBuf {
    let mut public = path.as_os_str().to_owned();
    public.push(".pub");
    public.into()
}

fn read(path: &Path) -> anyhow::Result<String> {
    std::fs::read_to_string(path).with_context(|| format!("cannot read the key {}", path.display()))
}

/// Never overwrites: the key that would be lost may be the only one that a registry knows.
fn write_new(path: &Path, content: &[u8], mode: u32) -> anyhow::Result<()> {
    let create = || -> std::io::Result<()> {
        let mut file = OpenOptions::new().write(true).create_new(true).mode(mode).open(path)?;
        file.write_all(content)?;
        file.sync_all()?;
        // The name is durable only once its folder is.
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
        File::open(folder.unwrap_or_else(|| Path::new(".")))?.sync_all()
    };
    create().with_context(|| format!("cannot write {}; keys are written to new files only", path.display()))
}

fn warn_if_others_may_read(path: &Path) {
    let mode = std::fs::metadata(path).map(|file| file.permissions().mode()).unwrap_or(OWNER_ONLY);
    if mode & 0o077 != 0 {
        tracing::warn!(file = %path.display(), "other users of this machine may read this private key: chmod 600 it");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key() -> SigningKey {
        SigningKey::from_seed([7; 32])
    }

    #[test]
    fn a_pair_reads_as_it_was_written_and_only_its_owner_reads_the_private_half() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("agency.pem");
        let public = write_pair(&path, &key()).unwrap();
        assert_eq!(read_private(&path).unwrap().public().to_bytes(), key().public().to_bytes());
        assert_eq!(read_public(&public).unwrap().to_bytes(), key().public().to_bytes());
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, OWNER_ONLY);
    }

    #[test]
    fn a_key_is_never_overwritten() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("agency.pem");
        write_pair(&path, &key()).unwrap();
        assert!(write_pair(&path, &SigningKey::from_seed([8; 32])).is_err());
        assert_eq!(read_private(&path).unwrap().public().to_bytes(), key().public().to_bytes());
    }

    #[test]
    fn an_encryption_pair_reads_as_it_was_written_and_its_halves_are_not_mistaken() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("reading.key");
        let key = EncryptionKey::generate(&mut rand::make_rng::<rand::rngs::StdRng>());
        let public = write_encryption_pair(&path, &key).unwrap();
        assert_eq!(read_encryption(&path).unwrap().public(), key.public());
        assert_eq!(read_public_encryption(&public).unwrap(), key.public());
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, OWNER_ONLY);
        assert!(read_public_encryption(&path).is_err());
        assert!(read_encryption(&public).is_err());
    }

    #[test]
    fn a_private_key_given_for_a_public_one_is_named_as_such() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("agency.pem");
        write_pair(&path, &key()).unwrap();
        let error = read_public(&path).err().map(|error| error.to_string()).unwrap_or_default();
        assert!(error.contains("is a private key"), "{error}");
    }
}
