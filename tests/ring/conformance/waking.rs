//! Ending the wait of a ring.

use super::on_both_kernels;

on_both_kernels! { threads_and_rings_end_a_wait }

mod scripts {
    use ringswitch::ids::ShardId;
    use ringswitch::ring::{Operation, Ring, Wait};

    use super::super::bench::{Bench, Report};
    use crate::kernels::Kernel;

    pub fn threads_and_rings_end_a_wait<K: Kernel>(_: &mut Bench<K>) -> Report {
        let mut bench = Bench::<K>::with(2, 1);
        bench.linger();
        let mut completions = Vec::new();
        for _ in 0..3 {
            let waker = bench.ring.waker();
            std::thread::spawn(move || waker.wake()).join().expect("no panic");
            assert!(bench.kernel.ends_wait(ShardId(0), &mut bench.ring), "woken by a thread");
            bench.ring.push(Operation::Wake { shard: ShardId(1) });
            bench.ring.enter(Wait::No, &mut completions);
            assert!(bench.kernel.ends_wait(ShardId(1), &mut bench.others[0]), "woken by a ring");
        }
        bench.linger();
        vec![format!("completions of wakes: {}", completions.len())]
    }
}
