//! Two priorities of emissions: views are written at low priority by a second thread, behind all other topics.
//!
//! Views are emitted seldom and all at once, and take long to order and encode; the other topics are small and urgent.
//! The first thread writes the urgent topics of a closing, passes its views to the second thread, and continues with
//! the next closing. The second thread is never ahead of the first and yields the processor to all others
//! ([`lower_priority`]). While it is busy, the views of several closings are joined; when more than [`MAX_DEFERRED`]
//! emissions wait, the first thread waits too.

use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};

use contract::output::OutputTopic;
use contract::time::Time;

use crate::emission::output::PendingEmission;
use crate::error::Error;

/// The greatest number of view emissions that wait together: a few of every view.
pub const MAX_DEFERRED: usize = 64;

/// A message to the second thread: views of closings, or a marker with a fixed place among them.
pub enum Deferred<W> {
    /// Every tick up to this one has closed, and its urgent emissions have been written.
    Closed(Time, Vec<PendingEmission>),
    /// A marker.
    Marker(W),
}

/// The sending end of the first thread.
pub struct DeferredSender<W> {
    to: SyncSender<Deferred<W>>,
    waiting: Option<(Time, Vec<PendingEmission>)>,
}

fn stopped<E>(_: E) -> Error {
    Error("the writer of views has stopped".to_owned())
}

impl<W> DeferredSender<W> {
    /// Creates both ends.
    pub fn channel() -> (Self, Receiver<Deferred<W>>) {
        // One in the hand and one on the table: the rest is put together.
        let (to, receiver) = sync_channel(1);
        (DeferredSender { to, waiting: None }, receiver)
    }

    /// Sends the views that are due by the closed tick `upto`.
    ///
    /// # Errors
    /// If the receiver is gone.
    pub fn close(&mut self, upto: Time, mut pending: Vec<PendingEmission>) -> Result<(), Error> {
        let (_, mut waiting) = self.waiting.take().unwrap_or_default();
        waiting.append(&mut pending);
        if waiting.len() > MAX_DEFERRED {
            return self.to.send(Deferred::Closed(upto, waiting)).map_err(stopped);
        }
        match self.to.try_send(Deferred::Closed(upto, waiting)) {
            Err(TrySendError::Full(Deferred::Closed(upto, waiting))) => {
                self.waiting = Some((upto, waiting));
                Ok(())
            }
            sent => sent.map_err(stopped),
        }
    }

    /// Sends the views that wait.
    ///
    /// # Errors
    /// If the receiver is gone.
    pub fn flush(&mut self) -> Result<(), Error> {
        let held = self.waiting.take();
        held.map_or(Ok(()), |(upto, pending)| self.to.send(Deferred::Closed(upto, pending)).map_err(stopped))
    }

    /// Sends a marker behind everything sent before.
    ///
    /// # Errors
    /// If the receiver is gone.
    pub fn mark(&mut self, marker: W) -> Result<(), Error> {
        self.flush()?;
        self.to.send(Deferred::Marker(marker)).map_err(stopped)
    }
}

/// Lowers the priority of this thread below the workers'. The rows of an emission are a long computation; a worker that
/// shared its processor with it would be late with every tick meanwhile.
pub fn lower_priority() {
    /// Niceness: a thread with it gets a tenth of a processor that another thread wants.
    const NICENESS: i32 = 10;
    // A system that does not let it has all threads alike.
    let _ = rustix::process::nice(NICENESS);
}

/// Splits emissions into urgent ones and views.
pub fn split_by_priority(pending: Vec<PendingEmission>) -> (Vec<PendingEmission>, Vec<PendingEmission>) {
    pending.into_iter().partition(|emission| emission.topic != OutputTopic::Views)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ticks(marker: Result<Deferred<&str>, std::sync::mpsc::TryRecvError>) -> Option<(Time, Vec<Time>)> {
        match marker {
            Ok(Deferred::Closed(upto, pending)) => Some((upto, pending.iter().map(|emission| emission.time).collect())),
            Ok(Deferred::Marker(marker)) => panic!("{marker} came too soon"),
            Err(_) => None,
        }
    }

    fn pending(time: Time, topic: OutputTopic) -> PendingEmission {
        PendingEmission { time, topic, build: Box::new(|| unreachable!("nobody writes it")) }
    }

    fn views(time: Time) -> Vec<PendingEmission> {
        vec![pending(time, OutputTopic::Views)]
    }

    #[test]
    fn a_slow_receiver_gets_closings_joined_and_markers_in_their_place() {
        let (mut sender, receiver) = DeferredSender::channel();
        for upto in [10, 20, 30, 40] {
            sender.close(upto, if upto == 30 { Vec::new() } else { views(upto) }).expect("it listens");
        }
        assert_eq!(ticks(receiver.try_recv()), Some((10, vec![10])));
        assert_eq!(ticks(receiver.try_recv()), None);
        let said = std::thread::spawn(move || sender.mark("cut").and_then(|()| sender.close(50, views(50))));
        let Ok(Deferred::Closed(40, together)) = receiver.recv() else { panic!("the closings come first") };
        assert_eq!(together.len(), 2);
        assert!(matches!(receiver.recv(), Ok(Deferred::Marker("cut"))));
        // Only one fits on the table: the last may have been held and then let go with its owner.
        said.join().expect("it ends").expect("it was listened to");
    }

    #[test]
    fn the_sender_waits_for_a_receiver_that_is_far_behind() {
        let (mut sender, receiver) = DeferredSender::<()>::channel();
        let most = i64::try_from(MAX_DEFERRED).expect("few");
        let closings = std::thread::spawn(move || {
            (1..=3 * most).try_for_each(|upto| sender.close(upto, views(upto))).and_then(|()| sender.flush())
        });
        let (mut seen, mut upto) = (Vec::new(), 0);
        for marker in receiver {
            let Deferred::Closed(closed, pending) = marker else { continue };
            assert!(pending.len() <= MAX_DEFERRED + 1 && closed > upto);
            upto = closed;
            seen.extend(pending.iter().map(|emission| emission.time));
        }
        closings.join().expect("it ends").expect("it was listened to");
        assert_eq!((upto, seen), (3 * most, (1..=3 * most).collect()));
    }

    #[test]
    fn only_views_have_low_priority() {
        let (urgent, seldom) = split_by_priority(OutputTopic::ALL.map(|topic| pending(7, topic)).into());
        assert_eq!((urgent.len(), seldom.len()), (OutputTopic::ALL.len() - 1, 1));
        assert!(seldom.iter().all(|emission| emission.topic == OutputTopic::Views));
    }
}
