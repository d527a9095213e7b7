//! The job on one worker in this thread, with access to its operators between two ticks: their running time and state.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::convert::Infallible;
use std::rc::Rc;
use std::time::Duration;

use contract::time::Time;
use engine::batch::Batch;
use engine::emission::buffer::Outputs;
use engine::emission::output::PendingEmission;
use engine::graph::Settings;
use engine::job::{Closed, Handles};
use live::error::Error;
use operators::keyed::registry::{StateChunk, StateRegistry, StateSize};
use timely::logging::{StartStop, TimelyEvent, TimelyEventBuilder};
use timely::worker::Worker;

use crate::drive::Sink;
use crate::result::OperatorState;

/// Runs `body` with a job that has closed every tick before `first`.
pub fn inside<T: Send + 'static>(
    settings: Settings,
    first: Time,
    body: impl FnOnce(&mut Inside<'_>) -> T + Send + Sync + 'static,
) -> T {
    timely::execute_directly(move |worker| {
        let busy = Busy::listen(worker);
        let registry = StateRegistry::default();
        let mut outputs = Outputs::new(settings.emit);
        let fates = Rc::default();
        let mut handles = registry.capture(|| Handles::build(worker, &settings, &mut outputs, &fates));
        handles.advance_to(first);
        body(&mut Inside { worker, settings, handles, outputs, registry, busy, sink: Sink::default() })
    })
}

/// A job, opened up.
pub struct Inside<'a> {
    worker: &'a mut Worker,
    settings: Settings,
    handles: Handles,
    outputs: Outputs,
    registry: StateRegistry,
    busy: Rc<RefCell<Busy>>,
    /// The output, encoded and counted.
    pub sink: Sink,
}

impl Inside<'_> {
    /// Takes in records of whole ticks and closes them; encodes the output.
    ///
    /// # Errors
    /// If a record cannot be encoded.
    pub fn take(&mut self, Batch { records, upto }: Batch) -> Result<(), Error> {
        records.into_iter().for_each(|record| self.handles.send(record));
        let next = upto + self.settings.ticks.tick_ms;
        self.handles.advance_to(next);
        while self.outputs.probe.less_than(&next) {
            self.worker.step();
        }
        let dues = self.outputs.drain(Some(next), upto);
        self.sink.take(&Closed { upto, emissions: dues.into_iter().filter_map(PendingEmission::emission).collect() })
    }

    /// The state of each operator; serializes all of it, to measure its size.
    pub fn states(&self) -> Vec<OperatorState> {
        let mut plain: BTreeMap<String, u64> = BTreeMap::new();
        self.registry.begin_checkpoint();
        let add = |name: &str, chunk: StateChunk| {
            let bytes = chunk.entries.len() + chunk.broadcasts.len();
            *plain.entry(name.to_owned()).or_default() += bytes as u64;
            Ok::<_, Infallible>(())
        };
        let Ok(_) = self.registry.checkpoint(usize::MAX, add);
        let state = |(operator, size): (String, StateSize)| OperatorState {
            entries: size.entries as u64,
            bytes: size.bytes as u64,
            plain_bytes: plain.get(&operator).copied().unwrap_or(0),
            operator,
        };
        self.registry.sizes().into_iter().map(state).collect()
    }

    /// Entries and table bytes of all operators.
    pub fn size(&self) -> (u64, u64) {
        let sizes = self.registry.sizes();
        let sum = |of: fn(&StateSize) -> usize| sizes.iter().map(|(_, size)| of(size) as u64).sum();
        (sum(|size| size.entries), sum(|size| size.bytes))
    }

    /// The names of all operators, whether or not they ever ran.
    pub fn operators(&mut self) -> BTreeSet<String> {
        if let Some(mut register) = self.worker.log_register() {
            register.flush();
        }
        self.busy.borrow().names.values().cloned().collect()
    }

    /// The running time of each operator since the start or the last call, by name; an operator that runs inside
    /// another counts once, for itself.
    pub fn ran(&mut self) -> BTreeMap<String, Duration> {
        if let Some(mut register) = self.worker.log_register() {
            register.flush();
        }
        self.busy.borrow_mut().take()
    }
}

/// The time that operators ran, from timely's log.
#[derive(Default)]
struct Busy {
    names: BTreeMap<usize, String>,
    /// The running operators, outermost first: their start, and the time that others ran inside them.
    running: Vec<(usize, Duration, Duration)>,
    ran: BTreeMap<usize, Duration>,
}

impl Busy {
    /// Attaches to the log of a worker on which nothing is built yet.
    fn listen(worker: &Worker) -> Rc<RefCell<Self>> {
        let busy = Rc::new(RefCell::new(Busy::default()));
        let listener = busy.clone();
        if let Some(mut register) = worker.log_register() {
            register.insert::<TimelyEventBuilder, _>("timely", move |_, events| {
                let events: Vec<(Duration, TimelyEvent)> = events.take().unwrap_or_default();
                events.into_iter().for_each(|(at, event)| listener.borrow_mut().record(at, event));
            });
        }
        busy
    }

    fn record(&mut self, at: Duration, event: TimelyEvent) {
        match event {
            TimelyEvent::Operates(operates) => _ = self.names.insert(operates.id, operates.name),
            TimelyEvent::Schedule(schedule) if schedule.start_stop == StartStop::Start => {
                self.running.push((schedule.id, at, Duration::ZERO));
            }
            TimelyEvent::Schedule(schedule) => {
                if let Some((id, began, inside)) = self.running.pop_if(|running| running.0 == schedule.id) {
                    let took = at.saturating_sub(began);
                    *self.ran.entry(id).or_default() += took.saturating_sub(inside);
                    if let Some((.., inside)) = self.running.last_mut() {
                        *inside += took;
                    }
                }
            }
            _ => {}
        }
    }

    fn take(&mut self) -> BTreeMap<String, Duration> {
        let mut by_name: BTreeMap<String, Duration> = BTreeMap::new();
        for (id, ran) in std::mem::take(&mut self.ran) {
            *by_name.entry(self.names.get(&id).cloned().unwrap_or_default()).or_default() += ran;
        }
        by_name
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use timely::logging::{OperatesEvent, ScheduleEvent};

    #[test]
    fn what_runs_inside_another_counts_for_itself() {
        let mut busy = Busy::default();
        for (id, name) in [(1, "outer"), (2, "inner"), (3, "inner")] {
            busy.record(Duration::ZERO, OperatesEvent { id, addr: vec![id], name: name.to_owned() }.into());
        }
        let script = [
            (0, ScheduleEvent::start(1)),
            (1, ScheduleEvent::start(2)),
            (4, ScheduleEvent::stop(2)),
            (4, ScheduleEvent::start(3)),
            (5, ScheduleEvent::stop(3)),
            (7, ScheduleEvent::stop(1)),
        ];
        script.into_iter().for_each(|(at, event)| busy.record(Duration::from_secs(at), event.into()));
        let ran = busy.take();
        assert_eq!([ran["outer"], ran["inner"]], [3, 4].map(Duration::from_secs));
        assert!(busy.take().is_empty());
    }
}
