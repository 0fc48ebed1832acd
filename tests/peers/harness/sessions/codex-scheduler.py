"""Rust, Codex: a scheduler of jobs; the compiler refuses two borrows first, a test fails for a wrong order, then all passes.
Commands are approved in one turn."""
HARNESS = 'codex'
PROJECT = 'scheduler'
SEED = {
    'Cargo.toml': '[package]\nname = "scheduler"\nversion = "0.1.0"\nedition = "2021"\n', '.gitignore': '/target\n',
    'src/lib.rs': '''//! Runs jobs in the order of their time.

/// A job and when it is due.
#[derive(Debug, Clone, PartialEq)]
pub struct Job {
    pub at: u64,
    pub name: String,
}

/// Jobs that wait.
#[derive(Default)]
pub struct Queue {
    jobs: Vec<Job>,
}

impl Queue {
    pub fn add(&mut self, job: Job) {
        self.jobs.push(job);
    }
}
''',
}
TURNS = [
    turn('The queue should hand out due jobs, the earliest first, and let a caller look at the next one.',
         step(6, 'Reading it.', look('src/lib.rs')),
         step(12, 'due() and next().', edit('src/lib.rs', '''    pub fn add(&mut self, job: Job) {
        self.jobs.push(job);
    }
}
''', '''    pub fn add(&mut self, job: Job) {
        self.jobs.push(job);
    }

    /// The earliest job, still in the queue.
    pub fn next<'q>(&'q self) -> Option<&'q Job> {
        self.jobs.iter().min_by_key(|job| job.at)
    }

    /// Takes out what is due, the earliest first.
    pub fn due(&mut self, now: u64) -> Vec<Job> {
        let mut out = Vec::new();
        for job in self.jobs.iter() {
            if job.at <= now {
                out.push(job.clone());
                self.jobs.retain(|other| other != job);
            }
        }
        out
    }
}
''')),
         step(7, 'A test.', write('tests/queue.rs', '''use scheduler::{Job, Queue};

fn job(at: u64) -> Job {
    Job { at, name: format!("job {at}") }
}

#[test]
fn due_jobs_come_earliest_first() {
    let mut queue = Queue::default();
    for at in [30, 10, 20, 40] {
        queue.add(job(at));
    }
    assert_eq!(queue.next().map(|job| job.at), Some(10));
    assert_eq!(queue.due(30), [job(10), job(20), job(30)]);
    assert_eq!(queue.next().map(|job| job.at), Some(40));
}
''')),
         step(3, '', run('cargo test -q')),
         step(10, 'The queue is borrowed while it changes. Splitting it instead.', edit('src/lib.rs', '''        let mut out = Vec::new();
        for job in self.jobs.iter() {
            if job.at <= now {
                out.push(job.clone());
                self.jobs.retain(|other| other != job);
            }
        }
        out
''', '''        let (out, left): (Vec<Job>, Vec<Job>) = self.jobs.drain(..).partition(|job| job.at <= now);
        self.jobs = left;
        out
''')),
         step(3, '', run('cargo test -q')),
         step(6, 'And in order.', edit('src/lib.rs', '''        let (out, left): (Vec<Job>, Vec<Job>) = self.jobs.drain(..).partition(|job| job.at <= now);
        self.jobs = left;
        out
''', '''        let (mut out, left): (Vec<Job>, Vec<Job>) = self.jobs.drain(..).partition(|job| job.at <= now);
        out.sort_by_key(|job| job.at);
        self.jobs = left;
        out
''')),
         step(3, '', run('cargo test -q')),
         step(3, '', run("git add -A && git commit -q -m 'Due jobs, earliest first' && git log --oneline -1")),
         step(3, 'Due jobs come out earliest first; tests pass; committed.')),
    turn('Run them on worker threads that share the queue.',
         step(14, 'A queue behind a lock, workers in a scope.', write('src/workers.rs', '''//! Workers that share one queue.
use crate::{Job, Queue};
use std::cell::RefCell;
use std::sync::Mutex;

thread_local! {
    static DONE: RefCell<Vec<String>> = RefCell::new(Vec::new());
}

/// Runs all due jobs on `workers` threads; gives how many ran.
pub fn run(queue: &Mutex<Queue>, now: u64, workers: usize, work: &(dyn Fn(&Job) + Sync)) -> usize {
    let jobs = Mutex::new(queue.lock().unwrap().due(now).into_iter());
    std::thread::scope(|scope| {
        let threads: Vec<_> = (0..workers)
            .map(|_| {
                scope.spawn(|| {
                    let mut ran = 0;
                    while let Some(job) = { jobs.lock().unwrap().next() } {
                        work(&job);
                        DONE.with(|done| done.borrow_mut().push(job.name.clone()));
                        ran += 1;
                    }
                    ran
                })
            })
            .collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).sum()
    })
}
'''), edit('src/lib.rs', '//! Runs jobs in the order of their time.\n', '//! Runs jobs in the order of their time.\n\npub mod workers;\n')),
         step(8, '', write('tests/workers.rs', '''use scheduler::{workers, Job, Queue};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::Mutex;

#[test]
fn each_due_job_runs_once() {
    let mut queue = Queue::default();
    for at in 0..50 {
        queue.add(Job { at, name: at.to_string() });
    }
    let count = AtomicUsize::new(0);
    let queue = Mutex::new(queue);
    let ran = workers::run(&queue, 39, 4, &|_| { count.fetch_add(1, Ordering::SeqCst); });
    assert_eq!((ran, count.into_inner()), (40, 40));
}
''')),
         step(3, '', run('cargo test -q')),
         step(4, '', run("git add -A && git commit -q -m 'Workers share the queue'")),
         step(3, 'Four workers take jobs from one queue; each runs once.'), pause=45, approve={'apply_patch': (4, True), 'cargo test': (3, True), 'git': (6, True)}),
    turn('Clean the build folder and start over?',
         step(5, 'That deletes the target folder.', run('rm -rf target && cargo build -q')), step(3, 'Left it.'), pause=20, approve={'rm -rf': (5, False)}),
]
