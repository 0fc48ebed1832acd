#!/usr/bin/env python3
"""Turns a raw recording of run_claude.sh into a capture that names no machine: paths become those of /home/dev, as a
developer's own would be; only the payloads of the hooks and the turns of the transcript are kept.
usage: scrub_claude.py RAW RUNDIR PROJECT TAPDIR OUT"""
import glob, json, os, re, sys
raw, run, project, tap, out = sys.argv[1:]
os.makedirs(out, exist_ok=True)
dashed = lambda p: re.sub(r'[^A-Za-z0-9]', '-', p)
swaps = [(f'{tap}/hook_tap.py', '/usr/local/bin/hook-tap'),
         (f'{run}/proj', f'/home/dev/{project}'), (f'{run}/home', '/home/dev'), (run, '/home/dev'),
         (dashed(f'{run}/proj'), f'-home-dev-{project}')]
def clean(text):
    for old, new in swaps: text = text.replace(old, new)
    text = re.sub(r'/tmp/claude-\d+/', '/run/user/1000/claude/', text)
    text = re.sub(r'/tmp/cc-socks/\d+', '/run/user/1000/cc-socks/8916', text)
    return re.sub(r'\\u001b\[[0-9;]*m', '', text)
def lines(name): return [json.loads(clean(x)) for x in open(name) if x.strip()]
taps = lines(f'{raw}/hooks.jsonl')
write = lambda name, rows: open(f'{out}/{name}', 'w').writelines(json.dumps(r) + '\n' for r in rows)
write('hooks.jsonl', [t['json'] for t in taps])
# Attachments, queue operations and the like carry the client's own texts: not ours to copy.
[transcript] = glob.glob(f'{raw}/transcript-*.jsonl')
write('transcript.jsonl', [r for r in lines(transcript) if r.get('type') in ('user', 'assistant')])
env = {}
for t in taps: env.update(t['env'])
env = {k: re.sub(r'^\d+$', '8916', v) if k.endswith('PID') else v for k, v in env.items()}
json.dump(dict(sorted(env.items())), open(f'{out}/environment.json', 'w'), indent=1); open(f'{out}/environment.json', 'a').write('\n')
json.dump(json.loads(clean(open(f'{raw}/settings.json').read())), open(f'{out}/settings.json', 'w'), indent=1); open(f'{out}/settings.json', 'a').write('\n')
left = [f'{f}: {m}' for f in os.listdir(out) for m in re.findall(r'(?<![A-Za-z0-9._-])/(?:root|tmp|work|var|opt|mnt)[^"\s]{0,60}', open(f'{out}/{f}').read())]
for line in left: print('a path is left:', line, file=sys.stderr)
sys.exit(1 if left else 0)
