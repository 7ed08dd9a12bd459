//! The nearest right name for a wrong one.

/// Other spellings that are close enough to be a slip of the fingers: a third of the letters, at least one.
pub fn nearest<'a>(wrong: &str, right: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    // A name of any length may stand in the file, and the distance takes time in proportion to both lengths.
    const LONGEST: usize = 100;
    if wrong.len() > LONGEST {
        return None;
    }
    let folded = wrong.to_lowercase().replace('-', "_");
    let bound = (folded.chars().count() / 3).max(1);
    right
        .into_iter()
        .map(|name| (strsim::damerau_levenshtein(&folded, &name.to_lowercase()), name))
        .filter(|(distance, _)| *distance <= bound)
        .min()
        .map(|(_, name)| name)
}

#[cfg(test)]
mod tests {
    use super::nearest;

    #[test]
    fn slips_are_found_and_strangers_are_not() {
        let names = ["timeout", "connect_timeout", "max_attempts", "env"];
        assert_eq!(nearest("max_atempts", names), Some("max_attempts"));
        assert_eq!(nearest("Max-Attempts", names), Some("max_attempts"));
        assert_eq!(nearest("tiemout", names), Some("timeout"));
        assert_eq!(nearest("evn", names), Some("env"));
        assert_eq!(nearest("colour", names), None);
        assert_eq!(nearest("", names), None);
        assert_eq!(nearest(&"t".repeat(1_000_000), names), None);
    }
}
