//! Registry of the operator states of one worker, for checkpoints, restores and sizes.
//!
//! Operators built inside [`StateRegistry::capture`] register themselves under their names, which must be unique. When a
//! tick is closed on every worker, the owner calls [`StateRegistry::begin_checkpoint`] and then
//! [`StateRegistry::checkpoint`], step by step beside the work, until the copy is complete. A new process with the same
//! operators and any number of workers passes each chunk to [`StateRegistry::restore`] before its first step; every
//! entry goes to the worker that its key is routed to.
//!
//! Restored operators emit nothing again that they had emitted up to the tick of the checkpoint. If the rules of the
//! restoring program differ from those of the one that wrote it, [`StateRegistry::reevaluate`] closes every entry once
//! more.

use std::any::Any;
use std::cell::RefCell;
use std::rc::Rc;

/// The state of one operator, as the registry uses it.
pub(crate) trait Checkpointed {
    fn begin_checkpoint(&mut self);
    fn checkpoint(&mut self, fuel: &mut usize) -> (StateChunk, bool);
    fn restore(&mut self, chunk: &StateChunk, worker: (usize, usize)) -> Result<(), String>;
    fn reevaluate(&mut self, tick: i64, cause: &dyn Any);
    fn size(&self) -> StateSize;
    fn shape(&self) -> String;
}

/// A part of the copied state of one operator: the result of one checkpoint step.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct StateChunk {
    /// Whole entries, one after the other.
    pub entries: Vec<u8>,
    /// The present broadcasts; equal on every worker.
    pub broadcasts: Vec<u8>,
}

impl StateChunk {
    /// Returns whether it holds no bytes.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty() && self.broadcasts.is_empty()
    }
}

/// The size of an operator's state.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct StateSize {
    /// Keyed entries.
    pub entries: usize,
    /// Bytes of the tables, without allocations that hot entries own.
    pub bytes: usize,
}

type Shared = Rc<RefCell<dyn Checkpointed>>;

/// The operator states of one worker.
#[derive(Clone, Default)]
pub struct StateRegistry {
    operators: Rc<RefCell<Vec<(String, Shared)>>>,
    /// The operator that the checkpoint in progress has reached.
    progress: Rc<RefCell<Option<usize>>>,
}

thread_local! {
    static CAPTURING: RefCell<Option<StateRegistry>> = const { RefCell::new(None) };
}

/// Adds an operator's state to the registry that is capturing on this thread, if there is one.
///
/// # Panics
/// If the registry already has an operator of this name.
pub(crate) fn register(name: &str, state: Shared) {
    CAPTURING.with_borrow(|capturing| {
        if let Some(registry) = capturing {
            let mut operators = registry.operators.borrow_mut();
            assert!(operators.iter().all(|(other, _)| other != name), "two operators are called {name:?}");
            operators.push((name.to_owned(), state));
        }
    });
}

impl StateRegistry {
    /// Runs `build`, and registers the operators that it builds on this thread.
    pub fn capture<R>(&self, build: impl FnOnce() -> R) -> R {
        CAPTURING.set(Some(self.clone()));
        let built = build();
        CAPTURING.set(None);
        built
    }

    /// Begins a checkpoint of the present states; to be called when this worker has closed every tick up to some tick,
    /// and none after.
    pub fn begin_checkpoint(&self) {
        self.operators.borrow().iter().for_each(|(_, state)| state.borrow_mut().begin_checkpoint());
        self.progress.replace(Some(0));
    }

    /// Returns whether a checkpoint is in progress.
    pub fn is_checkpointing(&self) -> bool {
        self.progress.borrow().is_some()
    }

    /// Copies up to `fuel` more entries and passes each chunk with its operator's name to `give`; returns whether the
    /// checkpoint is complete.
    ///
    /// # Errors
    /// The first error of `give`.
    pub fn checkpoint<E>(
        &self,
        mut fuel: usize,
        mut give: impl FnMut(&str, StateChunk) -> Result<(), E>,
    ) -> Result<bool, E> {
        let mut progress = self.progress.borrow_mut();
        let Some(at) = progress.as_mut() else { return Ok(true) };
        let operators = self.operators.borrow();
        while let Some((name, state)) = operators.get(*at) {
            let (chunk, done) = state.borrow_mut().checkpoint(&mut fuel);
            if !chunk.is_empty() {
                give(name, chunk)?;
            }
            if !done {
                return Ok(false);
            }
            *at += 1;
        }
        *progress = None;
        Ok(true)
    }

    /// Restores the entries of a chunk of the operator called `name` that belong to worker `index` of `peers`; to be
    /// called before the first step of the dataflow.
    ///
    /// # Errors
    /// A sentence, if there is no such operator or the chunk cannot be decoded.
    pub fn restore(&self, name: &str, chunk: &StateChunk, (index, peers): (usize, usize)) -> Result<(), String> {
        let operators = self.operators.borrow();
        let (_, state) = operators
            .iter()
            .find(|(other, _)| other == name)
            .ok_or_else(|| format!("no operator is called {name:?}"))?;
        state.borrow_mut().restore(chunk, (index, peers)).map_err(|problem| format!("{name}: {problem}"))
    }

    /// Evaluates every entry of the operators that take broadcasts again at `tick`, with `cause`.
    pub fn reevaluate<C: Clone + 'static>(&self, tick: i64, cause: &C) {
        self.operators.borrow().iter().for_each(|(_, state)| state.borrow_mut().reevaluate(tick, cause));
    }

    /// The name of each operator with the [shape](super::shape) of its checkpoint.
    pub fn shapes(&self) -> Vec<(String, String)> {
        self.operators.borrow().iter().map(|(name, state)| (name.clone(), state.borrow().shape())).collect()
    }

    /// The name of each operator with the size of its state, in the order in which they were built.
    pub fn sizes(&self) -> Vec<(String, StateSize)> {
        self.operators.borrow().iter().map(|(name, state)| (name.clone(), state.borrow().size())).collect()
    }
}
