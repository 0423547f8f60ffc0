// Paths of resources that MAAS has and the region does not: empty lists, and a refusal by name of everything else.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { assertStatus } from '../../support/answered.ts';
import { FIRST_MAC, machine, withSite } from '../api/sent/trial.ts';

const LISTS = [
  'vm-hosts',
  'vm-clusters',
  'pods',
  'package-repositories',
  'dhcp-snippets',
  'notifications',
  'fannetworks',
  'installation-results',
  'license-keys',
  'commissioning-results',
  'account/prefs/sslkeys',
];
const OF_NODES = ['bcaches', 'bcache-cache-sets', 'vmfs-datastores'];

test('a resource of MAAS that is missing here has an empty list, and is refused by its name', () =>
  withSite(async (site) => {
    const { ask } = site;
    const id = await machine(site);
    const { json: device } = await ask('POST', '2.0/devices/', { mac_addresses: '52:54:00:00:00:99' });
    const [rack] = (await ask('GET', '2.0/rackcontrollers/')).json;
    const nodes = [id, device.system_id, rack.system_id].map((one) => `nodes/${one}`);
    const paths = [...LISTS, ...nodes.flatMap((node) => OF_NODES.map((name) => `${node}/${name}`))];
    for (const path of paths) {
      const name = path.split('/').at(-1);
      const { status, text } = await ask('GET', `2.0/${path}/`, {}, 'alice');
      assert.deepEqual([status, text], [200, '[]'], path);
      const added = await assertStatus(ask('POST', `2.0/${path}/`, { name: 'x' }), 404, path);
      assert.match(added.text, new RegExp(`^${name} `));
    }
    const asked = await ask('GET', '2.0/installation-results/?system_id=x&result_type=1');
    assert.deepEqual([asked.status, asked.json], [200, []]);
    for (const method of ['GET', 'PUT', 'DELETE'] as const)
      for (const path of ['pods/7', 'license-key/windows/win2012', `nodes/${id}/bcache/7`, 'account/prefs/sslkeys/1'])
        assert.equal((await ask(method, `2.0/${path}/`)).status, 404, `${method} ${path}`);
    for (const path of ['commissioning-results', 'license-keys', 'account/prefs/sslkeys', 'devices'])
      assert.equal((await ask('GET', `1.0/${path}/?op=list`)).status, 200, path);
    for (const path of ['2.0/nothing/', `2.0/nodes/${id}/nothing/`, '2.0/nodes/a1/bcaches/'])
      assert.equal((await ask('GET', path)).status, 404, path);
    await assertStatus(ask('GET', '2.0/pods/', {}, 'nobody'), 401);
  }));

test('a node of any kind is known by its address in every list of nodes, and deleted as a node', () =>
  withSite(async (site) => {
    const { ask } = site;
    const id = await machine(site);
    const { json: device } = await ask('POST', '2.0/devices/', { mac_addresses: '52:54:00:00:00:99' });
    const known = async (list: string, mac: string): Promise<unknown> =>
      (await ask('GET', `2.0/${list}/?op=is_registered`, { mac_address: mac })).json;
    for (const list of ['nodes', 'machines', 'devices', 'rackcontrollers', 'regioncontrollers'])
      for (const [mac, is] of [
        [FIRST_MAC, true],
        ['52:54:00:00:00:99', true],
        ['52:54:00:00:00:98', false],
      ] as const)
        assert.equal(await known(list, mac), is, `${list} ${mac}`);
    for (const one of [id, device.system_id]) {
      const url = `2.0/nodes/${one}/`;
      await assertStatus(ask('DELETE', url, {}, 'alice'), 403);
      assert.deepEqual([(await ask('DELETE', url)).status, (await ask('GET', url)).status], [204, 404]);
    }
    await assertStatus(ask('DELETE', '2.0/nodes/zzzzzz/'), 404);
  }));
