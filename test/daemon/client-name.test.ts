// Option 81 and DNS: the rack's DNS answers with the name that it told the client, once the client has its address.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseConfig } from '../../src/config/load.ts';
import { nameLease, nameMachines, nameReservations } from '../../src/daemon/rack/naming.ts';
import { decide } from '../../src/dhcp/answers/decide.ts';
import { textBytes } from '../../src/dhcp/wire/options.ts';
import { Names } from '../../src/dns/names.ts';
import { formatIpv4 } from '../../src/ground/address.ts';
import type { RackMachine } from '../../src/machines/machine.ts';
import { clientMessage, labState, MAC_A, MAC_B, machine, NOW, ON_WIRE } from '../dhcp/lab.ts';

const configOf = (management: number, hosts: string): string => `cluster_interfaces:
  - name: lab
    interface: eth1
    ip: 10.20.0.1
    network: 10.20.0.0/24
    management: ${management}
    domain: lab.example
    ip_range_low: 10.20.0.100
    ip_range_high: 10.20.0.109
    hosts: [${hosts}]
`;
const RESERVED = '{ mac: "52:54:00:00:00:0a", ip: 10.20.0.20, hostname: printer }';
const OTHERS = '{ mac: "52:54:00:00:00:0b", ip: 10.20.0.20, hostname: wish }';
const OWN = machine(MAC_A, '10.20.0.30');
const ROAMING: RackMachine = { ...OWN, addresses: [] };
const NAMESAKE = machine(MAC_B, '10.20.0.40', { hostname: 'wish' });

interface Case {
  readonly name: string;
  readonly hosts?: string;
  readonly machines?: readonly RackMachine[];
  /** The flags that the client sends, and those of the reply without and with DNS on this rack. */
  readonly flags: number;
  readonly answers: readonly [number, number];
  readonly fqdn: string;
  /** The name that the client reports. */
  readonly wish?: string;
}

const CASES: readonly Case[] = [
  { name: 'a wish is completed with the domain and entered', flags: 1, answers: [10, 1], fqdn: 'wish.lab.example' },
  { name: 'a wish under another domain', flags: 1, wish: 'wish.x', answers: [10, 1], fqdn: 'wish.lab.example' },
  { name: 'a client that would enter its address itself', flags: 0, answers: [8, 3], fqdn: 'wish.lab.example' },
  { name: 'a client that wants nothing entered', flags: 8, answers: [8, 8], fqdn: 'wish.lab.example' },
  { name: 'a name that cannot be one', flags: 1, wish: 'no way', answers: [10, 10], fqdn: '' },
  { name: 'no name', flags: 1, wish: '', answers: [10, 10], fqdn: '' },
  { name: 'a host with a name', hosts: RESERVED, flags: 1, answers: [10, 1], fqdn: 'printer.lab.example' },
  {
    name: 'a host that wants no DNS records',
    hosts: RESERVED,
    flags: 8,
    answers: [8, 3],
    fqdn: 'printer.lab.example',
  },
  { name: 'the name of another host', hosts: OTHERS, flags: 1, answers: [10, 10], fqdn: 'wish.lab.example' },
  { name: 'the name of a machine', machines: [NAMESAKE], flags: 1, answers: [10, 10], fqdn: 'wish.lab.example' },
  { name: 'a machine with an address of its own', machines: [OWN], flags: 0, answers: [3, 3], fqdn: 'swift-fox.maas' },
  { name: 'a machine without an address', machines: [ROAMING], flags: 1, answers: [1, 1], fqdn: 'swift-fox.maas' },
];

for (const { name, hosts = '', machines = [], flags, wish = 'wish', answers, fqdn } of CASES) {
  for (const [index, management] of [1, 2].entries()) {
    test(`${name}, management ${management}: the client is told ${fqdn || 'no name'}, and what the rack's DNS does`, () => {
      const parsed = parseConfig(configOf(management, hosts));
      if (!parsed.ok) assert.fail(JSON.stringify(parsed.problems));
      const { config } = parsed;
      const state = labState(config.dhcp, machines);
      const names = new Names({ serial: 1 });
      const options = [[81, Uint8Array.of(flags, 0, 0, ...textBytes(wish))]] as const;
      const offer = decide(clientMessage({ type: 'discover', options }), ON_WIRE, state, NOW);
      if (offer.kind !== 'reply') assert.fail(offer.kind);
      const words = { type: 'request', requested: offer.message.yiaddr, server: undefined, options } as const;
      state.offers.hold(offer.message.yiaddr, MAC_A, { served: offer.served, sharedNetwork: offer.sharedNetwork }, NOW);
      const ack = decide(
        clientMessage({ ...words, server: state.subnets.served[0]?.subnet.serverAddress }),
        ON_WIRE,
        state,
        NOW,
      );
      if (ack.kind !== 'reply') assert.fail(JSON.stringify(ack));
      const reported = [answers[index], 255, 255, ...textBytes(fqdn)];
      for (const { message } of [offer, ack]) assert.deepEqual([...(message.options.get(81) ?? [])], reported);

      const [lease = assert.fail()] = ack.records;
      nameReservations(names, config);
      nameMachines(names, state.machines, [], config);
      nameLease(names, lease, state.machines, config);
      const address = formatIpv4(ack.message.yiaddr);
      const entered = (names.find(fqdn)?.sets ?? [])
        .flatMap(({ records }) => records.map(({ rdata }) => [...rdata].join('.')))
        .includes(address);
      assert.equal(entered, ((answers[index] ?? 0) & 1) === 1, 'the reply agrees with the DNS');
    });
  }
}

test('a client without option 81 gets none, and neither does an INFORM, which creates no record', () => {
  const state = labState();
  const plain = decide(clientMessage({ type: 'discover' }), ON_WIRE, state, NOW);
  assert.equal(plain.kind === 'reply' && plain.message.options.has(81), false);
  const options = [[81, Uint8Array.of(1, 0, 0, ...textBytes('wish'))]] as const;
  const ciaddr = state.subnets.served[0]?.subnet.dynamic?.low ?? assert.fail();
  const inform = decide(clientMessage({ type: 'inform', ciaddr, options }), ON_WIRE, state, NOW);
  assert.equal(inform.kind === 'reply' && inform.message.options.has(81), false);
});
