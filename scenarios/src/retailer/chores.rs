//! Tasks: some every hour, done well before they are due, and a display to build for each promotion.

use crate::random::Random;
use crate::topic::{Body, Id, Promotion, Record, Task, TaskStatus};

use super::calendar::{HOUR_MS, MINUTE_MS, OPEN_FROM, OPEN_TO, minute_of_day};
use super::labels::Note;
use super::{Desk, Scene, part};

/// When promotions and the displays they need are told, in minutes of the first day.
const TOLD: i64 = 270;

/// How long before it begins a display is due, and how long before that it usually is done.
const DUE_BEFORE_MS: i64 = 15 * MINUTE_MS;

const KINDS: [&str; 4] = ["restock", "clean", "price-check", "rotate"];

/// A task whose next steps are known.
struct Doing {
    task: Task,
    begin_at: i64,
    done_at: i64,
}

/// The tasks of a shop.
#[derive(Default)]
pub(super) struct Chores {
    doing: Vec<Doing>,
    due: i64,
    count: u64,
}

impl Chores {
    /// Minutes of work that are due within two hours, as the contract counts them.
    pub(super) fn due_minutes(&self, now: i64) -> i64 {
        let soon = self.doing.iter().filter(|doing| doing.task.due_at < now + 2 * HOUR_MS);
        soon.map(|doing| doing.task.est_minutes).sum()
    }

    /// New tasks, and progress on those there are.
    pub(super) fn minute(&mut self, scene: &Scene<'_>, random: &mut Random, desk: &mut Desk<'_>) {
        let minute = minute_of_day(scene.now);
        if minute == TOLD && scene.day() == 0 {
            self.displays(scene, desk);
        }
        if (OPEN_FROM..OPEN_TO - 240).contains(&minute) {
            self.due += 12 + scene.shop.lines_per_day / 280;
            while self.due >= 480 {
                self.due -= 480;
                self.chore(scene, random, desk);
            }
        }
        for doing in &mut self.doing {
            let task = &mut doing.task;
            let status = match task.status {
                TaskStatus::Open if scene.now >= doing.begin_at => TaskStatus::InProgress,
                TaskStatus::InProgress if scene.now >= doing.done_at => TaskStatus::Completed,
                _ => {
                    judge(scene, task, desk);
                    continue;
                }
            };
            task.status = status;
            task.completed_at = (status == TaskStatus::Completed).then_some(scene.now);
            tell(scene, task.clone(), desk);
        }
        self.doing.retain(|doing| doing.task.status != TaskStatus::Completed);
    }

    fn chore(&mut self, scene: &Scene<'_>, random: &mut Random, desk: &mut Desk<'_>) {
        self.count += 1;
        let kind = KINDS[super::shelves::index(self.count % KINDS.len() as u64)];
        let begin_at = scene.now + random.between(5, 40) * MINUTE_MS;
        let task = Task {
            task_id: Id::known(format!("{}-k{}", scene.shop.id, self.count)),
            task_type: Id::known(kind.to_owned()),
            status: TaskStatus::Open,
            created_at: scene.now,
            due_at: scene.now + 210 * MINUTE_MS,
            est_minutes: random.between(5, 16),
            promotion_id: None,
            item_id: None,
            completed_at: None,
        };
        tell(scene, task.clone(), desk);
        self.doing.push(Doing { task, begin_at, done_at: begin_at + random.between(10, 40) * MINUTE_MS });
    }

    /// The first shop tells the promotions of all; each has its own displays to build.
    fn displays(&mut self, scene: &Scene<'_>, desk: &mut Desk<'_>) {
        for (place, offer) in scene.cast.promotions.iter().enumerate() {
            if scene.place == 0 {
                promotion(scene, place, desk);
            }
            let due_at = offer.start_at - DUE_BEFORE_MS;
            let done_at = scene.plan.late_setup(scene.place, place).unwrap_or(due_at - 45 * MINUTE_MS);
            let task = Task {
                task_id: Id::known(format!("{}-{}", scene.shop.id, offer.id)),
                task_type: Id::known("promotion-setup".to_owned()),
                status: TaskStatus::Open,
                created_at: scene.now,
                due_at,
                est_minutes: 20,
                promotion_id: Some(offer.id.clone()),
                item_id: None,
                completed_at: None,
            };
            tell(scene, task.clone(), desk);
            self.doing.push(Doing { task, begin_at: done_at - 30 * MINUTE_MS, done_at });
            if done_at > offer.start_at {
                let key = vec![part("promotion", &offer.id), scene.store()];
                let (cause, when) = ("the display is built late", offer.start_at..done_at);
                desk.labels.note(Note { kind: "promotion.setup_overdue", key, when, cause, certain: true });
            }
        }
    }
}

/// What is on offer, the same in all shops.
fn promotion(scene: &Scene<'_>, place: usize, desk: &mut Desk<'_>) {
    let offer = &scene.cast.promotions[place];
    let body = Body::Promotion(Promotion {
        promotion_id: offer.id.clone(),
        store_ids: scene.cast.shops.iter().map(|shop| shop.id.clone()).collect(),
        item_ids: offer.items.iter().map(|item| scene.cast.goods[*item].id.clone()).collect(),
        start_at: offer.start_at,
        end_at: offer.end_at,
        promo_price_cents: offer.price_cents,
        expected_uplift_bp: offer.uplift_percent * 100,
        setup_required: true,
    });
    desk.post.prompt(Record::new(Id::known(format!("promotion-{}", offer.id)), scene.now, None, body));
}

fn judge(scene: &Scene<'_>, task: &Task, desk: &mut Desk<'_>) {
    if task.due_at <= scene.now {
        let key = vec![scene.store(), part("task", &task.task_id)];
        let when = task.due_at..scene.now + 2 * MINUTE_MS;
        let cause = "the task is not done when it is due";
        desk.labels.note(Note { kind: "task.overdue", key, when, cause, certain: true });
    }
}

fn tell(scene: &Scene<'_>, task: Task, desk: &mut Desk<'_>) {
    let word = match task.status {
        TaskStatus::Open => "open",
        TaskStatus::InProgress => "begun",
        TaskStatus::Completed => "done",
        TaskStatus::Cancelled => "gone",
    };
    desk.post.prompt(scene.record(format!("{}-{word}", task.task_id), scene.now, Body::Task(task)));
}
