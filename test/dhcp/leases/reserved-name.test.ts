// The operator's names of leases: the reserved client has its entry's name, and no stranger has it.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Lease } from '../../../src/dhcp/leases/lease.ts';
import { findReservationNamed, reservedNames } from '../../../src/dhcp/leases/reserved-name.ts';
import { indexSubnets } from '../../../src/dhcp/networks/subnet.ts';
import { mac } from '../../../src/ground/address.ts';
import { instant, seconds } from '../../../src/ground/clock.ts';
import { ip } from '../../support/lab-facts.ts';
import { config, MAC_A, MAC_B, subnet } from '../lab.ts';

const GATEWAY = { mac: MAC_A, address: ip('10.20.0.20'), hostname: 'gateway' };
const PORT = { circuitId: 'eth7', address: ip('10.20.0.21'), hostname: 'printer' };
const UNNAMED = { mac: MAC_B, address: ip('10.20.0.22') };
const { served } = indexSubnets(config(subnet({ reservations: [GATEWAY, PORT, UNNAMED] })), undefined);

const CASES: readonly (readonly [string, Partial<Lease>, string | undefined])[] = [
  ['the reserved card has the name at its address', { address: ip('10.20.0.20') }, 'gateway'],
  ['a stranger there does not', { address: ip('10.20.0.20'), mac: MAC_B }, undefined],
  ['the reserved card elsewhere does not', { address: ip('10.20.0.100') }, undefined],
  [
    'the client at the reserved port has the name',
    { address: ip('10.20.0.21'), mac: mac(1), circuitId: 'eth7' },
    'printer',
  ],
  ['a host’s own entry comes before its port', { address: ip('10.20.0.22'), mac: MAC_B, circuitId: 'eth7' }, undefined],
  ['a network that is not served gives no name', { address: ip('10.99.0.20') }, undefined],
];

for (const [name, more, expected] of CASES)
  test(name, () => {
    const base = {
      mac: MAC_A,
      state: 'bound',
      grantedAt: instant(0),
      expiresAt: instant(1),
      duration: seconds(600),
    } as const;
    assert.equal(reservedNames(served)({ address: ip('10.20.0.100'), ...base, ...more }), expected);
  });

test('a reservation is found by its name in any case', () => {
  assert.equal(findReservationNamed(served, 'Gateway'), GATEWAY);
  assert.equal(findReservationNamed(served, 'nobody'), undefined);
});
