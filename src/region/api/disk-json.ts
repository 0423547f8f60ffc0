// The block devices of a machine as both versions of the API represent them.
//
// Sources: the keys that strict clients demand: gomaasapi's schemas of block device, partition and file system.
//
// 1. Every block device has every key, always with the same type, as an object and as text.

import { type Disk, disksOf } from '../layout/disks.ts';
import type { Machine } from '../records/machine.ts';
import { type Fixed, fixed, textWith } from './fixed-json.ts';

const BASE = '/MAAS/api/2.0';

const DISK: Fixed = fixed({
  type: 'physical',
  used_size: 0,
  used_for: 'Unused',
  uuid: null,
  filesystem: null,
  partition_table_type: null,
  partitions: [],
  storage_pool: null,
  numa_node: 0,
});

/** The fields of one disk that are its own; the others are DISK. */
function ownDiskJson(systemId: string, { id, facts }: Disk): Record<string, unknown> {
  return {
    id,
    system_id: systemId,
    name: facts.name,
    path: `/dev/disk/by-dname/${facts.name}`,
    id_path: `/dev/${facts.name}`,
    model: facts.model,
    serial: facts.serial,
    size: facts.bytes,
    block_size: facts.block_size ?? 512,
    bus: facts.bus ?? null,
    available_size: facts.bytes,
    tags: [facts.rotational === true ? 'rotary' : 'ssd'],
    firmware_version: facts.firmware === undefined || facts.firmware === '' ? null : facts.firmware,
    resource_uri: `${BASE}/nodes/${systemId}/blockdevices/${id}/`,
  };
}

/** The disks of a machine. */
export const disksJson = (machine: Machine): readonly Record<string, unknown>[] =>
  disksOf(machine).map((disk) => ({ ...ownDiskJson(machine.systemId, disk), ...DISK.fields }));

/** The same as texts. */
export const diskTexts = (machine: Machine): readonly string[] =>
  disksOf(machine).map((disk) => textWith(ownDiskJson(machine.systemId, disk), DISK));
