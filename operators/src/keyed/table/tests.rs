//! The table against a plain map: lookups, cold entries, growth.

use std::collections::BTreeMap;

use super::*;
use crate::testing::Random;

type IntTable = Table<i64, i64>;

/// The hot id of the entry of `key`, which is inserted with `state` if it is new.
fn find_hot(table: &mut IntTable, key: i64, state: i64) -> u32 {
    let mut is_new = false;
    let hot = match table.find_or_insert(&key, |_| is_new = true) {
        EntryId::Hot(hot) => hot,
        EntryId::Cold(cold) => table.decode(cold).expect("it is cold"),
    };
    if is_new {
        table.get_mut(hot).expect("it is hot").1.state = state;
    }
    hot
}

fn entry_of(table: &IntTable, hot: u32) -> Option<(i64, i64)> {
    table.get(hot).map(|(key, entry)| (*key, entry.state))
}

#[test]
fn index_tables_grow_one_after_the_other() {
    let mut table = Table::new();
    let capacity = |table: &Table<i64, ()>| table.index.iter().map(HashTable::capacity).collect::<Vec<_>>();
    let (mut before, mut together) = (capacity(&table), 0);
    for hundred in 0..2_000 {
        (0..100).for_each(|key| _ = table.find_or_insert(&(100 * hundred + key), |_| ()));
        let now = capacity(&table);
        // Few entries fill small tables, whose growth costs nothing.
        let doubled = now.iter().zip(&before).filter(|(now, before)| now > before && **now > 1_000).count();
        together = together.max(doubled);
        before = now;
    }
    assert!((1..=SHARDS / 8).contains(&together), "{together} at once");
    let mut id_of = |key: u32| table.find_or_insert(&i64::from(key), |_| panic!("it is there"));
    assert!((0..200_000).all(|key| id_of(key) == EntryId::Hot(key)));
}

#[test]
fn a_batch_lookup_equals_single_lookups() {
    let (mut table, mut random) = (IntTable::new(), Random::new(2));
    for _ in 0..200 {
        let keys: Vec<i64> = (0..random.index(60)).map(|_| random.below(500)).collect();
        let mut ids = vec![EntryId::Hot(7)];
        table.find_or_insert_all(keys.iter(), &mut ids, |_| ());
        assert_eq!(ids.remove(0), EntryId::Hot(7));
        for (key, id) in keys.iter().zip(&ids) {
            assert_eq!(table.find_or_insert(key, |_| panic!("it is there")), *id);
        }
        match ids.first() {
            Some(EntryId::Hot(hot)) if random.below(2) == 0 => table.remove_all(&mut vec![*hot]),
            Some(EntryId::Hot(hot)) => _ = table.encode(*hot),
            Some(EntryId::Cold(cold)) => _ = table.decode(*cold),
            None => {}
        }
    }
    assert!(table.len() > 300 && table.cold_len() > 10);
}

#[test]
fn equals_a_map_whatever_is_hot_or_cold() {
    let (mut table, mut model) = (IntTable::new(), BTreeMap::new());
    let mut random = Random::new(1);
    for step in 0..30_000 {
        let key = random.below(4_000);
        let state = *model.entry(key).or_insert(step);
        let hot = find_hot(&mut table, key, step);
        assert_eq!(entry_of(&table, hot), Some((key, state)));
        assert_eq!(table.resolve(EntryId::Hot(hot)), Some(EntryId::Hot(hot)));
        match random.below(3) {
            0 => {
                let timer = random.below(1_000);
                table.get_mut(hot).expect("it is hot").1.timer = timer;
                let cold = table.encode(hot).expect("it is hot");
                let cold_entry = table.get_cold(cold).expect("it is cold");
                assert_eq!((cold_entry.key::<i64>(), cold_entry.timer), (key, timer));
                assert_eq!(table.timer_of(EntryId::Cold(cold)), Some(timer));
                assert!(entry_of(&table, hot).is_none() && table.encode(hot).is_none());
            }
            1 => {
                model.remove(&key);
                table.remove_all(&mut vec![hot, hot]);
                assert!(table.get(hot).is_none());
            }
            _ => {}
        }
        assert_eq!(table.len(), model.len());
    }
    assert!(table.cold_len() > 500 && table.id_bounds().0 <= 4_000 && table.id_bounds().1 <= 4_000);
    for (key, state) in &model {
        let hot = find_hot(&mut table, *key, -1);
        assert_eq!(entry_of(&table, hot), Some((*key, *state)));
    }
    assert_eq!((table.cold_len(), table.cold_size.1), (0, 0));
}

#[test]
fn an_entry_keeps_its_cold_id_while_it_is_hot() {
    let mut table = IntTable::new();
    let hot = find_hot(&mut table, 1, 11);
    table.get_mut(hot).expect("it is hot").1.timer = 5;
    let cold = table.encode(hot).expect("it is hot");
    let hot = find_hot(&mut table, 2, 12);
    assert_eq!(table.encode(hot), Some(cold + 1));
    let hot = table.decode(cold).expect("it is cold");
    assert_eq!(table.resolve(EntryId::Cold(cold)), Some(EntryId::Hot(hot)));
    assert_eq!(table.timer_of(EntryId::Cold(cold)), Some(5));
    assert!(table.get_cold(cold).is_none() && table.decode(cold).is_none());
    assert_eq!(table.encode(hot), Some(cold));
}
