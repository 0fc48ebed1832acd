// A browser that nobody can fool quietly: it trusts the given roots and nothing else, runs no script of a page,
// and notes whatever a page does that it may not: a console line, an issue that Chromium files (its content policy
// among them), a request to another origin, a request that failed.
import { chromium } from 'playwright-core';
import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { createRequire } from 'node:module';

const AXE = fs.readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
const RULES = ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22a', 'wcag22aa', 'best-practice'];
const WIDE = { width: 1280, height: 900 }, NARROW = { width: 360, height: 780 }, NARROWEST = { width: 320, height: 640 };
const CHROMIUM = '/usr/bin/chromium';
const FLAGS = ['--no-sandbox', '--disable-gpu', '--disable-quic', '--disable-sync', '--no-first-run', '--disable-background-networking',
  '--disable-component-update', '--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE localhost, EXCLUDE 127.0.0.1'];

export class Eyes {
  findings = [];
  pages = [];
  #home; #browser; #job;
  #links = new Map();

  // `job`: `base` (origin of the pages), `roots` (PEM files to trust), `screens` (folder for the pictures),
  // `elsewhere` (origins that may be visited beside).
  static async open(job) {
    const eyes = new Eyes();
    eyes.#job = job;
    eyes.#home = fs.mkdtempSync(path.join(os.tmpdir(), 'browser-'));
    const store = path.join(eyes.#home, '.pki/nssdb');
    fs.mkdirSync(store, { recursive: true });
    if (!fs.existsSync(CHROMIUM)) throw new Error(`${CHROMIUM} is missing: apt-get install chromium`);
    const nss = (...args) => {
      try { execFileSync('certutil', ['-d', `sql:${store}`, ...args], { stdio: 'pipe' }); }
      catch (e) { throw new Error(e.code === 'ENOENT' ? 'certutil is missing: apt-get install libnss3-tools' : `certutil: ${e.stderr}`); }
    };
    nss('-N', '--empty-password');
    job.roots.forEach((root, i) => nss('-A', '-n', `root${i}`, '-t', 'C,,', '-i', root));
    fs.mkdirSync(job.screens, { recursive: true });
    eyes.#browser = await chromium.launch({ executablePath: CHROMIUM, args: FLAGS, chromiumSandbox: false,
      env: { HOME: eyes.#home, PATH: process.env.PATH ?? '/usr/bin:/bin', TZ: 'UTC', LANG: 'C.UTF-8' } });
    return eyes;
  }

  async close() {
    await this.#browser.close();
    fs.rmSync(this.#home, { recursive: true, force: true });
  }

  find(where, what) { this.findings.push(`${where}: ${what}`); }

  // Somebody with a browser of their own: no cookie of anybody else. `script`: on the engineer's own machine, whose one
  // page has a script; `refused`: a status that a part of it may be answered with.
  async somebody({ script = false, refused = [] } = {}) {
    const context = await this.#browser.newContext({ baseURL: this.#job.base, javaScriptEnabled: script, viewport: WIDE,
      colorScheme: 'light', locale: 'en-GB', timezoneId: 'UTC' });
    context.setDefaultTimeout(20000);
    const page = await context.newPage();
    if (script) scripted.add(page);
    const cdp = await context.newCDPSession(page);
    await cdp.send('Audits.enable');
    const ours = (url) => new URL(url).origin === this.#job.base;
    cdp.on('Audits.issueAdded', ({ issue }) => {
      if (ours(page.url())) this.find(page.url(), `Chromium files ${issue.code} ${JSON.stringify(issue.details)}`);
    });
    page.on('console', (line) => {
      // The status of a page itself is no complaint about it; that of what it loads is.
      const failed = line.text().startsWith('Failed to load resource');
      const own = failed && (line.location().url === page.url() || refused.some((status) => line.text().includes(`status of ${status} `)));
      if (ours(page.url()) && !own) this.find(page.url(), `the console says: ${line.text()}`);
    });
    page.on('pageerror', (error) => this.find(page.url(), `an error in a script: ${error.message}`));
    page.on('request', (request) => {
      const { origin } = new URL(request.url());
      const allowed = origin === this.#job.base || (request.isNavigationRequest() && (this.#job.elsewhere ?? []).includes(origin));
      if (!allowed && ours(page.url())) this.find(page.url(), `asks another origin for ${request.url()}`);
    });
    page.on('requestfailed', (request) => {
      // Whoever goes on before the icon has come gives it up.
      const why = request.failure()?.errorText;
      if (why !== 'net::ERR_ABORTED') this.find(page.url(), `could not load ${request.url()}: ${why}`);
    });
    page.on('response', (response) => {
      const part = !response.request().isNavigationRequest() && ours(response.url());
      if (part && response.status() >= 400 && !refused.includes(response.status())) this.find(page.url(), `${response.status()} for ${response.url()}`);
    });
    return page;
  }

  // Opens a page that has to have this status.
  async open(page, to, status = 200) {
    const response = await page.goto(to);
    if (response.status() !== status) this.find(to, `${response.status()} instead of ${status}: ${await text(page)}`);
  }

  // A page that has to say this.
  async hear(page, ...words) {
    const all = await text(page);
    for (const word of words) if (!all.includes(word)) this.find(page.url(), `does not say "${word}": ${all}`);
  }

  // Takes both pictures of a page and lets axe-core read it in both schemes.
  async look(page, name) {
    const began = Date.now();
    await this.#regard(page, name, '1280-light', WIDE, 'light', true);
    await this.#regard(page, name, '360-dark', NARROW, 'dark', true);
    await this.#regard(page, name, '320', NARROWEST, 'dark', false);
    await page.setViewportSize(WIDE);
    await page.emulateMedia({ colorScheme: 'light' });
    await this.#note(page, name);
    this.pages.push({ name, url: page.url().replace(this.#job.base, ''), title: await page.title(), ms: Date.now() - began });
  }

  // Every link of a page: its places on this very page are looked for here, the rest is for `follow`, one of each
  // kind where only an id differs.
  async #note(page, name) {
    const links = this.#links.get(page) ?? new Map(), [here] = page.url().split('#');
    const found = await inside(page, `[...document.querySelectorAll('a[href]')].map((a) => new URL(a.getAttribute('href'), document.baseURI).href)`);
    for (const href of found) {
      const [to, place] = href.split('#'), kind = href.replace(/[0-9a-f]{32}/, '{id}');
      if (to !== here) { if (!links.has(kind)) links.set(kind, { href, name }); }
      else if (place && !await page.locator(`[id="${place}"]`).count()) this.find(name, `links to #${place}, which is not there`);
    }
    this.#links.set(page, links);
  }

  // No link that somebody saw leads nowhere: neither to a page that is not there for them nor past its place on one.
  async follow(page) {
    const texts = new Map();
    for (const { href, name } of this.#links.get(page).values()) {
      const url = new URL(href), place = url.hash.slice(1);
      if (url.origin !== this.#job.base) { this.find(name, `links to another origin: ${href}`); continue; }
      url.hash = '';
      if (!texts.has(url.href)) {
        const answer = await page.context().request.get(url.href, { maxRedirects: 0 });
        if (answer.status() >= 400) this.find(name, `links to ${href}, which is answered ${answer.status()}`);
        texts.set(url.href, await answer.text());
      }
      if (place && !texts.get(url.href).includes(`id="${place}"`)) this.find(name, `links to ${href}, where there is no #${place}`);
    }
  }

  async #regard(page, name, view, size, colorScheme, fully) {
    await page.setViewportSize(size);
    await page.emulateMedia({ colorScheme });
    const wide = await inside(page, `(${sideways})()`);
    if (wide) this.find(`${name} ${view}`, `scrolls sideways: ${wide}`);
    if (!fully) return;
    await page.screenshot({ path: path.join(this.#job.screens, `${name}-${view}.png`), fullPage: true });
    const options = { runOnly: { type: 'tag', values: RULES }, resultTypes: ['violations'] };
    const found = await inside(page, `${AXE}; axe.run(document, ${JSON.stringify(options)}).then((r) => r.violations)`);
    for (const rule of found)
      for (const node of rule.nodes.slice(0, 3))
        this.find(`${name} ${view}`, `axe ${rule.id} (${rule.help}): ${node.target.join(' ')} ${node.failureSummary.replace(/\s+/g, ' ')}`);
  }
}

// A page's words, spaces folded.
const text = async (page) => (await page.locator('body').innerText()).replace(/\s+/g, ' ');

// Pages whose script goes on running.
const scripted = new WeakSet();

// Evaluates in a world of its own, which the page's content policy does not reach. No page of ours has a script,
// so that scripts may run for that long changes nothing for it.
async function inside(page, expression) {
  const cdp = await page.context().newCDPSession(page);
  await cdp.send('Emulation.setScriptExecutionDisabled', { value: false });
  try {
    const { frameTree } = await cdp.send('Page.getFrameTree');
    const { executionContextId } = await cdp.send('Page.createIsolatedWorld', { frameId: frameTree.frame.id });
    const { result, exceptionDetails } = await cdp.send('Runtime.evaluate',
      { expression, contextId: executionContextId, awaitPromise: true, returnByValue: true });
    if (exceptionDetails) throw new Error(exceptionDetails.exception?.description ?? exceptionDetails.text);
    return result.value;
  } finally {
    if (!scripted.has(page)) await cdp.send('Emulation.setScriptExecutionDisabled', { value: true });
    await cdp.detach();
  }
}

// Runs in the page: what sticks out of it, in words; nothing if nothing does.
function sideways() {
  const root = document.scrollingElement, width = document.documentElement.clientWidth;
  if (root.scrollWidth <= width) return '';
  const out = [...document.body.querySelectorAll('*')].filter((e) => e.getBoundingClientRect().right > width + 0.5);
  return `${root.scrollWidth} of ${width} px: ` + out.slice(0, 4).map((e) => `${e.tagName.toLowerCase()}.${e.getAttribute('class') ?? ''}`).join(', ');
}
