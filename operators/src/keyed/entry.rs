//! Hot entry of the table: a state as it is in memory, its timer and its flags.

/// A decoded entry, without its key.
pub(super) struct HotEntry<S> {
    pub(super) state: S,
    /// The tick of the live timer, `i64::MAX` for none.
    pub(super) timer: i64,
    /// Position in the list of dirty entries of this tick, from 1 on; 0 when clean.
    pub(super) dirty: u32,
    pub(super) flags: EntryFlags,
}

impl<S: Default> HotEntry<S> {
    pub(super) fn new() -> Self {
        HotEntry { state: S::default(), timer: i64::MAX, dirty: 0, flags: EntryFlags::NONE }
    }
}

/// One word: whether the entry has a subscription, and its cold id, if it was cold before.
#[derive(Clone, Copy)]
pub(super) struct EntryFlags(u32);

impl EntryFlags {
    const SUBSCRIBED: u32 = 1 << 31;
    const NONE: EntryFlags = EntryFlags(!EntryFlags::SUBSCRIBED);

    pub(super) fn is_subscribed(self) -> bool {
        self.0 & EntryFlags::SUBSCRIBED != 0
    }

    pub(super) fn set_subscribed(&mut self, is_subscribed: bool) {
        self.0 = self.0 & !EntryFlags::SUBSCRIBED | if is_subscribed { EntryFlags::SUBSCRIBED } else { 0 };
    }

    pub(super) fn cold_id(self) -> Option<u32> {
        Some(self.0 & !EntryFlags::SUBSCRIBED).filter(|cold| *cold != EntryFlags::NONE.0)
    }

    pub(super) fn set_cold_id(&mut self, cold: u32) {
        self.0 = self.0 & EntryFlags::SUBSCRIBED | cold;
    }
}
