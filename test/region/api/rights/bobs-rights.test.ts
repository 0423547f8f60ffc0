// Every operation, in each version of the API, on objects of bob: as nobody, from inside and outside of the managed networks, as a machine, as another user, as bob and as an administrator. Each
// may do what its `access` and `declared-rights.ts` say; the others change nothing of bob's, and no answer to them has a secret of his.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { OPERATIONS } from '../../../../src/region/api/operations.ts';
import type { RegionOptions } from '../../../../src/region/region.ts';
import { type Fields, type Given, withSite } from '../sent/trial.ts';
import { type Bobs, bobsObjects, dumpOf, type RightsCaller } from './bobs-objects.ts';
import { NARROWER, type Right } from './declared-rights.ts';
import { REQUESTS, type RightsRequest } from './requests.ts';

type Operation = (typeof OPERATIONS)[number];

/** The refusals of the door, before an operation looks at anything. */
const DOOR =
  /^(?:Authenticate with an API key|Only an administrator may do this|A machine may not do this)|managed network/;
const FORM = { 'content-type': 'application/x-www-form-urlencoded' };
const PERSONS: ReadonlySet<RightsCaller> = new Set(['alice', 'bob', 'admin']);
const STRANGERS = ['nobody', 'outsider', 'machine', 'other-machine', 'alice'] as const;
const POWER: Partial<RegionOptions> = {
  power: {
    drivers: [],
    switches: () => 'on-and-off',
    problemsOf: () => [],
    follow: () => undefined,
    reading: () => undefined,
    ask: () => undefined,
  },
};

function mayDo(right: Right, caller: RightsCaller) {
  switch (right) {
    case 'anyone':
      return true;
    case 'managed':
      return caller === 'nobody' || PERSONS.has(caller);
    case 'machine':
      return caller === 'machine' || PERSONS.has(caller);
    case 'user':
      return PERSONS.has(caller);
    case 'own':
      return caller === 'bob' || caller === 'admin';
    case 'alone':
      return caller === 'bob';
    case 'admin':
      return caller === 'admin';
  }
}

const titleOf = ({ method, path, op }: Operation) => [method, path, ...(op === undefined ? [] : [op])].join(' ');
const rightOf = (operation: Operation): Right => {
  const title = titleOf(operation);
  const narrower = (['own', 'alone', 'admin'] as const).find((right) => NARROWER[right].includes(title));
  return narrower ?? operation.access;
};

/** Sends a request of an operation as one of the callers. */
async function send(bobs: Bobs, operation: Operation, version: string, given: Given, fields: Fields, by: RightsCaller) {
  const { site, places, machineKeys } = bobs;
  const parts = { ...places.find(([path]) => path.test(operation.path))?.[1], ...given.path };
  const path = operation.path.replace(/\{(\w+)\}/g, (_all, name: string) =>
    encodeURIComponent(parts[name] ?? 'absent-1'),
  );
  const search = new URLSearchParams();
  for (const [name, value] of Object.entries({ ...given.fields, ...fields }))
    for (const text of [value].flat()) search.append(name, text);
  const op = operation.op === undefined ? '' : `op=${operation.op}`;
  const isInQuery = operation.method === 'GET' || operation.method === 'DELETE';
  const url = `${version}/${path}/?${isInQuery ? [op, search.toString()].filter((text) => text !== '').join('&') : op}`;
  const isMachine = by === 'machine' || by === 'other-machine';
  const headers = { ...(isInQuery ? {} : FORM), ...(isMachine ? { authorization: machineKeys[by] } : {}) };
  // A caller without an account may send one request in a second.
  const isPerson = by === 'alice' || by === 'bob' || by === 'admin';
  if (!isPerson) await site.place.clock.pass(2000);
  const from = by === 'outsider' ? '192.0.2.7' : undefined;
  return await site.send(
    url,
    isInQuery ? '' : search.toString(),
    headers,
    isPerson ? by : 'nobody',
    operation.method,
    from,
  );
}

let count = 16;

/** @returns the faults of one request of an operation */
async function faultsOf(
  bobs: Bobs,
  operation: Operation,
  version: string,
  right: Right,
  request: RightsRequest | undefined,
): Promise<readonly string[]> {
  const faults: string[] = [];
  const prepare = async (): Promise<readonly [Given, Fields]> => {
    const given = (await request?.make?.(bobs, ++count)) ?? {};
    return [given, request?.fields?.(given, ++count) ?? {}];
  };
  const isPrepared = request?.make !== undefined || request?.fields !== undefined;
  const wanted = request?.status;
  const [given, fields] = await prepare();
  const judge = (caller: RightsCaller, status: number, text: string) => {
    const isWell = mayDo(right, caller)
      ? status < 500 && !DOOR.test(text) && (!isPrepared || (wanted === undefined ? status < 300 : status === wanted))
      : status >= 400 && status !== wanted;
    if (!isWell) faults.push(`${caller}: ${status} ${text.slice(0, 120)}`);
  };
  const isRead = operation.method === 'GET';
  const before = isRead || (await dumpOf(bobs, given));
  for (const caller of request?.isOfUsers === true ? (['alice'] as const) : STRANGERS) {
    const { status, text } = await send(bobs, operation, version, given, fields, caller);
    judge(caller, status, text);
    for (const secret of bobs.secrets) if (text.includes(secret)) faults.push(`${caller} reads ${secret}`);
  }
  try {
    assert.deepEqual(isRead || (await dumpOf(bobs, given)), before);
  } catch (error) {
    faults.push(`an object of bob is changed: ${String(error).slice(0, 600)}`);
  }
  // An administrator's request without a prepared object would take bob himself away.
  if (right === 'admin' && !isPrepared) {
    const { status, text } = await send(bobs, operation, version, given, fields, 'bob');
    judge('bob', status, text);
    return faults;
  }
  const own = mayDo(right, 'alice') ? await prepare() : ([given, fields] as const);
  const bob = await send(bobs, operation, version, ...own, 'bob');
  judge('bob', bob.status, bob.text);
  const admin = await send(bobs, operation, version, ...(await prepare()), 'admin');
  judge('admin', admin.status, admin.text);
  return faults;
}

test('each operation with a narrower right admits users, and has a request for an object with an owner', () => {
  const admitting = new Set(OPERATIONS.filter(({ access }) => access === 'user').map(titleOf));
  const titles = Object.values(NARROWER).flat();
  assert.deepEqual(
    titles.filter((title) => !admitting.has(title)),
    [],
  );
  assert.deepEqual(
    [...NARROWER.own, ...NARROWER.alone].filter((title) => REQUESTS[title] === undefined),
    [],
  );
});

/** Parts of the table, each on a site of its own. */
const CALLED = OPERATIONS.filter(({ op }) => op !== 'follow');
const PART = Math.ceil(CALLED.length / 5);
for (let from = 0; from < CALLED.length; from += PART)
  test(`each caller may do with an object of bob what is declared, and changes or learns nothing else: from operation ${from}`, () =>
    withSite(async (site) => {
      const bobs = await bobsObjects(site);
      const faults: string[] = [];
      for (const operation of CALLED.slice(from, from + PART)) {
        const title = titleOf(operation);
        for (const version of operation.versions)
          for (const request of [REQUESTS[title]].flat()) {
            const right = request?.right ?? rightOf(operation);
            const found = await faultsOf(bobs, operation, version, right, request);
            faults.push(...found.map((fault) => `${version} ${title}, ${right}: ${fault}`));
          }
      }
      assert.deepEqual(faults, []);
    }, POWER));
