// Changes of a machine's disks by the API: clients read afterwards what they posted.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Answered, type CallersPlace, withCallers } from './callers-place.ts';

interface Disks {
  readonly post: (path: string, fields?: Readonly<Record<string, string>>) => Promise<Answered>;
  readonly drop: (path: string) => Promise<Answered>;
  readonly read: (path: string) => Promise<Answered>;
  readonly layOut: (fields: Readonly<Record<string, string>>) => Promise<Answered>;
}

const withDisks = (work: (disks: Disks, place: CallersPlace) => Promise<void>): Promise<void> =>
  withCallers(async (place) => {
    const base = `nodes/${place.systemId}/`;
    const disks: Disks = {
      post: (path, fields = {}) => place.ask('root', 'POST', `${base}${path}`, fields),
      drop: (path) => place.ask('root', 'DELETE', `${base}${path}`),
      read: (path) => place.ask('alice', 'GET', `${base}${path}`),
      layOut: (fields) => place.ask('root', 'POST', `machines/${place.systemId}/?op=set_storage_layout`, fields),
    };
    await work(disks, place);
  });

const PARTITION_KEYS = 'id uuid type system_id device_id path name size bootable tags used_for filesystem resource_uri';
const keysOf = (value: object): readonly string[] => Object.keys(value).toSorted();
const sorted = (keys: string): readonly string[] => keys.split(' ').toSorted();

test('a partition is made, formatted, mounted, unmounted, unformatted and deleted', () =>
  withDisks(async ({ post, drop, read }) => {
    const made = await post('blockdevices/sdb/partitions/', { size: '10G', bootable: 'true' });
    assert.equal(made.status, 200, made.text);
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
      ...{ mount_point: '/srv', mount_options: 'noatime' },
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
    assert.equal((await drop(place)).status, 204);
    assert.equal((await drop(place)).status, 404);
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

test('the flat layout fills the boot disk, whichever that is', () =>
  withDisks(async ({ layOut, read, post }, { systemId }) => {
    const laid = await layOut({ storage_layout: 'flat', boot_size: '1G', root_device: 'sdb' });
    assert.equal(laid.status, 200, laid.text);
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
  }));

test('the LVM layout has a volume group with the root, as a virtual block device', () =>
  withDisks(async ({ layOut, read }) => {
    const laid = await layOut({ storage_layout: 'lvm', vg_name: 'vg0', lv_name: 'root', lv_size: '20G' });
    assert.equal(laid.status, 200, laid.text);
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
    const made = await post('raids/', { level: 'raid-1', partitions: ids.join(',') });
    assert.equal(made.status, 200, made.text);
    const { id, name, virtual_device: device, devices } = made.json;
    assert.deepEqual([name, devices.length, device.type], ['md0', 2, 'virtual']);
    assert.deepEqual((await read(`raid/${id}/`)).json, made.json);
    assert.deepEqual((await read('raids/')).json, [made.json]);
    assert.equal((await post(`blockdevices/${device.id}/?op=format`, { fstype: 'ext4' })).status, 200);
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
    assert.equal((await drop(`raid/${id}/`)).status, 204);
    assert.equal((await drop(place)).status, 204);
  }));
