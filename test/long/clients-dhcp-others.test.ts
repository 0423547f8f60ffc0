// DHCP as further clients see it, each on a host of its own and all at the same time: systemd-networkd, dhcpcd from its memory, with an
// address in use, dhclient whose server does not hear it, nmap's two probes, perfdhcp, and a host behind dhcp-helper.
// @host alone

import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import type { LogLine } from '../../src/lab/daemon-process.ts';
import { RackNetwork, type Running } from '../e2e/rack-network.ts';
import { leasesShape } from '../support/answer-shapes.ts';
import { missing, NO_MIRROR } from '../support/needs.ts';
import { eventually } from '../support/running-rack.ts';

const NETWORKD = '/lib/systemd/systemd-networkd';
const skip = missing('linux', 'root', 'ip', 'unshare', 'mount', 'busybox', 'dhclient', 'dhcpcd', NETWORKD);

const RACK = '10.95.1.1';
const FAR = '52:54:00:95:02:f1';
const DYNAMIC = /^10\.95\.1\.(1\d\d|2[0-4]\d)$/;
/** Real clients wait for these times, so they are short; the shortest lease that can be configured is 30 s. */
const CONFIG = `cluster_interfaces:
  - name: lab
    interface: br0
    ip: ${RACK}
    network: 10.95.1.0/24
    router_ip: 10.95.1.254
    ip_range_low: 10.95.1.100
    ip_range_high: 10.95.1.249
    lease_time: 30
    t1: 3
    t2: 6
  - { name: far, relayed: true, network: 10.96.1.0/24, router_ip: 10.96.1.1, dns_servers: [10.95.1.1], ip_range_low: 10.96.1.100, ip_range_high: 10.96.1.110 }
boot: { http: { listen: [] } }
log: { levels: { dhcp: debug } }
`;

/** Sets the address, as a client's own script would. */
const SCRIPT = `#!/bin/sh
if [ -n "$reason" ]; then turn=$reason ip=$new_ip_address mask=$new_subnet_mask; else turn=$1; fi
case $turn in
  bound|renew|BOUND|RENEW|REBOOT|REBIND) ip address replace "$ip/$mask" dev "$interface" ;;
  deconfig|RELEASE|EXPIRE|FAIL) ip address flush dev "$interface" ;;
esac
exit 0
`;

/** systemd-networkd, which shares only its program with the host: a /run of its own, and no udev, as its read-only /sys shows. */
const NETWORKD_ALONE = `#!/bin/sh
set -e
mount -t tmpfs none /run
mkdir -p /run/systemd/network /run/systemd/netif/links /run/systemd/netif/leases /run/systemd/netif/lldp
chown -R systemd-network /run/systemd/netif
printf '[Match]\\nName=eth0\\n[Network]\\nDHCP=ipv4\\nLinkLocalAddressing=no\\nIPv6AcceptRA=no\\n[DHCPv4]\\nHostname=networked\\n' \\
  >/run/systemd/network/10-lab.network
mount -o remount,ro,bind /sys || mount -t sysfs -o ro none /sys
exec ${NETWORKD}
`;

describe('further DHCP clients of a running rack', { skip, concurrency: true }, () => {
  let rack: RackNetwork;
  const hosts: string[] = [];
  const scratch = (name: string): string => join(rack.directory, name);

  before(async () => {
    rack = new RackNetwork('others', RACK);
    writeFileSync(scratch('script'), SCRIPT, { mode: 0o755 });
    writeFileSync(scratch('networkd'), NETWORKD_ALONE, { mode: 0o755 });
    rack.configure(CONFIG);
    await rack.start();
  });
  after(async () => {
    // dhcp-helper and parts of dhcpcd leave the process that was started.
    for (const host of hosts) for (const number of processesOf(host)) endByNumber(number);
    await rack?.remove();
  });

  const addHost = (label: string, mac: string): string => {
    const host = rack.namespace.addHost(label, mac);
    hosts.push(host);
    return host;
  };
  const eventsOf = (mac: string, kind: string): readonly LogLine[] =>
    rack.events(kind).filter((line) => line.mac === mac);
  const reported = (mac: string, kind: string, match: (line: LogLine) => boolean = () => true): Promise<LogLine> =>
    eventually(`${kind} of ${mac}`, () => eventsOf(mac, kind).find(match));
  const addressOf = async (host: string): Promise<string | undefined> =>
    /inet ([\d.]+)\/24/.exec((await rack.run(host, 'ip', '-4', 'address', 'show', 'dev', 'eth0')).out)?.[1];
  const leaseOf = async (address: string) => {
    const listed = await rack.well('leases', 'list', '--json');
    return leasesShape.parse(JSON.parse(listed)).find((lease) => lease.address === address);
  };

  test('systemd-networkd gets a lease, renews it at T1 and releases it', async () => {
    const mac = '52:54:00:95:02:01';
    const host = addHost('networkd', mac);
    const running = rack.launch(host, 'unshare', '-m', scratch('networkd'));
    const { address } = await reported(mac, 'dhcp.ack');
    assert.match(String(address), DYNAMIC);
    await eventually(`it sets the address: ${running.text()}`, async () => (await addressOf(host)) === address);
    const renewed = await reported(mac, 'dhcp.ack', ({ renewal }) => renewal === true);
    assert.deepEqual([renewed.address, renewed.hostname, renewed.leaseSeconds], [address, 'networked', 30]);
    assert.equal(renewed.interfaceName, undefined, 'RENEWING: the rack was asked itself');
    await running.end('SIGTERM');
    await reported(mac, 'dhcp.release');
    assert.deepEqual(eventsOf(mac, 'dhcp.nak'), []);
  });

  test('dhclient whose renewals are lost broadcasts at T2, and keeps its address', async () => {
    const mac = '52:54:00:95:02:02';
    const host = addHost('rebind', mac);
    const files = ['-cf', '/dev/null', '-lf', scratch('rebind.leases'), '-pf', scratch('rebind.pid')];
    const running = rack.launch(host, 'dhclient', '-4', '-d', ...files, '-sf', scratch('script'), 'eth0');
    const { address } = await reported(mac, 'dhcp.ack');
    await eventually('it sets the address', async () => (await addressOf(host)) === address);
    // Its unicasts to the rack go to a host that does not exist.
    const deaf = ['neighbour', 'replace', RACK, 'lladdr', '02:00:00:00:00:99', 'nud', 'permanent', 'dev', 'eth0'];
    await rack.run(host, 'ip', ...deaf);
    const rebound = await reported(
      mac,
      'dhcp.ack',
      ({ interfaceName, renewal }) => renewal === true && interfaceName === 'br0',
    );
    assert.equal(rebound.address, address);
    assert.equal(eventsOf(mac, 'dhcp.offer').length, 1);
    await running.end('SIGKILL');
  });

  /** dhcpcd, whose memory lies in a folder of its own. */
  const dhcpcd = (host: string, memory: string, ...words: readonly string[]): Running => {
    mkdirSync(scratch(memory), { recursive: true });
    const alone = `mount -t tmpfs none /run && mount --bind ${scratch(memory)} /var/lib/dhcpcd && exec dhcpcd "$@"`;
    const quiet = ['-4', '-B', '--script', '/bin/true', '--noipv4ll', '--config', '/dev/null'];
    return rack.launch(host, 'unshare', '-m', 'sh', '-c', alone, 'dhcpcd', ...quiet, ...words, 'eth0');
  };

  test('dhcpcd that remembers its address asks for it, and declines it when a host uses it', async () => {
    const mac = '52:54:00:95:02:03';
    const host = addHost('dhcpcd', mac);
    const rogue = addHost('rogue', '52:54:00:95:02:0f');
    // Without probing whether a host uses the address.
    const first = dhcpcd(host, 'memory', '--noarp');
    const { address } = await reported(mac, 'dhcp.ack');
    await eventually('it sets the address', async () => (await addressOf(host)) === address);
    await first.end('SIGTERM');
    await rack.run(host, 'ip', 'address', 'flush', 'dev', 'eth0');

    await rack.run(rogue, 'ip', 'address', 'add', `${address}/24`, 'dev', 'eth0');
    const second = dhcpcd(host, 'memory');
    await reported(mac, 'dhcp.decline');
    await second.end('SIGTERM');
    assert.equal(eventsOf(mac, 'dhcp.offer').length, 1, 'INIT-REBOOT: nothing was offered again before the ACK');
    assert.equal(eventsOf(mac, 'dhcp.ack').length, 2);
    assert.equal((await leaseOf(String(address)))?.state, 'declined');
  });

  test('dhcpcd releases its lease, with and without an identifier', async () => {
    for (const [index, words] of [[], ['--clientid=notebook']].entries()) {
      const mac = `52:54:00:95:02:1${index}`;
      const host = addHost(`back${index}`, mac);
      const running = dhcpcd(host, `back${index}`, '--noarp', ...words);
      const { address } = await reported(mac, 'dhcp.ack');
      await eventually('it sets the address', async () => (await addressOf(host)) === address);
      running.child.kill('SIGALRM');
      assert.equal((await reported(mac, 'dhcp.release')).address, address);
      assert.notEqual((await leaseOf(String(address)))?.state, 'bound');
    }
  });

  test('nmap reads offers, and the INFORM answers to a host with an address of its own', {
    skip: missing('nmap'),
  }, async () => {
    const mac = '52:54:00:95:02:05';
    const host = addHost('nmap', mac);
    await rack.run(host, 'ip', 'address', 'add', '10.95.1.5/24', 'dev', 'eth0');
    const args = ['--script', 'broadcast-dhcp-discover', '--script-args', 'broadcast-dhcp-discover.timeout=2'];
    const { out, err } = await rack.run(host, 'nmap', '-e', 'eth0', ...args);
    for (const line of [
      /IP Offered: 10\.95\.1\.\d+/,
      /Server Identifier: 10\.95\.1\.1/,
      /IP Address Lease Time: 30s/,
      /Subnet Mask: 255\.255\.255\.0/,
      /Router: 10\.95\.1\.254/,
      /Domain Name Server: 10\.95\.1\.1/,
    ]) {
      assert.match(out, line, err);
    }
    const asked = await rack.run(
      host,
      'nmap',
      '-e',
      'eth0',
      '-n',
      '-Pn',
      '-sU',
      '-p',
      '67',
      '--script',
      'dhcp-discover',
      RACK,
    );
    assert.match(asked.out, /DHCP Message Type: DHCPACK[\s\S]*Router: 10\.95\.1\.254/, asked.err);
    const informed = await reported(mac, 'dhcp.inform');
    assert.equal(informed.address, '10.95.1.5');
    assert.equal(await leaseOf('10.95.1.5'), undefined);
  });

  test('perfdhcp misses no answer: exchanges, renewals and releases', {
    skip: missing('perfdhcp', 'dig'),
  }, async () => {
    const host = addHost('perf', '52:54:00:95:02:06');
    await rack.run(host, 'ip', 'address', 'add', '10.95.1.6/24', 'dev', 'eth0');
    // It sends nothing again: what leaves before the link of its bridge is up is lost.
    const until = `until dig +tries=1 +time=1 @${RACK} . >/dev/null 2>&1; do sleep 0.1; done`;
    await rack.run(host, 'timeout', '30', 'sh', '-c', until);
    const words = `-4 -l eth0 -R 50 -r 40 -f 15 -F 5 -p 3 -W 2000000 ${RACK}`.split(' ');
    const { out, err } = await rack.run(host, 'perfdhcp', ...words);
    const blocks = out.split('***Statistics for: ').slice(1);
    const numbers = (block: string, word: string): number => Number(new RegExp(`${word}: (\\d+)`).exec(block)?.[1]);
    for (const name of ['DISCOVER-OFFER', 'REQUEST-ACK', 'REQUEST-ACK (renewal)']) {
      const block = blocks.find((one) => one.startsWith(`${name}***`)) ?? '';
      const [sent, received] = [numbers(block, 'sent packets'), numbers(block, 'received packets')];
      // The last answer may come after the end.
      assert.ok(sent >= 30 && received >= sent - 1, `${name}: ${sent} sent, ${received} received\n${out}\n${err}`);
    }
    await eventually(`releases: ${out}`, () =>
      rack.events('dhcp.release').some(({ mac }) => String(mac).startsWith('00:0c:')),
    );
  });

  /** dhcp-helper from its package, which cannot be installed alongside isc-dhcp-relay: from apt's cache, or fetched. */
  const unpackHelper = async (): Promise<string | undefined> => {
    const cached = '/var/cache/apt/archives/dhcp-helper_*.deb';
    const fetched = `(cp ${cached} . || apt-get download -q dhcp-helper) && dpkg-deb -x dhcp-helper_*.deb helper`;
    const done = spawn('sh', ['-c', fetched], {
      cwd: rack.directory,
      stdio: 'ignore',
    });
    const [code] = await once(done, 'close');
    return code === 0 ? scratch('helper/usr/sbin/dhcp-helper') : undefined;
  };

  test('a host behind dhcp-helper gets an address of its own network', {
    skip: missing('dpkg-deb'),
  }, async (t) => {
    const program = await unpackHelper();
    if (program === undefined) {
      t.skip(`needs the package dhcp-helper of ${NO_MIRROR}`);
      return;
    }
    const router = addHost('router', '52:54:00:95:02:fe');
    await rack.run(router, 'ip', 'address', 'add', '10.95.1.254/24', 'dev', 'eth0');
    const far = rack.addFarHost(router, 'far', FAR, '10.96.1.1/24');
    await rack.run(undefined, 'ip', 'route', 'add', '10.96.1.0/24', 'via', '10.95.1.254');
    const helper = rack.launch(router, program, '-s', RACK, '-i', 'eth1', '-u', 'root', '-r', scratch('helper.pid'));
    const words = ['udhcpc', '-f', '-n', '-q', '-i', 'eth0', '-s', scratch('script'), '-t', '10', '-T', '1'];
    const { code, err } = await rack.run(far, 'busybox', ...words);
    assert.equal(code, 0, `${err}${helper.text()}`);
    assert.match((await addressOf(far)) ?? '', /^10\.96\.1\.1(0\d|10)$/);
    assert.equal((await reported(FAR, 'dhcp.ack')).subnet, 'far');
  });
});

/** The processes that run on a host of the test's own. */
function processesOf(host: string): readonly number[] {
  const { stdout } = spawnSync('ip', ['netns', 'pids', host], { encoding: 'utf8' });
  return stdout.split('\n').filter(Boolean).map(Number);
}

/** Ends a process that left its parent; one that is already gone is fine. */
function endByNumber(number: number): void {
  if (!Number.isInteger(number) || number <= 1) return;
  try {
    process.kill(number, 'SIGKILL');
  } catch {
    // It is gone.
  }
}
