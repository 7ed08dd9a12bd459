//! Against a plain map: random publishes, freezes and checkpoint steps, readers that are held across them, crashes and
//! failures at every call of the base.

mod faults;
mod model;
mod random;
mod small;
