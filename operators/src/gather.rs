//! Many collections into one place: each change is given to whoever takes its collection, on the first worker, at once.
//!
//! *Meaning.* For who adds changes up over many ticks anyway and knows by a probe which ticks are whole: when the frontier
//! of what [`Gather::build`] answers has passed a tick, every change of that tick has been given. Changes come in no
//! order. *Time.* None. *State.* None. *Cost.* One operator, however many collections: each of them as an operator with a probe
//! of its own would take part in every round of progress.

use differential_dataflow::ExchangeData;
use timely::dataflow::operators::generic::builder_rc::OperatorBuilder;
use timely::dataflow::{Scope, Stream};
use timely::progress::operate::FrontierInterest;

use crate::deal::to_first;
use crate::diff::Traced;
use crate::driver::Traces;

/// Collections that are gathered, from [`Gather::build`] on.
pub struct Gather<'scope> {
    builder: OperatorBuilder<'scope, i64>,
    ports: Vec<Box<dyn FnMut()>>,
}

impl<'scope> Gather<'scope> {
    /// Nothing is gathered yet.
    pub fn new(name: &str, scope: Scope<'scope, i64>) -> Self {
        Gather { builder: OperatorBuilder::new(name.to_owned(), scope), ports: Vec::new() }
    }

    /// Has every change of a collection given to `give`, with its tick.
    pub fn take<D, R, C>(
        &mut self,
        input: Traces<'scope, D, R, C>,
        mut give: impl FnMut(D, i64, Traced<R, C>) + 'static,
    ) where
        D: ExchangeData,
        R: ExchangeData,
        C: ExchangeData,
    {
        let mut input = self.builder.new_input(input.inner, to_first());
        self.builder.set_notify_for(self.ports.len(), FrontierInterest::Never);
        self.ports.push(Box::new(move || {
            input.for_each(|_, data| data.drain(..).for_each(|(data, tick, change)| give(data, tick, change)));
        }));
    }

    /// Puts it to work. What is answered carries nothing but the frontier of all that was taken.
    ///
    /// ```
    /// # use differential_dataflow::input::Input;
    /// # use operators::{diff::Traced, gather::Gather};
    /// # use timely::dataflow::operators::Probe;
    /// let (give, given) = std::sync::mpsc::channel();
    /// timely::execute_directly(move |worker| {
    ///     let whole = give.clone();
    ///     let (mut input, probe) = worker.dataflow(|scope| {
    ///         let (input, numbers) = scope.new_collection();
    ///         let mut gather = Gather::new("out", scope.clone());
    ///         let other = give.clone();
    ///         gather.take(numbers.clone(), move |number: i64, tick, _| give.send((tick, number)).unwrap());
    ///         gather.take(numbers, move |number, tick, _| other.send((tick, -number)).unwrap());
    ///         (input, gather.build().probe().0)
    ///     });
    ///     input.update_at(3, 10, Traced::new(1i64, Some(7u64)));
    ///     input.advance_to(20);
    ///     input.flush();
    ///     worker.step_while(|| probe.less_than(&20));
    ///     whole.send((20, 0)).unwrap();
    /// });
    /// assert_eq!(given.iter().collect::<Vec<_>>(), [(10, 3), (10, -3), (20, 0)]);
    /// ```
    pub fn build(mut self) -> Stream<'scope, i64, Vec<()>> {
        let (_, silent) = self.builder.new_output();
        let mut ports = self.ports;
        self.builder.build(move |_| move |_| ports.iter_mut().for_each(|port| port()));
        silent
    }
}
