import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ipv4 } from '../../src/ground/address.ts';
import { parseRoutes } from '../../src/net/default-route.ts';
import { findIdleAddresses } from '../../src/net/present-interfaces.ts';

// As Linux 6.1 prints them on a little-endian host: eth1 has 10.20.0.1/24 and no carrier, eth0 192.0.2.9/25 and a default route.
const ROUTES = parseRoutes(`Iface	Destination	Gateway 	Flags	RefCnt	Use	Metric	Mask		MTU	Window	IRTT
eth0	00000000	010200C0	0003	0	0	0	00000000	0	0	0
eth0	000200C0	00000000	0001	0	0	0	80FFFFFF	0	0	0
eth1	0000140A	00000000	0001	0	0	0	00FFFFFF	0	0	0
`);
const TRIE = `Local:
  +-- 0.0.0.0/1 2 0 2
     +-- 10.20.0.0/24 2 0 2
        +-- 10.20.0.0/31 1 0 0
           |-- 10.20.0.0
              /24 link UNICAST
           |-- 10.20.0.1
              /32 host LOCAL
        |-- 10.20.0.255
           /32 link BROADCAST
     |-- 127.0.0.1
        /32 host LOCAL
     |-- 192.0.2.9
        /32 host LOCAL
`;
const LOOPBACK = ipv4(0x7f000001);
const ETH0 = ipv4(0xc0000209);
const ETH1 = ipv4(0x0a140001);

test('an address that Node does not list is found with its network and interface', () => {
  assert.deepEqual(
    [...findIdleAddresses(ROUTES, TRIE, new Set([LOOPBACK, ETH0]))],
    [['eth1', [{ address: ETH1, prefix: 24 }]]],
  );
});

test('listed addresses are not found again, and without tables none is found', () => {
  assert.equal(findIdleAddresses(ROUTES, TRIE, new Set([LOOPBACK, ETH0, ETH1])).size, 0);
  assert.equal(findIdleAddresses([], '', new Set()).size, 0);
});
