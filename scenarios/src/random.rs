//! Dice that fall the same way every time: all chance in a scenario comes from here and from its seed.
//!
//! SplitMix64 (Steele, Lea, Flood: "Fast splittable pseudorandom number generators", 2014), kept because it is ten
//! lines, passes the usual tests and never changes under us, which no library promises. Draws are *keyed*: what
//! happens to a record depends on the seed, the purpose and the record's own name, never on how many draws came
//! before it. So a rule added to a scenario leaves the outcome of every other rule as it was.

/// The increment of SplitMix64, 2^64 divided by the golden ratio.
const STEP: u64 = 0x9E37_79B9_7F4A_7C15;

/// A stream of draws.
#[derive(Clone, Debug)]
pub struct Random {
    state: u64,
}

impl Random {
    /// The stream of a seed.
    #[must_use]
    pub fn new(seed: u64) -> Random {
        Random { state: seed }
    }

    /// The stream that belongs to one thing: `name` says the purpose and which thing (say: a purpose number, a
    /// store, a day).
    #[must_use]
    pub fn keyed(seed: u64, name: &[u64]) -> Random {
        let mut state = mix(seed.wrapping_add(STEP));
        for part in name {
            state = mix(state ^ mix(part.wrapping_add(STEP)));
        }
        Random { state }
    }

    /// The next 64 bits.
    pub fn bits(&mut self) -> u64 {
        self.state = self.state.wrapping_add(STEP);
        mix(self.state)
    }

    /// A number in `0..bound`, each as likely as the next (to within bound / 2^64); 0 if `bound` is 0.
    pub fn below(&mut self, bound: u64) -> u64 {
        let high = (u128::from(self.bits()) * u128::from(bound)) >> 64;
        u64::try_from(high).unwrap_or(0)
    }

    /// A number in `low..high`, `low` if that is empty.
    pub fn between(&mut self, low: i64, high: i64) -> i64 {
        low.saturating_add_unsigned(self.below(u64::try_from(high.saturating_sub(low)).unwrap_or(0)))
    }

    /// True in `basis_points` of 10 000 draws.
    pub fn chance(&mut self, basis_points: u32) -> bool {
        self.below(10_000) < u64::from(basis_points)
    }
}

/// The finisher of SplitMix64: every input bit reaches every output bit, and no two inputs meet.
fn mix(mut bits: u64) -> u64 {
    bits = (bits ^ (bits >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    bits = (bits ^ (bits >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    bits ^ (bits >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The first outputs for seed 1234567, as published with the reference code.
    #[test]
    fn golden_values() {
        let mut random = Random::new(1_234_567);
        let draws: Vec<u64> = (0..3).map(|_| random.bits()).collect();
        assert_eq!(draws, [6_457_827_717_110_365_317, 3_203_168_211_198_807_973, 9_817_491_932_198_370_423]);
    }

    #[test]
    fn draws_stay_in_their_bounds() {
        let mut random = Random::new(7);
        for _ in 0..10_000 {
            assert!(random.below(3) < 3);
            assert!((-5..9).contains(&random.between(-5, 9)));
        }
        assert_eq!(random.below(0), 0);
        assert_eq!(random.between(4, 4), 4);
        assert!(!random.chance(0));
        assert!(random.chance(10_000));
    }

    #[test]
    fn chance_keeps_its_promise_over_keys() {
        let hits = (0..100_000_u64).filter(|key| Random::keyed(1, &[9, *key]).chance(200)).count();
        assert!((1_800..2_200).contains(&hits), "{hits} of 100000 at 2 %");
    }

    #[test]
    fn keys_are_told_apart() {
        let first = |name: &[u64]| Random::keyed(1, name).bits();
        assert_ne!(first(&[1, 2]), first(&[2, 1]));
        assert_ne!(first(&[1]), first(&[1, 0]));
        assert_eq!(first(&[1, 2]), first(&[1, 2]));
    }
}
