// A region whose API is asked by every kind of caller: nobody, a user, another user, an administrator, and a machine with its key.

import { createApiKey } from '../../../src/region/accounts/accounts.ts';
import { buildApp, makeContext } from '../../../src/region/http/server.ts';
import { keyOfMachine } from '../../../src/region/metadata/machine-keys.ts';
import type { MachineStatus } from '../../../src/region/records/lifecycle.ts';
import { authorizationOf } from '../../support/oauth.ts';
import { bootReport, enlist, facts, makeRegion, type RegionPlace, SECRET } from '../place.ts';
import { acceptRack, rackInterface } from '../racks/rack-place.ts';
import { assertAsStated } from './answer-check.ts';

export const CALLERS = ['nobody', 'alice', 'bob', 'root', 'machine'] as const;
export type CallerName = (typeof CALLERS)[number];

/** Outside of every managed network, so that `nobody` has no rights by its address; another host each time, because of the rate of each. */
const elsewhere = (request: number): string => `198.51.${request >> 8}.${request & 255}`;
export const FIRST_MAC = '52:54:00:00:00:01';
export const SECOND_MAC = '52:54:00:00:00:02';
export const SUBNET_ID = 0x0a_14_00_00;

export interface Answered {
  readonly status: number;
  readonly text: string;
  readonly refusal: unknown;
  /** The JSON of the answer, for tests that name what they expect of it. */
  // biome-ignore lint/suspicious/noExplicitAny: the answers are of many forms.
  readonly json: any;
}

export interface CallersPlace extends RegionPlace {
  /** The machine with the key: two interfaces, two disks, owned by alice. */
  readonly systemId: string;
  /** The text at a path of the agent, as the machine gets it through its rack. */
  agent(path: string): Promise<string>;
  /** @param path below `/MAAS/api/2.0/`, with its version if that is 1.0, or with a `/` a whole path */
  ask(
    as: CallerName,
    method: 'GET' | 'POST' | 'PUT' | 'DELETE',
    path: string,
    fields?: Readonly<Record<string, string>>,
  ): Promise<Answered>;
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
  const app = buildApp(makeContext(region));
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
    await store.changeMachine(systemId, 1, () => ({ kind: 'change', fields: { status, owner: 'alice' }, events: [] }));
    const key = await keyOfMachine(store, clock, systemId);
    if (key !== undefined) keys.set('machine', `${key.consumerKey}:${key.tokenKey}:${key.tokenSecret}`);
    await work({
      ...place,
      systemId,
      agent: async (path) => {
        const machine = await store.findMachine(systemId);
        const answer = await app.inject({
          method: 'GET',
          url: `/MAAS/rackboot/1/${path}`,
          remoteAddress: '127.0.0.1',
          headers: {
            'x-forwarded-for': '10.20.0.60',
            'x-rackboot-rack': SECRET,
            'x-rackboot-boot': FIRST_MAC,
            'x-rackboot-token': machine?.bootToken ?? '',
            host: '10.20.0.1:5248',
          },
        });
        return answer.body;
      },
      ask: async (as, method, path, fields = {}) => {
        const authorization = keys.get(as);
        const url = path.startsWith('/') ? path : `/MAAS/api/${path.startsWith('1.0/') ? '' : '2.0/'}${path}`;
        const answer = await app.inject({
          method,
          url,
          remoteAddress: elsewhere(requests++),
          headers: {
            ...(authorization === undefined ? {} : { authorization: authorizationOf(authorization) }),
            ...(method === 'GET' ? {} : { 'content-type': 'application/x-www-form-urlencoded' }),
          },
          ...(method === 'GET' ? {} : { payload: new URLSearchParams(fields).toString() }),
        });
        assertAsStated({ method, url, bodyOp: fields.op }, answer);
        const isJson = String(answer.headers['content-type']).includes('json');
        return {
          status: answer.statusCode,
          text: answer.body,
          refusal: answer.headers['x-rackboot-refusal'],
          json: isJson && answer.body !== '' ? JSON.parse(answer.body) : undefined,
        };
      },
    });
  } finally {
    await app.close();
    await place.remove();
  }
}
