//! Rate limits that all nodes share, in Redis: one key for each bucket that is not full, gone when it is full again.
//!
//! One script, so that reading and writing are one step; it goes by the clock of Redis, so that the clocks of the nodes
//! need not agree. When that clock is set back, a bucket is empty at worst, for no longer than its limit says.

use async_trait::async_trait;
use fred::{
    clients::Client,
    interfaces::{ClientLike, LuaInterface},
    types::ClientState,
};

use crate::limits::{Change, Ledger, Level, What};

/// The same arithmetic as in `limits::bucket`: a bucket is the moment when it is full again, in microseconds.
const SCRIPT: &str = "\
local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]
local interval, capacity, what = tonumber(ARGV[1]), tonumber(ARGV[2]), ARGV[3]
local full = tonumber(redis.call('GET', KEYS[1]) or now) or now
full = math.max(now, math.min(full, now + capacity))
local next = full + interval
if what == 'back' then
  next = math.max(now, full - interval)
elseif what == 'charge' then
  next = math.min(next, now + capacity)
elseif next > now + capacity then
  return {0, full - now}
end
if next > now then
  redis.call('SET', KEYS[1], string.format('%.0f', next), 'PX', math.ceil((next - now) / 1000))
else
  redis.call('DEL', KEYS[1])
end
return {1, next - now}";

/// The shared buckets.
pub struct RedisLedger {
    client: Client,
}

impl RedisLedger {
    pub(super) fn new(client: Client) -> Self {
        Self { client }
    }
}

#[async_trait]
impl Ledger for RedisLedger {
    async fn change(&self, change: Change) -> Option<Level> {
        if self.client.state() != ClientState::Connected {
            return None;
        }
        let what = match change.what {
            What::Take => "take",
            What::Charge => "charge",
            What::GiveBack => "back",
        };
        let key = format!("gh:limit:{}", change.bucket);
        let numbers = [change.interval_us.to_string(), change.capacity_us.to_string(), what.to_owned()];
        match self.client.eval::<Vec<i64>, _, _, _>(SCRIPT, vec![key], numbers.to_vec()).await {
            Ok(answer) => match answer[..] {
                [done, full_in_us] => {
                    Some(Level { done: done == 1, full_in_us: u64::try_from(full_in_us).unwrap_or_default() })
                }
                _ => None,
            },
            Err(error) => {
                tracing::debug!(%error, "Redis does not count");
                None
            }
        }
    }
}
