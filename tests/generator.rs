//! Scenarios by seed for the comparison with the model: small, and nothing in them is usual.
//!
//! Times fall on the edges of hours, days and windows as often as beside them; records come late, ahead, twice,
//! corrected, moved to other stores and items, deleted, brought back, for stores nobody knows, and broken.

use std::collections::BTreeMap;

use operators::testing::Random;
use serde_json::{Map, Value, json};

use crate::model::Scenario;

const MINUTE: i64 = 60_000;
const HOUR: i64 = 60 * MINUTE;
/// The start of a UTC day.
const START: i64 = 1_772_409_600_000;

/// Makes one scenario.
pub(crate) struct Generator {
    random: Random,
    now: i64,
    lines: BTreeMap<&'static str, Vec<(i64, Value)>>,
    sent: BTreeMap<&'static str, Vec<Value>>,
    count: u64,
}

/// The scenario of a seed, with about `size` records.
pub(crate) fn scenario(seed: u64, size: usize) -> Scenario {
    let random = Random::new(seed);
    let mut generator =
        Generator { random, now: START + 7 * HOUR, lines: BTreeMap::new(), sent: BTreeMap::new(), count: 0 };
    for _ in 0..12 {
        generator.reference();
    }
    for _ in 0..size {
        let pause = [0, 1, 700, 20_000, 3 * MINUTE, 11 * MINUTE, 50 * MINUTE];
        generator.now += pause[generator.random.index(pause.len())];
        generator.record();
    }
    generator.finish()
}

impl Generator {
    fn pick<T: Copy>(&mut self, from: &[T]) -> T {
        from[self.random.index(from.len())]
    }

    fn store(&mut self) -> &'static str {
        self.pick(&["s1", "s1", "s2", "s2", "s9"])
    }

    fn item(&mut self) -> &'static str {
        self.pick(&["i1", "i1", "i2", "i3", "i9"])
    }

    /// When it happened: mostly just now, often on an edge, at times too late or too far ahead.
    fn event_time(&mut self, lateness_ms: i64) -> i64 {
        let now = self.now;
        let near = now - self.random.below(5 * MINUTE);
        let hour = now - now.rem_euclid(HOUR);
        let before = self.random.below(lateness_ms + 2 * HOUR);
        let ahead = now + self.random.below(7 * MINUTE);
        let edge = self.pick(&[-1, 0, 1]);
        self.pick(&[
            near,
            near,
            near,
            near,
            now,
            hour + edge,
            now - 15 * MINUTE + edge,
            now - before,
            ahead,
            now - lateness_ms + edge,
        ])
    }

    fn send(&mut self, topic: &'static str, kind: &str, event_time: i64, store: Option<&str>, body: Value) {
        self.count += 1;
        let mut record = Map::new();
        record.insert("event_id".to_owned(), format!("{topic}-{}", self.count).into());
        record.insert("type".to_owned(), kind.into());
        record.insert("event_time".to_owned(), event_time.into());
        if let Some(store) = store {
            record.insert("store_id".to_owned(), store.into());
        }
        record.extend(body.as_object().cloned().unwrap_or_default());
        let record = Value::Object(record);
        self.sent.entry(topic).or_default().push(record.clone());
        self.write(topic, record);
        self.again(topic);
    }

    fn write(&mut self, topic: &'static str, mut record: Value) {
        record["ingest_time"] = self.now.into();
        if self.random.once_in(60) {
            let fields = ["event_time", "store_id", "quantity", "kind", "item_id", "event_id", "op"];
            let (field, value) = (self.pick(&fields), self.random.below(5));
            record[field] = [Value::Null, json!(-1), json!(0.5), json!("é"), json!([])]
                [usize::try_from(value).unwrap_or(0)]
            .clone();
        }
        self.lines.entry(topic).or_default().push((self.now, record));
    }

    /// Now and then an earlier record of the topic comes again: as it was, corrected, or deleted.
    fn again(&mut self, topic: &'static str) {
        if !self.random.once_in(4) {
            return;
        }
        let sent = &self.sent[topic];
        let back = self.random.index(sent.len().min(12));
        let mut record = sent[sent.len() - 1 - back].clone();
        let revision = self.random.below(4);
        record["revision"] = revision.into();
        let event_time = self.event_time(6 * HOUR);
        match self.random.below(6) {
            0 => record["op"] = "delete".into(),
            1 => record["event_time"] = event_time.into(),
            2 if record.get("quantity").is_some() => record["quantity"] = self.pick(&[1, 2, 5]).into(),
            3 if record.get("store_id").is_some() => record["store_id"] = self.store().into(),
            4 if record.get("item_id").is_some() => record["item_id"] = self.item().into(),
            _ => {}
        }
        self.write(topic, record);
    }

    fn record(&mut self) {
        match self.random.below(26) {
            0..=8 => self.sale(),
            9 => self.activity(),
            10..=11 => self.traffic(),
            12..=13 => self.queue(),
            14 => self.movement(),
            15 => self.count_stock(),
            16..=17 => self.punch(),
            18 => self.shift(),
            19 => self.task(),
            20 => self.promotion(),
            21..=22 => self.order(),
            23 => self.reference(),
            24 => self.signal(),
            _ => self.policy(),
        }
    }

    fn sale(&mut self) {
        let (store, item, time) = (self.store(), self.item(), self.event_time(6 * HOUR));
        let kind = self.pick(&["sale", "sale", "sale", "sale", "void", "return", "return"]);
        let price = self.pick(&[100, 80, 250]);
        let quantity = self.pick(&[1.0, 1.0, 2.0, 0.65, 12.0, 40.0]);
        let mut body = json!({
            "transaction_id": format!("t{}", self.random.below(30)), "line": 1, "register_id": "r1",
            "operator_id": self.pick(&["o1", "o2"]), "item_id": item, "kind": kind, "quantity": quantity,
            "unit_price_cents": price, "net_cents": self.pick(&[0, 100, 5_000, 90_000]), "discount_cents": self.pick(&[0, 30]),
            "channel": self.pick(&["store", "web", "app"]),
        });
        if self.random.once_in(2) {
            body["customer_id"] = self.pick(&["c1", "c2"]).into();
        }
        if self.random.once_in(3) {
            body["promotion_id"] = "p1".into();
        }
        if kind == "return" {
            body["receipt"] = self.random.once_in(3).into();
            body["restock"] = self.random.once_in(2).into();
            body["reason"] = self.pick(&["defective", "wrong_item", "unwanted", "other", "not_as_described"]).into();
        }
        self.send("pos", "pos.line", time, Some(store), body);
    }

    fn activity(&mut self) {
        let (store, time) = (self.store(), self.event_time(6 * HOUR));
        let kind = self.pick(&["activity.view", "activity.cart_add", "activity.cart_add", "loyalty.accrue"]);
        let body = json!({ "session_id": "x", "channel": "app", "item_id": self.item(), "customer_id": self.pick(&["c1", "c2"]) });
        let store = if self.random.once_in(5) { None } else { Some(store) };
        self.send("activity", kind, time, store, body);
    }

    fn traffic(&mut self) {
        let (store, time) = (self.store(), self.event_time(6 * HOUR));
        let status = self.pick(&["ok", "ok", "degraded", "offline"]);
        let body = json!({ "sensor_id": "d", "in": self.pick(&[0, 3, 60, 200]), "out": 4, "status": status });
        self.send("traffic", "traffic.count", time, Some(store), body);
    }

    fn queue(&mut self) {
        let (store, time) = (self.store(), self.event_time(6 * HOUR));
        let served = self.pick(&[0, 5, 10, 40]);
        let body = json!({
            "zone_id": "front", "served": served, "over_target": self.pick(&[0, 3, 9]).min(served), "abandoned": self.pick(&[0, 0, 4]),
            "wait_ms_sum": 90_000, "length_max": self.pick(&[0, 7]), "lanes_open": 2,
        });
        self.send("queue", "queue.interval", time, Some(store), body);
    }

    fn movement(&mut self) {
        let (store, item, time) = (self.store(), self.item(), self.event_time(6 * HOUR));
        let (reason, quantity) = (self.pick(&["receipt", "adjust", "waste", "theft"]), self.pick(&[-3.0, 2.5, 30.0]));
        self.send(
            "inventory",
            "inventory.movement",
            time,
            Some(store),
            json!({ "item_id": item, "quantity": quantity, "reason": reason }),
        );
    }

    fn count_stock(&mut self) {
        let (store, item, time) = (self.store(), self.item(), self.event_time(6 * HOUR));
        let counted = self.pick(&[0, 3, 25]);
        self.send("inventory", "inventory.count", time, Some(store), json!({ "item_id": item, "counted": counted }));
    }

    fn punch(&mut self) {
        let (store, time) = (self.store(), self.event_time(6 * HOUR));
        let (employee, role) =
            self.pick(&[("e1", "checkout"), ("e2", "fulfillment"), ("e3", "floor"), ("e1", "fulfillment")]);
        let kind = self.pick(&["in", "in", "out", "break_start", "break_end"]);
        self.send(
            "workforce",
            "punch",
            time,
            Some(store),
            json!({ "employee_id": employee, "role": role, "kind": kind }),
        );
    }

    fn shift(&mut self) {
        let (store, at) = (self.store(), self.now + self.pick(&[-HOUR, 0, 2 * HOUR]));
        let body = json!({
            "shift_id": self.pick(&["h1", "h2", "h3"]), "employee_id": "e1", "role": self.pick(&["checkout", "floor", "fulfillment"]),
            "start_at": at, "end_at": at + self.pick(&[0, HOUR, 8 * HOUR]),
        });
        self.send("workforce", "shift", self.now, Some(store), body);
    }

    fn task(&mut self) {
        let (store, now) = (self.store(), self.now);
        let status = self.pick(&["open", "open", "in_progress", "completed", "cancelled"]);
        let due = now + self.pick(&[-HOUR, 90 * MINUTE, 3 * HOUR]);
        let mut body = json!({
            "task_id": self.pick(&["k1", "k2", "k3"]), "task_type": self.pick(&["setup", "clean"]), "status": status,
            "created_at": now, "due_at": due, "est_minutes": self.pick(&[5, 200]),
        });
        if self.random.once_in(2) {
            body["promotion_id"] = self.pick(&["p1", "p2"]).into();
        }
        if status == "completed" {
            body["completed_at"] = (now + self.pick(&[-3 * HOUR, 0])).into();
        }
        self.send("tasks", "task", now, Some(store), body);
    }

    fn promotion(&mut self) {
        let start = self.now + self.pick(&[-5 * HOUR, -MINUTE, 0, HOUR]);
        let body = json!({
            "promotion_id": self.pick(&["p1", "p2"]), "store_ids": self.pick(&[&["s1", "s2"][..], &["s1"], &["s9", "s2"]]),
            "item_ids": self.pick(&[&["i1", "i2"][..], &["i1"], &["i3", "i1"]]), "start_at": start,
            "end_at": start + self.pick(&[HOUR, 6 * HOUR, 30 * HOUR]), "promo_price_cents": self.pick(&[80, 100]),
            "expected_uplift_bp": self.pick(&[0, 5_000, 20_000]), "setup_required": self.random.once_in(2),
        });
        self.send("promotions", "promotion", self.now, None, body);
    }

    fn order(&mut self) {
        let (store, now) = (self.store(), self.now);
        let state =
            self.pick(&["placed", "accepted", "picking", "picking", "ready", "picked_up", "cancelled", "expired"]);
        let count = 1 + self.random.index(2);
        let lines: Vec<Value> = (0..count)
            .map(|_| json!({ "item_id": self.item(), "quantity": self.pick(&[1, 30]), "picked": self.pick(&[0, 1]), "short": self.pick(&[0, 0, 1]) }))
            .collect();
        let placed = now - self.pick(&[0, HOUR, 23 * HOUR]);
        let mut body = json!({
            "order_id": self.pick(&["q1", "q2", "q3", "q4"]), "fulfillment": "bopis", "state": state, "placed_at": placed,
            "promise_at": now + self.pick(&[-HOUR, 10 * MINUTE, 100 * MINUTE, 5 * HOUR]), "lines": lines,
        });
        if matches!(state, "ready" | "picked_up") {
            body["ready_at"] = (now - self.pick(&[0, 2 * HOUR])).into();
        }
        self.send("orders", "order", now, Some(store), body);
    }

    fn reference(&mut self) {
        let (store, item, now) = (self.store(), self.item(), self.now);
        match self.random.below(4) {
            0 => {
                let body = json!({ "item_id": item, "dept": self.pick(&["d1", "d2"]), "unit_cost_cents": self.pick(&[0, 60, 95]), "case_pack": self.pick(&[1, 6]) });
                self.send("reference", "ref.product", now, None, body);
            }
            1 => {
                let (from, to) = self.pick(&[(0, 0), (480, 1200), (1200, 300), (420, 1440)]);
                let body = json!({ "region": self.pick(&["north", "south"]), "format": "city", "open_from": from, "open_to": to });
                self.send("reference", "ref.store", now, Some(store), body);
            }
            _ => {
                let mut body = json!({ "item_id": item, "lead_time_h": self.pick(&[0, 6, 48]), "forecast_milli_per_day": self.pick(&[0, 4_000, 90_000, 2_000_000]) });
                if self.random.once_in(3) {
                    body["dispersion_bp"] = 15_000.into();
                }
                self.send("reference", "ref.item_location", now, Some(store), body);
            }
        }
    }

    fn signal(&mut self) {
        let (store, from) = (self.store(), self.now + self.pick(&[-HOUR, 5 * MINUTE]));
        let mut body = json!({
            "signal_id": self.pick(&["g1", "g2"]), "kind": "weather", "valid_from": from, "valid_to": from + self.pick(&[HOUR, 4 * HOUR]),
            "factor_bp": self.pick(&[5_000, 20_000]),
        });
        if self.random.once_in(2) {
            body["dept"] = "d1".into();
        }
        self.send("signals", "signal", self.now, Some(store), body);
    }

    fn policy(&mut self) {
        let policies = [
            ("inventory.stockout_risk.open_bp", 9_000),
            ("inventory.phantom_stock.alpha_bp", 9_000),
            ("labor.coverage_gap.for_ms", 60_000),
            ("returns.prior_bp", 500),
            ("margin.leak.min_cents", 100),
            ("stale_ms.pos", 1_800_000),
            ("min_confidence_bp", 4_000),
            ("demand.drop.for_ms", 0),
            ("store.queue_breach.sl_bp", 9_900),
        ];
        let (key, value) = self.pick(&policies);
        self.send("commands", "policy", self.now, None, json!({ "policy_key": key, "value": value }));
    }

    fn finish(self) -> Scenario {
        let line = |(_, record): &(i64, Value)| record.to_string().into_bytes();
        let topics = self.lines.iter().map(|(topic, lines)| ((*topic).to_owned(), lines.iter().map(line).collect()));
        let policy = [
            ("margin.leak.min_cents", 2_000),
            ("store.conversion_drop.drop_bp", 9_000),
            ("model.drift.max_wape_bp", 3_000),
        ];
        Scenario {
            topics: topics.collect(),
            until: Some(self.now + 20 * HOUR),
            tick_ms: 1_000,
            lateness_ms: 6 * HOUR,
            future_ms: 300_000,
            policy: policy.map(|(name, value)| (name.to_owned(), value)).into(),
        }
    }
}

/// The same scenario with commands on exceptions that are known to open.
pub(crate) fn with_commands(scenario: &Scenario, seed: u64, opened: &[(i64, String)]) -> Scenario {
    let mut random = Random::new(seed);
    let mut commands = Vec::new();
    for (number, (opened_at, id)) in opened.iter().enumerate() {
        let at = opened_at + [0, 1, 30_000, HOUR][random.index(4)];
        let action = ["ack", "approve", "reject", "snooze", "dismiss"][random.index(5)];
        let role = ["store_manager", "regional_manager", "fulfillment_lead"][random.index(3)];
        let mut record = json!({
            "event_id": format!("cmd-{number}"), "type": "exception.command", "event_time": at, "ingest_time": at,
            "exception_id": id, "action": action, "actor": "ann", "role": role,
        });
        if action == "snooze" && random.once_in(2) {
            record["until"] = (at + [0, MINUTE, 2 * HOUR][random.index(3)]).into();
        }
        commands.push((at, record.to_string().into_bytes()));
    }
    let mut scenario = scenario.clone();
    let ingest_time = |line: &Vec<u8>| {
        serde_json::from_slice::<Value>(line).ok().and_then(|record| record["ingest_time"].as_i64()).unwrap_or(0)
    };
    let held = scenario.topics.entry("commands".to_owned()).or_default();
    let mut all: Vec<(i64, Vec<u8>)> = held.drain(..).map(|line| (ingest_time(&line), line)).chain(commands).collect();
    all.sort_by_key(|(at, _)| *at);
    *held = all.into_iter().map(|(_, line)| line).collect();
    scenario
}
