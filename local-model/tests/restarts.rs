//! Fifty deaths, in a process of their own, because its descriptors are counted.

use crate::common::{Place, tell, until};
use local_model::{Down, State};

fn descriptors() -> usize {
    std::fs::read_dir("/proc/self/fd").expect("listed").count()
}

#[test]
fn fifty_restarts_leave_nothing_behind() {
    let own = std::env::current_exe().expect("a test has a program");
    let alone = std::process::Command::new(own)
        .args(["--ignored", "--exact", "--test-threads=1"])
        .arg("restarts::alone_fifty_restarts_are_counted_and_leave_nothing_behind")
        .output()
        .expect("it starts");
    let said = String::from_utf8_lossy(&alone.stdout);
    assert!(
        alone.status.success() && said.contains("1 passed"),
        "{said}"
    );
}

#[tokio::test]
#[ignore = "started by the test above, alone"]
async fn alone_fifty_restarts_are_counted_and_leave_nothing_behind() {
    let place = Place::new("");
    let host = place.ready().await;
    let before = descriptors();
    for n in 1..=50 {
        assert!(tell(&host, "fine").await.is_ok());
        let told = tell(&host, "die").await;
        assert!(matches!(told, Err(Down::Died(_))), "{told:?}");
        until(
            &host,
            |s| matches!(s, State::Ready { restarts, .. } if *restarts == n),
        )
        .await;
        assert_eq!(host.counts().restarts, n);
    }
    assert_eq!(descriptors(), before);
    let counts = host.counts();
    assert_eq!((counts.starts, counts.done, counts.died), (51, 50, 50));
    host.stop().await;
    let own = std::process::id();
    let children = std::fs::read_to_string(format!("/proc/{own}/task/{own}/children"));
    assert_eq!(
        children.unwrap_or_default(),
        "",
        "no child is left, not even a dead one"
    );
}
