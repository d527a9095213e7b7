//! Merge of many collections on the first worker: each change is passed to the callback of its collection at once.
//!
//! *Meaning.* For a reader that adds changes up over many ticks and needs a probe only to know which ticks are complete: when
//! the frontier of the stream that [`Merge::build`] returns has passed a tick, every change of that tick has been passed
//! on. Changes come in no order. *Time.* None. *State.* None. *Cost.* One operator for all collections; one operator and
//! probe each would take part in every round of progress.

use differential_dataflow::ExchangeData;
use timely::dataflow::operators::generic::builder_rc::OperatorBuilder;
use timely::dataflow::{Scope, Stream};
use timely::progress::operate::FrontierInterest;

use crate::diff::{Traced, TracedCollection};
use crate::io::exchange::to_first_worker;

/// The collections to merge; callbacks run after [`Merge::build`].
pub struct Merge<'scope> {
    builder: OperatorBuilder<'scope, i64>,
    ports: Vec<Box<dyn FnMut()>>,
}

impl<'scope> Merge<'scope> {
    /// A merge without collections.
    pub fn new(name: &str, scope: Scope<'scope, i64>) -> Self {
        Merge { builder: OperatorBuilder::new(name.to_owned(), scope), ports: Vec::new() }
    }

    /// Adds a collection; `give` receives its changes with their ticks.
    pub fn add<D, R, C>(
        &mut self,
        input: TracedCollection<'scope, D, R, C>,
        mut give: impl FnMut(D, i64, Traced<R, C>) + 'static,
    ) where
        D: ExchangeData,
        R: ExchangeData,
        C: ExchangeData,
    {
        let mut input = self.builder.new_input(input.inner, to_first_worker());
        self.builder.set_notify_for(self.ports.len(), FrontierInterest::Never);
        self.ports.push(Box::new(move || {
            input.for_each(|_, data| data.drain(..).for_each(|(data, tick, change)| give(data, tick, change)));
        }));
    }

    /// Builds the operator. The returned stream carries no data; its frontier is that of all added collections.
    ///
    /// ```
    /// # use differential_dataflow::input::Input;
    /// # use operators::{diff::Traced, io::merge::Merge};
    /// # use timely::dataflow::operators::Probe;
    /// let (give, given) = std::sync::mpsc::channel();
    /// timely::execute_directly(move |worker| {
    ///     let complete = give.clone();
    ///     let (mut input, probe) = worker.dataflow(|scope| {
    ///         let (input, numbers) = scope.new_collection();
    ///         let mut merge = Merge::new("out", scope.clone());
    ///         let other = give.clone();
    ///         merge.add(numbers.clone(), move |number: i64, tick, _| give.send((tick, number)).unwrap());
    ///         merge.add(numbers, move |number, tick, _| other.send((tick, -number)).unwrap());
    ///         (input, merge.build().probe().0)
    ///     });
    ///     input.update_at(3, 10, Traced::new(1i64, Some(7u64)));
    ///     input.advance_to(20);
    ///     input.flush();
    ///     worker.step_while(|| probe.less_than(&20));
    ///     complete.send((20, 0)).unwrap();
    /// });
    /// assert_eq!(given.iter().collect::<Vec<_>>(), [(10, 3), (10, -3), (20, 0)]);
    /// ```
    pub fn build(mut self) -> Stream<'scope, i64, Vec<()>> {
        let (_, frontier) = self.builder.new_output();
        let mut ports = self.ports;
        self.builder.build(move |_| move |_| ports.iter_mut().for_each(|port| port()));
        frontier
    }
}
