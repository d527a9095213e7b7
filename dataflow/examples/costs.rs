//! scratch
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;
use dataflow::bench::{drive, inside::inside, load};
use dataflow::feed::Batch;
fn main() {
    let arg = |n: usize, d: &str| std::env::args().nth(n).unwrap_or(d.into());
    let stores = arg(1, "50").parse().unwrap();
    let items = arg(2, "20000").parse().unwrap();
    let events = arg(3, "1000000").parse().unwrap();
    let size = load::Size { stores, items, events, ..load::Size::FULL };
    let load = load::Load::new(size).unwrap();
    let work = drive::Decoded::new(&load).unwrap();
    let first = work.opening[0].0;
    inside(work.settings.clone(), first, move |job| {
        let opened = work.opened();
        job.take(Batch { records: work.opening, upto: opened })?;
        job.ran();
        let t = std::time::Instant::now();
        let n = work.rush.len();
        let mut rush = work.rush.into_iter().peekable();
        while let Some(upto) = rush.peek().map(|b| b.0) {
            let records = std::iter::from_fn(|| rush.next_if(|b| b.0 == upto)).collect();
            job.take(Batch { records, upto })?;
        }
        let el = t.elapsed();
        let mut ran: Vec<_> = job.ran().into_iter().collect();
        ran.sort_by_key(|r| std::cmp::Reverse(r.1));
        println!("{:.0}/s {:?}", n as f64 / el.as_secs_f64(), el);
        for (name, d) in ran {
            println!("{:8.0} ns/event {name}", d.as_nanos() as f64 / n as f64);
        }
        Ok::<_, dataflow::error::Error>(())
    })
    .unwrap();
}
