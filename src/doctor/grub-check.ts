// Warns about a GRUB in the tree that machines load but that has no network after HTTP boot.
//
// Source: shim's SBAT.md: each program that shim starts has lines `component,generation,vendor,package,version,url` in its section .sbat.

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { archFlag, type Cpu, formatEfiSuffix } from '../boot/architectures.ts';
import type { RackConfig } from '../config/rack-config.ts';
import type { Tell } from './finding.ts';
import { readImages } from './tree-check.ts';

/** Quirk: an earlier one stops at its prompt after HTTP boot, and in a network with `mode: proxy` (`images/loaders.ts` LOADER_RELEASE). */
const GRUB_MIN = [2, 12] as const;
const SBAT_LINE = /\ngrub,\d+,[^,\n]{1,64},grub,(\d{1,3})\.(\d{1,3})/;

/** The version of the GRUB in a file, as `[2, 12]`; undefined: it names none, or cannot be read. */
function readGrubVersion(path: string): readonly [number, number] | undefined {
  try {
    const [, major, minor] = SBAT_LINE.exec(readFileSync(path, 'latin1')) ?? [];
    return major === undefined ? undefined : [Number(major), Number(minor)];
  } catch {
    // Whether a loader is there and can be read is another check's.
    return undefined;
  }
}

/** Checks the GRUB of each architecture that has images. @param configWords as in `DoctorOptions` */
export function examineGrub(config: Pick<RackConfig, 'boot'>, configWords: string, tell: Tell): void {
  for (const cpu of readImages(config).cpus) {
    const name = `grub${formatEfiSuffix(cpu)}.efi`;
    const version = readGrubVersion(join(config.boot.tree, name));
    if (version === undefined || !isOlder(version)) continue;
    tell(`loaders ${cpu}`, 'note', oldGrubText(name, version), installCommand(cpu, configWords));
  }
}

const isOlder = ([major, minor]: readonly [number, number]): boolean =>
  major < GRUB_MIN[0] || (major === GRUB_MIN[0] && minor < GRUB_MIN[1]);

const installCommand = (cpu: Cpu, configWords: string): string =>
  `sudo rackboot loaders install${archFlag(cpu)}${configWords}`;

function oldGrubText(name: string, [major, minor]: readonly [number, number]): string {
  const version = `${major}.${minor.toString().padStart(2, '0')}`;
  const stops = 'stops at its prompt after HTTP boot and in a network with mode: proxy';
  return `${name} is GRUB ${version}, which ${stops}; if you put it there, move it away, then install Debian's of ${GRUB_MIN.join('.')}`;
}
