//! Ordered maps and sets, filled one by one.

/// Gathers what an iterator gives into a `BTreeMap` or `BTreeSet`.
pub trait Gather: Iterator + Sized {
    /// As `collect`, which sorts before it builds: a sort of its own for each type of keys and values, 5 KB of the
    /// binary each. What is gathered here is small, or in order already.
    fn gather<C: Default + Extend<Self::Item>>(self) -> C {
        let mut all = C::default();
        all.extend(self);
        all
    }
}

impl<I: Iterator> Gather for I {}

#[cfg(test)]
mod tests {
    use super::Gather as _;
    use std::collections::BTreeMap;

    #[test]
    fn of_two_with_one_key_the_later_stays() {
        let pairs = [("b", 1), ("a", 2), ("b", 3)];
        let all: BTreeMap<&str, u32> = pairs.into_iter().gather();
        assert_eq!(all, pairs.into_iter().collect());
        assert_eq!(all["b"], 3);
    }
}
