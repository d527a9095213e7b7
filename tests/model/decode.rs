//! What a line says, or the first reason why it says nothing: contract §2 rule 1, field by field.

use std::collections::BTreeMap;
use std::rc::Rc;

use serde_json::value::RawValue;

use super::record::OrderLine;

/// An id; the empty text stands for an absent one.
pub(super) type Id = Rc<str>;

/// Topic, types, key of a state row (`-` for facts), then the fields in checking order: `?` is optional, `!` required
/// for returns. Contract §3.
const SCHEMAS: &str = "\
pos pos.line - transaction_id:id line:int register_id:id operator_id:id item_id:id kind:sale|void|return \
    quantity:above0 unit_price_cents:int net_cents:int discount_cents:int promotion_id?:id customer_id?:id \
    channel:store|web|app receipt!:flag reason?:defective|not_as_described|wrong_item|unwanted|other restock!:flag;
activity activity.view,activity.cart_add,loyalty.accrue,loyalty.redeem - customer_id?:id session_id:id \
    channel:store|web|app item_id?:id points?:int;
traffic traffic.count - sensor_id:id in:int out:int status:ok|degraded|offline;
queue queue.interval - zone_id:id served:int over_target:int abandoned:int wait_ms_sum:int length_max:int lanes_open:int;
inventory inventory.movement - item_id:id quantity:not0 \
    reason:receipt|transfer_in|transfer_out|adjust|damage|waste|theft|rtv;
inventory inventory.count - item_id:id counted:quantity;
workforce punch - employee_id:id role:checkout|fulfillment|floor kind:in|out|break_start|break_end;
workforce shift shift_id shift_id:id employee_id:id role:checkout|fulfillment|floor start_at:int end_at:int;
tasks task task_id task_id:id task_type:id promotion_id?:id item_id?:id status:open|in_progress|completed|cancelled \
    created_at:int due_at:int completed_at?:int est_minutes:int;
promotions promotion promotion_id promotion_id:id store_ids:ids item_ids:ids start_at:int end_at:int \
    promo_price_cents:int expected_uplift_bp:int setup_required:flag;
orders order order_id order_id:id fulfillment:bopis|ship_from_store|delivery \
    state:placed|accepted|picking|ready|picked_up|shipped|cancelled|expired placed_at:int promise_at:int ready_at?:int \
    lines:lines;
reference ref.product item_id item_id:id dept:id unit_cost_cents:int case_pack:above0int;
reference ref.store store_id region:id format:id open_from:minute open_to:minute;
reference ref.item_location store_id,item_id item_id:id lead_time_h:int forecast_milli_per_day:int \
    dispersion_bp?:above0int;
signals signal signal_id signal_id:id dept?:id kind:weather|local_event|holiday valid_from:int valid_to:int factor_bp:int;
commands policy policy_key policy_key:id value:signed;
commands exception.command event_id exception_id:id action:ack|approve|reject|snooze|dismiss actor:id role:id \
    comment?:text until?:int";
const COMMON: &str = "event_id:id event_time:int ingest_time:int store_id?:id source?:text seq?:signed revision?:int \
    op?:upsert|delete";
const LINE: &str = "item_id:id quantity:quantity picked:quantity short:quantity";
const NO_STORE_NEEDED: &[&str] = &["activity", "promotions", "commands"];

/// The value of a field that is as it should be.
pub(super) enum Field {
    Id(Id),
    Word(&'static str),
    /// An integer, or a quantity in thousandths.
    Int(i64),
    Flag(bool),
    Ids(Vec<Id>),
    Lines(Vec<OrderLine>),
    Text,
}

/// A record whose fields are as they should be; a delete has only the common ones and its key.
pub(super) struct Record {
    pub(super) kind: &'static str,
    /// Of a state record, the values of its key; of a fact, empty.
    pub(super) key: Vec<Id>,
    pub(super) ingest: i64,
    pub(super) delete: bool,
    pub(super) fields: Fields,
}

/// Checked fields by name.
#[derive(Default)]
pub(super) struct Fields(BTreeMap<&'static str, Field>);

impl Fields {
    /// An id; empty if absent.
    pub(super) fn id(&self, name: &str) -> Id {
        self.maybe_id(name).unwrap_or_else(|| "".into())
    }

    pub(super) fn maybe_id(&self, name: &str) -> Option<Id> {
        if let Some(Field::Id(id)) = self.0.get(name) { Some(id.clone()) } else { None }
    }

    pub(super) fn ids(&self, name: &str) -> Vec<Id> {
        if let Some(Field::Ids(ids)) = self.0.get(name) { ids.clone() } else { Vec::new() }
    }

    /// The word of an enum; empty if absent.
    pub(super) fn word(&self, name: &str) -> &'static str {
        if let Some(Field::Word(word)) = self.0.get(name) { word } else { "" }
    }

    /// An integer or quantity; 0 if absent.
    pub(super) fn int(&self, name: &str) -> i64 {
        self.maybe_int(name).unwrap_or(0)
    }

    pub(super) fn maybe_int(&self, name: &str) -> Option<i64> {
        if let Some(Field::Int(int)) = self.0.get(name) { Some(*int) } else { None }
    }

    pub(super) fn flag(&self, name: &str) -> bool {
        matches!(self.0.get(name), Some(Field::Flag(true)))
    }

    pub(super) fn lines(&self, name: &str) -> Vec<OrderLine> {
        if let Some(Field::Lines(lines)) = self.0.get(name) { lines.clone() } else { Vec::new() }
    }
}

/// Why a line is dead: the reason, the first bad field (none: no JSON object), its store if it names one, else `-`.
pub(super) struct Dead {
    pub(super) reason: &'static str,
    pub(super) field: Option<&'static str>,
    pub(super) store: Id,
}

type Raw = BTreeMap<String, Box<RawValue>>;

/// Reads a line of a topic.
pub(super) fn decode(topic: &str, line: &[u8]) -> Result<Record, Dead> {
    let raw: Option<Raw> = std::str::from_utf8(line).ok().and_then(|text| serde_json::from_str(text).ok());
    let Some(raw) = raw else {
        return Err(Dead { reason: "malformed", field: None, store: "-".into() });
    };
    decode_object(topic, &raw).map_err(|(reason, field)| {
        let store = match check("id", raw.get("store_id").map(|raw| raw.get())) {
            Ok(Some(Field::Id(store))) => store,
            _ => "-".into(),
        };
        Dead { reason, field: Some(field), store }
    })
}

fn decode_object(topic: &str, raw: &Raw) -> Result<Record, (&'static str, &'static str)> {
    let name: Option<String> = raw.get("type").and_then(|raw| serde_json::from_str(raw.get()).ok());
    let schema = SCHEMAS.split(";\n").find_map(|schema| {
        let mut words = schema.split_whitespace();
        let (of, kinds, keys) = (words.next()?, words.next()?, words.next()?);
        let kind = kinds.split(',').find(|kind| Some(*kind) == name.as_deref())?;
        (of == topic).then_some((kind, keys.split(',').filter(|key| *key != "-"), words))
    });
    let Some((kind, keys, own)) = schema else { return Err(("malformed", "type")) };
    let mut fields = Fields::default();
    for spec in COMMON.split_whitespace() {
        let optional_store = NO_STORE_NEEDED.contains(&topic) || kind == "ref.product";
        take(&mut fields, spec, raw, spec.starts_with("store_id") && !optional_store)?;
    }
    let delete = fields.word("op") == "delete";
    for spec in own {
        let required = spec.contains('!') && fields.word("kind") == "return";
        if !delete || keys.clone().any(|key| spec.strip_suffix(":id") == Some(key)) {
            take(&mut fields, spec, raw, required)?;
        }
    }
    let key = keys.map(|key| fields.id(key)).collect();
    Ok(Record { kind, key, ingest: fields.int("ingest_time"), delete, fields })
}

/// Checks the field of `spec` and keeps its value.
fn take(
    fields: &mut Fields,
    spec: &'static str,
    raw: &Raw,
    required: bool,
) -> Result<(), (&'static str, &'static str)> {
    let (name, kind) = spec.split_once(':').unwrap_or_default();
    let optional = name.ends_with(['?', '!']) && !required;
    let name = name.trim_end_matches(['?', '!']);
    match check(kind, raw.get(name).map(|raw| raw.get())) {
        Err(reason) => Err((reason, name)),
        Ok(None) if optional => Ok(()),
        Ok(None) => Err(("malformed", name)),
        Ok(Some(field)) => {
            fields.0.insert(name, field);
            Ok(())
        }
    }
}

/// The value of a JSON text as a field of this kind; `None` if absent.
fn check(kind: &'static str, raw: Option<&str>) -> Result<Option<Field>, &'static str> {
    let Some(raw) = raw.filter(|raw| *raw != "null") else {
        return Ok(None);
    };
    let field = match kind {
        "flag" => Field::Flag(raw.parse().map_err(|_| "malformed")?),
        "ids" => Field::Ids(list(raw, id)?),
        "lines" => Field::Lines(list(raw, order_line)?),
        "id" => Field::Id(id(raw)?),
        "text" => text(raw).map(|_| Field::Text)?,
        "int" => Field::Int(int(raw, 0, i64::MAX)?),
        "above0int" => Field::Int(int(raw, 1, i64::MAX)?),
        "minute" => Field::Int(int(raw, 0, 1440)?),
        "signed" => Field::Int(int(raw, i64::MIN, i64::MAX)?),
        "quantity" => Field::Int(milli(raw).and_then(|milli| valid(milli, milli >= 0))?),
        "above0" => Field::Int(milli(raw).and_then(|milli| valid(milli, milli > 0))?),
        "not0" => Field::Int(milli(raw).and_then(|milli| valid(milli, milli != 0))?),
        words => {
            let text = text(raw)?;
            Field::Word(words.split('|').find(|word| *word == text).ok_or("invalid")?)
        }
    };
    Ok(Some(field))
}

fn valid<T>(value: T, good: bool) -> Result<T, &'static str> {
    if good { Ok(value) } else { Err("invalid") }
}

fn text(raw: &str) -> Result<String, &'static str> {
    serde_json::from_str(raw).map_err(|_| "malformed")
}

fn id(raw: &str) -> Result<Id, &'static str> {
    let id = text(raw)?;
    let good = |byte: u8| byte.is_ascii_alphanumeric() || b"._:-".contains(&byte);
    let grammar = (1..=64).contains(&id.len()) && id.bytes().all(good);
    valid(id.into(), grammar)
}

fn list<T>(raw: &str, element: fn(&str) -> Result<T, &'static str>) -> Result<Vec<T>, &'static str> {
    let list: Vec<Box<RawValue>> = serde_json::from_str(raw).map_err(|_| "malformed")?;
    list.iter().map(|raw| element(raw.get())).collect()
}

fn order_line(raw: &str) -> Result<OrderLine, &'static str> {
    let raw: Raw = serde_json::from_str(raw).map_err(|_| "malformed")?;
    let mut fields = Fields::default();
    for spec in LINE.split_whitespace() {
        take(&mut fields, spec, &raw, false).map_err(|(reason, _)| reason)?;
    }
    Ok(OrderLine::new(&fields))
}

fn number(raw: &str) -> Result<&str, &'static str> {
    if raw.starts_with(|c: char| c == '-' || c.is_ascii_digit()) { Ok(raw) } else { Err("malformed") }
}

fn int(raw: &str, low: i64, high: i64) -> Result<i64, &'static str> {
    if number(raw)?.contains(['.', 'e', 'E']) {
        return Err("malformed");
    }
    let int: i64 = raw.parse().map_err(|_| "invalid")?;
    valid(int, int.unsigned_abs() < 1 << 53 && low <= int && int <= high)
}

/// A decimal number in thousandths, exactly, whatever way it is written.
fn milli(raw: &str) -> Result<i64, &'static str> {
    let raw = number(raw)?;
    let (mantissa, exponent) = raw.split_once(['e', 'E']).unwrap_or((raw, "0"));
    let (whole, fraction) = mantissa.trim_start_matches('-').split_once('.').unwrap_or((mantissa, ""));
    let digits = format!("{}{fraction}", whole.trim_start_matches('-'));
    let significant = digits.trim_start_matches('0').trim_end_matches('0');
    if significant.is_empty() {
        return Ok(0);
    }
    let exponent: i64 = exponent.parse().map_err(|_| "invalid")?;
    let dropped = digits.len() - digits.trim_end_matches('0').len();
    let power = exponent.saturating_add(3 + dropped as i64 - fraction.len() as i64);
    // significant · 10^power thousandths: an integer below 10^12.
    let power = u32::try_from(power).map_err(|_| "invalid")?;
    if significant.len() + power as usize > 12 {
        return Err("invalid");
    }
    let size = significant.parse::<i64>().map_err(|_| "invalid")? * 10_i64.pow(power);
    Ok(if raw.starts_with('-') { -size } else { size })
}
