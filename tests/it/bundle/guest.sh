# Runs as root inside a bare Debian without a network, once, at its start; see guest.rs, which reads
# what this writes into /results: for each step NAME.out, NAME.err and NAME.rc.
set -u
R=/results
B=/bundles
KEY=$(cat $B/key)
say() { echo "$1" >> $R/progress; }
step() { # NAME COMMAND…
    name=$1; shift
    "$@" >"$R/$name.out" 2>"$R/$name.err" </dev/null
    echo $? >"$R/$name.rc"
    say "$name"
}
# What an install could leave: every path of ours, with its kind, and the user.
traces() {
    find / -xdev \( -path /proc -o -path /sys -o -path /run -o -path $R -o -path $B \) -prune -o -name '*aiworklab*' -printf '%y %p\n' | sort
    grep aiworklab /etc/passwd /etc/group
    true
}
field() { sed -n 's/.*"'"$1"'": *"\{0,1\}\([^",}]*\).*/\1/p' | head -n 1; }
# As root: the program becomes the owner of the data by itself.
installed() { aiworklab-appliance "$@"; }
main_pid() { systemctl show -p MainPID --value aiworklab-appliance.service; }

# 1. Nothing is there; looking changes nothing.
step traces-before traces
step interfaces sh -c 'sed 1,2d /proc/net/dev | cut -d: -f1'
cd $B/current
step no-key ./install --host skills.test --yes
step dry-run ./install --release-key "$KEY" --host skills.test --organisation Larkfield --dry-run
step not-confirmed ./install --release-key "$KEY" --host skills.test --organisation Larkfield
step preflight ./aiworklab-appliance preflight . --release-key "$KEY" --host skills.test --json
step traces-looked traces

# 2. Tampered with, in here too: refused before anything is written.
mkdir /tampered && cp -a $B/current/. /tampered && echo x >> /tampered/systemd/aiworklab-appliance.service
step tampered sh -c "cd /tampered && ./install --release-key '$KEY' --yes"
rm -rf /tampered

# 3. Disks. Too small: told before. Full in the middle (no inodes left, which no look foresees): undone.
mount -t tmpfs -o size=20m tmpfs /opt
step small-disk ./install --release-key "$KEY" --host skills.test --yes
umount /opt
mount -t tmpfs -o size=2g,nr_inodes=20 tmpfs /opt
step full-disk ./install --release-key "$KEY" --host skills.test --yes
step full-disk-left find /opt -mindepth 1
umount /opt
step traces-undone traces

# 4. The install: once cut off in the middle, then whole; the second run undoes the first.
./install --release-key "$KEY" --host skills.test --yes >/dev/null 2>&1 &
cut=$!
for _ in $(seq 500); do ls -d /opt/aiworklab/.staging-* >/dev/null 2>&1 && break; sleep 0.02; done
kill -9 $cut; wait $cut
step cut-off find /opt/aiworklab -maxdepth 1
step cut-off-look ./install --release-key "$KEY" --host skills.test --dry-run
step install ./install --release-key "$KEY" --host skills.test --organisation Larkfield --yes
step traces-installed traces
step security systemd-analyze security --offline=true --no-pager /usr/local/lib/systemd/system/aiworklab-appliance.service
step unit systemctl show aiworklab-appliance.service -p ActiveState,User,NoNewPrivileges,LimitCORE,CapabilityBoundingSet,Type,UnitFileState
step process sh -c "grep -E '^(Name|Uid|Seccomp|NoNewPrivs|CapEff):' /proc/$(main_pid)/status"
step data-modes sh -c "stat -c '%a %U %n' /var/lib/aiworklab /var/lib/aiworklab/* /opt/aiworklab/current/aiworklab-appliance /etc/aiworklab/*"
step verify-installed aiworklab-appliance bundle verify /opt/aiworklab/current --json

# 5. The model's worker is this program, started anew by the hardened service.
for _ in $(seq 100); do
    installed model status --json >$R/model.out 2>$R/model.err; echo $? >$R/model.rc
    grep -qE '"state": *"(ready|down|off)"' $R/model.out && break
    sleep 0.2
done
say model
worker=$(for p in /proc/[0-9]*; do tr '\0' ' ' <"$p/cmdline" 2>/dev/null | grep -q model-worker && echo "${p#/proc/}"; done | head -n 1)
[ -z "$worker" ] || step worker sh -c "grep -E '^(Name|Uid|Seccomp|NoNewPrivs|CapEff):' /proc/$worker/status"

# 6. An engineer's laptop enrols, works and syncs, all inside this machine.
link=$(sed -n 's/^ *\(https:.*\/link\/.*\)$/\1/p' $R/install.out | head -n 1)
fingerprint=$(sed -n 's/^CA fingerprint *//p' $R/install.out)
url=https://skills.test:8443
cp /var/lib/aiworklab/root.pem /root.pem
# curl 7.88 saves no cookies in a file directly below the root.
jar=/tmp/jar
web() { curl -fsS --cacert /root.pem -b $jar -c $jar -H "Origin: $url" "$@"; }
web "$link" >/dev/null 2>>$R/web.err
web -o /dev/null --data "csrf=" "$link" 2>>$R/web.err
export AIWORKLAB_HOME=/engineer AIWORKLAB_KEYS=file
client=/opt/aiworklab/current/aiworklab
$client enrol $url --ca-fingerprint "$fingerprint" --name bare-laptop >$R/enrol.out 2>$R/enrol.err &
enrolling=$!
code=
for _ in $(seq 100); do
    code=$(grep -hoE '\b[A-Z0-9]{4}-[A-Z0-9]{4}\b' $R/enrol.out $R/enrol.err | head -n 1)
    [ -z "$code" ] || break
    sleep 0.1
done
token=$(web "$url/enrol?code=$code" 2>>$R/web.err | sed -n 's/.*name="csrf" value="\([^"]*\)".*/\1/p' | head -n 1)
web -o /dev/null --data-urlencode "csrf=$token" --data "code=$code&decision=approve" "$url/enrol" 2>>$R/web.err
wait $enrolling; echo $? >$R/enrol.rc; say enrol
while IFS= read -r event; do printf '%s' "$event" | $client hook claude-code; done < $B/hooks.jsonl
step agent $client agent --once
step sync $client sync
step status installed status --json
step foreign-files find /var/lib/aiworklab ! -user aiworklab

# 7. Again: nothing to do. Damaged: told, and repaired.
step again ./install --yes
echo damage >> /opt/aiworklab/current/manual/install.md
step damaged ./install --yes
step repair ./install --repair --yes

# 8. Another release goes over it; a broken one goes back; an older one only by name.
step upgrade sh -c "cd $B/next && ./install --yes"
step upgraded installed status --json
step sync-upgraded $client sync
step broken aiworklab-appliance install $B/broken --yes
step broken-status installed status --json
step older ./install --yes
step other-key sh -c "cd $B/next && ./install --release-key RWQAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA --yes"
step allowed-older ./install --allow-older "$(cat $B/version)" --yes

# 9. It comes back by itself, and after a kill.
kill -9 "$(main_pid)"
for _ in $(seq 100); do installed healthcheck >/dev/null 2>&1 && break; sleep 0.1; done
step healthcheck installed healthcheck

# 10. Off again; the data stay, and a new install goes on with them.
step uninstall-dry ./uninstall --dry-run
step uninstall ./uninstall --yes
step traces-kept traces
step reinstall ./install --release-key "$KEY" --yes
step sync-reinstalled $client sync
store=$(installed status --json | field store)
step purge-wrong ./uninstall --purge-data --store 00000000000000000000000000000000 --yes
step purge ./uninstall --purge-data --store "$store" --remove-user --yes
rm -rf /engineer /root.pem $jar
step traces-after traces
say done
