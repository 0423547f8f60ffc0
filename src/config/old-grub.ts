// Finds a GRUB in the tree that has no network after HTTP boot. For the doctor, and for what a
// machine would get.
//
// Source: shim's SBAT.md: each program that shim starts has lines
// `component,generation,vendor,package,version,url` in its section .sbat.

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { archFlag, type Cpu } from '../boot/architectures.ts';

/**
 * Quirk: an earlier GRUB stops at its prompt after HTTP boot, and in a network with `mode: proxy`
 * (`images/build/loaders.ts` LOADER_RELEASE).
 */
const GRUB_MIN = [2, 12] as const;
const SBAT_LINE = /\ngrub,\d+,[^,\n]{1,64},grub,(\d{1,3})\.(\d{1,3})/;

/**
 * The name and version of an old GRUB, `grubx64.efi is GRUB 2.06`; `undefined` if it is new enough,
 * names no version, or cannot be read.
 */
export function findOldGrub(tree: string, name: string): string | undefined {
  const version = readGrubVersion(join(tree, name));
  if (version === undefined || !isOlder(version)) return undefined;
  const [major, minor] = version;
  return `${name} is GRUB ${major}.${minor.toString().padStart(2, '0')}`;
}

/** `[2, 12]`. */
function readGrubVersion(path: string): readonly [number, number] | undefined {
  try {
    const [, major, minor] = SBAT_LINE.exec(readFileSync(path, 'latin1')) ?? [];
    return major === undefined ? undefined : [Number(major), Number(minor)];
  } catch {
    // Another check reports a loader that is missing or cannot be read.
    return undefined;
  }
}

const isOlder = ([major, minor]: readonly [number, number]): boolean =>
  major < GRUB_MIN[0] || (major === GRUB_MIN[0] && minor < GRUB_MIN[1]);

/**
 * The command that replaces the old GRUB, unless a person put it there.
 * @param configWords the options of the command, with a leading space
 */
export const composeGrubCommand = (cpu: Cpu, configWords = ''): string =>
  `sudo rackboot loaders install${archFlag(cpu)}${configWords}`;
