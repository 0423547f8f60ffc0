// Authenticated machines that send requests without pause: those of one rack or one network leave half of the total rate to the others.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { formatIpv4, formatMac, ipv4, mac } from '../../../src/ground/address.ts';
import { MACHINE_RATE, MACHINES_PER_NETWORK, MACHINES_RATE } from '../../../src/region/http/metadata-routes.ts';
import { keyOfMachine } from '../../../src/region/metadata/machine-keys.ts';
import { WORKER_RATE, WORKERS_PER_NETWORK, WORKERS_RATE } from '../../../src/region/shares/request-rates.ts';
import { type LinkPlace, withLink } from '../http/link-place.ts';
import { report } from '../place.ts';
import { acceptRack, RACK_KEY_SECRET, RACK_TOKEN, rackAuthorization } from '../racks/rack-place.ts';

const BY = { username: 'admin', isAdmin: true, comment: '' };
/** The network of the rack, and networks of the region's own. */
const [FAR, NEAR, NEXT] = [0x0a32_0000, 0x0a14_0000, 0x0a15_0000];

interface Worker {
  readonly systemId: string;
  readonly address: string;
  readonly token: string;
  /** The headers of its key. */
  readonly key: Readonly<Record<string, string>>;
}

/** A machine that is being commissioned, and was seen at the address with this number in its network. */
async function worker({ region, store, clock }: LinkPlace, network: number, number: number): Promise<Worker> {
  const hardware = mac(0x525400000000 + (network >>> 8) + number * 0x100000000);
  const outcome = await region.enlist(report([hardware]));
  assert.ok(outcome.kind === 'create');
  const { systemId } = outcome.machine;
  assert.equal((await region.life.command(systemId, { name: 'commission' }, BY)).kind, 'changed');
  const address = formatIpv4(ipv4(network + number));
  const seen = { kind: 'dhcp.ack', at: clock.wallTimeMs(), mac: formatMac(hardware), address, text: 'ack' };
  await region.observe([{ ...seen, sequence: 1 }], `rack of ${systemId}`);
  const key = (await keyOfMachine(store, clock, systemId)) ?? assert.fail('no key');
  const authorization = rackAuthorization(key.tokenKey, key.tokenSecret).replace('"rack"', `"${key.consumerKey}"`);
  const token = (await store.findMachine(systemId))?.bootToken ?? assert.fail('no token');
  return { systemId, address, token, key: { authorization } };
}

type Ask = (place: LinkPlace, who: Worker, isByRack: boolean) => Promise<number>;

async function statusOf(
  { ask }: LinkPlace,
  path: string,
  { address }: Worker,
  isByRack: boolean,
  headers: Readonly<Record<string, string>>,
) {
  const spoken = { 'x-rackboot-rack': `${RACK_TOKEN}:${RACK_KEY_SECRET}`, 'x-forwarded-for': address };
  const answer = await ask('GET', path, {
    from: isByRack ? '192.0.2.9' : address,
    headers: { ...headers, ...(isByRack ? spoken : {}) },
  });
  return answer.status;
}

const DOORS: readonly (readonly [string, Ask, each: number, network: number, all: number])[] = [
  [
    'metadata',
    (place, who, isByRack) => statusOf(place, 'metadata/latest/meta-data/instance-id', who, isByRack, who.key),
    MACHINE_RATE.burst,
    MACHINES_PER_NETWORK.burst,
    MACHINES_RATE.burst,
  ],
  [
    'the agent',
    (place, who, isByRack) => statusOf(place, 'rackboot/1/watch', who, isByRack, { 'x-rackboot-token': who.token }),
    WORKER_RATE.burst,
    WORKERS_PER_NETWORK.burst,
    WORKERS_RATE.burst,
  ],
];

/** @param isChosen whether the requests of a door are tested */
export function testDoors(isChosen: (door: string) => boolean): void {
  for (const [name, ask, each, network, all] of DOORS.filter(([door]) => isChosen(door))) {
    for (const [kind, isByRack, from] of [
      ['a remote rack', true, FAR],
      ['one network', false, NEAR],
    ] as const) {
      test(`${name}: machines of ${kind} have half of the total rate, and machines elsewhere are served`, () => {
        assert.ok(
          each * 20 <= network && network * 2 <= all,
          'a machine has a twentieth of its network, which has half of all',
        );
        return withLink(
          async (place) => {
            await acceptRack(place.region, {});
            const count = Math.ceil(network / each);
            const fresh = await worker(place, from, 1);
            const floods: Worker[] = [];
            for (let number = 2; number <= count + 1; number += 1) floods.push(await worker(place, from, number));
            assert.equal(await ask(place, fresh, isByRack), 200);
            let served = 1;
            for (const one of floods)
              for (let times = 0; times < each; times += 1) served += (await ask(place, one, isByRack)) === 200 ? 1 : 0;
            assert.equal(served, network);
            assert.equal(await ask(place, fresh, isByRack), 429, 'it has asked once, but its network is at its bound');
            assert.equal(await ask(place, await worker(place, NEXT, 1), false), 200);
          },
          { managedNetworks: [NEAR, NEXT].map((address) => ({ address: ipv4(address), prefix: 24 })) },
        );
      });
    }
  }
}
