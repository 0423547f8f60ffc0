// The operations on nodes and clusters that only API 1.0 has: the state of a deployment, overrun commissioning, hardware addresses, sticky addresses, boot images.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseIpv4 } from '../../../src/ground/address.ts';
import { assertStatus } from '../../support/answered.ts';
import { machine, sshKey, withSite } from './sent/trial.ts';

const MINUTE_MS = 60_000;
const RACK = '11111111-2222-3333-4444-555555555555';

test('the state of a deployment is told in the words of MAAS', () =>
  withSite(async (site) => {
    const [ready, failed] = [await machine(site), await machine(site, 'failed-deployment', { owner: 'admin' }, 3)];
    const answer = await site.ask('GET', '1.0/nodes/?op=deployment_status', { nodes: [ready, failed] }, 'alice');
    assert.deepEqual(answer.json, { [ready]: 'Not in Deployment', [failed]: 'Failed deployment' });
    await assertStatus(site.ask('GET', '1.0/nodes/?op=deployment_status', { nodes: 'zzzzzz' }), 400);
  }));

test('commissioning that has overrun its time is listed, and ended by check_commissioning', () =>
  withSite(async (site) => {
    const { clock } = site.place;
    const inTime = { statusDeadlineMs: clock.wallTimeMs() + MINUTE_MS };
    const overdue = await machine(site, 'commissioning', { statusDeadlineMs: clock.wallTimeMs() - 1 });
    const other = await machine(site, 'commissioning', inTime, 3);
    const url = '1.0/nodes/?op=check_commissioning';
    await assertStatus(site.ask('GET', url, undefined, 'alice'), 403);
    for (const method of ['GET', 'POST'] as const) {
      const [only, ...others] = (await site.ask(method, url)).json;
      assert.deepEqual([only.system_id, others], [overdue, []], method);
    }
    const statusOf = async (id: string) => (await site.ask('GET', `2.0/machines/${id}/`)).json.status_name;
    assert.deepEqual([await statusOf(overdue), await statusOf(other)], ['Failed commissioning', 'Commissioning']);
    assert.deepEqual((await site.ask('POST', url)).json, []);
  }));

test('each hardware address of a node is at its resource_uri; one is added and deleted', () =>
  withSite(async ({ ask, ...site }) => {
    const id = await machine({ ask, ...site });
    const { macaddress_set: macs, pxe_mac: first } = (await ask('GET', `1.0/nodes/${id}/`)).json;
    assert.deepEqual((await ask('GET', `1.0/nodes/${id}/macs/`)).json, macs);
    const at = (uri: string) => uri.replace('/MAAS/api/', '');
    assert.deepEqual((await ask('GET', at(first.resource_uri))).json, first);
    const added = (await ask('POST', `1.0/nodes/${id}/macs/`, { mac_address: '52:54:00:00:00:09' })).json;
    assert.deepEqual((await ask('GET', at(added.resource_uri))).json, added);
    await assertStatus(ask('POST', `1.0/nodes/${id}/macs/`, { mac_address: '52:54:00:00:00:09' }), 400);
    assert.deepEqual(Object.keys((await ask('POST', `1.0/nodes/${id}/macs/`, { mac_address: 'x' })).json), [
      'mac_address',
    ]);
    await assertStatus(ask('DELETE', at(added.resource_uri), undefined, 'alice'), 403);
    await assertStatus(ask('DELETE', at(added.resource_uri)), 204);
    await assertStatus(ask('GET', at(added.resource_uri)), 404);
    assert.deepEqual((await ask('GET', `1.0/nodes/${id}/macs/`)).json, macs);
    await assertStatus(ask('DELETE', at(macs[1].resource_uri)), 204);
    await assertStatus(ask('DELETE', at(first.resource_uri)), 409, 'it is the only one');
  }));

test('a sticky address stays with the interface; a second claim changes nothing', () =>
  withSite(async (site) => {
    const id = await machine(site);
    const claim = (fields: Readonly<Record<string, string>>) =>
      site.ask('POST', `1.0/nodes/${id}/?op=claim_sticky_ip_address`, fields);
    const [first] = (await claim({})).json;
    assert.deepEqual(Object.keys(first).toSorted(), ['alloc_type', 'created', 'ip', 'resource_uri']);
    assert.deepEqual((await claim({})).json[0].ip, first.ip);
    assert.deepEqual((await site.ask('GET', `2.0/machines/${id}/`)).json.ip_addresses, [first.ip]);
    assert.equal((await site.ask('GET', `1.0/nodes/${id}/macs/`)).json.length, 2);
    const wrong = await claim({ mac_address: 'x', requested_address: 'y' });
    assert.deepEqual(Object.keys(wrong.json).toSorted(), ['mac_address', 'requested_address']);
    assert.deepEqual(Object.keys((await claim({ requested_address: '192.0.2.1' })).json), ['requested_address']);
    assert.deepEqual(Object.keys((await claim({ mac_address: '52:54:00:00:00:99' })).json), ['mac_address']);
  }));

test('a cluster has machines, leases, boot images and a state; its name is its own', () =>
  withSite(async ({ ask, ...site }) => {
    const own = await machine({ ask, ...site }, 'ready', { home: parseIpv4('10.20.0.7') });
    await machine({ ask, ...site }, 'ready', { home: parseIpv4('10.99.0.7') }, 3);
    assert.deepEqual((await ask('GET', '1.0/nodegroups/master/?op=list_nodes')).json, [own]);
    await assertStatus(ask('GET', '1.0/nodegroups/absent/?op=list_nodes'), 404);
    assert.deepEqual((await ask('GET', `1.0/nodegroups/${RACK}/boot-images/`)).json, []);
    await assertStatus(ask('GET', `1.0/nodegroups/${RACK}/boot-images/7/`), 404);
    const wrong = await ask('PUT', `1.0/nodegroups/${RACK}/`, { name: 'x', cluster_name: 'y', status: '0' });
    assert.deepEqual(Object.keys(wrong.json).toSorted(), ['cluster_name', 'name', 'status']);
    assert.equal((await ask('PUT', `1.0/nodegroups/${RACK}/`, { name: 'maas', status: '1' })).json.uuid, RACK);
  }));

test('storage is the whole megabytes of all disks, and boot_type is how the node is being deployed', () =>
  withSite(async (site) => {
    const id = await machine(site);
    const shown = async () => (await site.ask('GET', `1.0/nodes/${id}/`)).json;
    assert.deepEqual([(await shown()).storage, (await shown()).boot_type], [128_000, 'fastpath']);
    const facts = (await site.place.store.findMachine(id))?.facts;
    assert.ok(facts !== undefined);
    const sizes = [64_009_999_999, 1_000_000];
    const disks = facts.disks.map((disk, at) => ({ ...disk, bytes: sizes[at] ?? 0 }));
    await site.place.store.changeMachine(id, 1, () => ({
      kind: 'change',
      fields: { facts: { ...facts, disks } },
      events: [],
    }));
    assert.equal((await shown()).storage, 64_010);
    const bare = await machine(site, 'ready', {}, 3);
    assert.equal((await site.ask('GET', `1.0/nodes/${bare}/`)).json.storage, 0);
    await site.ask('POST', '2.0/account/prefs/sshkeys/', { key: sshKey(1) });
    for (const [way, shows] of [
      ['installer', 'di'],
      ['image', 'fastpath'],
    ] as const) {
      const fields = { distro_series: 'debian/trixie', deploy_by: way };
      const started = await site.ask('POST', `1.0/nodes/${id}/?op=start`, fields);
      assert.deepEqual([started.status, started.json.boot_type], [200, shows], started.text);
      assert.equal((await shown()).boot_type, shows);
      const back = { status: 'ready', work: undefined } as const;
      await site.place.store.changeMachine(id, 1, () => ({ kind: 'change', fields: back, events: [] }));
    }
  }));

test('boot_type of a change is the one that every deployment has, and the other one is refused by name', () =>
  withSite(async ({ ask, ...site }) => {
    const id = await machine({ ask, ...site });
    for (const boot_type of ['fastpath', ''])
      assert.deepEqual((await ask('PUT', `1.0/nodes/${id}/`, { boot_type })).json.boot_type, 'fastpath');
    for (const boot_type of ['di', 'x']) {
      const { status, json } = await ask('PUT', `1.0/nodes/${id}/`, { boot_type });
      assert.deepEqual([status, Object.keys(json)], [400, ['boot_type']]);
      assert.match(json.boot_type[0], /deploy_by=installer/);
    }
  }));
