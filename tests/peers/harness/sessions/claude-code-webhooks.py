"""TypeScript, Claude Code: a sender of webhooks learns to retry, in parallel and without sending twice. One command is
approved, one refused."""
HARNESS = 'claude-code'
PROJECT = 'webhooks'
SEED = {
    'package.json': '{\n  "name": "webhooks",\n  "private": true,\n  "type": "module",\n  "scripts": { "test": "tsc -p . && node --test dist/" }\n}\n',
    'tsconfig.json': '{\n  "compilerOptions": { "target": "es2022", "module": "nodenext", "moduleResolution": "nodenext", "outDir": "dist", "rootDir": "src", "strict": true, "types": ["node"], "lib": ["es2022", "dom"] },\n  "include": ["src"]\n}\n',
    '.gitignore': 'node_modules\ndist\n',
    'src/send.ts': '''export interface Hook {
  id: string;
  url: string;
  body: string;
}

/** Sends all hooks, one after the other. */
export async function sendAll(hooks: Hook[]): Promise<void> {
  for (const hook of hooks) {
    await fetch(hook.url, { method: "POST", body: hook.body });
  }
}
''',
}
SEND = '''export interface Hook {
  id: string;
  url: string;
  body: string;
}

export type Post = (url: string, init: RequestInit) => Promise<{ status: number }>;

const RETRIED = new Set([408, 429, 502, 503, 504]);
const pause = (ms: number) => new Promise((done) => setTimeout(done, ms));

/** Sends one hook; the receiver tells a repeat by the key. */
export async function send(hook: Hook, post: Post, attempts = 4, base = 200): Promise<number> {
  for (let attempt = 0; ; attempt++) {
    const answer = await post(hook.url, {
      method: "POST",
      body: hook.body,
      headers: { "Idempotency-Key": crypto.randomUUID() },
    });
    if (!RETRIED.has(answer.status) || attempt + 1 >= attempts) return answer.status;
    await pause(base * 2 ** attempt * Math.random());
  }
}

/** Sends all hooks at once; one that fails does not stop the others. */
export async function sendAll(hooks: Hook[], post: Post = fetch, base = 200): Promise<number[]> {
  const sent = await Promise.allSettled(hooks.map((hook) => send(hook, post, 4, base)));
  return sent.map((one) => (one.status === "fulfilled" ? one.value : 0));
}
'''
TEST = '''import assert from "node:assert/strict";
import { test } from "node:test";
import { sendAll, type Post } from "./send.js";

const hook = (id: string) => ({ id, url: `http://receiver/${id}`, body: "{}" });

test("a busy receiver is asked again, with the same key", async () => {
  const keys: string[] = [];
  const post: Post = async (_url, init) => {
    keys.push(new Headers(init.headers).get("Idempotency-Key") ?? "");
    return { status: keys.length < 3 ? 503 : 200 };
  };
  assert.deepEqual(await sendAll([hook("a")], post, 1), [200]);
  assert.equal(new Set(keys).size, 1);
});

test("one that fails does not stop the others", async () => {
  const post: Post = async (url) => {
    if (url.endsWith("b")) throw new Error("refused");
    return { status: 200 };
  };
  assert.deepEqual(await sendAll([hook("a"), hook("b"), hook("c")], post, 1), [200, 0, 200]);
});
'''
TURNS = [
    turn('Send the webhooks in parallel and retry when the receiver is busy, without delivering twice.',
         step(6, 'Plan first.', plan('Retry on 429 and 5xx: exponential backoff with jitter', 'Deliver once: an idempotency key a hook, the same at each attempt', 'All in parallel: Promise.allSettled, so that one failure stops nobody')),
         step(4, '', look('src/send.ts')),
         step(15, 'The sender.', write('src/send.ts', SEND)),
         step(9, 'Tests.', write('src/send.test.ts', TEST)),
         step(3, '', run('npm test --silent', 'Build and test')),
         step(9, 'Each attempt makes a new key. It belongs to the hook.', edit('src/send.ts', '      headers: { "Idempotency-Key": crypto.randomUUID() },\n', '      headers: { "Idempotency-Key": hook.id },\n')),
         step(3, '', run('npm test --silent', 'Build and test')),
         step(4, '', done(1, 2, 3), run("git add -A && git commit -q -m 'Send in parallel, retry, deliver once'", 'Commit')),
         step(4, 'Done: parallel, retried with backoff, one key a hook.')),
    turn('Ten thousand at once is too many for the receiver. Limit it, then rebase onto main and push.',
         step(10, 'A few at a time.', edit('src/send.ts', '  const sent = await Promise.allSettled(hooks.map((hook) => send(hook, post, 4, base)));\n  return sent.map((one) => (one.status === "fulfilled" ? one.value : 0));\n', '''  const out: number[] = [];
  const next = hooks.entries();
  const worker = async () => {
    for (const [at, hook] of next) {
      out[at] = await send(hook, post, 4, base).catch(() => 0);
    }
  };
  await Promise.all(Array.from({ length: 16 }, worker));
  return out;
''')),
         step(3, '', run('npm test --silent', 'Build and test')),
         step(3, '', run("git commit -qam 'Sixteen at a time'", 'Commit')),
         step(5, '', run('git branch -q feature && git checkout -q feature && git rebase main', 'Rebase onto main')),
         step(4, '', run('git push --force-with-lease origin feature', 'Push the branch')),
         step(4, 'Rebased; I left the push to you.'), pause=45, approve={'git rebase': (6, True), 'git push': (8, False)}),
]
