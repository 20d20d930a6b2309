//! Similarity of cylinders by Hamming distance: of two, and of one with all of a finger at once.
//!
//! Comparing two fingers begins with every cylinder of the one against every cylinder of the other, a thousand or two
//! of them. So a finger's cylinders are also kept transposed ([`Lanes`]), eight to a block, the words that belong
//! together side by side, and eight comparisons go through the processor at once.
//!
//! This is the crate's only module with unsafe code. Why it is sound: `wide::row` is entered only after the processor has
//! said that it has AVX-512 F, DQ, VL and VPOPCNTDQ; and its loads and stores go through references to arrays of exactly
//! the 64 and 32 bytes that they move, at any alignment.
//!
//! Both ways give the same bits: counts are integers, and the square roots, the sum, the quotient and the difference
//! that follow are single operations that IEEE 754 rounds in one way only.

use zeroize::Zeroize;

use crate::cylinder::{Cylinder, PLANES};

/// Cells that both cylinders must have seen (60 %).
pub(crate) const MIN_COMMON_CELLS: u32 = 31;
/// Cylinders of a block.
pub(crate) const LANES: usize = 8;

/// The cylinders of a finger, transposed. Follows from them, and is never stored.
#[derive(Clone, PartialEq, Eq, Default)]
pub(crate) struct Lanes {
    blocks: Vec<Block>,
}

/// The same word of eight cylinders side by side; cylinders that are not there have seen nothing.
#[derive(Clone, Copy, PartialEq, Eq, Default)]
struct Block {
    valid: [u64; LANES],
    planes: [[u64; LANES]; PLANES],
}

impl Lanes {
    pub(crate) fn of(cylinders: &[Cylinder]) -> Self {
        let block = |cylinders: &[Cylinder]| {
            let mut block = Block::default();
            for (lane, cylinder) in cylinders.iter().enumerate() {
                block.valid[lane] = cylinder.valid;
                for (words, plane) in block.planes.iter_mut().zip(cylinder.planes) {
                    words[lane] = plane;
                }
            }
            block
        };
        Self { blocks: cylinders.chunks(LANES).map(block).collect() }
    }

    /// Adds the similarities of `cylinder` with all of these to `row`, in their order, eight a block; 0 for the lanes left
    /// empty.
    pub(crate) fn similarities(&self, cylinder: &Cylinder, row: &mut Vec<[f32; LANES]>) {
        #[cfg(target_arch = "x86_64")]
        if wide::is_there() {
            #[expect(unsafe_code, reason = "the processor has just said that it has these instructions")]
            unsafe {
                wide::row(cylinder, &self.blocks, row);
            }
            return;
        }
        portable_row(cylinder, &self.blocks, row);
    }
}

impl Zeroize for Lanes {
    fn zeroize(&mut self) {
        for block in &mut self.blocks {
            block.valid.zeroize();
            block.planes.zeroize();
        }
    }
}

/// Similarity of two cylinders, 0 to 1: one minus the distance over the cells that both have seen, normalised as in the
/// paper (see [`crate::cylinder`]).
#[cfg(test)]
pub(crate) fn similarity(a: &Cylinder, b: &Cylinder) -> f32 {
    let (mut in_a, mut in_b, mut in_both) = (0, 0, 0);
    // A cylinder sets no cell that it has not seen, so the other's mask alone leaves the common cells.
    for (x, y) in a.planes.iter().zip(&b.planes) {
        in_a += (x & b.valid).count_ones();
        in_b += (y & a.valid).count_ones();
        in_both += (x & y).count_ones();
    }
    from_counts((a.valid & b.valid).count_ones(), in_a, in_b, in_both)
}

/// From the cells that both have seen, and those of them that each and that both have set.
fn from_counts(common: u32, in_a: u32, in_b: u32, in_both: u32) -> f32 {
    let root = |count: u32| (count as f32).sqrt();
    let norm = root(in_a) + root(in_b);
    if common < MIN_COMMON_CELLS || norm == 0.0 {
        return 0.0;
    }
    1.0 - root(in_a + in_b - 2 * in_both) / norm
}

fn portable_row(cylinder: &Cylinder, blocks: &[Block], row: &mut Vec<[f32; LANES]>) {
    row.extend(blocks.iter().map(|block| {
        let (mut in_a, mut in_b, mut in_both) = ([0; LANES], [0; LANES], [0; LANES]);
        for (x, words) in cylinder.planes.iter().zip(&block.planes) {
            for lane in 0..LANES {
                in_a[lane] += (x & block.valid[lane]).count_ones();
                in_b[lane] += (words[lane] & cylinder.valid).count_ones();
                in_both[lane] += (x & words[lane]).count_ones();
            }
        }
        std::array::from_fn(|lane| {
            let common = (block.valid[lane] & cylinder.valid).count_ones();
            from_counts(common, in_a[lane], in_b[lane], in_both[lane])
        })
    }));
}

/// The same with AVX-512.
#[cfg(target_arch = "x86_64")]
mod wide {
    use std::arch::x86_64::{
        __m512i, _mm256_add_ps, _mm256_div_ps, _mm256_maskz_sub_ps, _mm256_set1_ps, _mm256_sqrt_ps,
        _mm256_storeu_ps, _mm512_add_epi64, _mm512_and_si512, _mm512_cmpge_epu64_mask, _mm512_cvtepu64_ps,
        _mm512_loadu_si512, _mm512_popcnt_epi64, _mm512_set1_epi64, _mm512_setzero_si512, _mm512_slli_epi64,
        _mm512_sub_epi64, _mm512_test_epi64_mask,
    };

    use super::{Block, LANES, MIN_COMMON_CELLS};
    use crate::cylinder::Cylinder;

    /// Whether this processor has what [`row`] needs. The standard library remembers the answer.
    pub(super) fn is_there() -> bool {
        is_x86_feature_detected!("avx512f")
            && is_x86_feature_detected!("avx512dq")
            && is_x86_feature_detected!("avx512vl")
            && is_x86_feature_detected!("avx512vpopcntdq")
    }

    #[target_feature(enable = "avx512f")]
    fn load(words: &[u64; LANES]) -> __m512i {
        #[expect(unsafe_code, reason = "reads the 64 bytes of the array that the reference stands for")]
        unsafe {
            _mm512_loadu_si512(words.as_ptr().cast())
        }
    }

    /// See [`super::portable_row`].
    #[target_feature(enable = "avx512f,avx512dq,avx512vl,avx512vpopcntdq")]
    pub(super) fn row(cylinder: &Cylinder, blocks: &[Block], row: &mut Vec<[f32; LANES]>) {
        let broadcast = |word: u64| _mm512_set1_epi64(word.cast_signed());
        let valid = broadcast(cylinder.valid);
        let planes = cylinder.planes.map(broadcast);
        for block in blocks {
            let seen = load(&block.valid);
            let zero = _mm512_setzero_si512();
            let (mut in_a, mut in_b, mut in_both) = (zero, zero, zero);
            for (x, words) in planes.iter().zip(&block.planes) {
                let y = load(words);
                let count = |bits| _mm512_popcnt_epi64(bits);
                in_a = _mm512_add_epi64(in_a, count(_mm512_and_si512(*x, seen)));
                in_b = _mm512_add_epi64(in_b, count(_mm512_and_si512(y, valid)));
                in_both = _mm512_add_epi64(in_both, count(_mm512_and_si512(*x, y)));
            }
            let common = _mm512_popcnt_epi64(_mm512_and_si512(seen, valid));
            let any = _mm512_add_epi64(in_a, in_b);
            let differ = _mm512_sub_epi64(any, _mm512_slli_epi64::<1>(in_both));
            let usable = _mm512_cmpge_epu64_mask(common, broadcast(u64::from(MIN_COMMON_CELLS)))
                & _mm512_test_epi64_mask(any, any);
            let root = |counts| _mm256_sqrt_ps(_mm512_cvtepu64_ps(counts));
            let quotient = _mm256_div_ps(root(differ), _mm256_add_ps(root(in_a), root(in_b)));
            let similarities = _mm256_maskz_sub_ps(usable, _mm256_set1_ps(1.0), quotient);
            let mut lanes = [0.0; LANES];
            #[expect(unsafe_code, reason = "writes the 32 bytes of the array that the reference stands for")]
            unsafe {
                _mm256_storeu_ps(lanes.as_mut_ptr(), similarities);
            }
            row.push(lanes);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{LANES, Lanes, portable_row, similarity};
    use crate::cylinder::{CELLS, Cylinder, PLANES};
    use proptest::prelude::*;

    /// Seen cells and planes.
    type Words = (u64, [u64; PLANES]);

    fn stand(words: &[Words]) -> Vec<Cylinder> {
        let raise = |&(valid, planes): &Words| {
            let planes = planes.map(|plane| plane & valid);
            Cylinder { valid, planes, ones: 0, minutia: 0, angle: 0 }
        };
        words.iter().map(raise).collect()
    }

    fn cylinders() -> impl Strategy<Value = Vec<Words>> {
        let mask = (1u64 << CELLS) - 1;
        // Dense and sparse words, and cylinders that have seen everything, half or nothing.
        let word = prop_oneof![any::<u64>(), (any::<u64>(), any::<u64>()).prop_map(|(a, b)| a & b)];
        let valid = prop_oneof![Just(mask), any::<u64>().prop_map(move |v| v & mask), Just(0)];
        prop::collection::vec((valid, prop::array::uniform6(word)), 0..21)
    }

    /// Bits, so that equal means equal.
    fn bits(row: &[[f32; LANES]]) -> Vec<u32> {
        row.iter().flatten().map(|similarity| similarity.to_bits()).collect()
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(512))]

        #[test]
        fn one_with_many_is_bit_for_bit_one_with_one_whatever_the_processor(
            probe in cylinders().prop_filter("one is needed", |list| !list.is_empty()),
            gallery in cylinders(),
        ) {
            let (probe, gallery) = (stand(&probe), stand(&gallery));
            let lanes = Lanes::of(&gallery);
            let (mut row, mut portable) = (Vec::new(), Vec::new());
            for cylinder in &probe {
                row.clear();
                lanes.similarities(cylinder, &mut row);
                portable.clear();
                portable_row(cylinder, &lanes.blocks, &mut portable);
                prop_assert_eq!(bits(&row), bits(&portable));
                let mut single: Vec<u32> = gallery.iter().map(|g| similarity(cylinder, g).to_bits()).collect();
                single.resize(row.len() * LANES, 0);
                prop_assert_eq!(bits(&row), single);
            }
        }
    }
}
