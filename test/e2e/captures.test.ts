// A capture that tcpdump makes of real clients and the real rack: `replay` finds that the rack would answer the same again. In a private
// network, as root.
// @host waits

import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { z } from 'zod';
import { missing } from '../support/needs.ts';
import { eventually, well } from '../support/running-rack.ts';
import { RackNetwork } from './rack-network.ts';

const replayedShape = z.object({
  queries: z.array(
    z.looseObject({
      protocol: z.string(),
      query: z.string(),
      decision: z.string(),
      captured: z.string().optional(),
      verdict: z.string(),
      differences: z.array(z.looseObject({ what: z.string() })),
    }),
  ),
  verdicts: z.record(z.string(), z.number()),
  notes: z.array(z.string()),
});

/** Which address a new client gets depends on nothing but itself, and the rack puts no question of its own into the capture. */
const CONFIG = `cluster_interfaces:
  - { name: lab, interface: br0, ip: 10.86.0.1, network: 10.86.0.0/24, ip_range_low: 10.86.0.100, ip_range_high: 10.86.0.120, router_ip: 10.86.0.1, conflict_check: false }
dhcp: { foreign_probe: no }
boot: { http: { listen: [] } }
`;

test('a capture of tcpdump is replayed to the same answers', {
  skip: missing('linux', 'root', 'ip', 'tcpdump', 'udhcpc', 'tftp', 'dig'),
}, async () => {
  const network = new RackNetwork('instruments', '10.86.0.1');
  try {
    network.configure(CONFIG);
    writeFileSync(join(network.tree, 'lpxelinux.0'), Buffer.alloc(5000, 'loader'));
    await network.start();
    const host = network.namespace.addHost('client', '52:54:00:86:00:01');
    const file = join(network.directory, 'bridge.pcap');
    const dump = network.launch(undefined, 'tcpdump', '-Z', 'root', '-U', '-s', '0', '-i', 'br0', '-w', file, 'udp');
    await eventually('tcpdump listens', () => dump.text().includes('listening on'));
    const script = join(network.directory, 'bound');
    writeFileSync(script, '#!/bin/sh\n[ "$1" = bound ] && ip address add "$ip/$mask" dev "$interface"; exit 0\n', {
      mode: 0o755,
    });
    await well(network.run(host, 'udhcpc', '-f', '-q', '-n', '-i', 'eth0', '-s', script, '-t', '5'));
    await well(
      network.run(host, 'tftp', '-m', 'octet', '10.86.0.1', '-c', 'get', 'lpxelinux.0', join(network.directory, 'got')),
    );
    await network.run(host, 'tftp', '-m', 'octet', '10.86.0.1', '-c', 'get', 'absent', join(network.directory, 'none'));
    const named = await network.run(host, 'dig', '+short', '+tries=1', '@10.86.0.1', 'rack.maas');
    assert.match(named.out, /10\.86\.0\.1/);
    await network.run(host, 'dig', '+short', '+tries=1', '@10.86.0.1', 'absent.maas');
    await eventually('all is captured', async () => {
      const shown = await network.run(undefined, 'tcpdump', '-n', '-r', file);
      return shown.out.includes('NXDomain');
    });
    await dump.end('SIGINT');

    const before = network.lines.length;
    const replayed = await network.well('replay', file, '--json');
    const { queries, verdicts, notes } = replayedShape.parse(JSON.parse(replayed));
    assert.deepEqual(notes, []);
    const reported = JSON.stringify(queries, null, 1);
    assert.deepEqual(
      queries.map(({ protocol, decision }) => `${protocol} ${decision}`),
      ['dhcp OFFER', 'dhcp ACK', 'tftp file', 'tftp error', 'dns answer', 'dns answer'],
      reported,
    );
    assert.deepEqual(
      queries.flatMap(({ differences }) => differences),
      [],
      reported,
    );
    assert.equal(verdicts.same, 6);
    assert.equal(network.events('dhcp.offer', before).length, 0, 'nothing was sent');

    // With another configuration the answers differ, and it is said where.
    network.configure(CONFIG.replace('router_ip: 10.86.0.1', 'router_ip: 10.86.0.254'));
    const other = await network.rackboot('replay', file, '--json', '--without-state');
    const differing = replayedShape.parse(JSON.parse(other.out)).queries.flatMap(({ differences }) => differences);
    assert.ok(differing.length > 0);
    assert.ok(
      differing.every(({ what }) => what === '3 router'),
      JSON.stringify(differing),
    );
    const text = await network.rackboot('replay', file, '--without-state');
    assert.match(text.out, /3 router: now 10\.86\.0\.254; captured 10\.86\.0\.1/);
  } finally {
    await network.remove();
  }
});
