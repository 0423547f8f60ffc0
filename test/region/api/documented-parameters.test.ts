// Parameters that MAAS documents and clients send: they take effect, or are refused by name with the reason; never accepted and forgotten.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { assertStatus } from '../../support/answered.ts';
import type { AskedApi } from '../asked-api.ts';
import { machine, sshKey, withSite } from './sent/trial.ts';

const ADDED = { architecture: 'amd64/generic', mac_addresses: '52:54:00:00:00:21', power_type: 'manual' };
const API_DOCUMENT = join(import.meta.dirname, '../../../docs/api.md');
const SCRIPT = '#!/bin/sh\necho ok\n';

type Sent = Readonly<Record<string, string>>;
/** The status of an answer, and the names of the refused fields. */
async function refused(
  site: AskedApi,
  method: 'POST' | 'PUT',
  path: string,
  fields: Sent,
): Promise<readonly unknown[]> {
  const { status, json } = await site.ask(method, path, fields);
  return [status, status === 400 ? Object.keys(json).toSorted() : json];
}

async function loginsOf({ ask }: AskedApi, systemId: string): Promise<readonly string[]> {
  const { json } = await ask('GET', `2.0/machines/${systemId}/?op=logins`);
  return json.map(({ kind, username }: { readonly kind: string; readonly username: string }) => `${kind} ${username}`);
}

test('the documented words for true and false are taken, and other words are refused', () =>
  withSite(async ({ ask }) => {
    const words =
      /true or false takes (.*?)\. Other words are refused/s.exec(readFileSync(API_DOCUMENT, 'utf8'))?.[1] ?? '';
    const written = [...words.matchAll(/`(\w+)`/g)].map(([, word = '']) => word);
    assert.equal(written.length, 13);
    const taken = [...new Set([...written, ...written.map((word) => word.toUpperCase())])];
    const isTrue = (word: string) => /^(?:t|true|y|yes|on|1)$/i.test(word);
    const statuses = async (word: string): Promise<readonly number[]> => [
      (await ask('GET', `2.0/dnsresources/?all=${word}`)).status,
      (await ask('GET', `2.0/ipaddresses/?all=${word}`)).status,
      (await ask('POST', '2.0/machines/?op=allocate', { dry_run: word })).status,
      (await ask('POST', '2.0/maas/?op=set_config', { name: 'enable_http_proxy', value: word })).status,
    ];
    for (const word of taken) {
      const found = await statuses(word);
      assert.deepEqual(
        found.filter((status) => status === 400),
        [],
        `${word}: ${found}`,
      );
      const proxy = await ask('GET', '2.0/maas/?op=get_config&name=enable_http_proxy');
      assert.equal(proxy.json, isTrue(word), word);
      const zone = { name: `z${taken.indexOf(word)}.example`, authoritative: word };
      await assertStatus(ask('POST', '2.0/domains/', zone), isTrue(word) ? 200 : 400, word);
    }
    assert.deepEqual(
      [
        (await ask('GET', '2.0/dnsresources/?all=%20yes%20')).status,
        (await ask('POST', '2.0/domains/', { name: 'blanks.example', authoritative: ' true ' })).status,
      ],
      [200, 200],
      'blanks around a word are ignored everywhere',
    );
    for (const word of ['maybe', '2', 'tr', 'yep']) assert.deepEqual(await statuses(word), [400, 400, 400, 400], word);
  }));

test('a number out of range is refused as such, and a word as not a number', () =>
  withSite(async (site) => {
    const { ask } = site;
    const id = await machine(site, 'allocated', { owner: 'admin' });
    const nics = (await ask('GET', `2.0/nodes/${id}/interfaces/`)).json;
    const parents = `${nics[0].id},${nics[1].id}`;
    const ends = { source: '10.20.0.0/24', destination: '10.20.0.0/24', gateway_ip: '10.20.0.9' };
    for (const [path, field, more, numbers] of [
      ['dnsresources/', 'address_ttl', { fqdn: 'a.maas', ip_addresses: '10.20.0.5' }, ['-1', '1.5', '1000000000']],
      ['machines/?op=allocate', 'cpu_count', { dry_run: 'true' }, ['-1', '1.55555', '10000000000']],
      ['static-routes/', 'metric', ends, ['-1', '99999999999']],
      [`nodes/${id}/interfaces/?op=create_bond`, 'bond_miimon', { name: 'bond0', parents }, ['-1', '1.5']],
      ['boot-resources/', 'size', { name: 'a', architecture: 'amd64' }, ['-1', '1000000000000000']],
    ] as const) {
      const reasons = async (text: string) =>
        (await ask('POST', `2.0/${path}`, { ...more, [field]: text })).json[field];
      for (const number of numbers)
        assert.deepEqual(
          await reasons(number),
          ['is negative, too large, or has too many decimals'],
          `${field}=${number}`,
        );
      for (const word of ['ten', '1e3']) assert.deepEqual(await reasons(word), ['is not a number'], `${field}=${word}`);
    }
  }));

test('enable_ssh opens the debug login with a command, and is refused without a key before anything happens', () =>
  withSite(async (site) => {
    const { ask, place } = site;
    const id = await machine(site, 'ready');
    for (const op of ['commission', 'test']) {
      const answer = await ask('POST', `2.0/machines/${id}/?op=${op}`, { enable_ssh: '1' });
      assert.deepEqual([op, answer.status, /SSH key/.test(answer.text)], [op, 409, true], answer.text);
      assert.equal((await place.store.findMachine(id))?.status, 'ready');
    }
    const added = await ask('POST', '2.0/machines/', { ...ADDED, commission: 'true', enable_ssh: 'true' });
    assert.deepEqual([added.status, (await ask('GET', '2.0/machines/')).json.length], [409, 1], added.text);
    await ask('POST', '2.0/account/prefs/sshkeys/', { key: sshKey(1) });
    assert.deepEqual(await loginsOf(site, id), []);
    await assertStatus(ask('POST', `2.0/machines/${id}/?op=commission`, { enable_ssh: '1' }), 200);
    assert.deepEqual(await loginsOf(site, id), ['debug admin']);
    const { json } = await ask('POST', '2.0/machines/', { ...ADDED, commission: 'true', enable_ssh: 'true' });
    assert.deepEqual([json.status_name, await loginsOf(site, json.system_id)], ['Commissioning', ['debug admin']]);
    await assertStatus(
      ask('POST', `2.0/machines/${await machine(site, 'deployed', {}, 3)}/?op=commission`, {
        enable_ssh: '1',
      }),
      409,
    );
  }));

test('commissioning keeps layouts and BMCs: skip_… may be true, and false only if there is nothing to keep', () =>
  withSite(async (site) => {
    const { ask, place } = site;
    const skips = { skip_networking: '0', skip_storage: '0', skip_bmc_config: '0' };
    const names = Object.keys(skips).toSorted();
    const kept = Object.fromEntries(names.map((name) => [name, 'true']));
    const plain = await machine(site, 'ready', {}, 3);
    await assertStatus(ask('POST', `2.0/machines/${plain}/?op=commission`, skips), 200);
    const id = await machine(site, 'ready', { powerType: 'ipmi' });
    const [nic] = (await ask('GET', `2.0/nodes/${id}/interfaces/`)).json;
    await ask('POST', `2.0/nodes/${id}/interfaces/?op=create_bridge`, { name: 'br0', parent: String(nic.id) });
    await ask('POST', `2.0/machines/${id}/?op=set_storage_layout`, { storage_layout: 'lvm' });
    const { layout } = (await place.store.findMachine(id)) ?? {};
    assert.ok(layout?.network !== undefined && layout.storage !== undefined);
    for (const path of [`2.0/machines/${id}`, `1.0/nodes/${id}`])
      assert.deepEqual(await refused(site, 'POST', `${path}/?op=commission`, skips), [400, names]);
    await assertStatus(ask('POST', `2.0/machines/${id}/?op=commission`, kept), 200);
    assert.deepEqual((await place.store.findMachine(id))?.layout, layout);
    const block = await machine(site, 'ready', {}, 5);
    assert.deepEqual(await refused(site, 'POST', `1.0/nodes/${block}/?op=commission`, { block_poweroff: '1' }), [
      400,
      ['block_poweroff'],
    ]);
  }));

test('a machine that is added takes the scripts of its commissioning, and refuses them without it', () =>
  withSite(async (site) => {
    const { ask, place } = site;
    await ask('POST', '2.0/scripts/', { name: 'bios', script: SCRIPT });
    await ask('POST', '2.0/scripts/', { name: 'other', script: SCRIPT });
    await ask('POST', '2.0/scripts/', { name: 'fan', script: SCRIPT, type: 'testing' });
    const scripts = { commissioning_scripts: 'bios', testing_scripts: 'fan' };
    const path = '2.0/machines/';
    const names = ['commissioning_scripts', 'testing_scripts'];
    const left = { ...ADDED, commission: 'false' };
    assert.deepEqual(await refused(site, 'POST', path, { ...left, ...scripts }), [400, names]);
    assert.deepEqual(await refused(site, 'POST', path, { ...left, enable_ssh: 'true' }), [400, ['enable_ssh']]);
    const wrong = { commission: 'true', commissioning_scripts: 'nosuch', testing_scripts: 'nosuch', is_dpu: 'true' };
    assert.deepEqual(await refused(site, 'POST', path, { ...ADDED, ...wrong }), [400, [...names, 'is_dpu'].toSorted()]);
    assert.deepEqual(await refused(site, 'POST', path, { ...ADDED, power_type: 'ipmi', skip_bmc_config: 'false' }), [
      400,
      ['skip_bmc_config'],
    ]);
    assert.deepEqual((await ask('GET', path)).json, []);
    const plain = { enable_ssh: 'false', skip_bmc_config: 'true', skip_networking: 'true', skip_storage: 'false' };
    const empty = { ...left, mac_addresses: '52:54:00:00:00:25', ...plain, commissioning_scripts: '' };
    assert.equal((await ask('POST', path, empty)).json.status_name, 'New');
    const { json } = await ask('POST', path, { ...ADDED, ...scripts, ...plain, commission: 'true' });
    const found = await place.store.findMachine(json.system_id);
    assert.deepEqual([json.status_name, found?.work?.scripts], ['Commissioning', ['bios', 'fan']]);
    // A machine that enlists itself decides nothing.
    const own = { ...ADDED, mac_addresses: '52:54:00:00:00:23', ...wrong };
    await assertStatus(ask('POST', path, own, 'nobody'), 200);
  }));

test('osystem and distro_series of a node of API 1.0 are the system of its next start', () =>
  withSite(async (site) => {
    const { ask, place } = site;
    const id = await machine(site, 'ready');
    const node = `1.0/nodes/${id}/`;
    const systemOf = ({ json }: Awaited<ReturnType<AskedApi['ask']>>) => [json.osystem, json.distro_series];
    assert.deepEqual(systemOf(await ask('PUT', node, { osystem: 'ubuntu', distro_series: 'trusty' })), [
      'ubuntu',
      'trusty',
    ]);
    assert.deepEqual(systemOf(await ask('GET', node)), ['ubuntu', 'trusty']);
    assert.deepEqual(systemOf(await ask('PUT', node, { distro_series: 'debian/trixie' })), ['debian', 'trixie']);
    assert.deepEqual(systemOf(await ask('PUT', node, { distro_series: '', osystem: '' })), ['', '']);
    for (const fields of [{ osystem: 'debian' }, { distro_series: 'no such release' }])
      assert.deepEqual(await refused(site, 'PUT', node, fields), [400, ['distro_series']]);
    const contradictory = { osystem: 'ubuntu', distro_series: 'debian/trixie' };
    assert.deepEqual(await refused(site, 'PUT', node, contradictory), [400, ['osystem']]);
    for (const [method, action] of [
      ['POST', `1.0/nodes/${id}/?op=start`],
      ['POST', `2.0/machines/${id}/?op=deploy`],
    ] as const)
      assert.deepEqual(await refused(site, method, action, contradictory), [400, ['osystem']], action);
    await assertStatus(ask('PUT', node, { distro_series: 'debian/trixie' }), 200);
    await ask('POST', '2.0/account/prefs/sshkeys/', { key: sshKey(1) });
    const started = await ask('POST', `${node}?op=start`);
    assert.deepEqual([started.status, ...systemOf(started)], [200, 'debian', 'trixie'], started.text);
    assert.deepEqual(await refused(site, 'PUT', node, { distro_series: 'noble' }), [400, ['distro_series']]);
    assert.equal((await place.store.findMachine(id))?.release, 'trixie');
    await assertStatus(ask('PUT', node, { distro_series: 'trixie' }), 200, 'it has this one');
  }));

test('parameters of MAAS that Rackboot cannot follow are refused by name, and taken empty', () =>
  withSite(async (site) => {
    const id = await machine(site, 'allocated', { owner: 'admin' });
    const reported = { cpu_count: '8', memory: '4096', swap_size: '1000', license_key: 'A' };
    const old = { ...reported, nodegroup: 'master' };
    const edited = { disable_ipv4: 'true' };
    const domain = { authoritative: 'false', ttl: '60' };
    const ofMachines: readonly (readonly ['POST' | 'PUT', string, Sent, Sent])[] = [
      ['POST', '2.0/machines/', ADDED, reported],
      ['POST', '1.0/nodes/?op=new', { ...ADDED, mac_addresses: '52:54:00:00:00:22' }, old],
      ['PUT', `2.0/machines/${id}/`, {}, { ...reported, ...edited }],
      ['PUT', `1.0/nodes/${id}/`, {}, { ...old, ...edited }],
    ];
    for (const [method, path, fields, wrong] of [
      ...ofMachines,
      ['POST', `2.0/machines/${id}/?op=deploy`, {}, { license_key: 'A' }],
      ['POST', `1.0/nodes/${id}/?op=start`, {}, { license_key: 'A' }],
      ['POST', `2.0/machines/${id}/?op=power_on`, {}, { user_data: 'I2Nsb3VkLWNvbmZpZwo=' }],
      ['PUT', '2.0/vlans/5001/', {}, { relay_vlan: '5001' }],
      ['PUT', '2.0/fabrics/0/vlans/0/', {}, { relay_vlan: '5001' }],
      ['PUT', '2.0/subnets/maas-lab/', {}, { active_discovery: 'true', disabled_boot_architectures: 'arm64' }],
      ['POST', '2.0/domains/', { name: 'lab' }, domain],
      ['PUT', '2.0/domains/0/', {}, domain],
    ] as const) {
      const names = Object.keys(wrong).toSorted();
      assert.deepEqual(await refused(site, method, path, { ...fields, ...wrong }), [400, names], path);
    }
    for (const [method, path, fields, wrong] of ofMachines) {
      const empty = Object.fromEntries(Object.keys(wrong).map((name) => [name, '']));
      await assertStatus(site.ask(method, path, { ...fields, ...empty }), 200, path);
    }
  }));

test('list_allocated takes system ids', () =>
  withSite(async (site) => {
    const ids = [
      await machine(site, 'allocated', { owner: 'admin' }),
      await machine(site, 'allocated', { owner: 'admin' }, 3),
      await machine(site, 'allocated', { owner: 'alice' }, 5),
    ];
    for (const path of ['2.0/machines/?op=list_allocated', '1.0/nodes/?op=list_allocated']) {
      const found = async (id: string): Promise<readonly string[]> =>
        (await site.ask('GET', `${path}&id=${id}`)).json.map((one: { readonly system_id: string }) => one.system_id);
      assert.deepEqual(await found(ids[1] ?? ''), [ids[1]]);
      assert.deepEqual(await found(ids[2] ?? ''), []);
      assert.equal((await site.ask('GET', path)).json.length, 2);
    }
  }));

test('update_nodes with a definition changes nothing if the tag has another one', () =>
  withSite(async (site) => {
    const { ask } = site;
    const id = await machine(site, 'ready');
    const definition = '//node[@id="display"]';
    await ask('POST', '2.0/tags/', { name: 'gpu', definition });
    await ask('POST', '2.0/tags/', { name: 'plain' });
    for (const version of ['2.0', '1.0']) {
      const update = (tag: string, given: string) =>
        ask('POST', `${version}/tags/${tag}/?op=update_nodes`, { add: id, definition: given });
      const late = await update('gpu', '//wrong');
      assert.deepEqual([late.status, late.headers['x-rackboot-refusal']], [409, 'tag-changed'], late.text);
      await assertStatus(update('plain', definition), 409);
      assert.deepEqual((await ask('GET', '2.0/tags/gpu/?op=machines')).json, []);
      assert.deepEqual((await update('gpu', definition)).json, { added: 1, removed: 0 });
      await assertStatus(update('none', definition), 404);
      await ask('POST', '2.0/tags/gpu/?op=update_nodes', { remove: id });
    }
  }));

test('parameters of scripts that ask for more than a script does here are refused by name; empty, false and the values for nothing else are taken', () =>
  withSite(async (site) => {
    const { ask } = site;
    const wrong = {
      recommission: '1',
      for_hardware: 'pci:8086',
      apply_configured_networking: 'true',
      comment: 'faster',
      packages: '{"apt":["x"]}',
      may_reboot: 'true',
      hardware_type: 'toaster',
      parallel: 'sometimes',
      destructive: 'maybe',
      tags: 'very hot',
    };
    const names = Object.keys(wrong).toSorted();
    const right = { ...Object.fromEntries(names.map((name) => [name, ''])), hardware_type: 'Node', parallel: '0' };
    const add = { name: 'fan', script: SCRIPT };
    for (const path of ['2.0/scripts/', '1.0/commissioning-scripts/', '2.0/commissioning-scripts/']) {
      for (const [name, text] of Object.entries(wrong))
        assert.deepEqual(await refused(site, 'POST', path, { ...add, content: SCRIPT, [name]: text }), [400, [name]]);
      await assertStatus(ask('POST', path, { ...add, content: SCRIPT, ...right, timeout: '01:00:00' }), 200);
      assert.equal((await ask('GET', '2.0/scripts/')).json[0].timeout_seconds, 3600);
      for (const [name, text] of Object.entries(wrong))
        assert.deepEqual(await refused(site, 'PUT', `${path}fan/`, { content: SCRIPT, [name]: text }), [400, [name]]);
      await assertStatus(ask('PUT', `${path}fan/`, { content: SCRIPT, ...right, timeout: '60' }), 200);
      assert.equal((await ask('GET', '2.0/scripts/')).json[0].timeout_seconds, 60);
      await assertStatus(ask('DELETE', '2.0/scripts/fan/'), 204);
    }
    await ask('POST', '2.0/scripts/', add);
    for (const [kind, count] of [
      ['node', 1],
      ['0', 1],
      ['memory', 0],
      ['3', 0],
    ] as const)
      assert.equal((await ask('GET', `2.0/scripts/?hardware_type=${kind}`)).json.length, count, kind);
    await assertStatus(ask('GET', '2.0/scripts/?hardware_type=fan'), 400);
  }));
