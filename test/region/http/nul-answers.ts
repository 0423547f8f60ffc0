// No text of a request may have a NUL: PostgreSQL refuses one, and SQLite would keep what can never move to PostgreSQL.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { OPERATIONS } from '../../../src/region/api/operations.ts';
import { PAGES } from '../../../src/region/page/routes.ts';
import { ANONYMOUS_PER_ADDRESS } from '../../../src/region/shares/request-rates.ts';
import { assertStatus } from '../../support/answered.ts';
import type { LiveRegion } from '../live.ts';

/** Requests at a time. */
const AT_ONCE = 8;
const FORM = { 'content-type': 'application/x-www-form-urlencoded' };

type Asked = RequestInit & { readonly path: string };

/** The answers of every region, on either database. */
export function answersNul(regionOf: () => LiveRegion): void {
  const ask = (path: string, init: RequestInit = {}) =>
    fetch(`${regionOf().origin}/MAAS/${path}`, {
      redirect: 'manual',
      ...init,
      headers: { authorization: regionOf().authorization, ...init.headers },
    });

  async function refused(path: string, init: RequestInit = {}) {
    const { status } = await ask(path, init);
    assert.ok(status >= 400 && status < 500, `${init.method ?? 'GET'} ${path} ${String(init.body)}: ${status}`);
  }

  const LOOKUPS: readonly Asked[] = OPERATIONS.flatMap(({ versions, path, method, op, parameters }) => {
    const [version] = versions;
    const query = op === undefined ? '' : `?op=${op}`;
    const pathOf = (evil: number) => {
      let count = 0;
      return `api/${version}/${path.replace(/\{\w+\}/g, () => (count++ === evil ? 'a%00' : '1'))}/`;
    };
    const places = path.match(/\{\w+\}/g)?.length ?? 0;
    const inPath = Array.from({ length: places }, (_, place) => ({ path: `${pathOf(place)}${query}`, method }));
    const inParameters = Object.keys(parameters).flatMap((name): readonly Asked[] => {
      const pair = `${name}=a%00b`;
      if (method !== 'POST' && method !== 'PUT') {
        return [{ path: `${pathOf(-1)}${query === '' ? '?' : `${query}&`}${pair}`, method }];
      }
      const inJson = (value: string): Asked => ({
        path: `${pathOf(-1)}${query}`,
        method,
        body: JSON.stringify({ [name]: ['1', value] }),
        headers: { 'content-type': 'application/json' },
      });
      // PostgreSQL refuses half of a surrogate pair within a list, too; elsewhere, Node would store U+FFFD instead.
      return [{ path: `${pathOf(-1)}${query}`, method, body: pair, headers: FORM }, inJson('\0'), inJson('a\ud800')];
    });
    return [...inPath, ...inParameters];
  });

  test('every operation refuses a NUL in each part of its path and in each parameter, and half of a surrogate pair in JSON', async () => {
    assert.ok(LOOKUPS.length > 300, `${LOOKUPS.length} requests`);
    const left = LOOKUPS.values();
    const askAll = async () => {
      for (const { path, ...init } of left) await refused(path, init);
    };
    await Promise.all(Array.from({ length: AT_ONCE }, askAll));
    assert.deepEqual(regionOf().problems, []);
  });

  test('the pages and the metadata refuse a NUL', async () => {
    for (const { path } of PAGES) {
      const place = path.replace('/MAAS/', '');
      await refused(`${place.replace(/:\w+/g, '1')}?q=%00`);
      if (place.includes(':')) await refused(place.replace(/:\w+/g, 'a%00'));
    }
    await refused('metadata/latest/by-id/a%00/?op=get_preseed');
    await refused('login/', { method: 'POST', body: 'username=a%00&password=x', headers: FORM });
    assert.deepEqual(regionOf().problems, []);
  });

  test('a key or a password with a NUL is a wrong one, which counts like any other', async () => {
    const key = 'OAuth oauth_version="1.0", oauth_signature_method="PLAINTEXT", oauth_consumer_key="a", ';
    const basic = `Basic ${Buffer.from('admin\0:x').toString('base64')}`;
    await assertStatus(ask('', { headers: { authorization: basic } }), 401);
    const answers = new Set<number>();
    for (let count = 0; count < 2 * ANONYMOUS_PER_ADDRESS.burst; count += 1) {
      const authorization = `${key}oauth_token="a%00${count}", oauth_signature="%26a"`;
      const answer = await ask('api/2.0/machines/', { headers: { authorization } });
      await answer.arrayBuffer();
      answers.add(answer.status);
      if (answer.status === 429) break;
    }
    assert.deepEqual([...answers], [401, 429]);
    assert.deepEqual(regionOf().problems, []);
  });

  test('a bug that a client has found does not fill the log', async () => {
    const { store } = regionOf().region;
    const find = store.findMachine;
    store.findMachine = () => Promise.reject(new Error('a bug'));
    try {
      for (let count = 0; count < 100; count += 1) {
        await assertStatus(ask('api/2.0/machines/abc/'), 500);
      }
    } finally {
      store.findMachine = find;
    }
    const { length } = regionOf().problems.splice(0);
    assert.ok(length > 0 && length < 50, `${length} lines`);
  });
}
