// The default routers and the interfaces that lead to them, from the kernel's table of routes.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { findDefaultRouters, parseRoutes } from '../../src/net/default-route.ts';

const HEAD = 'Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT';
const OUTWARD = 'eth0\t00000000\t0100A8C0\t0003\t0\t0\t100\t00000000\t0\t0\t0';
const OWN = 'eth1\t0000140A\t00000000\t0001\t0\t0\t0\t00FFFFFF\t0\t0\t0';
/** Half of all addresses, as a tunnel has it. */
const HALF = 'tun0\t00000000\t00000000\t0001\t0\t0\t0\t00000080\t0\t0\t0';

for (const [name, rows, expected] of [
  ['only a route to all addresses is a default route', [HEAD, OUTWARD, OWN, HALF, ''], [['eth0', 0xc0a80001]]],
  ['the first of two routers counts', [HEAD, OUTWARD, OUTWARD.replace('01', '02')], [['eth0', 0xc0a80001]]],
  ['a tunnel has no router', [HEAD, HALF.replace('80', '00')], [['tun0', undefined]]],
  ['a host without a default router has none', [HEAD, OWN, ''], []],
  ['a system without the table has none', [], []],
] as const)
  test(name, () => assert.deepEqual([...findDefaultRouters(parseRoutes(rows.join('\n')))], expected));
