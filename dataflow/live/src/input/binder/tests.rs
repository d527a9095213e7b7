//! Tests of the binder.

use super::*;
use contract::event::fields::{Bad, Fault};
use operators::testing::Random;

const TICKS: Ticks = Ticks { tick_ms: 10 };

fn line(logged_at: i64, offset: u64) -> Line {
    let decoded = Err(Dead { bad: Bad { fault: Fault::Malformed, field: None }, store_id: None });
    let next = Some(Position { record: offset + 1, byte: 0 });
    Line { logged_at, offset, next, decoded, bytes: Vec::new() }
}

fn binder(clock: Clock, partitions: u32) -> Binder {
    let reached: Vec<_> = (0..partitions).map(|number| (number, Reached::start(Position::default()))).collect();
    Binder::new(TICKS, clock, None, &reached)
}

fn ticks(bound: &[BoundLine]) -> Vec<(u32, u64, Time)> {
    bound.iter().map(|bound| (bound.partition, bound.line.offset, bound.tick)).collect()
}

#[test]
fn ticks_close_as_far_as_every_partition_has_been_read() {
    let mut binder = binder(Clock::Data, 2);
    binder.push(0, 200, [line(11, 0), line(25, 1), line(31, 2)]);
    assert_eq!(binder.close(Time::MAX), None, "nothing is known of the other partition");
    binder.push(1, 200, [line(22, 0)]);
    let (span, bound) = binder.close(Time::MAX).unwrap();
    // The other partition may go on at 22: tick 30 is not over.
    assert_eq!((span.after, span.closed), (10, 20));
    assert_eq!(ticks(&bound), [(0, 0, 20)]);
    binder.end(1);
    let (span, bound) = binder.close(Time::MAX).unwrap();
    assert_eq!((span.closed, ticks(&bound)), (30, vec![(0, 1, 30), (1, 0, 30)]));
    assert_eq!(span.ends, [(0, binder.reached()[0]), (1, binder.reached()[1])]);
    binder.end(0);
    assert_eq!(ticks(&binder.close(Time::MAX).unwrap().1), [(0, 2, 40)]);
    assert!(binder.is_done(None));
}

#[test]
fn a_tick_may_have_more_lines_than_a_queue() {
    let lines = 3 * QUEUE_LINES as u64;
    let mut binder = binder(Clock::Data, 1);
    binder.push(0, 200, (0..lines).map(|offset| line(11, offset)));
    assert!(!binder.is_full(0), "its end has not come yet");
    assert_eq!(binder.close(Time::MAX), None);
    binder.push(0, 200, [line(25, lines)]);
    assert!(binder.is_full(0));
    let (span, bound) = binder.close(Time::MAX).unwrap();
    assert_eq!((span.closed, bound.len()), (20, 3 * QUEUE_LINES));
    assert!(!binder.is_full(0));
}

#[test]
fn a_full_queue_of_late_lines_is_bound_to_the_open_tick() {
    let lines = 2 * QUEUE_LINES as u64;
    let mut binder = binder(Clock::Wall, 2);
    binder.push(0, 200, [line(101, 0)]);
    (0..2).for_each(|partition| binder.set_idle(partition, true));
    assert_eq!(binder.close(200).unwrap().0.closed, 200);
    // A backlog of which every line belongs to a tick that has closed, and more behind it.
    binder.push(0, 230, (1..=lines).map(|offset| line(100 + offset.cast_signed() / 1_000, offset)));
    assert!(binder.is_full(0));
    let (span, bound) = binder.close(235).unwrap();
    assert_eq!((span.after, span.closed, bound.len()), (200, 210, 2 * QUEUE_LINES));
    assert!(bound.iter().all(|bound| bound.tick == 210));
    assert!(!binder.is_full(0), "there is room for what follows");
    assert_eq!(binder.close(235), None, "what follows is unread: time waits for it");
    assert_eq!(binder.slowest(), Some(0));
    binder.push(0, 240, [line(233, lines + 1), line(238, lines + 2)]);
    assert_eq!(binder.close(240).unwrap().0.closed, 230);
}

#[test]
fn ticks_close_when_every_partition_is_full_idle_or_ended() {
    for seed in 0..30 {
        let mut random = Random::new(seed);
        let mut binder = binder(Clock::Wall, 3);
        let (mut now, mut offsets) = (1_000, [0u64; 3]);
        let mut late = [0, 0, 0].map(|_: i64| random.below(3) * random.below(2_000));
        for round in 0..6 {
            for (partition, offset) in offsets.iter_mut().enumerate() {
                let rests = random.below(4) == 0;
                while !rests && !binder.is_full(partition) {
                    now += i64::from(random.below(50) == 0);
                    binder.push(partition, now, [line(now - late[partition], *offset)]);
                    late[partition] = (late[partition] - random.below(2)).max(0);
                    *offset += 1;
                }
                binder.set_idle(partition, rests);
            }
            now += TICKS.tick_ms;
            let (span, bound) = binder.close(now).unwrap_or_else(|| panic!("seed {seed}: it stands still"));
            assert!(round == 0 || span.closed > span.after, "seed {seed}");
            assert!(bound.iter().all(|bound| (span.after + 1..=span.closed).contains(&bound.tick)));
        }
    }
}

#[test]
fn a_span_whose_partition_ended_before_it_is_missing() {
    let end = Reached { next: Position { record: 3, byte: 0 }, logged_at: 11 };
    let span = Span { after: 10, closed: 20, ends: vec![(1, end)], last: false };
    let mut binder = binder(Clock::Data, 2);
    binder.push(1, 0, [line(11, 0), line(11, 1)]);
    assert_eq!((binder.rebind(&span, 20), binder.missing(&span)), (None, None), "the third may still come");
    binder.end(1);
    assert_eq!(binder.missing(&span), Some((1, end)));
}

#[test]
fn lines_after_the_last_tick_do_not_delay_the_end() {
    let mut binder = binder(Clock::Data, 2);
    binder.push(0, 0, [line(11, 0), line(55, 1)]);
    assert!(!binder.is_done(Some(50)));
    binder.end(1);
    let (span, bound) = binder.close(50).unwrap();
    assert_eq!((span.closed, bound.len()), (50, 1));
    assert!(binder.is_done(Some(50)) && !binder.is_done(None) && !binder.is_done(Some(60)));
}

#[test]
fn a_span_longer_than_a_queue_is_bound_again() {
    let lines = 5 * QUEUE_LINES as u64;
    let end = Reached { next: Position { record: lines, byte: 0 }, logged_at: 11 };
    let span = Span { after: 10, closed: 20, ends: vec![(0, end)], last: false };
    let mut binder = binder(Clock::Wall, 2);
    let mut offset = 0;
    let bound = loop {
        for partition in 0..2 {
            while !binder.is_full_for(&span, partition) && (partition == 0 || offset < lines) {
                binder.push(partition, i64::MAX, [line(offset.cast_signed() / 1_000, offset)]);
                offset += 1;
            }
        }
        if let Some(bound) = binder.rebind(&span, 20) {
            break bound;
        }
    };
    assert_eq!(bound.len() as u64, lines);
}

#[test]
fn a_log_of_undecodable_lines_has_a_tick() {
    for (limit, tick) in [(Time::MAX, 0), (45, 40)] {
        let mut binder = binder(Clock::Data, 2);
        binder.push(0, 200, [line(i64::MIN, 0), line(i64::MIN, 1)]);
        binder.end(0);
        assert_eq!(binder.close(limit), None, "the other partition may still say when it is");
        binder.end(1);
        assert_eq!(ticks(&binder.close(limit).unwrap().1), [(0, 0, tick), (0, 1, tick)]);
        assert!(binder.is_done(None));
    }
}

#[test]
fn by_the_wall_clock_idle_partitions_do_not_delay_time_and_late_lines_are_bound_to_the_open_tick() {
    let mut binder = binder(Clock::Wall, 2);
    binder.push(0, 200, [line(101, 0)]);
    binder.set_idle(0, true);
    binder.set_idle(1, true);
    let (span, bound) = binder.close(125).unwrap();
    assert_eq!((span.after, span.closed, ticks(&bound)), (100, 120, vec![(0, 0, 110)]));
    assert_eq!(binder.close(129), None, "tick 130 is not over");
    binder.push(1, 200, [line(105, 0), line(126, 1)]);
    binder.set_idle(1, true);
    let (_, bound) = binder.close(130).unwrap();
    assert_eq!(ticks(&bound), [(1, 0, 130), (1, 1, 130)]);
    // Late within its tick: it comes before what the log took in time.
    assert_eq!(bound[0].place, Place { logged_at: 121, partition: 1, offset: 0 });
}

#[test]
fn lines_ahead_of_the_wall_clock_are_bound_to_the_tick_of_their_arrival() {
    let mut binder = binder(Clock::Wall, 1);
    binder.push(0, 95, [line(9_000, 0), line(9_001, 1)]);
    binder.set_idle(0, true);
    assert_eq!(binder.close(99), None);
    let (_, bound) = binder.close(100).unwrap();
    assert_eq!(ticks(&bound), [(0, 0, 100), (0, 1, 100)]);
    assert_eq!(bound[0].place.logged_at, 100);
}

#[test]
fn rebinding_gives_the_same_ticks_for_any_order_of_arrival() {
    for seed in 0..300 {
        let mut random = Random::new(seed);
        let logs: Vec<Vec<Line>> = (0..3)
            .map(|_| {
                let mut at = 0;
                (0..random.below(30))
                    .map(|offset| {
                        line(
                            {
                                at += random.below(12);
                                at
                            },
                            offset.cast_unsigned(),
                        )
                    })
                    .collect()
            })
            .collect();
        let mut first = binder(Clock::Wall, 3);
        let mut rest: Vec<_> = logs.iter().map(|log| log.clone().into_iter().peekable()).collect();
        let (mut spans, mut expected, mut now) = (Vec::new(), Vec::new(), 0);
        while !first.is_done(None) {
            now += random.below(25);
            for (partition, log) in rest.iter_mut().enumerate() {
                let count = random.index(5);
                first.push(partition, now, log.by_ref().take(count).collect::<Vec<_>>());
                first.set_idle(partition, true);
                if log.peek().is_none() {
                    first.end(partition);
                }
            }
            if let Some((span, bound)) = first.close(now) {
                assert!(bound.iter().all(|bound| (span.after + 1..=span.closed).contains(&bound.tick)));
                spans.push(span);
                expected.push(bound);
            }
        }
        assert_eq!(expected.iter().map(Vec::len).sum::<usize>(), logs.iter().map(Vec::len).sum::<usize>());
        let mut again = binder(Clock::Wall, 3);
        let mut rest: Vec<_> = logs.into_iter().map(Vec::into_iter).collect();
        for (span, expected) in spans.iter().zip(expected) {
            let bound = loop {
                match again.rebind(span, span.closed) {
                    Some(bound) => break bound,
                    None => rest
                        .iter_mut()
                        .enumerate()
                        .for_each(|(partition, log)| again.push(partition, i64::MAX, log.next())),
                }
            };
            assert_eq!(bound, expected, "seed {seed}");
        }
        assert_eq!(again.reached(), first.reached());
    }
}
