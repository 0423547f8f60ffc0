// The life cycle of machines over the API: the operations of both versions, and the requests of the agent on a machine.

import assert from 'node:assert/strict';
import { mock, test } from 'node:test';
import { instant } from '../../../src/ground/clock.ts';
import { renderJob } from '../../../src/region/life/job.ts';
import type { MachineFields } from '../../../src/region/records/machine.ts';
import { openRegion, type Region } from '../../../src/region/region.ts';
import { assertStatus } from '../../support/answered.ts';
import { sentenceOf } from '../../support/sentences.ts';
import { type Ask, askerOf, withAskedApi } from '../asked-api.ts';
import { bootReport, enlist, facts, type RegionPlace, SECRET } from '../place.ts';
import { sshKey } from './sent/trial.ts';

const A = 0x525400000001;
const IMAGE = {
  os: 'debian',
  release: 'trixie',
  path: '/images/aa/a.squashfs',
  sha256: 'a'.repeat(64),
  bytes: 10,
  format: 'squashfs',
  starts: {
    kernel: { path: '/images/bb/b.file', sha256: 'b'.repeat(64) },
    initrd: { path: '/images/cc/c.file', sha256: 'c'.repeat(64) },
  },
};
const keyOf = (fill: number, comment = '') => `${sshKey(fill)}${comment === '' ? '' : ` ${comment}`}`;

interface Client {
  readonly ask: Ask;
  readonly region: Region;
  readonly place: RegionPlace;
  readonly enlist: (address: number, more?: object) => Promise<string>;
}

const DISK = { name: 'vda', bytes: 1e11, model: '', serial: '', rotational: false };
const HARDWARE = { cpu: { count: 4, model: 'x' }, memory_mib: 2048, disks: [DISK] };

const withLife = (work: (client: Client) => Promise<void>) =>
  withAskedApi(
    ({ ask, place }) =>
      work({
        ask,
        place,
        region: place.region,
        enlist: async (address, more = {}) =>
          (await enlist(place.region, bootReport([address], { facts: facts({}, { ...HARDWARE, ...more }) }))).systemId,
      }),
    { findImage: ({ os, release }) => (os === IMAGE.os && release === IMAGE.release ? IMAGE : undefined) },
    { listen: [{ host: '10.20.0.1', port: 5248 }] },
  );

test('2.0: accepted, allocated by its conditions, deployed, released; each refusal has its name', () =>
  withLife(async (client) => {
    const id = await client.enlist(A);
    const one = `2.0/machines/${id}/`;
    const none = await client.ask('POST', '2.0/machines/?op=allocate', {});
    assert.deepEqual([none.status, none.refusal], [409, 'nothing-matches']);
    const accepted = await client.ask('POST', `${one}?op=accept`, { skip_commissioning: 'true', comment: 'by hand' });
    assert.equal(accepted.json.status_name, 'Ready');
    await client.ask('POST', '2.0/tags/', { name: 'rare' });
    for (const [name, value, status] of [
      ['name', 'nobody', 409],
      ['cpu_count', '8', 409],
      ['mem', '4096.0', 409],
      ['arch', 'arm64', 409],
      ['tags', 'gpu', 400],
      ['not_tags', 'gpu', 400],
      ['tags', 'rare', 409],
      ['storage', '200', 409],
      ['zone', 'elsewhere', 400],
      ['not_in_pool', 'default', 409],
      ['storage', 'root:50(ssd', 400],
      ['interfaces', 'a:space=1', 400],
      ['ip_address', 'x', 400],
    ] as const) {
      const answer = await client.ask('POST', '2.0/machines/?op=allocate', { [name]: value });
      assert.equal(answer.status, status, `${name}=${value}: ${answer.text}`);
    }
    const wanted = {
      cpu_count: '4',
      mem: '2048',
      arch: 'amd64/generic',
      storage: 'root:50',
      zone: 'default',
      agent_name: 'x',
    };
    const dry = await client.ask('POST', '2.0/machines/?op=allocate', { ...wanted, dry_run: 'true' });
    assert.equal(dry.json.status_name, 'Ready');
    const got = (await client.ask('POST', '2.0/machines/?op=allocate', wanted)).json;
    assert.deepEqual([got.system_id, got.status_name, got.owner], [id, 'Allocated', 'admin']);
    // The only disk is the one that the label asked for.
    assert.deepEqual(Object.keys(got.constraints_by_type.storage), ['root']);
    const held = (await client.ask('GET', '2.0/machines/?op=list_allocated')).json;
    assert.equal(held.length, 1);
    const keyless = await client.ask('POST', `${one}?op=deploy`, { distro_series: 'trixie' });
    assert.deepEqual([keyless.status, keyless.refusal], [409, 'no-ssh-key']);
    assert.match(keyless.text, /rackboot sshkeys add/);
    await client.ask('POST', '2.0/account/prefs/sshkeys/', { key: keyOf(1, 'me') });
    const missing = await client.ask('POST', `${one}?op=deploy`, { distro_series: 'ubuntu/trixie' });
    assert.deepEqual([missing.status, missing.refusal], [409, 'image-missing']);
    const list = Buffer.from('#cloud-config\n- a\n').toString('base64');
    for (const fields of [{ distro_series: '../x' }, { user_data: '***' }, { user_data: list }, { disk: '/dev/sda' }]) {
      await assertStatus(
        client.ask('POST', `${one}?op=deploy`, { distro_series: 'trixie', ...fields }),
        400,
        JSON.stringify(fields),
      );
    }
    const absent = await assertStatus(
      client.ask('POST', `${one}?op=deploy`, { distro_series: 'trixie', disk: 'sdz' }),
      400,
    );
    assert.match(absent.text, /the machine has no sdz: it reported [a-z]+\. If its disks have changed/);
    const deploying = (await client.ask('POST', `${one}?op=deploy`, { distro_series: 'trixie' })).json;
    assert.deepEqual(
      [deploying.status_name, deploying.osystem, deploying.distro_series],
      ['Deploying', 'debian', 'trixie'],
    );
    const broken = Buffer.from('#cloud-config\na: [').toString('base64');
    const unjudged = await client.ask('POST', `${one}?op=deploy`, { distro_series: 'trixie', user_data: broken });
    assert.deepEqual([unjudged.status, unjudged.refusal], [409, 'transition-not-allowed']);
    const twice = await client.ask('POST', `${one}?op=deploy`, { distro_series: 'trixie' });
    assert.deepEqual([twice.status, twice.refusal], [409, 'transition-not-allowed']);
    const aborted = (await client.ask('POST', `${one}?op=abort`, {})).json;
    assert.equal(aborted.status_name, 'Allocated');
    const released = await client.ask('POST', '2.0/machines/?op=release', { machines: id });
    assert.deepEqual(released.json, [id]);
    const unknown = await client.ask('POST', '2.0/machines/?op=release', { machines: 'zzzzzz' });
    assert.deepEqual([unknown.status, unknown.refusal], [400, 'invalid-parameters']);
    // A client whose answer was lost repeats its request.
    assert.equal((await client.ask('POST', `${one}?op=release`, {})).json.status_name, 'Ready');
    assert.deepEqual((await client.ask('POST', '2.0/machines/?op=release', { machines: id })).text, '[]');
    const other = await client.enlist(A + 1);
    await client.ask('POST', '2.0/machines/?op=allocate', { system_id: id });
    const mixed = await client.ask('POST', '2.0/machines/?op=release', { machines: `${id},${other}`, comment: 'all' });
    assert.deepEqual([mixed.status, mixed.refusal], [409, 'transition-not-allowed']);
    assert.equal((await client.region.store.findMachine(id))?.status, 'allocated');
  }));

test('an allocation that matches nothing looks at a few machines a turn', () =>
  withLife(async (client) => {
    const { store } = client.region;
    for (let count = 0; count < 45; count += 1) {
      const id = await client.enlist(A + count);
      const admin = { username: 'admin', isAdmin: true, comment: '' };
      await client.region.life.command(id, { name: 'accept', skipsCommissioning: true }, admin);
    }
    let nowMs = 0;
    mock.method(client.place.clock, 'now', () => {
      nowMs += 5;
      return instant(nowMs);
    });
    let turn = 0;
    const turns: number[] = [];
    const list = store.listMachines.bind(store);
    mock.method(store, 'listMachines', (...terms: Parameters<typeof list>) => {
      turns.push(turn);
      assert.ok(terms[2] <= 10);
      return list(...terms);
    });
    const tick = () => {
      turn += 1;
      timer = setImmediate(tick).unref();
    };
    let timer = setImmediate(tick).unref();
    const none = await client.ask('POST', '2.0/machines/?op=allocate', { mem: '999999999' });
    assert.deepEqual([none.status, none.refusal], [409, 'nothing-matches']);
    assert.ok(new Set(turns).size >= 5, `its reads were in the turns ${turns}`);
    clearImmediate(timer);
  }));

test('a command to several machines takes each once, and reads no machine whole before all of them allow it', () =>
  withLife(async (client) => {
    const [id, other] = [await client.enlist(A), await client.enlist(A + 1)];
    await client.ask('POST', `2.0/machines/${id}/?op=accept`, { skip_commissioning: 'true' });
    await client.ask('POST', '2.0/machines/?op=allocate', { system_id: id });
    const reads = [
      mock.method(client.region.store, 'findMachine'),
      mock.method(client.region.store, 'listMachines'),
      mock.method(client.region.store, 'changeMachine'),
    ];
    const release = (ids: readonly string[]) =>
      client.ask('POST', '2.0/machines/?op=release', { machines: ids.join(',') });
    const named = Array<string>(499).fill(id);
    const unknown = await release([...named, 'zzzzzz']);
    assert.deepEqual([unknown.status, unknown.refusal], [400, 'invalid-parameters']);
    assert.equal(unknown.text.match(/zzzzzz/g)?.length, 1);
    const refused = await release([...named.slice(1), other]);
    assert.deepEqual([refused.status, refused.refusal], [409, 'transition-not-allowed']);
    assert.deepEqual(
      reads.map((read) => read.mock.callCount()),
      [0, 0, 0],
    );
    assert.deepEqual((await release(named)).json, [id]);
  }));

test('a machine at work says its step, how much of it is done, and when it said so', () =>
  withLife(async (client) => {
    const id = await client.enlist(A);
    const one = `2.0/machines/${id}/`;
    const now = client.region.clock.wallTimeMs();
    const work = { waitsForBoot: false, attempts: 0, before: 'ready' } as const;
    const shown = async (fields: Partial<MachineFields>): Promise<unknown> => {
      await client.region.store.changeMachine<never>(id, now, () => ({ kind: 'change', fields, events: [] }));
      const { work_text: text, work_percent: percent, work_age: age } = (await client.ask('GET', one)).json;
      return [text, percent, age];
    };
    assert.deepEqual(await shown({ status: 'ready', work: undefined }), ['', null, null]);
    const deploying = { status: 'deploying', work } as const;
    assert.deepEqual(await shown(deploying), ['', null, null]);
    const booting = { ...work, bootMs: now - 5000 };
    assert.deepEqual(await shown({ work: booting }), ['booting from the network', null, 5]);
    const writing = { ...work, stage: 'writing', doneBytes: 41, totalBytes: 99, reportedMs: now - 2000 };
    assert.deepEqual(await shown({ work: writing }), ['writing the disk', 41, 2]);
    assert.deepEqual(await shown({ work: { ...writing, message: 'writing sda' } }), ['writing sda', 41, 2]);
    const growing = { ...writing, message: 'growing sda', doneBytes: 99 };
    assert.deepEqual(await shown({ work: growing }), ['growing sda', null, 2], 'written, and at its next step');
    assert.deepEqual(await shown({ work: { ...writing, waitsForBoot: true } }), ['', null, null]);
    assert.deepEqual(await shown({ status: 'rescue-mode', work: writing }), ['', null, null], 'no work under way');
  }));

test('a machine that belongs to somebody is deleted as in MAAS, except by a person who did not say so, and leaves no address, name or key', () =>
  withLife(async (client) => {
    const id = await client.enlist(A);
    const one = `2.0/machines/${id}/`;
    await client.ask('POST', `${one}?op=accept`, { skip_commissioning: 'true' });
    await client.ask('POST', '2.0/machines/?op=allocate', { system_id: id });
    for (const path of [`1.0/nodes/${id}/`, `${one}?force=false`]) {
      const spared = await client.ask('DELETE', path);
      assert.deepEqual([spared.status, spared.refusal], [409, 'machine-in-use'], path);
    }
    const refused = await client.ask('DELETE', `${one}?force=false`);
    assert.match(
      refused.text,
      /is Allocated and belongs to admin: .*\(force=true, or `rackboot machines remove \S+ --force`\)\.$/,
    );
    await assertStatus(client.ask('DELETE', one), 204);
    await assertStatus(client.ask('GET', one), 404);
    assert.deepEqual((await client.region.desiredState()).machines, []);
    const [event] = await client.region.store.listEvents({ limit: 1 });
    assert.match(sentenceOf(event), /^deleted .* although it was Allocated$/);
    for (const [number, request] of ['commission', 'test'].entries()) {
      const busy = `2.0/machines/${await client.enlist(A + 2 + number)}/`;
      await client.ask('POST', `${busy}?op=accept`, { skip_commissioning: 'true' });
      await client.ask('POST', `${busy}?op=${request}`, {});
      await assertStatus(client.ask('DELETE', `${busy}?force=false`), 204, request);
    }
    const idle = await client.enlist(A + 1);
    await assertStatus(client.ask('DELETE', `2.0/machines/${idle}/`), 204);
    await assertStatus(client.ask('DELETE', `2.0/machines/${idle}/`), 404);
  }));

test('data of the owner and a lock: kept with the machine, refused by name, gone with the release', () =>
  withLife(async (client) => {
    const id = await client.enlist(A);
    const one = `2.0/machines/${id}/`;
    await client.ask('POST', `${one}?op=accept`, { skip_commissioning: 'true' });
    await client.ask('POST', '2.0/machines/?op=allocate', { system_id: id });
    const data = { 'juju-units-deployed': 'mysql/0', other: 'y', toString: 'z' };
    const set = (await client.ask('POST', `${one}?op=set_owner_data`, data)).json;
    assert.deepEqual(set.owner_data, data);
    const less = (await client.ask('POST', `${one}?op=set_owner_data`, { other: '', toString: '' })).json;
    assert.deepEqual(less.workload_annotations, { 'juju-units-deployed': 'mysql/0' });
    const many = Object.fromEntries(Array.from({ length: 64 }, (_, index) => [`key-${index}`, 'v']));
    const refused = await client.ask('POST', `${one}?op=set_owner_data`, many);
    assert.deepEqual([refused.status, refused.refusal], [409, 'owner-data-limit']);
    for (const fields of [{ 'a\u0001': 'x' }, { key: 'v'.repeat(5000) }]) {
      await assertStatus(
        client.ask('POST', `${one}?op=set_owner_data`, fields),
        400,
        JSON.stringify(fields).slice(0, 40),
      );
    }
    assert.equal((await client.ask('POST', `${one}?op=lock`, { comment: 'mine' })).json.locked, true);
    for (const [method, path] of [
      ['POST', `${one}?op=release`],
      ['DELETE', one],
    ] as const) {
      const answer = await client.ask(method, path, method === 'POST' ? {} : undefined);
      assert.deepEqual([answer.status, answer.refusal], [409, 'machine-locked'], answer.text);
    }
    assert.equal((await client.ask('POST', `${one}?op=unlock`, {})).json.locked, false);
    const freed = (await client.ask('POST', `${one}?op=release`, {})).json;
    assert.deepEqual([freed.status_name, freed.owner_data], ['Ready', {}]);
  }));

test('1.0: the same under the names of old clients', () =>
  withLife(async (client) => {
    const ids = [await client.enlist(A), await client.enlist(A + 1)];
    const all = (await client.ask('POST', '1.0/nodes/?op=accept_all', {})).json;
    assert.deepEqual(
      all.map((node: { substatus: number }) => node.substatus),
      [1, 1],
    );
    const [id = ''] = ids;
    await client.ask('POST', `1.0/nodes/${id}/?op=abort_operation`, {});
    await client.ask('POST', `2.0/machines/${id}/?op=accept`, { skip_commissioning: '1' });
    const got = (
      await client.ask('POST', '1.0/nodes/?op=acquire', {
        name: (await client.region.store.findMachine(id))?.hostname ?? '',
      })
    ).json;
    assert.deepEqual([got.status, got.substatus], [6, 10]);
    await assertStatus(client.ask('POST', '1.0/account/prefs/sshkeys/?op=new', { key: keyOf(2) }), 200);
    const started = (await client.ask('POST', `1.0/nodes/${id}/?op=start`, { distro_series: 'trixie' })).json;
    assert.equal(started.substatus, 9);
    const freed = (await client.ask('POST', `1.0/nodes/${id}/?op=release`, {})).json;
    assert.equal(freed.status, 4);
  }));

test('SSH keys are checked, listed, found twice, and removed', () =>
  withLife(async (client) => {
    const path = '2.0/account/prefs/sshkeys/';
    for (const [key, why] of [
      ['', /field is required|not|line/],
      ['hello', /known key type/],
      ['ssh-rsa AAAA', /Base64/],
      [`ssh-rsa ${keyOf(1).split(' ')[1]}`, /not of the type ssh-rsa/],
      [`command="rm -rf /" ${keyOf(1)}`, /known key type/],
      [`${keyOf(1)}\nssh-rsa x`, /one line/],
      ['-----BEGIN OPENSSH PRIVATE KEY-----', /private key/],
      [keyOf(1).slice(0, 40), /truncated|Base64/],
    ] as const) {
      const answer = await assertStatus(client.ask('POST', path, { key }), 400, key);
      assert.match(answer.text, why, key);
    }
    const added = (await client.ask('POST', path, { key: `${keyOf(3)}   me  at home` })).json;
    assert.equal(added.key, `${keyOf(3)} me at home`);
    assert.match((await client.ask('POST', path, { key: `${keyOf(3)} me at home` })).text, /already been added/);
    assert.equal((await client.ask('GET', path)).json.length, 1);
    assert.equal((await client.ask('GET', `${path}${added.id}/`)).json.id, added.id);
    await assertStatus(client.ask('GET', `${path}?username=nobody`), 404);
    await assertStatus(client.ask('DELETE', `${path}${added.id}/`), 204);
    await assertStatus(client.ask('DELETE', `${path}${added.id}/`), 404);
  }));

test('tags are created, assigned and removed; kernel arguments that a loader cannot take are refused', () =>
  withLife(async (client) => {
    const id = await client.enlist(A);
    const made = await client.ask('POST', '2.0/tags/', { name: 'serial', kernel_opts: 'console=ttyS4' });
    assert.equal(made.json.kernel_opts, 'console=ttyS4');
    for (const fields of [
      { name: 'serial' },
      { name: 'a b' },
      { name: 'x', definition: '//node[' },
      { name: 'x', kernel_opts: "a'b" },
      { name: 'x', kernel_opts: 'a\nb' },
      { name: 'x', kernel_opts: 'a=\x24{net0/mac}' },
    ]) {
      await assertStatus(client.ask('POST', '2.0/tags/', fields), 400, JSON.stringify(fields));
    }
    const done = await client.ask('POST', '2.0/tags/serial/?op=update_nodes', { add: `${id},zzzzzz` });
    assert.deepEqual(done.json, { added: 1, removed: 0 });
    const [machine] = (await client.ask('GET', '2.0/tags/serial/?op=machines')).json;
    assert.deepEqual([machine.system_id, machine.tag_names], [id, ['serial']]);
    assert.equal((await client.region.desiredState()).machines[0]?.kernelParams, 'console=ttyS4');
    await client.ask('PUT', '2.0/tags/serial/', { name: 'tty', kernel_opts: 'console=ttyS1' });
    assert.equal((await client.region.desiredState()).machines[0]?.kernelParams, 'console=ttyS1');
    await assertStatus(client.ask('DELETE', '2.0/tags/tty/'), 204);
    assert.equal((await client.region.desiredState()).machines[0]?.kernelParams, undefined);
    await assertStatus(client.ask('PUT', `2.0/machines/${id}/`, { kernel_params: 'x"' }), 400);
  }));

test('the agent gets its job only with the token of its boot and from its address; its last signal may come twice', () =>
  withLife(async (client) => {
    const id = await client.enlist(A);
    const other = await client.enlist(A + 1);
    await client.ask('POST', '2.0/account/prefs/sshkeys/', { key: keyOf(1, 'me') });
    await client.ask('POST', `2.0/machines/${id}/?op=accept`, {});
    const token = async (systemId = id) => (await client.region.store.findMachine(systemId))?.bootToken ?? '';
    const rack = (bootToken: string, mac = '52:54:00:00:00:01') => ({
      'x-forwarded-for': '10.20.0.60',
      'x-rackboot-rack': SECRET,
      'x-rackboot-token': bootToken,
      'x-rackboot-boot': mac,
      host: '10.20.0.1:5248',
    });
    const job = (headers: Readonly<Record<string, string>>) =>
      client.ask('GET', '/MAAS/rackboot/1/job', undefined, headers);
    assert.match((await job(rack(await token()))).text, /^job=commission\npurpose=commissioning\n.*\nscripts=5\n$/s);
    assert.notEqual((await client.region.store.findMachine(id))?.statusDeadlineMs, undefined);
    await client.ask('POST', `2.0/machines/${other}/?op=accept`, {});
    for (const headers of [
      rack('wrong'),
      rack(await token(), '52:54:00:00:00:02'),
      rack(await token(other)),
      { 'x-rackboot-token': await token() },
      { ...rack(await token()), 'x-rackboot-rack': 'wrong' },
      {},
    ]) {
      const answer = await job(headers);
      assert.deepEqual([answer.status, answer.refusal], [403, 'not-this-boot'], JSON.stringify(headers));
    }
    const first = await token();
    const tell = (fields: Readonly<Record<string, string>>, bootToken: string) =>
      client.ask('POST', '/MAAS/rackboot/1/signal', fields, rack(bootToken));
    for (const fields of [
      {},
      { status: 'MAYBE' },
      { status: 'OK', done_bytes: '-1' },
      { status: 'OK', output: 'x'.repeat(70_000) },
    ]) {
      await assertStatus(tell(fields, first), 400);
    }
    const failed = {
      status: 'WORKING',
      stage: 'testing',
      script: 'disk',
      exit_status: '1',
      output: 'read error\u0000',
    };
    assert.equal((await tell(failed, first)).text, 'OK');
    assert.match(
      sentenceOf((await client.region.store.listEvents({ limit: 1 }))[0]),
      /^script disk ended with status 1; output: read error/,
    );
    for (let count = 0; count < 2; count += 1) assert.equal((await tell({ status: 'OK' }, first)).text, 'OK');
    const { config, store, clock } = client.place;
    const process = await openRegion({ config, store, clock, onDesiredState: () => undefined });
    const tellOther = (headers: Readonly<Record<string, string>>) =>
      askerOf(process)('POST', '/MAAS/rackboot/1/signal', { status: 'OK' }, headers);
    assert.equal((await tellOther(rack(first))).text, 'OK', 'another process of the region answers alike');
    await assertStatus(tellOther(rack(first, '52:54:00:00:00:02')), 403);
    process.close();
    assert.equal((await client.region.store.findMachine(id))?.status, 'ready');
    await assertStatus(job(rack(first)), 403);
    const data = Buffer.from('#!/bin/sh\n').toString('base64');
    await client.ask('POST', `2.0/machines/${id}/?op=deploy`, { distro_series: 'trixie', user_data: data });
    assert.equal((await tell({ status: 'FAILED' }, first)).text, 'OK');
    assert.equal((await client.region.store.findMachine(id))?.status, 'deploying');
    const lines = (await job(rack(await token()))).text.trim().split('\n');
    assert.deepEqual(lines, [
      'job=deploy',
      `hostname=${(await client.region.store.findMachine(id))?.hostname}`,
      'domain=maas',
      'image_url=http://10.20.0.1:5248/images/aa/a.squashfs',
      `image_sha256=${IMAGE.sha256}`,
      'image_bytes=10',
      'image_format=squashfs',
      'kernel_url=http://10.20.0.1:5248/images/bb/b.file',
      `kernel_sha256=${IMAGE.starts.kernel.sha256}`,
      'initrd_url=http://10.20.0.1:5248/images/cc/c.file',
      `initrd_sha256=${IMAGE.starts.initrd.sha256}`,
      'ssh_keys_url=http://10.20.0.1:5248/MAAS/rackboot/1/ssh-keys',
      'cloud_config_url=http://10.20.0.1:5248/MAAS/rackboot/1/cloud-config',
      'user_data_url=http://10.20.0.1:5248/MAAS/rackboot/1/user-data',
      'address=dhcp',
    ]);
    const fetch = async (name: string) => client.ask('GET', `/MAAS/rackboot/1/${name}`, undefined, rack(await token()));
    assert.equal((await fetch('ssh-keys')).text, `${keyOf(1, 'me')}\n`);
    assert.equal((await fetch('user-data')).text, '#!/bin/sh\n');
    assert.equal((await tell({ status: 'OK', stage: 'written' }, await token())).text, 'OK');
    assert.equal((await job(rack(await token()))).text, 'job=reboot\n');
  }));

test('the job has the disk that the user named, by its serial number if that is unique; else the machine chooses', () =>
  withLife(async (client) => {
    await client.ask('POST', '2.0/account/prefs/sshkeys/', { key: keyOf(1, 'me') });
    const disk = (name: string, serial: string) => ({ name, bytes: 1e11, model: '', serial, rotational: false });
    const cases: readonly (readonly [readonly string[], string | undefined, string | undefined])[] = [
      [['S1', 'S2'], undefined, undefined],
      [['S1', 'S2'], 'sda', 'serial:S1'],
      [['S1', 'S2'], 'sdb', 'serial:S2'],
      [['', ''], undefined, undefined],
      [['', ''], 'sda', 'sda'],
      [['same', 'same'], 'sdb', 'sdb'],
      [["it's odd", 'S2'], 'sda', 'sda'],
      [[], 'sdz', 'sdz'],
    ];
    for (const [index, [serials, wanted, expected]] of cases.entries()) {
      const disks = serials.map((serial, place) => disk(place === 0 ? 'sda' : 'sdb', serial));
      const id = await client.enlist(A + index, { disks });
      await client.ask('POST', `2.0/machines/${id}/?op=accept`, { skip_commissioning: 'true' });
      const fields = { distro_series: 'trixie', ...(wanted === undefined ? {} : { disk: wanted }) };
      await assertStatus(client.ask('POST', `2.0/machines/${id}/?op=deploy`, fields), 200);
      const machine = await client.region.store.findMachine(id);
      assert.ok(machine !== undefined);
      const job = renderJob(machine, {
        origin: '',
        httpProxy: '',
        image: IMAGE,
        network: undefined,
        isLaid: false,
        hasRoutes: false,
        hasUserData: false,
      });
      assert.equal(/^disk=(.*)$/m.exec(job)?.[1], expected, serials.join(' '));
    }
  }));
