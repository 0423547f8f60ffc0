// No answer of the region asks its database once for each machine, user, tag or other entry: every page and every reading operation takes as
// many statements with many of them as with few.

import assert from 'node:assert/strict';
import { StatementSync } from 'node:sqlite';
import { after, before, describe, test } from 'node:test';
import { createApiKey } from '../../src/region/accounts/accounts.ts';
import { OPERATIONS } from '../../src/region/api/operations.ts';
import { buildApp, makeContext } from '../../src/region/http/server.ts';
import { cookieName } from '../../src/region/page/login.ts';
import { PAGES } from '../../src/region/page/pages.ts';
import { fillRegion } from '../contract/region-operations.ts';
import { authorizationOf } from './live.ts';
import { makeRegion, type RegionPlace } from './place.ts';
import { acceptRack, digestOf, rackInterface } from './racks/rack-place.ts';

/** Of everything: few, and many, which a list still reads at once (`api/machine-list.ts` LIST_CHUNK). */
const [FEW, MANY] = [3, 18];
const FIRST = 'm00000';
const EVENT = { type: 'TAG', code: 'rack', params: { text: 'made' }, atMs: 1, username: '' } as const;

let statements = 0;
/** Counts the statements of every database of this process. */
function countStatements(): () => void {
  const of = StatementSync.prototype;
  const { all, get, run, iterate } = of;
  for (const [name, original] of Object.entries({ all, get, run, iterate })) {
    Reflect.set(of, name, function (this: StatementSync, ...values: never[]) {
      statements += 1;
      return Reflect.apply(original, this, values);
    });
  }
  return () => void Object.assign(of, { all, get, run, iterate });
}

/** A region with so many machines, users, keys, tags, scripts, results, racks and events. */
async function fill({ region, store, clock }: RegionPlace, count: number): Promise<void> {
  await fillRegion(store, count);
  for (let index = 0; index < count; index += 1) {
    const name = `x${index}`;
    await store.addUser({ username: name, email: '', passwordHash: 'x', isAdmin: false, createdMs: 1 });
    await createApiKey(store, clock, name);
    await store.life.addSshKey({ username: name, key: `ssh-ed25519 ${name}`, createdMs: 1 }, 9, EVENT);
    await store.life.addTag({ name, comment: '', kernelParams: '' }, 1000, EVENT);
    await store.life.tagMachines(name, [`m${String(index).padStart(5, '0')}`, FIRST], [], EVENT);
    const script = { name, kind: 'testing', title: '', description: '', timeoutSeconds: 9, position: index } as const;
    await store.scripts.addScript({ ...script, content: '#!/bin/sh', changedMs: 1 }, 1000, EVENT);
    await acceptRack(region, {
      ...{ uuid: `11111111-2222-4333-8444-${String(index).padStart(12, '0')}`, name: `rack-${name}` },
      key: { kind: 'own', token: `token-${name}`, secretDigest: digestOf(name) },
      address: `10.${60 + index}.0.1`,
      interfaces: [rackInterface(`10.${60 + index}.0.0/24`)],
    });
  }
  const planned = await store.scripts.listScripts('testing');
  await store.scripts.beginRun(
    FIRST,
    'testing',
    planned.map((script) => ({ ...script, content: '#!/bin/sh' })),
    1,
  );
}

/** The paths to read: of every page and of every reading operation, with names that exist. */
const PATHS: readonly string[] = [
  ...PAGES.map(({ path }) =>
    path
      .replace(':machine', FIRST)
      .replace(':tag', 'x0')
      .replace(':script', 'x0')
      .replace(/:(action|task)/, 'deploy'),
  ),
  ...OPERATIONS.filter(({ method, op }) => method === 'GET' && op !== 'follow').flatMap(({ versions, path, op }) =>
    versions.map((version) => {
      const named = path
        .replace('{system_id}', FIRST)
        .replace('{username}', 'x0')
        .replace('{name}', path.startsWith('nodes') ? FIRST : 'x0')
        .replace(/\{[^}]*\}/g, '1');
      return `/MAAS/api/${version}/${named === '' ? '' : `${named}/`}${op === undefined ? '' : `?op=${op}`}`;
    }),
  ),
];

/** How many statements each path takes, and its status, in a region with so many entries. */
async function measure(count: number): Promise<ReadonlyMap<string, { statements: number; status: number }>> {
  const place = await makeRegion({ newMachinesMax: 1000 });
  const { region, store, clock } = place;
  const context = makeContext(region);
  const app = buildApp(context);
  try {
    await fill(place, count);
    const admin = (await store.findUser('ann')) ?? assert.fail('ann');
    const cookie = `${cookieName(undefined)}=${await context.sessions.open(admin)}`;
    const authorization = authorizationOf(await createApiKey(store, clock, 'ann'));
    const taken = new Map<string, { statements: number; status: number }>();
    for (const url of PATHS) {
      const isApi = url.startsWith('/MAAS/api/');
      const headers = { host: 'rack.example', accept: 'text/html', ...(isApi ? { authorization } : { cookie }) };
      const ask = () => app.inject({ url, headers: isApi ? { ...headers, accept: '*/*' } : headers });
      // The first request fills the caches of the region, so it does not count.
      await ask();
      const from = statements;
      const { statusCode } = await ask();
      taken.set(url, { statements: statements - from, status: statusCode });
    }
    return taken;
  } finally {
    await app.close();
    await place.remove();
  }
}

describe('the statements of an answer', () => {
  let restore = (): void => undefined;
  before(() => {
    restore = countStatements();
  });
  after(() => restore());

  test('are as many for many entries as for few', { timeout: 120_000 }, async () => {
    const [few, many] = [await measure(FEW), await measure(MANY)];
    const grown: string[] = [];
    let read = 0;
    for (const [url, { statements: counted, status }] of many) {
      const before = few.get(url);
      if (status === 200) read += 1;
      if (before?.status !== status) grown.push(`${url}: status ${before?.status} and ${status}`);
      else if (counted > before.statements) grown.push(`${url}: ${before.statements} and ${counted} statements`);
    }
    assert.deepEqual(grown, []);
    assert.ok(read > PATHS.length / 2, `${read} of ${PATHS.length} paths were read`);
    assert.ok(statements > PATHS.length, 'statements are counted');
  });
});
