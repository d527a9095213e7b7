//! Two lanes out of the job: what somebody waits for never stands behind the rows of views.
//!
//! Views leave seldom and all at once, and take long to put in order and to encode; everything else is little, and urgent.
//! So whoever writes a closing hands its views on to a second thread, *behind* it, and goes on with the next. The
//! second is never ahead of the first, and lets every other thread go before it ([`give_way`]). When it is slow, closings are
//! put together for it; when it is so far behind that what waits would fill the memory, the first waits too.

use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};

use contract::output::OutputTopic;
use contract::time::Time;

use crate::emission::output::Due;
use crate::error::Error;

/// Emissions of views that may wait together: a few of every view.
pub const MOST: usize = 64;

/// Views of closings, or a word about the log that must stay in its place among them.
pub enum Later<W> {
    /// Every tick up to this one has closed; all else of them has been written.
    Closed(Time, Vec<Due>),
    /// The word.
    Word(W),
}

/// The first lane's end of what is written behind it.
pub struct Behind<W> {
    to: SyncSender<Later<W>>,
    held: Option<(Time, Vec<Due>)>,
}

fn stopped<E>(_: E) -> Error {
    Error("the writer of views has stopped".to_owned())
}

impl<W> Behind<W> {
    /// Both ends.
    pub fn lane() -> (Self, Receiver<Later<W>>) {
        // One in the hand and one on the table: the rest is put together.
        let (to, later) = sync_channel(1);
        (Behind { to, held: None }, later)
    }

    /// Every tick up to `upto` has closed, and these views are due.
    ///
    /// # Errors
    /// If the other end is gone.
    pub fn close(&mut self, upto: Time, mut dues: Vec<Due>) -> Result<(), Error> {
        let (_, mut waiting) = self.held.take().unwrap_or_default();
        waiting.append(&mut dues);
        if waiting.len() > MOST {
            return self.to.send(Later::Closed(upto, waiting)).map_err(stopped);
        }
        match self.to.try_send(Later::Closed(upto, waiting)) {
            Err(TrySendError::Full(Later::Closed(upto, waiting))) => {
                self.held = Some((upto, waiting));
                Ok(())
            }
            sent => sent.map_err(stopped),
        }
    }

    /// Hands over what is held.
    ///
    /// # Errors
    /// If the other end is gone.
    pub fn flush(&mut self) -> Result<(), Error> {
        let held = self.held.take();
        held.map_or(Ok(()), |(upto, dues)| self.to.send(Later::Closed(upto, dues)).map_err(stopped))
    }

    /// Says a word, after all that was said before.
    ///
    /// # Errors
    /// If the other end is gone.
    pub fn say(&mut self, word: W) -> Result<(), Error> {
        self.flush()?;
        self.to.send(Later::Word(word)).map_err(stopped)
    }
}

/// Has this thread, which writes what is behind, give way to the others where there are more threads than processors: a second's
/// rows are a long piece of work, and a worker that shared its processor with it would be late with every tick meanwhile.
pub fn give_way() {
    /// Of a processor that both want, a thread that gives way so far gets a tenth.
    const WAY: i32 = 10;
    // A system that does not let it has all threads alike.
    let _ = rustix::process::nice(WAY);
}

/// Takes the views out of what is due.
pub fn split(dues: Vec<Due>) -> (Vec<Due>, Vec<Due>) {
    dues.into_iter().partition(|due| due.topic != OutputTopic::Views)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ticks(word: Result<Later<&str>, std::sync::mpsc::TryRecvError>) -> Option<(Time, Vec<Time>)> {
        match word {
            Ok(Later::Closed(upto, dues)) => Some((upto, dues.iter().map(|due| due.time).collect())),
            Ok(Later::Word(word)) => panic!("{word} came too soon"),
            Err(_) => None,
        }
    }

    fn due(time: Time, topic: OutputTopic) -> Due {
        Due { time, topic, order: Box::new(|| unreachable!("nobody writes it")) }
    }

    fn views(time: Time) -> Vec<Due> {
        vec![due(time, OutputTopic::Views)]
    }

    #[test]
    fn who_is_slow_gets_closings_together_and_words_in_their_place() {
        let (mut behind, later) = Behind::lane();
        for upto in [10, 20, 30, 40] {
            behind.close(upto, if upto == 30 { Vec::new() } else { views(upto) }).expect("it listens");
        }
        assert_eq!(ticks(later.try_recv()), Some((10, vec![10])));
        assert_eq!(ticks(later.try_recv()), None);
        let said = std::thread::spawn(move || behind.say("cut").and_then(|()| behind.close(50, views(50))));
        let Ok(Later::Closed(40, together)) = later.recv() else { panic!("the closings come first") };
        assert_eq!(together.len(), 2);
        assert!(matches!(later.recv(), Ok(Later::Word("cut"))));
        // Only one fits on the table: the last may have been held and then let go with its owner.
        said.join().expect("it ends").expect("it was listened to");
    }

    #[test]
    fn who_is_far_behind_is_waited_for() {
        let (mut behind, later) = Behind::<()>::lane();
        let most = i64::try_from(MOST).expect("few");
        let closings = std::thread::spawn(move || {
            (1..=3 * most).try_for_each(|upto| behind.close(upto, views(upto))).and_then(|()| behind.flush())
        });
        let (mut seen, mut upto) = (Vec::new(), 0);
        for word in later {
            let Later::Closed(closed, dues) = word else { continue };
            assert!(dues.len() <= MOST + 1 && closed > upto);
            upto = closed;
            seen.extend(dues.iter().map(|due| due.time));
        }
        closings.join().expect("it ends").expect("it was listened to");
        assert_eq!((upto, seen), (3 * most, (1..=3 * most).collect()));
    }

    #[test]
    fn views_go_one_way_and_all_else_the_other() {
        let (urgent, seldom) = split(OutputTopic::ALL.map(|topic| due(7, topic)).into());
        assert_eq!((urgent.len(), seldom.len()), (OutputTopic::ALL.len() - 1, 1));
        assert!(seldom.iter().all(|due| due.topic == OutputTopic::Views));
    }
}
