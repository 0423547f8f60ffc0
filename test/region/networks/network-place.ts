// A region for tests of networks: two users, a rack of its own, and a caller of its API.

import assert from 'node:assert/strict';
import { mac, parseIpv4 } from '../../../src/ground/address.ts';
import type { Settings } from '../../../src/machines/settings.ts';
import { createApiKey } from '../../../src/region/accounts/accounts.ts';
import { buildApp, makeContext } from '../../../src/region/http/server.ts';
import type { MachineFields } from '../../../src/region/records/machine.ts';
import type { RegionStore } from '../../../src/region/records/store.ts';
import { authorizationOf } from '../../support/oauth.ts';
import { addAdmin } from '../accounts/administrator.ts';
import { enlist, makeRegion, type RegionPlace, report } from '../place.ts';

export const OWN_UUID = '11111111-2222-3333-4444-555555555555';
export const OWN_FILE = '/etc/rackboot.yaml';

type Method = 'GET' | 'POST' | 'PUT' | 'DELETE';
type Who = 'admin' | 'user' | 'other' | 'nobody';
interface Answered {
  readonly status: number;
  readonly json: ReturnType<typeof JSON.parse>;
  readonly text: string;
}
export type Ask = (method: Method, path: string, fields?: object, as?: Who) => Promise<Answered>;

export const LAB: Settings = {
  interface: 'eth1',
  ip: '10.20.0.1',
  network: '10.20.0.0/24',
  router_ip: '10.20.0.254',
  ip_range_low: '10.20.0.100',
  ip_range_high: '10.20.0.199',
  static_ip_range_low: '10.20.0.10',
  static_ip_range_high: '10.20.0.99',
};

/** Each request is refused with the status 400 by this field alone. */
export async function refusesEach(
  ask: Ask,
  method: 'POST' | 'PUT',
  path: string,
  cases: readonly (readonly [fields: object, field: string])[],
): Promise<void> {
  for (const [fields, field] of cases) {
    const refused = await ask(method, path, fields);
    assert.deepEqual([refused.status, Object.keys(refused.json ?? {})], [400, [field]], JSON.stringify(fields));
  }
}

/** Enlists a machine with one interface, which is given these addresses. @returns its system id */
export async function machineAt(
  { region, store }: RegionPlace,
  addresses: readonly string[],
  fields: Partial<MachineFields> = {},
): Promise<string> {
  const nic = mac(0x525400000001);
  const { systemId } = await enlist(region, report([nic]));
  const given = addresses.map((text) => ({ mac: nic, address: parseIpv4(text) ?? assert.fail(text) }));
  await store.changeMachine<never>(systemId, 1, () => ({ kind: 'change', fields, events: [], addresses: given }));
  return systemId;
}

/** @param stored the cluster interfaces that the region stores. @param file the rack's file. @param opened default: a region.db of its own */
export async function withNetworks(
  work: (ask: Ask, place: RegionPlace) => Promise<void>,
  stored: Readonly<Record<string, Settings>> = { lab: LAB },
  file: Settings = {},
  opened?: RegionStore,
  options: Parameters<typeof makeRegion>[3] = {},
): Promise<void> {
  const ownRack = { uuid: OWN_UUID, name: 'maas', file: OWN_FILE, values: file };
  const place = await makeRegion({ ownRack }, 1, opened, options);
  try {
    const { store, clock, region } = place;
    await addAdmin(store, clock, { username: 'admin', email: '', password: 'long enough' });
    for (const username of ['user', 'other'])
      await store.accounts.addUser({ username, email: '', passwordHash: 'x', isAdmin: false, createdMs: 1 });
    const headers = new Map<string, object>([['nobody', {}]]);
    for (const username of ['admin', 'user', 'other'])
      headers.set(username, { authorization: authorizationOf(await createApiKey(store, clock, username)) });
    const edits = Object.entries(stored).map(([name, value]) => ({ key: `cluster_interfaces.${name}`, value }));
    if (edits.length > 0) {
      const refused = await region.settings.change(OWN_UUID, edits, 'admin');
      if (refused !== undefined) throw new Error(JSON.stringify(refused));
    }
    const app = buildApp(makeContext(region));
    await work(async (method, path, fields, as = 'admin') => {
      const query = method === 'GET' && fields !== undefined ? `&${new URLSearchParams({ ...fields })}` : '';
      const answer = await app.inject({
        method,
        url: `/MAAS/api/${path}${query}`,
        remoteAddress: '10.20.0.50',
        headers: { 'content-type': 'application/x-www-form-urlencoded', ...headers.get(as) },
        ...(method === 'GET' || fields === undefined ? {} : { payload: new URLSearchParams({ ...fields }).toString() }),
      });
      const isJson = /json/.test(String(answer.headers['content-type']));
      return { status: answer.statusCode, text: answer.body, json: isJson ? JSON.parse(answer.body) : undefined };
    }, place);
    await app.close();
  } finally {
    await place.remove();
  }
}
