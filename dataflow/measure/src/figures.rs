//! A result as a list of named figures, for printing and for comparing two results.

use crate::format::Unit;
use crate::percentiles::Percentiles;
use crate::result::{Measured, Origin};

/// One number with its name.
#[derive(Clone, Debug, PartialEq)]
pub struct Figure {
    /// The name, the same for the same figure in every result.
    pub name: String,
    /// The value.
    pub value: f64,
    /// The unit.
    pub unit: Unit,
    /// True if a greater value is better.
    pub more_is_better: bool,
}

impl Figure {
    fn less(name: impl Into<String>, value: f64, unit: Unit) -> Self {
        Figure { name: name.into(), value, unit, more_is_better: false }
    }

    fn more(name: impl Into<String>, value: f64, unit: Unit) -> Self {
        Figure { name: name.into(), value, unit, more_is_better: true }
    }

    /// The value with its unit, as text.
    pub fn text(&self) -> String {
        self.unit.text(self.value)
    }
}

impl Measured {
    /// Events a second from memory with this number of workers, if measured.
    pub fn capacity(&self, workers: usize) -> Option<f64> {
        let from_memory = self.throughput.iter().find(|one| one.origin == Origin::Memory && one.workers == workers);
        from_memory.map(|one| one.events_per_second)
    }

    /// Every figure, in the order in which it was measured.
    pub fn figures(&self) -> Vec<Figure> {
        let mut figures = Vec::new();
        self.speed(&mut figures);
        self.latencies(&mut figures);
        self.footprints(&mut figures);
        figures
    }

    fn speed(&self, figures: &mut Vec<Figure>) {
        for one in &self.throughput {
            let name = format!("throughput, {}, {} worker(s)", one.origin.name(), one.workers);
            figures.push(Figure::more(name.clone(), one.events_per_second, Unit::EventsPerSecond));
            let cpu = crate::result::median(&one.cpu_seconds) * 1e9 / one.events.max(1) as f64;
            figures.push(Figure::less(format!("{name}, processor time an event"), cpu, Unit::Nanos));
        }
        for contest in &self.contests {
            for entry in &contest.entries {
                let name = format!("{}: {}, {} worker(s)", contest.about, entry.name, entry.workers);
                figures.push(Figure::more(name, entry.events_per_second, Unit::EventsPerSecond));
            }
        }
        for cost in &self.views {
            figures.push(Figure::less(format!("cost of {}, an event", cost.part), cost.nanos_per_event, Unit::Nanos));
        }
    }

    fn latencies(&self, figures: &mut Vec<Figure>) {
        for one in &self.latency {
            let name = format!("latency, {} worker(s) at {} %", one.workers, one.percent_of_capacity);
            figures.push(Figure::more(format!("{name}, rate reached"), one.rate_reached, Unit::EventsPerSecond));
            let mut all = |what: &str, found: &Percentiles| {
                for (percentile, micros) in found.named().into_iter().filter(|_| found.count > 0) {
                    figures.push(Figure::less(format!("{name}, {what} {percentile}"), micros as f64, Unit::Micros));
                }
            };
            all("exceptions", &one.exceptions);
            all("answers", &one.answers);
        }
    }

    fn footprints(&self, figures: &mut Vec<Figure>) {
        for one in &self.keys {
            let name = one.name();
            let resident = one.resident_bytes as f64;
            figures.push(Figure::less(format!("{name}, resident"), resident, Unit::Bytes));
            figures.push(Figure::less(format!("{name}, resident bytes a key"), one.bytes_per_key(), Unit::Bytes));
            let tables = one.table_bytes as f64 / one.keys.max(1) as f64;
            figures.push(Figure::less(format!("{name}, table bytes a key"), tables, Unit::Bytes));
        }
        for one in &self.states {
            figures.push(Figure::less(format!("state of {}", one.operator), one.plain_bytes as f64, Unit::Bytes));
        }
        if let Some(last) = self.days.last() {
            let name = format!("day {} of an even load", last.day);
            figures.push(Figure::less(format!("{name}, resident"), last.resident_bytes as f64, Unit::Bytes));
            figures.push(Figure::less(format!("{name}, entries"), last.entries as f64, Unit::Count));
            figures.push(Figure::less(format!("{name}, plain"), last.plain_bytes as f64, Unit::Bytes));
        }
        if let Some(bytes) = self.bytes_per_day() {
            figures.push(Figure::less("a day of window at that load, plain", bytes, Unit::Bytes));
        }
        for one in &self.restarts {
            let name = format!("{} keys", one.keys);
            if one.snapshot_bytes > 0 {
                figures.push(Figure::less(format!("{name}, snapshot"), one.snapshot_bytes as f64, Unit::Bytes));
                figures.push(Figure::less(format!("{name}, snapshot written in"), one.snapshot_seconds, Unit::Seconds));
            }
            figures.push(Figure::less(format!("{name}, first run"), one.first_seconds, Unit::Seconds));
            figures.push(Figure::less(format!("{name}, restart"), one.restart_seconds, Unit::Seconds));
        }
    }

    /// Remarks that the figures need to be read correctly, a sentence each.
    pub fn remarks(&self) -> Vec<String> {
        let mut remarks = Vec::new();
        if !self.build.optimised {
            remarks.push("This program was not built to be fast: the figures mean nothing.".to_owned());
        }
        if self.settings.quick {
            remarks.push("A trial run of a tiny size: the figures mean nothing.".to_owned());
        }
        for one in self.latency.iter().filter(|one| !one.reached) {
            remarks.push(format!(
                "With {} worker(s) {} events/s ({} % of capacity) were NOT reached but {:.0}: those latencies speak of the run's length, not of the job alone.",
                one.workers, one.rate, one.percent_of_capacity, one.rate_reached
            ));
        }
        remarks
    }

    /// The figures as lines, the machine and program above, remarks below.
    pub fn text(&self) -> String {
        let figures = self.figures();
        let width = figures.iter().map(|figure| figure.name.chars().count()).max().unwrap_or(0);
        let mut lines = self.head();
        lines.push(String::new());
        lines.extend(figures.iter().map(|figure| format!("{:width$}  {:>12}", figure.name, figure.text())));
        lines.extend(self.remarks());
        lines.join("\n")
    }

    /// The machine, the program and the load, a line each.
    pub fn head(&self) -> Vec<String> {
        use crate::format::instant;
        let (machine, build, size) = (&self.machine, &self.build, &self.settings);
        let memory = Unit::Bytes.text(machine.memory_bytes as f64);
        vec![
            format!("storepulse {}, commit {}, {}", build.version, build.commit, build.rustc),
            format!("{}, {} core(s), {memory}, kernel {}", machine.cpu, machine.cores, machine.kernel),
            format!("{}, measured in {} run(s)", instant(self.taken_at_ms), size.runs),
            format!(
                "a rush of {} events in {} stores of {} items, seed {}",
                size.events, size.stores, size.items, size.seed
            ),
        ]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::measured;
    use std::collections::BTreeSet;

    #[test]
    fn figures_have_names_of_their_own_and_what_was_not_measured_has_none() {
        let figures = measured().figures();
        let names: BTreeSet<_> = figures.iter().map(|figure| figure.name.as_str()).collect();
        assert_eq!(names.len(), figures.len());
        for name in ["throughput, memory, 1 worker(s)", "latency, 1 worker(s) at 10 %, exceptions p99.9"] {
            assert!(names.contains(name), "{name} of {names:?}");
        }
        assert!(Measured::default().figures().is_empty());
    }

    #[test]
    fn the_text_has_the_machine_the_figures_and_what_was_not_reached() {
        let text = measured().text();
        for part in ["core(s)", "commit", "200 k/s", "2 ms", "700 B", "NOT reached"] {
            assert!(text.contains(part), "{part} in\n{text}");
        }
    }
}
