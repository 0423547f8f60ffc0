// Changes of a machine's disks by the API: clients read afterwards what they posted.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { storagePlan } from '../../../src/region/layout/deployable-storage.ts';
import { assertStatus } from '../../support/answered.ts';
import { type Answered, type CallersPlace, keysOf, withCallers } from './callers-place.ts';

interface Disks {
  readonly put: (path: string, fields: Readonly<Record<string, string>>) => Promise<Answered>;
  readonly post: (path: string, fields?: Readonly<Record<string, string>>) => Promise<Answered>;
  readonly drop: (path: string) => Promise<Answered>;
  readonly read: (path: string) => Promise<Answered>;
  readonly layOut: (fields: Readonly<Record<string, string>>) => Promise<Answered>;
}

const withDisks = (work: (disks: Disks, place: CallersPlace) => Promise<void>) =>
  withCallers(async (place) => {
    const base = `nodes/${place.systemId}/`;
    const disks: Disks = {
      post: (path, fields = {}) => place.ask('root', 'POST', `${base}${path}`, fields),
      put: (path, fields) => place.ask('root', 'PUT', `${base}${path}`, fields),
      drop: (path) => place.ask('root', 'DELETE', `${base}${path}`),
      read: (path) => place.ask('alice', 'GET', `${base}${path}`),
      layOut: (fields) => place.ask('root', 'POST', `machines/${place.systemId}/?op=set_storage_layout`, fields),
    };
    await work(disks, place);
  });

const UUID = '9c5a5c5e-2f0b-4b8e-9d56-1d6c3a3f0b22';
const PARTITION_KEYS = 'id uuid type system_id device_id path name size bootable tags used_for filesystem resource_uri';
const sorted = (keys: string): readonly string[] => keys.split(' ').toSorted();

test('logical volumes and RAIDs are the virtual block devices of their machine, in both versions', () =>
  withDisks(async ({ layOut }, { ask, systemId }) => {
    const virtual = async (path: string): Promise<readonly unknown[]> =>
      (await ask('alice', 'GET', path)).json.virtualblockdevice_set;
    assert.deepEqual(await virtual(`machines/${systemId}/`), []);
    await layOut({ storage_layout: 'lvm' });
    const { json } = await ask('alice', 'GET', `nodes/${systemId}/blockdevices/`);
    const volumes = json.filter(({ type }: { readonly type: string }) => type === 'virtual');
    assert.equal(volumes.length, 1);
    assert.deepEqual(await virtual(`machines/${systemId}/`), volumes);
    assert.deepEqual((await ask('alice', 'GET', 'machines/')).json[0].virtualblockdevice_set, volumes);
    assert.deepEqual(await virtual(`1.0/nodes/${systemId}/`), volumes);
  }));

test('a partition is made, formatted, mounted, unmounted, unformatted and deleted', () =>
  withDisks(async ({ post, drop, read }) => {
    const made = await assertStatus(post('blockdevices/sdb/partitions/', { size: '10G', bootable: 'true' }), 200);
    const part = made.json;
    assert.deepEqual(keysOf(part), sorted(PARTITION_KEYS));
    assert.deepEqual(
      [part.size, part.bootable, part.used_for, part.filesystem, part.type],
      [Math.floor(10e9 / 1_048_576) * 1_048_576, true, 'Unused', null, 'partition'],
    );
    const place = `blockdevices/${part.device_id}/partition/${part.id}`;
    assert.deepEqual((await read(place)).json, part);
    assert.deepEqual((await read('blockdevices/sdb/partitions/')).json, [part]);
    assert.equal((await post(`${place}?op=mount`, { mount_point: '/srv' })).refusal, 'layout-refused');
    const formatted = await post(`${place}?op=format`, { fstype: 'ext4', label: 'data' });
    assert.deepEqual([formatted.json.filesystem.fstype, formatted.json.filesystem.label], ['ext4', 'data']);
    const mounted = await post(`${place}?op=mount`, { mount_point: '/srv', mount_options: 'noatime' });
    assert.deepEqual(mounted.json.filesystem, {
      ...formatted.json.filesystem,
      mount_point: '/srv',
      mount_options: 'noatime',
    });
    assert.equal(mounted.json.used_for, 'ext4 formatted filesystem mounted at /srv');
    assert.equal((await post(`${place}?op=format`, { fstype: 'xfs' })).refusal, 'layout-refused');
    assert.equal((await post(`${place}?op=unmount`)).json.filesystem.mount_point, null);
    assert.equal((await post(`${place}?op=unformat`)).json.filesystem, null);
    const disk = (await read('blockdevices/sdb/')).json;
    assert.deepEqual(
      [disk.partition_table_type, disk.used_for, disk.used_size + disk.available_size],
      ['GPT', 'GPT partitioned with 1 partition', 64e9],
    );
    await assertStatus(drop(place), 204);
    await assertStatus(drop(place), 404);
    assert.deepEqual((await read('blockdevices/sdb/partitions/')).json, []);
  }));

test('a partition that does not fit, and words that fstab does not take, are refused by their field', () =>
  withDisks(async ({ post }) => {
    for (const size of ['65G', '0', 'much', '-1'])
      assert.deepEqual(keysOf((await post('blockdevices/sda/partitions/', { size })).json), ['size'], size);
    const { id, device_id: disk } = (await post('blockdevices/sda/partitions/')).json;
    const place = `blockdevices/${disk}/partition/${id}`;
    assert.deepEqual(keysOf((await post(`${place}?op=format`, { fstype: 'zfs' })).json), ['fstype']);
    await post(`${place}?op=format`, { fstype: 'ext4' });
    for (const at of ['srv', '/a b', '/../etc', '/a//b', '/$(reboot)', '/a\nb'])
      assert.deepEqual(keysOf((await post(`${place}?op=mount`, { mount_point: at })).json), ['mount_point'], at);
    const options = await post(`${place}?op=mount`, { mount_point: '/srv', mount_options: 'a b' });
    assert.deepEqual(keysOf(options.json), ['mount_options']);
  }));

test('a chosen UUID is one that the agent can give to the file system', () =>
  withDisks(async ({ post }) => {
    const { id, device_id: disk } = (await post('blockdevices/sda/partitions/')).json;
    const place = `blockdevices/${disk}/partition/${id}`;
    for (const fstype of ['ext4', 'ext2', 'btrfs', 'xfs', 'fat32', 'vfat', 'swap']) {
      const answer = await post(`${place}?op=format`, { fstype, uuid: UUID });
      const isDrawn = /fat|swap/.test(fstype);
      assert.equal(answer.status, isDrawn ? 400 : 200, answer.text);
      if (isDrawn)
        assert.match(answer.json.uuid[0], new RegExp(`^The agent draws the identifier of a ${fstype} file system`));
      else assert.equal(answer.json.filesystem.uuid, UUID);
    }
  }));

test('only swap is mounted nowhere, and a label fits its file system', () =>
  withDisks(async ({ post }) => {
    const { id, device_id: disk } = (await post('blockdevices/sda/partitions/')).json;
    const place = `blockdevices/${disk}/partition/${id}`;
    const longest = { ext4: 16, ext2: 16, btrfs: 16, xfs: 12, fat32: 11, vfat: 11, swap: 15 };
    for (const [fstype, characters] of Object.entries(longest)) {
      for (const label of ['-x', 'x'.repeat(characters + 1)]) {
        const refused = await post(`${place}?op=format`, { fstype, label });
        assert.deepEqual(keysOf(refused.json), ['label'], `${fstype} ${label}`);
      }
      await assertStatus(post(`${place}?op=format`, { fstype, label: 'x-'.padEnd(characters, 'y') }), 200);
      const nowhere = await post(`${place}?op=mount`, { mount_point: 'none', mount_options: 'ro' });
      if (fstype === 'swap') assert.equal(nowhere.json.filesystem.mount_point, 'none', nowhere.text);
      else assert.match(nowhere.json.mount_point[0], new RegExp(`only swap is mounted nowhere, and this is ${fstype}`));
    }
    await post(`${place}?op=unmount`);
    await post(`${place}?op=format`, { fstype: 'ext4' });
    const twice = await post(`${place}?op=mount`, { mount_point: 'srv', mount_options: 'a b' });
    assert.deepEqual(keysOf(twice.json), ['mount_options', 'mount_point']);
    assert.equal(twice.json.mount_point.length, 1);
  }));

test('the flat layout fills the boot disk, whichever that is', () =>
  withDisks(async ({ layOut, read, post }, { systemId }) => {
    const laid = await assertStatus(layOut({ storage_layout: 'flat', boot_size: '1G', root_device: 'sdb' }), 200);
    assert.equal(laid.json.system_id, systemId);
    assert.equal(laid.json.boot_disk.name, 'sdb');
    const mounts = (await read('blockdevices/sdb/partitions/')).json.map(
      ({ filesystem }: { readonly filesystem: { readonly mount_point: string } }) => filesystem.mount_point,
    );
    assert.deepEqual(mounts, ['/boot', '/']);
    const chosen = await post('blockdevices/sda/?op=set_boot_disk');
    assert.equal(chosen.json.boot_disk.name, 'sda');
    assert.equal((await layOut({ storage_layout: 'blank' })).json.physicalblockdevice_set[1].partitions.length, 0);
    for (const [field, fields] of [
      ['storage_layout', { storage_layout: 'vmfs6' }],
      ['root_size', { storage_layout: 'flat', root_size: '1T' }],
      ['root_device', { storage_layout: 'flat', root_device: 'sdz' }],
      ['lv_size', { storage_layout: 'lvm', lv_size: '1T' }],
      ['vg_name', { storage_layout: 'lvm', vg_name: '-' }],
      ['lv_name', { storage_layout: 'lvm', lv_name: 'a b' }],
    ] as const)
      assert.deepEqual(keysOf((await layOut(fields)).json), [field]);
    for (const wrong of ['99', 'sdz'])
      assert.match(
        (await layOut({ storage_layout: 'flat', root_device: wrong })).json.root_device[0],
        new RegExp(`the machine has no ${wrong}: it reported sda, sdb`),
      );
  }));

test('the LVM layout has a volume group with the root, as a virtual block device', () =>
  withDisks(async ({ layOut, read }) => {
    const laid = await assertStatus(
      layOut({ storage_layout: 'lvm', vg_name: 'vg0', lv_name: 'root', lv_size: '20G' }),
      200,
    );
    const [group] = (await read('volume-groups/')).json;
    assert.deepEqual([group.name, group.logical_volumes[0].name, group.devices.length], ['vg0', 'vg0-root', 1]);
    assert.equal(group.used_size + group.available_size, group.size);
    const devices = (await read('blockdevices/')).json;
    assert.deepEqual(
      devices.map(({ type }: { readonly type: string }) => type),
      ['physical', 'physical', 'virtual'],
    );
    assert.equal(devices[2].filesystem.mount_point, '/');
    assert.deepEqual(laid.json.volume_groups, [group]);
    assert.deepEqual(laid.json.blockdevice_set, devices);
    assert.equal(laid.json.physicalblockdevice_set[0].partitions[0].used_for, 'Part of vg0');
  }));

test('a RAID 1 is made of partitions and disks, formatted and mounted as a block device, and deleted', () =>
  withDisks(async ({ post, drop, read }) => {
    const ids: string[] = [];
    for (const disk of ['sda', 'sdb'])
      ids.push(String((await post(`blockdevices/${disk}/partitions/`, { size: '20G' })).json.id));
    const made = await assertStatus(post('raids/', { level: 'raid-1', partitions: ids.join(',') }), 200);
    const { id, name, virtual_device: device, devices } = made.json;
    assert.deepEqual([name, devices.length, device.type], ['md0', 2, 'virtual']);
    assert.deepEqual((await read(`raid/${id}/`)).json, made.json);
    assert.deepEqual((await read('raids/')).json, [made.json]);
    const { id: raidDevice, name: raidName } = made.json.virtual_device;
    for (const named of [raidDevice, raidName])
      for (const command of ['partitions/', '?op=set_boot_disk']) {
        const refused = await post(`blockdevices/${named}/${command}`, command === 'partitions/' ? { size: '1G' } : {});
        assert.deepEqual([refused.status, refused.refusal], [409, 'layout-refused']);
        assert.match(refused.text, new RegExp(`^${named} is a RAID or a volume`));
      }
    const missing = await assertStatus(post('blockdevices/sdz/partitions/', { size: '1G' }), 404);
    assert.match(missing.text, /has no block device sdz:/);
    await assertStatus(post(`blockdevices/${device.id}/?op=format`, { fstype: 'ext4' }), 200);
    const mounted = await post(`blockdevices/${device.id}/?op=mount`, { mount_point: '/var' });
    assert.equal(mounted.json.filesystem.mount_point, '/var');
    const [part] = (await read('blockdevices/sda/partitions/')).json;
    const place = `blockdevices/sda/partition/${part.id}`;
    assert.equal((await drop(place)).refusal, 'layout-refused');
    assert.equal((await post(`${place}?op=format`, { fstype: 'ext4' })).refusal, 'layout-refused');
    for (const [field, fields] of [
      ['level', { level: 'raid-5', partitions: ids.join(',') }],
      ['block_devices', { level: 'raid-1', partitions: ids[0] ?? '' }],
      ['partitions', { level: 'raid-1', partitions: '1,2' }],
    ] as const)
      assert.deepEqual(keysOf((await post('raids/', fields)).json), [field]);
    assert.equal((await post('raids/', { level: 'raid-1', partitions: ids.join(',') })).refusal, 'layout-refused');
    await assertStatus(drop(`raid/${id}/`), 204);
    await assertStatus(drop(place), 204);
  }));

test('a disk that a person adds is laid out, deployed by its place, and deleted with its partitions', () =>
  withDisks(async ({ post, put, drop, read }, { store, systemId }) => {
    const made = await assertStatus(
      post('blockdevices/', {
        name: 'disk0',
        size: '100G',
        id_path: '/dev/nvme0n1',
        block_size: '4096',
      }),
      200,
    );
    assert.deepEqual(keysOf(made.json), keysOf((await read('blockdevices/sda/')).json));
    const { id } = made.json;
    assert.deepEqual([made.json.type, made.json.id_path, made.json.used_for], ['physical', '/dev/nvme0n1', 'Unused']);
    assert.deepEqual((await read('blockdevices/disk0/')).json, made.json);
    await post(`blockdevices/${id}/partitions/`, { size: '10G' });
    const planOf = async () => {
      const machine = await store.findMachine(systemId);
      return machine === undefined ? '' : (storagePlan(machine) ?? '');
    };
    assert.match(await planOf(), new RegExp(`^disk ${id} nvme0n1$`, 'm'));
    const renamed = await put(`blockdevices/${id}/`, { serial: 'S9', name: 'disk1' });
    assert.deepEqual([renamed.json.serial, renamed.json.name, renamed.json.id], ['S9', 'disk1', id]);
    assert.match(await planOf(), new RegExp(`^disk ${id} serial:S9$`, 'm'));
    await assertStatus(drop(`blockdevices/${id}/`), 204);
    await assertStatus(read(`blockdevices/${id}/`), 404);
    assert.doesNotMatch(await planOf(), /partition/);
    const again = await post('blockdevices/', { name: 'sdz', size: '1G', serial: 'Z' });
    const names = (await read('blockdevices/')).json.map((one: { readonly name: string }) => one.name);
    assert.deepEqual(names, ['sda', 'sdb', 'sdz']);
    for (const [field, fields] of [
      ['name', { name: 'sda', size: '1G', serial: 'A' }],
      ['name', { name: 'a b', size: '1G', serial: 'A' }],
      ['id_path', { name: 'sdy', size: '1G' }],
      ['id_path', { name: 'sdy', size: '1G', id_path: '/dev/disk/by-id/wwn-1' }],
      ['id_path', { name: 'sdy', size: '1G', id_path: '/dev/sda' }],
      ['serial', { name: 'sdy', size: '1G', serial: 'Z' }],
      ['size', { name: 'sdy', serial: 'Y' }],
    ] as const)
      assert.deepEqual(keysOf((await post('blockdevices/', fields)).json), [field], JSON.stringify(fields));
    assert.deepEqual(keysOf((await put(`blockdevices/${again.json.id}/`, { uuid: UUID })).json), ['uuid']);
    await assertStatus(put('blockdevices/sdq/', { name: 'x' }), 404);
  }));

test('a disk that the machine reported keeps its id under another name and size, and is forgotten until the next report', () =>
  withDisks(async ({ post, put, drop, read }) => {
    const { id } = (await read('blockdevices/sdb/')).json;
    const changed = await put('blockdevices/sdb/', { name: 'data', size: '60000000000' });
    assert.deepEqual([changed.json.id, changed.json.size, changed.json.id_path], [id, 60e9, '/dev/sdb']);
    const tags = (await post(`blockdevices/${id}/?op=add_tag`, { tag: 'cold' })).json.tags;
    assert.deepEqual(tags, ['rotary', 'cold']);
    assert.deepEqual((await post(`blockdevices/${id}/?op=remove_tag`, { tag: 'rotary' })).json.tags, ['cold']);
    assert.deepEqual((await read('blockdevices/data/')).json.tags, ['cold']);
    await assertStatus(drop(`blockdevices/${id}/`), 204);
    const names = (await read('blockdevices/')).json.map((one: { readonly name: string }) => one.name);
    assert.deepEqual(names, ['sda']);
  }));

test('a whole disk has a file system, and then neither partitions nor another use', () =>
  withDisks(async ({ post, drop, read }, { store, systemId }) => {
    const formatted = await assertStatus(post('blockdevices/sdb/?op=format', { fstype: 'xfs', label: 'data' }), 200);
    assert.deepEqual([formatted.json.filesystem.fstype, formatted.json.available_size], ['xfs', 0]);
    const mounted = await post('blockdevices/sdb/?op=mount', { mount_point: '/srv' });
    assert.equal(mounted.json.used_for, 'xfs formatted filesystem mounted at /srv');
    const { id } = mounted.json;
    const machine = await store.findMachine(systemId);
    const plan = machine === undefined ? '' : (storagePlan(machine) ?? '');
    assert.match(plan, new RegExp(`^disk ${id} serial:S2\nsystem ${id} xfs [0-9a-f-]{36} data\nmount ${id} - /srv\n$`));
    for (const [path, fields] of [
      ['blockdevices/sdb/partitions/', {}],
      ['raids/', { level: 'raid-1', block_devices: `${id},${(await read('blockdevices/sda/')).json.id}` }],
      ['volume-groups/', { name: 'vg0', block_devices: String(id) }],
      ['blockdevices/sdb/?op=unformat', {}],
    ] as const)
      assert.equal((await post(path, fields)).refusal, 'layout-refused', path);
    await post('blockdevices/sdb/?op=unmount');
    assert.equal((await post('blockdevices/sdb/?op=unformat')).json.filesystem, null);
    await post('blockdevices/sdb/partitions/', { size: '1G' });
    assert.equal((await post('blockdevices/sdb/?op=format', { fstype: 'ext4' })).refusal, 'layout-refused');
    await assertStatus(drop('blockdevices/sdb/'), 204);
  }));

test('a volume group is made of partitions and a RAID, and has volumes that fit', () =>
  withDisks(async ({ post, put, drop, read }, { store, systemId }) => {
    const ids: string[] = [];
    for (const disk of ['sda', 'sdb'])
      for (const size of ['20G', disk === 'sda' ? '20G' : '10G'])
        ids.push(String((await post(`blockdevices/${disk}/partitions/`, { size })).json.id));
    const [one = '', spare = '', two = '', other = ''] = ids;
    const raid = await post('raids/', { level: 'raid-1', partitions: `${one},${two}`, spare_partitions: spare });
    const raidId = String(raid.json.id);
    const made = await assertStatus(post('volume-groups/', { name: 'vg0', block_devices: raidId }), 200);
    const path = `volume-group/${made.json.id}/`;
    assert.deepEqual((await read(path)).json, made.json);
    assert.equal((await read(`blockdevices/${raidId}/`)).json.used_for, 'Part of vg0');
    assert.equal((await post(`blockdevices/${raidId}/?op=format`, { fstype: 'ext4' })).refusal, 'layout-refused');
    assert.equal((await drop(`raid/${raidId}/`)).refusal, 'layout-refused');
    const volume = await post(`${path}?op=create_logical_volume`, { name: 'data', size: '15G' });
    assert.deepEqual([volume.json.name, volume.json.type], ['vg0-data', 'virtual'], volume.text);
    assert.deepEqual(keysOf((await post(`${path}?op=create_logical_volume`, { name: 'data' })).json), ['name']);
    assert.deepEqual(keysOf((await post(`${path}?op=create_logical_volume`, { name: 'b', size: '15G' })).json), [
      'size',
    ]);
    assert.equal((await put(path, { add_partitions: other })).json.devices.length, 2);
    const refused = await put(path, { remove_block_devices: raidId });
    assert.deepEqual(keysOf(refused.json), ['remove_block_devices'], refused.text);
    const resized = await put(`blockdevices/${volume.json.id}/`, { name: 'more', size: '20G' });
    assert.deepEqual([resized.json.name, resized.status], ['vg0-more', 200]);
    await post(`blockdevices/${volume.json.id}/?op=format`, { fstype: 'ext4' });
    await post('blockdevices/vg0-more/?op=mount', { mount_point: '/srv' });
    const machine = await store.findMachine(systemId);
    const plan = machine === undefined ? '' : (storagePlan(machine) ?? '');
    assert.match(plan, new RegExp(`^raid ${raidId} md0 1\\.2 \\S+ ${one} ${two} spare ${spare}$`, 'm'));
    assert.match(plan, new RegExp(`^group vg0 ${other} ${raidId}\nvolume ${volume.json.id} vg0 more 19073$`, 'm'));
    assert.equal((await drop(path)).refusal, 'layout-refused');
    await assertStatus(post(`${path}?op=delete_logical_volume`, { id: String(volume.json.id) }), 204);
    await assertStatus(drop(path), 204);
    await assertStatus(read(path), 404);
    for (const [field, fields] of [
      ['block_devices', { name: 'vg1' }],
      ['block_devices', { name: 'vg1', block_devices: '7' }],
      ['name', { name: 'sda', partitions: other }],
      ['name', { name: '-', partitions: other }],
    ] as const)
      assert.deepEqual(keysOf((await post('volume-groups/', fields)).json), [field]);
    assert.deepEqual(keysOf((await put(`raid/${raidId}/`, { remove_partitions: other })).json), ['remove_partitions']);
    assert.deepEqual(keysOf((await put(`raid/${raidId}/`, { remove_partitions: one })).json), ['remove_block_devices']);
    await assertStatus(put(`raid/${raidId}/`, { remove_partitions: one, add_partitions: other }), 200);
  }));

test('a volume group and a partition are also below the plural, as gomaasclient asks for them', () =>
  withDisks(async ({ post, put, drop, read }) => {
    const partition = (await post('blockdevices/sda/partitions/', { size: '20G' })).json;
    assert.deepEqual((await read(`blockdevices/sda/partitions/${partition.id}`)).json, partition);
    const group = (await post('volume-groups/', { name: 'vg0', partitions: String(partition.id) })).json;
    const path = `volume-groups/${group.id}/`;
    assert.deepEqual((await read(path)).json, group);
    assert.equal((await put(path, { name: 'vg1' })).json.name, 'vg1');
    const volume = await post(`${path}?op=create_logical_volume`, { name: 'data', size: '5G' });
    assert.equal(volume.json.name, 'vg1-data', volume.text);
    await assertStatus(post(`${path}?op=delete_logical_volume`, { id: String(volume.json.id) }), 204);
    await assertStatus(drop(path), 204);
    await assertStatus(drop(`blockdevices/sda/partitions/${partition.id}`), 204);
  }));

test('partitions and members are found by their names, and a refusal says what there is', () =>
  withDisks(async ({ post, put, read }) => {
    for (const disk of ['sda', 'sdb', 'sdb']) await post(`blockdevices/${disk}/partitions/`, { size: '20G' });
    const place = 'blockdevices/sda/partition/sda-part1';
    const formatted = await post(`${place}?op=format`, { fstype: 'ext4' });
    assert.equal(formatted.json.filesystem?.fstype, 'ext4', formatted.text);
    for (const name of ['sda-part1', 'sda1', formatted.json.id])
      assert.deepEqual((await read(`blockdevices/sda/partition/${name}`)).json, formatted.json);
    assert.equal((await post(`${place}?op=unformat`)).json.filesystem, null);
    for (const path of ['blockdevices/sda/partition/sdb-part1', 'blockdevices/sda/partition/sda-part2']) {
      const reasons = [await read(path), await post(`${path}?op=format`, { fstype: 'ext4' })];
      for (const { status, text } of reasons) assert.match(`${status} ${text}`, /^404 sda has no partition sd\S+: /);
    }
    for (const answer of [
      await read('blockdevices/sdz/partition/1'),
      await post('blockdevices/sdz/partition/1?op=unmount'),
    ])
      assert.match(`${answer.status} ${answer.text}`, /^404 \S+ has no block device sdz: /);
    const made = await assertStatus(post('raids/', { level: 'raid-1', partitions: 'sda-part1,sdb-part1' }), 200);
    const raid = `raid/${made.json.id}/`;
    assert.equal((await put(raid, { add_spare_partitions: 'sdb-part2' })).json.spare_devices?.length, 1);
    assert.equal((await put(raid, { remove_spare_partitions: 'sdb2' })).json.spare_devices?.length, 0);
    assert.deepEqual((await put(raid, { add_block_devices: 'md0' })).json, {
      add_block_devices: ['The machine has no such block device as md0: give the id or name of one: sda, sdb.'],
    });
    assert.deepEqual((await put(raid, { remove_partitions: 'sda-part7' })).json, {
      remove_partitions: [
        'The machine has no partition sda-part7: give the id or name of one: sda-part1, sdb-part1, sdb-part2.',
      ],
    });
    const group = await post('volume-groups/', { name: 'vg0', block_devices: 'md0', partitions: 'sdb-part2' });
    assert.deepEqual([group.status, group.json.devices?.length], [200, 2], group.text);
    const volumes = `volume-group/${group.json.id}/`;
    assert.equal((await put(volumes, { remove_block_devices: 'md0' })).json.devices?.length, 1);
    assert.match(
      (await put(volumes, { add_block_devices: 'sdz' })).text,
      /give the id or name of one: sda, sdb, md0\./,
    );
  }));
