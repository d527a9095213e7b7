//! How a drawer stands in the tick.

/// A drawer that is open: what is kept of a key, and how it stands in the tick.
pub(super) struct Slot<S> {
    pub(super) state: S,
    /// The tick of the live wake-up, `i64::MAX` for none.
    pub(super) wake: i64,
    /// Its place among the touched, from 1 on; 0 when it is not.
    pub(super) touched: u32,
    pub(super) marks: Marks,
}

impl<S: Default> Slot<S> {
    pub(super) fn new() -> Self {
        Slot { state: S::default(), wake: i64::MAX, touched: 0, marks: Marks::NONE }
    }
}

/// Whether a drawer is attentive, and its place among the flat ones, if it was laid flat before.
#[derive(Clone, Copy)]
pub(super) struct Marks(u32);

impl Marks {
    const ATTENTIVE: u32 = 1 << 31;
    const NONE: Marks = Marks(!Marks::ATTENTIVE);

    pub(super) fn is_attentive(self) -> bool {
        self.0 & Marks::ATTENTIVE != 0
    }

    pub(super) fn set_attentive(&mut self, is_attentive: bool) {
        self.0 = self.0 & !Marks::ATTENTIVE | if is_attentive { Marks::ATTENTIVE } else { 0 };
    }

    pub(super) fn place(self) -> Option<u32> {
        Some(self.0 & !Marks::ATTENTIVE).filter(|place| *place != Marks::NONE.0)
    }

    pub(super) fn set_place(&mut self, place: u32) {
        self.0 = self.0 & Marks::ATTENTIVE | place;
    }
}
