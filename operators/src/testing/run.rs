//! Workers of a test run: each hands over its batches, collects the output and waits for the ticks that must be complete.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use differential_dataflow::difference::Semigroup;
use differential_dataflow::input::Input;
use differential_dataflow::{ExchangeData, VecCollection};
use timely::worker::Worker;

use super::handover::{Batch, Handover, plan};
use super::{Graph, Update};
use crate::io::at_close::consolidate;

/// A graph as a trait object, so that the code that runs it is compiled once for all graphs of the same types.
type Erased<D, R, O, S> =
    Arc<dyn for<'scope> Fn(VecCollection<'scope, i64, D, R>) -> VecCollection<'scope, i64, O, S> + Send + Sync>;

/// Runs `script` through `graph` up to the tick `until`; returns the output, consolidated within each tick and sorted.
///
/// # Panics
/// If a worker fails, if an update is emitted after its tick has closed, or under a capability for a later tick.
pub fn run<D, R, O, S>(
    handover: Handover,
    until: i64,
    script: &[Update<D, R>],
    graph: impl Graph<D, R, O, S>,
) -> Vec<Update<O, S>>
where
    D: ExchangeData,
    R: ExchangeData + Semigroup,
    O: ExchangeData,
    S: ExchangeData + Semigroup,
{
    run_erased(handover, until, script, Arc::new(graph))
}

fn run_erased<D, R, O, S>(
    handover: Handover,
    until: i64,
    script: &[Update<D, R>],
    graph: Erased<D, R, O, S>,
) -> Vec<Update<O, S>>
where
    D: ExchangeData,
    R: ExchangeData + Semigroup,
    O: ExchangeData,
    S: ExchangeData + Semigroup,
{
    let plans: Vec<_> = plan(handover, until, script).into_iter().map(|plan| Mutex::new(Some(plan))).collect();
    let config = match handover.workers {
        1 => timely::Config::thread(),
        workers => timely::Config::process(workers),
    };
    let has_failed = AtomicBool::new(false);
    let guards = timely::execute(config, move |worker| {
        let _guard = PanicGuard(&has_failed);
        let plan = plans[worker.index()].lock().expect("a plan has one reader").take();
        work(worker, plan.expect("a worker runs once"), &graph, &has_failed)
    })
    .expect("threads start");
    let output = guards.join().into_iter().flat_map(|output| output.expect("a worker of the run failed"));
    let mut output: Vec<_> =
        output.filter(|(_, tick, _)| *tick <= until).map(|(data, tick, diff)| ((tick, data), diff)).collect();
    consolidate(&mut output);
    output.into_iter().map(|((tick, data), diff)| (tick, data, diff)).collect()
}

/// Sets its flag when a worker panics: the others would wait for it for ever.
struct PanicGuard<'a>(&'a AtomicBool);

impl Drop for PanicGuard<'_> {
    fn drop(&mut self) {
        self.0.fetch_or(std::thread::panicking(), Ordering::Relaxed);
    }
}

fn wait(worker: &mut Worker, has_failed: &AtomicBool, mut open: impl FnMut() -> bool) {
    // With a timeout: a worker that failed unparks no other.
    worker.step_or_park_while(Some(Duration::from_millis(1)), || {
        assert!(!has_failed.load(Ordering::Relaxed), "another worker failed");
        open()
    });
}

fn work<D, R, O, S>(
    worker: &mut Worker,
    plan: Vec<Batch<D, R>>,
    graph: &Erased<D, R, O, S>,
    has_failed: &AtomicBool,
) -> Vec<(O, i64, S)>
where
    D: ExchangeData,
    R: ExchangeData + Semigroup,
    O: ExchangeData,
    S: ExchangeData + Semigroup,
{
    let output = Rc::new(RefCell::new(Vec::new()));
    let closed = Rc::new(Cell::new(i64::MIN));
    let (mut input, probe) = worker.dataflow(|scope| {
        let (input, collection) = scope.new_collection();
        let (output, closed) = (Rc::clone(&output), Rc::clone(&closed));
        let inspected = graph(collection).inspect_batch(move |stamp, updates: &[(O, i64, S)]| {
            for update in updates {
                assert!(
                    update.1 >= closed.get(),
                    "{update:?} was emitted when all ticks before {} were closed",
                    closed.get()
                );
                assert!(stamp.least() <= Some(&update.1), "{update:?} was emitted under a capability for {stamp:?}");
            }
            output.borrow_mut().extend_from_slice(updates);
        });
        (input, inspected.probe().0)
    });
    let last = plan.last().map_or(i64::MIN, |batch| batch.frontier);
    for batch in plan {
        batch.updates.into_iter().for_each(|(tick, data, diff)| input.update_at(data, tick, diff));
        input.advance_to(batch.frontier);
        input.flush();
        worker.step();
        if batch.settle || batch.frontier == last {
            wait(worker, has_failed, || probe.less_than(&batch.frontier));
            closed.set(batch.frontier);
        }
    }
    input.close();
    wait(worker, has_failed, || !probe.done());
    output.take()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[should_panic(expected = "a worker of the run failed")]
    fn one_failed_worker_ends_the_run() {
        let script: Vec<_> = (1..100).map(|tick| (tick, tick, 1)).collect();
        let handover = Handover { workers: 3, disorder: Some(1) };
        run(handover, 100, &script, |numbers| numbers.inspect(|(number, ..)| assert!(*number < 50)));
    }
}
