// An address that a real client still leases from the rack after its reservation was released, or after an administrator moved the ranges:
// nobody else gets it, and another's name does not lead to that client.
// @host waits

import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { systemClock } from '../../src/clock.ts';
import { missing } from '../support/needs.ts';
import { authorizationOf } from '../support/oauth.ts';
import { eventually, RackNetwork } from './rack-network.ts';

const skip = missing('linux', 'root', 'ip', 'busybox', 'udhcpc', 'dig', 'curl', 'unshare');
const RACK = '10.98.3.1';
const SUBNET = '10.98.3.0/24';
const CLIENT = '52:54:00:98:03:01';
const OTHER = '52:54:00:98:03:02';

const configOf = (low: string, fixed: readonly [low: string, high: string]): string => `cluster_interfaces:
  - name: lab
    interface: br0
    ip: ${RACK}
    network: ${SUBNET}
    ip_range_low: ${low}
    ip_range_high: 10.98.3.199
    static_ip_range_low: ${fixed[0]}
    static_ip_range_high: ${fixed[1]}
    conflict_check: false
boot: { http: { listen: [] } }
`;

describe('an address that a client leases', { skip }, () => {
  let rack: RackNetwork;
  let key = '';
  const clients: string[] = [];

  before(async () => {
    rack = new RackNetwork('leased', RACK);
    for (const [index, mac] of [CLIENT, OTHER].entries()) clients.push(rack.namespace.addHost(`client${index}`, mac));
    rack.configure(configOf('10.98.3.100', ['10.98.3.10', '10.98.3.19']));
    await rack.start();
    const password = join(rack.directory, 'password');
    writeFileSync(password, 'long enough\n', { mode: 0o600 });
    assert.equal((await rack.rackboot('createadmin', '--username', 'ann', '--password-file', password)).code, 0);
    key = (await rack.rackboot('apikey', '--username', 'ann')).out.trim();
  });
  after(() => rack?.remove());

  /** Asks the region's API with fields of a form. */
  const post = async (path: string, fields: Readonly<Record<string, string>>) => {
    const data = Object.entries(fields).flatMap(([name, value]) => ['--data-urlencode', `${name}=${value}`]);
    const words = ['-s', '-H', `Authorization: ${authorizationOf(key)}`, '-w', '\n%{http_code}', ...data];
    const { out } = await rack.run(undefined, 'curl', ...words, `http://127.0.0.1:5240/MAAS/api/2.0/${path}`);
    const end = out.lastIndexOf('\n');
    return { status: Number(out.slice(end + 1)), text: out.slice(0, end) };
  };
  /** The address that udhcpc gets; it keeps its lease as it ends. */
  const lease = async (host: string | undefined): Promise<string> => {
    const words = ['udhcpc', '-f', '-n', '-q', '-i', 'eth0', '-s', '/bin/true', '-t', '8', '-T', '1'];
    const { out, err } = await rack.run(host, 'busybox', ...words);
    return /lease of ([\d.]+) obtained/.exec(out + err)?.[1] ?? `${out}${err}`;
  };
  const reserve = (fields: Readonly<Record<string, string>>) => post('ipaddresses/?op=reserve', fields);

  test('after its release a reserved address stays that of the client, and a device with a name gets another one', {
    timeout: 120_000,
  }, async () => {
    const made = await reserve({ subnet: SUBNET, mac: CLIENT });
    assert.equal(made.status, 200, made.text);
    const { ip } = JSON.parse(made.text);
    await eventually('the client has the reserved address', async () => (await lease(clients[0])) === ip);
    assert.equal((await post('ipaddresses/?op=release', { ip })).status, 204);
    const refused = await reserve({ ip, hostname: 'nas' });
    assert.deepEqual(
      [refused.status, refused.text.includes(`the host ${CLIENT} has it by a lease`)],
      [409, true],
      refused.text,
    );
    // Not only for the half minute after the release: the rack has reported the lease.
    const until = /until ([\d-]+) ([\d:]+) UTC/.exec(refused.text) ?? [];
    assert.ok(Date.parse(`${until[1]}T${until[2]}Z`) > systemClock.wallTimeMs() + 300_000, refused.text);
    const device = await post('devices/', { hostname: 'printer', mac_addresses: '52:54:00:98:03:0a' });
    const { system_id: id, interface_set: nics } = JSON.parse(device.text);
    const link = `nodes/${id}/interfaces/${nics[0].id}/?op=link_subnet`;
    const barred = await post(link, { mode: 'STATIC', subnet: SUBNET, ip_address: ip });
    assert.equal(barred.status, 409, barred.text);
    assert.equal((await post(link, { mode: 'STATIC', subnet: SUBNET })).status, 200);
    const named = await eventually('the name of the device', async () => {
      const { out } = await rack.run(undefined, 'dig', '+short', '+tries=1', `@${RACK}`, 'printer.maas');
      return out.trim() === '' ? undefined : out.trim();
    });
    assert.notEqual(named, ip);
  });

  test('an address that leaves the dynamic range while a client leases it is not reserved for others', {
    timeout: 120_000,
  }, async () => {
    const address = await lease(clients[1]);
    assert.match(address, /^10\.98\.3\.1\d\d$/);
    await rack.apply(configOf('10.98.3.200', ['10.98.3.100', '10.98.3.190']).replace('.199', '.249'));
    const refused = await eventually('the refusal', async () => {
      const answer = await reserve({ ip: address, hostname: 'store' });
      if (answer.status === 200) await post('ipaddresses/?op=release', { ip: address });
      return answer.text.includes('lease until') && answer;
    });
    assert.deepEqual([refused.status, refused.text.includes(`the host ${OTHER} has it by a lease`)], [409, true]);
  });
});
