//! Growth is a finding: an input may hold so much more memory than there was before it, and little of it may be left behind.

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

/// Most bytes one input may hold at once.
const MOST: usize = 64 * 1024 * 1024;
/// How many inputs go by between two looks at what they left behind.
const LOOK: usize = 10_000;
/// Most bytes that all inputs may have left behind since the first look: what is kept once for all is there by then.
const LEFT: usize = 16 * 1024 * 1024;

static HELD: AtomicUsize = AtomicUsize::new(0);
static LIMIT: AtomicUsize = AtomicUsize::new(usize::MAX);
static INPUTS: AtomicUsize = AtomicUsize::new(0);
/// What was held at the first look; 0 before it, since something always is.
static FIRST: AtomicUsize = AtomicUsize::new(0);

struct Counting;

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// Runs `input`; ends the process, for the fuzzer to keep the input, when it holds more than it may.
pub fn bounded(input: impl FnOnce()) {
    LIMIT.store(HELD.load(Relaxed).saturating_add(MOST), Relaxed);
    input();
    LIMIT.store(usize::MAX, Relaxed);
    let inputs = INPUTS.fetch_add(1, Relaxed).saturating_add(1);
    if inputs.is_multiple_of(LOOK) {
        look(inputs);
    }
}

/// It is not the input at hand that is to blame, so the number says more than that.
fn look(inputs: usize) {
    let held = HELD.load(Relaxed);
    let left = held.saturating_sub(first_of(&FIRST, held));
    assert!(left <= LEFT, "{inputs} inputs left {left} bytes behind");
}

/// What was held when that was asked for the first time, which is now unless it was before.
fn first_of(first: &AtomicUsize, held: usize) -> usize {
    match first.compare_exchange(0, held, Relaxed, Relaxed) {
        Ok(_) => held,
        Err(known) => known,
    }
}

unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let held = HELD.fetch_add(layout.size(), Relaxed).saturating_add(layout.size());
        if held > LIMIT.load(Relaxed) {
            // Nothing may be allocated to say it.
            std::process::abort();
        }
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        HELD.fetch_sub(layout.size(), Relaxed);
        unsafe { System.dealloc(pointer, layout) }
    }
}
