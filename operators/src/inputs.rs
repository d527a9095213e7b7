//! What flows into a keyed operator: one collection or several, each at a port of its own.
//!
//! Adding ports costs nothing where maps and concatenations in front of an operator are operators themselves: each of
//! those hands every container on once more and takes part in every round of progress. *Meaning.* That of the
//! concatenation. Every port routes by key.

use std::hash::Hash;

use differential_dataflow::ExchangeData;
use timely::dataflow::Scope;
use timely::dataflow::operators::InputCapability;
use timely::dataflow::operators::generic::builder_rc::OperatorBuilder;
use timely::progress::operate::FrontierInterest;

use crate::deal::deal;
use crate::diff::Traced;
use crate::driver::{Traces, route};

/// An update of a key.
pub(crate) type Update<K, I, R, C> = ((K, I), i64, Traced<R, C>);

/// Takes a container that has come, with the right to speak at its time.
pub(crate) type Give<'a, K, I, R, C> = &'a mut dyn FnMut(&InputCapability<i64>, &mut Vec<Update<K, I, R, C>>);

/// Gives what has come at a port.
pub(crate) type Port<K, I, R, C> = Box<dyn FnMut(Give<'_, K, I, R, C>)>;

/// A collection that waits for its operator.
type Waiting<'scope, K, I, R, C> = Box<dyn FnOnce(&mut OperatorBuilder<'scope, i64>) -> Port<K, I, R, C> + 'scope>;

/// The collections that flow into a keyed operator.
pub struct Inputs<'scope, K, I, R, C> {
    scope: Scope<'scope, i64>,
    waiting: Vec<Waiting<'scope, K, I, R, C>>,
}

impl<'scope, K, I, R, C> Inputs<'scope, K, I, R, C>
where
    K: Hash + 'static,
    I: 'static,
    R: ExchangeData,
    C: ExchangeData,
{
    /// What `input` makes of each value of a collection by key.
    pub fn of<D>(collection: Traces<'scope, (K, D), R, C>, input: impl Fn(D) -> I + 'static) -> Self
    where
        (K, D): ExchangeData,
    {
        Inputs::made(collection, |data| &data.0, move |(key, data)| Some((key, input(data))))
    }

    /// What `make` makes of each element, one or none; `key` names the key, the same that `make` does.
    pub fn made<D: ExchangeData>(
        collection: Traces<'scope, D, R, C>,
        key: impl Fn(&D) -> &K + 'static,
        make: impl Fn(D) -> Option<(K, I)> + 'static,
    ) -> Self {
        let scope = collection.inner.scope();
        let waiting = move |builder: &mut OperatorBuilder<'scope, i64>| {
            let exchange = deal(move |(data, ..): &(D, i64, Traced<R, C>)| route(key(data)));
            let mut input = builder.new_input(collection.inner, exchange);
            let mut made = Vec::new();
            let port: Port<K, I, R, C> = Box::new(move |give| {
                input.for_each(|capability, data| {
                    made.reserve(data.len());
                    made.extend(data.drain(..).filter_map(|(data, tick, change)| Some((make(data)?, tick, change))));
                    if !made.is_empty() {
                        give(&capability, &mut made);
                    }
                });
            });
            port
        };
        Inputs { scope, waiting: vec![Box::new(waiting)] }
    }

    /// These and others.
    #[must_use]
    pub fn and(mut self, others: impl Into<Self>) -> Self {
        self.waiting.extend(others.into().waiting);
        self
    }

    /// What `input` makes of each input.
    pub fn map<J: 'static>(self, input: impl Fn(I) -> J + Clone + 'static) -> Inputs<'scope, K, J, R, C> {
        let map = |waiting: Waiting<'scope, K, I, R, C>| {
            let input = input.clone();
            let waiting = move |builder: &mut OperatorBuilder<'scope, i64>| {
                let mut port = waiting(builder);
                let mut made = Vec::new();
                let port: Port<K, J, R, C> = Box::new(move |give| {
                    port(&mut |capability, data| {
                        made.extend(
                            data.drain(..).map(|((key, held), tick, change)| ((key, input(held)), tick, change)),
                        );
                        give(capability, &mut made);
                    });
                });
                port
            };
            Box::new(waiting) as Waiting<'scope, K, J, R, C>
        };
        Inputs { scope: self.scope, waiting: self.waiting.into_iter().map(map).collect() }
    }

    /// An operator under construction, and a port of it for each. That time has passed there concerns it only while it has
    /// something to say.
    pub(crate) fn operator(self, name: &str) -> (OperatorBuilder<'scope, i64>, Vec<Port<K, I, R, C>>) {
        let mut builder = OperatorBuilder::new(name.to_owned(), self.scope);
        let ports: Vec<_> = self.waiting.into_iter().map(|waiting| waiting(&mut builder)).collect();
        (0..ports.len()).for_each(|port| builder.set_notify_for(port, FrontierInterest::IfCapability));
        (builder, ports)
    }
}

/// A collection as it is: its containers are taken whole.
impl<'scope, K, I, R, C> From<Traces<'scope, (K, I), R, C>> for Inputs<'scope, K, I, R, C>
where
    K: ExchangeData + Hash,
    I: ExchangeData,
    R: ExchangeData,
    C: ExchangeData,
{
    fn from(collection: Traces<'scope, (K, I), R, C>) -> Self {
        let scope = collection.inner.scope();
        let waiting = move |builder: &mut OperatorBuilder<'scope, i64>| {
            let exchange = deal(|update: &Update<K, I, R, C>| route(&update.0.0));
            let mut input = builder.new_input(collection.inner, exchange);
            let port: Port<K, I, R, C> = Box::new(move |give| {
                input.for_each(|capability, data| give(&capability, data));
            });
            port
        };
        Inputs { scope, waiting: vec![Box::new(waiting)] }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::co_group::Side;
    use crate::driver::keyed;
    use crate::greatest::Maximum;
    use crate::keyed::Ticks;
    use crate::testing::{Handover, Random, Update as Given, run, scripts, sides, traced};

    const TICKS: Ticks = Ticks { tick_ms: 10 };

    type Number = (char, i64);

    fn script(random: &mut Random, size: usize) -> Vec<Given<Side<Number, Number>, i64>> {
        let numbers = |random: &mut Random| {
            scripts::facts(random, size, TICKS, 200, |random, _| {
                ((random.letter(4), random.below(9)), random.below(4) - 1)
            })
        };
        let (left, right) = (numbers(random), numbers(random));
        scripts::both(left, right)
    }

    #[test]
    fn ports_say_what_a_concatenation_says() {
        for seed in 0..40 {
            let script = traced(&script(&mut Random::new(seed), 30));
            let concatenated = run(Handover::ORDERLY, 400, &script, |given| {
                let (left, right) = sides(given);
                let (left, right) = (left.map(|(key, n)| (key, 2 * n + 1)), right.map(|(key, n)| (key, n + 1)));
                keyed("top", TICKS, left.filter(|(_, n)| n % 3 > 0).concat(right), None, Maximum::default())
            });
            for workers in [1, 2, 4] {
                let by_ports = run(Handover { workers, disorder: Some(seed) }, 400, &script, |given| {
                    let (left, right) = sides(given);
                    let some = |(key, n): Number| ((2 * n + 1) % 3 > 0).then_some((key, 2 * n));
                    let inputs = Inputs::made(left, |(key, _)| key, some).and(right).map(|n| n + 1);
                    keyed("top", TICKS, inputs, None, Maximum::default())
                });
                assert_eq!(by_ports, concatenated, "seed {seed}, {workers} workers");
            }
        }
    }
}
