#!/usr/bin/env python3
"""Records a session of a real coding harness as tests/captures/<name>/session.jsonl: the real program, a scripted model on
loopback, real files, real test runs, and hooks (OpenCode: a plugin) as the client installs them. Times are real: the model
takes its time, and so does the engineer between two turns.

usage: record_session.py sessions/NAME.py [OUT]      (default: ../../captures/NAME)
needs: CLAUDE, CODEX or OPENCODE = path of the program (npm @anthropic-ai/claude-code@2.1.330, @openai/codex@0.169.0,
       opencode-ai@1.18.33); TOOLS = folders to put in front of PATH (python with pytest, go, cargo, node …), colon between;
       MODULES = a node_modules with typescript, for sessions that need it.

A session file sets HARNESS, PROJECT, SEED (path: text), TURNS, made of the words below, and may set MORE: further sessions
beside the first, each {"project", "seed", "turns"}. Stdlib only."""
import importlib.util, json, os, re, shutil, subprocess, sys, tempfile, threading, time, urllib.request
HERE = os.path.dirname(os.path.abspath(__file__))

# ---- the words of a session file
def turn(prompt, *steps, pause=20, interrupt=None, approve=None):
    """What the engineer asks, `pause` seconds after the turn before; `interrupt`: breaks it off after so many seconds;
    approve: {words in the command: (seconds, True or False)}, how the engineer answers what the harness asks."""
    return {'prompt': prompt, 'steps': list(steps), 'pause': pause, 'interrupt': interrupt, 'approve': approve or {}}
def step(wait, text, *tools): return {'wait': wait, 'text': text, 'tools': list(tools)}
def write(path, text): return ('write', path, text)
def edit(path, old, new): return ('edit', path, old, new)
def run(command, about='Run it'): return ('run', command, about)
def plan(*steps): return ('plan', steps)            # "x step": done, "> step": under way
def done(*numbers): return ('done', numbers)        # Claude Code: these tasks of the plan (from 1) are done
def look(path): return ('look', path)
def delegate(about, prompt): return ('delegate', about, prompt)
WORDS = {f.__name__: f for f in (turn, step, write, edit, run, plan, done, look, delegate)}

def claude_tools(tools, cwd):
    for t in tools:
        k = t[0]
        if k == 'write': yield {'name': 'Write', 'input': {'file_path': f'{cwd}/{t[1]}', 'content': t[2]}}
        elif k == 'edit': yield {'name': 'Edit', 'input': {'file_path': f'{cwd}/{t[1]}', 'old_string': t[2], 'new_string': t[3]}}
        elif k == 'run': yield {'name': 'Bash', 'input': {'command': t[1], 'description': t[2]}}
        elif k == 'look': yield {'name': 'Read', 'input': {'file_path': f'{cwd}/{t[1]}'}}
        elif k == 'plan':
            for s in t[1]:
                subject, _, about = s.partition(': ')
                yield {'name': 'TaskCreate', 'input': {'subject': subject, 'description': about or subject, 'activeForm': subject}}
        elif k == 'done':
            for n in t[1]: yield {'name': 'TaskUpdate', 'input': {'taskId': str(n), 'status': 'completed'}}
def states(steps):
    for s in steps:
        mark, rest = (s[:2], s[2:]) if s[:2] in ('x ', '> ') else ('', s)
        yield rest, {'x ': 'completed', '> ': 'in_progress', '': 'pending'}[mark]
def added(text): return ''.join('+' + line + '\n' for line in text.splitlines())
def codex_tools(tools, cwd):
    for t in tools:
        k = t[0]
        if k == 'write': yield {'name': 'apply_patch', 'custom': f'*** Begin Patch\n*** Add File: {t[1]}\n{added(t[2])}*** End Patch\n'}
        elif k == 'edit':
            old, new = t[2].splitlines(), t[3].splitlines()
            head = 0
            while head < min(len(old), len(new)) and old[head] == new[head]: head += 1
            tail = 0
            while tail < min(len(old), len(new)) - head and old[-1 - tail] == new[-1 - tail]: tail += 1
            body = [' ' + x for x in old[:head]] + ['-' + x for x in old[head:len(old) - tail]] + ['+' + x for x in new[head:len(new) - tail]] + [' ' + x for x in old[len(old) - tail:]]
            yield {'name': 'apply_patch', 'custom': f'*** Begin Patch\n*** Update File: {t[1]}\n@@\n' + '\n'.join(body) + '\n*** End Patch\n'}
        elif k == 'run': yield {'name': 'exec_command', 'input': {'cmd': t[1]}}
        elif k == 'look': yield {'name': 'exec_command', 'input': {'cmd': f'cat {t[1]}'}}
        elif k == 'plan': yield {'name': 'update_plan', 'input': {'plan': [{'step': s, 'status': st} for s, st in states(t[1])]}}
def opencode_tools(tools, cwd):
    for t in tools:
        k = t[0]
        if k == 'write': yield {'name': 'write', 'input': {'filePath': f'{cwd}/{t[1]}', 'content': t[2]}}
        elif k == 'edit': yield {'name': 'edit', 'input': {'filePath': f'{cwd}/{t[1]}', 'oldString': t[2], 'newString': t[3]}}
        elif k == 'run': yield {'name': 'bash', 'input': {'command': t[1], 'description': t[2]}}
        elif k == 'look': yield {'name': 'read', 'input': {'filePath': f'{cwd}/{t[1]}'}}
        elif k == 'plan': yield {'name': 'todowrite', 'input': {'todos': [{'content': s, 'status': st, 'priority': 'medium'} for s, st in states(t[1])]}}
        elif k == 'delegate': yield {'name': 'task', 'input': {'description': t[1], 'prompt': t[2], 'subagent_type': 'general'}}
TOOLS_OF = {'claude-code': claude_tools, 'codex': codex_tools, 'opencode': opencode_tools}

# ---- one session in its own folder
class Session:
    def __init__(self, base, harness, project, seed, turns):
        self.harness, self.turns = harness, turns
        self.home, self.proj, self.raw = base + '/home', f'{base}/home/{project}', f'{base}/raw-{project}'
        self.tap = base + '/tap.jsonl'
        for d in (self.home, self.proj, self.raw): os.makedirs(d, exist_ok=True)
        path = (os.environ.get('TOOLS', '') + ':/usr/local/bin:/usr/bin:/bin').lstrip(':')
        self.env = {'PATH': path, 'HOME': self.home, 'TERM': 'xterm-256color', 'LANG': 'C.UTF-8', 'TAP_LOG': self.tap,
                    'PYTHONDONTWRITEBYTECODE': '1', 'GOFLAGS': '-mod=mod', 'GOTOOLCHAIN': 'local', 'CARGO_NET_OFFLINE': 'true', 'CARGO_TERM_COLOR': 'never', 'NO_COLOR': '1',
                    **{k: v for k, v in os.environ.items() if k.startswith('PG')}}
        open(self.home + '/.gitconfig', 'w').write('[user]\n\tname = Dev\n\temail = dev@corp.example\n[init]\n\tdefaultBranch = main\n[advice]\n\tdetachedHead = false\n')
        # Codex runs a login shell, which sets its own PATH.
        open(self.home + '/.bash_profile', 'w').write(f'export PATH="{path}"\n')
        for name, text in seed.items():
            os.makedirs(os.path.dirname(f'{self.proj}/{name}'), exist_ok=True)
            open(f'{self.proj}/{name}', 'w').write(text)
            if text.startswith('#!'): os.chmod(f'{self.proj}/{name}', 0o755)
        if os.environ.get('MODULES') and 'package.json' in seed: os.symlink(os.environ['MODULES'], self.proj + '/node_modules')
        for c in (['init', '-q', '.'], ['add', '-A'], ['commit', '-q', '-m', 'Start']): subprocess.run(['git', *c], cwd=self.proj, env=self.env, check=True)
        script = {'turns': [{'prompt': t['prompt'], 'steps': [{'wait_s': s['wait'], 'text': s['text'], 'tools': list(TOOLS_OF[harness](s['tools'], self.proj))} for s in t['steps']]} for t in turns]}
        json.dump(script, open(self.raw + '/script.json', 'w'))
        self.model = subprocess.Popen([sys.executable, HERE + '/fake_model.py', '--script', self.raw + '/script.json', '--log', self.raw + '/requests.jsonl', '--portfile', self.raw + '/port'], stdout=subprocess.DEVNULL)
        while not os.path.exists(self.raw + '/port') or not open(self.raw + '/port').read(): time.sleep(0.1)
        self.port = open(self.raw + '/port').read()
        self.log = open(self.raw + '/driver.jsonl', 'a')
    def note(self, **what): self.log.write(json.dumps({'t': time.time(), **what}) + '\n'); self.log.flush()
    def answer(self, t, command):
        return next((a for words, a in t['approve'].items() if words in command), (3, True))
    def play(self):
        try: getattr(self, self.harness.replace('-', '_'))()
        finally: self.model.terminate(); self.model.wait()
    def lines(self, stream):
        for line in stream:
            try: d = json.loads(line)
            except ValueError: continue
            self.note(got=d); yield d

    def claude_code(self):
        events = ['SessionStart', 'UserPromptSubmit', 'PostToolUse', 'PostToolUseFailure', 'TaskCreated', 'TaskCompleted', 'PermissionRequest', 'Stop', 'SubagentStop', 'SessionEnd']
        hook = {'type': 'command', 'command': HERE + '/hook_tap.py', 'timeout': 5}
        os.makedirs(self.home + '/.claude', exist_ok=True)
        json.dump({'hooks': {e: [{'hooks': [{**hook, 'timeout': 1} if e == 'SessionEnd' else hook]}] for e in events}}, open(self.home + '/.claude/settings.json', 'w'))
        env = {**self.env, 'CLAUDE_CONFIG_DIR': self.home + '/.claude', 'ANTHROPIC_BASE_URL': f'http://127.0.0.1:{self.port}', 'ANTHROPIC_API_KEY': 'sk-ant-dummy-local', 'ANTHROPIC_MODEL': 'claude-sonnet-4-5',
               'CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC': '1', 'DISABLE_AUTOUPDATER': '1', 'DISABLE_TELEMETRY': '1', 'DISABLE_ERROR_REPORTING': '1'}
        allowed = 'Bash(python3:*),Bash(pytest:*),Bash(npm:*),Bash(go:*),Bash(cargo:*),Bash(psql:*),Bash(bats:*),Bash(make:*),Bash(sleep:*),Bash(git add:*),Bash(git commit:*),Bash(git log:*),Bash(git status:*),Bash(git diff:*)'
        p = subprocess.Popen([os.environ['CLAUDE'], '-p', '--input-format', 'stream-json', '--output-format', 'stream-json', '--verbose', '--permission-mode', 'acceptEdits', '--permission-prompt-tool', 'stdio', '--allowedTools', allowed],
                             cwd=self.proj, env=env, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=open(self.raw + '/stderr.txt', 'w'), text=True)
        lock = threading.Lock()
        def send(d):
            with lock: self.note(sent=d); p.stdin.write(json.dumps(d) + '\n'); p.stdin.flush()
        over, now = threading.Event(), {}
        def reply(d, t):
            wait, yes = self.answer(t, json.dumps(d['request'].get('input', {})))
            time.sleep(wait)
            answer = {'behavior': 'allow', 'updatedInput': d['request'].get('input', {})} if yes else {'behavior': 'deny', 'message': 'Not that, please.'}
            send({'type': 'control_response', 'response': {'subtype': 'success', 'request_id': d['request_id'], 'response': answer}})
        def listen():
            for d in self.lines(p.stdout):
                if d.get('type') == 'result': over.set()
                elif d.get('type') == 'control_request': threading.Thread(target=reply, args=(d, now['turn']), daemon=True).start()
            over.set()
        threading.Thread(target=listen, daemon=True).start()
        send({'type': 'control_request', 'request_id': 'init', 'request': {'subtype': 'initialize', 'hooks': None}})
        for n, t in enumerate(self.turns):
            time.sleep(t['pause'] if n else 2); over.clear(); now['turn'] = t
            send({'type': 'user', 'message': {'role': 'user', 'content': t['prompt']}, 'parent_tool_use_id': None, 'session_id': 'default'})
            if t['interrupt'] and not over.wait(t['interrupt']): send({'type': 'control_request', 'request_id': f'stop{n}', 'request': {'subtype': 'interrupt'}})
            if not over.wait(600): self.note(error='turn ran out'); break
        time.sleep(3); p.stdin.close()
        try: p.wait(30)
        except subprocess.TimeoutExpired: p.kill()

    def codex(self):
        home = self.home + '/.codex'; os.makedirs(home, exist_ok=True)
        open(home + '/config.toml', 'w').write(f'''model = "gpt-5.5"
model_provider = "local"
approval_policy = "never"
sandbox_mode = "danger-full-access"
check_for_update_on_startup = false
[model_providers.local]
name = "local"
base_url = "http://127.0.0.1:{self.port}/v1"
wire_api = "responses"
env_key = "DUMMY_KEY"
request_max_retries = 0
stream_max_retries = 0
[analytics]
enabled = false
[projects."{self.proj}"]
trust_level = "trusted"
''')
        events = ['SessionStart', 'UserPromptSubmit', 'PostToolUse', 'PermissionRequest', 'Stop', 'SubagentStop', 'Interrupt', 'SessionEnd']
        json.dump({'hooks': {e: [{'hooks': [{'type': 'command', 'command': HERE + '/hook_tap.py', 'timeout': 3}]}] for e in events}}, open(home + '/hooks.json', 'w'))
        env = {**self.env, 'CODEX_HOME': home, 'DUMMY_KEY': 'dummy'}
        subprocess.run([sys.executable, HERE + '/codex_trust.py', os.environ['CODEX'], self.proj], env=env, check=True, stdout=subprocess.DEVNULL)
        p = subprocess.Popen([os.environ['CODEX'], 'app-server'], cwd=self.proj, env=env, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=open(self.raw + '/stderr.txt', 'w'), text=True)
        lock, answers, over, now, ids = threading.Lock(), {}, threading.Event(), {}, iter(range(1, 9999))
        def send(d):
            with lock: self.note(sent=d); p.stdin.write(json.dumps(d) + '\n'); p.stdin.flush()
        def reply(d, t):
            wait, yes = self.answer(t, json.dumps(d['params'])); time.sleep(wait)
            send({'id': d['id'], 'result': {'decision': 'accept' if yes else 'decline'}})
        def listen():
            for d in self.lines(p.stdout):
                if 'method' in d and 'id' in d: threading.Thread(target=reply, args=(d, now['turn']), daemon=True).start()
                elif 'id' in d: answers[d['id']] = d
                elif d.get('method') == 'turn/completed': over.set()
            over.set()
        threading.Thread(target=listen, daemon=True).start()
        def rpc(method, params):
            i = next(ids); send({'id': i, 'method': method, 'params': params})
            for _ in range(600):
                if i in answers: return answers[i].get('result')
                time.sleep(0.1)
            raise SystemExit(f'no answer to {method}')
        rpc('initialize', {'clientInfo': {'name': 'desk', 'title': 'desk', 'version': '0'}, 'capabilities': {'experimentalApi': True}}); send({'method': 'initialized'})
        thread = rpc('thread/start', {'cwd': self.proj})['thread']['id']
        for n, t in enumerate(self.turns):
            time.sleep(t['pause'] if n else 2); over.clear(); now['turn'] = t
            policy = {'approvalPolicy': 'untrusted' if t['approve'] else 'never'}
            started = rpc('turn/start', {'threadId': thread, 'input': [{'type': 'text', 'text': t['prompt']}], **policy})
            if t['interrupt'] and not over.wait(t['interrupt']): rpc('turn/interrupt', {'threadId': thread, 'turnId': started['turn']['id']})
            if not over.wait(600): self.note(error='turn ran out'); break
        time.sleep(3); p.stdin.close()
        try: p.wait(15)
        except subprocess.TimeoutExpired: p.kill()

    def opencode(self):
        os.makedirs(self.proj + '/.opencode/plugin', exist_ok=True)
        open(self.proj + '/.git/info/exclude', 'a').write('.opencode/\nopencode.json\n')
        shutil.copy(HERE + '/opencode_tap.js', self.proj + '/.opencode/plugin/tap.js')
        json.dump({'model': 'local/fake-model', 'small_model': 'local/fake-model', 'share': 'disabled', 'autoupdate': False, 'enabled_providers': ['local'],
                   'provider': {'local': {'npm': '@ai-sdk/openai-compatible', 'name': 'Local', 'options': {'baseURL': f'http://127.0.0.1:{self.port}/v1', 'apiKey': 'dummy'}, 'models': {'fake-model': {'name': 'Fake model', 'tool_call': True, 'limit': {'context': 100000, 'output': 8000}}}}},
                   'permission': {'edit': 'allow', 'read': 'allow', 'bash': {'*': 'allow', 'git push*': 'ask', 'rm *': 'ask', 'psql*': 'ask'}}}, open(self.proj + '/opencode.json', 'w'))
        env = {**self.env, 'OPENCODE_DISABLE_MODELS_FETCH': '1', 'OPENCODE_DISABLE_AUTOUPDATE': '1', 'OPENCODE_DISABLE_LSP_DOWNLOAD': '1', 'npm_config_fetch_retries': '0'}
        p = subprocess.Popen([os.environ['OPENCODE'], 'serve', '--hostname', '127.0.0.1', '--port', '0', '--print-logs'], cwd=self.proj, env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        base = None
        for line in p.stdout:
            found = re.search(r'listening on (http://127\.0\.0\.1:\d+)', line)
            if found: base = found.group(1); break
        threading.Thread(target=lambda: [None for _ in p.stdout], daemon=True).start()
        def call(method, path, body=None):
            req = urllib.request.Request(base + path, method=method, headers={'content-type': 'application/json'}, data=None if body is None else json.dumps(body).encode())
            with urllib.request.urlopen(req, timeout=200) as r: raw = r.read()
            return json.loads(raw) if raw else None
        over, now = threading.Event(), {}
        def reply(e, t):
            wait, yes = self.answer(t, json.dumps(e['properties'])); time.sleep(wait)
            call('POST', f"/permission/{e['properties']['id']}/reply", {'reply': 'once' if yes else 'reject', **({} if yes else {'message': 'Not that, please.'})})
        def listen():
            with urllib.request.urlopen(base + '/event') as r:
                for line in r:
                    if not line.startswith(b'data: '): continue
                    e = json.loads(line[6:]); self.note(got=e)
                    if e['type'] == 'session.idle' and e['properties']['sessionID'] == now.get('session'): over.set()
                    elif e['type'] == 'permission.asked': threading.Thread(target=reply, args=(e, now['turn']), daemon=True).start()
        threading.Thread(target=listen, daemon=True).start()
        now['session'] = s = call('POST', '/session', {'title': 'Session'})['id']
        for n, t in enumerate(self.turns):
            time.sleep(t['pause'] if n else 2); over.clear(); now['turn'] = t
            call('POST', f'/session/{s}/prompt_async', {'model': {'providerID': 'local', 'modelID': 'fake-model'}, 'parts': [{'type': 'text', 'text': t['prompt']}]})
            if t['interrupt'] and not over.wait(t['interrupt']): call('POST', f'/session/{s}/abort')
            if not over.wait(600): self.note(error='turn ran out'); break
            time.sleep(1)
        time.sleep(2); p.terminate()
        try: p.wait(15)
        except subprocess.TimeoutExpired: p.kill()

# ---- what is kept of it
QUIET = ('message.part.delta', 'session.diff', 'plugin.added', 'catalog.updated', 'reference.updated', 'integration.updated', 'file.watcher.updated')
def keep(rec):
    """The payload of a line of the tap, or None. Of OpenCode's bus what no listener needs is left out, for size."""
    if rec.get('via') == 'stdin': return rec.get('json')
    if rec.get('hook') != 'event' or rec['input']['type'] in QUIET: return None
    part = rec['input'].get('properties', {}).get('part', {})
    return None if part.get('type') in ('step-start', 'step-finish') or part.get('state', {}).get('status') == 'pending' else rec['input']
def main():
    spec = importlib.util.spec_from_file_location('session', sys.argv[1]); m = importlib.util.module_from_spec(spec)
    m.__dict__.update(WORDS); spec.loader.exec_module(m)
    name = os.path.basename(sys.argv[1])[:-3]
    out = sys.argv[2] if len(sys.argv) > 2 else f'{HERE}/../../captures/{name}'
    base = tempfile.mkdtemp(prefix='rec-'); print(name, base, flush=True)
    all = [Session(base, m.HARNESS, m.PROJECT, m.SEED, m.TURNS)] + [Session(base, m.HARNESS, x['project'], x['seed'], x['turns']) for x in getattr(m, 'MORE', [])]
    threads = [threading.Thread(target=s.play) for s in all]
    for n, t in enumerate(threads): time.sleep(7 if n else 0); t.start()
    for t in threads: t.join()
    dashed = lambda p: re.sub(r'[^A-Za-z0-9]', '-', p)
    def clean(text):
        for old, new in [(HERE + '/hook_tap.py', '/usr/local/bin/hook-tap'), (base + '/home', '/home/dev'), (dashed(base + '/home'), '-home-dev'), (base, '/home/dev')]: text = text.replace(old, new)
        for n, tool in enumerate(filter(None, os.environ.get('TOOLS', '').split(':') + [os.environ.get('MODULES', '')])):
            text = text.replace(os.path.dirname(tool), f'/usr/lib/tools{n}')
        text = re.sub(r'/tmp/claude-\d+/', '/run/user/1000/claude/', text)
        text = text.replace('/tmp/', '/run/user/1000/').replace('pytest-of-root', 'pytest-of-dev')
        text = re.sub(r'/(?:root|work)/[^\s"\\:,)]*/(?=[^/\s"\\:,)]+)', '/usr/lib/', text)
        return re.sub(r'\\u001b\[[0-9;]*m', '', text)
    rows = sorted((json.loads(clean(x)) for x in open(base + '/tap.jsonl')), key=lambda r: r['t'])
    rows = [(r['t'], p) for r in rows if (p := keep(r))]
    os.makedirs(out, exist_ok=True); first = rows[0][0]
    with open(out + '/session.jsonl', 'w') as f:
        for t, p in rows: f.write(json.dumps({'after_s': round(t - first, 1), 'payload': p}) + '\n')
    text = open(out + '/session.jsonl').read()
    left = sorted(set(re.findall(r'(?<![A-Za-z0-9._-])/(?:root|tmp|work|var|opt|mnt)[^"\s]{0,60}', text)))
    for line in left: print('a path is left:', line, file=sys.stderr)
    print(name, len(rows), 'lines', len(text), 'bytes', round(rows[-1][0] - first), 's')
    sys.exit(1 if left else 0)
main()
