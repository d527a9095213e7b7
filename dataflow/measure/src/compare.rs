//! Comparison of two results: each figure then and now, and which changed by more than the tolerance.

use std::collections::BTreeMap;

use crate::figures::Figure;
use crate::result::Measured;

/// The change of a figure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// Within the tolerance.
    Same,
    /// Better by more than that.
    Better,
    /// Worse by more than that.
    Worse,
}

/// A figure of two results.
#[derive(Clone, Debug, PartialEq)]
pub struct Pair {
    /// As it was.
    pub old: Figure,
    /// As it is.
    pub new: Figure,
    /// Now / then; none where the old value was 0.
    pub ratio: Option<f64>,
    /// The change.
    pub change: Change,
}

/// Two results, figure by figure.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Comparison {
    /// Figures of both, in the order of the new one.
    pub pairs: Vec<Pair>,
    /// Differences that make the results hard to compare, a sentence each.
    pub remarks: Vec<String>,
    /// Names of figures that only one of them has, and which: `-` the old one, `+` the new one.
    pub single: Vec<String>,
}

impl Comparison {
    /// Compares; a ratio up to `tolerance_percent` away from 1 counts as the same.
    pub fn of(old: &Measured, new: &Measured, tolerance_percent: f64) -> Self {
        let mut before: BTreeMap<String, Figure> =
            old.figures().into_iter().map(|figure| (figure.name.clone(), figure)).collect();
        let mut comparison = Comparison { remarks: remarks(old, new), ..Comparison::default() };
        for figure in new.figures() {
            match before.remove(&figure.name) {
                Some(old) => comparison.pairs.push(pair(old, figure, tolerance_percent)),
                None => comparison.single.push(format!("+ {}", figure.name)),
            }
        }
        comparison.single.extend(before.into_keys().map(|name| format!("- {name}")));
        comparison
    }

    /// As lines: name, then, now, ratio, and a word where it changed.
    pub fn text(&self) -> String {
        let width = self.pairs.iter().map(|pair| pair.new.name.chars().count()).max().unwrap_or(0);
        let mut lines = self.remarks.clone();
        lines.push(format!("{:width$}  {:>12} {:>12} {:>7}", "", "old", "new", "ratio"));
        for Pair { old, new, ratio, change } in &self.pairs {
            let ratio = ratio.map_or_else(|| "-".to_owned(), |ratio| format!("{ratio:.2}"));
            let word = match change {
                Change::Same => "",
                Change::Better => "  better",
                Change::Worse => "  WORSE",
            };
            lines.push(format!("{:width$}  {:>12} {:>12} {ratio:>7}{word}", new.name, old.text(), new.text()));
        }
        lines.extend(self.single.iter().cloned());
        let count = |change| self.pairs.iter().filter(|pair| pair.change == change).count();
        let (better, worse) = (count(Change::Better), count(Change::Worse));
        lines.push(format!(
            "{} figures: {better} better, {worse} worse, {} the same",
            self.pairs.len(),
            count(Change::Same)
        ));
        lines.join("\n")
    }
}

fn pair(old: Figure, new: Figure, tolerance_percent: f64) -> Pair {
    let ratio = (old.value != 0.0).then(|| new.value / old.value);
    let away = 1.0 + tolerance_percent / 100.0;
    let change = match ratio {
        Some(ratio) if (1.0 / away..=away).contains(&ratio) => Change::Same,
        None if new.value == 0.0 => Change::Same,
        ratio if (ratio.unwrap_or(f64::INFINITY) > 1.0) == new.more_is_better => Change::Better,
        _ => Change::Worse,
    };
    Pair { old, new, ratio, change }
}

/// The differences beside the figures.
fn remarks(old: &Measured, new: &Measured) -> Vec<String> {
    let mut remarks = Vec::new();
    if old.machine != new.machine {
        remarks.push("The machines differ: ratios speak of both, program and machine.".to_owned());
    }
    if old.settings != new.settings {
        remarks.push("The settings differ: the loads are not the same.".to_owned());
    }
    if old.build.optimised != new.build.optimised {
        remarks.push("One of the programs was not built to be fast.".to_owned());
    }
    for (which, commit) in [("old", &old.build.commit), ("new", &new.build.commit)] {
        remarks.push(format!("{which}: commit {commit}"));
    }
    remarks
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::measured;

    fn change(name: &str, of: &Comparison) -> Change {
        of.pairs.iter().find(|pair| pair.new.name == name).expect(name).change
    }

    #[test]
    fn more_throughput_is_better_and_more_latency_is_worse() {
        let old = measured();
        let mut new = old.clone();
        new.throughput[0].events_per_second *= 1.5;
        new.throughput[1].events_per_second *= 1.05;
        new.throughput[2].events_per_second *= 0.5;
        new.latency[0].exceptions.p99_us *= 2;
        new.latency[0].exceptions.p50_us /= 2;
        new.restarts.clear();
        new.machine.cores += 1;
        let found = Comparison::of(&old, &new, 10.0);
        assert_eq!(change("throughput, memory, 1 worker(s)", &found), Change::Better);
        assert_eq!(change("throughput, memory, 2 worker(s)", &found), Change::Same);
        assert_eq!(change("throughput, json, 1 worker(s)", &found), Change::Worse);
        assert_eq!(change("latency, 1 worker(s) at 10 %, exceptions p99", &found), Change::Worse);
        assert_eq!(change("latency, 1 worker(s) at 10 %, exceptions p50", &found), Change::Better);
        assert!(found.single.contains(&"- 10000 keys, restart".to_owned()), "{:?}", found.single);
        let text = found.text();
        for part in ["machines differ", "1.50  better", "0.50  WORSE", "2 better, 2 worse"] {
            assert!(text.contains(part), "{part} in\n{text}");
        }
    }

    #[test]
    fn a_result_is_the_same_as_itself() {
        let found = Comparison::of(&measured(), &measured(), 0.0);
        assert!(found.pairs.iter().all(|pair| pair.change == Change::Same) && found.single.is_empty());
        let figure = |value| Figure { value, ..found.pairs[0].new.clone() };
        assert_eq!(pair(figure(0.0), figure(0.0), 1.0).change, Change::Same);
        assert_eq!(pair(figure(0.0), figure(1.0), 1.0).change, Change::Better);
    }
}
