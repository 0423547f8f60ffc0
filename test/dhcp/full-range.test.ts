// A range whose every address is held: what a newcomer may get, and what its holders keep. RFC 2131 §4.3.1.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { OFFER_ANSWERED_MS } from '../../src/dhcp/leases/offers.ts';
import { formatIpv4, mac } from '../../src/ground/address.ts';
import { MachineDirectory } from '../../src/machines/directory.ts';
import { ip, RACK } from '../support/lab-facts.ts';
import { config, MAC_A, MAC_B, machine, subnet } from './lab.ts';
import { rig } from './responder-rig.ts';

const HOLDERS = Array.from({ length: 10 }, (_, index) => mac(0x5254_0000_0100 + index));

test('an address offered to its own holder is offered to no other client, however long the holder waits', () => {
  const { clock, lease, say, table } = rig(config());
  const held = HOLDERS.map((holder) => lease(holder));
  for (const holder of HOLDERS) say({ type: 'discover', mac: holder });
  for (let turn = 0; turn < 3; turn += 1) {
    clock.advance(OFFER_ANSWERED_MS + 1);
    assert.equal(say({ type: 'discover', mac: MAC_A }), 'silence');
  }
  HOLDERS.forEach((holder, index) => {
    const address = ip(held[index]?.split(' ')[1] ?? '');
    assert.equal(say({ type: 'request', mac: holder, ciaddr: address }), `ack ${formatIpv4(address)}`);
    assert.equal(table.find(address)?.mac, holder);
  });
});

test('an unrequested address on offer is offered to the next client if there is no other', () => {
  const { clock, lease, say } = rig(config());
  for (const holder of HOLDERS.slice(1)) lease(holder);
  const last = say({ type: 'discover', mac: MAC_A });
  assert.match(last, /^offer/);
  assert.equal(say({ type: 'discover', mac: MAC_B }), 'silence');
  clock.advance(OFFER_ANSWERED_MS + 1);
  assert.equal(say({ type: 'discover', mac: MAC_B }), last);
});

test('a fixed address in the range that is on offer to its client goes to no other', () => {
  const fixed = ip('10.20.0.105');
  const reserved = config(subnet({ reservations: [{ mac: MAC_A, address: fixed }] }));
  const ofMachine = new MachineDirectory([machine(MAC_A, formatIpv4(fixed))]);
  for (const { clock, lease, say } of [rig(reserved), rig(config(), ofMachine)]) {
    for (const holder of HOLDERS.slice(1)) lease(holder);
    assert.equal(say({ type: 'discover', mac: MAC_A }), 'offer 10.20.0.105');
    clock.advance(OFFER_ANSWERED_MS + 1);
    assert.equal(say({ type: 'discover', mac: MAC_B }), 'silence');
    assert.equal(say({ type: 'request', mac: MAC_A, requested: fixed, server: RACK }), 'ack 10.20.0.105');
  }
});
