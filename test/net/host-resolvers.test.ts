// The DNS servers in resolv.conf(5).

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { formatIpv4 } from '../../src/ground/address.ts';
import { parseNameservers } from '../../src/net/host-resolvers.ts';

test('each server of a resolv.conf is read once, without comments and addresses of IPv6', () => {
  const text =
    '# nameserver 192.0.2.1\nsearch example\nnameserver 127.0.0.53\nnameserver\t192.0.2.53\nnameserver fd00::1\nnameserver 192.0.2.53\n';
  assert.deepEqual(parseNameservers(text).map(formatIpv4), ['127.0.0.53', '192.0.2.53']);
});
