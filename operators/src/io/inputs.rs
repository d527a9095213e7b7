//! Inputs of a keyed operator: one collection or several, each with a port and a conversion of its own.
//!
//! *Meaning.* The concatenation of the converted collections; every port routes by key. *Time.* None. *State.* None.
//! *Cost.* One conversion per update. A map or a concatenation in front of the operator would be an operator of its own,
//! which passes every container on once more and takes part in every round of progress; a port does neither.

use std::hash::Hash;

use differential_dataflow::ExchangeData;
use timely::dataflow::Scope;
use timely::dataflow::operators::InputCapability;
use timely::dataflow::operators::generic::builder_rc::OperatorBuilder;
use timely::progress::operate::FrontierInterest;

use crate::diff::{Traced, TracedCollection};
use crate::io::exchange::exchange_by;
use crate::keyed::routing::route;

/// An update of a key.
pub(crate) type Update<K, I, R, C> = ((K, I), i64, Traced<R, C>);

/// Takes a received container and its capability.
pub(crate) type Receive<'a, K, I, R, C> = &'a mut dyn FnMut(&InputCapability<i64>, &mut Vec<Update<K, I, R, C>>);

/// Passes the received containers of a port on.
pub(crate) type Port<K, I, R, C> = Box<dyn FnMut(Receive<'_, K, I, R, C>)>;

/// Builds the port of one collection.
type BuildPort<'scope, K, I, R, C> = Box<dyn FnOnce(&mut OperatorBuilder<'scope, i64>) -> Port<K, I, R, C> + 'scope>;

/// The collections that are the input of one keyed operator.
pub struct Inputs<'scope, K, I, R, C> {
    scope: Scope<'scope, i64>,
    ports: Vec<BuildPort<'scope, K, I, R, C>>,
}

impl<'scope, K, I, R, C> Inputs<'scope, K, I, R, C>
where
    K: Hash + 'static,
    I: 'static,
    R: ExchangeData,
    C: ExchangeData,
{
    /// A collection of (key, value), with `input` applied to each value.
    pub fn from_keyed<D>(collection: TracedCollection<'scope, (K, D), R, C>, input: impl Fn(D) -> I + 'static) -> Self
    where
        (K, D): ExchangeData,
    {
        Inputs::filter_map(collection, |data| &data.0, move |(key, data)| Some((key, input(data))))
    }

    /// A collection with `make` applied to each element, which returns a key and an input, or `None` to drop it. `key` must
    /// return the same key as `make`: it routes the element before `make` runs.
    pub fn filter_map<D: ExchangeData>(
        collection: TracedCollection<'scope, D, R, C>,
        key: impl Fn(&D) -> &K + 'static,
        make: impl Fn(D) -> Option<(K, I)> + 'static,
    ) -> Self {
        let scope = collection.inner.scope();
        let build_port = move |builder: &mut OperatorBuilder<'scope, i64>| {
            let exchange = exchange_by(move |(data, ..): &(D, i64, Traced<R, C>)| route(key(data)));
            let mut input = builder.new_input(collection.inner, exchange);
            let mut made = Vec::new();
            let port: Port<K, I, R, C> = Box::new(move |receive| {
                input.for_each(|capability, data| {
                    made.reserve(data.len());
                    made.extend(data.drain(..).filter_map(|(data, tick, change)| Some((make(data)?, tick, change))));
                    if !made.is_empty() {
                        receive(&capability, &mut made);
                    }
                });
            });
            port
        };
        Inputs { scope, ports: vec![Box::new(build_port)] }
    }

    /// These inputs and others.
    #[must_use]
    pub fn and(mut self, others: impl Into<Self>) -> Self {
        self.ports.extend(others.into().ports);
        self
    }

    /// These inputs, with `input` applied to each.
    pub fn map<J: 'static>(self, input: impl Fn(I) -> J + Clone + 'static) -> Inputs<'scope, K, J, R, C> {
        let map = |build: BuildPort<'scope, K, I, R, C>| {
            let input = input.clone();
            let build_port = move |builder: &mut OperatorBuilder<'scope, i64>| {
                let mut port = build(builder);
                let mut made = Vec::new();
                let port: Port<K, J, R, C> = Box::new(move |receive| {
                    port(&mut |capability, data| {
                        made.extend(
                            data.drain(..).map(|((key, value), tick, change)| ((key, input(value)), tick, change)),
                        );
                        receive(capability, &mut made);
                    });
                });
                port
            };
            Box::new(build_port) as BuildPort<'scope, K, J, R, C>
        };
        Inputs { scope: self.scope, ports: self.ports.into_iter().map(map).collect() }
    }

    /// An operator under construction with one port per collection. Progress of a port's frontier schedules the operator
    /// only while it holds a capability.
    pub(crate) fn operator(self, name: &str) -> (OperatorBuilder<'scope, i64>, Vec<Port<K, I, R, C>>) {
        let mut builder = OperatorBuilder::new(name.to_owned(), self.scope);
        let ports: Vec<_> = self.ports.into_iter().map(|build| build(&mut builder)).collect();
        (0..ports.len()).for_each(|port| builder.set_notify_for(port, FrontierInterest::IfCapability));
        (builder, ports)
    }
}

/// A collection without conversion: its containers are passed on whole.
impl<'scope, K, I, R, C> From<TracedCollection<'scope, (K, I), R, C>> for Inputs<'scope, K, I, R, C>
where
    K: ExchangeData + Hash,
    I: ExchangeData,
    R: ExchangeData,
    C: ExchangeData,
{
    fn from(collection: TracedCollection<'scope, (K, I), R, C>) -> Self {
        let scope = collection.inner.scope();
        let build_port = move |builder: &mut OperatorBuilder<'scope, i64>| {
            let exchange = exchange_by(|update: &Update<K, I, R, C>| route(&update.0.0));
            let mut input = builder.new_input(collection.inner, exchange);
            let port: Port<K, I, R, C> = Box::new(move |receive| {
                input.for_each(|capability, data| receive(&capability, data));
            });
            port
        };
        Inputs { scope, ports: vec![Box::new(build_port)] }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::aggregate::max_by_key::MaxByKey;
    use crate::join::co_group::Side;
    use crate::keyed::{Ticks, keyed_operator};
    use crate::testing::{Handover, Random, Update as ScriptUpdate, run, scripts, sides, traced};

    const TICKS: Ticks = Ticks { tick_ms: 10 };

    type Number = (char, i64);

    fn script(random: &mut Random, size: usize) -> Vec<ScriptUpdate<Side<Number, Number>, i64>> {
        let numbers = |random: &mut Random| {
            scripts::facts(random, size, TICKS, 200, |random, _| {
                ((random.letter(4), random.below(9)), random.below(4) - 1)
            })
        };
        let (left, right) = (numbers(random), numbers(random));
        scripts::both(left, right)
    }

    #[test]
    fn ports_equal_a_concatenation() {
        for seed in 0..40 {
            let script = traced(&script(&mut Random::new(seed), 30));
            let concatenated = run(Handover::ORDERLY, 400, &script, |input| {
                let (left, right) = sides(input);
                let (left, right) = (left.map(|(key, n)| (key, 2 * n + 1)), right.map(|(key, n)| (key, n + 1)));
                keyed_operator("top", TICKS, left.filter(|(_, n)| n % 3 > 0).concat(right), None, MaxByKey::default())
            });
            for workers in [1, 2, 4] {
                let by_ports = run(Handover { workers, disorder: Some(seed) }, 400, &script, |input| {
                    let (left, right) = sides(input);
                    let some = |(key, n): Number| ((2 * n + 1) % 3 > 0).then_some((key, 2 * n));
                    let inputs = Inputs::filter_map(left, |(key, _)| key, some).and(right).map(|n| n + 1);
                    keyed_operator("top", TICKS, inputs, None, MaxByKey::default())
                });
                assert_eq!(by_ports, concatenated, "seed {seed}, {workers} workers");
            }
        }
    }
}
