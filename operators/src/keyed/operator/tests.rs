//! Guarantees of the operator for any logic: the end of the input, fuel, chained timers, broadcasts.

use super::*;
use crate::aggregate::sum_by_key::sum_by_key;
use crate::compact::unique_row::UniqueRow;
use crate::keyed::{Emit, Next};
use crate::testing::{law, play, reference, scripts, sides};
use crate::window::delay_until::delay_until;
use differential_dataflow::input::Input;
use std::sync::mpsc;
use timely::dataflow::operators::vec::Broadcast;

const TICKS: Ticks = Ticks { tick_ms: 10 };

#[test]
fn an_ended_input_is_closed_at_its_own_ticks() {
    let (sender, receiver) = mpsc::channel();
    timely::execute_directly(move |worker| {
        let mut input = worker.dataflow(|scope| {
            let (input, collection) = scope.new_collection();
            delay_until("due", TICKS, collection).inspect(move |update: &(char, i64, Traced<i64, u64>)| {
                sender.send((update.1, update.0)).unwrap();
            });
            input
        });
        for (tick, data, from) in [(10, 'a', 15), (40, 'b', 0), (40, 'c', 45)] {
            input.update_at((data, from), tick, Traced::new(1, None));
        }
    });
    // 'a' is due between two records, 'c' after the last.
    assert_eq!(receiver.iter().collect::<Vec<_>>(), [(20, 'a'), (40, 'b')]);
}

#[test]
fn a_tick_with_more_updates_than_fuel_is_closed_completely() {
    let keys = i64::try_from(FUEL).unwrap() * 3 / 2;
    let script: Vec<_> = (0..keys).map(|key| (10, key, 1)).chain([(20, 0, 1)]).collect();
    let output = play(&script, 20, |input| sum_by_key("sums", TICKS, input));
    let mut expected: Vec<_> = (0..keys).map(|key| (10, (key, 1), 1)).collect();
    expected.extend([(20, (0, 1), -1), (20, (0, 2), 1)]);
    assert_eq!(output, expected);
}

#[test]
fn output_of_a_timer_reaches_the_next_operator_in_the_same_tick() {
    law(
        300,
        |random, size| {
            scripts::facts(random, size, TICKS, 200, |random, tick| ((random.letter(4), tick + random.below(90)), 1))
        },
        |input| sum_by_key("sums", TICKS, delay_until("due", TICKS, input).map(|letter| letter.max('b'))),
        |input| reference::sum_by_key(reference::delay_until(TICKS, input).map(|letter| letter.max('b'))),
    );
}

/// The quantity of each key with the one price, which is broadcast to every key.
#[derive(Default)]
struct Quoted {
    price: UniqueRow<i64>,
}

impl Keyed for Quoted {
    type Key = char;
    type Input = ();
    type Diff = i64;
    type Broadcast = i64;
    type Cause = u64;
    type State = (i64, Option<(i64, i64)>);
    type Output = (char, (i64, i64));

    fn update(&mut self, _: &char, state: &mut Self::State, (): (), diff: i64, _: i64) {
        state.0 += diff;
    }

    fn on_broadcast(&mut self, price: &i64, diff: i64) {
        self.price.update(*price, diff);
    }

    fn is_affected(&self, _: &i64, _: &char, _: &Self::State) -> bool {
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
fn a_broadcast_reaches_every_key_of_every_worker() {
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
            keyed_operator("quoted", TICKS, quantities.map(|key| (key, ())), Some(prices), Quoted::default())
        },
        |input| {
            let (quantities, prices) = sides::<char, ((), i64), _>(input);
            let quantities = reference::sum_by_key(quantities).map(|row| ((), row));
            quantities.join_map(prices, |(), (key, quantity), price| (*key, (*quantity, *price)))
        },
    );
}
