// One hardware address on several shared networks is a client of its own on each, and takes nothing from the others. RFC 2131 §2.1
// identifies a client by its network and its identifier; the subinterfaces of a host share a hardware address.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { OFFER_ANSWERED_MS } from '../../src/dhcp/leases/offers.ts';
import type { DhcpSubnet } from '../../src/dhcp/networks/config.ts';
import { type MacAddress, mac, parseNetwork } from '../../src/ground/address.ts';
import { ip, RACK } from '../support/lab-facts.ts';
import { type ClientWords, config, MAC_A, MAC_B, relayedSubnet, subnet } from './lab.ts';
import { BY_RELAY, rig } from './responder-rig.ts';

const RELAY = ip('10.30.0.1');
/** Room for more clients than are checked. */
const far = (changes: Partial<DhcpSubnet> = {}): DhcpSubnet => ({
  ...relayedSubnet(),
  dynamic: { low: ip('10.30.0.50'), high: ip('10.30.0.250') },
  ...changes,
});
const farther = (changes: Partial<DhcpSubnet> = {}): DhcpSubnet =>
  far({
    name: 'farther',
    network: parseNetwork('10.31.0.0/24') ?? assert.fail(),
    broadcast: ip('10.31.0.255'),
    router: ip('10.31.0.1'),
    dynamic: { low: ip('10.31.0.50'), high: ip('10.31.0.250') },
    ...changes,
  });
const addressIn = (answer: string): string => answer.split(' ')[1] ?? assert.fail(answer);

function twoLinks(...subnets: readonly DhcpSubnet[]) {
  const rack = rig(config(...(subnets.length === 0 ? [subnet(), far()] : subnets)));
  const sayFar = (words: ClientWords): string => rack.say({ ...words, giaddr: RELAY }, BY_RELAY);
  const discoverFar = (client: MacAddress): string => sayFar({ type: 'discover', mac: client });
  return { ...rack, sayFar, discoverFar };
}

test('an offer holds its address although the same hardware address has another offer on another shared network', () => {
  const { say, discoverFar } = twoLinks();
  const near = addressIn(say({ type: 'discover', mac: MAC_A }));
  assert.match(discoverFar(MAC_A), /^offer 10\.30\./);
  assert.notEqual(say({ type: 'discover', mac: MAC_B, requested: ip(near) }), `offer ${near}`);
  assert.equal(say({ type: 'discover', mac: MAC_A }), `offer ${near}`, 'it is repeated');
  assert.equal(say({ type: 'request', mac: MAC_A, requested: ip(near), server: RACK }), `ack ${near}`);
});

test('a lease on one shared network leaves the offer that the same hardware address has on another', () => {
  const { say, sayFar, discoverFar, responder } = twoLinks();
  const near = addressIn(say({ type: 'discover', mac: MAC_A }));
  const distant = addressIn(discoverFar(MAC_A));
  assert.equal(sayFar({ type: 'request', mac: MAC_A, requested: ip(distant), server: RACK }), `ack ${distant}`);
  assert.equal(responder.counters().offers, 1);
  assert.equal(sayFar({ type: 'request', mac: MAC_A, ciaddr: ip(distant) }), `ack ${distant}`, 'and so does a renewal');
  assert.notEqual(say({ type: 'discover', mac: MAC_B, requested: ip(near) }), `offer ${near}`);
  assert.equal(say({ type: 'request', mac: MAC_A, requested: ip(near), server: RACK }), `ack ${near}`);
});

test('a client has one offer on a shared network, in whichever of its networks', () => {
  const shared = { shared: 'hall' };
  const reserved = { reservations: [{ mac: MAC_A, address: ip('10.31.0.20') }] };
  const { discoverFar, reload, responder } = twoLinks(subnet(), far(shared), farther(shared));
  const first = addressIn(discoverFar(MAC_A));
  assert.match(first, /^10\.30\./);
  reload(config(subnet(), far(shared), farther({ ...shared, ...reserved })));
  assert.equal(discoverFar(MAC_A), 'offer 10.31.0.20');
  assert.equal(responder.counters().offers, 1);
  assert.equal(discoverFar(MAC_B).split(' ')[0], 'offer');
  assert.equal(responder.counters().offers, 2);
});

test('a lease in one network of a shared network ends the offer in another', () => {
  const shared = { shared: 'hall' };
  const reserved = { reservations: [{ mac: MAC_A, address: ip('10.31.0.20') }] };
  const { sayFar, discoverFar, reload, responder } = twoLinks(subnet(), far(shared), farther(shared));
  const held = ip(addressIn(discoverFar(MAC_A)));
  sayFar({ type: 'request', mac: MAC_A, requested: held, server: RACK });
  reload(config(subnet(), far(shared), farther({ ...shared, ...reserved })));
  assert.equal(discoverFar(MAC_A), 'offer 10.31.0.20');
  assert.match(sayFar({ type: 'request', mac: MAC_A, ciaddr: held }), /^ack 10\.30\./);
  assert.equal(responder.counters().offers, 0);
});

test('an unanswered offer of a full range is reassigned, however many older ones are open elsewhere', () => {
  const { clock, lease, say, discoverFar } = twoLinks();
  for (let index = 0; index < 9; index += 1) lease(mac(0x5254_0000_0100 + index));
  for (let index = 0; index < 64; index += 1) {
    assert.match(discoverFar(mac(0x5254_0000_0200 + index)), /^offer/);
  }
  const last = say({ type: 'discover', mac: MAC_A });
  assert.match(last, /^offer/);
  assert.equal(say({ type: 'discover', mac: MAC_B }), 'silence');
  clock.advance(OFFER_ANSWERED_MS + 1);
  assert.equal(say({ type: 'discover', mac: MAC_B }), last);
});
