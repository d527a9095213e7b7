//! One collection with many readers, each of whom takes what concerns it: looked at once, copied never.
//!
//! *Meaning.* Every reader is a function from an element to what it makes of it, as in a map or flat map; it gets a
//! collection of its own. *Time.* None. *State.* None.
//! *Cost.* One call a reader and element, in a loop a reader and container. As many maps behind a stream would each be given
//! a copy of all of it first.

use std::cell::RefCell;

use differential_dataflow::collection::AsCollection;
use differential_dataflow::difference::Multiply;
use timely::container::CapacityContainerBuilder;
use timely::dataflow::channels::pact::Pipeline;
use timely::dataflow::operators::InputCapability;
use timely::dataflow::operators::generic::OutputBuilder;
use timely::dataflow::operators::generic::builder_rc::OperatorBuilder;

use crate::diff::Traced;
use crate::driver::Traces;

/// Updates that a reader holds before it hands them on.
const BATCH: usize = 4_096;

/// An update of the collection.
type Update<D, R, C> = (D, i64, Traced<R, C>);

/// A reader with its way out.
trait Way<D, R, C> {
    /// Reads what has come together: one reader after the other, so that each goes through it in one loop of its own.
    fn take(&mut self, updates: &[Update<D, R, C>], capability: &InputCapability<i64>);
    fn flush(&mut self, capability: &InputCapability<i64>);
}

/// A reader who makes something.
struct Reading<T, R, C, F>
where
    T: 'static,
    R: Clone + 'static,
    C: Clone + 'static,
{
    /// Adds to what was made what it makes of an element.
    read: F,
    made: Vec<Update<T, R, C>>,
    /// How many it made last time: likely as many as next time.
    usual: usize,
    output: OutputBuilder<i64, CapacityContainerBuilder<Vec<Update<T, R, C>>>>,
}

impl<D, T, Q, R, C, F> Way<D, R, C> for Reading<T, Q, C, F>
where
    T: Clone + 'static,
    Q: Clone + 'static,
    R: 'static,
    C: Clone + 'static,
    F: FnMut(&Update<D, R, C>, &mut Vec<Update<T, Q, C>>),
{
    fn take(&mut self, updates: &[Update<D, R, C>], capability: &InputCapability<i64>) {
        if self.made.capacity() == 0 {
            self.made.reserve(self.usual + self.usual / 4);
        }
        for update in updates {
            (self.read)(update, &mut self.made);
        }
        if self.made.len() >= BATCH {
            self.flush(capability);
        }
    }

    fn flush(&mut self, capability: &InputCapability<i64>) {
        if !self.made.is_empty() {
            self.usual = self.made.len();
            self.output.activate().session(capability).give_container(&mut self.made);
            self.made.clear();
        }
    }
}

/// Looks at each element without making anything of it.
struct Looking<F>(F);

impl<D, R, C, F: FnMut(&D, &Traced<R, C>)> Way<D, R, C> for Looking<F> {
    fn take(&mut self, updates: &[Update<D, R, C>], _: &InputCapability<i64>) {
        updates.iter().for_each(|(data, _, change)| self.0(data, change));
    }

    fn flush(&mut self, _: &InputCapability<i64>) {}
}

type Ways<D, R, C> = Vec<Box<dyn Way<D, R, C>>>;

/// A collection whose readers are gathered; they read from [`Fan::build`] on.
pub struct Fan<'scope, D, R, C>
where
    D: Clone + 'static,
    R: Clone + 'static,
    C: Clone + 'static,
{
    gathered: RefCell<Option<Gathered<'scope, D, R, C>>>,
}

/// The operator under construction.
struct Gathered<'scope, D, R, C>
where
    D: Clone + 'static,
    R: Clone + 'static,
    C: Clone + 'static,
{
    builder: OperatorBuilder<'scope, i64>,
    input: Traces<'scope, D, R, C>,
    ways: Ways<D, R, C>,
}

impl<'scope, D, R, C> Fan<'scope, D, R, C>
where
    D: Clone + 'static,
    R: Clone + 'static,
    C: Clone + 'static,
{
    /// Nobody reads yet.
    pub fn new(name: &str, input: Traces<'scope, D, R, C>) -> Self {
        let builder = OperatorBuilder::new(name.to_owned(), input.inner.scope());
        Fan { gathered: RefCell::new(Some(Gathered { builder, input, ways: Vec::new() })) }
    }

    fn gather<T>(&self, gather: impl FnOnce(&mut Gathered<'scope, D, R, C>) -> T) -> T {
        gather(self.gathered.borrow_mut().as_mut().expect("readers come before the work begins"))
    }

    /// What `read` makes of each element, told how it changes.
    ///
    /// # Panics
    /// After [`Fan::build`].
    pub fn read<T, I>(&self, mut read: impl FnMut(&D, &Traced<R, C>) -> I + 'static) -> Traces<'scope, T, R, C>
    where
        T: Clone + 'static,
        I: IntoIterator<Item = T> + 'static,
    {
        self.reading(move |(data, tick, change), made| {
            for data in read(data, change) {
                made.push((data, *tick, change.clone()));
            }
        })
    }

    /// What `split` makes of each element: something, and by how much it moves the sum of it.
    ///
    /// # Panics
    /// After [`Fan::build`].
    ///
    /// ```
    /// # use operators::{fan::Fan, keyed::Ticks, testing::play, totals::totals};
    /// // Two lines of a pear for 250 cents and one of a fig for 90; one of the pears is taken back.
    /// let lines = [(10, ('p', 250), 2), (10, ('f', 90), 1), (20, ('p', 250), -1)];
    /// let cents = play(&lines, 20, |lines| {
    ///     let fan = Fan::new("lines", lines);
    ///     let cents = fan.explode(|(item, cents)| (*item == 'p').then_some((*item, *cents)));
    ///     fan.build();
    ///     totals("cents", Ticks { tick_ms: 10 }, cents)
    /// });
    /// assert_eq!(cents, [(10, ('p', 500), 1), (20, ('p', 250), 1), (20, ('p', 500), -1)]);
    /// ```
    pub fn explode<T, Q, I>(&self, mut split: impl FnMut(&D) -> I + 'static) -> Traces<'scope, T, Q, C>
    where
        T: Clone + 'static,
        Q: Clone + Multiply<R, Output = Q> + 'static,
        I: IntoIterator<Item = (T, Q)> + 'static,
    {
        self.reading(move |(data, tick, change), made| {
            for (data, sum) in split(data) {
                made.push((data, *tick, Traced::new(sum.multiply(&change.diff), change.cause.clone())));
            }
        })
    }

    fn reading<T, Q, F>(&self, read: F) -> Traces<'scope, T, Q, C>
    where
        T: Clone + 'static,
        Q: Clone + 'static,
        F: FnMut(&Update<D, R, C>, &mut Vec<Update<T, Q, C>>) + 'static,
    {
        self.gather(|Gathered { builder, ways, .. }| {
            let (output, stream) = builder.new_output();
            ways.push(Box::new(Reading { read, made: Vec::new(), usual: 0, output: OutputBuilder::from(output) }));
            stream.as_collection()
        })
    }

    /// Has `look` see each element and how it changes.
    ///
    /// # Panics
    /// After [`Fan::build`].
    pub fn look(&self, look: impl FnMut(&D, &Traced<R, C>) + 'static) {
        self.gather(|gathered| gathered.ways.push(Box::new(Looking(look))));
    }

    /// Puts it to work: all readers are there. Nothing happens the second time.
    ///
    /// ```
    /// # use operators::{fan::Fan, keyed::Ticks, testing::play};
    /// let numbers = [(10, 3, 1), (10, 4, 1), (20, 3, -1)];
    /// let told = play(&numbers, 20, |numbers| {
    ///     let fan = Fan::new("numbers", numbers);
    ///     let odd = fan.read(|number, _| (number % 2 == 1).then(|| format!("{number} is odd")));
    ///     let halves = fan.read(|number, _| (number % 2 == 0).then(|| format!("half of {number} is {}", number / 2)));
    ///     fan.build();
    ///     odd.concat(halves)
    /// });
    /// let (odd, half) = ("3 is odd".to_owned(), "half of 4 is 2".to_owned());
    /// assert_eq!(told, [(10, odd.clone(), 1), (10, half, 1), (20, odd, -1)]);
    /// ```
    pub fn build(&self) {
        let Some(Gathered { mut builder, input, mut ways }) = self.gathered.take() else { return };
        let mut input = builder.new_input(input.inner, Pipeline);
        builder.build(move |_| {
            move |_| {
                input.for_each_stamp(|capability, containers| {
                    for container in containers {
                        ways.iter_mut().for_each(|way| way.take(container, &capability));
                        container.clear();
                    }
                    ways.iter_mut().for_each(|way| way.flush(&capability));
                });
            }
        });
    }
}
