//! Costing: what each item sold and lost by store and day, at the current cost and in the current department of its
//! product.
//!
//! *Meaning.* Sums per item, store and day beside the item's current product; a corrected product restates every open
//! day. Days settle at the first tick ≥ their end + lateness: that tick emits the last corrections. *State.* One entry
//! per item, store and open day. The entries of settled days are dropped without retraction, so their reader must
//! settle at the same tick ([`settles_at`]).

use std::collections::{BTreeMap, HashMap, hash_map};

use contract::event::inventory::Movement;
use contract::event::pos::PosLine;
use contract::ids::Id;
use contract::time::{Cause, DAY_MS};
use foldhash::fast::FixedState;
use operators::aggregate::sums::difference::{IsZero, Multiply, Semigroup};
use operators::compact::unique_row::UniqueRow;
use operators::diff::{Traced, add_up, least};
use operators::keyed::{Emit, Keyed, Next};
use serde::{Deserialize, Serialize};

use contract::keys::StoreDeptDay;

/// The instant from which on a day cannot change.
pub fn settles_at(day: i64, lateness_ms: i64) -> i64 {
    day + DAY_MS + lateness_ms
}

operators::sums! {
/// Sums over till lines and losses; wide where money is multiplied or a value may be absurd.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Amounts {
    /// Lines and losses.
    pub records: i64,
    /// Sale − void − return.
    pub net_cents: i128,
    /// Sale − void.
    pub discount_cents: i128,
    /// Sold − voided − returned into stock, in thousandths; costed, in thousandths of a cent.
    pub sold: i128,
    /// Damaged, wasted and stolen, likewise.
    pub lost: i128,
}
}

impl Amounts {
    /// The amounts of a till line.
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

    /// The amounts of a movement that is a loss.
    pub fn of_loss(movement: &Movement) -> Option<Self> {
        let lost = i128::from(movement.quantity_milli).abs();
        movement.reason.is_shrink().then(|| Amounts { records: 1, lost, ..Amounts::default() })
    }

    /// Adds `times` of another.
    pub fn add(&mut self, other: &Amounts, times: i64) {
        self.plus_equals(&other.multiply(&times));
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
    /// The cost of one unit.
    pub unit_cost_cents: i64,
}

/// An input of an item.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Entry {
    /// Amounts at a store on a day.
    Happened(i64, Id, Amounts),
    /// The product's current department and cost.
    Product(Costs),
}

/// An item's product, and its sums by open day and store. The last emitted sum is the current one less the changes of
/// this tick.
#[derive(Default, Serialize, Deserialize)]
pub struct Item {
    product: UniqueRow<Costs>,
    last_product: Option<Costs>,
    product_cause: Option<Cause>,
    days: BTreeMap<i64, HashMap<Id, Amounts, FixedState>>,
    moved: Vec<((i64, Id), Traced<Amounts, Cause>)>,
}

/// Sums of a store and day at the cost and in the department of a product.
fn costed((day, store): (i64, Id), sums: Amounts, product: Option<Costs>) -> (StoreDeptDay, Amounts) {
    let unknown = || Costs { dept: Id::new("unknown"), unit_cost_cents: 0 };
    let Costs { dept, unit_cost_cents } = product.unwrap_or_else(unknown);
    (StoreDeptDay { store, dept, day }, sums.at_cost(unit_cost_cents))
}

impl Item {
    /// Takes `diff` copies of what happened at a store on a day.
    fn happen(&mut self, at: (i64, Id), amounts: Amounts, Traced { diff, cause }: Traced<i64, Cause>) {
        let amounts = amounts.multiply(&diff);
        let stores = self.days.entry(at.0).or_default();
        match stores.entry(at.1) {
            hash_map::Entry::Vacant(_) if amounts.is_zero() => {}
            hash_map::Entry::Vacant(vacant) => _ = vacant.insert(amounts),
            hash_map::Entry::Occupied(mut sums) => {
                sums.get_mut().plus_equals(&amounts);
                if sums.get().is_zero() {
                    sums.remove();
                }
            }
        }
        self.moved.push((at, Traced::new(amounts, cause)));
    }

    /// Emits every sum anew, at the current product.
    fn restate(
        &mut self,
        now: Option<Costs>,
        cause: &Option<Cause>,
        emit: &mut Emit<'_, (StoreDeptDay, Amounts), Cause>,
    ) {
        let before = std::mem::replace(&mut self.last_product, now);
        let mut emit_change = |at, sums: Amounts, moved: Traced<Amounts, Cause>| {
            let (mut cause, mut emitted) = (cause.clone(), sums);
            least(&mut cause, &moved.cause);
            emitted.add(&moved.diff, -1);
            let mut emit = emit.with_cause(&cause);
            (!emitted.is_zero()).then(|| emit.push(costed(at, emitted, before), -1));
            (!sums.is_zero()).then(|| emit.push(costed(at, sums, now), 1));
        };
        let Item { days, moved, .. } = self;
        for (day, stores) in days.iter() {
            stores.iter().for_each(|(store, sums)| {
                let at = (*day, *store);
                let found = moved.binary_search_by(|(moved, _)| moved.cmp(&at)).ok();
                let unmoved = || Traced::new(Amounts::default(), None);
                emit_change(at, *sums, found.map_or_else(unmoved, |found| moved[found].1.clone()));
            });
        }
        let is_present = |(day, store): &(i64, Id)| days.get(day).is_some_and(|stores| stores.contains_key(store));
        for (at, moved) in moved.drain(..).filter(|(at, _)| !is_present(at)) {
            emit_change(at, Amounts::default(), moved);
        }
    }
}

/// The logic that puts costs beside sums, by item.
pub struct Costing {
    /// The time for which a fact may be corrected.
    pub lateness_ms: i64,
}

impl Keyed for Costing {
    type Key = Id;
    type Input = Entry;
    type Diff = i64;
    type Broadcast = ();
    type Cause = Cause;
    type State = Item;
    type Output = (StoreDeptDay, Amounts);

    fn update(&mut self, key: &Id, item: &mut Item, entry: Entry, diff: i64, now: i64) {
        self.update_with_cause(key, item, entry, Traced::new(diff, None), now);
    }

    fn update_with_cause(&mut self, _: &Id, item: &mut Item, entry: Entry, change: Traced<i64, Cause>, _: i64) {
        match entry {
            Entry::Product(costs) => {
                item.product.update(costs, change.diff);
                least(&mut item.product_cause, &change.cause);
            }
            Entry::Happened(day, store, amounts) => item.happen((day, store), amounts, change),
        }
    }

    fn close(&mut self, _: &Id, item: &mut Item, emit: &mut Emit<'_, Self::Output, Cause>) -> Next {
        let (product, product_cause) = (item.product.get().copied(), item.product_cause.take());
        add_up(&mut item.moved);
        if item.last_product == product {
            for (at, Traced { diff, cause }) in item.moved.drain(..).filter(|(_, moved)| !moved.diff.is_zero()) {
                emit.with_cause(&cause).push(costed(at, diff, product), 1);
            }
        } else {
            item.restate(product, &product_cause, emit);
        }
        while let Some(first) = item.days.first_entry() {
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
    use operators::keyed::{KeyedStore, Ticks};

    use super::*;
    use contract::time::HOUR_MS;

    #[test]
    fn a_corrected_product_restates_open_days_only() {
        let mut state = KeyedStore::new(Costing { lateness_ms: HOUR_MS }, Ticks { tick_ms: 1_000 });
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
            state.fire_timers(now);
            let mut out = Vec::new();
            assert!(state.close(now, &mut 10, &mut out));
            let emitted: Vec<String> = out
                .iter()
                .map(|((key, amounts), _, change)| {
                    let sign = if change.diff > 0 { '+' } else { '-' };
                    format!("{sign}{}/{}:{}", key.dept, key.day / DAY_MS, amounts.sold)
                })
                .collect();
            assert_eq!(emitted.join(" "), expected, "at {now}");
        }
        assert!(state.is_empty());
    }
}
