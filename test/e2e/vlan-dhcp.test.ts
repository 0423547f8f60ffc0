// DHCP set up as Terraform's provider for MAAS does it: fabric, VLAN, subnet and dynamic range over the API of a running rack, then `dhcp_on`.
// A real client has a lease at once. Without DHCP it has none.
// @host waits

import assert from 'node:assert/strict';
import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { clientScript } from '../support/client-script.ts';
import { missing } from '../support/needs.ts';
import { authorizationOf } from '../support/oauth.ts';
import { eventually } from '../support/running-rack.ts';
import { RackNetwork } from './rack-network.ts';

const RACK = '10.77.30.1';

describe('a rack without a network', { skip: missing('linux', 'root', 'ip', 'busybox', 'udhcpc', 'curl') }, () => {
  let rack: RackNetwork;
  let client = '';
  let key = '';

  before(async () => {
    rack = new RackNetwork('vlan', RACK);
    client = rack.namespace.addHost('client', '52:54:00:77:30:01');
    writeFileSync(join(rack.directory, 'script'), clientScript(24), { mode: 0o755 });
    rack.configure('');
    await rack.start();
    key = await rack.administrator();
  });
  after(() => rack?.remove());

  /** One request, whose answer is JSON, or nothing. */
  async function ask(method: string, path: string, fields: Readonly<Record<string, string | number | boolean>> = {}) {
    const form = Object.entries(fields).flatMap(([name, text]) => ['--data-urlencode', `${name}=${text}`]);
    const url = `http://127.0.0.1:5240/MAAS/api/2.0/${path}`;
    const header = `Authorization: ${authorizationOf(key)}`;
    const { out, err } = await rack.run(undefined, 'curl', '-sS', '-f', '-X', method, '-H', header, ...form, url);
    assert.equal(err, '', `${method} ${path}: ${out}`);
    return out === '' ? undefined : JSON.parse(out);
  }

  /** The address that udhcpc gets; `undefined`: no server answers. */
  async function lease(): Promise<string | undefined> {
    const turns = join(rack.directory, 'script.turns');
    rmSync(turns, { force: true });
    const own = ['-i', 'eth0', '-s', join(rack.directory, 'script'), '-f', '-q', '-n', '-t', '3', '-T', '1'];
    await rack.run(client, 'udhcpc', ...own);
    const text = existsSync(turns) ? readFileSync(turns, 'utf8') : '';
    return /^bound (\S+)$/m.exec(text)?.[1];
  }

  test('leases an address of the range as soon as dhcp_on is answered, and none after it is off', async () => {
    assert.equal(await lease(), undefined);
    const fabric = await ask('POST', 'fabrics/', { name: 'tf-fabric' });
    const vlans = `fabrics/${fabric.id}/vlans/`;
    const vlan = await ask('POST', vlans, { vid: 30, dhcp_on: false, name: 'tf-vlan' });
    const subnet = await ask('POST', 'subnets/', {
      cidr: '10.77.30.0/24',
      name: 'tf-subnet',
      fabric: fabric.id,
      vlan: vlan.id,
      vid: 30,
      gateway_ip: '10.77.30.254',
      rdns_mode: 2,
      allow_dns: true,
      allow_proxy: true,
      managed: true,
    });
    const bounds = { start_ip: '10.77.30.200', end_ip: '10.77.30.209' };
    const range = await ask('POST', 'ipranges/', { type: 'dynamic', subnet: subnet.id, ...bounds });
    assert.equal(await lease(), undefined);
    const [controller] = await ask('GET', 'rackcontrollers/');
    const on = await ask('PUT', `${vlans}30/`, { dhcp_on: true, primary_rack: controller.system_id });
    assert.deepEqual([on.dhcp_on, on.primary_rack], [true, controller.system_id]);
    const address = await eventually('the lease', lease);
    assert.match(address, /^10\.77\.30\.20\d$/);
    await ask('PUT', `ipranges/${range.id}/`, {
      ...bounds,
      start_ip: '10.77.30.205',
      type: 'dynamic',
      subnet: subnet.id,
    });
    assert.deepEqual(await ask('GET', `${vlans}30/`), on);
    const off = { dhcp_on: false, primary_rack: '', secondary_rack: '', relay_vlan: '' };
    assert.equal((await ask('PUT', `${vlans}30/`, off)).dhcp_on, false);
    await eventually('no lease', async () => (await lease()) === undefined);
    await ask('DELETE', `ipranges/${range.id}/`);
    await ask('DELETE', `subnets/${subnet.id}/`);
    await ask('DELETE', `${vlans}30/`);
    await ask('DELETE', `fabrics/${fabric.id}/`);
  });
});
