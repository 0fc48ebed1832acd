//! Acts in words: what a reader of the audit log sees behind an action's name.

/// "revoked a device", to stand behind the name of who did it.
#[must_use]
pub fn told(action: &str) -> String {
    let told = match action {
        "session.begin" => "signed in",
        "session.end" => "signed out",
        "session.confirm" => "confirmed who they are",
        "link.issue" => "made a one-time link",
        "device.approve" => "let a device of their own in",
        "device.refuse" => "refused a device",
        "device.revoke-own" => "revoked a device of their own",
        "device.revoke" => "revoked a device",
        "device.renew" => "renewed a device’s certificate",
        "device.keep-shared" => "said that two of their machines share a certificate",
        "graph.view" => "looked at their own graph",
        "graph.aggregate" => "changed whether they count in the figures",
        "graph.export" => "exported their own data",
        "graph.erase" => "had everything about them erased",
        "person.role" => "changed a person’s role",
        "person.disable" => "disabled an account",
        "person.enable" => "enabled an account",
        "person.erase" => "erased a person’s name and address",
        "config.change" => "changed the configuration",
        "audit.export" => "exported the audit log",
        "snapshot.make" => "made the weekly snapshot",
        "sample.load" => "put invented people in",
        "store.init" => "made the store",
        "store.generation" => "began a new generation",
        "server.start" => "started serving",
        "server.stop" => "stopped serving",
        "sync.count" => "noted how many syncs a day had",
        other => return format!("did {other}"),
    };
    told.to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_action_has_words() {
        for action in org_store::Action::ALL {
            assert!(!told(action.as_str()).starts_with("did "), "{action}");
        }
    }
}
