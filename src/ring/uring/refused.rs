//! Why there is no ring, said so that an operator can mend it.

use std::error::Error;
use std::fmt;
use std::io;

/// What stood in the way of a ring.
#[derive(Debug)]
pub enum RingRefused {
    /// The kernel has no io_uring, or a filter pretends so (ENOSYS).
    Missing,
    /// Not for this user, or filtered (EPERM, EACCES).
    Forbidden { disabled: Option<String> },
    /// RLIMIT_MEMLOCK is used up (ENOMEM), also by rings that ended just now.
    LockedMemory,
    /// RLIMIT_NOFILE or the system's limit is used up (EMFILE, ENFILE).
    Descriptors,
    /// The kernel is too old.
    Lacks { feature: &'static str, since: &'static str, kernel: String },
    /// The memory to receive into and send from cannot be had.
    Memory(io::Error),
    /// Anything else, with what was being done.
    Failed { step: &'static str, error: io::Error },
}

impl RingRefused {
    pub(super) fn of(step: &'static str, error: io::Error) -> Self {
        match error.raw_os_error() {
            Some(libc::ENOSYS) => Self::Missing,
            Some(libc::EPERM | libc::EACCES) => {
                Self::Forbidden { disabled: read("/proc/sys/kernel/io_uring_disabled") }
            }
            Some(libc::ENOMEM) => Self::LockedMemory,
            Some(libc::EMFILE | libc::ENFILE) => Self::Descriptors,
            _ => Self::Failed { step, error },
        }
    }

    pub(super) fn lacks(feature: &'static str, since: &'static str) -> Self {
        let kernel = read("/proc/sys/kernel/osrelease").unwrap_or_else(|| "of unknown version".to_owned());
        Self::Lacks { feature, since, kernel }
    }
}

fn read(path: &str) -> Option<String> {
    std::fs::read_to_string(path).ok().map(|text| text.trim().to_owned())
}

impl fmt::Display for RingRefused {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Missing => formatter.write_str(
                "this kernel has no io_uring, or a seccomp filter hides it: use Linux 6.17 or later with \
                 CONFIG_IO_URING, and let io_uring_setup, io_uring_enter and io_uring_register through the filter of \
                 the container or the service (systemd: SystemCallFilter=@aio)",
            ),
            Self::Forbidden { disabled } => forbidden(formatter, disabled.as_deref()),
            Self::LockedMemory => formatter.write_str(
                "no locked memory left for a ring: raise the limit (systemd: LimitMEMLOCK=64M; a shell: ulimit -l \
                 65536; for the running shell: prlimit --pid $$ --memlock=67108864). It is counted for each user over \
                 all processes, and a process that ended gives it back a moment later",
            ),
            Self::Descriptors => formatter.write_str(
                "no file descriptor left for a ring: raise the limit (systemd: LimitNOFILE=, a shell: ulimit -n)",
            ),
            Self::Lacks { feature, since, kernel } => {
                write!(formatter, "the kernel ({kernel}) lacks {feature}: use Linux {since} or later")
            }
            Self::Memory(error) => {
                write!(formatter, "no memory for buffers ({error}): lower `memory` in the configuration or give more")
            }
            Self::Failed { step, error } => write!(formatter, "{step}: {error}"),
        }
    }
}

fn forbidden(formatter: &mut fmt::Formatter<'_>, disabled: Option<&str>) -> fmt::Result {
    formatter.write_str("io_uring is not allowed: ")?;
    match disabled {
        Some("1") => formatter.write_str(
            "kernel.io_uring_disabled is 1, so only CAP_SYS_ADMIN and the group of kernel.io_uring_group may use it: \
             sysctl -w kernel.io_uring_disabled=0, or set that group",
        ),
        Some("2") => formatter
            .write_str("kernel.io_uring_disabled is 2, so nobody may use it: sysctl -w kernel.io_uring_disabled=0"),
        _ => formatter.write_str(
            "a seccomp filter or a security module refuses it (kernel.io_uring_disabled does not): let io_uring_setup, \
             io_uring_enter and io_uring_register through (containers: a seccomp profile with them; systemd: \
             SystemCallFilter=@aio)",
        ),
    }
}

impl Error for RingRefused {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Memory(error) | Self::Failed { error, .. } => Some(error),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_refusal_says_what_to_do() {
        let of = |errno| RingRefused::of("io_uring_setup", io::Error::from_raw_os_error(errno)).to_string();
        assert!(of(libc::ENOSYS).contains("CONFIG_IO_URING"));
        assert!(of(libc::EPERM).contains("kernel.io_uring_disabled"));
        assert!(of(libc::ENOMEM).contains("LimitMEMLOCK"));
        assert!(of(libc::EMFILE).contains("LimitNOFILE"));
        assert!(of(libc::EINVAL).starts_with("io_uring_setup: "));
        for (value, advice) in [("1", "io_uring_group"), ("2", "nobody"), ("0", "seccomp")] {
            let refused = RingRefused::Forbidden { disabled: Some(value.to_owned()) };
            assert!(refused.to_string().contains(advice));
        }
        let lacks = RingRefused::lacks("wings", "9.9").to_string();
        assert!(lacks.contains("lacks wings: use Linux 9.9") && !lacks.contains("unknown"));
    }
}
