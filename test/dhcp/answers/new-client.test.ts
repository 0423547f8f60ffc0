// Which clients the limit on new clients exempts: those known by the hardware address or identifier that counts here.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { NEW_CLIENTS_BURST_SECONDS, NEW_CLIENTS_PER_SECOND } from '../../../src/dhcp/limits/new-clients.ts';
import type { DhcpSubnet } from '../../../src/dhcp/networks/config.ts';
import { ANY, mac, parseNetwork } from '../../../src/ground/address.ts';
import { MachineDirectory } from '../../../src/machines/directory.ts';
import { ip, RACK } from '../../support/lab-facts.ts';
import { called, config, MAC_A, MAC_B, machine, subnet } from '../lab.ts';
import { rig } from '../responder-rig.ts';

const AT_ONCE = NEW_CLIENTS_PER_SECOND * NEW_CLIENTS_BURST_SECONDS;
const FLOOD = 800;
const wide = (changes: Partial<DhcpSubnet> = {}): DhcpSubnet =>
  subnet({
    network: parseNetwork('10.20.0.0/16') ?? { address: ANY, prefix: 0 },
    dynamic: { low: ip('10.20.4.0'), high: ip('10.20.7.255') },
    identity: 'client-id',
    ...changes,
  });

test('if identifiers count, a known hardware address exempts none of the identifiers used with it', () => {
  const known: readonly (readonly [name: string, Partial<DhcpSubnet>, MachineDirectory, knownBefore: boolean])[] = [
    ['a machine with an address here', {}, new MachineDirectory([machine(MAC_A, '10.20.0.30')]), false],
    ['a machine with none here', {}, new MachineDirectory([machine(MAC_A, '10.99.0.30')]), false],
    [
      'a reserved address',
      { reservations: [{ mac: MAC_A, address: ip('10.20.0.20') }] },
      new MachineDirectory([]),
      false,
    ],
    ['a lease under no identifier', {}, new MachineDirectory([]), true],
  ];
  for (const [name, changes, machines, hasLease] of known) {
    const { lease, say } = rig(config(wide(changes)), machines);
    if (hasLease) assert.match(lease(MAC_A), /^ack/);
    let offered = 0;
    for (let index = 0; index < FLOOD; index += 1) {
      if (say({ type: 'discover', mac: MAC_A, ...called(`id ${index}`) }) !== 'silence') offered += 1;
    }
    // The fixed address is outside the range, and one of them is offered it.
    assert.ok(offered <= AT_ONCE + 1, `${name}: ${offered} of ${FLOOD} were offered an address`);
  }
});

test('where identifiers count, a flood under the hardware address of a machine holds back no known client', () => {
  const reservations = [{ mac: MAC_B, clientId: 'printer', address: ip('10.20.0.20') }];
  const machines = new MachineDirectory([machine(MAC_A, '10.20.0.30')]);
  const { lease, say } = rig(config(wide({ reservations })), machines);
  const before = lease(mac(0x020000000001), called('notebook'));
  const flood = (from: number) => {
    for (let index = 0; index < FLOOD; index += 1) {
      say({ type: 'discover', mac: mac(0x060000000000 + index), ...called(`id ${from + index}`) });
    }
  };
  flood(0);
  assert.equal(
    lease(mac(0x020000000001), called('notebook')),
    before,
    'a client with a lease, known by its identifier',
  );
  assert.equal(lease(mac(0x020000000009), called('notebook')), before, 'wherever it is');
  assert.equal(lease(mac(0x020000000002), called('printer')), 'ack 10.20.0.20', 'a client with a reserved address');
  assert.equal(lease(MAC_A, called('system')), 'ack 10.20.0.30', 'the machine of the fixed address');
  flood(FLOOD);
  // Of a rack that was restarted meanwhile: nothing is on offer.
  const asks = { type: 'request', mac: MAC_A, requested: ip('10.20.0.30'), server: RACK } as const;
  const again = rig(config(wide({ reservations })), machines);
  for (let index = 0; index < FLOOD; index += 1) {
    again.say({ type: 'discover', mac: mac(0x060000000000 + index), ...called(`id ${index}`) });
  }
  assert.equal(
    again.say({ ...asks, ...called('system') }),
    'ack 10.20.0.30',
    'a client that takes up its fixed address',
  );
  assert.equal(lease(mac(0x020000000003), called('new')), 'silence', 'the bound was reached');
});

test('where hardware addresses count, a machine and a reserved host are never held back, whatever they call themselves', () => {
  const reservations = [{ mac: MAC_B, address: ip('10.20.0.20') }];
  const machines = new MachineDirectory([machine(MAC_A, '10.99.0.30')]);
  const { lease, say } = rig(config(wide({ identity: 'mac', reservations })), machines);
  for (let index = 0; index < FLOOD; index += 1) say({ type: 'discover', mac: mac(0x060000000000 + index) });
  assert.equal(lease(mac(0x020000000003)), 'silence');
  assert.match(lease(MAC_A, called('rom')), /^ack/);
  assert.match(lease(MAC_A, called('system')), /^ack/);
  assert.equal(lease(MAC_B, called('any')), 'ack 10.20.0.20');
});
