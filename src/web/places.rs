//! Places for connections: how many there are at once, and how many one address may have. No token is
//! known before a request is read, so that this is what a stranger meets first.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::clock::Clock;

/// Connections at once, and with HTTP/1.1 requests at once: below the 1,024 descriptors that a process
/// usually has. More wait in the kernel's queue.
const CONNECTIONS_MAX: usize = 512;

/// Connections of one address: a stranger leaves half of all places to the others, and a proxy in front
/// of us has more than it needs.
const ONE_ADDRESS_MAX: usize = 256;

/// How often it is told that places are short.
const TOLD_EVERY: Duration = Duration::from_secs(10);

/// All places of a server.
pub(super) struct Places {
    free: Arc<Semaphore>,
    taken: Arc<Mutex<BTreeMap<IpAddr, usize>>>,
    clock: Arc<dyn Clock>,
    told: Mutex<Option<Duration>>,
}

/// A place; given back when dropped.
pub(super) struct Place {
    _permit: OwnedSemaphorePermit,
    address: IpAddr,
    taken: Arc<Mutex<BTreeMap<IpAddr, usize>>>,
}

impl Places {
    /// Every place is free.
    pub(super) fn new(clock: Arc<dyn Clock>) -> Self {
        let free = Arc::new(Semaphore::new(CONNECTIONS_MAX));
        Self { free, taken: Arc::default(), clock, told: Mutex::new(None) }
    }

    /// Waits until a place is free, whoever takes it; `None`: there will be none.
    pub(super) async fn free(&self) -> Option<OwnedSemaphorePermit> {
        if let Ok(permit) = Arc::clone(&self.free).try_acquire_owned() {
            return Some(permit);
        }
        self.tell("every place for a connection is taken; more of them wait");
        Arc::clone(&self.free).acquire_owned().await.ok()
    }

    /// Gives a free place to `address`; `None`: it has as many as it may.
    pub(super) fn take(&self, permit: OwnedSemaphorePermit, address: IpAddr) -> Option<Place> {
        let mut all = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        let taken = all.entry(address).or_default();
        if *taken >= ONE_ADDRESS_MAX {
            drop(all);
            self.tell("one address has all the connections that it may have; more are closed");
            return None;
        }
        *taken += 1;
        drop(all);
        Some(Place { _permit: permit, address, taken: Arc::clone(&self.taken) })
    }

    fn tell(&self, words: &str) {
        let now = self.clock.monotonic();
        let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        if told.is_none_or(|at| now.saturating_sub(at) >= TOLD_EVERY) {
            *told = Some(now);
            tracing::warn!(connections = CONNECTIONS_MAX, one_address = ONE_ADDRESS_MAX, "{words}");
        }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut all = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(taken) = all.get_mut(&self.address) {
            *taken -= 1;
            if *taken == 0 {
                all.remove(&self.address);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::ManualClock;

    #[tokio::test]
    async fn a_stranger_leaves_places_to_the_others() {
        let clock = ManualClock::at("2026-03-14T09:00:00Z".parse().unwrap());
        let places = Places::new(Arc::new(clock));
        let [stranger, other] = [IpAddr::from([192, 0, 2, 1]), IpAddr::from([192, 0, 2, 2])];
        let mut held = Vec::new();
        for _ in 0..2 * ONE_ADDRESS_MAX {
            let permit = places.free().await.unwrap();
            held.extend(places.take(permit, stranger));
        }
        assert_eq!(held.len(), ONE_ADDRESS_MAX);
        let permit = places.free().await.unwrap();
        assert!(places.take(permit, other).is_some());
        held.pop();
        let permit = places.free().await.unwrap();
        held.extend(places.take(permit, stranger));
        assert_eq!(held.len(), ONE_ADDRESS_MAX);
        drop(held);
        assert!(places.taken.lock().unwrap().is_empty());
        assert_eq!(places.free.available_permits(), CONNECTIONS_MAX);
    }
}
