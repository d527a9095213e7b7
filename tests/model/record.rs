//! What records say once they are accepted, by the names of contract §3. Quantities are thousandths; an absent word
//! is empty.

use super::decode::{Fields, Id};

/// Something that happened, as its last accepted revision tells it.
pub(super) struct Fact<T> {
    pub(super) id: Id,
    /// Empty where there is none.
    pub(super) store: Id,
    pub(super) time: i64,
    /// The greatest event_time of its accepted revisions.
    pub(super) greatest: i64,
    pub(super) folded: bool,
    pub(super) body: T,
}

impl<T> Fact<T> {
    /// What orders facts of a kind: when, then which.
    pub(super) fn order(&self) -> (i64, Id) {
        (self.time, self.id.clone())
    }
}

/// The type of a field of a kind.
#[rustfmt::skip]
macro_rules! kind {
    (id) => { Id };
    (maybe_id) => { Option<Id> };
    (ids) => { Vec<Id> };
    (word) => { &'static str };
    (int) => { i64 };
    (maybe_int) => { Option<i64> };
    (flag) => { bool };
    (lines) => { Vec<OrderLine> };
}

/// Records with their fields; each is taken by its name.
macro_rules! records {
    ($($name:ident { $($field:ident: $kind:ident,)* })*) => { $(
        #[derive(Clone)]
        pub(super) struct $name { $(pub(super) $field: kind!($kind),)* }

        impl $name {
            pub(super) fn new(fields: &Fields) -> Self {
                $name { $($field: fields.$kind(stringify!($field).trim_start_matches("r#")),)* }
            }
        }
    )* };
}

records! {
    Line {
        transaction_id: id, operator_id: id, item_id: id, kind: word, quantity: int, unit_price_cents: int,
        net_cents: int, discount_cents: int, promotion_id: maybe_id, customer_id: maybe_id, channel: word,
        receipt: flag, reason: word, restock: flag,
    }
    Activity { customer_id: maybe_id, item_id: maybe_id, }
    Traffic { r#in: int, out: int, status: word, }
    Interval {
        zone_id: id, served: int, over_target: int, abandoned: int, wait_ms_sum: int, length_max: int,
    }
    Movement { item_id: id, quantity: int, reason: word, }
    Count { item_id: id, counted: int, }
    Punch { employee_id: id, role: word, kind: word, }
    Shift { store_id: id, role: word, start_at: int, end_at: int, }
    Task {
        store_id: id, task_type: id, promotion_id: maybe_id, status: word, due_at: int, completed_at: maybe_int,
        est_minutes: int,
    }
    Promotion {
        store_ids: ids, item_ids: ids, start_at: int, end_at: int, promo_price_cents: int, expected_uplift_bp: int,
        setup_required: flag,
    }
    Order { store_id: id, state: word, placed_at: int, promise_at: int, ready_at: maybe_int, lines: lines, }
    OrderLine { item_id: id, quantity: int, picked: int, short: int, }
    Product { dept: id, unit_cost_cents: int, case_pack: int, }
    Store { region: id, format: id, open_from: int, open_to: int, }
    Location { lead_time_h: int, forecast_milli_per_day: int, dispersion_bp: maybe_int, }
    Signal { store_id: id, dept: maybe_id, valid_from: int, valid_to: int, factor_bp: int, }
    Command { exception_id: id, action: word, role: id, until: maybe_int, }
}

impl Line {
    /// 1 for a sale, −1 for a void, 0 for a return: units are `sign() * quantity`.
    pub(super) fn sign(&self) -> i64 {
        i64::from(self.is("sale")) - i64::from(self.is("void"))
    }

    pub(super) fn is(&self, kind: &str) -> bool {
        self.kind == kind
    }
}

impl Task {
    pub(super) fn is_open(&self) -> bool {
        matches!(self.status, "open" | "in_progress")
    }
}

impl Promotion {
    pub(super) fn lists(&self, store: &Id, item: &Id) -> bool {
        self.store_ids.contains(store) && self.item_ids.contains(item)
    }
}

impl OrderLine {
    pub(super) fn remaining(&self) -> i64 {
        (self.quantity - self.picked - self.short).max(0)
    }
}

impl Order {
    pub(super) fn is_open(&self) -> bool {
        matches!(self.state, "placed" | "accepted" | "picking")
    }

    pub(super) fn remaining(&self) -> i64 {
        self.lines.iter().map(OrderLine::remaining).sum()
    }
}
