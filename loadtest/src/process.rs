use std::path::Path;
use std::process::{Child, Command, ExitStatus};
use std::time::Duration;

use anyhow::{Context, bail};

use crate::stopwatch::tick;

/// Longest wait for an orderly end.
const PATIENCE: Duration = Duration::from_secs(15);

/// A process that this program started. It is ended when dropped.
pub(crate) struct Process {
    name: &'static str,
    child: Child,
}

impl Process {
    pub(crate) fn start(name: &'static str, command: &mut Command) -> anyhow::Result<Self> {
        let child =
            command.spawn().with_context(|| format!("cannot start {name}: {:?}", command.get_program()))?;
        Ok(Self { name, child })
    }

    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    pub(crate) fn child(&mut self) -> &mut Child {
        &mut self.child
    }

    /// Fails if the process has ended.
    pub(crate) fn check_running(&mut self) -> anyhow::Result<()> {
        match self.child.try_wait()? {
            None => Ok(()),
            Some(status) => bail!("{} ended: {status}", self.name),
        }
    }

    /// Asks the process to end, by its id, and waits; kills it if it does not end in time.
    pub(crate) fn stop(mut self) -> anyhow::Result<ExitStatus> {
        let id = self.id().to_string();
        Command::new("kill").args(["-TERM", &id]).status().context("cannot run kill")?;
        let deadline = tick() + PATIENCE;
        while tick() < deadline {
            if let Some(status) = self.child.try_wait()? {
                return Ok(status);
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        self.child.kill()?;
        self.child.wait()?;
        bail!("{} did not end within {} seconds and was killed", self.name, PATIENCE.as_secs())
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        if matches!(self.child.try_wait(), Ok(None)) {
            // Nothing is left to report to: it has ended or it will with this program's session.
            drop(self.child.kill());
            drop(self.child.wait());
        }
    }
}

/// CPU time that a process has used so far, user and system, all threads. Counted by the kernel in hundredths of a second
/// as a rule.
pub(crate) fn cpu_time(process_id: u32) -> anyhow::Result<Duration> {
    let process = procfs::process::Process::new(i32::try_from(process_id)?)?;
    let stat = process.stat()?;
    let ticks = u32::try_from(stat.utime + stat.stime)?;
    Ok(Duration::from_secs(1) * ticks / u32::try_from(procfs::ticks_per_second())?)
}

/// Memory of a process that is resident now, bytes.
pub(crate) fn memory(process_id: u32) -> anyhow::Result<u64> {
    let process = procfs::process::Process::new(i32::try_from(process_id)?)?;
    Ok(process.stat()?.rss * procfs::page_size())
}

/// Runs a program to its end and returns its standard output.
pub(crate) fn output_of(command: &mut Command) -> anyhow::Result<String> {
    let output = command.output().with_context(|| format!("cannot run {:?}", command.get_program()))?;
    if !output.status.success() {
        let complaint = String::from_utf8_lossy(&output.stderr);
        bail!("{:?} failed ({}): {}", command.get_program(), output.status, complaint.trim());
    }
    Ok(String::from_utf8(output.stdout)?)
}

/// The last lines of a log, for an error message.
pub(crate) fn tail_of(log: &Path) -> String {
    let text = std::fs::read_to_string(log).unwrap_or_default();
    let lines: Vec<&str> = text.lines().collect();
    lines[lines.len().saturating_sub(10)..].join("\n")
}
