// How long leases last, and when their clients renew.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { DhcpSubnet } from '../../../src/dhcp/networks/config.ts';
import { computeRenewalTimes, leaseTimeFor, PXE_LEASE_SECONDS } from '../../../src/dhcp/networks/lease-time.ts';
import { u32Bytes } from '../../../src/dhcp/wire/options.ts';
import { type Seconds, seconds } from '../../../src/ground/clock.ts';
import { DEVICE_STATE, type RackMachine } from '../../../src/machines/machine.ts';
import { ip } from '../../support/lab-facts.ts';
import { clientMessage, MAC_A, machine, subnet } from '../lab.ts';

const HERE = ip('10.20.0.20');
const DEPLOYED = machine(MAC_A, '10.20.0.20');
const BOUNDS: Partial<DhcpSubnet> = { leaseTimeMin: seconds(120), leaseTimeMax: seconds(3600) };

const TIMES: readonly (readonly [
  name: string,
  network: Partial<DhcpSubnet>,
  client: {
    readonly asks?: number;
    readonly boots?: boolean;
    readonly machine?: RackMachine;
    readonly ofClass?: Seconds;
  },
  time: number,
])[] = [
  ['by default it is lease_time', {}, {}, 600],
  ['also for a client that asks for more, if wishes are ignored', {}, { asks: 86_400 }, 600],
  ['a wish within the limits is granted', BOUNDS, { asks: 1800 }, 1800],
  ['below them it is the minimum', BOUNDS, { asks: 1 }, 120],
  ['above them it is the maximum', BOUNDS, { asks: 0xffff_ffff }, 3600],
  ['without a wish it is lease_time', BOUNDS, {}, 600],
  ['0 is not a wish', BOUNDS, { asks: 0 }, 600],
  ['a minimum alone makes lease_time the maximum', { leaseTimeMin: seconds(120) }, { asks: 1800 }, 600],
  ['a maximum alone makes lease_time the minimum', { leaseTimeMax: seconds(3600) }, { asks: 60 }, 600],
  ['firmware gets half a minute', {}, { boots: true }, PXE_LEASE_SECONDS],
  ['whatever it asks', BOUNDS, { boots: true, asks: 1800 }, PXE_LEASE_SECONDS],
  ['or what is configured', { pxeLeaseTime: seconds(120) }, { boots: true }, 120],
  ['but by default not more than other clients', { leaseTime: seconds(20) }, { boots: true }, 20],
  ['a deployed machine gets its own', { deployedLeaseTime: seconds(86_400) }, { machine: DEPLOYED }, 86_400],
  [
    'and so does a device',
    { deployedLeaseTime: seconds(86_400) },
    { machine: machine(MAC_A, '10.20.0.20', { statusName: DEVICE_STATE }) },
    86_400,
  ],
  ['whatever it asks', { ...BOUNDS, deployedLeaseTime: seconds(86_400) }, { machine: DEPLOYED, asks: 1800 }, 86_400],
  [
    'its firmware does not',
    { deployedLeaseTime: seconds(86_400) },
    { machine: DEPLOYED, boots: true },
    PXE_LEASE_SECONDS,
  ],
  [
    'nor for an address that is not fixed for it',
    { deployedLeaseTime: seconds(86_400) },
    { machine: machine(MAC_A, '10.20.0.21') },
    600,
  ],
  [
    'nor a machine in another state',
    { deployedLeaseTime: seconds(86_400) },
    { machine: machine(MAC_A, '10.20.0.20', { statusName: 'Ready' }) },
    600,
  ],
  ['a class overrides what the client asks', BOUNDS, { asks: 1800, ofClass: seconds(7200) }, 7200],
  [
    'and before a deployed machine',
    { deployedLeaseTime: seconds(86_400) },
    { machine: DEPLOYED, ofClass: seconds(60) },
    60,
  ],
  ['but not firmware', {}, { boots: true, ofClass: seconds(7200) }, 30],
  ['a deployed machine without a time of its own gets the usual one', BOUNDS, { machine: DEPLOYED, asks: 1800 }, 1800],
];

for (const [name, network, { asks, boots = false, machine: known, ofClass }, time] of TIMES) {
  test(`lease times: ${name}`, () => {
    const message = clientMessage({ options: asks === undefined ? [] : [[51, u32Bytes(asks)]] });
    assert.equal(leaseTimeFor(message, subnet(network), boots, ofClass, known, HERE), time);
  });
}

const RENEWALS: readonly (readonly [
  name: string,
  network: Partial<DhcpSubnet>,
  lease: number,
  renewal: number,
  rebinding: number,
])[] = [
  ['a half and seven eighths', {}, 600, 300, 525],
  ['of whatever lease', {}, 30, 15, 26],
  ['those that are configured', { renewalTime: seconds(100), rebindingTime: seconds(200) }, 600, 100, 200],
  [
    'in proportion for a lease of another length',
    { renewalTime: seconds(100), rebindingTime: seconds(200) },
    30,
    5,
    10,
  ],
  ['one of them alone', { renewalTime: seconds(100) }, 600, 100, 525],
  ['the other alone', { rebindingTime: seconds(400) }, 600, 300, 400],
  ['and of the longest lease there is', {}, 0xffff_ffff, 2_147_483_647, 3_758_096_383],
];

for (const [name, network, lease, renewal, rebinding] of RENEWALS) {
  test(`renewal times: ${name}`, () => {
    assert.deepEqual(computeRenewalTimes(subnet(network), seconds(lease)), { renewal, rebinding });
  });
}
