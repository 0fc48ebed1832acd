//! The task that keeps one worker running.

use super::process::{Broken, Exchange, Greeting, Running};
use super::queue::{Queue, Waiting};
use super::{Counters, Pace, State};
use crate::wire::{Answer, MAX_FRAME};
use crate::{About, Down, Reason, SandboxReport, Spec};
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;
use tokio::sync::{oneshot, watch};

/// What the task and its handles share.
pub(super) struct Shared {
    pub spec: Option<Spec>,
    pub queue: Queue,
    pub state: watch::Sender<State>,
    pub counts: Counters,
}

impl Shared {
    fn off(&self, reason: Reason) {
        self.queue.close(&Down::Worker(reason.clone()));
        self.state.send_replace(State::Off { reason });
    }
}

/// How a process' time ended.
enum End {
    /// Nobody wants it any more.
    Stopped,
    /// For this reason.
    Because {
        reason: Reason,
        /// Whether it had been of use.
        useful: bool,
        /// Who asked for the job at which it ended; told once the state says so too.
        owed: Option<(Reply, Down)>,
    },
}

type Reply = oneshot::Sender<Result<Answer, Down>>;

fn tell(owed: Option<(Reply, Down)>) {
    if let Some((reply, down)) = owed {
        let _ = reply.send(Err(down));
    }
}

/// Runs until it is stopped, or until trying again cannot help.
pub(super) async fn supervise(
    spec: Spec,
    pace: Pace,
    shared: Arc<Shared>,
    mut stop: watch::Receiver<bool>,
    ended: watch::Sender<()>,
) {
    let mut restarts = 0;
    let mut wait = pace.first;
    loop {
        shared.state.send_replace(State::Starting { restarts });
        shared.counts.starts.fetch_add(1, Relaxed);
        let (reason, useful, owed) = match life(&spec, pace, restarts, &shared, &mut stop).await {
            End::Stopped => break shared.off(Reason::Stopped),
            End::Because {
                reason,
                useful,
                owed,
            } => (reason, useful, owed),
        };
        if !reason.may_pass() {
            tracing::error!(code = reason.code(), "the model is off: {reason}");
            shared.off(reason);
            break tell(owed);
        }
        if useful {
            wait = pace.first;
        }
        tracing::warn!(
            code = reason.code(),
            restarts,
            "the model is down, next try in {} ms: {reason}",
            wait.as_millis()
        );
        shared.queue.close(&Down::Worker(reason.clone()));
        shared.state.send_replace(State::Down {
            reason,
            restarts,
            retry_in_s: wait.as_secs().max(1),
        });
        tell(owed);
        tokio::select! {
            () = stopped(&mut stop) => break shared.off(Reason::Stopped),
            () = tokio::time::sleep(wait) => {}
        }
        wait = pace.most.min(wait * 2);
        restarts += 1;
        shared.counts.restarts.fetch_add(1, Relaxed);
    }
    drop(ended);
}

/// Somebody said stop, or nobody is left who could.
async fn stopped(stop: &mut watch::Receiver<bool>) {
    let _ = stop.wait_for(|stop| *stop).await;
}

/// From start to end of one process, which is gone when this returns.
async fn life(
    spec: &Spec,
    pace: Pace,
    restarts: u64,
    shared: &Shared,
    stop: &mut watch::Receiver<bool>,
) -> End {
    let mut worker = match Running::spawn(spec) {
        Ok(worker) => worker,
        Err(reason) => return useless(reason),
    };
    let pid = worker.pid;
    let limit = Duration::from_secs(spec.limits.start_s);
    let greeted = tokio::select! {
        biased;
        () = stopped(stop) => None,
        greeted = tokio::time::timeout(limit, worker.greet(spec)) => Some(greeted),
    };
    let (about, sandbox) = match greeted {
        Some(Ok(Ok(ready))) => ready,
        Some(Ok(Err(Greeting::Broken(broken)))) => return useless(worker.end(broken).await),
        Some(Ok(Err(Greeting::Told(reason)))) => {
            worker.kill().await;
            return useless(reason);
        }
        Some(Err(_)) => {
            worker.kill().await;
            let seconds = spec.limits.start_s;
            return useless(Reason::Deadline { seconds });
        }
        None => {
            worker.kill().await;
            return End::Stopped;
        }
    };
    announce(&about, &sandbox, pid);
    shared.queue.open();
    shared.state.send_replace(State::Ready {
        about,
        sandbox,
        pid,
        restarts,
    });
    serve(worker, spec, pace, shared, stop).await
}

fn useless(reason: Reason) -> End {
    End::Because {
        reason,
        useful: false,
        owed: None,
    }
}

fn announce(about: &About, sandbox: &SandboxReport, pid: u32) {
    let name = |part: &Option<crate::Loaded>| part.as_ref().map(|part| part.name.clone());
    let (generator, embedder) = (name(&about.generator), name(&about.embedder));
    tracing::info!(
        pid,
        ?generator,
        ?embedder,
        degraded = sandbox.degraded,
        "the model is ready"
    );
}

/// One job at a time.
async fn serve(
    mut worker: Running,
    spec: &Spec,
    pace: Pace,
    shared: &Shared,
    stop: &mut watch::Receiver<bool>,
) -> End {
    let limit = Duration::from_secs(spec.limits.job_s);
    let good_while = tokio::time::sleep(pace.good);
    tokio::pin!(good_while);
    let (mut id, mut useful) = (0_u64, false);
    loop {
        let waiting = tokio::select! {
            biased;
            () = stopped(stop) => {
                worker.kill().await;
                return End::Stopped;
            }
            broken = worker.broken_while_idle() => {
                shared.counts.died_idle.fetch_add(1, Relaxed);
                let reason = worker.end(broken).await;
                return End::Because { reason, useful, owed: None };
            }
            () = &mut good_while, if !useful => {
                useful = true;
                continue;
            }
            waiting = shared.queue.next() => waiting,
        };
        id += 1;
        let Waiting { ask, reply } = waiting;
        let counts = &shared.counts;
        counts.working.store(1, Relaxed);
        let exchange = tokio::select! {
            biased;
            () = stopped(stop) => None,
            exchange = tokio::time::timeout(limit, worker.exchange(id, &ask)) => Some(exchange),
        };
        counts.working.store(0, Relaxed);
        // Whoever asked may have gone; what was counted was done all the same.
        let answer = match exchange {
            Some(Ok(Exchange::Answered(answer))) => {
                counts.done.fetch_add(1, Relaxed);
                useful = true;
                Ok(answer)
            }
            Some(Ok(Exchange::Refused(cause))) => {
                counts.refused.fetch_add(1, Relaxed);
                Err(Down::Refused(cause))
            }
            Some(Ok(Exchange::TooLarge(size))) => {
                counts.refused.fetch_add(1, Relaxed);
                Err(Down::TooLarge {
                    what: "the job's size in bytes",
                    is: usize::try_from(size).unwrap_or(usize::MAX),
                    limit: MAX_FRAME,
                })
            }
            Some(Ok(Exchange::Broken(broken))) => {
                counts.died.fetch_add(1, Relaxed);
                let reason = worker.end(broken).await;
                let owed = Some((reply, Down::Died(reason.clone())));
                return End::Because {
                    reason,
                    useful,
                    owed,
                };
            }
            Some(Err(_)) => {
                counts.late.fetch_add(1, Relaxed);
                let seconds = spec.limits.job_s;
                let how = format!("a job took longer than {seconds} s");
                let reason = worker.end(Broken::Said(how)).await;
                let owed = Some((reply, Down::Late(seconds)));
                return End::Because {
                    reason,
                    useful,
                    owed,
                };
            }
            None => {
                let _ = reply.send(Err(Down::Worker(Reason::Stopped)));
                worker.kill().await;
                return End::Stopped;
            }
        };
        let _ = reply.send(answer);
    }
}
