// A lease that runs on without a request of its client: only if a renewal of it would be granted.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { mayRunOn } from '../../../src/dhcp/answers/running-on.ts';
import type { Lease } from '../../../src/dhcp/leases/lease.ts';
import type { DhcpClass } from '../../../src/dhcp/networks/classes.ts';
import type { ClientCondition } from '../../../src/dhcp/networks/conditions.ts';
import type { DhcpSubnet, Reservation } from '../../../src/dhcp/networks/config.ts';
import { parseNetwork } from '../../../src/ground/address.ts';
import { later } from '../../../src/ground/clock.ts';
import type { RackMachine } from '../../../src/machines/machine.ts';
import { hw, ip } from '../../support/lab-facts.ts';
import { aloneIn, config, labState, leaseAt, MAC_A, MAC_B, machine, NOW, subnet } from '../lab.ts';

const ADDRESS = '10.20.0.100';
const LEASE: Lease = { ...leaseAt(MAC_A, ADDRESS, 5), vendorClass: 'PXEClient:Arch:00007', hostname: 'calm-eagle' };
const ENDED: Lease = { ...LEASE, expiresAt: later(NOW, -1000) };

const reserved = (mac: Reservation['mac'], address = ADDRESS): Partial<DhcpSubnet> => ({
  reservations: [{ mac, address: ip(address) }],
});

interface Place {
  readonly changes?: Partial<DhcpSubnet>;
  readonly machines?: readonly RackMachine[];
  readonly lease?: Lease;
}

function judge({ changes = {}, machines = [], lease = LEASE }: Place): boolean {
  const state = labState(config(subnet(changes)), machines);
  state.leases.load([lease], NOW);
  return mayRunOn(lease, state, NOW);
}

test('a lease runs on only if its client could renew it', () => {
  const elsewhere = parseNetwork('10.99.0.0/24') ?? assert.fail();
  const cases: [string, Place, boolean][] = [
    ['of the range', {}, true],
    ['of the range, ended', { lease: ENDED }, true],
    ['reserved for its client', { changes: reserved(MAC_A) }, true],
    ['reserved for another client', { changes: reserved(MAC_B) }, false],
    ['its client has another reservation', { changes: reserved(MAC_A, '10.20.0.20') }, true],
    ['the region gave the address to its client', { machines: [machine(MAC_A, ADDRESS)] }, true],
    ['the region gave the address to another machine', { machines: [machine(MAC_B, ADDRESS)] }, false],
    ['no range any more', { changes: { dynamic: undefined } }, false],
    ['outside the range', { changes: { dynamic: { low: ip('10.20.0.150'), high: ip('10.20.0.160') } } }, false],
    ['in the static range by now', { changes: { static: { low: ip('10.20.0.90'), high: ip('10.20.0.110') } } }, false],
    ['the address of the router by now', { changes: { router: ip(ADDRESS) } }, false],
    ['the network is not served', { changes: { network: elsewhere } }, false],
    ['the network leaves addresses to another server', { changes: { proxy: true } }, false],
  ];
  for (const [name, place, expected] of cases) assert.equal(judge(place), expected, name);
});

test('a lease that has ended does not run on while its address is on offer to another client', () => {
  const state = labState();
  state.leases.load([ENDED], NOW);
  assert.equal(mayRunOn(ENDED, state, NOW), true);
  state.offers.hold(ip(ADDRESS), MAC_B, aloneIn(state.subnets), NOW);
  assert.equal(mayRunOn(ENDED, state, NOW), false);
});

test('a class that denies the client of a lease ends the lease, as far as the record identifies the client', () => {
  const of = (when: ClientCondition, deny?: boolean): DhcpClass => ({ name: 'c', when, deny });
  const all = of({}, true);
  const macs = [{ value: MAC_A, bits: 48 }];
  const others = [{ value: MAC_B, bits: 48 }];
  const cases: [string, readonly DhcpClass[], boolean][] = [
    ['everybody', [all], false],
    ['a class that says nothing', [of({})], true],
    ['its hardware address', [of({ macs }, true)], false],
    ['another one', [of({ macs: others }, true)], true],
    ['let in before', [of({ macs }, false), all], true],
    ['its vendor class', [of({ vendorClass: { text: 'PXEClient', isPrefix: true } }, true)], false],
    ['its own name', [of({ hostnames: [{ text: 'calm-', isPrefix: true }] }, true)], false],
    ['its switch port', [of({ circuitId: { text: 'port-7', isPrefix: false } }, true)], false],
    ['another port', [of({ circuitId: { text: 'port-8', isPrefix: false } }, true)], true],
    // The record does not show these: the class decides when the client asks.
    ['a user class', [of({ userClass: { text: 'iPXE', isPrefix: false } }, true)], true],
    ['an architecture', [of({ architectures: [7] }, true)], true],
    ['perhaps let in before', [of({ userClass: { text: 'iPXE', isPrefix: false } }, false), all], true],
    ['another one let in before', [of({ macs: others, architectures: [7] }, false), all], false],
  ];
  const lease = { ...LEASE, circuitId: 'port-7' };
  for (const [name, classes, expected] of cases) assert.equal(judge({ changes: { classes }, lease }), expected, name);
});

test('an operator’s name for the client counts before the name the client gives itself', () => {
  const classes = [{ name: 'c', when: { hostnames: [{ text: 'swift-fox', isPrefix: false }] }, deny: true }];
  const reservations = [{ mac: MAC_A, address: ip('10.20.0.20'), hostname: 'swift-fox' }];
  assert.equal(judge({ changes: { classes, reservations } }), false);
  assert.equal(judge({ changes: { classes } }), true);
  assert.equal(judge({ changes: { classes }, machines: [machine(hw('52:54:00:00:00:77'), '10.20.0.30')] }), true);
});
