"""TypeScript, SQL and shell, OpenCode: an import of a product catalogue. The tests fail first; a sub-agent looks something
up; psql is asked for and allowed, a push refused; one turn is aborted."""
HARNESS = 'opencode'
PROJECT = 'catalog'
SEED = {
    'package.json': '{\n  "name": "catalog",\n  "private": true,\n  "type": "module",\n  "scripts": { "test": "tsc -p . && node --test dist/" }\n}\n',
    'tsconfig.json': '{\n  "compilerOptions": { "target": "es2022", "module": "nodenext", "moduleResolution": "nodenext", "outDir": "dist", "rootDir": "src", "strict": true, "types": ["node"], "lib": ["es2022", "dom"] },\n  "include": ["src"]\n}\n',
    '.gitignore': 'node_modules\ndist\n',
    'src/import.ts': '''export interface Product {
  sku: string;
  name: string;
  cents: number;
}

export interface Db {
  query(text: string, values?: unknown[]): Promise<{ rowCount: number }>;
}

/** Writes all products. */
export async function importAll(db: Db, products: Product[]): Promise<number> {
  let written = 0;
  products.forEach(async (p) => {
    await db.query(`INSERT INTO products (sku, name, cents) VALUES ('${p.sku}', '${p.name}', ${p.cents})`);
    written++;
  });
  return written;
}
''',
    'schema.sql': 'CREATE TABLE IF NOT EXISTS products (\n    sku text NOT NULL,\n    name text NOT NULL,\n    cents bigint NOT NULL\n);\n',
}
TURNS = [
    turn('The import says it wrote nothing, and a name with a quote breaks it. Importing twice should be fine, too.',
         step(5, 'Plan.', plan('> Wait for all writes: a promise for each', 'Parameters instead of text in the SQL', 'Unique sku and an upsert')),
         step(4, '', look('src/import.ts')),
         step(8, 'A test first.', write('src/import.test.ts', '''import assert from "node:assert/strict";
import { test } from "node:test";
import { importAll, type Db } from "./import.js";

test("all are written, and no name gets into the SQL", async () => {
  const texts = new Set<string>();
  const db: Db = {
    async query(text) {
      texts.add(text);
      await new Promise((done) => setTimeout(done, 2));
      return { rowCount: 1 };
    },
  };
  const products = ["a", "b'; --", "c"].map((name, cents) => ({ sku: name, name, cents }));
  assert.equal(await importAll(db, products), 3);
  assert.equal(texts.size, 1);
});
''')),
         step(3, '', run('npm test --silent', 'Build and test')),
         step(12, 'Now the import.', edit('src/import.ts', '''  let written = 0;
  products.forEach(async (p) => {
    await db.query(`INSERT INTO products (sku, name, cents) VALUES ('${p.sku}', '${p.name}', ${p.cents})`);
    written++;
  });
  return written;
''', '''  const upsert = `INSERT INTO products (sku, name, cents) VALUES ($1, $2, $3)
    ON CONFLICT (sku) DO UPDATE SET name = excluded.name, cents = excluded.cents`;
  const written = await Promise.all(products.map((p) => db.query(upsert, [p.sku, p.name, p.cents])));
  return written.reduce((sum, one) => sum + one.rowCount, 0);
''')),
         step(5, '', edit('schema.sql', '    sku text NOT NULL,\n', '    sku text NOT NULL UNIQUE,\n')),
         step(3, '', run('npm test --silent', 'Build and test')),
         step(4, '', run('psql -qX -v ON_ERROR_STOP=1 -c "BEGIN ISOLATION LEVEL REPEATABLE READ" -f schema.sql -c ROLLBACK && echo fits', 'Try the schema')),
         step(4, '', plan('x Wait for all writes: a promise for each', 'x Parameters instead of text in the SQL', 'x Unique sku and an upsert')),
         step(3, '', run("git add -A && git commit -q -m 'Import waits, escapes and can be repeated'", 'Commit')),
         step(3, 'The import waits for all writes, uses parameters and can be repeated.'), approve={'psql': (7, True)}),
    turn('Watch the tests for a while.', step(4, '', run('while true; do sleep 1; done', 'Watch')), step(2, 'Stopped.'), pause=30, interrupt=10),
    turn('Fetch the catalogue over HTTP with retries. Let somebody look up which statuses to retry.',
         step(6, 'Asking around.', delegate('Statuses to retry', 'Which HTTP statuses may be retried? Write them into NOTES.md.')),
         step(12, 'The fetcher.', write('src/fetch.ts', '''import type { Product } from "./import.js";

const RETRIED = new Set([429, 502, 503, 504]);

/** Reads one page of the catalogue; asks again, later each time, when the server is busy. */
export async function page(url: string, get = fetch, attempts = 5): Promise<Product[]> {
  for (let attempt = 1; ; attempt++) {
    const answer = await get(url, { signal: AbortSignal.timeout(5000) });
    if (answer.ok) return (await answer.json()) as Product[];
    if (!RETRIED.has(answer.status) || attempt === attempts) throw new Error(`status ${answer.status}`);
    await new Promise((done) => setTimeout(done, 100 * 2 ** attempt * Math.random()));
  }
}
''')),
         step(3, '', run('npm test --silent', 'Build and test')),
         step(3, '', run("git add -A && git commit -q -m 'Fetch pages with retries'", 'Commit')),
         step(3, '', run('git push origin main', 'Push')),
         step(3, 'Fetched with retries; the push is yours.'), pause=30, approve={'git push': (6, False)}),
    turn('Which HTTP statuses may be retried?', step(4, 'Writing them down.', write('NOTES.md', 'Retried: 429, 502, 503, 504.\n')), step(3, 'Written.'), pause=0),
]
