//! The only place that asks the system for the time.
//!
//! Everything that is stored or scheduled runs on a [`Clock`] that is passed by value, so that a three-day schedule
//! takes milliseconds in a test. Spans inside one attempt are measured with tokio's own monotonic clock instead. The
//! wall clock may be wrong and may step; [`Watch`] notices that by comparing it with the monotonic clock.

mod reading;
mod uptime;
mod watch;
mod zone;

pub use reading::Reading;
pub use uptime::Uptime;
pub use watch::{Step, Trust, Watch};
pub use zone::Zone;

use crate::model::{Timestamp, millis};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, LazyLock};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// Where the time comes from.
#[derive(Clone, Debug, Default)]
pub enum Clock {
    /// The system's clocks. The wall clock may step backwards; code that stores its times must allow for that.
    #[default]
    System,
    /// Clocks that stand until they are set: tests and simulations own them.
    Manual(Arc<Manual>),
}

/// The state of a manual clock, in milliseconds.
#[derive(Debug)]
pub struct Manual {
    wall: AtomicU64,
    ran: AtomicU64,
    /// Whether pauses are by it, too.
    simulated: bool,
}

impl Clock {
    /// How long the machine has run. A manual clock is a machine of its own.
    pub fn uptime(&self) -> Uptime {
        match self {
            Self::System => Uptime::of_machine(),
            Self::Manual(_) => Uptime::of_manual(self.ran()),
        }
    }

    /// A clock that shows `start` until [`Clock::set`] moves it.
    pub fn manual(start: Timestamp) -> Self {
        Self::Manual(Arc::new(Manual { wall: AtomicU64::new(start.as_ms()), ran: AtomicU64::new(0), simulated: false }))
    }

    /// Likewise, for a simulation in which no thread waits: all pauses are by this clock too.
    pub fn simulated(start: Timestamp) -> Self {
        Self::Manual(Arc::new(Manual { wall: AtomicU64::new(start.as_ms()), ran: AtomicU64::new(0), simulated: true }))
    }

    /// The present wall time, to the millisecond. A system clock before 1970 reads as 1970; see
    /// [`Clock::is_before_1970`].
    pub fn now(&self) -> Timestamp {
        match self {
            Self::System => {
                let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
                Timestamp::from_ms(u64::try_from(since.as_millis()).unwrap_or(u64::MAX))
            }
            Self::Manual(clock) => Timestamp::from_ms(clock.wall.load(Ordering::SeqCst)),
        }
    }

    /// Both clocks, read within a few milliseconds of one another.
    pub fn read(&self) -> Reading {
        // A thread that is suspended between the two reads would see a step that nobody made.
        const TOGETHER: Duration = Duration::from_millis(20);
        let mut before = self.ran();
        for _ in 0..100 {
            let wall = self.now();
            let ran = self.ran();
            if ran.saturating_sub(before) <= TOGETHER {
                return Reading { wall, ran };
            }
            before = ran;
        }
        Reading { wall: self.now(), ran: self.ran() }
    }

    /// Whether the system's wall clock shows a time before 1970, which no time of ours can stand for.
    pub fn is_before_1970() -> bool {
        SystemTime::now() < UNIX_EPOCH
    }

    /// Moves a manual clock. Forwards, as much time passes; backwards, the wall clock alone steps. A system clock is
    /// left alone.
    pub fn set(&self, to: Timestamp) {
        if let Self::Manual(clock) = self {
            let from = clock.wall.swap(to.as_ms(), Ordering::SeqCst);
            clock.ran.fetch_add(to.as_ms().saturating_sub(from), Ordering::SeqCst);
        }
    }

    /// Makes a manual wall clock step to a moment, while no time passes. A system clock is left alone.
    pub fn step_to(&self, to: Timestamp) {
        if let Self::Manual(clock) = self {
            clock.wall.store(to.as_ms(), Ordering::SeqCst);
        }
    }

    /// Lets time pass on a manual clock. A system clock is left alone.
    pub fn pass(&self, span: Duration) {
        self.set(self.now().plus(span));
    }

    /// The moment by which threads pace themselves: time since a moment of its own, which never steps. A manual clock
    /// has the system's, since the threads that wait are real; a simulated one has its own.
    pub fn pace(&self) -> Duration {
        match self {
            Self::Manual(clock) if clock.simulated => self.ran(),
            Self::System | Self::Manual(_) => Self::System.ran(),
        }
    }

    fn ran(&self) -> Duration {
        static START: LazyLock<Instant> = LazyLock::new(Instant::now);
        match self {
            Self::System => START.elapsed(),
            Self::Manual(clock) => Duration::from_millis(clock.ran.load(Ordering::SeqCst)),
        }
    }
}

impl Reading {
    /// The wall clock less the monotonic one, in milliseconds: it changes only where the wall clock steps.
    fn offset_ms(self) -> i64 {
        let signed = |ms: u64| i64::try_from(ms).unwrap_or(i64::MAX);
        signed(self.wall.as_ms()).saturating_sub(signed(millis(self.ran)))
    }
}
