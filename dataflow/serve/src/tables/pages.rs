//! The rows of one view, ordered by key, on pages that copies share until one of them changes.
//!
//! State: one [`Row`] per key, some 40 bytes beside its key and text. Cost: a change takes two binary searches and a
//! move within a page of at most 64 rows. A copy of all rows costs one reference count per page; afterwards a page is
//! copied when it is first changed. So a snapshot or a reader takes all rows of a closed tick at once, and the writer
//! continues.

use std::sync::Arc;

use crate::tables::layout::{Key, Part};

/// The greatest number of rows of a page: a change after a snapshot copies them.
const PAGE: usize = 64;

/// The expiry of a row that has not settled.
pub const NEVER: i64 = i64::MAX;

/// A row of a view.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    /// The key.
    pub key: Key,
    /// The value, as JSON text.
    pub value: Box<str>,
    /// The tick at which a settled row is removed, or [`NEVER`].
    pub expires_at: i64,
}

/// Rows ordered by key.
#[derive(Clone, Debug, Default)]
pub struct Pages {
    /// No page is empty.
    pages: Vec<Arc<Vec<Row>>>,
    rows: usize,
}

impl Pages {
    /// Returns the number of rows.
    pub fn len(&self) -> usize {
        self.rows
    }

    /// Returns true if there are no rows.
    pub fn is_empty(&self) -> bool {
        self.rows == 0
    }

    /// Returns the index of the page that holds `key`, or would hold it.
    fn page_of(&self, key: &[Part]) -> usize {
        self.pages.partition_point(|page| *page[0].key <= *key).saturating_sub(1)
    }

    /// Inserts a row, or replaces the row with its key.
    pub fn set(&mut self, row: Row) {
        let at = self.page_of(&row.key);
        let Some(page) = self.pages.get_mut(at) else {
            self.rows = 1;
            self.pages.push(Arc::new(vec![row]));
            return;
        };
        let page = Arc::make_mut(page);
        match page.binary_search_by(|held| held.key.cmp(&row.key)) {
            Ok(place) => page[place] = row,
            Err(place) => {
                page.insert(place, row);
                self.rows += 1;
                if page.len() > PAGE {
                    let second = page.split_off(PAGE / 2);
                    self.pages.insert(at + 1, Arc::new(second));
                }
            }
        }
    }

    /// Removes a row; returns true if it existed.
    pub fn remove(&mut self, key: &[Part]) -> bool {
        self.remove_if(key, |_| true)
    }

    /// Removes a row if `goes` returns true for it; returns true if it was removed.
    pub fn remove_if(&mut self, key: &[Part], goes: impl Fn(&Row) -> bool) -> bool {
        let at = self.page_of(key);
        let Some(page) = self.pages.get_mut(at) else { return false };
        let Ok(place) = page.binary_search_by(|held| (*held.key).cmp(key)) else { return false };
        if !goes(&page[place]) {
            return false;
        }
        Arc::make_mut(page).remove(place);
        self.rows -= 1;
        self.tidy(at);
        true
    }

    /// Removes an empty page, and merges neighbours that fill half a page at most.
    fn tidy(&mut self, at: usize) {
        if self.pages[at].is_empty() {
            self.pages.remove(at);
            return;
        }
        let fits = |first: &usize| {
            self.pages.get(*first..first + 2).is_some_and(|two| two[0].len() + two[1].len() <= PAGE / 2)
        };
        if let Some(first) = [at, at.saturating_sub(1)].into_iter().find(fits) {
            let second = Arc::unwrap_or_clone(self.pages.remove(first + 1));
            Arc::make_mut(&mut self.pages[first]).extend(second);
        }
    }

    /// Returns the rows behind those for which `is_before` is true, in order. The rows for which it is true must be the
    /// first ones.
    pub fn rows_from(&self, is_before: impl Fn(&[Part]) -> bool) -> impl Iterator<Item = &Row> {
        let first = self.pages.partition_point(|page| is_before(&page[0].key)).saturating_sub(1);
        self.pages[first..].iter().flat_map(|page| page.iter()).skip_while(move |row| is_before(&row.key))
    }

    /// Returns every row, in order.
    pub fn iter(&self) -> impl Iterator<Item = &Row> {
        self.rows_from(|_| false)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use operators::testing::Random;
    use std::collections::BTreeMap;

    fn row(key: i64, value: i64) -> Row {
        Row { key: vec![Part::Number(key)].into(), value: value.to_string().into(), expires_at: NEVER }
    }

    fn read(pages: &Pages) -> Vec<(Key, Box<str>)> {
        pages.iter().map(|row| (row.key.clone(), row.value.clone())).collect()
    }

    fn held(model: &BTreeMap<i64, i64>) -> Vec<(Key, Box<str>)> {
        model.iter().map(|(key, value)| row(*key, *value)).map(|row| (row.key, row.value)).collect()
    }

    #[test]
    fn pages_equal_a_map_and_copies_do_not_change() {
        for seed in 0..8 {
            let mut random = Random::new(seed);
            let (mut pages, mut model) = (Pages::default(), BTreeMap::new());
            let mut copies = Vec::new();
            for step in 0..6_000_i64 {
                // It grows for a while, then mostly goes away again.
                let goes = random.once_in(if step < 3_000 { 4 } else { 2 }) || step > 5_000;
                let key = random.below(700);
                if goes {
                    assert_eq!(pages.remove(&[Part::Number(key)]), model.remove(&key).is_some());
                } else {
                    pages.set(row(key, step));
                    model.insert(key, step);
                }
                assert_eq!(pages.len(), model.len());
                if step % 500 == 0 {
                    copies.push((pages.clone(), model.clone()));
                }
                assert!(pages.pages.iter().all(|page| (1..=PAGE).contains(&page.len())), "seed {seed} step {step}");
            }
            copies.push((pages, model));
            for (pages, model) in &copies {
                assert_eq!(read(pages), held(model), "seed {seed}");
            }
        }
    }

    #[test]
    fn rows_begin_at_the_first_key_that_is_not_before() {
        let mut pages = Pages::default();
        (0..1_000).for_each(|key| pages.set(row(key * 2, key)));
        for start in [-1, 0, 1, 777, 778, 1_998, 1_999] {
            let key = [Part::Number(start)];
            let from = pages.rows_from(|row| *row < key[..]).next().map(|row| row.key[0]);
            let after = pages.rows_from(|row| *row <= key[..]).next().map(|row| row.key[0]);
            let next = |least: i64| (least < 2_000).then_some(Part::Number(least.max(0)));
            assert_eq!(from, next(start + start.rem_euclid(2)), "from {start}");
            assert_eq!(after, next(start + 2 - start.rem_euclid(2)), "after {start}");
        }
        assert_eq!(Pages::default().iter().count(), 0);
    }

    #[test]
    fn pages_that_empty_are_merged() {
        let mut pages = Pages::default();
        (0..10_000).for_each(|key| pages.set(row(key, key)));
        (0..10_000).filter(|key| key % 100 != 0).for_each(|key| assert!(pages.remove(&[Part::Number(key)])));
        assert_eq!(pages.len(), 100);
        assert!(pages.pages.len() <= 8, "{} pages", pages.pages.len());
    }
}
