//! What the processor can do, asked before native code runs.
//!
//! llama.cpp is built with these instructions and does not ask: on a processor without them the
//! worker would die of SIGILL when a model is first used. This crate is built for the x86-64
//! baseline, so that it can say so. candle asks for itself.

use crate::Reason;

/// What the native engine was built with, in the words of `/proc/cpuinfo`; a test of the engine
/// compares them with the build's own.
pub const INSTRUCTIONS: [&str; 6] = ["sse4_2", "avx", "avx2", "fma", "f16c", "bmi2"];

/// Refuses a processor that lacks one of [`INSTRUCTIONS`].
///
/// # Errors
/// [`Reason::Instructions`] with all that are missing.
pub fn check_processor() -> Result<(), Reason> {
    judge(|name| match name {
        "sse4_2" => std::arch::is_x86_feature_detected!("sse4.2"),
        "avx" => std::arch::is_x86_feature_detected!("avx"),
        "avx2" => std::arch::is_x86_feature_detected!("avx2"),
        "fma" => std::arch::is_x86_feature_detected!("fma"),
        "f16c" => std::arch::is_x86_feature_detected!("f16c"),
        "bmi2" => std::arch::is_x86_feature_detected!("bmi2"),
        _ => false,
    })
}

fn judge(has: impl Fn(&str) -> bool) -> Result<(), Reason> {
    let missing: Vec<&str> = INSTRUCTIONS.into_iter().filter(|name| !has(name)).collect();
    if missing.is_empty() {
        return Ok(());
    }
    Err(Reason::Instructions {
        missing: missing.join(", "),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_missing_is_named_and_nothing_else() {
        let nehalem = judge(|name| name == "sse4_2");
        assert_eq!(
            nehalem,
            Err(Reason::Instructions {
                missing: "avx, avx2, fma, f16c, bmi2".into()
            })
        );
        assert_eq!(
            judge(|name| name != "f16c").map_err(|r| r.to_string()),
            Err("this processor lacks f16c".into())
        );
        assert_eq!(judge(|_| true), Ok(()));
    }

    #[test]
    fn this_processor_is_judged_as_the_kernel_describes_it() {
        let described = std::fs::read_to_string("/proc/cpuinfo").expect("cpuinfo");
        let flags: Vec<&str> = (described.lines())
            .find_map(|line| line.strip_prefix("flags"))
            .expect("flags")
            .split_whitespace()
            .collect();
        assert_eq!(check_processor(), judge(|name| flags.contains(&name)));
    }
}
