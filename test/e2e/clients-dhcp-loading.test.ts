// A machine keeps its address while it loads: a range of one address, a lease shorter than the download, and another machine that wants an
// address meanwhile. A complete rack, over cables; addresses by udhcpc as firmware asks, files by a slow TFTP client and by curl.
// @host rests

import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { askDaemon } from '../../src/control/ask-daemon.ts';
import { QUIET_MS } from '../../src/dhcp/leases/loading-leases.ts';
import { sleep } from '../../src/ground/clock.ts';
import { leasesShape } from '../support/answer-shapes.ts';
import { eventuallyWithin } from '../support/eventually.ts';
import { missing } from '../support/needs.ts';
import { RackNetwork } from './rack-network.ts';

const skip = missing('linux', 'root', 'ip', 'busybox', 'udhcpc', 'curl');

const RACK = '10.79.1.1';
const ADDRESS = '10.79.1.100';
const LOADER = '52:54:00:79:02:01';
const OTHER = '52:54:00:79:02:02';
const LEASE_S = 10;
const CONFIG = `dhcp: { pxe_lease_time: ${LEASE_S}s }
cluster_interfaces:
  - name: lab
    interface: br0
    ip: ${RACK}
    network: 10.79.1.0/24
    ip_range_low: ${ADDRESS}
    ip_range_high: ${ADDRESS}
boot:
  http: { listen: ["${RACK}:5248"] }
`;
/** More than a slow reader takes while the test lasts. */
const FILE_BYTES = 30_000_000;
/** How long it loads, while others want its address. */
const LOADS_MS = 2.5 * LEASE_S * 1000;
/** Before the new configuration applies, a look may lengthen the lease of the loading machine once more, to QUIET_MS from then. */
const ENDS_MS_MAX = QUIET_MS + 2 * LEASE_S * 1000;
const SCRIPT = `#!/bin/sh
[ "$1" = bound ] || exit 0
ip address replace "$ip/$mask" dev "$interface"
echo "bound $ip"
`;
/** Reads a file by TFTP, and waits before each acknowledgement. */
const SLOW_TFTP = `
const socket = require('node:dgram').createSocket('udp4');
let next = 1;
socket.on('message', (data, { port }) => {
  if (data.readUInt16BE(0) !== 3) { console.log('error ' + data.subarray(4)); process.exit(1); }
  if (data.readUInt16BE(2) !== next) return;
  next += 1;
  setTimeout(() => socket.send(Buffer.from([0, 4, data[2], data[3]]), port, '${RACK}'), 50);
});
socket.send(Buffer.from('\\0\\x01slow\\0octet\\0', 'latin1'), 69, '${RACK}');
`;

describe('a machine that loads', { skip }, () => {
  let rack: RackNetwork;
  let loader = '';
  let other = '';
  const scratch = (name: string): string => join(rack.directory, name);

  before(async () => {
    rack = new RackNetwork('loading', RACK);
    loader = rack.namespace.addHost('loader', LOADER);
    other = rack.namespace.addHost('other', OTHER);
    writeFileSync(scratch('script'), SCRIPT, { mode: 0o755 });
    writeFileSync(scratch('slow.cjs'), SLOW_TFTP);
    writeFileSync(join(rack.tree, 'slow'), new Uint8Array(FILE_BYTES));
    rack.configure(CONFIG);
    await rack.start();
  });
  after(() => rack?.remove());

  /** The address a host gets that asks once, as firmware does; undefined: none. */
  const ask = async (host: string): Promise<string | undefined> => {
    const more = ['-n', '-q', '-f', '-t', '3', '-T', '2', '-i', 'eth0', '-s', scratch('script')];
    const firmware = ['-V', 'PXEClient:Arch:00007:UNDI:003016', '-x', '0x5d:0007'];
    const { out } = await rack.run(host, 'busybox', 'udhcpc', ...more, ...firmware);
    return /bound ([\d.]+)/.exec(out)?.[1];
  };
  const lease = async () => {
    const all = leasesShape.parse(await askDaemon(rack.stateDir, '/leases'));
    return all.find(({ address }) => address === ADDRESS);
  };
  /** Ends the lease of the address at once. */
  const end = (): Promise<unknown> => askDaemon(rack.stateDir, `/leases/end?address=${ADDRESS}`, 'POST');
  const keeps = async (...command: readonly string[]): Promise<void> => {
    assert.equal(await ask(loader), ADDRESS);
    const from = rack.lines.length;
    const loading = rack.launch(loader, ...command);
    const begun = Date.now();
    while (Date.now() < begun + LOADS_MS) {
      await sleep(1000);
      const held = await lease();
      assert.deepEqual([held?.mac, held?.state], [LOADER, 'bound']);
      assert.equal(loading.child.exitCode, null, loading.text());
    }
    assert.equal(await ask(other), undefined, 'no other host gets its address');
    assert.equal(await ask(loader), ADDRESS, 'and it keeps it');
    assert.equal(loading.child.exitCode, null, 'it loads still');
    await loading.end('SIGKILL');
    assert.deepEqual(rack.events('dhcp.expired', from), []);
    assert.deepEqual(rack.events('dhcp.conflict', from), []);
  };

  test('keeps its address by TFTP, though its lease is shorter than its download and the range is full', () =>
    keeps(process.execPath, scratch('slow.cjs')));

  test('keeps its address by HTTP', () =>
    keeps('curl', '-sS', '--limit-rate', '200k', '-o', 'got', `http://${RACK}:5248/slow`));

  test('may answer a probe for its address: nothing is set aside, and it gets the address again', async () => {
    assert.equal(await ask(loader), ADDRESS);
    const from = rack.lines.length;
    await end();
    assert.equal(await ask(other), undefined);
    await rack.reported('dhcp.still-used', () => true, from);
    assert.equal((await lease())?.state, 'bound');
    assert.equal(await ask(loader), ADDRESS);
    assert.deepEqual(rack.events('dhcp.conflict', from), []);
  });

  test('an address that another host uses is set aside until the operator clears it', async () => {
    const stranger = rack.namespace.addHost('stranger', '52:54:00:79:02:03');
    const from = rack.lines.length;
    assert.equal(await ask(loader), ADDRESS);
    await end();
    await rack.run(loader, 'ip', 'address', 'flush', 'dev', 'eth0');
    await rack.run(stranger, 'ip', 'address', 'add', `${ADDRESS}/24`, 'dev', 'eth0');
    assert.equal(await ask(other), undefined);
    await rack.reported('dhcp.conflict', () => true, from);
    assert.equal((await lease())?.state, 'declined');
    await rack.run(stranger, 'ip', 'address', 'flush', 'dev', 'eth0');
    assert.equal(await ask(other), undefined, 'no host gets it for an hour');
    const cleared = await rack.rackboot('leases', 'clear', ADDRESS);
    assert.deepEqual([cleared.code, cleared.err], [0, '']);
    assert.equal(await ask(other), ADDRESS);
    const again = await rack.rackboot('leases', 'clear', ADDRESS);
    assert.equal(again.code, 1);
    assert.match(again.err, /is not set aside: see `.*rackboot(?:\.js)? leases list --config \S+ --state declined`/);
  });

  test('loses its address when the operator has reserved it for another machine', async () => {
    // The former holder has gone.
    await end().catch(() => undefined);
    for (const host of [loader, other]) await rack.run(host, 'ip', 'address', 'flush', 'dev', 'eth0');
    assert.equal(await ask(loader), ADDRESS);
    const from = rack.lines.length;
    const loading = rack.launch(loader, 'curl', '-sS', '--limit-rate', '200k', '-o', 'got', `http://${RACK}:5248/slow`);
    rack.configure(CONFIG.replace('boot:', `    hosts: [{ mac: "${OTHER}", ip: ${ADDRESS} }]\nboot:`));
    await rack.reported('config.applied', () => true, from);
    const hasEnded = (): boolean => rack.events('dhcp.expired', from).some(({ mac }) => mac === LOADER);
    await eventuallyWithin(ENDS_MS_MAX, 'its lease ends', hasEnded);
    assert.equal(loading.child.exitCode, null, 'its lease has ended, and it loads still');
    await loading.end('SIGKILL');
    await rack.run(loader, 'ip', 'address', 'flush', 'dev', 'eth0');
    assert.equal(await ask(other), ADDRESS);
  });
});
