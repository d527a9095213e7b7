//! Runs a detector as a keyed operator and tracks the episode of each key, from the first bad tick to the clearing one
//! (contract §5).
//!
//! A [`Detector`] is a pure condition over the rows of a key. A [`DetectorRunner`] holds the episode of the key,
//! evaluates the condition at every tick at which it may have changed, and emits each opening, move and clearing as one
//! [`Step`]. [`crate::governance`] decides which moves become a record. A stale feed delays the clearing of an
//! exception, never its opening.

use std::hash::Hash;
use std::sync::Arc;

use contract::exception::{Change, Driver, KeyPart, Response, Step};
use contract::exception_type::ExceptionType;
use contract::ids::Id;
use contract::policy::{FOR_MS, MIN_CONFIDENCE, Policy};
use contract::symbol::Symbol;
use contract::time::Cause;
use operators::keyed::{BroadcastScope, Emit, Keyed, Next, Ticks, keyed_operator, route};
use operators::window::episode::{Condition, Episode, Turn};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::reference::{Context, Notice};
use crate::time::{Collection, Inputs};

/// The inputs of an evaluation beside the rows of the key.
pub struct EvaluationContext<'a> {
    /// The tick.
    pub now: i64,
    /// Opening hours, stale feeds and policies.
    pub context: &'a Context,
    /// The values of the type's own policies, in the order of [`ExceptionType::policies`].
    pub policy: &'a [i64],
}

/// The result of an evaluation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct Verdict {
    /// The open condition holds.
    pub open: bool,
    /// The clear condition holds.
    pub clear: bool,
    /// The subject is gone, has ended or is past: no stale feed can delay the clearing.
    pub gone: bool,
    /// The first instant at which the clock alone may change the verdict; an earlier instant is allowed.
    pub look_again: Option<i64>,
}

impl Verdict {
    /// The verdict on a subject that no longer exists: the exception clears at once.
    pub const GONE: Verdict = Verdict { open: false, clear: true, gone: true, look_again: None };

    /// The verdict that opens while `open` holds and clears otherwise.
    pub fn while_true(open: bool) -> Verdict {
        Verdict { open, clear: !open, gone: false, look_again: None }
    }

    /// The same verdict with another evaluation at `instant`.
    #[must_use]
    pub fn again(self, instant: Option<i64>) -> Verdict {
        let look_again = match (self.look_again, instant) {
            (Some(first), Some(instant)) => Some(first.min(instant)),
            (first, instant) => first.or(instant),
        };
        Verdict { look_again, ..self }
    }
}

/// A condition over the rows of a key, with the response to an exception and its drivers.
pub trait Detector: 'static {
    /// The exception type: its name, key, feeds and policies.
    const KIND: &'static ExceptionType;
    /// True if the verdict on a key depends on the hours or data of its store.
    const READS_STORES: bool = false;
    /// The key of a subject that may be exceptional.
    type Key: Clone + Ord + Hash + std::fmt::Debug + Serialize + DeserializeOwned + Send + 'static;
    /// The rows of a key that the detector reads.
    type State;

    /// Evaluates the condition at a tick. It may record in the state what only ticks show, such as the start of a
    /// condition.
    fn assess(&self, key: &Self::Key, state: &mut Self::State, evaluation: &EvaluationContext<'_>) -> Verdict;

    /// Returns severity, action and impact; called while the exception is open.
    fn respond(&self, key: &Self::Key, state: &Self::State, evaluation: &EvaluationContext<'_>) -> Response;

    /// Returns the numbers behind the exception, each with its threshold.
    fn drivers(&self, key: &Self::Key, state: &Self::State, evaluation: &EvaluationContext<'_>) -> Vec<Driver>;

    /// Returns the values of the key in the contract's order.
    fn key_parts(&self, key: &Self::Key) -> Vec<KeyPart>;

    /// Returns the store of the subject.
    fn store(&self, key: &Self::Key, state: &Self::State) -> Option<Id>;
}

/// A detector with state of its own: an entry per key that holds the rows it reads.
pub trait StatefulDetector: Detector<State: Default + Serialize + DeserializeOwned + 'static> {
    /// A change of a row that the detector reads.
    type Input: Clone + Ord + std::fmt::Debug + Serialize + DeserializeOwned + Send + 'static;

    /// Applies a change of a row; the order within a tick is arbitrary.
    fn update(&self, key: &Self::Key, state: &mut Self::State, input: Self::Input, diff: i64);

    /// Returns true if the state holds nothing for the key.
    fn is_empty(&self, state: &Self::State) -> bool;
}

/// Runs a detector with its own copy of the context.
pub struct DetectorRunner<D: Detector> {
    detector: D,
    ticks: Ticks,
    context: Context,
    policy: Vec<i64>,
    for_ms: i64,
    /// Every policy in force that the exception type reads, by its full name.
    in_force: Arc<[(Symbol, i64)]>,
}

/// The stored state of a key: the detector's rows and its episode.
///
/// The names in `serde(rename)` here are those that snapshots and their fingerprints hold.
#[derive(Default, Serialize, Deserialize)]
#[serde(rename = "Watched")]
pub struct DetectorState<S> {
    rows: S,
    #[serde(rename = "life")]
    slot: EpisodeSlot,
}

/// The episode of a key and its last emitted state; empty while all is well, which holds for nearly every key.
#[derive(Default, Serialize, Deserialize)]
#[serde(rename = "Life")]
pub struct EpisodeSlot(Option<Box<TrackedEpisode>>);

#[derive(Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename = "Lived")]
struct TrackedEpisode {
    episode: Episode,
    #[serde(rename = "told")]
    emitted: Option<EmittedState>,
}

impl EpisodeSlot {
    /// Returns true if the exception is open.
    pub fn is_open(&self) -> bool {
        self.0.as_ref().is_some_and(|tracked| tracked.episode.opened_at().is_some())
    }

    /// Returns true if there is no episode.
    pub fn is_empty(&self) -> bool {
        self.0.as_ref().is_none_or(|tracked| tracked.episode.is_empty())
    }
}

/// The last emitted state of an open episode.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename = "Told")]
struct EmittedState {
    store: Option<Id>,
    response: Response,
    frozen: bool,
}

impl<D: Detector> DetectorRunner<D> {
    /// Creates a runner; `context` is the reference data known before the first broadcast.
    pub fn new(detector: D, ticks: Ticks, context: Context) -> Self {
        let mut runner =
            DetectorRunner { detector, ticks, context, policy: Vec::new(), for_ms: 0, in_force: Arc::default() };
        runner.read_policies();
        runner
    }

    fn read_policies(&mut self) {
        let for_ms = Policy { default: D::KIND.for_ms, ..FOR_MS };
        let own: Vec<_> =
            D::KIND.policies.iter().copied().chain([for_ms]).map(|policy| self.own_policy(policy)).collect();
        let (for_ms, policy) = own.split_last().expect("for_ms is one of them");
        (self.for_ms, self.policy) = (for_ms.1, policy.iter().map(|(_, value)| *value).collect());
        let confidence = (Symbol::from(MIN_CONFIDENCE.name), self.context.policies.get(MIN_CONFIDENCE));
        self.in_force = own.into_iter().chain([confidence]).collect();
    }

    /// Returns a policy of the exception type: its full name and its value.
    fn own_policy(&self, policy: Policy) -> (Symbol, i64) {
        let name = Id::new(&format!("{}.{}", D::KIND.name, policy.name));
        (name.into(), self.context.policies.value_of(name.as_str()).unwrap_or(policy.default))
    }

    fn is_stale(&self, store: Option<Id>) -> bool {
        store.is_some_and(|store| D::KIND.feeds.iter().any(|feed| self.context.is_stale(store, *feed)))
    }

    fn step(
        &self,
        key: &D::Key,
        rows: &D::State,
        (change, opened_at): (Change, i64),
        emitted: &EmittedState,
        emit: &mut Emit<'_, Step, Cause>,
    ) {
        let evaluation = EvaluationContext { now: emit.now(), context: &self.context, policy: &self.policy };
        let names = D::KIND.key.iter().map(|name| Symbol::from(*name));
        let step = Step {
            kind: D::KIND.name.into(),
            key: names.zip(self.detector.key_parts(key)).collect(),
            opened_at,
            change,
            store: emitted.store,
            response: emitted.response.clone(),
            frozen: emitted.frozen,
            drivers: self.detector.drivers(key, rows, &evaluation).into(),
            policy: self.in_force.clone(),
            cause: emit.cause().clone(),
        };
        emit.push(step, 1);
    }

    /// Evaluates the condition for a key and emits the change of its exception, if there is one.
    pub fn evaluate(
        &self,
        key: &D::Key,
        rows: &mut D::State,
        slot: &mut EpisodeSlot,
        emit: &mut Emit<'_, Step, Cause>,
    ) -> Next {
        let now = emit.now();
        let evaluation = EvaluationContext { now, context: &self.context, policy: &self.policy };
        let verdict = self.detector.assess(key, rows, &evaluation);
        if slot.is_empty() && !verdict.open {
            // All was well, and is.
            slot.0 = None;
            return Next::Rest.or_at(verdict.look_again);
        }
        let before = slot.0.as_deref();
        let mut episode = before.map_or_else(Episode::default, |tracked| tracked.episode);
        let emitted_before = before.and_then(|tracked| tracked.emitted.as_ref());
        let store = self.detector.store(key, rows).or(emitted_before.and_then(|emitted| emitted.store));
        let was_opened_at = episode.opened_at();
        let held = !verdict.gone && self.is_stale(store);
        let condition = Condition { open: verdict.open, clear: verdict.clear, held };
        let turn = episode.step(condition, self.for_ms, now);
        let opened_at = was_opened_at.or(episode.opened_at()).unwrap_or(now);
        let emitted = match turn {
            Turn::Opened | Turn::Stays => {
                let response = self.detector.respond(key, rows, &evaluation);
                Some(EmittedState { store, response, frozen: false })
            }
            Turn::Frozen => emitted_before.cloned().map(|emitted| EmittedState { frozen: true, ..emitted }),
            Turn::Closed | Turn::Cleared => None,
        };
        let step = match (emitted_before, &emitted) {
            (None, Some(emitted)) => Some((Change::Opened, emitted)),
            (Some(before), Some(emitted)) if before != emitted => Some((Change::Moved, emitted)),
            (Some(before), None) => Some((Change::Cleared, before)),
            _ => None,
        };
        if let Some((change, emitted)) = step {
            // What it speaks of may have moved to another store in the very tick that clears it.
            let emitted = EmittedState { store, ..emitted.clone() };
            self.step(key, rows, (change, opened_at), &emitted, emit);
        }
        let opens = episode.next(self.for_ms, now, self.ticks);
        // Open and clear at once: it clears at the next tick, by the clock alone.
        let clears = (turn == Turn::Opened && verdict.clear && !held).then_some(now + self.ticks.tick_ms);
        let tracked = TrackedEpisode { episode, emitted };
        match &mut slot.0 {
            stored if tracked == TrackedEpisode::default() => *stored = None,
            Some(stored) => **stored = tracked,
            stored => *stored = Some(Box::new(tracked)),
        }
        Next::Rest.or_at(opens).or_at(clears).or_at(verdict.look_again)
    }

    /// Applies a broadcast, before the updates of its tick.
    pub fn apply(&mut self, notice: &Notice, diff: i64) {
        self.context.apply(notice, diff);
        if matches!(notice, Notice::Policy(_)) {
            self.read_policies();
        }
    }

    /// Returns the keys that a broadcast may affect.
    pub fn scope_of(notice: &Notice) -> BroadcastScope {
        match notice {
            Notice::Policy(policy) if policy.key.starts_with(D::KIND.name) => BroadcastScope::AllKeys,
            Notice::Store(_) if D::READS_STORES => BroadcastScope::AllKeys,
            Notice::Stale(store, topic) if D::KIND.feeds.contains(topic) => BroadcastScope::Subscribers(route(store)),
            _ => BroadcastScope::NoKey,
        }
    }
}

impl<D: StatefulDetector> Keyed for DetectorRunner<D> {
    type Key = D::Key;
    type Input = D::Input;
    type Diff = i64;
    type Broadcast = Notice;
    type Cause = Cause;
    type State = DetectorState<D::State>;
    type Output = Step;

    fn update(&mut self, key: &D::Key, state: &mut Self::State, input: D::Input, diff: i64, _: i64) {
        self.detector.update(key, &mut state.rows, input, diff);
    }

    fn on_broadcast(&mut self, notice: &Notice, diff: i64) {
        self.apply(notice, diff);
    }

    fn scope(&self, notice: &Notice) -> BroadcastScope {
        Self::scope_of(notice)
    }

    /// Only an open exception subscribes to its store: a stale feed delays clearing and nothing else.
    fn subscription(&self, key: &D::Key, state: &Self::State) -> Option<u64> {
        self.detector.store(key, &state.rows).filter(|_| state.slot.is_open()).map(|store| route(&store))
    }

    fn is_affected(&self, notice: &Notice, key: &D::Key, state: &Self::State) -> bool {
        match notice {
            Notice::Policy(_) => true,
            Notice::Store(store) => self.detector.store(key, &state.rows) == Some(store.store),
            Notice::Stale(store, _) => self.detector.store(key, &state.rows) == Some(*store),
        }
    }

    fn close(&mut self, key: &D::Key, state: &mut Self::State, emit: &mut Emit<'_, Step, Cause>) -> Next {
        let next = self.evaluate(key, &mut state.rows, &mut state.slot, emit);
        if self.detector.is_empty(&state.rows) && state.slot.is_empty() { Next::Forget } else { next }
    }
}

/// Runs a detector over the changes of the rows it reads.
pub fn run_detector<'scope, D: StatefulDetector>(
    detector: D,
    ticks: Ticks,
    context: Context,
    notices: &Collection<'scope, Notice>,
    input: impl Into<Inputs<'scope, D::Key, D::Input>>,
) -> Collection<'scope, Step> {
    let name = format!("detector: {}", D::KIND.name);
    keyed_operator(&name, ticks, input, Some(notices.clone()), DetectorRunner::new(detector, ticks, context))
}

/// Returns the store of each open exception of these steps, one row per exception.
pub fn open_stores<'scope>(steps: &Collection<'scope, Step>) -> Collection<'scope, Id> {
    let store_at = |change| move |step: Step| step.store.filter(|_| step.change == change);
    let opened = steps.clone().flat_map(store_at(Change::Opened));
    opened.concat(steps.clone().flat_map(store_at(Change::Cleared)).negate())
}
