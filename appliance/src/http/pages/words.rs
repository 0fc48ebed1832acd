//! Numbers in words.

/// "2,903".
#[must_use]
pub fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// "1 fact", "2,903 facts".
#[must_use]
pub fn counted(number: u64, one: &str, many: &str) -> String {
    let noun = if number == 1 { one } else { many };
    format!("{} {noun}", grouped(number))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_grouped_and_counted() {
        assert_eq!(counted(1, "fact", "facts"), "1 fact");
        assert_eq!(counted(2_903, "fact", "facts"), "2,903 facts");
        assert_eq!(counted(1_000_000, "fact", "facts"), "1,000,000 facts");
        assert_eq!(counted(0, "fact", "facts"), "0 facts");
    }
}
