// Messages forged in another client's name: which of them end that client's running lease. RFC 2131 §4.3.2: a REQUEST that names another
// server declines this one's offer, no more; §4.3.4: a RELEASE ends a lease.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { DhcpSubnet } from '../../../src/dhcp/networks/config.ts';
import { ANY, formatIpv4, type Ipv4 } from '../../../src/ground/address.ts';
import { ip, RACK } from '../../support/lab-facts.ts';
import { type ClientWords, config, MAC_A, MAC_B, relayedSubnet, subnet } from '../lab.ts';
import { addressOf, BY_RELAY, ON_WIRE, rig } from '../responder-rig.ts';

const OTHER_SERVER = ip('10.20.0.66');
const FIXED = ip('10.20.0.30');

/** A client that holds `held`, and `free`, which no client has. */
function running(changes: Partial<DhcpSubnet> = {}) {
  const set = rig(config(subnet(changes), relayedSubnet()));
  const held = addressOf(set.lease(MAC_A));
  const free = ip(held === ip('10.20.0.105') ? '10.20.0.106' : '10.20.0.105');
  const isBound = (address: Ipv4): boolean => {
    const lease = set.table.find(address);
    return lease?.state === 'bound' && lease.mac === MAC_A && lease.expiresAt > set.clock.now();
  };
  return { ...set, held, free, isBound };
}

const ROLES = ['yes', 'auto', 'no'] as const;
type Forged = readonly [name: string, words: (held: Ipv4, free: Ipv4) => ClientWords, answer: RegExp];

const NO_ADDRESS: readonly Forged[] = [
  ['SELECTING of another server, another address', (_, free) => ({ requested: free, server: OTHER_SERVER }), /silence/],
  ['SELECTING of another server, its own address', (held) => ({ requested: held, server: OTHER_SERVER }), /silence/],
  ['SELECTING of this server, an address not on offer', (_, free) => ({ requested: free, server: RACK }), /^nak/],
  ['INIT-REBOOT with another address', (_, free) => ({ requested: free }), /^nak/],
  ['INIT-REBOOT on another network', () => ({ requested: ip('192.0.2.1') }), /^nak/],
  ['REBINDING of another address', (_, free) => ({ ciaddr: free }), /^nak/],
];

for (const authoritative of ROLES) {
  test(`no REQUEST in a client’s name ends its running lease or takes another address: authoritative ${authoritative}`, () => {
    for (const [name, words, answer] of NO_ADDRESS) {
      const { say, lease, held, free, isBound, table } = running({ authoritative });
      for (const arrival of [ON_WIRE, BY_RELAY]) {
        const forged: ClientWords = { type: 'request', mac: MAC_A, ...words(held, free) };
        assert.match(say(forged, arrival), arrival === BY_RELAY && forged.server === RACK ? /^nak/ : answer, name);
        assert.ok(isBound(held), name);
        assert.equal(table.find(free), undefined, name);
      }
      assert.match(say({ type: 'request', mac: MAC_A, ciaddr: held }), /^ack/, name);
      assert.notEqual(addressOf(lease(MAC_B)), held, name);
    }
  });
}

test('a REQUEST that names another server declines the offer and leaves the running lease alone', () => {
  const { say, held, isBound } = running();
  say({ type: 'discover', mac: MAC_A });
  say({ type: 'request', mac: MAC_A, requested: held, server: OTHER_SERVER });
  assert.ok(isBound(held));
  assert.equal(say({ type: 'request', mac: MAC_A, ciaddr: held }, BY_RELAY), `ack ${formatIpv4(held)}`);
});

test('a fixed address requested without an offer is given in addition to the running lease, which runs to its end', () => {
  const { say, reload, held, isBound, clock } = running();
  reload(config(subnet({ reservations: [{ mac: MAC_A, address: FIXED }] })));
  for (const words of [{ requested: FIXED, server: RACK }, { requested: FIXED }, { ciaddr: FIXED }]) {
    assert.equal(say({ type: 'request', mac: MAC_A, ...words }), 'ack 10.20.0.30');
    assert.ok(isBound(held) && isBound(FIXED));
    clock.advance(1000);
  }
  assert.equal(say({ type: 'request', mac: MAC_A, ciaddr: held }), `ack ${formatIpv4(held)}`);
});

test('a client that accepts an offer gives up its former address; if it continues using that one, it gets that one back', () => {
  const { say, reload, lease, held, isBound, table } = running();
  reload(config(subnet({ reservations: [{ mac: MAC_A, address: FIXED }] })));
  assert.equal(lease(MAC_A), 'ack 10.20.0.30');
  assert.equal(table.find(held)?.state, 'released');
  assert.equal(say({ type: 'request', mac: MAC_A, ciaddr: held }), `ack ${formatIpv4(held)}`, 'it is in use');
  assert.ok(isBound(held) && isBound(FIXED));
  say({ type: 'discover', mac: MAC_A });
  assert.equal(say({ type: 'request', mac: MAC_A, requested: held }), `ack ${formatIpv4(held)}`);
  assert.ok(isBound(FIXED), 'a renewal ends nothing');
});

test('a client that had many addresses keeps at most two running', () => {
  const { say, held, table } = running();
  let own = held;
  const had = [held];
  for (let low = 100; low < 106; low += 1) {
    const next = ip(`10.20.0.${low}`);
    if (next === own) continue;
    say({ type: 'release', mac: MAC_A, ciaddr: own, server: RACK });
    assert.equal(say({ type: 'request', mac: MAC_A, requested: next }), `ack ${formatIpv4(next)}`);
    own = next;
    had.push(next);
  }
  for (const address of had) say({ type: 'request', mac: MAC_A, ciaddr: address });
  assert.equal(table.all().filter(({ state }) => state === 'bound').length, 2);
});

test('a RELEASE ends a lease only if its holder sends it from the address', () => {
  const { say, held, isBound } = running();
  const release: ClientWords = { type: 'release', mac: MAC_A, ciaddr: held, server: RACK };
  for (const from of [ANY, ip('10.20.0.106'), ip('192.0.2.1')]) say({ ...release, from });
  say({ ...release, server: OTHER_SERVER });
  say({ ...release, mac: MAC_B });
  assert.ok(isBound(held));
  say({ ...release, from: held });
  assert.equal(isBound(held), false);
});

test('a client that moves to another network gets an address there, and its lease here runs on', () => {
  const { say, held, isBound, table } = running();
  const relayed: ClientWords = { mac: MAC_A, giaddr: ip('10.30.0.1') };
  const there = addressOf(say({ type: 'discover', ...relayed }, BY_RELAY));
  assert.match(say({ type: 'request', ...relayed, requested: held }, BY_RELAY), /^nak/, 'it is wrong there');
  assert.match(say({ type: 'request', ...relayed, requested: there, server: RACK }, BY_RELAY), /^ack 10\.30\./);
  assert.ok(isBound(held) && table.find(there)?.state === 'bound');
});
