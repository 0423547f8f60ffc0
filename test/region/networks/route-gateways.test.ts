// The routers of static routes are given to nobody: not to machines, devices and users, and not by DHCP.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { machine, sshKey, withSite } from '../api/sent/trial.ts';
import type { AskedApi } from '../asked-api.ts';

const SUBNET = '10.20.0.0/24';
/** The first address of the static range. */
const GATEWAY = '10.20.0.10';
const NEXT = '10.20.0.11';
/** The first addresses that users may have: outside the static range. */
const FREE = '10.20.0.2';
const NEXT_FREE = '10.20.0.3';
const RESERVE = '2.0/ipaddresses/?op=reserve';

/** Routes to a new network by the router. @returns the answer */
async function route(site: AskedApi, gateway = GATEWAY) {
  await site.ask('POST', '2.0/subnets/', { cidr: '10.9.0.0/16' });
  return await site.ask('POST', '2.0/static-routes/', {
    source: SUBNET,
    destination: '10.9.0.0/16',
    gateway_ip: gateway,
  });
}

async function device({ ask }: AskedApi) {
  const { system_id: id } = (await ask('POST', '2.0/devices/', { mac_addresses: '52:54:00:00:00:99' }, 'bob')).json;
  const [nic] = (await ask('GET', `2.0/nodes/${id}/interfaces/`, undefined, 'bob')).json;
  const path = `2.0/nodes/${id}/interfaces/${nic.id}/?op=link_subnet`;
  return (fields: object) => ask('POST', path, { subnet: SUBNET, mode: 'STATIC', ...fields }, 'bob');
}

test('a machine is allocated another address, and not the router of a route even if it is asked for', () =>
  withSite(async (site) => {
    assert.equal((await route(site)).status, 200);
    const systemId = await machine(site, 'ready');
    const fields = { system_id: systemId };
    const asked = await site.ask('POST', '2.0/machines/?op=allocate', { ...fields, ip_address: GATEWAY }, 'alice');
    assert.equal(asked.status, 409, asked.text);
    assert.match(asked.text, /10\.20\.0\.10 belongs to another machine, a user or a static route/);
    assert.deepEqual((await site.ask('POST', '2.0/machines/?op=allocate', fields, 'alice')).json.ip_addresses, [NEXT]);
  }));

test('a machine that has the address of the router keeps it', () =>
  withSite(async (site) => {
    const fields = { system_id: await machine(site, 'ready') };
    const { json: had } = await site.ask('POST', '2.0/machines/?op=allocate', fields, 'alice');
    assert.deepEqual(had.ip_addresses, [GATEWAY]);
    assert.equal((await route(site)).status, 200, 'an administrator may route through a machine');
    await site.ask('POST', '2.0/account/prefs/sshkeys/', { key: sshKey(1) }, 'alice');
    const deployed = await site.ask(
      'POST',
      `2.0/machines/${fields.system_id}/?op=deploy`,
      { distro_series: 'trixie', osystem: 'debian' },
      'alice',
    );
    assert.equal(deployed.status, 200, deployed.text);
    assert.deepEqual(deployed.json.ip_addresses, [GATEWAY]);
  }));

test('a user reserves another address, and cannot reserve the router of a route', () =>
  withSite(async (site) => {
    assert.equal((await route(site, FREE)).status, 200);
    const asked = await site.ask('POST', RESERVE, { ip: FREE }, 'bob');
    assert.equal(asked.status, 409, asked.text);
    assert.match(asked.text, /gateway-ip/);
    assert.equal((await site.ask('POST', RESERVE, { subnet: SUBNET }, 'bob')).json.ip, NEXT_FREE);
  }));

test('a device is linked to another address, and cannot be linked to the router of a route', () =>
  withSite(async (site) => {
    assert.equal((await route(site, FREE)).status, 200);
    const link = await device(site);
    assert.notEqual((await link({ ip_address: FREE })).status, 200);
    const linked = await link({});
    assert.equal(linked.json.links?.[0]?.ip_address, NEXT_FREE, linked.text);
  }));

test('no range becomes dynamic around the router of a route', () =>
  withSite(async (site) => {
    assert.equal((await route(site, '10.20.0.250')).status, 200);
    const ranges = (await site.ask('GET', '2.0/ipranges/')).json;
    const dynamic = ranges.find(({ type }: { readonly type: string }) => type === 'dynamic');
    for (const [method, path, fields] of [
      ['PUT', `2.0/ipranges/${dynamic.id}/`, { end_ip: '10.20.0.251' }],
      ['PUT', `1.0/nodegroups/master/interfaces/lab/`, { ip_range_high: '10.20.0.251' }],
    ] as const) {
      const refused = await site.ask(method, path, fields);
      assert.equal(refused.status, 400, `${path}: ${refused.text}`);
      assert.match(refused.text, /The range contains the router 10\.20\.0\.250/, path);
    }
  }));

test('a route leads through no dynamic address, none that a user has reserved, and none that no host can have', () =>
  withSite(async (site) => {
    for (const edge of ['10.20.0.0', '10.20.0.255']) {
      const refused = await route(site, edge);
      assert.equal(refused.status, 400, refused.text);
      assert.match(refused.json.gateway_ip[0], /first or the last address of its network/);
    }
    const dynamic = await route(site, '10.20.0.150');
    assert.equal(dynamic.status, 400, dynamic.text);
    assert.match(dynamic.json.gateway_ip[0], /in the dynamic range/);
    await site.ask('POST', RESERVE, { ip: FREE }, 'bob');
    const reserved = await route(site, FREE);
    assert.equal(reserved.status, 400, reserved.text);
    assert.match(reserved.json.gateway_ip[0], /is reserved by bob/);
  }));
