use crate::kernels::{Loopback, Simulated};

mod bench;
mod closing;
mod opening;
mod receiving;
mod sending;
mod waking;

/// A test that runs a script on both kernels and compares what they said.
macro_rules! on_both_kernels {
    ($($script:ident)+) => {
        $(
            #[test]
            fn $script() {
                let real = scripts::$script(&mut super::bench::Bench::<super::Loopback>::new());
                let fake = scripts::$script(&mut super::bench::Bench::<super::Simulated>::new());
                assert_eq!(real, fake, "left: the real ring, right: the fake one");
            }
        )+
    };
}
use on_both_kernels;
