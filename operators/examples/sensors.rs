//! Average temperature of each room over the last minute, from sensors that repeat, correct and delete their readings.
//!
//! `cargo run -p operators --example sensors` prints the changes of the averages, tick by tick.

use std::sync::mpsc;

use differential_dataflow::input::Input;
use operators::aggregate::sum_by_key::explode;
use operators::diff::Traced;
use operators::ingest::arrival::{Arrival, Judged, Place};
use operators::ingest::dedup::dedup;
use operators::io::at_close::at_close;
use operators::keyed::Ticks;
use operators::window::panes::Trail;
use operators::window::trailing_sum::trailing_sum;
use timely::dataflow::operators::Probe;

const TICKS: Ticks = Ticks { tick_ms: 1_000 };
const LAST_MINUTE: Trail = Trail { window_ms: 60_000, pane_ms: 10_000 };
/// Time for which a reading can be corrected.
const LATENESS_MS: i64 = 300_000;
/// The tick at which the job ends.
const END: i64 = 80_000;

/// Tick of arrival, room, number of the reading, revision, event time, thousandths of a degree (`None` deletes).
type Reading = (i64, &'static str, u64, i64, i64, Option<i64>);

const READINGS: [Reading; 6] = [
    (1_000, "attic", 1, 0, 500, Some(20_000)),
    (1_000, "attic", 1, 0, 500, Some(20_000)),
    (2_000, "cellar", 2, 0, 1_800, Some(12_000)),
    (12_000, "attic", 3, 0, 11_500, Some(26_000)),
    (15_000, "attic", 3, 1, 11_500, Some(22_000)),
    (20_000, "cellar", 2, 1, 1_800, None),
];

/// The changes of the averages, one per line: tick, ±1, room, average, number of readings, causing reading.
fn averages() -> Vec<String> {
    let (lines, output) = mpsc::channel();
    timely::execute_directly(move |worker| {
        let (mut input, probe) = worker.dataflow(|scope| {
            let (input, arrivals) = scope.new_collection();
            let readings = dedup("readings", TICKS, LATENESS_MS, arrivals).flat_map(|judged| match judged {
                Judged::Fact(fact) => Some((fact.event_time, fact.body)),
                Judged::Fate(..) => None,
            });
            let amounts = explode(readings, |(event_time, (room, degrees))| ((room, event_time), (1, degrees)));
            let sums = trailing_sum("last minute", TICKS, LAST_MINUTE, amounts);
            let done = at_close("averages", sums, move |tick, changes| {
                for ((room, (count, sum)), Traced { diff, cause }) in changes {
                    let cause = cause.map_or("clock".to_owned(), |reading: u64| format!("reading {reading}"));
                    let line = format!("{tick} {diff:+} {room}: {} of {count}, by {cause}", sum / count);
                    lines.send(line).expect("the receiver outlives the job");
                }
            });
            (input, done.probe().0)
        });
        for (position, (tick, room, number, revision, event_time, degrees)) in (0..).zip(READINGS) {
            let content = degrees.map(|degrees: i64| (room.to_owned(), degrees));
            let arrival =
                Arrival { place: Place::number(position), id: number, revision, event_time, content, memo: () };
            input.update_at((((), number), arrival), tick, Traced::new(1_i64, Some(number)));
        }
        input.advance_to(END + 1);
        input.flush();
        worker.step_while(|| probe.less_than(&(END + 1)));
    });
    output.iter().collect()
}

fn main() {
    averages().iter().for_each(|line| println!("{line}"));
}

#[test]
fn duplicates_corrections_deletions_and_the_clock_change_the_averages() {
    expect_test::expect![[r#"
        1000 +1 attic: 20000 of 1, by reading 1
        2000 +1 cellar: 12000 of 1, by reading 2
        12000 -1 attic: 20000 of 1, by reading 3
        12000 +1 attic: 23000 of 2, by reading 3
        15000 +1 attic: 21000 of 2, by reading 3
        15000 -1 attic: 23000 of 2, by reading 3
        20000 -1 cellar: 12000 of 1, by reading 2
        60000 +1 attic: 22000 of 1, by clock
        60000 -1 attic: 21000 of 2, by clock
        70000 -1 attic: 22000 of 1, by clock"#]]
    .assert_eq(&averages().join("\n"));
}
