// The default router of the rack's host is leased to nobody, whether its route was there before the rack started or came later. A complete
// rack, and udhcpc, which wants just that address.
// @host rests

import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { missing } from '../support/needs.ts';
import { eventually } from '../support/running-rack.ts';
import { RackNetwork } from './rack-network.ts';

const RACK = '10.83.1.1';
const [FIRST, FREE, LATER, LAST] = ['10.83.1.100', '10.83.1.101', '10.83.1.102', '10.83.1.119'];
const CONFIG = `cluster_interfaces:
  - { name: lab, interface: br0, ip: ${RACK}, network: 10.83.1.0/24, ip_range_low: ${FIRST}, ip_range_high: ${LAST} }
`;

describe('the default router of the host', { skip: missing('linux', 'root', 'ip', 'busybox', 'udhcpc') }, () => {
  let rack: RackNetwork;
  let client = '';
  before(async () => {
    rack = new RackNetwork('router', RACK);
    client = rack.namespace.addHost('client', '52:54:00:83:02:01');
    rack.configure(CONFIG);
    await rack.run(undefined, 'ip', 'route', 'add', 'default', 'via', FIRST, 'dev', 'br0');
    await rack.start();
  });
  after(() => rack?.remove());

  let clients = 1;
  /** The lease of a client that nobody knows, which wants this address. */
  const leasedFor = async (wanted: string): Promise<string | undefined> => {
    clients += 1;
    await rack.run(
      client,
      'ip',
      'link',
      'set',
      'eth0',
      'address',
      `52:54:00:83:02:${clients.toString(16).padStart(2, '0')}`,
    );
    const words = ['busybox', 'udhcpc', '-f', '-n', '-q', '-i', 'eth0', '-s', '/bin/true', '-t', '4', '-T', '1'];
    const { complaints, out } = await rack.run(client, ...words, '-r', wanted);
    return /lease of ([\d.]+) obtained/.exec(`${out}${complaints}`)?.[1];
  };

  test('that was there at the start is leased to nobody; another address is, if somebody wants it', async () => {
    assert.equal(await leasedFor(FREE), FREE);
    assert.notEqual(await leasedFor(FIRST), FIRST);
  });

  test('that comes later is leased to nobody', async () => {
    await rack.run(undefined, 'ip', 'route', 'replace', 'default', 'via', LATER, 'dev', 'br0');
    await eventually('the first one is free now', async () => ((await leasedFor(FIRST)) === FIRST ? true : undefined));
    assert.notEqual(await leasedFor(LATER), LATER);
  });
});
