// Another DHCP server next to the rack: dnsmasq on a host of the rack's network. The rack finds it at its start, reports its
// hardware address and its offer, and continues serving.
// @host waits

import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import type { LogLine } from '../../src/lab/daemon-process.ts';
import { missing } from '../support/needs.ts';
import { eventually, well } from '../support/running-rack.ts';
import { RackNetwork, type Running } from './rack-network.ts';

const skip = missing('linux', 'root', 'ip', 'busybox', 'udhcpc', 'dnsmasq', 'dhclient', 'setpriv', 'curl');

const RACK = '10.77.9.1';
const OTHER = '10.77.9.66';
const OTHER_MAC = '52:54:00:77:09:66';
const UDHCPC = ['busybox', 'udhcpc', '-f', '-n', '-q', '-i', 'eth0', '-s', '/bin/true', '-t', '3', '-T', '1'];

const CONFIG = `cluster_interfaces:
  - name: lab
    interface: br0
    management: 1
    ip: ${RACK}
    network: 10.77.9.0/24
    ip_range_low: 10.77.9.100
    ip_range_high: 10.77.9.110
`;

describe('another DHCP server on the wire', { skip }, () => {
  let rack: RackNetwork;
  let client = '';
  let other = '';
  let theirs: Running;

  before(async () => {
    rack = new RackNetwork('foreign', RACK);
    other = rack.namespace.addHost('other', OTHER_MAC);
    client = rack.namespace.addHost('client', '52:54:00:77:09:02');
    await rack.run(other, 'ip', 'address', 'add', `${OTHER}/24`, 'dev', 'eth0');
    theirs = await serve();
    rack.configure(CONFIG);
    await rack.start();
  });
  after(() => rack?.remove());

  /** Starts dnsmasq on its host. */
  async function serve(): Promise<Running> {
    const words =
      '--keep-in-foreground --port=0 --no-ping --dhcp-range=10.77.9.200,10.77.9.220,7200 --dhcp-boot=theirs.0';
    const leases = `--dhcp-leasefile=${join(rack.directory, 'theirs')}`;
    const all = ['dnsmasq', '--conf-file=/dev/null', '--log-facility=-', leases, ...words.split(' ')];
    const dnsmasq = rack.launch(other, ...all);
    await eventually('dnsmasq serves', () => dnsmasq.text().includes('IP range'));
    return dnsmasq;
  }
  const inDirectory = (word: string): string => (word.startsWith('dhclient.') ? join(rack.directory, word) : word);

  test('is found by the first probe, and reported with its offer', async () => {
    const reported = await rack.reported('dhcp.foreign-server');
    const { address, mac, interfaceName, subnet, leaseSeconds, file, evidence } = reported;
    assert.deepEqual(
      { address, mac, interfaceName, subnet, leaseSeconds, file, evidence },
      {
        address: OTHER,
        mac: OTHER_MAC,
        interfaceName: 'br0',
        subnet: 'lab',
        leaseSeconds: 7200,
        file: 'theirs.0',
        evidence: 'probe',
      },
    );
    assert.match(String(reported.offered), /^10\.77\.9\.2[012]\d$/);
  });

  test('is shown by status', async () => {
    const text = (await rack.rackboot('status')).out;
    assert.match(
      text,
      new RegExp(`^Note {4}network lab: another DHCP server on br0: ${OTHER} \\(${OTHER_MAC}\\), it offers`, 'm'),
    );
  });

  test('takes no client from this rack', async () => {
    await well(rack.run(client, ...UDHCPC));
    await eventually('an offer of this rack', () => rack.events('dhcp.offer').length > 0);
  });

  test('is noticed through its clients where frames may not be sent; this is reported once, and replies are broadcast', async () => {
    await theirs.end();
    await rack.stop();
    const from = rack.lines.length;
    await rack.start('setpriv', '--bounding-set=-net_raw', '--inh-caps=-net_raw');
    const isNote = ({ text }: LogLine): boolean => /^Replies .* are broadcast, .*CAP_NET_RAW/.test(String(text));
    // udhcpc asks without the broadcast flag, but accepts broadcasts.
    await well(rack.run(client, ...UDHCPC));
    theirs = await serve();
    writeFileSync(join(rack.directory, 'dhclient.conf'), `reject ${RACK};\ninitial-interval 1;\n`);
    const files = ['-cf', 'dhclient.conf', '-lf', 'dhclient.leases', '-pf', 'dhclient.pid', '-sf', '/bin/true'];
    const dhclient = rack.launch(client, 'dhclient', '-4', '-d', ...files.map(inDirectory), 'eth0');
    const { address, evidence } = await rack.reported('dhcp.foreign-server', () => true, from);
    await dhclient.end();
    assert.deepEqual([address, evidence], [OTHER, 'client']);
    assert.equal(rack.events('daemon.note', from).filter(isNote).length, 1);
    assert.equal(rack.events('dhcp.probe-blind', from).length, 1);
  });
});
