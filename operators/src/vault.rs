//! What a worker's operators keep, as one thing: to be copied out at a tick and put back by the next process.
//!
//! Operators built inside [`Vault::around`] register themselves under their names, which are unique. At a tick that is
//! closed everywhere the owner calls [`Vault::begin`] and then [`Vault::save`], step by step beside the work, until
//! nothing is left to copy. A new process, of the same operators but any number of workers, gives each piece to
//! [`Vault::load`] before its first step: drawers find the worker that their key routes to.
//!
//! Restored operators have said everything up to the tick of the copy: nothing is said again. When the program that
//! reads a copy judges otherwise than the one that wrote it, [`Vault::reconsider`] has every drawer looked at once more.

use std::any::Any;
use std::cell::RefCell;
use std::rc::Rc;

/// One operator's state, seen from outside.
pub(crate) trait Kept {
    fn begin(&mut self);
    fn save(&mut self, fuel: &mut usize) -> (Piece, bool);
    fn load(&mut self, piece: &Piece, worker: (usize, usize)) -> Result<(), String>;
    fn reconsider(&mut self, tick: i64, cause: &dyn Any);
    fn size(&self) -> Size;
    fn shape(&self) -> String;
}

/// Copied state of one operator: what one step gave.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Piece {
    /// Whole drawers, one after the other.
    pub drawers: Vec<u8>,
    /// The notices that stand; every worker's are the same.
    pub notices: Vec<u8>,
}

impl Piece {
    /// Whether there is nothing in it.
    pub fn is_empty(&self) -> bool {
        self.drawers.is_empty() && self.notices.is_empty()
    }
}

/// What an operator holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Size {
    /// Drawers.
    pub entries: usize,
    /// Bytes of the tables; what drawers hold outside themselves is not counted.
    pub bytes: usize,
}

type Shared = Rc<RefCell<dyn Kept>>;

/// The states of one worker's operators.
#[derive(Clone, Default)]
pub struct Vault {
    kept: Rc<RefCell<Vec<(String, Shared)>>>,
    /// The operator that the running copy has come to.
    saving: Rc<RefCell<Option<usize>>>,
}

thread_local! {
    static BUILDING: RefCell<Option<Vault>> = const { RefCell::new(None) };
}

/// Makes an operator's state part of the vault that is being built, if one is.
///
/// # Panics
/// If the vault already has an operator of this name.
pub(crate) fn register(name: &str, state: Shared) {
    BUILDING.with_borrow(|building| {
        if let Some(vault) = building {
            let mut kept = vault.kept.borrow_mut();
            assert!(kept.iter().all(|(held, _)| held != name), "two operators are called {name:?}");
            kept.push((name.to_owned(), state));
        }
    });
}

impl Vault {
    /// Runs `build`; the operators it makes on this thread are kept here.
    pub fn around<R>(&self, build: impl FnOnce() -> R) -> R {
        BUILDING.set(Some(self.clone()));
        let built = build();
        BUILDING.set(None);
        built
    }

    /// Begins a copy of what stands now: to be called when this worker has closed every tick up to some tick and none after.
    pub fn begin(&self) {
        self.kept.borrow().iter().for_each(|(_, state)| state.borrow_mut().begin());
        self.saving.replace(Some(0));
    }

    /// Whether a copy is under way.
    pub fn is_saving(&self) -> bool {
        self.saving.borrow().is_some()
    }

    /// Copies up to `fuel` more drawers, giving each operator's piece to `give`; answers whether the copy is complete.
    ///
    /// # Errors
    /// The first of `give`.
    pub fn save<E>(&self, mut fuel: usize, mut give: impl FnMut(&str, Piece) -> Result<(), E>) -> Result<bool, E> {
        let mut saving = self.saving.borrow_mut();
        let Some(at) = saving.as_mut() else { return Ok(true) };
        let kept = self.kept.borrow();
        while let Some((name, state)) = kept.get(*at) {
            let (piece, done) = state.borrow_mut().save(&mut fuel);
            if !piece.is_empty() {
                give(name, piece)?;
            }
            if !done {
                return Ok(false);
            }
            *at += 1;
        }
        *saving = None;
        Ok(true)
    }

    /// Puts back a piece of the operator called `name`: the part that belongs to worker `index` of `peers`. Before the
    /// first step of the dataflow.
    ///
    /// # Errors
    /// If there is no such operator, or the piece cannot be read; with a sentence.
    pub fn load(&self, name: &str, piece: &Piece, (index, peers): (usize, usize)) -> Result<(), String> {
        let kept = self.kept.borrow();
        let (_, state) =
            kept.iter().find(|(held, _)| held == name).ok_or_else(|| format!("no operator is called {name:?}"))?;
        state.borrow_mut().load(piece, (index, peers)).map_err(|problem| format!("{name}: {problem}"))
    }

    /// Has every drawer of the operators that notices reach looked at again at `tick`, because of `cause`.
    pub fn reconsider<C: Clone + 'static>(&self, tick: i64, cause: &C) {
        self.kept.borrow().iter().for_each(|(_, state)| state.borrow_mut().reconsider(tick, cause));
    }

    /// The operators and the shape of what each copies out, by name.
    pub fn shapes(&self) -> Vec<(String, String)> {
        self.kept.borrow().iter().map(|(name, state)| (name.clone(), state.borrow().shape())).collect()
    }

    /// The operators and what they hold, by the order they were built in.
    pub fn sizes(&self) -> Vec<(String, Size)> {
        self.kept.borrow().iter().map(|(name, state)| (name.clone(), state.borrow().size())).collect()
    }
}
