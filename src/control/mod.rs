//! (to come)
pub mod changes;
pub mod clock;
pub mod descriptors;
pub mod files;
pub mod listeners;
pub mod observed;
pub mod reload;
mod reservations;
pub mod source;
mod states;
#[cfg(test)]
mod testing;
