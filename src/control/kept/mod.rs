//! What outlives a restart (`[switch] state`): how far the numbers of each answering group have
//! gone, and which lines were taken out of service by hand.
//!
//! **Numbers.** Answers to requests of the last run may still come; none may meet a new request that
//! has its number. So a run begins behind all numbers of the one before. A mark cannot be written for
//! each number, so it is written ahead, and moved on when half of what it is ahead is used:
//!
//! ```text
//! given out ────────▶│◀── RESERVE ──▶│mark (on the disk)
//! ```
//!
//! An orderly stop writes where the numbers ended. After a kill the next run begins at the mark and
//! skips what was not used of the reserve: up to an eighth of all numbers, 8,192 of 65,534.
//!
//! What that promises: while the requests of a group within one `answer_within`, and 8,192 for each
//! start after a kill within it, come to fewer than there are numbers, no old answer meets a new
//! request: some 57,000, or 1,270 a second for the default 45 s. And no more than 4,096 may be given
//! out between a look ([`LOOK`]) and the mark on the disk: 40,000 a second where the disk takes 50 ms.
//! The reserve is a compromise of the two. Past it nothing could be promised by any mark: at a
//! million a second the numbers go round in 66 ms, and an answer that old meets a stranger without
//! any restart. The data plane never waits for a mark.

mod folder;
mod record;

use std::collections::BTreeMap;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::time::{sleep, timeout};

pub use folder::{Folder, Unusable, look};
use record::{DisabledLine, Record};

use crate::config::plan::{Group, Line, Plan, Side};
use crate::shared::published::{Published, World};
use crate::shared::response_table::ResponseTable;

/// Between two looks at how far the numbers have gone.
pub const LOOK: Duration = Duration::from_millis(50);

/// Between two attempts on a disk that fails.
const AGAIN: Duration = Duration::from_secs(1);

/// What is waited for a disk where somebody waits for the answer.
const PATIENCE: Duration = Duration::from_secs(2);

/// The mark is ahead by this part of all numbers.
const RESERVE: u64 = 8;

/// Keeps the record. Whoever writes it holds the folder; the books are never held for a disk.
#[derive(Debug)]
pub struct Keeper {
    folder: Mutex<Folder>,
    books: Mutex<Books>,
}

#[derive(Debug)]
struct Books {
    /// As it is on the disk.
    record: Record,
    /// By `member/group`: how far the mark on the disk reaches.
    reached: BTreeMap<String, Reached>,
    /// Lines out of service that the configuration does not name at the moment.
    absent: Vec<DisabledLine>,
    /// Something else than numbers is to be written.
    changed: bool,
    /// The disk did not take the last record.
    failing: bool,
}

#[derive(Debug)]
struct Reached {
    /// Positions are those of one table: a group that comes back has another.
    table: Arc<ResponseTable>,
    position: u64,
}

/// How far ahead of the numbers the marks are.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Ahead {
    Reserve,
    /// No number is given out any more.
    Nothing,
}

impl Ahead {
    fn chunks(self, table: &ResponseTable) -> u64 {
        match self {
            Self::Reserve => (table.chunks() / RESERVE).max(1),
            Self::Nothing => 0,
        }
    }
}

impl Keeper {
    /// Reads what the last run left. What is no record is kept under another name, and the run
    /// begins without memory.
    ///
    /// # Errors
    /// A bad record cannot be put aside: it would be overwritten.
    pub fn open(folder: Folder) -> Result<Self, Unusable> {
        let record = match folder.read() {
            Ok(record) => record.unwrap_or_default(),
            Err(damage) => {
                let aside = folder.set_aside().map_err(|error| folder.not_writable(error))?;
                tracing::error!(
                    folder = %folder.path().display(),
                    kept_as = %aside.display(),
                    "state begins anew: {damage}. Numbers begin at random, and no line is disabled: look at the file \
                     that was kept"
                );
                Record::default()
            }
        };
        let absent = record.disabled.clone();
        let books = Books { record, reached: BTreeMap::new(), absent, changed: false, failing: false };
        Ok(Self { folder: Mutex::new(folder), books: Mutex::new(books) })
    }

    /// Before anything is opened: lines that were out of service stay so, and no number is given out
    /// that the disk does not know of.
    ///
    /// # Errors
    /// The disk does not take the first record.
    pub fn begin(&self, published: &Published) -> Result<(), Unusable> {
        self.settle_lines(published);
        self.write(published, Ahead::Reserve).map_err(|error| self.folder.lock().not_writable(error))
    }

    /// Where the numbers of a new table of the group begin; `None` if nothing is known of it.
    pub fn start(&self, group: &Group) -> Option<u16> {
        self.books.lock().record.marks.get(&name_of(group)).copied()
    }

    /// A reload is about to be published. What is new in it is written first.
    pub async fn prepare(self: &Arc<Self>, published: &Arc<Published>) {
        self.settle_lines(published);
        if self.is_due(published) {
            self.write_soon(Arc::clone(published), Ahead::Reserve).await;
        }
    }

    fn settle_lines(&self, published: &Published) {
        let mut books = self.books.lock();
        books.absent.retain(|known| {
            let Some(line) = published.plan.lines.iter().flatten().find(|line| known.is(&DisabledLine::of(line)))
            else {
                return true;
            };
            if let Some(shared) = published.line(line.id) {
                shared.status.set_disabled_by_hand(true);
                tracing::info!(line = %line.name, "stays disabled: it was taken out of service by hand");
            }
            false
        });
    }

    /// A line was taken out of service, put back or removed.
    pub fn note_change(&self) {
        self.books.lock().changed = true;
    }

    /// The same, and it is on the disk, unless that takes long.
    pub async fn changed(self: &Arc<Self>, published: Arc<Published>) {
        self.note_change();
        self.write_soon(published, Ahead::Reserve).await;
    }

    /// Whether the disk must hear of something.
    fn is_due(&self, published: &Published) -> bool {
        let books = self.books.lock();
        books.changed || tables(published).any(|(name, table)| !books.reaches(&name, table))
    }

    /// Writes the record. How it failed is logged here, once for as long as it lasts.
    fn write(&self, published: &Published, ahead: Ahead) -> io::Result<()> {
        let folder = self.folder.lock();
        let (record, reached) = {
            let mut books = self.books.lock();
            // Before the lines are looked at: what changes meanwhile is written once more.
            books.changed = false;
            books.next(published, ahead)
        };
        let written = folder.write(&record);
        let mut books = self.books.lock();
        match &written {
            Ok(()) => (books.record, books.reached) = (record, reached),
            Err(_) => books.changed = true,
        }
        let failed_before = std::mem::replace(&mut books.failing, written.is_err());
        let path = folder.path().display();
        match &written {
            Err(error) if !failed_before => tracing::error!(
                folder = %path,
                %error,
                "state cannot be written: after a crash old answers may meet new requests, and lines disabled since \
                 are open; tried again every second"
            ),
            Ok(()) if failed_before => tracing::info!(folder = %path, "state is written again"),
            _ => {}
        }
        written
    }

    /// Writes on a thread that may wait for the disk; what takes longer than two seconds goes on
    /// without being waited for.
    async fn write_soon(self: &Arc<Self>, published: Arc<Published>, ahead: Ahead) {
        let keeper = Arc::clone(self);
        let writing = tokio::task::spawn_blocking(move || keeper.write(&published, ahead));
        // How it ended is in the log.
        let _ = timeout(PATIENCE, writing).await;
    }

    /// The switch has stopped in order: the numbers end where they are.
    pub async fn close(self: &Arc<Self>, world: &World) {
        self.write_soon(world.current(), Ahead::Nothing).await;
    }

    /// Keeps the marks ahead of the numbers for as long as it is polled.
    pub async fn keep(self: Arc<Self>, world: Arc<World>) {
        loop {
            let published = world.current();
            if self.is_due(&published) {
                let keeper = Arc::clone(&self);
                let writing = tokio::task::spawn_blocking(move || keeper.write(&published, Ahead::Reserve));
                let _ = writing.await; // logged where it failed
            }
            sleep(if self.books.lock().failing { AGAIN } else { LOOK }).await;
        }
    }
}

impl Books {
    /// Whether enough of what the mark is ahead is left.
    fn reaches(&self, name: &str, table: &Arc<ResponseTable>) -> bool {
        let half = Ahead::Reserve.chunks(table).div_ceil(2);
        self.reached
            .get(name)
            .is_some_and(|reached| Arc::ptr_eq(&reached.table, table) && reached.position >= table.position() + half)
    }

    fn next(&self, published: &Published, ahead: Ahead) -> (Record, BTreeMap<String, Reached>) {
        // A group that is not configured at the moment keeps its mark: it may come back.
        let mut marks = self.record.marks.clone();
        let mut all_reached = BTreeMap::new();
        for (name, table) in tables(published) {
            let position = table.position() + ahead.chunks(table);
            marks.insert(name.clone(), table.number_at(position));
            all_reached.insert(name, Reached { table: Arc::clone(table), position });
        }
        let disabled = published
            .plan
            .lines
            .iter()
            .flatten()
            .filter(|line| published.line(line.id).is_some_and(|shared| shared.status.is_disabled_by_hand()));
        let disabled = disabled.map(|line| DisabledLine::of(line)).chain(self.absent.iter().cloned()).collect();
        (Record { marks, disabled }, all_reached)
    }
}

impl DisabledLine {
    fn of(line: &Line) -> Self {
        Self { line: line.name.to_string(), member: line.member_name.to_string(), address: address_of(line) }
    }
}

fn address_of(line: &Line) -> String {
    let (Side::Listen(address) | Side::Connect { remote: address, .. }) = line.side;
    address.to_string()
}

/// The answering groups that give out numbers that hosts see. Where a key tells, a slot's number stays inside.
fn tables(published: &Published) -> impl Iterator<Item = (String, &Arc<ResponseTable>)> {
    published.plan.groups.iter().flatten().filter_map(|group| {
        let shared = published.group(group.id).filter(|shared| shared.keys.is_none())?;
        let table = shared.responses.as_ref()?;
        Some((name_of(group), table))
    })
}

fn name_of(group: &Group) -> String {
    format!("{}/{}", group.member_name, group.name)
}

/// Lines that a plan no longer has are forgotten: one of the same name is another.
pub fn forget_removed(old: &Published, next: &Plan) -> bool {
    let stays = |name: &str| next.lines.iter().flatten().any(|line| *line.name == *name);
    let mut forgotten = false;
    for line in old.plan.lines.iter().flatten() {
        let Some(shared) = old.line(line.id).filter(|shared| shared.status.is_disabled_by_hand()) else { continue };
        if !stays(&line.name) {
            shared.status.set_disabled_by_hand(false);
            forgotten = true;
        }
    }
    forgotten
}

#[cfg(test)]
mod tests;
