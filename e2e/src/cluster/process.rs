//! Processes that outlive the command that starts them, and are ended by their own ids.

use std::collections::HashMap;
use std::ffi::OsStr;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use rustix::process::{Pid, Signal, kill_process};

use super::places::Places;

/// A process id together with the instant the process began, so that a recycled id is never taken for ours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Process {
    pid: i32,
    started: u64,
}

impl Process {
    /// The running process with this id; none when it is gone or only waits to be reaped.
    pub fn running(pid: i32) -> Option<Self> {
        let stat = Stat::read(pid)?;
        (stat.state != 'Z' && stat.state != 'X').then_some(Self {
            pid,
            started: stat.started,
        })
    }

    /// Is it still this very process?
    pub fn alive(self) -> bool {
        Self::running(self.pid) == Some(self)
    }

    /// Its id.
    pub fn pid(self) -> i32 {
        self.pid
    }

    fn signal(self, signal: Signal) {
        if let (true, Some(pid)) = (self.alive(), Pid::from_raw(self.pid)) {
            let _ = kill_process(pid, signal); // it may end at this very moment
        }
    }
}

/// Starts a program in a session of its own, with its output in a log file, and records it in a pid file.
pub fn start(places: &Places, name: &str, program: &Path, args: &[String], env: &[(&str, &OsStr)]) -> Result<Process> {
    let log = places.log(name);
    fs::create_dir_all(log.parent().context("a log file has a folder")?)?;
    let out = File::create(&log)?;
    let mut command = Command::new("setsid");
    command
        .arg(program)
        .args(args)
        .envs(env.iter().copied())
        .env_remove("KUBECONFIG");
    command
        .current_dir(&places.run)
        .stdin(Stdio::null())
        .stdout(out.try_clone()?)
        .stderr(out);
    let mut child = command.spawn().with_context(|| format!("cannot start {name}"))?;
    let pid = i32::try_from(child.id())?;
    let process = Process::running(pid).with_context(|| format!("{name} ended at once; see {}", log.display()))?;
    // Reap it when it ends while we still run; nobody waits for this thread.
    std::thread::spawn(move || child.wait());
    fs::create_dir_all(places.run.join("pid"))?;
    fs::write(pid_file(places, name), format!("{} {}\n", process.pid, process.started))?;
    Ok(process)
}

/// The recorded process of that name, if it still runs.
pub fn recorded(places: &Places, name: &str) -> Option<Process> {
    let text = fs::read_to_string(pid_file(places, name)).ok()?;
    let (pid, started) = text.trim().split_once(' ')?;
    let process = Process {
        pid: pid.parse().ok()?,
        started: started.parse().ok()?,
    };
    process.alive().then_some(process)
}

/// Ends processes: first politely, then after `patience` for good.
pub fn end(processes: &[Process], patience: Duration) -> Result<()> {
    for process in processes {
        process.signal(Signal::TERM);
    }
    if wait_gone(processes, patience) {
        return Ok(());
    }
    for process in processes {
        process.signal(Signal::KILL);
    }
    if !wait_gone(processes, Duration::from_secs(10)) {
        let left: Vec<_> = processes.iter().filter(|p| p.alive()).map(|p| p.pid).collect();
        bail!("these processes do not end: {left:?}");
    }
    Ok(())
}

fn wait_gone(processes: &[Process], patience: Duration) -> bool {
    let deadline = Instant::now() + patience;
    while processes.iter().any(|p| p.alive()) {
        if Instant::now() > deadline {
            return false;
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    true
}

/// Every running process whose program file lies in `folder`.
pub fn of_programs_in(folder: &Path) -> Vec<Process> {
    // The kernel tells programs by their real paths, and the folder may be a link.
    let folder = folder.canonicalize().unwrap_or_else(|_| folder.to_owned());
    all()
        .filter(|pid| executable(*pid).is_some_and(|exe| exe.starts_with(&folder)))
        .filter_map(Process::running)
        .collect()
}

/// The processes below `parents`, at any depth.
pub fn descendants(parents: &[Process]) -> Vec<Process> {
    let mut children: HashMap<i32, Vec<i32>> = HashMap::new();
    for pid in all() {
        if let Some(stat) = Stat::read(pid) {
            children.entry(stat.parent).or_default().push(pid);
        }
    }
    let mut found = Vec::new();
    let mut next: Vec<i32> = parents.iter().map(|p| p.pid).collect();
    while let Some(pid) = next.pop() {
        for child in children.get(&pid).into_iter().flatten() {
            found.extend(Process::running(*child));
            next.push(*child);
        }
    }
    found
}

/// The arguments a process was started with.
pub fn arguments(process: Process) -> Vec<String> {
    let text = fs::read(format!("/proc/{}/cmdline", process.pid)).unwrap_or_default();
    text.split(|b| *b == 0)
        .map(|part| String::from_utf8_lossy(part).into_owned())
        .collect()
}

fn pid_file(places: &Places, name: &str) -> PathBuf {
    places.run.join("pid").join(name)
}

/// The ids of everything that runs on this machine.
pub fn all() -> impl Iterator<Item = i32> {
    fs::read_dir("/proc")
        .into_iter()
        .flatten()
        .flatten()
        .filter_map(|entry| entry.file_name().to_str()?.parse().ok())
}

/// The program file of a process.
pub fn executable(pid: i32) -> Option<PathBuf> {
    fs::read_link(format!("/proc/{pid}/exe")).ok()
}

struct Stat {
    state: char,
    parent: i32,
    started: u64,
}

impl Stat {
    /// `/proc/PID/stat`: the program's name is in brackets and may hold anything, so fields are counted from behind it.
    fn read(pid: i32) -> Option<Self> {
        let text = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
        let fields: Vec<&str> = text.rsplit_once(')')?.1.split_whitespace().collect();
        Some(Self {
            state: fields.first()?.chars().next()?,
            parent: fields.get(1)?.parse().ok()?,
            started: fields.get(19)?.parse().ok()?,
        })
    }
}
