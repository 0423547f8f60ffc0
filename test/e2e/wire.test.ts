// How the rack uses what it hears on its wires, with the real daemon in a network of its own and hosts in others: addresses in
// use are not offered, and no client waits for that; neighbours are listed; a booting Linux host learns that there is no
// IPv6 router, until there is one.
// @host waits

import assert from 'node:assert/strict';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { askDaemon } from '../../src/control/ask-daemon.ts';
import { systemClock } from '../../src/ground/clock.ts';
import type { LogLine } from '../../src/lab/daemon-process.ts';
import { labPlace } from '../../src/lab/safe-lab.ts';
import { missing } from '../support/needs.ts';
import { enterOwnNetwork, ip, openPeer, type Peer } from '../support/own-network.ts';
import { eventually, RunningRack } from '../support/running-rack.ts';

const SKIP = missing('linux', 'root', 'ip', 'unshare', 'busybox');
if (SKIP === false) enterOwnNetwork();

/** The low end of the dynamic range, which is probed first. A host uses one of these addresses without a lease. */
const USED = '10.63.0.102';
const HOST_MAC = '52:54:00:63:00:99';
const PROBE_MS = 390;
const SPEAKER = join(import.meta.dirname, 'wire-speaker.ts');

describe('hosts heard on the wires', { skip: SKIP }, () => {
  let rack: RunningRack;
  let host: Peer;
  let script = '';

  before(async () => {
    rack = new RunningRack(labPlace(88), () => '');
    rack.configure(
      `name: lab\nstate_dir: ${rack.stateDir}\nboot: { tree: ${rack.tree} }\nlog: { levels: { net: debug } }\ncluster_interfaces:\n` +
        '  - { name: wire, interface: wire0, ip: 10.63.0.1, network: 10.63.0.0/24, ip_range_low: 10.63.0.100, ip_range_high: 10.63.0.199 }\n',
    );
    script = join(rack.directory, 'script');
    writeFileSync(script, '#!/bin/sh\n[ "$1" = bound ] && echo "bound $ip"\nexit 0\n', { mode: 0o755 });
    host = await openPeer();
    host.run('sh', '-c', 'echo 0 > /proc/sys/net/ipv6/conf/default/dad_transmits');
    host.run('sh', '-c', 'echo 0 > /proc/sys/net/ipv6/conf/default/router_solicitation_delay');
    // Else each interface of the host answers for the addresses of all.
    host.run('sh', '-c', 'echo 1 > /proc/sys/net/ipv4/conf/all/arp_ignore');
    host.cable('wire0', 'wire1');
    host.run('ip', 'link', 'set', 'wire1', 'address', HOST_MAC);
    ip('addr add 10.63.0.1/24 dev wire0');
    host.run('ip', 'addr', 'add', `${USED}/24`, 'dev', 'wire1');
    await rack.startWhole();
  });
  after(async () => {
    await host.close();
    await rack.remove();
  });

  /** One client with a hardware address of its own. @returns the address it got, and how long that took */
  async function lease(mac: string, ...words: readonly string[]): Promise<{ address: string; ms: number }> {
    const name = `m${mac.slice(-2)}`;
    host.run('ip', 'link', 'add', 'link', 'wire1', 'name', name, 'address', mac, 'type', 'macvlan');
    host.run('ip', 'link', 'set', name, 'up');
    const startedAt = systemClock.now();
    const client = host.start(
      'busybox',
      'udhcpc',
      '-f',
      '-n',
      '-q',
      '-i',
      name,
      '-s',
      script,
      '-t',
      '5',
      '-T',
      '2',
      ...words,
    );
    let text = '';
    let boundAt = startedAt;
    client.stdout?.on('data', (bytes: Buffer) => {
      text += bytes.toString('latin1');
      boundAt = systemClock.now();
    });
    client.stderr?.resume();
    await once(client, 'close');
    return { address: /bound (\S+)/.exec(text)?.[1] ?? text, ms: boundAt - startedAt };
  }

  test('an address in use is set aside before it is offered to any client', async () => {
    const reported = await rack.reported('dhcp.conflict', { from: 0 });
    assert.deepEqual([reported.address, reported.usedBy, reported.mac], [USED, HOST_MAC, undefined]);
    assert.equal(
      rack.lines.some(({ event }) => event === 'dhcp.offer'),
      false,
    );
  });

  test('new clients get free addresses without waiting for a probe', async () => {
    const leases = [
      await lease('52:54:00:63:00:01'),
      await lease('52:54:00:63:00:02'),
      await lease('52:54:00:63:00:03'),
    ];
    const addresses = leases.map(({ address }) => address);
    assert.equal(new Set(addresses).size, 3);
    for (const { address } of leases) {
      assert.match(address, /^10\.63\.0\.1\d\d$/);
      assert.notEqual(address, USED);
    }
    // The fastest of them shows it: the host may be busy.
    const times = leases.map(({ ms }) => ms);
    for (let more = 0; more < 12 && Math.min(...times) >= PROBE_MS; more += 1)
      times.push((await lease(`52:54:00:63:00:2${more.toString(16)}`)).ms);
    assert.ok(Math.min(...times) < PROBE_MS, `a probe takes 400 ms: ${times}`);
  });

  test('a client that requests an address in use gets another one', async () => {
    host.run('ip', 'addr', 'add', '10.63.0.180/24', 'dev', 'wire1');
    const { address } = await lease('52:54:00:63:00:04', '-r', '10.63.0.180');
    assert.match(address, /^10\.63\.0\.1\d\d$/);
    assert.notEqual(address, '10.63.0.180');
    await rack.reported('dhcp.conflict', { from: 0, match: (line) => line.address === '10.63.0.180' });
  });

  test('the neighbours are listed, with the former user of an address', async () => {
    host.run('ip', 'addr', 'add', '10.63.0.50/24', 'dev', 'wire1');
    host.run('busybox', 'arping', '-q', '-c', '1', '-U', '-I', 'wire1', '-s', '10.63.0.50', '10.63.0.50');
    host.run('ip', 'link', 'set', 'wire1', 'address', '52:54:00:63:00:98');
    host.run('busybox', 'arping', '-q', '-c', '1', '-U', '-I', 'wire1', '-s', '10.63.0.50', '10.63.0.50');
    host.run('ip', 'link', 'set', 'wire1', 'address', HOST_MAC);
    const isIt = ({ address }: LogLine): boolean => address === '10.63.0.50';
    const moved = await rack.reported('net.neighbour-moved', { from: 0, match: isIt });
    assert.deepEqual(
      [moved.address, moved.mac, moved.previous, moved.interface],
      ['10.63.0.50', '52:54:00:63:00:98', HOST_MAC, 'wire0'],
    );
    const { code, output } = await rack.rackboot('neighbours', '--interface', 'wire0');
    assert.equal(code, 0);
    const line = output.find((text) => text.includes(' 10.63.0.50 ')) ?? assert.fail(output.join('\n'));
    assert.match(line, /^wire0 +10\.63\.0\.50 +52:54:00:63:00:98 +\S+ \S+ +.* ago +52:54:00:63:00:99 +\S+ \S+$/);
    assert.ok(output.some((text) => text.includes(` ${USED} `) && text.includes(HOST_MAC)));
  });

  test('a scan of the network finds a silent host, and the region lists it', async () => {
    const silent = '52:54:00:63:00:5a';
    host.run('ip', 'link', 'add', 'link', 'wire1', 'name', 'silent', 'address', silent, 'type', 'macvlan');
    host.run('ip', 'link', 'set', 'silent', 'up');
    host.run('ip', 'addr', 'add', '10.63.0.20/32', 'dev', 'silent');
    const discovery = '/MAAS/api/2.0/discovery/';
    const listed = async (): Promise<string> => JSON.stringify(await askDaemon(rack.stateDir, discovery));
    assert.doesNotMatch(await listed(), /10\.63\.0\.20"/);
    const answer = JSON.stringify(await askDaemon(rack.stateDir, `${discovery}?op=scan`, 'POST', 'cidr=10.63.0.0/24'));
    assert.match(answer, /"scan_started_on":\["[-0-9a-f]{36}"\],"scan_failed_on":\[\]/);
    const again = JSON.stringify(await askDaemon(rack.stateDir, `${discovery}?op=scan`, 'POST', 'cidr=10.63.0.0/24'));
    assert.match(again, /"scan_failed_on":\["[-0-9a-f]{36}"\]/);
    const found = await rack.reported('net.host-found', { from: 0, match: ({ mac }: LogLine) => mac === silent });
    assert.deepEqual([found.address, found.interface], ['10.63.0.20', 'wire0']);
    // A client gets its address as quickly as without a scan.
    const times: number[] = [];
    for (let more = 0; more < 6 && Math.min(PROBE_MS, ...times) >= PROBE_MS; more += 1)
      times.push((await lease(`52:54:00:63:00:3${more.toString(16)}`)).ms);
    assert.ok(Math.min(...times) < PROBE_MS, `during a scan: ${times}`);
    await eventually('the region lists it', async () => (await listed()).includes(silent), 15_000);
  });

  const advertisements = (name: string): number =>
    Number(/Icmp6InRouterAdvertisements\s+(\d+)/.exec(host.run('cat', `/proc/net/dev_snmp6/${name}`))?.[1]);

  /** Has Linux look for a router on a client's interface. */
  function solicit(name: string): void {
    host.run('ip', 'link', 'set', name, 'down');
    host.run('ip', 'link', 'set', name, 'up');
  }

  test('a booting host learns that there is no IPv6 router; other hosts get no answer', async () => {
    const boots = lease('52:54:00:63:00:0b', '-V', 'PXEClient:Arch:00000:UNDI:002001', '-x', '0x5d:0000');
    await boots;
    solicit('m0b');
    solicit('m01');
    const answered = await rack.reported('net.router-answered', { from: 0, limitMs: 5000 });
    assert.deepEqual([answered.mac, answered.interface], ['52:54:00:63:00:0b', 'wire0']);
    await eventually('the kernel counts it', async () => advertisements('m0b') >= 1, 2000);
    assert.equal(host.run('ip', '-6', 'route', 'show', 'default').trim(), '', 'and takes no route from it');
    assert.equal(advertisements('m01'), 0);
  });

  test('the rack leaves the answer to a real router', async () => {
    host.run(process.execPath, SPEAKER, 'wire1', 'router');
    const seen = await rack.reported('net.router-seen', { from: 0, limitMs: 2000 });
    assert.equal(seen.reason, HOST_MAC);
    const heard = advertisements('m0b');
    solicit('m0b');
    // A solicitation is sent within a second, and was answered within milliseconds above.
    await new Promise<void>((resolve) => systemClock.schedule(1500, resolve));
    assert.equal(advertisements('m0b'), heard);
  });

  test('a host that takes the rack’s own address is an error in the log, in status and in doctor', async () => {
    host.run('ip', 'addr', 'add', '10.63.0.1/32', 'dev', 'wire1');
    host.run('busybox', 'arping', '-q', '-c', '1', '-U', '-I', 'wire1', '-s', '10.63.0.1', '10.63.0.1');
    const reported = await rack.reported('net.own-address-used', { from: 0, limitMs: 5000 });
    host.run('ip', 'addr', 'del', '10.63.0.1/32', 'dev', 'wire1');
    assert.deepEqual(
      [reported.address, reported.mac, reported.interface, reported.level],
      ['10.63.0.1', HOST_MAC, 'wire0', 50],
    );
    const { output } = await rack.rackboot('status');
    assert.ok(
      output.some((line) => line.includes('10.63.0.1') && line.includes(HOST_MAC)),
      output.join('\n'),
    );
    const doctor = await rack.rackboot('doctor');
    assert.notEqual(doctor.code, 0);
    assert.ok(
      doctor.output.some((line) => line.includes('own address') && line.includes(HOST_MAC)),
      doctor.output.join('\n'),
    );
  });
});
