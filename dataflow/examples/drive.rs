//! scratch
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;
use dataflow::bench::{drive, load};
fn main() {
    let arg = |n: usize, d: &str| std::env::args().nth(n).unwrap_or(d.into());
    let stores = arg(1, "50").parse().unwrap();
    let items = arg(2, "20000").parse().unwrap();
    let events = arg(3, "1000000").parse().unwrap();
    let workers: Vec<usize> = arg(4, "1").split(',').map(|w| w.parse().unwrap()).collect();
    let size = load::Size { stores, items, events, ..load::Size::FULL };
    let load = load::Load::new(size).unwrap();
    let work = drive::Decoded::new(&load).unwrap();
    eprintln!("opening {} rush {}", work.opening.len(), work.rush.len());
    drop(load);
    for w in workers {
        let t = drive::from_memory(work.clone(), w).unwrap();
        eprintln!(
            "{w} workers: {:.0}/s cpu/M {:.2} s lines {} bytes {} hash {:x} wall {:?}",
            t.rate(),
            t.cpu_per_million(),
            t.lines,
            t.bytes,
            t.hash,
            t.wall
        );
    }
}
