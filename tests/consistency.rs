//! Nothing half done is ever seen: money moves between accounts, and at every tick the books balance.
//!
//! The test is known from the literature on the internal consistency of streaming systems: a transfer debits one account
//! and credits another, so the sum of all balances must be zero in *every* output, not only in the last; and an outer
//! join of the transfers with themselves must never show a side that is empty. Both join paths through the operators
//! the views are built of, under corrections and disorder.

use contract::time::Cause;
use engine::time::{Collection, Sums};
use operators::aggregate::sum_by_key::{explode, sum_by_key};
use operators::diff::Traced;
use operators::join::co_group::co_group;
use operators::keyed::Ticks;
use operators::testing::{Handover, Random, Update, run};

/// A balance, a sum of all balances that is not zero, or a transfer beside nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
enum What {
    Balance,
    Unbalanced,
    Alone,
}

const TICKS: Ticks = Ticks { tick_ms: 10 };
const UNTIL: i64 = 2_000;

/// A transfer: its number, from whom, to whom, how much.
type Transfer = (i64, i64, i64, i64);
/// What the test sees, a key and a value.
type Seen = (What, i64, i64);

type Script = Vec<Update<Transfer, Traced<i64, Cause>>>;

/// Transfers over ten accounts; now and then one is corrected or taken back.
fn script(seed: u64) -> Script {
    let mut random = Random::new(seed);
    let mut standing: Vec<Transfer> = Vec::new();
    let mut script = Vec::new();
    let mut update = |tick, transfer, diff| script.push((tick, transfer, Traced::new(diff, None)));
    for number in 0..300 {
        let tick = 10 * (1 + number / 2);
        let draw = |random: &mut Random| (number, random.below(10), random.below(10), 1 + random.below(100));
        if random.once_in(4) && !standing.is_empty() {
            let old = standing.swap_remove(random.index(standing.len()));
            update(tick, old, -1);
            if random.once_in(2) {
                let corrected = (old.0, old.1, old.2, old.3 + 7);
                update(tick, corrected, 1);
                standing.push(corrected);
            }
        } else {
            let transfer = draw(&mut random);
            update(tick, transfer, 1);
            standing.push(transfer);
        }
    }
    script
}

fn books(transfers: Collection<'_, Transfer>) -> Collection<'_, Seen> {
    let credits: Sums<'_, i64, i64> = explode(transfers.clone(), |(_, _, to, amount)| (to, amount));
    let debits: Sums<'_, i64, i64> = explode(transfers.clone(), |(_, from, _, amount)| (from, amount));
    let credits = sum_by_key("credits", TICKS, credits);
    let debits = sum_by_key("debits", TICKS, debits);
    let balances = co_group("balances", TICKS, credits, debits)
        .map(|(account, credit, debit)| (account, credit.unwrap_or(0) - debit.unwrap_or(0)));
    let all = sum_by_key("sum of balances", TICKS, explode(balances.clone(), |(_, balance)| ((), balance)));
    let numbered = transfers.map(|transfer| (transfer.0, transfer.3));
    let beside = co_group("beside itself", TICKS, numbered.clone(), numbered);
    balances
        .map(|(account, balance)| (What::Balance, account, balance))
        .concat(all.map(|((), sum)| (What::Unbalanced, 0, sum)))
        .concat(beside.flat_map(|(number, left, right)| (left != right).then_some((What::Alone, number, 0))))
}

#[test]
fn the_books_balance_at_every_tick() {
    for seed in 1..=4 {
        let mut balances = 0;
        for workers in [1, 2, 4] {
            for disorder in [None, Some(seed)] {
                let said = run(Handover { workers, disorder }, UNTIL, &script(seed), books);
                for (tick, (what, key, value), _) in &said {
                    assert_eq!(*what, What::Balance, "at {tick}: {key} {value}");
                }
                balances = said.len();
            }
        }
        assert!(balances > 300, "the accounts moved");
    }
}
