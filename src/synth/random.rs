//! Random numbers that are the same everywhere: for one seed, on every machine, for any number of threads.
//!
//! The generator is PCG's `mcg_xsl_rr_128_64` of the `rand_pcg` crate, which promises its output for good. Numbers below a
//! bound and floating-point numbers are made here, because the ways of the `rand` crate may change; functions such as
//! the logarithm come from `libm`, which computes in software what the C library of each system computes differently.

use rand_pcg::Pcg64Mcg;
use rand_pcg::rand_core::Rng as _;

/// A stream of random numbers.
#[derive(Debug, Clone)]
pub struct Random(Pcg64Mcg);

/// Mixes all bits of a number (the finalizer of `SplitMix64`, Steele, Lea and Flood 2014).
const fn mix(number: u64) -> u64 {
    let number = number.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let number = (number ^ (number >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let number = (number ^ (number >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    number ^ (number >> 31)
}

impl Random {
    /// The stream of this seed, for the `number`-th thing of the `kind`-th kind: each has numbers of its own, whoever
    /// draws first.
    pub fn new(seed: u64, kind: u64, number: u64) -> Self {
        let high = mix(mix(mix(seed) ^ kind) ^ number);
        let low = mix(high ^ 0x5851_f42d_4c95_7f2d);
        Self(Pcg64Mcg::new(u128::from(high) << 64 | u128::from(low)))
    }

    /// 64 random bits.
    pub fn bits(&mut self) -> u64 {
        self.0.next_u64()
    }

    /// A number below `bound`, zero when the bound is. (Its bias is under `bound / 2^64`.)
    pub fn below(&mut self, bound: u64) -> u64 {
        // The high half of a product of two 64-bit numbers fits.
        #[allow(clippy::cast_possible_truncation)]
        let high = ((u128::from(self.bits()) * u128::from(bound)) >> 64) as u64;
        high
    }

    /// A number from `first` to `last`, both included.
    pub fn within(&mut self, first: u64, last: u64) -> u64 {
        match (last - first).checked_add(1) {
            Some(span) => first + self.below(span),
            None => self.bits(),
        }
    }

    /// A number above 0, up to 1, in steps of 2^-53.
    pub fn unit(&mut self) -> f64 {
        const STEP: f64 = 1.0 / 9_007_199_254_740_992.0;
        // 53 bits and one more are exact.
        #[allow(clippy::cast_precision_loss)]
        let number = ((self.bits() >> 11) + 1) as f64;
        number * STEP
    }

    /// One of a slice; `None` when it is empty.
    pub fn pick<'t, T>(&mut self, all: &'t [T]) -> Option<&'t T> {
        all.get(usize::try_from(self.below(all.len() as u64)).unwrap_or(usize::MAX))
    }

    /// A number of the exponential distribution with mean 1.
    pub fn exponential(&mut self) -> f64 {
        -libm::log(self.unit())
    }

    /// A number of the normal distribution with mean 0 and deviation 1 (Marsaglia's polar method).
    pub fn normal(&mut self) -> f64 {
        loop {
            let (x, y) = (2.0 * self.unit() - 1.0, 2.0 * self.unit() - 1.0);
            let square = x * x + y * y;
            if square > 0.0 && square < 1.0 {
                return x * libm::sqrt(-2.0 * libm::log(square) / square);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// These numbers must never change: whoever notes a seed relies on them.
    #[test]
    fn a_seed_stands_for_its_numbers() {
        let mut random = Random::new(7, 1, 2);
        let drawn: Vec<_> = (0..4).map(|_| random.below(1_000_000)).collect();
        assert_eq!(drawn, [853_076, 892_239, 976_375, 42_839]);
        let floats = (random.normal().to_bits(), random.exponential().to_bits());
        assert_eq!(floats, (4_603_731_264_976_272_784, 4_603_529_058_390_699_685));
    }

    #[test]
    fn numbers_stay_within_their_bounds_and_reach_them() {
        let mut random = Random::new(1, 0, 0);
        let drawn: std::collections::BTreeSet<_> = (0..1000).map(|_| random.within(3, 7)).collect();
        assert_eq!(drawn.into_iter().collect::<Vec<_>>(), [3, 4, 5, 6, 7]);
        assert_eq!(random.below(0), 0);
        assert!((0..1000).all(|_| {
            let u = random.unit();
            u > 0.0 && u <= 1.0
        }));
        assert_ne!(random.within(0, u64::MAX), random.within(0, u64::MAX));
    }
}
