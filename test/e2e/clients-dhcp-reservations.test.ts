// Addresses reserved by identifier, DUID or switch port alone, as real clients get and keep them: dhclient, dhcpcd, and udhcpc behind ISC's
// relay agent; and what clients get by their class.
// @host waits

import assert from 'node:assert/strict';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { clientScript } from '../support/client-script.ts';
import { missing } from '../support/needs.ts';
import { eventually, well } from '../support/running-rack.ts';
import { RackNetwork } from './rack-network.ts';

const skip = missing('linux', 'root', 'ip', 'busybox', 'udhcpc', 'dhclient', 'dhcpcd', 'dhcrelay', 'unshare');

const RACK = '10.98.1.1';
const DUID = '00:03:00:01:52:54:00:98:0d:01';
const CONFIG = `cluster_interfaces:
  - name: lab
    interface: br0
    ip: ${RACK}
    network: 10.98.1.0/24
    ip_range_low: 10.98.1.100
    ip_range_high: 10.98.1.199
    conflict_check: false
    classes:
      - { name: web, when: { hostname: "web-*" }, lease_time: 2h, options: [{ name: root-path, value: /srv/web }] }
      - { name: guests, when: { hostname: "guest-*" }, deny: true }
    hosts:
      - { client_id: laptop, ip: 10.98.1.20 }
      - { duid: "${DUID}", ip: 10.98.1.21, hostname: noded }
  - name: far
    relayed: true
    network: 10.99.1.0/24
    router_ip: 10.99.1.1
    ip_range_low: 10.99.1.100
    ip_range_high: 10.99.1.199
    dns_servers: [${RACK}]
    hosts:
      - { circuit_id: eth1, ip: 10.99.1.20 }
boot: { http: { listen: [] } }
`;

describe('DHCP clients with a reservation of another kind', { skip }, () => {
  let rack: RackNetwork;
  let far = '';
  const scratch = (name: string): string => join(rack.directory, name);

  before(async () => {
    rack = new RackNetwork('reserved', RACK);
    const router = rack.namespace.addHost('router', '52:54:00:98:02:fe');
    await rack.run(router, 'ip', 'address', 'add', '10.98.1.254/24', 'dev', 'eth0');
    far = rack.addFarHost(router, 'far', '52:54:00:98:02:f1', '10.99.1.1/24');
    await rack.run(undefined, 'ip', 'route', 'add', '10.99.1.0/24', 'via', '10.98.1.254');
    rack.configure(CONFIG);
    await rack.start();
    rack.launch(router, 'dhcrelay', '-4', '-d', '-a', '-id', 'eth1', '-iu', 'eth0', '--no-pid', RACK);
  });
  after(() => rack?.remove());

  const script = (label: string): string => {
    writeFileSync(scratch(label), clientScript(24), { mode: 0o755 });
    return scratch(label);
  };
  const turns = (label: string): readonly string[] => {
    try {
      return readFileSync(scratch(`${label}.turns`), 'utf8')
        .trim()
        .split('\n');
    } catch {
      return [];
    }
  };
  const turn = (label: string, pattern: RegExp, from = 0): Promise<string> =>
    eventually(`${pattern} of ${label}: ${turns(label)}`, () =>
      turns(label)
        .slice(from)
        .find((line) => pattern.test(line)),
    );

  test('dhclient with a reserved identifier has its address on either card, but not on both at once', async () => {
    for (const [label, mac] of [
      ['first', '52:54:00:98:02:01'],
      ['second', '52:54:00:98:02:02'],
    ] as const) {
      const host = rack.namespace.addHost(label, mac);
      writeFileSync(scratch(`${label}.conf`), 'send dhcp-client-identifier "laptop";\ninitial-interval 1;\n');
      const files = [
        '-cf',
        scratch(`${label}.conf`),
        '-lf',
        scratch(`${label}.leases`),
        '-pf',
        scratch(`${label}.pid`),
      ];
      const words = ['-4', ...files, '-sf', script(label)];
      const client = rack.launch(host, 'dhclient', '-d', ...words, 'eth0');
      const bound = await turn(label, /^BOUND/);
      // While the first card holds it, the second gets another.
      if (label === 'first') assert.equal(bound, 'BOUND 10.98.1.20');
      else assert.match(bound, /^BOUND 10\.98\.1\.1\d\d$/);
      await client.end('SIGKILL');
    }
  });

  test('dhcpcd with a reserved DUID has its address and its name on any interface', async () => {
    const host = rack.namespace.addHost('node', '52:54:00:98:02:03');
    mkdirSync(scratch('dhcpcd'), { recursive: true });
    writeFileSync(scratch('dhcpcd/duid'), `${DUID}\n`);
    writeFileSync(scratch('dhcpcd.conf'), 'duid\niaid 7\nipv4only\nnoarp\n');
    const own = `mount -t tmpfs none /run && mount --bind ${scratch('dhcpcd')} /var/lib/dhcpcd && exec dhcpcd -B -1 -d -t 20 -f ${scratch('dhcpcd.conf')} -c ${script('node')} eth0`;
    await well(rack.run(host, 'unshare', '-m', 'sh', '-c', own));
    assert.match(await turn('node', /^BOUND/), /^BOUND 10\.98\.1\.21$/);
    const ack = await rack.reported('dhcp.ack', ({ address }) => address === '10.98.1.21');
    assert.equal(ack.hostname, 'noded');
  });

  test('udhcpc at a reserved port has its address, and keeps it when it renews past the relay agent', async () => {
    const words = ['udhcpc', '-f', '-R', '-i', 'eth0', '-s', script('port'), '-t', '15', '-T', '1'];
    const running = rack.launch(far, 'busybox', ...words);
    assert.equal(await turn('port', /^bound/), 'bound 10.99.1.20');
    await rack.run(far, 'ip', 'route', 'replace', 'default', 'via', '10.99.1.1');
    for (let round = 0; round < 2; round += 1) {
      const from = turns('port').length;
      running.child.kill('SIGUSR1');
      assert.equal(await turn('port', /^(renew|bound)/, from), 'renew 10.99.1.20');
    }
    await running.end('SIGTERM');
    await rack.reported('dhcp.release', ({ address }) => address === '10.99.1.20');
  });

  test('udhcpc gets the settings of the class of its name, and nothing if the class denies it; a reload changes both', async () => {
    const host = rack.namespace.addHost('named', '52:54:00:98:02:04');
    writeFileSync(
      scratch('class'),
      '#!/bin/sh\n[ "$1" = bound ] && echo "$hostname $lease $rootpath" >"$0.got"\nexit 0\n',
      {
        mode: 0o755,
      },
    );
    const words = [
      'busybox',
      'udhcpc',
      '-f',
      '-n',
      '-q',
      '-i',
      'eth0',
      '-s',
      scratch('class'),
      '-t',
      '3',
      '-T',
      '1',
      '-O',
      'rootpath',
    ];
    const ask = async (name: string): Promise<string | undefined> => {
      const { code } = await rack.run(host, ...words, '-x', `hostname:${name}`);
      return code === 0 ? readFileSync(scratch('class.got'), 'utf8').trim() : undefined;
    };
    assert.equal(await ask('web-1'), '7200 /srv/web');
    const ack = await rack.reported('dhcp.ack', ({ hostname }) => hostname === 'web-1');
    assert.equal(ack.classes, 'web');
    assert.equal(await ask('db-1'), '600');

    const from = rack.lines.length;
    assert.equal(await ask('guest-1'), undefined);
    const refused = await rack.reported('dhcp.refused', ({ reason }) => reason === 'class-denied', from);
    assert.equal(refused.classes, 'guests');
    const { out: foreseen } = await rack.rackboot('why', '52:54:00:98:02:04');
    assert.match(foreseen, /^! was refused \S+ m?s ago: class-denied \(guests\), as guest-\w+$/m);
    const traced = await rack.rackboot('trace', '52:54:00:98:02:04');
    assert.match(traced.out, /in class web/);
    assert.match(traced.out, /denies its clients.*in class guests/);

    const before = rack.lines.length;
    rack.configure(CONFIG.replace('guest-*', 'nobody').replace('/srv/web', '/srv/other'));
    await rack.reported('config.applied', () => true, before);
    assert.equal(await ask('guest-1'), '600');
    assert.equal(await ask('web-1'), '7200 /srv/other');
  });
});
