//! What each item sold and lost per store and day, at the cost and in the department its product has now.
//!
//! *Meaning.* Sums per item, store and day beside the item's current product; a corrected product restates every day
//! that is open. Days settle at the first tick ≥ their end + lateness: that tick's corrections are the last, and what
//! was said of them stands. *State.* One entry per item, store and open day. The entries of settled days are
//! forgotten without retraction, so their reader must settle at the same tick ([`settles_at`]).

use std::collections::{BTreeMap, HashMap};

use foldhash::fast::FixedState;
use operators::diff::{Traced, least, least_by_member};
use operators::keyed::{Emit, Keyed, Next};
use operators::one::One;
use serde::{Deserialize, Serialize};

use crate::event::inventory::Movement;
use crate::event::pos::PosLine;
use crate::ids::Id;
use crate::time::{Cause, DAY_MS};
use crate::views::margin_daily::StoreDeptDay;

/// When a day can no longer change.
pub fn settles_at(day: i64, lateness_ms: i64) -> i64 {
    day + DAY_MS + lateness_ms
}

/// What lines and losses come to; wide where money is multiplied or may be absurd.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Amounts {
    /// Lines and losses.
    pub records: i64,
    /// Sale − void − return.
    pub net_cents: i128,
    /// Sale − void.
    pub discount_cents: i128,
    /// Sold − voided − returned to the shelf, in thousandths; costed, in thousandths of a cent.
    pub sold: i128,
    /// Damaged, wasted and stolen, likewise.
    pub lost: i128,
}

impl Amounts {
    /// What a till line comes to.
    pub fn of_line(line: &PosLine) -> Self {
        let sign = if line.is_sale() { 1 } else { -1 };
        Amounts {
            records: 1,
            net_cents: sign * i128::from(line.net_cents),
            discount_cents: i128::from(line.sale_sign()) * i128::from(line.discount_cents),
            sold: -i128::from(line.stock_milli()),
            lost: 0,
        }
    }

    /// What a movement loses, if it does.
    pub fn of_loss(movement: &Movement) -> Option<Self> {
        let lost = i128::from(movement.quantity_milli).abs();
        movement.reason.is_shrink().then(|| Amounts { records: 1, lost, ..Amounts::default() })
    }

    /// Adds `times` of another.
    pub fn add(&mut self, other: &Amounts, times: i64) {
        let wide = i128::from(times);
        self.records += times * other.records;
        self.net_cents += wide * other.net_cents;
        self.discount_cents += wide * other.discount_cents;
        self.sold += wide * other.sold;
        self.lost += wide * other.lost;
    }

    fn at_cost(self, unit_cost_cents: i64) -> Self {
        let cost = i128::from(unit_cost_cents);
        Amounts { sold: self.sold * cost, lost: self.lost * cost, ..self }
    }
}

/// A department and the cost of a unit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Costs {
    /// The department.
    pub dept: Id,
    /// What one unit costs.
    pub unit_cost_cents: i64,
}

/// What an item learns.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Entry {
    /// Something happened at a store on a day.
    Happened(i64, Id, Amounts),
    /// The product is like this.
    Product(Costs),
}

/// The sums of an item at a store on a day, and what was last said of them.
type Held = (Amounts, Option<Amounts>);

/// An item's product, and its sums by open day and store.
#[derive(Default, Serialize, Deserialize)]
pub struct Item {
    product: One<Costs>,
    product_said: Option<Costs>,
    product_cause: Option<Cause>,
    days: BTreeMap<i64, HashMap<Id, Held, FixedState>>,
    touched: Vec<((i64, Id), Option<Cause>)>,
}

impl Item {
    /// Says the sums of a store and day at the product as it is now; answers whether there are any.
    fn say(
        (day, store): (i64, Id),
        (sums, said): &mut Held,
        (before, now): (Option<Costs>, Option<Costs>),
        mut emit: Emit<'_, (StoreDeptDay, Amounts), Cause>,
    ) -> bool {
        let costed = |sums: Amounts, product: Option<Costs>| {
            let unknown = || Costs { dept: Id::new("unknown"), unit_cost_cents: 0 };
            let Costs { dept, unit_cost_cents } = product.unwrap_or_else(unknown);
            (StoreDeptDay { store, dept, day }, sums.at_cost(unit_cost_cents))
        };
        let new = Some(*sums).filter(|sums| sums.records > 0);
        if before == now && *said != new {
            // In one piece: they have moved by so much.
            let mut moved = new.unwrap_or_default();
            moved.add(&said.unwrap_or_default(), -1);
            emit.push(costed(moved, now), 1);
        } else {
            emit.replace(said.map(|sums| costed(sums, before)), new.map(|sums| costed(sums, now)));
        }
        *said = new;
        said.is_some()
    }
}

/// The logic that puts costs beside sums, by item.
pub struct Costing {
    /// How long a fact may be corrected.
    pub lateness_ms: i64,
}

impl Keyed for Costing {
    type Key = Id;
    type Input = Entry;
    type Diff = i64;
    type Notice = ();
    type Cause = Cause;
    type State = Item;
    type Output = (StoreDeptDay, Amounts);

    fn update(&mut self, key: &Id, item: &mut Item, entry: Entry, diff: i64, now: i64) {
        self.update_because(key, item, entry, Traced::new(diff, None), now);
    }

    fn update_because(&mut self, _: &Id, item: &mut Item, entry: Entry, change: Traced<i64, Cause>, _: i64) {
        match entry {
            Entry::Product(costs) => {
                item.product.update(costs, change.diff);
                least(&mut item.product_cause, &change.cause);
            }
            Entry::Happened(day, store, amounts) => {
                item.days.entry(day).or_default().entry(store).or_default().0.add(&amounts, change.diff);
                item.touched.push(((day, store), change.cause));
            }
        }
    }

    fn close(&mut self, _: &Id, item: &mut Item, emit: &mut Emit<'_, Self::Output, Cause>) -> Next {
        let Item { product, product_said, product_cause, days, touched } = item;
        let (products, product_cause) = ((*product_said, product.get().copied()), product_cause.take());
        least_by_member(touched);
        if products.0 == products.1 {
            for ((day, store), cause) in touched.drain(..) {
                if let Some(stores) = days.get_mut(&day)
                    && let Some(held) = stores.get_mut(&store)
                    && !Item::say((day, store), held, products, emit.because(&cause))
                {
                    stores.remove(&store);
                }
            }
        } else {
            for (day, stores) in days.iter_mut() {
                stores.retain(|store, held| {
                    let (at, mut cause) = ((*day, *store), product_cause.clone());
                    if let Ok(found) = touched.binary_search_by(|(touched, _)| touched.cmp(&at)) {
                        least(&mut cause, &touched[found].1);
                    }
                    Item::say(at, held, products, emit.because(&cause))
                });
            }
            touched.clear();
            *product_said = products.1;
        }
        while let Some(first) = days.first_entry() {
            let settles_at = settles_at(*first.key(), self.lateness_ms);
            if settles_at > emit.now() && !first.get().is_empty() {
                return Next::At(settles_at);
            }
            first.remove();
        }
        if item.product.is_empty() { Next::Forget } else { Next::Rest }
    }
}

#[cfg(test)]
mod tests {
    use operators::diff::Traced;
    use operators::keyed::{KeyedState, Ticks};

    use super::*;
    use crate::time::HOUR_MS;

    #[test]
    fn a_corrected_product_restates_open_days_only() {
        let mut state = KeyedState::new(Costing { lateness_ms: HOUR_MS }, Ticks { tick_ms: 1_000 });
        let (item, store) = (Id::new("i"), Id::new("s"));
        let sale = |day| Entry::Happened(day, store, Amounts { records: 1, sold: 2_000, ..Amounts::default() });
        let product = |dept, unit_cost_cents| Entry::Product(Costs { dept: Id::new(dept), unit_cost_cents });
        let script = [
            (1_000, vec![(sale(0), 1)], "+unknown/0:0"),
            (2_000, vec![(product("a", 5), 1)], "-unknown/0:0 +a/0:10000"),
            (DAY_MS + 1_000, vec![(sale(DAY_MS), 1)], "+a/1:10000"),
            (
                DAY_MS + HOUR_MS,
                vec![(product("a", 5), -1), (product("b", 6), 1)],
                "-a/0:10000 +b/0:12000 -a/1:10000 +b/1:12000",
            ),
            (DAY_MS + HOUR_MS + 1_000, vec![(product("b", 6), -1)], "-b/1:12000 +unknown/1:0"),
            (DAY_MS + HOUR_MS + 2_000, vec![(sale(DAY_MS), -1)], "+unknown/1:0"),
        ];
        for (now, changes, expected) in script {
            for (entry, diff) in changes {
                state.update(item, entry, Traced::new(diff, None), now);
            }
            state.wake(now);
            let mut out = Vec::new();
            assert!(state.close(now, &mut 10, &mut out));
            let said: Vec<String> = out
                .iter()
                .map(|((key, amounts), _, change)| {
                    let sign = if change.diff > 0 { '+' } else { '-' };
                    format!("{sign}{}/{}:{}", key.dept, key.day / DAY_MS, amounts.sold)
                })
                .collect();
            assert_eq!(said.join(" "), expected, "at {now}");
        }
        assert!(state.is_empty());
    }
}
