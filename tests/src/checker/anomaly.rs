//! What can be wrong with a history, by name.

use std::fmt;

/// One thing that must not happen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Anomaly {
    /// Acknowledged, and not in the log under that id.
    Lost {
        /// The nonce.
        nonce: String,
        /// The id that it was acknowledged with.
        message_id: u64,
    },
    /// One nonce has two messages, or a reader was shown an event twice.
    Duplicate {
        /// The reader; none: the log or the acknowledgements.
        reader: Option<String>,
        /// The second.
        seq: u64,
        /// The first.
        first: u64,
    },
    /// A reader was shown a stream with a hole.
    Skipped {
        /// The reader.
        reader: String,
        /// The first missing event.
        from: u64,
        /// The last missing event.
        to: u64,
    },
    /// An event came after a later one.
    OutOfOrder {
        /// The reader; none: the log.
        reader: Option<String>,
        /// The event.
        seq: u64,
        /// The later one that came before.
        after: u64,
    },
    /// In the log, and never shown to a reader that was there.
    Unobserved {
        /// The reader.
        reader: String,
        /// The event.
        seq: u64,
    },
    /// Shown though it is not in the log, or in the log though nobody sent it.
    Phantom {
        /// The reader; none: the log.
        reader: Option<String>,
        /// The event.
        seq: u64,
    },
    /// The text or the nonce is not what was sent.
    Altered {
        /// The reader; none: the log.
        reader: Option<String>,
        /// The event.
        seq: u64,
    },
}

impl fmt::Display for Anomaly {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let at = |reader: &Option<String>| reader.clone().unwrap_or_else(|| "the log".to_owned());
        match self {
            Self::Lost { nonce, message_id } => write!(f, "lost: {message_id} (nonce {nonce}) was acknowledged"),
            Self::Duplicate { reader, seq, first } => write!(f, "duplicate: {seq} is {first} again at {}", at(reader)),
            Self::Skipped { reader, from, to } => write!(f, "skipped: {from} to {to} at {reader}"),
            Self::OutOfOrder { reader, seq, after } => write!(f, "out of order: {seq} after {after} at {}", at(reader)),
            Self::Unobserved { reader, seq } => write!(f, "unobserved: {seq} at {reader}"),
            Self::Phantom { reader, seq } => write!(f, "phantom: {seq} at {}", at(reader)),
            Self::Altered { reader, seq } => write!(f, "altered: {seq} at {}", at(reader)),
        }
    }
}

/// How much a history holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Counts {
    /// Messages that were sent.
    pub sent: usize,
    /// Acknowledgements.
    pub acknowledged: usize,
    /// Messages of the log.
    pub logged: usize,
    /// Events that each reader was shown.
    pub shown: Vec<usize>,
}

impl fmt::Display for Counts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { sent, acknowledged, logged, shown } = self;
        write!(f, "{sent} sent, {acknowledged} acknowledged, {logged} in the log, shown to readers: {shown:?}")
    }
}
