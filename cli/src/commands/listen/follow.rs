//! The loop of `listen`: takes events, hands them on, and notes how far it is, whatever it ends by.

use std::sync::Arc;
use std::time::Duration;

use guildhall::{Cursor, Event, Events, Gateway};
use tokio::time::{MissedTickBehavior, interval, timeout};

use super::event::Happening;
use super::filter::Filter;
use super::print::Printer;
use super::resume::Resume;
use super::work::{Done, Work};
use crate::app::App;
use crate::commands::connection::{News, ending};
use crate::commands::stop::Stop;
use crate::fault::Result;

/// How long positions may wait to be written when nothing else causes it.
const SETTLE: Duration = Duration::from_millis(200);
/// How long a goodbye to the server may take: one that is away must not keep us.
const GOODBYE: Duration = Duration::from_secs(1);

/// Where events go.
pub(super) enum Sink {
    Print(Printer),
    Work(Work),
}

impl Sink {
    pub(super) fn is_work(&self) -> bool {
        matches!(self, Self::Work(_))
    }
}

/// A listener and what it needs.
pub(super) struct Listener<'a> {
    pub(super) app: &'a App,
    pub(super) filter: Filter,
    pub(super) resume: Option<Arc<Resume>>,
    pub(super) sink: Sink,
    pub(super) news: News,
    /// How many events are still to be taken.
    pub(super) rest: Option<u64>,
}

impl Listener<'_> {
    /// Follows until there is an end to it, and leaves everything noted.
    pub(super) async fn run(mut self, gateway: Gateway, mut events: Events, mut stop: Stop) -> Result<()> {
        let outcome = self.follow(&mut events, &mut stop).await;
        let finished = self.finish(&mut stop).await;
        let ended = match outcome {
            Ok(Ended::Gateway) => ending(&gateway).await,
            Ok(Ended::Enough) => Ok(()),
            Ok(Ended::Signal(verdict)) => verdict,
            Err(fault) => Err(fault),
        };
        let _ = timeout(GOODBYE, gateway.close()).await;
        drop(events);
        ended.and(finished).and(self.note())
    }

    async fn follow(&mut self, events: &mut Events, stop: &mut Stop) -> Result<Ended> {
        let mut settle = interval(SETTLE);
        settle.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            let (busy, room) = match &self.sink {
                Sink::Print(_) => (false, true),
                Sink::Work(work) => (work.is_busy(), work.has_room()),
            };
            let enough = self.rest == Some(0);
            if enough && !busy {
                return Ok(Ended::Enough);
            }
            tokio::select! {
                biased;
                verdict = stop.requested() => return Ok(Ended::Signal(verdict)),
                _ = settle.tick() => self.note()?,
                text = self.news.next() => {
                    // Whoever reads that we hear may rely on it that we shall go on from here.
                    self.note()?;
                    self.app.out.note(text);
                }
                done = next_done(&mut self.sink), if busy => self.done(done)?,
                event = events.next(), if room && !enough => match event {
                    None => return Ok(Ended::Gateway),
                    Some(event) => self.take(event)?,
                },
            }
        }
    }

    fn take(&mut self, event: Event) -> Result<()> {
        if let Event::Gap(gap) = &event {
            let reason = gap.reason.as_str_name().trim_start_matches("RESYNC_REASON_");
            self.app.out.warn(format!("events of {} are missing: {reason}", gap.stream));
        }
        let happening = Happening::new(event);
        if !self.filter.admits(&happening) {
            return Ok(());
        }
        if let (Some(resume), Some(cursor)) = (&self.resume, &happening.cursor) {
            resume.begin(cursor);
            // A stream that the file does not know would begin anew after a crash, behind this event.
            if resume.is_fresh() {
                self.note()?;
            }
        }
        let counts = match &mut self.sink {
            Sink::Work(work) => {
                work.push(happening);
                true
            }
            Sink::Print(printer) => {
                let cursor = happening.cursor;
                let printed = printer.print(&happening)?;
                let at_once = printer.is_noted_at_once();
                self.finish_event(cursor, at_once)?;
                printed
            }
        };
        if let Some(rest) = &mut self.rest {
            *rest -= u64::from(counts);
        }
        Ok(())
    }

    fn done(&mut self, done: Done) -> Result<()> {
        if let Some(trouble) = &done.trouble {
            self.app.out.warn(trouble);
        }
        if !done.is_over {
            return Ok(());
        }
        self.finish_event(done.cursor, true)
    }

    fn finish_event(&mut self, cursor: Option<Cursor>, at_once: bool) -> Result<()> {
        if let (Some(resume), Some(cursor)) = (&self.resume, cursor) {
            resume.finish(&cursor);
            if at_once {
                resume.write(false)?;
            }
        }
        Ok(())
    }

    /// Writes positions down, after what they stand for.
    fn note(&mut self) -> Result<()> {
        let Some(resume) = self.resume.as_ref().filter(|resume| resume.is_changed()) else {
            return Ok(());
        };
        if let Sink::Print(printer) = &mut self.sink
            && let Some(length) = printer.sync()?
        {
            resume.set_output(length);
        }
        resume.write(true)
    }

    /// Lets the commands that run come to their end; a second signal does not.
    async fn finish(&mut self, stop: &mut Stop) -> Result<()> {
        let Sink::Work(work) = &mut self.sink else {
            return Ok(());
        };
        work.stop();
        loop {
            let Sink::Work(work) = &mut self.sink else {
                return Ok(());
            };
            if !work.is_busy() {
                return Ok(());
            }
            let done = tokio::select! {
                biased;
                verdict = stop.requested() => return verdict,
                done = work.next_done() => done,
            };
            self.done(done)?;
        }
    }
}

async fn next_done(sink: &mut Sink) -> Done {
    match sink {
        Sink::Work(work) => work.next_done().await,
        Sink::Print(_) => std::future::pending().await,
    }
}

/// Why following ended.
enum Ended {
    Gateway,
    Enough,
    Signal(Result<()>),
}
