// The names under which clients allocate machines, so that a program finds its own again; and what users store with devices.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { makeContext } from '../../../src/region/http/server.ts';
import type { Region } from '../../../src/region/region.ts';
import { assertStatus } from '../../support/answered.ts';
import { machine, withSite } from './sent/trial.ts';

/** The NTP servers that a preseed of the machine gets. */
async function serversOf(region: Region, systemId: string) {
  const { preseeds } = makeContext(region).metadata;
  const found = await region.store.findMachine(systemId);
  assert.ok(found !== undefined);
  const surroundings = { origin: 'http://10.20.0.1:5248', httpProxy: '' };
  const { ntpServers } = await preseeds.requestFor(found, 'install', surroundings, undefined);
  return ntpServers;
}

const idsOf = (list: readonly { readonly system_id: string }[]): readonly string[] =>
  list.map(({ system_id: id }) => id);

test('a client finds the machines that it allocated, and no others; a released machine has no name', () =>
  withSite(async (site) => {
    const { ask } = site;
    const own = await machine(site, 'ready', { hostname: 'one' });
    const other = await machine(site, 'ready', { hostname: 'two' }, 3);
    const allocate = (name: string, agent: string) =>
      ask('POST', '2.0/machines/?op=allocate', { name, agent_name: agent }, 'alice');
    await assertStatus(allocate('one', 'model-1'), 200);
    await assertStatus(allocate('two', 'model-2'), 200);
    const found = async (agents: string) => idsOf((await ask('GET', '2.0/machines/', { agent_name: agents })).json);
    assert.deepEqual([await found('model-1'), await found('model-1,model-2')], [[own], [own, other]]);
    assert.deepEqual(await found('nobody'), []);
    await assertStatus(ask('POST', `2.0/machines/${own}/?op=release`, {}, 'alice'), 200);
    await site.place.store.changeMachine(own, 1, () => ({ kind: 'change', fields: { status: 'ready' }, events: [] }));
    assert.deepEqual(await found('model-1'), []);
    const { status, json } = await ask('POST', '2.0/machines/?op=allocate', { agent_name: 'a\u0007b' });
    assert.deepEqual([status, Object.keys(json)], [400, ['agent_name']]);
  }));

test('an administrator adds a machine to a zone and a pool; a user may not, and a machine cannot', () =>
  withSite(async ({ ask }) => {
    const wish = { architecture: 'amd64', mac_addresses: '52:54:00:00:00:0a', zone: 'hall', pool: 'lab' };
    await assertStatus(ask('POST', '2.0/machines/', wish, 'alice'), 403);
    const wrong = await ask('POST', '2.0/machines/', { ...wish, zone: 'x', pool: 'y', architecture: '-' });
    assert.deepEqual([wrong.status, Object.keys(wrong.json).toSorted()], [400, ['architecture', 'pool', 'zone']]);
    assert.deepEqual((await ask('GET', '2.0/machines/')).json, []);
    const own = { ...wish, mac_addresses: '52:54:00:00:00:0c' };
    const enlisted = await assertStatus(ask('POST', '2.0/machines/', own, 'nobody'), 200);
    const shown = (await ask('GET', `2.0/machines/${enlisted.json.system_id}/`)).json;
    assert.deepEqual([shown.zone.name, shown.pool.name], ['default', 'default']);
  }));

test('the owner of a device stores data with it, and nobody else; a machine is not a device there', () =>
  withSite(async (site) => {
    const { ask } = site;
    const { system_id: id } = (await ask('POST', '2.0/devices/', { mac_addresses: '52:54:00:00:00:09' }, 'alice')).json;
    const path = `2.0/devices/${id}/?op=set_owner_data`;
    const kept = await ask('POST', path, { juju: 'unit-1', gone: '' }, 'alice');
    assert.deepEqual([kept.status, kept.json.owner_data], [200, { juju: 'unit-1' }], kept.text);
    assert.deepEqual((await ask('GET', `2.0/devices/${id}/`)).json.owner_data, { juju: 'unit-1' });
    const annotated = await ask('POST', `2.0/devices/${id}/?op=set_workload_annotations`, { juju: '' }, 'alice');
    assert.deepEqual(annotated.json.workload_annotations, {});
    await assertStatus(ask('POST', path, { juju: 'x' }, 'bob'), 403);
    const other = await machine(site, 'allocated', { owner: 'alice' });
    await assertStatus(ask('POST', `2.0/devices/${other}/?op=set_owner_data`, { juju: 'x' }, 'alice'), 404);
    await assertStatus(ask('POST', `2.0/machines/${id}/?op=set_owner_data`, { juju: 'x' }, 'alice'), 404);
  }));

test('the NTP servers of the site are those of installers and of installed systems', () =>
  withSite(async (site) => {
    const { region } = site.place;
    const id = await machine(site, 'deploying', { owner: 'admin', osystem: 'debian', release: 'trixie' });
    assert.deepEqual(await serversOf(region, id), []);
    await site.ask('POST', '2.0/maas/?op=set_config', { name: 'ntp_servers', value: '192.0.2.1 192.0.2.2' });
    assert.deepEqual(await serversOf(region, id), ['192.0.2.1', '192.0.2.2']);
  }));
