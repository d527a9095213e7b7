//! Keyed store: the entries of one worker, updated and closed tick by tick. It uses neither timely nor threads.
//!
//! A tick takes broadcasts, updates and due timers, which mark entries dirty, and then closes the dirty entries. Hot
//! entries are marked at once. A cold entry is decoded by an update; by a due timer or a broadcast only when its turn to
//! close comes, and mostly encoded again right after: never all of them are hot together.

use std::vec::IntoIter;

use super::broadcast::{BroadcastScope, Subscriptions};
use super::checkpoint::Checkpoint;
use super::entry::HotEntry;
use super::table::{ColdEntry, EntryId, KeyedEntry, Table};
use super::timer_queue::TimerQueue;
use super::{Emit, Keyed, Next, Ticks};
use crate::diff::{Traced, least_of};
use crate::io::inputs::Update;

/// Cancelled timers beyond those of the entries that are tolerated: few timers need no pruning.
pub(super) const SPARE_TIMERS: usize = 64;
/// Timers examined for each one scheduled, while too many are cancelled: more are dropped than are added.
pub(super) const PRUNED_PER_TIMER: usize = 3;

/// Entries with due timers that are looked up together: many cache misses at a time take little longer than one.
const LOOKUP_BATCH: usize = 32;

/// An update of a key, with its tick.
pub(super) type KeyedUpdate<L> =
    Update<<L as Keyed>::Key, <L as Keyed>::Input, <L as Keyed>::Diff, <L as Keyed>::Cause>;

/// The entries of one worker.
pub struct KeyedStore<L: Keyed> {
    pub(super) logic: L,
    ticks: Ticks,
    pub(super) table: Table<L::Key, L::State>,
    /// The hot entries that are dirty in this tick, each with its least cause.
    pub(super) dirty: Vec<(u32, Option<L::Cause>)>,
    /// Buffer of ids found by a batch lookup; empty between calls.
    found: Vec<EntryId>,
    /// Hot entries to remove; empty between calls.
    forgotten: Vec<u32>,
    subscriptions: Subscriptions,
    /// Entry ids by the tick of their timer, each in one word.
    pub(super) timers: TimerQueue<u32>,
    /// Entry ids whose timer is due in this tick.
    due: Vec<Vec<u32>>,
    /// Broadcasts of this tick that the cold entries have not received.
    pending: Vec<PendingBroadcast<L>>,
    /// The cold id that receives the pending broadcasts next; all have received them at the close of the tick.
    next_pending: usize,
    /// The tick at which every entry is evaluated again, and the cause to name.
    pub(super) reevaluation: Option<(i64, L::Cause)>,
    pub(super) checkpoint: Option<Checkpoint>,
}

/// A broadcast with its cause; without a broadcast, a request to evaluate every entry again.
type PendingBroadcast<L> = (Option<<L as Keyed>::Broadcast>, Option<<L as Keyed>::Cause>);

/// Marks an entry dirty because of `cause`.
fn mark_dirty<S, C: Ord + Clone>(
    dirty: &mut Vec<(u32, Option<C>)>,
    hot: u32,
    entry: &mut HotEntry<S>,
    cause: Option<&C>,
) {
    if entry.dirty == 0 {
        dirty.push((hot, cause.cloned()));
        entry.dirty = u32::try_from(dirty.len()).expect("a tick has fewer than 2^32 dirty keys");
    } else if let Some(cause) = cause {
        least_of(&mut dirty[entry.dirty as usize - 1].1, cause);
    }
}

impl<L: Keyed> KeyedStore<L> {
    /// A store without entries.
    pub fn new(logic: L, ticks: Ticks) -> Self {
        KeyedStore {
            logic,
            ticks,
            table: Table::new(),
            dirty: Vec::new(),
            found: Vec::new(),
            forgotten: Vec::new(),
            subscriptions: Subscriptions::default(),
            timers: TimerQueue::default(),
            due: Vec::new(),
            pending: Vec::new(),
            next_pending: 0,
            reevaluation: None,
            checkpoint: None,
        }
    }

    /// The number of keys with a state.
    pub fn len(&self) -> usize {
        self.table.len()
    }

    /// Returns whether no key has a state.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Bytes of entries and timers, without allocations that hot states own.
    pub fn bytes(&self) -> usize {
        self.table.bytes() + self.timers.bytes()
    }

    /// The next tick at which the clock alone may change the output.
    pub fn next_timer(&self) -> Option<i64> {
        let reevaluation = self.reevaluation.as_ref().map(|(tick, _)| *tick);
        self.timers.next().into_iter().chain(reevaluation).min()
    }

    /// Applies one change of `key` at tick `now`.
    pub fn update(&mut self, key: L::Key, input: L::Input, change: Traced<L::Diff, L::Cause>, now: i64) {
        let hot = self.find_or_insert(&key);
        self.apply(hot, input, change, now);
    }

    /// Applies the first `count` of these updates at tick `now`, after looking up the entries of all of them.
    pub(super) fn update_all(&mut self, updates: &mut IntoIter<KeyedUpdate<L>>, count: usize, now: i64) {
        let mut found = std::mem::take(&mut self.found);
        let keys = updates.as_slice()[..count].iter().map(|((key, _), ..)| key);
        let checkpoint = &mut self.checkpoint;
        self.table.find_or_insert_all(keys, &mut found, |hot| skip(checkpoint, EntryId::Hot(hot)));
        for (id, ((key, input), _, change)) in found.drain(..).zip(updates) {
            let hot = match id {
                EntryId::Hot(hot) => hot,
                // An update before this one may have decoded it.
                EntryId::Cold(_) => self.find_or_insert(&key),
            };
            self.apply(hot, input, change, now);
        }
        self.found = found;
    }

    fn apply(&mut self, hot: u32, input: L::Input, change: Traced<L::Diff, L::Cause>, now: i64) {
        self.copy_before_change(hot);
        if let Some((key, entry)) = self.table.get_mut(hot) {
            mark_dirty(&mut self.dirty, hot, entry, change.cause.as_ref());
            self.logic.update_with_cause(key, &mut entry.state, input, change, now);
        }
    }

    /// Applies one broadcast of the present tick, before that tick's updates, and marks the keys it affects dirty.
    pub fn broadcast(&mut self, broadcast: &L::Broadcast, change: &Traced<i64, L::Cause>) {
        self.logic.on_broadcast(broadcast, change.diff);
        let scope = self.logic.scope(broadcast);
        let cause = change.cause.as_ref();
        match scope {
            BroadcastScope::NoKey => {}
            BroadcastScope::Subscribers(group) => {
                let KeyedStore { logic, dirty, table, subscriptions, .. } = self;
                for hot in subscriptions.subscribers(group) {
                    if let Some(entry) = table.get_mut(hot) {
                        deliver(logic, dirty, Some(broadcast), cause, (hot, entry));
                    }
                }
            }
            BroadcastScope::AllKeys => self.deliver_to_all(Some(broadcast), cause),
        }
    }

    /// Delivers a broadcast to the hot entries at once, and to the cold ones by the close of the tick.
    fn deliver_to_all(&mut self, broadcast: Option<&L::Broadcast>, cause: Option<&L::Cause>) {
        let KeyedStore { logic, dirty, table, .. } = self;
        table.iter_mut().for_each(|entry| deliver(logic, dirty, broadcast, cause, entry));
        if self.table.cold_len() > 0 {
            self.pending.push((broadcast.cloned(), cause.cloned()));
            self.next_pending = 0;
        }
    }

    /// Collects the keys whose timer is due by `now`; [`KeyedStore::close`] closes them.
    pub fn fire_timers(&mut self, now: i64) {
        if let Some((_, cause)) = self.reevaluation.take_if(|(tick, _)| *tick <= now) {
            self.deliver_to_all(None, Some(&cause));
        }
        while let Some(due) = self.timers.pop_due(now) {
            self.due.push(due);
        }
    }

    /// Closes up to `fuel` dirty keys of tick `now` into `out`; returns whether the tick is done.
    pub fn close(
        &mut self,
        now: i64,
        fuel: &mut usize,
        out: &mut Vec<(L::Output, i64, Traced<i64, L::Cause>)>,
    ) -> bool {
        let mut is_done = false;
        while *fuel > 0 && !is_done {
            *fuel -= 1;
            match self.dirty.pop() {
                Some((hot, cause)) => self.close_entry(hot, &cause, now, out),
                None => is_done = !self.mark_some_due(now) && !self.deliver_to_next_cold(),
            }
        }
        self.table.remove_all(&mut self.forgotten);
        is_done
    }

    /// Marks some of the entries dirty whose timer is due, unless they were closed since; returns whether there may be
    /// more. One batch at a time: entries that become cold again at once are never all hot together.
    fn mark_some_due(&mut self, now: i64) -> bool {
        let Some(due) = self.due.last_mut() else { return false };
        let mut found = std::mem::take(&mut self.found);
        let from = due.len().saturating_sub(LOOKUP_BATCH);
        found.extend(due.drain(from..).map(EntryId::from_word));
        if from == 0 {
            self.due.pop();
        }
        found.retain(|id| self.table.timer_of(*id).is_some_and(|timer| timer <= now));
        found.drain(..).for_each(|id| self.decode_and_mark(id));
        self.found = found;
        true
    }

    /// Delivers the pending broadcasts to the next cold entry; returns whether there may be more.
    fn deliver_to_next_cold(&mut self) -> bool {
        if self.pending.is_empty() {
            return false;
        }
        let bound = self.table.id_bounds().1;
        let Some(cold) = u32::try_from(self.next_pending).ok().filter(|_| self.next_pending < bound) else {
            self.pending.clear();
            return false;
        };
        self.next_pending += 1;
        if let Some(key) = self.table.get_cold(cold).map(ColdEntry::key)
            && self.pending.iter().any(|(broadcast, _)| {
                broadcast.as_ref().is_none_or(|broadcast| self.logic.key_in_scope(broadcast, &key))
            })
        {
            self.decode_and_mark(EntryId::Cold(cold));
        }
        true
    }

    fn decode_and_mark(&mut self, id: EntryId) {
        if let Some(hot) = self.make_hot(id)
            && let Some((_, entry)) = self.table.get_mut(hot)
        {
            mark_dirty(&mut self.dirty, hot, entry, None);
        }
    }

    /// Lets a checkpoint in progress copy the entry as it is.
    fn copy_before_change(&mut self, hot: u32) {
        if let Some(checkpoint) = &mut self.checkpoint {
            checkpoint.copy_before_change(hot, self.table.get(hot));
        }
    }

    fn close_entry(
        &mut self,
        hot: u32,
        cause: &Option<L::Cause>,
        now: i64,
        out: &mut Vec<(L::Output, i64, Traced<i64, L::Cause>)>,
    ) {
        self.copy_before_change(hot);
        let Some((key, entry)) = self.table.get_mut(hot) else { return };
        entry.dirty = 0;
        let mut push = |output, change| out.push((output, now, change));
        let mut emit = Emit::new(&mut push, now, entry.timer, cause);
        let next = self.logic.close(key, &mut entry.state, &mut emit);
        let timer = match next {
            Next::Forget | Next::Rest => i64::MAX,
            Next::At(instant) => self.ticks.at(instant).max(now.saturating_add(self.ticks.tick_ms)),
        };
        let is_moved = timer != entry.timer;
        entry.timer = timer;
        self.place_entry(hot, next == Next::Forget, is_moved);
    }

    /// Removes a hot entry, makes it cold or leaves it hot, after it was closed or restored, and schedules its timer.
    /// `is_moved` is true if the timer differs from before.
    pub(super) fn place_entry(&mut self, hot: u32, forget: bool, is_moved: bool) {
        let Some((key, entry)) = self.table.get_mut(hot) else { return };
        let group = if forget { None } else { self.logic.subscription(key, &entry.state) };
        if entry.flags.is_subscribed() || group.is_some() {
            self.subscriptions.set(hot, group);
            entry.flags.set_subscribed(group.is_some());
        }
        if forget {
            self.forgotten.push(hot);
            return;
        }
        let (timer, before) = (entry.timer, entry.flags.cold_id().map(EntryId::Cold).unwrap_or(EntryId::Hot(hot)));
        let mut timer_id = before;
        if group.is_none()
            && self.logic.is_cold(&entry.state)
            && let Some(cold) = self.table.encode(hot)
        {
            timer_id = EntryId::Cold(cold);
            skip(&mut self.checkpoint, timer_id);
        }
        if (is_moved || timer_id != before) && timer < i64::MAX {
            self.schedule(timer, timer_id);
        }
    }

    /// Schedules a timer; one that moves with every change leaves a cancelled one behind each time.
    fn schedule(&mut self, timer: i64, id: EntryId) {
        self.timers.schedule(timer, id.to_word());
        let (hot, cold) = self.table.id_bounds();
        if self.timers.len() > (hot + cold) * 3 / 2 + SPARE_TIMERS {
            let table = &self.table;
            let is_live = |tick, word: &u32| table.timer_of(EntryId::from_word(*word)) == Some(tick);
            self.timers.prune(PRUNED_PER_TIMER, is_live);
        }
    }

    /// The hot id of the entry of `key`, which is inserted if there is none.
    pub(super) fn find_or_insert(&mut self, key: &L::Key) -> u32 {
        let checkpoint = &mut self.checkpoint;
        match self.table.find_or_insert(key, |hot| skip(checkpoint, EntryId::Hot(hot))) {
            EntryId::Hot(hot) => hot,
            cold => self.make_hot(cold).expect("an entry that was found"),
        }
    }

    /// The hot id of an entry. A cold one is decoded and receives the pending broadcasts.
    fn make_hot(&mut self, id: EntryId) -> Option<u32> {
        let cold = match self.table.resolve(id)? {
            EntryId::Hot(hot) => return Some(hot),
            EntryId::Cold(cold) => cold,
        };
        if let Some(checkpoint) = &mut self.checkpoint {
            checkpoint.copy_before_decode(cold, self.table.get_cold(cold));
        }
        let hot = self.table.decode(cold)?;
        skip(&mut self.checkpoint, EntryId::Hot(hot));
        let KeyedStore { logic, dirty, table, pending, .. } = self;
        let entry = table.get_mut(hot)?;
        for (broadcast, cause) in pending.iter() {
            deliver(logic, dirty, broadcast.as_ref(), cause.as_ref(), (hot, entry));
        }
        Some(hot)
    }
}

/// Marks a hot entry dirty if a broadcast affects it; without a broadcast, in any case.
fn deliver<L: Keyed>(
    logic: &mut L,
    dirty: &mut Vec<(u32, Option<L::Cause>)>,
    broadcast: Option<&L::Broadcast>,
    cause: Option<&L::Cause>,
    (hot, (key, entry)): (u32, &mut KeyedEntry<L::Key, L::State>),
) {
    if broadcast.is_none_or(|broadcast| logic.is_affected(broadcast, key, &entry.state)) {
        mark_dirty(dirty, hot, entry, cause);
        logic.mark_dirty(broadcast, key, &mut entry.state, cause);
    }
}

/// The id belongs to another entry from now on: a checkpoint in progress skips it.
fn skip(checkpoint: &mut Option<Checkpoint>, id: EntryId) {
    checkpoint.iter_mut().for_each(|checkpoint| checkpoint.skip(id));
}
