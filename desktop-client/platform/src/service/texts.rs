//! The texts that tell a manager of our program. Pure: the same unit gives the same bytes.

use super::{Manager, Unit};
use std::fmt::Write;

/// The file's text.
#[must_use]
pub fn text(manager: Manager, unit: &Unit) -> String {
    match manager {
        Manager::Systemd => systemd(unit),
        Manager::Launchd => launchd(unit),
        Manager::Tasks => task(unit),
    }
}

/// The file's bytes: `schtasks` takes UTF-16 with its mark alone.
pub(super) fn bytes(manager: Manager, unit: &Unit) -> Vec<u8> {
    let text = text(manager, unit);
    match manager {
        Manager::Systemd | Manager::Launchd => text.into_bytes(),
        Manager::Tasks => "\u{feff}"
            .encode_utf16()
            .chain(text.encode_utf16())
            .flat_map(u16::to_le_bytes)
            .collect(),
    }
}

/// A word of a unit file (systemd.syntax(7), "Quoting"; systemd.unit(5), "Specifiers").
fn word(text: &str) -> String {
    let text = text
        .replace('\\', "\\\\")
        .replace('"', "\\\"")
        .replace('%', "%%");
    format!("\"{text}\"")
}

/// A word of `ExecStart`, where a dollar begins a variable (systemd.service(5), "Command lines").
fn command_word(text: &str) -> String {
    word(text).replace('$', "$$")
}

/// What a manager for one person can enforce without rights of its own is what seccomp and rlimits give;
/// the namespaces (`ProtectSystem=` and the like) need user namespaces, which many hosts refuse.
fn systemd(unit: &Unit) -> String {
    let mut text = String::from(
        "# Written by `aiworklab agent install`; `aiworklab agent remove` takes it out.\n\
         [Unit]\n\
         Description=aiworklab: hears what coding agents do and keeps it on this machine\n\
         StartLimitIntervalSec=600\n\
         StartLimitBurst=10\n\
         \n\
         [Service]\n\
         Type=simple\n",
    );
    // The program itself takes no dollar as a variable's, unlike its arguments.
    let mut line = word(&unit.program.to_string_lossy());
    for argument in &unit.args {
        line.push(' ');
        line.push_str(&command_word(argument));
    }
    // Writing to a string cannot fail.
    let _ = writeln!(text, "ExecStart={line}");
    for (name, value) in &unit.environment {
        let _ = writeln!(text, "Environment={}", word(&format!("{name}={value}")));
    }
    text.push_str("Restart=on-failure\nRestartSec=30\n");
    if let Some(status) = unit.stays_down {
        let _ = writeln!(text, "RestartPreventExitStatus={status}");
    }
    let _ = write!(
        text,
        "TimeoutStopSec=20\n\
         # It works beside the person and gives way to everything else.\n\
         Nice=10\n\
         IOSchedulingClass=idle\n\
         CPUWeight=20\n\
         MemoryHigh={}M\n\
         OOMScoreAdjust=500\n\
         # No new rights, no odd system calls, no other networks, nothing for others to read.\n\
         UMask=0077\n\
         NoNewPrivileges=yes\n\
         LockPersonality=yes\n\
         MemoryDenyWriteExecute=yes\n\
         RestrictAddressFamilies=AF_UNIX AF_INET AF_INET6 AF_NETLINK\n\
         RestrictRealtime=yes\n\
         RestrictSUIDSGID=yes\n\
         SystemCallArchitectures=native\n\
         SystemCallFilter=@system-service\n\
         SystemCallErrorNumber=EPERM\n\
         \n\
         [Install]\n\
         WantedBy=default.target\n",
        unit.memory_mib
    );
    text
}

fn xml(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('"', "&quot;")
}

fn launchd(unit: &Unit) -> String {
    let program = unit.program.to_string_lossy();
    let words = std::iter::once(program.as_ref()).chain(unit.args.iter().map(String::as_str));
    let words: String = words
        .map(|word| format!("\t\t<string>{}</string>\n", xml(word)))
        .collect();
    let environment: String = unit
        .environment
        .iter()
        .map(|(name, value)| {
            format!(
                "\t\t<key>{}</key>\n\t\t<string>{}</string>\n",
                xml(name),
                xml(value)
            )
        })
        .collect();
    let environment = if environment.is_empty() {
        environment
    } else {
        format!("\t<key>EnvironmentVariables</key>\n\t<dict>\n{environment}\t</dict>\n")
    };
    format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n\
         <!DOCTYPE plist PUBLIC \"-//Apple//DTD PLIST 1.0//EN\" \"http://www.apple.com/DTDs/PropertyList-1.0.dtd\">\n\
         <plist version=\"1.0\">\n\
         <dict>\n\
         \t<key>Label</key>\n\
         \t<string>{}</string>\n\
         \t<key>ProgramArguments</key>\n\
         \t<array>\n{words}\t</array>\n{environment}\
         \t<key>RunAtLoad</key>\n\
         \t<true/>\n\
         \t<key>KeepAlive</key>\n\
         \t<dict>\n\
         \t\t<key>SuccessfulExit</key>\n\
         \t\t<false/>\n\
         \t</dict>\n\
         \t<key>ThrottleInterval</key>\n\
         \t<integer>30</integer>\n\
         \t<key>ProcessType</key>\n\
         \t<string>Background</string>\n\
         \t<key>LowPriorityIO</key>\n\
         \t<true/>\n\
         \t<key>Nice</key>\n\
         \t<integer>10</integer>\n\
         \t<key>Umask</key>\n\
         \t<integer>63</integer>\n\
         </dict>\n\
         </plist>\n",
        super::LABEL
    )
}

/// An argument of a Windows command line, by the rules of `CommandLineToArgvW`.
fn argument(text: &str) -> String {
    if !text.is_empty() && !text.contains([' ', '\t', '"']) {
        return text.to_owned();
    }
    let (mut quoted, mut backslashes) = (String::from("\""), 0);
    for letter in text.chars() {
        match letter {
            '\\' => backslashes += 1,
            '"' => {
                // Those before a quote are doubled, and the quote has one of its own.
                quoted.push_str(&"\\".repeat(backslashes + 1));
                backslashes = 0;
            }
            _ => backslashes = 0,
        }
        quoted.push(letter);
    }
    quoted.push_str(&"\\".repeat(backslashes));
    quoted.push('"');
    quoted
}

fn task(unit: &Unit) -> String {
    let arguments: Vec<_> = unit.args.iter().map(|text| argument(text)).collect();
    format!(
        "<?xml version=\"1.0\" encoding=\"UTF-16\"?>\r\n\
         <Task version=\"1.2\" xmlns=\"http://schemas.microsoft.com/windows/2004/02/mit/task\">\r\n\
         \x20 <RegistrationInfo>\r\n\
         \x20   <Description>aiworklab: hears what coding agents do and keeps it on this machine</Description>\r\n\
         \x20 </RegistrationInfo>\r\n\
         \x20 <Triggers>\r\n\
         \x20   <LogonTrigger>\r\n\
         \x20     <Enabled>true</Enabled>\r\n\
         \x20   </LogonTrigger>\r\n\
         \x20 </Triggers>\r\n\
         \x20 <Principals>\r\n\
         \x20   <Principal id=\"Author\">\r\n\
         \x20     <LogonType>InteractiveToken</LogonType>\r\n\
         \x20     <RunLevel>LeastPrivilege</RunLevel>\r\n\
         \x20   </Principal>\r\n\
         \x20 </Principals>\r\n\
         \x20 <Settings>\r\n\
         \x20   <MultipleInstancesPolicy>IgnoreNew</MultipleInstancesPolicy>\r\n\
         \x20   <DisallowStartIfOnBatteries>false</DisallowStartIfOnBatteries>\r\n\
         \x20   <StopIfGoingOnBatteries>false</StopIfGoingOnBatteries>\r\n\
         \x20   <Hidden>true</Hidden>\r\n\
         \x20   <ExecutionTimeLimit>PT0S</ExecutionTimeLimit>\r\n\
         \x20   <Priority>8</Priority>\r\n\
         \x20   <RestartOnFailure>\r\n\
         \x20     <Interval>PT1M</Interval>\r\n\
         \x20     <Count>10</Count>\r\n\
         \x20   </RestartOnFailure>\r\n\
         \x20 </Settings>\r\n\
         \x20 <Actions Context=\"Author\">\r\n\
         \x20   <Exec>\r\n\
         \x20     <Command>{}</Command>\r\n\
         \x20     <Arguments>{}</Arguments>\r\n\
         \x20   </Exec>\r\n\
         \x20 </Actions>\r\n\
         </Task>\r\n",
        xml(&unit.program.to_string_lossy()),
        xml(&arguments.join(" "))
    )
}
