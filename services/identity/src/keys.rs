//! The keys of a deployment.
//!
//! One root key, kept outside the store, gives every other key: BLAKE3's key derivation (O'Connor, Aumasson,
//! Neves, Wilcox-O'Hearn, "BLAKE3: one function, fast everywhere", section 2.3) of the root key, the
//! deployment and the epoch, under a context string that names the one purpose of the key. So two deployments
//! share no key even if they should share a root key, and no key can be used for the purpose of another.

mod root;
mod seal;

use std::fmt;

use plinth_biometrics::index::TokenKey;
use zeroize::Zeroizing;

use crate::dsse::SigningKey;
use crate::id::{DeploymentId, Nonce, PartyId, RelyingPartyToken, RequestId};
use crate::number::IdentityNumber;
use crate::party::PartyKind;
use crate::virtual_number::VirtualNumber;

pub use crate::dsse::KeyError;
pub use root::RootKey;
pub use seal::{Place, SEAL_OVERHEAD, SealError};

/// What the derived keys are for. BLAKE3 asks for context strings that are used nowhere else in the world:
/// they name the program and a date. A retired string stays reserved.
mod context {
    pub(super) const COMMITMENT: &str = "plinth 2025-11-22 root key commitment v1";
    pub(super) const STATEMENTS: &str = "plinth 2025-11-22 statement signing seed v1";
    pub(super) const NUMBER_ROWS: &str = "plinth 2025-11-22 number row v1";
    pub(super) const REQUEST_ROWS: &str = "plinth 2025-11-22 request row v1";
    pub(super) const NONCE_ROWS: &str = "plinth 2025-11-22 nonce row v1";
    pub(super) const PARTY_ROWS: &str = "plinth 2025-11-22 party row v1";
    pub(super) const PARTY_LISTS: &str = "plinth 2025-11-22 party list v1";
    pub(super) const RELYING_PARTY_TOKENS: &str = "plinth 2025-11-22 relying party token v1";
    pub(super) const DECOYS: &str = "plinth 2025-11-22 decoy v1";
    pub(super) const INDEX_TOKENS: &str = "plinth 2025-11-22 index token v1";
    pub(super) const MARK: &str = "plinth 2025-11-22 high-water mark v1";
    pub(super) const IDENTITY_SEALS: &str = "plinth 2025-11-22 identity seal v1";
    pub(super) const ROW_SEALS: &str = "plinth 2025-11-22 row seal v1";
    pub(super) const ATTEMPTS_ROWS: &str = "plinth 2025-11-22 attempts row v1";
    pub(super) const HISTORY_LISTS: &str = "plinth 2025-11-22 history list v1";
    pub(super) const OTP_ROWS: &str = "plinth 2025-11-22 one-time code row v1";
    pub(super) const VIRTUAL_ROWS: &str = "plinth 2025-11-22 virtual number row v1";
    pub(super) const QUOTA_ROWS: &str = "plinth 2025-11-22 quota row v1";
    pub(super) const DELIVERIES: &str = "plinth 2025-11-22 delivery signing seed v1";

    #[cfg(test)]
    pub(super) const ALL: [&str; 19] = [
        COMMITMENT,
        STATEMENTS,
        NUMBER_ROWS,
        REQUEST_ROWS,
        NONCE_ROWS,
        PARTY_ROWS,
        PARTY_LISTS,
        RELYING_PARTY_TOKENS,
        DECOYS,
        INDEX_TOKENS,
        MARK,
        IDENTITY_SEALS,
        ROW_SEALS,
        ATTEMPTS_ROWS,
        HISTORY_LISTS,
        OTP_ROWS,
        VIRTUAL_ROWS,
        QUOTA_ROWS,
        DELIVERIES,
    ];
}

type Key = Zeroizing<[u8; 32]>;

/// Every key of one deployment and epoch. Wiped when dropped, never shown.
///
/// # Row keys
///
/// Rows are found by 128 bits of a keyed BLAKE3 hash. Whoever does not know the key can neither compute nor
/// guess them, so a stolen table cannot be searched for a number. Two different names meet with a chance of
/// at most n^2 / 2^129: for 1.4 x 10^9 people 3 x 10^-21, for all 8 x 10^10 numbers 9 x 10^-18, for 10^13
/// requests 1.5 x 10^-13. Nobody can search for a collision without the key. Every hashed name is laid out so
/// that it can be read in one way only.
pub struct KeyRing {
    deployment: DeploymentId,
    commitment: [u8; 32],
    statements: SigningKey,
    number_rows: Key,
    request_rows: Key,
    nonce_rows: Key,
    party_rows: Key,
    party_lists: Key,
    relying_party_tokens: Key,
    decoys: Key,
    index_tokens: Key,
    mark: Key,
    identity_seals: Key,
    row_seals: Key,
    attempts_rows: Key,
    history_lists: Key,
    otp_rows: Key,
    virtual_rows: Key,
    quota_rows: Key,
    deliveries: SigningKey,
}

impl KeyRing {
    /// The one epoch there is so far.
    const EPOCH: u32 = 1;

    /// Derives all keys of a deployment.
    #[must_use]
    pub fn derive(root: &RootKey, deployment: DeploymentId) -> Self {
        let mut material = Zeroizing::new([0; 32 + 16 + 4]);
        material[..32].copy_from_slice(root.bytes());
        material[32..48].copy_from_slice(deployment.as_bytes());
        material[48..].copy_from_slice(&Self::EPOCH.to_be_bytes());
        let key = |context: &str| Zeroizing::new(blake3::derive_key(context, material.as_slice()));
        Self {
            deployment,
            commitment: *key(context::COMMITMENT),
            statements: SigningKey::from_seed(*key(context::STATEMENTS)),
            number_rows: key(context::NUMBER_ROWS),
            request_rows: key(context::REQUEST_ROWS),
            nonce_rows: key(context::NONCE_ROWS),
            party_rows: key(context::PARTY_ROWS),
            party_lists: key(context::PARTY_LISTS),
            relying_party_tokens: key(context::RELYING_PARTY_TOKENS),
            decoys: key(context::DECOYS),
            index_tokens: key(context::INDEX_TOKENS),
            mark: key(context::MARK),
            identity_seals: key(context::IDENTITY_SEALS),
            row_seals: key(context::ROW_SEALS),
            attempts_rows: key(context::ATTEMPTS_ROWS),
            history_lists: key(context::HISTORY_LISTS),
            otp_rows: key(context::OTP_ROWS),
            virtual_rows: key(context::VIRTUAL_ROWS),
            quota_rows: key(context::QUOTA_ROWS),
            deliveries: SigningKey::from_seed(*key(context::DELIVERIES)),
        }
    }

    /// The deployment whose keys these are.
    #[must_use]
    pub fn deployment(&self) -> DeploymentId {
        self.deployment
    }

    /// The epoch of these keys, the first is 1.
    #[must_use]
    pub fn epoch(&self) -> u32 {
        Self::EPOCH
    }

    /// A fingerprint of the root key and the deployment that may be stored in the clear: it tells a wrong
    /// root key before anything is opened with it, and nothing about the right one.
    #[must_use]
    pub fn commitment(&self) -> [u8; 32] {
        self.commitment
    }

    /// The key that signs statements.
    #[must_use]
    pub fn statement_key(&self) -> &SigningKey {
        &self.statements
    }

    /// The key that signs one-time codes on their way to the deployer's webhook.
    #[must_use]
    pub fn delivery_key(&self) -> &SigningKey {
        &self.deliveries
    }

    /// Where the record of a number is found.
    #[must_use]
    pub fn number_row(&self, number: &IdentityNumber) -> [u8; 16] {
        short(blake3::Hasher::new_keyed(&self.number_rows).update(&number.digits()))
    }

    /// Where the record of a virtual number is found.
    #[must_use]
    pub fn virtual_row(&self, number: &VirtualNumber) -> [u8; 16] {
        short(blake3::Hasher::new_keyed(&self.virtual_rows).update(&number.digits()))
    }

    /// Where the attempts on a person are counted: those through one relying party, or, without a party, all
    /// of them. The person is named by the digits of their number, or, if nobody holds a virtual number, by
    /// those of the virtual number.
    #[must_use]
    pub fn attempts_row(&self, digits: &[u8], party: Option<&PartyId>) -> [u8; 16] {
        let mut hasher = match party {
            Some(party) => of_party(&self.attempts_rows, PartyKind::RelyingParty, party),
            None => {
                let mut hasher = blake3::Hasher::new_keyed(&self.attempts_rows);
                // No kind of party has the code 0.
                hasher.update(&[0]);
                hasher
            }
        };
        short(hasher.update(digits))
    }

    /// The prefix of the list of what happened to a person, named by the digits of their number.
    #[must_use]
    pub fn history_list(&self, digits: &[u8]) -> [u8; 16] {
        short(blake3::Hasher::new_keyed(&self.history_lists).update(digits))
    }

    /// Where the one-time code of a relying party's transaction is found.
    #[must_use]
    pub fn otp_row(&self, party: &PartyId, transaction: &RequestId) -> [u8; 16] {
        short(of_party(&self.otp_rows, PartyKind::RelyingParty, party).update(transaction.as_bytes()))
    }

    /// Where a party's day is counted. The scope tells the party's own count (empty) from that of one of its
    /// stations or operators; the caller spells it so that no two scopes are the same text.
    #[must_use]
    pub fn quota_row(&self, kind: PartyKind, party: &PartyId, scope: &str) -> [u8; 16] {
        short(of_party(&self.quota_rows, kind, party).update(scope.as_bytes()))
    }

    /// Where the answer to a party's request is found.
    #[must_use]
    pub fn request_row(&self, kind: PartyKind, party: &PartyId, request: &RequestId) -> [u8; 16] {
        short(of_party(&self.request_rows, kind, party).update(request.as_bytes()))
    }

    /// Where a party's use of a nonce is found.
    #[must_use]
    pub fn nonce_row(&self, kind: PartyKind, party: &PartyId, nonce: &Nonce) -> [u8; 16] {
        short(of_party(&self.nonce_rows, kind, party).update(nonce.as_bytes()))
    }

    /// Where a party's own record is found.
    #[must_use]
    pub fn party_row(&self, kind: PartyKind, party: &PartyId) -> [u8; 16] {
        short(&of_party(&self.party_rows, kind, party))
    }

    /// The prefix of the list of what a party has sent.
    #[must_use]
    pub fn party_list(&self, kind: PartyKind, party: &PartyId) -> [u8; 16] {
        short(&of_party(&self.party_lists, kind, party))
    }

    /// The pseudonym of a number's holder at a relying party.
    #[must_use]
    pub fn relying_party_token(&self, number: &IdentityNumber, party: &PartyId) -> RelyingPartyToken {
        let mut hasher = of_party(&self.relying_party_tokens, PartyKind::RelyingParty, party);
        RelyingPartyToken::from_bytes(*hasher.update(&number.digits()).finalize().as_bytes())
    }

    /// Who stands in for a number or virtual number that nobody holds: a position from 0 to `population` - 1,
    /// always the same one for the same digits and population, and any one as likely as another. 0 if there
    /// is nobody.
    #[must_use]
    pub fn decoy(&self, digits: &[u8], population: u64) -> u64 {
        let mut uniform = [0; 8];
        blake3::Hasher::new_keyed(&self.decoys).update(digits).finalize_xof().fill(&mut uniform);
        // The high half of the product with a uniform 64-bit number is uniform below the population, to
        // within 2^-64 of it.
        let product = u128::from(u64::from_be_bytes(uniform)) * u128::from(population);
        u64::try_from(product >> 64).unwrap_or(0)
    }

    /// The key of the fingerprint index of an epoch. An index under the key of the next epoch can be built beside the one
    /// of this epoch, and has no bucket in common with it.
    #[must_use]
    pub fn index_key(&self, epoch: u32) -> TokenKey {
        TokenKey::new(*blake3::keyed_hash(&self.index_tokens, &epoch.to_be_bytes()).as_bytes())
    }

    /// The key that authenticates the store's high-water mark.
    #[must_use]
    pub fn mark_key(&self) -> &[u8; 32] {
        &self.mark
    }

    /// Seals a row for its place. The nonce is 24 random bytes, so that it never repeats (a repeat within
    /// 2^64 rows has a chance of 2^-65).
    ///
    /// The result is [`SEAL_OVERHEAD`] bytes longer than the plaintext: format 1 (1 byte), epoch (u32
    /// big-endian), nonce (24), ciphertext, tag (16).
    #[must_use]
    pub fn seal(&self, place: &Place<'_>, plaintext: &[u8], nonce: [u8; 24]) -> Vec<u8> {
        seal::seal(self, place, plaintext, nonce)
    }

    /// Opens a row at its place.
    ///
    /// # Errors
    /// [`SealError`]; a row that was altered, moved, or sealed by other keys is [`SealError::Refused`].
    pub fn open(&self, place: &Place<'_>, sealed: &[u8]) -> Result<Zeroizing<Vec<u8>>, SealError> {
        seal::open(self, place, sealed)
    }
}

impl fmt::Debug for KeyRing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KeyRing").field("deployment", &self.deployment).finish_non_exhaustive()
    }
}

/// A keyed hash that has read a party's name: kind (1 byte), length of the id (1), id.
fn of_party(key: &[u8; 32], kind: PartyKind, party: &PartyId) -> blake3::Hasher {
    let id = party.as_str().as_bytes();
    let mut hasher = blake3::Hasher::new_keyed(key);
    // An id has at most 32 bytes.
    hasher.update(&[kind.code(), u8::try_from(id.len()).unwrap_or(u8::MAX)]).update(id);
    hasher
}

/// The first 128 bits of a hash.
fn short(hasher: &blake3::Hasher) -> [u8; 16] {
    let mut row = [0; 16];
    hasher.finalize_xof().fill(&mut row);
    row
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use rand::{SeedableRng, rngs::StdRng};
    use std::collections::BTreeSet;

    fn ring(root: u64, deployment: u8) -> KeyRing {
        let root = RootKey::generate(&mut StdRng::seed_from_u64(root));
        KeyRing::derive(&root, DeploymentId::from_bytes([deployment; 16]))
    }

    fn number(seed: u64) -> IdentityNumber {
        IdentityNumber::draw(&mut StdRng::seed_from_u64(seed))
    }

    fn virtual_number(seed: u64) -> VirtualNumber {
        VirtualNumber::draw(&mut StdRng::seed_from_u64(seed))
    }

    fn party(text: &str) -> PartyId {
        PartyId::parse(text).unwrap()
    }

    /// Everything that a ring derives for one set of names.
    fn derived(ring: &KeyRing) -> Vec<Vec<u8>> {
        let (number, agency) = (number(1), party("post"));
        let (kind, id, nonce) =
            (PartyKind::Agency, RequestId::from_bytes([4; 16]), Nonce::from_bytes([4; 16]));
        vec![
            ring.commitment().to_vec(),
            ring.statement_key().public().to_bytes().to_vec(),
            ring.number_row(&number).to_vec(),
            ring.request_row(kind, &agency, &id).to_vec(),
            ring.nonce_row(kind, &agency, &nonce).to_vec(),
            ring.party_row(kind, &agency).to_vec(),
            ring.party_list(kind, &agency).to_vec(),
            ring.relying_party_token(&number, &agency).as_bytes().to_vec(),
            ring.mark_key().to_vec(),
            ring.virtual_row(&virtual_number(1)).to_vec(),
            ring.attempts_row(&number.digits(), Some(&agency)).to_vec(),
            ring.attempts_row(&number.digits(), None).to_vec(),
            ring.history_list(&number.digits()).to_vec(),
            ring.otp_row(&agency, &id).to_vec(),
            ring.quota_row(kind, &agency, "").to_vec(),
            ring.delivery_key().public().to_bytes().to_vec(),
        ]
    }

    #[test]
    fn every_purpose_has_its_own_context() {
        let distinct: BTreeSet<_> = context::ALL.into_iter().collect();
        assert_eq!(distinct.len(), context::ALL.len());
    }

    #[test]
    fn root_keys_deployments_and_purposes_share_nothing() {
        let rings = [ring(1, 1), ring(1, 2), ring(2, 1)];
        let all: Vec<Vec<u8>> = rings.iter().flat_map(derived).collect();
        let distinct: BTreeSet<_> = all.iter().cloned().collect();
        assert_eq!(distinct.len(), all.len());
        assert_eq!(derived(&ring(1, 1)), derived(&ring(1, 1)));
    }

    #[test]
    fn kinds_of_party_and_neighbouring_names_do_not_meet() {
        let ring = ring(1, 1);
        let mut rows = BTreeSet::new();
        for kind in PartyKind::ALL {
            for id in ["a", "ab", "abc"] {
                assert!(rows.insert(ring.party_row(kind, &party(id))));
                assert!(rows.insert(ring.request_row(kind, &party(id), &RequestId::from_bytes([b'b'; 16]))));
            }
        }
    }

    #[test]
    fn attempts_are_counted_for_each_pair_and_each_person_apart() {
        let ring = ring(1, 1);
        let mut rows = BTreeSet::new();
        for digits in [&number(1).digits()[..], &number(2).digits(), &virtual_number(1).digits()] {
            assert!(rows.insert(ring.attempts_row(digits, None)));
            for id in ["a", "ab", "b"] {
                assert!(rows.insert(ring.attempts_row(digits, Some(&party(id)))));
            }
        }
    }

    #[test]
    fn quotas_are_counted_for_each_party_and_each_scope_apart() {
        let ring = ring(1, 1);
        let mut rows = BTreeSet::new();
        for kind in PartyKind::ALL {
            for (id, scope) in [("a", ""), ("a", "b"), ("a", "bc"), ("ab", "c"), ("ab", "")] {
                assert!(rows.insert(ring.quota_row(kind, &party(id), scope)));
            }
        }
    }

    #[test]
    fn codes_of_neighbouring_parties_do_not_meet() {
        let ring = ring(1, 1);
        let mut rows = BTreeSet::new();
        for id in ["a", "ab", "abb"] {
            assert!(rows.insert(ring.otp_row(&party(id), &RequestId::from_bytes([b'b'; 16]))));
        }
    }

    #[test]
    fn a_person_has_another_token_at_every_relying_party() {
        let ring = ring(1, 1);
        let token = |seed, id| *ring.relying_party_token(&number(seed), &party(id)).as_bytes();
        assert_eq!(token(1, "bank"), token(1, "bank"));
        assert_ne!(token(1, "bank"), token(1, "shop"));
        assert_ne!(token(1, "bank"), token(2, "bank"));
    }

    #[test]
    fn decoys_spread_over_the_whole_population() {
        let ring = ring(1, 1);
        let mut counts = [0_u32; 10];
        for seed in 0..10_000 {
            counts[usize::try_from(ring.decoy(&number(seed).digits(), 10)).unwrap()] += 1;
        }
        // 1,000 expected with a standard deviation of 30: five deviations either way.
        assert!(counts.iter().all(|count| (850..=1_150).contains(count)), "{counts:?}");
    }

    proptest! {
        #[test]
        fn a_decoy_is_one_of_the_population(seed: u64, population in 1_u64..) {
            let ring = ring(1, 1);
            prop_assert!(ring.decoy(&number(seed).digits(), population) < population);
            prop_assert_eq!(ring.decoy(&number(seed).digits(), 0), 0);
        }
    }

    #[test]
    fn keys_do_not_show_in_debug_output() {
        let shown = format!("{:?}", ring(1, 1));
        assert_eq!(shown, "KeyRing { deployment: DeploymentId(01010101010101010101010101010101), .. }");
    }
}
