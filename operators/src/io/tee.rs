//! Tee of one collection into many: each reader has a function and a collection of its own, and nothing is copied first.
//!
//! *Meaning.* A reader is a function applied to every element, as in a flat map; its results are a collection.
//! *Time.* None. *State.* None.
//! *Cost.* One call per reader and element, in one loop per reader and container. With one map per reader instead, timely
//! would first copy the whole collection for each of them.

use std::cell::RefCell;

use differential_dataflow::collection::AsCollection;
use differential_dataflow::difference::Multiply;
use timely::container::CapacityContainerBuilder;
use timely::dataflow::channels::pact::Pipeline;
use timely::dataflow::operators::InputCapability;
use timely::dataflow::operators::generic::OutputBuilder;
use timely::dataflow::operators::generic::builder_rc::OperatorBuilder;

use crate::diff::{Traced, TracedCollection};

/// Updates that a reader collects before it sends them.
const BATCH: usize = 4_096;

/// An update of the collection.
type Update<D, R, C> = (D, i64, Traced<R, C>);

/// One reader.
trait Reader<D, R, C> {
    /// Reads one container, in one loop.
    fn read_all(&mut self, updates: &[Update<D, R, C>], capability: &InputCapability<i64>);
    fn flush(&mut self, capability: &InputCapability<i64>);
}

/// A reader with an output.
struct OutputReader<T, R, C, F>
where
    T: 'static,
    R: Clone + 'static,
    C: Clone + 'static,
{
    /// Appends the results of an element.
    read: F,
    results: Vec<Update<T, R, C>>,
    /// The number of results last sent: the next container will probably give as many.
    usual: usize,
    output: OutputBuilder<i64, CapacityContainerBuilder<Vec<Update<T, R, C>>>>,
}

impl<D, T, Q, R, C, F> Reader<D, R, C> for OutputReader<T, Q, C, F>
where
    T: Clone + 'static,
    Q: Clone + 'static,
    R: 'static,
    C: Clone + 'static,
    F: FnMut(&Update<D, R, C>, &mut Vec<Update<T, Q, C>>),
{
    fn read_all(&mut self, updates: &[Update<D, R, C>], capability: &InputCapability<i64>) {
        if self.results.capacity() == 0 {
            self.results.reserve(self.usual + self.usual / 4);
        }
        for update in updates {
            (self.read)(update, &mut self.results);
        }
        if self.results.len() >= BATCH {
            self.flush(capability);
        }
    }

    fn flush(&mut self, capability: &InputCapability<i64>) {
        if !self.results.is_empty() {
            self.usual = self.results.len();
            self.output.activate().session(capability).give_container(&mut self.results);
            self.results.clear();
        }
    }
}

/// A reader without output.
struct Inspector<F>(F);

impl<D, R, C, F: FnMut(&D, &Traced<R, C>)> Reader<D, R, C> for Inspector<F> {
    fn read_all(&mut self, updates: &[Update<D, R, C>], _: &InputCapability<i64>) {
        updates.iter().for_each(|(data, _, change)| self.0(data, change));
    }

    fn flush(&mut self, _: &InputCapability<i64>) {}
}

type Readers<D, R, C> = Vec<Box<dyn Reader<D, R, C>>>;

/// A collection and its readers, which run after [`Tee::build`].
pub struct Tee<'scope, D, R, C>
where
    D: Clone + 'static,
    R: Clone + 'static,
    C: Clone + 'static,
{
    pending: RefCell<Option<PendingTee<'scope, D, R, C>>>,
}

/// The operator under construction.
struct PendingTee<'scope, D, R, C>
where
    D: Clone + 'static,
    R: Clone + 'static,
    C: Clone + 'static,
{
    builder: OperatorBuilder<'scope, i64>,
    input: TracedCollection<'scope, D, R, C>,
    readers: Readers<D, R, C>,
}

impl<'scope, D, R, C> Tee<'scope, D, R, C>
where
    D: Clone + 'static,
    R: Clone + 'static,
    C: Clone + 'static,
{
    /// A tee without readers.
    pub fn new(name: &str, input: TracedCollection<'scope, D, R, C>) -> Self {
        let builder = OperatorBuilder::new(name.to_owned(), input.inner.scope());
        Tee { pending: RefCell::new(Some(PendingTee { builder, input, readers: Vec::new() })) }
    }

    fn with_pending<T>(&self, body: impl FnOnce(&mut PendingTee<'scope, D, R, C>) -> T) -> T {
        body(self.pending.borrow_mut().as_mut().expect("readers are added before the tee is built"))
    }

    /// Adds a reader: the collection of the results of `read` for each element and its difference.
    ///
    /// # Panics
    /// After [`Tee::build`].
    pub fn read<T, I>(
        &self,
        mut read: impl FnMut(&D, &Traced<R, C>) -> I + 'static,
    ) -> TracedCollection<'scope, T, R, C>
    where
        T: Clone + 'static,
        I: IntoIterator<Item = T> + 'static,
    {
        self.add_reader(move |(data, tick, change), results| {
            for data in read(data, change) {
                results.push((data, *tick, change.clone()));
            }
        })
    }

    /// Adds a reader that moves amounts into differences: `split` returns data with amounts for each element.
    ///
    /// # Panics
    /// After [`Tee::build`].
    ///
    /// ```
    /// # use operators::{aggregate::sum_by_key::sum_by_key, io::tee::Tee, keyed::Ticks, testing::play};
    /// // Two messages of 250 bytes from host p and one of 90 bytes from host f; one of the former is retracted.
    /// let messages = [(10, ('p', 250), 2), (10, ('f', 90), 1), (20, ('p', 250), -1)];
    /// let bytes = play(&messages, 20, |messages| {
    ///     let tee = Tee::new("messages", messages);
    ///     let bytes = tee.explode(|(host, bytes)| (*host == 'p').then_some((*host, *bytes)));
    ///     tee.build();
    ///     sum_by_key("bytes", Ticks { tick_ms: 10 }, bytes)
    /// });
    /// assert_eq!(bytes, [(10, ('p', 500), 1), (20, ('p', 250), 1), (20, ('p', 500), -1)]);
    /// ```
    pub fn explode<T, Q, I>(&self, mut split: impl FnMut(&D) -> I + 'static) -> TracedCollection<'scope, T, Q, C>
    where
        T: Clone + 'static,
        Q: Clone + Multiply<R, Output = Q> + 'static,
        I: IntoIterator<Item = (T, Q)> + 'static,
    {
        self.add_reader(move |(data, tick, change), results| {
            for (data, sum) in split(data) {
                results.push((data, *tick, Traced::new(sum.multiply(&change.diff), change.cause.clone())));
            }
        })
    }

    fn add_reader<T, Q, F>(&self, read: F) -> TracedCollection<'scope, T, Q, C>
    where
        T: Clone + 'static,
        Q: Clone + 'static,
        F: FnMut(&Update<D, R, C>, &mut Vec<Update<T, Q, C>>) + 'static,
    {
        self.with_pending(|PendingTee { builder, readers, .. }| {
            let (output, stream) = builder.new_output();
            readers.push(Box::new(OutputReader {
                read,
                results: Vec::new(),
                usual: 0,
                output: OutputBuilder::from(output),
            }));
            stream.as_collection()
        })
    }

    /// Adds a reader without output: `inspect` is called with each element and its difference.
    ///
    /// # Panics
    /// After [`Tee::build`].
    pub fn inspect(&self, inspect: impl FnMut(&D, &Traced<R, C>) + 'static) {
        self.with_pending(|pending| pending.readers.push(Box::new(Inspector(inspect))));
    }

    /// Builds the operator after the last reader was added; has no effect the second time.
    ///
    /// ```
    /// # use operators::{io::tee::Tee, keyed::Ticks, testing::play};
    /// let numbers = [(10, 3, 1), (10, 4, 1), (20, 3, -1)];
    /// let output = play(&numbers, 20, |numbers| {
    ///     let tee = Tee::new("numbers", numbers);
    ///     let odd = tee.read(|number, _| (number % 2 == 1).then(|| format!("{number} is odd")));
    ///     let halves = tee.read(|number, _| (number % 2 == 0).then(|| format!("half of {number} is {}", number / 2)));
    ///     tee.build();
    ///     odd.concat(halves)
    /// });
    /// let (odd, half) = ("3 is odd".to_owned(), "half of 4 is 2".to_owned());
    /// assert_eq!(output, [(10, odd.clone(), 1), (10, half, 1), (20, odd, -1)]);
    /// ```
    pub fn build(&self) {
        let Some(PendingTee { mut builder, input, mut readers }) = self.pending.take() else { return };
        let mut input = builder.new_input(input.inner, Pipeline);
        builder.build(move |_| {
            move |_| {
                input.for_each_stamp(|capability, containers| {
                    for container in containers {
                        readers.iter_mut().for_each(|reader| reader.read_all(container, &capability));
                        container.clear();
                    }
                    readers.iter_mut().for_each(|reader| reader.flush(&capability));
                });
            }
        });
    }
}
