//! How often inspection of ordinary requests asks for memory, held to bounds. A test of its own binary, because it takes
//! the place of the allocator.
//!
//! The bounds are the counts themselves: what is asked for is for the request as a whole (the list of its fields, the
//! tokens of a document), and nothing for a point. Ten times as many values take as many allocations.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

use bartizan_detect::{Engine, NoPolicy, Policy, inspect};
use bartizan_request::{Limits, PointPath, Role};

#[path = "../examples/speed/requests.rs"]
#[expect(dead_code, reason = "the worst requests are measured elsewhere")]
mod requests;

struct Counting;

thread_local! {
    static ALLOCATIONS: Cell<usize> = const { Cell::new(0) };
}

#[expect(unsafe_code, reason = "an allocator can be written in no other way")]
// SAFETY: every call is passed on to the allocator of the system unchanged, which keeps the promises of the trait. The
// count beside it is a number of the thread that is initialised as a constant, so touching it never allocates.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let _ = ALLOCATIONS.try_with(|count| count.set(count.get() + 1));
        // SAFETY: the caller's layout, as it is.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        // SAFETY: what `alloc` gave, which the system's allocator made with the same layout.
        unsafe { System.dealloc(pointer, layout) }
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        let _ = ALLOCATIONS.try_with(|count| count.set(count.get() + 1));
        // SAFETY: as above.
        unsafe { System.realloc(pointer, layout, size) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// Counts what it is shown.
struct Points(usize);

impl Policy for Points {
    fn value_seen(&mut self, _: &PointPath<'_>, _: &[u8], _: Role) {
        self.0 += 1;
    }
}

#[test]
fn points_of_ordinary_requests_take_no_memory_of_their_own() {
    let bounds = [
        ("JSON order, 80 values", 8),
        ("JSON order, 800 values", 8),
        ("JSON with 8 KB of prose", 8),
        ("form, 60 fields", 13),
        ("GET, 6 headers", 6),
        ("GET, 12 headers", 8),
    ];
    let engine = Engine::new();
    let limits = Limits::default();
    let mut over = Vec::new();
    let samples = requests::benign();
    assert_eq!(samples.len(), bounds.len());
    for (sample, (name, bound)) in samples.iter().zip(bounds) {
        assert_eq!(sample.name, name);
        let headers = sample.headers();
        let parts = sample.parts(&headers);
        let mut points = Points(0);
        // The first time compiles the patterns that a request needs.
        let found = inspect(&engine, &parts, &limits, &mut points);
        assert_eq!(found.detections, [], "{name}");
        let before = ALLOCATIONS.get();
        let _ = inspect(&engine, &parts, &limits, &mut NoPolicy);
        let count = ALLOCATIONS.get() - before;
        if count > bound {
            over.push(format!("{name}: {count} allocations for {} points, {bound} allowed", points.0));
        }
    }
    assert_eq!(over, Vec::<String>::new());
}
