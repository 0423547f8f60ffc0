// Plans for the disks of machines, as the region makes them from what a person lays out.

import assert from 'node:assert/strict';
import { listDisks } from '../../src/region/layout/disks.ts';
import type { LayoutRefusal } from '../../src/region/layout/network-draft.ts';
import { format, type MadePart, makePartition, mountPart } from '../../src/region/layout/storage-changes.ts';
import { beginStorage, MEBIBYTE, type StorageDraft } from '../../src/region/layout/storage-draft.ts';
import { planStorage } from '../../src/region/layout/storage-plan.ts';
import { makeRaid } from '../../src/region/layout/volume-changes.ts';
import { layOut } from '../../src/region/layout/whole-layouts.ts';
import type { Machine } from '../../src/region/records/machine.ts';
import type { FileSystemKind } from '../../src/region/records/machine-layout.ts';
import { FIELDS } from '../contract/machines.ts';
import { facts } from '../region/place.ts';

/** Disks that a person lays out step by step. A step that is refused ends the test. */
export class LaidDisks {
  #draft: StorageDraft;
  readonly #ids: readonly number[];

  /** @param sizes in bytes; the serial numbers of the disks are D0, D1 … */
  constructor(sizes: readonly number[], uefi = false) {
    const disks = sizes.map((bytes, index) => ({
      name: `vd${'abcdefgh'[index]}`,
      bytes,
      model: '',
      serial: `D${index}`,
      rotational: false,
    }));
    const machine: Machine = {
      ...FIELDS,
      id: 3,
      systemId: 'aaaaaa',
      createdMs: 0,
      addresses: [],
      tags: [],
      interfaces: [],
      facts: facts({}, { disks, uefi }),
    };
    this.#draft = beginStorage(machine);
    this.#ids = listDisks(machine).map(({ id }) => id);
  }

  get draft(): StorageDraft {
    return this.#draft;
  }

  get plan(): string {
    return planStorage(this.#draft) ?? assert.fail('the image makes these disks');
  }

  /** Chooses the disk to start from. */
  startFrom(disk: number): this {
    this.#draft = { ...this.#draft, layout: { ...this.#draft.layout, bootDiskId: this.#ids[disk] ?? 0 } };
    return this;
  }

  /** A whole layout of the first disk. */
  layOut(layout: 'flat' | 'lvm', more: { readonly bootBytes?: number; readonly volumeBytes?: number } = {}): this {
    this.#keep(layOut(this.#draft, { layout, groupName: 'vgroot', volumeName: 'lv-root', ...more }));
    return this;
  }

  /** A partition. @param mib undefined: the rest of the disk @returns its id */
  partition(disk: number, mib?: number, fstype?: FileSystemKind, mount?: string, options = ''): number {
    const bytes = mib === undefined ? undefined : mib * MEBIBYTE;
    const id = this.#keep(makePartition(this.#draft, this.#ids[disk] ?? 0, bytes));
    if (fstype !== undefined) this.format(id, fstype, mount, options);
    return id;
  }

  /** A RAID 1. @param wholes the positions of disks that it has whole @returns its id */
  raid(name: string, partitions: readonly number[], wholes: readonly number[] = []): number {
    const disks = wholes.map((index) => this.#ids[index] ?? 0);
    return this.#keep(makeRaid(this.#draft, { name, disks, partitions }));
  }

  format(id: number, fstype: FileSystemKind, mount?: string, options = ''): this {
    this.#keep(format(this.#draft, id, { fstype, label: '' }));
    if (mount !== undefined) this.#keep(mountPart(this.#draft, id, { at: mount, options }));
    return this;
  }

  #keep(outcome: StorageDraft | MadePart | LayoutRefusal): number {
    if (outcome.kind === 'refuse') return assert.fail(outcome.refusal.text);
    this.#draft = outcome.kind === 'made' ? outcome.draft : outcome;
    return outcome.kind === 'made' ? outcome.id : 0;
  }
}
