//! A bounded map of things that can be loaded again. It forgets by generations: when the young half is full, the old
//! half is dropped and the young one becomes old; whatever is asked for moves back to the young half.

use std::{collections::HashMap, hash::Hash, mem};

use parking_lot::Mutex;

/// The map. Values are cheap to clone.
pub(super) struct Cache<K, V> {
    half: usize,
    state: Mutex<State<K, V>>,
}

struct State<K, V> {
    young: HashMap<K, V>,
    old: HashMap<K, V>,
    changes: u64,
}

/// The moment at which somebody began to load a value. A value that was loaded before a change is not kept: it may be
/// what stood there before.
#[derive(Clone, Copy)]
pub(super) struct Mark(u64);

impl<K: Eq + Hash, V: Clone> Cache<K, V> {
    /// A map that holds at most `max` values; beyond it, those that were not asked for lately go.
    pub(super) fn new(max: usize) -> Self {
        let state = State { young: HashMap::new(), old: HashMap::new(), changes: 0 };
        Self { half: max.div_ceil(2), state: Mutex::new(state) }
    }

    /// A value, if it is held.
    pub(super) fn get(&self, key: &K) -> Option<V> {
        let mut state = self.state.lock();
        if let Some(value) = state.young.get(key) {
            return Some(value.clone());
        }
        let (key, value) = state.old.remove_entry(key)?;
        state.insert(self.half, key, value.clone());
        Some(value)
    }

    /// To be called before a value is loaded.
    pub(super) fn mark(&self) -> Mark {
        Mark(self.state.lock().changes)
    }

    /// Keeps a value that was loaded since `mark`; `false` if something changed meanwhile and it was not kept.
    pub(super) fn fill(&self, mark: Mark, key: K, value: V) -> bool {
        let mut state = self.state.lock();
        let current = state.changes == mark.0;
        if current {
            state.insert(self.half, key, value);
        }
        current
    }

    /// Changes a value in its place, if it is held. Loads that are under way do not count.
    pub(super) fn update<R>(&self, key: &K, change: impl FnOnce(&mut V) -> R) -> Option<R> {
        let mut state = self.state.lock();
        let State { young, old, .. } = &mut *state;
        young.get_mut(key).or_else(|| old.get_mut(key)).map(change)
    }

    /// Takes a new value in the place of an old one.
    pub(super) fn replace(&self, key: K, value: V) {
        let mut state = self.state.lock();
        state.changes += 1;
        state.old.remove(&key);
        state.insert(self.half, key, value);
    }

    /// Drops all values that do not deserve to stay.
    pub(super) fn retain(&self, mut keep: impl FnMut(&K, &V) -> bool) {
        let mut state = self.state.lock();
        state.changes += 1;
        state.young.retain(|key, value| keep(key, value));
        state.old.retain(|key, value| keep(key, value));
    }

    /// Drops a value.
    pub(super) fn remove(&self, key: &K) {
        let mut state = self.state.lock();
        state.changes += 1;
        state.young.remove(key);
        state.old.remove(key);
    }
}

impl<K: Eq + Hash, V> State<K, V> {
    fn insert(&mut self, half: usize, key: K, value: V) {
        if self.young.len() >= half {
            self.old = mem::take(&mut self.young);
        }
        self.young.insert(key, value);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_asked_for_stays_and_the_rest_goes() {
        let cache = Cache::new(4);
        let mark = cache.mark();
        for key in 0..100 {
            cache.fill(mark, key, key * 10);
            assert_eq!(cache.get(&0), Some(0), "asked for each time, at {key}");
        }
        let held = (0..100).filter(|key| cache.get(key).is_some()).count();
        assert!(held <= 4, "{held} values are held");
    }

    #[test]
    fn a_value_loaded_before_a_change_is_not_kept() {
        let cache = Cache::new(4);
        let mark = cache.mark();
        cache.replace(1, "new");
        assert!(!cache.fill(mark, 1, "old"));
        assert_eq!(cache.get(&1), Some("new"));
        let mark = cache.mark();
        cache.retain(|_, _| false);
        assert!(!cache.fill(mark, 1, "new"));
        assert_eq!(cache.get(&1), None);
    }
}
