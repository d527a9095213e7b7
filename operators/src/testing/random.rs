//! Random numbers from a seed: the same on every machine and in every version.

/// The splitmix64 generator (Steele, Lea and Flood, "Fast splittable pseudorandom number generators", 2014).
#[derive(Clone, Debug)]
pub struct Random {
    state: u64,
}

impl Random {
    /// The sequence of `seed`.
    pub fn new(seed: u64) -> Self {
        Random { state: seed }
    }

    /// The next 64 bits.
    pub fn bits(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mixed = (self.state ^ (self.state >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    /// A number in `0..bound`; its bias of bound / 2^63 is no concern of a test.
    ///
    /// # Panics
    /// If `bound` is not positive.
    pub fn below(&mut self, bound: i64) -> i64 {
        assert!(bound > 0, "nothing is below {bound}");
        (self.bits() >> 1).cast_signed() % bound
    }

    /// An index into something of `len` elements, `len` ≥ 1.
    pub fn index(&mut self, len: usize) -> usize {
        let bound = i64::try_from(len).expect("fewer than 2^63 elements");
        usize::try_from(self.below(bound)).expect("an index is below its length")
    }

    /// One of the first `count` letters, `count` ≤ 26: a key that reads well in a script.
    pub fn letter(&mut self, count: usize) -> char {
        char::from(b"abcdefghijklmnopqrstuvwxyz"[self.index(count)])
    }

    /// `true` once in `times`.
    pub fn once_in(&mut self, times: i64) -> bool {
        self.below(times) == 0
    }

    /// Puts `items` into an order of which each is as likely as any other (Fisher and Yates).
    pub fn shuffle<I>(&mut self, items: &mut [I]) {
        for last in (1..items.len()).rev() {
            items.swap(last, self.index(last + 1));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equals_the_published_sequence() {
        let mut random = Random::new(1_234_567);
        assert_eq!([random.bits(), random.bits()], [6_457_827_717_110_365_317, 3_203_168_211_198_807_973]);
    }

    #[test]
    fn a_shuffle_loses_nothing() {
        let mut items: Vec<i64> = (0..50).collect();
        Random::new(1).shuffle(&mut items);
        assert!(!items.is_sorted());
        items.sort_unstable();
        assert_eq!(items, Vec::from_iter(0..50));
    }
}
