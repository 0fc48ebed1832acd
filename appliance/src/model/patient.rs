//! A model that is asked with patience: for work that nobody waits for.
//!
//! Measuring takes minutes. On a busy machine a call may take longer than a job is allowed, and the
//! worker may be ended in between; neither must begin the work anew. So calls are as small as the
//! last ones were slow, one that came to nothing is asked again in smaller parts, and while the
//! worker is started anew, this waits.
//!
//! Invariant: the answers are those of the model, in the order asked, whatever the calls' sizes: a
//! job's answer does not depend on its neighbours.

use crate::edges::Clock;
use local_model::{
    Continuations, Down, Embedding, Host, Likelihood, MAX_TEXTS, Model, Reason, State,
};
use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::time::Duration;

/// A call should take about as long; half of it is short.
const CALL: Duration = Duration::from_secs(4);
/// How often the same call may come to nothing; a death is often told twice.
const TRIES: u32 = 5;
/// Score jobs of the first call, and of any at most.
const JOBS: (usize, usize) = (4, 32);
/// Texts of the first call, and of any at most.
const TEXTS: (usize, usize) = (16, MAX_TEXTS);
/// After which a full queue is tried again.
const PAUSE: Duration = Duration::from_millis(500);

/// See the module.
pub struct Patient {
    host: Host,
    clock: Arc<dyn Clock>,
    jobs: AtomicUsize,
    texts: AtomicUsize,
}

impl Patient {
    /// Asks this host, after whoever waits for it.
    #[must_use]
    pub fn new(host: &Host, clock: Arc<dyn Clock>) -> Self {
        Self {
            host: host.background(),
            clock,
            jobs: JOBS.0.into(),
            texts: TEXTS.0.into(),
        }
    }

    async fn ask<Q, A, F>(
        &self,
        asked: Vec<Q>,
        (size, most): (&AtomicUsize, usize),
        call: impl Fn(Vec<Q>) -> F + Send + Sync,
    ) -> Result<Vec<A>, Down>
    where
        Q: Clone + Send + Sync,
        A: Send,
        F: Future<Output = Result<Vec<A>, Down>> + Send,
    {
        let (mut answers, mut failures) = (Vec::with_capacity(asked.len()), 0);
        while answers.len() < asked.len() {
            let from = answers.len();
            let many = size.load(Relaxed).clamp(1, most).min(asked.len() - from);
            let begun = self.clock.ticks();
            match call(asked[from..from + many].to_vec()).await {
                Ok(some) if some.len() == many => {
                    failures = 0;
                    answers.extend(some);
                    size.store(next_size(many, self.took(begun), most), Relaxed);
                }
                Ok(_) => return Err(Down::Refused("answers are missing".to_owned())),
                Err(down) if failures < TRIES && may_pass(&down) => {
                    failures += 1;
                    size.store((many / 2).max(1), Relaxed);
                    tracing::debug!(many, failures, "the model is asked again: {down}");
                    self.again(&down).await?;
                }
                Err(down) => return Err(down),
            }
        }
        Ok(answers)
    }

    fn took(&self, begun: Duration) -> Duration {
        self.clock.ticks().saturating_sub(begun)
    }

    /// Until there is something to be asked again.
    async fn again(&self, down: &Down) -> Result<(), Down> {
        if matches!(down, Down::Busy(_)) {
            tokio::time::sleep(PAUSE).await;
        }
        let mut states = self.host.subscribe();
        let settled = |state: &State| matches!(state, State::Ready { .. } | State::Off { .. });
        match states.wait_for(settled).await.as_deref() {
            Ok(State::Off { reason }) => Err(Down::Worker(reason.clone())),
            Ok(_) => Ok(()),
            Err(_) => Err(Down::Worker(Reason::Stopped)),
        }
    }
}

impl Model for Patient {
    async fn score(&self, jobs: Vec<Continuations>) -> Result<Vec<Vec<Likelihood>>, Down> {
        let call = |jobs| self.host.score(jobs);
        self.ask(jobs, (&self.jobs, JOBS.1), call).await
    }

    async fn embed(&self, texts: Vec<String>) -> Result<Vec<Embedding>, Down> {
        let call = |texts| self.host.embed(texts);
        self.ask(texts, (&self.texts, TEXTS.1), call).await
    }
}

/// Twice as many after a short call, half after a long one.
fn next_size(many: usize, took: Duration, most: usize) -> usize {
    if took > CALL {
        (many / 2).max(1)
    } else if took < CALL / 2 {
        (many * 2).min(most)
    } else {
        many
    }
}

/// Whether asking again may help.
fn may_pass(down: &Down) -> bool {
    match down {
        Down::Late(_) | Down::Busy(_) => true,
        Down::Died(reason) | Down::Worker(reason) => reason.may_pass(),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::edges::TestClock;
    use std::sync::Mutex;

    fn patient(clock: Arc<TestClock>) -> Patient {
        Patient::new(&Host::off(Reason::NotConfigured), clock)
    }

    /// Asks for the doubles of 20 numbers; each takes `seconds`.
    async fn doubled(seconds: i64) -> (Vec<u32>, Vec<usize>) {
        let clock = TestClock::at(0);
        let patient = patient(clock.clone());
        let calls = Mutex::new(Vec::new());
        let call = |part: Vec<u32>| {
            calls.lock().unwrap().push(part.len());
            clock.pass(seconds * i64::try_from(part.len()).unwrap());
            async move { Ok(part.iter().map(|n| n * 2).collect()) }
        };
        let answers = patient.ask((0..20).collect(), (&patient.jobs, JOBS.1), call);
        (answers.await.unwrap(), calls.into_inner().unwrap())
    }

    #[tokio::test]
    async fn calls_grow_where_they_are_fast_and_shrink_where_they_are_slow() {
        let all: Vec<u32> = (0..20).map(|n| n * 2).collect();
        let (answers, calls) = doubled(0).await;
        assert_eq!((answers, calls), (all.clone(), vec![4, 8, 8]));
        let (answers, calls) = doubled(9).await;
        assert_eq!(answers, all);
        assert_eq!(calls[..3], [4, 2, 1], "{calls:?}");
    }

    #[tokio::test]
    async fn where_asking_again_cannot_help_the_reason_comes_through() {
        let patient = patient(TestClock::at(0));
        let calls = Mutex::new(0);
        let call = |_: Vec<u32>| {
            *calls.lock().unwrap() += 1;
            async { Err::<Vec<u32>, _>(Down::Refused("no".to_owned())) }
        };
        let answer = patient.ask(vec![1], (&patient.jobs, JOBS.1), call).await;
        assert_eq!(answer, Err(Down::Refused("no".to_owned())));
        assert_eq!(calls.into_inner().unwrap(), 1);
        // Off for good while the work went on.
        let died = Down::Died(Reason::Died {
            how: "signal 9".to_owned(),
        });
        let call = |_: Vec<u32>| {
            let died = died.clone();
            async move { Err::<Vec<u32>, _>(died) }
        };
        let answer = patient.ask(vec![1], (&patient.jobs, JOBS.1), call).await;
        assert_eq!(answer, Err(Down::Worker(Reason::NotConfigured)));
    }
}
