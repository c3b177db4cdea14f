//! The members' own books: who asked what, who saw it, who was answered. They ask the switch for nothing.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

/// One request, by the number in its message.
#[derive(Default)]
struct Entry {
    asker: Option<usize>,
    seen: u32,
    answered: u32,
    delivered: u32,
    elsewhere: u32,
}

/// Shared by all who play members.
#[derive(Clone, Default)]
pub struct Books {
    entries: Arc<Mutex<BTreeMap<u32, Entry>>>,
}

/// What the books say in sum.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Account {
    pub asked: u64,
    /// Requests that came to a host, each counted once.
    pub seen: u64,
    /// Requests that a host answered.
    pub answered: u64,
    /// Requests whose answer came to the asker.
    pub delivered: u64,
    /// Copies of requests beyond the first that came to a host.
    pub asked_twice: u64,
    /// Copies of answers beyond the first that came to the asker.
    pub doubled: u64,
    /// Answers that came to another than the asker.
    pub misdelivered: u64,
    /// Requests or answers that nobody sent.
    pub invented: u64,
}

impl Books {
    fn with<T>(&self, number: u32, act: impl FnOnce(&mut Entry) -> T) -> T {
        act(self.entries.lock().expect("nobody panics with the books").entry(number).or_default())
    }

    /// `asker` sends the request with this number.
    pub fn ask(&self, asker: usize, number: u32) {
        self.with(number, |entry| assert!(entry.asker.replace(asker).is_none(), "number {number} was used before"));
    }

    /// A host reads it.
    pub fn see(&self, number: u32) {
        self.with(number, |entry| entry.seen += 1);
    }

    /// A host answers it.
    pub fn answer(&self, number: u32) {
        self.with(number, |entry| entry.answered += 1);
    }

    /// `asker` reads an answer.
    pub fn deliver(&self, asker: usize, number: u32) {
        self.with(number, |entry| match entry.asker == Some(asker) {
            true => entry.delivered += 1,
            false => entry.elsewhere += 1,
        });
    }

    /// Whether the asker has had an answer to that number.
    pub fn was_delivered(&self, number: u32) -> bool {
        self.with(number, |entry| entry.delivered > 0)
    }

    pub fn account(&self) -> Account {
        let mut sum = Account::default();
        for entry in self.entries.lock().expect("nobody panics with the books").values() {
            sum.asked += u64::from(entry.asker.is_some());
            sum.seen += u64::from(entry.seen > 0);
            sum.answered += u64::from(entry.answered > 0);
            sum.delivered += u64::from(entry.delivered > 0);
            sum.asked_twice += u64::from(entry.seen.saturating_sub(1));
            sum.doubled += u64::from(entry.delivered.saturating_sub(entry.answered.max(1)));
            sum.misdelivered += u64::from(entry.elsewhere);
            let from_nowhere = entry.asker.is_none() && entry.seen > 0;
            sum.invented += u64::from(from_nowhere || entry.delivered > 0 && entry.answered == 0);
        }
        sum
    }

    /// What must hold whatever broke: nothing invented, doubled or given to another.
    pub fn sound(&self) -> Account {
        let account = self.account();
        let Account { asked_twice, doubled, misdelivered, invented, .. } = account;
        assert_eq!((asked_twice, doubled, misdelivered, invented), (0, 0, 0, 0), "{account:?}");
        account
    }
}
