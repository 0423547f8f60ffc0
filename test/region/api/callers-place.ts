// A region whose API is asked by every kind of caller: nobody, a user, another user, an administrator, and a machine with its key.

import { createApiKey } from '../../../src/region/accounts/accounts.ts';
import { keyOfMachine } from '../../../src/region/metadata/machine-keys.ts';
import type { MachineStatus } from '../../../src/region/records/lifecycle.ts';
import { authorizationOf } from '../../support/oauth.ts';
import { type Answered, FORM, injector, type Method } from '../asked-api.ts';
import { bootReport, enlist, facts, makeRegion, type RegionPlace, SECRET } from '../place.ts';
import { acceptRack, rackInterface } from '../racks/rack-place.ts';

export type { Answered } from '../asked-api.ts';

export const CALLERS = ['nobody', 'alice', 'bob', 'root', 'machine'] as const;
export type CallerName = (typeof CALLERS)[number];

/** Outside of every managed network, so that `nobody` has no rights by its address; another host each time, because of the rate of each. */
const elsewhere = (request: number) => `198.51.${request >> 8}.${request & 255}`;
export const FIRST_MAC = '52:54:00:00:00:01';
export const SECOND_MAC = '52:54:00:00:00:02';
export const SUBNET_ID = 0x0a_14_00_00;

export const keysOf = (value: object): readonly string[] => Object.keys(value).toSorted();

export interface CallersPlace extends RegionPlace {
  /** The machine with the key: two interfaces, two disks, owned by alice. */
  readonly systemId: string;
  /** The text at a path of the agent, as the machine gets it through its rack. */
  agent(path: string): Promise<string>;
  /** @param path below `/MAAS/api/2.0/`, with its version if that is 1.0, or with a `/` a whole path */
  ask(as: CallerName, method: Method, path: string, fields?: Readonly<Record<string, string>>): Promise<Answered>;
}

const FACTS = {
  boot_mac: FIRST_MAC,
  nics: [
    { name: 'eno1', mac: FIRST_MAC, driver: 'e1000', carrier: true, operstate: 'up', speed: 1000 },
    { name: 'eno2', mac: SECOND_MAC, driver: 'e1000', carrier: false, operstate: 'down', speed: -1 },
  ],
  disks: [
    { name: 'sda', bytes: 64e9, model: 'M', serial: 'S1', rotational: false },
    { name: 'sdb', bytes: 64e9, model: 'M', serial: 'S2', rotational: true },
  ],
};

/** Runs the work with a machine in this state, in a network with a static range. */
export async function withCallers(
  work: (place: CallersPlace) => Promise<void>,
  status: MachineStatus = 'allocated',
  options: Parameters<typeof makeRegion>[3] = {},
): Promise<void> {
  const place = await makeRegion({}, 1, undefined, options);
  const { region, store, clock } = place;
  const inject = injector(region);
  try {
    await acceptRack(region, {
      interfaces: [
        { ...rackInterface('10.20.0.0/24'), static_ip_range_low: '10.20.0.20', static_ip_range_high: '10.20.0.29' },
      ],
    });
    let requests = 0;
    const keys = new Map<CallerName, string>();
    for (const username of ['alice', 'bob', 'root'] as const) {
      await store.accounts.addUser({
        username,
        email: '',
        passwordHash: 'x',
        isAdmin: username === 'root',
        createdMs: 0,
      });
      keys.set(username, await createApiKey(store, clock, username));
    }
    const hardware = facts({ serial: 'SN1' }, FACTS);
    const { systemId } = await enlist(region, bootReport([0x525400000001, 0x525400000002], { facts: hardware }));
    // Only a machine that somebody else deployed is Deployed without a system.
    const system = status === 'deployed' ? { osystem: 'debian', release: 'trixie' } : {};
    const fields = { status, owner: 'alice', ...system };
    await store.changeMachine(systemId, 1, () => ({ kind: 'change', fields, events: [] }));
    const key = await keyOfMachine(store, clock, systemId);
    if (key !== undefined) keys.set('machine', `${key.consumerKey}:${key.tokenKey}:${key.tokenSecret}`);
    await work({
      ...place,
      systemId,
      agent: async (path) => {
        const machine = await store.findMachine(systemId);
        const headers = {
          'x-forwarded-for': '10.20.0.60',
          'x-rackboot-rack': SECRET,
          'x-rackboot-boot': FIRST_MAC,
          'x-rackboot-token': machine?.bootToken ?? '',
          host: '10.20.0.1:5248',
        };
        return (await inject('GET', `/MAAS/rackboot/1/${path}`, headers, undefined, '127.0.0.1')).text;
      },
      ask: (as, method, path, fields = {}) => {
        const key = keys.get(as);
        const authorization = key === undefined ? {} : { authorization: authorizationOf(key) };
        const isRead = method === 'GET';
        const payload = isRead ? undefined : new URLSearchParams(fields).toString();
        const url = path.startsWith('/') || path.startsWith('1.0/') ? path : `2.0/${path}`;
        const from = elsewhere(requests++);
        return inject(method, url, { ...authorization, ...(isRead ? {} : FORM) }, payload, from, fields.op);
      },
    });
  } finally {
    await place.remove();
  }
}
