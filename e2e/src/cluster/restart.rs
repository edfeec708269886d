//! Ending one process of the running cluster and starting it again as it was: what a node's maintenance does.

use std::time::Duration;

use anyhow::{Context as _, Result, bail};

use super::places::Places;
use super::{Cluster, Lock, control_plane, process};

/// The longest a process may take to end when it is asked to.
const ENDS: Duration = Duration::from_secs(20);

impl Cluster {
    /// Ends that part of the control plane, leaves it away for `pause`, and starts it with the same arguments. Answers as soon
    /// as it was started; whoever needs it waits until it works.
    pub fn restart(&self, name: &str, pause: Duration) -> Result<()> {
        if self.ctr.is_none() {
            bail!("this is a cluster of your own: its {name} is not the harness's to restart");
        }
        let places = Places::find()?;
        let _lock = Lock::take(&places)?;
        let running = process::recorded(&places, name).with_context(|| format!("{name} does not run"))?;
        let program = process::executable(running.pid()).with_context(|| format!("{name} has no program"))?;
        let arguments = process::arguments(running);
        process::end(&[running], ENDS)?;
        std::thread::sleep(pause);
        let own: Vec<String> = arguments.into_iter().skip(1).collect();
        control_plane::run_part(&places, name, &program, &own)
    }
}
