//! Network namespaces without names.
//!
//! A namespace lives as long as the file descriptor that holds it: whatever ends this process, a panic or a kill
//! included, nothing is left behind, and two processes can never meet.

use std::fs::File;
use std::io::{self, Write as _};
use std::os::fd::AsRawFd as _;
use std::process::{Command, Stdio};

use nix::sched::{CloneFlags, setns, unshare};

/// One network namespace.
#[derive(Debug)]
pub(crate) struct Namespace {
    handle: File,
}

impl Namespace {
    /// Makes an empty one.
    pub(crate) fn new() -> io::Result<Self> {
        let made = std::thread::spawn(|| {
            unshare(CloneFlags::CLONE_NEWNET)
                .map_err(|error| io::Error::other(format!("no network namespace: {error}")))?;
            File::open("/proc/thread-self/ns/net")
        });
        let handle =
            made.join().map_err(|_| io::Error::other("the thread that makes a namespace died"))??;
        Ok(Self { handle })
    }

    /// A path by which `ip` finds it.
    pub(crate) fn path(&self) -> String {
        format!("/proc/{}/fd/{}", std::process::id(), self.handle.as_raw_fd())
    }

    /// Does something inside. Sockets that are opened there stay there.
    pub(crate) fn enter<T: Send>(&self, job: impl FnOnce() -> io::Result<T> + Send) -> io::Result<T> {
        let inside = || {
            setns(&self.handle, CloneFlags::CLONE_NEWNET)?;
            job()
        };
        std::thread::scope(|scope| scope.spawn(inside).join())
            .unwrap_or_else(|_| Err(io::Error::other("a thread inside a namespace died")))
    }

    /// Runs a program inside, with this text as its standard input.
    pub(crate) fn run(&self, program: &str, arguments: &[&str], input: &str) -> io::Result<()> {
        self.enter(|| {
            let mut command = Command::new(program);
            command.args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
            let mut child =
                command.spawn().map_err(|error| io::Error::other(format!("no {program}: {error}")))?;
            child.stdin.take().map_or(Ok(()), |mut stdin| stdin.write_all(input.as_bytes()))?;
            let output = child.wait_with_output()?;
            if output.status.success() {
                return Ok(());
            }
            let said = String::from_utf8_lossy(&output.stderr);
            Err(io::Error::other(format!("{program} {}: {said}\n{input}", arguments.join(" "))))
        })
    }

    /// Sets kernel parameters below `/proc/sys/net`; one that the kernel does not have is an error.
    pub(crate) fn set(&self, values: &[(&str, &str)]) -> io::Result<()> {
        self.enter(|| {
            for (name, value) in values {
                let path = format!("/proc/sys/net/{name}");
                std::fs::write(&path, value).map_err(|error| io::Error::other(format!("{path}: {error}")))?;
            }
            Ok(())
        })
    }
}
