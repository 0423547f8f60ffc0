// Networks that give few addresses: a point-to-point link of two (RFC 3021), and one that knows its clients.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { LIMITED_BROADCAST, parseNetwork } from '../../src/ground/address.ts';
import { ip } from '../support/lab-facts.ts';
import { config, MAC_A, MAC_B, subnet } from './lab.ts';
import { rig } from './responder-rig.ts';

const LINK = {
  network: parseNetwork('10.20.0.0/31') ?? assert.fail(),
  broadcast: LIMITED_BROADCAST,
  router: undefined,
  static: undefined,
};

test('RFC 3021 §2.1: the other address of a network of two is a host’s, and the link is full then', () => {
  const { lease, say, reported } = rig(
    config(subnet({ ...LINK, dynamic: { low: ip('10.20.0.0'), high: ip('10.20.0.0') } })),
  );
  assert.equal(lease(MAC_A), 'ack 10.20.0.0');
  assert.equal(say({ type: 'request', mac: MAC_A, ciaddr: ip('10.20.0.0') }), 'ack 10.20.0.0');
  assert.equal(say({ type: 'discover', mac: MAC_B }), 'silence');
  assert.deepEqual(
    reported('dhcp.refused').map(({ mac, ...event }) => [mac, 'reason' in event && event.reason]),
    [[MAC_B, 'range-exhausted']],
  );
});

test('a network with reservations only answers whom it knows, and names whom it does not', () => {
  for (const changes of [{}, LINK]) {
    const address = 'network' in changes ? '10.20.0.0' : '10.20.0.50';
    const reservations = [{ mac: MAC_A, address: ip(address), hostname: undefined }];
    const { lease, say, reported } = rig(
      config(subnet({ ...changes, dynamic: undefined, static: undefined, reservations })),
    );
    assert.equal(lease(MAC_A), `ack ${address}`);
    assert.equal(say({ type: 'discover', mac: MAC_B }), 'silence');
    assert.deepEqual(
      reported('dhcp.refused').map(({ mac, ...event }) => [mac, 'reason' in event && event.reason]),
      [[MAC_B, 'no-dynamic-range']],
    );
  }
});
