//! What differs between Linux, macOS and Windows on an engineer's machine, and no C code: where secrets
//! lie, whether the disk is encrypted, how a program is kept running, how a notification is shown.
