//! Where a seq lies: the log of a channel is cut into buckets of as many seqs, and the bucket is a function of the seq.
//! A full bucket's head is final by arithmetic.

/// The size of the buckets of a keyspace. It never changes.
#[derive(Clone, Copy, Debug)]
pub(super) struct Buckets {
    rows: i64,
}

/// Stamps of `messages` and `nonces` have so many bits for the seq, above them the generation.
const SEQ_BITS: u32 = 44;
/// Seqs are below this.
pub(super) const SEQ_MAX: i64 = (1 << SEQ_BITS) - 1;

impl Buckets {
    /// Of so many rows, at least one.
    pub(super) fn of(rows: i32) -> Self {
        Self { rows: i64::from(rows.max(1)) }
    }

    /// The bucket that holds a seq from 1 on.
    pub(super) fn holding(self, seq: i64) -> i32 {
        i32::try_from((seq - 1).div_euclid(self.rows)).unwrap_or(i32::MAX)
    }

    /// The seq before the first of a bucket.
    pub(super) fn before(self, bucket: i32) -> i64 {
        i64::from(bucket) * self.rows
    }

    /// The last seq of a bucket.
    pub(super) fn last(self, bucket: i32) -> i64 {
        (i64::from(bucket) + 1) * self.rows
    }
}

/// The time that a row bears which a seq wrote: a later seq wins, whatever the order of the writes; a restore, which
/// rewinds seqs, begins a new generation.
pub(super) fn stamp(generation: i64, seq: i64) -> i64 {
    generation << SEQ_BITS | seq.clamp(0, SEQ_MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn borders_lie_where_they_should() {
        let buckets = Buckets::of(200);
        let holding: Vec<_> = [1, 200, 201, 400, 401].map(|seq| buckets.holding(seq)).to_vec();
        assert_eq!(holding, [0, 0, 1, 1, 2]);
        assert_eq!((buckets.before(1), buckets.last(1)), (200, 400));
        assert!(stamp(1, 1) > stamp(0, SEQ_MAX) && stamp(0, 2) > stamp(0, 1));
    }
}
