// The number of queries does not grow with the number of machines, users, tags or other entries:
//
// 1. Every page and every reading operation takes as many statements with many entries as with few, and for each further piece of a list of
//    machines at most PIECE_MAX more.
// 2. A request that changes several entries takes as many statements for many of them as for few. Where the region divides entries into
//    groups, each further group takes at most as many as the first, and the large size has many groups: a group as large as everything could
//    hide a statement for each entry. A verdict on racks takes one further statement for each further rack and table, because an
//    administrator gives it for a few racks.
// 3. An enlistment is a request of its own, even in a rack's batch: its decision needs what the ones before it stored. So each reads its own
//    facts, with as many statements among many as among few.

import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { formatIpv4, formatMac, ipv4, mac } from '../../src/ground/address.ts';
import { createApiKey } from '../../src/region/accounts/accounts.ts';
import { LIST_CHUNK } from '../../src/region/api/machines/machine-list.ts';
import { OPERATIONS } from '../../src/region/api/operations.ts';
import { REPORTS_AT_ONCE } from '../../src/region/http/rack-batch.ts';
import { buildApp, makeContext } from '../../src/region/http/server.ts';
import { cookieName } from '../../src/region/page/frame/login.ts';
import { TURN_MACHINES } from '../../src/region/page/machines/machines-page.ts';
import { PAGES } from '../../src/region/page/routes.ts';
import { DEFAULT_VLAN_ID } from '../../src/region/records/network-store.ts';
import { PENDING_RACKS_MAX } from '../../src/region/records/rack.ts';
import { NO_MARKS } from '../../src/region/records/script-store.ts';
import type { RegionStore } from '../../src/region/records/store.ts';
import { UPDATED_AT_ONCE } from '../../src/store/operations/machine-changes.ts';
import { openPostgresRegion } from '../../src/store/postgres/region-postgres.ts';
import { fillRegion } from '../contract/region-operations.ts';
import { countStatements, sumOf, type Taken, takeTexts } from '../support/counted-statements.ts';
import { missing } from '../support/needs.ts';
import { authorizationOf } from '../support/oauth.ts';
import { RegionDatabases } from '../support/postgres-server.ts';
import { addAdmin } from './accounts/administrator.ts';
import { makeRegion, type RegionPlace } from './place.ts';
import {
  acceptRack,
  digestOf,
  heartbeatOf,
  OTHER_UUID,
  postEntry,
  RACK_UUID,
  rackAuthorization,
  rackInterface,
  register,
  registration,
} from './racks/rack-place.ts';

/** Small and large sizes of everything. The large one needs two further pieces of a list of machines. */
const [FEW, MANY] = [3, 2 * LIST_CHUNK + 10];
/** Racks of a large region, which are at hosts of their own. */
const RACKS = 60;
/** Statements of a further piece of a list over the API, and of a page. */
const PIECE_MAX = 11;
const PAGE_PIECE_MAX = 5;
/** A list that is read in pieces. */
const PIECED = '/MAAS/api/2.0/machines/';
/** The small size of a change, and a large one: more than the region reads, updates or stores together anywhere. */
const FEW_CHANGED = 4;
export const MANY_CHANGED = 600;
/** Machines that one request may name. */
const NAMED_MAX = 500;
/** Racks that one request judges: as many as may wait to be accepted. */
const VERDICTS_MAX = PENDING_RACKS_MAX;
const FIRST = 'm00000';
const EVENT = { type: 'TAG', code: 'rack', params: { text: 'made' }, atMs: 1, username: '' } as const;

/** A region with a number of machines, users, keys, tags, scripts, results, racks and events. */
async function fill({ region, store, clock }: RegionPlace, count: number): Promise<void> {
  await fillRegion(store, count);
  for (let index = 0; index < count; index += 1) {
    const name = `x${index}`;
    await store.accounts.addUser({ username: name, email: '', passwordHash: 'x', isAdmin: false, createdMs: 1 });
    await createApiKey(store, clock, name);
    await store.life.addSshKey({ username: name, key: `ssh-ed25519 ${name}`, createdMs: 1 }, 9, EVENT);
    await store.life.addTag({ name, comment: '', kernelParams: '' }, 1000, EVENT);
    await store.life.tagMachines(name, [`m${String(index).padStart(5, '0')}`, FIRST], [], EVENT);
    const script = {
      ...NO_MARKS,
      name,
      kind: 'testing',
      title: '',
      description: '',
      timeoutSeconds: 9,
      position: index,
    } as const;
    await store.scripts.addScript({ ...script, content: '#!/bin/sh', changedMs: 1 }, 1000, EVENT);
    if (index >= RACKS) continue;
    await acceptRack(region, {
      uuid: `11111111-2222-4333-8444-${String(index).padStart(12, '0')}`,
      name: `rack-${name}`,
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

/** The subnet of the first rack has its first address as its id. */
const SUBNET = 0x0a3c0000;

/** The paths to read: of every page and of every reading operation, with names that exist. */
const PATHS: readonly string[] = [
  ...PAGES.map(({ path }) =>
    path
      .replace(':machine', FIRST)
      .replace(':tag', 'x0')
      .replace(':script', 'x0')
      .replace(':subnet', String(SUBNET))
      .replace(':vlan', String(DEFAULT_VLAN_ID))
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

/** How many statements each path takes, and its status, in a region with a number of entries. */
async function measure(
  count: number,
  open: () => Promise<RegionStore | undefined>,
): Promise<ReadonlyMap<string, { statements: number; status: number }>> {
  const place = await makeRegion({ newMachinesMax: 1000 }, 1, await open());
  const { region, store, clock } = place;
  const context = makeContext(region);
  const app = buildApp(context);
  try {
    await fill(place, count);
    const admin = (await store.accounts.findUser('ann')) ?? assert.fail('ann');
    const cookie = `${cookieName(undefined)}=${await context.sessions.open(admin)}`;
    const authorization = authorizationOf(await createApiKey(store, clock, 'ann'));
    const taken = new Map<string, { statements: number; status: number }>();
    for (const url of PATHS) {
      const isApi = url.startsWith('/MAAS/api/');
      const headers = { host: 'rack.example', accept: 'text/html', ...(isApi ? { authorization } : { cookie }) };
      const ask = () => app.inject({ url, headers: isApi ? { ...headers, accept: '*/*' } : headers });
      // The first request fills the caches of the region, so it does not count.
      await ask();
      takeTexts();
      const { statusCode } = await ask();
      taken.set(url, { statements: sumOf(takeTexts()), status: statusCode });
    }
    return taken;
  } finally {
    await app.close();
    await place.remove();
  }
}

/** A place with a region over HTTP, its administrator and its machines, which a rack has. */
interface Changed extends RegionPlace {
  readonly systemIds: readonly string[];
  /** Posts a form as the administrator, with fields that may be repeated. */
  post(url: string, fields: readonly (readonly [string, string])[], method?: 'POST' | 'PUT' | 'DELETE'): Promise<void>;
  /** Posts entries as the rack's next batch, or a heartbeat. */
  batch(entries: readonly object[]): Promise<void>;
  heartbeat(applied: number): Promise<void>;
}

/** The rack's network. */
const NETWORK = '10.60.0.0/20';
const macOf = (index: number): string => formatMac(mac(0x525400000000 + index));
const addressOf = (index: number): string => formatIpv4(ipv4(0x0a3c0064 + index));
/** As fields of one request, which names at most NAMED_MAX. */
const named = (name: string, list: readonly string[]) => list.slice(0, NAMED_MAX).map((one) => [name, one] as const);
const reportsOf = (kind: string, { systemIds }: Changed, more: object = {}): readonly object[] =>
  systemIds.map((_, index) => ({
    report: { kind, at: 1_700_000_000_000, text: '', mac: macOf(index), address: addressOf(index), ...more },
  }));

const ENLISTMENTS = 'enlistments in a batch';
const VERDICTS = 'verdicts on racks';
/** Requests that change several entries, in this order. Each request changes every machine, or that many other entries. */
const CHANGES: Readonly<Record<string, (place: Changed) => Promise<unknown>>> = {
  'a batch of leases': (place) => place.batch(reportsOf('dhcp.ack', place)),
  'a batch of renewals': (place) => place.batch(reportsOf('dhcp.ack', place)),
  'a batch of boots': (place) => place.batch(reportsOf('dhcp.offer', place, { params: { client: 'x' } })),
  'a batch of requests from addresses': (place) =>
    place.batch(reportsOf('tftp.transfer-finished', place, { mac: undefined })),
  'a batch of ends of leases': (place) => place.batch(reportsOf('dhcp.released', place)),
  'a batch about strangers': (place) =>
    place.batch(reportsOf('dhcp.ack', place).map((one, index) => merge(one, { mac: macOf(5000 + index) }))),
  'a batch about machines at home elsewhere': async (place) => {
    const elsewhere = { home: ipv4(0x0a3d0009) };
    await place.store.changeMachines<never>(place.systemIds, 1, () => ({
      kind: 'change',
      fields: elsewhere,
      events: [],
    }));
    takeTexts();
    await place.batch(reportsOf('dhcp.ack', place));
  },
  'a batch of leases that settle homes': async (place) => {
    const nowhere = { home: undefined };
    await place.store.changeMachines<never>(place.systemIds, 1, () => ({
      kind: 'change',
      fields: nowhere,
      events: [],
    }));
    takeTexts();
    await place.batch(reportsOf('dhcp.ack', place));
  },
  [ENLISTMENTS]: (place) =>
    place.batch(place.systemIds.map((_, index) => postEntry(0, macOf(6000 + index), { peer: addressOf(index) }))),
  heartbeat: (place) => place.heartbeat(5),
  'machines?op=accept': ({ post, systemIds }) => post('2.0/machines/?op=accept', named('machines', systemIds)),
  'a batch of starts of machines at work': (place) =>
    place.batch(reportsOf('http.rendered', place, { params: { purpose: 'commissioning' } })),
  'machines?op=release': async ({ post, systemIds, store }) => {
    const fields = { status: 'allocated', owner: 'admin', powerTask: undefined } as const;
    await store.changeMachines<never>(systemIds, 1, () => ({ kind: 'change', fields, events: [] }));
    takeTexts();
    await post('2.0/machines/?op=release', named('machines', systemIds));
  },
  'a batch of leases of machines with a written disk': async (place) => {
    const fields = { status: 'deploying', netboot: false, owner: 'admin' } as const;
    await place.store.changeMachines<never>(place.systemIds, 1, () => ({ kind: 'change', fields, events: [] }));
    takeTexts();
    await place.batch(reportsOf('dhcp.ack', place));
  },
  'work that is overdue': async ({ systemIds, store, clock, region }) => {
    const fields = { status: 'deploying', netboot: false, statusDeadlineMs: clock.wallTimeMs() - 1 } as const;
    await store.changeMachines<never>(systemIds, 1, () => ({ kind: 'change', fields, events: [] }));
    takeTexts();
    await region.life.endOverdue();
  },
  [VERDICTS]: async ({ systemIds, region }) => {
    const uuids = systemIds
      .slice(0, VERDICTS_MAX)
      .map((_, index) => `11111111-2222-4333-8444-${String(index).padStart(12, '0')}`);
    for (const [index, uuid] of uuids.entries()) {
      const key = { kind: 'own', token: `token ${index}`, secretDigest: digestOf(uuid) } as const;
      const interfaces = [rackInterface(`10.${100 + index}.0.0/24`)];
      const address = `198.18.${index}.1`;
      await register(region, registration({ uuid, name: `further-${index}`, key, interfaces, address }));
    }
    takeTexts();
    assert.equal(await region.racks.judge(uuids, 'accept', 'admin'), undefined);
  },
  'tags?op=update_nodes': ({ post, systemIds }) => post('2.0/tags/rack/?op=update_nodes', named('remove', systemIds)),
  'removal of a tag': ({ post }) => post('2.0/tags/x0/', [], 'DELETE'),
};

/** The event log is counted for a cut once in many events, which may be those of any change. */
const CUT_READS = 1;

/** The most further statements of an answer about many entries. */
function furtherOf(url: string): number {
  const isApi = url.startsWith('/MAAS/api/');
  const [piece, each] = isApi ? [LIST_CHUNK, PIECE_MAX] : [TURN_MACHINES, PAGE_PIECE_MAX];
  return each * (Math.ceil(MANY / piece) - 1);
}

/** The groups into which the region divides the entries of a large change. */
function groupsOf(name: string, many: number): number {
  if (name.startsWith('a batch ')) return Math.ceil(many / REPORTS_AT_ONCE);
  return name.startsWith('machines?op=') ? Math.ceil(Math.min(many, NAMED_MAX) / UPDATED_AT_ONCE) : 1;
}

function merge(entry: object, more: object): object {
  return { report: { ...('report' in entry && typeof entry.report === 'object' ? entry.report : {}), ...more } };
}

/** The statements of each change of a number of entries. */
async function measureChanges(
  count: number,
  open: () => Promise<RegionStore | undefined>,
): Promise<ReadonlyMap<string, Taken>> {
  const place = await makeRegion({ newMachinesMax: 1000 }, 1, await open());
  const { region, store, clock } = place;
  const app = buildApp(makeContext(region));
  try {
    await fillRegion(store, count);
    const systemIds = Array.from({ length: count }, (_, index) => `m${String(index).padStart(5, '0')}`);
    await store.life.addTag({ name: 'x0', comment: '', kernelParams: '' }, 1000, EVENT);
    await store.life.tagMachines('x0', systemIds, [], EVENT);
    await acceptRack(region, { interfaces: [rackInterface(NETWORK)] });
    await acceptRack(region, {
      uuid: OTHER_UUID,
      name: 'other',
      interfaces: [rackInterface('10.61.0.0/24')],
      key: { kind: 'own', token: 'token of the other', secretDigest: digestOf('x') },
    });
    const settled = { home: ipv4(0x0a3c0009), status: 'new', owner: undefined, uuid: undefined } as const;
    await store.changeMachines<never>(systemIds, 1, () => ({ kind: 'change', fields: settled, events: [] }));
    await addAdmin(store, clock, { username: 'admin', email: '', password: 'long enough' });
    const authorization = authorizationOf(await createApiKey(store, clock, 'admin'));
    const inject = async (
      method: 'POST' | 'PUT' | 'DELETE',
      url: string,
      type: string,
      payload: string,
      key: string,
    ) => {
      const headers = { host: 'rack.example', 'content-type': type, authorization: key };
      const answer = await app.inject({ method, url, headers, payload });
      assert.ok(answer.statusCode < 300, `${url}: ${answer.statusCode} ${answer.body}`);
    };
    const link = (what: string, body: object) =>
      inject(
        'POST',
        `/MAAS/uplink/1/racks/${RACK_UUID}/${what}`,
        'application/json',
        JSON.stringify(body),
        rackAuthorization(),
      );
    let sequence = 0;
    const changed: Changed = {
      ...place,
      systemIds,
      post: (url, fields, method = 'POST') => {
        const form = new URLSearchParams();
        for (const [name, value] of fields) form.append(name, value);
        return inject(method, `/MAAS/api/${url}`, 'application/x-www-form-urlencoded', form.toString(), authorization);
      },
      batch: (entries) => {
        const numbered = entries.map((entry) => {
          sequence += 1;
          return { kind: 'report', ...entry, sequence };
        });
        return link('events', { source: `${RACK_UUID}/life`, missed: 0, entries: numbered });
      },
      heartbeat: (applied) => link('heartbeat', heartbeatOf({ applied, interfaces: [rackInterface(NETWORK)] })),
    };
    // The first reports make the region remember more, which does not count.
    await changed.batch([{ report: { kind: 'dhcp.ack', at: 1, text: '' } }]);
    await store.recordEvents(systemIds.map((systemId) => ({ systemId, event: EVENT })));
    await changed.heartbeat(1);
    const taken = new Map<string, Taken>();
    for (const [name, change] of Object.entries(CHANGES)) {
      takeTexts();
      await change(changed);
      taken.set(name, takeTexts());
    }
    return taken;
  } finally {
    await app.close();
    await place.remove();
  }
}

let databases: RegionDatabases | undefined;
/** A store on a new database. The pool has one connection: each begins its own history. */
const openPostgres = async (): Promise<RegionStore> => {
  const made = databases ?? assert.fail('no server');
  return await openPostgresRegion({ ...made.server.placeOf(await made.make()), pool: 1 });
};

const DATABASES = {
  SQLite: [async () => undefined, false],
  PostgreSQL: [openPostgres, missing('linux', '/usr/lib/postgresql')],
} as const;

/** @param many the large size of a change */
export function testStatements(title: keyof typeof DATABASES, many: number): void {
  const [open, skip] = DATABASES[title];
  describe(`the statements of an answer on ${title}`, { skip }, () => {
    let restore = (): void => undefined;
    before(async () => {
      if (open === openPostgres) databases = await RegionDatabases.start();
      restore = countStatements();
    });
    after(async () => {
      restore();
      if (open === openPostgres) await databases?.close();
    });

    test('are as many for many entries as for few', { timeout: 120_000 }, async () => {
      const [few, many] = [await measure(FEW, open), await measure(MANY, open)];
      const grown: string[] = [];
      let read = 0;
      for (const [url, { statements: counted, status }] of many) {
        const before = few.get(url);
        if (status === 200) read += 1;
        if (before?.status !== status) grown.push(`${url}: status ${before?.status} and ${status}`);
        else if (counted > before.statements + furtherOf(url))
          grown.push(`${url}: ${before.statements} and ${counted} statements`);
      }
      assert.deepEqual(grown, []);
      assert.ok(read > PATHS.length / 2, `${read} of ${PATHS.length} paths were read`);
      const [one, two] = [few.get(PIECED)?.statements ?? 0, many.get(PIECED)?.statements ?? 0];
      assert.ok(one < two, `a list is read in pieces: ${one} and ${two} statements`);
    });

    test('of a change are as many for many entries as for few', async () => {
      const [few, large] = [await measureChanges(FEW_CHANGED, open), await measureChanges(many, open)];
      const grown: string[] = [];
      for (const [name, { reads, writes }] of large) {
        const before = few.get(name) ?? assert.fail(name);
        if (reads === 0 && writes.size === 0) grown.push(`${name}: nothing is counted`);
        const each = Math.ceil(sumOf(before) / FEW_CHANGED);
        if (name === ENLISTMENTS) {
          if (sumOf({ reads, writes }) > each * many) grown.push(`${name}: more than ${each} statements each`);
          continue;
        }
        const groups = groupsOf(name, many);
        if (reads > before.reads * groups + CUT_READS)
          grown.push(`${name}: ${before.reads} and ${reads} reads, in ${groups} groups`);
        for (const [table, count] of writes) {
          const more = count - (before.writes.get(table) ?? 0) * groups;
          if (more > (name === VERDICTS ? VERDICTS_MAX - FEW_CHANGED : 0))
            grown.push(`${name}: ${more} more writes of ${table} than in ${groups} groups`);
        }
      }
      assert.deepEqual(grown, []);
    });
  });
}
