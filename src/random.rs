//! Random bytes from the operating system.

use ring::rand::{SecureRandom as _, SystemRandom};

/// `N` bytes fit for secrets.
pub fn bytes<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    SystemRandom::new().fill(&mut bytes).expect("getrandom(2) does not fail once the kernel has booted");
    bytes
}

/// Random numbers drawn many at a time, for what is asked for with each event. Not for secrets: a copy of the memory,
/// as a snapshot of the machine holds it, knows the next ones.
pub struct Numbers {
    drawn: [u8; 256],
    left: usize,
}

impl Default for Numbers {
    fn default() -> Self {
        Self { drawn: [0; 256], left: 0 }
    }
}

impl Numbers {
    /// The next one.
    pub fn next_u32(&mut self) -> u32 {
        const BYTES: usize = size_of::<u32>();
        if self.left < BYTES {
            (self.drawn, self.left) = (bytes(), self.drawn.len());
        }
        self.left -= BYTES;
        let mut number = [0; BYTES];
        number.copy_from_slice(&self.drawn[self.left..self.left + BYTES]);
        u32::from_be_bytes(number)
    }
}

#[cfg(test)]
mod tests {
    use super::Numbers;
    use std::collections::BTreeSet;

    #[test]
    fn each_number_is_given_once() {
        let mut numbers = Numbers::default();
        let given: BTreeSet<u32> = (0..1000).map(|_| numbers.next_u32()).collect();
        // Of 1,000 of four billion numbers two are alike once in 8,600 runs, four or more never.
        assert!(given.len() > 996, "{}", given.len());
    }
}
