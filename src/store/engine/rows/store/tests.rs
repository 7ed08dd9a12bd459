//! Against a plain map: random publishes, freezes and checkpoint steps, readers that are held across them, crashes and
//! failures at every call of the base.

mod carteiro;
mod damage;
mod faults;
mod model;
mod overlay_memory;
mod random;
mod real_sled;
mod sled_memory;
mod small;
mod threads;
mod unguarded;
