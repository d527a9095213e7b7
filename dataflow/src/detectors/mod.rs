//! The exception types, one file each; [`KINDS`] is the one list.

pub mod abnormal_rate;
pub mod capacity_overload;
pub mod conversion_drop;
pub mod coverage_gap;
pub mod drop;
pub mod feed_stale;
pub mod leak;
pub mod model_drift;
pub mod negative_on_hand;
pub mod operator_pattern;
pub mod overdue;
pub mod phantom_stock;
pub mod price_mismatch;
pub mod promise_missed;
pub mod promise_risk;
pub mod queue_breach;
pub mod setup_overdue;
pub mod stockout_risk;
pub mod surge;
pub mod under_attainment;

use crate::exception_type::ExceptionTypes;

/// Every exception type, by name.
pub const KINDS: ExceptionTypes = ExceptionTypes::new(&[
    feed_stale::KIND,
    drop::KIND,
    surge::KIND,
    capacity_overload::KIND,
    promise_missed::KIND,
    promise_risk::KIND,
    negative_on_hand::KIND,
    phantom_stock::KIND,
    stockout_risk::KIND,
    coverage_gap::KIND,
    leak::KIND,
    model_drift::KIND,
    price_mismatch::KIND,
    setup_overdue::KIND,
    under_attainment::KIND,
    abnormal_rate::KIND,
    operator_pattern::KIND,
    conversion_drop::KIND,
    queue_breach::KIND,
    overdue::KIND,
]);
