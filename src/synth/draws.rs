//! Seeded random draws with integers only, so that every platform draws the same.

use rand_pcg::Pcg64Mcg;
use rand_pcg::rand_core::Rng;
use xxhash_rust::xxh3::xxh3_128;

/// A stream of random numbers.
///
/// Every decision has a stream of its own, named by its purpose and keys: a shorter schedule or a
/// bigger league leaves the draws of everything else as they were.
pub(super) struct Draws(Pcg64Mcg);

impl Draws {
    pub fn of(seed: u64, purpose: &str, keys: &[u64]) -> Self {
        let mut name = seed.to_le_bytes().to_vec();
        name.extend_from_slice(purpose.as_bytes());
        for key in keys {
            name.extend_from_slice(&key.to_le_bytes());
        }
        Self(Pcg64Mcg::new(xxh3_128(&name)))
    }

    /// 0 to `bound` - 1.
    pub fn below(&mut self, bound: u64) -> u64 {
        ((u128::from(self.0.next_u64()) * u128::from(bound)) >> 64) as u64
    }

    /// `low` to `high`, both included.
    pub fn between(&mut self, low: i64, high: i64) -> i64 {
        low + self.below((high - low + 1) as u64) as i64
    }

    pub fn one_in(&mut self, chances: u64) -> bool {
        self.below(chances) == 0
    }

    pub fn per_mille(&mut self, chance: i64) -> bool {
        (self.below(1000) as i64) < chance
    }

    pub fn pick<T: Copy>(&mut self, choices: &[T]) -> T {
        choices[self.below(choices.len() as u64) as usize]
    }

    /// An index, each as likely as its weight; the weights are not all 0.
    pub fn weighted(&mut self, weights: &[i64]) -> usize {
        let mut left = self.below(weights.iter().sum::<i64>() as u64) as i64;
        weights
            .iter()
            .position(|&weight| {
                left -= weight;
                left < 0
            })
            .expect("the draw is below the sum of the weights")
    }

    pub fn shuffle<T>(&mut self, items: &mut [T]) {
        for last in (1..items.len()).rev() {
            items.swap(last, self.below(last as u64 + 1) as usize);
        }
    }
}
