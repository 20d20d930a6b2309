//! Index tokens: keyed hashes of sampled cylinder bits, and the ballot that ranks whoever shares them.
//!
//! Cappelli, Ferrara, Maltoni, "Fingerprint indexing based on Minutia Cylinder-Code", *IEEE TPAMI* 33(5), 2011. Each of
//! [`TABLES`] tables samples [`BITS`] fixed cells of a cylinder; the sampled bits, if enough of them are set, name a
//! bucket. Two captures of one finger share buckets wherever a cylinder came out alike.
//!
//! Counting shared buckets is a weak witness for a single poor finger. So each posting also says, coarsely, where its
//! minutia lies ([`Token::place`]), and a [`Ballot`] counts only what agrees on one way of laying the probe over the
//! gallery finger (geometric hashing: Germain, Califano, Colville, *IEEE Computational Science and Engineering* 4(4),
//! 1997). The place costs no space: it rides in the upper bits of the masked number.
//!
//! A bucket's name is a keyed BLAKE3 hash, so a stolen index says neither what is in a bucket nor whether another
//! deployment has the same one. Which cells a table samples is public and the same everywhere: recall must not
//! depend on a deployment's key.

use std::f32::consts::TAU;
use std::fmt;
use std::sync::LazyLock;

use crate::cylinder::{CELLS, Cylinder, FingerFeatures, PLANES, Place};
pub use crate::index::TokenKey;

/// Tables (l). Postings and recall both grow with them.
pub const TABLES: usize = 56;
/// Bits that each table samples (h). Cylinders of one minutia differ in about a tenth of their cells on poor captures,
/// so they share a given table's bucket with a chance of 0.9^16 = 0.19 and one of 56 tables almost always; strangers'
/// cylinders, which differ in about three tenths, meet with 0.7^16 = 0.003, and the ballot discards those meetings that
/// do not agree on an alignment. At 24 bits poor captures would keep 0.08.
pub const BITS: usize = 16;
/// Sampled bits that must be set for a token to be made (p): empty corners of cylinders are all alike. At a density of
/// ones of 0.18, three of 16 leave about half of the buckets, the telling half.
pub const MIN_ONES: u32 = 3;
/// Tables that a probe of many fingers looks into for each of them, at least. Many fingers are so much stronger a witness
/// together that full tables would only cost time: `TABLES` are shared out among them.
pub const MIN_PROBED_TABLES: usize = 14;
/// Bits of a number that a posting can carry beside the place: 1.1e12 people.
pub const NUMBER_BITS: u32 = 40;

const LABEL: &str = "plinth finger index cells v1";
/// Modality in the hashed message: fingers.
const MODALITY: u8 = 1;

/// One posting: where it goes, what hides the number there, and where its minutia lies.
///
/// The gallery stores `number ^ posting_mask()` in the bucket. A probe reads every value of its bucket, XORs its own
/// `mask`, and casts the result on a [`Ballot`].
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Token {
    /// The bucket. 64 bits: two of the 3.7 million values that 56 tables of 16 bits can have meet in one bucket with
    /// a chance of 4e-7; a meeting would cost some comparisons and no answer.
    pub bucket: u64,
    /// Whoever knows the bits of this bucket, and the key, can unmask the numbers stored in it; nobody else can.
    pub mask: u64,
    /// Where the minutia lies, 24 bits: finger position (4, zero on top), direction (5, units of 11.25 degrees), x and
    /// y (7 each, units of 8 pixels at 500 dpi).
    pub place: u32,
}

impl Token {
    /// The mask under which the gallery stores a number: it carries the place in its upper 24 bits.
    #[must_use]
    pub fn posting_mask(&self) -> u64 {
        self.mask ^ u64::from(self.place) << NUMBER_BITS
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token(..)")
    }
}

/// The tokens under which a finger is kept in the index, sorted by bucket, each bucket and place once. Buckets do not
/// depend on the finger's position, so a mislabelled finger still meets its mate.
#[must_use]
pub fn tokens(key: &TokenKey, features: &FingerFeatures) -> Vec<Token> {
    tokens_of_tables(key, std::slice::from_ref(features), TABLES)
}

/// The tokens by which a person of one or more fingers is looked for, sorted by bucket: of each finger, those of the
/// first tables. A subset of the fingers' [`tokens`].
#[must_use]
pub fn probe_tokens(key: &TokenKey, fingers: &[FingerFeatures]) -> Vec<Token> {
    tokens_of_tables(key, fingers, (TABLES / fingers.len().max(1)).max(MIN_PROBED_TABLES))
}

fn tokens_of_tables(key: &TokenKey, fingers: &[FingerFeatures], tables: usize) -> Vec<Token> {
    let cylinders: usize = fingers.iter().map(FingerFeatures::cylinder_count).sum();
    let mut tokens = Vec::with_capacity(cylinders * tables);
    for finger in fingers {
        for cylinder in &finger.cylinders {
            let place = coarse(finger.position().code(), finger.minutiae[usize::from(cylinder.minutia)]);
            for (table, sample) in (0u8..).zip(SAMPLES.iter().take(tables)) {
                let bits = sampled(cylinder, sample);
                if bits.count_ones() >= MIN_ONES {
                    let (bucket, mask) = bucket(key, table, bits);
                    tokens.push(Token { bucket, mask, place });
                }
            }
        }
    }
    tokens.sort_unstable();
    tokens.dedup();
    tokens
}

/// First 16 bytes of keyed BLAKE3 over modality (u8), table (u8), sampled bits (u16): bucket and mask, big-endian.
fn bucket(key: &TokenKey, table: u8, bits: u16) -> (u64, u64) {
    let [high, low] = bits.to_be_bytes();
    let hash = blake3::keyed_hash(key.bytes(), &[MODALITY, table, high, low]);
    let (words, _) = hash.as_bytes().as_chunks::<8>();
    (u64::from_be_bytes(words[0]), u64::from_be_bytes(words[1]))
}

/// A sampled cell.
#[derive(Clone, Copy)]
struct Sample {
    plane: usize,
    cell: u32,
}

fn sampled(cylinder: &Cylinder, sample: &[Sample; BITS]) -> u16 {
    let bit = |at: &Sample| u16::from(cylinder.planes[at.plane] >> at.cell & 1 == 1);
    sample.iter().fold(0, |bits, at| bits << 1 | bit(at))
}

/// The cells of every table: a shuffle of all of them by the output of BLAKE3 over the table's number.
static SAMPLES: LazyLock<[[Sample; BITS]; TABLES]> = LazyLock::new(|| {
    std::array::from_fn(|table| {
        let mut stream =
            blake3::Hasher::new_derive_key(LABEL).update(&(table as u64).to_le_bytes()).finalize_xof();
        let mut cells: Vec<usize> = (0..CELLS * PLANES).collect();
        std::array::from_fn(|i| {
            let mut word = [0; 8];
            stream.fill(&mut word);
            // The bias of a 64-bit remainder below 312 is of no account.
            let pick = i + usize::try_from(u64::from_le_bytes(word) % (cells.len() - i) as u64).unwrap_or(0);
            cells.swap(i, pick);
            Sample { plane: cells[i] / CELLS, cell: u32::try_from(cells[i] % CELLS).unwrap_or(0) }
        })
    })
});

/// Packs a place into the 24 bits of [`Token::place`]. What lies beyond 1,023 pixels counts as lying at the edge.
fn coarse(position: u8, place: Place) -> u32 {
    let step = |pixels: u16| u32::from((pixels / 8).min(127));
    u32::from(position & 0x0f) << 19 | u32::from(place.angle / 8) << 14 | step(place.x) << 7 | step(place.y)
}

/// Counts the meetings of one probe (a person, all fingers) with the gallery.
///
/// A gallery person's votes are, summed over the probe's fingers: the largest group of meetings with one of the
/// person's fingers that agree on an alignment, every minutia counted once. Several meetings of the same two minutiae
/// count as the square root of their number, because they are not independent; and a group counts in proportion to the
/// square root of all meetings of the two fingers, because among many some agree by chance.
#[derive(Default)]
pub struct Ballot {
    meetings: Vec<Meeting>,
}

/// A gallery number and the places where probe and gallery say the shared cylinder stands, packed so that sorting
/// brings together first a person, then two fingers, then two minutiae. From the top: number (40 bits), finger of
/// the probe (4), finger of the gallery (4), minutia of the probe (19), minutia of the gallery (19).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Meeting(u128);

const MINUTIA_BITS: u32 = 19;
const FINGER_BITS: u32 = 4;

impl Meeting {
    fn new(number: u64, probe: u32, gallery: u32) -> Self {
        let minutia = |place: u32| u128::from(place & ((1 << MINUTIA_BITS) - 1));
        let finger = |place: u32| u128::from(place >> MINUTIA_BITS & ((1 << FINGER_BITS) - 1));
        let fingers = finger(probe) << FINGER_BITS | finger(gallery);
        let minutiae = minutia(probe) << MINUTIA_BITS | minutia(gallery);
        Self((u128::from(number) << (2 * FINGER_BITS) | fingers) << (2 * MINUTIA_BITS) | minutiae)
    }

    fn number(self) -> u64 {
        u64::try_from(self.0 >> (2 * FINGER_BITS + 2 * MINUTIA_BITS)).unwrap_or(u64::MAX)
    }

    fn probe_finger(self) -> u128 {
        self.0 >> (FINGER_BITS + 2 * MINUTIA_BITS)
    }

    fn fingers(self) -> u128 {
        self.0 >> (2 * MINUTIA_BITS)
    }

    fn probe_minutia(self) -> u32 {
        u32::try_from(self.0 >> MINUTIA_BITS & ((1 << MINUTIA_BITS) - 1)).unwrap_or(0)
    }

    fn gallery_minutia(self) -> u32 {
        u32::try_from(self.0 & ((1 << MINUTIA_BITS) - 1)).unwrap_or(0)
    }
}

impl Ballot {
    /// An empty ballot.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Casts a value found in the bucket of one of the probe's tokens: `value` is what was stored, XOR the token's
    /// `mask`.
    pub fn cast(&mut self, token: &Token, value: u64) {
        let place = u32::try_from(value >> NUMBER_BITS).unwrap_or(0);
        self.meetings.push(Meeting::new(value & ((1 << NUMBER_BITS) - 1), token.place, place));
    }

    /// Everybody met and their votes, most votes first; of equals, the lower number first. Votes are in thousandths and
    /// compare only within one ballot.
    #[must_use]
    pub fn ranking(mut self) -> Vec<(u64, u32)> {
        self.meetings.sort_unstable();
        let mut group = Group::default();
        let people = self.meetings.chunk_by(|a, b| a.number() == b.number());
        let mut ranking: Vec<(u64, u32)> = people
            .map(|person| {
                let probe_fingers = person.chunk_by(|a, b| a.probe_finger() == b.probe_finger());
                let votes: f32 = probe_fingers
                    .map(|meetings| {
                        let fingers = meetings.chunk_by(|a, b| a.fingers() == b.fingers());
                        fingers.map(|meetings| group.largest(meetings)).fold(0.0, f32::max)
                    })
                    .sum();
                (person[0].number(), thousandths(votes))
            })
            .collect();
        ranking.sort_unstable_by(|a, b| b.1.cmp(&a.1).then(a.0.cmp(&b.0)));
        ranking
    }
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "saturates, and votes are not negative"
)]
fn thousandths(votes: f32) -> u32 {
    (votes * 1000.0).round() as u32
}

/// Meetings agree if, laid over one another, they are this close; pixels at 500 dpi. Three cells of the coarse grid.
const NEAR: f32 = 24.0;
/// And turned alike to this; units of 11.25 degrees.
const ALIKE: u8 = 2;
/// Fingers are not captured further turned against each other than this; units of 11.25 degrees.
const FARTHEST_TURN: u8 = 8;
/// Links of two fingers that are looked at, the heaviest first: real fingers have far fewer, and the work grows with
/// their square.
const MAX_LINKS: usize = 512;
/// Added to the meetings of two fingers before a group is weighed against them.
const FEW_MEETINGS: f32 = 20.0;

/// Two fingers' minutiae that met, with y upwards.
struct Link {
    probe: (f32, f32),
    gallery: (f32, f32),
    /// How far the gallery minutia is turned against the probe's, units of 11.25 degrees, modulo 32.
    turn: u8,
    weight: f32,
    /// The minutiae, numbered from 0 within these two fingers.
    ends: (usize, usize),
}

/// Looks for the largest group of links that agree on an alignment; memory reused from finger to finger.
#[derive(Default)]
struct Group {
    links: Vec<Link>,
    gallery_minutiae: Vec<u32>,
    /// For each minutia, the last anchor whose group it entered.
    probe_taken: Vec<usize>,
    gallery_taken: Vec<usize>,
}

/// Cosine and sine of the 32 coarse directions.
static TURNS: LazyLock<[(f32, f32); 32]> = LazyLock::new(|| {
    std::array::from_fn(|turn| {
        let angle = turn as f32 * TAU / 32.0;
        (angle.cos(), angle.sin())
    })
});

impl Group {
    /// Votes of the meetings of two fingers, sorted.
    fn largest(&mut self, meetings: &[Meeting]) -> f32 {
        self.link(meetings);
        let turns = &*TURNS;
        let (mut best, mut all) = (0.0f32, 0.0);
        for (index, anchor) in self.links.iter().enumerate() {
            all += anchor.weight;
            let (cos, sin) = turns[usize::from(anchor.turn)];
            let mut weight = 0.0;
            for link in &self.links {
                let (dx, dy) = (link.probe.0 - anchor.probe.0, link.probe.1 - anchor.probe.1);
                let x = anchor.gallery.0 + dx * cos - dy * sin - link.gallery.0;
                let y = anchor.gallery.1 + dx * sin + dy * cos - link.gallery.1;
                let agrees =
                    x * x + y * y <= NEAR * NEAR && wrapped(link.turn.wrapping_sub(anchor.turn)) <= ALIKE;
                let taken = (&mut self.probe_taken[link.ends.0], &mut self.gallery_taken[link.ends.1]);
                if agrees && *taken.0 <= index && *taken.1 <= index {
                    (*taken.0, *taken.1) = (index + 1, index + 1);
                    weight += link.weight;
                }
            }
            best = best.max(weight);
        }
        best / (FEW_MEETINGS + all).sqrt()
    }

    /// Fills `links`, heaviest first, from sorted meetings.
    fn link(&mut self, meetings: &[Meeting]) {
        self.links.clear();
        self.gallery_minutiae.clear();
        let mut probe_minutiae = 0;
        for of_probe in meetings.chunk_by(|a, b| a.probe_minutia() == b.probe_minutia()) {
            for same in of_probe.chunk_by(|a, b| a == b) {
                let (probe, gallery) = (same[0].probe_minutia(), same[0].gallery_minutia());
                let [.., turn] = (gallery >> 14).wrapping_sub(probe >> 14).to_be_bytes();
                if wrapped(turn) > FARTHEST_TURN {
                    continue;
                }
                let known = self.gallery_minutiae.iter().position(|&known| known == gallery);
                let end = known.unwrap_or(self.gallery_minutiae.len());
                if known.is_none() {
                    self.gallery_minutiae.push(gallery);
                }
                let weight = (same.len() as f32).sqrt();
                let ends = (probe_minutiae, end);
                self.links.push(Link {
                    probe: point(probe),
                    gallery: point(gallery),
                    turn: turn & 31,
                    weight,
                    ends,
                });
            }
            probe_minutiae += 1;
        }
        self.links.sort_by(|a, b| b.weight.total_cmp(&a.weight));
        self.links.truncate(MAX_LINKS);
        self.probe_taken.clear();
        self.probe_taken.resize(probe_minutiae, 0);
        self.gallery_taken.clear();
        self.gallery_taken.resize(self.gallery_minutiae.len(), 0);
    }
}

/// The coordinates of a place, pixels, y upwards.
fn point(place: u32) -> (f32, f32) {
    let at = ((place >> 7 & 127) as f32, (place & 127) as f32);
    (8.0 * at.0, -8.0 * at.1)
}

/// The size of a turn modulo 32.
fn wrapped(turn: u8) -> u8 {
    (turn & 31).min(turn.wrapping_neg() & 31)
}

#[cfg(test)]
mod tests {
    use super::{Ballot, NUMBER_BITS, Token, TokenKey, probe_tokens, tokens};
    use crate::cylinder::FingerFeatures;
    use crate::record::FingerPosition;
    use crate::synthetic::SyntheticPerson;
    use std::collections::BTreeMap;

    fn key() -> TokenKey {
        TokenKey::new([7; 32])
    }

    fn finger(person: u64, capture: u32, declared: FingerPosition) -> FingerFeatures {
        let record = SyntheticPerson::new(3, person).capture(FingerPosition::LeftThumb, capture);
        FingerFeatures::extract(&record, 0, declared).unwrap()
    }

    #[derive(Default)]
    struct Index(BTreeMap<u64, Vec<u64>>);

    impl Index {
        fn put(&mut self, number: u64, features: &FingerFeatures) {
            for token in tokens(&key(), features) {
                self.0.entry(token.bucket).or_default().push(number ^ token.posting_mask());
            }
        }

        fn ranking(&self, probe: &[Token]) -> Vec<(u64, u32)> {
            let mut ballot = Ballot::new();
            for token in probe {
                for value in self.0.get(&token.bucket).into_iter().flatten() {
                    ballot.cast(token, value ^ token.mask);
                }
            }
            ballot.ranking()
        }
    }

    #[test]
    fn a_finger_finds_itself_first_even_under_another_position() {
        let mut index = Index::default();
        let top = (1 << NUMBER_BITS) - 1;
        for person in 0..20 {
            index.put(top - person, &finger(person, 0, FingerPosition::LeftThumb));
        }
        for person in 0..20 {
            let probe = [finger(person, 0, FingerPosition::RightLittle)];
            assert_eq!(index.ranking(&probe_tokens(&key(), &probe))[0].0, top - person);
        }
    }

    #[test]
    fn most_second_captures_find_their_person_first() {
        let mut index = Index::default();
        (0..30).for_each(|person| index.put(person, &finger(person, 0, FingerPosition::LeftThumb)));
        let found = (0..30)
            .filter(|&person| {
                let probe = [finger(person, 1, FingerPosition::LeftThumb)];
                index.ranking(&probe_tokens(&key(), &probe)).first().is_some_and(|best| best.0 == person)
            })
            .count();
        assert!(found >= 24, "{found} of 30");
    }

    #[test]
    fn buckets_depend_on_the_key_and_not_on_the_position() {
        let buckets = |key: &TokenKey, position| {
            let tokens = tokens(key, &finger(1, 0, position));
            let mut buckets: Vec<u64> = tokens.iter().map(|token| token.bucket).collect();
            buckets.dedup();
            buckets
        };
        let thumb = buckets(&key(), FingerPosition::LeftThumb);
        assert_eq!(thumb, buckets(&key(), FingerPosition::Unknown));
        let other = buckets(&TokenKey::new([8; 32]), FingerPosition::LeftThumb);
        assert!(thumb.iter().all(|bucket| other.binary_search(bucket).is_err()));
    }

    #[test]
    fn tokens_are_sorted_and_distinct_and_a_probe_uses_a_subset() {
        let fingers: Vec<_> = (0..5).map(|person| finger(person, 0, FingerPosition::LeftThumb)).collect();
        let mut all: Vec<Token> = fingers.iter().flat_map(|finger| tokens(&key(), finger)).collect();
        all.sort_unstable();
        let probe = probe_tokens(&key(), &fingers);
        assert!(probe.is_sorted_by(|a, b| a < b));
        assert!(probe.iter().all(|token| all.binary_search(token).is_ok()));
        assert!(probe.len() * 3 < all.len());
        assert!(all.iter().all(|token| token.place >> 24 == 0));
    }

    #[test]
    fn values_that_no_posting_holds_are_counted_without_harm() {
        let probe = probe_tokens(&key(), &[finger(1, 0, FingerPosition::LeftThumb)]);
        let mut ballot = Ballot::new();
        for token in &probe {
            for value in [0, u64::MAX, 1 << 63, token.mask] {
                ballot.cast(token, value);
            }
        }
        assert!(ballot.ranking().len() <= probe.len() + 2);
    }

    #[test]
    fn secrets_print_nothing() {
        let token = tokens(&key(), &finger(1, 0, FingerPosition::LeftThumb))[0];
        assert_eq!(format!("{token:?} {:?}", key()), "Token(..) TokenKey(..)");
    }
}
