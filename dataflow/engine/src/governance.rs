//! Applies commands to exceptions: acknowledge, approve, reject, snooze and dismiss, within the role of the sender
//! (contract §5).
//!
//! Steps of detectors and commands meet here by exception id. Within a tick steps come first, then commands in file
//! order. Each makes one record of the exceptions topic; a refused command makes only a decision. Commands do not stop
//! detection.

use contract::event::command::{Command, CommandAction};
use contract::exception::{Change, Response, Step};
use contract::exception_type::ExceptionTypes;
use contract::ids::EventId;
use contract::policy::MIN_CONFIDENCE;
use contract::record::{DecisionRecord, Event, ExceptionRecord, Mode, Status};
use contract::time::Cause;
use operators::keyed::{Emit, Keyed, Next, Ticks, keyed_operator};
use serde::{Deserialize, Serialize};

use crate::reference::{Context, Notice};
use crate::time::{Collection, Inputs};

/// An input of governance, by exception id.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum GovernanceInput {
    /// A step of a detector.
    Step(Box<Step>),
    /// A command, with its record as the cause.
    Command(Command, Option<Cause>),
}

/// An output of governance.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum GovernanceOutput {
    /// A record of the exceptions topic.
    Exception(Box<ExceptionRecord>),
    /// A record of the decisions topic.
    Decision(Box<DecisionRecord>),
}

/// The stored state of an exception, with the inputs of the current tick.
///
/// The names in `serde(rename)` here are those that snapshots and their fingerprints hold.
#[derive(Default, Serialize, Deserialize)]
#[serde(rename = "State")]
struct ExceptionState {
    open: Option<OpenException>,
    steps: Vec<Step>,
    commands: Vec<(Command, Option<Cause>)>,
}

/// An open exception.
#[derive(Serialize, Deserialize)]
#[serde(rename = "Open")]
struct OpenException {
    /// The last step of the detector.
    step: Step,
    /// The response in the last opened or updated record.
    written: Response,
    version: i64,
    status: Status,
    /// The end of a snooze.
    until: Option<i64>,
}

struct Governance {
    context: Context,
    types: ExceptionTypes,
}

impl Governance {
    /// Returns the confidence, halved for each stale feed that the type reads, and the mode that it allows.
    fn confidence(&self, step: &Step) -> (i64, Mode) {
        let feeds = self.types.get(step.kind.as_str()).map_or(&[][..], |kind| kind.feeds);
        let stale =
            step.store.map_or(0, |store| feeds.iter().filter(|feed| self.context.is_stale(store, **feed)).count());
        let confidence_bp = 10_000 >> stale;
        let trusted = confidence_bp >= self.context.policies.get(MIN_CONFIDENCE);
        (confidence_bp, if trusted { Mode::Actionable } else { Mode::Advisory })
    }

    fn record(&self, id: &EventId, open: &OpenException, event: Event, cause: Option<Cause>) -> ExceptionRecord {
        let (confidence_bp, mode) = self.confidence(&open.step);
        let cleared = event == Event::Cleared;
        ExceptionRecord {
            kind: open.step.kind,
            key: open.step.key.clone(),
            version: open.version,
            exception_id: id.clone(),
            restricted: self.types.get(open.step.kind.as_str()).is_none_or(|kind| kind.restricted),
            event,
            status: if cleared { Status::Cleared } else { open.status },
            response: open.written.clone(),
            confidence_bp,
            mode,
            store: open.step.store,
            opened_at: open.step.opened_at,
            drivers: open.step.drivers.clone(),
            policy: open.step.policy.clone(),
            cause,
        }
    }

    fn emit_event(
        &self,
        id: &EventId,
        open: &mut OpenException,
        event: Event,
        by: Trigger,
        emit: &mut Emit<'_, GovernanceOutput, Cause>,
    ) {
        open.version += 1;
        if matches!(event, Event::Opened | Event::Updated) && !open.step.frozen {
            open.written = open.step.response.clone();
        }
        let (cause, command, reason) = match by {
            Trigger::Detector(cause) => (cause, None, reason_of(event)),
            Trigger::Clock => (None, None, "the snooze ended"),
            Trigger::Command(command, cause) => (cause, Some(command), reason_of(event)),
        };
        let record = self.record(id, open, event, cause);
        let decision = DecisionRecord::of(&record, reason, command);
        emit.push(GovernanceOutput::Exception(Box::new(record)), 1);
        emit.push(GovernanceOutput::Decision(Box::new(decision)), 1);
    }

    fn step(
        &self,
        id: &EventId,
        slot: &mut Option<OpenException>,
        step: Step,
        emit: &mut Emit<'_, GovernanceOutput, Cause>,
    ) {
        let now = emit.now();
        let cause = step.cause.clone();
        let change = step.change;
        let open = match slot {
            Some(open) => {
                open.step = step;
                open
            }
            None => {
                let written = step.response.clone();
                slot.insert(OpenException { step, written, version: 0, status: Status::Open, until: None })
            }
        };
        match change {
            Change::Opened => self.emit_event(id, open, Event::Opened, Trigger::Detector(cause), emit),
            Change::Moved if !open.step.frozen && open.step.response.moved_from(&open.written) => {
                open.end_snooze(now);
                self.emit_event(id, open, Event::Updated, Trigger::Detector(cause), emit);
            }
            Change::Moved => {}
            Change::Cleared => self.emit_event(id, open, Event::Cleared, Trigger::Detector(cause), emit),
        }
    }

    fn command(
        &self,
        id: &EventId,
        open: &mut OpenException,
        (command, cause): (Command, Option<Cause>),
        emit: &mut Emit<'_, GovernanceOutput, Cause>,
    ) {
        let needs_approver = matches!(command.action, CommandAction::Approve | CommandAction::Reject);
        if needs_approver && command.role.as_str() != open.step.response.action.approver.as_str() {
            let reason = "only the approver of the action may approve or reject it";
            let record = self.record(id, open, Event::Updated, cause);
            emit.push(GovernanceOutput::Decision(Box::new(DecisionRecord::refused(Some(&record), reason, command))), 1);
            return;
        }
        let (event, status) = match command.action {
            CommandAction::Ack => (Event::Acknowledged, Status::Acknowledged),
            CommandAction::Approve => (Event::Approved, Status::Approved),
            CommandAction::Reject => (Event::Rejected, Status::Rejected),
            CommandAction::Snooze => (Event::Snoozed, Status::Snoozed),
            CommandAction::Dismiss => (Event::Dismissed, Status::Dismissed),
        };
        open.status = status;
        // An instant that has passed ends the snooze at the first tick after its own.
        open.until = if status == Status::Snoozed { command.until } else { None };
        self.emit_event(id, open, event, Trigger::Command(command, cause), emit);
    }
}

impl OpenException {
    /// Ends a snooze whose time has come; returns true if it did.
    fn end_snooze(&mut self, now: i64) -> bool {
        let ends = self.until.is_some_and(|until| until <= now);
        if ends {
            self.status = Status::Open;
            self.until = None;
        }
        ends
    }
}

/// The origin of a record.
enum Trigger {
    Detector(Option<Cause>),
    Clock,
    Command(Command, Option<Cause>),
}

fn reason_of(event: Event) -> &'static str {
    match event {
        Event::Opened => "the open condition holds",
        Event::Updated => "severity or action changed",
        Event::Cleared => "the clear condition holds",
        Event::Acknowledged => "seen",
        Event::Approved => "approved by the approver of the action",
        Event::Rejected => "rejected by the approver of the action",
        Event::Snoozed => "put off",
        Event::Dismissed => "said to be no exception",
    }
}

impl Keyed for Governance {
    type Key = EventId;
    type Input = GovernanceInput;
    type Diff = i64;
    type Broadcast = Notice;
    type Cause = Cause;
    type State = ExceptionState;
    type Output = GovernanceOutput;

    fn update(&mut self, _: &EventId, state: &mut ExceptionState, input: GovernanceInput, diff: i64, _: i64) {
        match input {
            GovernanceInput::Step(step) => state.steps.push(*step),
            // A command is taken once, when it comes; a later correction of its record does not take it back.
            GovernanceInput::Command(command, cause) if diff > 0 => state.commands.push((command, cause)),
            GovernanceInput::Command(..) => {}
        }
    }

    fn on_broadcast(&mut self, notice: &Notice, diff: i64) {
        self.context.apply(notice, diff);
    }

    fn close(
        &mut self,
        id: &EventId,
        state: &mut ExceptionState,
        emit: &mut Emit<'_, GovernanceOutput, Cause>,
    ) -> Next {
        let mut cleared = false;
        for step in std::mem::take(&mut state.steps) {
            cleared = step.change == Change::Cleared;
            self.step(id, &mut state.open, step, emit);
        }
        let mut open = state.open.take().filter(|_| !cleared);
        if let Some(open) = &mut open
            && open.end_snooze(emit.now())
        {
            self.emit_event(id, open, Event::Updated, Trigger::Clock, emit);
        }
        let mut commands = std::mem::take(&mut state.commands);
        commands.sort_by_key(|(command, _)| command.place);
        for command in commands {
            match &mut open {
                Some(open) => self.command(id, open, command, emit),
                None => {
                    let reason = "no such exception is open";
                    emit.push(
                        GovernanceOutput::Decision(Box::new(DecisionRecord::refused(None, reason, command.0))),
                        1,
                    );
                }
            }
        }
        state.open = open;
        match &state.open {
            None => Next::Forget,
            Some(open) => Next::Rest.or_at(open.until),
        }
    }
}

/// Builds governance over the steps of all detectors, which are of these types.
pub fn build<'scope>(
    ticks: Ticks,
    (context, types): (Context, ExceptionTypes),
    notices: &Collection<'scope, Notice>,
    steps: &Collection<'scope, Step>,
    commands: &Collection<'scope, (Command, Option<Cause>)>,
) -> Collection<'scope, GovernanceOutput> {
    let steps = steps.clone().map(|step| (step.exception_id(), GovernanceInput::Step(Box::new(step))));
    let commands =
        commands.clone().map(|(command, cause)| (command.exception.clone(), GovernanceInput::Command(command, cause)));
    keyed_operator(
        "governance",
        ticks,
        Inputs::from(steps).and(commands),
        Some(notices.clone()),
        Governance { context, types },
    )
}

/// Splits the outputs by topic.
pub fn split_topics<'scope>(
    outputs: &Collection<'scope, GovernanceOutput>,
) -> (Collection<'scope, ExceptionRecord>, Collection<'scope, DecisionRecord>) {
    let exceptions = outputs.clone().flat_map(|outputs| match outputs {
        GovernanceOutput::Exception(record) => Some(*record),
        GovernanceOutput::Decision(_) => None,
    });
    let decisions = outputs.clone().flat_map(|outputs| match outputs {
        GovernanceOutput::Exception(_) => None,
        GovernanceOutput::Decision(record) => Some(*record),
    });
    (exceptions, decisions)
}
