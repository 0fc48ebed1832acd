#!/bin/bash
# Run the real Claude Code client once against the fake endpoint, capture hooks + stream-json + transcript.
# CLAUDE=path of the program (npm @anthropic-ai/claude-code; default beside this file) SCRIPT=script.json PROMPT="what is asked"
# SEED=folder whose files are committed before the session starts  TOOLS="allowed tools"  OUT=folder for the recording
set -u
PEERS=$(cd "$(dirname "$0")" && pwd); OUT=${OUT:-$PWD/captures}; CLAUDE=${CLAUDE:-$PEERS/node_modules/.bin/claude}
W=${W:-$(mktemp -d -t claude-run.XXXX)}; mkdir -p "$OUT" "$W/home" "$W/proj"; cd "$W/proj"; git init -q . 2>/dev/null
printf '[user]\n\tname = Dev\n\temail = dev@example.com\n' > "$W/home/.gitconfig"
if [ -n "${SEED:-}" ]; then cp -r "$SEED/." . && git add -A && HOME="$W/home" git commit -q -m 'Start'; fi
sed "s#@CWD@#$W/proj#g" "${SCRIPT:-$PEERS/script_claude.json}" > "$W/script.json"
python3 "$PEERS/fake_model.py" --script "$W/script.json" --log "$W/requests.jsonl" --portfile "$W/port" > "$W/server.log" 2>&1 & SRV=$!
for _ in $(seq 50); do [ -s "$W/port" ] && break; sleep 0.1; done; PORT=$(cat "$W/port")
python3 - "$W" "$PEERS" <<'P'
import json,sys
w,p=sys.argv[1:]; ev=["PreToolUse","PostToolUse","PostToolUseFailure","PostToolBatch","Notification","UserPromptSubmit","SessionStart","SessionEnd","Stop","StopFailure","SubagentStart","SubagentStop","PreCompact","PermissionRequest","TaskCreated","TaskCompleted","FileChanged","InstructionsLoaded","ConfigChange","CwdChanged","MessageDisplay"]
json.dump({"hooks":{e:[{"matcher":"*","hooks":[{"type":"command","command":f"{p}/hook_tap.py","timeout":10}]}] for e in ev}},open(w+"/settings.json","w"),indent=1)
P
env -i PATH="$PATH" HOME="$W/home" TERM=xterm-256color CLAUDE_CONFIG_DIR="$W/home/.claude" \
  ANTHROPIC_BASE_URL="http://127.0.0.1:$PORT" ANTHROPIC_API_KEY=sk-ant-dummy-local ANTHROPIC_MODEL=claude-sonnet-4-5 \
  CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC=1 DISABLE_AUTOUPDATER=1 DISABLE_TELEMETRY=1 DISABLE_ERROR_REPORTING=1 \
  TAP_LOG="$W/hooks.jsonl" ${EXTRA_ENV:-} \
  TAP_OUT_UserPromptSubmit="${TAP_OUT_UserPromptSubmit:-}" TAP_OUT_PostToolUse="${TAP_OUT_PostToolUse:-}" TAP_OUT_Stop="${TAP_OUT_Stop:-}" TAP_OUT_SessionStart="${TAP_OUT_SessionStart:-}" \
  timeout ${TMO:-120} "$CLAUDE" -p "${PROMPT:-Add a token bucket rate limiter}" --output-format stream-json --verbose --include-hook-events \
  --permission-mode ${PMODE:-acceptEdits} --allowedTools "${TOOLS:-Bash(python3:*)}" --settings "$W/settings.json" ${ARGS:-} > "$W/stream.jsonl" 2> "$W/stderr.txt" < /dev/null
echo "exit $?"; kill $SRV; wait $SRV 2>/dev/null
for f in hooks.jsonl stream.jsonl stderr.txt requests.jsonl settings.json; do cp "$W/$f" "$OUT/${TAG:-}$f" 2>/dev/null; done
find "$W/home" -name '*.jsonl' | while read -r f; do cp "$f" "$OUT/${TAG:-}transcript-$(basename "$f")"; echo "$f"; done
echo "W=$W"; wc -l "$OUT/${TAG:-}"*.jsonl
