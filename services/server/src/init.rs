//! The birth of a deployment: a root key, an empty store, two administrators. Serving never creates anything.

use std::fs::OpenOptions;
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

use plinth_identity::dsse::{PublicKey, payload_type};
use plinth_identity::id::{DeploymentId, PartyId, RequestDigest};
use plinth_identity::keys::RootKey;
use plinth_identity::party::{Party, PartyKind, PartyStatus, RelyingPartyPolicy};
use plinth_identity::statement::{RegistryChange, RegistryStatement, StatementHeader, leaf_hash};
use plinth_identity::time::Timestamp;
use plinth_proto::convert::registry::encode_registry_statement;
use plinth_storage::{Staged, StoreOptions};
use rand::Rng as _;
use rand::rngs::StdRng;

use crate::{ServeError, nonce_source};

/// How long the first administrators' keys are valid: ten years.
const ADMINISTRATORS_VALID_MS: u64 = 10 * 366 * 24 * 3_600_000;

/// What `init` made.
pub struct Initialised {
    /// The new deployment's id, the audience of every request.
    pub deployment: DeploymentId,
    /// The key that signs this deployment's statements.
    pub service_key: PublicKey,
}

/// Creates a deployment in an absent or empty `data` directory, with a new root key in `root_key`, readable by its
/// owner only, and registers its administrators: at least two, since deciding a case takes two people. Durable on
/// return.
///
/// # Errors
/// [`ServeError::File`] if the root key file exists or cannot be written; [`ServeError::Store`] if the directory is not
/// empty or cannot be used; [`ServeError::Config`] with fewer than two administrators. No key file is left behind then.
pub fn init(
    data: &Path,
    root_key: &Path,
    administrators: &[(PartyId, PublicKey)],
    now: Timestamp,
) -> Result<Initialised, ServeError> {
    if administrators.len() < 2 {
        return Err(ServeError::Config("a deployment needs at least two administrators".to_owned()));
    }
    let alike = |i: usize, j: usize| {
        administrators[i].0 == administrators[j].0 || administrators[i].1 == administrators[j].1
    };
    if (0..administrators.len()).any(|i| (0..i).any(|j| alike(i, j))) {
        return Err(ServeError::Config("every administrator needs a name and a key of their own".to_owned()));
    }
    let mut rng: StdRng = rand::make_rng();
    let root = RootKey::generate(&mut rng);
    write_secret(root_key, root.to_text().as_bytes())?;
    let made = found(data, &root, administrators, &mut rng, now);
    if made.is_err() {
        // Left behind, an orphaned key would only invite a mix-up; the error that follows is what matters.
        drop(std::fs::remove_file(root_key));
    }
    made
}

/// Has a deployment that nobody serves accept a clock that was set back: the way on after a clock that was far ahead has
/// been set right. Returns the time of the newest commit, and the moment before which requests must not have been issued;
/// nothing if the clock is not behind, and then nothing has changed.
///
/// # Errors
/// [`ServeError::Store`] if the store does not open, [`ServeError::Config`] if it cannot be written.
pub fn accept_clock(
    data: &Path,
    root_key: &Path,
    now: Timestamp,
) -> Result<Option<(Timestamp, Timestamp)>, ServeError> {
    let root = crate::read_root_key(root_key)?;
    let (reader, mut writer) = plinth_storage::open(data, &root, &StoreOptions::default(), nonce_source())?;
    let before = reader.head().latest;
    if before <= now {
        return Ok(None);
    }
    let mut staged = writer.stage();
    staged.accept_time(now);
    for done in writer.commit(staged, vec![()]).map_err(|error| ServeError::Config(error.to_string()))? {
        done.into_inner();
    }
    Ok(Some((before, reader.head().floor)))
}

/// Writes a file that only its owner may read, and refuses to replace one.
///
/// # Errors
/// [`ServeError::File`] with what the system said.
pub fn write_secret(path: &Path, bytes: &[u8]) -> Result<(), ServeError> {
    let write = || {
        let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
        file.write_all(bytes)?;
        file.sync_all()
    };
    write().map_err(|source| ServeError::File { path: path.to_owned(), source })
}

fn found(
    data: &Path,
    root: &RootKey,
    administrators: &[(PartyId, PublicKey)],
    rng: &mut StdRng,
    now: Timestamp,
) -> Result<Initialised, ServeError> {
    let deployment = DeploymentId::random(rng);
    plinth_storage::create(data, root, deployment)?;
    let (reader, mut writer) = plinth_storage::open(data, root, &StoreOptions::default(), nonce_source())?;
    let mut staged = writer.stage();
    for (id, key) in administrators {
        let party = Party {
            kind: PartyKind::Administrator,
            id: id.clone(),
            display_name: id.as_str().to_owned(),
            key: *key,
            valid_from: now,
            valid_until: now.plus_millis(ADMINISTRATORS_VALID_MS),
            status: PartyStatus::Active,
            policy: RelyingPartyPolicy::default(),
        };
        staged.put_party(&party);
        log(&mut staged, deployment, reader.keys().epoch(), &party, rng, now);
    }
    for done in writer.commit(staged, vec![()]).map_err(|error| ServeError::Config(error.to_string()))? {
        done.into_inner();
    }
    Ok(Initialised { deployment, service_key: reader.keys().statement_key().public() })
}

/// The founding of an administrator has a leaf like every later change; no request stands behind it.
fn log(
    staged: &mut Staged,
    issuer: DeploymentId,
    key_epoch: u32,
    party: &Party,
    rng: &mut StdRng,
    now: Timestamp,
) {
    let mut log_salt = [0; 16];
    rng.fill_bytes(&mut log_salt);
    let statement = RegistryStatement {
        header: StatementHeader {
            issuer,
            request: RequestDigest::from_bytes([0; 32]),
            decided_at: now,
            key_epoch,
            log_position: staged.next_log_position(),
            log_salt,
        },
        administrator: party.id.clone(),
        change: RegistryChange::Registered { kind: party.kind, id: party.id.clone() },
    };
    let leaf = leaf_hash(payload_type::REGISTRY_STATEMENT, &encode_registry_statement(&statement));
    staged.append_leaf(&leaf);
}
