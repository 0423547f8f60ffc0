// An outage of the store shows the database's own text to administrators only, and a page that names a damaged row.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createApiKey } from '../../../src/region/accounts/accounts.ts';
import { buildApp, makeContext } from '../../../src/region/http/server.ts';
import type { RegionStore } from '../../../src/region/records/store.ts';
import { StoreOutage } from '../../../src/region/reports/notes.ts';
import { authorizationOf } from '../../support/oauth.ts';
import { addAdmin } from '../accounts/administrator.ts';
import { makeRegion } from '../place.ts';

const SAID = 'FATAL: password authentication failed for user "rackboot"';
const HIDDEN = /password authentication/;
const OUTAGE = { note: 'database-unusable', fault: 'unreached', said: SAID } as const;

test('only an administrator reads the text of the database; others read what to do', async () => {
  const place = await makeRegion();
  const { store, clock } = place;
  const app = buildApp(makeContext(place.region));
  try {
    for (const [username, isAdmin] of [
      ['ann', true],
      ['bob', false],
    ] as const) {
      if (isAdmin) await addAdmin(store, clock, { username, email: '', password: 'long enough' });
      else await store.accounts.addUser({ username, email: '', passwordHash: 'x', isAdmin, createdMs: 1 });
    }
    const keys = new Map<string, string>();
    for (const username of ['ann', 'bob'])
      keys.set(username, authorizationOf(await createApiKey(store, clock, username)));
    const fail = (): never => {
      throw new StoreOutage(OUTAGE);
    };
    const broken: Partial<RegionStore> = { listMachines: fail, countMachines: fail, enlist: fail };
    Object.assign(store, broken);
    const read = async (username: string) => {
      const authorization = keys.get(username);
      const headers = { host: 'rack.example', ...(authorization === undefined ? {} : { authorization }) };
      const asked =
        authorization === undefined
          ? {
              method: 'POST',
              url: '/MAAS/api/2.0/machines/',
              payload: 'mac_addresses=52:54:00:00:00:01&architecture=amd64',
            }
          : { method: 'GET', url: '/MAAS/api/2.0/machines/?op=is_registered&mac_address=52:54:00:00:00:01' };
      return await app.inject({
        ...asked,
        method: asked.method === 'POST' ? 'POST' : 'GET',
        remoteAddress: '10.20.0.9',
        headers: { ...headers, 'content-type': 'application/x-www-form-urlencoded' },
      });
    };
    for (const [username, sees] of [
      ['ann', true],
      ['bob', false],
      ['', false],
    ] as const) {
      const { statusCode, body } = await read(username);
      assert.equal(statusCode, 503, body);
      assert.match(body, /^the region's database cannot be used now.*: see whether the database runs/);
      assert.equal(HIDDEN.test(body), sees, `${username}: ${body}`);
    }
    const page = await app.inject({ url: '/MAAS/', headers: { host: 'rack.example', accept: 'text/html' } });
    assert.doesNotMatch(page.body, HIDDEN);
  } finally {
    await app.close();
    await place.remove();
  }
});

test('while the store refuses, the list of machines and the way to sign in are the same page, for browsers and for programs that accept anything', async () => {
  const place = await makeRegion();
  const app = buildApp(makeContext(place.region));
  try {
    const fail = (): never => {
      throw new StoreOutage(OUTAGE);
    };
    place.store.accounts.findUser = fail;
    const pages: string[] = [];
    for (const url of ['/MAAS/', '/MAAS/login/'])
      for (const accept of ['text/html', '*/*', undefined]) {
        const headers = { host: 'rack.example', ...(accept === undefined ? {} : { accept }) };
        const answer = await app.inject({ url, headers, remoteAddress: '10.20.0.9' });
        assert.deepEqual([url, accept, answer.statusCode], [url, accept, 503]);
        assert.match(String(answer.headers['content-type']), /^text\/html/);
        assert.equal(answer.headers['retry-after'], '5');
        pages.push(answer.body);
      }
    assert.equal(new Set(pages).size, 1);
    assert.match(pages[0] ?? '', /cannot use its database/);
    assert.doesNotMatch(pages[0] ?? '', /name="password"/);
    const json = { host: 'rack.example', accept: 'application/json' };
    const { headers } = await app.inject({ url: '/MAAS/login/', headers: json, remoteAddress: '10.20.0.9' });
    assert.doesNotMatch(String(headers['content-type']), /html/);
  } finally {
    await app.close();
    await place.remove();
  }
});
