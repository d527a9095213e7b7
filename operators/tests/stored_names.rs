//! Names of types and fields that are stored in the fingerprints of checkpoints: they stay when identifiers change.

use operators::aggregate::max_by_key::MaxState;
use operators::aggregate::sum_by_key::SumState;
use operators::ingest::dedup::DedupState;
use operators::ingest::latest_by_key::LatestState;
use operators::join::co_group::CoGroupState;
use operators::join::lookup::LookupState;
use operators::keyed::shape;
use operators::window::distinct_in_window::CountState;
use operators::window::episode::Episode;
use operators::window::scheduled_sum::ScheduledSum;
use operators::window::temporal_filter::FilterState;
use operators::window::trailing_sum::WindowState;
use serde::de::DeserializeOwned;

/// The lines of a shape that name a struct or an enum.
fn names<T: DeserializeOwned>() -> String {
    let shape = shape::of::<T>();
    let named = shape.lines().filter(|line| line.contains(": struct ") || line.contains(": enum "));
    named.map(|line| format!("{line}\n")).collect()
}

#[test]
fn stored_names_do_not_change() {
    let shapes = [
        names::<DedupState>(),
        names::<LatestState<char, i64>>(),
        names::<SumState<i64>>(),
        names::<MaxState<i64>>(),
        names::<WindowState<i64>>(),
        names::<CountState<char>>(),
        names::<FilterState<i64>>(),
        names::<CoGroupState<i64, i64>>(),
        names::<LookupState<char, i64, i64, u64>>(),
        names::<ScheduledSum<i64>>(),
        names::<Episode>(),
    ];
    expect_test::expect![[r#"
        : struct Seen { accepted }
        /accepted/some: struct Accepted { revision, horizon, content }

        : struct Held { version, fact }
        /fact/some: struct Fact { id, event_time, horizon, body }

        : struct Total { sum, said }

        : struct Said { values, said }
        /values: struct Greatest { folded, standing }

        : struct Window { panes, said }
        /panes: struct Panes { panes }

        : struct Members { members, said }
        /members: struct DistinctInWindow { inside, panes }
        /members/inside: struct Distinct { weights, positive }
        /members/panes/value: struct Pane { counted, weights }

        : struct Shown { row, said }
        /row: struct One
        /row/0: enum Held { Nothing, Row, Several }

        : struct Sides { left, right, said }
        /left: struct One
        /left/0: enum Held { Nothing, Row, Several }
        /right: struct One
        /right/0: enum Held { Nothing, Row, Several }

        : struct Rows { row, row_said, row_cause, members, moved }
        /moved/each/1: struct Traced { diff, cause }
        /row: struct One
        /row/0: enum Held { Nothing, Row, Several }

        : struct Steps { reached, sum, ahead }

        : struct Episode { run_since, opened_at, cleared_at }
    "#]]
    .assert_eq(&shapes.join("\n"));
}
