//! An allocator that counts what one thread asks of it, and keeps where it first did.

use std::alloc::{GlobalAlloc, Layout, System};
use std::backtrace::Backtrace;
use std::cell::Cell;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering::SeqCst};

struct Counting;

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// The thread that is watched; 0: none.
static WATCHED: AtomicU32 = AtomicU32::new(0);
static COUNT: AtomicU64 = AtomicU64::new(0);
static FIRST: Mutex<String> = Mutex::new(String::new());

thread_local! {
    /// The thread's number, 0 until it is asked for. Needs no destructor, so it is there always.
    static OWN: Cell<u32> = const { Cell::new(0) };
    static TRACING: Cell<bool> = const { Cell::new(false) };
}

/// From now on, what this thread allocates counts.
pub fn watch(thread: u32) {
    COUNT.store(0, SeqCst);
    WATCHED.store(thread, SeqCst);
}

/// How often the thread allocated since it is watched, and where it did first. Ends the watch.
pub fn seen() -> (u64, String) {
    WATCHED.store(0, SeqCst);
    (COUNT.load(SeqCst), FIRST.lock().map(|mut first| std::mem::take(&mut *first)).unwrap_or_default())
}

fn own() -> u32 {
    OWN.with(|own| {
        if own.get() == 0 {
            // SAFETY: takes nothing and cannot fail.
            own.set(unsafe { libc::gettid() } as u32);
        }
        own.get()
    })
}

fn note() {
    let watched = WATCHED.load(SeqCst);
    if watched == 0 || own() != watched || TRACING.get() {
        return;
    }
    if COUNT.fetch_add(1, SeqCst) == 0 {
        TRACING.set(true);
        if let Ok(mut first) = FIRST.lock() {
            *first = Backtrace::force_capture().to_string();
        }
        TRACING.set(false);
    }
}

// SAFETY: every call goes to the system's allocator as it came.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        note();
        // SAFETY: as the caller promised.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        // SAFETY: as the caller promised.
        unsafe { System.dealloc(pointer, layout) }
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        note();
        // SAFETY: as the caller promised.
        unsafe { System.realloc(pointer, layout, size) }
    }
}
