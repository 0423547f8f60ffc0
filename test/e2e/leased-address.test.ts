// An address that a real client still leases from the rack after its reservation was released, after an administrator moved the ranges, after
// the region lost its knowledge of leases, or after an import: nobody else gets it, and another's name does not lead to that client.
// @host waits

import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { after, before, describe, test } from 'node:test';
import { systemClock } from '../../src/ground/clock.ts';
import { missing } from '../support/needs.ts';
import { authorizationOf } from '../support/oauth.ts';
import { eventually } from '../support/running-rack.ts';
import { RackNetwork } from './rack-network.ts';

const skip = missing('linux', 'root', 'ip', 'busybox', 'udhcpc', 'dig', 'curl', 'unshare');
const RACK = '10.98.3.1';
const SUBNET = '10.98.3.0/24';
const CLIENT = '52:54:00:98:03:01';
const OTHER = '52:54:00:98:03:02';
const THIRD = '52:54:00:98:03:03';
const IMPORTED = '52:54:00:98:03:04';

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

/** The end of the lease in a refusal, in milliseconds; NaN: it names none. */
function endOf(text: string): number {
  const [, day, time] = /until ([\d-]+) ([\d:]+) UTC/.exec(text) ?? [];
  return Date.parse(`${day}T${time}Z`);
}

describe('an address that a client leases', { skip }, () => {
  let rack: RackNetwork;
  let key = '';
  const clients: string[] = [];

  before(async () => {
    rack = new RackNetwork('leased', RACK);
    for (const [index, mac] of [CLIENT, OTHER, THIRD].entries())
      clients.push(rack.namespace.addHost(`client${index}`, mac));
    rack.configure(configOf('10.98.3.100', ['10.98.3.10', '10.98.3.19']));
    await rack.start();
    key = await rack.administrator();
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

  test('after its release a reserved address stays that of the client, and a device with a name gets another one', async () => {
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
    assert.ok(endOf(refused.text) > systemClock.wallTimeMs() + 300_000, refused.text);
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

  test('an address that leaves the dynamic range while a client leases it is not reserved for others', async () => {
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

  /** The answer to a reservation of an address that the rack is about to report as leased. */
  const refusalOf = (address: string) =>
    eventually('the refusal', async () => {
      const answer = await reserve({ ip: address, hostname: 'store' });
      if (answer.status === 200) await post('ipaddresses/?op=release', { ip: address });
      return answer.text.includes('lease until') && answer;
    });

  test('a region that knows no leases, as after an upgrade or with a restored backup, learns them as the rack starts', async () => {
    const made = await reserve({ subnet: SUBNET, mac: THIRD });
    const { ip } = JSON.parse(made.text);
    await eventually('the client has the reserved address', async () => (await lease(clients[2])) === ip);
    assert.equal((await post('ipaddresses/?op=release', { ip })).status, 204);
    await rack.stop();
    const region = new DatabaseSync(join(rack.stateDir, 'region.db'));
    region.exec('DELETE FROM host_lease');
    region.close();
    await rack.start();
    assert.match((await refusalOf(ip)).text, new RegExp(`the host ${THIRD} has it by a lease`));
  });

  test('an address of an imported lease stays that of its host after the reservation is released', async () => {
    const made = await reserve({ subnet: SUBNET, mac: IMPORTED });
    const { ip } = JSON.parse(made.text);
    const file = join(rack.directory, 'dnsmasq.leases');
    writeFileSync(file, `${Math.floor(systemClock.wallTimeMs() / 1000) + 3600} ${IMPORTED} ${ip} store *\n`);
    // Once the rack knows the reservation, the address is fixed for this host.
    const words = ['leases', 'import', '--format', 'dnsmasq', file];
    await eventually('the import', async () => (await rack.rackboot(...words)).code === 0);
    assert.equal((await post('ipaddresses/?op=release', { ip })).status, 204);
    await eventually('the refusal until the lease ends', async () => {
      const { text } = await refusalOf(ip);
      return (
        text.includes(`the host ${IMPORTED} has it by a lease`) && endOf(text) > systemClock.wallTimeMs() + 300_000
      );
    });
  });
});
