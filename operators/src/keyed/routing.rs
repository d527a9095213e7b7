//! Hashes that assign keys to workers and to instants, equal on every worker and in every process.

use std::hash::{BuildHasher, Hash};

use foldhash::quality::FixedState;

/// The hash by which a key is routed: it belongs to worker `route(key) % peers`.
pub fn route<K: Hash>(key: &K) -> u64 {
    // The high half: tables on the receiving worker use the low half.
    FixedState::with_seed(0).hash_one(key) >> 32
}

/// An offset in `0..span_ms` that differs from key to key: periodic work without a set instant is spread over the span,
/// so that no tick does it for all keys.
///
/// # Panics
/// If the span is not positive.
pub fn stagger<K: Hash>(key: &K, span_ms: i64) -> i64 {
    route(key).cast_signed() % span_ms
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_staggered_evenly_over_a_span() {
        let mut tenths = [0; 10];
        for key in 0..10_000_u64 {
            let at = stagger(&key, 3_600_000);
            assert!((0..3_600_000).contains(&at) && at == stagger(&key, 3_600_000));
            tenths[usize::try_from(at / 360_000).expect("a tenth")] += 1;
        }
        assert!(tenths.iter().all(|count| (900..1_100).contains(count)), "{tenths:?}");
    }
}
