//! What people say to exceptions, in order. They can only answer to those whose opening tick the story knows.

use super::clock::{MINUTE_MS, SECOND_MS, at, second};
use super::promotions::MUESLI;
use super::{chores, plot, returns};
use crate::generate::exception_id;
use crate::topic::CommandAction::{self, Ack, Approve, Dismiss, Reject, Snooze};

/// Something somebody says.
pub(super) struct Answer {
    pub(super) at: i64,
    pub(super) exception: String,
    pub(super) action: CommandAction,
    pub(super) actor: &'static str,
    pub(super) role: &'static str,
    pub(super) comment: Option<&'static str>,
    pub(super) until: Option<i64>,
}

/// An exception and its opening tick.
type Opened = (&'static str, &'static [&'static str], i64);

const SETUP: Opened = ("promotion.setup_overdue", &[MUESLI.name, "market"], MUESLI.from);
const SCAN: Opened = ("task.overdue", &["corner", chores::SCAN], plot::SCAN_DUE);
/// Silence is noticed at the first tick more than a quarter of an hour after the last word.
const SENSOR: Opened = ("data.feed_stale", &["corner", "traffic"], plot::SENSOR_DIES + 15 * MINUTE_MS + SECOND_MS);
const OVERLOAD: Opened = ("fulfillment.capacity_overload", &["market"], plot::CATERER_ORDERS + plot::PROMPT_MS);
const RISK: Opened = ("fulfillment.promise_risk", &["o-caterer-3"], plot::CATERER_ORDERS + plot::PROMPT_MS);
const KETTLES: Opened = ("returns.abnormal_rate", &["kettle"], returns::KETTLES_OPEN);
const NO_PICKER: Opened = ("fulfillment.capacity_overload", &["corner"], plot::PICKER_RESTS + plot::PROMPT_MS);
const FORGOTTEN: Opened = ("fulfillment.promise_missed", &["o-forgotten"], plot::FORGOTTEN_PROMISE);
/// An hour is judged five minutes after it has passed, and so is a quarter.
const BUS: Opened = ("store.conversion_drop", &["market"], plot::BUS.end + 5 * MINUTE_MS);
/// A gap in coverage must last five minutes.
const GAP: Opened =
    ("labor.coverage_gap", &["corner", "checkout"], plot::CASHIER_LEAVES + plot::PROMPT_MS + 5 * MINUTE_MS);
const QUEUE: Opened = ("store.queue_breach", &["corner", "tills"], at(16, 35));
const WATER: Opened = ("inventory.stockout_risk", &["corner", "water"], plot::STOCKOUT_RULE.end);
const REFUNDS: Opened = ("returns.operator_pattern", &["station", returns::REX], returns::REFUNDS_OPEN);
const BAKERY: Opened = ("model.drift", &["lake", "supermarket", "bakery"], at(24, 0));
const DRINKS: Opened = ("model.drift", &["lake", "convenience", "beverages"], at(24, 0));
const INVOICE: Opened =
    ("margin.leak", &["market", "beverages", "1778630400000"], second(plot::INVOICE_BOOKED + SECOND_MS));
const NOBODY_KNOWS: &str = "00000000000000000000000000000000";

impl Answer {
    fn new(at: i64, (kind, key, opened_at): Opened, action: CommandAction, who: [&'static str; 2]) -> Answer {
        let exception = exception_id(kind, key, opened_at).to_string();
        Answer { at, exception, action, actor: who[0], role: who[1], comment: None, until: None }
    }

    fn saying(self, comment: &'static str) -> Answer {
        Answer { comment: Some(comment), ..self }
    }

    fn until(self, until: i64) -> Answer {
        Answer { until: Some(until), ..self }
    }
}

/// All that is said. Refused are: the wrong role (twice), an exception that has cleared, and one nobody knows.
pub(super) fn all() -> Vec<Answer> {
    const MARKET: [&str; 2] = ["mona", "store_manager"];
    const CORNER: [&str; 2] = ["carl", "store_manager"];
    const PLANNING: [&str; 2] = ["paul", "planning"];
    let say = Answer::new;
    vec![
        say(at(6, 20), SETUP, Snooze, MARKET).until(at(9, 0)).saying("Ella is alone until nine."),
        say(at(9, 10), SETUP, Ack, MARKET),
        say(at(10, 1), SENSOR, Ack, ["petra", "platform_team"]),
        say(at(10, 8), RISK, Approve, MARKET).saying("Refused: rerouting is not hers to approve."),
        say(at(10, 9), OVERLOAD, Reject, ["fritz", "fulfillment_lead"]).saying("Lea is on her way."),
        say(at(11, 8), SCAN, Ack, CORNER),
        say(at(11, 31), KETTLES, Approve, MARKET).saying("Refused: quality approves this."),
        say(at(11, 40), KETTLES, Approve, ["quirin", "quality_manager"]),
        say(at(12, 34), NO_PICKER, Ack, ["fritz", "fulfillment_lead"]),
        say(at(13, 0), SENSOR, Ack, ["petra", "platform_team"]).saying("Refused: it has cleared."),
        say(at(14, 6), FORGOTTEN, Approve, ["clara", "customer_service"]),
        say(at(14, 20), BUS, Ack, ["rita", "regional_manager"]).saying("Tourists. \u{201e}Nur schauen!\u{201c}"),
        Answer {
            exception: NOBODY_KNOWS.to_owned(),
            ..say(at(15, 0), SCAN, Ack, CORNER).saying("Refused: no such exception.")
        },
        say(at(16, 27), GAP, Approve, CORNER),
        say(at(16, 41), QUEUE, Approve, CORNER),
        say(at(17, 36), WATER, Approve, ["ines", "inventory_planner"]),
        say(at(31, 30), REFUNDS, Dismiss, ["luis", "loss_prevention"]).saying("Camera: all real."),
        say(at(32, 50), BAKERY, Approve, PLANNING),
        say(at(33, 5), DRINKS, Snooze, PLANNING).saying("One hot day. No end given."),
        say(at(34, 10), INVOICE, Reject, ["fiona", "finance"]).saying("We dispute the invoice."),
    ]
}
