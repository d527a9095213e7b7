//! What the driver promises whatever it drives: the end of the input, fuel, notices.

use super::*;
use crate::keyed::{Emit, Next};
use crate::one::One;
use crate::release_at::release_at;
use crate::testing::{law, play, scripts, sides};
use crate::totals::totals;
use crate::twins;
use differential_dataflow::input::Input;
use std::sync::mpsc;
use timely::dataflow::operators::vec::Broadcast;

const TICKS: Ticks = Ticks { tick_ms: 10 };

#[test]
fn an_input_that_ends_closes_what_it_gave_at_its_own_ticks() {
    let (say, said) = mpsc::channel();
    timely::execute_directly(move |worker| {
        let mut input = worker.dataflow(|scope| {
            let (input, collection) = scope.new_collection();
            release_at("due", TICKS, collection).inspect(move |update: &(char, i64, Traced<i64, u64>)| {
                say.send((update.1, update.0)).unwrap();
            });
            input
        });
        for (tick, data, from) in [(10, 'a', 15), (40, 'b', 0), (40, 'c', 45)] {
            input.update_at((data, from), tick, Traced::new(1, None));
        }
    });
    // 'a' is due between two records, 'c' after the last.
    assert_eq!(said.iter().collect::<Vec<_>>(), [(20, 'a'), (40, 'b')]);
}

#[test]
fn a_tick_of_more_than_its_fuel_is_closed_whole() {
    let keys = i64::try_from(FUEL).unwrap() * 3 / 2;
    let script: Vec<_> = (0..keys).map(|key| (10, key, 1)).chain([(20, 0, 1)]).collect();
    let said = play(&script, 20, |input| totals("sums", TICKS, input));
    let mut expected: Vec<_> = (0..keys).map(|key| (10, (key, 1), 1)).collect();
    expected.extend([(20, (0, 1), -1), (20, (0, 2), 1)]);
    assert_eq!(said, expected);
}

#[test]
fn what_one_operator_says_by_the_clock_the_next_one_hears_in_time() {
    law(
        300,
        |random, size| {
            scripts::facts(random, size, TICKS, 200, |random, tick| ((random.letter(4), tick + random.below(90)), 1))
        },
        |input| totals("sums", TICKS, release_at("due", TICKS, input).map(|letter| letter.max('b'))),
        |input| twins::totals(twins::release_at(TICKS, input).map(|letter| letter.max('b'))),
    );
}

/// Quantities beside the one price that every key is told of.
#[derive(Default)]
struct Quoted {
    price: One<i64>,
}

impl Keyed for Quoted {
    type Key = char;
    type Input = ();
    type Diff = i64;
    type Notice = i64;
    type Cause = u64;
    type State = (i64, Option<(i64, i64)>);
    type Output = (char, (i64, i64));

    fn update(&mut self, _: &char, state: &mut Self::State, (): (), diff: i64, _: i64) {
        state.0 += diff;
    }

    fn notice(&mut self, price: &i64, diff: i64) {
        self.price.update(*price, diff);
    }

    fn concerns(&self, _: &i64, _: &char, _: &Self::State) -> bool {
        true
    }

    fn close(&mut self, key: &char, state: &mut Self::State, emit: &mut Emit<'_, Self::Output, u64>) -> Next {
        let new = self.price.get().filter(|_| state.0 != 0).map(|price| (state.0, *price));
        emit.replace(state.1.map(|row| (*key, row)), new.map(|row| (*key, row)));
        state.1 = new;
        if state.0 == 0 { Next::Forget } else { Next::Rest }
    }
}

#[test]
fn a_notice_reaches_every_key_of_every_worker() {
    law(
        200,
        |random, size| {
            let quantities = scripts::facts(random, size, TICKS, 200, |random, _| (random.letter(9), 1));
            let prices = scripts::rows(random, size / 4, TICKS, 200, |random| ((), random.below(3)));
            scripts::both(quantities, prices)
        },
        |input| {
            let (quantities, prices) = sides::<char, ((), i64), _>(input);
            let prices = prices.map(|((), price)| price).inner.broadcast().as_collection();
            keyed("quoted", TICKS, quantities.map(|key| (key, ())), Some(prices), Quoted::default())
        },
        |input| {
            let (quantities, prices) = sides::<char, ((), i64), _>(input);
            let quantities = twins::totals(quantities).map(|row| ((), row));
            quantities.join_map(prices, |(), (key, quantity), price| (*key, (*quantity, *price)))
        },
    );
}

#[test]
fn keys_are_spread_evenly_over_a_span() {
    let mut tenths = [0; 10];
    for key in 0..10_000_u64 {
        let at = spread(&key, 3_600_000);
        assert!((0..3_600_000).contains(&at) && at == spread(&key, 3_600_000));
        tenths[usize::try_from(at / 360_000).expect("a tenth")] += 1;
    }
    assert!(tenths.iter().all(|count| (900..1_100).contains(count)), "{tenths:?}");
}
