// A machine without a BMC is woken by a real magic packet, and its state is what the rack hears of it. In a private network.
// @host waits

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { test } from 'node:test';
import { z } from 'zod';
import { missing } from '../support/needs.ts';
import { eventually } from '../support/running-rack.ts';
import { RackNetwork } from './rack-network.ts';

const MAC = '52:54:00:84:00:01';
const ADDRESS = '10.84.0.110';
const PASSWORD = '01:02:03:04:05:06';
const PATTERN = `${'ff'.repeat(6)}${MAC.replaceAll(':', '').repeat(16)}${PASSWORD.replaceAll(':', '')}`;
const CONFIG = `cluster_interfaces:
  - { name: lab, interface: br0, ip: 10.84.0.1, network: 10.84.0.0/24, ip_range_low: 10.84.0.100, ip_range_high: 10.84.0.120, router_ip: 10.84.0.1, conflict_check: false }
dhcp: { foreign_probe: no }
boot: { http: { listen: [] } }
`;
const stateShape = z.looseObject({ state: z.string() });

/** The bytes of the frames in the output of `tcpdump -xx`, as digits. */
const framesIn = (text: string): readonly string[] =>
  text
    .split(/^(?=\d\d:\d\d:\d\d)/m)
    .map((frame) => [...frame.matchAll(/^\s+0x\w+:\s+([\w ]+)$/gm)].map(([, digits = '']) => digits).join(''))
    .map((digits) => digits.replaceAll(' ', ''))
    .filter((digits) => digits !== '');

test('a machine is woken by a frame and a datagram, and is on while it answers by ARP', {
  skip: missing('linux', 'root', 'ip', 'tcpdump', 'udhcpc'),
}, async () => {
  const network = new RackNetwork('wake', '10.84.0.1');
  try {
    network.configure(CONFIG);
    await network.start();
    const host = network.namespace.addHost('pc', MAC);
    await network.administrator();
    const power = ['--power', `mac_address=${MAC}`, '--power', `power_pass=${PASSWORD}`];
    const added = ['machines', 'add', MAC, '--hostname', 'old-pc', '--power-type', 'wakeonlan', ...power];
    await network.well(...added, '--no-commission');
    const wake = ['tcpdump', '-l', '-n', '-xx', '-Z', 'root', '-i', 'eth0', 'ether proto 0x0842 or udp port 9'];
    const dump = network.launch(host, ...wake);
    await eventually('tcpdump listens', () => dump.text().includes('listening on'));

    const sent = await network.rackboot('power', 'on', 'old-pc', '--wait');
    assert.match(sent.out + sent.err, /rack \(br0\) sent a magic packet/);
    const [frame = '', datagram = '', ...others] = await eventually('both are heard', () => {
      const frames = framesIn(dump.text());
      return frames.length > 1 ? frames : undefined;
    });
    assert.deepEqual(others, []);
    assert.deepEqual([frame.slice(0, 12), frame.slice(24)], ['ff'.repeat(6), `0842${PATTERN}`]);
    assert.deepEqual([datagram.slice(0, 12), datagram.slice(24, 28)], ['ff'.repeat(6), '0800']);
    assert.ok(datagram.endsWith(PATTERN), datagram);

    const state = async (): Promise<string> => {
      return stateShape.parse(JSON.parse(await network.well('power', 'status', 'old-pc', '--json'))).state;
    };
    assert.equal(await state(), 'unknown');
    const refused = await network.rackboot('power', 'off', 'old-pc');
    assert.match(refused.err, /only switches old-pc on/);

    // It starts: it takes an address, and answers.
    const script = '#!/bin/sh\n[ "$1" = bound ] && ip address add "$ip/$mask" dev "$interface"; exit 0\n';
    await network.run(host, 'sh', '-c', `printf %s '${script}' >bound; chmod +x bound`);
    const client = ['udhcpc', '-f', '-q', '-n', '-i', 'eth0', '-s', './bound', '-t', '5'];
    const bound = await network.run(host, ...client, '-r', ADDRESS);
    assert.equal(bound.code, 0, bound.err);
    await eventually('it is on', async () => (await state()) === 'on', 30_000);
    execFileSync('ip', ['-netns', host, 'link', 'set', 'eth0', 'down']);
    await eventually('it is unknown, not off', async () => (await state()) === 'unknown', 30_000);
    assert.ok(!network.lines.some((line) => JSON.stringify(line).includes(PASSWORD)), 'the log has no password');
  } finally {
    await network.remove();
  }
});
