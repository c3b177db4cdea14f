//! The control thread's life: from the first turn of the shards to the end of the process.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::select;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::{Notify, mpsc};
use tokio::task::JoinSet;
use tokio::time::{MissedTickBehavior, interval, sleep};

use super::admin::socket::Socket;
use super::admin::{self, Admin};
use super::events::{self, Pump};
use super::listeners::Bind;
use super::log::Log;
use super::observed::Observed;
use super::reload::{Opening, Reloader};
use super::source::PlanSource;
use super::{Order, clock, ready, stop, watchdog};
use crate::ring::Wake;
use crate::shared::published::World;
use crate::time::Span;

/// Reloads asked for and not begun; past it, who asks waits.
const ORDERS: usize = 16;

/// For the shards to take the first plan: arming thousands of listeners takes a moment.
const FIRST_PLAN_WITHIN: Span = Span::from_secs(30);
const FIRST_PLAN_LOOK: Duration = Duration::from_millis(2);

/// Between two attempts at what could not be done at once.
const TIDY: Duration = Duration::from_secs(1);

/// What the control thread is made of.
pub struct Control {
    pub opening: Opening,
    /// By shard.
    pub wakers: Vec<Arc<dyn Wake>>,
    pub source: Arc<dyn PlanSource>,
    pub bind: Arc<Bind>,
    /// `None`: no admin API.
    pub admin: Option<Socket>,
    pub log: Option<Arc<Log>>,
    pub manner: Manner,
}

/// Who tells the control thread what to do.
pub enum Manner {
    /// This process is the switch: signals tell it, and it tells the outside that it is ready.
    Process,
    /// The switch is a part of a larger program, which stops it, and which signals belong to.
    Embedded { stop: Arc<Notify> },
}

/// How the switch ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum End {
    /// Every line was closed in order.
    Stopped,
    /// A second signal: the process is to end at once, whatever the shards do.
    Cut { pending: u64 },
    /// A shard did not do what was asked of it in time.
    Stuck,
}

impl End {
    /// 0 if nothing was lost: a second signal is a failure only if requests waited for an answer.
    pub const fn exit_status(self) -> u8 {
        match self {
            Self::Stopped | Self::Cut { pending: 0 } => 0,
            Self::Cut { .. } | Self::Stuck => 1,
        }
    }
}

impl Control {
    /// Runs on this thread until the switch has stopped.
    ///
    /// # Errors
    /// If this host refuses the thread its runtime or its signals.
    pub fn run(self) -> io::Result<End> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let end = runtime.block_on(self.serve());
        // A reading thread that hangs in a file must not hold the end up.
        runtime.shutdown_background();
        end
    }

    async fn serve(self) -> io::Result<End> {
        let Self { opening, wakers, source, bind, admin: socket, log, manner } = self;
        let mut signals = Signals::of(manner)?;
        let world = opening.world.clone();
        let observed = Arc::new(Observed::new(opening.known.clone()));
        let name = socket.as_ref().map_or_else(|| "off".to_owned(), Socket::name);
        let keeper = opening.keeper.clone();
        let reloader = Reloader::new(opening, observed.clone(), wakers.clone(), source.clone(), bind);
        let (orders, taken) = mpsc::channel(ORDERS);
        let pump = Arc::new(Mutex::new(Pump::new(world.clone(), observed.clone())));
        let admin = Admin {
            world: world.clone(),
            observed: observed.clone(),
            wakers: wakers.clone(),
            source,
            pump: pump.clone(),
            orders,
            keeper: keeper.clone(),
        };
        let switch = Switch { world: world.clone(), observed, wakers, orders: admin.orders.clone() };
        // Kept to the last: the log ends with whoever drops it last.
        let _log = log.clone();
        let mut tasks = JoinSet::new();
        tasks.spawn(look_again_and_again(pump.clone()));
        if let Some(keeper) = keeper.clone() {
            tasks.spawn(keeper.keep(world.clone()));
        }
        tasks.spawn(reload(reloader, taken, switch.clone(), log));
        tasks.spawn(serve_admin(socket, Arc::new(admin)));
        let end = switch.live(&name, &mut signals, &mut tasks).await;
        // Joined, so that what a task holds (a socket's name) is given back.
        tasks.shutdown().await;
        pump.lock().look();
        if let (Some(keeper), End::Stopped) = (keeper, end) {
            keeper.close(&world).await;
        }
        tracing::info!(?end, "ended");
        Ok(end)
    }
}

/// What every part of the control thread shares.
#[derive(Clone)]
struct Switch {
    world: Arc<World>,
    observed: Arc<Observed>,
    wakers: Vec<Arc<dyn Wake>>,
    orders: mpsc::Sender<Order>,
}

impl Switch {
    /// Start, run, stop; each can be cut short by a signal.
    async fn live(&self, admin: &str, signals: &mut Signals, tasks: &mut JoinSet<()>) -> End {
        select! {
            began = self.first_plan() => if !began { return End::Stuck },
            () = signals.stop() => return self.stop(signals).await,
        }
        if signals.are_ours() {
            ready::announce(&ready::line(&self.world.current().plan, admin));
        }
        tasks.spawn(watchdog::watch(self.world.clone()));
        while signals.next().await == Asked::Reload {
            // Full: as many reloads as that are to come, and each reads what is there then.
            let _ = self.orders.try_send(Order::Reload { reply: None });
        }
        self.stop(signals).await
    }

    /// Waits until every shard runs by the first plan: every listener is armed then.
    async fn first_plan(&self) -> bool {
        let until = clock::now() + FIRST_PLAN_WITHIN;
        while clock::now() < until {
            if self.world.behind(self.world.epoch()).is_empty() {
                return true;
            }
            sleep(FIRST_PLAN_LOOK).await;
        }
        tracing::error!(shards = ?self.world.behind(self.world.epoch()), "the first plan was not applied in time");
        false
    }

    async fn stop(&self, signals: &mut Signals) -> End {
        let pending = self.observed.pending();
        tracing::info!(pending, "stopping: no new connection; a second signal ends at once");
        self.observed.set_stopping();
        if signals.are_ours() {
            ready::stopping();
        }
        select! {
            stopped = stop::stop(&self.world, &self.wakers) => if stopped { End::Stopped } else { End::Stuck },
            () = signals.stop() => End::Cut { pending: self.observed.pending() },
        }
    }
}

/// The signals that mean something to a switch (INTERFACE, Signals).
enum Signals {
    Process { hang_up: Signal, terminate: Signal, interrupt: Signal },
    Embedded(Arc<Notify>),
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Asked {
    Reload,
    Stop,
}

impl Signals {
    fn of(manner: Manner) -> io::Result<Self> {
        Ok(match manner {
            Manner::Process => Self::Process {
                hang_up: signal(SignalKind::hangup())?,
                terminate: signal(SignalKind::terminate())?,
                interrupt: signal(SignalKind::interrupt())?,
            },
            Manner::Embedded { stop } => Self::Embedded(stop),
        })
    }

    async fn next(&mut self) -> Asked {
        match self {
            Self::Process { hang_up, terminate, interrupt } => select! {
                _ = hang_up.recv() => Asked::Reload,
                _ = terminate.recv() => Asked::Stop,
                _ = interrupt.recv() => Asked::Stop,
            },
            Self::Embedded(stop) => {
                stop.notified().await;
                Asked::Stop
            }
        }
    }

    /// The next that asks for the end; others mean nothing any more, or not yet.
    async fn stop(&mut self) {
        while self.next().await != Asked::Stop {}
    }

    fn are_ours(&self) -> bool {
        matches!(self, Self::Process { .. })
    }
}

async fn look_again_and_again(pump: Arc<Mutex<Pump>>) {
    loop {
        pump.lock().look();
        sleep(events::LOOK).await;
    }
}

async fn reload(mut reloader: Reloader, mut orders: mpsc::Receiver<Order>, switch: Switch, log: Option<Arc<Log>>) {
    let mut tidy = interval(TIDY);
    tidy.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        select! {
            Some(order) = orders.recv() => {
                // Dropped unanswered while stopping: who asked is told so.
                if !switch.observed.is_stopping() {
                    carry_out(&mut reloader, order).await;
                    let format = switch.world.current().plan.settings.log;
                    log.iter().for_each(|log| log.set_format(format));
                }
            }
            _ = tidy.tick() => reloader.tidy(),
        }
    }
}

async fn carry_out(reloader: &mut Reloader, order: Order) {
    // Who asked may have gone meanwhile; the verdict is in the log as well.
    match order {
        Order::Reload { reply } => {
            let verdict = reloader.reload().await;
            if let Some(reply) = reply {
                let _ = reply.send(verdict);
            }
        }
        Order::Plan { reply } => {
            let _ = reply.send(reloader.planned().await);
        }
    }
}

async fn serve_admin(socket: Option<Socket>, admin: Arc<Admin>) {
    let Some(socket) = socket else { return };
    if let Err(error) = admin::serve(socket, admin).await {
        tracing::error!(%error, "the admin API has ended");
    }
}
