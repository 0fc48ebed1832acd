#!/bin/bash
# Records tests/captures/claude-code-payments anew: the real Claude Code, a scripted model, a real small change.
# needs: python3 with `requests` and `psycopg[binary]` first in PATH, git, and the client:
#   npm i --prefix SOMEWHERE @anthropic-ai/claude-code@2.1.330 && CLAUDE=SOMEWHERE/node_modules/.bin/claude ./record_payments.sh
set -eu
HERE=$(cd "$(dirname "$0")" && pwd); RAW=$(mktemp -d -t payments-raw.XXXX); W=$(mktemp -d -t payments-run.XXXX); export W
OUT="$RAW" SCRIPT="$HERE/script_payments.json" SEED="$HERE/seed_payments" TOOLS='Bash(python3:*),Bash(git:*)' \
  PROMPT='Write the importer that settles open payments: one worker a merchant, safe to retry, with tests. Commit it.' \
  "$HERE/run_claude.sh"
python3 "$HERE/scrub_claude.py" "$RAW" "$W" payments "$HERE" "$HERE/../../captures/claude-code-payments"
