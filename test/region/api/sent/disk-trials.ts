// Trials of the block devices, volume groups and RAIDs of machines.

import assert from 'node:assert/strict';
import { assertStatus } from '../../../support/answered.ts';
import type { AskedApi } from '../../asked-api.ts';
import { type Fields, type Given, machine, type Sight, type Trial } from './trial.ts';

const DEVICES = 'nodes/{system_id}/blockdevices';
const UUID = '9c5a5c5e-2f0b-4b8e-9d56-1d6c3a3f0b22';
const DISK = {
  name: 'sdx',
  model: 'Big',
  serial: 'S-x',
  id_path: '/dev/sdx',
  size: '70000000000',
  block_size: '4096',
};

async function post({ ask }: AskedApi, path: string, fields: Fields) {
  const answer = await assertStatus(ask('POST', `2.0/${path}`, fields), 200);
  return answer.json;
}

type Parts = Readonly<Record<'sda' | 'sdb' | 'sdc' | 'sdd' | 'one' | 'two' | 'three' | 'four', string>>;

/** A machine with four disks, of which the first and the second have two partitions each: one and two, three and four. */
async function partsGiven(site: AskedApi): Promise<Given> {
  const id = await machine(site, 'ready');
  const parts: Record<string, string> = {};
  for (const name of ['sdc', 'sdd'])
    await post(site, `nodes/${id}/blockdevices/`, { name, size: '64G', serial: `S-${name}` });
  for (const disk of (await site.ask('GET', `2.0/nodes/${id}/blockdevices/`)).json) parts[disk.name] = String(disk.id);
  for (const [index, name] of ['one', 'two', 'three', 'four'].entries()) {
    const disk = index < 2 ? 'sda' : 'sdb';
    const made = await post(site, `nodes/${id}/blockdevices/${disk}/partitions/`, { size: '10G' });
    parts[name] = String(made.id);
  }
  return { path: { system_id: id, id: parts.sdb ?? '', partition: parts.one ?? '' }, kept: JSON.stringify(parts) };
}
const partsOf = ({ kept = '{}' }: Given): Parts => JSON.parse(kept);

const idsIn = (list: readonly { readonly id: number }[]): readonly string[] => list.map(({ id }) => String(id));
const has =
  (list: 'devices' | 'spare_devices', name: string, isThere = true) =>
  ({ answer, sent }: Sight) => {
    const ids = idsIn(answer.json[list]);
    for (const id of [sent[name] ?? []].flat()) assert.equal(ids.includes(id), isThere, `${name} ${answer.text}`);
  };
const MEMBERS = {
  block_devices: has('devices', 'block_devices'),
  partitions: has('devices', 'partitions'),
  spare_devices: has('spare_devices', 'spare_devices'),
  spare_partitions: has('spare_devices', 'spare_partitions'),
};
const CHANGES = Object.fromEntries(
  ['block_devices', 'partitions', 'spare_devices', 'spare_partitions'].flatMap((name) => {
    const list = name.startsWith('spare') ? 'spare_devices' : 'devices';
    return [
      [`add_${name}`, has(list, `add_${name}`)],
      [`remove_${name}`, has(list, `remove_${name}`, false)],
    ];
  }),
);

/** Makes a part at a path, which the trial then changes. */
const madeAt =
  (path: string, fields: (parts: Parts) => Fields) =>
  async (site: AskedApi): Promise<Given> => {
    const given = await partsGiven(site);
    const made = await post(site, `nodes/${given.path?.system_id}/${path}/`, fields(partsOf(given)));
    return { ...given, path: { ...given.path, id: made.id, device: made.virtual_device?.id ?? 0 } };
  };
const groupGiven = madeAt('volume-groups', ({ sdc, one }) => ({ name: 'vg0', block_devices: sdc, partitions: one }));
const raidGiven = madeAt('raids', ({ sdc, one, three }) => ({
  level: 'raid-1',
  block_devices: sdc,
  partitions: one,
  spare_partitions: three,
}));
const deviceGiven = async (site: AskedApi): Promise<Given> => {
  const given = await raidGiven(site);
  return { ...given, path: { ...given.path, id: given.path?.device ?? '' } };
};
const partitionGiven = async (site: AskedApi): Promise<Given> => {
  const given = await partsGiven(site);
  return { ...given, path: { ...given.path, device_id: 'sda', id: given.path?.partition ?? '' } };
};
const taggedGiven = (start: (site: AskedApi) => Promise<Given>, path: string) => async (site: AskedApi) => {
  const given = await start(site);
  const filled = path.replace(/\{(\w+)\}/g, (_all, name: string) => String(given.path?.[name]));
  await post(site, `${filled}/?op=add_tag`, { tag: 'fast' });
  return given;
};
const PARTITION = `${DEVICES}/{device_id}/partition/{id}`;
const DEVICE = `${DEVICES}/{id}`;

export const DISK_TRIALS: readonly Trial[] = [
  { of: `2.0 POST ${DEVICES}`, given: partsGiven, send: DISK },
  { of: `2.0 PUT ${DEVICE}`, given: partsGiven, send: DISK },
  { of: `2.0 PUT ${DEVICE}`, given: deviceGiven, send: { name: 'root', uuid: UUID } },
  ...[
    { path: DEVICE, start: partsGiven },
    { path: DEVICE, start: deviceGiven },
    { path: PARTITION, start: partitionGiven },
  ].flatMap(({ path, start }): readonly Trial[] => [
    {
      of: `2.0 POST ${path} add_tag`,
      given: start,
      send: { tag: 'fast' },
      reads: { tag: ({ answer }) => assert.ok(answer.json.tags.includes('fast'), answer.text) },
    },
    {
      of: `2.0 POST ${path} remove_tag`,
      given: taggedGiven(start, path),
      send: { tag: 'fast' },
      reads: { tag: ({ answer }) => assert.ok(!answer.json.tags.includes('fast'), answer.text) },
    },
  ]),
  {
    of: '2.0 POST nodes/{system_id}/raids',
    given: partsGiven,
    reads: MEMBERS,
    send: (given) => {
      const { sdc, sdd, one, three } = partsOf(given);
      return {
        name: 'md7',
        level: 'raid-1',
        uuid: UUID,
        block_devices: sdc,
        partitions: one,
        spare_devices: sdd,
        spare_partitions: three,
      };
    },
  },
  {
    of: '2.0 PUT nodes/{system_id}/raid/{id}',
    given: raidGiven,
    reads: CHANGES,
    send: (given) => {
      const { sdc, sdd, one, two, three, four } = partsOf(given);
      return {
        name: 'md7',
        uuid: UUID,
        add_block_devices: sdd,
        remove_block_devices: sdc,
        add_partitions: two,
        remove_partitions: one,
        add_spare_partitions: four,
        remove_spare_partitions: three,
      };
    },
  },
  {
    of: '2.0 PUT nodes/{system_id}/raid/{id}',
    given: raidGiven,
    reads: CHANGES,
    send: (given) => ({ add_spare_devices: partsOf(given).sdd }),
  },
  {
    of: '2.0 PUT nodes/{system_id}/raid/{id}',
    given: madeAt('raids', ({ sdc, one, three }) => ({
      level: 'raid-1',
      spare_devices: sdc,
      partitions: [one, three],
    })),
    send: (given) => ({ remove_spare_devices: partsOf(given).sdc }),
    reads: CHANGES,
  },
  {
    of: '2.0 POST nodes/{system_id}/volume-groups',
    given: partsGiven,
    reads: MEMBERS,
    send: (given) => ({ name: 'vg7', uuid: UUID, block_devices: partsOf(given).sdc, partitions: partsOf(given).one }),
  },
  {
    of: '2.0 PUT nodes/{system_id}/volume-group/{id}',
    given: groupGiven,
    reads: CHANGES,
    send: (given) => {
      const { sdc, sdd, one, two } = partsOf(given);
      return {
        name: 'vg7',
        uuid: UUID,
        add_block_devices: sdd,
        remove_block_devices: sdc,
        add_partitions: two,
        remove_partitions: one,
      };
    },
  },
  {
    of: '2.0 POST nodes/{system_id}/volume-group/{id} create_logical_volume',
    given: groupGiven,
    send: { name: 'lv7', uuid: UUID, size: '1073741824' },
    reads: { name: { at: 'name', is: 'vg0-lv7' } },
  },
  {
    of: '2.0 POST nodes/{system_id}/volume-group/{id} delete_logical_volume',
    given: async (site) => {
      const given = await groupGiven(site);
      const path = `nodes/${given.path?.system_id}/volume-group/${given.path?.id}`;
      const { id } = await post(site, `${path}/?op=create_logical_volume`, { name: 'lv7' });
      return { ...given, kept: String(id) };
    },
    send: ({ kept = '' }) => ({ id: kept }),
    reads: {
      id: async ({ site, given }) => {
        const { json } = await site.ask('GET', `2.0/nodes/${given.path?.system_id}/volume-group/${given.path?.id}/`);
        assert.deepEqual(json.logical_volumes, []);
      },
    },
  },
];
