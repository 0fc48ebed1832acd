//! Machines that are ready, that are not quite, and that are not.

use super::name::{Leads, leads, name, names};
use super::*;

const OLDEST: KernelVersion = KernelVersion {
    major: 5,
    minor: 13,
};

#[test]
fn a_kernel_is_compared_by_its_numbers() {
    assert_eq!(kernel("6.1.0-18-amd64", OLDEST).verdict, Verdict::Pass);
    assert_eq!(kernel("5.13.0", OLDEST).verdict, Verdict::Pass);
    assert_eq!(kernel("5.4.0-150-generic", OLDEST).verdict, Verdict::Care);
    assert_eq!(kernel("unreadable", OLDEST).verdict, Verdict::Care);
}

#[test]
fn what_keeps_the_worker_in_its_place_is_looked_for() {
    assert_eq!(
        landlock(Some("capability,landlock,yama\n")).verdict,
        Verdict::Pass
    );
    let off = landlock(Some("capability,yama"));
    assert!(
        off.verdict == Verdict::Care && off.fix.contains("allow-degraded"),
        "{off:?}"
    );
    assert_eq!(landlock(None).verdict, Verdict::Care);
    assert_eq!(
        seccomp(Some("Name:\tx\nSeccomp:\t0\n")).verdict,
        Verdict::Pass
    );
    assert_eq!(seccomp(Some("Name:\tx\n")).verdict, Verdict::Care);
    let old = processor(Some("it has no AVX2".to_owned()));
    assert!(old.verdict == Verdict::Care && old.fix.contains("all else works"));
}

#[test]
fn memory_stops_below_what_the_appliance_needs_and_warns_below_what_the_model_wants() {
    let meminfo =
        |free: u64| format!("MemTotal: 4000000 kB\nMemFree: 1 kB\nMemAvailable: {free} kB\n");
    let verdict = |free, model| memory(Some(&meminfo(free)), 256, 1024, model).verdict;
    assert_eq!(verdict(100_000, false), Verdict::Stop);
    assert_eq!(verdict(500_000, false), Verdict::Pass);
    assert_eq!(verdict(500_000, true), Verdict::Care);
    assert_eq!(verdict(2_000_000, true), Verdict::Pass);
    assert_eq!(memory(None, 256, 1024, true).verdict, Verdict::Care);
}

fn manifest() -> Manifest {
    let digest = "0".repeat(64);
    let text = serde_json::json!({
        "format": 1, "product": bundle_manifest::PRODUCT, "version": "1.0.0",
        "target": bundle_manifest::TARGET, "commit": "c", "created": "2026-11-24",
        "requires": {"kernel": "5.13", "cpu": [], "cpu_for_model": [], "memory_mb": 1,
                     "memory_for_model_mb": 1},
        "models": [],
        "files": [{"path": bundle_manifest::PRODUCT, "bytes": 1, "sha256": digest, "kind": "program",
                   "mode": "0755"}],
    });
    Manifest::parse(text.to_string().as_bytes()).unwrap()
}

#[test]
fn a_clock_before_the_release_stops_and_one_far_behind_it_warns() {
    let built = 1_795_478_400;
    let verdict = |now| clock(now, &manifest()).verdict;
    assert_eq!(verdict(0), Verdict::Stop);
    assert_eq!(verdict(built - 2 * 86_400), Verdict::Stop);
    assert_eq!(verdict(built - 3_600), Verdict::Pass);
    assert_eq!(verdict(built + 300 * 86_400), Verdict::Pass);
    assert_eq!(verdict(built + 6 * 365 * 86_400), Verdict::Care);
}

#[test]
fn a_disk_that_is_too_small_stops() {
    let row = program_disk(Path::new("/"), u64::MAX / 2);
    assert_eq!(row.verdict, Verdict::Stop);
    assert!(row.fix.contains("MB"), "{row:?}");
    // Flags of a mount point that every Linux has.
    assert_eq!(
        existing(Path::new("/proc/no/such/folder")),
        Path::new("/proc")
    );
}

#[test]
fn a_flush_is_tried_and_leaves_nothing() {
    let scratch = tempfile::tempdir().unwrap();
    let edges = Edges::system();
    let row = flush(&scratch.path().join("data"), &edges);
    assert_ne!(row.verdict, Verdict::Stop, "{row:?}");
    assert_eq!(fs::read_dir(scratch.path()).unwrap().count(), 0);
    // A file system that takes no files.
    let row = flush(Path::new("/proc/data"), &edges);
    assert_eq!(row.verdict, Verdict::Stop, "{row:?}");
}

fn wanted<'a>(hosts: &'a [String], people: SocketAddr, data_dir: &'a Path) -> Wanted<'a> {
    Wanted {
        manifest: None,
        data_dir,
        hosts,
        people,
        devices: SocketAddr::from(([127, 0, 0, 1], 0)),
        networks: &[],
        model: false,
        installed: None,
        keeps_data: false,
    }
}

#[test]
fn a_port_that_is_held_stops_unless_we_hold_it() {
    use crate::install::machine::pretend::Pretend;
    let held = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = held.local_addr().unwrap();
    let machine = Pretend::default();
    let mut all = wanted(&[], address, Path::new("/srv/d"));
    let row = ports(&all, &machine);
    assert!(
        row.verdict == Verdict::Stop && row.fix.contains("ss -ltnp"),
        "{row:?}"
    );
    machine.service(&["start", UNIT]).unwrap();
    let version = Version::new(1, 0, 0);
    all.installed = Some(&version);
    assert_eq!(ports(&all, &machine).verdict, Verdict::Pass);
    all.devices = all.people;
    assert_eq!(ports(&all, &machine).verdict, Verdict::Stop);
}

#[test]
fn a_name_is_looked_up_and_compared_with_this_machine() {
    let here = |ip: &str| Leads::Here(ip.parse().unwrap());
    let away = |ip: &str| Leads::Elsewhere(ip.parse().unwrap());
    let verdict = |host, leads| name(host, leads, &[]).verdict;
    assert_eq!(verdict("skills.example", here("10.1.2.3")), Verdict::Pass);
    assert_eq!(verdict("skills.example", away("10.1.2.3")), Verdict::Care);
    assert_eq!(verdict("skills.example", Leads::Nowhere), Verdict::Care);
    assert_eq!(
        verdict("https://skills.example", here("10.1.2.3")),
        Verdict::Stop
    );
    let public = name("skills.example", here("203.0.113.7"), &[]);
    assert!(
        public.verdict == Verdict::Care && public.fix.contains("--network"),
        "{public:?}"
    );
    let network = Network::parse("203.0.113.0/24").unwrap();
    assert_eq!(
        name("skills.example", here("203.0.113.7"), &[network]).verdict,
        Verdict::Pass
    );
    assert!(matches!(leads("localhost"), Leads::Here(_)));
}

#[test]
fn without_a_name_it_is_said_who_can_reach_it() {
    let all = names(&wanted(
        &[],
        SocketAddr::from(([0, 0, 0, 0], 8443)),
        Path::new("/srv/d"),
    ));
    assert!(
        all[0].verdict == Verdict::Care && all[0].fix.contains("--host"),
        "{all:?}"
    );
    let mut kept = wanted(
        &[],
        SocketAddr::from(([0, 0, 0, 0], 8443)),
        Path::new("/srv/d"),
    );
    kept.keeps_data = true;
    assert!(names(&kept).is_empty(), "data have their own configuration");
}

#[test]
fn data_may_not_lie_where_the_service_cannot_see_them() {
    let address = SocketAddr::from(([127, 0, 0, 1], 0));
    for dir in ["/home/x/data", "/tmp/data", "/root"] {
        let row = data_disk(&wanted(&[], address, Path::new(dir)));
        assert_eq!(row.verdict, Verdict::Stop, "{dir}");
    }
    // A name that only begins like one of them.
    let row = data_disk(&wanted(&[], address, Path::new("/homes/data")));
    assert!(!row.found.contains("cannot see"), "{row:?}");
}

#[test]
fn data_of_an_earlier_install_are_known_and_other_files_are_refused() {
    let scratch = tempfile::tempdir().unwrap();
    let dir = scratch.path().join("data");
    assert!(!holds_data(&dir).unwrap());
    fs::create_dir(&dir).unwrap();
    assert!(!holds_data(&dir).unwrap());
    fs::write(dir.join("holiday.jpg"), "x").unwrap();
    assert_eq!(holds_data(&dir).unwrap_err().code(), "B033");
    fs::write(dir.join(crate::config::FILE), "").unwrap();
    assert!(holds_data(&dir).unwrap());
}

#[test]
fn the_worst_line_decides_and_every_stop_is_told() {
    let report = Report::of(vec![
        Row::pass("a", "well"),
        Row::stop("b", "not well", "mend b"),
        Row::care("c", "so so", "watch c"),
        Row::stop("d", "neither", "mend d"),
    ]);
    assert_eq!(report.verdict, Verdict::Stop);
    let text = report.require().unwrap_err().to_string();
    assert!(
        text.contains("b: not well. mend b") && text.contains("d: neither. mend d"),
        "{text}"
    );
    assert!(report.text().contains("STOP  b"));
    assert!(
        Report::of(vec![Row::care("c", "so so", "")])
            .require()
            .is_ok()
    );
}

#[test]
fn selinux_is_named_where_it_is_enforced() {
    assert!(selinux(Some("1\n")).is_some());
    assert!(selinux(Some("0\n")).is_none() && selinux(None).is_none());
}
