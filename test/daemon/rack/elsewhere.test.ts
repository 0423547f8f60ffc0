// Mapping addresses of other DHCP servers to machines: by their REQUESTs to that server, and by the neighbours seen with the address.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Elsewhere, SILENT_MS } from '../../../src/daemon/rack/elsewhere.ts';
import { formatIpv4, type Ipv4, type MacAddress, parseNetwork } from '../../../src/ground/address.ts';
import { type Instant, instant, later } from '../../../src/ground/clock.ts';
import { config, MAC_A, MAC_B, MAC_C, subnet } from '../../dhcp/lab.ts';
import { ip } from '../../support/lab-facts.ts';
import { VirtualClock } from '../../support/virtual-clock.ts';

const PROXIED = subnet({ proxy: true, dynamic: undefined, static: undefined });
const OWN = subnet({ name: 'own', network: parseNetwork('10.21.0.0/24') ?? assert.fail() });
const X = ip('10.20.0.150');
const Y = ip('10.20.0.151');
const NOW = instant(1_000_000);

function rig(...networks: readonly (typeof PROXIED)[]) {
  const neighbours = new Map<Ipv4, { mac: MacAddress; lastSeen: Instant }>();
  const gone: string[] = [];
  const elsewhere = new Elsewhere({
    clock: new VirtualClock(),
    findNeighbour: (address) => neighbours.get(address),
    onGone: (address) => void gone.push(formatIpv4(address)),
  });
  elsewhere.configure(config(...networks));
  return { elsewhere, neighbours, gone };
}

test('a machine is known by the address that it requested from the other server', () => {
  const { elsewhere, gone } = rig(PROXIED, OWN);
  elsewhere.claim({ mac: MAC_A, address: X, at: NOW });
  assert.deepEqual([elsewhere.findMac(X), elsewhere.findAddress(MAC_A)], [MAC_A, X]);
  elsewhere.claim({ mac: MAC_A, address: Y, at: later(NOW, 1) });
  assert.deepEqual([elsewhere.findMac(X), elsewhere.findMac(Y), gone], [undefined, MAC_A, ['10.20.0.150']]);
});

test('a neighbour seen with the address counts if it is newer than the claim, or there is none', () => {
  const { elsewhere, neighbours } = rig(PROXIED);
  neighbours.set(X, { mac: MAC_B, lastSeen: NOW });
  assert.equal(elsewhere.findMac(X), MAC_B, 'as after a restart of the rack');
  elsewhere.claim({ mac: MAC_A, address: X, at: later(NOW, 1) });
  assert.equal(elsewhere.findMac(X), MAC_A);
  neighbours.set(X, { mac: MAC_B, lastSeen: later(NOW, 2) });
  assert.equal(elsewhere.findMac(X), MAC_B);
});

test('sightings do not count where this rack gives the addresses', () => {
  const { elsewhere, neighbours } = rig(PROXIED, OWN);
  neighbours.set(ip('10.21.0.5'), { mac: MAC_B, lastSeen: NOW });
  assert.equal(elsewhere.findMac(ip('10.21.0.5')), undefined);
  assert.deepEqual([elsewhere.isElsewhere(X), elsewhere.isElsewhere(ip('10.21.0.5'))], [true, false]);
});

test('a network that leaves proxy mode forgets the addresses of the other server', () => {
  const { elsewhere, gone } = rig(PROXIED);
  elsewhere.claim({ mac: MAC_A, address: X, at: NOW });
  assert.deepEqual(
    elsewhere.listLeases().map(({ address, mac }) => [address, mac]),
    [[X, MAC_A]],
  );
  elsewhere.configure(config(subnet()));
  assert.deepEqual([elsewhere.findMac(X), elsewhere.findAddress(MAC_A), gone], [undefined, undefined, ['10.20.0.150']]);
  elsewhere.configure(config(PROXIED));
  assert.equal(elsewhere.findMac(X), undefined, 'even when it returns to proxy mode');
});

test('a machine that is silent for a day is forgotten, unless a neighbour is seen', () => {
  const { elsewhere, neighbours, gone } = rig(PROXIED);
  elsewhere.claim({ mac: MAC_A, address: X, at: NOW });
  elsewhere.claim({ mac: MAC_B, address: Y, at: NOW });
  neighbours.set(Y, { mac: MAC_B, lastSeen: later(NOW, SILENT_MS / 2) });
  elsewhere.claim({ mac: MAC_C, address: ip('10.20.0.152'), at: later(NOW, SILENT_MS) });
  assert.deepEqual([elsewhere.findAddress(MAC_A), elsewhere.findAddress(MAC_B), gone], [undefined, Y, ['10.20.0.150']]);
});
