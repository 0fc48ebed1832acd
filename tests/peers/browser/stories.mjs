// What people do in the browser, and what they have to see.
import assert from 'node:assert/strict';

const button = (page, name) => page.locator('main').getByRole('button', { name });

// A one-time link: opening it does nothing, its one button signs in, once.
async function byLink(eyes, page, link, name) {
  await eyes.open(page, link);
  await eyes.open(page, link);
  assert.equal(await page.locator('main button').count(), 1, 'a link shows one button');
  assert.deepEqual(await page.context().cookies(), [], 'opening a link begins no session');
  if (name) await eyes.look(page, name);
  await page.locator('main button').click();
  await page.waitForURL((url) => !url.pathname.startsWith('/link/'));
  const [cookie, ...more] = await page.context().cookies();
  assert.equal(more.length, 0, 'one cookie');
  assert.deepEqual([cookie.name, cookie.path, cookie.secure, cookie.httpOnly, cookie.sameSite], ['__Host-aiworklab', '/', true, true, 'Lax']);
}

// Through the identity provider's own page.
async function atProvider(page, job, user, press = 'Sign in') {
  await page.waitForURL((url) => url.origin === job.elsewhere[0]);
  await page.getByLabel('User').fill(user);
  await page.getByRole('button', { name: press, exact: true }).click();
  await page.waitForURL((url) => url.origin === job.base);
}
async function byProvider(eyes, page, job, user, to) {
  await eyes.open(page, to);
  assert.equal(new URL(page.url()).pathname, '/signin', 'who is not signed in is led to the sign-in page');
  await page.getByRole('link', { name: `Continue with ${job.provider}` }).click();
  await atProvider(page, job, user);
}

// Sign-in by link and by OIDC, the approval of a device that waits, and its revocation after a step-up.
export async function doors(eyes, job) {
  const operator = await eyes.somebody();
  await byLink(eyes, operator, job.link, 'link');
  assert.equal(new URL(operator.url()).pathname, '/admin', 'the first administrator lands in the administration');
  await eyes.look(operator, 'admin-health-new');
  const late = await eyes.somebody();
  await eyes.open(late, job.link, 410);
  await eyes.hear(late, 'This link was used already.');
  await eyes.look(late, 'link-used');
  await eyes.open(late, `/link/${'A'.repeat(43)}`, 404);
  await eyes.hear(late, 'This link is not known here.');
  await eyes.look(late, 'link-unknown');

  // Whoever cancels at the provider reads so, and can try again.
  await eyes.open(late, '/me');
  await eyes.look(late, 'signin');
  await late.getByRole('link', { name: `Continue with ${job.provider}` }).click();
  await atProvider(late, job, 'bob', 'Cancel');
  await eyes.hear(late, 'You are not signed in', 'Nothing was changed.');
  await eyes.look(late, 'signin-cancelled');

  // A member: their own pages, and no administration.
  const bob = await eyes.somebody();
  await byProvider(eyes, bob, job, 'bob', '/me');
  assert.equal(new URL(bob.url()).pathname, '/me', 'the page that was asked for comes after the sign-in');
  await eyes.hear(bob, 'Bob');
  await eyes.look(bob, 'me-new');
  assert.equal(await bob.getByRole('link', { name: 'Admin' }).count(), 0);
  await eyes.open(bob, '/admin', 403);
  await eyes.look(bob, 'forbidden');
  await eyes.open(bob, '/', 200);
  await eyes.look(bob, 'overview-new');

  // The device that waits.
  await eyes.open(bob, '/enrol');
  await eyes.look(bob, 'enrol-code');
  await bob.getByRole('textbox', { name: 'Code' }).fill('ZZZZ-9999');
  await button(bob, 'See what asks').click();
  await eyes.hear(bob, 'No device waits with the code ZZZZ-9999');
  await eyes.look(bob, 'enrol-code-wrong');
  await eyes.open(bob, '/enrol');
  await bob.getByRole('textbox', { name: 'Code' }).fill(job.code.toLowerCase());
  await button(bob, 'See what asks').click();
  await eyes.hear(bob, `Enrol ${job.device}?`, job.code, '127.0.0.1');
  await eyes.look(bob, 'enrol-approval');
  await button(bob, 'Yes, approve it').click();
  await eyes.hear(bob, `${job.device} is approved.`);
  await eyes.look(bob, 'enrol-approved');
  await eyes.open(bob, '/me');
  await eyes.hear(bob, job.device);
  await eyes.look(bob, 'me-device');

  // An administrator whose provider's session is old: a change asks them to confirm there.
  await fetch(new URL('/__test/set', job.elsewhere[0]), { method: 'POST', body: JSON.stringify({ authTimeSkew: -1800 }) });
  const alice = await eyes.somebody();
  await byProvider(eyes, alice, job, 'alice', '/admin/devices');
  await fetch(new URL('/__test/set', job.elsewhere[0]), { method: 'POST', body: JSON.stringify({ authTimeSkew: 0 }) });
  await eyes.hear(alice, job.device, 'Bob');
  await eyes.look(alice, 'admin-devices-one');
  await eyes.open(alice, '/admin/audit');
  await eyes.hear(alice, 'device.approve');
  await eyes.look(alice, 'admin-audit-one');
  await eyes.open(alice, '/admin/devices');
  await alice.getByRole('link', { name: `Revoke ${job.device}` }).click();
  assert.equal(await button(alice, `Revoke ${job.device}`).count(), 0, 'no button before the confirmation');
  await eyes.look(alice, 'revoke-unconfirmed');
  await alice.getByRole('link', { name: `Confirm through ${job.provider}` }).click();
  await atProvider(alice, job, 'alice');
  await eyes.hear(alice, `Revoke ${job.device}?`, 'You confirmed that it is you');
  await eyes.look(alice, 'revoke-confirmed');
  await button(alice, `Revoke ${job.device}`).click();
  await eyes.hear(alice, `${job.device} is revoked.`);
  await eyes.look(alice, 'revoked');
  await eyes.open(alice, '/admin/people');
  await eyes.hear(alice, 'Alice', 'Bob');
  await eyes.look(alice, 'admin-people-few');

  for (const page of [operator, late, bob, alice]) await eyes.follow(page);

  // The end of a session.
  await alice.locator('summary', { hasText: 'Alice' }).click();
  await alice.getByRole('button', { name: 'Sign out' }).click();
  await eyes.hear(alice, 'You are signed out.');
  await eyes.look(alice, 'signed-out');
  await alice.goto('/admin');
  assert.equal(new URL(alice.url()).pathname, '/signin');
  // The provider's own stay: cookies know no port, and it is on this host too.
  const ours = (await alice.context().cookies()).filter((cookie) => cookie.name.startsWith('__Host-aiworklab'));
  return { cookies: ours.map((cookie) => cookie.name) };
}

// Every page, filled by the sample organisation.
export async function tour(eyes, job) {
  const admin = await eyes.somebody();
  await eyes.open(admin, '/signin');
  await eyes.look(admin, 'signin-no-provider');
  await byLink(eyes, admin, job.admin);
  const seen = {};
  const show = async (page, to, name, status = 200) => {
    await eyes.open(page, to, status);
    await eyes.hear(page, 'Sample organisation');
    await eyes.look(page, name);
  };
  await show(admin, '/', 'overview');
  await show(admin, '/concepts', 'concepts');
  const hrefs = (page, css) => page.locator(css).evaluateAll((all) => all.map((one) => one.getAttribute('href')));
  const concepts = [...new Set(await hrefs(admin, 'main a[href^="/concepts/"]'))];
  assert(concepts.length >= 5, `the sample shows concepts: ${concepts}`);
  seen.concepts = concepts.length;
  await show(admin, concepts[0], 'concept');
  await show(admin, concepts.at(-1), 'concept-last');
  await show(admin, '/admin', 'admin-health');
  await show(admin, '/admin/people', 'admin-people');
  const [disable] = await hrefs(admin, 'main a[href$="/disable"]');
  if (disable) await show(admin, disable, 'disable');
  await show(admin, '/admin/devices', 'admin-devices');
  const [revoke] = await hrefs(admin, 'main a[href$="/revoke"]');
  await show(admin, revoke, 'revoke');
  await show(admin, '/admin/audit', 'admin-audit');
  await show(admin, '/no/such/page', 'not-found', 404);
  await show(admin, '/concepts/no-such-concept', 'concept-unknown', 404);

  const engineer = await eyes.somebody();
  await byLink(eyes, engineer, job.engineer, 'link-engineer');
  assert.equal(new URL(engineer.url()).pathname, '/me');
  await show(engineer, '/me', 'me');
  const [mine] = await hrefs(engineer, 'main a[href$="/revoke"]');
  await show(engineer, mine, 'revoke-own');
  await show(engineer, '/me/erase', 'erase');
  const visitor = await eyes.somebody();
  await byLink(eyes, visitor, job.visitor);
  await show(visitor, '/me', 'me-start');
  for (const page of [admin, engineer, visitor]) await eyes.follow(page);
  return seen;
}

// The manual, as somebody reads it who is not signed in; and its search.
export async function manual(eyes, job) {
  const reader = await eyes.somebody();
  await eyes.open(reader, '/signin');
  await reader.locator('footer').getByRole('link', { name: 'Manual' }).click();
  assert.equal(new URL(reader.url()).pathname, '/docs');
  for (const page of job.pages) {
    await eyes.open(reader, page);
    await eyes.look(reader, `docs${page.replaceAll('/', '-').replace(/^-docs/, '') || '-index'}`);
  }
  const search = async (words) => {
    await reader.getByRole('searchbox', { name: 'Search the manual' }).fill(words);
    await reader.getByRole('button', { name: 'Search', exact: true }).click();
  };
  await search('S003');
  await eyes.hear(reader, 'in the manual', 'Errors: S003');
  await eyes.look(reader, 'docs-search-code');
  await reader.locator('main ol.hits').getByRole('link').first().click();
  assert.equal(reader.url(), `${job.base}/docs/errors#S003`, 'a code leads to its row');
  await search('first administrator');
  await eyes.look(reader, 'docs-search');
  await search('nosuchwordatall');
  await eyes.hear(reader, 'Nothing in the manual has “nosuchwordatall”.');
  await eyes.look(reader, 'docs-search-none');
  await eyes.open(reader, '/docs/search');
  await eyes.look(reader, 'docs-search-empty');
  await eyes.open(reader, '/docs/no-such-page', 404);
  await reader.getByRole('link', { name: 'What H404 means' }).click();
  assert.equal(reader.url(), `${job.base}/docs/errors#H404`, 'an error leads to its row');
  await eyes.follow(reader);
}

// Pages that do everything they may not, answered here and by no appliance: what looks has to see it.
export async function slips(eyes, job) {
  const somebody = await eyes.somebody();
  const serve = (path, body, headers = {}, status = 200) => somebody.context().route(job.base + path, (route) =>
    route.fulfill({ status, contentType: 'text/html', headers, body: `<!DOCTYPE html><html lang="en"><title>Slips</title><main><h1>Slips</h1>${body}</main></html>` }));
  const policy = { 'content-security-policy': "default-src 'none'; img-src 'self'" };
  await serve('/missing.png', '', {}, 404);
  await serve('/policy', '<p style="color:red">Styled in place.</p><img src="/missing.png" alt="Missing">', policy);
  await serve('/pale', '<p style="color:#bbb;background:#fff">Pale.</p><img src="data:," >');
  await serve('/wide', '<div style="width:500px">Wide.</div>');
  await serve('/elsewhere', '<img src="https://127.0.0.1:9/pixel.png" alt="Elsewhere"><a href="#nowhere">Nowhere</a> <a href="https://elsewhere.example/">Away</a>');
  await serve('/gone', 'Gone.', {}, 410);
  for (const name of ['policy', 'pale', 'wide', 'elsewhere']) {
    await eyes.open(somebody, `/${name}`);
    await eyes.look(somebody, `slip-${name}`);
  }
  await eyes.follow(somebody);
  await eyes.open(somebody, '/gone');
  await eyes.hear(somebody, 'Welcome');
}

// The check on the engineer's own machine: read and answered by keyboard alone, its key kept nowhere, and what is said
// without a key, with one that is over, and without a script. `link`: the address of a check that waits.
export async function check(eyes, job) {
  const key = new URL(job.link).hash.slice(1);
  const engineer = await eyes.somebody({ script: true });
  await eyes.open(engineer, job.link);
  await engineer.getByRole('button', { name: 'Answer', exact: true }).waitFor();
  assert.equal(engineer.url(), `${job.base}/`, 'the key is out of the address bar');
  const kept = await engineer.evaluate(() => JSON.stringify([history.state, { ...sessionStorage }, { ...localStorage }, document.documentElement.outerHTML]));
  assert.ok(!kept.includes(key), 'the key is kept nowhere in the page');
  await eyes.hear(engineer, job.file, 'forgotten after 7 days', 'only you', 'I am not sure', 'Later', 'Not interested');
  assert.match(await engineer.title(), /^Check: /);
  await eyes.look(engineer, 'check-asked');

  // Enter without a choice answers nothing.
  await engineer.getByRole('radio').first().focus();
  await engineer.keyboard.press('Enter');
  assert.equal(await engineer.getByRole('radio').count(), 4, 'nothing was chosen, nothing is answered');
  await engineer.keyboard.press(job.choose);
  assert.ok(await engineer.getByRole('radio').nth(Number(job.choose) - 1).isChecked(), 'a number chooses');
  await eyes.look(engineer, 'check-chosen');
  await engineer.keyboard.press('Enter');
  await engineer.getByText('What it changes').waitFor();
  await eyes.hear(engineer, 'Right', 'Your answer', 'Why it was asked', job.file, 'forgotten after 7 days', 'Next', 'Source', 'Made', 'Item');
  assert.equal(await engineer.locator('.why').count(), 4, 'every option is explained');
  assert.equal(await engineer.evaluate(() => document.activeElement.textContent.startsWith('Answered: ')), true, 'what has changed is read out');
  await eyes.look(engineer, 'check-answered');
}

// What is said where there is no check to show. `link`: an address whose key is over or never was.
export async function nocheck(eyes, job) {
  const late = await eyes.somebody({ script: true, refused: [403] });
  await eyes.open(late, `/#${'A'.repeat(43)}`);
  await late.getByText('This address opens nothing any more.').waitFor();
  await eyes.look(late, 'check-over');
  await eyes.open(late, '/');
  await late.reload();
  await late.getByText('This page has no key.').waitFor();
  await eyes.look(late, 'check-keyless');
  const plain = await eyes.somebody();
  await eyes.open(plain, job.link);
  await eyes.hear(plain, 'needs JavaScript', 'aiworklab quiz');
  await eyes.look(plain, 'check-scriptless');
  const elsewhere = await eyes.somebody({ script: true, refused: [410] });
  await eyes.open(elsewhere, job.link);
  await elsewhere.getByText(job.says).waitFor();
  await eyes.look(elsewhere, 'check-elsewhere');
}
