//! Charts, drawn on the server: coordinates here, markup in `templates/svg`.
//!
//! Round is a measurement, square is a state. Coordinates are percent, so a chart
//! is crisp at any width and its text keeps its size; colours come by class alone.

pub(crate) mod domains;
pub(crate) mod graph;
pub(crate) mod history;
pub(crate) mod life;
pub(crate) mod mark;
pub(crate) mod track;

/// A coordinate with two decimals at most, without a trailing zero.
pub(crate) fn coord(value: f64) -> String {
    let text = format!("{value:.2}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

#[cfg(test)]
mod tests {
    use super::coord;

    #[test]
    fn coordinates_are_short() {
        assert_eq!(coord(41.0), "41");
        assert_eq!(coord(37.604), "37.6");
        assert_eq!(coord(0.0), "0");
        assert_eq!(coord(100.0), "100");
    }
}
