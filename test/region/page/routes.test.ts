// The routes of the pages: access, signing in and out, and the checks on forms.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { hashPassword, KEYS_PER_USER_MAX } from '../../../src/region/accounts/accounts.ts';
import { buildApp, makeContext } from '../../../src/region/http/server.ts';
import { cookieName, safeTarget } from '../../../src/region/page/frame/login.ts';
import {
  LINK_MS_MAX,
  SESSION_IDLE_MS,
  SESSION_MS_MAX,
  SESSIONS_MAX,
  Sessions,
  USE_STORED_MS,
} from '../../../src/region/page/frame/sessions.ts';
import { FILES_MAX } from '../../../src/region/page/routes.ts';
import { eventSentence } from '../../../src/region/records/events.ts';
import { authorizationOf } from '../../support/oauth.ts';
import { addAdmin, hashOnce } from '../accounts/administrator.ts';
import { PASSWORD as LIVE_PASSWORD, startRegion } from '../live.ts';
import { makeRegion, type RegionPlace, report } from '../place.ts';

const ELSEWHERE = '10.20.0.50';
const PASSWORD = 'correct horse';
const HOST = 'rack.example:5240';

interface Asked {
  readonly method?: 'GET' | 'HEAD' | 'POST';
  readonly from?: string;
  readonly form?: Readonly<Record<string, string>>;
  readonly headers?: Readonly<Record<string, string>>;
}

class Browser {
  readonly place: RegionPlace;
  readonly #app;
  readonly #operators;
  cookie = '';

  constructor(place: RegionPlace, app: ReturnType<typeof buildApp>, operators: ReturnType<typeof buildApp>) {
    this.place = place;
    this.#app = app;
    this.#operators = operators;
  }

  /** What `rackboot page` asks. */
  async link(username?: string) {
    const answer = await this.#operators.inject({
      method: 'POST',
      url: '/MAAS/login/link/',
      headers: {
        host: 'localhost',
        'content-type': 'application/x-www-form-urlencoded',
        'x-rackboot-control': this.place.config.controlSecret ?? '',
      },
      payload: username === undefined ? '' : `username=${username}`,
    });
    return { status: answer.statusCode, text: answer.body, headers: answer.headers };
  }

  async linkToken(): Promise<string> {
    return LINK.exec(JSON.parse((await this.link()).text).url)?.[2] ?? assert.fail();
  }

  async ask(url: string, { method = 'GET', from = ELSEWHERE, form, headers = {} }: Asked = {}) {
    const answer = await this.#app.inject({
      method,
      url,
      remoteAddress: from,
      headers: {
        host: HOST,
        accept: 'text/html',
        ...(this.cookie === '' ? {} : { cookie: this.cookie }),
        ...(form === undefined ? {} : { 'content-type': 'application/x-www-form-urlencoded' }),
        ...headers,
      },
      ...(form === undefined ? {} : { payload: new URLSearchParams(form).toString() }),
    });
    const set = String(answer.headers['set-cookie'] ?? '');
    if (set !== '') this.cookie = set.split(';', 1)[0] ?? '';
    return { status: answer.statusCode, text: answer.body, to: answer.headers.location, set, headers: answer.headers };
  }

  async signIn(username: string, password = PASSWORD) {
    return this.ask('/MAAS/login/', { method: 'POST', form: { username, password, to: '/MAAS/tags/' } });
  }

  async csrf(): Promise<string> {
    return /name="csrf" value="([^"]+)"/.exec((await this.ask('/MAAS/account/')).text)?.[1] ?? '';
  }

  /** Sends a form with the session's own token. */
  async send(url: string, form: Readonly<Record<string, string>> = {}, more: Asked = {}) {
    return this.ask(url, { method: 'POST', form: { csrf: await this.csrf(), ...form }, ...more });
  }

  async machine(address = 0x525400000001): Promise<string> {
    const outcome = await this.place.region.enlist(report([address]));
    assert.ok(outcome.kind === 'create');
    return outcome.machine.systemId;
  }
}

async function withBrowser(work: (browser: Browser, context: ReturnType<typeof makeContext>) => Promise<void>) {
  const place = await makeRegion();
  const context = makeContext(place.region);
  const [app, operators] = [buildApp(context), buildApp(context, { of: 'operators' })];
  try {
    const { store, clock } = place;
    await addAdmin(store, clock, { username: 'admin', email: '', password: PASSWORD });
    const passwordHash = await hashOnce(PASSWORD, clock);
    await store.accounts.addUser({
      username: 'alice',
      email: '',
      passwordHash,
      isAdmin: false,
      createdMs: clock.wallTimeMs(),
    });
    await work(new Browser(place, app, operators), context);
  } finally {
    await app.close();
    await operators.close();
    await place.remove();
  }
}

test('a browser without a session is redirected to the sign-in page, and after it to the requested page', () =>
  withBrowser(async (browser) => {
    const asked = await browser.ask('/MAAS/tags/');
    assert.deepEqual([asked.status, asked.to], [303, '/MAAS/login/?to=%2FMAAS%2Ftags%2F']);
    assert.match((await browser.ask('/MAAS/login/?to=/MAAS/tags/')).text, /name="to" value="\/MAAS\/tags\/"/);
    const wrong = await assertStatus(browser.signIn('admin', 'wrong'), 403);
    assert.equal(wrong.set, '');
    assert.ok(!wrong.text.includes('wrong<'));
    const right = await browser.signIn('admin');
    assert.deepEqual([right.status, right.to], [303, '/MAAS/tags/']);
    assert.match(right.set, /^rackboot-\d+=[\w-]{32}; Path=\/MAAS\/; HttpOnly; SameSite=Lax$/);
    await assertStatus(browser.ask('/MAAS/tags/'), 200);
    await browser.send('/MAAS/logout/');
    await assertStatus(browser.ask('/MAAS/tags/'), 303);
    const { store } = browser.place;
    const audited = await store.listEvents({ level: 'audit', limit: 10 });
    const said = audited.map((event) => `${event.username}: ${eventSentence(event)}`);
    for (const words of [
      `: 1 wrong password from ${ELSEWHERE}, for admin`,
      `admin: signed in on the page from ${ELSEWHERE}`,
      `admin: signed out from ${ELSEWHERE}`,
    ])
      assert.ok(said.includes(words), said.join('\n'));
  }));

test('few files are made or read at a time: a user who has them all gets no more, and loses one to another user', () =>
  withBrowser(async (browser, { files: { places } }) => {
    const fill = (holder: string) => {
      const ended: number[] = [];
      const admissions = Array.from({ length: FILES_MAX }, (_, place) =>
        places.admit(holder, { end: () => void ended.push(place) }),
      );
      const held = admissions.flatMap((one) => (one.kind === 'admitted' ? [one.place] : []));
      return { ended, held, evicted: admissions.filter((one) => one.kind === 'admitted' && one.evicted !== undefined) };
    };
    await browser.signIn('alice');
    const own = fill(`alice ${ELSEWHERE}`);
    const refused = await assertStatus(browser.ask('/MAAS/events/export/'), 429);
    assert.equal(refused.headers['x-rackboot-refusal'], 'lists-limit');
    for (const place of own.held) places.release(place);
    await assertStatus(browser.ask('/MAAS/events/export/'), 200);
    const others = fill('eve 10.20.0.66');
    assert.deepEqual([others.held.length, others.evicted], [FILES_MAX, []], 'what was read is over');
    await assertStatus(browser.ask('/MAAS/events/export/'), 200);
    assert.deepEqual([own.ended, others.ended.length], [[], 1]);
  }));

test('a live page hears that something happened, not what; a stranger hears nothing', async () => {
  const live = await startRegion();
  try {
    const url = `${live.origin}/MAAS/events/stream/`;
    const stranger = await fetch(url, { redirect: 'manual' });
    assert.equal(stranger.status, 303);
    const form = new URLSearchParams({ username: 'admin', password: LIVE_PASSWORD, to: '/MAAS/' });
    const signedIn = await fetch(`${live.origin}/MAAS/login/`, { method: 'POST', body: form, redirect: 'manual' });
    const cookie = signedIn.headers.get('set-cookie')?.split(';', 1)[0] ?? '';
    const heard = (await fetch(url, { headers: { cookie } })).body?.pipeThrough(new TextDecoderStream()).getReader();
    assert.ok(heard);
    await live.region.enlist(report([0x525400000001]));
    let text = '';
    while (!text.includes('data:')) text += (await heard.read()).value ?? assert.fail('the stream ended');
    assert.match(text, /^data: null$/m);
    const account = await (await fetch(`${live.origin}/MAAS/account/`, { headers: { cookie } })).text();
    const csrf = /name="csrf" value="([^"]+)"/.exec(account)?.[1] ?? '';
    await fetch(`${live.origin}/MAAS/logout/`, {
      method: 'POST',
      headers: { cookie },
      body: new URLSearchParams({ csrf }),
    });
    // Rights are looked at once a second.
    const macs = Array.from({ length: 50 }, (_, index) => 0x525400000002 + index);
    const later = setInterval(() => void live.region.enlist(report([macs.pop() ?? 0])), 500);
    while (!(await heard.read()).done);
    clearInterval(later);
  } finally {
    await live.close();
  }
});

test('signing out needs the form of the session: any other request is refused and keeps session and cookie', () =>
  withBrowser(async (browser) => {
    await browser.signIn('admin');
    const csrf = await browser.csrf();
    const evil = { origin: 'http://evil.test' };
    const requests: readonly (readonly [Readonly<Record<string, string>>, Readonly<Record<string, string>>, string])[] =
      [
        [{}, {}, 'older than your sign-in'],
        [{ csrf: 'other' }, { origin: `http://${HOST}` }, 'older than your sign-in'],
        [{ csrf }, evil, 'from another site'],
      ];
    for (const [form, headers, why] of requests) {
      const refused = await browser.ask('/MAAS/logout/', { method: 'POST', form, headers });
      assert.deepEqual([refused.status, refused.set, refused.text.includes(why)], [403, '', true], refused.text);
      await assertStatus(browser.ask('/MAAS/account/'), 200);
    }
    // A browser sends a foreign site's form without the cookie, but would take a new one from its answer.
    const { cookie } = browser;
    browser.cookie = '';
    const foreign = await browser.ask('/MAAS/logout/', { method: 'POST', form: {}, headers: evil });
    assert.deepEqual([foreign.status, foreign.set], [403, '']);
    browser.cookie = cookie;
    const out = await browser.send('/MAAS/logout/');
    assert.deepEqual([out.status, out.to, /^rackboot-\d+=;/.test(out.set)], [303, '/MAAS/', true], out.set);
    browser.cookie = cookie;
    await assertStatus(browser.ask('/MAAS/account/'), 303, 'the session has ended');
    const again = await browser.ask('/MAAS/logout/', { method: 'POST', form: { csrf } });
    assert.deepEqual([again.status, again.to], [303, '/MAAS/']);
  }));

test('a program gets an API key for a password, and no session; a wrong password and another site get none', () =>
  withBrowser(async (browser) => {
    const { store } = browser.place;
    const login = (form: Readonly<Record<string, string>>, headers: Readonly<Record<string, string>> = {}) =>
      browser.ask('/MAAS/accounts/authenticate/', { method: 'POST', form, headers: { accept: '*/*', ...headers } });
    const right = { username: 'alice', password: PASSWORD, consumer: 'alice@desk' };
    const given = await login(right);
    assert.deepEqual([given.status, given.set], [200, '']);
    const key = JSON.parse(given.text);
    assert.deepEqual(Object.keys(key).toSorted(), ['consumer_key', 'name', 'token_key', 'token_secret']);
    const authorization = authorizationOf([key.consumer_key, key.token_key, key.token_secret].join(':'));
    const whoami = await browser.ask('/MAAS/api/2.0/users/?op=whoami', { headers: { authorization } });
    assert.equal(JSON.parse(whoami.text).username, 'alice');
    assert.deepEqual(
      (await store.accounts.listKeys('alice')).map(({ name }) => name),
      ['alice@desk'],
    );
    for (const form of [{ ...right, password: 'wrong' }, { ...right, username: 'nobody' }, {}]) {
      const refused = await login(form);
      assert.deepEqual([refused.status, refused.text], [403, 'The name or the password is wrong.']);
    }
    await assertStatus(login(right, { origin: 'http://elsewhere.example' }), 403);
    assert.equal((await store.accounts.listKeys('alice')).length, 1);
    for (let count = 1; count < KEYS_PER_USER_MAX; count += 1) assert.equal((await login(right)).status, 200);
    const full = await login(right);
    assert.deepEqual([full.status, full.headers['x-rackboot-refusal']], [403, 'api-keys-limit']);
  }));

test('a program with a password in its request may look, but not send forms', () =>
  withBrowser(async (browser) => {
    const basic = (password: string) => ({
      accept: '*/*',
      authorization: `Basic ${Buffer.from(`admin:${password}`).toString('base64')}`,
    });
    await assertStatus(browser.ask('/MAAS/', { headers: { accept: '*/*' } }), 401);
    await assertStatus(browser.ask('/MAAS/', { headers: basic('wrong') }), 401);
    const page = await assertStatus(browser.ask('/MAAS/people/', { headers: basic(PASSWORD) }), 200);
    assert.ok(!page.text.includes('method="post"'));
    await assertStatus(
      browser.ask('/MAAS/tags/', { method: 'POST', form: { name: 'x' }, headers: basic(PASSWORD) }),
      303,
    );
    assert.deepEqual(await browser.place.store.life.listTags(), []);
  }));

test('an API key is made with the present password, shown once, works, and is removed', () =>
  withBrowser(async (browser) => {
    await browser.signIn('alice');
    const form = { do: 'make-api-key', purpose: 'juju\n<b>', 'key-password': 'not this one' };
    const wrong = await assertStatus(browser.send('/MAAS/account/', form), 400);
    assert.match(wrong.text, /id="f-key-password-fault">The password is wrong/);
    assert.ok(/juju\s&lt;b&gt;/.test(wrong.text) && !wrong.text.includes('not this one'), wrong.text);
    const { store } = browser.place;
    assert.deepEqual(await store.accounts.listKeys('alice'), []);
    const made = await assertStatus(browser.send('/MAAS/account/', { ...form, 'key-password': PASSWORD }), 200);
    assert.equal(made.headers['cache-control'], 'no-store');
    const [, key = ''] = /<span class="copy">(\w+:\w+:\w+)</.exec(made.text) ?? [];
    const authorization = authorizationOf(key);
    const who = await browser.ask('/MAAS/api/2.0/users/?op=whoami', { headers: { authorization } });
    assert.deepEqual([who.status, JSON.parse(who.text).username], [200, 'alice']);
    const [, token = '', secret = ''] = key.split(':');
    const again = await browser.ask('/MAAS/account/');
    assert.ok(again.text.includes(`:${token}:…`) && !again.text.includes(secret), again.text);
    assert.match(again.text, /juju &lt;b&gt;/);
    const others = await store.accounts.listKeys('alice');
    assert.ok(!JSON.stringify([others, await store.listEvents({ limit: 100 })]).includes(secret));
    const removed = await browser.send('/MAAS/account/', { do: 'remove-api-key', token });
    assert.deepEqual([removed.status, removed.to], [303, '/MAAS/account/']);
    await assertStatus(browser.ask('/MAAS/api/2.0/users/?op=whoami', { headers: { authorization } }), 401);
  }));

test('being asked from loopback proves nothing: who has not signed in sees nothing, by whatever name', () =>
  withBrowser(async (browser) => {
    for (const host of ['localhost:5240', '127.0.0.1:5240', '[::1]:5240', HOST]) {
      for (const from of ['127.0.0.1', '::1', ELSEWHERE]) {
        const shown = await browser.ask('/MAAS/', { from, headers: { host } });
        assert.deepEqual([shown.status, shown.to], [303, '/MAAS/login/'], `${host} ${from}`);
      }
    }
  }));

const LINK = /^http:\/\/127\.0\.0\.1:\d+(\/MAAS\/login\/\?link=([\w-]{32}))$/;

test('a link of the operator signs one browser in, once; looking at it uses nothing up', () =>
  withBrowser(async (browser) => {
    const { status, text } = await browser.link();
    assert.equal(status, 200);
    const { username, url } = JSON.parse(text);
    const [, path = '', link = ''] = LINK.exec(url) ?? assert.fail(url);
    assert.equal(username, 'admin');
    for (const method of ['GET', 'HEAD', 'GET'] as const) {
      const preview = await browser.ask(path, { method });
      assert.deepEqual([preview.status, preview.set], [200, ''], method);
      assert.equal(preview.headers['cache-control'], 'no-store');
    }
    const sign = (form: Readonly<Record<string, string>>, headers: Readonly<Record<string, string>> = {}) =>
      browser.ask('/MAAS/login/', { method: 'POST', form, headers });
    const foreign = await sign({ link }, { origin: 'http://evil.example' });
    assert.deepEqual([foreign.status, foreign.set], [403, '']);
    // The token of a link is not one of a session.
    browser.cookie = `rackboot-5240=${link}`;
    await assertStatus(browser.ask('/MAAS/tags/'), 303);
    browser.cookie = '';
    const signed = await sign({ link, to: '/MAAS/tags/' });
    assert.deepEqual([signed.status, signed.to], [303, '/MAAS/tags/']);
    assert.match((await browser.ask('/MAAS/account/')).text, /<h1>admin<\/h1>/);
    browser.cookie = '';
    const again = await sign({ link });
    assert.deepEqual([again.status, again.set, again.headers['x-rackboot-refusal']], [403, '', 'not-authenticated']);
    await assertStatus(browser.ask(path), 403);
  }));

test('of two browsers that use a link at once, one is signed in', () =>
  withBrowser(async (browser) => {
    const link = await browser.linkToken();
    const both = await Promise.all([1, 2].map(() => browser.ask('/MAAS/login/', { method: 'POST', form: { link } })));
    assert.deepEqual(both.map(({ status }) => status).toSorted(), [303, 403]);
  }));

test('a link ends with time, with the password of its user, and is not taken from a remote rack', () =>
  withBrowser(async (browser) => {
    const { store, clock } = browser.place;
    const use = async (link: string, headers: Readonly<Record<string, string>> = {}) =>
      (await browser.ask('/MAAS/login/', { method: 'POST', form: { link }, headers })).status;
    const old = await browser.linkToken();
    clock.advance(LINK_MS_MAX + 1);
    assert.equal(await use(old), 403);
    const changed = await browser.linkToken();
    const event = { type: 'AUTHORISATION', code: 'password-changed', params: { user: 'admin' }, atMs: 1 } as const;
    await store.accounts.changeUser('admin', { passwordHash: 'another' }, { ...event, username: '' });
    assert.equal(await use(changed), 403);
    const carried = await browser.linkToken();
    assert.equal(await use(carried, { 'x-rackboot-rack': 'claimed' }), 403);
    assert.equal(await use(carried), 303, 'it was not used up');
  }));

test('only the operator of this host makes links: for a named user, or the only administrator', () =>
  withBrowser(async (browser) => {
    await assertStatus(browser.ask('/MAAS/login/link/', { method: 'POST', form: {}, from: '127.0.0.1' }), 404);
    const forged = { 'x-rackboot-control': browser.place.config.controlSecret ?? assert.fail() };
    await assertStatus(browser.ask('/MAAS/login/link/', { method: 'POST', form: {}, headers: forged }), 404);
    assert.equal(JSON.parse((await browser.link('alice')).text).username, 'alice');
    const unknown = await browser.link('alicia');
    assert.deepEqual([unknown.status, unknown.headers['x-rackboot-refusal']], [404, 'not-found']);
    const { store, clock } = browser.place;
    await addAdmin(store, clock, { username: 'bob', email: '', password: PASSWORD });
    const several = await browser.link();
    assert.deepEqual([several.status, /name one \(admin, bob\)/.test(several.text)], [400, true], several.text);
  }));

const FOREIGN: readonly (readonly [
  name: string,
  headers: Readonly<Record<string, string>>,
  token: 'own' | 'other' | 'none',
])[] = [
  ['without its token', {}, 'none'],
  ['with the token of another session', {}, 'other'],
  ['from a page of another site', { origin: 'https://evil.example' }, 'own'],
  ['from a page without an origin', { origin: 'null' }, 'own'],
  ['from another site of the same owner', { 'sec-fetch-site': 'same-site' }, 'own'],
];

test('a form is accepted only with the token of its session, and from one of our pages', () =>
  withBrowser(async (browser) => {
    await browser.signIn('admin');
    const systemId = await browser.machine();
    const url = `/MAAS/machines/${systemId}/do/accept/`;
    for (const [name, headers, token] of FOREIGN) {
      const csrf = token === 'own' ? { csrf: await browser.csrf() } : token === 'other' ? { csrf: 'x'.repeat(32) } : {};
      await assertStatus(browser.ask(url, { method: 'POST', form: csrf, headers }), 403, name);
      assert.equal((await browser.place.store.findMachine(systemId))?.status, 'new', name);
    }
    const own = { origin: `http://${HOST}`, 'sec-fetch-site': 'same-origin' };
    const answer = await browser.send(url, { skip_commissioning: 'true' }, { headers: own });
    assert.deepEqual([answer.status, answer.to], [303, `/MAAS/machines/${systemId}/`]);
    assert.equal((await browser.place.store.findMachine(systemId))?.status, 'ready');
    const live = await browser.ask(`/MAAS/machines/${systemId}/`, { headers: { 'x-rackboot-live': '1' } });
    assert.ok(!live.text.includes('is accepted'), 'the notice is for people, not for the refresh');
    assert.match((await browser.ask(`/MAAS/machines/${systemId}/`)).text, /is accepted\./);
    assert.doesNotMatch((await browser.ask(`/MAAS/machines/${systemId}/`)).text, /is accepted\./);
  }));

test("a user gets a user's rights, and no buttons beyond them", () =>
  withBrowser(async (browser) => {
    const systemId = await browser.machine();
    await browser.signIn('alice');
    for (const path of ['settings', `machines/${systemId}/power`, `machines/${systemId}/edit`]) {
      await assertStatus(browser.ask(`/MAAS/${path}/`), 403, path);
      await assertStatus(browser.send(`/MAAS/${path}/`), 403, path);
    }
    const page = (await browser.ask(`/MAAS/machines/${systemId}/`)).text;
    for (const word of ['do/accept/', 'do/delete/', '/power/', '/edit/']) assert.ok(!page.includes(word), word);
    await assertStatus(browser.send(`/MAAS/machines/${systemId}/do/accept/`), 403);
    await assertStatus(browser.send('/MAAS/tags/', { name: 'gpu' }), 403);
    await browser.place.region.life.command(
      systemId,
      { name: 'accept', skipsCommissioning: true },
      { username: 'admin', isAdmin: true, comment: '' },
    );
    await assertStatus(browser.send(`/MAAS/machines/${systemId}/do/allocate/`), 303);
    assert.equal((await browser.place.store.findMachine(systemId))?.owner, 'alice');
  }));

test('a refusal leads to the page that helps, if the viewer may open it, and keeps the command', () =>
  withBrowser(async (browser) => {
    const systemId = await browser.machine();
    await browser.place.region.life.command(
      systemId,
      { name: 'accept', skipsCommissioning: true },
      { username: 'admin', isAdmin: true, comment: '' },
    );
    await browser.signIn('alice');
    const refused = await browser.send(`/MAAS/machines/${systemId}/do/deploy/`, { distro_series: 'debian/trixie' });
    const alertOf = (page: string) => /class="alert red notice" role="alert">(.*?)<\/div>/s.exec(page)?.[1] ?? '';
    assert.match(alertOf(refused.text), /<code>sudo rackboot sshkeys add .*href="\/MAAS\/account\/"/s);
    const key = `ssh-ed25519 ${Buffer.concat([Buffer.from('0000000b7373682d6564323535313900000020', 'hex'), Buffer.alloc(32, 7)]).toString('base64')}`;
    const choose = 'href="/MAAS/images/choose/"';
    for (const [username, isShown] of [
      ['alice', false],
      ['admin', true],
    ] as const) {
      await browser.signIn(username);
      await assertStatus(browser.send('/MAAS/account/', { do: 'add-key', key }), 303);
      const missing = await browser.send(`/MAAS/machines/${systemId}/do/deploy/`, { distro_series: 'debian/trixie' });
      assert.match(alertOf(missing.text), /image/);
      assert.equal(alertOf(missing.text).includes(choose), isShown, username);
      assert.equal(missing.text.includes(choose), isShown, username);
    }
  }));

const userIn = async ({ store }: RegionPlace, username: string) =>
  (await store.accounts.findUser(username)) ?? assert.fail(username);

test('a session expires at its maximum age, and earlier without use', () =>
  withBrowser(async ({ place }) => {
    const { store } = place;
    // A clock without the region's timers: eight days pass.
    const clock = new VirtualClock(place.clock.wallTimeMs());
    const ann = await userIn(place, 'alice');
    const sessions = new Sessions(store.sessions, clock);
    const idle = await sessions.open(ann);
    await clock.leap(SESSION_IDLE_MS);
    assert.equal((await sessions.find(idle))?.user.username, 'alice');
    await clock.leap(SESSION_IDLE_MS + 1);
    assert.equal(await sessions.find(idle), undefined);
    const used = await sessions.open(ann);
    for (let age = 0; age < SESSION_MS_MAX; age += SESSION_IDLE_MS) {
      assert.ok((await sessions.find(used)) !== undefined);
      await clock.leap(SESSION_IDLE_MS);
    }
    await clock.pass(1);
    assert.equal(await sessions.find(used), undefined);
  }));

test('a restart of the region signs no user out, and a page used within a minute costs no write', () =>
  withBrowser(async ({ place }) => {
    const { clock, store } = place;
    const token = await new Sessions(store.sessions, clock).open(await userIn(place, 'alice'));
    const restarted = new Sessions(store.sessions, clock);
    const usedMs = async () => (await store.sessions.find((await restarted.find(token))?.digest ?? ''))?.session.usedMs;
    const first = await usedMs();
    await clock.pass(USE_STORED_MS);
    assert.equal(await usedMs(), first);
    await clock.pass(1);
    assert.equal(await usedMs(), clock.wallTimeMs());
  }));

test('a user who signs in endlessly signs no other user out', () =>
  withBrowser(async ({ place }) => {
    const { clock, store } = place;
    const sessions = new Sessions(store.sessions, clock);
    const [admin, alice] = [await userIn(place, 'admin'), await userIn(place, 'alice')];
    const other = await sessions.open(alice);
    await clock.pass(1);
    const first = await sessions.open(admin);
    await clock.pass(1);
    await store.transact(async () => {
      for (let count = 2; count < SESSIONS_MAX; count += 1) await sessions.open(admin);
    });
    assert.ok((await sessions.find(first)) !== undefined);
    const last = await sessions.open(admin);
    assert.equal(await sessions.find(first), undefined, 'beyond the bound the one unused for longest gives way');
    for (const token of [other, last]) assert.ok((await sessions.find(token)) !== undefined);
  }));

test('an open tab keeps no user signed in: its refresh requests do not prolong the session', () =>
  withBrowser(async (browser) => {
    await browser.signIn('admin');
    const live = { headers: { 'x-rackboot-live': '1' } };
    const { clock } = browser.place;
    await clock.leap(SESSION_IDLE_MS / 2);
    await assertStatus(browser.ask('/MAAS/tags/', live), 200);
    await clock.leap(SESSION_IDLE_MS / 2);
    await assertStatus(browser.ask('/MAAS/tags/'), 200, 'a person looked, and stays signed in');
    for (let waited = 0; waited < SESSION_IDLE_MS; waited += SESSION_IDLE_MS / 4) {
      await assertStatus(browser.ask('/MAAS/tags/', live), 200);
      await clock.leap(SESSION_IDLE_MS / 4);
    }
    await clock.pass(1);
    await assertStatus(
      browser.ask('/MAAS/tags/', live),
      303,
      'the tab is redirected to the sign-in page by its own request',
    );
    await assertStatus(browser.ask('/MAAS/tags/'), 303);
  }));

test('a session ends when its password changes, and when its account is removed', () =>
  withBrowser(async (browser) => {
    const { clock, store } = browser.place;
    const isIn = async () => (await browser.ask('/MAAS/account/')).status === 200;
    const event = { type: 'AUTHORISATION', code: 'rack', params: { text: '' }, atMs: 0, username: '' } as const;
    await browser.signIn('alice');
    await store.accounts.changeUser('alice', { passwordHash: await hashPassword('another', clock) }, event);
    assert.ok(!(await isIn()));
    await browser.signIn('alice', 'another');
    assert.ok(await isIn());
    await store.accounts.removeUser('alice', event);
    assert.ok(!(await isIn()));
  }));

test('the page changes a password only with the present one, whose checks count as those of signing in', () =>
  withBrowser(async (browser) => {
    const { region } = browser.place;
    await browser.signIn('alice');
    const change = (present: string, again = 'a new password') =>
      browser.send('/MAAS/account/', { do: 'password', present, new: 'a new password', again });
    assert.match(
      (await browser.ask('/MAAS/account/')).text,
      /name="present" type="password" autocomplete="current-password"/,
    );
    const wrong = await assertStatus(change('a guess'), 400);
    assert.match(wrong.text, /id="f-present-fault">The password is wrong\./);
    await assertStatus(change(''), 400);
    assert.match((await change(PASSWORD, 'mistyped')).text, /id="f-again-fault">The passwords differ\./);
    while (typeof (await region.passwords.take(ELSEWHERE)) !== 'string');
    const limited = await change(PASSWORD);
    assert.deepEqual([limited.status, limited.headers['x-rackboot-refusal']], [429, 'rate-limit']);
    await browser.place.clock.pass(60_000);
    await assertStatus(change(PASSWORD), 303);
    await assertStatus(browser.ask('/MAAS/account/'), 303, 'the session has ended');
    await assertStatus(browser.signIn('alice'), 403);
    await assertStatus(browser.signIn('alice', 'a new password'), 303);
  }));

test('after signing in, browsers are redirected only to our own pages', () => {
  for (const to of [
    '//evil.example/',
    'https://evil.example/',
    '/MAAS//evil.example',
    '/MAAS/\\evil',
    'javascript:1',
    '',
    '/',
  ]) {
    assert.equal(safeTarget(to), '/MAAS/', to);
  }
  assert.equal(safeTarget('/MAAS/machines/abc123/?x=1'), '/MAAS/machines/abc123/?x=1');
  const names = ['rack:5240', 'rack:5241', 'region.example', '[fd00::5]:5240', undefined].map(cookieName);
  assert.deepEqual(names, ['rackboot-5240', 'rackboot-5241', 'rackboot-0', 'rackboot-5240', 'rackboot-0']);
});

test('an administrator adds, promotes and removes accounts, but not their own and none that owns a machine', () =>
  withBrowser(async (browser) => {
    await browser.signIn('admin');
    const { store } = browser.place;
    const person = { do: 'add', username: 'bob', new: 'long enough', again: 'long enough' };
    for (const [form, expected] of [
      [{ ...person, again: 'other' }, 400],
      [{ ...person, new: 'abc', again: 'abc' }, 400],
      [{ ...person, username: 'a b' }, 400],
      [{ ...person, username: 'alice' }, 400],
      [person, 303],
      [{ do: 'make-admin', username: 'bob' }, 303],
      [{ do: 'make-user', username: 'admin' }, 403],
      [{ do: 'remove', username: 'admin' }, 403],
      [{ do: 'remove', username: 'nobody' }, 404],
    ] as const) {
      await assertStatus(browser.send('/MAAS/people/', form), expected, JSON.stringify(form));
    }
    assert.equal((await store.accounts.findUser('bob'))?.isAdmin, true);
    const systemId = await browser.machine();
    const by = { username: 'bob', isAdmin: true, comment: '' };
    await browser.place.region.life.command(systemId, { name: 'accept', skipsCommissioning: true }, by);
    await browser.place.region.life.command(systemId, { name: 'allocate' }, by);
    await assertStatus(browser.send('/MAAS/people/', { do: 'remove', username: 'bob' }), 409);
    await browser.place.region.life.command(systemId, { name: 'release' }, by);
    await assertStatus(browser.send('/MAAS/people/', { do: 'remove', username: 'bob' }), 303);
    assert.equal(await store.accounts.findUser('bob'), undefined);
    const page = (await browser.ask('/MAAS/people/')).text;
    assert.ok(!page.includes('scrypt'));
  }));

test('anybody chooses a language with a form of our own, and a value that is none is ignored', () =>
  withBrowser(async (browser) => {
    const choose = async (language: string, to: string, headers = {}) => {
      browser.cookie = '';
      return browser.ask('/MAAS/language/', { method: 'POST', form: { language, to }, headers });
    };
    for (const hostile of ['', 'xx', '__proto__', 'en; Path=/', 'ja\r\nSet-Cookie: a=b', 'j'.repeat(5000)]) {
      const { status, set } = await choose(hostile, '/MAAS/account/');
      assert.deepEqual([status, set], [303, ''], hostile.slice(0, 40));
    }
    assert.equal((await choose('ja', 'https://elsewhere.example/')).to, '/MAAS/');
    const foreign = await choose('ja', '/MAAS/', { origin: 'https://elsewhere.example' });
    assert.deepEqual([foreign.status, foreign.set], [403, '']);
    assert.match((await browser.ask('/MAAS/login/')).text, /<html lang="en">/);
    const chosen = await choose('ja', '/MAAS/login/?to=%2FMAAS%2Ftags%2F');
    assert.deepEqual([chosen.status, chosen.to], [303, '/MAAS/login/?to=%2FMAAS%2Ftags%2F']);
    assert.equal(chosen.set, 'rackboot-language=ja; Path=/MAAS/; HttpOnly; SameSite=Lax; Max-Age=31536000');
    for (const path of ['/MAAS/login/', '/MAAS/no-such-page/'])
      assert.match((await browser.ask(path)).text, /<html lang="ja">/);
  }));

test('an unknown path shows a browser a link back and a program one line; the icon request is never a 404', () =>
  withBrowser(async (browser) => {
    for (const path of ['/MAAS/nothing/', '/nothing', '/MAAS/machines/a/b/c/']) {
      const unknown = await assertStatus(browser.ask(path), 404, path);
      assert.match(unknown.text, /<a href="\/MAAS\/">Overview<\/a>/);
      assert.equal(unknown.headers['x-rackboot-refusal'], 'not-found');
    }
    for (const [path, accept] of [
      ['/MAAS/nothing/', 'application/json'],
      ['/MAAS/api/2.0/nothing/', 'text/html'],
    ] as const)
      assert.doesNotMatch((await browser.ask(path, { headers: { accept } })).text, /</);
    await assertStatus(browser.ask('/favicon.ico', { headers: { accept: 'image/*' } }), 204);
  }));

test('a wrong address keeps the navigation of a signed-in viewer', () =>
  withBrowser(async (browser) => {
    assert.doesNotMatch((await assertStatus(browser.ask('/MAAS/nothing/'), 404)).text, /<nav/);
    await browser.signIn('alice');
    const unknown = await assertStatus(browser.ask('/MAAS/nothing/'), 404);
    assert.match(unknown.text, /<nav.*href="\/MAAS\/machines\/".*>alice<\/a>/s);
    assert.doesNotMatch(unknown.text, /href="\/MAAS\/settings\/"/);
  }));

test('an address of MAAS leads browsers and programs to the nearest page, and changes nothing for other requests', () =>
  withBrowser(async (browser) => {
    for (const accept of ['text/html,application/xhtml+xml', '*/*']) {
      const moved = await assertStatus(browser.ask('/MAAS/r/machine/4y3h7n/summary', { headers: { accept } }), 302);
      assert.equal(moved.to, '/MAAS/machines/4y3h7n/');
    }
    await assertStatus(browser.ask('/MAAS/r/machines', { headers: { accept: 'application/json' } }), 404);
    await assertStatus(browser.ask('/MAAS/r/machines', { method: 'POST', form: {} }), 404);
  }));

import { VirtualClock } from '../../support/virtual-clock.ts';

test('a session is over if the wall clock was set back far', () =>
  withBrowser(async ({ place }) => {
    const { clock, store } = place;
    const sessions = new Sessions(store.sessions, clock);
    const token = await sessions.open(await userIn(place, 'alice'));
    clock.stepWall(-SESSION_IDLE_MS / 2);
    assert.ok((await sessions.find(token, false)) !== undefined);
    clock.stepWall(-SESSION_IDLE_MS);
    assert.equal(await sessions.find(token), undefined);
  }));

import { assertStatus } from '../../support/answered.ts';
