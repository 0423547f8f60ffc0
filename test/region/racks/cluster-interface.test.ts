import assert from 'node:assert/strict';
import { test } from 'node:test';
import { findMtu, withMask } from '../../../src/region/racks/cluster-interface.ts';

const PLAIN = { code: 26, value: 1400 };
const CONDITIONAL = { name: 'interface-mtu', value: 9000, when: { architecture: 'uefi-amd64' } };

test('the MTU of a network is what all its clients get', () => {
  for (const [options, mtu] of [
    [[], undefined],
    [[CONDITIONAL], undefined],
    [[CONDITIONAL, PLAIN], 1400],
    [[{ name: 'interface-mtu', value: 1300 }], 1300],
  ] as const)
    assert.equal(findMtu(options), mtu);
});

test('a mask takes the place of the network, except where no address of the rack could tell it', () => {
  const place = { network: '10.20.0.0/24', ip: '10.20.0.1' };
  assert.deepEqual(withMask(place, '255.255.0.0'), { ip: '10.20.0.1', subnet_mask: '255.255.0.0' });
  const relayed = { relayed: true, network: '10.20.0.0/24' };
  assert.deepEqual(withMask(relayed, '255.255.0.0'), { ...relayed, subnet_mask: '255.255.0.0' });
});
