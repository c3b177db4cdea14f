//! The folder of `[switch] state`: one switch at a time, one file, replaced whole.

use std::ffi::OsString;
use std::fmt;
use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use super::record::{Damage, Record};

/// The record.
const FILE: &str = "state.toml";
/// The next one, until it is whole.
const NEW: &str = "state.toml.new";
/// What could not be read is kept under this and a number.
const ASIDE: &str = "state.toml.damaged-";
/// Held by whoever uses the folder; it names the process.
const LOCK: &str = "lock";

/// A folder that this process alone uses.
#[derive(Debug)]
pub struct Folder {
    path: PathBuf,
    /// Given back by the kernel when the process ends, however it ends.
    _lock: File,
}

/// Why a folder cannot be used.
#[derive(Debug)]
pub enum Unusable {
    NotThere(PathBuf),
    NoFolder(PathBuf),
    /// Another process has it.
    InUse {
        path: PathBuf,
        by: String,
    },
    NotWritable(PathBuf, io::Error),
}

impl fmt::Display for Unusable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotThere(path) => {
                let path = path.display();
                write!(
                    f,
                    "`state`: there is no folder {path}: make it for the user that the switch runs as (`install -d -o \
                     USER -m 750 {path}`, or StateDirectory= in the unit)"
                )
            }
            Self::NoFolder(path) => write!(f, "`state`: {} is no folder: name one", path.display()),
            Self::InUse { path, by } => {
                write!(f, "`state`: {} is in use by another switch{by}: give each its own folder", path.display())
            }
            Self::NotWritable(path, error) => {
                let path = path.display();
                write!(
                    f,
                    "`state`: this user cannot write to {path} ({error}): give it to the user that the switch runs as \
                     (`chown -R USER {path}`)"
                )
            }
        }
    }
}

/// What can be said of a folder without using it.
///
/// # Errors
/// [`Unusable::NotWritable`] holds for this user; the switch may run as another.
pub fn look(path: &Path) -> Result<(), Unusable> {
    match fs::metadata(path) {
        Ok(found) if !found.is_dir() => return Err(Unusable::NoFolder(path.to_owned())),
        Ok(_) => {}
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Err(Unusable::NotThere(path.to_owned())),
        Err(error) => return Err(Unusable::NotWritable(path.to_owned(), error)),
    }
    // A file without a name: it leaves nothing behind.
    match OpenOptions::new().write(true).custom_flags(libc::O_TMPFILE).open(path) {
        Err(error) if error.raw_os_error() != Some(libc::EOPNOTSUPP) => {
            Err(Unusable::NotWritable(path.to_owned(), error))
        }
        _ => Ok(()),
    }
}

impl Folder {
    /// Takes the folder for this process.
    ///
    /// # Errors
    /// Why it cannot be used. [`Unusable::InUse`] may pass: a process that was killed takes a moment
    /// to be gone.
    pub fn take(path: &Path) -> Result<Self, Unusable> {
        look(path)?;
        let not_writable = |error| Unusable::NotWritable(path.to_owned(), error);
        let lock = OpenOptions::new().read(true).write(true).create(true).truncate(false).open(path.join(LOCK));
        let mut lock = lock.map_err(not_writable)?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                let mut by = String::new();
                let named = lock.read_to_string(&mut by).is_ok() && !by.trim().is_empty();
                let by = if named { format!(" (process {})", by.trim()) } else { String::new() };
                return Err(Unusable::InUse { path: path.to_owned(), by });
            }
            Err(TryLockError::Error(error)) => return Err(not_writable(error)),
        }
        let named = lock.set_len(0).and_then(|()| writeln!(lock, "{}", std::process::id()));
        named.map_err(not_writable)?;
        Ok(Self { path: path.to_owned(), _lock: lock })
    }

    pub fn path(&self) -> &Path {
        &self.path
    }

    pub fn not_writable(&self, error: io::Error) -> Unusable {
        Unusable::NotWritable(self.path.clone(), error)
    }

    /// What was written last; nothing in a new folder.
    ///
    /// # Errors
    /// What is there is no record.
    pub fn read(&self) -> Result<Option<Record>, Damage> {
        match fs::read(self.path.join(FILE)) {
            Ok(bytes) => {
                let text = String::from_utf8(bytes);
                let text = text.map_err(|_| Damage::Foreign("it is no text".to_owned()))?;
                Record::read(&text).map(Some)
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(Damage::Unreadable(error)),
        }
    }

    /// Keeps a file that is no record under another name, which is returned.
    ///
    /// # Errors
    /// It cannot be renamed.
    pub fn set_aside(&self) -> io::Result<PathBuf> {
        let aside = |number: u32| {
            let mut name = OsString::from(ASIDE);
            name.push(number.to_string());
            self.path.join(name)
        };
        // Of earlier ones none is lost.
        let free = (1..).map(aside).find(|name| fs::symlink_metadata(name).is_err()).expect("numbers without end");
        fs::rename(self.path.join(FILE), &free)?;
        Ok(free)
    }

    /// Replaces the record: a loss of power leaves the old one or the new one.
    ///
    /// # Errors
    /// It is not known to be on the disk.
    pub fn write(&self, record: &Record) -> io::Result<()> {
        let new = self.path.join(NEW);
        // Left behind by a process that was killed; perhaps another user's.
        match fs::remove_file(&new) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        let mut file = OpenOptions::new().write(true).create_new(true).open(&new)?;
        file.write_all(record.text().as_bytes())?;
        file.sync_all()?;
        fs::rename(&new, self.path.join(FILE))?;
        File::open(&self.path)?.sync_all()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    fn record(mark: u16) -> Record {
        Record { marks: BTreeMap::from([("host/main".to_owned(), mark)]), disabled: Vec::new() }
    }

    #[test]
    fn the_last_record_written_is_read() {
        let place = tempfile::tempdir().unwrap();
        let folder = Folder::take(place.path()).expect("nobody else's");
        assert_eq!(folder.read().unwrap(), None);
        fs::write(place.path().join(NEW), "half of").unwrap();
        folder.write(&record(1)).unwrap();
        folder.write(&record(2)).unwrap();
        assert_eq!(folder.read().unwrap(), Some(record(2)));
        assert!(!place.path().join(NEW).exists());
    }

    #[test]
    fn one_process_has_it_and_who_comes_later_is_told_which() {
        let place = tempfile::tempdir().unwrap();
        let first = Folder::take(place.path()).expect("nobody else's");
        let refused = Folder::take(place.path()).expect_err("taken").to_string();
        assert!(refused.contains(&format!("in use by another switch (process {})", std::process::id())), "{refused}");
        drop(first);
        Folder::take(place.path()).expect("given back");
    }

    #[test]
    fn what_is_no_record_is_kept_and_none_of_them_is_lost() {
        let place = tempfile::tempdir().unwrap();
        let folder = Folder::take(place.path()).expect("nobody else's");
        for (text, aside) in [("one", "state.toml.damaged-1"), ("other", "state.toml.damaged-2")] {
            fs::write(place.path().join(FILE), text).unwrap();
            assert!(matches!(folder.read(), Err(Damage::Foreign(_))));
            assert_eq!(folder.set_aside().unwrap(), place.path().join(aside));
            assert_eq!(fs::read_to_string(place.path().join(aside)).unwrap(), text);
        }
        assert_eq!(folder.read().unwrap(), None);
        fs::create_dir(place.path().join(FILE)).unwrap();
        assert!(matches!(folder.read(), Err(Damage::Unreadable(_))));
        folder.set_aside().unwrap();
        fs::write(place.path().join(FILE), [0xff, 0xfe]).unwrap();
        assert!(matches!(folder.read(), Err(Damage::Foreign(_))));
    }

    #[test]
    fn a_folder_that_cannot_be_used_says_what_to_do() {
        let place = tempfile::tempdir().unwrap();
        let (missing, file) = (place.path().join("missing"), place.path().join("file"));
        fs::write(&file, "").unwrap();
        let refused = |path: &Path| Folder::take(path).expect_err("no folder").to_string();
        assert!(refused(&missing).contains("install -d"), "{}", refused(&missing));
        assert!(refused(&file).contains("is no folder"), "{}", refused(&file));
        assert!(look(place.path()).is_ok());
        assert_eq!(fs::read_dir(place.path()).unwrap().count(), 1, "a look leaves nothing behind");
    }
}
