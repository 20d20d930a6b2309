//! Seeded random draws.

use rand::rngs::Xoshiro256PlusPlus;
use rand_core::{Rng, SeedableRng};

/// A stream of random draws that depends on nothing but its label and its numbers.
///
/// The seed is a BLAKE3 key derivation, so neighbouring numbers give unrelated streams; the stream itself is
/// xoshiro256++, which is fast and not secret. Gaussian draws go through the platform's `ln`: they are
/// reproducible on one platform and may differ in the last bit on another.
#[derive(Clone)]
pub(super) struct Draw {
    stream: Xoshiro256PlusPlus,
    spare: Option<f64>,
}

impl Draw {
    /// Opens the stream named by `label` and `numbers`.
    pub(super) fn new(label: &str, numbers: &[u64]) -> Self {
        let mut hasher = blake3::Hasher::new_derive_key("plinth synthetic population v1");
        hasher.update(&(label.len() as u64).to_le_bytes());
        hasher.update(label.as_bytes());
        for number in numbers {
            hasher.update(&number.to_le_bytes());
        }
        Self { stream: Xoshiro256PlusPlus::from_seed(*hasher.finalize().as_bytes()), spare: None }
    }

    /// Uniform in `[0, 1)`, 53 bits.
    pub(super) fn unit(&mut self) -> f64 {
        const SCALE: f64 = 1.0 / 9_007_199_254_740_992.0; // 2^-53
        (self.stream.next_u64() >> 11) as f64 * SCALE
    }

    /// Uniform in `[low, high)`.
    pub(super) fn between(&mut self, low: f64, high: f64) -> f64 {
        low + (high - low) * self.unit()
    }

    /// True with probability `p`.
    pub(super) fn chance(&mut self, p: f64) -> bool {
        self.unit() < p
    }

    /// Uniform in `0..n` for `n > 0`; the bias is below `n / 2^64`.
    pub(super) fn below(&mut self, n: usize) -> usize {
        let wide = u128::from(self.stream.next_u64()) * n as u128;
        usize::try_from(wide >> 64).unwrap_or(0)
    }

    /// Standard normal, by the polar method, in pairs (Marsaglia and Bray, *SIAM Review* 6(3), 1964).
    pub(super) fn normal(&mut self) -> f64 {
        if let Some(spare) = self.spare.take() {
            return spare;
        }
        loop {
            let (x, y) = (2.0 * self.unit() - 1.0, 2.0 * self.unit() - 1.0);
            let square = x * x + y * y;
            if square < 1.0 && square > 0.0 {
                let scale = (-2.0 * square.ln() / square).sqrt();
                self.spare = Some(scale * y);
                return scale * x;
            }
        }
    }

    /// Normal with mean 0 and standard deviation `sd`, drawn again while beyond `limit` standard deviations.
    pub(super) fn bounded(&mut self, sd: f64, limit: f64) -> f64 {
        loop {
            let draw = self.normal();
            if draw.abs() <= limit {
                return draw * sd;
            }
        }
    }

    /// Poisson with the given mean (0 to 600), by multiplying uniform draws (Knuth, *The Art of Computer Programming*,
    /// 3.4.1): beyond that the product would leave the range of numbers.
    pub(super) fn poisson(&mut self, mean: f64) -> usize {
        let end = (-mean).exp();
        let mut count = 0;
        let mut product = 1.0 - self.unit();
        while product > end {
            count += 1;
            product *= 1.0 - self.unit();
        }
        count
    }

    /// The index of one of `weights`, drawn in proportion to them.
    pub(super) fn weighted(&mut self, weights: &[f64]) -> usize {
        let mut left = self.unit() * weights.iter().sum::<f64>();
        for (index, weight) in weights.iter().enumerate() {
            left -= weight;
            if left < 0.0 {
                return index;
            }
        }
        weights.len() - 1
    }
}

#[cfg(test)]
mod tests {
    use super::Draw;

    #[test]
    fn streams_repeat_and_differ_by_label_and_number() {
        let first = |label: &str, n: u64| Draw::new(label, &[n]).stream.next_u64();
        use rand_core::Rng;
        assert_eq!(first("a", 1), first("a", 1));
        assert_ne!(first("a", 1), first("a", 2));
        assert_ne!(first("a", 1), first("b", 1));
    }

    #[test]
    fn draws_have_the_moments_they_claim() {
        let mut draw = Draw::new("moments", &[]);
        let n = 20_000;
        let normals: Vec<f64> = (0..n).map(|_| draw.normal()).collect();
        let mean = normals.iter().sum::<f64>() / f64::from(n);
        let variance = normals.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / f64::from(n);
        assert!(mean.abs() < 0.03 && (variance - 1.0).abs() < 0.05, "{mean} {variance}");
        let poisson = (0..n).map(|_| draw.poisson(7.0)).sum::<usize>() as f64 / f64::from(n);
        assert!((poisson - 7.0).abs() < 0.1, "{poisson}");
        let heavy = (0..n).filter(|_| draw.weighted(&[1.0, 3.0]) == 1).count() as f64 / f64::from(n);
        assert!((heavy - 0.75).abs() < 0.02, "{heavy}");
    }
}
