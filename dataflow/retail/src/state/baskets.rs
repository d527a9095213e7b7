//! Baskets: counts the transactions with more sale lines than void lines, and those of loyalty customers among them.

use std::collections::HashMap;
use std::hash::Hash;

use foldhash::fast::FixedState;
use serde::{Deserialize, Serialize};

/// The lines of each transaction, with the number of transactions that count as sales and of loyalty transactions.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(bound(deserialize = "T: Deserialize<'de> + Eq + Hash"))]
pub struct Baskets<T> {
    lines: HashMap<T, BasketLines, FixedState>,
    transactions: i64,
    loyalty: i64,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
struct BasketLines {
    /// Sale lines − void lines.
    sales: i64,
    /// Sale lines with a customer.
    loyal: i64,
}

impl BasketLines {
    fn counts(self) -> (i64, i64) {
        let sells = self.sales > 0;
        (i64::from(sells), i64::from(sells && self.loyal > 0))
    }
}

impl<T> Default for Baskets<T> {
    fn default() -> Self {
        Baskets { lines: HashMap::default(), transactions: 0, loyalty: 0 }
    }
}

impl<T: Eq + Hash + Clone> Baskets<T> {
    /// Adds `sales` (sale − void lines) and `loyal` (sale lines with a customer) to a transaction.
    pub fn add(&mut self, transaction: &T, sales: i64, loyal: i64) {
        let basket = self.lines.entry(transaction.clone()).or_default();
        let before = basket.counts();
        basket.sales += sales;
        basket.loyal += loyal;
        let after = basket.counts();
        self.transactions += after.0 - before.0;
        self.loyalty += after.1 - before.1;
        if *basket == BasketLines::default() {
            self.lines.remove(transaction);
        }
    }

    /// Transactions with more sale than void lines.
    pub fn transactions(&self) -> i64 {
        self.transactions
    }

    /// Transactions among them that have a customer on a sale line.
    pub fn loyalty(&self) -> i64 {
        self.loyalty
    }

    /// Frees the memory.
    pub fn free(&mut self) {
        *self = Baskets::default();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_voided_basket_is_no_sale() {
        let mut baskets = Baskets::default();
        baskets.add(&"t1", 1, 1);
        baskets.add(&"t1", 1, 0);
        baskets.add(&"t2", 1, 0);
        assert_eq!((baskets.transactions(), baskets.loyalty()), (2, 1));
        baskets.add(&"t1", -1, 0);
        baskets.add(&"t2", -1, 0);
        assert_eq!((baskets.transactions(), baskets.loyalty()), (1, 1));
        baskets.add(&"t1", -1, 0);
        assert_eq!((baskets.transactions(), baskets.loyalty()), (0, 0));
    }
}
