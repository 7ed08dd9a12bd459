//! Random bytes from the operating system.

use ring::rand::{SecureRandom as _, SystemRandom};

/// `N` bytes fit for secrets.
pub fn bytes<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    SystemRandom::new().fill(&mut bytes).expect("getrandom(2) does not fail once the kernel has booted");
    bytes
}
